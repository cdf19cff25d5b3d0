"""Intervals from influence functions and from resampled values."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..core.errors import InputError

Floats = NDArray[np.float64]
Groups = NDArray[np.int64] | None


def check_level(level: float) -> float:
    """The confidence level, if it is one."""
    if not 0 < level < 1:
        raise InputError(f"level={level!r}: a confidence level lies between 0 and 1, e.g. 0.95")
    return float(level)


def quantile_of(level: float, freedom: float | None = None) -> float:
    """Two-sided critical value: normal, or Student t with `freedom` degrees of freedom."""
    from scipy import special

    tail = 0.5 + check_level(level) / 2
    if freedom is None:
        return float(special.ndtri(tail))
    return float(special.stdtrit(freedom, tail))


def group_sums(values: Floats, groups: Groups) -> Floats:
    """Sums (g, k) of the rows (n, k) of each group; the rows themselves without groups."""
    rows = values if values.ndim == 2 else values[:, None]
    if groups is None:
        return rows
    _, code = np.unique(groups, return_inverse=True)
    out = np.zeros((int(code.max()) + 1, rows.shape[1]))
    np.add.at(out, code, rows)
    return out


def covariance(influence: ArrayLike, *, groups: Groups = None) -> Floats:
    """Covariance (k, k) of estimates whose influence functions (n, k) average to the error.

    With `groups`, rows of one group may depend on each other in any way (Liang and Zeger 1986);
    the factor g / (g - 1) corrects for few groups.
    """
    rows = np.asarray(influence, dtype=np.float64)
    rows = rows if rows.ndim == 2 else rows[:, None]
    sums = group_sums(rows, groups)
    count = len(sums)
    if count < 2:
        raise InputError(f"{count} independent unit(s): no interval can be given; need at least 2")
    sums = sums - sums.mean(axis=0)
    return sums.T @ sums / len(rows) ** 2 * count / (count - 1)


def freedom(groups: Groups) -> float | None:
    """Degrees of freedom of clustered rows, g - 1; None for independent rows."""
    return None if groups is None else float(len(np.unique(groups)) - 1)


def normal(
    value: float, se: float, level: float = 0.95, *, df: float | None = None
) -> tuple[float, float]:
    """value -+ critical value x standard error; Student t where `df` is given."""
    half = quantile_of(level, df) * se
    return value - half, value + half


def percentile(draws: ArrayLike, level: float = 0.95) -> tuple[float, float]:
    """Percentile interval of resampled values (Efron and Tibshirani 1993, chapter 13)."""
    tail = (1 - check_level(level)) / 2
    values = np.asarray(draws, dtype=np.float64)
    if len(values) < 2:
        raise InputError("a percentile interval needs at least 2 resampled values")
    low, high = np.quantile(values, [tail, 1 - tail])
    return float(low), float(high)


def endpoint_error(draws: ArrayLike, level: float = 0.95) -> tuple[float, float]:
    """Monte-Carlo standard error of the two end points of a percentile interval.

    The order statistics one binomial standard deviation either side of each end point; half their
    distance (David and Nagaraja 2003, section 7.1).
    """
    values = np.sort(np.asarray(draws, dtype=np.float64))
    tail, count = (1 - check_level(level)) / 2, len(values)
    out = []
    for p in (tail, 1 - tail):
        spread = np.sqrt(p * (1 - p) / count)
        low, high = np.quantile(values, np.clip([p - spread, p + spread], 0, 1))
        out.append(float(high - low) / 2)
    return out[0], out[1]


def union(intervals: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    """The union of closed intervals as disjoint intervals in order."""
    out: list[tuple[float, float]] = []
    for low, high in sorted(intervals):
        if out and low <= out[-1][1]:
            out[-1] = (out[-1][0], max(high, out[-1][1]))
        else:
            out.append((low, high))
    return out


def covers(region: Sequence[tuple[float, float]], truth: float, *, slack: float = 1e-12) -> bool:
    """Whether a union of intervals holds the truth."""
    return any(low - slack <= truth <= high + slack for low, high in region)
