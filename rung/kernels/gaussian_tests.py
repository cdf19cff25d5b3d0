"""Fisher's z on correlation matrices."""

# mypy: allow-untyped-defs, allow-incomplete-defs
# (the types of arguments stand in the signature of each kernel)

from __future__ import annotations

import math

from numba import njit

from .signatures import F1, F2, I1, OPTIONS, OUTER, TEST, TINY, float64, int64


@njit(float64(F2, int64, int64, I1, int64, F1), **OUTER)
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
