"""Orientation rules of FCI, each in sweeps that look at one graph and then change it at once.

A sweep writes its proposals into `wish` (1 tail, 2 arrow, both bits if the instances disagree);
`grant` turns circles into what was asked without contradiction. So the result does not depend on
the order of the nodes, also where the statements that it started from contradict each other.

marks[i, j] is the mark at j on i - j: 0 none, 1 tail, 2 arrow, 4 circle. `first` (d + 1,) and
`near` hold the neighbours of each node, one after another.
"""

# mypy: allow-untyped-defs, allow-incomplete-defs
# (the types of arguments stand in the signature of each kernel)

from __future__ import annotations

import numpy as np
from numba import njit
from numba.core import types

from .signatures import I1, I2, INNER, OUTER, U1, U2, int64

TAIL, ARROW, CIRCLE = 1, 2, 4
LIMIT = 20_000  # steps of a search for a path without repeated nodes

B = types.boolean


@njit(int64(U2, U2, I1, I1), **OUTER)
def grant(marks, wish, first, near):
    """Change circles as wished; contradictory wishes stay circles. Returns changes made."""
    changed = 0
    for i in range(marks.shape[0]):
        for t in range(first[i], first[i + 1]):
            j = near[t]
            w = wish[i, j]
            if w:
                wish[i, j] = 0
                if marks[i, j] == CIRCLE and w != 3:
                    marks[i, j] = w
                    changed += 1
    return changed


@njit(int64(U2, U2, I1, I1, I2, U2), **OUTER)
def arrow_rules(marks, wish, first, near, row, verdict):
    """R1, R2 and R3 until nothing changes (Zhang 2008, section 3.1). Returns changes made.

    verdict[row[a, c], b] says of a pair that is apart whether b separates it: 1 no, 2 yes, 0
    unknown; R1 and R3 need a yes.
    """
    d = marks.shape[0]
    total = 0
    while True:
        for b in range(d):
            for s in range(first[b], first[b + 1]):
                a = near[s]
                if marks[a, b] != ARROW:
                    continue
                for t in range(first[b], first[b + 1]):
                    c = near[t]
                    if c == a:
                        continue
                    if marks[a, c] == 0:
                        r = row[a, c]
                        if r < 0:
                            continue
                        if (
                            marks[c, b] == CIRCLE and marks[b, c] != TAIL and verdict[r, b] == 2
                        ):  # R1
                            wish[c, b] |= TAIL
                            wish[b, c] |= ARROW
                        if c > a and marks[c, b] == ARROW:  # R3: a and c apart, both into b
                            for u in range(first[b], first[b + 1]):
                                e = near[u]
                                if (
                                    marks[e, b] == CIRCLE
                                    and marks[a, e] == CIRCLE
                                    and marks[c, e] == CIRCLE
                                    and verdict[r, e] == 2
                                ):
                                    wish[e, b] |= ARROW
                    elif (
                        marks[a, c] == CIRCLE
                        and marks[b, c] == ARROW
                        and (marks[b, a] == TAIL or marks[c, b] == TAIL)
                    ):  # R2
                        wish[a, c] |= ARROW
        changed = grant(marks, wish, first, near)
        if changed == 0:
            return total
        total += changed


@njit(int64(U2, I1, I1, int64, int64, int64, I1, I1, I1), **OUTER)
def discriminating(marks, first, near, a, b, c, came, queue, ends):
    """Far ends of the shortest discriminating paths <e, ..., a, b, c> for b (R4); their number.

    Every node between e and b is a collider on the path and a parent of c; e is apart from c.
    `came` (d,) must hold -1 and is left so. The path to ends[0] stands in queue[1:], e first and
    a last, its length in queue[0]; queue holds 2 d + 2, ends d.
    """
    head, tail, count = 0, 1, 0
    queue[0] = a
    came[a], came[b], came[c] = a, b, c
    last = 1  # end of the level at hand
    while head < tail:
        if head == last:
            if count:
                break
            last = tail
        v = queue[head]
        head += 1
        for t in range(first[v], first[v + 1]):
            x = near[t]
            if came[x] >= 0 or marks[x, v] != ARROW:
                continue
            if marks[x, c] == 0:
                came[x] = v
                ends[count] = x
                count += 1
            elif marks[x, c] == ARROW and marks[c, x] == TAIL and marks[v, x] == ARROW:
                came[x] = v
                queue[tail] = x
                tail += 1
    length = 0
    if count:
        x = ends[0]
        while x != a:
            queue[tail + length] = x
            length += 1
            x = came[x]
        queue[tail + length] = a
        length += 1
    for t in range(tail):
        came[queue[t]] = -1
    for t in range(count):
        came[ends[t]] = -1
    came[b] = came[c] = -1
    for t in range(length):
        queue[t + 1] = queue[tail + t]
    queue[0] = length
    return count


