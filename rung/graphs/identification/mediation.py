"""Natural direct and indirect effects: when a graph identifies them, and the formula.

Pearl (2001), "Direct and indirect effects", theorems 2 and 4; Shpitser and VanderWeele (2011), "A
complete graphical criterion for the adjustment formula in mediation analysis"; Shpitser (2013),
"Counterfactual graphical models for longitudinal mediation analysis with unobserved confounding",
theorems 2 and 3: identified iff there is no recanting witness or district and every district
factor is.
"""

from __future__ import annotations

from rung.core.errors import NotIdentified, unknown
from rung.core.graph import CIRCLE, Graph
from rung.core.graph_checks import undirected_part
from rung.graphs.separation import m_separated

from .admg import Admg, bits
from .expression import Expression, Probability, product, summed
from .hedge import hedge_of
from .id import Fails, identify_joint
from .nested import Nested, NestedFormula
from .query import Interventional, Names
from .renamed import Renamed
from .simplify import simplify


def identify_mediation(graph: Graph, x: Names, mediators: Names, y: Names) -> NestedFormula:
    """The formula of P(Y(x, M(x*))), from which natural direct and indirect effects follow.

    Parameters
    ----------
    graph : DAG or ADMG
    x, mediators, y : name or names; several mediators are held jointly at what x* makes of them

    Raises
    ------
    NotIdentified
        A recanting witness or district, or a hedge: the message names it.
    UnknownName
        A name that is not a node.
    """
    asked = Nested(y, x, mediators)
    for name in asked.names:
        if name not in graph.names:
            raise unknown(name, graph.names, "node of the graph")
    if (graph.marks & CIRCLE).any() or undirected_part(graph.marks).any():
        raise NotIdentified(
            f"{asked} needs a DAG or an ADMG: edges without direction leave open what mediates; "
            "ask on the members of the class"
        )
    inner = Admg.of(graph)
    found = mediation_adjustment(inner, asked)
    if found is not None:
        return found
    return NestedFormula(asked, _edge_formula(inner, asked))


def _edge_formula(graph: Admg, asked: Nested) -> Expression:
    """sum over the rest of the product of district factors, each at x or at x*."""
    y, x, m = (graph.mask(n) for n in (asked.outcomes, asked.do, asked.mediators))
    direct, through = sides(graph, y, x, m)
    if both := direct & through:
        witness = ", ".join(graph.named(both))
        raise NotIdentified(
            f"{asked} is not identified: {witness} is moved by {', '.join(asked.do)}, and leads "
            f"to the outcome both through the mediators and past them (a recanting witness)"
        )
    free = graph.ancestors(y, graph.all & ~x)
    drawn = graph.graph(graph.all)
    factors = []
    for district in graph.districts(free):
        if district & direct and district & through:
            raise NotIdentified(_recanting(graph, asked, district, direct, through))
        try:
            factor = simplify(identify_joint(graph, district, graph.all & ~district), drawn)
        except Fails as failed:
            rest = graph.all & ~district
            inner = Interventional(graph.named(district), graph.named(rest))
            hedge = hedge_of(graph, inner, failed.forest, failed.core, rest)
            raise NotIdentified(f"{asked} is not identified: {hedge.words}", hedge=hedge) from None
        if district & through:
            pairs = tuple((a, b) for a, b in asked.second.items() if a in factor.free)
            factor = Renamed(factor, pairs) if pairs else factor
        factors.append(factor)
    return summed(graph.named(free & ~y), product(factors))


def sides(graph: Admg, y: int, x: int, m: int) -> tuple[int, int]:
    """Children of x that lead to y past the mediators; and those that lead through one (masks)."""
    free = graph.ancestors(y, graph.all & ~x)
    past = graph.ancestors(y & ~m, free & ~m)
    into = graph.ancestors(m & free, free)
    children = sum(1 << i for i in bits(free) if graph.parents[i] & x)
    return children & past & ~m, children & into


def _recanting(graph: Admg, asked: Nested, district: int, direct: int, through: int) -> str:
    a, b = graph.named(district & direct), graph.named(district & through)
    return (
        f"{asked} is not identified: hidden common causes tie {', '.join(a)} (which "
        f"{', '.join(asked.do)} moves past the mediators) to {', '.join(b)} (which it moves on the "
        f"way through them) in the district {{{', '.join(graph.named(district))}}} (a recanting "
        "district)"
    )


def mediation_adjustment(graph: Admg, asked: Nested) -> NestedFormula | None:
    """sum over w, m of P(y | x, m, w) P(m | x*, w) P(w), where covariates W make it valid.

    No W is a descendant of x; W separates x from mediators and outcomes once the arrows out of x
    are removed, and mediators from outcomes once those out of x and of the mediators are (Pearl
    2001, theorem 4; 2014, assumption set A). W is minimal by inclusion; None if there is no W.
    """
    y, x, m = (graph.mask(n) for n in (asked.outcomes, asked.do, asked.mediators))
    below = _descendants(graph, x)
    first, second = graph.graph(graph.all, silent=x), graph.graph(graph.all, silent=x | m)

    def holds(w: int) -> bool:
        given = graph.named(w)
        return m_separated(first, asked.do, (*asked.mediators, *asked.outcomes), given) and (
            m_separated(second, asked.mediators, asked.outcomes, given)
        )

    w = graph.ancestors(x | m | y, graph.all) & ~below & ~(x | m | y)
    if not holds(w):
        return None
    for i in bits(w):
        if holds(w & ~(1 << i)):
            w &= ~(1 << i)
    names = graph.named(w)
    outer = Probability(asked.outcomes, (*asked.do, *asked.mediators, *names))
    inner = Renamed(Probability(asked.mediators, (*asked.do, *names)), tuple(asked.second.items()))
    weights = [Probability(names)] if names else []
    formula = summed((*names, *asked.mediators), product([outer, inner, *weights]))
    return NestedFormula(asked, formula, "mediation adjustment", adjust=names)


def _descendants(graph: Admg, of: int) -> int:
    found = of
    for i in range(len(graph.names)):  # nodes are in topological order
        if graph.parents[i] & found:
            found |= 1 << i
    return found


def controlled(asked: Nested) -> Interventional:
    """P(y | do(x, m)): what a controlled direct effect compares at a fixed m."""
    return Interventional(asked.outcomes, (*asked.do, *asked.mediators))
