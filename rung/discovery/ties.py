"""Edges that are there together or not at all: lagged copies of one edge."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from ..core.errors import KnowledgeConflict, unknown
from ..core.graph import Graph
from ..core.graph_checks import directed_part
from ..core.knowledge import Knowledge
from ..graphs.orientation import complete

Bool = NDArray[np.bool_]
Groups = tuple[tuple[tuple[int, int], ...], ...]


def groups_of(knowledge: Knowledge, names: Sequence[str]) -> Groups:
    """The ties as column numbers (cause, effect)."""
    where = {name: i for i, name in enumerate(names)}
    for tied in knowledge.ties:
        for name in (end for pair in tied for end in pair):
            if name not in where:
                raise unknown(name, names)
    return tuple(tuple((where[a], where[b]) for a, b in tied) for tied in knowledge.ties)


def spread(required: Bool, forbidden: Bool, groups: Groups) -> tuple[Bool, Bool]:
    """What is required or forbidden of one tied edge holds for all.

    Raises
    ------
    KnowledgeConflict
        A tied edge is required and another one forbidden.
    """
    required, forbidden = required.copy(), forbidden.copy()
    for tied in groups:
        i, j = np.array(tied).T
        if required[i, j].any():
            required[i, j] = True
            forbidden[j, i] = True
        if forbidden[i, j].any():
            forbidden[i, j] = True
    if (required & forbidden).any():
        raise KnowledgeConflict("of two tied edges one is required and the other forbidden")
    return required, forbidden


def thin(adjacent: Bool, groups: Groups) -> bool:
    """Take away tied edges of which one is missing, in place; whether any went.

    A true edge is missing nowhere, in large samples; a false one may stay in one of the copies,
    since the first lags lack their causes.
    """
    went = False
    for tied in groups:
        i, j = np.array(tied).T
        there = adjacent[i, j]
        if there.any() and not there.all():
            adjacent[i, j] = adjacent[j, i] = False
            went = True
    return went


def partners(groups: Groups) -> dict[tuple[int, int], tuple[tuple[int, int], ...]]:
    """The arrows tied to each arrow, itself included."""
    out: dict[tuple[int, int], tuple[tuple[int, int], ...]] = {}
    for tied in groups:
        for pair in tied:
            out[pair] = tuple(dict.fromkeys((*out.get(pair, ()), *tied)))
    return out


def level(graph: Graph, groups: Groups, required: Bool, forbidden: Bool) -> Graph:
    """Orient tied edges alike: an arrow of one is an arrow of all, and what follows.

    Raises
    ------
    KnowledgeConflict
        Arrows of tied edges cannot hold together.
    """
    if not groups:
        return graph
    while True:
        arrows = directed_part(graph.marks)
        wanted = required.copy()
        for tied in groups:
            i, j = np.array(tied).T
            if arrows[i, j].any() and not arrows[i, j].all():
                wanted[i, j] = True
        if not (wanted & ~arrows & (graph.marks != 0)).any():
            return graph
        graph = complete(graph, required=wanted, forbidden=forbidden)


def mixed(dag: Bool, groups: Groups) -> tuple[list[int], list[int]]:
    """Numbers of the groups of which some edges are missing, and of which directions differ."""
    missing, differ = [], []
    for g, tied in enumerate(groups):
        i, j = np.array(tied).T
        joined = dag[i, j] | dag[j, i]
        if joined.any() and not joined.all():
            missing.append(g)
        elif dag[i, j].any() and not dag[i, j].all():
            differ.append(g)
    return missing, differ
