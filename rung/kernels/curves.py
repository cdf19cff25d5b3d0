"""Natural cubic splines: their basis at many points, and the sum of curves."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import float64, int64, njit, void
from numpy.typing import NDArray

from .levels import R1, R2

Floats = NDArray[np.float64]
_JIT: dict[str, Any] = {"cache": True, "nogil": True}


@njit(float64[:, ::1](R1, R1, R2), **_JIT)
def cardinal(x: Floats, knots: Floats, second: Floats) -> Floats:
    """Cardinal basis (n, m): column j is the natural spline that is 1 at knot j, 0 at the others.

    `second` (m, m) maps values at the knots to second derivatives there (Wood 2017, section
    5.3.1). Beyond the knots the basis is linear.
    """
    n, m = len(x), len(knots)
    out = np.zeros((n, m))
    for i in range(n):
        at = x[i]
        if at <= knots[0]:
            h = knots[1] - knots[0]
            s = at - knots[0]
            out[i, 0] += 1.0 - s / h
            out[i, 1] += s / h
            for k in range(m):
                out[i, k] -= s * h / 6.0 * second[1, k]
        elif at >= knots[m - 1]:
            h = knots[m - 1] - knots[m - 2]
            s = at - knots[m - 1]
            out[i, m - 1] += 1.0 + s / h
            out[i, m - 2] -= s / h
            for k in range(m):
                out[i, k] += s * h / 6.0 * second[m - 2, k]
        else:
            j = 0
            while knots[j + 1] <= at:
                j += 1
            h = knots[j + 1] - knots[j]
            r = knots[j + 1] - at
            s = at - knots[j]
            out[i, j] += r / h
            out[i, j + 1] += s / h
            left = (r * r * r / h - h * r) / 6.0
            right = (s * s * s / h - h * s) / 6.0
            for k in range(m):
                out[i, k] += left * second[j, k] + right * second[j + 1, k]
    return out


@njit(void(float64[::1], R1, R1, R2, int64[::1]), **_JIT)
def add_curve(
    out: Floats, x: Floats, knots: Floats, pieces: Floats, lookup: NDArray[np.int64]
) -> None:
    """Add a piecewise cubic at x (n,) to out (n,).

    `pieces` (m + 1, 4) are coefficients in the distance from the knot on the left (from the first
    knot for the first piece); `lookup` holds, for evenly spaced cells between the outer knots, a
    piece that is at or before the right one.
    """
    m, cells = len(knots), len(lookup)
    low, high = knots[0], knots[m - 1]
    rate = cells / (high - low)
    for i in range(len(x)):
        at = x[i]
        if at < low:
            out[i] += pieces[0, 0] + pieces[0, 1] * (at - low)
        elif at >= high:
            out[i] += pieces[m, 0] + pieces[m, 1] * (at - high)
        else:
            p = lookup[min(int((at - low) * rate), cells - 1)]
            while knots[p] <= at:
                p += 1
            s = at - knots[p - 1]
            out[i] += ((pieces[p, 3] * s + pieces[p, 2]) * s + pieces[p, 1]) * s + pieces[p, 0]
