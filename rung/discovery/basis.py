"""Bases: features of a column, so that Gaussian tests and scores serve other kinds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

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
