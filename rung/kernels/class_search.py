"""Greedy search over equivalence classes: candidates, their scores, and the climb.

For each node y the best insertion of every x into its parents is held in `best[y]`, an upper bound
until the semi-directed paths were looked at, which happens when it is the best of all. What a path
rules out is put down with the path (`watch`), and looked at again when an edge of the path goes.
Best deletions and turns are held for each y. After an operator, candidates are computed anew for
the nodes whose neighbourhood changed (the rules of Nazaret and Blei 2024, in coarser form).

Insertions into y with the same parents are scored by one call of the score's `gains`; the answers
stay in `G`, single local scores in a table, both under a hash of node and parents.
"""

# mypy: allow-untyped-defs, allow-incomplete-defs
# (the types of arguments stand in the signature of each kernel)

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numba import njit, types

from .classes import (  # noqa: F401  (`plain` runs the callees in this module)
    ADDED,
    EDGES,
    FLIPPED,
    HEAD,
    INNER,
    JOURNAL,
    LOST,
    MARKED,
    REMOVED,
    TAIL,
    TOGGLED,
    arrange,
    compelled,
    delete,
    drop,
    flip,
    insert,
    lead,
    link,
    obey,
    path,
    push,
    record,
    settle,
    sink,
    stir,
    turn,
    undo,
    unlink,
)
from .signatures import (
    F1,
    F2,
    F3,
    I1,
    I2,
    OPTIONS,
    U2,
    GainsFunction,
    LocalFunction,
    float64,
    int64,
    void,
)

# more places in the vector of counters z
WATCHES, PAIRS, TRIAL, REFUSED, STEPS, CUT, CACHED, ROWS = 6, 7, 8, 9, 10, 11, 12, 13
CLEARED, KNOWN, AT, WATCHES0, REFUSED0, ACCEPTED, TRIED, SHORT, MOST, BAN0 = range(14, 24)
APPLIED = 24
COUNTERS = 25
# places in the vector of numbers R
TIE, TOTAL, WORK, BEFORE = 0, 1, 2, 3
NUMBERS = 4
# answers of a kernel: all done; stopped for the clock; arrays are too short; the journal broke
DONE, PAUSE, FULL, BROKEN = 0, 1, 2, 3
# kinds of operators
INSERTS, DELETES, TURNS, LOOSE = 1, 2, 4, 8
WIDE = 12  # nodes of a clique that an operator may name
CLIQUES = 4096  # cliques looked at in one neighbourhood


class State(NamedTuple):
    """Arrays of a search; see `rung.discovery.equivalence` for their sizes."""

    M: Any
    adj: Any
    deg: Any
    may: Any  # may[x, y]: x -> y may be inserted
    sep: Any
    ban: Any  # ban[x, y]: x -> y is forbidden
    keep: Any  # keep[x, y]: the edge may not go
    best: Any  # (y, x) best insertion of x -> y
    top: Any  # (y,) largest of best[y]
    who: Any  # (y,) where
    less: Any  # (y,) best deletion into y
    rest: Any  # (y,) best turn into y
    new: Any  # (3, d): insertions, deletions, turns of y to be computed anew
    pairs: Any  # single insertions to be computed anew, y * d + x
    random: Any  # (2, d) random numbers of the hash
    keys: Any
    values: Any
    rowkeys: Any
    rowat: Any
    G: Any
    J: Any
    queue: Any
    waiting: Any
    first: Any  # (d,) first watch of the edges out of a node
    watch: Any  # (w, 4): edge's head, who waits, next watch, edge's tail
    refused: Any  # operators that the knowledge refused, coded as in `watch`
    x: Any  # operators at hand: cause, size of S, S, gain
    k: Any
    S: Any
    gain: Any
    cliques: Any
    sizes: Any
    z: Any
    R: Any


STATE = types.NamedTuple(
    (
        U2, I2, I1, U2, U2, U2, U2, F2, F1, I1, F1, F1, U2, I1, I2, I1, F1, I1, I1, F2, I1, I1, U2,
        I1, I2, I1, I1, I1, I2, F1, I2, I1, I1, F1,
    ),
    State,
)  # fmt: skip


