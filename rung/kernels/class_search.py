"""Greedy search over equivalence classes: operators are applied, tried and taken back.

Arrays as in `class_state`.
"""

# mypy: allow-untyped-defs, allow-incomplete-defs
# (the types of arguments stand in the signature of each kernel)

from __future__ import annotations

import numpy as np
from numba import njit

from .borrowed import borrowed
from .class_candidates import gather, insertions
from .class_state import (
    ACCEPTED,
    APPLIED,
    AT,
    BEFORE,
    BROKEN,
    DELETES,
    DONE,
    FLAGS,
    FREE,
    FULL,
    INSERTS,
    KNOWN,
    MOST,
    MOSTLY,
    NUMBERS,
    PAIRS,
    PAUSE,
    PEAKS,
    REFUSED,
    REFUSED0,
    SHORT,
    STACKS,
    STEPS,
    TIE,
    TOTAL,
    TRIAL,
    TRIED,
    TURNS,
    WATCHES,
    WATCHES0,
    WORK,
    awake,
    mark,
    peak,
    wait,
)
from .classes import (
    CHOSEN,
    DEG,
    EDGES,
    HASH,
    HASHED,
    JOURNAL,
    LIST,
    LOST,
    MARKED,
    MAY,
    SEEN,
    VIA,
    WATCH,
    WHO,
    obey,
    operate,
    reach,
    undo,
)
from .signatures import (
    F1,
    F2,
    F3,
    I1,
    I2,
    INNER,
    N2,
    OUTER,
    U2,
    GainsFunction,
    LocalFunction,
    float64,
    int64,
    void,
)


@njit(void(I2, I1, int64), **INNER)
def refuse(L, z, code):
    """Remember an operator that the knowledge refuses, until the class changes."""
    for i in range(z[REFUSED]):
        if L[3, i] == code:
            return
    if z[REFUSED] < L.shape[1]:
        L[3, z[REFUSED]] = code
        z[REFUSED] += 1


@njit(
    int64(
        int64, int64, int64, int64, int64, float64, U2, I2, U2, I2, I2, I1, I2, I2, F1,
    ),
    **INNER,
)  # fmt: skip
def choose(kind, y, n, code, floor, claimed, M, N, Q, L, X, z, watch, ops, R):
    """Apply the best valid one of n operators at hand: 1, or 0 if `claimed` was too high.

    Then R[NUMBERS] is the best that is valid, -inf if none is above the floor. FULL if an array is
    too short. An operator is refused if no DAG of its class obeys the knowledge.
    """
    d = M.shape[0]
    while True:
        i = 0
        for j in range(1, n):
            if R[NUMBERS + j] > R[NUMBERS + i]:
                i = j
        if n == 0 or not R[NUMBERS + i] > floor:
            R[NUMBERS] = -np.inf
            return 0
        x, k = ops[i, 0], ops[i, 1]
        S = X[CHOSEN]
        for j in range(k):
            S[j] = ops[i, 2 + j]
        arrow = kind == TURNS and M[y, x] == 7
        if kind == INSERTS or arrow:
            for j in range(d):
                X[SEEN, j] = 0
            for j in range(k):
                X[SEEN, S[j]] = 1
            if arrow:
                for j in range(N[x, DEG]):
                    w = N[x, LIST + j]
                    if M[x, w] < 4:
                        X[SEEN, w] = 1
            R[WORK] += 1.0
            if reach(M, N, X, y, x, 0 if arrow else 1):
                c = x
                while c != y:
                    if not wait(N, watch, z, c, X[VIA, c], code):
                        return FULL
                    c = X[VIA, c]
                R[NUMBERS + i] = -np.inf
                continue
        if R[NUMBERS + i] < claimed - R[TIE]:
            R[NUMBERS] = R[NUMBERS + i]
            return 0
        if kind == INSERTS and max(N[x, DEG], N[y, DEG]) + LIST + 1 > N.shape[1]:
            return FULL
        begin = z[JOURNAL]
        operate(kind, M, N, Q, L, z, x, y, S, k)
        if z[KNOWN] == 0 or obey(M, N, Q, L, z):
            break
        undo(M, N, L, z, begin)
        refuse(L, z, code)
        R[NUMBERS + i] = -np.inf
    R[TOTAL] += R[NUMBERS + i]
    z[STEPS] += 1
    z[APPLIED] += 1
    mark(M, N, L, watch, z)
    for i in range(z[REFUSED]):
        awake(N, L, z, L[3, i])
    if z[TRIAL] == 0:
        z[JOURNAL] = 0
        z[MARKED] = 0
        z[REFUSED] = 0
    return 1


