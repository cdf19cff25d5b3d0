"""Simulated data whose mechanisms change over time or environments, with the truth."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..core.data import Data
from ..core.graph import Graph
from ..simulate.graphs import random_dag

Floats = NDArray[np.float64]
SMOOTH = 0.15  # correlation length of a drift, as a share of the time observed
GRID = 100  # times at which a drift is drawn
STRENGTH = {"coefficients": 0.8, "noise": 0.6, "mean": 1.0}  # of a change of one sd of its drift
SHAPES = (lambda u: u, lambda u: 1.5 * np.tanh(1.5 * u), lambda u: 1.2 * np.sin(1.5 * u))


@dataclass(frozen=True, eq=False)
class Drawn:
    """Rows, the graph behind them, and the drift of each changing mechanism at every row."""

    data: Data
    graph: Graph
    drifts: dict[str, Floats]


def drift(rng: np.random.Generator) -> Floats:
    """A smooth curve over [0, 1], (GRID,), mean 0 and variance 1: a Gaussian process."""
    t = np.linspace(0.0, 1.0, GRID)
    kernel = np.exp(-0.5 * ((t[:, None] - t) / SMOOTH) ** 2) + 1e-6 * np.eye(GRID)
    out = np.linalg.cholesky(kernel) @ rng.normal(size=GRID)
    return np.asarray((out - out.mean()) / out.std())


def world(kind: str, d: int, n: int, seed: int, *, environments: int = 10) -> Drawn:
    """n rows of d variables; 40% of the mechanisms, at least two, change, each by its own drift.

    In the manner of the simulations of Huang et al. (2020): smooth drifts from a Gaussian process
    ("time"), or one independent value an environment ("environments"); what changes is the
    coefficients of all parents, the noise's standard deviation, or the mean; mechanisms are linear,
    tanh or sine. Random DAG with two neighbours a node on average; every variable is brought to
    variance 1.
    """
    rng = np.random.default_rng([1903, d, n, kind == "time", seed])
    graph = random_dag(d, degree=2.0, seed=rng)
    at = np.linspace(0.0, 1.0, n)
    group = np.arange(n) * environments // n
    changing = rng.choice(d, size=max(2, round(0.4 * d)), replace=False)
    columns: dict[str, Floats] = {}
    drifts: dict[str, Floats] = {}
    for name in graph.topological_order():
        parents = graph.parents(name)
        moved = dict.fromkeys(STRENGTH, np.zeros(n))
        if graph.index(name) in changing:
            how = rng.choice(list(STRENGTH) if parents else ["noise", "mean"])
            drifts[name] = (
                np.interp(at, np.linspace(0.0, 1.0, GRID), drift(rng))
                if kind == "time"
                else rng.normal(size=environments)[group]
            )
            moved[how] = STRENGTH[how] * drifts[name]
        total = moved["mean"] + np.exp(moved["noise"]) * 0.7 * rng.normal(size=n)
        for parent in parents:
            shape = SHAPES[rng.integers(len(SHAPES))]
            sign = rng.choice([-1.0, 1.0]) * rng.uniform(0.7, 1.2)
            total = total + sign * (1.0 + moved["coefficients"]) * shape(columns[parent])
        columns[name] = (total - total.mean()) / total.std()
    data = Data.from_matrix(np.column_stack([columns[v] for v in graph.names]), graph.names)
    if kind == "time":
        return Drawn(data.replacing(time=at), graph, drifts)
    names = tuple(f"e{k}" for k in range(environments))
    return Drawn(data.replacing(environment=group, environments=names), graph, drifts)
