"""Equivalence classes of DAGs under edge operators, kept up to date edge by edge.

A class is held as one of its DAGs with a flag on each edge. `M[u, v]` is 0 for no edge u -> v, 1
for an edge that some member of the class reverses, 2 for one that all members share (compelled);
`adj[u, :deg[u]]` lists the nodes joined to u. The flags are the least solution of these rules,
for an edge u -> v (Meek 1995; Andersson, Madigan and Perlman 1997; with targets Hauser and
Buehlmann 2012, theorem 18):

- `sep[u, v]`: some condition sets one end only, or the knowledge orders the two;
- another parent of v is not joined to u;
- a compelled parent of u is not joined to v;
- there is w with compelled u -> w and w -> v;
- two parents of v, not joined to each other, are joined to u, and are not both parents of u.

Each premise that is itself compelled has an earlier head, or the same head and a later tail, in
every order of the DAG. So no two edges support each other in a circle, and re-examining the edges
near a change until nothing moves leads to the one solution.

`J` records every change, so that a change can be taken back and its neighbourhood be looked at.
"""

# mypy: allow-untyped-defs, allow-incomplete-defs
# (the types of arguments stand in the signature of each kernel)

from __future__ import annotations

import numpy as np
from numba import njit

from .signatures import I1, I2, OPTIONS, U1, U2, int64, void

# kernels that only kernels call need no wrappers, which take half of their compile time
INNER = OPTIONS | {"no_cpython_wrapper": True, "no_cfunc_wrapper": True}

# places in the vector of counters z
JOURNAL, MARKED, HEAD, TAIL, LOST, EDGES = 0, 1, 2, 3, 4, 5
# kinds of changes in J
TOGGLED, ADDED, REMOVED, FLIPPED = 0, 1, 2, 3


@njit(void(I1, I1, int64, int64, int64), **INNER)
def record(J, z, d, pair, kind):
    """Note a change of the edge `pair` = u * d + v."""
    if z[JOURNAL] >= J.shape[0]:
        z[LOST] = 1
        return
    J[z[JOURNAL]] = pair * 8 + kind
    z[JOURNAL] += 1


@njit(void(I2, I1, int64, int64), **INNER)
def drop(adj, deg, u, v):
    """Take v out of the list of u."""
    for i in range(deg[u]):
        if adj[u, i] == v:
            deg[u] -= 1
            adj[u, i] = adj[u, deg[u]]
            return


@njit(void(U2, I2, I1, I1, I1, int64, int64), **OPTIONS)
def link(M, adj, deg, J, z, u, v):
    """Add u -> v."""
    M[u, v] = 1
    adj[u, deg[u]] = v
    adj[v, deg[v]] = u
    deg[u] += 1
    deg[v] += 1
    z[EDGES] += 1
    record(J, z, M.shape[0], u * M.shape[0] + v, ADDED)


@njit(void(U2, I2, I1, I1, I1, int64, int64), **INNER)
def unlink(M, adj, deg, J, z, u, v):
    """Remove u -> v."""
    record(J, z, M.shape[0], u * M.shape[0] + v, REMOVED + 4 * (M[u, v] == 2))
    M[u, v] = 0
    drop(adj, deg, u, v)
    drop(adj, deg, v, u)
    z[EDGES] -= 1


@njit(int64(U2, I2, I1, U2, int64, int64), **INNER)
def compelled(M, adj, deg, sep, u, v):
    """Whether the rules compel u -> v, given the flags of the other edges."""
    if sep.shape[0] > 1 and sep[u, v]:
        return 1
    for i in range(deg[v]):
        w = adj[v, i]
        if w == u or M[w, v] == 0:
            continue
        if M[w, u] == 0 and M[u, w] == 0:
            return 1
        if M[u, w] == 2 and M[w, v] == 2:
            return 1
    for i in range(deg[u]):
        w = adj[u, i]
        if M[w, u] == 2 and M[w, v] == 0 and M[v, w] == 0:
            return 1
    for i in range(deg[v]):
        a = adj[v, i]
        if a == u or M[a, v] == 0:
            continue
        for j in range(i):
            b = adj[v, j]
            if b == u or M[b, v] == 0 or M[a, b] or M[b, a]:
                continue
            if not (M[a, u] and M[b, u]):
                return 1
    return 0


@njit(void(I1, U2, I1, int64, int64), **INNER)
def push(queue, waiting, z, u, v):
    """Let the edge u -> v be looked at."""
    if waiting[u, v] == 0:
        waiting[u, v] = 1
        queue[z[TAIL]] = u * waiting.shape[0] + v
        z[TAIL] = (z[TAIL] + 1) % queue.shape[0]


