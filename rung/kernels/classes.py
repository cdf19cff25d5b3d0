"""Equivalence classes of DAGs under edge operators, kept up to date edge by edge.

A class is held as one of its DAGs with a flag on each edge. `M[u, v]` is 0 for no edge u -> v, 1
for an edge that some member of the class reverses, 2 for one that all members share (compelled).
`N[u]` holds numbers about node u, among them how many nodes are joined to it (at DEG), and these
(from LIST on). `Q[u, v]` holds what is known of u -> v as bits. The flags are the least solution
of these rules, for an edge u -> v (Meek 1995; Andersson, Madigan and Perlman 1997; with targets
Hauser and Buehlmann 2012, theorem 18):

- SEP in `Q[u, v]`: some condition sets one end only, or the knowledge orders the two;
- another parent of v is not joined to u;
- a compelled parent of u is not joined to v;
- there is w with compelled u -> w and w -> v;
- two parents of v, not joined to each other, are joined to u, and are not both parents of u.

Each premise that is itself compelled has an earlier head, or the same head and a later tail, in
every order of the DAG. So no two edges support each other in a circle, and re-examining the edges
near a change until nothing moves leads to the one solution.

Row 0 of `L` records every change, so that a change can be taken back and its neighbourhood be
looked at; row 1 is a ring of edges that wait to be looked at.

The arrays are few and are passed one by one: every array that is passed costs an atomic count.
"""

# mypy: allow-untyped-defs, allow-incomplete-defs
# (the types of arguments stand in the signature of each kernel)

from __future__ import annotations

import numpy as np
from numba import njit

from .signatures import I1, I2, OPTIONS, U1, U2, int64, void

# kernels that only kernels call need no wrappers, which take half of their compile time
INNER = OPTIONS | {"no_cpython_wrapper": True, "no_cfunc_wrapper": True}

# places in a row of N
DEG, WATCH, WHO, HASH, HASHED, LIST = range(6)
# bits of Q: waits in the ring; may be inserted; compelled whatever the rest; forbidden; must stay
WAITING, MAY, SEP, BAN, KEEP = 1, 2, 4, 8, 16
# places in the vector of counters z
JOURNAL, MARKED, HEAD, TAIL, LOST, EDGES = 0, 1, 2, 3, 4, 5
# kinds of changes
TOGGLED, ADDED, REMOVED, FLIPPED = 0, 1, 2, 3


@njit(void(I2, I1, int64, int64, int64), **INNER)
def record(L, z, d, pair, kind):
    """Note a change of the edge `pair` = u * d + v."""
    if z[JOURNAL] >= L.shape[1]:
        z[LOST] = 1
        return
    L[0, z[JOURNAL]] = pair * 8 + kind
    z[JOURNAL] += 1


@njit(void(I2, int64, int64), **INNER)
def drop(N, u, v):
    """Take v out of the list of u."""
    for i in range(N[u, DEG]):
        if N[u, LIST + i] == v:
            N[u, DEG] -= 1
            N[u, LIST + i] = N[u, LIST + N[u, DEG]]
            return


@njit(void(U2, I2, I2, I1, int64, int64), **OPTIONS)
def link(M, N, L, z, u, v):
    """Add u -> v."""
    M[u, v] = 1
    N[u, LIST + N[u, DEG]] = v
    N[v, LIST + N[v, DEG]] = u
    N[u, DEG] += 1
    N[v, DEG] += 1
    z[EDGES] += 1
    record(L, z, M.shape[0], u * M.shape[0] + v, ADDED)


@njit(void(U2, I2, I2, I1, int64, int64), **INNER)
def unlink(M, N, L, z, u, v):
    """Remove u -> v."""
    record(L, z, M.shape[0], u * M.shape[0] + v, REMOVED + 4 * (M[u, v] == 2))
    M[u, v] = 0
    drop(N, u, v)
    drop(N, v, u)
    z[EDGES] -= 1


