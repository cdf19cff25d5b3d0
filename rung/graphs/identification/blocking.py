"""A small hedge behind a refusal: nodes that it does not need are dropped one by one."""

from __future__ import annotations

from .admg import Admg, bits
from .id import Fails


def stuck(graph: Admg, y: int, x: int, within: int) -> tuple[int, int] | None:
    """Forest and core of a hedge for P(y | do(x)) in the subgraph on `within`; None if identified.

    Each district of the ancestors of y, x removed, is to be reached by taking districts and
    ancestors in turn (Tian and Pearl 2002, lemmas 3 and 4); where that stops early, what is left
    is a district all of whose nodes are ancestors of the one wanted: a hedge. The smallest of
    these is given.
    """
    needed = graph.ancestors(y, within & ~x)
    found = []
    for core in graph.districts(needed):
        whole = within
        while True:
            around = next(c for c in graph.districts(whole) if c & core)
            if around == core:
                break
            narrowed = graph.ancestors(core, around)
            if narrowed == around:
                found.append((around, core))
                break
            whole = narrowed
    return min(found, key=lambda h: (h[0].bit_count(), h), default=None)


def towards(graph: Admg, targets: int, within: int) -> dict[int, int]:
    """The next node on a shortest directed path to the targets, for nodes that have one."""
    step: dict[int, int] = {}
    reached = frontier = targets & within
    while frontier:
        above = 0
        for v in bits(frontier):
            for p in bits(graph.parents[v] & within & ~reached & ~above):
                step[p] = v
                above |= 1 << p
        reached |= above
        frontier = above
    return step


def blocking(graph: Admg, y: int, x: int, z: int, failed: Fails) -> tuple[int, int]:
    """Forest and core of the hedge to report.

    With no z, what is not identified in a subgraph is not in the graph, so that nodes may be
    dropped as long as the question stays refused. With z, the hedge is the one of ID.
    """
    if z:
        return failed.forest, failed.core
    forest, core = failed.forest, failed.core
    within = forest | x | y
    step = towards(graph, y, graph.all & ~x)
    for v in bits(core):  # paths on which the roots reach the outcomes
        while v in step:
            v = step[v]
            within |= 1 << v
    for v in reversed(list(bits(within & ~x & ~y))):
        if stuck(graph, y, x, within & ~(1 << v)) is not None:
            within &= ~(1 << v)
    return stuck(graph, y, x, within) or (forest, core)
