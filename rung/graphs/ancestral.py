"""Maximal ancestral graphs: what a graph says of some of its nodes, others hidden or selected."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rung.core.errors import InputError
from rung.core.graph import ARROW, CIRCLE, NONE, TAIL, Graph
from rung.core.graph_checks import bidirected_part, cycle, directed_part, undirected_part
from rung.graphs.ancestry import Bool, Names, mask, named, reach


def _fault(graph: Graph) -> str | None:
    """Why a graph is not ancestral (Richardson and Spirtes 2002, definition 3.1), or None."""
    marks, names = graph.marks, graph.names
    odd = np.argwhere((marks == CIRCLE) | (marks == ARROW | TAIL))
    if len(odd):
        i, j = odd[0]
        what = "circle" if marks[i, j] == CIRCLE else "second edge"
        return f"the edge between {names[i]!r} and {names[j]!r} has a {what}"
    directed = directed_part(marks)
    around = cycle(directed)
    if around:
        return "there is the cycle " + " -> ".join(names[i] for i in [*around, around[0]])
    both = bidirected_part(marks)
    for i in np.nonzero(both.any(axis=1))[0].tolist():
        below = reach(directed, np.arange(graph.d) == i) & both[i]
        if below.any():
            return f"{names[i]!r} is an ancestor of {named(graph, below)[0]!r} and joined by <->"
    mixed = undirected_part(marks).any(axis=0) & (marks == ARROW).any(axis=0)
    if mixed.any():
        return f"{named(graph, mixed)[0]!r} has an undirected edge and an arrowhead"
    return None


def is_ancestral(graph: Graph) -> bool:
    """Whether arrowheads say "no ancestor", tails "ancestor", and -- stands above all arrows.

    No circles or bows, no directed cycle, no i <-> j with i an ancestor of j, no -- at a node with
    an arrowhead: Richardson and Spirtes (2002), definition 3.1.
    """
    return _fault(graph) is None


def is_mag(graph: Graph) -> bool:
    """Whether the graph is ancestral and maximal: some set separates any two nodes not joined.

    Richardson and Spirtes (2002), definitions 3.1 and 3.7; by theorem 4.2 maximal means that no
    inducing path joins two nodes without an edge. A DAG is a MAG.
    """
    return is_ancestral(graph) and bool((_joined(graph) == (graph.marks != 0)).all())


def require_mag(graph: Graph) -> None:
    """InputError, saying why, unless the graph is a MAG."""
    fault = _fault(graph)
    if fault is None:
        extra = np.argwhere(_joined(graph) & (graph.marks == 0))
        if not len(extra):
            return
        i, j = extra[0]
        fault = f"no set separates {graph.names[i]!r} and {graph.names[j]!r}, which are not joined"
    raise InputError(f"the graph is not a MAG: {fault}; mag(graph) makes one of a DAG or an ADMG")


def above(marks: NDArray[np.uint8]) -> Bool:
    """(d, d) bool, [i, j] True where i = j or a path of -- and -> leads from i to j."""
    from rung.kernels.ancestral import anterior

    out = np.zeros(marks.shape, dtype=np.uint8)
    anterior(marks, *_lists(marks), out)
    return out.astype(bool)


def _lists(marks: NDArray[np.uint8]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    from rung.kernels.ancestral import lists

    start = np.zeros(len(marks) + 1, dtype=np.int64)
    other = np.zeros(int((marks != 0).sum()), dtype=np.int64)
    lists(marks, start, other)
    return start, other


def _joined(
    graph: Graph, hidden: Bool | None = None, chosen: Bool | None = None, up: Bool | None = None
) -> Bool:
    """(d, d) bool, symmetric: pairs with an inducing path; rows of hidden nodes are False."""
    from rung.kernels.ancestral import inducing

    none = np.zeros(graph.d, dtype=np.uint8)
    latent = none if hidden is None else hidden.astype(np.uint8)
    selected = none if chosen is None else chosen.astype(np.uint8)
    marks = np.ascontiguousarray(graph.marks).copy()
    higher = (above(marks) if up is None else up).astype(np.uint8)
    start, other = _lists(marks)
    out = np.zeros((graph.d, graph.d), dtype=np.uint8)
    for x in np.nonzero((latent | selected) == 0)[0].tolist():
        inducing(x, marks, start, other, higher, latent, selected, out[x])
    pairs: Bool = (out | out.T).astype(bool)
    return pairs


def mag(graph: Graph, latents: Names = (), selections: Names = ()) -> Graph:
    """MAG over the nodes that are neither latent nor selected.

    Two nodes are joined iff no set of the others, with `selections`, separates them; the mark at a
    node is a tail iff it is an ancestor of the other end or of a selected node.

    Parameters
    ----------
    graph : DAG, ADMG (bows too) or ancestral graph, -- read as in a MAG; for a CPDAG give one of
        its DAGs (`consistent_extension`).
    latents : nodes that are not measured.
    selections : nodes whose value decided which units are in the sample.

    Raises
    ------
    InputError
        The graph is of another kind, or a name is both latent and selected.

    Source: Richardson and Spirtes (2002), section 4.2.1, theorem 4.18.
    """
    if not graph.is_admg():
        fault = _fault(graph)
        if fault is not None:
            raise InputError(
                f"a MAG is made from a DAG, an ADMG or an ancestral graph, but {fault}"
            )
    hidden, chosen = mask(graph, latents), mask(graph, selections)
    if (hidden & chosen).any():
        raise InputError(f"{named(graph, hidden & chosen)} are both latent and selected")
    up = above(np.ascontiguousarray(graph.marks).copy())
    pairs = _joined(graph, hidden, chosen, up)
    kept = np.asarray(up[:, chosen].any(axis=1))  # anterior to a selected node
    tail = up | kept[:, None]
    marks = np.where(pairs, np.where(tail.T, TAIL, ARROW), NONE).astype(np.uint8)
    keep = np.nonzero(~hidden & ~chosen)[0]
    return Graph(tuple(graph.names[i] for i in keep.tolist()), marks[np.ix_(keep, keep)])


@dataclass(frozen=True)
class CanonicalDag:
    """A DAG with hidden and selected nodes whose MAG over the rest is the given one."""

    graph: Graph
    latents: tuple[str, ...]
    selections: tuple[str, ...]


def canonical_dag(graph: Graph) -> CanonicalDag:
    """The DAG with a hidden common cause for each <-> and a selected common effect for each --.

    graph : MAG, or ADMG. New nodes are called ``L(a, b)`` and ``S(a, b)``, with strokes added if
    such a name is taken. Source: Richardson and Spirtes (2002), section 6.1.
    """
    if not graph.is_admg():
        require_mag(graph)
    taken = set(graph.names)
    new: dict[str, list[str]] = {"L": [], "S": []}
    edges: list[tuple[str, str, str]] = []
    for a, edge, b in graph.edges():
        if edge not in ("<->", "---"):
            edges.append((a, edge, b))
            continue
        kind = "L" if edge == "<->" else "S"
        name = f"{kind}({a}, {b})"
        while name in taken:
            name += "'"
        taken.add(name)
        new[kind].append(name)
        joint = "-->" if kind == "L" else "<--"
        edges += [(name, joint, a), (name, joint, b)]
    dag = Graph.from_edges(edges, [*graph.names, *new["L"], *new["S"]])
    return CanonicalDag(dag, tuple(new["L"]), tuple(new["S"]))


__all__ = [
    "CanonicalDag",
    "canonical_dag",
    "is_ancestral",
    "is_mag",
    "mag",
]
