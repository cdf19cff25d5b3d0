"""The tests of one level of PC, of the triples that follow, and batches of tests."""

# mypy: allow-untyped-defs, allow-incomplete-defs
# (the types of arguments stand in the signature of each kernel)

from __future__ import annotations

import math

import numpy as np
from numba import njit

from .signatures import (
    F1,
    F2,
    F3,
    I1,
    I2,
    INNER,
    OUTER,
    U1,
    U2,
    TestFunction,
    float64,
    int64,
    uint8,
    void,
)  # fmt: skip
from .subsets import advance, any_sets, gaussian_sets, gaussian_singles, gaussian_votes, room


@njit(void(TestFunction, I1, I1, I2, F1, F3, I2, F1, F1), **OUTER)
def batch(test, x, y, given, out, F, I, P, W):
    """p-values of m tests, all with as many conditions."""
    for i in range(x.shape[0]):
        out[i] = test(x[i], y[i], given[i], given.shape[1], F, I, P, W)


@njit(float64(float64, float64), **INNER)
def fisher_p(square, df):
    """p-value of Fisher's z for a squared partial correlation, as `gaussian.fisher_z` has it."""
    if df <= 0.0:
        return 1.0
    r = min(math.sqrt(square), 1.0 - 1e-15)
    return math.erfc(math.sqrt(df) * math.atanh(r) / math.sqrt(2.0))


@njit(void(F3, I2, F1, I1, I1, int64, F1), **OUTER)
def fisher_marginal(F, which, P, x, y, k, out):
    """p-values (m,) of the plain correlations of columns x[i] and y[i], as with k conditions."""
    for i in range(x.shape[0]):
        m = 0 if F.shape[0] == 1 else which[x[i], y[i]]
        out[i] = fisher_p(F[m, x[i], y[i]] * F[m, x[i], y[i]], P[m] - k - 3.0)


@njit(int64(F3, I2, F2, int64, int64, U2, I1), **OUTER)
def screen(F, which, cut, begin, end, status, counted):
    """Level 0 on correlations, rows begin to end: status 1 becomes 2 where r^2 is below the cut.

    cut[m, 0] belongs to matrix m; whole rows are written, so that each is one pass over memory.
    """
    d = status.shape[0]
    for i in range(begin, end):
        for j in range(i + 1, d):
            counted[0] += status[i, j] == 1
        if F.shape[0] == 1:
            for j in range(d):
                if status[i, j] == 1 and F[0, i, j] * F[0, i, j] < cut[0, 0]:
                    status[i, j] = 2
        else:
            for j in range(d):
                m = which[min(i, j), max(i, j)]
                if status[i, j] == 1 and F[m, i, j] * F[m, i, j] < cut[m, 0]:
                    status[i, j] = 2
    return end


@njit(int64(TestFunction, int64, float64, int64, U2, F2, I1, F3, I2, F1, F1), **OUTER)
def marginal(test, begin, alpha, limit, status, p, counted, F, I, P, W):
    """Level 0 with any test from pair number `begin` (i d + j) on; about `limit` tests.

    Pairs i < j of status 1 are tested; status becomes 2 where the p-value, which goes into p[i, j],
    is above alpha. Returns the first pair not done.
    """
    d = status.shape[0]
    S = np.zeros(1, dtype=np.int64)
    count = 0
    for e in range(begin, d * d):
        i, j = e // d, e % d
        if j > i and status[i, j] == 1:
            p[i, j] = test(i, j, S, 0, F, I, P, W)
            count += 1
            if p[i, j] > alpha:
                status[i, j] = status[j, i] = 2
            if count >= limit:
                counted[0] += count
                return e + 1
    counted[0] += count
    return d * d


@njit(void(I2, U1, U2, I1, I1), **OUTER)
def listed(pairs, alive, usable, start, near):
    """Possible parents next to each node, from pairs i < j in ascending order, ascending.

    Those of x go to near[start[x] : start[x + 1]]; usable[s, x] says whether s may be one.
    """
    d = usable.shape[0]
    for v in range(d + 1):
        start[v] = 0
    for e in range(pairs.shape[0]):
        if alive[e]:
            i, j = pairs[e, 0], pairs[e, 1]
            start[i + 1] += usable[j, i]
            start[j + 1] += usable[i, j]
    for v in range(d):
        start[v + 1] += start[v]
    at = start[:d].copy()
    for side in range(2):  # first the neighbours below each node, then those above it
        for e in range(pairs.shape[0]):
            x, s = pairs[e, 1 - side], pairs[e, side]
            if alive[e] and usable[s, x]:
                near[at[x]] = s
                at[x] += 1


