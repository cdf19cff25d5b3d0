"""Forty data sets with known answers, on which the rules of `Auto` are made and judged.

Fixed before the rules: even numbers are for making them, odd numbers for judging. Both halves hold
the same types of data in the same numbers, and each half has ten data sets from graphs of published
networks (with their own tables where the data are discrete) and ten from random graphs.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import numpy as np

from .. import graphs, simulate
from ..core.data import Data
from ..core.graph import Graph
from ..datasets.networks import network, rows

SEED = 2027


class Kind(StrEnum):
    """What the columns of a data set are, which decides what methods apply."""

    NUMBERS = "numbers"
    LEVELS = "levels"
    MIXED = "mixed"


@dataclass(frozen=True)
class Case:
    """One data set: `draw` gives the rows and the true CPDAG, or PAG if variables are hidden."""

    number: int
    type: str
    graph: str
    kind: Kind
    n: int
    make: Callable[[np.random.Generator], tuple[Data, Graph]]
    real: bool = False
    hidden: int = 0

    @property
    def judged(self) -> bool:
        """Whether it is in the half that rules were not made on."""
        return self.number % 2 == 1

    def draw(self) -> tuple[Data, Graph]:
        """Rows and truth, always the same."""
        rng = np.random.default_rng([SEED, self.number])
        data, dag = self.make(rng)
        if not self.hidden:
            return data, graphs.cpdag(dag)
        latents = confounders(dag, self.hidden, rng)
        return data.select([v for v in data.names if v not in latents]), graphs.pag(dag, latents)


def confounders(dag: Graph, k: int, rng: np.random.Generator) -> list[str]:
    """k nodes with at least two children, at random."""
    able = [v for v in dag.names if len(dag.children(v)) > 1]
    return [able[i] for i in sorted(rng.choice(len(able), k, replace=False))]


def _random(scm: Any, n: int) -> Callable[[np.random.Generator], tuple[Data, Graph]]:
    return lambda rng: scm.draw(n, rng=rng)


def _on(name: str, make: Any, n: int, **settings: Any) -> Callable[..., tuple[Data, Graph]]:
    """Simulated mechanisms on the graph of a published network."""
    return lambda rng: make(graph=network(name).graph, **settings).draw(n, rng=rng)


def _tables(name: str, n: int) -> Callable[[np.random.Generator], tuple[Data, Graph]]:
    """A published network with its own tables."""
    return lambda rng: (rows(name, n, rng), network(name).graph)


GAUSSIAN, OTHER, CURVED = "linear Gaussian", "linear non-Gaussian", "nonlinear"
DISCRETE, MIXED, HIDDEN, SMALL = "discrete", "mixed", "hidden variables", "small n"
SF = simulate.Topology.SF
Linear, Curves, Mixed = simulate.LinearSCM, simulate.NonlinearSCM, simulate.MixedSCM
Laplace, Exponential, Uniform = simulate.Laplace, simulate.Exponential, simulate.Uniform
NUMBERS, LEVELS, BOTH = Kind


def _cases() -> tuple[Case, ...]:
    linear = [
        ("ER, d=10", 1000, _random(Linear(d=10, degree=3), 1000)),
        ("ER, d=12", 1000, _random(Linear(d=12, degree=3), 1000)),
        ("SF, d=30", 1000, _random(Linear(d=30, degree=4, topology=SF), 1000)),
        ("SF, d=25", 2000, _random(Linear(d=25, degree=4, topology=SF), 2000)),
        ("alarm", 2000, _on("alarm", Linear, 2000)),
        ("insurance", 1000, _on("insurance", Linear, 1000)),
    ]
    other = [
        ("ER, d=15", 1000, _random(Linear(d=15, degree=3, noise=Laplace()), 1000)),
        ("ER, d=16", 1000, _random(Linear(d=16, degree=3, noise=Exponential()), 1000)),
        ("sachs", 2000, _on("sachs", Linear, 2000, noise=Exponential())),
        ("child", 2000, _on("child", Linear, 2000, noise=Laplace())),
        ("mildew", 500, _on("mildew", Linear, 500, noise=Uniform())),
        ("water", 500, _on("water", Linear, 500, noise=Uniform())),
    ]
    curved = [
        ("ER, d=10", 1000, _random(Curves(d=10, degree=2), 1000)),
        ("ER, d=9", 1000, _random(Curves(d=9, degree=2), 1000)),
        ("ER, d=20", 2000, _random(Curves(d=20, degree=3), 2000)),
        ("SF, d=20", 2000, _random(Curves(d=20, degree=3, topology=SF), 2000)),
        ("insurance", 3000, _on("insurance", Curves, 3000)),
        ("alarm", 3000, _on("alarm", Curves, 3000)),
    ]
    discrete = [
        ("ER, d=15", 2000, _random(simulate.DiscreteSCM(d=15, degree=2), 2000)),
        ("ER, d=14", 2000, _random(simulate.DiscreteSCM(d=14, degree=2, levels=(2, 4)), 2000)),
        ("alarm", 5000, _tables("alarm", 5000)),
        ("insurance", 5000, _tables("insurance", 5000)),
        ("child", 1000, _tables("child", 1000)),
        ("sachs", 1000, _tables("sachs", 1000)),
        ("asia", 10000, _tables("asia", 10000)),
        ("survey", 10000, _tables("survey", 10000)),
    ]
    mixed = [
        ("ER, d=12", 2000, _random(Mixed(d=12, degree=2), 2000)),
        ("ER, d=11", 2000, _random(Mixed(d=11, degree=2, counts=0.1), 2000)),
        ("ER, d=20, curves", 3000, _random(Mixed(d=20, degree=2.5, curves=True), 3000)),
        (
            "SF, d=20, curves",
            3000,
            _random(Mixed(d=20, degree=2.5, curves=True, topology=SF), 3000),
        ),
        ("child", 2000, _on("child", Mixed, 2000)),
        ("mildew", 2000, _on("mildew", Mixed, 2000)),
    ]
    margins = [
        ("ER, d=20", 2000, _random(Linear(d=20, degree=3), 2000)),
        ("ER, d=22", 2000, _random(Linear(d=22, degree=3), 2000)),
        ("insurance", 5000, _tables("insurance", 5000)),
        ("child", 5000, _tables("child", 5000)),
    ]
    small = [
        ("ER, d=10", 100, _random(Linear(d=10, degree=2), 100)),
        ("ER, d=11", 100, _random(Linear(d=11, degree=2), 100)),
        ("sachs", 100, _tables("sachs", 100)),
        ("child", 100, _tables("child", 100)),
    ]
    groups: list[tuple[str, Kind | None, int, list[Any]]] = [
        (GAUSSIAN, NUMBERS, 0, linear), (OTHER, NUMBERS, 0, other), (CURVED, NUMBERS, 0, curved),
        (DISCRETE, LEVELS, 0, discrete), (MIXED, BOTH, 0, mixed), (HIDDEN, None, 4, margins),
        (SMALL, None, 0, small),
    ]  # fmt: skip
    out: list[Case] = []
    for title, kind, hidden, drawn in groups:
        for graph, n, make in drawn:
            real = graph[0].islower()
            has = kind or (LEVELS if real else NUMBERS)
            out.append(Case(len(out), title, graph, has, n, make, real, hidden))
    return tuple(out)


CASES = _cases()
