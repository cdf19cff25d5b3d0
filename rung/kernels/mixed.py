"""Likelihood-ratio test of conditional Gaussian distributions: codes of levels and numbers.

Arrays as in `rung.kernels.cells`, without missing cells.
"""

# mypy: allow-untyped-defs, allow-incomplete-defs
# (the types of arguments stand in the signature of each kernel)

from __future__ import annotations

import math

import numpy as np
from numba import njit

from .cells import cells, log_ratio, usable
from .signatures import F1, F3, I1, I2, INNER, OPTIONS, OUTER, TEST, TINY, float64, int64, void
from .special import chi2_sf


@njit(float64(float64), **OUTER)
def digamma(x):
    """Derivative of log Gamma at x > 0; error below 1e-12 (Abramowitz and Stegun 1964, 6.3.18)."""
    out = 0.0
    while x < 10.0:
        out -= 1.0 / x
        x += 1.0
    f = 1.0 / (x * x)
    tail = f * (1 / 12 - f * (1 / 120 - f * (1 / 252 - f * (1 / 240 - f / 132))))
    return out + math.log(x) - 0.5 / x - tail


@njit(float64(float64, float64, int64), **OUTER)
def overfit(n, free, c):
    """Expected twice log-likelihood ratio of a fitted to the true c x c covariance matrix.

    The estimate is a Wishart matrix with `free` degrees of freedom divided by n (Anderson 2003,
    section 7.5).
    """
    out = 0.0
    for j in range(c):
        out -= digamma(0.5 * (free - j)) + math.log(2.0 / n)
    return n * out


@njit(void(I1, I1, int64, int64, F3, I2, F1, F1), **INNER)
def gaussian_part(base, A, k, shared, F, I, P, out):
    """Gaussians of the continuous variables of A[:k] in each cell of its discrete ones.

    out: twice the log-likelihood less constants, its expected excess over the truth, parameters,
    1 if the fit exists. `shared`: one covariance matrix for all cells.
    """
    d = int(F[0, 0, 0])
    n = base.shape[0]
    out[:] = 0.0
    out[3] = 1.0
    cols = np.empty(k + 1, dtype=np.int64)
    c = 0
    for i in range(k):
        if I[d, A[i]] == 0:
            cols[c] = A[i]
            c += 1
    if c == 0:
        return
    keys = base.copy()
    strata = cells(keys, A, k, I, d)
    count = np.zeros(strata)
    mean = np.zeros((strata, c))
    cross = np.zeros((strata, c, c))
    for r in range(n):
        s = keys[r]
        if s < 0:
            continue
        count[s] += P[r]
        for i in range(c):
            mean[s, i] += P[r] * F[0, 1 + cols[i], r]
    for s in range(strata):
        for i in range(c):
            mean[s, i] /= max(count[s], 1e-300)
    for r in range(n):
        s = keys[r]
        if s < 0:
            continue
        for i in range(c):
            a = P[r] * (F[0, 1 + cols[i], r] - mean[s, i])
            for j in range(i + 1):
                cross[s, i, j] += a * (F[0, 1 + cols[j], r] - mean[s, j])
    if shared:
        for s in range(1, strata):
            count[0] += count[s]
            for i in range(c):
                for j in range(i + 1):
                    cross[0, i, j] += cross[s, i, j]
    L = np.zeros((c, c))
    for s in range(1 if shared else strata):
        free = count[s] - (strata if shared else 1)
        if free < c:
            out[3] = 0.0
            return
        for i in range(c):
            for j in range(i + 1):
                t = cross[s, i, j] / count[s]
                for u in range(j):
                    t -= L[i, u] * L[j, u]
                if j < i:
                    L[i, j] = t / L[j, j]
                else:
                    if t < TINY:
                        out[3] = 0.0
                        return
                    L[i, i] = math.sqrt(t)
                    out[0] -= count[s] * math.log(t)
        out[1] += overfit(count[s], free, c)
        out[2] += 0.5 * c * (c + 1)
    out[2] += strata * c


@njit(int64(I1, int64, int64, int64, F3, I2, F1, F1), **INNER)
def levels_part(base, x, y, strata, F, I, P, out):
    """G statistic of two discrete variables in strata `base`, its degrees of freedom; as `g2`."""
    d = int(F[0, 0, 0])
    rx, ry = I[d, x], I[d, y]
    table = np.zeros((strata, rx * ry))
    for r in range(base.shape[0]):
        if base[r] >= 0:
            table[base[r], I[x, r] * ry + I[y, r]] += P[r]
    left, top, sums = np.empty(rx), np.empty(ry), np.zeros(2)
    for s in range(strata):
        log_ratio(table[s], rx, ry, left, top, sums)
    out[0], out[2] = 2.0 * sums[0], sums[1]
    return 0


@njit(TEST, **OPTIONS)
def conditional_gaussian_test(x, y, S, k, F, I, P, W):
    """Likelihood ratio 2 [l(x, y, S) - l(x, S) - l(y, S) + l(S)], scaled to its expected value.

    Each cell of the levels of x, y and S has its own covariance matrix if the smallest has at
    least twice as many rows as continuous variables, plus 4; else all share one.
    """
    d = int(F[0, 0, 0])
    n = P.shape[0] - 1
    base = np.empty(n, dtype=np.int64)
    usable(base, x, y, I, F, P)
    A = np.empty(k + 2, dtype=np.int64)
    c = 0
    for i in range(k):
        A[i] = S[i]
    A[k], A[k + 1] = x, y
    for i in range(k + 2):
        c += I[d, A[i]] == 0
    keys = base.copy()
    strata = cells(keys, A, k + 2, I, d)
    count = np.zeros(max(strata, 1))
    for r in range(n):
        if keys[r] >= 0:
            count[keys[r]] += P[r]
    shared = 1 if count.min() < 2.0 * c + 4.0 else 0
    part = np.zeros(4)
    ratio, excess, df = 0.0, 0.0, 0.0
    for which in range(4):  # (S), (S, x), (S, y), (S, x, y)
        m = k
        if which == 1 or which == 3:
            A[m] = x
            m += 1
        if which >= 2:
            A[m] = y
            m += 1
        gaussian_part(base, A, m, shared, F, I, P, part)
        if part[3] == 0.0:
            return 1.0
        sign = 1.0 if which == 0 or which == 3 else -1.0
        ratio += sign * part[0]
        excess += sign * part[1]
        df += sign * part[2]
    if I[d, x] > 0 and I[d, y] > 0:
        keys = base.copy()
        strata = cells(keys, S, k, I, d)
        levels_part(keys, x, y, strata, F, I, P, part)
        ratio += part[0]
        excess += part[2]
        df += part[2]
    if df <= 0.0 or excess <= 0.0:
        return 1.0
    return chi2_sf(max(ratio, 0.0) * df / excess, df)