@njit(int64(U2, I2, U2, int64, int64), **INNER)
def compelled(M, N, Q, u, v):
    """Whether the rules compel u -> v, given the flags of the other edges."""
    if Q[u, v] & SEP:
        return 1
    for i in range(N[v, DEG]):
        w = N[v, LIST + i]
        if w == u or M[w, v] == 0:
            continue
        if M[w, u] == 0 and M[u, w] == 0:
            return 1
        if M[u, w] == 2 and M[w, v] == 2:
            return 1
    for i in range(N[u, DEG]):
        w = N[u, LIST + i]
        if M[w, u] == 2 and M[w, v] == 0 and M[v, w] == 0:
            return 1
    for i in range(N[v, DEG]):
        a = N[v, LIST + i]
        if a == u or M[a, v] == 0:
            continue
        for j in range(i):
            b = N[v, LIST + j]
            if b == u or M[b, v] == 0 or M[a, b] or M[b, a]:
                continue
            if not (M[a, u] and M[b, u]):
                return 1
    return 0


@njit(void(U2, I2, I1, int64, int64), **INNER)
def push(Q, L, z, u, v):
    """Let the edge u -> v be looked at."""
    if Q[u, v] & WAITING == 0:
        Q[u, v] |= WAITING
        L[1, z[TAIL]] = u * Q.shape[0] + v
        z[TAIL] = (z[TAIL] + 1) % L.shape[1]


@njit(void(U2, I2, U2, I2, I1, int64, int64), **OPTIONS)
def stir(M, N, Q, L, z, x, y):
    """Let all edges be looked at that a change between x and y can concern."""
    for side in range(2):
        v = x if side == 0 else y
        for i in range(N[v, DEG]):
            w = N[v, LIST + i]
            if M[v, w]:
                push(Q, L, z, v, w)
            else:
                push(Q, L, z, w, v)
    for i in range(N[x, DEG]):
        h = N[x, LIST + i]
        if M[x, h] and M[y, h]:
            for j in range(N[h, DEG]):
                if M[N[h, LIST + j], h]:
                    push(Q, L, z, N[h, LIST + j], h)


@njit(void(U2, I2, U2, I2, I1), **OPTIONS)
def settle(M, N, Q, L, z):
    """Bring the flags up to date from the edges that wait."""
    d = M.shape[0]
    while z[HEAD] != z[TAIL]:
        pair = L[1, z[HEAD]]
        z[HEAD] = (z[HEAD] + 1) % L.shape[1]
        u, v = pair // d, pair % d
        Q[u, v] ^= WAITING
        if M[u, v] == 0:
            continue
        flag = 1 + compelled(M, N, Q, u, v)
        if flag == M[u, v]:
            continue
        M[u, v] = flag
        record(L, z, d, pair, TOGGLED)
        for i in range(N[v, DEG]):
            w = N[v, LIST + i]
            if M[v, w]:
                if M[u, w]:
                    push(Q, L, z, u, w)
                else:
                    push(Q, L, z, v, w)
        for i in range(N[u, DEG]):
            w = N[u, LIST + i]
            if M[w, u] and M[w, v]:
                push(Q, L, z, w, v)


@njit(void(U2, I2, I2, I1, int64), **INNER)
def undo(M, N, L, z, begin):
    """Take back the changes since the one at `begin`; the class is the one before."""
    d = M.shape[0]
    while z[JOURNAL] > begin:
        z[JOURNAL] -= 1
        pair, kind = L[0, z[JOURNAL]] // 8, L[0, z[JOURNAL]] % 8
        u, v = pair // d, pair % d
        if kind == TOGGLED:
            M[u, v] = 3 - M[u, v]
        elif kind == FLIPPED:
            M[v, u] = 0
            M[u, v] = 1
        elif kind == ADDED:
            M[u, v] = 0
            drop(N, u, v)
            drop(N, v, u)
            z[EDGES] -= 1
        else:
            M[u, v] = 2 if kind >= 4 else 1
            N[u, LIST + N[u, DEG]] = v
            N[v, LIST + N[v, DEG]] = u
            N[u, DEG] += 1
            N[v, DEG] += 1
            z[EDGES] += 1


