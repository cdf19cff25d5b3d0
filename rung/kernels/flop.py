"""Order search that keeps, for every node, which others its parents depend on.

From a parent set the candidates that raise the score are listed once, best first; a node's parents
for a prefix of the order are found by walking from set to set (`trace`): the first candidate in
the prefix is added, and where none is left the most useless parent is dropped. Sets are shared by
all walks of a node, in all orders ever looked at. A walk depends only on the nodes that it looked
at, so moving a node past another costs nothing unless one looked at the other (`looked`), and a
node jumps from one place where something changes to the next.

Arrays. Sets: `N` (sets, 4) int64 holds [first branch or -1, set after dropping or NONE or UNKNOWN,
key, dropped parent], `S` their scores, `B` (branches, 2) int32 holds [candidate or -1 at the end,
set with it or -1], `H` a hash table from key to set, `count` [sets used, branches used], `Z` a
random key for each node and for each node's empty set. Set v is the smallest set of node v: its
required parents, listed in `R[v, 1:]` with their number in front. Order: `O` (2, d) int64, the
nodes in order and the place of each; `scores` (d,); `looked[c, v]` is 1 if v's walk looked at c.
"""

# mypy: allow-untyped-defs, allow-incomplete-defs
# (the types of arguments stand in the signature of each kernel)

from __future__ import annotations

import math

import numpy as np
from numba import njit, types

from .gaussian import TINY
from .signatures import (
    F1,
    F3,
    GAINS,
    I1,
    I2,
    OPTIONS,
    U1,
    U2,
    GainsFunction,
    LocalFunction,
    float64,
    int64,
    void,
)  # fmt: skip

TIE = 1e-9
FULL = -1  # the arrays of sets are too short; enlarge them and go on
NONE, UNKNOWN = -1, -2
MOVED = 3  # nodes that a shake puts elsewhere

B1, B2 = types.Array(types.int32, 1, "C"), types.Array(types.int32, 2, "C")
BOUND = (int64, GainsFunction, LocalFunction, U2, I2, F3, I2, F1, F1)  # the score
SETS = (I2, F1, B2, B1, I1, I1)  # N, S, B, H, count, Z
STATE = (I2, F1, U2)  # O, scores, looked


@njit(GAINS, **OPTIONS)
def column_gains(v, parents, k, allowed, out, F, I, P, W):
    """As `gaussian_gains` for single columns; a candidate that does not gain gets -inf.

    One pass over the columns a parent, and a logarithm only for a candidate that gains.
    """
    d = out.shape[0]
    m = I[1, v]
    C = F[m]
    n, penalty = P[m], P[F.shape[0]] * 0.5 * math.log(P[m])
    left = np.empty(d)
    for j in range(d):
        left[j] = C[j, j]
    r = 0
    for i in range(k + 1):
        p = parents[i] if i < k else v
        pivot = left[p]
        if pivot < TINY and i < k:
            continue
        row = W[r * d : (r + 1) * d]
        line = C[p]
        for j in range(d):
            row[j] = line[j]
        for t in range(r):
            earlier = W[t * d : (t + 1) * d]
            w = earlier[p]
            if w != 0.0:
                for j in range(d):
                    row[j] -= w * earlier[j]
        if i < k:
            scale = 1.0 / math.sqrt(pivot)
            for j in range(d):
                row[j] *= scale
                left[j] -= row[j] * row[j]
            left[p] = 0.0
            r += 1
    own = left[v]
    if own < TINY:
        base = -0.5 * n * math.log(TINY) - penalty * r if C[v, v] > 0.0 else -penalty * r
        for c in range(d):
            out[c] = -np.inf
        return base
    base = -0.5 * n * math.log(own) - penalty * r
    row = W[r * d : (r + 1) * d]
    least = own * (1.0 - math.exp(-2.0 * penalty / n))
    for c in range(d):
        out[c] = -np.inf
        if allowed[c] != 0 and row[c] * row[c] > least * left[c] and left[c] >= TINY:
            share = 1.0 - row[c] * row[c] / (own * left[c])
            out[c] = base - 0.5 * n * math.log(max(share, TINY / left[c])) - penalty
    return base


