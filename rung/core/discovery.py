"""Discovery: a graph or weighted graphs, what the weights mean, edges, knowledge, completeness."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from .graph import Graph
from .knowledge import Knowledge
from .result import Result

if TYPE_CHECKING:
    import pandas as pd

    from .protocols import Learner


@dataclass(frozen=True)
class Edge:
    """How a pair is joined over the weighted graphs.

    `frequency` maps "-->", "<--", "---", "<->", "o->" ... and "   " (not adjacent) to the
    weighted share of graphs, read from `a` to `b`.
    """

    a: str
    b: str
    frequency: Mapping[str, float]

    @property
    def adjacent(self) -> float:
        """Share of graphs in which the two are adjacent."""
        return 1.0 - self.frequency.get("   ", 0.0)


@dataclass(frozen=True, eq=False)
class Discovery(Result):
    """What a search found.

    Parameters
    ----------
    graph : Graph
        The one graph to show: found on all rows.
    graphs : tuple of (Graph, float)
        Graphs with weights summing to 1; the single graph with weight 1 if there is no more.
    meaning : str
        What the weights are: "single", "bootstrap", "posterior" or "equivalence class".
    knowledge : Knowledge
        What the search was told.
    learner : Learner
        Who searched, so that an effect can rerun the search inside its bootstrap.
    complete : bool
        False if a budget ended the search early; the graph is the best so far.
    seconds : float
    notes : tuple of str
        Choices and warnings, in sentences.
    hidden_causes : bool
        True if the learner allows hidden common causes.
    """

    graph: Graph
    graphs: tuple[tuple[Graph, float], ...] = ()
    meaning: str = "single"
    knowledge: Knowledge = field(default_factory=Knowledge)
    learner: Learner | None = None
    complete: bool = True
    seconds: float = 0.0
    notes: tuple[str, ...] = ()
    hidden_causes: bool = False
    score: float | None = None
    details: Mapping[str, Any] = field(default_factory=dict)
    cites: tuple[str, ...] = ()
    seed: int | None = None

    def __post_init__(self) -> None:
        if not self.graphs:
            object.__setattr__(self, "graphs", ((self.graph, 1.0),))

    def replacing(self, **fields: Any) -> Discovery:
        """A copy with other fields."""
        return replace(self, **fields)

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the variables."""
        return self.graph.names

    @cached_property
    def edges(self) -> tuple[Edge, ...]:
        """One row for each pair that is adjacent in any graph, most frequent first."""
        names = self.graph.names
        stack = [g.reorder(names).marks for g, _ in self.graphs]
        weights = np.array([w for _, w in self.graphs])
        there = np.zeros((len(names), len(names)), dtype=np.bool_)
        for marks in stack:
            there |= marks != 0
        rows = []
        for code in np.flatnonzero(there).tolist():
            i, j = divmod(code, len(names))
            if i < j:
                pair = np.array([int(marks[i, j]) * 8 + int(marks[j, i]) for marks in stack])
                found: dict[str, float] = {}
                for kind in np.unique(pair):
                    mark = _edge_text(int(kind) % 8, int(kind) // 8)
                    found[mark] = found.get(mark, 0.0) + float(weights[pair == kind].sum())
                rows.append(Edge(names[i], names[j], found))
        return tuple(sorted(rows, key=lambda e: (-e.adjacent, e.a, e.b)))

    def frame(self) -> pd.DataFrame:
        """One row a pair, one column for each pair of marks."""
        import pandas as pd

        rows = [{"a": e.a, "b": e.b, "adjacent": e.adjacent, **e.frequency} for e in self.edges]
        return (
            pd.DataFrame(rows).fillna(0.0) if rows else pd.DataFrame(columns=["a", "b", "adjacent"])
        )

    def __repr__(self) -> str:
        who = type(self.learner).__name__ if self.learner is not None else "unknown learner"
        state = "complete" if self.complete else "INCOMPLETE (stopped early)"
        lines = [
            f"Discovery by {who}: {len(self.names)} variables, {len(self.graph.edges())} edges, "
            f"{self.seconds:.2f} s, {state}",
            f"  {len(self.graphs)} graphs (weights: {self.meaning})",
        ]
        lines += [f"  {a} {mark} {b}" for a, mark, b in self.graph.edges()[:30]]
        return "\n".join(lines + [f"  note: {note}" for note in self.notes[:4]])


_LEFT = {0: " ", 1: "-", 2: "<", 3: "<", 4: "o"}
_RIGHT = {0: " ", 1: "-", 2: ">", 3: ">", 4: "o"}


def _edge_text(at_a: int, at_b: int) -> str:
    return "   " if not (at_a or at_b) else f"{_LEFT[at_a]}-{_RIGHT[at_b]}"
