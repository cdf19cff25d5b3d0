"""The best DAG by dynamic programming over sets of variables (Silander and Myllymaki 2006).

A set of variables is the bits of an integer; a set of possible parents of v leaves out bit v.
"""

# mypy: allow-untyped-defs, allow-incomplete-defs
# (the types of arguments stand in the signature of each kernel)

from __future__ import annotations

import numpy as np
from numba import njit

from .signatures import F1, F2, F3, I1, I2, OUTER, LocalFunction, int64, void


@njit(int64(LocalFunction, int64, int64, int64, int64, int64, int64, F2, F3, I2, F1, F1), **OUTER)
def fill(local, v, begin, limit, allowed, required, largest, best, F, I, P, W):
    """Local scores of v for the sets from `begin` on, at most `limit` of them, into best[v].

    -inf for sets that hold a node that is not allowed, lack a required one, or have more than
    `largest` nodes. Returns the first set not looked at.
    """
    d, size = best.shape
    parents = np.empty(d, dtype=np.int64)
    done = 0
    low = (1 << v) - 1
    for s in range(begin, size):
        whole = (s & low) | ((s & ~low) << 1)
        if whole & ~allowed or required & ~whole:
            best[v, s] = -np.inf
            continue
        k = 0
        for p in range(d):
            if whole >> p & 1:
                parents[k] = p
                k += 1
        if k > largest:
            best[v, s] = -np.inf
            continue
        if done == limit:
            return s
        best[v, s] = local(v, parents, k, F, I, P, W)
        done += 1
    return size


@njit(void(F2, int64), **OUTER)
def spread(best, v):
    """Turn the scores of sets into the best over their subsets."""
    size = best.shape[1]
    bit = 1
    while bit < size:
        for s in range(size):
            if s & bit and best[v, s ^ bit] >= best[v, s]:
                best[v, s] = best[v, s ^ bit]
        bit <<= 1


@njit(int64(F2, F1, int64, int64), **OUTER)
def join(best, total, begin, end):
    """total[s]: score of the best DAG on the variables s, for s in begin..end; total[0] = 0."""
    d = best.shape[0]
    for s in range(begin, end):
        top = -np.inf
        for v in range(d):
            if s >> v & 1:
                rest = s ^ (1 << v)
                low = (1 << v) - 1
                value = total[rest] + best[v, (rest & low) | ((rest >> 1) & ~low)]
                top = max(top, value)
        total[s] = top
    return end


@njit(void(F2, F1, I1), **OUTER)
def trace_back(best, total, parents):
    """parents[v]: the parents of v in the best DAG, as bits; of equal sets a smallest one."""
    d = best.shape[0]
    s = (1 << d) - 1
    while s:
        sink, where, top = -1, 0, -np.inf
        for v in range(d):
            if s >> v & 1:
                rest = s ^ (1 << v)
                low = (1 << v) - 1
                at = (rest & low) | ((rest >> 1) & ~low)
                value = total[rest] + best[v, at]
                if sink < 0 or value > top:
                    sink, where, top = v, at, value
        low = (1 << sink) - 1
        for p in range(d):
            bit = 1 << p
            if where & bit and best[sink, where ^ bit] == best[sink, where]:
                where ^= bit
        parents[sink] = (where & low) | ((where & ~low) << 1)
        s ^= 1 << sink