@njit(int64(int64, I1, int64, F1, F3, I2, F1, F1), **OPTIONS)
def column_drop(v, parents, k, best, F, I, P, W):
    """Number of the parent of v whose loss costs least, for single columns; best[0]: that score.

    From the inverse of the parents' Cholesky factor; -1 if a parent is determined by the others.
    """
    m = I[1, v]
    C = F[m]
    n, penalty = P[m], P[F.shape[0]] * 0.5 * math.log(P[m])
    size = k + 1
    for i in range(size):  # factor over the parents, then v
        a = parents[i] if i < k else v
        for j in range(i + 1):
            b = parents[j] if j < k else v
            s = C[a, b]
            for t in range(j):
                s -= W[i * size + t] * W[j * size + t]
            if j < i:
                W[i * size + j] = s / W[j * size + j]
            elif i < k:
                if s < TINY:
                    return -1
                W[i * size + i] = math.sqrt(s)
            else:
                W[i * size + i] = max(s, TINY)
    rss = W[k * size + k]
    least, where = np.inf, 0
    for i in range(k):  # column i of the inverse factor, below the diagonal, into column i above it
        inverse = 1.0 / W[i * size + i]
        beta, norm = W[k * size + i] * inverse, inverse * inverse
        best[i] = inverse
        for t in range(i + 1, k):
            s = 0.0
            for u in range(i, t):
                s -= W[t * size + u] * best[u]
            s /= W[t * size + t]
            best[t] = s
            beta += s * W[k * size + t]
            norm += s * s
        cost = beta * beta / norm
        if cost < least:
            least, where = cost, i
    best[0] = -0.5 * n * math.log(rss + least) - penalty * (k - 1)
    return where


@njit(int64(int64, I2, F1, B2, B1, I1, int64), **OPTIONS)
def set_of(key, N, S, B, H, count, v):
    """The set with this key, made if it is new; FULL if there is no room."""
    mask = H.shape[0] - 1
    at = key & mask
    while H[at] >= 0:
        if N[H[at], 2] == key:
            return H[at]
        at = (at + 1) & mask
    new = count[0]
    if new >= N.shape[0] or 2 * new > mask:
        return FULL
    H[at] = new
    count[0] += 1
    N[new, 0], N[new, 1], N[new, 2], N[new, 3] = UNKNOWN, UNKNOWN, key, v
    return new


@njit(int64(int64, int64, I1, int64, *BOUND, *SETS), **OPTIONS)
def grow(
    v, node, parents, k, single, gains, local, allowed, R, F, I, P, W, N, S, B, H, count, Z
):  # fmt: skip
    """List the candidates that raise the score of a set, best first; FULL or 0."""
    d = allowed.shape[0]
    if count[1] + d + 1 > B.shape[0]:
        return FULL
    out = np.empty(d)
    may = allowed[v].copy()
    for i in range(k):
        may[parents[i]] = 0
    if single:
        base = column_gains(v, parents, k, may, out, F, I, P, W)
    else:
        base = gains(v, parents, k, may, out, F, I, P, W)
    first = count[1]
    at = first
    floor = base + TIE
    for c in range(d):
        if may[c] != 0 and out[c] > floor:
            i = at
            while i > first and out[B[i - 1, 0]] < out[c]:
                B[i, 0] = B[i - 1, 0]
                i -= 1
            B[i, 0] = c
            B[at, 1] = UNKNOWN
            at += 1
    B[at, 0] = NONE
    count[1] = at + 1
    N[node, 0] = first
    S[node] = base
    return 0


@njit(int64(int64, int64, I1, int64, *BOUND, *SETS), **OPTIONS)
def drop(
    v, node, parents, k, single, gains, local, allowed, R, F, I, P, W, N, S, B, H, count, Z
):  # fmt: skip
    """Find the parent whose loss raises the score of a set most, and the set without it."""
    fixed = R[v, 0]
    best, where = S[node] + TIE, -1
    out = np.empty(k + 1)
    found = -1
    if single and fixed == 0:
        found = column_drop(v, parents, k, out, F, I, P, W)
        if found >= 0 and out[0] > best:
            where = found
    if found < 0:
        trial = np.empty(k, dtype=np.int64)
        for i in range(fixed, k):
            for j in range(k - 1):
                trial[j] = parents[j] if j < i else parents[j + 1]
            value = local(v, trial, k - 1, F, I, P, W)
            if value > best:
                best, where = value, i
    if where < 0:
        N[node, 1] = NONE
        return 0
    child = set_of(N[node, 2] ^ Z[parents[where]], N, S, B, H, count, v)
    if child < 0:
        return FULL
    N[node, 1], N[node, 3] = child, parents[where]
    return 0