@njit(int64(int64, int64, I1, I1, I1), **INNER)
def around(x, y, start, near, out):
    """Possible parents of x without y, into `out`; how many."""
    m = 0
    for i in range(start[x], start[x + 1]):
        if near[i] != y:
            out[m] = near[i]
            m += 1
    return m


@njit(void(I1, int64, int64, I1, I1, U1), **INNER)
def shared(members, m, y, start, near, out):
    """out[i] is 1 where members[i] (ascending, m of them) is among the possible parents of y."""
    at = start[y]
    for i in range(m):
        while at < start[y + 1] and near[at] < members[i]:
            at += 1
        out[i] = at < start[y + 1] and near[at] == members[i]


@njit(
    int64(
        TestFunction, uint8, int64, int64, int64, float64, F2, int64, I2, I1, I1, I2, F1, U1, I1,
        I1, F3, I2, F1, F1,
    ),
    **OUTER,
)  # fmt: skip
def search(
    test, gaussian, k, begin, end, alpha, cut, limit, edges, start, near, separator, p_largest,
    gone, place, counted, F, I, P, W,
):  # fmt: skip
    """Look for separators of size k >= 1 for edges begin to end; about `limit` tests.

    The lists of neighbours are those before the level (Colombo and Maathuis 2014, algorithm 4.1).
    Writes the separator and 1 in `gone` for an edge that is removed, raises p_largest; returns the
    first edge not done, and leaves in `place` (side, then the set) where to go on with it; place[0]
    is -1 if at its beginning. `gaussian`: the test is Fisher's z, and cut[m, k] the r^2 below which
    the pair is separated in matrix m.
    """
    wide = 1
    for v in range(start.shape[0] - 1):
        wide = max(wide, start[v + 1] - start[v])
    members, slot = np.empty(wide, dtype=np.int64), np.empty(1, dtype=np.int64)
    skip = np.zeros(wide, dtype=np.uint8)
    within, at, bound = np.zeros(1), place[1:], np.empty(1)
    V = np.empty(room(min(wide, 32), k))
    before = counted[0]
    for e in range(begin, end):
        for side in range(max(place[0], 0), 2):
            x, y = edges[e, side], edges[e, 1 - side]
            which = 0 if F.shape[0] == 1 or not gaussian else I[min(x, y), max(x, y)]
            if gaussian and k == 1:
                bound[0] = 2.0
                found = gaussian_singles(
                    F[which], x, y, start, near, cut[which, 1], side, bound, counted
                )
                if bound[0] <= 1.0:
                    p_largest[e] = max(p_largest[e], fisher_p(bound[0], P[which] - 4.0))
                if found >= 0:
                    gone[e] = 1
                    separator[e, 0] = near[found]
                    break
                continue
            m = around(x, y, start, near, members)
            if m < k:
                place[0] = -1
                continue
            for i in range(m):
                skip[i] = 0
            if side == 1:
                shared(members, m, y, start, near, skip)
            if place[0] < 0:
                for i in range(k):
                    at[i] = i
            left = limit - (counted[0] - before)
            if gaussian:
                bound[0] = 2.0
                if V.shape[0] < room(m, k):
                    V = np.empty(room(m, k))
                how = gaussian_sets(
                    F[which], x, y, members, skip, m, k, cut[which, k], left, at, bound, counted, V
                )
                p = fisher_p(bound[0], P[which] - k - 3.0) if bound[0] <= 1.0 else 0.0
            else:
                bound[0] = 0.0
                how = any_sets(
                    test, x, y, members, skip, m, k, alpha, 1, left, at, bound, counted, slot,
                    within, F, I, P, W,
                )  # fmt: skip
                p = bound[0]
            p_largest[e] = max(p_largest[e], p)
            if how == 2:
                place[0] = side
                return e
            place[0] = -1
            if how == 1:
                gone[e] = 1
                for i in range(k):
                    separator[e, i] = members[at[i]]
                break
        if counted[0] - before >= limit:
            return e + 1
    return end


