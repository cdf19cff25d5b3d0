"""Bases: features of a column, so that Gaussian tests and scores serve other kinds."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..core.errors import InputError, unknown
from ..core.source import Basis, Source
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


class FitsFirst(ABC):
    """A basis whose shape is read off a column: at sight, or beforehand by `fitted`."""

    def size(self, variable: Variable) -> int:
        """Number of features; fewer for a column with few different values."""
        return OneHot().size(variable) if variable.discrete else self._columns

    def expand(self, variable: Variable, column: NDArray[Any]) -> NDArray[np.float64]:
        """Features (n, size) of a column (n,), of which the first is the column itself."""
        if variable.discrete:
            return OneHot().expand(variable, column)
        x = np.asarray(column, dtype=np.float64)
        return self._features(self._shape(x), x)

    def fitted(self, source: Source) -> Basis:
        """The basis with the shape that the rows of `source` give each column, for any rows.

        So that moments of parts (shards, environments, later rows) have the same features and add.
        """
        names = [v.name for v in source.variables if not v.discrete]
        rows = source.rows(names, asker=type(self).__name__) if names else np.empty((0, 0))
        return _Fixed(self, {name: self._shape(rows[:, i]) for i, name in enumerate(names)})

    @property
    @abstractmethod
    def _columns(self) -> int:
        """Number of features of a number."""

    @abstractmethod
    def _shape(self, x: NDArray[np.float64]) -> Any:
        """What is read off a column (n,)."""

    @abstractmethod
    def _features(self, shape: Any, x: NDArray[np.float64]) -> NDArray[np.float64]:
        """Features (n, size) of a column, given the shape."""


@dataclass(frozen=True, eq=False)
class _Fixed:
    """A basis with the shape of each column."""

    kind: FitsFirst
    shapes: Mapping[str, Any]

    def size(self, variable: Variable) -> int:
        """Number of features."""
        return self.kind.size(variable)

    def expand(self, variable: Variable, column: NDArray[Any]) -> NDArray[np.float64]:
        """Features (n, size) of a column (n,)."""
        if variable.discrete:
            return OneHot().expand(variable, column)
        if variable.name not in self.shapes:
            raise unknown(variable.name, self.shapes)
        return self.kind._features(self.shapes[variable.name], np.asarray(column, dtype=np.float64))


@dataclass(frozen=True)
class NaturalSpline(FitsFirst):
    """A number and natural cubic splines of it, straight beyond the outer knots.

    The curved features have no correlation with the straight line where the knots were placed.

    Parameters
    ----------
    knots : int
        At most; a column with fewer values has one on each. One feature less than knots.

    Source: Wood (2017), section 5.3.1; Green and Silverman (1994), section 2.1.
    """

    knots: int = 6

    def __post_init__(self) -> None:
        if self.knots < 3:
            raise InputError(f"knots={self.knots}: expected 3 or more")

    @property
    def _columns(self) -> int:
        return self.knots - 1

    def _shape(self, x: NDArray[np.float64]) -> Any:
        from ..mechanisms.smooth import Smoother, place_knots

        knots = place_knots(x, self.knots) if len(x) else np.empty(0)
        return Smoother.of(x, None, knots) if len(knots) > 2 else None

    def _features(self, shape: Any, x: NDArray[np.float64]) -> NDArray[np.float64]:
        return x[:, None] if shape is None else np.column_stack([x, shape.expand(x)[:, 1:]])


@dataclass(frozen=True)
class Legendre(FitsFirst):
    """Legendre polynomials of a number moved to [-1, 1] by its range.

    Parameters
    ----------
    degree : int

    Source: Abramowitz and Stegun (1964), 22.7.10.
    """

    degree: int = 3

    def __post_init__(self) -> None:
        if self.degree < 1:
            raise InputError(f"degree={self.degree}: expected 1 or more")

    @property
    def _columns(self) -> int:
        return self.degree

    def _shape(self, x: NDArray[np.float64]) -> Any:
        low, high = (float(x.min()), float(x.max())) if len(x) else (-1.0, 1.0)
        degree = min(self.degree, max(len(np.unique(x[:1000])) - 1, 1))
        return low, max(high - low, 1e-300), degree

    def _features(self, shape: Any, x: NDArray[np.float64]) -> NDArray[np.float64]:
        low, width, degree = shape
        t = 2 * (x - low) / width - 1
        out = [np.ones_like(t), t]
        for k in range(1, degree):
            out.append(((2 * k + 1) * t * out[k] - k * out[k - 1]) / (k + 1))
        return np.column_stack(out[1:])
