"""Edges that only possible d-separation sets remove, and what the separating sets hold."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..core.budget import Run
from ..core.protocols import BoundTest
from ..graphs.fci_rules import INSIDE, OUTSIDE, UNKNOWN, Marks, Verdicts, lists
from .colliders import ColliderRule, ballots
from .skeleton import Skeleton

Bool = NDArray[np.bool_]
Ints = NDArray[np.int64]


def possible_dsep(marks: Marks, edges: Ints) -> NDArray[np.uint8]:
    """(m, 2, d) 0/1: for each end of each edge its possible d-separation set from the other.

    Only nodes that may be ancestors of one of the ends count, on paths of such nodes.
    """
    from ..kernels.possible_dsep import possible_ancestors
    from ..kernels.possible_dsep import possible_dsep as kernel

    first, near, owner = lists(marks)
    above = np.zeros_like(marks)
    possible_ancestors(marks, first, near, above)
    out = np.zeros((len(edges), 2, len(marks)), dtype=np.uint8)
    kernel(marks, first, near, owner, above, edges, out)
    return out


def remove_by_dsep(
    found: Skeleton,
    marks: Marks,
    alpha: float,
    fixed: Bool,
    *,
    largest: int | None,
    run: Run,
) -> int:
    """Remove the edges that a subset of a possible d-separation set separates; their number.

    The sets come from `marks`, the skeleton after R0, and stay the same while edges go, so the
    order of the pairs plays no part. Subsets of the neighbours of one end, which the skeleton has
    tried, are left out; the separators of removed pairs enter `found`.

    Source: Spirtes, Glymour and Scheines (2000), section 6.7; Colombo et al. (2012), section 3.
    """
    adjacent = np.ascontiguousarray(found.adjacent).astype(np.uint8)
    edges = np.ascontiguousarray(np.argwhere(np.triu(found.adjacent & ~fixed)), dtype=np.int64)
    sets = possible_dsep(marks, edges)
    went, k = 0, 1
    while found.complete and len(edges) and (largest is None or k <= largest):
        wide = sets.sum(axis=2, dtype=np.int64).max(axis=1) >= k
        edges, sets = edges[wide], sets[wide]
        gone = _level(found, alpha, k, edges, sets, adjacent, run)
        went += int(gone.sum())
        edges, sets, k = edges[~gone], sets[~gone], k + 1
    return went


def _level(
    found: Skeleton,
    alpha: float,
    k: int,
    edges: Ints,
    sets: NDArray[np.uint8],
    adjacent: NDArray[np.uint8],
    run: Run,
) -> Bool:
    """Tests given k; which edges went."""
    from ..kernels.possible_dsep import dsep_level

    tester, m = found.tester, len(edges)
    separator, at = np.zeros((m, k), dtype=np.int64), np.zeros(k + 2, dtype=np.int64)
    p, gone = np.zeros(m), np.zeros(m, dtype=np.uint8)
    counted, begin = np.zeros(1, dtype=np.int64), 0
    while begin < m:
        if run.spent:
            found.complete = False
            break
        begin = tester.call(
            dsep_level, k, begin, alpha, tester.chunk, edges, adjacent, sets, at, separator, p,
            gone, counted, k=k,
        )  # fmt: skip
        run.tick(begin / m, f"possible d-separation given {k}")
    found.tests += int(counted[0])
    i, j = edges.T
    rows = found.row(i, j)
    found.top[rows] = np.maximum(found.top[rows], p)
    for e in np.nonzero(gone)[0].tolist():
        a, b = int(i[e]), int(j[e])
        found.adjacent[a, b] = found.adjacent[b, a] = False
        found.separators[a, b] = frozenset(separator[e].tolist())
    return gone > 0


def legs_hold(
    found: Skeleton, bound: BoundTest, alpha: float, triples: Ints
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """p-values of a, b and of b, c given the set, without b, that separates a and c.

    triples : (m, 3), a < c. If either is independent, an edge is there that does not belong, and
    b need not be a collider (Colombo et al. 2012, lemma 3.1).
    """
    a, b, c = triples.T
    at = found.row(a, c)
    size = np.where(at >= 0, found.size[at], 0)
    out = np.zeros((2, len(a)))
    for k in np.unique(size).tolist():
        use = np.flatnonzero(size == k)
        given = found.sets[at[use], :k] if k else np.zeros((len(use), 0), dtype=np.int64)
        inside = given == b[use, None]
        for holds in (False, True):
            part = np.flatnonzero(inside.any(axis=1) == holds)
            if len(part):
                rest = given[part][~inside[part]].reshape(len(part), k - holds)
                for side, end in enumerate((a, c)):
                    out[side, use[part]] = bound.pvalues(end[use[part]], b[use[part]], rest)
    return out[0], out[1]


def judge(found: Skeleton, alpha: float, rule: ColliderRule, run: Run) -> Verdicts:
    """Which nodes separate the pairs that share a neighbour, by the rule for colliders.

    Each node is judged by the share of the separating sets that hold it: of all sets of neighbours
    of either end if the rule looks at every one and there are some, else of the one found first.
    """
    d = len(found.status)
    near = found.adjacent.astype(np.float32)
    a, c = np.nonzero(np.triu((near @ near > 0) & ((found.status & 2) > 0), 1))
    m = len(a)
    row = np.full((d, d), -1, dtype=np.int64)
    row[a, c] = row[c, a] = np.arange(m)
    member = np.full((max(m, 1), d), OUTSIDE, dtype=np.uint8)
    at = found.row(a, c)
    for k in range(found.sets.shape[1]):
        use = np.flatnonzero((at >= 0) & (found.size[at] > k))
        member[use, found.sets[at[use], k]] = INSIDE
    if rule.every and m:
        e, b = (np.ascontiguousarray(x) for x in np.nonzero(found.adjacent[a] | found.adjacent[c]))
        first = np.searchsorted(e, np.arange(m + 1)).astype(np.int64)
        pairs, usable = np.stack([a, c], axis=1), np.ones((d, d), dtype=np.uint8)
        total, within = ballots(found, alpha, usable, pairs, first, b, run)
        member[total > 0] = OUTSIDE  # beyond the neighbours no counted set reaches
        voted = total[e] > 0
        e, b = e[voted], b[voted]
        shares, back = np.unique(within[voted] / total[e], return_inverse=True)
        said = {True: OUTSIDE, False: INSIDE, None: UNKNOWN}
        codes = [said[rule.judge(share)] for share in shares.tolist()]
        member[e, b] = np.array(codes, dtype=np.uint8)[back]
    return Verdicts(row, member)


__all__ = ["judge", "possible_dsep", "remove_by_dsep"]
