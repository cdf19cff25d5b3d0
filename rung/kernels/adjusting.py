"""For which outcomes is a set a valid adjustment set: one search answers for all of them."""

# mypy: allow-untyped-defs, allow-incomplete-defs
# (the types of arguments stand in the signature of each kernel)

from __future__ import annotations

import numpy as np
from numba import njit

from .signatures import I1, INNER, OUTER, U1, U2, int64, void

PARENTS, ANCESTORS, OPTIMAL = 0, 1, 2


@njit(void(U1, I1, I1, int64, U1), **INNER)
def spread(seeds, start, other, avoid, out):
    """out = seeds and all that the lists reach from them, never `avoid` (-1 for none)."""
    d = seeds.shape[0]
    stack = np.empty(d, dtype=np.int64)
    size = 0
    for v in range(d):
        out[v] = seeds[v]
        if seeds[v]:
            stack[size] = v
            size += 1
    while size:
        size -= 1
        v = stack[size]
        for k in range(start[v], start[v + 1]):
            w = other[k]
            if w != avoid and not out[w]:
                out[w] = 1
                stack[size] = w
                size += 1


@njit(void(int64, U1, I1, I1, I1, I1, int64, U1), **INNER)
def invalid(t, given, down, child, up, parent, only, out):
    """out[y] = 1 where `given` is no adjustment set for the effect of t on y in a DAG.

    Children of v are child[down[v]:down[v + 1]], parents alike. Either a member descends from a
    node on a causal path to y, or an open walk from t to y is not causal (Shpitser, VanderWeele
    and Robins 2010; one search for all y as in Henckel, Wuerthen, Wienoebst and Weichwald 2024).
    With `only` >= 0 the search ends when that y is found. out[y] means nothing for y in `given`.
    """
    d = given.shape[0]
    above = np.empty(d, dtype=np.uint8)
    spread(given, up, parent, -1, above)
    # states: 3 v by a head on a causal walk, 3 v + 1 by a head on another, 3 v + 2 by a tail
    seen = np.zeros(3 * d, dtype=np.uint8)
    stack = np.empty(3 * d, dtype=np.int64)
    spoilt = np.zeros(d, dtype=np.uint8)
    size = 0
    for k in range(down[t], down[t + 1]):
        stack[size] = child[k]
        size += 1
    # descendants of t that are ancestors of a member: their descendants are spoilt
    below = np.zeros(d, dtype=np.uint8)
    for k in range(size):
        below[stack[k]] = 1
    spread(below, down, child, t, out)
    for v in range(d):
        if out[v] and above[v]:
            spoilt[v] = 1
    spread(spoilt, down, child, t, out)
    if only >= 0 and out[only]:
        return
    for k in range(size):
        stack[k] = 3 * stack[k]
        seen[stack[k]] = 1
    for k in range(up[t], up[t + 1]):
        stack[size] = 3 * parent[k] + 2
        seen[stack[size]] = 1
        size += 1
    while size:
        size -= 1
        v = stack[size] // 3
        kind = stack[size] % 3
        if kind > 0:
            out[v] = 1
            if v == only:
                return
        if not given[v]:
            for k in range(down[v], down[v + 1]):
                w = child[k]
                state = 3 * w + (1 if kind > 0 else 0)
                if w != t and not seen[state]:
                    seen[state] = 1
                    stack[size] = state
                    size += 1
        if (kind == 2 and not given[v]) or (kind < 2 and above[v]):
            for k in range(up[v], up[v + 1]):
                w = parent[k]
                if w != t and not seen[3 * w + 2]:
                    seen[3 * w + 2] = 1
                    stack[size] = 3 * w + 2
                    size += 1


@njit(void(int64, U2, I1, I1, U1, U1), **INNER)
def possible(t, loose, start, other, reached, undecided):
    """Possible descendants of t, and those that a path starting with t -- v may reach."""
    d = loose.shape[0]
    seeds = np.zeros(d, dtype=np.uint8)
    for k in range(start[t], start[t + 1]):
        seeds[other[k]] = loose[t, other[k]]
    spread(seeds, start, other, t, undecided)
    for k in range(start[t], start[t + 1]):
        seeds[other[k]] = 1
    spread(seeds, start, other, t, reached)


@njit(void(int64, int64, I1, I1, I1, I1, U1), **INNER)
def optimal(t, y, down, child, up, parent, out):
    """out = the optimal adjustment set of t on a descendant y in a DAG (Henckel et al. 2022)."""
    d = out.shape[0]
    seeds = np.zeros(d, dtype=np.uint8)
    causal = np.empty(d, dtype=np.uint8)
    below = np.empty(d, dtype=np.uint8)
    seeds[t] = 1
    spread(seeds, down, child, -1, below)
    seeds[t] = 0
    seeds[y] = 1
    spread(seeds, up, parent, t, causal)
    for v in range(d):
        causal[v] = causal[v] and below[v] and v != t
        out[v] = 0
    spread(causal, down, child, -1, below)
    for v in range(d):
        if causal[v]:
            for k in range(up[v], up[v + 1]):
                w = parent[k]
                if w != t and not below[w]:
                    out[w] = 1


@njit(
    void(int64, int64, U2, I1, I1, I1, I1, I1, I1, U2, U2, I1, I1, I1, I1, I1, I1, U2, U1),
    **OUTER,
)
def mistakes(
    t, strategy, loose, may, whom, down, child, up, parent,
    loose2, directed2, may2, whom2, down2, child2, up2, parent2, arrows2, wrong,
):  # fmt: skip
    """wrong[y] = 1 where the second graph's formula for t on y is wrong in the first.

    For each graph: undirected part, lists of possible steps, a DAG of its class as lists of
    children and parents. `directed2` and `arrows2` are the second graph's own arrows, the latter
    closed under ancestry.
    """
    d = loose.shape[0]
    reached = np.empty(d, dtype=np.uint8)
    undecided = np.empty(d, dtype=np.uint8)
    reached2 = np.empty(d, dtype=np.uint8)
    undecided2 = np.empty(d, dtype=np.uint8)
    given = np.zeros(d, dtype=np.uint8)
    out = np.empty(d, dtype=np.uint8)
    possible(t, loose, may, whom, reached, undecided)
    possible(t, loose2, may2, whom2, reached2, undecided2)
    if strategy == PARENTS:
        for v in range(d):
            given[v] = directed2[v, t]
    elif strategy == ANCESTORS:
        for v in range(d):
            given[v] = arrows2[v, t] and v != t
    if strategy != OPTIMAL:
        invalid(t, given, down, child, up, parent, -1, out)
    for y in range(d):
        wrong[y] = 0
        if y == t:
            continue
        zero = given[y] if strategy == PARENTS else not reached2[y]
        if zero:
            wrong[y] = reached[y]
        elif undecided2[y]:
            wrong[y] = not undecided[y]
        elif undecided[y]:
            wrong[y] = 1
        else:
            if strategy == OPTIMAL:
                optimal(t, y, down2, child2, up2, parent2, given)
                invalid(t, given, down, child, up, parent, y, out)
            wrong[y] = out[y]


__all__ = ["ANCESTORS", "OPTIMAL", "PARENTS", "mistakes"]
