"""Draws: counterfactual values of units, the point answer and the draws behind it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from .data import Data
from .errors import InputError, unknown
from .graph import Graph
from .result import Result, lock
from .variable import Variable

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, eq=False)
class Draws(Result):
    """Counterfactual values of units: the point answer, and the draws behind it.

    Parameters
    ----------
    described : tuple of Variable
    columns : dict of str to (draws, n, *shape) arrays
        Internal values, one slice a draw.
    weights : (draws,) float
        Summing to 1.
    graphs : tuple of Graph or None
        The graph behind each draw.
    meaning : str
        What the weights mean (see `Ensemble`); "equivalence class" gives ranges.
    notes : tuple of str
        What was done about missing cells of the units.
    """

    described: tuple[Variable, ...]
    columns: dict[str, NDArray[Any]]
    weights: NDArray[np.float64]
    graphs: tuple[Graph | None, ...]
    meaning: str = "posterior"
    notes: tuple[str, ...] = ()
    cites: tuple[str, ...] = field(default=("pearl2009",))

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the variables."""
        return tuple(v.name for v in self.described)

    @cached_property
    def point(self) -> Data:
        """The point answer: the weighted mean of numbers, the likeliest level of a category."""
        columns = {}
        for v in self.described:
            draws = self.columns[v.name]
            if len(draws) == 1:
                columns[v.name] = draws[0]
            elif v.discrete:
                columns[v.name] = self._mode(v)
            elif v.kind == "count":
                settled = (draws == draws[0]).all(axis=0)  # what was set stays as it was set
                columns[v.name] = np.where(settled, draws[0], np.rint(self._mean(v)))
            else:
                columns[v.name] = self._mean(v)
        return Data(self.described, columns)

    def _mean(self, v: Variable) -> NDArray[np.float64]:
        draws = self.columns[v.name]  # deviations, so that the mean of equal draws is exact
        return draws[0] + np.tensordot(self.weights, draws - draws[0], axes=1)

    def _mode(self, v: Variable) -> NDArray[np.float64]:
        shares = [self.prob(v.name, level) for level in v.levels or ()]
        return np.argmax(np.stack(shares), axis=0).astype(np.float64)

    @property
    def values(self) -> NDArray[np.float64]:
        """The point answer as a matrix (n, d); categories as codes."""
        return self.point.values

    def __len__(self) -> int:
        return len(next(iter(self.columns.values()))[0])

    def __getitem__(self, name: str) -> NDArray[Any]:
        """The point answer (n,) of a variable, in the user's own values."""
        return self.point[name]

    def _variable(self, name: str) -> Variable:
        if name not in self.names:
            raise unknown(name, self.names)
        return self.described[self.names.index(name)]

    def interval(self, level: float = 0.95) -> dict[str, tuple[NDArray[Any], NDArray[Any]]]:
        """(lower, upper) arrays (n,) for each numeric variable.

        Weighted quantiles of the draws; the whole range over an equivalence class, whose
        weights are no belief. About one unit and one variable each, not simultaneous. They hold
        what draws differ by: noise left open, unknown cells, graphs, and the uncertainty of the
        fit only if it was made on resampled rows, `Structural(graph, resamples=100)`.
        """
        if not 0 < level < 1:
            raise InputError(f"interval({level}): expected a level between 0 and 1")
        out = {}
        for v in self.described:
            if not v.discrete:
                draws = self.columns[v.name]
                if self.meaning == "equivalence class":
                    out[v.name] = (draws.min(axis=0), draws.max(axis=0))
                else:
                    out[v.name] = _quantiles(draws, self.weights, (1 - level) / 2)
        return out

    def prob(self, name: str, value: Any) -> NDArray[np.float64]:
        """Weighted share (n,) of draws in which the variable has the value."""
        v = self._variable(name)
        return np.tensordot(self.weights, self.columns[name] == v.encode(value), axes=1)

    def sets(self, level: float = 0.95) -> dict[str, tuple[tuple[Any, ...], ...]]:
        """The fewest levels of that weight, of each variable with levels: a tuple for each unit.

        Likeliest first; over an equivalence class every level that occurs.
        """
        if not 0 < level < 1:
            raise InputError(f"sets({level}): expected a level between 0 and 1")
        need, out = (1.0 if self.meaning == "equivalence class" else level), {}
        for v in (v for v in self.described if v.discrete):
            share = np.stack([self.prob(v.name, x) for x in v.levels or ()], axis=1)
            order = np.argsort(-share, axis=1, kind="stable")
            count = 1 + (np.take_along_axis(share, order, 1).cumsum(axis=1) < need - 1e-9).sum(1)
            kept = (row[:k] for row, k in zip(order, count, strict=True))
            out[v.name] = tuple(tuple((v.levels or ())[i] for i in row) for row in kept)
        return out

    def by_graph(self) -> Iterator[tuple[Graph | None, float, Draws]]:
        """(graph, weight, draws under that graph), for each distinct graph."""
        groups: dict[Any, list[int]] = {}
        for i, graph in enumerate(self.graphs):
            groups.setdefault(graph, []).append(i)
        for graph, rows in groups.items():
            weight = float(self.weights[rows].sum())
            columns = {k: lock(c[rows]) for k, c in self.columns.items()}
            part = self.weights[rows] / weight
            yield graph, weight, Draws(self.described, columns, part, (graph,) * len(rows))

    def frame(self) -> pd.DataFrame:
        """The point answer as a table."""
        return self.point.frame()

    def __repr__(self) -> str:
        graphs = len({id(g) for g in self.graphs})
        return (
            f"Draws: {len(self)} units x {len(self.described)} variables, "
            f"{len(self.weights)} draws over {graphs} graphs ({self.meaning})\n{self.frame()}"
            + "".join(f"\nnote: {note}" for note in self.notes)
        )


def _quantiles(
    draws: NDArray[Any], weights: NDArray[np.float64], tail: float
) -> tuple[NDArray[Any], NDArray[Any]]:
    if len(draws) == 1:
        return draws[0], draws[0]
    if np.allclose(weights, weights[0]):
        return tuple(np.quantile(draws, [tail, 1 - tail], axis=0))
    order = np.argsort(draws, axis=0)
    ranked = np.take_along_axis(draws, order, axis=0)
    total = np.cumsum(weights[order], axis=0)
    low_at = (total >= tail).argmax(axis=0)[None]
    high_at = (total >= 1 - tail - 1e-12).argmax(axis=0)[None]
    return (
        np.take_along_axis(ranked, low_at, axis=0)[0],
        np.take_along_axis(ranked, high_at, axis=0)[0],
    )
