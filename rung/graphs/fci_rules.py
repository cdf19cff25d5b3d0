"""Orientation rules of FCI over a mark matrix, and what they know of separated pairs."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rung.core.budget import Run, start
from rung.core.graph import ARROW, CIRCLE, TAIL
from rung.graphs.ancestry import Bool

Marks = NDArray[np.uint8]
Ints = NDArray[np.int64]

UNKNOWN, OUTSIDE, INSIDE = 0, 1, 2
WORK = 200_000  # states looked at between two looks at the clock


@dataclass(frozen=True, eq=False)
class Verdicts:
    """For pairs that are apart, which nodes belong to the sets that separate them.

    Parameters
    ----------
    row : (d, d) int64, symmetric
        Row of a pair in `member`; -1 for a pair of which nothing is known.
    member : (m, d) uint8
        INSIDE if the node is in the separating sets, OUTSIDE if not, UNKNOWN if they disagree.
    """

    row: Ints
    member: Marks

    @classmethod
    def of(cls, separators: dict[tuple[int, int], frozenset[int]], d: int) -> Verdicts:
        """One separating set for each pair (i, j), i < j."""
        row = np.full((d, d), -1, dtype=np.int64)
        member = np.full((max(len(separators), 1), d), OUTSIDE, dtype=np.uint8)
        for k, ((i, j), inside) in enumerate(sorted(separators.items())):
            row[i, j] = row[j, i] = k
            member[k, sorted(inside)] = INSIDE
        return cls(row, member)


def lists(marks: Marks) -> tuple[Ints, Ints, Ints]:
    """Neighbours of each node one after another: (first (d + 1,), near (m,), owner (m,))."""
    owner, near = (a.astype(np.int64) for a in np.nonzero(marks))
    first = np.searchsorted(owner, np.arange(len(marks) + 1)).astype(np.int64)
    return first, near, owner


def unshielded_triples(marks: Marks) -> Ints:
    """(m, 3) triples a - b - c with a < c apart, by b, a, c."""
    out = []
    for b in range(len(marks)):
        around = np.nonzero(marks[b])[0]
        apart = np.triu(marks[np.ix_(around, around)] == 0, 1)
        a, c = np.nonzero(apart)
        out.append(np.column_stack([around[a], np.full(len(a), b), around[c]]))
    return np.concatenate(out) if out else np.zeros((0, 3), dtype=np.int64)


def collider_rule(
    marks: Marks, verdicts: Verdicts, leave: Callable[[Ints], Bool] | None = None
) -> tuple[Ints, Ints]:
    """R0: arrowheads at the middle of every unshielded triple that its separators leave out.

    In place. A tail that stands already stays. Returns (m, 3) the colliders that such a tail ruled
    out, and the triples of which the verdict is unknown.

    Parameters
    ----------
    leave : optional
        Says of (m, 3) colliders a, b, c which ones not to orient.
    """
    triples = unshielded_triples(marks)
    a, b, c = triples.T
    row = verdicts.row[a, c]
    said = np.where(row >= 0, verdicts.member[row, b], UNKNOWN)
    blocked = (marks[a, b] == TAIL) | (marks[c, b] == TAIL)
    put = triples[(said == OUTSIDE) & ~blocked]
    if leave is not None and len(put):
        put = put[~leave(put)]
    a, b, c = put.T
    marks[a, b] = ARROW
    marks[c, b] = ARROW
    return triples[(said == OUTSIDE) & blocked], triples[(said == UNKNOWN) & (row >= 0)]


def close(
    marks: Marks,
    verdicts: Verdicts,
    *,
    selection: bool = True,
    run: Run | None = None,
    paths: bool = True,
) -> bool:
    """Orient circles by R1 to R10 until nothing changes, in place; False if the run was spent.

    Each rule looks at the whole graph before it changes any mark; where its instances contradict
    each other the circle stays. So the result does not depend on the order of the nodes.

    Parameters
    ----------
    marks : (d, d) uint8, [i, j] the mark at j on i - j
        With the arrowheads of R0 and of any knowledge. Only circles are changed.
    selection : bool
        Whether R5, R6 and R7 apply, whose tails say that a selected variable is an effect.
    paths : bool
        Whether R4 applies.

    Source: Zhang (2008), section 3, sound and complete for a correct start; by tiers too
    (Andrews, Spirtes and Cooper 2020).
    """
    from rung.kernels import fci_rules as kernels

    run = start(None) if run is None else run
    first, near, owner = lists(marks)
    wish = np.zeros_like(marks)
    at, d = (marks, wish, first, near), len(marks)
    came, queue = np.full(len(near), -2, dtype=np.int64), np.empty(len(near) + 1, dtype=np.int64)
    widest = int(np.diff(first).max(initial=0))
    seen, out = np.zeros(d, dtype=np.uint8), np.zeros((widest + 1, max(d, widest)), dtype=np.uint8)
    while not run.spent:
        changed = kernels.arrow_rules(*at, verdicts.row, verdicts.member)
        if paths:
            for path, ends in discriminating_paths(marks):
                path_rule(marks, wish, path, ends, verdicts)
            changed += kernels.grant(*at)
        if changed:
            continue
        if selection:
            changed += kernels.selection_rules(*at, owner, came, queue, seen)
        begin = 0
        while begin < d and not run.spent:
            begin = int(kernels.tail_rules(*at, owner, begin, WORK, came, queue, seen, out))
        changed += kernels.grant(*at)
        if not changed:
            return True
    return False


def discriminating_paths(marks: Marks) -> Iterator[tuple[list[int], list[int]]]:
    """A shortest discriminating path <e, ..., a, b, c> for every a, b and c with b o-* c.

    Each with the far ends of all such paths that are as short.
    """
    from rung.kernels.fci_rules import discriminating

    d = len(marks)
    first, near, _ = lists(marks)
    came = np.full(d, -1, dtype=np.int64)
    queue, ends = np.empty(2 * d + 2, dtype=np.int64), np.empty(d, dtype=np.int64)
    parent = (marks == ARROW) & (marks.T == TAIL)
    for c, b in np.argwhere((marks == CIRCLE) & parent.any(axis=0)[:, None]).tolist():
        for a in np.flatnonzero(parent[:, c] & (marks[b] == ARROW)).tolist():
            count = discriminating(marks, first, near, a, b, c, came, queue, ends)
            if count:
                yield [*queue[1 : 1 + queue[0]].tolist(), b, c], ends[:count].tolist()


def path_rule(
    marks: Marks, wish: Marks, path: list[int], ends: list[int], verdicts: Verdicts
) -> None:
    """R4 on a path, for each of its far ends: what it wants at b and c goes into `wish`."""
    a, b, c = path[-3:]
    for e in ends:
        row = verdicts.row[e, c]
        said = verdicts.member[row, b] if row >= 0 else UNKNOWN
        if said == INSIDE:
            wish[c, b] |= TAIL
            wish[b, c] |= ARROW
        elif said == OUTSIDE and marks[a, b] != TAIL:
            wish[a, b] |= ARROW
            wish[c, b] |= ARROW
            wish[b, c] |= ARROW


def circles(adjacent: Bool) -> Marks:
    """Marks with a circle at both ends of every edge."""
    return np.ascontiguousarray(adjacent).astype(np.uint8) * np.uint8(CIRCLE)


__all__ = [
    "Verdicts", "circles", "close", "collider_rule", "discriminating_paths", "path_rule",
    "unshielded_triples",
]  # fmt: skip
