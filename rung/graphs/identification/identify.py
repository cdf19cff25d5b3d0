"""identify: from a graph and a question to an estimand, or to the hedge that blocks it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from rung.core.errors import InputError, NotIdentified, unknown
from rung.core.graph import CIRCLE, Graph
from rung.core.graph_checks import undirected_part
from rung.core.query import Estimand

from .admg import Admg
from .expression import Probability, product, summed
from .formula import Formula, Mixed
from .hedge import hedge_of
from .id import Fails, identify_conditional
from .query import Interventional


def identify(structure: Graph | Any, query: Any, *, hidden_causes: bool | None = None) -> Estimand:
    """The formula that answers a question from the observed distribution, if there is one.

    Parameters
    ----------
    structure : Graph (DAG, ADMG, CPDAG, MAG, PAG), Discovery, or pairs (Graph, weight)
    query : Interventional, or a question such as `rung.ATE("x", "y")`
    hidden_causes : whether a graph without circles is a MAG, whose arrows may hide common causes

    Returns
    -------
    Formula for an Interventional; what the question makes of it otherwise (`MeanContrast` for an
    ATE); Mixed for several graphs.

    Raises
    ------
    NotIdentified
        With `.hedge` where hidden common causes block it.
    UnknownName
        A name that is not in the graph.
    """
    hidden = bool(getattr(structure, "hidden_causes", False))
    hidden = hidden if hidden_causes is None else hidden_causes
    if not isinstance(structure, Graph):
        return _mixed(structure, query, hidden)
    if not isinstance(query, Interventional):
        own = getattr(query, "identified_on", None)
        if own is None:
            raise InputError(
                f"cannot identify {type(query).__name__}: expected Interventional(...) or a query "
                'such as rung.ATE("x", "y")'
            )
        return own(structure, hidden_causes=hidden)
    require_names(structure, query)
    return identified(structure, query, hidden)


def require_names(graph: Graph, asked: Interventional) -> None:
    """UnknownName unless every name asked for is a node."""
    for name in asked.names:
        if name not in graph.names:
            raise unknown(name, graph.names, "node of the graph")


def identified(graph: Graph, asked: Interventional, hidden: bool = False) -> Formula:
    """The formula on one graph: by adjustment or the front door, else by the complete algorithm.

    That is ID for a DAG or ADMG, IDP for a MAG or PAG, the g-formula of the class for a CPDAG.

    Raises
    ------
    NotIdentified
    """
    simple = by_adjustment(graph, asked, hidden)
    if simple is not None:
        return simple
    if hidden or (graph.marks & CIRCLE).any():
        from .idp import idp

        return idp(graph, asked)
    if undirected_part(graph.marks).any():
        from .mpdag import mpdag

        return mpdag(graph, asked)
    from .front_door import by_front_door

    if (through := by_front_door(graph, asked)) is not None:
        return through
    inner = Admg.of(graph)
    y, x, z = (inner.mask(names) for names in (asked.outcomes, asked.do, asked.given))
    try:
        found = identify_conditional(inner, y, x, z)
    except Fails as failed:
        hedge = hedge_of(inner, asked, failed.forest, failed.core)
        raise NotIdentified(f"{asked} is not identified: {hedge.words}", hedge=hedge) from None
    return Formula(asked, found)


def by_adjustment(graph: Graph, asked: Interventional, hidden: bool = False) -> Formula | None:
    """The adjustment formula of the optimal valid set; None if there is none, or with `given`."""
    from rung.graphs.adjustment import adjustment_set, causal_nodes

    if asked.given or not asked.do:
        return None
    reached = causal_nodes(graph, asked.do, asked.outcomes, hidden_causes=hidden)
    if not set(asked.outcomes) & set(reached):
        return Formula(asked, Probability(asked.outcomes), "no effect")
    found = adjustment_set(graph, asked.do, asked.outcomes, hidden_causes=hidden)
    if found is None:
        return None
    return Formula(asked, adjusted(asked, found), "back-door", adjust=tuple(found))


def adjusted(asked: Interventional, adjust: Sequence[str]) -> Any:
    """sum over z of P(y | x, z) P(z)."""
    z = tuple(adjust)
    inner = Probability(asked.outcomes, (*asked.do, *z))
    return summed(z, product([inner, Probability(z)])) if z else inner


def _mixed(structure: Any, query: Any, hidden: bool) -> Mixed:
    pairs = list(getattr(structure, "graphs", structure))
    total = sum(w for _, w in pairs)
    parts: list[tuple[float, Estimand | str]] = []
    for graph, weight in pairs:
        try:
            parts.append((weight / total, identify(graph, query, hidden_causes=hidden)))
        except NotIdentified as error:
            parts.append((weight / total, str(error)))
    if all(isinstance(p, str) for _, p in parts):
        raise NotIdentified("no graph identifies it: " + str(parts[0][1]))
    return Mixed(tuple(parts))
