"""The backward phase of greedy equivalence search."""

from __future__ import annotations

from collections.abc import Callable
from itertools import combinations

import numpy as np

from ..core.budget import Run
from ..core.protocols import BoundScore
from ..graphs.ancestry import Bool
from ..graphs.equivalence import essential
from ..graphs.orientation import extend

WIDEST = 8  # neighbours of which all subsets are tried
TIE = 1e-9  # what a deletion gains at least


def thinned(dag: Bool, bound: BoundScore, run: Run) -> tuple[Bool, float, bool]:
    """The DAG after the backward phase, how much higher its score is, False if the run was spent.

    The same DAG and 0 where a score that differs within a class would not be higher.
    """
    out, done = backward(dag, bound.local, run)
    gain = 0.0
    for v in np.nonzero((out != dag).any(axis=0))[0].tolist():
        before, after = (np.nonzero(g[:, v])[0].tolist() for g in (dag, out))
        gain += bound.local(v, after) - bound.local(v, before)
    return (out, gain, done) if gain > 0 else (dag, 0.0, done)


def backward(dag: Bool, local: Callable[[int, list[int]], float], run: Run) -> tuple[Bool, bool]:
    """Delete edges from the class of a DAG while that raises the score; False if it was spent.

    From a class that contains the truth it leads to the truth, in large samples and for a
    consistent score (Chickering 2002, lemma 10, and definition 13 for the operator).

    Parameters
    ----------
    dag : (d, d) bool, [i, j] for i -> j
    local : score of a node given its parents
    """
    known: dict[tuple[int, frozenset[int]], float] = {}

    def score(y: int, parents: frozenset[int]) -> float:
        if (y, parents) not in known:
            known[y, parents] = local(y, sorted(parents))
        return known[y, parents]

    directed, loose = essential(dag)
    best = [_best_deletion(y, directed, loose, score) for y in range(len(dag))]
    while True:
        y = max(range(len(best)), key=lambda v: best[v][0], default=-1)
        if y < 0 or best[y][0] <= TIE:
            return dag, True
        if run.spent:
            return dag, False
        _, x, apart = best[y]
        around = directed | directed.T | loose
        changed = around[x] & around[y]  # for them, x and y are not joined any more
        thinner, ends = directed.copy(), loose.copy()
        thinner[x, y] = ends[x, y] = ends[y, x] = False
        for h in apart:
            for end in (x, y):
                if ends[end, h]:
                    thinner[end, h] = True
                    ends[end, h] = ends[h, end] = False
        found = extend(thinner, ends)
        if found is None:
            return dag, True
        dag, before = found, (directed, loose)
        directed, loose = essential(dag)
        changed |= (directed != before[0]).any(axis=0) | (loose != before[1]).any(axis=0)
        for v in np.nonzero(changed)[0].tolist():
            best[v] = _best_deletion(v, directed, loose, score)


Deletion = tuple[float, int, tuple[int, ...]]


def _best_deletion(
    y: int, directed: Bool, loose: Bool, score: Callable[[int, frozenset[int]], float]
) -> Deletion:
    """The gain of the best deletion of an edge x - y, x, and the neighbours to direct away."""
    parents = frozenset(np.nonzero(directed[:, y])[0].tolist())
    around = np.nonzero(loose[y])[0].tolist()
    best: Deletion = (TIE, -1, ())
    for x in sorted([*parents, *around]):
        near = [h for h in around if directed[x, h] or directed[h, x] or loose[x, h]]
        for size in range(len(near) + 1 if len(near) <= WIDEST else 2):
            for apart in combinations(near, size):
                kept = [h for h in near if h not in apart]
                if any(
                    not (directed[a, b] or directed[b, a] or loose[a, b])
                    for a, b in combinations(kept, 2)
                ):
                    continue
                base = (parents | frozenset(kept)) - {x}
                gain = score(y, base) - score(y, base | {x})
                if gain > best[0]:
                    best = gain, x, apart
    return best
