"""What the user knows comes first; discovery fills only what is left open."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ..core.budget import Run
from ..core.data import Data
from ..core.discovery import Discovery
from ..core.errors import InputError
from ..core.graph import Graph
from ..core.knowledge import Knowledge
from ..core.protocols import Learner
from ..discovery.auto import Auto
from ..discovery.bootstrap import Bootstrap, WithReplacement
from ..discovery.invariant import learn
from ..graphs.formats import read_graph
from ..graphs.role import ROLES, roles
from .plan import Plan

RANDOMISED, YOURS, LEARNED = "randomised", "your graph", "learned graph"


@dataclass(frozen=True, eq=False)
class Structure:
    """The graph of the analysis and where it comes from.

    Parameters
    ----------
    given : Graph or Discovery
        What is handed to `effect`, `fit` and `design`.
    graph : Graph
        The one graph to show.
    discovery : Discovery or None
        None if the user's graph left nothing open.
    standing : str
        "randomised", "your graph" or "learned graph".
    """

    given: Any
    graph: Graph
    discovery: Discovery | None
    knowledge: Knowledge
    standing: str

    @property
    def weighted(self) -> tuple[tuple[Graph, float], ...]:
        """The graphs with their weights."""
        return self.discovery.graphs if self.discovery else ((self.graph, 1.0),)


def structure(data: Data, plan: Plan, learner: Any, run: Run, seed: int) -> Structure:
    """The user's graph, or a bootstrapped search that obeys what the user knows."""
    known = plan.known(data.names)
    standing = YOURS if plan.graph else LEARNED
    if plan.treatment and plan.treatment in plan.randomised:
        standing = RANDOMISED
    graph = None
    if plan.graph:
        graph = _users_graph(plan, data, known)
        if not _open(graph):
            return Structure(graph, graph, None, known, standing)
        known = known + _fixed(graph)
        data = data.select(graph.names)
    chosen: Learner = learner if learner is not None else Auto()
    if plan.draws:
        kind = WithReplacement(block=block_of(data))
        chosen = Bootstrap(chosen, draws=plan.draws, kind=kind)
    found = learn(data, chosen, knowledge=known, run=run, rng=seed)
    return Structure(found, found.graph, found, known, standing)


def block_of(data: Data) -> int | None:
    """Length of the blocks that rows in order of time are resampled in; None without a time."""
    if data.time is None or data.clustered:
        return None
    if (data.time[1:] < data.time[:-1]).any():
        raise InputError("rows must be in order of time; sort the file by its time column")
    return max(2, round(2 * data.n ** (1 / 3)))


def _users_graph(plan: Plan, data: Data, known: Knowledge) -> Graph:
    graph = read_graph(plan.graph or "")
    for name in graph.names:
        data.index(name)  # an unknown node is answered with the nearest columns
    for asked in (plan.treatment, plan.outcome):
        if asked and asked not in graph.names:
            raise InputError(f"{asked!r} is not in your graph; add it, with the edges that it has")
    broken = known.within(graph.names).violations(graph) if not _open(graph) else []
    if broken:
        raise InputError(f"your graph contradicts what else you said: {broken[0]}")
    return graph


def _open(graph: Graph) -> bool:
    """True if an edge of the graph has no direction yet."""
    return any(mark in ("---", "o-o") for _, mark, _ in graph.edges())


def _fixed(graph: Graph) -> Knowledge:
    """What a partly directed user's graph settles: its arrows, and that nothing else is there."""
    required, forbidden = [], []
    for a in graph.names:
        for b in graph.names:
            if a == b:
                continue
            if b in graph.children(a):
                required.append((a, b))
            elif b not in graph.adjacent(a):
                forbidden.append((a, b))
    return Knowledge(tuple(required), tuple(forbidden))


def role_table(found: Structure, data: Data, plan: Plan, adjusted: tuple[str, ...],
               left_out: tuple[tuple[str, str], ...]) -> list[dict[str, Any]]:  # fmt: skip
    """One row a column: its role, whether and why it is adjusted for, and who says so."""
    source = "learned" if found.discovery else "assumed"
    x, y = plan.treatment, plan.outcome
    part = roles(found.graph, x, y) if x and y else {}
    rows = []
    for name in data.names:
        if name not in found.graph.names:
            row = ("unused", "it is not in your graph", "assumed")
        elif not part:
            row = ("variable", "no effect was asked", source)
        else:
            row = (part[name], ROLES[part[name]], source)
        role, why, who = row
        use = _use(name, role, name in adjusted, plan)
        rows.append({"name": name, "role": role, "adjusted": name in adjusted,
                     "why": f"{why}{use}", "source": who})  # fmt: skip
    rows += [
        {"name": name, "role": "confounder", "adjusted": True, "source": "default",
         "why": "the condition that a row was collected under may shift any column, so rows are "
         "compared within it"}
        for name in adjusted if name not in data.names
    ]  # fmt: skip
    rows += [
        {"name": name, "role": "unused", "adjusted": False, "why": why, "source": "default"}
        for name, why in left_out
    ]
    return rows


def _use(name: str, role: str, adjusted: bool, plan: Plan) -> str:
    if name in (plan.treatment, plan.outcome) or not (plan.treatment and plan.outcome):
        return ""
    if plan.adjust is not None and name in plan.adjust:
        return "; adjusted for because you said so"
    if adjusted:
        return "; adjusted for: it is in the adjustment set that the graph implies"
    if role in ("mediator", "collider", "descendant", "outcome effect", "instrument"):
        return "; not adjusted for: that would bias or blur the effect"
    return "; not needed in the adjustment set" if role != "variable" else ""