@njit(float64(LocalFunction, int64, I1, int64, I2, I1, F1, I1, F1, F3, I2, F1, F1), **INNER)
def score(local, y, parents, k, random, keys, values, z, R, F, I, P, W):
    """Local score of y, remembered."""
    key = random[0, y]
    for i in range(k):
        key ^= random[1, parents[i]]
    mask = keys.shape[0] - 1
    at = key & mask
    while keys[at] != 0:
        if keys[at] == key:
            return values[at]
        at = (at + 1) & mask
    if 2 * z[CACHED] >= keys.shape[0]:
        keys[:] = 0
        z[CACHED] = 0
        z[CLEARED] += 1
        at = key & mask
    R[WORK] += 1.0
    keys[at] = key
    values[at] = local(y, parents, k, F, I, P, W)
    z[CACHED] += 1
    return values[at]


@njit(int64(GainsFunction, STATE, int64, I1, int64, F3, I2, F1, F1), **INNER)
def row(gains, s, y, parents, k, F, I, P, W):
    """Place in G of the scores of y with each node added that may be; at [y] without any."""
    d = s.M.shape[0]
    key = s.random[0, y]
    for i in range(k):
        key ^= s.random[1, parents[i]]
    mask = s.rowkeys.shape[0] - 1
    at = key & mask
    while s.rowkeys[at] != 0 and s.rowkeys[at] != key:
        at = (at + 1) & mask
    if s.rowkeys[at] == 0:
        if s.z[ROWS] >= s.G.shape[0]:
            s.rowkeys[:] = 0
            s.z[ROWS] = 0
            at = key & mask
        s.rowkeys[at] = key
        s.rowat[at] = s.z[ROWS]
        s.G[s.z[ROWS], :] = np.nan
        s.z[ROWS] += 1
    out = s.G[s.rowat[at]]
    allowed = np.zeros(d, dtype=np.uint8)
    count = 0
    for x in range(d):
        if np.isnan(out[x]) and s.may[x, y] and s.M[x, y] == 0 and s.M[y, x] == 0:
            allowed[x] = 1
            count += 1
    if count or np.isnan(out[y]):
        base = gains(y, parents, k, allowed, out, F, I, P, W)
        out[y] = base
        s.R[WORK] += count + 1.0
        most = 0.0
        for x in range(d):
            if allowed[x]:
                most = max(most, abs(out[x] - base))
        s.R[TIE] = max(s.R[TIE], 1e-11 * most)
    return s.rowat[at]


@njit(int64(U2, I1, int64, I2, I1, I1), **INNER)
def list_cliques(M, nodes, m, cliques, sizes, z):
    """The cliques among nodes[:m], as places in the list, smaller ones first; their number."""
    sizes[0] = 0
    count, at = 1, 0
    while at < count:
        k = sizes[at]
        begin = cliques[at, k - 1] + 1 if k else 0
        for p in range(begin, m):
            fits = True
            for i in range(k):
                other = nodes[cliques[at, i]]
                if M[nodes[p], other] == 0 and M[other, nodes[p]] == 0:
                    fits = False
                    break
            if fits:
                if count == cliques.shape[0] or k == cliques.shape[1]:
                    z[CUT] += 1
                    return count
                for i in range(k):
                    cliques[count, i] = cliques[at, i]
                cliques[count, k] = p
                sizes[count] = k + 1
                count += 1
        at += 1
    return count