@njit(void(U2, I2, I1, int64, int64), **INNER)
def flip(M, L, z, u, v):
    """Turn the reversible edge u -> v to v -> u: another DAG of the class."""
    M[u, v] = 0
    M[v, u] = 1
    record(L, z, M.shape[0], u * M.shape[0] + v, FLIPPED)


@njit(void(U2, I2, I2, I1, I1, int64), **INNER)
def arrange(M, N, L, z, first, k):
    """Go to a DAG of the class in which the clique first[:k] leads its component, in this order.

    Maximum cardinality search (Tarjan and Yannakakis 1984) over reversible edges, earlier nodes
    to later ones; a clique is a valid begin of it.
    """
    d = M.shape[0]
    place = np.zeros(d, dtype=np.uint8)
    weight = np.zeros(d, dtype=np.int64)
    top = np.full(N.shape[1] + 2, -1, dtype=np.int64)
    node = np.empty(z[EDGES] + 1, dtype=np.int64)
    after = np.empty(z[EDGES] + 1, dtype=np.int64)
    used, level, i = 0, 0, 0
    while True:
        if i < k:
            v = first[i]
            i += 1
        else:
            v = -1
            while level >= 1:
                at = top[level]
                if at < 0:
                    level -= 1
                    continue
                top[level] = after[at]
                if place[node[at]] == 0 and weight[node[at]] == level:
                    v = node[at]
                    break
            if v < 0:
                return
        place[v] = 1
        for j in range(N[v, DEG]):
            w = N[v, LIST + j]
            if M[v, w] != 1 and M[w, v] != 1:
                continue
            if place[w]:
                if M[v, w]:
                    flip(M, L, z, v, w)
            else:
                weight[w] += 1
                level = max(level, weight[w])
                node[used] = w
                after[used] = top[weight[w]]
                top[weight[w]] = used
                used += 1


@njit(void(U2, I2, I2, I1, int64, I1, int64), **INNER)
def lead(M, N, L, z, y, first, k):
    """Go to a DAG of the class where the parents of y by reversible edges are first[:k].

    Nodes of `first` after these k follow in this order.
    """
    have = 0
    for j in range(N[y, DEG]):
        have += M[N[y, LIST + j], y] == 1
    fine = have == k and first.shape[0] <= k + 1
    for i in range(k):
        fine = fine and M[first[i], y] == 1
    if not fine:
        arrange(M, N, L, z, first, first.shape[0])


@njit(void(U2, I2, U2, I2, I1, int64, int64, I1, int64), **INNER)
def insert(M, N, Q, L, z, x, y, S, k):
    """Add x -> y to a DAG where S[:k] and the compelled parents are the parents of y.

    Source: Chickering (2002), definition 12, in the form of Hauser and Buehlmann (2012).
    """
    first = np.empty(k + 1, dtype=np.int64)
    for i in range(k):
        first[i] = S[i]
    first[k] = y
    lead(M, N, L, z, y, first, k)
    link(M, N, L, z, x, y)
    stir(M, N, Q, L, z, x, y)
    settle(M, N, Q, L, z)


@njit(void(U2, I2, U2, I2, I1, int64, int64, I1, int64), **INNER)
def delete(M, N, Q, L, z, x, y, S, k):
    """Remove x -> y from a DAG where S[:k] are the other parents of y by reversible edges.

    Source: Chickering (2002), definition 13.
    """
    loose = 1 if M[x, y] == 1 or M[y, x] == 1 else 0
    first = np.empty(k + loose + 1, dtype=np.int64)
    for i in range(k):
        first[i] = S[i]
    if loose:
        first[k] = x
    first[k + loose] = y
    lead(M, N, L, z, y, first, k + loose)
    stir(M, N, Q, L, z, x, y)
    unlink(M, N, L, z, x, y)
    settle(M, N, Q, L, z)


