"""Knowledge: what the user knows of the graph before any search; strictly obeyed."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from .errors import KnowledgeConflict, unknown

if TYPE_CHECKING:
    from .data import Data
    from .graph import Graph

Pair = tuple[str, str]


def _pairs(pairs: Iterable[Any]) -> tuple[Pair, ...]:
    out: list[Pair] = []
    for item in pairs:
        if isinstance(item, str):
            ends = [part.strip() for part in item.split("->")]
            if len(ends) != 2 or not all(ends):
                raise KnowledgeConflict(f"{item!r} is no edge; write 'cause -> effect'")
            out.append((ends[0], ends[1]))
        else:
            a, b = item
            out.append((str(a), str(b)))
    return tuple(out)


@dataclass(frozen=True)
class Knowledge:
    """Background knowledge on directed edges.

    Parameters
    ----------
    required : iterable of (cause, effect) or "cause -> effect"
        Edges that must be in the graph with this direction.
    forbidden : iterable of (cause, effect) or "cause -> effect"
        Directions that must not be; forbid both to forbid adjacency.
    tiers : sequence of sequences of str
        Variables of a later tier cannot cause those of an earlier one; a variable in no tier
        is not restricted.
    ties : tuple of tuples of (cause, effect)
        Edges that are there together or not at all (lagged copies of one edge).
    """

    required: tuple[Pair, ...] = ()
    forbidden: tuple[Pair, ...] = ()
    tiers: tuple[tuple[str, ...], ...] = ()
    ties: tuple[tuple[Pair, ...], ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "required", _pairs(self.required))
        object.__setattr__(self, "forbidden", _pairs(self.forbidden))
        object.__setattr__(self, "tiers", tuple(tuple(t) for t in self.tiers))
        placed = [name for tier in self.tiers for name in tier]
        if len(set(placed)) < len(placed):
            twice = next(name for name in placed if placed.count(name) > 1)
            raise KnowledgeConflict(f"{twice!r} is in two tiers")

    @classmethod
    def of(
        cls,
        required: Iterable[Pair | str] = (),
        forbidden: Iterable[Pair | str] = (),
        tiers: Iterable[Iterable[str]] = (),
    ) -> Knowledge:
        """Knowledge from edges in either form."""
        return cls(_pairs(required), _pairs(forbidden), tuple(tuple(t) for t in tiers))

    @classmethod
    def root(cls, name: str, names: Sequence[str]) -> Knowledge:
        """Nothing causes `name`: it was randomised."""
        return cls(forbidden=tuple((other, name) for other in names if other != name))

    @classmethod
    def lagged(cls, names: Sequence[str], k: int) -> Knowledge:
        """Tiers and ties of `data.lagged(k)` for the original `names`."""

        def at(name: str, lag: int) -> str:
            return f"{name}[t]" if lag == 0 else f"{name}[t-{lag}]"

        tiers = tuple(tuple(at(name, lag) for name in names) for lag in range(k, -1, -1))
        ties = tuple(
            tuple((at(a, lag + step), at(b, lag)) for lag in range(k - step + 1))
            for a in names
            for b in names
            for step in range(k + 1)
            if not (a == b and step == 0) and k - step >= 1
        )
        return cls(tiers=tiers, ties=ties)

    def __add__(self, other: Knowledge) -> Knowledge:
        if self.tiers and other.tiers and self.tiers != other.tiers:
            raise KnowledgeConflict("two different tierings do not add; write them as one")
        return Knowledge(
            tuple(dict.fromkeys(self.required + other.required)),
            tuple(dict.fromkeys(self.forbidden + other.forbidden)),
            self.tiers or other.tiers,
            tuple(dict.fromkeys(self.ties + other.ties)),
        )

    def __bool__(self) -> bool:
        return bool(self.required or self.forbidden or self.tiers or self.ties)

    @property
    def names(self) -> tuple[str, ...]:
        """Every name that is mentioned."""
        ends = [name for pair in self.required + self.forbidden for name in pair]
        return tuple(dict.fromkeys(ends + [name for tier in self.tiers for name in tier]))

    def matrices(self, names: Sequence[str]) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
        """(required, forbidden), each (d, d) with [i, j] about i -> j.

        A required edge forbids its reverse.

        Raises
        ------
        UnknownName, KnowledgeConflict
            For names that the data lack, and for edges that are required and forbidden, or
            required in a circle.
        """
        where = {name: i for i, name in enumerate(names)}
        for name in self.names:
            if name not in where:
                raise unknown(name, names)
        d = len(where)
        required = np.zeros((d, d), dtype=np.bool_)
        forbidden = np.zeros((d, d), dtype=np.bool_)
        if not self:
            return required, forbidden
        for a, b in self.required:
            required[where[a], where[b]] = True
        for a, b in self.forbidden:
            forbidden[where[a], where[b]] = True
        for i, early in enumerate(self.tiers):
            for later in self.tiers[i + 1 :]:
                forbidden[np.ix_([where[b] for b in later], [where[a] for a in early])] = True
        clash = np.argwhere(required & forbidden)
        if len(clash):
            a, b = names[clash[0][0]], names[clash[0][1]]
            raise KnowledgeConflict(f"{a} -> {b} is both required and forbidden")
        _refuse_cycle(required, names)
        return required, forbidden | required.T

    def violations(self, graph: Graph) -> list[str]:
        """What of this knowledge a graph breaks, in words; empty if nothing."""
        if not self:
            return []
        required, forbidden = self.matrices(graph.names)
        into = (graph.marks & 2 > 0) & (graph.marks.T & 1 > 0)
        out = [
            f"{graph.names[i]} -> {graph.names[j]} is required"
            for i, j in np.argwhere(required & ~into)
        ]
        out += [
            f"{graph.names[i]} -> {graph.names[j]} is forbidden"
            for i, j in np.argwhere(forbidden & into)
        ]
        where = {name: i for i, name in enumerate(graph.names)}
        for group in self.ties:
            there = [bool(into[where[a], where[b]]) for a, b in group]
            if any(there) and not all(there):
                a, b = group[there.index(False)]
                out.append(f"{a} -> {b} is tied to edges that are there")
        return out

    def within(self, names: Sequence[str]) -> Knowledge:
        """The part about `names` only."""
        keep = set(names)
        return Knowledge(
            tuple(p for p in self.required if keep.issuperset(p)),
            tuple(p for p in self.forbidden if keep.issuperset(p)),
            tuple(kept for t in self.tiers if (kept := tuple(x for x in t if x in keep))),
            tuple(rest for t in self.ties if (rest := tuple(p for p in t if keep.issuperset(p)))),
        )

    @classmethod
    def check(cls, data: Data, knowledge: Knowledge | None) -> Knowledge:
        """The knowledge, or none, after its names were checked against the data."""
        known = knowledge or cls()
        known.matrices(data.names)
        return known


def _refuse_cycle(required: NDArray[np.bool_], names: Sequence[str]) -> None:
    left = np.ones(len(required), dtype=np.bool_)
    while left.any():
        roots = left & ~required[left].any(axis=0)
        if not roots.any():
            circle = ", ".join(names[int(i)] for i in np.flatnonzero(left))
            raise KnowledgeConflict(f"the required edges make a circle among {circle}")
        left &= ~roots
