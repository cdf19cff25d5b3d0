"""The independences that a graph implies by its local Markov property."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from rung.core.errors import InputError
from rung.core.graph import CIRCLE, Graph
from rung.core.graph_checks import components
from rung.graphs.ancestry import Bool, require_acyclic
from rung.graphs.separation import Parts, parts_of


@dataclass(frozen=True)
class Independence:
    """`x` is independent of `y` given `given`."""

    x: str
    y: str
    given: tuple[str, ...] = ()

    def __str__(self) -> str:
        return f"{self.x} _||_ {self.y}" + (f" | {', '.join(self.given)}" if self.given else "")


def implied_independences(graph: Graph) -> tuple[Independence, ...]:
    """What the local Markov property says of each ordered pair (x, y), y no descendant of x.

    Given the parents of its district and the district itself, within the ancestors of x and y, x is
    independent of y (Richardson 2003, section 3, the ordered local Markov property at the smallest
    ancestral set). In a DAG: x is independent of every other non-descendant given its parents.

    graph : DAG, CPDAG (one of its DAGs answers), ADMG, MAG without undirected edges, or PAG (one of
        its MAGs answers).

    Raises
    ------
    InputError
        Directed cycles, or undirected edges in a graph that is not a CPDAG.
    """
    ready = readable(graph)
    return tuple(
        Independence(ready.names[i], ready.names[j], tuple(ready.names[k] for k in given))
        for i, j, given in local_statements(parts_of(ready))
    )


def readable(graph: Graph) -> Graph:
    """The graph, or a member of the class that it stands for, without circles or cycles."""
    if (graph.marks & CIRCLE).any():
        from rung.graphs.partial_ancestral import mag_of_pag

        graph = mag_of_pag(graph)
    elif graph.is_cpdag() and not graph.is_dag():
        from rung.graphs.orientation import consistent_extension

        graph = consistent_extension(graph)
    require_acyclic(graph)
    if parts_of(graph).undirected.any():
        raise InputError(
            "the local Markov property is worked out for graphs without undirected edges; "
            "orient them, or give the CPDAG"
        )
    return graph


def local_statements(
    parts: Parts, pair: tuple[int, int] | None = None
) -> list[tuple[int, int, tuple[int, ...]]]:
    """The same in column numbers; of one pair only, if given."""
    d = len(parts.directed)
    above = _ancestors(parts.directed)
    mixed = bool(parts.bidirected.any())
    out = []
    for i in range(d) if pair is None else sorted(pair):
        others = ~above[:, i]
        blanket = parts.directed[:, i]
        if not mixed:
            others = others & ~blanket
        given = tuple(np.flatnonzero(blanket).tolist())
        for j in np.flatnonzero(others).tolist():
            if pair is not None and j not in pair:
                continue
            if mixed:
                blanket = _blanket(parts, i, above[i] | above[j])
                if blanket[j]:
                    continue
                given = tuple(np.flatnonzero(blanket).tolist())
            out.append((i, j, given))
    return out


def _ancestors(directed: Bool) -> Bool:
    """[i, j]: j is i or an ancestor of i."""
    up = (directed.T | np.eye(len(directed), dtype=bool)).astype(np.float32)
    count = -1
    while count != (count := int(np.count_nonzero(up))):
        up = (up @ up > 0).astype(np.float32)
    return up > 0


def _blanket(parts: Parts, i: int, inside: Bool) -> Bool:
    """The district of i within an ancestral set, and its parents, without i."""
    label = components(parts.bidirected & inside & inside[:, None])
    district = (label == label[i]) & inside
    out: Bool = (district | parts.directed[:, district].any(axis=1)) & inside
    out[i] = False
    return out


__all__ = ["Independence", "implied_independences"]
