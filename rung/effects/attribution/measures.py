"""What is attributed: how unusual a row is, or how far an outcome moved between two data sets."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...core.errors import InputError
from ...core.variable import Variable

Floats = NDArray[np.float64]
BINS = 20  # of a divergence of numbers


class RowMeasure(ABC):
    """How far one value of the outcome is from what the model expects.

    The worth of a set of nodes is `finish` of the mean of `statistic` over draws in which the
    nodes of the set have the noise of the row and the others have noise drawn from the model.
    """

    @property
    @abstractmethod
    def words(self) -> str:
        """Name and unit."""

    @abstractmethod
    def statistic(self, values: Floats, x: float, usual: Floats, variable: Variable) -> Floats:
        """A number for each of the values (m, draws).

        x : the row's value; usual : (draws,) values of the outcome as the model draws them.
        """

    @abstractmethod
    def finish(self, mean: Floats, n: int) -> Floats:
        """The worth, from means of the statistic over n draws."""


class _Tail(RowMeasure):
    """Minus the log of the probability of a value at least as extreme."""

    @property
    def words(self) -> str:
        return f"{self._name} (nats)"

    @property
    @abstractmethod
    def _name(self) -> str:
        """Which tail."""

    def finish(self, mean: Floats, n: int) -> Floats:
        return np.asarray(np.log((mean * n + 1) / (n + 1)))


def _slack(x: float, usual: Floats) -> float:
    """What rounding may move a value by."""
    return 1e-9 * (abs(x) + float(np.std(usual)))


@dataclass(frozen=True)
class OutlierScore(_Tail):
    """-log P(a value at least as extreme), in nats (Budhathoki et al. 2022, definition 1).

    A number is as extreme as its rank from the nearer end of the distribution, a level as rare as
    it is. At n draws the score is at most log(n + 1).
    """

    @property
    def _name(self) -> str:
        return "outlier score"

    def statistic(self, values: Floats, x: float, usual: Floats, variable: Variable) -> Floats:
        if variable.discrete:
            share = np.bincount(usual.astype(np.intp), minlength=variable.size)
            rare = share <= share[int(x)]
            return np.asarray(rare[values.astype(np.intp)], dtype=np.float64)
        slack = _slack(x, usual)
        above, below = int((usual >= x - slack).sum()), int((usual <= x + slack).sum())
        if above <= below:
            low = _mirror(np.sort(usual), above)
            return np.asarray((values >= x - slack) | (values <= low), dtype=np.float64)
        high = -_mirror(np.sort(-usual), below)
        return np.asarray((values <= x + slack) | (values >= high), dtype=np.float64)


def _mirror(ordered: Floats, count: int) -> float:
    """The largest value that at most `count` of the ordered values reach from below."""
    if count == 0:
        return float(np.nextafter(ordered[0], -np.inf))
    v = float(ordered[count - 1])
    if np.searchsorted(ordered, v, side="right") > count:
        return float(np.nextafter(v, -np.inf))
    return v


@dataclass(frozen=True)
class UpperTail(_Tail):
    """-log P(a value at least as large), in nats; of numbers and ordered levels."""

    @property
    def _name(self) -> str:
        return "upper-tail score"

    def statistic(self, values: Floats, x: float, usual: Floats, variable: Variable) -> Floats:
        need_order(variable, "UpperTail")
        return np.asarray(values >= x - _slack(x, usual), dtype=np.float64)


@dataclass(frozen=True)
class LowerTail(_Tail):
    """-log P(a value at most as large), in nats; of numbers and ordered levels."""

    @property
    def _name(self) -> str:
        return "lower-tail score"

    def statistic(self, values: Floats, x: float, usual: Floats, variable: Variable) -> Floats:
        need_order(variable, "LowerTail")
        return np.asarray(values <= x + _slack(x, usual), dtype=np.float64)


@dataclass(frozen=True)
class Deviation(RowMeasure):
    """The row's value less its expectation, in units of the outcome."""

    @property
    def words(self) -> str:
        return "deviation from the mean"

    def statistic(self, values: Floats, x: float, usual: Floats, variable: Variable) -> Floats:
        return as_numbers(values, variable, "Deviation")

    def finish(self, mean: Floats, n: int) -> Floats:
        return mean


class ShiftMeasure(ABC):
    """How far the distribution of the outcome is from that in the first data set."""

    @property
    @abstractmethod
    def words(self) -> str:
        """Name."""

    @abstractmethod
    def of(self, values: Floats, usual: Floats, variable: Variable) -> Floats:
        """(m,), for draws (m, draws) against those of the first data set (draws,)."""


