"""LatentModel: a discrete model on an ADMG with one hidden cause a bidirected edge, enumerated."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rung.core.errors import InputError, NotSupported
from rung.core.graph import Graph
from rung.core.graph_checks import bidirected_part, directed_part

from .admg import Admg
from .expression import Joint
from .query import Interventional

Floats = NDArray[np.float64]
Edge = tuple[str, str]
MOST_CELLS = 1 << 22


@dataclass(frozen=True, eq=False)
class LatentModel:
    """Conditional probability tables of an ADMG whose hidden causes are known.

    Parameters
    ----------
    graph : DAG or ADMG, d nodes
    levels : (d,) number of values of each node, in the graph's order
    hidden : distribution (k,) of the hidden cause behind each bidirected edge; an edge that is not
        named has none (its ends share nothing)
    tables : for each node an array with one axis for each hidden cause at the node (in the order of
        `hidden`), then one for each parent (in the graph's order), then its own; the last sums to 1

    Raises
    ------
    InputError
        A table that does not fit.
    """

    graph: Graph
    levels: tuple[int, ...]
    hidden: Mapping[Edge, Floats]
    tables: Mapping[str, Floats]
    _inner: Admg = field(init=False, repr=False)
    _kept: dict[tuple[int, int], tuple[list[int], Floats]] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_inner", Admg.of(self.graph))
        object.__setattr__(self, "_kept", {})
        for name in self.graph.names:
            wanted = (
                *(len(self.hidden[e]) for e in self.causes(name)),
                *(self.level(p) for p in self.graph.parents(name)),
                self.level(name),
            )
            table = self.tables.get(name)
            if table is None or table.shape != wanted or not np.allclose(table.sum(-1), 1):
                raise InputError(f"the table of {name} must have shape {wanted} and rows of sum 1")

    def level(self, name: str) -> int:
        """Number of values of a node."""
        return self.levels[self.graph.index(name)]

    def causes(self, name: str) -> list[Edge]:
        """Hidden causes of a node."""
        return [edge for edge in self.hidden if name in edge]

    def joint(self, do: str | Iterable[str] = ()) -> Floats:
        """P(v), with one axis a node in the graph's order; an axis in `do` is what is set.

        With `do` every slice along its axes is a distribution of the other nodes.

        Raises
        ------
        NotSupported
            More than about four million cells.
        """
        inner, d = self._inner, self.graph.d
        if np.prod(self.levels, dtype=float) > MOST_CELLS:
            raise NotSupported(f"the joint table of {d} nodes has more than {MOST_CELLS} cells")
        cut = inner.mask([do] if isinstance(do, str) else do)
        out = np.ones(self.levels)
        for district in inner.districts(inner.all):
            axes, factor = self._factor(district, cut & district)
            shape = [self.levels[i] if i in axes else 1 for i in range(d)]
            out = out * factor.reshape(shape)
        return out

    def table(self, do: str | Iterable[str] = ()) -> Joint:
        """The observed joint with its names, as an estimand evaluates it."""
        return Joint(self.joint(do), self.graph.names)

    def effect(self, asked: Interventional) -> Floats:
        """P(outcomes | do, given): one axis an outcome, then treatment, then given name."""
        full = self.joint(asked.do)
        at = [self.graph.index(name) for name in asked.names]
        others = tuple(i for i in range(full.ndim) if i not in at)
        kept = sorted(at)
        joint = full.sum(axis=others).transpose([kept.index(i) for i in at])
        return np.asarray(joint / joint.sum(axis=tuple(range(len(asked.outcomes))), keepdims=True))

    def _factor(self, district: int, cut: int) -> tuple[list[int], Floats]:
        """Product of the tables of a district without `cut`, hidden causes summed out."""
        if (district, cut) not in self._kept:
            self._kept[district, cut] = self._contracted(district, cut)
        return self._kept[district, cut]

    def _contracted(self, district: int, cut: int) -> tuple[list[int], Floats]:
        names = self._inner.named(district & ~cut)
        operands: list[Any] = []
        at: dict[Any, int] = {}  # name or hidden cause -> its letter
        for name in names:
            axes = [*self.causes(name), *self.graph.parents(name), name]
            operands += [self.tables[name], [at.setdefault(n, len(at)) for n in axes]]
        for edge in [e for e in at if not isinstance(e, str)]:
            operands += [self.hidden[edge], [at[edge]]]
        if not operands:
            return [], np.ones(())
        left = {self.graph.index(n): k for n, k in at.items() if isinstance(n, str)}
        wide: Any = "greedy" if len(at) > 12 else False
        out = np.einsum(*operands, [left[i] for i in sorted(left)], optimize=wide)
        return sorted(left), np.asarray(out)


def hidden_edges(graph: Graph) -> list[Edge]:
    """Bidirected edges as pairs of names."""
    rows, columns = np.nonzero(np.triu(bidirected_part(graph.marks)))
    return [(graph.names[i], graph.names[j]) for i, j in zip(rows, columns, strict=True)]


def random_latent_model(
    graph: Graph,
    *,
    levels: int = 2,
    hidden_levels: int = 2,
    concentration: float = 1.0,
    rng: np.random.Generator,
) -> LatentModel:
    """A model with tables from a Dirichlet distribution: every cell has positive probability.

    levels, hidden_levels : values of each node and of each hidden cause; concentration : of the
    Dirichlet, small for strong effects.
    """
    causes = hidden_edges(graph)
    hidden = {edge: rng.dirichlet(np.full(hidden_levels, 2.0)) for edge in causes}
    counts = directed_part(graph.marks).sum(axis=0).tolist()
    tables = {}
    for name, parents in zip(graph.names, counts, strict=True):
        behind = sum(name in edge for edge in causes)
        shape = (hidden_levels,) * behind + (levels,) * parents
        tables[name] = rng.dirichlet(np.full(levels, concentration), size=shape)
    return LatentModel(graph, (levels,) * graph.d, hidden, tables)
