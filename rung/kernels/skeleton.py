"""The tests of one level of PC, of the triples that follow, and batches of tests."""

# mypy: allow-untyped-defs, allow-incomplete-defs
# (the types of arguments stand in the signature of each kernel)

from __future__ import annotations

import numpy as np
from numba import njit

from .signatures import (
    F1,
    F2,
    F3,
    I1,
    I2,
    OPTIONS,
    U1,
    U2,
    TestFunction,
    float64,
    int64,
    uint8,
    void,
)  # fmt: skip


@njit(void(TestFunction, I1, I1, I2, F1, F3, I2, F1, F1), **OPTIONS)
def batch(test, x, y, given, out, F, I, P, W):
    """p-values of m tests, all with as many conditions."""
    for i in range(x.shape[0]):
        out[i] = test(x[i], y[i], given[i], given.shape[1], F, I, P, W)


@njit(uint8(I1, int64, int64), **OPTIONS)
def advance(at, k, m):
    """The next subset of size k of range(m) in lexicographic order; 0 if there is none."""
    i = k - 1
    while i >= 0 and at[i] == m - k + i:
        i -= 1
    if i < 0:
        return 0
    at[i] += 1
    for j in range(i + 1, k):
        at[j] = at[j - 1] + 1
    return 1


@njit(
    int64(TestFunction, int64, int64, float64, int64, I2, U2, U2, I2, F1, U1, I1, F3, I2, F1, F1),
    **OPTIONS,
)
def level(
    test, k, begin, alpha, limit, edges, adjacent, usable, separator, p_largest, gone, counted,
    F, I, P, W,
):  # fmt: skip
    """Look for separators of size k for edges begin, begin + 1, ...; about `limit` tests.

    `adjacent` (d, d) is the skeleton before the level (Colombo and Maathuis 2014, algorithm 4.1);
    usable[s, x] says whether s may be a parent of x. Writes the separator and 1 in `gone` for an
    edge that is removed, the largest p-value of every edge; returns the first edge not done.
    """
    d = adjacent.shape[0]
    near = np.empty(d, dtype=np.int64)
    at = np.empty(max(k, 1), dtype=np.int64)
    S = np.empty(max(k, 1), dtype=np.int64)
    count = 0
    for e in range(begin, edges.shape[0]):
        for side in range(2):
            x = edges[e, side]
            y = edges[e, 1 - side]
            m = 0
            for s in range(d):
                if s != y and adjacent[x, s] and usable[s, x]:
                    near[m] = s
                    m += 1
            if m < k or (k == 0 and side == 1):
                continue
            for i in range(k):
                at[i] = i
            more = 1
            while more:
                seen = side == 1 and k > 0
                for i in range(k):
                    s = near[at[i]]
                    S[i] = s
                    seen = seen and adjacent[y, s] == 1 and usable[s, y] == 1
                if not seen:
                    p = test(x, y, S, k, F, I, P, W)
                    count += 1
                    if p > p_largest[e]:
                        p_largest[e] = p
                    if p > alpha:
                        gone[e] = 1
                        for i in range(k):
                            separator[e, i] = S[i]
                        break
                more = advance(at, k, m) if k > 0 else 0
            if gone[e]:
                break
        if count >= limit:
            counted[0] += count
            return e + 1
    counted[0] += count
    return edges.shape[0]


@njit(
    int64(TestFunction, int64, int64, float64, int64, I2, U2, U2, F1, F2, I1, F3, I2, F1, F1),
    **OPTIONS,
)
def votes(
    test, largest, begin, alpha, limit, pairs, adjacent, usable, found, within, counted, F, I, P, W
):
    """For pairs that are not adjacent: how many sets separate them, and which nodes these hold.

    Sets of neighbours of either, of size up to `largest` (Ramsey, Spirtes and Zhang 2006).
    found (m,) counts separating sets, within[i, b] those that hold b.
    """
    d = adjacent.shape[0]
    near = np.empty(d, dtype=np.int64)
    at = np.empty(max(largest, 1), dtype=np.int64)
    S = np.empty(max(largest, 1), dtype=np.int64)
    count = 0
    for e in range(begin, pairs.shape[0]):
        for side in range(2):
            x = pairs[e, side]
            y = pairs[e, 1 - side]
            m = 0
            for s in range(d):
                if s != y and adjacent[x, s] and usable[s, x]:
                    near[m] = s
                    m += 1
            for k in range(0 if side == 0 else 1, min(m, largest) + 1):
                for i in range(k):
                    at[i] = i
                more = 1
                while more:
                    seen = side == 1
                    for i in range(k):
                        s = near[at[i]]
                        S[i] = s
                        seen = seen and adjacent[y, s] == 1 and usable[s, y] == 1
                    if not seen:
                        count += 1
                        if test(x, y, S, k, F, I, P, W) > alpha:
                            found[e] += 1.0
                            for i in range(k):
                                within[e, S[i]] += 1.0
                    more = advance(at, k, m) if k > 0 else 0
        if count >= limit:
            counted[0] += count
            return e + 1
    counted[0] += count
    return pairs.shape[0]
