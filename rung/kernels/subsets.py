"""Tests of one pair given every subset of some columns."""

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
    INNER,
    TINY,
    U1,
    TestFunction,
    float64,
    int64,
    uint8,
    void,
)


@njit(uint8(I1, int64, int64), **INNER)
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


@njit(int64(int64, int64), **INNER)
def room(m, k):
    """Scratch for partial correlations given sets of up to k of m."""
    return (m + 2) * (m + 2) * max(k, 1)


@njit(int64(F2, int64, int64, I1, I1, float64, uint8, F1, I1), **INNER)
def gaussian_singles(C, x, y, start, near, cut, second, least, counted):
    """`gaussian_sets` for sets of one of the neighbours of x: the place in `near`, or -1.

    With `second`, neighbours of y too are passed over. C holds correlations.
    """
    lowest = least[0]
    out, count, other = -1, 0, start[y]
    xy = C[x, y]
    for i in range(start[x], start[x + 1]):
        s = near[i]
        if s == y:
            continue
        if second:
            while other < start[y + 1] and near[other] < s:
                other += 1
            if other < start[y + 1] and near[other] == s:
                continue
        count += 1
        a, b = C[x, s], C[y, s]
        left, right = 1.0 - a * a, 1.0 - b * b
        top = xy - a * b
        top *= top
        bottom = left * right
        if left <= TINY or right <= TINY:
            top, bottom = 0.0, 1.0
        if top < lowest * bottom:
            lowest = top / bottom
            if lowest < cut:
                out = i
                break
    least[0] = lowest
    counted[0] += count
    return out


@njit(void(F2, int64, int64, I1, int64, F1), **INNER)
def gather(C, x, y, members, m, W):
    """Upper half of C over (members, x, y), into W by rows."""
    q = m + 2
    for a in range(q):
        s = members[a] if a < m else (x if a == m else y)
        for b in range(a, q):
            W[a * q + b] = C[s, members[b] if b < m else (x if b == m else y)]


@njit(void(F1, int64, int64, int64, uint8), **INNER)
def condition(W, m, j, t, whole):
    """What is left of the correlations after `gather`'s place t, from part j of W into part j + 1.

    Places up to t are left out; unless `whole`, so are the correlations of places with each other.
    A pivot up to TINY is passed over, as in `partial_correlation`.
    """
    q = m + 2
    old, new = j * q * q, (j + 1) * q * q
    row = old + t * q
    over = 1.0 / W[row + t] if W[row + t] > TINY else 0.0
    for a in range(t + 1, q):
        w = W[row + a] * over
        if not whole and a < m:
            W[new + a * q + a] = W[old + a * q + a] - w * W[row + a]
        for b in range(a if whole or a >= m else m, q):
            W[new + a * q + b] = W[old + a * q + b] - w * W[row + b]


@njit(float64(F1, int64, int64, int64), **INNER)
def squared(W, m, j, a):
    """Squared partial correlation of x and y given place a and what part j of W is left after.

    0 if these determine x or y.
    """
    q = m + 2
    part = j * q * q
    row, ends = part + a * q, part + m * q + m
    v, cx, cy = W[row + a], W[row + m], W[row + m + 1]
    if v <= TINY:
        v, cx, cy = 1.0, 0.0, 0.0
    left, right = W[ends] * v - cx * cx, W[ends + q + 1] * v - cy * cy
    if left <= TINY * v or right <= TINY * v:
        return 0.0
    top = W[ends + 1] * v - cx * cy
    return top * top / (left * right)


