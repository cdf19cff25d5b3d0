"""Natural and controlled effects: exact enumeration, quadrature, laws, refusals."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import rung
from rung.bench.routes_worlds import WORLDS, mediator_truths
from rung.core.errors import InputError, NotIdentified, NotSupported

P = rung.Graph.parse
GRAPH = P("c -> t; c -> m; c -> y; t -> m; t -> y; m -> y")


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 10**6))
def test_formulas_are_those_of_a_structural_model(seed):
    """Potential outcomes of a discrete model, enumerated, against the formulas on its joint."""
    rng = np.random.default_rng(seed)
    pc = rng.dirichlet(np.ones(2))
    pt, pm, py = rng.random(2), rng.random((2, 2)), rng.random((2, 2, 2))
    table = np.zeros((2, 2, 2, 2))
    nested = np.zeros((2, 2))
    for c in (0, 1):
        for t in (0, 1):
            for m in (0, 1):
                a = pc[c] * (pt[c] if t else 1 - pt[c]) * (pm[c, t] if m else 1 - pm[c, t])
                table[c, t, m] = a * np.array([1 - py[c, t, m], py[c, t, m]])
        for t in (0, 1):
            for s in (0, 1):
                q = pm[c, s]
                nested[t, s] += pc[c] * (q * py[c, t, 1] + (1 - q) * py[c, t, 0])
    names = ("c", "t", "m", "y")
    direct = rung.NDE("t", "y", "m").identified_on(GRAPH).evaluate(table, names)
    indirect = rung.NIE("t", "y", "m").identified_on(GRAPH).evaluate(table, names)
    assert direct == pytest.approx(nested[1, 0] - nested[0, 0])
    assert indirect == pytest.approx(nested[1, 1] - nested[1, 0])
    assert direct + indirect == pytest.approx(nested[1, 1] - nested[0, 0])


def test_parts_add_up_and_agree_with_the_formula_on_levels():
    rng = np.random.default_rng(0)
    n = 20_000
    c = rng.integers(0, 2, n)
    t = (rng.random(n) < 0.3 + 0.3 * c).astype(int)
    m = (rng.random(n) < 0.2 + 0.4 * t + 0.2 * c).astype(int)
    y = (rng.random(n) < 0.1 + 0.2 * t + 0.3 * m + 0.2 * t * m + 0.1 * c).astype(int)
    data = rung.read(pd.DataFrame({"c": c, "t": t, "m": m, "y": y}))
    table = np.zeros((2, 2, 2, 2))
    np.add.at(table, (c, t, m, y), 1 / n)
    values = {}
    for query in (rung.NDE("t", "y", "m"), rung.NIE("t", "y", "m")):
        found = rung.effect(GRAPH, data, query)
        exact = query.identified_on(GRAPH).evaluate(table, ("c", "t", "m", "y"))
        assert found.value == pytest.approx(exact, abs=0.3 * found.se)
        values[type(query).__name__] = found
    parts = values["NDE"].diagnostics["parts"]
    total = parts["total"]["value"]
    assert values["NDE"].value + values["NIE"].value == pytest.approx(total)
    ate, nie = rung.effect(GRAPH, data, [rung.ATE("t", "y"), rung.NIE("t", "y", "m")])
    assert nie.value == rung.effect(GRAPH, data, rung.NIE("t", "y", "m")).value
    assert total == pytest.approx(ate.value, abs=0.3 * ate.se)
    truth = 0.2 + 0.2 * (0.2 + 0.2 * c.mean())
    assert values["NDE"].value == pytest.approx(truth, abs=4 * values["NDE"].se)
    assert [a.name for a in values["NDE"].assumptions][2] == "cross-world independence"


@pytest.mark.parametrize("name", ["mediator, levels", "two mediators, numbers"])
def test_large_samples_meet_quadrature_and_closed_form(name):
    world = WORLDS[name]
    data = rung.read(pd.DataFrame(world.draw(np.random.default_rng(1), 20_000)))
    through = tuple(n for n in world.graph.names if n.startswith("m"))
    for query in (rung.NDE("t", "y", through), rung.NIE("t", "y", through)):
        found = rung.effect(world.graph, data, query)
        truth = world.truths[type(query).__name__]
        assert found.value == pytest.approx(truth, abs=4 * found.se)
    assert mediator_truths()["NDE"] == pytest.approx(0.6448, abs=1e-3)


def test_controlled_effect():
    data = rung.read(
        pd.DataFrame(WORLDS["mediator, levels"].draw(np.random.default_rng(1), 20_000))
    )
    for at, truth in ((0, 0.5), (1, 0.9)):
        found = rung.effect(GRAPH, data, rung.CDE("t", "y", "m", at=at))
        assert found.value == pytest.approx(truth, abs=4 * found.se)
        assert f"m set to {at}" in found.contrast
    same = rung.effect(GRAPH, data, rung.CDE("t", "y", "m", at={"m": 1}))
    assert same.value == found.value


def test_no_path_is_zero_by_the_graph():
    data = rung.read(pd.DataFrame(WORLDS["mediator, levels"].draw(np.random.default_rng(1), 300)))
    whole = P("c -> t; c -> m; c -> y; t -> m; m -> y")
    assert rung.effect(whole, data, rung.NDE("t", "y", "m")).interval == (0.0, 0.0)
    apart = P("c -> t; c -> m; c -> y; t -> y; m -> y")
    assert rung.effect(apart, data, rung.NIE("t", "y", "m")).value == 0.0


def test_another_formula_than_adjustment_on_levels():
    """m <-> k leaves no covariates, yet the effects are identified (Shpitser 2013)."""
    rng = np.random.default_rng(0)
    n = 8000
    u, t = rng.random(n) < 0.5, rng.random(n) < 0.5
    m = rng.random(n) < 0.2 + 0.3 * t + 0.3 * u
    k = rng.random(n) < 0.2 + 0.4 * m + 0.3 * u
    y = rng.random(n) < 0.1 + 0.4 * k + 0.3 * t
    frame = pd.DataFrame({"t": t, "m": m, "k": k, "y": y}).astype(int)
    graph = P("t -> m -> k -> y; m <-> k; t -> y")
    indirect = rung.effect(graph, rung.read(frame), rung.NIE("t", "y", "m"))
    direct = rung.effect(graph, rung.read(frame), rung.NDE("t", "y", "m"))
    assert indirect.value == pytest.approx(0.4 * 0.4 * 0.3, abs=4 * indirect.se)
    assert direct.value == pytest.approx(0.3, abs=4 * direct.se)
    assert "edge g-formula" in direct.method
    frame["k"] = frame.k + rng.normal(size=n)
    with pytest.raises(NotSupported, match="'k' is not"):
        rung.effect(graph, rung.read(frame), rung.NIE("t", "y", "m"))


@pytest.mark.parametrize(
    ("graph", "said"),
    [
        ("t -> m; t -> y; m -> y; m <-> y", "recanting district"),
        ("t -> l; l -> m; l -> y; t -> m; m -> y", "recanting witness"),
        ("t <-> y; t -> m; m -> y; t -> y", "not identified"),
        ("t o-> m; m -> y; t -> y", "undecided"),
    ],
)
def test_refused_with_the_reason(graph, said):
    data = rung.read(pd.DataFrame(np.random.default_rng(0).integers(0, 2, (80, 4)),
                                  columns=list("tmly")))  # fmt: skip
    with pytest.raises(NotIdentified, match=said):
        rung.effect(P(graph), data, rung.NIE("t", "y", "m"))


def test_treatment_and_outcome_may_be_left_out_until_a_table_is_asked():
    query = rung.NIE(mediator="subject")
    assert query.treatment is None
    assert query.mediator == ("subject",)
    assert repr(query) == 'NIE(mediator="subject")'
    with pytest.raises(InputError, match="needs its treatment and outcome"):
        query.identified_on(GRAPH)


def test_bad_questions():
    with pytest.raises(InputError, match="mediator="):
        rung.NDE("t", "y")
    with pytest.raises(InputError, match="two roles"):
        rung.NDE("t", "y", "t")
    with pytest.raises(InputError, match="mapping"):
        rung.CDE("t", "y", ("m", "k"), at=1)
    with pytest.raises(InputError, match="one value for each"):
        rung.CDE("t", "y", "m", at={"k": 1})
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"t": rng.normal(size=90), "m": rng.integers(0, 2, 90)})
    frame["y"], frame["one"], frame["b"] = rng.normal(size=90), 1.0, rng.integers(0, 2, 90)
    frame["few"] = [1] * 5 + [0] * 85
    data = rung.read(frame)
    chain = P("{0} -> {1}; {1} -> y; {0} -> y".replace("{0}", "t").replace("{1}", "m"))
    with pytest.raises(InputError, match="dose"):
        rung.effect(chain, data, rung.NDE("t", "y", "m"))
    with pytest.raises(InputError, match="at="):
        rung.effect(P("b -> m; m -> y; b -> y"), data, rung.CDE("b", "y", "m"))
    with pytest.raises(NotSupported, match="needs levels"):
        rung.effect(P("b -> t; t -> y; b -> y"), data, rung.CDE("b", "y", "t", at=0.0))
    with pytest.raises(InputError, match="constant"):
        rung.effect(P("b -> one; one -> y; b -> y"), data, rung.NDE("b", "y", "one"))
    with pytest.raises(InputError, match="only 5 rows"):
        rung.effect(P("few -> m; m -> y; few -> y"), data, rung.NDE("few", "y", "m"))
    with pytest.raises(InputError, match="MultiplyRobust"):
        rung.effect(P("b -> m; m -> y; b -> y"), data, rung.NDE("b", "y", "m"),
                    estimator=rung.DoublyRobust())  # fmt: skip


def test_models_of_scikit_learn():
    from sklearn.linear_model import LinearRegression, LogisticRegression

    world = WORLDS["mediator, levels"]
    data = world.data(np.random.default_rng(0))
    plug = rung.MultiplyRobust(outcome=LinearRegression(), treatment=LogisticRegression())
    found = rung.effect(world.graph, data, rung.NDE("t", "y", "m"), estimator=plug)
    own = rung.effect(world.graph, data, rung.NDE("t", "y", "m"))
    assert found.value == pytest.approx(own.value, abs=own.se)


def test_a_wrong_outcome_model_is_made_good_by_the_propensities():
    from sklearn.dummy import DummyRegressor

    world = WORLDS["two mediators, numbers"]
    data = rung.read(pd.DataFrame(world.draw(np.random.default_rng(1), 20_000)))
    plug = rung.MultiplyRobust(outcome=DummyRegressor())
    for query in (rung.NDE("t", "y", ("m1", "m2")), rung.NIE("t", "y", ("m1", "m2"))):
        found = rung.effect(world.graph, data, query, estimator=plug)
        truth = world.truths[type(query).__name__]
        assert found.value == pytest.approx(truth, abs=4 * found.se)
        assert found.se < 0.2


def test_missing_cells_of_a_mediator_are_completed_under_em() -> None:
    """The mediator goes missing by the outcome: complete cases are biased, EM's tables are not."""
    rng = np.random.default_rng(3)
    n = 3000
    c = rng.normal(size=n)
    x = (rng.random(n) < 1 / (1 + np.exp(-c))).astype(float)
    m = 0.8 * x + 0.5 * c + rng.normal(size=n)
    y = x + 0.7 * m + 0.4 * c + rng.normal(size=n)
    m = np.where(rng.random(n) < 1 / (1 + np.exp(1 - y)), np.nan, m)
    variables = [rung.Variable("c"), rung.Variable("x", rung.Kind.BINARY, (0, 1)),
                 rung.Variable("m"), rung.Variable("y")]  # fmt: skip
    data = rung.Data.from_matrix(np.column_stack([c, x, m, y]), variables=variables)
    graph = rung.Graph.parse("c -> x; c -> m; c -> y; x -> m; x -> y; m -> y")
    query = rung.NIE("x", "y", "m")
    filled = rung.effect(graph, data.replacing(missing=rung.EM(draws=5)), query)
    assert filled.interval[0] < 0.56 < filled.interval[1]
    assert "pooled by Rubin's rules" in filled.method
    assert abs(filled.value - 0.56) < 0.15
    cut = rung.effect(graph, data.replacing(missing=rung.CompleteCases()), query)
    assert abs(cut.value - 0.56) > abs(filled.value - 0.56)
