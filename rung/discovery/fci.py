"""FCI: separate by tests, look again in possible d-separation sets, orient marks."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np

from ..core.budget import Budget, Run, start
from ..core.discovery import Discovery
from ..core.knowledge import Knowledge
from ..core.protocols import CITest
from ..core.source import Source
from .colliders import ColliderRule, Majority
from .independence.fisher_z import FisherZ
from .pag import Task, check_options
from .possible_dsep import Bool, Ints, judge, legs_hold, remove_by_dsep
from .skeleton import Tester, skeleton


@dataclass(frozen=True)
class FCI:
    """Fast causal inference: a PAG, when hidden causes and selection may be at work.

    Assumes no cycle and faithfulness; hidden common causes and selected rows are allowed. In the
    result a tail at a on a - b says that a is a cause of b or of the selection, an arrowhead that
    it is neither, a circle that both occur among the graphs that fit; no edge, that some set
    separates the two.

    Knowledge speaks of causes, direct or through hidden variables. A forbidden a -> b puts an
    arrowhead at a on any edge between the two, a required a -> b is an edge a --> b that no test
    removes, pairs forbidden both ways are never adjacent, and a later tier has arrowheads where
    it meets an earlier one. These marks stand before the rules begin and are never changed. With
    tiers the rules find everything that follows (Andrews, Spirtes and Cooper 2020); with other
    knowledge, perhaps not everything. Ties are refused. Where conditions set variables, tests use
    the rows whose condition sets none, and what changes under the other conditions orients edges.

    Parameters
    ----------
    test : CITest
    alpha : float
        An edge goes if some test of it has a larger p-value.
    rule : ColliderRule
        Who belongs to the separating sets: `Majority()`, `Conservative()` or `FirstSeparator()`.
    largest : int, optional
        Size of the largest set to test given, in both stages; no limit by default. With a limit
        the answer says less, but nothing that is wrong for it (Spirtes 2001).
    selection : bool
        Whether the rules R5 to R7 apply, which find undirected edges. They never do without
        selection, so False only guards against errors of tests.
    few_rows : bool
        Accept no more rows than columns: tests that lack rows then leave an edge out.

    Source: Spirtes, Glymour and Scheines (2000), section 6.7; Zhang (2008) for the rules R0 to
    R10; Colombo and Maathuis (2014), section 4.3, for the order-independent form.
    """

    hidden_causes: ClassVar[bool] = True

    test: CITest = field(default_factory=FisherZ)
    alpha: float = 0.01
    rule: ColliderRule = field(default_factory=Majority)
    largest: int | None = None
    selection: bool = True
    few_rows: bool = False

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
        run = start(budget)
        task = Task.of(self, source, knowledge, run)
        bound = self.test.on(task.rows, rng=np.random.default_rng(rng))
        found = skeleton(
            Tester.of(bound), self.alpha, task.required, task.apart, largest=self.largest, run=run
        )
        verdicts = judge(found, self.alpha, self.rule, run)

        def loose(colliders: Ints) -> Bool:
            first, second = legs_hold(found, bound, self.alpha, colliders)
            return np.maximum(first, second) > self.alpha

        marks = task.start(found.adjacent, verdicts, loose)
        went = remove_by_dsep(found, marks, self.alpha, task.fixed, largest=self.largest, run=run)
        if went:
            verdicts = judge(found, self.alpha, self.rule, run)
        marks = task.start(found.adjacent, verdicts)
        cites = ("spirtes2000", "zhang2008", "colombo2014")
        return task.finish(marks, verdicts, found, cites, removed_by_dsep=went)
