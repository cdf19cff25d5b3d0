"""PC: separate by tests, then orient."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from ..core.budget import Budget, Run, start
from ..core.discovery import Discovery
from ..core.errors import InputError, KnowledgeConflict
from ..core.graph import Graph
from ..core.knowledge import Knowledge
from ..core.protocols import CITest
from ..core.source import Source
from .colliders import ColliderRule, Majority, Triples, triples
from .environments import target_names
from .independence.fisher_z import FisherZ
from .invariance import arrows_from_targets
from .orient import Oriented, impose, orient
from .skeleton import Skeleton, Tester, skeleton
from .ties import Bool, Groups, groups_of, spread


@dataclass(frozen=True)
class PC:
    """Peter and Clark's algorithm in its order-independent form.

    Assumes no hidden common cause, no selection, no cycle, and faithfulness. The result is a
    CPDAG; with interventional conditions the interventional essential graph as far as the tests
    go; with knowledge, what it adds. It always stands for at least one DAG: where tests
    contradict each other the firmer ones stand and `details["conflicts"]` lists the rest.

    Parameters
    ----------
    test : CITest
    alpha : float
        An edge goes if some test of it has a larger p-value.
    rule : ColliderRule
        `Majority()`, `Conservative()` or `FirstSeparator()`.
    largest : int, optional
        Size of the largest set to test given; no limit by default.
    few_rows : bool
        Accept no more rows than columns: tests that lack rows then leave an edge out.

    Source: Spirtes, Glymour and Scheines (2000); Colombo and Maathuis (2014).
    """

    test: CITest = field(default_factory=FisherZ)
    alpha: float = 0.01
    rule: ColliderRule = field(default_factory=Majority)
    largest: int | None = None
    few_rows: bool = False

    def __post_init__(self) -> None:
        if not 0 < self.alpha < 1:
            raise InputError(f"alpha={self.alpha}: expected a level between 0 and 1, such as 0.01")
        if self.largest is not None and self.largest < 0:
            raise InputError(f"largest={self.largest}: expected a size of 0 or more, or None")

    def learn(
        self,
        source: Source,
        *,
        knowledge: Knowledge | None = None,
        budget: Budget | Run | None = None,
        rng: np.random.Generator | int = 0,
    ) -> Discovery:
        """Search; see `Learner`."""
        run, known = start(budget), knowledge or Knowledge()
        began = run.seconds
        found, graph, state = self.search(source, known, run, rng)
        notes = []
        if found.untested:
            notes.append(f"the budget ended before {found.untested} pairs were tested: left out")
        if state.conflicts:
            notes.append(f"{len(state.conflicts)} orientations contradict firmer ones; left out")
        if state.undecided:
            notes.append(f"{len(state.undecided)} triples could not be judged by {self.rule!r}")
        return Discovery(
            graph,
            knowledge=known,
            learner=self,
            complete=found.complete,
            seconds=run.seconds - began,
            notes=tuple(notes),
            details={
                "tests": found.tests,
                "largest_set": found.largest,
                "conflicts": tuple(state.conflicts),
                "undecided": tuple(state.undecided),
            },
            cites=("spirtes2000", "colombo2014"),
        )

    def search(
        self, source: Source, known: Knowledge, run: Run, rng: np.random.Generator | int
    ) -> tuple[Skeleton, Graph, Oriented]:
        """What the tests left, the graph, and what of the orientation did not fit."""
        names = source.names
        groups = groups_of(known, names)
        required, forbidden = spread(*known.matrices(names), groups)
        tester = Tester.of(self.test.on(source, rng=np.random.default_rng(rng)))
        found = skeleton(
            tester, self.alpha, required, forbidden, largest=self.largest, run=run, groups=groups
        )
        judged = triples(found, self.alpha, (~forbidden).view(np.uint8), self.rule, run)
        return found, *self._orient(source, found, judged, required, forbidden, groups)

    def _orient(
        self,
        source: Source,
        found: Skeleton,
        judged: Triples,
        required: Bool,
        forbidden: Bool,
        groups: Groups,
    ) -> tuple[Graph, Oriented]:
        """The graph; tied edges that cannot be oriented alike are removed."""
        names, targets = source.names, target_names(source)
        while True:
            state = impose(found.adjacent, found.pvalues, required, forbidden, names, groups)
            arrows = arrows_from_targets(source, state.loose, self.alpha)
            try:
                graph = orient(
                    state, judged, self.rule, arrows, names, targets, required, forbidden
                )
            except KnowledgeConflict:
                pairs = [p for tied in groups for p in tied if state.loose[p]]
                if not pairs:
                    raise
                for i, j in pairs:
                    found.adjacent[i, j] = found.adjacent[j, i] = False
            else:
                return graph, state
