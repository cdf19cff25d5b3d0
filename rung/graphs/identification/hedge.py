"""Hedge: the structure that makes an effect unidentifiable."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from rung.core.graph import ARROW, TAIL, Graph

from .admg import Admg, bits
from .query import Interventional


@dataclass(frozen=True, eq=False)
class Hedge:
    """Two C-forests that block the identification of P(outcomes | do(treatments)).

    Shpitser and Pearl (2006), definition 6 and theorem 4: a C-forest is a graph in which bidirected
    edges join all nodes and each node has at most one child. `forest` contains a treatment, its
    subgraph `core_forest` does not; both have the same roots (nodes without a child), which are
    ancestors of the outcomes once the arrows into the treatments are removed. Edges of the graph
    that the proof does not need are left out of it.

    Parameters
    ----------
    asked : what was to be identified
    forest : the larger C-forest
    core : nodes of the smaller one
    roots : nodes without a child
    treatments : what is set in the forest; with `given`, also what seeing is the same as setting
    """

    asked: Interventional
    forest: Graph
    core: tuple[str, ...]
    roots: tuple[str, ...]
    treatments: tuple[str, ...]

    @property
    def core_forest(self) -> Graph:
        """The smaller C-forest."""
        at = [self.forest.index(name) for name in self.core]
        return Graph(self.core, self.forest.marks[np.ix_(at, at)])

    @property
    def hidden_causes(self) -> tuple[tuple[str, str], ...]:
        """Pairs of the forest's nodes that share a hidden cause."""
        return tuple((a, b) for a, mark, b in self.forest.edges() if mark == "<->")

    @property
    def words(self) -> str:
        """The hedge in a sentence."""
        pairs = _listed(tuple(f"{a} <-> {b}" for a, b in self.hidden_causes))
        return (
            f"hidden common causes ({pairs}) tie {_listed(self.treatments)} to "
            f"{_listed(self.roots)}, so that two models with the same observed distribution give "
            f"{self.asked} different values (a hedge: forest {', '.join(self.forest.names)}; core "
            f"{', '.join(self.core)})"
        )

    def __repr__(self) -> str:
        return f"Hedge(forest={{{', '.join(self.forest.names)}}}, core={{{', '.join(self.core)}}})"


@dataclass(frozen=True)
class Shape:
    """A hedge in the numbers of an Admg.

    child : the one child of each node but the roots; tree : bidirected edges that span the forest,
    those of the core first.
    """

    forest: int
    core: int
    child: dict[int, int]
    tree: tuple[tuple[int, int], ...]

    @property
    def roots(self) -> int:
        """Mask of the nodes without a child."""
        return self.core & ~sum(1 << v for v in self.child)


def _listed(names: tuple[str, ...]) -> str:
    return " and ".join(filter(None, [", ".join(names[:-1]), names[-1]])) if names else "nothing"


def shape_of(graph: Admg, forest: int, core: int) -> Shape:
    """C-forests on the nodes of line 5 of ID: `forest` is one district, `core` one without x.

    Nodes of the core that have a child in it keep one; the others are the roots; every node outside
    of the core keeps one child in the forest, and so leads to a root.
    """
    child: dict[int, int] = {}
    for inside, nodes in ((core, core), (forest, forest & ~core)):
        for v in bits(nodes):
            below = (c for c in bits(inside) if graph.parents[c] >> v & 1)
            if (first := next(below, None)) is not None:
                child[v] = first
    tree: list[tuple[int, int]] = []
    reached = core & -core
    for inside in (core, forest):
        grew = True
        while grew:
            grew = False
            for v in bits(inside & ~reached):
                if near := graph.siblings[v] & reached:
                    tree.append(((near & -near).bit_length() - 1, v))
                    reached |= 1 << v
                    grew = True
    return Shape(forest, core, child, tuple(tree))


def hedge_of(graph: Admg, asked: Interventional, forest: int, core: int, cut: int) -> Hedge:
    """The hedge from line 5 of ID; `cut` holds what is set."""
    shape = shape_of(graph, forest, core)
    nodes = list(bits(forest))
    at = {node: k for k, node in enumerate(nodes)}
    marks = np.zeros((len(nodes), len(nodes)), dtype=np.uint8)
    for v, c in shape.child.items():
        marks[at[v], at[c]] |= ARROW
        marks[at[c], at[v]] |= TAIL
    for a, b in shape.tree:
        marks[at[a], at[b]] |= ARROW
        marks[at[b], at[a]] |= ARROW
    return Hedge(
        asked, Graph(graph.named(forest), marks), graph.named(core),
        graph.named(shape.roots), graph.named(forest & cut),
    )  # fmt: skip
