"""The backward phase of greedy equivalence search."""

from __future__ import annotations

from collections.abc import Callable
from itertools import combinations

import numpy as np

from ..core.budget import Run
from ..graphs.ancestry import Bool
from ..graphs.equivalence import colliders
from ..graphs.orientation import extend, meek

WIDEST = 8  # neighbours of which all subsets are tried


def backward(dag: Bool, local: Callable[[int, list[int]], float], run: Run) -> Bool:
    """Delete edges from the equivalence class of a DAG while that raises the score.

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

    while not run.spent:
        directed = colliders(dag)
        loose = (dag & ~directed) | (dag & ~directed).T
        meek(directed, loose)
        best = _best_deletion(directed, loose, score)
        if best is None:
            break
        x, y, apart = best
        directed[x, y] = loose[x, y] = loose[y, x] = False
        for h in apart:
            for end in (x, y):
                if loose[end, h]:
                    directed[end, h] = True
                    loose[end, h] = loose[h, end] = False
        found = extend(directed, loose)
        if found is None:
            break
        dag = found
    return dag


def _best_deletion(
    directed: Bool, loose: Bool, score: Callable[[int, frozenset[int]], float]
) -> tuple[int, int, tuple[int, ...]] | None:
    """The edge x - y, and the neighbours H to direct away, whose deletion gains most."""
    adjacent = directed | directed.T | loose
    most, best = 1e-9, None
    for y in range(len(directed)):
        parents = frozenset(np.nonzero(directed[:, y])[0].tolist())
        around = np.nonzero(loose[y])[0].tolist()
        for x in sorted([*parents, *around]):
            near = [h for h in around if adjacent[x, h]]
            for size in range(len(near) + 1 if len(near) <= WIDEST else 2):
                for apart in combinations(near, size):
                    kept = [h for h in near if h not in apart]
                    if any(not adjacent[a, b] for a, b in combinations(kept, 2)):
                        continue
                    base = (parents | frozenset(kept)) - {x}
                    gain = score(y, base) - score(y, base | {x})
                    if gain > most:
                        most, best = gain, (x, y, apart)
    return best
