"""From any structure to weighted DAGs: a CPDAG to its members, a Discovery to all its graphs."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..core.discovery import Discovery
from ..core.errors import InputError, NotSupported
from ..core.graph import Graph
from ..graphs.equivalence import members, sample_members

logger = logging.getLogger(__name__)
MEMBERS = 100  # members of an equivalence class that are enumerated; beyond, as many are sampled


@dataclass(frozen=True, eq=False)
class WeightedDags:
    """DAGs over the same names in the same order.

    Parameters
    ----------
    graphs : tuple of (Graph, float)
        Distinct DAGs, weights summing to 1.
    meaning : str
        "single", "bootstrap", "posterior" or "equivalence class".
    sampled : bool
        True if members of a class were sampled, not enumerated.
    """

    graphs: tuple[tuple[Graph, float], ...]
    meaning: str
    sampled: bool


def refuse(graph: Graph) -> None:
    """Raise unless the graph has directed and undirected edges only."""
    arrows = ((graph.marks & 2) != 0) & ((graph.marks.T & 2) != 0)
    if (graph.marks & 4).any():
        kind, why = "a PAG", "circles leave open whether there is a hidden common cause"
    elif arrows.any():
        kind = "an ADMG" if graph.is_admg() else "a MAG"
        why = "<-> stands for a hidden common cause"
    else:
        return
    raise InputError(
        f"rung.fit needs a DAG, a CPDAG, a Discovery or weighted DAGs; this is {kind} ({why}). "
        "rung.effect answers on such graphs: rung.effect(graph, data, rung.ATE(...))"
    )


def dags(structure: Any, rng: np.random.Generator, limit: int = MEMBERS) -> WeightedDags:
    """The weighted DAGs of a Graph, a Discovery or a sequence of (Graph, weight).

    Up to `limit` members of a class are enumerated; of a larger one, as many are drawn uniformly.
    Several graphs share the limit, each at least one member.
    """
    listed, meaning = _listed(structure)
    per = max(1, limit // len(listed))
    names = listed[0][0].names
    found: dict[Graph, float] = {}
    sampled, expanded, failed = False, False, 0
    for graph, weight in listed:
        refuse(graph)
        if set(graph.names) != set(names):
            raise InputError("weighted graphs must have the same variables")
        try:
            inside, drawn = _members(graph.reorder(names), per, rng)
        except InputError:
            if len(listed) == 1:
                raise
            failed += 1
            continue
        sampled, expanded = sampled or drawn, expanded or len(inside) > 1
        for dag in inside:
            found[dag] = found.get(dag, 0.0) + weight / len(inside)
    if not found:
        raise InputError("none of the weighted graphs stands for a DAG; check arrows and cycles")
    if failed:
        logger.warning("%d of %d graphs stand for no DAG and were left out", failed, len(listed))
    if meaning == "single" and expanded:
        meaning = "equivalence class"
    total = sum(found.values())
    return WeightedDags(tuple((g, w / total) for g, w in found.items()), meaning, sampled)


def _listed(structure: Any) -> tuple[list[tuple[Graph, float]], str]:
    if isinstance(structure, Graph):
        return [(structure, 1.0)], "single"
    if isinstance(structure, Discovery):
        return [pair for pair in structure.graphs if pair[1] > 0], structure.meaning
    try:
        pairs: Iterable[Any] = tuple(structure)
        listed = [(graph, float(weight)) for graph, weight in pairs]
    except (TypeError, ValueError):
        listed = []
    if not listed or not all(isinstance(g, Graph) and w >= 0 for g, w in listed):
        raise InputError(
            f"cannot fit {type(structure).__name__}; expected a Graph, a Discovery, a sequence of "
            "(Graph, weight), or a spec with fit(data, *, budget, rng)"
        )
    listed = [pair for pair in listed if pair[1] > 0]
    if not listed:
        raise InputError("every weighted graph has weight 0")
    return listed, "posterior" if len(listed) > 1 else "single"


def _members(graph: Graph, per: int, rng: np.random.Generator) -> tuple[list[Graph], bool]:
    """DAGs of one graph, and whether they are a sample."""
    if graph.is_dag():
        return [graph], False
    if not ((graph.marks == 1) & (graph.marks.T == 1)).any():
        graph.topological_order()  # says which cycle there is
    inside = list(members(graph, per + 1))
    if len(inside) <= per:
        return inside, False
    try:
        return sample_members(graph, per, rng), True
    except NotSupported:
        logger.warning("the class is too constrained to sample uniformly; its first %d used", per)
        return inside[:per], True
