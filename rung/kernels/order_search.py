"""Best-order score search with grow-shrink trees (Andrews et al. 2023).

A tree of node v caches every growth of its parents: from each parent set the candidates that
raise the score, best first. For a prefix of the order the first candidate inside it is the best,
so that a trace down the tree replaces the greedy growth; what shrinks away afterwards is cached
with the leaf. Trees of all nodes lie in shared arrays: `count` [nodes used, branches used],
`first`, `size` (of a tree node's branches; -1 before it was grown), `leaf` (score after
shrinking; NaN before), and for the branches `which` (candidate) and `child` (-1 before).
"""

# mypy: allow-untyped-defs, allow-incomplete-defs
# (the types of arguments stand in the signature of each kernel)

from __future__ import annotations

import numpy as np
from numba import njit

from .signatures import (
    F1,
    F3,
    I1,
    I2,
    INNER,
    OUTER,
    U1,
    U2,
    GainsFunction,
    LocalFunction,
    float64,
    int64,
)  # fmt: skip

TIE = 1e-9
FULL = -1  # the arrays of the trees are too short; enlarge them and go on


@njit(
    float64(LocalFunction, int64, I1, I1, int64, float64, F3, I2, F1, F1),
    **INNER,
)
def shrink(local, v, parents, k_out, fixed, score, F, I, P, W):
    """Remove parents, the most useless first, while that raises the score; not the first `fixed`.

    k_out[0] is the number of parents before and after.
    """
    k = k_out[0]
    trial = np.empty(max(k, 1), dtype=np.int64)
    while k > fixed:
        best, where = score + TIE, -1
        for i in range(fixed, k):
            for j in range(k - 1):
                trial[j] = parents[j] if j < i else parents[j + 1]
            value = local(v, trial, k - 1, F, I, P, W)
            if value > best:
                best, where = value, i
        if where < 0:
            break
        score = best
        k -= 1
        for j in range(where, k):
            parents[j] = parents[j + 1]
    k_out[0] = k
    return score


@njit(
    int64(
        LocalFunction,
        GainsFunction,
        int64,
        U1,
        U2,
        U2,
        I1,
        I1,
        I1,
        I1,
        F1,
        F1,
        I1,
        I1,
        F3,
        I2,
        F1,
        F1,
    ),
    **INNER,
)
def trace(
    local, gains, v, prefix, allowed, required, parents, k_out, count, first, grown, leaf,
    which, child, F, I, P, W,
):  # fmt: skip
    """The tree node that v reaches in the prefix, its parents before shrinking; or FULL.

    `grown` holds the score of a tree node's parents, `leaf` that after shrinking (NaN before),
    and `first` the begin of its branches (-1 before it was grown); a branch list ends with -1.
    """
    d = prefix.shape[0]
    k = 0
    for p in range(d):
        if required[p, v]:
            parents[k] = p
            k += 1
    fixed = k
    node = v
    while True:
        if first[node] < 0:
            if count[1] + d + 1 > which.shape[0]:
                return FULL
            out = np.empty(d)
            may = allowed[v].copy()
            for i in range(k):
                may[parents[i]] = 0
            base = gains(v, parents, k, may, out, F, I, P, W)
            first[node] = count[1]
            at = count[1]
            for c in range(d):  # candidates that gain, best first, ties in column order
                if may[c] == 0 or not out[c] > base + TIE:
                    continue
                i = at
                while i > first[node] and out[which[i - 1]] < out[c]:
                    which[i] = which[i - 1]
                    i -= 1
                which[i] = c
                child[at] = -1
                at += 1
            which[at] = -1
            count[1] = at + 1
            grown[node] = base
        at = first[node]
        while which[at] >= 0 and prefix[which[at]] == 0:
            at += 1
        if which[at] < 0:
            break
        if child[at] < 0:
            if count[0] >= first.shape[0]:
                return FULL
            child[at] = count[0]
            first[count[0]] = -1
            leaf[count[0]] = np.nan
            count[0] += 1
        parents[k] = which[at]
        k += 1
        node = child[at]
    k_out[0] = k
    if np.isnan(leaf[node]):
        copy = parents.copy()
        leaf[node] = shrink(local, v, copy, k_out, fixed, grown[node], F, I, P, W)
        k_out[0] = k
    return node


