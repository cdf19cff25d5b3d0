"""Poisson quantiles that keep their precision in both tails."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numba import float64, njit
from numpy.typing import NDArray

from .levels import R1

Floats = NDArray[np.float64]
_JIT: dict[str, Any] = {"cache": True, "nogil": True}


@njit(float64(float64, float64), **_JIT)
def log_mass(k: float, mean: float) -> float:
    """log P(X = k)."""
    return k * math.log(mean) - mean - math.lgamma(k + 1.0)


@njit(float64(float64, float64), **_JIT)
def below(k: float, mean: float) -> float:
    """P(X <= k), by the series downwards; precise for k at or below the mean."""
    if k < 0.0:
        return 0.0
    term = total = 1.0
    j = k
    while j > 0.0 and term > 1e-17 * total:
        term *= j / mean
        total += term
        j -= 1.0
    return math.exp(log_mass(k, mean)) * total


@njit(float64(float64, float64), **_JIT)
def above(k: float, mean: float) -> float:
    """P(X > k), by the series upwards; precise for k at or above the mean."""
    term = total = 1.0
    j = k + 2.0
    while term > 1e-17 * total:
        term *= mean / j
        total += term
        j += 1.0
    return math.exp(log_mass(k + 1.0, mean)) * total


@njit(float64[::1](R1, R1), **_JIT)
def poisson_quantile(e: Floats, mean: Floats) -> Floats:
    """Smallest k with P(X <= k) >= u, where u is e if e > 0 and 1 + e otherwise."""
    out = np.empty(len(e))
    for i in range(len(e)):
        mu = mean[i]
        k = math.floor(mu)
        if e[i] > 0.0:
            while k > 0.0 and below(k - 1.0, mu) >= e[i]:
                k -= 1.0
            while below(k, mu) < e[i] and k < mu + 1.0:
                k += 1.0
        else:
            while k > 0.0 and above(k - 1.0, mu) <= -e[i]:
                k -= 1.0
            while above(k, mu) > -e[i]:
                k += 1.0
        out[i] = k
    return out


@njit(float64[::1](R1, R1, R1), **_JIT)
def poisson_posterior(x: Floats, mean: Floats, v: Floats) -> Floats:
    """A point e of the slice of count x, at the fraction v of it; v in [0, 1)."""
    out = np.empty(len(x))
    for i in range(len(x)):
        k, mu = x[i], mean[i]
        if k <= mu:
            low = below(k - 1.0, mu)
            u = low + (1.0 - v[i]) * (below(k, mu) - low)
            out[i] = u if u <= 0.5 else u - 1.0
        else:
            low = above(k, mu)
            s = low + v[i] * (above(k - 1.0, mu) - low)
            out[i] = -s if s < 0.5 else 1.0 - s
    return out
