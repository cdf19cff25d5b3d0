"""Who comes before whom: ancestors, descendants, districts, paths."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rung.core.graph import ARROW, CIRCLE, TAIL, Graph
from rung.core.graph_checks import (
    bidirected_part,
    components,
    directed_part,
    undirected_part,
)
from rung.core.graph_text import edge_marks, edge_symbol, quote

Bool = NDArray[np.bool_]
Names = str | Iterable[str]


@dataclass(frozen=True)
class Path:
    """A path: its k nodes and, between them, k - 1 edges such as ``-->`` or ``<->``."""

    names: tuple[str, ...]
    edges: tuple[str, ...]

    def __str__(self) -> str:
        parts = [quote(self.names[0])]
        for edge, name in zip(self.edges, self.names[1:], strict=True):
            parts += [edge_symbol(*edge_marks(edge), long=False), quote(name)]
        return " ".join(parts)

    @property
    def colliders(self) -> tuple[str, ...]:
        """Inner nodes with two arrowheads on the path."""
        return tuple(
            self.names[i + 1]
            for i in range(len(self.edges) - 1)
            if edge_marks(self.edges[i])[1] == 2 and edge_marks(self.edges[i + 1])[0] == 2
        )


def mask(graph: Graph, nodes: Names) -> Bool:
    """(d,) bool, True at the given nodes."""
    out = np.zeros(graph.d, dtype=bool)
    out[graph.indices(nodes)] = True
    return out


def named(graph: Graph, where: Bool) -> tuple[str, ...]:
    """Names, in column order, where a (d,) mask is True."""
    return tuple(graph.names[i] for i in np.nonzero(where)[0].tolist())


def reach(step: Bool, start: Bool) -> Bool:
    """(d,) bool: `start` and all that can be reached by `step[i, j]`, from i to j."""
    found = start.copy()
    frontier = np.nonzero(start)[0]
    while len(frontier):
        new = step[frontier].any(axis=0) & ~found
        found |= new
        frontier = np.nonzero(new)[0]
    return found


def ancestors(graph: Graph, nodes: Names) -> tuple[str, ...]:
    """An(nodes), the nodes themselves included (as in Pearl 2009), in column order.

    Only directed edges count.
    """
    return named(graph, reach(directed_part(graph.marks).T, mask(graph, nodes)))


def descendants(graph: Graph, nodes: Names) -> tuple[str, ...]:
    """De(nodes), the nodes themselves included, in column order."""
    return named(graph, reach(directed_part(graph.marks), mask(graph, nodes)))


def unshielded_reach(graph: Graph, start: Bool, avoid: Bool | None = None) -> Bool:
    """Nodes on unshielded paths of -> and -- from `start`.

    In a graph closed under Meek's rules a possibly directed path has an unshielded one as a
    subsequence (Perkovic, Kalisch and Maathuis 2017, lemma 3.6).
    """
    step = directed_part(graph.marks) | undirected_part(graph.marks)
    if avoid is not None:
        step = step & ~avoid
    apart = graph.marks == 0
    found = start.copy()
    for source in np.nonzero(start)[0].tolist():
        arrived = np.zeros((graph.d, graph.d), dtype=bool)  # [previous, current]
        arrived[source] = step[source]
        stack = [(source, node) for node in np.nonzero(step[source])[0].tolist()]
        while stack:
            before, node = stack.pop()
            found[node] = True
            new = step[node] & apart[before] & ~arrived[node]
            new[before] = False
            arrived[node] |= new
            stack += [(node, after) for after in np.nonzero(new)[0].tolist()]
    return found


def possible_steps(graph: Graph) -> Bool:
    """(d, d) bool, [i, j] True where i - j may be i -> j: no arrowhead at i, no tail at j."""
    out: Bool = ((graph.marks & (ARROW | CIRCLE)) != 0) & ((graph.marks.T & (TAIL | CIRCLE)) != 0)
    return out


def possible_descendants(graph: Graph, nodes: Names) -> tuple[str, ...]:
    """Nodes that are descendants of `nodes` (or one of them) in some graph of the class.

    graph : CPDAG, or such a graph with background knowledge, closed under Meek's rules; a PAG is
        known by its circles (Zhang 2008: any path without an arrowhead backwards will do).
    """
    if (graph.marks & CIRCLE).any():
        return named(graph, reach(possible_steps(graph), mask(graph, nodes)))
    return named(graph, unshielded_reach(graph, mask(graph, nodes)))


def possible_ancestors(graph: Graph, nodes: Names) -> tuple[str, ...]:
    """Nodes that are ancestors of `nodes` (or one of them) in some graph of the class."""
    wanted = mask(graph, nodes)
    if (graph.marks & CIRCLE).any():
        return named(graph, reach(possible_steps(graph).T, wanted))
    return tuple(
        name
        for i, name in enumerate(graph.names)
        if wanted[i] or (unshielded_reach(graph, np.arange(graph.d) == i) & wanted).any()
    )


def districts(graph: Graph) -> list[tuple[str, ...]]:
    """Sets of nodes joined by bidirected edges (c-components), by first column."""
    label = components(bidirected_part(graph.marks))
    return [named(graph, label == k) for k in range(int(label.max(initial=-1)) + 1)]


def topological_order(graph: Graph) -> tuple[str, ...]:
    """Names, parents before children; InputError naming a cycle if there is one."""
    return graph.topological_order()


def directed_paths(graph: Graph, x: str, y: str) -> Iterator[Path]:
    """Directed paths from x to y, depth first in column order; there may be very many."""
    directed = directed_part(graph.marks)
    target = graph.index(y)
    useful = reach(directed.T, mask(graph, y))
    trail = [graph.index(x)]
    branches = [iter(np.nonzero(directed[trail[0]] & useful)[0].tolist())]
    while branches:
        node = next(branches[-1], None)
        if node is None:
            branches.pop()
            trail.pop()
        elif node == target:
            listed = [graph.names[i] for i in [*trail, node]]
            yield Path(tuple(listed), ("-->",) * (len(listed) - 1))
        elif node not in trail:
            trail.append(node)
            branches.append(iter(np.nonzero(directed[node] & useful)[0].tolist()))


def require_acyclic(graph: Graph) -> None:
    """InputError, naming a cycle, unless the directed part is acyclic."""
    graph.topological_order()


__all__ = [
    "Path",
    "ancestors",
    "descendants",
    "directed_paths",
    "districts",
    "possible_ancestors",
    "possible_descendants",
    "topological_order",
]
