"""Local restarts of an order: reorder a few nodes near one, repair what that touched.

Arrays as in `flop` and `parent_sets`.
"""

# mypy: allow-untyped-defs, allow-incomplete-defs
# (the types of arguments stand in the signature of each kernel)

from __future__ import annotations

import numpy as np
from numba import njit

from .flop import STATE, evaluate, move, room
from .parent_sets import BOUND, FULL, SETS, TIE, trace
from .signatures import F1, I1, I2, INNER, OUTER, U1, U2, float64, int64, void

MOVED = 3  # nodes that a shake puts elsewhere


@njit(void(int64, I1, I1, U1), **INNER)
def enqueue(v, ring, ends, queued):
    """Put v at the end of the queue if it is not in it; ends: [first, one past the last]."""
    if queued[v] == 0:
        queued[v] = 1
        ring[ends[1] % ring.shape[0]] = v
        ends[1] += 1


@njit(int64(I1, int64), **INNER)
def throw(dice, sides):
    """A number below `sides` (Park and Miller 1988); dice[0] is the state."""
    dice[0] = dice[0] * 48271 % 2147483647
    return dice[0] % sides


@njit(int64(int64, I1, I2, U2), **INNER)
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
    **OUTER,
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
                    v, to, O, scores, looked, single, gains, local, allowed, R,
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