@njit(void(GainsFunction, STATE, int64, F3, I2, F1, F1), **INNER)
def insertions(gains, s, y, F, I, P, W):
    """Compute best[y] anew, whatever the paths."""
    M, adj, deg, best = s.M, s.adj, s.deg, s.best[y]
    d = M.shape[0]
    s.new[0, y] = 0
    best[:] = -np.inf
    parents = np.empty(deg[y] + 1, dtype=np.int64)
    near = np.empty(deg[y] + 1, dtype=np.int64)
    fixed, m = 0, 0
    for i in range(deg[y]):
        w = adj[y, i]
        if M[w, y] == 2:
            parents[fixed] = w
            fixed += 1
        elif M[w, y] == 1 or M[y, w] == 1:
            near[m] = w
            m += 1
    inside = np.zeros(m + 1, dtype=np.uint8)
    for c in range(list_cliques(M, near, m, s.cliques, s.sizes, s.z)):
        inside[:] = 0
        k = fixed
        for i in range(s.sizes[c]):
            inside[s.cliques[c, i]] = 1
            parents[k] = near[s.cliques[c, i]]
            k += 1
        out = s.G[row(gains, s, y, parents, k, F, I, P, W)]
        floor = out[y] + s.R[TIE]
        base = out[y]
        for x in range(d):
            if not out[x] > floor or out[x] - base <= best[x]:
                continue
            if x == y or s.may[x, y] == 0 or M[x, y] or M[y, x]:
                continue
            fits = True
            for i in range(m):
                if inside[i] == 0 and (M[near[i], x] or M[x, near[i]]):
                    fits = False
                    break
            if fits:
                best[x] = out[x] - base
    s.R[WORK] += d / 64.0
    who = np.argmax(best)
    s.who[y] = who
    s.top[y] = best[who]


@njit(int64(LocalFunction, STATE, int64, int64, int64, int64, float64, F3, I2, F1, F1), **INNER)
def options(local, s, x, y, n, floor, extra, F, I, P, W):
    """Add to the operators at hand x -> y with every S that holds what joins y and x.

    S: cliques of neighbours of y that hold all those joined to x. `extra` is added to the gain of
    each; those of at most the tie are left out if `floor`. Returns the number at hand after n.
    """
    M, adj, deg = s.M, s.adj, s.deg
    near = np.empty(deg[y] + 1, dtype=np.int64)
    must = np.empty(deg[y] + 1, dtype=np.int64)
    parents = np.empty(deg[y] + 2, dtype=np.int64)
    fixed, m, q = 0, 0, 0
    for i in range(deg[y]):
        w = adj[y, i]
        if M[w, y] == 2:
            parents[fixed] = w
            fixed += 1
        elif (M[w, y] == 1 or M[y, w] == 1) and (M[w, x] or M[x, w]):
            must[q] = w
            q += 1
    if q > s.S.shape[1]:
        s.z[CUT] += 1
        return n
    for i in range(q):
        for j in range(i):
            if M[must[i], must[j]] == 0 and M[must[j], must[i]] == 0:
                return n
    for i in range(deg[y]):
        w = adj[y, i]
        if w == x or (M[w, y] != 1 and M[y, w] != 1) or M[w, x] or M[x, w]:
            continue
        fits = True
        for j in range(q):
            if M[w, must[j]] == 0 and M[must[j], w] == 0:
                fits = False
                break
        if fits:
            near[m] = w
            m += 1
    for i in range(q):
        parents[fixed + i] = must[i]
    for c in range(list_cliques(M, near, m, s.cliques, s.sizes, s.z)):
        k = q + s.sizes[c]
        if k > s.S.shape[1]:
            s.z[CUT] += 1
            break
        for i in range(s.sizes[c]):
            parents[fixed + q + i] = near[s.cliques[c, i]]
        without = score(
            local, y, parents, fixed + k, s.random, s.keys, s.values, s.z, s.R, F, I, P, W
        )
        parents[fixed + k] = x
        value = (
            extra
            - without
            + score(
                local, y, parents, fixed + k + 1, s.random, s.keys, s.values, s.z, s.R, F, I, P, W
            )
        )
        if floor and value <= s.R[TIE]:
            continue
        if n == s.x.shape[0]:
            s.z[CUT] += 1
            return n
        s.x[n], s.k[n], s.gain[n] = x, k, value
        for i in range(k):
            s.S[n, i] = parents[fixed + i]
        n += 1
    return n


