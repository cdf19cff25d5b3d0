"""Identification in the class of a CPDAG, or of one with more edges oriented.

Perkovic (2020), "Identifying causal effects in maximally oriented partially directed acyclic
graphs", algorithm 1 (PCO) and theorem 3.6: identified iff every proper possibly causal path from
the treatments begins with an arrow.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from rung.core.errors import NotIdentified
from rung.core.graph import Graph
from rung.core.graph_checks import components, directed_part, undirected_part
from rung.graphs.adjustment import setting
from rung.graphs.ancestry import Bool, mask, named, reach
from rung.graphs.equivalence import members
from rung.graphs.orientation import complete
from rung.graphs.separation import m_separated

from .admg import Admg, bits
from .cidp import exchanges
from .expression import Expression, Probability, Quotient, product, summed
from .formula import Formula
from .query import Interventional
from .simplify import simplify

MOST_MEMBERS = 200  # of a class, in which an exchange of setting and seeing is checked


def mpdag(graph: Graph, asked: Interventional) -> Formula:
    """P(outcomes | do(treatments), given) in the class of a CPDAG or MPDAG.

    With `given`, what is set may be seen instead, and the reverse, where rule 2 of do-calculus
    holds in every member (of classes up to 200).

    Raises
    ------
    NotIdentified
        An undirected edge begins a causal path in some members only: the message names it.
    """
    closed = complete(graph)
    try:
        return _quotient(closed, asked, asked.do, asked.given)
    except NotIdentified as error:
        first = error
    for do, given in _exchanged(closed, asked) if asked.given else ():
        try:
            return _quotient(closed, asked, do, given)
        except NotIdentified:
            continue
    raise first


def _quotient(
    graph: Graph, asked: Interventional, do: tuple[str, ...], given: tuple[str, ...]
) -> Formula:
    found = _joint(graph, asked, do, (*asked.outcomes, *given))
    if given:
        found = Quotient(found, summed(asked.outcomes, found))
    return Formula(asked, simplify(found, graph), "g-formula of the class")


def _exchanged(
    graph: Graph, asked: Interventional
) -> Iterator[tuple[tuple[str, ...], tuple[str, ...]]]:
    """(set, seen) that rule 2 makes equal to what is asked in every member."""
    listed = list(members(graph, MOST_MEMBERS + 1))
    if len(listed) > MOST_MEMBERS:
        return
    inner = [Admg.of(member) for member in listed]
    names = graph.names

    def named_of(mask: int) -> tuple[str, ...]:
        return tuple(names[i] for i in bits(mask))

    def apart(move: int, do: int, given: int) -> bool:
        moved, held, seen = named_of(move), named_of(do), named_of(given)
        return all(
            m_separated(
                g.graph(g.all, cut=g.mask(held), silent=g.mask(moved)),
                asked.outcomes, moved, (*held, *seen),
            )
            for g in inner
        )  # fmt: skip

    x, z = (sum(1 << i for i in graph.indices(n)) for n in (asked.do, asked.given))
    label = components(undirected_part(graph.marks))
    groups = [
        sum(1 << int(i) for i in np.nonzero(label == k)[0]) for k in range(int(label.max()) + 1)
    ]
    for do, given in exchanges(x, z, groups, apart):
        yield named_of(do), named_of(given)


def _joint(
    graph: Graph, asked: Interventional, do: tuple[str, ...], wanted: tuple[str, ...]
) -> Expression:
    """P(wanted | do): product over buckets of P(bucket | its parents), the rest summed out."""
    if do and (edge := setting(graph, do, wanted).undecided) is not None:
        through = "" if edge[1] in wanted else f"through {edge[1]} "
        raise NotIdentified(
            f"{asked} is not identified in the class of the graph: {edge[0]} -- {edge[1]} may "
            f"point either way, and {edge[0]} acts on {', '.join(wanted)} {through}only in the "
            "members with an arrow from it"
        )
    directed = directed_part(graph.marks)
    free = ~mask(graph, do)
    above = reach((directed & free & free[:, None]).T, mask(graph, wanted) & free)
    factors = [
        Probability(named(graph, part), named(graph, directed[:, part].any(axis=1) & ~part))
        for part in buckets(graph, above)
    ]
    rest = named(graph, above & ~mask(graph, wanted))
    return summed(rest, product(factors))


def buckets(graph: Graph, within: Bool) -> list[Bool]:
    """Nodes joined by undirected edges, cut down to `within`, causes before effects."""
    label = components(undirected_part(graph.marks))
    directed = directed_part(graph.marks)
    left = [label == k for k in range(int(label.max(initial=-1)) + 1)]
    out: list[Bool] = []
    pending = np.ones(graph.d, dtype=bool)
    while left:
        first = next(p for p in left if not directed[pending & ~p][:, p].any())
        left = [p for p in left if p is not first]
        pending &= ~first
        if (first & within).any():
            out.append(first & within)
    return out
