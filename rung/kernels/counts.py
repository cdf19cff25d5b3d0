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


@njit(float64(float64, float64), **_JIT)
def _lower(e: float, mu: float) -> float:
    """Smallest k with P(X <= k) >= e, for e up to one half."""
    k = float(math.floor(mu))
    here = anchor = below(k, mu)
    mass = math.exp(log_mass(k, mu))
    while here < e:  # the median is within 1 of the mean
        k += 1.0
        mass *= mu / k
        here += mass
    while k > 0.0:
        left = here - mass
        if left < 1e-4 * anchor:  # the difference has lost digits: sum afresh
            left = anchor = below(k - 1.0, mu)
        if left < e:
            break
        mass *= k / mu
        k -= 1.0
        here = left
    return k


@njit(float64(float64, float64), **_JIT)
def _upper(s: float, mu: float) -> float:
    """Smallest k with P(X > k) <= s, for s up to one half."""
    k = float(math.floor(mu))
    here = anchor = above(k, mu)
    mass = math.exp(log_mass(k, mu))
    while k > 0.0 and here + mass <= s:
        here += mass
        mass *= k / mu
        k -= 1.0
    while here > s:
        k += 1.0
        mass = math.exp(log_mass(k, mu))
        left = here - mass
        if left < 1e-4 * anchor:
            left = anchor = above(k, mu)
        here = left
    return k


@njit(float64[::1](R1, R1), **_JIT)
def poisson_quantile(e: Floats, mean: Floats) -> Floats:
    """Smallest k with P(X <= k) >= u, where u is e if e > 0 and 1 + e otherwise."""
    out = np.empty(len(e))
    for i in range(len(e)):
        out[i] = _lower(e[i], mean[i]) if e[i] > 0.0 else _upper(-e[i], mean[i])
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