@njit(int64(LocalFunction, STATE, int64, int64, int64, F3, I2, F1, F1), **INNER)
def deletions(local, s, y, n, floor, F, I, P, W):
    """Add to the operators at hand the deletions of edges into y; their number."""
    M, adj, deg = s.M, s.adj, s.deg
    parents = np.empty(deg[y] + 2, dtype=np.int64)
    near = np.empty(deg[y] + 1, dtype=np.int64)
    for e in range(deg[y]):
        x = adj[y, e]
        if M[y, x] == 2 or s.keep[x % s.keep.shape[0], y % s.keep.shape[0]]:
            continue
        fixed, m = 0, 0
        for i in range(deg[y]):
            w = adj[y, i]
            if w == x:
                continue
            if M[w, y] == 2:
                parents[fixed] = w
                fixed += 1
            elif (M[w, y] == 1 or M[y, w] == 1) and (M[w, x] or M[x, w]):
                near[m] = w
                m += 1
        for c in range(list_cliques(M, near, m, s.cliques, s.sizes, s.z)):
            k = s.sizes[c]
            for i in range(k):
                parents[fixed + i] = near[s.cliques[c, i]]
            value = score(
                local, y, parents, fixed + k, s.random, s.keys, s.values, s.z, s.R, F, I, P, W
            )
            parents[fixed + k] = x
            value -= score(
                local, y, parents, fixed + k + 1, s.random, s.keys, s.values, s.z, s.R, F, I, P, W
            )
            if floor and value <= s.R[TIE]:
                continue
            if n == s.x.shape[0]:
                s.z[CUT] += 1
                return n
            s.x[n], s.k[n], s.gain[n] = x, k, value
            for i in range(k):
                s.S[n, i] = parents[fixed + i]
            n += 1
    return n


@njit(int64(LocalFunction, STATE, int64, int64, F3, I2, F1, F1), **INNER)
def turns(local, s, y, kinds, F, I, P, W):
    """The operators that make x -> y out of y -> x, or of y - x with LOOSE; their number.

    Source: Hauser and Buehlmann (2012), propositions 31 (arrows) and 34 (undirected edges).
    """
    M, adj, deg = s.M, s.adj, s.deg
    d = M.shape[0]
    n = 0
    size = 1
    for i in range(deg[y]):
        size = max(size, deg[adj[y, i]])
    parents = np.empty(size + deg[y] + 2, dtype=np.int64)
    near = np.empty(deg[y] + 1, dtype=np.int64)
    seen = np.zeros(d, dtype=np.uint8)
    for e in range(deg[y]):
        x = adj[y, e]
        if M[x, y] == 2 or s.may[x, y] == 0:
            continue
        k = 0
        for i in range(deg[x]):
            if M[adj[x, i], x] == 2 and adj[x, i] != y:
                parents[k] = adj[x, i]
                k += 1
        fixed = k
        if M[y, x] == 2:
            extra = score(local, x, parents, k, s.random, s.keys, s.values, s.z, s.R, F, I, P, W)
            parents[k] = y
            extra -= score(
                local, x, parents, k + 1, s.random, s.keys, s.values, s.z, s.R, F, I, P, W
            )
            n = options(local, s, x, y, n, 1, extra, F, I, P, W)
            continue
        if not kinds & LOOSE:
            continue
        own = np.empty(deg[y] + 1, dtype=np.int64)
        mine, m = 0, 0
        for i in range(deg[y]):
            w = adj[y, i]
            if M[w, y] == 2:
                own[mine] = w
                mine += 1
            elif w != x and (M[w, y] == 1 or M[y, w] == 1):
                near[m] = w
                m += 1
        inside = np.zeros(m + 1, dtype=np.uint8)
        stack = np.empty(m + 1, dtype=np.int64)
        for c in range(list_cliques(M, near, m, s.cliques, s.sizes, s.z)):
            # S must hold one not joined to x, and S & N separate the rest of S from that of N
            inside[:] = 0
            k, out = 0, 0
            for i in range(s.sizes[c]):
                w = near[s.cliques[c, i]]
                inside[s.cliques[c, i]] = 1
                if M[w, x] or M[x, w]:
                    parents[fixed + k] = w
                    k += 1
                else:
                    stack[out] = s.cliques[c, i]
                    out += 1
            if out == 0:
                continue
            apart = True
            for i in range(m):
                seen[i] = inside[i]
            while out and apart:
                out -= 1
                a = near[stack[out]]
                for i in range(m):
                    if seen[i] or (M[a, near[i]] == 0 and M[near[i], a] == 0):
                        continue
                    if M[near[i], x] or M[x, near[i]]:
                        apart = False
                        break
                    seen[i] = 1
                    stack[out] = i
                    out += 1
            if not apart:
                continue
            value = score(
                local, x, parents, fixed + k, s.random, s.keys, s.values, s.z, s.R, F, I, P, W
            )
            parents[fixed + k] = y
            value -= score(
                local, x, parents, fixed + k + 1, s.random, s.keys, s.values, s.z, s.R, F, I, P, W
            )
            for i in range(s.sizes[c]):
                own[mine + i] = near[s.cliques[c, i]]
            k = mine + s.sizes[c]
            value -= score(local, y, own, k, s.random, s.keys, s.values, s.z, s.R, F, I, P, W)
            own[k] = x
            value += score(local, y, own, k + 1, s.random, s.keys, s.values, s.z, s.R, F, I, P, W)
            if value <= s.R[TIE]:
                continue
            if n == s.x.shape[0]:
                s.z[CUT] += 1
                return n
            s.x[n], s.k[n], s.gain[n] = x, s.sizes[c], value
            for i in range(s.sizes[c]):
                s.S[n, i] = own[mine + i]
            n += 1
    return n


