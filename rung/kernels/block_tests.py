"""Gaussian tests on correlation matrices of blocks of columns."""

# mypy: allow-untyped-defs, allow-incomplete-defs
# (the types of arguments stand in the signature of each kernel)

from __future__ import annotations

import math

import numpy as np
from numba import njit

from .elimination import eliminate
from .signatures import OPTIONS, TEST
from .special import chi2_sf


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