@njit(int64(int64, int64, int64, U2, I1, I1, I1, *BOUND, *SETS), **OPTIONS)
def trace(
    v, limit, mark, looked, place, parents, out, single, gains, local, allowed, R, F, I, P, W,
    N, S, B, H, count, Z,
):  # fmt: skip
    """The set that v reaches with what is placed before `limit`; FULL if there is no room.

    Its parents go to `parents`. out: [their number, the largest place of a node that was added,
    the smallest place of a node outside that would have been]. mark 0 or 1: written to looked[c, v]
    for each node c looked at; else nothing is written.
    """
    k = R[v, 0]
    for i in range(k):
        parents[i] = R[v, i + 1]
    last, following = -1, allowed.shape[0]
    node = v
    shrinking = False
    while True:
        at = N[node, 0]
        if at < 0:
            if grow(
                v, node, parents, k, single, gains, local, allowed, R, F, I, P, W, N, S, B, H,
                count, Z,
            ) < 0:  # fmt: skip
                return FULL
            at = N[node, 0]
        c = B[at, 0] if not shrinking else -1
        while c >= 0 and place[c] >= limit:
            following = min(following, place[c])
            if mark >= 0:
                looked[c, v] = mark
            at += 1
            c = B[at, 0]
        if c >= 0:
            last = max(last, place[c])
            if mark >= 0:
                looked[c, v] = mark
            child = B[at, 1]
            if child < 0:
                child = set_of(N[node, 2] ^ Z[c], N, S, B, H, count, v)
                if child < 0:
                    return FULL
                B[at, 1] = child
            parents[k] = c
            k += 1
            node = child
            continue
        if N[node, 1] == UNKNOWN:
            if k <= R[v, 0]:
                N[node, 1] = NONE
            elif drop(
                v, node, parents, k, single, gains, local, allowed, R, F, I, P, W, N, S, B, H,
                count, Z,
            ) < 0:  # fmt: skip
                return FULL
        if N[node, 1] == NONE:
            break
        gone = N[node, 3]
        shrinking = True
        k -= 1
        for i in range(k):
            if parents[i] == gone:
                for j in range(i, k):
                    parents[j] = parents[j + 1]
                break
        node = N[node, 1]
    out[0], out[1], out[2] = k, last, following
    return node


@njit(int64(int64, int64, *STATE, *BOUND, *SETS), **OPTIONS)
def refit(
    begin, end, O, scores, looked, single, gains, local, allowed, R, F, I, P, W, N, S, B, H, count, Z
):  # fmt: skip
    """Trace the nodes at places begin .. end - 1 anew; the first place not done."""
    d = O.shape[1]
    parents, out = np.empty(d + 1, dtype=np.int64), np.empty(3, dtype=np.int64)
    for i in range(begin, end):
        v = O[0, i]
        node = trace(
            v, i, -1, looked, O[1], parents, out, single, gains, local, allowed, R, F, I, P, W,
            N, S, B, H, count, Z,
        )  # fmt: skip
        if node < 0:
            return i
        trace(
            v, i, 1, looked, O[1], parents, out, single, gains, local, allowed, R, F, I, P, W,
            N, S, B, H, count, Z,
        )  # fmt: skip
        scores[v] = S[node]
    return end


