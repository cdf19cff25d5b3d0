"""Double 7: lagged data; time is columns, tiers and tied edges, not a second kind of graph."""

from __future__ import annotations

import numpy as np
import pytest

import rung

NAMES, LAGS = ("a", "b", "c"), 2


def series(n=1500, seed=0):
    """a[t] <- a[t-1]; b[t] <- a[t-1], b[t-1]; c[t] <- b[t-2]."""
    rng = np.random.default_rng(seed)
    x = np.zeros((n + 50, 3))
    e = rng.normal(size=x.shape)
    for t in range(2, len(x)):
        x[t, 0] = 0.5 * x[t - 1, 0] + e[t, 0]
        x[t, 1] = 0.8 * x[t - 1, 0] + 0.3 * x[t - 1, 1] + e[t, 1]
        x[t, 2] = 0.8 * x[t - 2, 1] + e[t, 2]
    return rung.Data.from_matrix(x[50:], NAMES)


LEARNERS = {"PC": lambda: rung.PC(), "BOSS": lambda: rung.BOSS()}


def step(name):
    stem, when = name[:-1].split("[")
    return stem, 0 if when == "t" else int(when[2:])


def test_columns_are_shifted_rows():
    data = series(10)
    lagged = data.lagged(LAGS)
    assert lagged.n == 8
    assert len(lagged.names) == 9
    for lag in range(LAGS + 1):
        name = "b[t]" if lag == 0 else f"b[t-{lag}]"
        assert np.array_equal(lagged[name], data["b"][LAGS - lag : 10 - lag])


def test_units_are_lagged_within_themselves():
    x = rung.Data.from_matrix(np.arange(8.0)[:, None], ["a"]).replacing(
        unit=np.array([0, 1] * 4), time=np.array([0, 0, 1, 1, 2, 2, 3, 3.0])
    )
    lagged = x.lagged(1)
    assert np.array_equal(lagged["a[t]"] - lagged["a[t-1]"], np.full(6, 2.0))


@pytest.mark.parametrize("name", LEARNERS)
def test_tiers_are_obeyed(name):
    knowledge = rung.Knowledge.lagged(NAMES, LAGS)
    found = rung.discover(series().lagged(LAGS), LEARNERS[name](), knowledge=knowledge)
    for a, b in found.graph.directed_edges():
        assert step(a)[1] >= step(b)[1], f"{a} -> {b} goes back in time"
    assert knowledge.violations(found.graph) == []


@pytest.mark.parametrize("name", LEARNERS)
def test_ties_are_obeyed_and_the_lags_found(name):
    knowledge = rung.Knowledge.lagged(NAMES, LAGS)
    found = rung.discover(series().lagged(LAGS), LEARNERS[name](), knowledge=knowledge)
    graph = found.graph
    for tied in knowledge.ties:
        states = {graph.has_edge(a, b, "->") for a, b in tied}
        assert len(states) == 1, f"{tied} are tied, but some are there and some are not"
    for a, b in [("a[t-1]", "a[t]"), ("a[t-1]", "b[t]"), ("b[t-2]", "c[t]")]:
        assert graph.has_edge(a, b, "->"), f"{a} -> {b} was not found"


def test_the_model_of_lagged_columns_is_a_model():
    graph = rung.Graph.parse("a[t-1] -> a[t]; a[t-1] -> b[t]; b[t-1] -> b[t]")
    data = series().lagged(1).select(graph.names)
    model = rung.fit(graph, data, mechanisms=rung.LinearGaussian())
    moved = rung.counterfactual(model, data[:5], {"a[t-1]": 1.0})
    change = (moved["b[t]"] - data["b[t]"][:5]) / (1.0 - data["a[t-1]"][:5])
    assert np.allclose(change, 0.8, atol=0.1)
