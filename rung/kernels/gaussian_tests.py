"""Gaussian tests on correlation matrices, plain or in blocks of columns."""

# mypy: allow-untyped-defs, allow-incomplete-defs
# (the types of arguments stand in the signature of each kernel)

from __future__ import annotations

import math

import numpy as np
from numba import njit

from .elimination import TINY, eliminate
from .signatures import F1, F2, I1, OPTIONS, TEST, float64, int64
from .special import chi2_sf


@njit(float64(F2, int64, int64, I1, int64, F1), **OPTIONS)
def partial_correlation(C, x, y, S, k, W):
    """Partial correlation of columns x and y given S[:k]; 0 if S determines either.

    Cholesky factor of C over (S, x, y), row by row; needs (k + 2)^2 scratch.
    """
    if k == 0:
        return C[x, y]
    if k == 1:
        s = S[0]
        a, b = C[x, s], C[y, s]
        left = (1.0 - a * a) * (1.0 - b * b)
        if left < TINY * TINY:
            return 0.0
        return (C[x, y] - a * b) / math.sqrt(left)
    m = k + 2
    for i in range(m):
        p = S[i] if i < k else (x if i == k else y)
        for j in range(i + 1):
            q = S[j] if j < k else (x if j == k else y)
            total = C[p, q]
            for t in range(j):
                total -= W[i * m + t] * W[j * m + t]
            if j < i:
                pivot = W[j * m + j]
                W[i * m + j] = total / pivot if pivot > 0.0 else 0.0
            else:
                W[i * m + i] = math.sqrt(total) if total > TINY else 0.0
    if W[k * m + k] == 0.0 or W[(k + 1) * m + k + 1] == 0.0:
        return 0.0
    c, rest = W[(k + 1) * m + k], W[(k + 1) * m + k + 1]
    return c / math.sqrt(c * c + rest * rest)


@njit(TEST, **OPTIONS)
def fisher_z(x, y, S, k, F, I, P, W):
    """Fisher's z of a partial correlation; I[x, y] is the matrix to use, P[m] its rows."""
    m = I[x, y]
    df = P[m] - k - 3.0
    if df <= 0.0:
        return 1.0
    r = partial_correlation(F[m], x, y, S, k, W)
    r = min(max(r, -1.0 + 1e-15), 1.0 - 1e-15)
    z = math.sqrt(df) * math.atanh(r)
    return math.erfc(abs(z) / math.sqrt(2.0))


@njit(TEST, **OPTIONS)
def fisher_z_rows(x, y, S, k, F, I, P, W):
    """Fisher's z on the rows complete in x, y and S: F[0] is (n, d) with NaN where missing.

    If F has a second layer, rows where it is not 0 in column x or y are left out. P: row weights.
    """
    n = F.shape[1]
    m = k + 2
    masked = F.shape[0] > 1
    cols = np.empty(m, dtype=np.int64)
    for i in range(k):
        cols[i] = S[i]
    cols[k], cols[k + 1] = x, y
    mean = np.zeros(m)
    scatter = np.zeros((m, m))
    row = np.empty(m)
    weight = 0.0
    for r in range(n):
        if masked and (F[1, r, x] != 0.0 or F[1, r, y] != 0.0):
            continue
        fine = P[r] > 0.0
        for i in range(m):
            row[i] = F[0, r, cols[i]]
            if np.isnan(row[i]):
                fine = False
                break
        if not fine:
            continue
        weight += P[r]
        share = P[r] / weight
        for i in range(m):  # Welford's update, as in Chan, Golub and LeVeque (1983)
            row[i] -= mean[i]
        for i in range(m):
            for j in range(i + 1):
                scatter[i, j] += P[r] * (1.0 - share) * row[i] * row[j]
        for i in range(m):
            mean[i] += share * row[i]
    df = weight - k - 3.0
    if df <= 0.0:
        return 1.0
    for i in range(m):
        if scatter[i, i] <= 0.0:
            return 1.0
    scale = np.empty(m)
    for i in range(m):
        scale[i] = math.sqrt(scatter[i, i])
    for i in range(m):
        for j in range(i + 1):
            scatter[i, j] /= scale[i] * scale[j]
            scatter[j, i] = scatter[i, j]
    given = np.arange(k)
    r = partial_correlation(scatter, k, k + 1, given, k, W)
    r = min(max(r, -1.0 + 1e-15), 1.0 - 1e-15)
    return math.erfc(math.sqrt(df) * abs(math.atanh(r)) / math.sqrt(2.0))


@njit(TEST, **OPTIONS)
def blocks_independent(x, y, S, k, F, I, P, W):
    """Likelihood-ratio test that blocks x and y are uncorrelated given the blocks of S.

    Wilks's lambda with Bartlett's factor, chi-square with (columns of x)(columns of y) degrees of
    freedom, columns counted after conditioning. I: row d holds the offsets of the blocks.
    """
    d = I.shape[0] - 1
    m = I[x, y]
    C = F[m]
    D = C.shape[0]
    left = np.empty(D)
    for j in range(D):
        left[j] = C[j, j]
    r = 0
    for i in range(k):
        for c in range(I[d, S[i]], I[d, S[i] + 1]):
            r = eliminate(C, c, r, W, left)
    given = r
    free = left.copy()
    for c in range(I[d, x], I[d, x + 1]):
        r = eliminate(C, c, r, W, left)
    qx = r - given
    # y's columns: the share of residual variance left after x, one after another
    mid = r
    log_after = 0.0
    for c in range(I[d, y], I[d, y + 1]):
        before = r
        pivot = left[c]
        r = eliminate(C, c, r, W, left)
        if r > before:
            log_after += math.log(pivot)
    q_after = r - mid
    r = given
    log_before, qy = 0.0, 0
    for c in range(I[d, y], I[d, y + 1]):
        before = r
        pivot = free[c]
        r = eliminate(C, c, r, W, free)
        if r > before:
            log_before += math.log(pivot)
            qy += 1
    if qx == 0 or qy == 0:
        return 1.0
    if q_after < qy:  # x determines a column of y
        return 0.0
    n = P[m] - 1.0 - given - 0.5 * (qx + qy + 1.0)
    if n <= 0.0:
        return 1.0
    return chi2_sf(-n * (log_after - log_before), qx * qy)