@njit(int64(F2, int64, int64, I1, U1, int64, int64, float64, int64, I1, F1, I1, F1), **INNER)
def gaussian_sets(C, x, y, members, skip, m, k, cut, limit, at, least, counted, W):
    """Look for a set of k >= 2 of `members` that separates x and y, in order from `at` on.

    Sets that lie in `skip` altogether are passed over. least[0] is lowered to the smallest squared
    partial correlation; a set separates if that is below `cut`. Returns 0 if none does, 1 with its
    places in `at`, 2 after `limit` tests (`at` goes on).

    Sets with a common beginning share what is left of the correlations after it, so a test costs
    a few operations whatever k. W is scratch of `room(m, k)`.
    """
    count = 0
    gather(C, x, y, members, m, W)
    build = 0
    while True:
        for j in range(build, k - 1):
            condition(W, m, j, at[j], j < k - 2)
        inside = True
        for j in range(k - 1):
            inside = inside and skip[at[j]]
        for a in range(at[k - 1], m):
            if inside and skip[a]:
                continue
            count += 1
            r2 = squared(W, m, k - 1, a)
            least[0] = min(least[0], r2)
            if r2 < cut:
                at[k - 1] = a
                counted[0] += count
                return 1
        build = k - 2
        while build >= 0 and at[build] == m - k + build:
            build -= 1
        if build < 0:
            counted[0] += count
            return 0
        at[build] += 1
        for j in range(build + 1, k):
            at[j] = at[j - 1] + 1
        if count >= limit:
            counted[0] += count
            return 2


@njit(
    int64(F2, int64, int64, I1, U1, int64, int64, F1, uint8, int64, int64, I1, I1, I1, F1, F1),
    **INNER,
)
def gaussian_votes(
    C, x, y, members, skip, m, largest, cut, second, depth, limit, at, counted, slot, tally, W
):
    """Which sets of up to `largest` of `members` separate x and y: all of them are tried.

    tally[slot[i]] counts those that hold members[i] (slot >= 0), tally[-1] all; cut[k] is for sets
    of k. With `second`, sets that lie in `skip` altogether are passed over. Begins after the set
    at[: depth + 1] if depth >= 0; returns -1 at the end, or after `limit` tests the depth to go on
    with. Sets are visited depth first, so that each adds one to one before. W: `room(m, largest)`.
    """
    count = 0
    gather(C, x, y, members, m, W)
    for j in range(depth):
        condition(W, m, j, at[j], j + 2 < largest)
    j = max(depth, 0)
    if depth < 0:
        at[0] = -1
    elif at[j] >= 0 and j + 1 < largest:
        condition(W, m, j, at[j], j + 2 < largest)
        at[j + 1] = at[j]
        j += 1
    while j >= 0:
        at[j] += 1
        a = at[j]
        if a >= m:
            j -= 1
            continue
        inside = second > 0
        for i in range(j + 1):
            inside = inside and skip[at[i]]
        if not inside:
            count += 1
            if squared(W, m, j, a) < cut[j + 1]:
                tally[-1] += 1.0
                for i in range(j + 1):
                    if slot[at[i]] >= 0:
                        tally[slot[at[i]]] += 1.0
        if count >= limit:
            counted[0] += count
            return j
        if j + 1 < largest and a + 1 < m:
            condition(W, m, j, a, j + 2 < largest)
            at[j + 1] = a
            j += 1
    counted[0] += count
    return -1


@njit(
    int64(
        TestFunction, int64, int64, I1, U1, int64, int64, float64, uint8, int64, I1, F1, I1, I1, F1,
        F3, I2, F1, F1,
    ),
    **INNER,
)  # fmt: skip
def any_sets(
    test, x, y, members, skip, m, k, alpha, stop, limit, at, largest, counted, slot, within,
    F, I, P, W,
):  # fmt: skip
    """Test x and y given every set of k of `members`, in order from `at` on, by any test.

    Sets that lie in `skip` altogether are passed over. largest[0] is raised to the largest p-value;
    a set separates if that is above alpha. With `stop` the first such set ends the walk, its places
    in `at`; else within[slot[i]] counts those that hold members[i] (slot >= 0) and within[-1] all.
    Returns 0 at the end, 1 if stopped, 2 after `limit` tests (`at` goes on).
    """
    S = np.empty(k, dtype=np.int64)
    count = 0
    while True:
        inside = True
        for i in range(k):
            S[i] = members[at[i]]
            inside = inside and skip[at[i]]
        if not inside:
            p = test(x, y, S, k, F, I, P, W)
            count += 1
            largest[0] = max(largest[0], p)
            if p > alpha:
                if stop:
                    counted[0] += count
                    return 1
                within[-1] += 1.0
                for i in range(k):
                    if slot[at[i]] >= 0:
                        within[slot[at[i]]] += 1.0
        if not advance(at, k, m):
            counted[0] += count
            return 0
        if count >= limit:
            counted[0] += count
            return 2