@njit(B(U2, int64, int64, int64), **INNER)
def step(marks, i, j, kind):
    """Whether a path may go from i to j: potentially directed (0), or along circles (1)."""
    if marks[i, j] == 0:
        return False
    if kind == 1:
        return marks[i, j] == CIRCLE and marks[j, i] == CIRCLE
    return marks[j, i] != ARROW and marks[i, j] != TAIL


@njit(B(U2, I1, I1, int64, int64, int64, int64, int64), **INNER)
def exact_path(marks, first, near, a, m, goal, kind, apart):
    """Whether an uncovered path <a, m, ..., goal> without repeated nodes exists, depth first.

    The last node before the goal is apart from `apart` (-1: no matter). Gives up, with False,
    after LIMIT steps.
    """
    d = marks.shape[0]
    on = np.zeros(d, dtype=np.uint8)
    path = np.empty(d + 1, dtype=np.int64)
    at = np.empty(d + 1, dtype=np.int64)
    path[0], path[1] = a, m
    on[a] = on[m] = 1
    k, steps = 1, 0
    at[1] = first[m]
    while k > 0 and steps < LIMIT:
        v = path[k]
        if at[k] == first[v + 1]:
            on[v] = 0
            k -= 1
            continue
        x = near[at[k]]
        at[k] += 1
        steps += 1
        if on[x] or marks[path[k - 1], x] or not step(marks, v, x, kind):
            continue
        if x == goal:
            if apart < 0 or marks[v, apart] == 0:
                return True
            continue
        k += 1
        path[k] = x
        on[x] = 1
        at[k] = first[x]
    return False


@njit(B(I1, I1, I1, int64, U1), **INNER)
def simple(came, owner, near, state, seen):
    """Whether the walk that ends with this state repeats no node; `seen` (d,) is left 0."""
    fine = True
    s = state
    while s >= 0 and fine:
        if seen[near[s]]:
            fine = False
        else:
            seen[near[s]] = 1
            s = came[s]
    end = s
    s = state
    while s != end:
        seen[near[s]] = 0
        s = came[s]
    return fine


@njit(types.void(U2, I1, I1, I1, int64, int64, U1, I1, I1, U1), **INNER)
def reach(marks, first, near, owner, a, start, out, came, queue, seen):
    """out[v] = 1 for every v at the end of an uncovered potentially directed path <a, m, ..., v>.

    `start` is the place of m among the neighbours of a; v = m counts. `came` holds -2 for states
    not reached, and is left so.
    """
    out[:] = 0
    m = near[start]
    out[m] = 1
    queue[0] = start
    came[start] = -1
    head, tail = 0, 1
    while head < tail:
        s = queue[head]
        head += 1
        u, v = owner[s], near[s]
        for t in range(first[v], first[v + 1]):
            x = near[t]
            if came[t] != -2 or x == a or marks[u, x] or not step(marks, v, x, 0):
                continue
            came[t] = s
            queue[tail] = t
            tail += 1
            if out[x] == 0:
                fine = simple(came, owner, near, t, seen)
                out[x] = fine or exact_path(marks, first, near, a, m, x, 0, -1)
    for t in range(tail):
        came[queue[t]] = -2


@njit(B(U2, int64, int64), **INNER)
def is_parent(marks, i, j):
    """i --> j."""
    return marks[i, j] == ARROW and marks[j, i] == TAIL


@njit(B(U2, I1, I1, int64, int64, U1, U2), **INNER)
def tail_found(marks, first, near, a, c, way, out):
    """Whether R8, R9 or R10 puts a tail at a on a o-> c."""
    begin, size = first[a], first[a + 1] - first[a]
    for t in range(size):
        b = near[begin + t]
        if marks[b, a] == TAIL and marks[a, b] != TAIL and is_parent(marks, b, c):
            return True  # R8
        if way[t] and b != c and marks[b, c] == 0 and out[t, c]:
            return True  # R9
    for t in range(size):
        m = near[begin + t]
        if not way[t] or m == c:
            continue
        for u in range(t + 1, size):
            o = near[begin + u]
            if not way[u] or o == c or marks[m, o]:
                continue
            left = right = both = 0
            for s in range(first[c], first[c + 1]):
                p = near[s]
                if p != a and is_parent(marks, p, c):
                    left += out[t, p]
                    right += out[u, p]
                    both += out[t, p] and out[u, p]
            if left and right and not (left == 1 and right == 1 and both == 1):
                return True  # R10
    return False


