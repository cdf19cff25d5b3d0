"""What one graph says to a question that is answered by adjustment, as a Piece of the mixture."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from ..core.data import Data
from ..core.errors import InputError, NotIdentified, unknown
from ..core.graph import Graph
from ..core.query import Assumption
from ..core.weighted import weighted
from .assumptions import assumptions
from .identification import Case, allows_hidden, check_nodes, is_pag_like, oriented
from .mixture import Piece
from .rows import Kept, usable
from .solve import Solved
from .study import Answered, Study


def piece_of(
    study: Study,
    graph: Graph,
    declared: tuple[str, ...] | None,
    make: Callable[[Case, Kept], Piece],
    zero: Callable[[Case], Piece],
) -> Piece:
    """The answer of a graph; of all its readings where undirected edges leave several.

    Raises
    ------
    NotIdentified
        No reading has a set to adjust for.
    """
    if declared is not None:
        cases = [Case(graph, 1.0, _declared(study, declared), note="your adjustment set")]
    else:
        cases = study.cases(graph)
    found: list[Piece] = []
    for case in cases:
        if case.zero:
            found.append(zero(case))
        elif case.adjust is not None:
            found.append(make(case, _kept(study, case)))
    if not found:
        raise _refusal(study, cases)
    return merged(found, len(cases))


def _kept(study: Study, case: Case) -> Kept:
    adjust = case.adjust or ()
    known = all(name in case.graph.names for name in adjust if name not in study.held)
    graph = case.graph if known else None
    return usable(
        study.data, graph, study.treatment, study.outcome, adjust, study.held, study.hidden
    )


def _declared(study: Study, adjust: tuple[str, ...]) -> tuple[str, ...]:
    for name in adjust:
        if name not in study.data.names:
            raise unknown(name, study.data.names)
        if name in (study.treatment, study.outcome):
            raise InputError(f"adjust={adjust}: {name!r} is the treatment or the outcome itself")
    return tuple(name for name in study.data.names if name in {*adjust, *study.held})


def _refusal(study: Study, cases: Sequence[Case]) -> NotIdentified:
    first = next((c.refusal for c in cases if c.refusal is not None), None)
    if first is not None:
        return first
    formula = next((c.formula for c in cases if c.formula is not None), None)
    notes = [c.note for c in cases if c.note]
    reason = "; ".join(dict.fromkeys(notes)) or "no set of columns suffices"
    if formula is not None:
        reason = (
            f"this question is answered by adjustment, and no set of columns suffices; ATE is "
            f"identified by another formula ({formula.rule})"
        )
    return NotIdentified(f"{study.treatment} on {study.outcome}: {reason}")


def merged(found: Sequence[Piece], readings: int) -> Piece:
    """One piece of several readings: a range of answers where they differ."""
    first = found[0]
    if len({(p.value, p.interval) for p in found}) == 1 and len(found) == readings:
        return first
    ends = [p.interval for p in found if p.interval is not None]
    low, high = min(e[0] for e in ends), max(e[1] for e in ends)
    note = f"{len(found)} of {readings} ways to orient the edges at the treatment have an answer"
    values = {p.value for p in found}
    return replace(
        first, value=first.value if len(values) == 1 else float("nan"), interval=(low, high),
        note=note, key=None,
        diagnostics={**first.diagnostics, "readings": [dict(p.diagnostics) for p in found]},
    )  # fmt: skip


@dataclass(frozen=True, eq=False)
class Split:
    """Weighted graphs in which undirected edges at the treatment are oriented in all ways."""

    graphs: tuple[tuple[Graph, float], ...]
    meaning: str
    graph: Graph | None
    hidden_causes: bool


def structure_for(structure: Any, data: Data, query: Any) -> Any:
    """The graphs to answer on.

    With a declared set one suffices, and none is needed. A graph with undirected edges that
    matter is split into its readings, which share its weight evenly (Maathuis, Kalisch and
    Buehlmann 2009).
    """
    graphs, meaning, shown = weighted(structure)
    if query.adjust is not None:
        return shown or (graphs[0][0] if graphs else Graph.empty(data.names))
    hidden = allows_hidden(structure)
    out: list[tuple[Graph, float]] = []
    for graph, weight in graphs:
        found = _oriented(graph, query, hidden)
        out += [(one, weight / len(found)) for one in found]
    if len(out) == len(graphs):
        return structure
    return Split(tuple(out), meaning, shown, hidden)


def _oriented(graph: Graph, query: Any, hidden: bool) -> list[Graph]:
    from ..graphs.adjustment import causal_nodes, why_not

    t, y = query.treatment, query.outcome
    check_nodes(graph, t, y)
    if hidden or is_pag_like(graph) or y not in causal_nodes(graph, t, y):
        return [graph]
    if not any(o.reason == "undecided" for o in why_not(graph, t, y, ())):
        return [graph]
    try:
        return list(oriented(graph, t))
    except NotIdentified:
        return [graph]


def listed(
    study: Study, case: Case, kept: Kept, solved: Solved, standing: str = "your graph"
) -> tuple[Assumption, ...]:
    """The assumptions behind an answer by adjustment."""
    return assumptions(study, Answered(case, solved, kept), (), (), standing)
