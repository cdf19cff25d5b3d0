"""PlugIn: the formula evaluated on the empirical distribution of the columns."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ...core.errors import InputError, Overlap
from ...core.graph import Graph
from ...graphs.identification.asking import identified
from ...graphs.identification.expression import Joint
from ...graphs.identification.formula import Formula
from ...graphs.identification.query import Interventional
from ..estimators.problem import Fitted
from .gradient import functional
from .task import Task

Floats = NDArray[np.float64]
MOST_CELLS = 1_000_000
FEW = 10  # values up to which a numeric column is taken as discrete


@dataclass(frozen=True)
class PlugIn:
    """Any identified formula, with the observed distribution in place of the true one.

    Discrete columns: the formula is a smooth function of the cell probabilities, its influence
    function the exact gradient there; the model of a table is saturated, so that this is the
    efficient one-step estimate too. Other columns: the formula is simulated factor by factor from
    fitted conditional models (Robins 1986, g-computation), with a bootstrap over the rows.

    Parameters
    ----------
    smoothing : rows added to each cell of the table (0: none; an empty cell that the formula
        conditions on is then refused); discrete columns only
    draws : bootstrap resamples of a simulated formula
    copies : draws a row from the fitted models of a simulated formula
    """

    smoothing: float = 0.0
    draws: int = 200
    copies: int = 2

    def __post_init__(self) -> None:
        if not (np.isfinite(self.smoothing) and self.smoothing >= 0):
            raise InputError(f"smoothing={self.smoothing!r}: expected rows added to a cell, >= 0")
        for name, least in (("draws", 20), ("copies", 1)):
            if not isinstance(getattr(self, name), int) or getattr(self, name) < least:
                raise InputError(f"{name}={getattr(self, name)!r}: expected an int >= {least}")

    def formula_on(self, graph: Graph, asked: Interventional, hidden: bool) -> Formula:
        """By adjustment where that suffices, else by the complete algorithm."""
        return identified(graph, asked, hidden)

    def reach(self, task: Task, *, rng: np.random.Generator) -> Fitted:
        """Means of the arms with their influence functions.

        Raises
        ------
        Overlap
            The formula conditions on values that never occur together.
        NotSupported
            A column is not discrete, and the formula cannot be simulated.
        """
        if tabular(task):
            return self._table(task)
        from .simulation import simulated

        return simulated(task, draws=self.draws, copies=self.copies, rng=rng)

    def _table(self, task: Task) -> Fitted:
        names = task.data.names
        shape, where, levels = cells(task)
        flat = np.ravel_multi_index(where, shape)
        counts = np.bincount(flat, task.weights, int(np.prod(shape)))
        total = counts.sum()
        table = (counts + self.smoothing) / (total + self.smoothing * counts.size)
        joint = Joint(table.reshape(shape), names)
        means, rows = [], []
        for arm in task.contrast.arms:
            value, gradient = functional(
                task.formula.expression, joint, _asked(task), _weight(task, shape, levels, arm)
            )
            if not np.isfinite(value):
                raise Overlap(self._empty(task, joint, arm))
            means.append(value)
            by_row = gradient.ravel()[flat] - float((gradient * joint.table).sum())
            rows.append(by_row * total / (total + self.smoothing * counts.size))
        added = f", {self.smoothing:g} rows added to each" if self.smoothing else ""
        return Fitted(
            np.array(means), task.weights[:, None] * np.column_stack(rows),
            f"plug-in of the {task.formula.rule} formula on {counts.size} cells{added} "
            "(saturated: efficient as it is)",
            cites=("shpitser2006",),
        )  # fmt: skip

    def _empty(self, task: Task, joint: Joint, arm: float) -> str:
        try:
            task.formula.evaluate(joint.table, joint.names)
        except Overlap as error:
            reason = str(error)
        else:
            reason = f"{task.contrast.treatment} = {arm:g}: positivity fails in the table"
        return (
            f"{reason}. Merge rare levels, or add rows to each cell as a prior: "
            "rung.PlugIn(smoothing=0.5)"
        )


def tabular(task: Task) -> bool:
    """Whether every column is discrete, or has few values, and the table is not too large."""
    size = 1.0
    for name in task.data.names:
        v = task.data.variable(name)
        count = len(np.unique(task.data.column(name)))
        if not v.discrete and count > FEW:
            return False
        size *= count
    return size <= MOST_CELLS


def cells(
    task: Task,
) -> tuple[tuple[int, ...], tuple[NDArray[np.intp], ...], dict[str, Floats]]:
    """Shape of the table, the cell of each row, and the values along each axis."""
    shape, where, levels = [], [], {}
    for name in task.data.names:
        seen, code = np.unique(task.data.column(name), return_inverse=True)
        shape.append(len(seen))
        where.append(code)
        levels[name] = seen
    return tuple(shape), tuple(where), levels


def _asked(task: Task) -> tuple[str, str]:
    return task.contrast.outcome, task.contrast.treatment


def _weight(task: Task, shape: tuple[int, ...], levels: dict[str, Floats], arm: float) -> Floats:
    """y where the treatment is `arm`, 0 elsewhere: its sum with P(y | do(t)) is the arm's mean."""
    y, t = (task.data.names.index(name) for name in _asked(task))
    along = [1] * len(shape)
    along[y] = shape[y]
    mean = levels[task.contrast.outcome].astype(np.float64).reshape(along)
    along = [1] * len(shape)
    along[t] = shape[t]
    here = (levels[task.contrast.treatment] == arm).astype(np.float64).reshape(along)
    return mean * here
