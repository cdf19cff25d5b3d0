"""The data of the structure benchmark: drawn by seed, with the truth behind them.

Fixed before the first run. Linear data as in the tables of other tools: random DAGs of average
degree 4, weights of absolute value 0.5 to 1.5, unit noise, columns standardised by their sample
deviations, so that variances tell nothing about the order (Reisach, Seiler and Weichwald 2021).
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...core.data import Data
from ...core.graph import Graph
from ...core.variable import Kind, Variable
from ...datasets.networks import network
from ...graphs import cpdag
from ...simulate.graphs import Topology, random_dag

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Problem:
    """Rows (n, d), levels of each column (0 for numbers), what an answer is compared with.

    `dag` is the linear DAG behind the rows, where all its variables are there.
    """

    x: Floats
    sizes: NDArray[np.int64]
    truth: Graph
    dag: Graph | None = None

    @cached_property
    def sha256(self) -> str:
        """Hash of the rows, for the cache of what other tools answered."""
        return hashlib.sha256(np.ascontiguousarray(self.x).tobytes()).hexdigest()

    @property
    def data(self) -> Data:
        """The rows as Data in memory."""
        return as_data(self.x, self.sizes)


def as_data(x: Floats, sizes: NDArray[np.int64]) -> Data:
    """Data named X1, X2, ... of a matrix, with levels where `sizes` is not 0."""
    described = [
        Variable(f"X{j + 1}")
        if not size
        else Variable(
            f"X{j + 1}",
            Kind.BINARY if size == 2 else Kind.CATEGORICAL,
            tuple(str(level) for level in range(size)),
        )
        for j, size in enumerate(sizes.tolist())
    ]
    return Data.from_matrix(x, variables=described)


@dataclass(frozen=True)
class Linear:
    """Linear data of a random DAG.

    Parameters
    ----------
    d, n : int
    topology : Topology
    degree : float
    noise : str
        "normal" or "laplace", unit variance.
    hidden : int
        So many variables with two children or more are left out; the truth is then a PAG.
    scaled : bool
        Standardise the columns; without it the noise variances are equal, and known to be.
    weights : (float, float)
    against : str
        "cpdag", "dag" or "pag": what an answer is compared with.
    """

    d: int
    n: int
    topology: Topology = Topology.ER
    degree: float = 4.0
    noise: str = "normal"
    hidden: int = 0
    scaled: bool = True
    weights: tuple[float, float] = (0.5, 1.5)
    against: str = "cpdag"

    @property
    def label(self) -> str:
        """What is drawn, in a few words."""
        extra = [f"{self.hidden} hidden"] * bool(self.hidden)
        extra += [f"{self.noise} noise"] * (self.noise != "normal")
        extra += ["equal variances"] * (not self.scaled)
        extra += [f"degree {self.degree:g}"] * (self.degree != 4.0)
        more = f", {', '.join(extra)}" if extra else ""
        return f"{self.topology.value} d={self.d}, n={self.n}{more}"

    def draw(self, seed: int) -> Problem:
        """The problem of a seed."""
        rng = np.random.default_rng([seed, self.d, self.n])
        total = self.d + self.hidden
        dag = random_dag(total, degree=self.degree, kind=self.topology, seed=rng)
        x = _rows(dag, self.n, self.noise, self.weights, rng)
        names = list(dag.names)
        if self.hidden:
            children = dag.adjacency().sum(axis=1)
            common = np.nonzero(children >= 2)[0]
            away = rng.choice(common, size=self.hidden, replace=False)
            keep = np.setdiff1d(np.arange(total), away)
            truth = _pag(dag, [names[i] for i in away.tolist()])
            x, names = x[:, keep], [names[i] for i in keep.tolist()]
            truth = truth.reorder(names)
        else:
            truth = dag if self.against == "dag" else cpdag(dag)
        if self.scaled:
            x = (x - x.mean(axis=0)) / x.std(axis=0)
        renamed = {old: f"X{j + 1}" for j, old in enumerate(names)}
        sizes = np.zeros(self.d, dtype=np.int64)
        whole = None if self.hidden else dag.relabel(renamed)
        return Problem(np.ascontiguousarray(x), sizes, truth.relabel(renamed), whole)


def _pag(dag: Graph, latents: list[str]) -> Graph:
    from ...graphs import pag

    return pag(dag, latents=latents)


def _rows(
    dag: Graph, n: int, noise: str, weights: tuple[float, float], rng: np.random.Generator
) -> Floats:
    """x[:, j] = sum of weight * parent + noise, column by column in causal order."""
    adjacency = dag.adjacency() > 0
    draws = rng.normal(size=(n, dag.d))
    if noise == "laplace":
        draws = rng.laplace(scale=2.0**-0.5, size=(n, dag.d))
    out = np.empty((n, dag.d))
    where = {name: j for j, name in enumerate(dag.names)}
    for name in dag.topological_order():
        j = where[name]
        parents = np.nonzero(adjacency[:, j])[0]
        size = rng.uniform(*weights, len(parents)) * rng.choice([-1.0, 1.0], len(parents))
        out[:, j] = out[:, parents] @ size + draws[:, j]
    return out


@dataclass(frozen=True)
class Network:
    """Rows drawn from a published discrete network, read from an installed pgmpy."""

    name: str
    n: int
    against: str = "cpdag"

    @property
    def label(self) -> str:
        """What is drawn, in a few words."""
        return f"{self.name}, n={self.n}"

    @property
    def d(self) -> int:
        """Number of variables that vary in the network."""
        return len(network(self.name).names)

    def draw(self, seed: int) -> Problem:
        """The problem of a seed; levels are coded in the order of the file."""
        model = network(self.name)
        drawn = model.sample(self.n, np.random.default_rng([seed, self.n]))
        names = list(model.names)
        x = np.column_stack([drawn[v] for v in names]).astype(np.float64)
        sizes = np.array([len(model.levels[v]) for v in names], dtype=np.int64)
        renamed = {old: f"X{j + 1}" for j, old in enumerate(names)}
        truth = cpdag(model.graph.reorder(names).relabel(renamed))
        return Problem(np.ascontiguousarray(x), sizes, truth)


@dataclass(frozen=True)
class Pairwise:
    """Rows for one conditional test: x and y are smooth functions of z and noise.

    `dependent` adds half of x's noise to y. Column 0 is x, 1 is y, the rest z.
    """

    n: int
    given: int
    dependent: bool = False
    against: str = "value"

    @property
    def label(self) -> str:
        """What is drawn, in a few words."""
        return f"n={self.n}, |Z|={self.given}{', dependent' if self.dependent else ''}"

    @property
    def d(self) -> int:
        """Number of columns."""
        return 2 + self.given

    def draw(self, seed: int) -> Problem:
        """The problem of a seed; there is no graph to find."""
        rng = np.random.default_rng([seed, self.n, self.given, int(self.dependent)])
        z = rng.normal(size=(self.n, self.given))
        shared = rng.normal(size=self.n)
        total = z.sum(axis=1) / max(self.given, 1) ** 0.5
        x = np.tanh(total) + 0.5 * shared
        y = np.cos(total) + 0.5 * rng.normal(size=self.n) + 0.15 * self.dependent * shared
        out = np.column_stack([x, y, z])
        names = tuple(f"X{j + 1}" for j in range(self.d))
        empty = Graph(names, np.zeros((self.d, self.d), dtype=np.uint8))
        return Problem(np.ascontiguousarray(out), np.zeros(self.d, dtype=np.int64), empty)


Case = Linear | Network | Pairwise


def describe(case: Case) -> Mapping[str, Any]:
    """Label, columns and rows of a case."""
    return {"case": case.label, "d": case.d, "n": case.n}
