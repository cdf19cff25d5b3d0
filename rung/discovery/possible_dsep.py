"""Edges that only possible d-separation sets remove, and what the separating sets hold."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..core.budget import Run
from ..graphs.fci_rules import INSIDE, OUTSIDE, UNKNOWN, Marks, Verdicts, lists
from .colliders import ColliderRule, _votes
from .skeleton import Skeleton, Tester

Bool = NDArray[np.bool_]


def possible_dsep(marks: Marks) -> NDArray[np.uint8]:
    """(d, d) 0/1: [x, v] for v in the possible d-separation set of x."""
    from ..kernels.possible_dsep import possible_dsep as kernel

    out = np.zeros_like(marks)
    kernel(marks, *lists(marks), out)
    return out


def remove_by_dsep(
    found: Skeleton,
    marks: Marks,
    tester: Tester,
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
    from ..kernels.possible_dsep import dsep_level

    d = len(marks)
    sets = possible_dsep(marks)
    adjacent = np.ascontiguousarray(found.adjacent).astype(np.uint8)
    edges = np.argwhere(np.triu(found.adjacent & ~fixed))
    went, k = 0, 1
    while found.complete and len(edges) and (largest is None or k <= largest):
        i, j = edges.T
        room = np.maximum(sets[i].sum(axis=1) - sets[i, j], sets[j].sum(axis=1) - sets[j, i])
        edges = np.ascontiguousarray(edges[room >= k], dtype=np.int64)
        m = len(edges)
        separator, at = np.zeros((m, k), dtype=np.int64), np.zeros(k + 2, dtype=np.int64)
        p, gone = np.zeros(m), np.zeros(m, dtype=np.uint8)
        counted, begin = np.zeros(1, dtype=np.int64), 0
        while begin < m:
            if run.spent:
                found.complete = False
                break
            begin = tester.call(
                dsep_level, k, begin, alpha, tester.chunk, edges, adjacent, sets, at, separator,
                p, gone, counted, k=k,
            )  # fmt: skip
            run.tick(begin / m, f"possible d-separation, {k} of {d}")
        found.tests += int(counted[0])
        i, j = edges.T
        found.p[i, j] = found.p[j, i] = np.maximum(found.p[i, j], p)
        for e in np.nonzero(gone)[0].tolist():
            a, b = int(i[e]), int(j[e])
            found.adjacent[a, b] = found.adjacent[b, a] = False
            found.separators[a, b] = frozenset(separator[e].tolist())
            went += 1
        edges, k = edges[gone == 0], k + 1
    return went


def judge(found: Skeleton, tester: Tester, alpha: float, rule: ColliderRule, run: Run) -> Verdicts:
    """Which nodes separate the pairs that share a neighbour, by the rule for colliders.

    Each node is judged by the share of the separating sets that hold it: of all sets of neighbours
    of either end if the rule looks at every one and there are some, else of the one found first.
    """
    near = found.adjacent.astype(np.int64)
    together = near @ near > 0
    keys = sorted(pair for pair in found.separators if together[pair])
    d = len(near)
    alone = Verdicts.of({pair: found.separators[pair] for pair in keys}, d)
    if not (rule.every and keys):
        return alone
    usable = np.ones((d, d), dtype=np.uint8)
    total, within = _votes(found, tester, alpha, usable, keys, run)
    voted = np.nonzero(total > 0)[0]
    share = within[voted] / total[voted, None]
    member = alone.member.copy()
    values, which = np.unique(share, return_inverse=True)
    said = {True: OUTSIDE, False: INSIDE, None: UNKNOWN}
    codes = np.array([said[rule.judge(float(v))] for v in values], dtype=np.uint8)
    member[voted] = codes[which.reshape(share.shape)]
    return Verdicts(alone.row, member)


__all__ = ["judge", "possible_dsep", "remove_by_dsep"]