@njit(int64(I1, I1, U2, I2), **OUTER)
def unshielded(start, near, status, out):
    """Triples (a, b, c), a < c separated (status 2 or 3) and next to b; how many.

    They are written into `out` (t, 3) while it has room.
    """
    count = 0
    for b in range(start.shape[0] - 1):
        for i in range(start[b], start[b + 1]):
            for j in range(i + 1, start[b + 1]):
                if status[near[i], near[j]] & 2:
                    if count < out.shape[0]:
                        out[count, 0], out[count, 1], out[count, 2] = near[i], b, near[j]
                    count += 1
    return count


@njit(
    int64(
        TestFunction, uint8, int64, int64, int64, float64, F2, int64, I2, I1, I1, I1, I1, F1, F1,
        I1, I1, F3, I2, F1, F1,
    ),
    **OUTER,
)  # fmt: skip
def votes(
    test, gaussian, largest, begin, end, alpha, cut, limit, pairs, first, middle, start, near,
    found, within, place, counted, F, I, P, W,
):  # fmt: skip
    """For pairs that are apart: how many sets separate them, and which nodes these hold.

    Sets of possible parents of either end, of size up to `largest` (Ramsey, Spirtes and Zhang
    2006). found (m,) counts separating sets, within[t] those that hold middle[t], for the triples
    first[e] to first[e + 1] of pair e, middles ascending. `place` holds side, size and set.
    """
    wide = 1
    for v in range(start.shape[0] - 1):
        wide = max(wide, start[v + 1] - start[v])
    members, slot = np.empty(wide, dtype=np.int64), np.empty(wide, dtype=np.int64)
    skip = np.zeros(wide, dtype=np.uint8)
    at, bound = place[2:], np.zeros(1)
    V = np.empty(room(min(wide, 32), largest))
    before = counted[0]
    for e in range(begin, end):
        heads = first[e + 1] - first[e]
        tally = np.zeros(heads + 1)
        for side in range(max(place[0], 0), 2):
            x, y = pairs[e, side], pairs[e, 1 - side]
            which = 0 if F.shape[0] == 1 or not gaussian else I[min(x, y), max(x, y)]
            m = around(x, y, start, near, members)
            for i in range(m):
                skip[i] = 0
            if side == 1:
                shared(members, m, y, start, near, skip)
            t = first[e]
            for i in range(m):
                while t < first[e + 1] and middle[t] < members[i]:
                    t += 1
                slot[i] = t - first[e] if t < first[e + 1] and middle[t] == members[i] else -1
            if side == 0 and place[0] < 0:
                counted[0] += 1
                if gaussian:
                    r = F[which, x, y]
                    found[e] += r * r < cut[which, 0]
                else:
                    found[e] += test(x, y, members, 0, F, I, P, W) > alpha
            if gaussian and m > 0 and largest > 0:
                if V.shape[0] < room(m, largest):
                    V = np.empty(room(m, largest))
                left = limit - (counted[0] - before)
                place[1] = gaussian_votes(
                    F[which], x, y, members, skip, m, min(m, largest), cut[which], side, place[1],
                    left, at, counted, slot, tally, V,
                )  # fmt: skip
                if place[1] >= 0:
                    place[0] = side
                    break
                place[0] = -1
                continue
            for k in range(max(place[1], 1), min(m, largest) + 1):
                if place[1] < 0:
                    for i in range(k):
                        at[i] = i
                left = limit - (counted[0] - before)
                how = any_sets(
                    test, x, y, members, skip, m, k, alpha, 0, left, at, bound, counted, slot,
                    tally, F, I, P, W,
                )  # fmt: skip
                place[1] = -1
                if how == 2:
                    place[0], place[1] = side, k
                    break
            if place[1] >= 0:
                break
            place[0] = -1
        found[e] += tally[heads]
        for i in range(heads):
            within[first[e] + i] += tally[i]
        if place[1] >= 0:
            return e
        if counted[0] - before >= limit:
            return e + 1
    return end


__all__ = [
    "advance", "around", "batch", "fisher_marginal", "fisher_p", "listed", "marginal", "screen",
    "search", "shared", "unshielded", "votes",
]  # fmt: skip
