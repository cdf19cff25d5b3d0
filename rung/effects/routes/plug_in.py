"""PlugIn: the formula evaluated on the empirical distribution of discrete columns."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ...core.errors import InputError, NotSupported
from ...core.graph import Graph
from ...graphs.identification.expression import Joint, leftover
from ...graphs.identification.formula import Formula
from ...graphs.identification.identify import identified
from ...graphs.identification.query import Interventional
from ..problem import Fitted
from .task import Task

Floats = NDArray[np.float64]
MOST_CELLS = 4096


@dataclass(frozen=True)
class PlugIn:
    """Any identified formula, with the observed distribution in place of the true one.

    Exact on discrete columns: the formula is a smooth function of the cell probabilities, its
    influence function the gradient there, which is efficient (the model is saturated).
    """

    def formula_on(self, graph: Graph, asked: Interventional, hidden: bool) -> Formula:
        """By adjustment where that suffices, else by the complete algorithm."""
        return identified(graph, asked, hidden)

    def reach(self, task: Task, *, rng: np.random.Generator) -> Fitted:
        """Means of the arms with their influence functions."""
        names = task.data.names
        cells, where, values = _cells(task)
        table = np.zeros(cells)
        np.add.at(table, where, task.weights)
        table /= table.sum()
        means, gradient = _means(task, table, names, values)
        rows = gradient.reshape(len(gradient), -1)[:, np.ravel_multi_index(where, cells)].T
        influence = rows - np.tensordot(gradient, table, axes=table.ndim)
        return Fitted(
            means, task.weights[:, None] * influence,
            f"plug-in of the {task.formula.rule} formula on {table.size} cells",
            cites=("shpitser2006",),
        )  # fmt: skip


def _cells(task: Task) -> tuple[tuple[int, ...], tuple[NDArray[np.intp], ...], Floats]:
    """Shape of the table, the cell of each row, and the values of the outcome."""
    shape, where, values = [], [], np.zeros(0)
    for name in task.data.names:
        seen, code = np.unique(task.data.column(name), return_inverse=True)
        if not task.data.variable(name).discrete and len(seen) > 10:
            raise NotSupported(f"{name!r} is not discrete: the formula cannot be plugged in")
        shape.append(len(seen))
        where.append(code)
        if name == task.contrast.outcome:
            values = seen
    if np.prod(shape) > MOST_CELLS:
        raise InputError(f"the table of {', '.join(task.data.names)} has {np.prod(shape)} cells")
    return tuple(shape), tuple(where), values


def _means(
    task: Task, table: Floats, names: tuple[str, ...], values: Floats
) -> tuple[Floats, Floats]:
    """Mean outcome under each arm (m,), and its gradient (m, *cells) by central differences."""

    def at(p: Floats) -> Floats:
        joint = Joint(p / p.sum(), names)
        y, t = joint.axes((task.contrast.outcome, task.contrast.treatment))
        asked = (task.contrast.outcome, task.contrast.treatment)
        found = leftover(task.formula.expression.value(joint), joint, asked)
        shape = [table.shape[i] if i in (y, t) else 1 for i in range(table.ndim)]
        grid = np.moveaxis(np.broadcast_to(found, shape), (y, t), (0, 1)).reshape(shape[y], -1)
        levels = np.unique(task.data.column(task.contrast.treatment))
        return np.array([values @ grid[:, np.searchsorted(levels, a)] for a in task.contrast.arms])

    means = at(table)
    gradient = np.zeros((len(means), *table.shape))
    step = 1e-6
    flat = gradient.reshape(len(means), -1)
    for cell in np.flatnonzero(table).tolist():
        ends = []
        for sign in (1, -1):
            moved = table.copy()
            moved.flat[cell] *= 1 + sign * step
            ends.append(at(moved))
        flat[:, cell] = (ends[0] - ends[1]) / (2 * step * table.flat[cell])
    return means, gradient
