"""The order search of FLOP: moves that touch only what they change.

The parents of a node, found by a walk over sets (see `parent_sets`), depend only on the nodes that
the walk looked at. So moving a node past another costs nothing unless one looked at the other, and
a node jumps from one place where something changes to the next.

Arrays. `O` (2, d) int64: the nodes in order, and the place of each; `scores` (d,); `looked[c, v]`
is 1 if the walk of v looked at c. The others are those of `parent_sets`.
"""

# mypy: allow-untyped-defs, allow-incomplete-defs
# (the types of arguments stand in the signature of each kernel)

from __future__ import annotations

import numpy as np
from numba import njit, types

from .parent_sets import BOUND, FULL, SETS, TIE, trace
from .signatures import F1, I1, I2, OPTIONS, U1, U2, float64, int64, void

MOVED = 3  # nodes that a shake puts elsewhere

STATE = (I2, F1, U2)  # O, scores, looked


@njit(int64(int64, int64, *STATE, *BOUND, *SETS), **OPTIONS)
def refit(
    begin, end, O, scores, looked, single, gains, local, allowed, R, F, I, P, W, held, N, S, B, H,
    count, Z,
):  # fmt: skip
    """Trace the nodes at places begin .. end - 1 anew; the first place not done."""
    d = O.shape[1]
    parents, out = np.empty(d + 1, dtype=np.int64), np.empty(3, dtype=np.int64)
    for i in range(begin, end):
        v = O[0, i]
        node = trace(
            v, i, -1, looked, O[1], parents, out, single, gains, local, allowed, R, F, I, P, W,
            held, N, S, B, H, count, Z,
        )  # fmt: skip
        if node < 0:
            return i
        trace(
            v, i, 1, looked, O[1], parents, out, single, gains, local, allowed, R, F, I, P, W, held,
            N, S, B, H, count, Z,
        )  # fmt: skip
        scores[v] = S[node]
    return end


@njit(int64(int64, int64, F1, I1, *STATE, *BOUND, *SETS), **OPTIONS)
def move(
    v, to, gained, touched, O, scores, looked, single, gains, local, allowed, R, F, I, P, W, held,
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
            local, allowed, R, F, I, P, W, held, N, S, B, H, count, Z,
        )  # fmt: skip
        place[v] = here
        if node < 0:
            return FULL
    for i in range(1, m + 1):
        w = touched[i]
        trace(
            w, place[w], 0, looked, place, parents, out, single, gains, local, allowed, R,
            F, I, P, W, held, N, S, B, H, count, Z,
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
            F, I, P, W, held, N, S, B, H, count, Z,
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
    v, to, parents, O, scores, looked, single, gains, local, allowed, R, F, I, P, W, held,
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
                F, I, P, W, held, N, S, B, H, count, Z,
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
            F, I, P, W, held, N, S, B, H, count, Z,
        )  # fmt: skip
        own, passed = 0.0, 0.0
        for i in range(m):
            j = spots[i]
            passed += change[i]
            if out[1] >= j:  # v loses a node that it looked at
                node = trace(
                    v, j, -1, looked, place, parents, out, single, gains, local, allowed, R,
                    F, I, P, W, held, N, S, B, H, count, Z,
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
        F, I, P, W, held, N, S, B, H, count, Z,
    )  # fmt: skip
    if node < 0:
        return np.nan
    hope = S[node] - scores[v]
    if hope <= best:
        return best if to[0] != here else 0.0
    trace(
        v, here, -1, looked, place, parents, out, single, gains, local, allowed, R,
        F, I, P, W, held, N, S, B, H, count, Z,
    )  # fmt: skip
    passed = 0.0
    following = out[2]
    for j in range(here + 1, high + 1):
        w = order[j]
        if row[w]:
            place[v] = d
            node = trace(
                w, j, -1, looked, place, parents, out, single, gains, local, allowed, R,
                F, I, P, W, held, N, S, B, H, count, Z,
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
                F, I, P, W, held, N, S, B, H, count, Z,
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
    F, I, P, W, held, N, S, B, H, count, Z,
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
            v, to, parents, O, scores, looked, single, gains, local, allowed, R, F, I, P, W, held,
            N, S, B, H, count, Z,
        )  # fmt: skip
        if np.isnan(gain):
            return FULL - turn
        since[0] += 1
        if gain > TIE:
            if move(
                v, to[0], gained, touched, O, scores, looked, single, gains, local, allowed, R,
                F, I, P, W, held, N, S, B, H, count, Z,
            ) < 0:  # fmt: skip
                return FULL - turn
            since[0] = 0
    return begin + limit


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
    int64(int64, int64, int64, float64, I1, I1, F1, *STATE, *BOUND, *SETS),
    **OPTIONS,
)
def shake(
    begin, end, limit, least, dice, tally, gained, O, scores, looked, single, gains, local,
    allowed, R, F, I, P, W, held, N, S, B, H, count, Z,
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
                    F, I, P, W, held, N, S, B, H, count, Z,
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
                F, I, P, W, held, N, S, B, H, count, Z,
            ) < 0:  # fmt: skip
                full = True
                break
            moves += 1
            for i in range(1, touched[0] + 1):
                w = touched[i]
                enqueue(w, ring, ends, queued)
                trace(
                    w, place[w], -1, looked, place, parents, out, single, gains, local, allowed,
                    R, F, I, P, W, held, N, S, B, H, count, Z,
                )  # fmt: skip
                for j in range(out[0]):
                    enqueue(parents[j], ring, ends, queued)
        for i in range(ends[0], ends[1]):
            queued[ring[i % d]] = 0
        if full or change[0] < least:
            for i in range(moves - 1, -1, -1):
                move(
                    who[i], origin[i], change, touched, O, scores, looked, single, gains, local,
                    allowed, R, F, I, P, W, held, N, S, B, H, count, Z,
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


__all__ = ["climb", "evaluate", "move", "near", "refit", "shake"]