@njit(
    int64(
        LocalFunction,
        GainsFunction,
        I1,
        F1,
        U2,
        U2,
        I1,
        I1,
        F1,
        F1,
        I1,
        I1,
        I1,
        int64,
        int64,
        F1,
        F3,
        I2,
        F1,
        F1,
    ),
    **OUTER,
)
def sweep(
    local, gains, order, scores, allowed, required, count, first, grown, leaf, which, child,
    visit, begin, limit, gained, F, I, P, W,
):  # fmt: skip
    """Move visit[begin], visit[begin + 1], ... to its best place; about `limit` traces.

    scores[v] is the score of v given its prefix, NaN if not known. Adds what was gained to
    gained[0]. Returns the first visit not done, or FULL - visit if the trees need more room.
    """
    d = order.shape[0]
    parents = np.empty(d + 1, dtype=np.int64)
    k_out = np.zeros(1, dtype=np.int64)
    rest = np.empty(d, dtype=np.int64)
    own = np.empty(d)
    without = np.empty(d)
    along = np.empty(d)
    traced = 0
    for turn in range(begin, d):
        v = visit[turn]
        here = 0
        m = 0
        for i in range(d):
            if order[i] == v:
                here = i
            else:
                rest[m] = order[i]
                m += 1
        low, high = 0, d - 1  # places that keep required parents before and children after v
        for i in range(d - 1):
            if required[rest[i], v]:
                low = i + 1
            if required[v, rest[i]] and high == d - 1:
                high = i
        prefix = np.zeros(d, dtype=np.uint8)
        full = False
        for i in range(high + 1):
            if i >= low:
                if i == here and not np.isnan(scores[v]):
                    own[i] = scores[v]
                else:
                    node = trace(
                        local, gains, v, prefix, allowed, required, parents, k_out, count,
                        first, grown, leaf, which, child, F, I, P, W,
                    )  # fmt: skip
                    if node < 0:
                        full = True
                        break
                    own[i] = leaf[node]
                    traced += 1
            if i == high:
                break
            w = rest[i]
            if i >= low:
                for side in range(2):  # 0: v comes later, 1: v is in the prefix
                    if (side == 1) == (i >= here) and not np.isnan(scores[w]):
                        value = scores[w]
                    else:
                        prefix[v] = side
                        node = trace(
                            local, gains, w, prefix, allowed, required, parents, k_out, count,
                            first, grown, leaf, which, child, F, I, P, W,
                        )  # fmt: skip
                        prefix[v] = 0
                        if node < 0:
                            full = True
                            break
                        value = leaf[node]
                        traced += 1
                    if side == 0:
                        without[i] = value
                    else:
                        along[i] = value
                if full:
                    break
            prefix[w] = 1
        if full:
            return FULL - turn
        total = own[low]
        for i in range(low, high):
            total += along[i]
        now, best, place, value = 0.0, -np.inf, low, total
        for i in range(low, high + 1):
            if i > low:
                value += own[i] - own[i - 1] + without[i - 1] - along[i - 1]
            if i == here:
                now = value
            if value > best:
                best, place = value, i
        if best > now + TIE:
            gained[0] += best - now
        else:
            place = here
        m = 0
        for i in range(d):
            if i == place:
                order[i] = v
            else:
                order[i] = rest[m]
                m += 1
        scores[v] = own[place]
        for i in range(low, high):
            scores[rest[i]] = without[i] if i < place else along[i]
        if traced >= limit:
            return turn + 1
    return d


@njit(
    int64(
        LocalFunction,
        GainsFunction,
        I1,
        F1,
        U2,
        U2,
        I1,
        I1,
        F1,
        F1,
        I1,
        I1,
        U2,
        F3,
        I2,
        F1,
        F1,
    ),
    **OUTER,
)
def project(
    local, gains, order, scores, allowed, required, count, first, grown, leaf, which, child,
    dag, F, I, P, W,
):  # fmt: skip
    """The DAG of an order: dag[p, v] = 1 for p -> v; scores of the nodes. FULL as in `sweep`."""
    d = order.shape[0]
    parents = np.empty(d + 1, dtype=np.int64)
    k_out = np.zeros(1, dtype=np.int64)
    prefix = np.zeros(d, dtype=np.uint8)
    dag[:] = 0
    for i in range(d):
        v = order[i]
        node = trace(
            local, gains, v, prefix, allowed, required, parents, k_out, count, first, grown,
            leaf, which, child, F, I, P, W,
        )  # fmt: skip
        if node < 0:
            return FULL
        fixed = 0
        for p in range(d):
            fixed += required[p, v]
        scores[v] = shrink(local, v, parents, k_out, fixed, grown[node], F, I, P, W)
        for j in range(k_out[0]):
            dag[parents[j], v] = 1
        prefix[v] = 1
    return 0