@njit(int64(int64, int64, F1, I1, *STATE, *BOUND, *SETS), **OPTIONS)
def move(
    v, to, gained, touched, O, scores, looked, single, gains, local, allowed, R, F, I, P, W,
    N, S, B, H, count, Z,
):  # fmt: skip
    """Put v at place `to`; FULL, with nothing changed, if there is no room.

    Adds the change of the score to gained[0]. touched[0] counts, and touched[1:] lists, the nodes
    whose walk was traced anew.
    """
    d = O.shape[1]
    order, place = O[0], O[1]
    here = place[v]
    parents, out = np.empty(d + 1, dtype=np.int64), np.empty(3, dtype=np.int64)
    step = 1 if to > here else -1
    m = 1
    touched[m] = v
    for j in range(here + step, to + step, step):
        if looked[v, order[j]]:
            m += 1
            touched[m] = order[j]
    touched[0] = m
    # walks in the new order, before anything is written: place[v] as the others will see it
    limit = to + 1 if to > here else to
    for i in range(1, m + 1):
        w = touched[i]
        if w != v:
            place[v] = -1 if to < here else d
        node = trace(
            w, limit if w == v else place[w], -1, looked, place, parents, out, single, gains,
            local, allowed, R, F, I, P, W, N, S, B, H, count, Z,
        )  # fmt: skip
        place[v] = here
        if node < 0:
            return FULL
    for i in range(1, m + 1):
        w = touched[i]
        trace(
            w, place[w], 0, looked, place, parents, out, single, gains, local, allowed, R,
            F, I, P, W, N, S, B, H, count, Z,
        )  # fmt: skip
    for j in range(here, to, step):
        order[j] = order[j + step]
        place[order[j]] = j
    order[to] = v
    place[v] = to
    for i in range(1, m + 1):
        w = touched[i]
        node = trace(
            w, place[w], 1, looked, place, parents, out, single, gains, local, allowed, R,
            F, I, P, W, N, S, B, H, count, Z,
        )  # fmt: skip
        gained[0] += S[node] - scores[w]
        scores[w] = S[node]
    return 0


@njit(types.UniTuple(int64, 2)(int64, I2, I2), **OPTIONS)
def room(v, O, R):
    """The first and the last place that keep required parents before v and children after it."""
    low, high = 0, O.shape[1] - 1
    if R.shape[1] > 1:
        for i in range(1, R[v, 0] + 1):
            low = max(low, O[1, R[v, i]] + 1)
        for w in range(R.shape[0]):
            for i in range(1, R[w, 0] + 1):
                if R[w, i] == v:
                    high = min(high, O[1, w] - 1)
    return low, high


@njit(float64(int64, I1, I1, *STATE, *BOUND, *SETS), **OPTIONS)
def evaluate(
    v, to, parents, O, scores, looked, single, gains, local, allowed, R, F, I, P, W,
    N, S, B, H, count, Z,
):  # fmt: skip
    """The gain of the best place for v, which goes to to[0]; NaN if there is no room.

    What the nodes before gain if v comes before them does not depend on where, and v itself cannot
    gain by losing predecessors; so the way to the left ends once what is left to gain is too
    little, and likewise to the right.
    """
    d = O.shape[1]
    order, place = O[0], O[1]
    here = place[v]
    out = np.empty(3, dtype=np.int64)
    row = looked[v]
    low, high = room(v, O, R)
    best = TIE
    to[0] = here
    # to the left
    spots = np.empty(d, dtype=np.int64)
    change = np.empty(d)
    m, hope = 0, 0.0
    place[v] = -1
    for j in range(here - 1, low - 1, -1):
        w = order[j]
        if row[w]:
            node = trace(
                w, j, -1, looked, place, parents, out, single, gains, local, allowed, R,
                F, I, P, W, N, S, B, H, count, Z,
            )  # fmt: skip
            if node < 0:
                place[v] = here
                return np.nan
            spots[m], change[m] = j, S[node] - scores[w]
            hope += max(change[m], 0.0)
            m += 1
    place[v] = here
    if hope > TIE:
        node = trace(
            v, here, -1, looked, place, parents, out, single, gains, local, allowed, R,
            F, I, P, W, N, S, B, H, count, Z,
        )  # fmt: skip
        own, passed = 0.0, 0.0
        for i in range(m):
            j = spots[i]
            passed += change[i]
            if out[1] >= j:  # v loses a node that it looked at
                node = trace(
                    v, j, -1, looked, place, parents, out, single, gains, local, allowed, R,
                    F, I, P, W, N, S, B, H, count, Z,
                )  # fmt: skip
                if node < 0:
                    return np.nan
                own = S[node] - scores[v]
            if own + passed > best - (TIE if to[0] != here else 0.0):
                best = max(best, own + passed)  # of equal places the leftmost
                to[0] = max(low, out[1] + 1, spots[i + 1] + 1 if i + 1 < m else 0)
            if own + hope <= best - TIE:
                break
    # to the right
    if here >= high:
        return best if to[0] != here else 0.0
    node = trace(
        v, high + 1, -1, looked, place, parents, out, single, gains, local, allowed, R,
        F, I, P, W, N, S, B, H, count, Z,
    )  # fmt: skip
    if node < 0:
        return np.nan
    hope = S[node] - scores[v]
    if hope <= best:
        return best if to[0] != here else 0.0
    trace(
        v, here, -1, looked, place, parents, out, single, gains, local, allowed, R,
        F, I, P, W, N, S, B, H, count, Z,
    )  # fmt: skip
    passed = 0.0
    following = out[2]
    for j in range(here + 1, high + 1):
        w = order[j]
        if row[w]:
            place[v] = d
            node = trace(
                w, j, -1, looked, place, parents, out, single, gains, local, allowed, R,
                F, I, P, W, N, S, B, H, count, Z,
            )  # fmt: skip
            place[v] = here
            if node < 0:
                return np.nan
            passed += S[node] - scores[w]
            if passed + hope <= best:
                break
        if j == following:
            node = trace(
                v, j + 1, -1, looked, place, parents, out, single, gains, local, allowed, R,
                F, I, P, W, N, S, B, H, count, Z,
            )  # fmt: skip
            if node < 0:
                return np.nan
            following = out[2]
            if S[node] - scores[v] + passed > best:
                best = S[node] - scores[v] + passed
                to[0] = j
    return best if to[0] != here else 0.0


