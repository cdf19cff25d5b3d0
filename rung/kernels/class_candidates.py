"""Operators on an equivalence class that the scores favour, found for one node at a time.

Arrays as in `class_state`.
"""

# mypy: allow-untyped-defs, allow-incomplete-defs
# (the types of arguments stand in the signature of each kernel)

from __future__ import annotations

import numpy as np
from numba import njit

from .class_state import (
    CLIQUE,
    CLIQUES,
    CUT,
    DELETES,
    INSERTS,
    LONGEST,
    LOOSE,
    MOSTLY,
    NUMBERS,
    PEAKS,
    TIE,
    TURNS,
    WIDE,
    WORK,
    due,
    find,
    row,
    score,
    wait,
)
from .classes import (
    ABOVE,
    DEG,
    INSIDE,
    KEEP,
    LIST,
    MAY,
    NEAR,
    PARENTS,
    SEEN,
    STACK,
    VIA,
    WANTED,
    WHO,
    reach,
)
from .signatures import F1, F2, F3, I1, I2, INNER, N2, U2, GainsFunction, LocalFunction, int64, void


@njit(int64(U2, I1, int64, I2, I1), **INNER)
def list_cliques(M, nodes, m, ops, z):
    """The cliques among nodes[:m], as places in the list, smaller ones first; their number."""
    ops[0, CLIQUE] = 0
    count, at = 1, 0
    while at < count:
        k = ops[at, CLIQUE]
        begin = ops[at, CLIQUE + k] + 1 if k else 0
        for p in range(begin, m):
            fits = True
            for i in range(k):
                if M[nodes[p], nodes[ops[at, CLIQUE + 1 + i]]] == 0:
                    fits = False
                    break
            if fits:
                if count == CLIQUES or k == WIDE:
                    z[CUT] += 1
                    return count
                for i in range(k):
                    ops[count, CLIQUE + 1 + i] = ops[at, CLIQUE + 1 + i]
                ops[count, CLIQUE + 1 + k] = p
                ops[count, CLIQUE] = k + 1
                count += 1
        at += 1
    return count


@njit(int64(U2, N2, int64, int64, I1, int64, int64), **INNER)
def barred(M, paths, y, x, parents, fixed, k):
    """Whether the path from y to x found last still leads there, around parents[fixed:k]."""
    for _ in range(LONGEST):
        a = paths[y, x]
        if a < 0 or M[a, x] == 0 or M[a, x] == 5:
            return 0
        for i in range(fixed, k):
            if x == parents[i]:
                return 0
        if a == y:
            return 1
        x = a
    return 0


@njit(
    void(
        GainsFunction, int64, U2, I2, U2, I2, I2, I1, F2, N2, I2, I2, F2, I2, F1, F3, I2, F1, F1,
    ),
    **INNER,
)  # fmt: skip
def insertions(gains, y, M, N, Q, L, X, z, best, paths, watch, rowkeys, G, ops, R, F, I, P, W):
    """Compute best[y] anew; what a path rules out waits for the path."""
    d = M.shape[0]
    who, most = 0, -np.inf
    for x in range(d):
        best[y, x] = -np.inf
    parents, near = X[PARENTS], X[NEAR]
    fixed, m = 0, 0
    for i in range(N[y, DEG]):
        w = N[y, LIST + i]
        if M[y, w] == 5:
            parents[fixed] = w
            fixed += 1
        elif M[y, w] < 4:
            near[m] = w
            m += 1
    for c in range(list_cliques(M, near, m, ops, z)):
        for i in range(m):
            X[INSIDE, i] = 0
        k = fixed
        for i in range(ops[c, CLIQUE]):
            X[INSIDE, ops[c, CLIQUE + 1 + i]] = 1
            parents[k] = near[ops[c, CLIQUE + 1 + i]]
            k += 1
        place = row(gains, y, parents, k, N, Q, rowkeys, G, z, R, F, I, P, W)
        at = rowkeys[place, 1]
        base = G[at, y]
        floor = base + R[TIE]
        count = 0
        for j in range(rowkeys[place, 2]):
            x = int(G[at, d + j])
            if not G[at, x] > floor or G[at, x] - base <= best[y, x]:
                continue
            if Q[y, x] & MAY == 0 or M[y, x]:
                continue
            fits = True
            for i in range(m):
                if X[INSIDE, i] == 0 and M[near[i], x]:
                    fits = False
                    break
            if fits:
                X[ABOVE, count] = x
                X[WANTED, x] = 1
                count += 1
        old = 0
        while old < count and barred(M, paths, y, X[ABOVE, old], parents, fixed, k):
            old += 1
        if old < count:
            for i in range(d):
                X[SEEN, i] = 0
            for i in range(fixed, k):
                X[SEEN, parents[i]] = 1
            reach(M, N, X, y, -count, 1)
            for i in range(fixed, k):
                X[SEEN, parents[i]] = 0
        for j in range(count):
            x = X[ABOVE, j]
            X[WANTED, x] = 0
            if old == count:
                while x != y:
                    if not wait(N, watch, z, x, paths[y, x], 3 * d * d + y):
                        due(L, z, y, INSERTS)
                    x = paths[y, x]
            elif X[SEEN, x] == 0:
                best[y, x] = G[at, x] - base
                if best[y, x] > most or (best[y, x] == most and x < who):
                    who, most = x, best[y, x]
            else:
                # note the edges of the path, once for all x behind them
                while x != y and X[SEEN, x] == 1:
                    X[SEEN, x] = 2
                    paths[y, x] = X[VIA, x]
                    if not wait(N, watch, z, x, X[VIA, x], 3 * d * d + y):
                        due(L, z, y, INSERTS)
                    x = X[VIA, x]
    R[WORK] += d / 64.0
    N[y, WHO], R[PEAKS + y] = who, most


