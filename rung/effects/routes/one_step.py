"""OneStep: the efficient estimate of a formula where its influence function is known."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ...core.errors import InputError, NotSupported
from ...core.graph import Graph
from ...graphs.identification.asking import identified
from ...graphs.identification.formula import Formula
from ...graphs.identification.query import Interventional
from ...inference.resampling import folds as deal
from ..estimators.problem import Fitted, covariates
from .front_door import FEWEST, FrontDoor, set_of
from .nuisances import steady
from .plug_in import PlugIn, tabular
from .task import Task

SMALL = 256  # cells of a table that is plugged in before a model is fitted


@dataclass(frozen=True)
class OneStep:
    """Plug-in plus the mean of the estimated influence function, where that is known.

    Discrete columns: the plug-in of a table is one-step already, since the mean of its influence
    function is 0. A front-door set: `FrontDoor()`. Other formulas on columns that are not
    discrete: refused; `PlugIn()` simulates them.
    """

    def formula_on(self, graph: Graph, asked: Interventional, hidden: bool) -> Formula:
        """By adjustment where that suffices, else by the complete algorithm."""
        return identified(graph, asked, hidden)

    def reach(self, task: Task, *, rng: np.random.Generator) -> Fitted:
        """Means of the arms with their influence functions.

        Raises
        ------
        NotSupported
            No influence function is known for the formula on such columns.
        """
        chosen = one_step_of(task)
        if chosen is None:
            raise NotSupported(
                f"no influence function is known here for {task.formula.text} on columns that are "
                "not discrete: use PlugIn(), which simulates it and takes its interval from the "
                "bootstrap"
            )
        return chosen.reach(task, rng=rng)


@dataclass(frozen=True)
class Best:
    """What `rung.effect` uses by default: a small table as it is, one-step, else simulation.

    The one-step for a dose is linear in dose and mediators: where out-of-fold losses ask for more,
    the formula is simulated.
    """

    def formula_on(self, graph: Graph, asked: Interventional, hidden: bool) -> Formula:
        """By adjustment where that suffices, else by the complete algorithm."""
        return identified(graph, asked, hidden)

    def reach(self, task: Task, *, rng: np.random.Generator) -> Fitted:
        """Means of the arms with their influence functions."""
        chosen = one_step_of(task)
        if isinstance(chosen, FrontDoor):
            try:
                if not task.contrast.discrete and bends(task, rng):
                    return PlugIn().reach(task, rng=rng)
                return chosen.reach(task, rng=rng)
            except InputError:
                chosen = None
        return (chosen or PlugIn()).reach(task, rng=rng)


def one_step_of(task: Task) -> FrontDoor | PlugIn | None:
    """The estimator whose influence function is known for a task, or None."""
    table = tabular(task)
    if table and _size(task) <= SMALL:
        return PlugIn()
    found = set_of(task)
    if found is not None and _enough(task):
        return FrontDoor()
    return PlugIn() if table else None


def _size(task: Task) -> float:
    return float(np.prod([len(np.unique(task.data.column(n))) for n in task.data.names]))


def _enough(task: Task) -> bool:
    if not task.contrast.discrete:
        return True
    counts = np.unique(task.data.column(task.contrast.treatment), return_counts=True)[1]
    return bool(counts.min() >= FEWEST)


def bends(task: Task, rng: np.random.Generator) -> bool:
    """Whether the mediators given the dose, or the outcome given both, are not linear."""
    found = set_of(task)
    assert found is not None
    data, t, y = task.data, task.contrast.treatment, task.contrast.outcome
    folds = deal(rng, data.n, 5, unit=task.groups).astype(np.int64)
    asked = [(m, (t, *found.given)) for m in found.mediators]
    asked.append((y, (t, *found.mediators, *found.given)))
    for name, given in asked:
        x, sizes = covariates(data, given)
        target = np.asarray(data.column(name), dtype=np.float64)
        form = steady(x, sizes, target, task.weights, folds, binary=False)
        if form.terms != "linear":
            return True
    return False
