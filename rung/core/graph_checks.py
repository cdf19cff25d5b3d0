"""Checks on a mark matrix: order, cycles, chordality, essential graphs."""

from __future__ import annotations

import heapq

import numpy as np
from numpy.typing import NDArray

Bool = NDArray[np.bool_]


def directed_part(marks: NDArray[np.uint8]) -> Bool:
    """(d, d) bool; [i, j] is True where i is a parent of j."""
    part: Bool = ((marks & 2) != 0) & ((marks.T & 1) != 0)
    return part


def undirected_part(marks: NDArray[np.uint8]) -> Bool:
    """(d, d) bool, symmetric; True where i -- j."""
    part: Bool = (marks == 1) & (marks.T == 1)
    return part


def bidirected_part(marks: NDArray[np.uint8]) -> Bool:
    """(d, d) bool, symmetric; True where i <-> j, bows included."""
    part: Bool = ((marks & 2) != 0) & ((marks.T & 2) != 0)
    return part


def order(directed: Bool) -> list[int]:
    """Topological order, lowest index first among the free; shorter than d if there is a cycle."""
    d = len(directed)
    source, target = np.divmod(np.flatnonzero(directed), max(d, 1))
    first = np.searchsorted(source, np.arange(d + 1)).tolist()
    waiting = np.bincount(target, minlength=d).tolist()
    children = target.tolist()
    free = [node for node in range(d) if waiting[node] == 0]
    done: list[int] = []
    while free:
        node = heapq.heappop(free)
        done.append(node)
        for child in children[first[node] : first[node + 1]]:
            waiting[child] -= 1
            if waiting[child] == 0:
                heapq.heappush(free, child)
    return done


def cycle(directed: Bool) -> list[int]:
    """A directed cycle as a list of nodes, or [] if there is none."""
    done = order(directed)
    left = np.ones(len(directed), dtype=bool)
    left[done] = False
    if not left.any():
        return []
    # every node left has a parent left, so walking up must come round
    node, seen = int(np.nonzero(left)[0][0]), {}
    path: list[int] = []
    while node not in seen:
        seen[node] = len(path)
        path.append(node)
        node = int(np.nonzero(directed[:, node] & left)[0][0])
    return path[seen[node] :][::-1]


def components(undirected: Bool) -> NDArray[np.intp]:
    """(d,) label of the connected component of each node, numbered by lowest index."""
    d = len(undirected)
    label = np.full(d, -1, dtype=np.intp)
    count = 0
    for start in range(d):
        if label[start] >= 0:
            continue
        label[start] = count
        stack = [start]
        while stack:
            new = np.nonzero(undirected[stack.pop()] & (label < 0))[0]
            label[new] = count
            stack += new.tolist()
        count += 1
    return label


def is_chordal(undirected: Bool) -> bool:
    """Whether every cycle of 4 or more has a chord (Tarjan and Yannakakis 1984)."""
    d = len(undirected)
    weight = np.zeros(d, dtype=np.intp)
    before = np.zeros(d, dtype=bool)
    place = np.full(d, -1, dtype=np.intp)
    for step in range(d):
        node = int(np.argmax(np.where(before, -1, weight)))
        earlier = np.nonzero(undirected[node] & before)[0]
        if len(earlier) > 1:
            last = earlier[np.argmax(place[earlier])]
            if not (undirected[last, earlier] | (earlier == last)).all():
                return False
        before[node] = True
        place[node] = step
        weight[undirected[node]] += 1
    return True


def is_essential(marks: NDArray[np.uint8]) -> bool:
    """Whether marks are a CPDAG: Andersson, Madigan and Perlman (1997), theorem 4.1."""
    directed, undirected = directed_part(marks), undirected_part(marks)
    adjacent = marks != 0
    if not np.array_equal(adjacent, directed | directed.T | undirected):
        return False
    if ((marks & 6) != 0)[directed.T].any() or ((marks & 4) != 0).any():
        return False
    label = components(undirected)
    k = int(label.max(initial=-1)) + 1
    between = np.zeros((k, k), dtype=bool)
    i, j = np.nonzero(directed)
    between[label[i], label[j]] = True
    if between.diagonal().any() or len(order(between)) < k:
        return False
    if not is_chordal(undirected):
        return False
    # no flag a -> b -- c with a and c apart
    apart = ~adjacent
    np.fill_diagonal(apart, False)
    if (_product(directed, undirected) & apart).any():
        return False
    return bool(_protected(directed, undirected, apart)[directed].all())


def _product(left: Bool, right: Bool) -> Bool:
    out: Bool = (left.astype(np.float32) @ right.astype(np.float32)) > 0.5
    return out


def _protected(directed: Bool, undirected: Bool, apart: Bool) -> Bool:
    """[a, b] True where a -> b is strongly protected (same paper, definition 3.3)."""
    known = _product(directed.T, apart)  # c -> a, c apart from b
    known |= _product(apart, directed)  # c -> b, c apart from a
    known |= _product(directed, directed)  # a -> c -> b
    for a, b in np.argwhere(directed & ~known).tolist():
        between = np.nonzero(undirected[a] & directed[:, b])[0]
        known[a, b] = apart[np.ix_(between, between)].any()
    return known
