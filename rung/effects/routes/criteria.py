"""Graphical criteria of the routes beyond adjustment, each behind one function.

Front-door sets with covariates (Pearl 1995; Fulcher et al. 2020), conditional instruments (Brito
and Pearl 2002; van der Zander, Textor and Liskiewicz 2015), covariates for natural effects
(Pearl 2001; VanderWeele 2015, section 2.3).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import combinations

from ...core.errors import NotIdentified
from ...core.graph import CIRCLE, Graph
from ...core.graph_checks import undirected_part
from ...graphs.adjustment import (
    adjustment_set,
    causal_nodes,
    is_adjustment_set,
    proper_backdoor_graph,
)
from ...graphs.ancestry import ancestors, descendants
from ...graphs.identification import instruments as criterion
from ...graphs.identification.admg import Admg
from ...graphs.identification.mediation import identify_mediation
from ...graphs.identification.nested import NestedFormula
from ...graphs.projection import latent_projection
from ...graphs.separation import m_separated, minimal_separator

MOST_MEDIATORS = 3  # in a front-door set that is not all nodes between


@dataclass(frozen=True)
class FrontDoorSet:
    """Mediators that intercept the effect, and covariates that they are used with."""

    mediators: tuple[str, ...]
    given: tuple[str, ...]


@dataclass(frozen=True)
class Instrument:
    """An instrument with the columns that it is one given.

    `unconfounded` says whether the covariates also close its back-door paths.
    """

    name: str
    given: tuple[str, ...]
    unconfounded: bool


def over_measured(graph: Graph, measured: Iterable[str], hidden: bool, what: str) -> Graph:
    """The ADMG over the measured nodes.

    Raises
    ------
    NotIdentified
        A graph with undirected edges or circles, or a MAG.
    """
    if hidden or (graph.marks & CIRCLE).any() or undirected_part(graph.marks).any():
        raise NotIdentified(
            f"{what} needs a graph in which every edge is -> or <->: this one leaves edges "
            "undecided, or may hide common causes behind arrows",
            advice=("add knowledge that decides the edges", "give the graph yourself"),
        )
    known = set(measured)
    unmeasured = [n for n in graph.names if n not in known]
    return latent_projection(graph, unmeasured) if unmeasured else graph


def _cut(graph: Graph, out_of: Iterable[str]) -> Graph:
    """Without the arrows out of these nodes."""
    inner = Admg.of(graph)
    return inner.graph(inner.all, silent=inner.mask(out_of))


def front_door(graph: Graph, x: str, y: str) -> FrontDoorSet | None:
    """A front-door set on an ADMG, the one with fewest covariates; None if there is none."""
    between = [n for n in causal_nodes(graph, x, y) if n != y]
    before = set(ancestors(graph, [x, y, *between])) - set(descendants(graph, x)) - {y}
    pool = [n for n in graph.names if n in before]
    sets = [tuple(c) for k in range(1, MOST_MEDIATORS + 1) for c in combinations(between, k)]
    sets += [tuple(between)] if len(between) > MOST_MEDIATORS else []
    for mediators in sets:
        if not _front(graph, x, y, mediators, tuple(pool)):
            continue
        kept = list(pool)
        for name in pool:
            fewer = tuple(n for n in kept if n != name)
            if _front(graph, x, y, mediators, fewer):
                kept.remove(name)
        return FrontDoorSet(mediators, tuple(kept))
    return None


def _front(graph: Graph, x: str, y: str, m: tuple[str, ...], c: tuple[str, ...]) -> bool:
    without = graph.subgraph([n for n in graph.names if n not in m])
    if y in descendants(without, x):
        return False
    return m_separated(_cut(graph, [x]), x, m, c) and m_separated(_cut(graph, m), m, y, (x, *c))


def instruments(graph: Graph, x: str, y: str) -> list[Instrument]:
    """Instruments for the effect of x on y on an ADMG: unconfounded ones, few covariates first."""
    if y not in descendants(graph, x):
        return []
    found = [
        Instrument(i.name, i.given, _unconfounded(graph, x, y, i.name, i.given))
        for i in criterion.instruments(graph, x, y)
    ]
    return sorted(found, key=lambda i: (not i.unconfounded, len(i.given)))


def given_instruments(graph: Graph, x: str, y: str, z: tuple[str, ...]) -> tuple[str, ...] | None:
    """Fewest columns given which all of z are instruments; None if there are none."""
    after = set(descendants(graph, x))
    if after & set(z) or y not in after:
        return None
    cut = proper_backdoor_graph(graph, x, y)
    allowed = [n for n in graph.names if n not in after and n not in (y, *z)]
    given = minimal_separator(cut, z, y, allowed=allowed)
    if given is None or any(m_separated(cut, name, x, given) for name in z):
        return None
    return tuple(given)


def _unconfounded(graph: Graph, x: str, y: str, z: str, given: Iterable[str]) -> bool:
    reached = set(causal_nodes(graph, z, (x, y)))
    return x in reached and is_adjustment_set(graph, z, (x, y), tuple(given))


def objection_to_instrument(
    graph: Graph, x: str, y: str, z: Iterable[str], given: tuple[str, ...]
) -> str:
    """Why the graph does not let these be instruments given these covariates; "" if it does."""
    for name in z:
        given_too = tuple(n for n in given if n != name)
        faults = criterion.why_no_instrument(graph, name, x, y, given_too)
        if faults:
            return f"in the graph {faults[0].words}"
    return ""


def natural_formula(
    graph: Graph, x: str, y: str, mediators: tuple[str, ...]
) -> tuple[NestedFormula, tuple[str, ...] | None]:
    """The formula of natural effects on an ADMG, and the covariates if it is by adjustment.

    The covariates are all that are free of the treatment and have to do with mediators or outcome,
    given the rest: more than the least set, for the sake of precision.

    Raises
    ------
    NotIdentified
        A recanting witness, a recanting district, or a hedge stands in the way.
    """
    found = identify_mediation(graph, x, mediators, y)
    if found.rule != "mediation adjustment":
        return found, None
    before = set(ancestors(graph, [x, y, *mediators])) - set(descendants(graph, x))
    kept = [n for n in graph.names if n in before - {y, *mediators}]
    ends = (*mediators, y)
    for name in [n for n in kept if n not in found.adjust]:
        fewer = tuple(n for n in kept if n != name)
        if m_separated(graph, name, ends, (x, *fewer)):
            kept.remove(name)
    return found, tuple(kept)


def controlled_covariates(
    graph: Graph, x: str, y: str, mediators: tuple[str, ...]
) -> tuple[str, ...]:
    """Covariates to adjust for with treatment and mediators set together, on an ADMG.

    Raises
    ------
    NotIdentified
        There are none.
    """
    found = adjustment_set(graph, (x, *mediators), y)
    if found is None:
        bad = _affected(graph, x, y, mediators)
        more = (
            f": {', '.join(bad)} is affected by {x} and confounds {', '.join(mediators)} and {y}; "
            "take it as a mediator too"
            if bad
            else ""
        )
        raise NotIdentified(
            f"no measured columns close the back-door paths of {x} and {', '.join(mediators)} set "
            f"together{more}"
        )
    return tuple(found)


def through(graph: Graph, x: str, y: str, mediators: tuple[str, ...]) -> tuple[bool, bool]:
    """Whether a directed path from x to y avoids the mediators, and whether one passes them."""
    without = graph.subgraph([n for n in graph.names if n not in mediators])
    after = set(descendants(graph, x))
    passes = any(m in after and y in descendants(graph, m) for m in mediators)
    return y in descendants(without, x), passes


def _affected(graph: Graph, x: str, y: str, m: tuple[str, ...]) -> tuple[str, ...]:
    """Descendants of x that cause both a mediator and y."""
    out = []
    for name in descendants(graph, x):
        if name in (x, y, *m):
            continue
        below = set(descendants(graph, name))
        direct = graph.subgraph([n for n in graph.names if n not in m])
        if below & set(m) and y in descendants(direct, name):
            out.append(name)
    return tuple(out)
