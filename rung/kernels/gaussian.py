"""Gaussian scores on correlation matrices, plain or in blocks of columns."""

# mypy: allow-untyped-defs, allow-incomplete-defs
# (the types of arguments stand in the signature of each kernel)

from __future__ import annotations

import math

import numpy as np
from numba import njit

from .elimination import block_bic, eliminate
from .signatures import F1, F2, GAINS, INNER, LOCAL, OPTIONS, TINY, float64, int64


@njit(float64(F2, int64, int64, int64, int64, F1, F2), **INNER)
def block_logdet(C, a, b, r0, r1, W, A):
    """Log determinant of columns a..b given rows r0..r1 taken off C; determined ones left out."""
    D = C.shape[0]
    q = b - a
    total = 0.0
    for i in range(q):
        for j in range(i + 1):
            s = C[a + i, a + j]
            for t in range(r0, r1):
                s -= W[t * D + a + i] * W[t * D + a + j]
            A[i, j] = s
    for i in range(q):
        for j in range(i):
            s = A[i, j]
            for t in range(j):
                s -= A[i, t] * A[j, t]
            A[i, j] = s / A[j, j] if A[j, j] > 0.0 else 0.0
        s = A[i, i]
        for t in range(i):
            s -= A[i, t] * A[i, t]
        A[i, i] = math.sqrt(s) if s > TINY else 0.0
        if s > TINY:
            total += math.log(s)
    return total


@njit(GAINS, **OPTIONS)
def gaussian_gains(v, parents, k, allowed, out, F, I, P, W):
    """BIC of node v given parents, and with each allowed candidate added.

    I: offsets of the blocks (row 0), matrix of each node (row 1). P: rows of each matrix, then
    the penalty. Score: -n/2 log det(residual covariance) - penalty/2 log(n) * coefficients.
    """
    d = out.shape[0]
    m = I[1, v]
    C = F[m]
    D = C.shape[0]
    n, penalty = P[m], P[F.shape[0]] * 0.5 * math.log(P[m])
    left = np.empty(D)
    for j in range(D):
        left[j] = C[j, j]
    r = 0
    for i in range(k):
        for c in range(I[0, parents[i]], I[0, parents[i] + 1]):
            r = eliminate(C, c, r, W, left)
    given = r
    before = left.copy()
    a, b = I[0, v], I[0, v + 1]
    logdet, q = 0.0, 0
    for c in range(a, b):
        pivot = left[c]
        r = eliminate(C, c, r, W, left)
        if r > given + q:
            logdet += math.log(pivot)
            q += 1
        elif C[c, c] > 0.0:
            logdet += math.log(TINY)
    base = -0.5 * n * logdet - penalty * q * given
    widest = 1
    for c in range(d):
        widest = max(widest, I[0, c + 1] - I[0, c])
    A = np.empty((widest, widest))
    for c in range(d):
        if allowed[c] == 0:
            continue
        s, e = I[0, c], I[0, c + 1]
        if e - s == 1:
            if before[s] < TINY:
                out[c] = base
                continue
            gain = -0.5 * n * math.log(max(left[s], TINY) / before[s])
            out[c] = base + gain - penalty * q
        else:
            full = block_logdet(C, s, e, 0, given, W, A)
            cols = 0
            for i in range(e - s):
                cols += A[i, i] > 0.0
            less = block_logdet(C, s, e, 0, r, W, A)
            out[c] = base - 0.5 * n * (less - full) - penalty * q * cols
    return base


@njit(LOCAL, **OPTIONS)
def gaussian_local(v, parents, k, F, I, P, W):
    """BIC of node v given parents[:k]; arrays as in `gaussian_gains`."""
    return block_bic(v, I[0, v + 1], parents, k, F, I, P, W)