@njit(
    int64(
        LocalFunction, int64, int64, int64, int64, int64, U2, I2, U2, I2, I1, F1, I2, I1, F1, F3,
        I2, F1, F1,
    ),
    **INNER,
)  # fmt: skip
def gather(local, kind, kinds, y, only, floor, M, N, Q, X, keys, values, ops, z, R, F, I, P, W):
    """Make the operators of a kind at y (insertions: of `only`) those at hand; their number.

    With `floor` those alone that gain. The largest gain goes into R[MOSTLY]. Sets S that an
    operator may name:
    - to insert x -> y, or to turn y -> x, a clique of neighbours of y that holds all joined to x;
    - to delete x -> y, a clique of neighbours of y that are joined to x;
    - to turn y - x, with LOOSE, a clique of neighbours of y, one of them not joined to x, whose
      nodes joined to x part the others from the other neighbours of y that are joined to x.

    Source: Chickering (2002), theorems 15 and 17; Hauser and Buehlmann (2012), propositions 31
    (arrows) and 34 (undirected edges).
    """
    n, most = 0, -np.inf
    size = N[y, DEG]
    parents, near, above = X[PARENTS], X[NEAR], X[ABOVE]
    for e in range(1 if kind == INSERTS else size):
        x = only if kind == INSERTS else N[y, LIST + e]
        edge = M[y, x]
        if kind == DELETES:
            if edge == 7 or Q[y, x] & KEEP:
                continue
        elif Q[y, x] & MAY == 0 or edge == 5 or (kind == INSERTS and edge):
            continue
        arrow = edge == 0 or edge == 7  # S holds all that is joined to x, unless to delete
        if kind == TURNS and not arrow and not kinds & LOOSE:
            continue
        fixed, m = 0, 0
        for i in range(size):
            w = N[y, LIST + i]
            if M[y, w] == 5 and w != x:
                parents[fixed] = w
                fixed += 1
        q, fits = fixed, True
        for i in range(size):
            w = N[y, LIST + i]
            if M[y, w] > 4 or w == x:
                continue
            if kind == DELETES or not arrow:
                if M[x, w] or kind == TURNS:
                    near[m] = w
                    m += 1
            elif M[x, w]:
                for j in range(fixed, q):
                    fits = fits and M[w, parents[j]] != 0
                parents[q] = w
                q += 1
        if not fits:
            continue
        if q - fixed > WIDE:
            z[CUT] += 1
            continue
        if kind != DELETES and arrow:
            for i in range(size):
                w = N[y, LIST + i]
                if M[y, w] < 4 and w != x and M[x, w] == 0:
                    fits = True
                    for j in range(fixed, q):
                        fits = fits and M[w, parents[j]] != 0
                    if fits:
                        near[m] = w
                        m += 1
        over = 0
        if kind == TURNS:
            for i in range(N[x, DEG]):
                w = N[x, LIST + i]
                if M[x, w] == 5 and w != y:
                    above[over] = w
                    over += 1
        extra = 0.0
        for c in range(list_cliques(M, near, m, ops, z)):
            k = q + ops[c, CLIQUE]
            if k - fixed > WIDE or n == CLIQUES:
                z[CUT] += 1
                break
            for i in range(q, k):
                parents[i] = near[ops[c, CLIQUE + 1 + i - q]]
            if kind == TURNS and (c == 0 or not arrow):
                top, out = over, 0
                if not arrow:
                    for i in range(m):
                        X[INSIDE, i] = 0
                    for i in range(q, k):
                        X[INSIDE, ops[c, CLIQUE + 1 + i - q]] = 1
                        if M[x, parents[i]]:
                            above[top] = parents[i]
                            top += 1
                        else:
                            X[STACK, out] = ops[c, CLIQUE + 1 + i - q]
                            out += 1
                    fits = out > 0
                    while out and fits:
                        out -= 1
                        a = near[X[STACK, out]]
                        for i in range(m):
                            if X[INSIDE, i] == 0 and M[a, near[i]]:
                                if M[x, near[i]]:
                                    fits = False
                                    break
                                X[INSIDE, i] = 1
                                X[STACK, out] = i
                                out += 1
                    if not fits:
                        continue
                extra = 0.0
                for sign in range(1, -2, -2):
                    at = find(N, keys, x, above, top)
                    extra += sign * (
                        values[at]
                        if at >= 0
                        else score(local, x, above, top, at, N, keys, values, z, R, F, I, P, W)
                    )
                    above[top] = y
                    top += 1
            value = 0.0
            for sign in range(-1, 2, 2):
                at = find(N, keys, y, parents, k)
                value += sign * (
                    values[at]
                    if at >= 0
                    else score(local, y, parents, k, at, N, keys, values, z, R, F, I, P, W)
                )
                parents[k] = x
                k += 1
            k -= 2
            value = -value if kind == DELETES else extra + value
            if floor and value <= R[TIE]:
                continue
            ops[n, 0], ops[n, 1], R[NUMBERS + n] = x, k - fixed, value
            for i in range(fixed, k):
                ops[n, 2 + i - fixed] = parents[i]
            n += 1
            most = max(most, value)
    R[MOSTLY] = most
    return n