@njit(int64(int64, int64, I1, I1, F1, *STATE, *BOUND, *SETS), **OPTIONS)
def climb(
    begin, limit, visit, since, gained, O, scores, looked, single, gains, local, allowed, R,
    F, I, P, W, N, S, B, H, count, Z,
):  # fmt: skip
    """Move visit[begin % d], visit[(begin + 1) % d], ... to their best places; at most `limit`.

    since[0] is how many in a row stayed: d is a local optimum. The turn to go on with, or
    FULL - turn.
    """
    d = O.shape[1]
    parents, touched = np.empty(d + 1, dtype=np.int64), np.empty(d + 1, dtype=np.int64)
    to = np.empty(1, dtype=np.int64)
    for turn in range(begin, begin + limit):
        if since[0] >= d:
            return turn
        v = visit[turn % d]
        gain = evaluate(
            v, to, parents, O, scores, looked, single, gains, local, allowed, R, F, I, P, W,
            N, S, B, H, count, Z,
        )  # fmt: skip
        if np.isnan(gain):
            return FULL - turn
        since[0] += 1
        if gain > TIE:
            if move(
                v, to[0], gained, touched, O, scores, looked, single, gains, local, allowed, R,
                F, I, P, W, N, S, B, H, count, Z,
            ) < 0:  # fmt: skip
                return FULL - turn
            since[0] = 0
    return begin + limit


@njit(int64(U2, *STATE, *BOUND, *SETS), **OPTIONS)
def project(
    dag, O, scores, looked, single, gains, local, allowed, R, F, I, P, W, N, S, B, H, count, Z
):  # fmt: skip
    """The DAG of the order, dag[p, v] = 1 for p -> v; FULL or 0."""
    d = O.shape[1]
    parents, out = np.empty(d + 1, dtype=np.int64), np.empty(3, dtype=np.int64)
    dag[:] = 0
    for i in range(d):
        v = O[0, i]
        node = trace(
            v, i, -1, looked, O[1], parents, out, single, gains, local, allowed, R, F, I, P, W,
            N, S, B, H, count, Z,
        )  # fmt: skip
        if node < 0:
            return FULL
        for j in range(out[0]):
            dag[parents[j], v] = 1
    return 0


@njit(void(I2, B1, I1), **OPTIONS)
def rehash(N, H, count):
    """Enter all sets into the hash table H again."""
    mask = H.shape[0] - 1
    H[:] = NONE
    for node in range(count[0]):
        at = N[node, 2] & mask
        while H[at] >= 0:
            at = (at + 1) & mask
        H[at] = node


@njit(void(int64, I1, I1, U1), **OPTIONS)
def enqueue(v, ring, ends, queued):
    """Put v at the end of the queue if it is not in it; ends: [first, one past the last]."""
    if queued[v] == 0:
        queued[v] = 1
        ring[ends[1] % ring.shape[0]] = v
        ends[1] += 1


