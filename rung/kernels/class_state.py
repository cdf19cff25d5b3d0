"""What a search over equivalence classes keeps: its arrays, tables of scores, and what is due.

For each node y the best insertion of every x into its parents is held in `best[y]`: valid when it
was computed, and looked at again when it is the best of all. What a semi-directed path rules out
is put down with the edges of the path (`watch`), and computed anew when one of them goes. Best
deletions and turns are held for each y. After an operator, candidates are computed anew for the
nodes whose neighbourhood changed (the rules of Nazaret and Blei 2024, in coarser form).

Insertions into y with the same parents are scored by one call of the score's `gains`; the answers
stay in `G`, single local scores in `values`, both found by a hash of node and parents.

Arrays, besides those of `classes`: `best` (d, d); `paths` (d, d): the node before x on the path
from y to x found last, or -1; `watch` (w, 4): head of the edge, who waits, next watch, tail of the
edge; `keys`, `values` of local scores; `rowkeys` (r, 3): hash, row of `G` and how many gain; `ops`:
operators at hand (cause, size of S, S), and from column CLIQUE on cliques (size, places). `R` holds
numbers, the gains of the operators at hand, and the best insertion, deletion and turn of each node;
`z` counters, and for each node which of the three are due. Rows 2 and 3 of `L` hold single
insertions to be computed anew, and what the knowledge refused, as codes: y * d + x for an
insertion, d * d (1, 2 or 3) + y for all deletions, turns or insertions of y; rows 4 to 6 the nodes
whose insertions, deletions or turns are due. `X` is scratch.
"""

# mypy: allow-untyped-defs, allow-incomplete-defs
# (the types of arguments stand in the signature of each kernel)

from __future__ import annotations

import numpy as np
from numba import njit

from .classes import (
    ADDED,
    DEG,
    FLIPPED,
    HASH,
    HASHED,
    JOURNAL,
    LIST,
    MARKED,
    NEVER,
    TOGGLED,
    WATCH,
    WHO,
)
from .signatures import (
    F1,
    F2,
    F3,
    I1,
    I2,
    INNER,
    U2,
    GainsFunction,
    LocalFunction,
    float64,
    int64,
    void,
)

# more places in the vector of counters z
WATCHES, PAIRS, TRIAL, REFUSED, STEPS, CUT, CACHED, ROWS = 6, 7, 8, 9, 10, 11, 12, 13
CLEARED, KNOWN, AT, WATCHES0, REFUSED0, ACCEPTED, TRIED, SHORT, MOST, APPLIED = range(14, 24)
FREE, STACKS, FLAGS = 24, 25, 28  # from FLAGS on, one a node: which candidates are due
# places in the vector of numbers R; the gains of the operators at hand follow from NUMBERS on
TIE, TOTAL, WORK, BEFORE, MOSTLY, NUMBERS = range(6)
# after them the best insertion, deletion and turn of each node; see PEAKS
# answers of a kernel: all done; stopped for the clock; arrays are too short; the journal broke
DONE, PAUSE, FULL, BROKEN = 0, 1, 2, 3
# kinds of operators
INSERTS, DELETES, TURNS, LOOSE = 1, 2, 4, 8
WIDE = 12  # nodes of a clique that an operator may name
CLIQUES = 4096  # cliques looked at in one neighbourhood
CLIQUE = 2 + WIDE
LONGEST = 64  # edges of a path that is followed again
PEAKS = NUMBERS + CLIQUES


@njit(int64(I2, I1, int64, I1, int64), **INNER)
def find(N, keys, y, parents, k):
    """Place of the local score of y in the table; where it should be as -1 - place if not there."""
    key = N[y, HASH]
    for i in range(k):
        key ^= N[parents[i], HASHED]
    mask = keys.shape[0] - 1
    at = key & mask
    while keys[at] != 0:
        if keys[at] == key:
            return at
        at = (at + 1) & mask
    return -1 - at


@njit(float64(LocalFunction, int64, I1, int64, int64, I2, I1, F1, I1, F1, F3, I2, F1, F1), **INNER)
def score(local, y, parents, k, at, N, keys, values, z, R, F, I, P, W):
    """Local score of y, and put it into the table, where `find` says at."""
    R[WORK] += 1.0
    value = local(y, parents, k, F, I, P, W)
    if 2 * z[CACHED] >= keys.shape[0]:
        for i in range(keys.shape[0]):
            keys[i] = 0
        z[CACHED] = 0
        z[CLEARED] += 1
        at = find(N, keys, y, parents, k)
    key = N[y, HASH]
    for i in range(k):
        key ^= N[parents[i], HASHED]
    keys[-1 - at] = key
    values[-1 - at] = value
    z[CACHED] += 1
    return value


