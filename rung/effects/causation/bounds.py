"""Probabilities of causation from distributions: sharp bounds, and points under monotonicity.

Arrays may have any leading shape (bootstrap replicates). `joint[..., i, j]` is P(X = i, Y = j) with
i = 1 the treated value x and j = 1 the outcome y; `do[..., i]` is P(Y = 1 | do(X = i)).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


class Kind(ABC):
    """Which probability of causation."""

    @property
    @abstractmethod
    def words(self) -> str:
        """What it is, with {x}, {z} for the treated and the control value and {y}."""

    @abstractmethod
    def bounds(self, joint: Floats, do: Floats) -> tuple[Floats, Floats]:
        """Sharp bounds from observational and interventional distributions."""

    @abstractmethod
    def unaided(self, joint: Floats) -> tuple[Floats, Floats]:
        """Sharp bounds from the observational distribution alone."""

    @abstractmethod
    def monotone(self, joint: Floats, do: Floats) -> Floats:
        """The point if no unit has the outcome only without the treatment."""

    @abstractmethod
    def weight(self, joint: Floats) -> Floats:
        """Share of the units that it is about, to average over strata."""

    @abstractmethod
    def of_model(
        self, necessity: Callable[[], float], sufficiency: Callable[[], float],
        joint: Callable[[], Floats],
    ) -> float:  # fmt: skip
        """The point from PN, PS and P(X, Y) of an SCM (Tian and Pearl 2000, lemma 1)."""


def _ratio(a: Floats, b: Floats) -> Floats:
    return np.asarray(np.divide(a, b, out=np.full(np.shape(a), np.nan), where=b > 0))


def _unit(low: Floats, high: Floats) -> tuple[Floats, Floats]:
    return np.clip(low, 0.0, 1.0), np.clip(high, 0.0, 1.0)


@dataclass(frozen=True)
class Necessity(Kind):
    """PN = P(Y would be 0 under X = 0 | X = 1, Y = 1)."""

    @property
    def words(self) -> str:
        return "P(not {y} had it been {z} | {x} and {y})"

    def bounds(self, joint: Floats, do: Floats) -> tuple[Floats, Floats]:
        """Tian and Pearl (2000), eq. 25."""
        both = joint[..., 1, 1]
        low = _ratio(joint[..., 1].sum(axis=-1) - do[..., 0], both)
        high = _ratio(1 - do[..., 0] - joint[..., 0, 0], both)
        return _unit(low, high)

    def unaided(self, joint: Floats) -> tuple[Floats, Floats]:
        zero = np.zeros(joint.shape[:-2])
        return zero, zero + 1.0

    def monotone(self, joint: Floats, do: Floats) -> Floats:
        """Tian and Pearl (2000), eq. 30."""
        return _ratio(joint[..., 1].sum(axis=-1) - do[..., 0], joint[..., 1, 1])

    def weight(self, joint: Floats) -> Floats:
        return joint[..., 1, 1]

    def of_model(
        self, necessity: Callable[[], float], sufficiency: Callable[[], float],
        joint: Callable[[], Floats],
    ) -> float:  # fmt: skip
        return necessity()


@dataclass(frozen=True)
class Sufficiency(Kind):
    """PS = P(Y would be 1 under X = 1 | X = 0, Y = 0)."""

    @property
    def words(self) -> str:
        return "P({y} had it been {x} | {z} and not {y})"

    def bounds(self, joint: Floats, do: Floats) -> tuple[Floats, Floats]:
        """Tian and Pearl (2000), eq. 26."""
        neither = joint[..., 0, 0]
        low = _ratio(do[..., 1] - joint[..., 1].sum(axis=-1), neither)
        high = _ratio(do[..., 1] - joint[..., 1, 1], neither)
        return _unit(low, high)

    def unaided(self, joint: Floats) -> tuple[Floats, Floats]:
        zero = np.zeros(joint.shape[:-2])
        return zero, zero + 1.0

    def monotone(self, joint: Floats, do: Floats) -> Floats:
        """Tian and Pearl (2000), eq. 31."""
        return _ratio(do[..., 1] - joint[..., 1].sum(axis=-1), joint[..., 0, 0])

    def weight(self, joint: Floats) -> Floats:
        return joint[..., 0, 0]

    def of_model(
        self, necessity: Callable[[], float], sufficiency: Callable[[], float],
        joint: Callable[[], Floats],
    ) -> float:  # fmt: skip
        return sufficiency()


@dataclass(frozen=True)
class Both(Kind):
    """PNS = P(Y is 1 under X = 1 and 0 under X = 0)."""

    @property
    def words(self) -> str:
        return "P({y} under {x}, and not {y} under {z})"

    def bounds(self, joint: Floats, do: Floats) -> tuple[Floats, Floats]:
        """Tian and Pearl (2000), eq. 24."""
        y, gap = joint[..., 1].sum(axis=-1), do[..., 1] - do[..., 0]
        low = np.maximum(np.maximum(gap, y - do[..., 0]), do[..., 1] - y)
        same = joint[..., 1, 1] + joint[..., 0, 0]
        crossed = joint[..., 1, 0] + joint[..., 0, 1]
        high = np.minimum(np.minimum(do[..., 1], 1 - do[..., 0]), np.minimum(same, gap + crossed))
        return _unit(low, high)

    def unaided(self, joint: Floats) -> tuple[Floats, Floats]:
        """Tian and Pearl (2000), eq. 20."""
        return np.zeros(joint.shape[:-2]), joint[..., 1, 1] + joint[..., 0, 0]

    def monotone(self, joint: Floats, do: Floats) -> Floats:
        """Tian and Pearl (2000), eq. 29."""
        return np.asarray(do[..., 1] - do[..., 0])

    def weight(self, joint: Floats) -> Floats:
        return np.asarray(joint.sum(axis=(-1, -2)))

    def of_model(
        self, necessity: Callable[[], float], sufficiency: Callable[[], float],
        joint: Callable[[], Floats],
    ) -> float:  # fmt: skip
        table = joint()
        return float(table[1, 1] * necessity() + table[0, 0] * sufficiency())


def consistent(joint: Floats, do: Floats) -> Floats:
    """P(Y = 1 | do(X)) moved into what P(X, Y) allows: P(x, y) <= P(y_x) <= 1 - P(x, not y).

    Two samples, or smoothing, may break these inequalities by chance.
    """
    return np.clip(do, joint[..., :, 1], 1 - joint[..., :, 0])
