"""Linear SCMs with known coefficients."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from ..core.data import Data
from ..core.errors import InputError
from ..core.graph import Graph
from ..core.scm import SCM
from ..core.variable import Variable
from ..mechanisms.linear import Linear
from ..mechanisms.noise import Gaussian, Residual
from .graphs import Topology, random_dag

Floats = NDArray[np.float64]


def linear_scm(weights: Floats, names: tuple[str, ...], noise: tuple[Residual, ...]) -> SCM:
    """The SCM x = W^T x + u of `weights[i, j]`, the coefficient of i in j."""
    graph = Graph.from_adjacency(weights, names)
    variables = [Variable(name) for name in names]
    mechanisms = {}
    for j, v in enumerate(variables):
        parents = np.nonzero(weights[:, j])[0]
        mechanisms[v.name] = Linear.of(
            v, [variables[i] for i in parents], weights[parents, j], noise=noise[j]
        )
    return SCM(graph, mechanisms)


def standardised(weights: Floats, sds: Floats) -> tuple[Floats, Floats]:
    """Weights and noise sds of the SCM in which every variable has variance 1."""
    total = np.linalg.inv(np.eye(len(weights)) - weights)
    scale = np.sqrt(((total.T * sds) ** 2).sum(axis=1))
    return weights * scale[:, None] / scale[None, :], sds / scale


@dataclass(frozen=True)
class LinearSCM:
    """Random linear SCMs.

    Parameters
    ----------
    d : int
        Number of variables.
    degree : float
        Expected number of neighbours of a node (see `random_dag`); the smaller of 4 and d - 1
        if not given.
    noise : Residual
        Family of the noise: Gaussian(), Laplace(), Uniform(), Exponential(), Student().
    weights : (float, float)
        Range of the absolute coefficients before standardising; signs are even.
    sds : (float, float)
        Range of the noise standard deviations before standardising.
    standardise : bool
        Give every variable variance 1 in the population, so that variances do not tell the
        causal order (Reisach, Seiler and Weichwald 2021).
    topology : Topology
    graph : Graph, optional
        A fixed DAG instead of a random one; then d and degree are not used.
    """

    d: int = 10
    degree: float | None = None
    noise: Residual = field(default_factory=Gaussian)
    weights: tuple[float, float] = (0.5, 2.0)
    sds: tuple[float, float] = (1.0, 1.0)
    standardise: bool = True
    topology: Topology = Topology.ER
    graph: Graph | None = None

    def __post_init__(self) -> None:
        for name in ("weights", "sds"):
            low, high = getattr(self, name)
            if not 0 < low <= high:
                raise InputError(f"LinearSCM({name}={(low, high)}): expected 0 < low <= high")

    def scm(self, rng: np.random.Generator) -> SCM:
        """The SCM that `draw` draws from with the same generator."""
        graph = self.graph
        if graph is None:
            degree = min(4.0, self.d - 1.0) if self.degree is None else self.degree
            graph = random_dag(self.d, degree=degree, kind=self.topology, seed=rng)
        adjacency = graph.adjacency().astype(np.float64)
        size = rng.uniform(*self.weights, adjacency.shape)
        weights = adjacency * size * rng.choice([-1.0, 1.0], adjacency.shape)
        sds = rng.uniform(*self.sds, graph.d)
        if self.standardise:
            weights, sds = standardised(weights, sds)
        noise = tuple(self.noise.scaled(sd / self.noise.sd) for sd in sds.tolist())
        return linear_scm(weights, graph.names, noise)

    def draw(self, n: int, *, rng: np.random.Generator) -> tuple[Data, Graph]:
        """n rows and the graph behind them."""
        scm = self.scm(rng)
        return scm.sample(n, seed=rng), scm.graph
