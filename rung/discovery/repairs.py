"""Edges that would make failing independences go away, and edges that rows do not ask for."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..core.budget import Run
from ..core.errors import InputError
from ..core.graph import ARROW, TAIL, Graph
from ..graphs.ancestry import require_acyclic
from ..graphs.implied import local_statements
from ..graphs.separation import parts_of
from ..inference.multiplicity import holm
from .permuted import Asked, Statement


@dataclass(frozen=True)
class Repair:
    """An edge to add or to leave out.

    Parameters
    ----------
    edge : str
        "a -> b" or "a <-> b".
    before, after : int
        Independences that fail (Holm) without and with the change.
    p : float
        Leaving out: p-value of the independence that this adds. Adding: the smallest one that is
        left.
    """

    edge: str
    before: int
    after: int
    p: float

    def __str__(self) -> str:
        if self.after < self.before:
            return f"{self.edge}: {self.before} failing independences become {self.after}"
        return f"{self.edge} (p {self.p:.2g} without it)"


def repairs(graph: Graph, asked: Asked, alpha: float, most: int, run: Run) -> tuple[Repair, ...]:
    """Single edges that leave fewer failing independences, the fewest first.

    Tried are the pairs of the `most` smallest p-values that fail: both directions that make no
    cycle, and "<->" in a graph that has such edges.
    """
    statements = local_statements(parts_of(graph))
    fails = _failing(statements, asked, alpha)
    if not fails:
        return ()
    worst = sorted(fails, key=fails.__getitem__)[:most]
    pairs = list(dict.fromkeys((min(i, j), max(i, j)) for i, j, _ in worst))
    mixed = bool(parts_of(graph).bidirected.any())
    before, out = len(fails), []
    for i, j in pairs:
        for a, b, both in ((i, j, False), (j, i, False), (i, j, True)):
            if run.spent or (both and not mixed):
                continue
            wider = with_edge(graph, a, b, both)
            if wider is None:
                continue
            left = _failing(local_statements(parts_of(wider)), asked, alpha)
            if len(left) < before:
                text = f"{graph.names[a]} {'<->' if both else '->'} {graph.names[b]}"
                out.append(Repair(text, before, len(left), min(left.values(), default=1.0)))
    return tuple(sorted(out, key=lambda r: (r.after, -r.p, r.edge)))


def unneeded(graph: Graph, asked: Asked, alpha: float) -> tuple[Repair, ...]:
    """Edges without which the graph is not contradicted by their own pair, largest p first.

    The causal minimality of each edge: that its ends depend given the rest of the local Markov
    property (in a DAG, given the other parents).
    """
    out = []
    for i in range(graph.d):
        for j in np.flatnonzero(graph.marks[:, i] | graph.marks[i]).tolist():
            if i > j:
                continue
            marks = graph.marks.copy()
            marks[i, j] = marks[j, i] = 0
            less = Graph(graph.names, marks)
            own = local_statements(parts_of(less), (i, j))
            if not own:
                continue
            p = float(asked.pvalues(own).min())
            if p > alpha:
                out.append(Repair(_text(graph, i, j), 0, 0, p))
    return tuple(sorted(out, key=lambda r: (-r.p, r.edge)))


def with_edge(graph: Graph, i: int, j: int, both: bool = False) -> Graph | None:
    """The graph with i -> j (or i <-> j) more; None if they are joined or it closes a cycle."""
    if graph.marks[i, j] or graph.marks[j, i]:
        return None
    marks = graph.marks.copy()
    marks[i, j], marks[j, i] = ARROW, ARROW if both else TAIL
    wider = Graph(graph.names, marks)
    try:
        require_acyclic(wider)
    except InputError:
        return None
    return wider


def _failing(
    statements: list[Statement], asked: Asked, alpha: float
) -> dict[tuple[int, int, tuple[int, ...]], float]:
    """p-values of the different tests that fail after Holm's correction."""
    keys = list(dict.fromkeys((min(i, j), max(i, j), g) for i, j, g in statements))
    p: NDArray[np.float64] = asked.pvalues(keys)
    adjusted = holm(p) if len(p) else p
    return {key: float(p[m]) for m, key in enumerate(keys) if adjusted[m] <= alpha}


def _text(graph: Graph, i: int, j: int) -> str:
    a, b = graph.names[i], graph.names[j]
    if graph.marks[i, j] & ARROW and graph.marks[j, i] & ARROW:
        return f"{a} <-> {b}"
    return f"{a} -> {b}" if graph.marks[i, j] & ARROW else f"{b} -> {a}"
