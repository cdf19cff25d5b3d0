"""Orienting the edges of a sparse graph: Meek's rules, colliders, extensions.

Graphs are two (d, d) uint8 matrices, `directed` ([i, j] is 1 for i -> j) and `loose` (symmetric,
undirected edges), with the neighbours of node v, ascending, in near[start[v] : start[v + 1]]. The
matrices are only looked up: the work grows with edges and degrees, not with d^2.
"""

# mypy: allow-untyped-defs, allow-incomplete-defs
# (the types of arguments stand in the signature of each kernel)

from __future__ import annotations

import numpy as np
from numba import njit

from .signatures import I1, I2, INNER, OUTER, U1, U2, int64, uint8, void


@njit(uint8(U2, U2, int64, int64), **INNER)
def joined(directed, loose, a, b):
    """Whether a and b are adjacent."""
    return directed[a, b] | directed[b, a] | loose[a, b]


@njit(uint8(U2, U2, I1, I1, int64, int64, int64), **INNER)
def _fourth_or_third(directed, loose, start, near, a, b, c):
    """Whether c -> b follows from a -> b, c -- b and c adjacent to a, by Meek's R4 or R3."""
    for j in range(start[c], start[c + 1]):
        r = near[j]
        if loose[c, r] == 0 or r in (a, b):
            continue
        if directed[r, a] and not joined(directed, loose, r, b):  # R4: r -> a -> b
            return 1
        if loose[a, c] and directed[r, b] and not joined(directed, loose, r, a):  # R3: r -> b
            return 1
    return 0


@njit(void(U2, U2, I1, I1, I2), **OUTER)
def close(directed, loose, start, near, begin):
    """Close under Meek's (1995) rules R1 to R4, in place.

    `begin` (m, 2) holds the arrows to start from. Each new arrow is looked at once, as every
    premise that it can complete; the closure does not depend on the order.
    """
    d = directed.shape[0]
    left = 0
    for v in range(d):
        for i in range(start[v], start[v + 1]):
            left += loose[v, near[i]]
    left //= 2
    stack = np.empty((begin.shape[0] + left, 2), dtype=np.int64)
    size = begin.shape[0]
    for i in range(size):
        stack[i, 0], stack[i, 1] = begin[i, 0], begin[i, 1]
    while size > 0 and left > 0:
        size -= 1
        a, b = stack[size, 0], stack[size, 1]
        top = size
        for i in range(start[b], start[b + 1]):
            c = near[i]
            if loose[b, c] == 0:
                continue
            x, y = b, c
            if joined(directed, loose, a, c):
                x, y = c, b
                if not (directed[c, a] or _fourth_or_third(directed, loose, start, near, a, b, c)):
                    continue
            loose[x, y] = loose[y, x] = 0  # R1: a -> b -- c; R2: c -> a -> b; R3; R4
            directed[x, y] = 1
            stack[top, 0], stack[top, 1] = x, y
            top += 1
            left -= 1
        for i in range(start[a], start[a + 1]):
            c = near[i]
            if loose[a, c] == 0 or not joined(directed, loose, b, c):
                continue
            for j in range(start[b], start[b + 1]):
                r = near[j]
                if directed[b, r] == 0:
                    continue
                if r == c:  # R2: a -> b -> c
                    x = a
                elif loose[c, r] and not joined(directed, loose, a, r):  # R4: a -> b -> r
                    x = c
                else:
                    continue
                loose[x, r] = loose[r, x] = 0
                directed[x, r] = 1
                stack[top, 0], stack[top, 1] = x, r
                top += 1
                left -= 1
        size = top


@njit(void(U2, U2, I1, I1), **OUTER)
def shields(arrows, known, start, near):
    """Mark in `known` the arrows of a DAG that are part of a v-structure."""
    for b in range(arrows.shape[0]):
        for i in range(start[b], start[b + 1]):
            a = near[i]
            if arrows[a, b] == 0:
                continue
            for j in range(i + 1, start[b + 1]):
                c = near[j]
                if arrows[c, b] and arrows[a, c] == 0 and arrows[c, a] == 0:
                    known[a, b] = 1
                    known[c, b] = 1


