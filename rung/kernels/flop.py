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
from .signatures import F1, I1, I2, INNER, OUTER, U2, float64, int64

STATE = (I2, F1, U2)  # O, scores, looked


@njit(int64(int64, int64, U2, *STATE, *BOUND, *SETS), **OUTER)
def refit(
    begin, end, dag, O, scores, looked, single, gains, local, allowed, R, F, I, P, W, held,
    N, S, B, H, count, Z,
):  # fmt: skip
    """Trace the nodes at places begin .. end - 1 anew; the first place not done.

    dag[p, v] becomes 1 for p -> v.
    """
    d = O.shape[1]
    parents, out = np.empty(d + 1, dtype=np.int64), np.empty(3, dtype=np.int64)
    for i in range(begin, end):
        v = O[0, i]
        node = trace(
            v, i, 1, looked, O[1], parents, out, single, gains, local, allowed, R, F, I, P, W, held,
            N, S, B, H, count, Z,
        )  # fmt: skip
        if node < 0:
            return i
        scores[v] = S[node]
        for j in range(out[0]):
            dag[parents[j], v] = 1
    return end


@njit(int64(int64, int64, F1, I1, *STATE, *BOUND, *SETS), **OUTER)
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


@njit(types.UniTuple(int64, 2)(int64, I2, I2), **INNER)
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


@njit(int64(int64, int64, int64, I1, I1, F1, F1, I1, *STATE, *BOUND, *SETS), **INNER)
def choose(
    v, m, side, start, end, passed, best, to, O, scores, looked, single, gains, local, allowed, R,
    F, I, P, W, held, N, S, B, H, count, Z,
):  # fmt: skip
    """Where v gains most among m stretches of the order; FULL or 0.

    In stretch i, places start[i] .. end[i], the others gain passed[i], and v is best off at its
    last place. From left to right v gains predecessors, so a walk bounds what v can reach in all
    stretches before: they are halved again and again, and those that cannot win are left out.
    Raises best[0] and sets to[0]; of equal places the leftmost. best[1]: the bound for all.
    """
    place = O[1]
    here = place[v]
    parents, out = np.empty(place.shape[0] + 1, dtype=np.int64), np.empty(3, dtype=np.int64)
    top = np.empty(m + 1)  # what the others gain at most up to (side 0) or from (1) a stretch on
    top[0 if side == 0 else m] = -np.inf
    if side == 0:
        for i in range(m):
            top[i + 1] = max(top[i], passed[i])
    else:
        for i in range(m - 1, -1, -1):
            top[i] = max(top[i + 1], passed[i])
    low, high, bound = np.empty(128, dtype=np.int64), np.empty(128, dtype=np.int64), np.empty(128)
    low[0], high[0], bound[0] = 0, m - 1, best[1]
    depth = 1
    while depth > 0:
        depth -= 1
        a, b, most = low[depth], high[depth], bound[depth]
        if a > b or most + (top[b + 1] if side == 0 else top[a]) <= best[0] - TIE:
            continue
        i = (a + b) // 2
        node = trace(
            v, end[i] + side, -1, looked, place, parents, out, single, gains, local, allowed, R,
            F, I, P, W, held, N, S, B, H, count, Z,
        )  # fmt: skip
        if node < 0:
            return FULL
        own = S[node] - scores[v]
        value = own + passed[i]
        spot = max(start[i], out[1] + 1 - side)
        if value > best[0] + TIE or (value > best[0] - TIE and to[0] != here and spot < to[0]):
            best[0] = max(best[0], value)
            to[0] = spot
        # stretch 0 is the nearest: to the left v only loses, to the right it only gains
        low[depth], high[depth], bound[depth] = a, i - 1, most if side == 0 else own
        low[depth + 1], high[depth + 1] = i + 1, b
        bound[depth + 1] = own if side == 0 else most
        depth += 2
    return 0


