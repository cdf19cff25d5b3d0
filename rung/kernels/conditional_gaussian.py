"""Conditional Gaussian scores on codes and numbers.

Arrays as in `cells`; F[0, 0, 0] is d, F[0, 1 + j] the standardised values (n,) of a continuous
variable j.
"""

# mypy: allow-untyped-defs, allow-incomplete-defs
# (the types of arguments stand in the signature of each kernel)

from __future__ import annotations

import math

import numpy as np
from numba import njit

from .cells import cells, usable
from .signatures import F1, F3, GAINS, I1, I2, INNER, LOCAL, OPTIONS, float64, int64


@njit(float64(I1, I1, int64, float64, float64, F3, I2, F1, F1), **INNER)
def conditional_gaussian(base, A, k, weight, each, F, I, P, W):
    """Penalised log-likelihood of the variables A[:k]: cells of the discrete ones, in each a
    Gaussian of the continuous ones.

    Cells with fewer than twice as many rows as continuous variables, plus 4, share one covariance.
    """
    d = int(F[0, 0, 0])
    n = base.shape[0]
    keys = base.copy()
    strata = cells(keys, A, k, I, d)
    cols = np.empty(k + 1, dtype=np.int64)
    c = 0
    levels = 1.0
    for i in range(k):
        if I[d, A[i]] == 0:
            cols[c] = A[i]
            c += 1
        else:
            levels *= I[d, A[i]]
    count = np.zeros(strata)
    mean = np.zeros((strata, c + 1))
    cross = np.zeros((strata, c + 1, c + 1))
    for r in range(n):
        s = keys[r]
        if s < 0:
            continue
        count[s] += P[r]
        for i in range(c):
            a = F[0, 1 + cols[i], r]
            mean[s, i] += P[r] * a
            for j in range(i + 1):
                cross[s, i, j] += P[r] * a * F[0, 1 + cols[j], r]
    pooled = np.zeros((c + 1, c + 1))
    for s in range(strata):
        for i in range(c):
            for j in range(i + 1):
                cross[s, i, j] -= mean[s, i] * mean[s, j] / max(count[s], 1e-300)
                pooled[i, j] += cross[s, i, j] / weight
    out = -each * (levels * (1.0 + c + 0.5 * c * (c + 1)) - 1.0)
    L = np.zeros((c + 1, c + 1))
    for s in range(strata):
        if count[s] <= 0.0:
            continue
        out += count[s] * math.log(count[s] / weight)
        few = count[s] < 2.0 * c + 4.0
        logdet = 0.0
        for i in range(c):
            for j in range(i + 1):
                t = pooled[i, j] if few else cross[s, i, j] / count[s]
                for u in range(j):
                    t -= L[i, u] * L[j, u]
                if j < i:
                    L[i, j] = t / L[j, j]
                else:
                    t = max(t, 1e-10)
                    L[i, i] = math.sqrt(t)
                    logdet += math.log(t)
        out -= 0.5 * count[s] * (logdet + c * (1.0 + math.log(2.0 * math.pi)))
    return out


@njit(GAINS, **OPTIONS)
def mixed_gains(v, parents, k, allowed, out, F, I, P, W):
    """Conditional Gaussian BIC: that of (v, parents) less that of the parents."""
    n = P.shape[0] - 1
    base = np.empty(n, dtype=np.int64)
    usable(base, v, v, I, F, P)
    weight = 0.0
    for r in range(n):
        if base[r] >= 0:
            weight += P[r]
    each = 0.5 * P[n] * math.log(max(weight, 2.0))
    A = np.empty(k + 2, dtype=np.int64)
    for i in range(k):
        A[i] = parents[i]
    low = conditional_gaussian(base, A, k, weight, each, F, I, P, W)
    A[k] = v
    here = conditional_gaussian(base, A, k + 1, weight, each, F, I, P, W) - low
    for c in range(out.shape[0]):
        if allowed[c] == 0:
            continue
        A[k] = c
        low = conditional_gaussian(base, A, k + 1, weight, each, F, I, P, W)
        A[k + 1] = v
        out[c] = conditional_gaussian(base, A, k + 2, weight, each, F, I, P, W) - low
    return here


@njit(LOCAL, **OPTIONS)
def mixed_local(v, parents, k, F, I, P, W):
    """Conditional Gaussian BIC of node v given parents[:k]."""
    none = np.zeros(1, dtype=np.uint8)
    out = np.empty(1)
    return mixed_gains(v, parents, k, none, out, F, I, P, W)
