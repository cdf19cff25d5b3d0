"""A valid PAG near a graph whose marks contradict each other."""

from __future__ import annotations

import numpy as np

from ..core.graph import ARROW, CIRCLE, TAIL, Graph
from ..graphs.ancestral import above, is_mag, mag
from ..graphs.ancestry import Bool
from ..graphs.fci_rules import INSIDE, OUTSIDE, Marks, Verdicts
from ..graphs.orientation import extend


def settled(graph: Graph) -> Graph:
    """The graph without circles: a MAG of its class, if the graph is a PAG.

    o-> becomes ->, o-- becomes <--, and the o-o part a DAG without new colliders (Zhang 2008,
    theorem 2); with few of them, where there is none without.
    """
    marks: Marks = graph.marks.copy()
    open_end = marks == CIRCLE
    both = open_end & open_end.T
    arrows = extend(np.zeros_like(both), both, strict=False)
    assert arrows is not None
    single = open_end & ~both
    marks[single & (graph.marks.T == ARROW)] = TAIL
    marks[single & (graph.marks.T == TAIL)] = ARROW
    marks[arrows] = ARROW
    marks[arrows.T] = TAIL
    return Graph(graph.names, marks)


def nearest_mag(graph: Graph) -> Graph:
    """A MAG that agrees with most marks of the graph; the graph of `settled` if it is one.

    At a node with an arrowhead the tails of undirected edges become arrowheads; an edge on a
    directed circle becomes <->, since each end would cause the other. What then stands is read as
    a causal graph whose <-> are hidden causes and whose -- are joint effects that were selected,
    and its MAG is taken: i <-> j becomes i -> j where i is an ancestor of j, and nodes that no set
    would separate are joined.
    """
    plain = settled(graph)
    if is_mag(plain):
        return plain
    marks = plain.marks.copy()
    marks[_lines(marks) & (marks == ARROW).any(axis=0)] = ARROW
    arrows = (marks == ARROW) & (marks.T == TAIL)
    around = _reached(arrows)
    marks[(arrows & around & around.T).T] = ARROW
    lines = np.argwhere(np.triu(_lines(marks)))
    d, chosen = graph.d, [f"selected {k}\0" for k in range(len(lines))]
    wide = np.zeros((d + len(lines),) * 2, dtype=np.uint8)
    wide[:d, :d] = marks
    for k, (i, j) in enumerate(lines.tolist()):
        wide[i, j] = wide[j, i] = 0
        wide[[i, j], d + k], wide[d + k, [i, j]] = ARROW, TAIL
    return mag(Graph((*graph.names, *chosen), wide), selections=chosen)


def _lines(marks: Marks) -> Bool:
    """(d, d) bool, i -- j."""
    return np.asarray((marks == TAIL) & (marks.T == TAIL))


def verdicts_of(graph: Graph) -> Verdicts:
    """What separates pairs that a MAG leaves apart: the nodes anterior to one of the two.

    Only pairs that share a neighbour are listed, as rules ask of no others.
    """
    up = above(np.ascontiguousarray(graph.marks).copy())
    near = (graph.marks != 0).astype(np.float32)
    i, j = np.nonzero(np.triu((graph.marks == 0) & (near @ near > 0), 1))
    row = np.full((graph.d, graph.d), -1, dtype=np.int64)
    row[i, j] = row[j, i] = np.arange(len(i))
    member = np.full((max(len(i), 1), graph.d), OUTSIDE, dtype=np.uint8)
    member[: len(i)][(up[:, i] | up[:, j]).T] = INSIDE
    return Verdicts(row, member)


def _reached(step: Bool) -> Bool:
    """(d, d) bool: [i, j] where one step or more lead from i to j."""
    out = step.astype(np.float32)
    for _ in range(max(len(step), 1).bit_length()):
        out = ((out + out @ out) > 0).astype(np.float32)
    return np.asarray(out > 0)


__all__ = ["nearest_mag", "settled", "verdicts_of"]
