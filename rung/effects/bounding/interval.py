"""Intervals for a number that is known only to lie between two estimated ends."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ...core.errors import InputError

Floats = NDArray[np.float64]


def imbens_manski(
    lower: float, upper: float, se_lower: float, se_upper: float, level: float = 0.95
) -> tuple[float, float]:
    """Interval that covers the number, wherever it lies between the ends.

    Imbens and Manski (2004), equations 6 and 7: as the ends part, the factor of the standard errors
    falls from the two-sided to the one-sided quantile.

    Raises
    ------
    InputError
        Ends in the wrong order by more than rounding.
    """
    from scipy import optimize, special

    gap = upper - lower
    if gap < -1e-8 * max(1.0, abs(lower), abs(upper)):
        raise InputError(f"lower = {lower:.6g} lies above upper = {upper:.6g}")
    worst = max(se_lower, se_upper)
    if worst <= 0:
        return lower, upper
    shift = max(gap, 0.0) / worst
    top = -float(special.ndtri((1 - level) / 2))

    def short(c: float) -> float:
        return float(special.ndtr(c + shift) - special.ndtr(-c)) - level

    c = top if shift == 0 or short(top) <= 0 else float(optimize.brentq(short, 0.0, top))
    return float(lower - c * se_lower), float(upper + c * se_upper)


def resampled(
    lower: float, upper: float, draws: Floats, level: float
) -> tuple[tuple[float, float], Floats]:
    """Interval from bootstrap draws (B, 2) of both ends, and the ends' standard errors.

    Ends of linear programmes are the largest (least) of several estimates, so that they lie too far
    inside on average; what the bootstrap shows of that is taken off before `imbens_manski`.
    """
    inward = np.maximum((draws.mean(axis=0) - [lower, upper]) * [1.0, -1.0], 0.0)
    se = draws.std(axis=0, ddof=1)
    low, high = imbens_manski(
        lower - inward[0], upper + inward[1], float(se[0]), float(se[1]), level
    )
    return (low, high), se


def within(interval: tuple[float, float], width: float) -> tuple[float, float]:
    """The part of an interval that a difference of two means of an outcome can reach.

    width : of the outcome's range
    """
    return max(interval[0], -width), min(interval[1], width)
