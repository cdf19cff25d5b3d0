"""identify: from a graph and a question to an estimand, or to the hedge that blocks it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from rung.core.errors import InputError, NotIdentified, NotSupported, unknown
from rung.core.graph import CIRCLE, Graph
from rung.core.graph_checks import undirected_part
from rung.core.query import Estimand
from rung.core.weighted import some_graphs

from .admg import Admg
from .advice import Remedies, identifiable, remedies
from .blocking import blocking
from .expression import Probability, product, summed
from .formula import Formula, Mixed
from .hedge import hedge_of
from .id import Fails, identify_conditional, moved
from .query import Interventional, several
from .simplify import simplify
from .words import listed

MOST_LATENT = 50


def identify(
    structure: Graph | Any,
    query: Any,
    *,
    measured: Iterable[str] | None = None,
    hidden_causes: bool | None = None,
) -> Estimand:
    """The formula that answers a question from the observed distribution, if there is one.

    Complete on DAG and ADMG (Shpitser and Pearl 2006a, b): what is refused has no formula, and
    `two_models` shows why. Formulas that combine experiments, populations (transport) or selected
    samples will be given by the same expressions: `Probability.do` names what was set.

    Parameters
    ----------
    structure : Graph (DAG, ADMG, CPDAG, MAG, PAG), Discovery, or pairs (Graph, weight)
    query : Interventional, or a question such as `rung.ATE("x", "y")`
    measured : the nodes of a DAG or ADMG that the data hold; the others are hidden (default: none
        are)
    hidden_causes : whether a graph without circles is a MAG, whose arrows may hide common causes

    Returns
    -------
    Formula for an Interventional; what the question makes of it otherwise (`MeanContrast` for an
    ATE); Mixed for several graphs.

    Raises
    ------
    NotIdentified
        With `.hedge` where hidden common causes block it, and in `.advice` what would help.
    UnknownName
        A name that is not in the graph.
    InputError
        A name of the question that is not measured.
    """
    hidden = bool(getattr(structure, "hidden_causes", False))
    hidden = hidden if hidden_causes is None else hidden_causes
    if not isinstance(structure, Graph):
        kept = None if measured is None else tuple(measured)
        return _mixed(structure, query, kept, hidden)
    if measured is not None:
        return _measured(structure, query, measured, hidden)
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


def _measured(graph: Graph, query: Any, measured: Iterable[str], hidden: bool) -> Estimand:
    """On the latent projection; a refusal says which node would help if it were measured."""
    from rung.graphs.projection import latent_projection

    names = several(measured)
    for name in names:
        if name not in graph.names:
            raise unknown(name, graph.names, "node of the graph")
    latent = [n for n in graph.names if n not in names]
    asked = _roles(query)
    if asked is not None:
        require_names(graph, asked)
    if lost := [n for n in latent if asked is not None and n in asked.names]:
        raise InputError(f"{', '.join(lost)} is not among the measured nodes")
    if isinstance(query, Interventional):
        return on_measured(graph, query, latent, hidden)
    try:
        return identify(latent_projection(graph, latent), query, hidden_causes=hidden)
    except NotIdentified as error:
        raise error if asked is None else _helped(error, graph, asked, latent) from None


def on_measured(
    graph: Graph, asked: Interventional, latent: Sequence[str], hidden: bool = False
) -> Formula:
    """The formula on a DAG or ADMG of which some nodes are not measured.

    Raises
    ------
    NotIdentified
        With advice on which of them would help.
    """
    from rung.graphs.projection import latent_projection

    try:
        return identified(latent_projection(graph, latent), asked, hidden)
    except NotIdentified as error:
        raise _helped(error, graph, asked, latent) from None


def _helped(
    error: NotIdentified, graph: Graph, asked: Interventional, latent: Sequence[str]
) -> NotIdentified:
    """The refusal with the hidden nodes that would help if they were measured."""
    from rung.graphs.projection import latent_projection

    if error.hedge is None:
        return error
    useful = []
    for node in latent[:MOST_LATENT]:
        inner = Admg.of(latent_projection(graph, [n for n in latent if n != node]))
        y, x, z = (inner.mask(some) for some in (asked.outcomes, asked.do, asked.given))
        x, z = moved(inner, y, x, z)
        if identifiable(inner, y | z, x):
            useful.append(node)
    more = Remedies(nodes=tuple(useful)).words
    text = "; ".join([str(error), *more])
    return NotIdentified(text, hedge=error.hedge, advice=(*more, *error.advice))


def _roles(query: Any) -> Interventional | None:
    """The distribution that a question is about."""
    if isinstance(query, Interventional):
        return query
    outcome, treatment = getattr(query, "outcome", None), getattr(query, "treatment", None)
    if not isinstance(outcome, str) or not isinstance(treatment, str):
        return None
    return Interventional(outcome, do=treatment, given=getattr(query, "by", ()))


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
        raise refusal(inner, asked, failed) from None
    return Formula(asked, simplify(found, graph))


def refusal(graph: Admg, asked: Interventional, failed: Fails) -> NotIdentified:
    """The error with the hedge that blocks it and with what would identify it."""
    y, x, z = (graph.mask(names) for names in (asked.outcomes, asked.do, asked.given))
    x, z = moved(graph, y, x, z)
    forest, core = blocking(graph, y, x, z, failed)
    hedge = hedge_of(graph, asked, forest, core, x)
    found = remedies(graph, y | z, x, forest).words
    direct = f"an experiment that sets {listed(asked.do)} answers it directly"
    advice = (*found, direct)
    text = f"{asked} is not identified: {hedge.words}. What would help: {'; '.join(advice)}"
    return NotIdentified(text, hedge=hedge, advice=advice)


def by_adjustment(graph: Graph, asked: Interventional, hidden: bool = False) -> Formula | None:
    """The adjustment formula of the optimal valid set; None if there is none.

    With `given`: sum over w of P(y | x, w, z) P(w | z), where w and z together satisfy the
    back-door criterion, so that no node of them is affected by the treatment.
    """
    from rung.graphs.adjustment import adjustment_set, causal_nodes

    if not asked.do:
        return Formula(asked, Probability(asked.outcomes, asked.given), "observed")
    if asked.given:
        return _within(graph, asked, hidden)
    reached = causal_nodes(graph, asked.do, asked.outcomes, hidden_causes=hidden)
    if not set(asked.outcomes) & set(reached):
        return Formula(asked, Probability(asked.outcomes), "no effect")
    found = adjustment_set(graph, asked.do, asked.outcomes, hidden_causes=hidden)
    if found is None:
        return None
    return Formula(asked, adjusted(asked, found), "back-door", adjust=tuple(found))


def _within(graph: Graph, asked: Interventional, hidden: bool) -> Formula | None:
    from rung.graphs.adjustment import minimal_adjustment_set
    from rung.graphs.ancestry import possible_descendants

    later = set(possible_descendants(graph, asked.do)) - set(asked.do)
    if later & set(asked.given):
        return None
    found = minimal_adjustment_set(
        graph, asked.do, asked.outcomes, include=asked.given, hidden_causes=hidden,
        allowed=[n for n in graph.names if n not in later],
    )  # fmt: skip
    if found is None:
        return None
    extra = tuple(n for n in found if n not in asked.given)
    return Formula(asked, adjusted(asked, extra), "back-door", adjust=extra)


def adjusted(asked: Interventional, adjust: Sequence[str]) -> Any:
    """sum over z of P(y | x, z, given) P(z | given)."""
    z = tuple(adjust)
    inner = Probability(asked.outcomes, (*asked.do, *asked.given, *z))
    return summed(z, product([inner, Probability(z, asked.given)])) if z else inner


def _mixed(structure: Any, query: Any, measured: Any, hidden: bool) -> Mixed:
    pairs, _, _ = some_graphs(structure)
    total = sum(w for _, w in pairs)
    parts: list[tuple[float, Estimand | str]] = []
    for graph, weight in pairs:
        try:
            found = identify(graph, query, measured=measured, hidden_causes=hidden)
            parts.append((weight / total, found))
        except (NotIdentified, NotSupported, InputError) as error:  # such as circles that clash
            parts.append((weight / total, str(error)))
    if all(isinstance(p, str) for _, p in parts):
        raise NotIdentified("no graph identifies it: " + str(parts[0][1]))
    return Mixed(tuple(parts))
