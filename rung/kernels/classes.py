"""Equivalence classes of DAGs under edge operators, kept up to date edge by edge.

A class is held as one of its DAGs with a flag on each edge. `M[u, v]` is the edge as seen from u:
0 for none, 1 for u <- v and 3 for u -> v if some member of the class reverses it, 5 for u <- v and
7 for u -> v if all members share it (compelled). So an edge in the list of u is loose if M[u, v] is
below 4, and leaves u if M[u, v] & 2. `N[u]` holds numbers about node u, among them how many nodes
are joined to it (at DEG), and these (from LIST on). `Q[v, u]` holds what is known of u -> v as
bits. The compelled edges u -> v are the least solution of these rules (Meek 1995; Andersson,
Madigan and Perlman 1997; with targets Hauser and Buehlmann 2012, theorem 18):

- SEP in `Q[v, u]`: some condition sets one end only, or the knowledge orders the two;
- another parent of v is not joined to u;
- a compelled parent of u is not joined to v;
- there is w with compelled u -> w and w -> v;
- two parents of v, not joined to each other, are joined to u, and are not both parents of u.

Each premise that is itself compelled has an earlier head, or the same head and a later tail, in
every order of the DAG. So no two edges support each other in a circle, and re-examining the edges
near a change until nothing moves leads to the one solution.

Row 0 of `L` records every change, so that a change can be taken back and its neighbourhood be
looked at; row 1 is a ring of edges that wait to be looked at.
"""

# mypy: allow-untyped-defs, allow-incomplete-defs
# (the types of arguments stand in the signature of each kernel)

from __future__ import annotations

import numpy as np
from numba import njit

from .signatures import I1, I2, INNER, OUTER, U2, int64, void

# places in a row of N
DEG, WATCH, WHO, HASH, HASHED, LIST = range(6)
# rows of the scratch space X, each of 2 d + 8 numbers
SEEN, VIA, LINE, PARENTS, NEAR, ABOVE, STACK, INSIDE, CHOSEN, WANTED = range(10)
# bits of Q: waits in the ring; may be inserted now; compelled whatever the rest; forbidden, though
# the edge may be the other way; must stay; may never be inserted
WAITING, MAY, SEP, BAN, KEEP, NEVER = 1, 2, 4, 8, 16, 32
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


@njit(void(U2, I2, I2, I1, int64, int64), **OUTER)
def link(M, N, L, z, u, v):
    """Add u -> v."""
    M[u, v], M[v, u] = 3, 1
    N[u, LIST + N[u, DEG]] = v
    N[v, LIST + N[v, DEG]] = u
    N[u, DEG] += 1
    N[v, DEG] += 1
    z[EDGES] += 1
    record(L, z, M.shape[0], u * M.shape[0] + v, ADDED)


@njit(void(U2, I2, I2, I1, int64, int64), **INNER)
def unlink(M, N, L, z, u, v):
    """Remove u -> v."""
    record(L, z, M.shape[0], u * M.shape[0] + v, REMOVED + (M[u, v] & 4))
    M[u, v], M[v, u] = 0, 0
    drop(N, u, v)
    drop(N, v, u)
    z[EDGES] -= 1


@njit(int64(U2, I2, U2, int64, int64), **INNER)
def compelled(M, N, Q, u, v):
    """Whether the rules compel u -> v, given the flags of the other edges."""
    if Q[v, u] & SEP:
        return 1
    for i in range(N[v, DEG]):
        w = N[v, LIST + i]
        if w != u and M[v, w] & 2 == 0 and (M[u, w] == 0 or (M[u, w] == 7 and M[v, w] == 5)):
            return 1
    for i in range(N[u, DEG]):
        w = N[u, LIST + i]
        if M[u, w] == 5 and M[v, w] == 0:
            return 1
    for i in range(N[v, DEG]):
        a = N[v, LIST + i]
        if a == u or M[v, a] & 2:
            continue
        for j in range(i):
            b = N[v, LIST + j]
            if b != u and M[v, b] & 2 == 0 and M[a, b] == 0 and (M[u, a] & 2 or M[u, b] & 2):
                return 1
    return 0


@njit(void(U2, I2, I1, int64, int64), **INNER)
def push(Q, L, z, u, v):
    """Let the edge u -> v be looked at."""
    if Q[v, u] & WAITING == 0:
        Q[v, u] |= WAITING
        L[1, z[TAIL]] = u * Q.shape[0] + v
        z[TAIL] = (z[TAIL] + 1) % L.shape[1]


@njit(void(U2, I2, U2, I2, I1, int64, int64), **OUTER)
def stir(M, N, Q, L, z, x, y):
    """Let all edges be looked at that a change between x and y can concern."""
    for side in range(2):
        v = x if side == 0 else y
        for i in range(N[v, DEG]):
            w = N[v, LIST + i]
            if M[v, w] & 2:
                push(Q, L, z, v, w)
            else:
                push(Q, L, z, w, v)
    for i in range(N[x, DEG]):
        h = N[x, LIST + i]
        if M[x, h] & M[y, h] & 2:
            for j in range(N[h, DEG]):
                if M[h, N[h, LIST + j]] & 2 == 0:
                    push(Q, L, z, N[h, LIST + j], h)