@njit(int64(I1, int64), **OPTIONS)
def throw(dice, sides):
    """A number below `sides` (Park and Miller 1988); dice[0] is the state."""
    dice[0] = dice[0] * 48271 % 2147483647
    return dice[0] % sides


@njit(int64(int64, I1, I2, U2), **OPTIONS)
def near(c, members, O, looked):
    """Into members: c, the nodes after it that look at it, those before that it looks at."""
    place = O[1]
    m = 1
    members[0] = c
    for w in range(place.shape[0]):
        after = place[w] > place[c]
        if (after and looked[c, w]) or (place[w] < place[c] and looked[w, c]):
            members[m] = w
            m += 1
    return m


@njit(
    int64(int64, int64, int64, I1, I1, F1, *STATE, *BOUND, *SETS),
    **OPTIONS,
)
def shake(
    begin, end, limit, dice, tally, gained, O, scores, looked, single, gains, local, allowed, R,
    F, I, P, W, N, S, B, H, count, Z,
):  # fmt: skip
    """Shake turns begin .. end - 1: reorder a few nodes near one, repair, keep it unless worse.

    Some of the node's neighbourhood go to places of others of it; then the nodes whose parents
    changed, and their parents, move to their best places until none gains. A change for the worse
    is undone move by move. About `limit` evaluations in all. tally: [shakes that gained, that were
    kept, evaluations]. The turn to go on with, or FULL - turn.
    """
    d = O.shape[1]
    place = O[1]
    parents, touched = np.empty(d + 1, dtype=np.int64), np.empty(d + 1, dtype=np.int64)
    out, to = np.empty(3, dtype=np.int64), np.empty(1, dtype=np.int64)
    ring, queued = np.empty(d, dtype=np.int64), np.zeros(d, dtype=np.uint8)
    ends = np.empty(2, dtype=np.int64)
    members = np.empty(d, dtype=np.int64)
    most = 4 * d + 64  # moves of one shake
    who, origin = np.empty(most, dtype=np.int64), np.empty(most, dtype=np.int64)
    change = np.zeros(1)
    work = 0
    for turn in range(begin, end):
        if work > limit:
            return turn
        state = dice[0]
        m = near(throw(dice, d), members, O, looked)
        if m < 2:
            continue
        change[0] = 0.0
        moves, shaken = 0, 0
        ends[0] = ends[1] = 0
        full = False
        while moves < most:
            gain = 0.0
            if shaken < MOVED:
                shaken += 1
                v = members[throw(dice, m)]
                low, high = room(v, O, R)
                to[0] = min(max(place[members[throw(dice, m)]], low), high)
            elif ends[0] < ends[1]:
                v = ring[ends[0] % d]
                ends[0] += 1
                queued[v] = 0
                gain = evaluate(
                    v, to, parents, O, scores, looked, single, gains, local, allowed, R,
                    F, I, P, W, N, S, B, H, count, Z,
                )  # fmt: skip
                work += 1
            else:
                break
            if np.isnan(gain):
                full = True
                break
            if to[0] == place[v]:
                continue
            who[moves], origin[moves] = v, place[v]
            if move(
                v, to[0], change, touched, O, scores, looked, single, gains, local, allowed, R,
                F, I, P, W, N, S, B, H, count, Z,
            ) < 0:  # fmt: skip
                full = True
                break
            moves += 1
            for i in range(1, touched[0] + 1):
                w = touched[i]
                enqueue(w, ring, ends, queued)
                trace(
                    w, place[w], -1, looked, place, parents, out, single, gains, local, allowed,
                    R, F, I, P, W, N, S, B, H, count, Z,
                )  # fmt: skip
                for j in range(out[0]):
                    enqueue(parents[j], ring, ends, queued)
        for i in range(ends[0], ends[1]):
            queued[ring[i % d]] = 0
        if full or change[0] < -TIE:
            for i in range(moves - 1, -1, -1):
                move(
                    who[i], origin[i], change, touched, O, scores, looked, single, gains, local,
                    allowed, R, F, I, P, W, N, S, B, H, count, Z,
                )  # fmt: skip
        else:
            gained[0] += change[0]
            tally[0] += change[0] > TIE
            tally[1] += 1
        tally[2] = work
        if full:
            dice[0] = state
            return FULL - turn
    return end
