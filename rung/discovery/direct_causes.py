"""The direct causes and effects of one column."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import ClassVar

import numpy as np

from ..core.budget import Budget, Run, start
from ..core.discovery import Discovery
from ..core.errors import InputError, NotSupported, unknown
from ..core.graph import Graph
from ..core.knowledge import Knowledge
from ..core.protocols import CITest
from ..core.source import Source
from .colliders import ColliderRule, Majority, triples
from .environments import target_names
from .independence.fisher_z import FisherZ
from .invariance import arrows_from_targets
from .neighbourhood import Explorer
from .orient import impose, orient


@dataclass(frozen=True)
class LocalCauses:
    """Which columns are direct causes of one target, which its effects, which undecided.

    Starts at the target and goes outwards, column by column, only as far as needed to orient its
    edges; no matrix of all columns is made, so that ten thousand columns can be asked about one.
    The graph is over all columns, with edges only among those looked at; `details` names them
    (`looked_at`) and the `causes`, `effects` and `undecided` neighbours of the target. With a
    perfect test these are its parents, children and undirected neighbours in the CPDAG. Assumes
    no hidden common cause, no selection, no cycle, and faithfulness.

    Parameters
    ----------
    target : str
    test : CITest
    alpha : float
        Level of each test. With very many columns take a smaller one: of 10,000 columns 100 pass
        a first test at 0.01 by chance, and each column that stays costs a further look.
    rule : ColliderRule
    largest : int, optional
        Size of the largest set to test given; no limit by default.
    most : int
        Columns to look at before giving up orienting what is left undirected.

    Source: the outward walk of Yin, Zhou, Wang, He, Zheng and Geng (2008, PCD-by-PCD) and Wang,
    Zhou, Zhao and Geng (2014); neighbours by Buehlmann, Kalisch and Maathuis (2010), algorithm 1,
    kept where they agree from both ends (Tsamardinos, Brown and Aliferis 2006).
    """

    few_rows: ClassVar[bool] = True
    local: ClassVar[bool] = True

    target: str
    test: CITest = field(default_factory=FisherZ)
    alpha: float = 0.01
    rule: ColliderRule = field(default_factory=Majority)
    largest: int | None = None
    most: int = 50

    def __post_init__(self) -> None:
        if not isinstance(self.target, str):
            raise InputError(f"target={self.target!r}: expected the name of one column")
        if not 0 < self.alpha < 1:
            raise InputError(f"alpha={self.alpha}: expected a level between 0 and 1, such as 0.01")
        if self.largest is not None and self.largest < 0:
            raise InputError(f"largest={self.largest}: expected a size of 0 or more, or None")
        if self.most < 1:
            raise InputError(f"most={self.most}: expected 1 column or more")

    def renamed(self, mapping: Mapping[str, str]) -> LocalCauses:
        """The same question where columns have other names."""
        return replace(self, target=mapping.get(self.target, self.target))

    def learn(
        self,
        source: Source,
        *,
        knowledge: Knowledge | None = None,
        budget: Budget | Run | None = None,
        rng: np.random.Generator | int = 0,
    ) -> Discovery:
        """Search; see `Learner`."""
        run, known, names = start(budget), knowledge or Knowledge(), source.names
        began = run.seconds
        if known.ties:
            raise NotSupported("LocalCauses cannot tie edges; leave out `ties`")
        if self.target not in names:
            raise unknown(self.target, names)
        seed = int(np.random.default_rng(rng).integers(2**31))
        explorer = Explorer(source, self.test, self.alpha, known, self.largest, run, seed)
        walk = self._walk(explorer, names.index(self.target))
        graph = _over_all(walk.graph, names)
        notes = [f"edges only among {len(explorer.seen)} columns near {self.target!r}"]
        if walk.left:
            notes.append(
                f"stopped after {self.most} columns (most={self.most}): "
                f"{len(graph.neighbours(self.target))} edges of the target are undecided"
            )
        return Discovery(
            graph,
            knowledge=known,
            learner=self,
            complete=walk.complete,
            seconds=run.seconds - began,
            notes=tuple(notes),
            details=self._details(explorer, walk, graph),
            cites=("yin2008", "wang2014", "buhlmann2010", "tsamardinos2006"),
        )

    def _details(self, explorer: Explorer, walk: _Walk, graph: Graph) -> dict[str, object]:
        return {
            "target": self.target,
            "causes": tuple(sorted(graph.parents(self.target))),
            "effects": tuple(sorted(graph.children(self.target))),
            "undecided": tuple(sorted(graph.neighbours(self.target))),
            "looked_at": tuple(sorted(explorer.names[j] for j in explorer.seen)),
            "tests": explorer.tests,
            "conflicts": walk.conflicts,
        }

    def _walk(self, explorer: Explorer, target: int) -> _Walk:
        """Look outwards until the edges of the target are oriented, or nothing can orient them."""
        pending = [target]
        while True:
            room = self.most - len(explorer.seen)
            for x in pending[: max(room, 0)]:
                if not explorer.run.spent:
                    explorer.look(x)
            walk = self._orient(explorer, target)
            if explorer.run.spent:
                return replace(walk, complete=False)
            pending = _next(explorer, target, walk)
            if not pending or len(explorer.seen) >= self.most:
                return replace(walk, left=bool(pending))

    def _orient(self, explorer: Explorer, target: int) -> _Walk:
        source, known = explorer.source, explorer.knowledge
        names = explorer.names
        where = {name: j for j, name in enumerate(names)} if known.required else {}
        ends = {where[name] for pair in known.required for name in pair}
        columns = sorted({target, *explorer.seen, *ends})
        part = source.select([names[j] for j in columns])
        required, forbidden = explorer.matrices(columns)
        found = explorer.region(columns)
        state = impose(found.adjacent, found.pvalues, required, forbidden, part.names)
        usable = (~forbidden).view(np.uint8)
        judged = triples(found, self.alpha, usable, self.rule, explorer.run)
        arrows = arrows_from_targets(part, state.loose, self.alpha)
        graph = orient(
            state, judged, self.rule, arrows, part.names, target_names(part), required, forbidden
        )
        return _Walk(graph, tuple(state.conflicts))


@dataclass(frozen=True)
class _Walk:
    """The graph over the columns looked at; whether some would still be worth a look."""

    graph: Graph
    conflicts: tuple[str, ...]
    complete: bool = True
    left: bool = False


def _next(explorer: Explorer, target: int, walk: _Walk) -> list[int]:
    """Columns that may orient the target's edges: beside those it is joined to undirectedly.

    What orients an edge within this component (a collider at one of its ends, or an arrow that
    Meek's rules pass on) has a node beside the component; once all of these were looked at, the
    edges left undirected are so in the CPDAG.
    """
    names, graph = explorer.names, walk.graph
    where = {name: j for j, name in enumerate(names)}
    beside = explorer.seen[target].near - explorer.seen.keys()
    if beside:
        return sorted(beside)
    component, stack = {target}, [target]
    while stack:
        for name in graph.neighbours(names[stack.pop()]):
            if where[name] not in component:
                component.add(where[name])
                stack.append(where[name])
    if len(component) == 1:
        return []
    inside = [v for v in component if v in explorer.seen]
    wanted = {j for v in inside for j in explorer.seen[v].near} | component
    return sorted(wanted - explorer.seen.keys())


def _over_all(graph: Graph, names: tuple[str, ...]) -> Graph:
    where = {name: j for j, name in enumerate(names)}
    at = [where[name] for name in graph.names]
    marks = np.zeros((len(names), len(names)), dtype=np.uint8)
    marks[np.ix_(at, at)] = graph.marks
    return Graph(names, marks)