@njit(void(U2, I2, U2, I2, I1), **OUTER)
def settle(M, N, Q, L, z):
    """Bring the flags up to date from the edges that wait."""
    d = M.shape[0]
    while z[HEAD] != z[TAIL]:
        pair = L[1, z[HEAD]]
        z[HEAD] = (z[HEAD] + 1) % L.shape[1]
        u, v = pair // d, pair % d
        Q[v, u] ^= WAITING
        if M[u, v] & 2 == 0:
            continue
        flag = 4 * compelled(M, N, Q, u, v)
        if flag == M[u, v] & 4:
            continue
        M[u, v] ^= 4
        M[v, u] ^= 4
        record(L, z, d, pair, TOGGLED)
        for i in range(N[v, DEG]):
            w = N[v, LIST + i]
            if M[v, w] & 2:
                if M[u, w]:
                    push(Q, L, z, u, w)
                else:
                    push(Q, L, z, v, w)
        for i in range(N[u, DEG]):
            w = N[u, LIST + i]
            if M[w, u] & M[w, v] & 2:
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
            M[u, v] ^= 4
            M[v, u] ^= 4
        elif kind == FLIPPED:
            M[u, v], M[v, u] = 3, 1
        elif kind == ADDED:
            M[u, v], M[v, u] = 0, 0
            drop(N, u, v)
            drop(N, v, u)
            z[EDGES] -= 1
        else:
            M[u, v] = 3 + (kind & 4)
            M[v, u] = 1 + (kind & 4)
            N[u, LIST + N[u, DEG]] = v
            N[v, LIST + N[v, DEG]] = u
            N[u, DEG] += 1
            N[v, DEG] += 1
            z[EDGES] += 1


@njit(void(U2, I2, I1, int64, int64), **INNER)
def flip(M, L, z, u, v):
    """Turn the reversible edge u -> v to v -> u: another DAG of the class."""
    M[u, v], M[v, u] = 1, 3
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
    top = np.empty(N.shape[1] + 2, dtype=np.int64)
    for i in range(top.shape[0]):
        top[i] = -1
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
            if M[v, w] > 4:
                continue
            if place[w]:
                if M[v, w] == 3:
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
        have += M[y, N[y, LIST + j]] == 1
    fine = have == k and first.shape[0] <= k + 1
    for i in range(k):
        fine = fine and M[y, first[i]] == 1
    if not fine:
        arrange(M, N, L, z, first, first.shape[0])


@njit(void(int64, U2, I2, U2, I2, I1, int64, int64, I1, int64), **INNER)
def operate(kind, M, N, Q, L, z, x, y, S, k):
    """Insert, delete or turn (kind 1, 2 or 4) an edge so that x -> y is, is not, or is.

    It is done in a DAG of the class where S[:k] are the other parents of y by reversible edges.

    Source: Chickering (2002), definitions 12 and 13; Hauser and Buehlmann (2012), section 4.
    """
    loose = 1 if 0 < M[x, y] < 4 else 0
    first = np.empty(k + loose + 1, dtype=np.int64)
    for i in range(k):
        first[i] = S[i]
    first[k + loose] = y
    if loose:  # x leads y to delete x - y, and follows it to turn it
        first[k] = x
        if kind == 4:
            first[k], first[k + 1] = y, x
    if kind == 4 and loose == 0:
        alone = np.empty(1, dtype=np.int64)
        alone[0] = x
        lead(M, N, L, z, x, alone, 0)
    lead(M, N, L, z, y, first, k + (loose if kind == 2 else 0))
    stir(M, N, Q, L, z, x, y)
    if kind == 2:
        unlink(M, N, L, z, x, y)
    elif kind == 4:
        unlink(M, N, L, z, y, x)
    if kind != 2:
        link(M, N, L, z, x, y)
    stir(M, N, Q, L, z, x, y)
    settle(M, N, Q, L, z)


@njit(int64(U2, I2, I2, int64, int64, int64), **INNER)
def reach(M, N, X, y, x, direct):
    """Whether a path leads from y to x against no compelled edge, around the nodes in X[SEEN].

    `direct` is 0 to leave out the edge y -> x itself. Nodes that are reached are put into X[SEEN],
    and X[VIA, c] is the node before c. With x below 0, ends at -x nodes with X[WANTED, c].
    """
    X[LINE, 0] = y
    X[SEEN, y] = 1
    begin, end = 0, 1
    while begin < end:
        a = X[LINE, begin]
        begin += 1
        for i in range(N[a, DEG]):
            c = N[a, LIST + i]
            if X[SEEN, c] or M[a, c] == 5 or (direct == 0 and a == y and c == x):
                continue
            X[VIA, c] = a
            if c == x:
                return 1
            X[SEEN, c] = 1
            X[LINE, end] = c
            end += 1
            if x < 0 and X[WANTED, c]:
                x += 1
                if x == 0:
                    return 1
    return 0


@njit(int64(U2, I2, U2, I1, int64, int64), **INNER)
def sink(M, N, Q, part, left, v):
    """Whether v can be the last of part[:left]: no banned edge into it, neighbours all joined."""
    for i in range(left):
        a = part[i]
        if M[v, a] == 0 or M[v, a] > 4:
            continue
        if Q[v, a] & BAN:
            return 0
        for j in range(i):
            if M[v, part[j]] and M[v, part[j]] < 4 and M[a, part[j]] == 0:
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
            w = N[u, LIST + i]
            if M[u, w] == 5 and Q[u, w] & BAN:
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
                if M[a, c] < 4:
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
                if M[v, part[at]] == 3:
                    flip(M, L, z, v, part[at])
    return 1
