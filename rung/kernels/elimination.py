"""Conditioning on columns of a correlation matrix, one after another, and the BIC that follows.

A file of its own, so that whoever needs only this compiles only this.
"""

# mypy: allow-untyped-defs, allow-incomplete-defs
# (the types of arguments stand in the signature of each kernel)

from __future__ import annotations

import math

import numpy as np
from numba import njit

from .signatures import F1, F2, F3, I1, I2, INNER, TINY, float64, int64


@njit(int64(F2, int64, int64, F1, F1), **INNER)
def eliminate(C, p, r, W, left):
    """Condition on column p, after r others: row r of the factor W, residual variances `left`.

    Returns the number of rows of W now; unchanged if p is determined by the others.
    """
    D = C.shape[0]
    pivot = left[p]
    if pivot < TINY:
        return r
    root = math.sqrt(pivot)
    at = r * D
    for j in range(D):
        W[at + j] = C[p, j]
    for t in range(r):
        w = W[t * D + p]
        if w != 0.0:
            for j in range(D):
                W[at + j] -= w * W[t * D + j]
    for j in range(D):
        W[at + j] /= root
        left[j] -= W[at + j] * W[at + j]
    left[p] = 0.0
    return r + 1


@njit(float64(int64, int64, I1, int64, F3, I2, F1, F1), **INNER)
def block_bic(v, end, parents, k, F, I, P, W):
    """BIC of the columns of v's block up to `end` given all columns of parents[:k].

    Arrays as in `gaussian.gaussian_gains`.
    """
    m = I[1, v]
    C = F[m]
    n, penalty = P[m], P[F.shape[0]] * 0.5 * math.log(P[m])
    size = end - I[0, v]
    for i in range(k):
        size += I[0, parents[i] + 1] - I[0, parents[i]]
    at, given, logdet, q = 0, 0, 0.0, 0
    # rows of the Cholesky factor over (parents, v); a determined column is left out
    cols = np.empty(size, dtype=np.int64)
    for i in range(k + 1):
        node = parents[i] if i < k else v
        for c in range(I[0, node], I[0, node + 1] if i < k else end):
            pivot = C[c, c]
            for t in range(at):
                s = C[c, cols[t]]
                for u in range(t):
                    s -= W[at * size + u] * W[t * size + u]
                s /= W[t * size + t]
                W[at * size + t] = s
                pivot -= s * s
            if pivot >= TINY:
                W[at * size + at] = math.sqrt(pivot)
                cols[at] = c
                at += 1
                if i == k:
                    logdet += math.log(pivot)
                    q += 1
            elif i == k and C[c, c] > 0.0:
                logdet += math.log(TINY)
        if i < k:
            given = at
    return -0.5 * n * logdet - penalty * q * given
