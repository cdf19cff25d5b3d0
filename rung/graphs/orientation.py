"""Meek's rules with background knowledge, and a DAG that extends a partial one."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np
from numpy.typing import ArrayLike, NDArray

from rung.core.errors import InputError, KnowledgeConflict
from rung.core.graph import ARROW, CIRCLE, TAIL, Graph
from rung.core.graph_checks import cycle, directed_part, undirected_part
from rung.graphs.ancestry import Bool

Ints = NDArray[np.int64]


def pdag_parts(graph: Graph) -> tuple[Bool, Bool]:
    """Directed and undirected parts of a partially directed graph; InputError on other edges."""
    marks = graph.marks
    other = (marks & CIRCLE) | (marks & marks.T & ARROW)
    if other.any():
        i, j = np.argwhere(other)[0]
        raise InputError(
            f"the edge between {graph.names[i]!r} and {graph.names[j]!r} has a circle or two "
            "arrows; expected only -> and -- (a DAG, a CPDAG or one with background knowledge)"
        )
    return directed_part(marks), undirected_part(marks)


def pdag_of(names: tuple[str, ...], directed: Bool, undirected: Bool) -> Graph:
    """Graph of directed and undirected parts."""
    marks = directed * np.uint8(ARROW) + (directed.T | undirected) * np.uint8(TAIL)
    return Graph(names, marks.astype(np.uint8))


def neighbours(directed: Bool, undirected: Bool) -> tuple[Ints, Ints]:
    """Neighbours of node v, ascending, in the second array from first[v] to first[v + 1].

    Either part may be (0, 0) if the graph has none.
    """
    d = max(len(directed), len(undirected))
    ahead = np.flatnonzero(directed)
    codes = [ahead, ahead % d * d + ahead // d, np.flatnonzero(undirected)]
    key = np.sort(np.concatenate(codes)) if d else np.empty(0, dtype=np.intp)
    start = np.zeros(d + 1, dtype=np.int64)
    np.cumsum(np.bincount(key // max(d, 1), minlength=d), out=start[1:])
    return start, (key % max(d, 1)).astype(np.int64)


def as_bytes(part: Bool) -> NDArray[np.uint8]:
    """The same memory as 0 and 1, for the kernels; a copy where it is not contiguous."""
    return np.ascontiguousarray(part).view(np.uint8)


def meek(directed: Bool, undirected: Bool, queue: list[tuple[int, int]] | None = None) -> None:
    """Close the parts under Meek's (1995) rules R1 to R4, in place.

    `queue` holds the directed edges to start from (default: all).
    """
    from rung.kernels.orientation import close

    start, near = neighbours(directed, undirected)
    if queue is None:
        ahead = np.flatnonzero(directed)
        begin = np.stack([ahead // max(len(directed), 1), ahead % max(len(directed), 1)], axis=1)
    else:
        begin = np.array(queue, dtype=np.int64).reshape(-1, 2)
    arrows, loose = as_bytes(directed), as_bytes(undirected)
    close(arrows, loose, start, near, np.ascontiguousarray(begin, dtype=np.int64))
    for part, result in ((directed, arrows), (undirected, loose)):
        if not np.shares_memory(part, result):
            part[...] = result.view(np.bool_)


def _matrix(graph: Graph, value: ArrayLike | None, what: str) -> Bool:
    if value is None:
        return np.zeros((graph.d, graph.d), dtype=bool)
    out = np.asarray(value)
    if out.shape != (graph.d, graph.d) or out.dtype.kind not in "bui":
        raise InputError(
            f"{what} must be a boolean ({graph.d}, {graph.d}) matrix, [i, j] for i -> j; "
            f"got {out.dtype} of shape {out.shape}"
        )
    return out.astype(bool)


def complete(
    graph: Graph, *, required: ArrayLike | None = None, forbidden: ArrayLike | None = None
) -> Graph:
    """Orient undirected edges by knowledge and close under Meek's rules.

    Parameters
    ----------
    graph : only -> and --.
    required, forbidden : (d, d) bool, [i, j] about i -> j. Pairs that are not adjacent are left
        alone, since an equivalence class has no say over them.

    Raises
    ------
    KnowledgeConflict
        An arrow of the graph, or one that follows, is ruled out by the knowledge; or the knowledge
        forces a cycle or a v-structure that the graph does not have.

    Source: Meek (1995), sections 2 and 3; complete for tiers and for required and forbidden arrows.
    """
    directed, undirected = (part.copy() for part in pdag_parts(graph))
    meek(directed, undirected)
    need, ban = _matrix(graph, required, "required"), _matrix(graph, forbidden, "forbidden")
    wanted = (need | ban.T) & (graph.marks != 0)
    if not wanted.any():
        return pdag_of(graph.names, directed, undirected)
    clash = wanted & (wanted.T | directed.T)
    if clash.any():
        _refuse(graph, clash)
    before = directed.copy()
    orient = wanted & undirected
    directed |= orient
    undirected &= ~(orient | orient.T)
    meek(directed, undirected)
    if (directed & wanted.T).any():
        _refuse(graph, directed.T & wanted)
    _check_knowledge(graph.names, before, directed, graph.marks == 0)
    return pdag_of(graph.names, directed, undirected)


def _refuse(graph: Graph, clash: Bool) -> None:
    i, j = np.argwhere(clash)[0]
    a, b = graph.names[i], graph.names[j]
    raise KnowledgeConflict(
        f"the knowledge asks for {a!r} -> {b!r}, but {b!r} -> {a!r} follows from the graph and the "
        "rest of the knowledge; drop one of the two statements about this pair"
    )


def _check_knowledge(names: tuple[str, ...], before: Bool, after: Bool, apart: Bool) -> None:
    """KnowledgeConflict if `after` has a cycle or v-structure that `before` has not."""
    around = cycle(after)
    if around and not cycle(before):
        shown = " -> ".join(names[i] for i in [*around, around[0]])
        raise KnowledgeConflict(f"the knowledge forces the cycle {shown}; drop one of these arrows")
    for b in np.nonzero((after & ~before).any(axis=0))[0].tolist():
        old, new = before[:, b], after[:, b]
        pairs = apart & new & new[:, None] & ~(old & old[:, None])
        np.fill_diagonal(pairs, False)
        if pairs.any():
            i, j = np.argwhere(pairs)[0]
            raise KnowledgeConflict(
                f"the knowledge forces {names[i]!r} -> {names[b]!r} <- {names[j]!r}, which the "
                "graph rules out since these two causes are not adjacent; drop one of the arrows"
            )


def tier_matrix(graph: Graph, tiers: Mapping[str, int] | Iterable[Iterable[str]]) -> Bool:
    """(d, d) bool, True where i -> j would go from a later tier to an earlier one.

    tiers : tier of each name, or the names tier by tier; names left out are free.
    """
    if isinstance(tiers, Mapping):
        tier_of = dict(tiers)
    else:
        tier_of = {name: k for k, tier in enumerate(tiers) for name in tier}
    level = np.full(graph.d, np.nan)
    for name, k in tier_of.items():
        level[graph.index(name)] = k
    out: NDArray[np.bool_] = level[:, None] > level[None, :]
    return out


def extend(directed: Bool, undirected: Bool, *, strict: bool = True) -> Bool | None:
    """Directed part of a consistent extension, or None (Dor and Tarsi 1992).

    If not `strict`, a DAG that keeps every arrow and makes as few new v-structures as a greedy
    search can: the sink with the fewest pairs that should be joined goes first.
    """
    from rung.kernels.orientation import sinks

    start, near = neighbours(directed, undirected)
    out = directed.copy()
    arrows, loose = as_bytes(directed), as_bytes(undirected)
    return out if sinks(arrows, loose, start, near, strict, as_bytes(out)) else None


def consistent_extension(graph: Graph) -> Graph:
    """A DAG with the same skeleton and v-structures that keeps every arrow; deterministic.

    Raises
    ------
    InputError
        No such DAG exists, or the graph has edges other than -> and --.
    """
    directed, undirected = pdag_parts(graph)
    found = extend(directed, undirected)
    if found is None:
        raise InputError(
            "the undirected edges cannot be oriented without a new v-structure or a cycle; "
            "the graph stands for no DAG: check its arrows"
        )
    return pdag_of(graph.names, found, np.zeros_like(undirected))


__all__ = ["complete", "consistent_extension", "tier_matrix"]
