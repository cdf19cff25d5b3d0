"""Links: an ADMG as bit sets in column order, for many separations in one graph."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rung.core.graph import Graph
from rung.graphs.separation import Parts, parts_of

from .admg import bits

Masks = tuple[int, ...]


def rows(relation: NDArray[np.bool_]) -> tuple[int, ...]:
    """One mask a row of a (d, d) bool matrix."""
    packed = np.packbits(relation, axis=1, bitorder="little")
    return tuple(int.from_bytes(row.tobytes(), "little") for row in packed)


def union(of: int, relation: Sequence[int]) -> int:
    """All that the nodes of a mask are linked to."""
    out = 0
    while of:
        low = of & -of
        out |= relation[low.bit_length() - 1]
        of ^= low
    return out


def spread(start: int, relation: Sequence[int]) -> int:
    """`start` and all that it reaches along a relation."""
    found = frontier = start
    while frontier:
        frontier = union(frontier, relation) & ~found
        found |= frontier
    return found


@dataclass(frozen=True)
class Links:
    """Parents, children and siblings of each node as masks; bit i is column i of the graph."""

    names: tuple[str, ...]
    parents: Masks
    children: Masks
    siblings: Masks

    @classmethod
    def of(cls, graph: Graph, parts: Parts | None = None) -> Links:
        """From a DAG, ADMG or CPDAG (then of one of its DAGs), or from relations of it."""
        read = parts_of(graph) if parts is None else parts
        return cls(graph.names, rows(read.directed.T), rows(read.directed), rows(read.bidirected))

    def mask(self, names: Iterable[str]) -> int:
        """The mask of names."""
        at = {name: i for i, name in enumerate(self.names)}
        return sum(1 << at[name] for name in set(names))

    def named(self, mask: int) -> tuple[str, ...]:
        """Names of a mask, in column order."""
        return tuple(self.names[i] for i in bits(mask))

    def ancestors(self, of: int) -> int:
        """`of` and its ancestors."""
        return spread(of, self.parents)

    def descendants(self, of: int) -> int:
        """`of` and its descendants."""
        return spread(of, self.children)

    def connected(self, start: int, given: int, *, silent: int = 0) -> int:
        """Nodes with an open path from `start` given `given`, `start` included (Shachter 1998).

        silent : nodes whose arrows to others are left out.
        """
        opened = frontier = given
        while frontier:
            frontier = union(frontier, self.parents) & ~silent & ~opened
            opened |= frontier
        tails = heads = start  # nodes that may be left by a tail; by a head
        left_tail = left_head = 0
        found = start
        while tails or heads:
            left_tail, left_head = left_tail | tails, left_head | heads
            by_head = union(tails & ~silent, self.children) | union(heads, self.siblings)
            by_tail = union(heads, self.parents) & ~silent
            found |= by_head | by_tail
            tails = (by_head | by_tail) & ~given & ~left_tail
            heads = ((by_head & opened) | (by_tail & ~given)) & ~left_head
        return found

    def nearest(self, start: int, stop: int, may: int) -> int | None:
        """A separator within `may` of which each node is as near to `start` as can be.

        The usable nodes first met from `start` in the augmented graph of the ancestors, less those
        that are not met from `stop` (van der Zander, Textor and Liskiewicz 2015, section 4).
        """
        field = self.ancestors(start | stop)
        wall = may & field & ~start & ~stop
        seen = self.met(start, wall, field)
        if seen & stop:
            return None
        wall &= seen
        return wall & self.met(stop, wall, field)

    def met(self, start: int, wall: int, field: int) -> int:
        """Nodes met from `start` in the augmented graph on `field`, not going past `wall`."""
        found = frontier = start
        done = 0  # districts (as nodes) whose family is in `found`
        while frontier:
            tips = (frontier | union(frontier, self.children)) & field & ~done
            district, new = tips, tips
            while new:
                new = union(new, self.siblings) & field & ~district
                district |= new
            done |= district
            beside = (district | union(district, self.parents)) & field & ~found
            found |= beside
            frontier = beside & ~wall
        return found
