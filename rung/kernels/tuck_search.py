"""Greedy relaxations of the sparsest permutation (Lam, Andrews and Ramsey 2022).

An order gives a DAG: the parents of each node are grown and shrunk within what precedes it, by the
trees of `order_search`. A tuck of an edge x -> y moves y, and those of its ancestors that lie
between, to the place before x. Orders are searched depth first over tucks that leave the score as
it is, and start anew from the first that is better.
"""

# mypy: allow-untyped-defs, allow-incomplete-defs
# (the types of arguments stand in the signature of each kernel)

from __future__ import annotations

import numpy as np
from numba import njit

from .order_search import shrink, trace
from .signatures import (
    F1,
    F3,
    I1,
    I2,
    OUTER,
    U2,
    GainsFunction,
    LocalFunction,
    float64,
    int64,
)  # fmt: skip

FULL = -1  # the arrays of the trees are too short; enlarge them and go on
DONE, PAUSE = 0, 1
# places in the vector of counters z
LEVEL, PLACE, SINCE, TUCKS, STORED = 0, 1, 2, 3, 4
COUNTERS = 5


@njit(
    int64(
        LocalFunction, GainsFunction, I1, I1, int64, int64, U2, U2, I1, I1, F1, F1, I1, I1, I1,
        I1, I1, F3, I2, F1, F1,
    ),
    **OUTER,
)  # fmt: skip
def place(
    local, gains, order, at, begin, end, allowed, required, count, first, grown, leaf, which,
    child, where, pool, z, F, I, P, W,
):  # fmt: skip
    """Bring `at`, the tree node that each node reaches, up to date for order[begin:end].

    pool[where[node]:] holds the number of parents after shrinking, then the parents. FULL as in
    `trace`, also if `pool` is too short.
    """
    d = order.shape[0]
    prefix = np.zeros(d, dtype=np.uint8)
    parents = np.empty(d + 1, dtype=np.int64)
    k_out = np.zeros(1, dtype=np.int64)
    for i in range(begin):
        prefix[order[i]] = 1
    for i in range(begin, end):
        v = order[i]
        node = trace(
            local, gains, v, prefix, allowed, required, parents, k_out, count, first, grown,
            leaf, which, child, F, I, P, W,
        )  # fmt: skip
        if node < 0:
            return FULL
        if where[node] < 0:
            if z[STORED] + d + 1 > pool.shape[0]:
                return FULL
            fixed = 0
            for p in range(d):
                fixed += required[p, v]
            shrink(local, v, parents, k_out, fixed, grown[node], F, I, P, W)
            where[node] = z[STORED]
            pool[z[STORED]] = k_out[0]
            for j in range(k_out[0]):
                pool[z[STORED] + 1 + j] = parents[j]
            z[STORED] += 1 + k_out[0]
        at[v] = node
        prefix[v] = 1
    return 0


@njit(
    int64(
        LocalFunction, GainsFunction, int64, int64, int64, int64, I2, I2, I2, U2, U2, I1,
        I1, F1, F1, I1, I1, I1, I1, I1, float64, F3, I2, F1, F1,
    ),
    **OUTER,
)  # fmt: skip
def climb(
    local, gains, depth, uncovered, nonsingular, limit, orders, ats, seen, allowed,
    required, count, first, grown, leaf, which, child, where, pool, z, tie, F, I, P, W,
):  # fmt: skip
    """Search from orders[0]; about `limit` tucks. DONE, PAUSE or FULL.

    orders, ats (depth + 1, d): the order and the tree nodes of each level of the search;
    seen (depth + 1, 3): how many places level l has gone through, the next parent there, and a
    hash of the edges turned on the way. Up to level `uncovered` edges need not be covered, up to
    `nonsingular` they may have another path beside them.
    """
    d = orders.shape[1]
    begun = z[TUCKS]
    inside = np.zeros(d, dtype=np.uint8)
    while True:
        level = z[LEVEL]
        if seen[level, 0] >= d:
            if level == 0:
                return DONE
            z[LEVEL] -= 1
            continue
        if z[TUCKS] - begun >= limit:
            return PAUSE
        order, at = orders[level], ats[level]
        here = (seen[level, 0] + (z[PLACE] if level == 0 else 0)) % d
        y = order[here]
        own = where[at[y]]
        if seen[level, 1] >= pool[own]:
            seen[level, 0] += 1
            seen[level, 1] = 0
            continue
        x = pool[own + 1 + seen[level, 1]]
        seen[level, 1] += 1
        if required[x, y]:
            continue
        # covered: the parents of y are x and those of x
        other = where[at[x]]
        shared = 0
        for i in range(pool[other]):
            for j in range(pool[own]):
                shared += pool[own + 1 + j] == pool[other + 1 + i]
        covered = shared == pool[other] and pool[own] == pool[other] + 1
        if not covered and level >= uncovered:
            continue
        # ancestors of y after x, from the back
        there = here
        for i in range(d):
            inside[i] = 0
        inside[y] = 1
        singular = True
        while order[there] != x:
            v = order[there]
            if inside[v]:
                place_ = where[at[v]]
                for i in range(pool[place_]):
                    p = pool[place_ + 1 + i]
                    if p == x and v != y:
                        singular = False
                    inside[p] = 1
            there -= 1
        if not singular and level >= nonsingular:
            continue
        fits = True  # causes of what moves move too, other than x
        for i in range(there + 1, here + 1):
            if inside[order[i]] and required[x, order[i]]:
                fits = False
        if not fits:
            continue
        inside[x] = 0
        z[TUCKS] += 1
        new, reached = orders[level + 1], ats[level + 1]
        for i in range(d):
            new[i], reached[i] = order[i], at[i]
        k = there
        for i in range(there, here + 1):
            if inside[order[i]]:
                new[k] = order[i]
                k += 1
        for i in range(there, here + 1):
            if not inside[order[i]]:
                new[k] = order[i]
                k += 1
        code = place(
            local, gains, new, reached, there, here + 1, allowed, required, count, first, grown,
            leaf, which, child, where, pool, z, F, I, P, W,
        )  # fmt: skip
        if code < 0:
            seen[level, 1] -= 1
            return FULL
        gain = 0.0
        for i in range(there, here + 1):
            gain += leaf[reached[new[i]]] - leaf[at[new[i]]]
        if gain > tie:
            for i in range(d):
                orders[0, i], ats[0, i] = new[i], reached[i]
            z[PLACE] = here  # go on from here, once around
            z[LEVEL] = 0
            seen[0, 0], seen[0, 1] = 0, 0
        elif gain >= -tie and level + 1 < depth:
            # the edges that turn: between those moved before and those left behind
            key = seen[level, 2]
            for i in range(there, here + 1):
                for j in range(i):
                    if j >= there and inside[order[i]] and not inside[order[j]]:
                        a, b = min(order[i], order[j]), max(order[i], order[j])
                        pair = (a * d + b + 1) * 2654435761
                        key ^= pair ^ (pair >> 13) ^ (pair << 17)
            known = key == 0
            for i in range(level + 1):
                known = known or (i > 0 and seen[i, 2] == key)
            if not known:
                z[LEVEL] += 1
                seen[level + 1, 0], seen[level + 1, 1], seen[level + 1, 2] = 0, 0, key
