"""d- and m-separation in linear time, open paths, minimal separators."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from rung.core.errors import InputError
from rung.core.graph import CIRCLE, Graph
from rung.core.graph_checks import (
    bidirected_part,
    components,
    directed_part,
    undirected_part,
)
from rung.graphs.ancestry import Bool, Names, Path, mask, named, reach


@dataclass(frozen=True, eq=False)
class Parts:
    """The three relations of a graph, each (d, d) bool: i -> j, i <-> j, i -- j."""

    directed: Bool
    bidirected: Bool
    undirected: Bool


def parts_of(graph: Graph) -> Parts:
    """Relations in which separation is read off; a CPDAG is replaced by one of its DAGs.

    Raises
    ------
    InputError
        There are circles (a PAG stands for many graphs), or an undirected edge at a node with an
        arrowhead in a graph that is not a CPDAG or one with background knowledge.
    """
    marks = graph.marks
    if (marks & CIRCLE).any():
        i, j = np.argwhere(marks & CIRCLE)[0]
        raise InputError(
            f"the edge between {graph.names[i]!r} and {graph.names[j]!r} has a circle; "
            "separation is defined for DAG, CPDAG, ADMG and MAG: orient the circles first"
        )
    directed, bidirected = directed_part(marks), bidirected_part(marks)
    undirected = undirected_part(marks)
    both = undirected.any(axis=0) & (directed | bidirected).any(axis=0)
    if both.any():
        if bidirected.any():
            node = graph.names[int(np.nonzero(both)[0][0])]
            raise InputError(
                f"{node!r} has an undirected edge and an arrowhead in a graph with <->; "
                "an ancestral graph has no such node, so orient the edge first"
            )
        from rung.graphs.orientation import consistent_extension

        dag = consistent_extension(graph)
        directed, undirected = directed_part(dag.marks), np.zeros_like(undirected)
    return Parts(directed, bidirected, undirected)


def ball(parts: Parts, start: Bool, given: Bool) -> Bool:
    """(d,) bool: nodes with an open path from `start` given `given` (Shachter 1998).

    States are a node and whether it was entered by an arrowhead, so a node is expanded at most
    twice. A collider is open iff it is an ancestor of `given`, another node iff outside `given`.
    """
    directed, bidirected, undirected = parts.directed, parts.bidirected, parts.undirected
    mixed, plain = bool(bidirected.any()), bool(undirected.any())
    opened = reach(directed.T, given)
    by_head, by_tail = np.zeros_like(start), np.zeros_like(start)
    tails = heads = start  # nodes that may be left by a tail; by a head
    left_tail, left_head = np.zeros_like(start), np.zeros_like(start)
    while tails.any() or heads.any():
        left_tail, left_head = left_tail | tails, left_head | heads
        at_tail, at_head = np.nonzero(tails)[0], np.nonzero(heads)[0]
        new_head = directed[at_tail].any(axis=0)
        new_tail = directed[:, at_head].any(axis=1)
        if mixed:
            new_head |= bidirected[at_head].any(axis=0)
        if plain:
            new_tail |= undirected[at_tail].any(axis=0)
        by_head, by_tail = by_head | new_head, by_tail | new_tail
        tails = (new_head | new_tail) & ~given & ~left_tail
        heads = ((new_head & opened) | (new_tail & ~given)) & ~left_head
    found: Bool = by_head | by_tail | start
    return found


def _query(graph: Graph, x: Names, y: Names, given: Names) -> tuple[Bool, Bool, Bool]:
    sets = (mask(graph, x), mask(graph, y), mask(graph, given))
    for a, b, what in ((0, 1, "x and y"), (0, 2, "x and given"), (1, 2, "y and given")):
        common = sets[a] & sets[b]
        if common.any():
            raise InputError(f"{what} share {named(graph, common)}; the three sets must be apart")
    return sets


def m_separated(graph: Graph, x: Names, y: Names, given: Names = ()) -> bool:
    """Whether every path between x and y is blocked by `given` (Richardson and Spirtes 2002).

    graph : DAG, CPDAG (any of its DAGs answers), ADMG with or without bows, MAG with undirected
        edges; directed cycles are read by the same path definition.
    x, y, given : a name or several; no name in two of them.

    Raises
    ------
    InputError
        The sets overlap or the graph has circles.
    UnknownName
        A name is not in the graph.
    """
    start, stop, known = _query(graph, x, y, given)
    return not (ball(parts_of(graph), start, known) & stop).any()


def d_separated(graph: Graph, x: Names, y: Names, given: Names = ()) -> bool:
    """d-separation (Pearl 1988); the same as `m_separated`, which extends it to mixed graphs."""
    return m_separated(graph, x, y, given)


def connected(graph: Graph, x: Names, given: Names = ()) -> tuple[str, ...]:
    """Nodes outside x and given with an open path to x, in column order."""
    start, _, known = _query(graph, x, (), given)
    return named(graph, ball(parts_of(graph), start, known) & ~start & ~known)


def connecting_path(graph: Graph, x: Names, y: Names, given: Names = ()) -> Path | None:
    """A shortest open path from x to y given `given`, or None if they are separated."""
    start, stop, known = _query(graph, x, y, given)
    return open_path(graph.names, parts_of(graph), start, stop, known)


_MOVES = (  # relation, transposed, head at the near end, head at the far end
    ("directed", False, False, True, "-->"),
    ("directed", True, True, False, "<--"),
    ("bidirected", False, True, True, "<->"),
    ("undirected", False, False, False, "---"),
)


def open_path(
    names: tuple[str, ...], parts: Parts, start: Bool, stop: Bool, given: Bool
) -> Path | None:
    """Breadth-first twin of `ball` that keeps the way; a shortest open walk is a path."""
    opened = reach(parts.directed.T, given)
    came: dict[tuple[int, bool], tuple[tuple[int, bool] | None, str]] = {}
    queue: list[tuple[int, bool]] = []
    for node in np.nonzero(start)[0].tolist():
        came[node, False] = (None, "")
        queue.append((node, False))
    for state in queue:
        node, head = state
        if stop[node]:
            return _trace(names, came, state)
        first = came[state][0] is None
        for relation, turned, near, far, edge in _MOVES:
            collider = head and near
            if not first and not (opened[node] if collider else not given[node]):
                continue
            matrix = getattr(parts, relation)
            row = matrix[:, node] if turned else matrix[node]
            for after in np.nonzero(row & ~start)[0].tolist():
                if (after, far) not in came:
                    came[after, far] = (state, edge)
                    queue.append((after, far))
    return None


def _trace(
    names: tuple[str, ...],
    came: dict[tuple[int, bool], tuple[tuple[int, bool] | None, str]],
    state: tuple[int, bool],
) -> Path:
    nodes, edges = [names[state[0]]], []
    before, edge = came[state]
    while before is not None:
        nodes.append(names[before[0]])
        edges.append(edge)
        before, edge = came[before]
    return Path(tuple(nodes[::-1]), tuple(edges[::-1]))


def augmented(parts: Parts) -> Bool:
    """(d, d) bool, symmetric: pairs that are adjacent or joined by a path of colliders only.

    For a DAG the moral graph; in general Richardson (2003), section 2.2.
    """
    d = len(parts.directed)
    out: Bool = parts.directed | parts.directed.T | parts.undirected
    label = components(parts.bidirected)
    for k in range(int(label.max(initial=-1)) + 1):
        district = label == k
        family = district | parts.directed[:, district].any(axis=1)
        out = out | (family[:, None] & family[None, :])
    out[np.arange(d), np.arange(d)] = False
    return out


def moral(graph: Graph) -> Graph:
    """Moral graph of a DAG, or augmented graph of an ADMG or MAG; all edges undirected."""
    return Graph(graph.names, augmented(parts_of(graph)).astype(np.uint8))


def minimal_separator(
    graph: Graph,
    x: Names,
    y: Names,
    *,
    include: Names = (),
    allowed: Names | None = None,
) -> tuple[str, ...] | None:
    """A separator of x and y within `allowed` that holds `include` and has no superfluous node.

    Returns None if there is none. Van der Zander and Liskiewicz (2020), the minimal separator
    nearest to x among those nearest to y.
    """
    start, stop, needed = _query(graph, x, y, include)
    may = np.ones(graph.d, dtype=bool) if allowed is None else mask(graph, allowed) | needed
    found = separator(parts_of(graph), start, stop, needed, may)
    return None if found is None else named(graph, found)


def _boundary(joined: Bool, start: Bool, wall: Bool) -> Bool:
    inside = reach(joined & ~wall[:, None], start)
    return inside & wall


def separator(parts: Parts, start: Bool, stop: Bool, needed: Bool, may: Bool) -> Bool | None:
    """Mask version of `minimal_separator`."""
    field = reach(parts.directed.T | parts.undirected, start | stop | needed)
    small = Parts(
        *(m & field & field[:, None] for m in (parts.directed, parts.bidirected, parts.undirected))
    )
    joined = augmented(small) & ~needed & ~needed[:, None]
    wall = may & field & ~start & ~stop & ~needed
    if (reach(joined & ~wall[:, None], start) & stop).any():
        return None
    wall = _boundary(joined, start, wall)
    wall = _boundary(joined, stop, wall)
    out: Bool = wall | needed
    return out


def separators(parts: Parts, start: Bool, stop: Bool, may: Bool) -> Iterator[Bool]:
    """All minimal separators within `may`, nearest to `start` first (Kloks and Kratsch 1998)."""
    field = reach(parts.directed.T | parts.undirected, start | stop)
    small = Parts(
        *(m & field & field[:, None] for m in (parts.directed, parts.bidirected, parts.undirected))
    )
    joined = augmented(small)
    usable = may & field & ~start & ~stop
    for node in np.nonzero(field & ~usable & ~start & ~stop)[0].tolist():
        # a node that may not be used is removed and its neighbours joined
        around = joined[node].copy()
        joined |= around[:, None] & around
        joined[node] = joined[:, node] = False
    np.fill_diagonal(joined, False)
    if joined[start][:, stop].any():
        return
    first = _boundary(joined, stop, _boundary(joined, start, usable))
    seen = {first.tobytes()}
    queue = [first]
    for wall in queue:
        yield wall
        side = reach(joined & ~wall, start)
        for node in np.nonzero(wall & ~joined[stop].any(axis=0))[0].tolist():
            grown = side.copy()
            grown[node] = True
            ring = joined[grown].any(axis=0) & ~grown
            new = _boundary(joined, stop, ring)
            if new.tobytes() not in seen:
                seen.add(new.tobytes())
                queue.append(new)


__all__ = [
    "connected",
    "connecting_path",
    "d_separated",
    "m_separated",
    "minimal_separator",
    "moral",
]
