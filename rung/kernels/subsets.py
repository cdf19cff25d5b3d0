"""Tests of one pair given every subset of some columns."""

# mypy: allow-untyped-defs, allow-incomplete-defs
# (the types of arguments stand in the signature of each kernel)

from __future__ import annotations

import numpy as np
from numba import njit

from .gaussian import TINY
from .signatures import F1, F2, F3, I1, I2, OPTIONS, U1, TestFunction, float64, int64, uint8


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
    int64(F2, int64, int64, I1, U1, int64, int64, float64, uint8, int64, I1, F1, I1, I1, F1, F2),
    **OPTIONS,
)
def gaussian_sets(
    C, x, y, members, skip, m, k, cut, stop, limit, at, least, counted, slot, within, V
):
    """Partial correlations of x and y given every set of k of `members`, in order from `at` on.

    Sets that lie in `skip` altogether are passed over. least[0] is lowered to the smallest squared
    partial correlation; a set separates if that is below `cut`. With `stop` the first such set ends
    the walk, its places in `at`; else within[slot[i]] counts those that hold members[i] (slot >= 0)
    and within[-1] all. Returns 0 at the end, 1 if stopped, 2 after `limit` tests (`at` goes on).

    Sets with a common beginning share what is left of the correlations after it, so a test costs
    a few operations whatever k: Gaussian elimination (pivots up to TINY are left out, as in
    `partial_correlation`).
    """
    count = 0
    q = m + 2
    xx, yy, xy = C[x, x], C[y, y], C[x, y]
    M = np.empty((max(k - 1, 1), q, q)) if k > 1 else np.empty((1, 1, 1))
    if k > 1:
        for a in range(q):
            s = members[a] if a < m else (x if a == m else y)
            for b in range(a, q):
                M[0, a, b] = C[s, members[b] if b < m else (x if b == m else y)]
    build = 0
    while True:
        for j in range(build, k - 1):
            t = at[j]
            pivot = M[j, t, t]
            over = 1.0 / pivot if pivot > TINY else 0.0
            if j < k - 2:
                for a in range(t + 1, q):
                    w = M[j, t, a] * over
                    for b in range(a, q):
                        M[j + 1, a, b] = M[j, a, b] - w * M[j, t, b]
            else:
                wx, wy = M[j, t, m] * over, M[j, t, m + 1] * over
                for a in range(t + 1, m):
                    g = M[j, t, a]
                    V[0, a] = M[j, a, a] - g * g * over
                    V[1, a] = M[j, a, m] - g * wx
                    V[2, a] = M[j, a, m + 1] - g * wy
                xx = M[j, m, m] - wx * M[j, t, m]
                yy = M[j, m + 1, m + 1] - wy * M[j, t, m + 1]
                xy = M[j, m, m + 1] - wx * M[j, t, m + 1]
        inside = True
        for j in range(k - 1):
            inside = inside and skip[at[j]]
        for a in range(at[k - 1], m):
            if inside and skip[a]:
                continue
            count += 1
            if k == 1:
                v, cx, cy = 1.0, C[x, members[a]], C[y, members[a]]
            else:
                v, cx, cy = V[0, a], V[1, a], V[2, a]
            if v <= TINY:
                v, cx, cy = 1.0, 0.0, 0.0
            left, right = xx * v - cx * cx, yy * v - cy * cy
            top = xy * v - cx * cy
            top *= top
            bottom = left * right
            if left <= TINY * v or right <= TINY * v:
                top, bottom = 0.0, 1.0
            if top < least[0] * bottom:
                least[0] = top / bottom
            if top < cut * bottom:
                at[k - 1] = a
                if stop:
                    counted[0] += count
                    return 1
                within[-1] += 1.0
                for j in range(k):
                    if slot[at[j]] >= 0:
                        within[slot[at[j]]] += 1.0
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
    int64(
        TestFunction, int64, int64, I1, U1, int64, int64, float64, uint8, int64, I1, F1, I1, I1, F1,
        F3, I2, F1, F1,
    ),
    **OPTIONS,
)  # fmt: skip
def any_sets(
    test, x, y, members, skip, m, k, alpha, stop, limit, at, largest, counted, slot, within,
    F, I, P, W,
):  # fmt: skip
    """`gaussian_sets` for any test: largest[0] is raised to the largest p-value."""
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
