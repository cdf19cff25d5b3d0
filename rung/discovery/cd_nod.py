"""CD-NOD: causes from data whose mechanisms change over environments or time."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..core.budget import Budget, Run, start
from ..core.data import Data
from ..core.discovery import Discovery
from ..core.errors import InputError, KnowledgeConflict, NotSupported
from ..core.graph import Graph
from ..core.knowledge import Knowledge
from ..core.missing import TestWise, complete
from ..core.protocols import CITest
from ..core.source import Source
from ..graphs.orientation import complete as close
from .colliders import ColliderRule, Majority
from .embeddings import Changes, curves, dependence, gaussian
from .independence.kci import KCI
from .independence.rows import Rows
from .orient import Oriented
from .pc import PC
from .skeleton import Skeleton
from .surrogate import Context, context, with_block

Bool = NDArray[np.bool_]
LEAST = 3  # points of the surrogate without which two directions cannot differ
EQUAL = 1e-9  # dependences closer than this say nothing


@dataclass(frozen=True)
class CDNOD:
    """Constraint-based causal discovery from heterogeneous or non-stationary data.

    The environment of each row, or its time where there are no environments, stands for whatever
    changes the mechanisms unseen. Phase 1: PC with this surrogate C as one more variable without
    causes; the mechanisms of its neighbours change. Phase 2: colliders and Meek's rules with
    C -> X; what stays undirected between two changing mechanisms is directed so that P(causes) and
    P(effect | causes) change as independently as they can. Phase 3: how each changing mechanism
    moves, as curves over C.

    Assumes no hidden common cause but functions of C, no cycle, faithfulness; for phase 2 that
    mechanisms change independently of each other; for the tests that rows are independent given C.
    The graph is over the columns of the data: a CPDAG with what C adds. `details` holds
    "changing" (names), "context_p" (the largest p-value of a test of each variable and C),
    "context_graph" (the graph with C), "dependence" (both directions of the edges that phase 2
    turned), "driving_force" (arrays (points, components) by name), "driving_share",
    "driving_points"; `driving_forces(found)` shows and draws them.

    Parameters
    ----------
    test : CITest
        `KCI()` sees changes of any kind; `ConditionalGaussian()` those of linear Gaussian
        mechanisms in environments; `FisherZ()` only changes of means, with C as a block of
        indicators or splines.
    alpha : float
        An edge goes if some test of it has a larger p-value.
    rule : ColliderRule
    largest : int, optional
        Size of the largest set to test given; no limit by default.
    by_time : bool
        Time is the surrogate even where there are environments.
    independent_changes : bool
        Whether edges are directed by independence of changes.
    components : int
        Curves for each changing mechanism; 0 for none.

    Source: Huang, Zhang, Zhang, Ramsey, Sanchez-Romero, Glymour and Schoelkopf (2020), phases
    I to III.
    """

    test: CITest = field(default_factory=KCI)
    alpha: float = 0.01
    rule: ColliderRule = field(default_factory=Majority)
    largest: int | None = None
    by_time: bool = False
    independent_changes: bool = True
    components: int = 3

    def __post_init__(self) -> None:
        PC(self.test, self.alpha, self.rule, self.largest)
        if self.components < 0:
            raise InputError(f"components={self.components}: expected 0 or more curves")

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
        if known.ties:
            raise NotSupported("CDNOD cannot tie edges; leave out `ties`")
        began = run.seconds
        seen = context(_whole(source), self.by_time)
        names = seen.data.names
        told = known + Knowledge.root(seen.name, names)
        test = with_block(self.test, seen.name)
        pc = PC(test, self.alpha, self.rule, self.largest)
        found, graph, state = pc.search(seen.data, told, run, rng)
        changing = list(graph.children(seen.name))
        work = _Work(seen, changing, told, run)
        if self.independent_changes:
            graph = work.directed(graph)
        details = self._details(seen, found, state, graph, work)
        return Discovery(
            graph.subgraph(source.names),
            knowledge=known,
            learner=self,
            complete=found.complete and not work.stopped,
            seconds=run.seconds - began,
            notes=_notes(self.test, test, seen, found, state, work),
            details=details,
            cites=("huang2020", "spirtes2000", "colombo2014"),
        )

    def _details(
        self, seen: Context, found: Skeleton, state: Oriented, graph: Graph, work: _Work
    ) -> dict[str, Any]:
        last = len(seen.data.names) - 1
        at = np.arange(last)
        p = found.pvalues(at, np.full(last, last))
        forces, shares = work.forces(graph, self.components)
        return {
            "changing": tuple(work.changing),
            "context": seen.name,
            "context_p": dict(zip(seen.data.names, p.tolist())),
            "context_graph": graph,
            "dependence": work.dependence,
            "driving_force": forces,
            "driving_share": shares,
            "driving_points": seen.labels,
            "tests": found.tests,
            "largest_set": found.largest,
            "conflicts": tuple(state.conflicts),
            "undecided": tuple(state.undecided),
        }


def _whole(source: Source) -> Source:
    """Rows without missing cells unless tests leave them out one by one; no weights."""
    if not isinstance(source, Data):
        return source
    if source.weights is not None and not (source.weights == 1).all():
        raise NotSupported("CDNOD does not weigh rows; repeat them")
    return source if isinstance(source.missing, TestWise) else complete(source)


class _Work:
    """Phases 2 and 3 on one set of rows."""

    def __init__(self, seen: Context, changing: list[str], known: Knowledge, run: Run) -> None:
        self.seen, self.changing, self.run = seen, changing, run
        self.required, self.forbidden = known.matrices(seen.data.names)
        self.dependence: dict[str, float] = {}
        self.stopped = False
        self._changes: Changes | None = None
        self._kernels: dict[Any, NDArray[np.float64]] = {}

    @property
    def changes(self) -> Changes:
        if self._changes is None:
            self._changes = Changes(Rows.of(self.seen.data, "CDNOD"), self.seen.surrogate)
        return self._changes

    def _kernel(self, effects: frozenset[int], causes: frozenset[int]) -> NDArray[np.float64]:
        if (effects, causes) not in self._kernels:
            M = self.changes.of(sorted(effects), sorted(causes))
            self._kernels[effects, causes] = gaussian(M)
        return self._kernels[effects, causes]

    def directed(self, graph: Graph) -> Graph:
        """Direct edges between changing mechanisms, sink after sink.

        Of the nodes that can be the sink of their undirected edges without a cycle or a new
        collider, the one whose mechanism changes with least dependence on the distribution of its
        causes; then Meek's rules.

        Source: Huang et al. (2020), phase II, independently changing modules.
        """
        if len(self.seen.surrogate.points) < LEAST:
            return graph
        while True:
            ranked = []
            for name in self.changing:
                if self.run.spent:
                    self.stopped = True
                    return graph
                sink = self._as_sink(graph, name)
                if sink is not None:
                    ranked.append((self._score(graph, name), name, sink))
            ranked.sort(key=lambda r: r[0])
            if not ranked or (len(ranked) > 1 and ranked[1][0] - ranked[0][0] < EQUAL):
                return graph
            self._record(graph, ranked[0][1])
            graph = ranked[0][2]
            self.run.tick(0.9, "independent changes")

    def _loose(self, graph: Graph, name: str) -> list[str]:
        return [v for v in graph.neighbours(name) if v in self.changing]

    def _as_sink(self, graph: Graph, name: str) -> Graph | None:
        """The graph with the undirected edges of a node into it, closed; None if none may be."""
        loose = graph.indices(self._loose(graph, name))
        if not loose:
            return None
        wanted = self.required.copy()
        wanted[loose, graph.index(name)] = True
        try:
            return close(graph, required=wanted, forbidden=self.forbidden)
        except KnowledgeConflict:
            return None

    def _score(self, graph: Graph, name: str) -> float:
        causes = {*graph.parents(name), *self._loose(graph, name)} - {self.seen.name}
        return self._dependence(graph, name, causes)

    def _dependence(self, graph: Graph, name: str, causes: set[str]) -> float:
        x, y = frozenset(graph.indices(causes)), frozenset([graph.index(name)])
        return dependence(self._kernel(x, frozenset()), self._kernel(y, x))

    def _record(self, graph: Graph, sink: str) -> None:
        """Dependence of both directions of the edges that are turned, for each pair alone."""
        for other in self._loose(graph, sink):
            for a, b in ((other, sink), (sink, other)):
                self.dependence[f"{a} -> {b}"] = self._dependence(graph, b, {a})

    def forces(
        self, graph: Graph, components: int
    ) -> tuple[dict[str, NDArray[np.float64]], dict[str, tuple[float, ...]]]:
        """Curves (points, components) and their shares, for each changing mechanism."""
        forces: dict[str, NDArray[np.float64]] = {}
        shares: dict[str, tuple[float, ...]] = {}
        for name in self.changing if components else ():
            if self.run.spent:
                self.stopped = True
                break
            parents = [v for v in graph.parents(name) if v != self.seen.name]
            M = self.changes.of([graph.index(name)], graph.indices(parents))
            forces[name], shares[name] = curves(M, components)
        return forces, shares


def _notes(
    given: CITest, used: CITest, seen: Context, found: Skeleton, state: Oriented, work: _Work
) -> tuple[str, ...]:
    notes = [*seen.notes]
    if used is not given:
        notes.append(
            f"{type(given).__name__} with {seen.name!r} as a block of "
            f"{'indicators' if seen.surrogate.categorical else 'splines'}: it sees changes of "
            "means only; KCI sees changes of any kind"
        )
        if seen.data.has_missing:
            notes.append("tests with a block use the rows without any missing cell")
    if found.untested:
        notes.append(f"the budget ended before {found.untested} pairs were tested: left out")
    if state.conflicts:
        notes.append(f"{len(state.conflicts)} orientations contradict firmer ones; left out")
    some = ", ".join(work.changing[:12]) + (" ..." if len(work.changing) > 12 else "")
    if not work.changing:
        notes.append(f"no mechanism was found to change with {seen.name!r}")
    else:
        notes.append(f"{len(work.changing)} mechanisms change with {seen.name!r}: {some}")
    if work.changing and len(seen.surrogate.points) < LEAST:
        notes.append("two environments: independence of changes cannot direct edges")
    return tuple(notes)


__all__ = ["CDNOD"]