@njit(void(U2, I2, U2, I2, I1, int64, int64, I1, int64), **INNER)
def turn(M, N, Q, L, z, x, y, S, k):
    """Turn y -> x in a DAG where S[:k] are the parents of y by reversible edges.

    Source: Hauser and Buehlmann (2012), propositions 31 and 34.
    """
    first = np.empty(k + 1, dtype=np.int64)
    for i in range(k):
        first[i] = S[i]
    first[k] = y
    if M[y, x] == 2:
        lead(M, N, L, z, y, first, k)
        first[0] = x
        lead(M, N, L, z, x, first[:1], 0)
    else:
        both = np.empty(k + 2, dtype=np.int64)
        for i in range(k + 1):
            both[i] = first[i]
        both[k + 1] = x
        lead(M, N, L, z, y, both, k)
    unlink(M, N, L, z, y, x)
    link(M, N, L, z, x, y)
    stir(M, N, Q, L, z, x, y)
    settle(M, N, Q, L, z)


@njit(int64(U2, I2, int64, int64, int64, U1, I1), **INNER)
def reach(M, N, y, x, direct, seen, via):
    """Whether a path leads from y to x against no compelled edge, around the nodes in `seen`.

    `direct` is 0 to leave out the edge y -> x itself. Nodes that are reached are put into `seen`
    (all of them with x = -1), and via[c] is the node before c.
    """
    line = np.empty(M.shape[0], dtype=np.int64)
    line[0] = y
    seen[y] = 1
    begin, end = 0, 1
    while begin < end:
        a = line[begin]
        begin += 1
        for i in range(N[a, DEG]):
            c = N[a, LIST + i]
            if seen[c] or (M[a, c] == 0 and M[c, a] != 1) or (direct == 0 and a == y and c == x):
                continue
            via[c] = a
            if c == x:
                return 1
            seen[c] = 1
            line[end] = c
            end += 1
    return 0


@njit(int64(U2, I2, U2, I1, int64, int64), **INNER)
def sink(M, N, Q, part, left, v):
    """Whether v can be the last of part[:left]: no banned edge into it, neighbours all joined."""
    for i in range(left):
        a = part[i]
        if M[a, v] != 1 and M[v, a] != 1:
            continue
        if Q[a, v] & BAN:
            return 0
        for j in range(i):
            b = part[j]
            if (M[b, v] == 1 or M[v, b] == 1) and M[a, b] == 0 and M[b, a] == 0:
                return 0
    return 1


@njit(int64(U2, I2, U2, I2, I1), **INNER)
def obey(M, N, Q, L, z):
    """Go to a DAG of the class without an edge u -> v that is banned; 0 if there is none.

    Component by component, sinks first (Dor and Tarsi 1992).
    """
    d = M.shape[0]
    done = np.zeros(d, dtype=np.uint8)
    for u in range(d):
        for i in range(N[u, DEG]):
            if M[u, N[u, LIST + i]] == 2 and Q[u, N[u, LIST + i]] & BAN:
                return 0
    part = np.empty(d, dtype=np.int64)
    for root in range(d):
        if done[root]:
            continue
        done[root] = 1
        part[0] = root
        begin, end, bound = 0, 1, 0
        while begin < end:
            a = part[begin]
            begin += 1
            for i in range(N[a, DEG]):
                c = N[a, LIST + i]
                if M[a, c] == 1 or M[c, a] == 1:
                    bound += (Q[a, c] & BAN) > 0
                    if done[c] == 0:
                        done[c] = 1
                        part[end] = c
                        end += 1
        if bound == 0:
            continue
        left = end
        while left > 1:
            found = -1
            for at in range(left):
                if sink(M, N, Q, part, left, part[at]):
                    found = at
                    break
            if found < 0:
                return 0
            v = part[found]
            part[found] = part[left - 1]
            part[left - 1] = v
            left -= 1
            for at in range(left):
                if M[v, part[at]] == 1:
                    flip(M, L, z, v, part[at])
    return 1
