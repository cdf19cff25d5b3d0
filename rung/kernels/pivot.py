"""An order of the variables to begin a search with."""

# mypy: allow-untyped-defs, allow-incomplete-defs
# (the types of arguments stand in the signature of each kernel)

from __future__ import annotations

import numpy as np
from numba import njit

from .signatures import F3, I1, I2, OUTER


@njit(I1(F3, I2), **OUTER)
def pivot_order(F, I):
    """A start: at each place the node whose variance the earlier ones explain best.

    Begins with the pair of the largest correlation (Wienoebst, Henckel and Weichwald 2026).
    Columns are single, F[0] a correlation matrix.
    """
    C = F[0]
    d = C.shape[0]
    order = np.empty(d, dtype=np.int64)
    done = np.zeros(d, dtype=np.uint8)
    left = np.ones(d)
    L = np.empty((d, d))
    a, b, top = 0, min(1, d - 1), -1.0
    for i in range(d):
        for j in range(i + 1, d):
            if abs(C[i, j]) > top:
                top, a, b = abs(C[i, j]), i, j
    more = 0.0
    for j in range(d):
        more += C[b, j] ** 2 - C[a, j] ** 2
    if more > 0.0:  # not by their places: columns come in any order
        a, b = b, a
    for step in range(d):
        if step < 2:
            best = a if step == 0 else b
        else:
            best = -1
            for j in range(d):
                if not done[j] and (best < 0 or left[j] < left[best]):
                    best = j
        order[step] = best
        done[best] = 1
        scale = 1.0 / np.sqrt(max(left[best], 1e-12))
        row = L[step]
        for j in range(d):
            row[j] = C[best, j] * scale
        for t in range(step):  # along rows, which lie together in memory
            earlier = L[t]
            w = earlier[best] * scale
            for j in range(d):
                row[j] -= w * earlier[j]
        for j in range(d):
            left[j] -= row[j] * row[j]
    return order
