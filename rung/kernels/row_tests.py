"""Fisher's z on the rows complete in the columns of the test."""

# mypy: allow-untyped-defs, allow-incomplete-defs
# (the types of arguments stand in the signature of each kernel)

from __future__ import annotations

import math

import numpy as np
from numba import njit

from .gaussian_tests import partial_correlation
from .signatures import OPTIONS, TEST


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
