"""The part each variable plays in the question of x on y, for the report's role table."""

from __future__ import annotations

from collections.abc import Callable
from itertools import islice

import numpy as np

from rung.core.errors import InputError, NotSupported
from rung.core.graph import CIRCLE, TAIL, Graph
from rung.core.graph_checks import directed_part, undirected_part
from rung.graphs.adjustment import setting
from rung.graphs.ancestry import Bool, reach
from rung.graphs.equivalence import members, sample_members
from rung.graphs.partial_ancestral import mags, random_mags
from rung.graphs.separation import Parts, ball, separators

ROLES = {
    "treatment": "the treatment itself",
    "outcome": "the outcome itself",
    "confounder": "a cause of the treatment and, by a way round the treatment, of the outcome",
    "mediator": "on a causal path from the treatment to the outcome",
    "collider": "an effect of both sides; adjusting for it opens a path",
    "instrument": "a cause of the treatment tied to the outcome only through the treatment",
    "treatment cause": "a cause of the treatment, also tied to the outcome by other variables",
    "outcome cause": "a cause of the outcome only",
    "descendant": "an effect of the treatment or of a mediator, not on a causal path",
    "outcome effect": "an effect of the outcome",
    "unused": "no part in this question",
    "undecided": "the graph leaves its part open",
}


def roles(graph: Graph, treatment: str, outcome: str, *, limit: int = 100) -> dict[str, str]:
    """Role of every node, a key of `ROLES`, in column order.

    graph : DAG or ADMG; or a CPDAG (with or without background knowledge), whose DAGs are listed,
        or drawn uniformly if there are more than `limit`: a node whose role differs among them
        is ``undecided``. Of a PAG its MAGs are looked at, read as ADMGs: all, or some at random.
    """
    if (graph.marks == CIRCLE).any():
        return _agreed(_mags(graph, limit), treatment, outcome)
    if not undirected_part(graph.marks).any():
        return _roles(graph, treatment, outcome)
    return _agreed(_class(graph, limit), treatment, outcome)


def _agreed(graphs: list[Graph], treatment: str, outcome: str) -> dict[str, str]:
    found: dict[str, str] = {}
    for graph in graphs:
        new = _roles(graph, treatment, outcome)
        found = {name: r if found.get(name, r) == r else "undecided" for name, r in new.items()}
    return found


def _mags(graph: Graph, limit: int) -> list[Graph]:
    """MAGs of a PAG without signs of selection; the graph's own sure edges if it is no PAG."""
    try:
        listed = list(mags(graph, limit + 1, selection=False)) or [_sure(graph)]
        if len(listed) <= limit:
            return listed
        ends = int((graph.marks == CIRCLE).sum())
        return random_mags(graph, limit // 2, np.random.default_rng(0), steps=2 * ends)
    except InputError:
        return [_sure(graph)]


def _sure(graph: Graph) -> Graph:
    loose = (graph.marks == CIRCLE) | (graph.marks == TAIL) & (graph.marks.T == TAIL)
    return Graph(graph.names, np.where(loose | loose.T, 0, graph.marks).astype(np.uint8))


def _class(graph: Graph, limit: int) -> list[Graph]:
    listed = list(members(graph, limit + 1))
    if len(listed) <= limit:
        return listed
    try:
        return sample_members(graph, limit, np.random.default_rng(0), tries=1000)
    except NotSupported:
        return listed[:limit]


def _roles(graph: Graph, treatment: str, outcome: str) -> dict[str, str]:
    case = setting(graph, treatment, outcome)
    directed = directed_part(graph.marks)
    cut = directed & ~case.x[:, None]
    before_x, before_y = reach(directed.T, case.x), reach(cut.T, case.y)
    after_x, after_y = reach(directed, case.x), reach(directed, case.y)
    aside = reach(directed & ~case.y[:, None], case.x)  # from x, not through y
    parts = Parts(cut, case.backdoor.bidirected, case.backdoor.undirected)
    tied = ball(parts, case.y, np.zeros_like(case.x))
    opening = _openers(parts, case.x, case.y, ~case.forbidden)
    out = {}
    for i, name in enumerate(graph.names):
        if case.x[i] or case.y[i]:
            role = "treatment" if case.x[i] else "outcome"
        elif case.causal[i]:
            role = "mediator"
        elif after_y[i]:
            role = "collider" if aside[i] else "outcome effect"
        elif after_x[i]:
            role = "descendant"
        elif before_x[i]:
            role = "confounder" if before_y[i] else "treatment cause" if tied[i] else "instrument"
        elif before_y[i]:
            role = "outcome cause"
        else:
            role = "collider" if opening(i) else "unused"
        out[name] = role
    return out


def _openers(parts: Parts, x: Bool, y: Bool, may: Bool) -> Callable[[int], bool]:
    """Whether adding a node to some minimal separator joins x and y again.

    Such a node descends from a collider that, given the separator, is tied to x and to y.
    """
    heads = parts.directed.sum(axis=0) + parts.bidirected.sum(axis=0) > 1
    walls = []
    for wall in islice(separators(parts, x, y, may), 20):
        met = ball(parts, x, wall) & ball(parts, y, wall) & heads
        walls.append((wall, reach(parts.directed, met) & ~wall))

    def opens(node: int) -> bool:
        here = np.arange(len(x)) == node
        return any((ball(parts, x, wall | here) & y).any() for wall, may in walls if may[node])

    return opens


__all__ = ["ROLES", "roles"]