@njit(float64(int64, I1, *STATE, *BOUND, *SETS), **OUTER)
def evaluate(
    v, to, O, scores, looked, single, gains, local, allowed, R, F, I, P, W, held,
    N, S, B, H, count, Z,
):  # fmt: skip
    """The gain of the best place for v, which goes to to[0]; NaN if there is no room.

    What a node before v gains if v comes before it does not depend on where; nor does what a node
    after it loses. Only nodes whose walk looked at v count: they part the order into stretches.
    """
    d = O.shape[1]
    order, place = O[0], O[1]
    here = place[v]
    parents, out = np.empty(d + 1, dtype=np.int64), np.empty(3, dtype=np.int64)
    start, end = np.empty(d + 1, dtype=np.int64), np.empty(d + 1, dtype=np.int64)
    passed = np.empty(d + 1)
    best = np.zeros(2)
    row = looked[v]
    first, last = room(v, O, R)
    to[0] = here
    m, sum_, hope = 0, 0.0, 0.0
    for j in range(here - 1, first - 1, -1):  # to the left
        if row[order[j]]:
            place[v] = -1
            node = trace(
                order[j], j, -1, looked, place, parents, out, single, gains, local, allowed, R,
                F, I, P, W, held, N, S, B, H, count, Z,
            )  # fmt: skip
            place[v] = here
            if node < 0:
                return np.nan
            if m > 0:
                start[m - 1] = j + 1
            sum_ += S[node] - scores[order[j]]
            hope = max(hope, sum_)
            start[m], end[m], passed[m] = first, j, sum_
            m += 1
    if hope > TIE:
        full = choose(
            v, m, 0, start, end, passed, best, to, O, scores, looked, single, gains, local,
            allowed, R, F, I, P, W, held, N, S, B, H, count, Z,
        )  # fmt: skip
        if full < 0:
            return np.nan
    if here < last:  # to the right
        node = trace(
            v, last + 1, -1, looked, place, parents, out, single, gains, local, allowed, R,
            F, I, P, W, held, N, S, B, H, count, Z,
        )  # fmt: skip
        if node < 0:
            return np.nan
        best[1] = S[node] - scores[v]
        m, sum_ = 1, 0.0
        start[0], end[0], passed[0] = here, last, 0.0
        for j in range(here + 1, last + 1):
            if best[1] + sum_ <= best[0] + TIE:
                m -= 1
                break
            if row[order[j]]:
                place[v] = d
                node = trace(
                    order[j], j, -1, looked, place, parents, out, single, gains, local, allowed, R,
                    F, I, P, W, held, N, S, B, H, count, Z,
                )  # fmt: skip
                place[v] = here
                if node < 0:
                    return np.nan
                sum_ += S[node] - scores[order[j]]
                end[m - 1] = j - 1
                start[m], end[m], passed[m] = j, last, sum_
                m += 1
        if m > 0:
            full = choose(
                v, m, 1, start, end, passed, best, to, O, scores, looked, single, gains, local,
                allowed, R, F, I, P, W, held, N, S, B, H, count, Z,
            )  # fmt: skip
            if full < 0:
                return np.nan
    return best[0] if to[0] != here and best[0] > TIE else 0.0


@njit(int64(int64, int64, I1, I1, F1, *STATE, *BOUND, *SETS), **OUTER)
def climb(
    begin, limit, visit, since, gained, O, scores, looked, single, gains, local, allowed, R,
    F, I, P, W, held, N, S, B, H, count, Z,
):  # fmt: skip
    """Move visit[begin % d], visit[(begin + 1) % d], ... to their best places; at most `limit`.

    since[0] is how many in a row stayed: d is a local optimum. The turn to go on with, or
    FULL - turn.
    """
    d = O.shape[1]
    touched, to = np.empty(d + 1, dtype=np.int64), np.empty(1, dtype=np.int64)
    for turn in range(begin, begin + limit):
        if since[0] >= d:
            return turn
        v = visit[turn % d]
        gain = evaluate(
            v, to, O, scores, looked, single, gains, local, allowed, R, F, I, P, W, held,
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
