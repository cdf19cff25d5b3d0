"""Adjustment where edges may hide common causes: the generalised criterion on MAGs and PAGs.

Perkovic, Textor, Kalisch and Maathuis (2018), "Complete graphical characterization and
construction of adjustment sets in Markov equivalence classes of ancestral graphs".
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from rung.core.errors import InputError, NotSupported
from rung.core.graph import ARROW, CIRCLE, TAIL, Graph
from rung.core.graph_checks import bidirected_part, directed_part
from rung.core.graph_text import edge_symbol
from rung.graphs.ancestry import (
    Bool,
    Names,
    mask,
    named,
    possible_ancestors,
    possible_steps,
    reach,
    require_acyclic,
)

if TYPE_CHECKING:
    from rung.graphs.adjustment import Setting


def visible(graph: Graph) -> Bool:
    """(d, d) bool, [i, j] True where i -> j holds and no hidden cause of both can stand behind it.

    So it is if some node apart from j has an arrowhead at i, or is joined to i by a path into i of
    colliders that are all parents of j: Zhang (2008), "Causal reasoning with ancestral graphs",
    definition 8. graph : MAG or PAG.
    """
    directed, both = directed_part(graph.marks), bidirected_part(graph.marks)
    head = graph.marks == ARROW
    out = np.zeros_like(directed)
    for j in np.nonzero(directed.any(axis=0))[0].tolist():
        apart = graph.marks[j] == 0
        apart[j] = False
        good = directed[:, j] & head[apart].any(axis=0)
        out[:, j] = reach(both & directed[:, j], good) & directed[:, j]
    return out


def visible_edges(graph: Graph) -> list[tuple[str, str]]:
    """Pairs (a, b) of a MAG or PAG: a -> b without a hidden common cause of the two.

    Source: Zhang (2008), "Causal reasoning with ancestral graphs", definition 8.
    """
    return [(graph.names[i], graph.names[j]) for i, j in np.argwhere(visible(graph)).tolist()]


def _require_no_selection(graph: Graph) -> None:
    tails = (graph.marks == TAIL) & ((graph.marks.T & (TAIL | CIRCLE)) != 0)
    if tails.any():
        i, j = np.argwhere(tails)[0]
        edge = edge_symbol(int(graph.marks[j, i]), int(graph.marks[i, j]), long=False)
        raise NotSupported(
            f"the edge {graph.names[i]} {edge} {graph.names[j]} of a MAG or PAG says that rows were"
            " selected by an effect of theirs; adjustment is not defined under such selection"
        )


def _representative(graph: Graph) -> Graph:
    """A MAG of the class in which separations are read."""
    from rung.graphs.partial_ancestral import settled

    if not (graph.marks & CIRCLE).any():
        return graph
    found = settled(graph)
    if found is None or not found.is_acyclic():
        raise InputError(
            "the circles cannot be oriented without a cycle or a new collider, so the graph is not "
            "a PAG; a search on few rows may give such a graph: use more rows or a smaller alpha"
        )
    return found


def hidden_setting(graph: Graph, x: Names, y: Names) -> Setting:
    """What the criterion needs to know of a MAG or PAG: amenability, forbidden nodes, separation.

    Blocking is read in one MAG of the class, whose first edges of proper causal paths are removed:
    for a set without forbidden nodes it is the same in each (Perkovic et al. 2018, section 4.3).
    """
    from rung.graphs.adjustment import Setting
    from rung.graphs.separation import Parts, parts_of

    if (graph.marks == ARROW | TAIL).any():
        raise InputError(
            "the graph has a bow, X -> Y with X <-> Y, which no MAG or PAG has; mag(graph) makes a "
            "MAG of it"
        )
    require_acyclic(graph)
    _require_no_selection(graph)
    start, stop = mask(graph, x), mask(graph, y)
    if not start.any() or not stop.any() or (start & stop).any():
        raise InputError("x and y must be names, at least one each, and no name in both")
    step = possible_steps(graph)
    proper = step & ~start
    before = reach((proper & ~start[:, None]).T, stop)
    first = proper & start[:, None] & before
    causal = reach(proper, start) & before & ~start
    loose = np.argwhere(first & ~visible(graph))
    undecided = tuple((graph.names[i], graph.names[j]) for i, j in loose.tolist())
    read = _representative(graph)
    parts = parts_of(read)
    if not undecided:
        parts = Parts(parts.directed & ~first, parts.bidirected, parts.undirected)
    return Setting(
        graph, start, stop, causal, reach(step, causal) | start,
        undecided[0] if undecided else None, parts, read, undecided,
    )  # fmt: skip


def is_amenable(graph: Graph, x: Names, y: Names, *, hidden_causes: bool = False) -> bool:
    """Whether every proper possibly causal path from x to y starts with an arrow that is sure.

    On a MAG (`hidden_causes`) or PAG the arrow must also be visible. Only then can an adjustment
    set exist; also where no such path exists. Perkovic et al. (2018), definition 4.2.
    """
    from rung.graphs.adjustment import setting

    return setting(graph, x, y, hidden_causes).undecided is None


def canonical_adjustment_set(
    graph: Graph, x: Names, y: Names, *, hidden_causes: bool = False
) -> tuple[str, ...] | None:
    """Possible ancestors of x or y that are not forbidden: a valid set iff any set is, else None.

    graph : DAG, CPDAG, ADMG; PAG, or with `hidden_causes` a MAG. Source: Perkovic et al. (2018),
    definition 4.6 and theorem 4.7; for an ADMG van der Zander et al. (2019).
    """
    from rung.graphs.adjustment import is_adjustment_set, setting

    case = setting(graph, x, y, hidden_causes)
    if case.undecided is not None:
        return None
    ends = case.x | case.y
    if hidden_causes or (graph.marks & CIRCLE).any():
        above = reach(possible_steps(graph).T, ends)
    else:
        above = mask(graph, possible_ancestors(graph, named(graph, ends)))
    given = named(graph, above & ~ends & ~case.forbidden)
    return given if is_adjustment_set(graph, x, y, given, hidden_causes=hidden_causes) else None


__all__ = ["canonical_adjustment_set", "is_amenable", "visible_edges"]