@njit(void(U2, I2, I1, I1, U2, I1, int64, int64), **OPTIONS)
def stir(M, adj, deg, queue, waiting, z, x, y):
    """Let all edges be looked at that a change between x and y can concern."""
    for side in range(2):
        v = x if side == 0 else y
        for i in range(deg[v]):
            w = adj[v, i]
            if M[v, w]:
                push(queue, waiting, z, v, w)
            else:
                push(queue, waiting, z, w, v)
    for i in range(deg[x]):
        h = adj[x, i]
        if M[x, h] and M[y, h]:
            for j in range(deg[h]):
                if M[adj[h, j], h]:
                    push(queue, waiting, z, adj[h, j], h)


@njit(void(U2, I2, I1, U2, I1, U2, I1, I1), **OPTIONS)
def settle(M, adj, deg, sep, queue, waiting, J, z):
    """Bring the flags up to date from the edges that wait."""
    d = M.shape[0]
    while z[HEAD] != z[TAIL]:
        pair = queue[z[HEAD]]
        z[HEAD] = (z[HEAD] + 1) % queue.shape[0]
        u, v = pair // d, pair % d
        waiting[u, v] = 0
        if M[u, v] == 0:
            continue
        flag = 1 + compelled(M, adj, deg, sep, u, v)
        if flag == M[u, v]:
            continue
        M[u, v] = flag
        record(J, z, d, pair, TOGGLED)
        for i in range(deg[v]):
            w = adj[v, i]
            if M[v, w]:
                if M[u, w]:
                    push(queue, waiting, z, u, w)
                else:
                    push(queue, waiting, z, v, w)
        for i in range(deg[u]):
            w = adj[u, i]
            if M[w, u] and M[w, v]:
                push(queue, waiting, z, w, v)


@njit(void(U2, I2, I1, I1, I1, int64), **INNER)
def undo(M, adj, deg, J, z, begin):
    """Take back the changes since J[begin]; the class is the one before."""
    d = M.shape[0]
    while z[JOURNAL] > begin:
        z[JOURNAL] -= 1
        pair, kind = J[z[JOURNAL]] // 8, J[z[JOURNAL]] % 8
        u, v = pair // d, pair % d
        if kind == TOGGLED:
            M[u, v] = 3 - M[u, v]
        elif kind == FLIPPED:
            M[v, u] = 0
            M[u, v] = 1
        elif kind == ADDED:
            M[u, v] = 0
            drop(adj, deg, u, v)
            drop(adj, deg, v, u)
            z[EDGES] -= 1
        else:
            M[u, v] = 2 if kind >= 4 else 1
            adj[u, deg[u]] = v
            adj[v, deg[v]] = u
            deg[u] += 1
            deg[v] += 1
            z[EDGES] += 1


@njit(void(U2, I1, I1, int64, int64), **INNER)
def flip(M, J, z, u, v):
    """Turn the reversible edge u -> v to v -> u: another DAG of the class."""
    M[u, v] = 0
    M[v, u] = 1
    record(J, z, M.shape[0], u * M.shape[0] + v, FLIPPED)


@njit(void(U2, I2, I1, I1, I1, I1, int64), **INNER)
def arrange(M, adj, deg, J, z, first, k):
    """Go to a DAG of the class in which the clique first[:k] leads its component, in this order.

    Maximum cardinality search (Tarjan and Yannakakis 1984) over reversible edges, earlier nodes
    to later ones; a clique is a valid begin of it.
    """
    d = M.shape[0]
    place = np.zeros(d, dtype=np.uint8)
    weight = np.zeros(d, dtype=np.int64)
    top = np.full(adj.shape[1] + 2, -1, dtype=np.int64)
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
        for j in range(deg[v]):
            w = adj[v, j]
            if M[v, w] != 1 and M[w, v] != 1:
                continue
            if place[w]:
                if M[v, w]:
                    flip(M, J, z, v, w)
            else:
                weight[w] += 1
                level = max(level, weight[w])
                node[used] = w
                after[used] = top[weight[w]]
                top[weight[w]] = used
                used += 1


@njit(void(U2, I2, I1, I1, I1, int64, I1, int64), **INNER)
def lead(M, adj, deg, J, z, y, first, k):
    """Go to a DAG of the class where the parents of y by reversible edges are first[:k].

    Nodes of `first` after these k follow in this order.
    """
    have = 0
    for j in range(deg[y]):
        have += M[adj[y, j], y] == 1
    fine = have == k and first.shape[0] <= k + 1
    for i in range(k):
        fine = fine and M[first[i], y] == 1
    if not fine:
        arrange(M, adj, deg, J, z, first, first.shape[0])


