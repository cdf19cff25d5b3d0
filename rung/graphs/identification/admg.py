"""Admg: an acyclic directed mixed graph as bit sets, for the recursions of identification."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np

from rung.core.errors import InputError
from rung.core.graph import ARROW, CIRCLE, TAIL, Graph
from rung.core.graph_checks import bidirected_part, directed_part, undirected_part
from rung.graphs.ancestry import require_acyclic


def bits(mask: int) -> Iterator[int]:
    """Positions of the ones of a mask, ascending."""
    while mask:
        low = mask & -mask
        yield low.bit_length() - 1
        mask ^= low


@dataclass(frozen=True)
class Admg:
    """Nodes are numbered in a topological order; a set of nodes is an int with their bits.

    Parameters
    ----------
    names : node names in topological order
    parents, siblings : one mask a node
    """

    names: tuple[str, ...]
    parents: tuple[int, ...]
    siblings: tuple[int, ...]

    @classmethod
    def of(cls, graph: Graph) -> Admg:
        """From a DAG or ADMG.

        Raises
        ------
        InputError
            A cycle, or edges that are neither -> nor <->.
        """
        if (graph.marks & CIRCLE).any() or undirected_part(graph.marks).any():
            raise InputError("expected a DAG or an ADMG: the graph has edges without direction")
        require_acyclic(graph)
        names = graph.topological_order()
        at = {name: i for i, name in enumerate(names)}
        place = [at[name] for name in graph.names]
        parents, siblings = [0] * len(names), [0] * len(names)
        directed, both = directed_part(graph.marks), bidirected_part(graph.marks)
        for part, out in ((directed, parents), (both, siblings)):
            for i, j in zip(*(k.tolist() for k in part.nonzero()), strict=True):
                out[place[j]] |= 1 << place[i]
        return cls(names, tuple(parents), tuple(siblings))

    @property
    def all(self) -> int:
        """The mask of every node."""
        return (1 << len(self.names)) - 1

    def mask(self, names: Iterable[str]) -> int:
        """The mask of names."""
        at = {name: i for i, name in enumerate(self.names)}
        return sum(1 << at[name] for name in set(names))

    def named(self, mask: int) -> tuple[str, ...]:
        """Names of a mask, in topological order."""
        return tuple(self.names[i] for i in bits(mask))

    def ancestors(self, of: int, within: int, cut: int = 0) -> int:
        """`of` and its ancestors in the subgraph on `within`, edges into `cut` removed."""
        found = frontier = of & within
        while frontier:
            above = 0
            for i in bits(frontier & ~cut):
                above |= self.parents[i]
            frontier = above & within & ~found
            found |= frontier
        return found

    def districts(self, within: int) -> list[int]:
        """Sets joined by bidirected edges in the subgraph on `within` (c-components)."""
        out, left = [], within
        while left:
            found = frontier = left & -left
            while frontier:
                beside = 0
                for i in bits(frontier):
                    beside |= self.siblings[i]
                frontier = beside & within & ~found
                found |= frontier
            out.append(found)
            left &= ~found
        return out

    def graph(self, within: int, *, cut: int = 0, silent: int = 0) -> Graph:
        """The subgraph on `within` as a Graph.

        cut : nodes whose incoming edges (-> and <->) are removed; silent : nodes whose outgoing
        arrows are removed.
        """
        nodes = list(bits(within))
        at = {node: k for k, node in enumerate(nodes)}
        marks = np.zeros((len(nodes), len(nodes)), dtype=np.uint8)
        for node in bits(within & ~cut):
            j = at[node]
            for i in (at[p] for p in bits(self.parents[node] & within & ~silent)):
                marks[i, j] |= ARROW
                marks[j, i] |= TAIL
            for i in (at[s] for s in bits(self.siblings[node] & within & ~cut)):
                marks[i, j] |= ARROW
        return Graph(self.named(within), marks)