@njit(void(U2, I1, I1, int64, int64), **INNER)
def awake(new, pairs, z, code, d):
    """Let what a code stands for be computed anew: y * d + x, or d * d (kind) + y."""
    if code >= d * d:
        new[code // (d * d), code % (d * d)] = 1
    elif new[0, code // d] == 0:
        if z[PAIRS] == pairs.shape[0]:
            new[0, code // d] = 1
        else:
            pairs[z[PAIRS]] = code
            z[PAIRS] += 1


@njit(void(U2, I1, I1, I2, I1, int64, int64), **INNER)
def lost(new, pairs, first, watch, z, a, b):
    """One can no longer go from a to b: awake who waited for it."""
    d = first.shape[0]
    at, before = first[a], -1
    while at >= 0:
        after = watch[at, 2]
        if watch[at, 0] == b:
            awake(new, pairs, z, watch[at, 1], d)
            if z[TRIAL] == 0:
                if before < 0:
                    first[a] = after
                else:
                    watch[before, 2] = after
                at = after
                continue
        before = at
        at = after


@njit(int64(I1, I2, I1, int64, int64, int64, I1), **INNER)
def wait(first, watch, z, y, x, code, via):
    """Note the path from y to x that keeps `code` from being valid; 0 if there is no room."""
    c = x
    while c != y:
        if z[WATCHES] == watch.shape[0]:
            z[SHORT] = 1
            return 0
        at = z[WATCHES]
        z[WATCHES] += 1
        a = via[c]
        watch[at, 0], watch[at, 1], watch[at, 2], watch[at, 3] = c, code, first[a], a
        first[a] = at
        c = a
    return 1


@njit(void(STATE), **INNER)
def mark(s):
    """After the changes in J since z[MARKED]: which candidates must be computed anew."""
    M, adj, deg = s.M, s.adj, s.deg
    d = M.shape[0]
    for at in range(s.z[MARKED], s.z[JOURNAL]):
        pair, kind = s.J[at] // 8, s.J[at] % 8
        a, b = pair // d, pair % d
        if kind == FLIPPED:
            continue
        s.new[:, b] = 1
        s.new[2, a] = 1
        if kind in (TOGGLED, REMOVED) or M[a, b] == 1 or M[b, a]:
            s.new[:2, a] = 1
        else:  # an arrow before and after: the parents and neighbours of a are the same
            awake(s.new, s.pairs, s.z, a * d + b, d)
        for side in range(2):
            u, w = (a, b) if side == 0 else (b, a)
            for i in range(deg[u]):
                y = adj[u, i]
                loose = M[u, y] == 1 or M[y, u] == 1
                if loose or M[y, u]:
                    s.new[2, y] = 1
                if kind == TOGGLED or y == w or not loose:
                    continue
                if M[y, w] == 1 or M[w, y] == 1:
                    s.new[0, y] = 1
                if M[y, w] or M[w, y]:
                    s.new[1, y] = 1
                else:
                    awake(s.new, s.pairs, s.z, y * d + w, d)
        if kind != ADDED and M[a, b] != 1 and M[b, a] != 1:
            if M[a, b] == 0:
                lost(s.new, s.pairs, s.first, s.watch, s.z, a, b)
            if M[b, a] == 0:
                lost(s.new, s.pairs, s.first, s.watch, s.z, b, a)
    s.z[MARKED] = s.z[JOURNAL]


@njit(int64(STATE, int64, int64, int64, int64), **INNER)
def attempt(s, kind, x, y, n):
    """Apply operator n at hand; 0 if no DAG of the class would obey the knowledge."""
    begin = s.z[JOURNAL]
    if kind == INSERTS:
        insert(s.M, s.adj, s.deg, s.sep, s.queue, s.waiting, s.J, s.z, x, y, s.S[n], s.k[n])
    elif kind == DELETES:
        delete(s.M, s.adj, s.deg, s.sep, s.queue, s.waiting, s.J, s.z, x, y, s.S[n], s.k[n])
    else:
        turn(s.M, s.adj, s.deg, s.sep, s.queue, s.waiting, s.J, s.z, x, y, s.S[n], s.k[n])
    if s.z[KNOWN] and not obey(s.M, s.adj, s.deg, s.ban, s.J, s.z):
        undo(s.M, s.adj, s.deg, s.J, s.z, begin)
        return 0
    s.R[TOTAL] += s.gain[n]
    s.z[STEPS] += 1
    s.z[APPLIED] += 1
    mark(s)
    d = s.M.shape[0]
    for i in range(s.z[REFUSED]):
        awake(s.new, s.pairs, s.z, s.refused[i], d)
    if s.z[TRIAL] == 0:
        s.z[JOURNAL] = 0
        s.z[MARKED] = 0
        s.z[REFUSED] = 0
    return 1


@njit(void(I1, I1, int64), **INNER)
def refuse(refused, z, code):
    """Remember an operator that the knowledge refuses, until the class changes."""
    for i in range(z[REFUSED]):
        if refused[i] == code:
            return
    if z[REFUSED] < refused.shape[0]:
        refused[z[REFUSED]] = code
        z[REFUSED] += 1


@njit(int64(STATE, int64, int64, int64, int64, float64), **INNER)
def choose(s, kind, y, n, code, claimed):
    """Apply the best valid one of n operators at hand: 1, or 0 if `claimed` was too high.

    Then s.gain[0] is the best that is valid, -inf if none is. FULL if an array is too short.
    """
    M, adj, deg = s.M, s.adj, s.deg
    d = M.shape[0]
    closed = np.zeros(d, dtype=np.uint8)
    via = np.empty(d, dtype=np.int64)
    while True:
        i = 0
        for j in range(1, n):
            if s.gain[j] > s.gain[i]:
                i = j
        if n == 0 or not s.gain[i] > s.R[TIE]:
            s.gain[0] = -np.inf
            return 0
        x = s.x[i]
        arrow = kind == TURNS and M[y, x] == 2
        if kind == INSERTS or arrow:
            for j in range(s.k[i]):
                closed[s.S[i, j]] = 1
            if arrow:
                for j in range(deg[x]):
                    if M[x, adj[x, j]] == 1 or M[adj[x, j], x] == 1:
                        closed[adj[x, j]] = 1
            found = path(M, adj, deg, y, x, closed, 0 if arrow else 1, via)
            s.R[WORK] += 1.0
            closed[:] = 0
            if found:
                if not wait(s.first, s.watch, s.z, y, x, code, via):
                    return FULL
                s.gain[i] = -np.inf
                continue
        if s.gain[i] < claimed - s.R[TIE]:
            s.gain[0] = s.gain[i]
            return 0
        if kind == INSERTS and max(deg[x], deg[y]) + 1 > adj.shape[1]:
            return FULL
        if attempt(s, kind, x, y, i):
            return 1
        refuse(s.refused, s.z, code)
        s.gain[i] = -np.inf


@njit(int64(LocalFunction, GainsFunction, STATE, int64, float64, F3, I2, F1, F1), **OPTIONS)
def climb(local, gains, s, kinds, limit, F, I, P, W):
    """Apply the best deletion, else the best turn, else the best insertion, while any gains.

    `kinds` are those in use. DONE, PAUSE after about `limit` units of work, FULL or BROKEN.
    """
    d = s.M.shape[0]
    z, R, new, best = s.z, s.R, s.new, s.best
    while True:
        if z[LOST]:
            return BROKEN
        if s.J.shape[0] - z[JOURNAL] < 4 * z[EDGES] + 64:
            return FULL
        if z[STEPS] >= z[MOST]:
            return DONE
        if kinds & DELETES:
            for y in range(d):
                if new[1, y]:
                    new[1, y] = 0
                    s.less[y] = -np.inf
                    for i in range(deletions(local, s, y, 0, 1, F, I, P, W)):
                        s.less[y] = max(s.less[y], s.gain[i])
                    if R[WORK] > limit:
                        return PAUSE
            y = np.argmax(s.less)
            if s.less[y] > R[TIE]:
                n = deletions(local, s, y, 0, 1, F, I, P, W)
                code = choose(s, DELETES, y, n, d * d + y, -np.inf)
                if code == FULL:
                    return FULL
                if code == 0:
                    s.less[y] = -np.inf
                continue
        if kinds & TURNS:
            for y in range(d):
                if new[2, y]:
                    new[2, y] = 0
                    s.rest[y] = -np.inf
                    for i in range(turns(local, s, y, kinds, F, I, P, W)):
                        s.rest[y] = max(s.rest[y], s.gain[i])
                    if R[WORK] > limit:
                        return PAUSE
            y = np.argmax(s.rest)
            if s.rest[y] > R[TIE]:
                n = turns(local, s, y, kinds, F, I, P, W)
                code = choose(s, TURNS, y, n, 2 * d * d + y, s.rest[y])
                if code == FULL:
                    return FULL
                if code == 0:
                    s.rest[y] = s.gain[0]
                continue
        if not kinds & INSERTS:
            return DONE
        for y in range(d):
            if new[0, y]:
                insertions(gains, s, y, F, I, P, W)
                if R[WORK] > limit:
                    return PAUSE
        while z[PAIRS]:
            z[PAIRS] -= 1
            y, x = s.pairs[z[PAIRS]] // d, s.pairs[z[PAIRS]] % d
            value = -np.inf
            if s.may[x, y] and x != y and s.M[x, y] == 0 and s.M[y, x] == 0:
                for i in range(options(local, s, x, y, 0, 1, 0.0, F, I, P, W)):
                    value = max(value, s.gain[i])
            before = best[y, x]
            best[y, x] = value
            if value >= s.top[y]:
                s.top[y], s.who[y] = value, x
            elif s.who[y] == x and value < before:
                s.who[y] = np.argmax(best[y])
                s.top[y] = best[y, s.who[y]]
            if R[WORK] > limit:
                return PAUSE
        y = np.argmax(s.top)
        if not s.top[y] > R[TIE]:
            return DONE
        x = s.who[y]
        n = options(local, s, x, y, 0, 1, 0.0, F, I, P, W)
        code = choose(s, INSERTS, y, n, y * d + x, best[y, x])
        if code == FULL:
            return FULL
        if code == 0:
            best[y, x] = s.gain[0]
            s.who[y] = np.argmax(best[y])
            s.top[y] = best[y, s.who[y]]


@njit(int64(U2, I2, I1, I2, int64), **INNER)
def parents_key(M, adj, deg, random, y):
    """Hash of the compelled parents of y."""
    key = random[0, y]
    for i in range(deg[y]):
        if M[adj[y, i], y] == 2:
            key ^= random[1, adj[y, i]]
    return key


@njit(int64(LocalFunction, STATE, I2, I2, F1, F3, I2, F1, F1), **OPTIONS)
def all_deletions(local, s, ops, sets, gain, F, I, P, W):
    """Every valid deletion, whatever its gain: (x, y, size of S, hash), S, gain; their number.

    Less than 0 if the arrays are too short.
    """
    count = 0
    for y in range(s.M.shape[0]):
        n = deletions(local, s, y, 0, 0, F, I, P, W)
        if count + n > ops.shape[0]:
            return -1
        key = parents_key(s.M, s.adj, s.deg, s.random, y)
        for i in range(n):
            ops[count, 0], ops[count, 1], ops[count, 2], ops[count, 3] = s.x[i], y, s.k[i], key
            for j in range(s.k[i]):
                sets[count, j] = s.S[i, j]
            gain[count] = s.gain[i]
            count += 1
    return count


@njit(int64(U2, int64, int64, int64, I1), **INNER)
def deletable(M, x, y, k, S):
    """Whether the deletion of x -> y with S[:k] is still valid."""
    if M[x, y] == 0 and M[y, x] != 1:
        return 0
    for i in range(k):
        w = S[i]
        if (M[w, y] != 1 and M[y, w] != 1) or (M[w, x] == 0 and M[x, w] == 0):
            return 0
        for j in range(i):
            if M[w, S[j]] == 0 and M[S[j], w] == 0:
                return 0
    return 1


@njit(void(STATE), **INNER)
def back(s):
    """Take back a trial: the class before it, at which no operator gained."""
    z = s.z
    undo(s.M, s.adj, s.deg, s.J, z, 0)
    z[LOST] = 0
    while z[WATCHES] > z[WATCHES0]:
        z[WATCHES] -= 1
        s.first[s.watch[z[WATCHES], 3]] = s.watch[z[WATCHES], 2]
    z[REFUSED] = z[REFUSED0]
    s.R[TOTAL] = s.R[BEFORE]
    if z[STEPS] >= z[MOST]:  # the trial was cut off with candidates left
        s.new[:] = 0
        z[PAIRS] = 0
        s.best[:] = -np.inf
        s.top[:] = -np.inf
        s.less[:] = -np.inf
        s.rest[:] = -np.inf


@njit(
    int64(LocalFunction, GainsFunction, STATE, I2, I2, F1, int64, int64, float64, F3, I2, F1, F1),
    **OPTIONS,
)
def extend(local, gains, s, ops, sets, gain, count, kinds, limit, F, I, P, W):
    """Try each deletion from z[AT] on, go on without that edge, and keep what ends higher.

    Source: Nazaret and Blei (2024), section 4.2. Answers as `climb`.
    """
    z, R = s.z, s.R
    while z[AT] < count:
        i = z[AT]
        x, y, k = ops[i, 0], ops[i, 1], ops[i, 2]
        if z[TRIAL] == 0:
            if not deletable(s.M, x, y, k, sets[i]) or ops[i, 3] != parents_key(
                s.M, s.adj, s.deg, s.random, y
            ):
                z[AT] += 1
                continue
            R[BEFORE] = R[TOTAL]
            z[TRIAL], z[JOURNAL], z[MARKED] = 1, 0, 0
            z[WATCHES0], z[REFUSED0], z[BAN0] = z[WATCHES], z[REFUSED], s.may[x, y]
            s.may[x, y] = 0
            s.x[0], s.k[0], s.gain[0] = x, k, gain[i]
            for j in range(k):
                s.S[0, j] = sets[i, j]
            z[TRIED] += 1
            z[STEPS] = 0
            if not attempt(s, DELETES, x, y, 0):
                s.may[x, y] = z[BAN0]
                z[TRIAL] = 0
                z[AT] += 1
                continue
        code = climb(local, gains, s, kinds, limit, F, I, P, W)
        if code != DONE:
            return code
        if R[TOTAL] > R[BEFORE] + max(R[TIE], 1e-7):
            z[ACCEPTED] += 1
        else:
            back(s)
            s.may[x, y] = z[BAN0]
        z[TRIAL], z[JOURNAL], z[MARKED] = 0, 0, 0
        z[AT] += 1
    return DONE
