"""The likelihood-ratio test G2 on codes of levels; arrays as in `cells`."""

# mypy: allow-untyped-defs, allow-incomplete-defs
# (the types of arguments stand in the signature of each kernel)

from __future__ import annotations

import numpy as np
from numba import njit

from .bits import cell_number, count, rows_for
from .cells import cells, log_ratio, sorted_rows, usable
from .signatures import OPTIONS, TEST
from .special import chi2_sf


@njit(inline="always")
def by_sets(x, y, S, k, total, F, I, W):
    """G2 of a table of `total` cells, counted by sets of rows."""
    d = int(F[0, 0, 0])
    members = np.empty(k + 2, dtype=np.int64)
    for i in range(k):
        members[i] = S[i]
    members[k], members[k + 1] = x, y
    rx, ry = I[d, x], I[d, y]
    count(members, k + 1, members[k + 1 :], 1, rows_for(x, F), rows_for(y, F), I, F, W)
    W = W[total // ry :]
    left, top, sums = np.empty(rx), np.empty(ry), np.zeros(2)
    for at in range(0, total, rx * ry):
        log_ratio(W[at : at + rx * ry], rx, ry, left, top, sums)
    return chi2_sf(2.0 * max(sums[0], 0.0), sums[1])


@njit(TEST, **OPTIONS)
def g2(x, y, S, k, F, I, P, W):
    """G-test of x and y in the strata of S; a stratum counts the levels that occur in it."""
    d, n = int(F[0, 0, 0]), P.shape[0] - 1
    total = cell_number(S, k, I, d) * (I[d, x] * I[d, y])
    if F[0, 0, 2] > 0.0 and 2 * total <= min(W.shape[0], 8 * n + 1024):
        return by_sets(x, y, S, k, int(total), F, I, W)
    keys = np.empty(n, dtype=np.int64)
    usable(keys, x, y, I, F, P)
    for r in range(n):
        if I[x, r] < 0 or I[y, r] < 0:
            keys[r] = -1
    strata = cells(keys, S, k, I, d)
    rx, ry = I[d, x], I[d, y]
    size = rx * ry
    left, top = np.empty(rx), np.empty(ry)
    sums = np.zeros(2)
    whole = strata * size <= W.shape[0]
    order = np.empty(0, dtype=np.int64)
    if whole:
        W[: strata * size] = 0.0
        for r in range(n):
            if keys[r] >= 0:
                W[keys[r] * size + I[x, r] * ry + I[y, r]] += P[r]
    else:
        order = sorted_rows(keys)
    at = 0
    table = np.zeros(size)
    while at < order.shape[0] and keys[order[at]] < 0:
        at += 1
    for s in range(strata):
        if whole:
            table = W[s * size : (s + 1) * size]
        else:
            table[:] = 0.0
            while at < order.shape[0] and keys[order[at]] == s:
                r = order[at]
                table[I[x, r] * ry + I[y, r]] += P[r]
                at += 1
        log_ratio(table, rx, ry, left, top, sums)
    return chi2_sf(2.0 * max(sums[0], 0.0), sums[1])
