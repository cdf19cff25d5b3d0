"""Formulas on tables, by one-step and by simulation: enumeration, closed forms, laws, refusals."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import rung
from rung.bench.routes_worlds import WORLDS
from rung.core.errors import InputError, NotIdentified, NotSupported, Overlap
from rung.core.variable import Kind, Variable
from rung.effects.routes.criteria import front_door
from rung.effects.routes.flat import plan, ratio
from rung.effects.routes.gradient import functional
from rung.graphs.identification import Interventional
from rung.graphs.identification.asking import identified
from rung.graphs.identification.expression import Joint, leftover, times

P = rung.Graph.parse
GRAPHS = {
    "back-door": "z -> x; z -> y; x -> y",
    "front-door": "x -> m -> y; x <-> y",
    "napkin": "w -> r -> x -> y; w <-> x; w <-> y",
    "two districts": "x -> w -> z -> y; x <-> z; w <-> y",
}


def tables(graph, seed, k=2):
    rng = np.random.default_rng(seed)
    return rng.dirichlet(np.ones(k ** len(graph.names))).reshape((k,) * len(graph.names))


def weight_of(names, k):
    y, x = (np.ones(len(names), dtype=int) for _ in range(2))
    y[names.index("y")] = x[names.index("x")] = k
    return np.arange(k, dtype=float).reshape(y) * (np.arange(k) == 1).reshape(x)


@pytest.mark.parametrize("name", GRAPHS)
@settings(max_examples=5, deadline=None)
@given(seed=st.integers(0, 10**6), k=st.integers(2, 3))
def test_gradient_is_that_of_finite_differences(name, seed, k):
    graph = P(GRAPHS[name])
    formula = identified(graph, Interventional("y", do="x"))
    p, names, weight = tables(graph, seed, k), graph.names, weight_of(graph.names, k)

    def value(q):
        joint = object.__new__(Joint)  # entries need not sum to 1
        object.__setattr__(joint, "table", q)
        object.__setattr__(joint, "names", names)
        return float(times(weight, leftover(formula.expression.value(joint), joint, ("y", "x")))
                     .sum())  # fmt: skip

    found, gradient = functional(formula.expression, Joint(p, names), ("y", "x"), weight)
    assert found == pytest.approx(value(p))
    direction = np.random.default_rng(seed).normal(size=p.shape) * p
    step = 1e-6
    slope = (value(p + step * direction) - value(p - step * direction)) / (2 * step)
    assert float((gradient * direction).sum()) == pytest.approx(slope, rel=1e-4, abs=1e-7)


def rows_of(graph, n, seed, k=2):
    p = tables(graph, seed, k)
    at = np.random.default_rng(seed + 1).choice(p.size, size=n, p=p.ravel())
    codes = np.unravel_index(at, p.shape)
    kind = Kind.BINARY if k == 2 else Kind.ORDINAL
    levels = tuple(Variable(v, kind, tuple(range(k))) for v in graph.names)
    return rung.Data.from_matrix(np.column_stack(codes).astype(float), variables=levels)


@pytest.mark.parametrize("name", GRAPHS)
def test_plug_in_is_the_formula_on_the_empirical_table(name):
    graph = P(GRAPHS[name])
    data = rows_of(graph, 3000, 7)
    table = np.zeros((2,) * len(graph.names))
    np.add.at(table, tuple(data.column(n).astype(int) for n in graph.names), 1 / data.n)
    formula = identified(graph, Interventional("y", do="x"))
    means = formula.evaluate(table, graph.names)[1]
    found = rung.effect(graph, data, rung.ATE("x", "y"), estimator=rung.PlugIn())
    assert found.value == pytest.approx(means[1] - means[0])
    assert "saturated" in found.method
    one = rung.effect(graph, data, rung.ATE("x", "y"), estimator=rung.OneStep())
    assert one.interval == pytest.approx(found.interval)


def test_plug_in_error_is_that_of_resamples():
    graph = P(GRAPHS["napkin"])
    data = WORLDS["napkin, table"].data(np.random.default_rng(0))
    found = rung.effect(graph, data, rung.ATE("x", "y"))
    rng = np.random.default_rng(1)
    again = [
        rung.effect(graph, data.take(rng.integers(0, data.n, data.n)), rung.ATE("x", "y")).value
        for _ in range(200)
    ]
    assert found.se == pytest.approx(np.std(again), rel=0.2)


def test_empty_cells_are_refused_or_smoothed():
    graph = P("z -> x; z -> y; x -> y")
    frame = pd.DataFrame({"z": [0, 0, 0, 1, 1] * 20, "x": [0, 1, 1, 1, 1] * 20})
    frame["y"] = np.random.default_rng(0).integers(0, 2, 100)
    data = rung.read(frame)
    with pytest.raises(Overlap, match=r"smoothing=0\.5"):
        rung.effect(graph, data, rung.ATE("x", "y"), estimator=rung.PlugIn())
    found = rung.effect(graph, data, rung.ATE("x", "y"), estimator=rung.PlugIn(smoothing=0.5))
    assert "0.5 rows added to each" in found.method
    assert -1 <= found.value <= 1
    for bad in (-1.0, np.nan):
        with pytest.raises(InputError, match="smoothing"):
            rung.PlugIn(smoothing=bad)
    with pytest.raises(InputError, match="draws"):
        rung.PlugIn(draws=3)


def test_front_door_agrees_with_the_table():
    """On binary columns the cross-fitted one-step and the efficient plug-in are close."""
    world = WORLDS["front-door, table"]
    data = world.data(np.random.default_rng(3))
    one = rung.effect(world.graph, data, rung.ATE("x", "y"), estimator=rung.FrontDoor())
    two = rung.effect(world.graph, data, rung.ATE("x", "y"), estimator=rung.PlugIn())
    assert one.value == pytest.approx(two.value, abs=0.3 * two.se)  # folds are random
    assert one.se == pytest.approx(two.se, rel=0.02)
    assert one.estimand is not None
    assert "m" in one.estimand.text


def test_front_door_is_the_default_where_it_applies_and_debiases():
    world = WORLDS["front-door, numbers"]
    data = rung.read(pd.DataFrame(world.draw(np.random.default_rng(0), 20_000)))
    found = rung.effect(world.graph, data, rung.ATE("x", "y"))
    assert "front-door one-step through m given c" in found.method
    assert found.value == pytest.approx(1.0, abs=4 * found.se)
    naive = rung.effect(world.graph, data, rung.ATE("x", "y", adjust=("c",)))
    assert abs(naive.value - 1.0) > 10 * found.se


def test_front_door_takes_models_of_scikit_learn():
    from sklearn.linear_model import LinearRegression, LogisticRegression

    world = WORLDS["front-door, numbers"]
    data = world.data(np.random.default_rng(0))
    own = rung.effect(world.graph, data, rung.ATE("x", "y"), estimator=rung.FrontDoor())
    yours = rung.FrontDoor(outcome=LinearRegression(), treatment=LogisticRegression())
    found = rung.effect(world.graph, data, rung.ATE("x", "y"), estimator=yours)
    assert found.value == pytest.approx(own.value, abs=own.se)
    assert "yours" in found.method
    with pytest.raises(InputError, match="scikit-learn"):
        rung.FrontDoor(outcome=3).reach(_task(world.graph, data), rng=np.random.default_rng(0))
    with pytest.raises(InputError, match="folds"):
        rung.FrontDoor(folds=1)


def _task(graph, data):
    from rung.effects.contrast import resolve
    from rung.effects.routes.task import Task

    formula = rung.FrontDoor().formula_on(graph, Interventional("y", do="x"), False)
    contrast = resolve(data, "x", "y", None, None, "difference")
    return Task(data, contrast, formula, graph, np.ones(data.n))


def test_front_door_with_three_levels_and_clusters():
    rng = np.random.default_rng(0)
    n = 3000
    u = rng.normal(size=n)
    x = (u + rng.normal(size=n) > -0.5).astype(int) + (u + rng.normal(size=n) > 0.5)
    m = x + rng.normal(size=n)
    y = m + u + rng.normal(size=n)
    frame = pd.DataFrame({"x": x, "m": m, "y": y, "site": np.arange(n) // 3})
    graph = P("x -> m -> y; x <-> y")
    data = rung.read(frame, kinds={"x": "categorical"}, unit="site")
    found = rung.effect(graph, data, rung.ATE("x", "y", treated=2, control=0))
    assert found.value == pytest.approx(2.0, abs=4 * found.se)


def test_front_door_refusals():
    asked = Interventional("y", do="x")
    with pytest.raises(NotIdentified, match="no front-door set"):
        rung.FrontDoor().formula_on(P("x -> m -> y; x <-> y; m <-> y"), asked, False)
    with pytest.raises(NotIdentified, match="undecided"):
        rung.FrontDoor().formula_on(P("x -- m; m -> y"), asked, False)
    found = front_door(P("x -> a -> y; x -> b -> y; x <-> y; c -> x; c -> a; c -> y"), "x", "y")
    assert found.mediators == ("a", "b")
    assert found.given == ("c",)


def test_simulation_agrees_with_the_exact_table(monkeypatch):
    """The same levels by table and by fitted conditionals, which are saturated enough."""
    from rung.effects.routes import plug_in

    world, rng = WORLDS["two districts, table"], np.random.default_rng(0)
    data = rung.Data(world.data(rng).variables, world.draw(rng, 4000))
    exact = rung.effect(world.graph, data, rung.ATE("x", "y"), estimator=rung.PlugIn())
    monkeypatch.setattr(plug_in, "MOST_CELLS", 1)
    plug = rung.PlugIn(draws=60)
    drawn = rung.effect(world.graph, data, rung.ATE("x", "y"), estimator=plug)
    assert "simulation" in drawn.method
    assert drawn.value == pytest.approx(exact.value, abs=1.5 * exact.se)
    assert drawn.se == pytest.approx(exact.se, rel=0.35)


def test_simulation_of_numbers_and_same_seed_same_answer():
    world = WORLDS["two districts, numbers"]
    data = rung.read(pd.DataFrame(world.draw(np.random.default_rng(0), 4000)))
    plug = rung.PlugIn(draws=30)
    found = rung.effect(world.graph, data, rung.ATE("x", "y"), estimator=plug, seed=5)
    again = rung.effect(world.graph, data, rung.ATE("x", "y"), estimator=plug, seed=5)
    assert (found.value, found.interval) == (again.value, again.interval)
    assert found.value == pytest.approx(1.0, abs=4 * found.se)


def test_simulation_of_a_quotient_weighs_by_a_discrete_treatment():
    rng = np.random.default_rng(1)
    n = 3000
    u, v = rng.normal(size=(2, n))
    w = u + v + rng.normal(size=n)
    r = 0.7 * w + rng.normal(size=n)
    x = (rng.random(n) < 1 / (1 + np.exp(-0.8 * r - 0.8 * u))).astype(int)
    frame = pd.DataFrame({"w": w, "r": r, "x": x, "y": x + v + rng.normal(size=n)})
    graph = P(GRAPHS["napkin"])
    found = rung.effect(graph, rung.read(frame), rung.ATE("x", "y"),
                        estimator=rung.PlugIn(draws=40))  # fmt: skip
    assert found.value == pytest.approx(1.0, abs=4 * found.se)
    frame["x"] = r + u
    query = rung.ATE("x", "y", treated=1.0, control=0.0)
    with pytest.raises((NotSupported, Overlap), match="density of 'x'"):
        rung.effect(graph, rung.read(frame), query, estimator=rung.PlugIn())


def test_what_cannot_be_simulated_is_refused_by_name():
    from rung.graphs.identification.expression import Probability, Product, Quotient, Sum

    inner = Quotient(Probability(("y",), ("m",)), Probability(("m",)))
    with pytest.raises(NotSupported, match="divides by"):
        ratio(Sum(("m",), Product((Probability(("m",)), inner))))
    factors, _ = ratio(Sum(("m",), Probability(("y",), ("m",))))
    with pytest.raises(NotSupported, match="sums over m"):
        plan(factors, frozenset())
    with pytest.raises(NotSupported, match="experiment"):
        ratio(Probability(("y",), (), ("x",)))


def test_one_step_says_where_it_knows_none():
    world = WORLDS["two districts, numbers"]
    data = world.data(np.random.default_rng(0))
    with pytest.raises((NotSupported, Overlap), match=r"use PlugIn\(\)"):
        rung.effect(world.graph, data, rung.ATE("x", "y"), estimator=rung.OneStep())


def test_a_bent_dose_is_simulated_by_default():
    """y bends in the mediator: E[sin(1 + e)] - E[sin(-1 + e)] = 2 sin(1) exp(-1/8)."""
    rng = np.random.default_rng(0)
    u = rng.normal(size=3000)
    x = 0.8 * u + rng.normal(size=3000)
    m = x + 0.5 * rng.normal(size=3000)
    y = np.sin(m) + 0.9 * u + 0.5 * rng.normal(size=3000)
    data = rung.read(pd.DataFrame({"x": x, "m": m, "y": y}))
    query = rung.ATE("x", "y", treated=1.0, control=-1.0)
    graph = P("x -> m -> y; x <-> y")
    found = rung.effect(graph, data, query)
    truth = 2 * np.sin(1) * np.exp(-1 / 8)
    assert "simulation" in found.method
    assert found.value == pytest.approx(truth, abs=4 * found.se)
    world = WORLDS["front-door, dose"]
    straight = world.data(np.random.default_rng(0))
    kept = rung.effect(world.graph, straight, rung.ATE("x", "y", treated=1.0, control=0.0))
    assert "partially linear" in kept.method


def test_one_step_stands_a_wrong_outcome_model():
    """With no outcome model at all the propensities alone give the answer."""
    from sklearn.dummy import DummyRegressor

    world = WORLDS["front-door, numbers"]
    data = rung.read(pd.DataFrame(world.draw(np.random.default_rng(0), 20_000)))
    plug = rung.FrontDoor(outcome=DummyRegressor())
    found = rung.effect(world.graph, data, rung.ATE("x", "y"), estimator=plug)
    assert found.value == pytest.approx(1.0, abs=4 * found.se)