@dataclass(frozen=True)
class MeanShift(ShiftMeasure):
    """Change of the mean."""

    @property
    def words(self) -> str:
        return "change of the mean"

    def of(self, values: Floats, usual: Floats, variable: Variable) -> Floats:
        x = as_numbers(values, variable, "MeanShift")
        return np.asarray(x.mean(axis=1) - as_numbers(usual, variable, "MeanShift").mean())


@dataclass(frozen=True)
class VarianceShift(ShiftMeasure):
    """Change of the variance."""

    @property
    def words(self) -> str:
        return "change of the variance"

    def of(self, values: Floats, usual: Floats, variable: Variable) -> Floats:
        x = as_numbers(values, variable, "VarianceShift")
        return np.asarray(x.var(axis=1) - as_numbers(usual, variable, "VarianceShift").var())


@dataclass(frozen=True)
class QuantileShift(ShiftMeasure):
    """Change of the quantile of order `q`, 0.5 being the median."""

    q: float = 0.5

    def __post_init__(self) -> None:
        if not 0 < self.q < 1:
            raise InputError(f"QuantileShift(q={self.q}): expected an order between 0 and 1")

    @property
    def words(self) -> str:
        return f"change of the {self.q:g} quantile"

    def of(self, values: Floats, usual: Floats, variable: Variable) -> Floats:
        x, y = (as_numbers(v, variable, "QuantileShift") for v in (values, usual))
        return np.asarray(np.quantile(x, self.q, axis=1) - np.quantile(y, self.q))


@dataclass(frozen=True)
class ShareShift(ShiftMeasure):
    """Change of the share of rows that have the level."""

    level: Any

    @property
    def words(self) -> str:
        return f"change of the share of {self.level!r}"

    def of(self, values: Floats, usual: Floats, variable: Variable) -> Floats:
        if not variable.discrete:
            raise InputError(
                f"ShareShift needs a variable with levels, but {variable.name!r} is {variable.kind}"
            )
        code = variable.encode(self.level)
        return np.asarray((values == code).mean(axis=1) - (usual == code).mean())


@dataclass(frozen=True)
class Divergence(ShiftMeasure):
    """Kullback-Leibler divergence of the outcome from that of the first data set, in nats.

    Of levels, or of `BINS` bins between quantiles of the first; half a draw is added to each cell.
    """

    @property
    def words(self) -> str:
        return "Kullback-Leibler divergence (nats)"

    def of(self, values: Floats, usual: Floats, variable: Variable) -> Floats:
        if variable.discrete:
            cells, k = values.astype(np.intp), variable.size
            first = usual.astype(np.intp)
        else:
            edges = np.unique(np.quantile(usual, np.linspace(0, 1, BINS + 1)[1:-1]))
            k = len(edges) + 1
            cells, first = np.searchsorted(edges, values), np.searchsorted(edges, usual)
        q = np.bincount(first, minlength=k) + 0.5
        q = q / q.sum()
        at = cells + k * np.arange(len(cells))[:, None]
        p = np.bincount(at.ravel(), minlength=k * len(cells)).reshape(-1, k) + 0.5
        p = p / p.sum(axis=1, keepdims=True)
        return np.asarray((p * np.log(p / q)).sum(axis=1))


Measure = RowMeasure | ShiftMeasure


def need_order(variable: Variable, who: str) -> None:
    """Raise unless larger and smaller mean something."""
    if variable.kind == "categorical":
        raise InputError(f"{who}: the levels of {variable.name!r} have no order; use OutlierScore")


def as_numbers(values: Floats, variable: Variable, who: str) -> Floats:
    """Values as numbers: those of numeric levels, 1 for the second level of two."""
    if not variable.discrete:
        return values
    if variable.numeric_levels:
        return np.asarray(np.asarray(variable.levels, dtype=np.float64)[values.astype(np.intp)])
    if variable.size == 2:
        return values
    raise InputError(
        f"{who} needs numbers, but the levels of {variable.name!r} are none; use "
        "ShareShift(level), Divergence() or OutlierScore()"
    )


def usual_measure(variable: Variable) -> ShiftMeasure:
    """The mean of numbers, the share of the second of two levels, else the divergence."""
    if not variable.discrete or variable.numeric_levels:
        return MeanShift()
    if variable.size == 2:
        return ShareShift((variable.levels or ())[1])
    return Divergence()
