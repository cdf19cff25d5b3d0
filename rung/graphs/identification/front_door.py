"""Front-door sets: the criterion, the largest and smallest set, all of them.

Pearl (2009), "Causality", definition 3.3.3; Jeong, Tian and Bareinboim (2022), "Finding and listing
front-door adjustment sets"; Wienoebst, van der Zander and Liskiewicz (2024), "Linear-time
algorithms for front-door adjustment in causal graphs", for the largest set.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice

from rung.core.errors import InputError, NotIdentified
from rung.core.graph import CIRCLE, Graph
from rung.core.graph_checks import undirected_part
from rung.graphs.ancestry import Names, require_acyclic

from .admg import bits
from .expression import Probability, Sum, product, summed
from .formula import Formula
from .links import Links, union
from .query import Interventional, several


def is_front_door_set(graph: Graph, x: Names, y: Names, mediators: Names) -> bool:
    """Whether mediators meet the front-door criterion for the effect of x on y.

    They cut every directed path from x to y; no back-door path from x to them is open; x blocks
    every back-door path from them to y.

    graph : DAG or ADMG. Names in two roles raise InputError.
    """
    links, a, b = _ends(graph, x, y)
    m = _known(graph, links, mediators)
    if m & (a | b):
        raise InputError("a mediator is also the treatment or the outcome")
    return _cuts(links, a, b, m) and _largest(links, a, b, m) == m


def front_door_set(
    graph: Graph, x: Names, y: Names, *, allowed: Names | None = None
) -> tuple[str, ...] | None:
    """A front-door set of which no node can be left out; None if there is none.

    allowed : nodes to choose from, all by default. Time O(d (d + edges)) or better.
    """
    links, a, b = _ends(graph, x, y)
    may = _allowed(graph, links, a, b, allowed)
    found = _largest(links, a, b, may)
    if not _cuts(links, a, b, found):
        return None
    return links.named(_smallest(links, a, b, found))


def _smallest(links: Links, x: int, y: int, found: int) -> int:
    """No node can be left out: what fails to go with more nodes around stays with fewer."""
    chunks = [found & ~links.ancestors(y), *_halves(found & links.ancestors(y))]
    while chunks:
        chunk = chunks.pop(0) & found
        if not chunk:
            continue
        less = _largest(links, x, y, found & ~chunk)
        if _cuts(links, x, y, less):
            found = less
        elif chunk.bit_count() > 1:
            chunks = [*_halves(chunk), *chunks]
    return found


def _halves(mask: int) -> tuple[int, int]:
    some = list(bits(mask))
    first = sum(1 << i for i in some[: len(some) // 2])
    return first, mask & ~first


def front_door_sets(
    graph: Graph, x: Names, y: Names, *, allowed: Names | None = None, limit: int | None = None
) -> Iterator[tuple[str, ...]]:
    """All front-door sets within `allowed`, each once, until `limit`; polynomial time for each.

    Jeong et al. (2022), algorithm ListFDSets. The empty set is one where no directed path leads
    from x to y.
    """
    links, a, b = _ends(graph, x, y)
    may = _allowed(graph, links, a, b, allowed)
    return islice((links.named(m) for m in _all_sets(links, a, b, 0, may)), limit)


def _all_sets(links: Links, x: int, y: int, needed: int, may: int) -> Iterator[int]:
    may = _largest(links, x, y, may)
    if needed & ~may or not _cuts(links, x, y, may):
        return
    free = may & ~needed
    if not free:
        yield may
        return
    one = free & -free
    yield from _all_sets(links, x, y, needed | one, may)
    yield from _all_sets(links, x, y, needed, may & ~one)


def _largest(links: Links, x: int, y: int, may: int) -> int:
    """The largest subset whose back-door paths x closes, and that has none from x.

    The union of two such sets is one, so that dropping what is connected ends at the largest.
    """
    found = may & ~links.connected(x, 0, silent=x)
    while found:
        open_to_y = links.connected(y, x, silent=found)
        if not found & open_to_y:
            return found
        found &= ~open_to_y
    return 0


def _cuts(links: Links, x: int, y: int, m: int) -> bool:
    """Whether every directed path from x to y meets m."""
    found = frontier = x
    while frontier:
        frontier = union(frontier, links.children) & ~found & ~m
        found |= frontier
    return not found & y


def _ends(graph: Graph, x: Names, y: Names) -> tuple[Links, int, int]:
    if (graph.marks & CIRCLE).any() or undirected_part(graph.marks).any():
        raise InputError("front-door sets are defined for a DAG or an ADMG; orient the edges first")
    require_acyclic(graph)
    links = Links.of(graph)
    a, b = _known(graph, links, x), _known(graph, links, y)
    if not a or not b or a & b:
        raise InputError("x and y must be names, at least one each, and no name in both")
    return links, a, b


def _known(graph: Graph, links: Links, names: Names) -> int:
    some = several(names)
    graph.indices(some)  # raises for a name that is no node
    return links.mask(some)


def _allowed(graph: Graph, links: Links, x: int, y: int, allowed: Names | None) -> int:
    every = (1 << graph.d) - 1
    may = every if allowed is None else _known(graph, links, allowed)
    return may & ~x & ~y


def front_door(graph: Graph, asked: Interventional, *, mediators: Names | None = None) -> Formula:
    """The front-door formula of P(outcomes | do(treatments)).

    sum over m of P(m | x) sum over x' of P(y | x', m) P(x'): Pearl (2009), theorem 3.3.4.

    Parameters
    ----------
    mediators : a front-door set; the smallest that is found by default

    Raises
    ------
    NotIdentified
        There is no front-door set, or the one given is none.
    """
    if asked.given or not asked.do:
        raise InputError("the front-door formula answers P(y | do(x)) with a treatment, no given")
    if mediators is None:
        found = front_door_set(graph, asked.do, asked.outcomes)
        if found is None:
            raise NotIdentified(f"{asked} has no front-door set")
    else:
        found = several(mediators)
        if not is_front_door_set(graph, asked.do, asked.outcomes, found):
            raise NotIdentified(f"{', '.join(found)} is no front-door set for {asked}")
    if not found:
        return Formula(asked, Probability(asked.outcomes), "no effect")
    inner = Sum(
        asked.do, product([Probability(asked.outcomes, (*asked.do, *found)), Probability(asked.do)])
    )
    whole = summed(found, product([Probability(found, asked.do), inner]))
    return Formula(asked, whole, "front-door", mediators=found)


def by_front_door(graph: Graph, asked: Interventional) -> Formula | None:
    """The front-door formula, or None where it does not apply."""
    if asked.given or not asked.do or not undirected_free(graph):
        return None
    found = front_door_set(graph, asked.do, asked.outcomes)
    return front_door(graph, asked, mediators=found) if found else None


def undirected_free(graph: Graph) -> bool:
    """Whether every edge is -> or <->."""
    return not ((graph.marks & CIRCLE).any() or undirected_part(graph.marks).any())