@njit(int64(U2, I2, int64), **INNER)
def parents_key(M, N, y):
    """Hash of y and its compelled parents."""
    key = N[y, HASH]
    for i in range(N[y, DEG]):
        if M[y, N[y, LIST + i]] == 5:
            key ^= N[N[y, LIST + i], HASHED]
    return key


@njit(int64(U2, I2, int64, int64, I2, int64), **INNER)
def deletable(M, N, x, y, plan, i):
    """Whether the deletion of x -> y in plan[i] is still what it was."""
    if plan[i, 3] != parents_key(M, N, y) or M[y, x] == 0 or M[y, x] == 7:
        return 0
    for j in range(plan[i, 2]):
        w = plan[i, 4 + j]
        if M[y, w] == 0 or M[y, w] > 4 or M[x, w] == 0:
            return 0
        for h in range(j):
            if M[w, plan[i, 4 + h]] == 0:
                return 0
    return 1


@njit(void(U2, I2, I2, I1, F2, I2, F1), **INNER)
def back(M, N, L, z, best, watch, R):
    """Take back a trial: the class before it, at which no operator gained."""
    d = M.shape[0]
    undo(M, N, L, z, 0)
    while z[WATCHES] > z[WATCHES0]:
        z[WATCHES] -= 1
        N[watch[z[WATCHES], 3], WATCH] = watch[z[WATCHES], 2]
    z[REFUSED] = z[REFUSED0]
    R[TOTAL] = R[BEFORE]
    if z[STEPS] >= z[MOST]:  # the trial was cut off with candidates left
        z[PAIRS] = 0
        for kind in range(3):
            z[STACKS + kind] = 0
        for y in range(d):
            z[FLAGS + y] = 0
            for x in range(d):
                best[y, x] = -np.inf
            for kind in range(3):
                R[PEAKS + kind * d + y] = -np.inf


