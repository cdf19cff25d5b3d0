"""Coordinate descent on penalised quadratics, one for each node."""

from __future__ import annotations

import numpy as np
from numba import njit

from .signatures import F1, F2, F3, I1, INNER, OUTER, U2, float64, int64, void


@njit(float64(I1, int64, F2, F1, F1), **INNER)
def solve_face(A, k, block, right, out):  # type: ignore[no-untyped-def]
    """Into out[:k] the solution of block[:k, :k] out = right[:k] by Cholesky; 0 if it fails."""
    for i in range(k):
        for j in range(i + 1):
            total = block[i, j]
            for m in range(j):
                total -= block[i, m] * block[j, m]
            if i == j:
                if not total > 1e-12 * block[i, i]:
                    return 0.0
                block[i, i] = np.sqrt(total)
            else:
                block[i, j] = total / block[j, j]
    for i in range(k):
        total = right[i]
        for m in range(i):
            total -= block[i, m] * out[m]
        out[i] = total / block[i, i]
    for i in range(k - 1, -1, -1):
        total = out[i]
        for m in range(i + 1, k):
            total -= block[m, i] * out[m]
        out[i] = total / block[i, i]
    return 1.0


@njit(void(F3, I1, F1, F2, F2, F2, F2, int64, int64, int64, float64), **OUTER)
def lower(S, which, a, G, C, L, T, first, last, rounds, enough):  # type: ignore[no-untyped-def]
    """Lower the model of each node j in first..last-1 over its weights t = T[j], in place.

    With t0 the weights at the start, D = t - t0, and M = a[j] * S[which[j]] + diag(C[j]), the
    model is G[j] D + D' M D / 2 + sum L[j] |t|. An infinite L closes an entry. A round is a sweep
    of coordinate descent over all entries, then a Newton step on those that are not zero, as far
    as no sign changes. A node is done when no step of a sweep lowers its model by more than
    `enough`, or after `rounds`.
    """
    d = T.shape[1]
    g, right, new = np.empty(d), np.empty(d), np.empty(d)
    A, block = np.empty(d, dtype=np.int64), np.empty((d, d))
    for j in range(first, last):
        t, s = T[j], S[which[j]]
        g[:] = G[j]
        for _ in range(rounds):
            largest = 0.0
            for i in range(d):
                limit = L[j, i]
                if limit == np.inf:
                    continue
                curvature = a[j] * s[i, i] + C[j, i]
                if not curvature > 0.0:
                    continue
                pull = curvature * t[i] - g[i]
                if pull > limit:
                    value = (pull - limit) / curvature
                elif pull < -limit:
                    value = (pull + limit) / curvature
                else:
                    value = 0.0
                step = value - t[i]
                if step != 0.0:
                    t[i] = value
                    along = a[j] * step
                    for k in range(d):
                        g[k] += along * s[i, k]
                    g[i] += C[j, i] * step
                    largest = max(largest, step * step * curvature)
            if largest < enough:
                break
            k = 0
            for i in range(d):
                if t[i] != 0.0:
                    A[k] = i
                    right[k] = -g[i] - (L[j, i] if t[i] > 0.0 else -L[j, i])
                    k += 1
            for u in range(k):
                for v in range(u + 1):
                    block[u, v] = a[j] * s[A[u], A[v]]
                block[u, u] += C[j, A[u]]
            if k == 0 or solve_face(A, k, block, right, new) == 0.0:
                continue
            size, stop = 1.0, -1
            for u in range(k):
                i = A[u]
                if L[j, i] > 0.0 and (t[i] + new[u]) * t[i] < 0.0 and -t[i] / new[u] < size:
                    size, stop = -t[i] / new[u], u
            for u in range(k):
                i = A[u]
                step = size * new[u] if u != stop else -t[i]
                t[i] = t[i] + step if u != stop else 0.0
                along = a[j] * step
                for v in range(d):
                    g[v] += along * s[i, v]
                g[i] += C[j, i] * step


@njit(void(I1, U2), **OUTER)
def strongest(order, out):  # type: ignore[no-untyped-def]
    """Into `out` (d, d), zero before: 1 for each edge of `order` that closes no cycle there.

    `order` holds edges as i * d + j, those that enter first first.
    """
    d = out.shape[0]
    reach = np.zeros((d, d), dtype=np.bool_)
    for i in range(d):
        reach[i, i] = True
    for e in order:
        i, j = e // d, e % d
        if reach[j, i]:
            continue
        out[i, j] = 1
        if not reach[i, j]:
            for u in range(d):
                if reach[u, i]:
                    for v in range(d):
                        if reach[j, v]:
                            reach[u, v] = True
