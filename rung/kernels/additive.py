"""Additive models of a column on blocks of features: the basis-function BIC, and CAM's search."""

# mypy: allow-untyped-defs, allow-incomplete-defs
# (the types of arguments stand in the signature of each kernel)

from __future__ import annotations

import math

import numpy as np
from numba import njit

from .elimination import block_bic, eliminate
from .signatures import (
    F1,
    F2,
    F3,
    GAINS,
    I1,
    I2,
    INNER,
    LOCAL,
    OPTIONS,
    OUTER,
    TINY,
    U1,
    U2,
    GainsFunction,
    float64,
    int64,
)  # fmt: skip

TIE = 1e-9


@njit(int64(F2, int64, int64, int64, int64, F1, F2), **INNER)
def residual_block(C, a, b, r0, D, W, A):
    """Cholesky factor of columns a..b given rows 0..r0 of W, into A; columns that are left."""
    q = b - a
    for i in range(q):
        for j in range(i + 1):
            A[i, j] = C[a + i, a + j]
    for t in range(r0):
        at = t * D + a
        for i in range(q):
            w = W[at + i]
            for j in range(i + 1):
                A[i, j] -= w * W[at + j]
    count = 0
    for i in range(q):
        for j in range(i):
            s = A[i, j]
            for t in range(j):
                s -= A[i, t] * A[j, t]
            A[i, j] = s / A[j, j] if A[j, j] > 0.0 else 0.0
        s = A[i, i]
        for t in range(i):
            s -= A[i, t] * A[i, t]
        if s > TINY:
            A[i, i] = math.sqrt(s)
            count += 1
        else:
            A[i, i] = 0.0
    return count


@njit(float64(F2, int64), **INNER)
def log_pivots(A, q):
    """Log determinant of the q leading columns from their Cholesky factor, empty ones left out."""
    total = 0.0
    for i in range(q):
        if A[i, i] > 0.0:
            total += 2.0 * math.log(A[i, i])
    return total


@njit(GAINS, **OPTIONS)
def basis_gains(v, parents, k, allowed, out, F, I, P, W):
    """Basis-function BIC of node v given parents, and with each allowed candidate added.

    As `gaussian_gains`, but only the first I[2, v] columns of v's block are what is explained: one
    for a number, all for levels.
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
    a = I[0, v]
    logdet, q = 0.0, 0
    for c in range(a, a + I[2, v]):
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
    y = np.empty(widest)
    for c in range(d):
        if allowed[c] == 0:
            continue
        s, e = I[0, c], I[0, c + 1]
        cols = residual_block(C, s, e, given, D, W, A)
        if q == 1:  # the share of the residual variance that the block explains
            share = 0.0
            for i in range(e - s):
                t = W[given * D + s + i]
                for j in range(i):
                    t -= A[i, j] * y[j]
                y[i] = t / A[i, i] if A[i, i] > 0.0 else 0.0
                share += y[i] * y[i]
            change = math.log(max(1.0 - share, TINY))
        else:
            change = -log_pivots(A, e - s)
            residual_block(C, s, e, r, D, W, A)
            change += log_pivots(A, e - s)
        out[c] = base - 0.5 * n * change - penalty * q * cols
    return base


@njit(LOCAL, **OPTIONS)
def basis_local(v, parents, k, F, I, P, W):
    """Basis-function BIC of node v given parents[:k]; arrays as in `basis_gains`."""
    return block_bic(v, I[0, v] + I[2, v], parents, k, F, I, P, W)


@njit(int64(GainsFunction, int64, U1, int64, I1, F3, I2, F1, F1), **OUTER)
def neighbours(gains, v, allowed, most, chosen, F, I, P, W):
    """Up to `most` parents of v by forward selection, into chosen; their number."""
    d = allowed.shape[0]
    may = allowed.copy()
    out = np.empty(d)
    k = 0
    while k < most:
        base = gains(v, chosen, k, may, out, F, I, P, W)
        best = -1
        for c in range(d):
            if may[c] and out[c] > base + TIE and (best < 0 or out[c] > out[best]):
                best = c
        if best < 0:
            break
        chosen[k] = best
        may[best] = 0
        k += 1
    return k


@njit(int64(GainsFunction, U2, U2, U2, F2, U1, int64, F3, I2, F1, F1), **OUTER)
def add_edges(gains, may, dag, reach, gain, fresh, limit, F, I, P, W):
    """Add the edge with the largest gain that closes no cycle, until none gains; `limit` steps.

    may[v, c]: c -> v may be added. dag, reach: edges and paths so far, [i, j] for i to j.
    gain[v, c]: of c -> v; fresh[v] is 0 where it must be computed. Returns 1 if done, else 0.
    """
    d = dag.shape[0]
    parents = np.empty(d + 1, dtype=np.int64)
    allowed = np.empty(d, dtype=np.uint8)
    out = np.empty(d)
    for _ in range(limit):
        stale = -1
        for v in range(d):
            if fresh[v] == 0:
                stale = v
                break
        if stale >= 0:
            v, k = stale, 0
            for c in range(d):
                if dag[c, v]:
                    parents[k] = c
                    k += 1
                allowed[c] = 1 if may[v, c] and not dag[c, v] and not reach[v, c] else 0
            base = gains(v, parents, k, allowed, out, F, I, P, W)
            for c in range(d):
                gain[v, c] = out[c] - base if allowed[c] else -np.inf
            fresh[v] = 1
            continue
        best, to, by = TIE, -1, -1
        for v in range(d):
            for c in range(d):
                if gain[v, c] > best and not reach[v, c]:
                    best, to, by = gain[v, c], v, c
        if to < 0:
            return 1
        dag[by, to] = 1
        fresh[to] = 0
        for i in range(d):
            if i == by or reach[i, by]:
                for j in range(d):
                    if j == to or reach[to, j]:
                        reach[i, j] = 1
    return 0