@njit(int64(U2, U2, I1, I1, I1, int64, int64, I1, I1, U1, U2), **OUTER)
def tail_rules(marks, wish, first, near, owner, begin, limit, came, queue, seen, out):
    """R8, R9 and R10 for edges a o-> c, from node a = begin on; the first node not done.

    About `limit` states are looked at. Only wishes: grant them when all nodes are done. `came`
    holds -2 for each place in `near`, `queue` has one place more, `seen` (d,) is 0, `out` has a row
    (d,) for each neighbour a node can have, and one more.
    """
    d = marks.shape[0]
    way = out[out.shape[0] - 1]
    work = 0
    for a in range(begin, d):
        open_ends = 0
        for t in range(first[a], first[a + 1]):
            c = near[t]
            open_ends += marks[c, a] == CIRCLE and marks[a, c] == ARROW
        if open_ends == 0:
            continue
        size = first[a + 1] - first[a]
        for t in range(size):
            way[t] = step(marks, a, near[first[a] + t], 0)
            if way[t]:
                reach(marks, first, near, owner, a, first[a] + t, out[t], came, queue, seen)
                work += near.shape[0] // 4 + 1
        for t in range(first[a], first[a + 1]):
            c = near[t]
            if marks[c, a] != CIRCLE or marks[a, c] != ARROW:
                continue
            if tail_found(marks, first, near, a, c, way, out):
                wish[c, a] |= TAIL
        if work > limit:
            return a + 1
    return d


@njit(B(U2, I1, I1, I1, int64, int64, I1, I1, U1), **INNER)
def on_circle(marks, first, near, owner, a, b, came, queue, seen):
    """Whether a o-o b lies on an uncovered circle of o-o edges (R5); scratch as in `tail_rules`."""
    head = tail = 0
    for t in range(first[a], first[a + 1]):
        c = near[t]
        if c != b and marks[c, b] == 0 and step(marks, a, c, 1):
            came[t] = -1
            queue[tail] = t
            tail += 1
    starts = tail
    hit = -1
    while head < tail and hit < 0:
        s = queue[head]
        head += 1
        u, v = owner[s], near[s]
        for t in range(first[v], first[v + 1]):
            x = near[t]
            if came[t] != -2 or x == a or marks[u, x] or not step(marks, v, x, 1):
                continue
            if x == b:
                if marks[v, a] == 0:
                    hit = s
                    break
                continue
            came[t] = s
            queue[tail] = t
            tail += 1
    found = hit >= 0 and simple(came, owner, near, hit, seen)
    if hit >= 0 and not found:
        for t in range(starts):
            found = found or exact_path(marks, first, near, a, near[queue[t]], b, 1, a)
    for t in range(tail):
        came[queue[t]] = -2
    return found


@njit(int64(U2, U2, I1, I1, I1, I1, I1, U1), **OUTER)
def selection_rules(marks, wish, first, near, owner, came, queue, seen):
    """One sweep of R5, R6 and R7: tails that only selection leaves. Returns changes made."""
    d = marks.shape[0]
    for a in range(d):
        for t in range(first[a], first[a + 1]):
            b = near[t]
            if marks[a, b] == TAIL and marks[b, a] == TAIL:  # R6, with a --- b
                for s in range(first[b], first[b + 1]):
                    if near[s] != a and marks[near[s], b] == CIRCLE:
                        wish[near[s], b] |= TAIL
            elif marks[b, a] == TAIL and marks[a, b] == CIRCLE:  # R7, with a --o b
                for s in range(first[b], first[b + 1]):
                    c = near[s]
                    if c != a and marks[c, b] == CIRCLE and marks[a, c] == 0:
                        wish[c, b] |= TAIL
            elif (
                a < b
                and step(marks, a, b, 1)
                and on_circle(marks, first, near, owner, a, b, came, queue, seen)
            ):
                wish[a, b] |= TAIL
                wish[b, a] |= TAIL
    return grant(marks, wish, first, near)