@njit(void(U2, I2, I1, U2, I1, U2, I1, I1, int64, int64, I1, int64), **INNER)
def insert(M, adj, deg, sep, queue, waiting, J, z, x, y, S, k):
    """Add x -> y to a DAG where S[:k] and the compelled parents are the parents of y.

    Source: Chickering (2002), definition 12, in the form of Hauser and Buehlmann (2012).
    """
    first = np.empty(k + 1, dtype=np.int64)
    for i in range(k):
        first[i] = S[i]
    first[k] = y
    lead(M, adj, deg, J, z, y, first, k)
    link(M, adj, deg, J, z, x, y)
    stir(M, adj, deg, queue, waiting, z, x, y)
    settle(M, adj, deg, sep, queue, waiting, J, z)


@njit(void(U2, I2, I1, U2, I1, U2, I1, I1, int64, int64, I1, int64), **INNER)
def delete(M, adj, deg, sep, queue, waiting, J, z, x, y, S, k):
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
    lead(M, adj, deg, J, z, y, first, k + loose)
    stir(M, adj, deg, queue, waiting, z, x, y)
    unlink(M, adj, deg, J, z, x, y)
    settle(M, adj, deg, sep, queue, waiting, J, z)


@njit(void(U2, I2, I1, U2, I1, U2, I1, I1, int64, int64, I1, int64), **INNER)
def turn(M, adj, deg, sep, queue, waiting, J, z, x, y, S, k):
    """Turn y -> x in a DAG where S[:k] are the parents of y by reversible edges.

    Source: Hauser and Buehlmann (2012), propositions 31 and 34.
    """
    first = np.empty(k + 1, dtype=np.int64)
    for i in range(k):
        first[i] = S[i]
    first[k] = y
    if M[y, x] == 2:
        lead(M, adj, deg, J, z, y, first, k)
        first[0] = x
        lead(M, adj, deg, J, z, x, first[:1], 0)
    else:
        both = np.empty(k + 2, dtype=np.int64)
        for i in range(k + 1):
            both[i] = first[i]
        both[k + 1] = x
        lead(M, adj, deg, J, z, y, both, k)
    unlink(M, adj, deg, J, z, y, x)
    link(M, adj, deg, J, z, x, y)
    stir(M, adj, deg, queue, waiting, z, x, y)
    settle(M, adj, deg, sep, queue, waiting, J, z)


@njit(int64(U2, I2, I1, int64, int64, U1, int64, I1), **INNER)
def path(M, adj, deg, y, x, closed, direct, via):
    """Whether a path leads from y to x against no compelled edge, around the closed nodes.

    `direct` is 0 to leave out the edge y -> x itself. via[c] is the node before c on the path.
    """
    d = M.shape[0]
    seen = closed.copy()
    line = np.empty(d, dtype=np.int64)
    line[0] = y
    seen[y] = 1
    begin, end = 0, 1
    while begin < end:
        a = line[begin]
        begin += 1
        for i in range(deg[a]):
            c = adj[a, i]
            if seen[c] or (M[a, c] == 0 and M[c, a] != 1):
                continue
            if c == x:
                if a == y and direct == 0:
                    continue
                via[c] = a
                return 1
            via[c] = a
            seen[c] = 1
            line[end] = c
            end += 1
    return 0


@njit(int64(U2, I2, I1, U2, I1, int64, int64), **INNER)
def sink(M, adj, deg, ban, part, left, v):
    """Whether v can be the last of part[:left]: no banned edge into it, neighbours all joined."""
    for i in range(left):
        a = part[i]
        if M[a, v] != 1 and M[v, a] != 1:
            continue
        if ban[a, v]:
            return 0
        for j in range(i):
            b = part[j]
            if (M[b, v] == 1 or M[v, b] == 1) and M[a, b] == 0 and M[b, a] == 0:
                return 0
    return 1


@njit(int64(U2, I2, I1, U2, I1, I1), **INNER)
def obey(M, adj, deg, ban, J, z):
    """Go to a DAG of the class without an edge u -> v where ban[u, v]; 0 if there is none.

    Component by component, sinks first (Dor and Tarsi 1992).
    """
    d = M.shape[0]
    done = np.zeros(d, dtype=np.uint8)
    for u in range(d):
        for i in range(deg[u]):
            if M[u, adj[u, i]] == 2 and ban[u, adj[u, i]]:
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
            for i in range(deg[a]):
                c = adj[a, i]
                if M[a, c] == 1 or M[c, a] == 1:
                    bound += ban[a, c]
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
                if sink(M, adj, deg, ban, part, left, part[at]):
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
                    flip(M, J, z, v, part[at])
    return 1