@njit(uint8(U2, U2, I1, I1, uint8, U2), **OUTER)
def sinks(directed, loose, start, near, strict, out):
    """Orient the loose edges into sinks, one after another (Dor and Tarsi 1992), in `out`.

    The sink with the fewest pairs of neighbours that should be joined is taken, the first among
    equals; if `strict` it must have none, and 0 is returned where no node will do. `out` comes as
    a copy of `directed`.
    """
    d = directed.shape[0]
    alive = np.ones(d, dtype=np.uint8)
    children = np.zeros(d, dtype=np.int64)
    missing = np.zeros(d, dtype=np.int64)
    for x in range(d):
        for i in range(start[x], start[x + 1]):
            f = near[i]
            children[x] += directed[x, f]
            if loose[x, f]:
                for j in range(start[x], start[x + 1]):
                    missing[x] += i != j and not joined(directed, loose, f, near[j])
    for _ in range(d):
        best = -1
        for x in range(d):
            if alive[x] and children[x] == 0 and (best < 0 or missing[x] < missing[best]):
                best = x
                if missing[x] == 0:
                    break
        if best < 0 or (strict and missing[best] > 0):
            return 0
        alive[best] = 0
        for i in range(start[best], start[best + 1]):
            x = near[i]
            if alive[x] == 0:
                continue
            free = loose[best, x]
            if free:
                out[x, best] = 1
            else:
                children[x] -= 1
            for j in range(start[x], start[x + 1]):
                f = near[j]
                if alive[f] and not joined(directed, loose, f, best):
                    missing[x] -= int64(loose[x, f]) + int64(free)
    return 1


@njit(uint8(U2, I1, I1, int64, int64, int64, I1, I1), **INNER)
def reaches(directed, start, near, source, a, c, seen, stack):
    """Whether arrows lead from `source` to a or c; seen[-1] counts the calls."""
    seen[-1] += 1
    mark = seen[-1]
    seen[source] = mark
    stack[0] = source
    size = 1
    while size > 0:
        size -= 1
        v = stack[size]
        for i in range(start[v], start[v + 1]):
            w = near[i]
            if directed[v, w] and seen[w] != mark:
                if w in (a, c):
                    return 1
                seen[w] = mark
                stack[size] = w
                size += 1
    return 0


@njit(void(I1, I1, I1, U1, U2, U2, I1, I1, U1), **OUTER)
def settle(first, middle, second, verdict, directed, loose, start, near, outcome):
    """Take statements one after another: first -> middle, and second -> middle where it is not -1.

    verdict: 0 nothing, 1 orient, 2 undecided. outcome: 0 does not apply, 1 oriented, 2 against
    an arrow that stands or a cycle, 3 undecided. A statement of one arrow applies to a loose edge;
    one of two to edges, loose or not.
    """
    d = directed.shape[0]
    seen = np.zeros(d + 1, dtype=np.int64)
    stack = np.empty(d + 1, dtype=np.int64)
    for t in range(first.shape[0]):
        a, b, c = first[t], middle[t], second[t]
        outcome[t] = 0
        if c < 0:
            if loose[a, b] == 0:
                continue
        elif not (joined(directed, loose, a, b) and joined(directed, loose, c, b)):
            continue
        if verdict[t] == 2:
            outcome[t] = 3
        elif verdict[t] == 1:
            outcome[t] = 2
            if directed[b, a] or (c >= 0 and directed[b, c]):
                continue
            if reaches(directed, start, near, b, a, c, seen, stack):
                continue
            outcome[t] = 1
            directed[a, b] = 1
            loose[a, b] = loose[b, a] = 0
            if c >= 0:
                directed[c, b] = 1
                loose[c, b] = loose[b, c] = 0
