"""Coordinate descent on penalised quadratics, one for each node."""

from __future__ import annotations

import numpy as np
from numba import njit

from .signatures import F1, F2, F3, I1, OPTIONS, float64, int64, void


@njit(void(F3, I1, F1, F2, F2, F2, F2, int64, int64, int64, float64), **OPTIONS)
def lower(S, which, a, G, C, L, T, first, last, sweeps, enough):  # type: ignore[no-untyped-def]
    """Lower the model of each node j in first..last-1 over its weights t = T[j], in place.

    With t0 the weights at the start, D = t - t0, and M = a[j] * S[which[j]] + diag(C[j]), the
    model is G[j] D + D' M D / 2 + sum L[j] |t|. An infinite L closes an entry. Sweeps over all
    entries alternate with sweeps over those that are not zero; a node is done when no step of a
    sweep over all lowers its model by more than `enough`, or after `sweeps`.
    """
    d = T.shape[1]
    g = np.empty(d)
    for j in range(first, last):
        t, s = T[j], S[which[j]]
        g[:] = G[j]
        everything = True
        for _ in range(sweeps):
            largest = 0.0
            for i in range(d):
                limit = L[j, i]
                if limit == np.inf or not (everything or t[i] != 0.0):
                    continue
                curvature = a[j] * s[i, i] + C[j, i]
                if not curvature > 0.0:
                    continue
                pull = curvature * t[i] - g[i]
                if pull > limit:
                    new = (pull - limit) / curvature
                elif pull < -limit:
                    new = (pull + limit) / curvature
                else:
                    new = 0.0
                step = new - t[i]
                if step != 0.0:
                    t[i] = new
                    along = a[j] * step
                    for k in range(d):
                        g[k] += along * s[i, k]
                    g[i] += C[j, i] * step
                    largest = max(largest, step * step * curvature)
            if largest < enough:
                if everything:
                    break
                everything = True
            else:
                everything = False


@njit(void(F2, F2, F2), **OPTIONS)
def strongest(W, required, out):  # type: ignore[no-untyped-def]
    """Into `out` (d, d): 1 where an edge is kept when edges enter from large |W| to small.

    Edges of `required` enter first; an edge that would close a cycle is left out.
    """
    d = W.shape[0]
    reach = np.zeros((d, d), dtype=np.bool_)
    size = np.abs(W).ravel()
    for i in range(d):
        reach[i, i] = True
    for e in range(d * d):
        if required.ravel()[e] > 0.0:
            size[e] = np.inf
    order = np.argsort(-size)
    for e in order:
        if size[e] == 0.0:
            break
        i, j = e // d, e % d
        if reach[j, i]:
            continue
        out[i, j] = 1.0
        if not reach[i, j]:
            for u in range(d):
                if reach[u, i]:
                    for v in range(d):
                        if reach[j, v]:
                            reach[u, v] = True
