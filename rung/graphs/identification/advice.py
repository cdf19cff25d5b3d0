"""Advice: which further measurements or experiments would identify what is refused.

A hidden cause that is measured leaves the graph without its bidirected edge (given the cause, all
distributions are those of the graph without it). An experiment that sets w adds P(v | do(w)): a
district of the formula is then known if Tian and Pearl's reduction reaches it from the whole graph
or from the graph without w (Lee, Correa and Bareinboim 2019, "General identifiability with
arbitrary surrogate experiments").
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from itertools import combinations

from .admg import Admg, bits
from .words import listed

MOST_TRIES = 400
MOST_SHOWN = 4


@dataclass(frozen=True)
class Remedies:
    """What would identify it.

    Parameters
    ----------
    measure : smallest sets of pairs of names whose hidden common causes would have to be measured
    experiments : names other than the treatments, each of which could be randomised in a second
        study in place of the treatment
    nodes : unmeasured nodes of the graph, each of which would suffice if it were measured
    """

    measure: tuple[tuple[tuple[str, str], ...], ...] = ()
    experiments: tuple[str, ...] = ()
    nodes: tuple[str, ...] = ()

    @property
    def words(self) -> tuple[str, ...]:
        """One sentence a kind of remedy."""
        out = []
        if self.nodes:
            either = " or of ".join(listed([n]) for n in self.nodes[:MOST_SHOWN])
            out.append(f"measurement of {either} would identify it")
        if self.measure:
            sets = [
                " and ".join(f"{listed([a])} and {listed([b])}" for a, b in pairs)
                for pairs in self.measure[:MOST_SHOWN]
            ]
            several = any(len(pairs) > 1 for pairs in self.measure)
            either = ("; or of " if several else " or of ").join(sets)
            causes = "causes" if several else "cause"
            out.append(f"measurement of the hidden common {causes} of {either} would identify it")
        if self.experiments:
            either = " or ".join(listed([n]) for n in self.experiments[:MOST_SHOWN])
            out.append(f"a second study that randomises {either} would identify it")
        return tuple(out)


def identifiable(graph: Admg, y: int, x: int, experiments: Iterable[int] = ()) -> bool:
    """Whether P(y | do(x)) follows from P(v), and P(v | do(w)) for each w of the experiments.

    Each district of the ancestors of y, x removed, must be reached (Tian and Pearl 2002,
    "A general identification condition for causal effects", lemmas 3 and 4).
    """
    needed = graph.ancestors(y, graph.all & ~x)
    sources = [graph.all, *(graph.all & ~w for w in experiments)]
    return all(
        any(source & s == s and _reaches(graph, source, s) for source in sources)
        for s in graph.districts(needed)
    )


def _reaches(graph: Admg, source: int, district: int) -> bool:
    """Whether the factor of a district follows from that of the source."""
    whole = source
    while True:
        around = next(c for c in graph.districts(whole) if c & district)
        if around == district:
            return True
        narrowed = graph.ancestors(district, around)
        if narrowed == around == whole:
            return False
        whole = narrowed


def without(graph: Admg, edges: Iterable[tuple[int, int]]) -> Admg:
    """The graph without some bidirected edges."""
    siblings = list(graph.siblings)
    for a, b in edges:
        siblings[a] &= ~(1 << b)
        siblings[b] &= ~(1 << a)
    return replace(graph, siblings=tuple(siblings))


def remedies(graph: Admg, y: int, x: int, forest: int, settable: int | None = None) -> Remedies:
    """What would identify P(y | do(x)), refused for a hedge on `forest`.

    x, y : after IDC has moved what it can; settable : nodes that an experiment may set (default:
    all but x and y)
    """
    order = sorted(
        ((a, b) for a in range(len(graph.names)) for b in bits(graph.siblings[a]) if a < b),
        key=lambda e: not (forest >> e[0] & 1 and forest >> e[1] & 1),
    )
    tries, found = 0, []
    for size in range(1, len(order) + 1):
        for edges in combinations(order, size):
            tries += 1
            if tries > MOST_TRIES:
                break
            if identifiable(without(graph, edges), y, x):
                found.append(edges)
        if found or tries > MOST_TRIES:
            break
    free = graph.all & ~x & ~y if settable is None else settable
    experiments = [w for w in bits(free) if identifiable(graph, y, x, [1 << w])]
    named = tuple(tuple((graph.names[a], graph.names[b]) for a, b in edges) for edges in found)
    return Remedies(named, tuple(graph.names[w] for w in experiments))
