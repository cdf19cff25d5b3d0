"""The order of rows means nothing: every learner, resampling, and cross-fitting."""

from __future__ import annotations

import dataclasses
import inspect

import numpy as np
import pytest

import rung
from rung import discovery
from rung.core.data import Data
from rung.core.errors import InputError
from rung.simulate import DiscreteSCM, LinearSCM

DRAWS = 60
LEARNERS = [
    getattr(discovery, name)
    for name in discovery.__all__
    if inspect.isclass(getattr(discovery, name)) and hasattr(getattr(discovery, name), "learn")
]


def tables() -> list[Data]:
    rng = np.random.default_rng(0)
    made = [LinearSCM(d=6, degree=2).draw(1500, rng=rng)[0] for _ in range(3)]
    return [*made, DiscreteSCM(d=5, degree=2).draw(2000, rng=rng)[0]]


def shuffled(data: Data, seed: int) -> Data:
    return data.take(np.random.default_rng(seed).permutation(data.n))


def learner_for(cls: type, data: Data) -> object:
    """The learner with a test or score that suits the columns."""
    options: dict[str, object] = {}
    names = {f.name for f in dataclasses.fields(cls)}
    levels = all(v.discrete for v in data.variables)
    if levels and "test" in names:
        options["test"] = rung.G2()
    elif cls is rung.CDNOD:
        options["test"] = rung.FisherZ()  # its kernel test takes minutes here
    if levels and "score" in names:
        options["score"] = rung.DiscreteBIC()
    if "learner" in names:
        options["learner"] = rung.BOSS(rung.DiscreteBIC()) if levels else rung.BOSS()
    if "target" in names:
        options["target"] = data.names[0]
    if "hidden" in names:
        options["hidden"] = (3,)
    if "draws" in names:
        options["draws"] = DRAWS
    return cls(**options)


def in_groups(data: Data) -> Data:
    """The rows as if from 25 environments, between which the first variable moves."""
    group = np.arange(data.n) % 25
    v = data.variables[0]
    if not v.discrete:
        data = data.with_column(
            v, data.column(v.name) + np.random.default_rng(1).normal(size=25)[group]
        )
    return data.replacing(environment=group, environments=tuple(f"g{k}" for k in range(25)))


@pytest.mark.parametrize("cls", LEARNERS, ids=lambda c: c.__name__)
def test_the_graph_of_all_rows_does_not_depend_on_their_order(cls: type) -> None:
    for k, data in enumerate(tables()):
        learner = learner_for(cls, data)
        try:
            one = rung.discover(data, learner, seed=0)
        except InputError as error:
            if "environment" in str(error):
                data = in_groups(data)
                one = rung.discover(data, learner, seed=0)
            elif all(v.discrete for v in data.variables):
                continue  # a learner of numbers refuses levels by name
            else:
                raise
        two = rung.discover(shuffled(data, k), learner, seed=0)
        assert one.graph == two.graph


def test_bootstrap_frequencies_agree_within_monte_carlo_error() -> None:
    for k, data in enumerate(tables()):
        learner = learner_for(rung.Bootstrap, data)
        one, two = (rung.discover(d, learner, seed=1) for d in (data, shuffled(data, k)))
        for edge in one.edges:
            other = next((e for e in two.edges if {e.a, e.b} == {edge.a, edge.b}), None)
            p, q = edge.adjacent, other.adjacent if other else 0.0
            middle = (p + q) / 2
            error = np.sqrt(2 * max(middle * (1 - middle), 0.25 / DRAWS) / DRAWS)
            assert abs(p - q) <= 4.5 * error


def test_cross_fitting_agrees_within_its_standard_error() -> None:
    rng = np.random.default_rng(2)
    z = rng.normal(size=(1200, 2))
    t = (rng.random(1200) < 1 / (1 + np.exp(-z[:, 0]))).astype(float)
    y = t + np.sin(z[:, 0]) + z[:, 1] + rng.normal(size=1200)
    data = Data(
        (rung.Variable("A"), rung.Variable("B"), rung.Variable("T", rung.Kind.BINARY, (0, 1)),
         rung.Variable("Y")),
        {"A": z[:, 0], "B": z[:, 1], "T": t, "Y": y},
    )  # fmt: skip
    graph = rung.Graph.parse("A -> T -> Y; A -> Y; B -> Y")
    one, *others = (
        rung.effect(graph, d, rung.ATE("T", "Y"), seed=0)
        for d in (data, shuffled(data, 1), shuffled(data, 2))
    )
    for other in others:  # other folds: far less than a standard error
        assert abs(one.value - other.value) < 0.35 * one.se
        assert other.se == pytest.approx(one.se, rel=0.1)
