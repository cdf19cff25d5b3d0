"""SCMs with additive smooth curves and interactions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from ..core.data import Data
from ..core.graph import Graph
from ..core.mechanism import Parents
from ..core.scm import SCM
from ..core.variable import Variable
from ..mechanisms.additive import Additive
from ..mechanisms.features import Predictor
from ..mechanisms.noise import Gaussian, Residual
from .graphs import Topology, random_dag

Floats = NDArray[np.float64]
KNOTS = 8
RANGE = 2.5  # curves bend within this many standard deviations, and are straight beyond


@dataclass(frozen=True, eq=False)
class Wiggly(Additive):
    """x = sum of curves of the parents + interactions + u.

    Parameters
    ----------
    variable : Variable
    predictor : Predictor
    pairs : tuple of (str, str, float)
        Adds the number times tanh of the first times tanh of the second parent.
    residual : Residual
    """

    variable: Variable
    predictor: Predictor
    pairs: tuple[tuple[str, str, float], ...]
    residual: Residual

    @property
    def parents(self) -> tuple[Variable, ...]:  # type: ignore[override]
        return self.predictor.parents

    def mean(self, parents: Parents, n: int) -> Floats:
        out = self.predictor.one(parents, n)
        for a, b, size in self.pairs:
            out += size * np.tanh(parents[a]) * np.tanh(parents[b])
        return out


def random_curve(rng: np.random.Generator) -> tuple[Floats, Floats]:
    """Knots and values of a curve with mean 0 and variance 1 under a standard normal."""
    knots = np.linspace(-RANGE, RANGE, KNOTS)
    gap = knots[:, None] - knots[None, :]
    kernel = np.exp(-0.5 * gap**2) + 1e-8 * np.eye(KNOTS)
    values = np.linalg.cholesky(kernel) @ rng.standard_normal(KNOTS)
    mass = np.exp(-0.5 * knots**2)
    mass /= mass.sum()
    values = values - mass @ values
    return knots, values / max(float(np.sqrt(mass @ values**2)), 0.1)


def random_predictor(
    parents: Sequence[Variable], outputs: int, share: float, rng: np.random.Generator
) -> Predictor:
    """Random contributions of mixed parents to each output, with variance about `share`."""
    size = np.sqrt(share / max(len(parents), 1))
    effects, knots = [], []
    for v in parents:
        if v.discrete:
            effects.append(size * rng.standard_normal((v.size, outputs)))
            knots.append(np.empty(0))
        else:
            curves = [random_curve(rng) for _ in range(outputs)]
            effects.append(size * np.column_stack([values for _, values in curves]))
            knots.append(curves[0][0])
    return Predictor(tuple(parents), np.zeros(outputs), tuple(effects), tuple(knots))


def wiggly(
    variable: Variable,
    parents: Sequence[Variable],
    signal: float,
    interactions: float,
    noise: Residual,
    rng: np.random.Generator,
) -> Wiggly:
    """A random mechanism whose parents explain about the share `signal` of a unit variance."""
    if not parents:
        return Wiggly(variable, Predictor((), np.zeros(1), ()), (), noise.scaled(1 / noise.sd))
    predictor = random_predictor(parents, 1, signal, rng)
    numeric = [v.name for v in parents if not v.discrete]
    pairs = [
        (a, b, float(rng.choice([-1.5, 1.5]) * np.sqrt(signal)))
        for i, a in enumerate(numeric)
        for b in numeric[i + 1 :]
        if rng.random() < interactions
    ]
    return Wiggly(variable, predictor, tuple(pairs), noise.scaled(np.sqrt(1 - signal) / noise.sd))


@dataclass(frozen=True)
class NonlinearSCM:
    """Random SCMs with smooth curves (draws of a Gaussian process) and additive noise.

    Parameters
    ----------
    d : int
        Number of variables.
    degree : float, optional
        Expected number of neighbours of a node (see `random_dag`); the smaller of 4 and d - 1.
    noise : Residual
        Family of the noise.
    signal : float
        Share of a node's variance that its parents explain, about.
    interactions : float
        Chance that two parents of a node interact.
    topology : Topology
    graph : Graph, optional
        A fixed DAG instead of a random one; then d and degree are not used.
    """

    d: int = 10
    degree: float | None = None
    noise: Residual = field(default_factory=Gaussian)
    signal: float = 0.6
    interactions: float = 0.0
    topology: Topology = Topology.ER
    graph: Graph | None = None

    def scm(self, rng: np.random.Generator) -> SCM:
        """The SCM that `draw` draws from with the same generator."""
        graph = self.graph
        if graph is None:
            degree = min(4.0, self.d - 1.0) if self.degree is None else self.degree
            graph = random_dag(self.d, degree=degree, kind=self.topology, seed=rng)
        by = {name: Variable(name) for name in graph.names}
        mechanisms = {
            name: wiggly(
                by[name], [by[p] for p in graph.parents(name)],
                self.signal, self.interactions, self.noise, rng,
            )
            for name in graph.names
        }  # fmt: skip
        return SCM(graph, mechanisms)

    def draw(self, n: int, *, rng: np.random.Generator) -> tuple[Data, Graph]:
        """n rows and the graph behind them."""
        scm = self.scm(rng)
        return scm.sample(n, seed=rng), scm.graph
