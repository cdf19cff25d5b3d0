"""Choosing levels: inverse distribution functions and exponential races."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import float64, int64, njit, types
from numpy.typing import NDArray

Floats = NDArray[np.float64]
_JIT: dict[str, Any] = {"cache": True, "nogil": True}
R1 = types.Array(float64, 1, "C", readonly=True)
R2 = types.Array(float64, 2, "C", readonly=True)
_OUT1, _OUT2 = float64[::1], float64[:, ::1]


@njit(_OUT1(R2, R1), **_JIT)
def invert(p: Floats, u: Floats) -> Floats:
    """Level whose slice of the distribution function holds u; p is (n, k), u (n,)."""
    n, k = p.shape
    out = np.empty(n)
    for i in range(n):
        total = 0.0
        level = 0
        for j in range(k - 1):
            total += p[i, j]
            if total <= u[i]:
                level = j + 1
        out[i] = level
    return out


@njit(_OUT1(R2, R1, R1), **_JIT)
def invert_posterior(p: Floats, x: Floats, v: Floats) -> Floats:
    """A point of the slice of level x, at the fraction v of it; v in [0, 1)."""
    n, k = p.shape
    out = np.empty(n)
    for i in range(n):
        level = int(x[i])
        low = 0.0
        for j in range(level):
            low += p[i, j]
        high = 1.0 if level == k - 1 else low + p[i, level]
        u = low + (high - low) * v[i]
        if u >= high > low:
            u = np.nextafter(high, 0.0)
        out[i] = u
    return out


@njit(_OUT1(R2, R2), **_JIT)
def race(p: Floats, e: Floats) -> Floats:
    """The level that arrives first, if level j needs the time e[j] / p[j]; both (n, k)."""
    n, k = p.shape
    out = np.empty(n)
    for i in range(n):
        best = np.inf
        level = 0
        for j in range(k):
            if p[i, j] > 0.0:
                time = e[i, j] / p[i, j]
                if time < best:
                    best = time
                    level = j
        out[i] = level
    return out


@njit(_OUT2(R2, R1, R1, R2), **_JIT)
def race_posterior(p: Floats, x: Floats, first: Floats, fresh: Floats) -> Floats:
    """Race times e (n, k) given that level x arrived first.

    The first arrival is exponential and independent of who it is; the others have waited that
    long and, without memory, start again. `first` (n,) and `fresh` (n, k) are standard
    exponential draws.
    """
    n, k = p.shape
    out = np.empty((n, k))
    for i in range(n):
        total = 0.0
        for j in range(k):
            total += p[i, j]
        level = int(x[i])
        time = first[i] / total
        for j in range(k):
            out[i, j] = time * p[i, j] + (0.0 if j == level else fresh[i, j])
    return out


@njit(_OUT2(R2), **_JIT)
def softmax(score: Floats) -> Floats:
    """Probabilities (n, k + 1) of scores (k, n) of the levels after the first, which has 0."""
    k, n = score.shape
    out = np.empty((n, k + 1))
    for i in range(n):
        top = 0.0
        for j in range(k):
            top = max(top, score[j, i])
        total = np.exp(-top)
        out[i, 0] = total
        for j in range(k):
            e = np.exp(score[j, i] - top)
            out[i, j + 1] = e
            total += e
        for j in range(k + 1):
            out[i, j] = max(out[i, j] / total, 1e-300)
    return out


@njit(_OUT2(R2, int64[::1]), **_JIT)
def gather(table: Floats, rows: NDArray[np.int64]) -> Floats:
    """table[rows], (n, k)."""
    n, k = len(rows), table.shape[1]
    out = np.empty((n, k))
    for i in range(n):
        for j in range(k):
            out[i, j] = table[rows[i], j]
    return out
