"""RouteEstimator: the plug shape of estimators of formulas other than adjustment."""

from __future__ import annotations

from typing import Any, Protocol, runtime_checkable

import numpy as np

from ...core.graph import Graph
from ...graphs.identification.formula import Formula
from ...graphs.identification.query import Interventional


@runtime_checkable
class RouteEstimator(Protocol):
    """Chooses a formula on a graph, and estimates the mean outcome under each arm by it."""

    def formula_on(self, graph: Graph, asked: Interventional, hidden: bool) -> Formula:
        """The formula it uses; `hidden` says that the graph is a MAG.

        Raises
        ------
        NotIdentified
            It has none on this graph.
        """

    def reach(self, task: Any, *, rng: np.random.Generator) -> Any:
        """Fitted means of the arms and influence functions for a `rung.effects.routes.task.Task`.

        Same shapes as those of an `Estimator` (`rung.effects.estimators.problem.Fitted`).
        """
