"""What an estimator by instruments is given and gives back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from .linear_iv import Region, Strength

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Instrumented:
    """Outcome, treatment and instruments, with covariates given which they are instruments.

    Parameters
    ----------
    y, x : (n,) outcome and treatment, as numbers
    z : (n, k) instruments; levels as indicators of all but the first
    c : (n, p) covariates: numbers, and codes 0 .. size - 1 where `sizes` is not 0
    weights : (n,) frequency weights with mean 1
    groups : (n,) int or None; rows of one group may depend on each other
    binary : whether y, and whether x, is 0 or 1
    arms : whether z is one column of 0 and 1
    """

    y: Floats
    x: Floats
    z: Floats
    c: Floats
    sizes: tuple[int, ...]
    weights: Floats
    groups: Ints | None
    binary: tuple[bool, bool]
    arms: bool
    names: tuple[str, str, tuple[str, ...], tuple[str, ...]]
    level: float = 0.95

    @property
    def n(self) -> int:
        """Number of rows."""
        return len(self.y)


@dataclass(frozen=True, eq=False)
class Instrumental:
    """The effect of one unit of the treatment, with an interval that weak instruments do not spoil.

    Parameters
    ----------
    region : values that the weak-instrument test accepts: intervals in order, ends may be infinite
    usual : the interval value -+ quantile x standard error
    overidentified : (statistic, degrees of freedom, p) of the test of several instruments, or None
    """

    value: float
    se: float
    region: Region
    usual: tuple[float, float]
    strength: Strength
    method: str
    test: str
    influence: Floats
    overidentified: tuple[float, int, float] | None = None
    details: Mapping[str, Any] = field(default_factory=dict)
    cites: tuple[str, ...] = ()


@runtime_checkable
class InstrumentEstimator(Protocol):
    """Estimates the effect of one unit of a treatment by instruments."""

    def by_instrument(self, problem: Instrumented, *, rng: np.random.Generator) -> Instrumental:
        """The effect with its weak-instrument interval."""
