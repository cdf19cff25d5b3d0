"""SCMs of levels with random conditional probability tables."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..core.data import Data
from ..core.errors import InputError
from ..core.graph import Graph
from ..core.scm import SCM
from ..core.variable import Kind, Variable
from ..mechanisms.table import Table
from .graphs import Topology, random_dag


@dataclass(frozen=True)
class DiscreteSCM:
    """Random Bayesian networks.

    Parameters
    ----------
    d : int
        Number of variables.
    degree : float, optional
        Expected number of neighbours of a node (see `random_dag`); the smaller of 3 and d - 1.
    levels : (int, int)
        Fewest and most levels of a variable.
    alpha : float
        Each row of a table is a draw from Dirichlet(alpha, ..., alpha).
    topology : Topology
    graph : Graph, optional
        A fixed DAG instead of a random one; then d and degree are not used.
    """

    d: int = 10
    degree: float | None = None
    levels: tuple[int, int] = (2, 3)
    alpha: float = 0.5
    topology: Topology = Topology.ER
    graph: Graph | None = None

    def __post_init__(self) -> None:
        if not 2 <= self.levels[0] <= self.levels[1]:
            raise InputError(f"DiscreteSCM(levels={self.levels}): expected 2 <= fewest <= most")

    def scm(self, rng: np.random.Generator) -> SCM:
        """The SCM that `draw` draws from with the same generator."""
        graph = self.graph
        if graph is None:
            degree = min(3.0, self.d - 1.0) if self.degree is None else self.degree
            graph = random_dag(self.d, degree=degree, kind=self.topology, seed=rng)
        low, high = self.levels
        by = {}
        for name in graph.names:
            size = int(rng.integers(low, high + 1))
            kind = Kind.BINARY if size == 2 else Kind.CATEGORICAL
            by[name] = Variable(name, kind, tuple(range(size)))
        mechanisms = {}
        for name in graph.names:
            parents = tuple(by[p] for p in graph.parents(name))
            shape = tuple(p.size for p in parents)
            rows = rng.dirichlet(np.full(by[name].size, self.alpha), size=shape or None)
            table = np.maximum(rows, 1e-6)
            table = table / table.sum(axis=-1, keepdims=True)
            mechanisms[name] = Table(by[name], parents, table)
        return SCM(graph, mechanisms)

    def draw(self, n: int, *, rng: np.random.Generator) -> tuple[Data, Graph]:
        """n rows and the graph behind them."""
        scm = self.scm(rng)
        return scm.sample(n, seed=rng), scm.graph
