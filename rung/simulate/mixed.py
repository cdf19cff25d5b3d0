"""SCMs of numbers, counts and levels."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from ..core.data import Data
from ..core.errors import InputError
from ..core.graph import Graph
from ..core.mechanism import Mechanism
from ..core.scm import SCM
from ..core.variable import Kind, Variable
from ..mechanisms.features import Predictor
from ..mechanisms.linear import Linear
from ..mechanisms.logit import Logit
from ..mechanisms.noise import Gaussian, Residual
from ..mechanisms.poisson import PoissonCounts
from .graphs import Topology, random_dag
from .nonlinear import random_predictor, wiggly


@dataclass(frozen=True)
class MixedSCM:
    """Random SCMs of continuous, count, binary and categorical variables.

    Continuous nodes are sums of contributions of their parents plus noise, discrete ones have
    logit probabilities, counts are Poisson with a log-additive mean.

    Parameters
    ----------
    d : int
        Number of variables.
    degree : float, optional
        Expected number of neighbours of a node (see `random_dag`); the smaller of 3 and d - 1.
    binary, categorical, counts : float or int
        Share of such variables, or their number if an int.
    levels : int
        Levels of a categorical variable.
    noise : Residual
        Family of the noise of continuous nodes.
    signal : float
        Share of a continuous node's variance that its parents explain, about.
    curves : bool
        Smooth curves of numeric parents, else lines.
    topology : Topology
    graph : Graph, optional
        A fixed DAG instead of a random one; then d and degree are not used.
    """

    d: int = 10
    degree: float | None = None
    binary: float | int = 0.2
    categorical: float | int = 0.2
    counts: float | int = 0
    levels: int = 3
    noise: Residual = field(default_factory=Gaussian)
    signal: float = 0.5
    curves: bool = False
    topology: Topology = Topology.ER
    graph: Graph | None = None

    def __post_init__(self) -> None:
        if self.levels < 3 or min(self.binary, self.categorical, self.counts) < 0:
            raise InputError("MixedSCM: expected at least 3 levels and shares of at least 0")

    def scm(self, rng: np.random.Generator) -> SCM:
        """The SCM that `draw` draws from with the same generator."""
        graph = self.graph
        if graph is None:
            degree = min(3.0, self.d - 1.0) if self.degree is None else self.degree
            graph = random_dag(self.d, degree=degree, kind=self.topology, seed=rng)
        d = graph.d
        shares = {Kind.BINARY: self.binary, Kind.CATEGORICAL: self.categorical}
        shares[Kind.COUNT] = self.counts
        kinds = [
            kind
            for kind, k in shares.items()
            for _ in range(k if isinstance(k, int) else round(k * d))
        ]
        if len(kinds) > d:
            raise InputError(
                f"MixedSCM: {len(kinds)} variables of other kinds, but only {d} in all"
            )
        kinds += [Kind.CONTINUOUS] * (d - len(kinds))
        order = rng.permutation(d)
        by = {}
        for i, name in enumerate(graph.names):
            kind = kinds[order[i]]
            levels = {Kind.BINARY: (0, 1), Kind.CATEGORICAL: tuple("abcdefghijkl"[: self.levels])}
            by[name] = Variable(name, kind, levels.get(kind))
        return SCM(graph, {name: self._mechanism(name, graph, by, rng) for name in graph.names})

    def _mechanism(
        self, name: str, graph: Graph, by: dict[str, Variable], rng: np.random.Generator
    ) -> Mechanism:
        variable, parents = by[name], [by[p] for p in graph.parents(name)]
        if variable.kind is Kind.COUNT:
            predictor = random_predictor(parents, 1, 0.3, rng)
            return PoissonCounts(variable, predictor if self.curves else _straight(predictor))
        if not variable.discrete:
            fitted = wiggly(variable, parents, self.signal, 0.0, self.noise, rng)
            if self.curves:
                return fitted
            return Linear(variable, _straight(fitted.predictor), fitted.residual)
        predictor = random_predictor(parents, variable.size - 1, 2.0, rng)
        return Logit(variable, predictor if self.curves else _straight(predictor))

    def draw(self, n: int, *, rng: np.random.Generator) -> tuple[Data, Graph]:
        """n rows and the graph behind them."""
        scm = self.scm(rng)
        return scm.sample(n, seed=rng), scm.graph


def _straight(predictor: Predictor) -> Predictor:
    """Lines with the size and sign of the curves."""
    effects = []
    for v, effect in zip(predictor.parents, predictor.effects):
        if v.discrete:
            effects.append(effect)
        else:
            sign = np.where(effect[-1] >= effect[0], 1.0, -1.0)
            effects.append((sign * np.abs(effect).mean(axis=0))[None])
    return Predictor(predictor.parents, predictor.intercept, tuple(effects))
