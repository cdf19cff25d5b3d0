"""Graph: the one graph class, for DAG, CPDAG, ADMG, MAG, PAG and mixtures of them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, cast

import numpy as np
from numpy.typing import ArrayLike, NDArray

from rung.core import graph_checks as checks
from rung.core import graph_text as text_form
from rung.core.errors import InputError, unknown
from rung.core.graph_text import ARROW, CIRCLE, NONE, TAIL
from rung.core.result import Result

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["ARROW", "CIRCLE", "NONE", "TAIL", "Graph"]

_LEGAL = np.zeros((8, 8), dtype=bool)
_LEGAL[0, 0] = True
for _left in (1, 2, 4):
    _LEGAL[_left, [1, 2, 4]] = True
_LEGAL[3, 2] = _LEGAL[2, 3] = True


@dataclass(frozen=True, eq=False, repr=False)
class Graph(Result):
    """A graph over named nodes with a mark at each end of each edge.

    Parameters
    ----------
    names : node names, unique and not empty; any characters
    marks : (d, d) uint8; `marks[i, j]` is the mark at j of the edge i-j: 0 no edge, 1 tail,
        2 arrow, 4 circle; 3 (tail and arrow) opposite a 2 is the bow, X -> Y with X <-> Y.
        So i is a parent of j iff `marks[i, j] & 2 and marks[j, i] & 1`, and a sibling iff both
        have `& 2`. Cycles are allowed.

    Raises
    ------
    InputError
        Names repeat, are empty or are not strings; marks are of another shape, illegal, on the
        diagonal, or at one end only.

    Two graphs are equal if they have the same names and edges; the order of names plays no part.
    """

    names: tuple[str, ...]
    marks: NDArray[np.uint8]

    def __post_init__(self) -> None:
        names = _check_names(self.names)
        raw = np.asarray(self.marks)
        d = len(names)
        if raw.shape != (d, d):
            raise InputError(
                f"marks has shape {raw.shape} but there are {d} names; expected ({d}, {d})"
            )
        if raw.size and not (raw.dtype.kind in "biu" and raw.min() >= 0 and raw.max() <= 4):
            raise InputError("marks must be integers: 0 none, 1 tail, 2 arrow, 4 circle, 3 bow")
        marks = np.array(raw, dtype=np.uint8)
        if marks.diagonal().any():
            node = names[int(np.nonzero(marks.diagonal())[0][0])]
            raise InputError(f"{node!r} has an edge to itself; set the diagonal of marks to 0")
        at, to = np.divmod(np.flatnonzero(marks), max(d, 1))
        bad = np.flatnonzero(~_LEGAL[marks[at, to], marks[to, at]])
        if len(bad):
            i, j = at[bad[0]], to[bad[0]]
            raise InputError(
                f"the pair {names[i]!r}, {names[j]!r} has marks {marks[j, i]} and {marks[i, j]}: "
                "an edge needs a mark at both ends, and 3 may only stand opposite 2"
            )
        marks.setflags(write=False)
        object.__setattr__(self, "names", names)
        object.__setattr__(self, "marks", marks)

    # making one

    @classmethod
    def parse(cls, text: str, names: Sequence[str] | None = None) -> Graph:
        """Graph of a text such as ``X -> Y <- Z; A <-> B; C o-> D; E -- F; lone``.

        Statements are separated by ``;`` or new lines; names with other characters are written in
        "quotes"; ``#`` starts a comment. Names come in order of first appearance, or as in
        `names`, which must hold all of them.
        """
        if not isinstance(text, str):
            raise InputError(f"Graph.parse reads a text, not {type(text).__name__}")
        found, edges = text_form.parse_edges(text)
        if names is not None:
            names = _check_names(names)
            for name in found:
                if name not in names:
                    raise unknown(name, names, "node")
        listed = found if names is None else names
        return cls(tuple(listed), text_form.marks_of(listed, edges))

    @classmethod
    def empty(cls, names: Iterable[str]) -> Graph:
        """Graph without edges."""
        listed = _check_names(names)
        return cls(listed, np.zeros((len(listed), len(listed)), dtype=np.uint8))

    @classmethod
    def complete(cls, names: Iterable[str], edge: str = "--") -> Graph:
        """Every pair joined by `edge`, read from the earlier name to the later."""
        listed = _check_names(names)
        left, right = text_form.edge_marks(edge)
        ones = np.ones((len(listed), len(listed)), dtype=np.uint8)
        return cls(listed, np.triu(ones * right, 1) + np.tril(ones * left, -1))

    @classmethod
    def from_adjacency(cls, adjacency: ArrayLike, names: Iterable[str] | None = None) -> Graph:
        """Graph of a (d, d) matrix: `A[i, j]` not 0 is i -> j, not 0 both ways is i -- j.

        Weights count as 1. Without `names` the nodes are called X0, X1, ...
        """
        a = np.asarray(adjacency)
        if a.ndim != 2 or a.shape[0] != a.shape[1] or a.dtype.kind not in "biufc":
            raise InputError(
                f"an adjacency matrix is square and numeric; got {a.dtype} of shape {a.shape}"
            )
        if not np.isfinite(a).all():
            raise InputError("the adjacency matrix holds NaN or infinity; use 0 for no edge")
        listed = _check_names(names if names is not None else [f"X{i}" for i in range(len(a))])
        there = a != 0
        if len(listed) == len(a) and there.diagonal().any():
            node = listed[int(np.nonzero(there.diagonal())[0][0])]
            raise InputError(f"{node!r} has an edge to itself; set the diagonal to 0")
        marks = np.where(there, np.where(there.T, TAIL, ARROW), np.where(there.T, TAIL, NONE))
        return cls(listed, marks.astype(np.uint8))

    @classmethod
    def from_edges(
        cls, edges: Iterable[tuple[str, str, str]], names: Iterable[str] | None = None
    ) -> Graph:
        """Graph of (a, edge, b) triples as `edges()` gives them."""
        triples = [(str(a), str(edge), str(b)) for a, edge, b in edges]
        found = dict.fromkeys(name for a, _, b in triples for name in (a, b))
        listed = _check_names(found if names is None else names)
        for name in found:
            if name not in listed:
                raise unknown(name, listed, "node")
        return cls(listed, text_form.marks_of(listed, triples))

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> Graph:
        """Inverse of `to_dict`."""
        if not isinstance(content, Mapping) or not {"names", "edges"} <= content.keys():
            raise InputError("a graph is saved as {'names': [...], 'edges': [[a, '-->', b], ...]}")
        return cls.from_edges([(a, e, b) for a, e, b in content["edges"]], content["names"])

    # reading it

    @property
    def d(self) -> int:
        """Number of nodes."""
        return len(self.names)

    @cached_property
    def _at(self) -> dict[str, int]:
        return {name: i for i, name in enumerate(self.names)}

    def index(self, name: str) -> int:
        """Column of a node; UnknownName, with the nearest names, if there is none."""
        try:
            return self._at[name]
        except (KeyError, TypeError):
            raise unknown(name, self.names, "node") from None

    def indices(self, names: str | Iterable[str]) -> list[int]:
        """Columns of one name or of several."""
        return [self.index(name) for name in ([names] if isinstance(names, str) else names)]

    def _named(self, row: NDArray[np.bool_]) -> tuple[str, ...]:
        return tuple(self.names[i] for i in np.nonzero(row)[0].tolist())

    def parents(self, v: str) -> tuple[str, ...]:
        """Nodes with a directed edge into v, in column order."""
        i = self.index(v)
        return self._named(((self.marks[:, i] & 2) != 0) & ((self.marks[i] & 1) != 0))

    def children(self, v: str) -> tuple[str, ...]:
        """Nodes with a directed edge from v, in column order."""
        i = self.index(v)
        return self._named(((self.marks[i] & 2) != 0) & ((self.marks[:, i] & 1) != 0))

    def siblings(self, v: str) -> tuple[str, ...]:
        """Nodes joined to v by <->, in column order."""
        i = self.index(v)
        return self._named(((self.marks[i] & 2) != 0) & ((self.marks[:, i] & 2) != 0))

    def neighbours(self, v: str) -> tuple[str, ...]:
        """Nodes joined to v by an undirected edge, in column order."""
        i = self.index(v)
        return self._named((self.marks[i] == 1) & (self.marks[:, i] == 1))

    def adjacent(self, v: str) -> tuple[str, ...]:
        """Nodes joined to v by any edge, in column order."""
        return self._named(self.marks[self.index(v)] != 0)

    def mark(self, a: str, b: str) -> int:
        """Mark at b of the edge a-b."""
        return int(self.marks[self.index(a), self.index(b)])

    def has_edge(self, a: str, b: str, edge: str | None = None) -> bool:
        """Whether a and b are joined, by any edge or by the given one, such as ``->``."""
        i, j = self.index(a), self.index(b)
        left, right = int(self.marks[j, i]), int(self.marks[i, j])
        if edge is None:
            return right != NONE
        wanted = text_form.edge_marks(edge)
        return right != NONE and text_form.join_marks((left, right), wanted) == (left, right)

    def edges(self) -> list[tuple[str, str, str]]:
        """Edges (a, edge, b), by column: --> <-> --- o-> o-o o--; a bow is two of them."""
        rows, columns = np.divmod(np.flatnonzero(self.marks), max(self.d, 1))
        pairs = zip(rows[rows < columns].tolist(), columns[rows < columns].tolist(), strict=True)
        return [e for i, j in pairs for e in text_form.pair_edges(self.names, self.marks, i, j)]

    def directed_edges(self) -> list[tuple[str, str]]:
        """Pairs (parent, child), by column of the parent."""
        pairs = np.argwhere(checks.directed_part(self.marks)).tolist()
        return [(self.names[i], self.names[j]) for i, j in pairs]

    def adjacency(self) -> NDArray[np.int8]:
        """(d, d) int8, `A[i, j] = 1` for i -> j and both ways for i -- j; no circles, no <->."""
        bad = np.argwhere(((self.marks & CIRCLE) != 0) | ((self.marks & self.marks.T & ARROW) != 0))
        if len(bad):
            a, b = self.names[bad[0][0]], self.names[bad[0][1]]
            raise InputError(
                f"the edge between {a!r} and {b!r} has a circle or two arrows, which an adjacency "
                "matrix cannot hold; use .marks"
            )
        tail_at_other = (self.marks.T & TAIL) != 0
        return ((self.marks != 0) & tail_at_other).astype(np.int8)

    # another one

    def with_edge(self, a: str, edge: str, b: str) -> Graph:
        """Graph with the edge a-b set; -> and <-> on one pair make a bow, else it replaces."""
        i, j = self.index(a), self.index(b)
        marks = self.marks.copy()
        new = text_form.edge_marks(edge)
        joined = text_form.join_marks((int(marks[j, i]), int(marks[i, j])), new)
        marks[j, i], marks[i, j] = new if joined is None else joined
        return Graph(self.names, marks)

    def without_edge(self, a: str, b: str) -> Graph:
        """Graph with nothing between a and b; InputError if there is no edge to remove."""
        if not self.has_edge(a, b):
            raise InputError(f"there is no edge between {a!r} and {b!r} to remove")
        i, j = self.index(a), self.index(b)
        marks = self.marks.copy()
        marks[i, j] = marks[j, i] = NONE
        return Graph(self.names, marks)

    def subgraph(self, names: Iterable[str]) -> Graph:
        """Induced graph of `names`, in their order."""
        at = self.indices(names)
        return Graph(tuple(self.names[i] for i in at), self.marks[np.ix_(at, at)])

    def reorder(self, names: Iterable[str]) -> Graph:
        """The same graph with its columns in the order of `names`."""
        listed = _check_names(names)
        at = self.indices(listed)
        if len(at) != self.d:
            missing = [name for name in self.names if name not in listed]
            raise InputError(f"reorder needs every node; missing: {missing}")
        return Graph(listed, self.marks[np.ix_(at, at)])

    def relabel(self, mapping: Mapping[str, str]) -> Graph:
        """Graph with nodes renamed; nodes that `mapping` leaves out keep their names."""
        for name in mapping:
            self.index(name)
        return Graph(tuple(mapping.get(name, name) for name in self.names), self.marks)

    def skeleton(self) -> Graph:
        """Graph with every edge undirected."""
        return Graph(self.names, (self.marks != 0).astype(np.uint8))

    # checks

    def is_acyclic(self) -> bool:
        """Whether the directed edges alone form no cycle."""
        return len(checks.order(checks.directed_part(self.marks))) == self.d

    def is_dag(self) -> bool:
        """Whether every edge is directed and there is no cycle."""
        pairs = self.marks + self.marks.T
        return bool(np.isin(pairs, (0, 3)).all()) and self.is_acyclic()

    def is_cpdag(self) -> bool:
        """Whether this is the essential graph of a DAG (Andersson, Madigan and Perlman 1997)."""
        return checks.is_essential(self.marks)

    def is_admg(self) -> bool:
        """Whether edges are directed or bidirected (bows too) and the directed part acyclic."""
        arrow = ((self.marks | self.marks.T) & 2) != 0
        only = not (self.marks & CIRCLE).any() and bool(arrow[self.marks != 0].all())
        return only and self.is_acyclic()

    def topological_order(self) -> tuple[str, ...]:
        """Names, parents before children by the directed edges; first column first among ties.

        Raises
        ------
        InputError
            There is a cycle; the message names one.
        """
        directed = checks.directed_part(self.marks)
        done = checks.order(directed)
        if len(done) < self.d:
            around = [self.names[i] for i in checks.cycle(directed)]
            shown = " -> ".join([*around, around[0]])
            raise InputError(f"there is no topological order because of the cycle {shown}")
        return tuple(self.names[i] for i in done)

    # showing it

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready: {"names": [...], "edges": [[a, "-->", b], ...]}."""
        return {"names": list(self.names), "edges": [list(edge) for edge in self.edges()]}

    def frame(self) -> pd.DataFrame:
        """pandas table with one row an edge: columns a, edge, b."""
        import pandas as pd

        return pd.DataFrame(self.edges(), columns=["a", "edge", "b"])

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Graph):
            return NotImplemented
        if self.names == other.names:
            return bool(np.array_equal(self.marks, other.marks))
        if self._at.keys() != other._at.keys():
            return False
        at = [other._at[name] for name in self.names]
        return bool(np.array_equal(self.marks, other.marks[np.ix_(at, at)]))

    def __hash__(self) -> int:
        at = sorted(range(self.d), key=lambda i: self.names[i])
        return hash((frozenset(self.names), self.marks[np.ix_(at, at)].tobytes()))

    def __str__(self) -> str:
        return text_form.write(self.names, self.marks)

    def __repr__(self) -> str:
        edges = self.edges()
        head = f"Graph: {self.d} nodes, {len(edges)} edges"
        lines = [f"  {text_form.quote(a)} {e} {text_form.quote(b)}" for a, e, b in edges[:30]]
        if len(edges) > 30:
            lines.append(f"  ... and {len(edges) - 30} more; str(graph) has them all")
        lone = self._named(~(self.marks != 0).any(axis=0))
        if lone:
            more = " ..." if len(lone) > 12 else ""
            lines.append("  alone: " + ", ".join(text_form.quote(n) for n in lone[:12]) + more)
        return "\n".join([head, *lines])


def _check_names(names: Iterable[str]) -> tuple[str, ...]:
    if isinstance(names, str):
        raise InputError(f"names must be a list of names, not the one text {names!r}")
    listed = tuple(cast("Iterable[Any]", names))
    unique = set(listed) if set(map(type, listed)) <= {str} else set()
    if len(unique) == len(listed) and "" not in unique:
        return listed
    seen: set[str] = set()
    for name in listed:
        if not isinstance(name, str) or not name:
            raise InputError(f"a node name must be a text that is not empty; got {name!r}")
        if name in seen:
            raise InputError(f"the name {name!r} occurs twice; names must be unique")
        seen.add(name)
    return tuple(str(name) for name in listed)
