"""Conditioning on columns of a correlation matrix, one after another.

A file of its own, so that whoever needs only this compiles only this.
"""

# mypy: allow-untyped-defs, allow-incomplete-defs
# (the types of arguments stand in the signature of each kernel)

from __future__ import annotations

import math

from numba import njit

from .signatures import F1, F2, OPTIONS, int64

TINY = 1e-10  # residual variance of a standardised column that counts as none


@njit(int64(F2, int64, int64, F1, F1), **OPTIONS)
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
