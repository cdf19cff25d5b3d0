"""Marked: a MAG or PAG as bit sets, with the parts that identification under equivalence needs.

Jaber, Zhang and Bareinboim (2019), "Causal identification under Markov equivalence: completeness
results"; Jaber, Ribeiro, Zhang and Bareinboim (2022), "Causal identification under Markov
equivalence: calculus, algorithm, and completeness". Their terms: a bucket is a set of nodes joined
by o-o edges; a pc-component holds what may share a district with a set.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from rung.core.graph import ARROW, CIRCLE, Graph
from rung.graphs.generalised_adjustment import _representative, _require_no_selection, visible

from .admg import bits
from .links import Links, rows


@dataclass(frozen=True, eq=False)
class Marked:
    """Masks of each node's neighbours, by the marks of the edge.

    Parameters
    ----------
    graph : MAG or PAG without selection
    circle : j where i o-o j
    both : j where i <-> j
    into : j where the edge has an arrowhead at i
    below : j where it has none at i (possible children, o-o included)
    hidden : j where the edge is not visible (either way)
    """

    graph: Graph
    circle: tuple[int, ...]
    both: tuple[int, ...]
    into: tuple[int, ...]
    below: tuple[int, ...]
    hidden: tuple[int, ...]

    @classmethod
    def of(cls, graph: Graph) -> Marked:
        """From a MAG or PAG.

        Raises
        ------
        NotSupported
            The graph has edges that only selection makes.
        """
        _require_no_selection(graph)
        marks = graph.marks
        at = marks.T  # [i, j]: the mark at i
        seen = visible(graph)
        joined = marks != 0
        return cls(
            graph,
            rows((at == CIRCLE) & (marks == CIRCLE)),
            rows((at == ARROW) & (marks == ARROW)),
            rows(at == ARROW),
            rows(joined & (at != ARROW)),
            rows(joined & ~seen & ~seen.T),
        )

    @property
    def all(self) -> int:
        """The mask of every node."""
        return (1 << self.graph.d) - 1

    def mask(self, names: tuple[str, ...]) -> int:
        """The mask of names."""
        return sum(1 << i for i in set(self.graph.indices(names)))

    def named(self, mask: int) -> tuple[str, ...]:
        """Names of a mask."""
        return tuple(self.graph.names[i] for i in bits(mask))

    @cached_property
    def links(self) -> Links:
        """The relations of that MAG."""
        return Links.of(self.member)

    @cached_property
    def member(self) -> Graph:
        """A MAG of the class, in which separations are read."""
        return _representative(self.graph)

    def spread(self, start: int, relation: tuple[int, ...], within: int) -> int:
        """`start` and all that it reaches along a relation."""
        found = frontier = start
        while frontier:
            beside = 0
            for i in bits(frontier):
                beside |= relation[i]
            frontier = beside & within & ~found
            found |= frontier
        return found

    def possible_ancestors(self, of: int, within: int) -> int:
        """Nodes with a path to `of` without an arrowhead backwards, in the subgraph."""
        found = frontier = of & within
        while frontier:
            over = 0
            for i in bits(within & ~found):
                if self.below[i] & frontier:
                    over |= 1 << i
            frontier = over
            found |= over
        return found

    def children(self, of: int, within: int) -> int:
        """Possible children of a set, outside of it."""
        out = 0
        for i in bits(of):
            out |= self.below[i]
        return out & within & ~of

    def buckets(self, within: int) -> list[int]:
        """Buckets of the subgraph on `within`, in a partial topological order."""
        parts, left = [], within
        while left:
            part = self.spread(left & -left, self.circle, within)
            parts.append(part)
            left &= ~part
        out: list[int] = []
        left = within
        while parts:  # the next from the end: no possible child outside of it
            last = next((p for p in reversed(parts) if not self.children(p, left)), None)
            last = parts[-1] if last is None else last
            parts.remove(last)
            out.append(last)
            left &= ~last
        return out[::-1]

    def possible_district(self, of: int, within: int) -> int:
        """The pc-component: joined to `of` by a path of colliders without visible edges."""
        found = of
        entered = 0  # nodes entered through an arrowhead
        frontier = of
        first = True
        while frontier:
            new = 0
            for i in bits(frontier):
                beside = self.hidden[i] & within
                beside &= -1 if first else self.into[i]
                found |= beside
                for j in bits(beside & ~entered):
                    if self.into[j] >> i & 1:
                        new |= 1 << j
            first = False
            frontier = new & ~entered
            entered |= new
        return found

    def region(self, of: int, within: int) -> int:
        """Buckets of the subgraph that meet the pc-component of `of`."""
        touched = self.possible_district(of, within)
        return self.spread(touched, self.circle, within)

    def tied(self, of: int, within: int) -> int:
        """The definite district: joined to `of` by <->, filled up to buckets."""
        return self.spread(self.spread(of, self.both, within), self.circle, within)