@njit(
    int64(
        LocalFunction, GainsFunction, int64, float64, I2, F1, int64, U2, I2, U2, I2, I2, I1, F2,
        N2, I2, I1, F1, I2, F2, I2, F1, F3, I2, F1, F1,
    ),
    **OUTER,
)  # fmt: skip
def search(
    local, gains, kinds, limit, plan, worth, count, M, N, Q, L, X, z, best, paths, watch, keys,
    values, rowkeys, G, ops, R, F, I, P, W,
):  # fmt: skip
    """Apply the best deletion, else the best turn, else the best insertion, while any gains.

    `kinds` are those in use. With `count` -1 no operator is applied: all valid deletions, whatever
    they gain, go into `plan` (x, y, size of S, hash, S) and their gains into `worth`, z[AT] of
    them. With a plan of `count` deletions each from z[AT] on is made, the search goes on without
    that edge, and what ends higher is kept (Nazaret and Blei 2024, section 4.2). DONE, PAUSE after
    about `limit` units of work, FULL or BROKEN.
    """
    plan, worth, M, N, Q, L = (
        borrowed(plan), borrowed(worth), borrowed(M), borrowed(N), borrowed(Q), borrowed(L)
    )  # fmt: skip
    X = borrowed(X)
    z, best, watch, keys = borrowed(z), borrowed(best), borrowed(watch), borrowed(keys)
    paths = borrowed(paths)
    values, rowkeys, G, ops = borrowed(values), borrowed(rowkeys), borrowed(G), borrowed(ops)
    R, F, I, P, W = borrowed(R), borrowed(F), borrowed(I), borrowed(P), borrowed(W)
    d = M.shape[0]
    calm = 0  # kinds of which no candidate gains, but for what is due
    while True:
        if z[LOST]:
            return BROKEN
        if L.shape[1] - z[JOURNAL] < 4 * z[EDGES] + 64 or z[SHORT]:
            return FULL
        if count < 0:
            z[AT] = 0
            for y in range(d):
                n = gather(
                    local, DELETES, 0, y, y, 0, M, N, Q, X, keys, values, ops, z, R, F, I, P, W
                )
                if z[AT] + n > plan.shape[0]:
                    return FULL
                key = parents_key(M, N, y)
                for i in range(n):
                    at = z[AT]
                    plan[at, 0], plan[at, 1], plan[at, 2] = ops[i, 0], y, ops[i, 1]
                    plan[at, 3], worth[at] = key, R[NUMBERS + i]
                    for j in range(ops[i, 1]):
                        plan[at, 4 + j] = ops[i, 2 + j]
                    z[AT] += 1
            return DONE
        kind, x, y, n = 0, 0, 0, 0
        floor, claimed, apply, single = R[TIE], R[TIE], True, False
        begins = count > 0 and z[TRIAL] == 0
        if begins:
            if z[AT] >= count:
                return DONE
            x, y = plan[z[AT], 0], plan[z[AT], 1]
            if not deletable(M, N, x, y, plan, z[AT]):
                z[AT] += 1
                continue
            R[BEFORE] = R[TOTAL]
            z[TRIAL], z[JOURNAL], z[MARKED], z[STEPS] = 1, 0, 0, 0
            z[WATCHES0], z[REFUSED0] = z[WATCHES], z[REFUSED]
            z[FREE] = Q[y, x] & MAY
            Q[y, x] ^= z[FREE]
            ops[0, 0], ops[0, 1], R[NUMBERS] = x, plan[z[AT], 2], worth[z[AT]]
            for i in range(ops[0, 1]):
                ops[0, 2 + i] = plan[z[AT], 4 + i]
            z[TRIED] += 1
            kind, n, floor, claimed = DELETES, 1, -np.inf, -np.inf
        elif z[STEPS] < z[MOST]:
            # deletions before turns before insertions; first what is due, then the best
            for nth in range(1, 4):
                at = nth % 3
                kind = 1 << at
                if not kinds & kind:
                    kind = 0
                    continue
                if z[STACKS + at]:
                    apply = False
                    z[STACKS + at] -= 1
                    y = L[4 + at, z[STACKS + at]]
                    z[FLAGS + y] ^= kind
                    break
                if kind == INSERTS and z[PAIRS]:
                    apply = False
                    z[PAIRS] -= 1
                    y, x = L[2, z[PAIRS]] // d, L[2, z[PAIRS]] % d
                    single = True
                    break
                if not calm & kind:
                    for v in range(d):
                        if R[PEAKS + at * d + v] > claimed:
                            y, claimed = v, R[PEAKS + at * d + v]
                    if claimed > R[TIE]:
                        x = N[y, WHO]
                        break
                calm |= kind
                kind = 0
        if kind == INSERTS and not apply and not single:
            insertions(
                gains, y, M, N, Q, L, X, z, best, paths, watch, rowkeys, G, ops, R, F, I, P, W
            )
        elif kind and not begins:
            n = gather(local, kind, kinds, y, x, 1, M, N, Q, X, keys, values, ops, z, R, F, I, P, W)
        if kind and not apply:
            if kind != INSERTS:
                R[PEAKS + (kind >> 1) * d + y] = R[MOSTLY]
            elif single:
                best[y, x] = R[MOSTLY]
                if best[y, x] >= R[PEAKS + y]:
                    R[PEAKS + y], N[y, WHO] = best[y, x], x
                elif N[y, WHO] == x:
                    peak(N, best, R, y)
            if R[PEAKS + (kind >> 1) * d + y] > R[TIE]:
                calm &= ~kind
            if R[WORK] > limit:
                return PAUSE
            continue
        if kind:
            code = y * d + x if kind == INSERTS else (kind >> 1) * d * d + y
            done = choose(kind, y, n, code, floor, claimed, M, N, Q, L, X, z, watch, ops, R)
            if done == FULL:
                return FULL
            if done == 0 and begins:
                Q[y, x] |= z[FREE]
                z[REFUSED] = z[REFUSED0]
                z[TRIAL] = 0
                z[AT] += 1
            elif done == 0 and kind == INSERTS:
                best[y, x] = R[NUMBERS]
                peak(N, best, R, y)
            elif done == 0:
                R[PEAKS + (kind >> 1) * d + y] = R[NUMBERS]
            continue
        if count == 0:
            return DONE
        if R[TOTAL] > R[BEFORE] + max(R[TIE], 1e-7):
            z[ACCEPTED] += 1
        else:
            back(M, N, L, z, best, watch, R)
            Q[plan[z[AT], 1], plan[z[AT], 0]] |= z[FREE]
        z[TRIAL], z[JOURNAL], z[MARKED] = 0, 0, 0
        z[AT] += 1
