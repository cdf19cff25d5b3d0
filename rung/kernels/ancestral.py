"""Inducing paths: which nodes no set can separate."""

# mypy: allow-untyped-defs, allow-incomplete-defs
# (the types of arguments stand in the signature of each kernel)

from __future__ import annotations

import numpy as np
from numba import njit

from .signatures import I1, OUTER, U1, U2, int64, void


@njit(void(U2, I1, I1), **OUTER)
def lists(marks, start, other):
    """Neighbours of each node: other[start[i]:start[i + 1]] are those of i."""
    d = marks.shape[0]
    k = 0
    for i in range(d):
        start[i] = k
        for j in range(d):
            if marks[i, j]:
                other[k] = j
                k += 1
    start[d] = k


@njit(void(U2, I1, I1, U2), **OUTER)
def anterior(marks, start, other, above):
    """above[i, j] = 1 where a path without arrowheads towards i leads from i to j, or i = j."""
    d = marks.shape[0]
    stack = np.empty(d, dtype=np.int64)
    for i in range(d):
        above[i, i] = 1
        stack[0] = i
        size = 1
        while size:
            size -= 1
            v = stack[size]
            for k in range(start[v], start[v + 1]):
                w = other[k]
                if marks[w, v] & 1 and not above[i, w]:
                    above[i, w] = 1
                    stack[size] = w
                    size += 1


@njit(void(int64, U2, I1, I1, U2, U1, U1, U1), **OUTER)
def inducing(x, marks, start, other, above, hidden, chosen, out):
    """out[y] = 1 for y > x with an inducing path from x, relative to `hidden` given `chosen`.

    On such a path every inner node is a collider anterior to x, y or a chosen node, or a
    non-collider among the hidden (Richardson and Spirtes 2002, definition 4.1 and theorem 4.2).
    States 2 v + h: node v, entered by an arrowhead (h = 1) or not.
    """
    d = marks.shape[0]
    picked = np.zeros(d, dtype=np.uint8)  # anterior to a chosen node or to x
    for v in range(d):
        picked[v] = above[v, x]
        for s in range(d):
            if chosen[s] and above[v, s]:
                picked[v] = 1
    seen = np.full(2 * d, -1, dtype=np.int64)
    stack = np.empty(2 * d, dtype=np.int64)
    for y in range(x + 1, d):
        out[y] = 0
        if hidden[y] or chosen[y]:
            continue
        if marks[x, y]:
            out[y] = 1
            continue
        stack[0] = 2 * x
        size = 1
        while size and not out[y]:
            size -= 1
            v = stack[size] >> 1
            head = stack[size] & 1
            for k in range(start[v], start[v + 1]):
                w = other[k]
                if w == x:
                    continue
                for a in range(1, 3):  # the mark at v, then at w; a bow has two edges
                    if not marks[w, v] & a:
                        continue
                    if v != x:
                        if head and a == 2:
                            if not (picked[v] or above[v, y]):
                                continue
                        elif not hidden[v]:
                            continue
                    if w == y:
                        out[y] = 1
                        break
                    for b in range(1, 3):
                        state = 2 * w + b - 1
                        if marks[v, w] & b and seen[state] != y:
                            seen[state] = y
                            stack[size] = state
                            size += 1


__all__ = ["anterior", "inducing", "lists"]