@njit(int64(GainsFunction, int64, I1, int64, I2, U2, I2, F2, I1, F1, F3, I2, F1, F1), **INNER)
def row(gains, y, parents, k, N, Q, rowkeys, G, z, R, F, I, P, W):
    """Place in the table of rows of y given the parents: its scores with each node added.

    In G, at the row of the place, the score without any stands at [y], and from [d] on the nodes
    that gain, as many as the table says.
    """
    d = N.shape[0]
    key = N[y, HASH]
    for i in range(k):
        key ^= N[parents[i], HASHED]
    mask = rowkeys.shape[0] - 1
    at = key & mask
    while rowkeys[at, 0] != 0:
        if rowkeys[at, 0] == key:
            return at
        at = (at + 1) & mask
    if z[ROWS] >= G.shape[0]:
        for i in range(rowkeys.shape[0]):
            rowkeys[i, 0] = 0
        z[ROWS] = 0
        at = key & mask
    out = G[z[ROWS]]
    allowed = np.empty(d, dtype=np.uint8)
    for x in range(d):
        allowed[x] = Q[y, x] & NEVER == 0
    allowed[y] = 0
    for i in range(k):
        allowed[parents[i]] = 0
    base = gains(y, parents, k, allowed, out[:d], F, I, P, W)
    out[y] = base
    R[WORK] += d
    most = 0.0
    for x in range(d):
        if allowed[x]:
            most = max(most, abs(out[x] - base))
    R[TIE] = max(R[TIE], 1e-11 * most)
    count = 0
    for x in range(d):
        if allowed[x] and out[x] > base + R[TIE]:
            out[d + count] = x
            count += 1
    rowkeys[at, 0], rowkeys[at, 1], rowkeys[at, 2] = key, z[ROWS], count
    z[ROWS] += 1
    return at


@njit(void(I2, I1, int64, int64), **INNER)
def due(L, z, y, kinds):
    """Let the candidates of these kinds at y be computed anew."""
    for i in range(3):
        if kinds >> i & 1 and not z[FLAGS + y] >> i & 1:
            L[4 + i, z[STACKS + i]] = y
            z[STACKS + i] += 1
    z[FLAGS + y] |= kinds


@njit(int64(I2, I2, I1, int64, int64, int64), **INNER)
def wait(N, watch, z, b, a, code):
    """Let `code` be looked at again when one can no longer go from a to b; 0 if there's no room."""
    if z[WATCHES] == watch.shape[0]:
        z[SHORT] = 1
        return 0
    at = z[WATCHES]
    z[WATCHES] += 1
    watch[at, 0], watch[at, 1], watch[at, 2], watch[at, 3] = b, code, N[a, WATCH], a
    N[a, WATCH] = at
    return 1


@njit(void(I2, F2, F1, int64), **INNER)
def peak(N, best, R, y):
    """Find the best insertion into y among best[y]."""
    who = 0
    for x in range(1, best.shape[0]):
        if best[y, x] > best[y, who]:
            who = x
    N[y, WHO] = who
    R[PEAKS + y] = best[y, who]


@njit(void(I2, I2, I1, int64), **INNER)
def awake(N, L, z, code):
    """Let what a code stands for be computed anew."""
    d = N.shape[0]
    if code >= d * d:
        due(L, z, code % (d * d), 1 << (code // (d * d) % 3))
    elif z[FLAGS + code // d] & INSERTS == 0:
        if z[PAIRS] == L.shape[1]:
            due(L, z, code // d, INSERTS)
        else:
            L[2, z[PAIRS]] = code
            z[PAIRS] += 1


@njit(void(I2, I2, I2, I1, int64, int64), **INNER)
def lost(N, L, watch, z, a, b):
    """One can no longer go from a to b: awake who waited for it."""
    at, before = N[a, WATCH], -1
    while at >= 0:
        after = watch[at, 2]
        if watch[at, 0] == b:
            awake(N, L, z, watch[at, 1])
            if z[TRIAL] == 0:
                if before < 0:
                    N[a, WATCH] = after
                else:
                    watch[before, 2] = after
                at = after
                continue
        before = at
        at = after


@njit(void(U2, I2, I2, I2, I1), **INNER)
def mark(M, N, L, watch, z):
    """After the changes since z[MARKED]: which candidates must be computed anew."""
    d = M.shape[0]
    for at in range(z[MARKED], z[JOURNAL]):
        pair, kind = L[0, at] // 8, L[0, at] % 8
        a, b = pair // d, pair % d
        if kind == FLIPPED:
            continue
        due(L, z, b, INSERTS | DELETES | TURNS)
        if kind == ADDED and M[a, b] > 4:
            due(L, z, a, TURNS)  # the parents and neighbours of a are the same
            awake(N, L, z, a * d + b)
        else:
            due(L, z, a, INSERTS | DELETES | TURNS)
        for side in range(2):
            u, w = (a, b) if side == 0 else (b, a)
            for i in range(N[u, DEG]):
                y = N[u, LIST + i]
                loose = M[u, y] < 4
                near = M[y, w]
                kinds = 0
                # a turn at y: the parents of b change, what joins y and a, or the neighbours of a
                if (loose or M[u, y] == 5) and (u == b or 0 < near < 4 or 0 < M[a, b] < 4):
                    kinds = TURNS
                if kind != TOGGLED and y != w and loose:
                    if near == 0:
                        awake(N, L, z, y * d + w)
                    elif near < 4:
                        kinds |= INSERTS | DELETES
                    else:
                        kinds |= DELETES
                due(L, z, y, kinds)
        if kind != ADDED:
            if M[a, b] == 0 or M[a, b] == 5:
                lost(N, L, watch, z, a, b)
            if M[a, b] == 0 or M[a, b] == 7:
                lost(N, L, watch, z, b, a)
    z[MARKED] = z[JOURNAL]
