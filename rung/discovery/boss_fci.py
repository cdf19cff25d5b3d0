"""BOSS-FCI: a score search first, then the tests and rules of FCI."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np

from ..core.budget import Budget, Run, start
from ..core.data import Data
from ..core.discovery import Discovery
from ..core.graph_checks import directed_part
from ..core.graph_checks import order as topological
from ..core.knowledge import Knowledge
from ..core.missing import complete
from ..core.protocols import CITest, Learner
from ..core.source import Source
from ..graphs.orientation import consistent_extension
from .boss import BOSS
from .colliders import FirstSeparator
from .independence.fisher_z import FisherZ
from .pag import Task, check_options
from .possible_dsep import Bool, Ints, judge, legs_hold, remove_by_dsep
from .skeleton import BY_SET, Skeleton, Tester, skeleton


@dataclass(frozen=True)
class BOSSFCI:
    """Score first, then FCI: a PAG, when hidden causes and selection may be at work.

    1. `search` learns a graph as if nothing were hidden. In large samples its DAGs have no
       separation that the truth lacks, so they hold every true adjacency, and more where two
       variables share a hidden cause.
    2. Of its edges, those within a triangle are tested as in PC. Then R0: two nodes that the
       search left apart are separated by the parents of the later one, so their colliders are those
       of the score graph; two nodes that a test took apart, by the set that did.
    3. Edges in possible d-separation sets, R0 again and R1 to R10, as in `FCI`.

    The score sees all variables at once, so fewer true edges are lost than by tests alone. What
    marks mean, knowledge and conditions are as in `FCI`; the search is told tiers and pairs that
    may not be adjacent, the rest of the knowledge enters in step 2.

    Parameters
    ----------
    search : Learner
        Any learner of a DAG or CPDAG, such as `BOSS(...)`.
    test : CITest
    alpha : float
        An edge goes if some test of it has a larger p-value.
    largest : int, optional
        Size of the largest set to test given; no limit by default.
    selection : bool
        Whether the rules R5 to R7 apply, as in `FCI`.

    Source: Ogarrio, Spirtes and Ramsey (2016), algorithm GFCI, with BOSS in place of greedy
    equivalence search as in Raghu et al. (2018), and with possible d-separation, without which an
    edge may stay; separators in place of the search for one in the score graph.
    """

    hidden_causes: ClassVar[bool] = True

    search: Learner = field(default_factory=BOSS)
    test: CITest = field(default_factory=FisherZ)
    alpha: float = 0.01
    largest: int | None = None
    selection: bool = True

    def __post_init__(self) -> None:
        check_options(self.alpha, self.largest)

    def learn(
        self,
        source: Source,
        *,
        knowledge: Knowledge | None = None,
        budget: Budget | Run | None = None,
        rng: np.random.Generator | int = 0,
    ) -> Discovery:
        """Search; see `Learner`."""
        run, rng = start(budget), np.random.default_rng(rng)
        task = Task.of(self, source, knowledge, run)
        first, second = rng.spawn(2)
        rows = task.rows
        if isinstance(rows, Data) and rows.has_missing:  # the test copes with these, scores do not
            rows = complete(rows)
            task.notes.append(f"the score search used the {rows.n} rows without missing cells")
        scored = self.search.learn(
            rows, knowledge=_plain(task.knowledge), budget=run.share(0.7), rng=first
        )
        dag = directed_part(consistent_extension(scored.graph.reorder(source.names)).marks)
        bound = self.test.on(task.rows, rng=second)
        found = _thinned(dag, Tester.of(bound), task, self.alpha, self.largest)
        verdicts = judge(found, self.alpha, FirstSeparator(), run)

        def loose(colliders: Ints) -> Bool:
            legs = legs_hold(found, bound, self.alpha, colliders)
            return np.maximum(*legs) > self.alpha

        marks = task.start(found.adjacent, verdicts, loose)
        went = remove_by_dsep(found, marks, self.alpha, task.fixed, largest=self.largest, run=run)
        if went:
            verdicts = judge(found, self.alpha, FirstSeparator(), run)
        marks = task.start(found.adjacent, verdicts)
        found.complete &= scored.complete
        cites = ("ogarrio2016", "raghu2018", "zhang2008", *scored.cites)
        return task.finish(
            marks, verdicts, found, cites, score_graph=scored.graph, removed_by_dsep=went
        )


def _plain(known: Knowledge) -> Knowledge:
    """What of the knowledge a search for a DAG may be told: no more than it can obey.

    A direction that is forbidden by itself leaves room for a hidden cause, so the score must stay
    free to join the two.
    """
    pairs = set(known.forbidden)
    both = tuple((a, b) for a, b in known.forbidden if (b, a) in pairs)
    return Knowledge(forbidden=both, tiers=known.tiers)


def _thinned(dag: Bool, tester: Tester, task: Task, alpha: float, largest: int | None) -> Skeleton:
    """The skeleton of a DAG after tests within its triangles, with a separator for each pair."""
    joined = (dag | dag.T | task.fixed) & ~task.apart
    near = joined.astype(np.float32)
    triangle = near @ near > 0
    found = skeleton(
        tester, alpha, joined & ~triangle | task.fixed, ~joined, largest=largest, run=task.run
    )
    place = np.empty(len(dag), dtype=np.int64)
    place[topological(dag)] = np.arange(len(dag))
    i, j = np.nonzero(np.triu(~joined & ~task.apart & triangle, 1))
    later = np.where(place[i] > place[j], i, j)
    parents = dag[:, later].T
    size = parents.sum(axis=1)
    sets = np.zeros((len(i), int(size.max(initial=0))), dtype=np.int64)
    row, column = np.nonzero(parents)
    sets[row, np.arange(len(row)) - np.repeat(np.cumsum(size) - size, size)] = column
    return _with_pairs(found, np.stack([i, j], axis=1), sets, size)


def _with_pairs(found: Skeleton, pairs: Ints, sets: Ints, size: Ints) -> Skeleton:
    """A skeleton that knows of more pairs which set separates them."""
    status = found.status.copy()
    i, j = pairs.T
    status[i, j] = status[j, i] = BY_SET
    every = np.concatenate([found.pairs, pairs])
    order = np.lexsort((every[:, 1], every[:, 0]))
    wide = max(found.sets.shape[1], sets.shape[1])
    stacked = [np.pad(s, ((0, 0), (0, wide - s.shape[1]))) for s in (found.sets, sets)]
    return Skeleton(
        status,
        found.adjacent,
        found.tester,
        every[order].astype(np.int64),
        np.concatenate([found.size, size])[order].astype(np.int64),
        np.concatenate(stacked)[order].astype(np.int64),
        np.concatenate([found.top, np.zeros(len(pairs))])[order],
        found.untested,
        found.tests,
        found.largest,
        found.complete,
        found.marginal,
    )


__all__ = ["BOSSFCI"]
