"""Possible d-separation sets, and the tests of one size given their subsets."""

# mypy: allow-untyped-defs, allow-incomplete-defs
# (the types of arguments stand in the signature of each kernel)

from __future__ import annotations

import numpy as np
from numba import njit
from numba.core import types

from .signatures import F1, F3, I1, I2, OUTER, U1, U2, TestFunction, float64, int64
from .skeleton import advance

TAIL, ARROW = 1, 2
U3 = types.Array(types.uint8, 3, "C")


@njit(types.void(U2, I1, I1, U2), **OUTER)
def possible_ancestors(marks, first, near, out):
    """out[x, v] = 1 where v = x or a path leads from v to x that no mark forbids to be directed.

    No arrowhead on it points back to v, and no tail to x.
    """
    d = marks.shape[0]
    queue = np.empty(d, dtype=np.int64)
    for x in range(d):
        out[x, x] = 1
        queue[0] = x
        head, tail = 0, 1
        while head < tail:
            v = queue[head]
            head += 1
            for t in range(first[v], first[v + 1]):
                w = near[t]
                if out[x, w] == 0 and marks[v, w] != ARROW and marks[w, v] != TAIL:
                    out[x, w] = 1
                    queue[tail] = w
                    tail += 1


@njit(types.void(U2, I1, I1, I1, U2, I2, U3), **OUTER)
def possible_dsep(marks, first, near, owner, above, edges, out):
    """out[e, s, v] = 1 for v in the possible d-separation set of end s of edge e.

    A path leads to v from x, that end, not through y, the other one: every inner node is a
    collider on it, or the middle of a triangle (Spirtes, Glymour and Scheines 2000, section 6.7),
    and all its nodes may be ancestors of x or y (above[x, v], above[y, v]), as those of the set
    that is looked for are. Walks stand for paths, which can only make the sets larger.
    """
    stamp = np.full(near.shape[0], -1, dtype=np.int64)
    queue = np.empty(near.shape[0] + 1, dtype=np.int64)
    for e in range(edges.shape[0]):
        for side in range(2):
            x, y = edges[e, side], edges[e, 1 - side]
            mark = 2 * e + side
            head = tail = 0
            for t in range(first[x], first[x + 1]):
                w = near[t]
                if w != y and (above[x, w] or above[y, w]):
                    stamp[t] = mark
                    queue[tail] = t
                    tail += 1
            while head < tail:
                s = queue[head]
                head += 1
                u, v = owner[s], near[s]
                out[e, side, v] = 1
                for t in range(first[v], first[v + 1]):
                    w = near[t]
                    if stamp[t] == mark or w in (u, x, y) or not (above[x, w] or above[y, w]):
                        continue
                    if marks[u, w] or (marks[u, v] == ARROW and marks[w, v] == ARROW):
                        stamp[t] = mark
                        queue[tail] = t
                        tail += 1


@njit(
    int64(
        TestFunction, int64, int64, float64, int64, I2, U2, U3, I1, I2, F1, U1, I1, F3, I2, F1, F1
    ),
    **OUTER,
)
def dsep_level(
    test, k, begin, alpha, limit, edges, adjacent, sets, at, separator, p_largest, gone, counted,
    F, I, P, W,
):  # fmt: skip
    """Look for separators of size k for edges begin, begin + 1, ...; about `limit` tests.

    Subsets of sets[e, 0] and of sets[e, 1] that no level of the skeleton has tried:
    they are not within the neighbours of one end. `at` (k + 2,) holds where to go
    on within an edge: a flag, the side, the subset. Returns the first edge not done.
    """
    d = adjacent.shape[0]
    pool = np.empty(d, dtype=np.int64)
    S = np.empty(k, dtype=np.int64)
    count = 0
    for e in range(begin, edges.shape[0]):
        for side in range(2):
            resume = at[0] == 1
            if resume and at[1] != side:
                continue
            x = edges[e, side]
            y = edges[e, 1 - side]
            m = 0
            for s in range(d):
                if sets[e, side, s]:
                    pool[m] = s
                    m += 1
            at[0] = 0
            if m < k:
                continue
            if not resume:
                for i in range(k):
                    at[2 + i] = i
            more = 1
            while more:
                near_x = near_y = both = True
                for i in range(k):
                    s = pool[at[2 + i]]
                    S[i] = s
                    near_x = near_x and adjacent[x, s] == 1
                    near_y = near_y and adjacent[y, s] == 1
                    both = both and sets[e, 0, s] == 1
                if not (near_x or near_y or (side == 1 and both)):
                    p = test(x, y, S, k, F, I, P, W)
                    count += 1
                    if p > p_largest[e]:
                        p_largest[e] = p
                    if p > alpha:
                        gone[e] = 1
                        for i in range(k):
                            separator[e, i] = S[i]
                        break
                more = advance(at[2:], k, m)
                if more and count >= limit:
                    at[0], at[1] = 1, side
                    counted[0] += count
                    return e
            if gone[e]:
                break
        if count >= limit:
            counted[0] += count
            return e + 1
    counted[0] += count
    return edges.shape[0]
