"""Greedy search over equivalence classes: candidates, their scores, and the climb.

For each node y the best insertion of every x into its parents is held in `best[y]`: valid when it
was computed, and looked at again when it is the best of all. What a semi-directed path rules out
is put down with the edges of the path (`watch`), and computed anew when one of them goes. Best
deletions and turns are held for each y. After an operator, candidates are computed anew for the
nodes whose neighbourhood changed (the rules of Nazaret and Blei 2024, in coarser form).

Insertions into y with the same parents are scored by one call of the score's `gains`; the answers
stay in `G`, single local scores in `values`, both found by a hash of node and parents.

Arrays, besides those of `classes`: `best` (d, d); `paths` (d, d): the node before x on the path
from y to x found last, or -1; `watch` (w, 4): head of the edge, who waits, next watch, tail of the
edge; `keys`, `values` of local scores; `rowkeys` (r, 3): hash, row of `G` and how many gain;
`ops`: operators at hand (cause, size of S, S), and from column CLIQUE on cliques (size, places).
`R` holds numbers, the gains of the operators at hand, and the best
insertion, deletion and turn of each node; `z` counters, and for each node which of the three are
due. Rows 2 and 3 of `L` hold single insertions to be computed anew, and what the knowledge
refused, as codes: y * d + x for an insertion, d * d (1, 2 or 3) + y for all deletions, turns or
insertions of y; rows 4 to 6 the nodes whose insertions, deletions or turns are due. `X` is scratch.
"""

# mypy: allow-untyped-defs, allow-incomplete-defs
# (the types of arguments stand in the signature of each kernel)

from __future__ import annotations

import numpy as np
from numba import njit

from .borrowed import borrowed
from .classes import (  # noqa: F401  (`plain` runs the callees in this module)
    ABOVE,
    ADDED,
    BAN,
    CHOSEN,
    DEG,
    EDGES,
    FLIPPED,
    HASH,
    HASHED,
    HEAD,
    INSIDE,
    JOURNAL,
    KEEP,
    LINE,
    LIST,
    LOST,
    MARKED,
    MAY,
    NEAR,
    NEVER,
    PARENTS,
    REMOVED,
    SEEN,
    SEP,
    STACK,
    TAIL,
    TOGGLED,
    VIA,
    WAITING,
    WANTED,
    WATCH,
    WHO,
    arrange,
    compelled,
    drop,
    flip,
    lead,
    link,
    obey,
    operate,
    push,
    reach,
    record,
    settle,
    sink,
    stir,
    undo,
    unlink,
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
