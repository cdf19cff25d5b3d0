"""Bases: features of a column, so that Gaussian tests and scores serve other kinds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..core.errors import InputError
from ..core.variable import Variable


@dataclass(frozen=True)
class OneHot:
    """An indicator for each level but the first; a number is its own feature.

    Source: Andrews, Ramsey and Cooper (2019), the degenerate Gaussian embedding.
    """

    def size(self, variable: Variable) -> int:
        """Number of features."""
        return max(variable.size - 1, 1)

    def expand(self, variable: Variable, column: NDArray[Any]) -> NDArray[np.float64]:
        """Features (n, size) of a column (n,)."""
        values = np.asarray(column, dtype=np.float64)
        if not variable.discrete:
            return values[:, None]
        levels = np.arange(1, max(variable.size, 2))
        return (values[:, None] == levels).astype(np.float64)


@dataclass(frozen=True)
class Hermite:
    """Hermite polynomials of a number, indicators of levels: curved relations of normal scores.

    Meant for columns with mean 0 and standard deviation 1, as `NormalScores` makes them: there the
    polynomials are uncorrelated.

    Parameters
    ----------
    degree : int

    Source: Abramowitz and Stegun (1964), 22.7.14; for the score on blocks of features, Andrews,
    Ramsey and Cooper (2019).
    """

    degree: int = 3

    def __post_init__(self) -> None:
        if self.degree < 1:
            raise InputError(f"degree={self.degree}: expected 1 or more")

    def size(self, variable: Variable) -> int:
        """Number of features."""
        return OneHot().size(variable) if variable.discrete else self.degree

    def expand(self, variable: Variable, column: NDArray[Any]) -> NDArray[np.float64]:
        """Features (n, size) of a column (n,)."""
        if variable.discrete:
            return OneHot().expand(variable, column)
        x = np.asarray(column, dtype=np.float64)
        out = [np.ones_like(x), x]
        for k in range(1, self.degree):
            out.append(x * out[k] - k * out[k - 1])
        return np.column_stack(out[1:])
