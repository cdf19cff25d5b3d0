"""CATE by a learner through `rung.effect`: graphs, tables, models, refusals."""

import json

import numpy as np
import pytest
from sklearn.linear_model import LinearRegression, LogisticRegression

import rung
from rung.core.errors import InputError, MissingCells, NotIdentified, NotSupported

GRAPH = rung.Graph.parse("a -> t; a -> y; b -> y; t -> y")
FOREST = rung.CausalForest(trees=60, folds=2)
LINE, LOGIT = LinearRegression(), LogisticRegression()
QUICK = rung.XLearner(LINE, LINE, LOGIT)


def world(n=900, seed=0):
    rng = np.random.default_rng(seed)
    a, b = rng.normal(size=n), rng.normal(size=n)
    t = (rng.random(n) < 1 / (1 + np.exp(-a))).astype(float)
    y = a + t * (1 + b) + 0.5 * rng.normal(size=n)
    return rung.Data.from_matrix(np.column_stack([a, b, t, y]), ["a", "b", "t", "y"])


def ask(structure=GRAPH, data=None, estimator=QUICK, **options):
    query = rung.CATE(options.pop("treatment", "t"), "y", **options)
    return rung.effect(structure, world() if data is None else data, query, estimator=estimator)


def test_rows_diagnostics_and_new_rows():
    found = ask(estimator=FOREST)
    data = world()
    assert found.interval[0] < 1 < found.interval[1]
    cate, low, high = (found.rows[k] for k in ("cate", "low", "high"))
    assert cate.shape == (900,)
    assert (low <= cate).all() and (cate <= high).all()  # noqa: PT018
    assert np.corrcoef(cate, 1 + data.column("b"))[0, 1] > 0.9
    about = found.diagnostics["heterogeneity"]
    json.dumps(dict(found.diagnostics))
    assert about["importance"][0]["name"] == "b"
    assert about["autoc"]["p"] < 0.01
    assert [g["group"] for g in about["groups"]] == [1, 2, 3, 4, 5]
    new = rung.Data.from_matrix([[0.0, -1.0], [0.0, 1.0]], ["a", "b"])
    effect = found.model.effect(new)
    assert effect[0] < 0.6 < 1.4 < effect[1]
    np.testing.assert_array_equal(effect, found.model.effect([[0.0, -1.0], [0.0, 1.0]]))
    ends = found.model.interval(new)
    assert (ends[:, 0] < effect).all() and (effect < ends[:, 1]).all()  # noqa: PT018
    wide = found.model.interval(new, level=0.99)
    assert (wide[:, 1] - wide[:, 0] > ends[:, 1] - ends[:, 0]).all()
    again = ask(estimator=FOREST)
    np.testing.assert_array_equal(cate, again.rows["cate"])
    assert "svg" in found.plot()._repr_svg_()
    assert len(found.model.frame()) == 900
    assert "wager2018" in found.cites and "yadlowsky2021" in found.cites  # noqa: PT018
    assert "Wager" in found.cite()


def test_a_forest_is_saved_and_read_back(tmp_path):
    found = ask(estimator=FOREST)
    back = rung.load(found.save(tmp_path / "cate.rung"))
    x = np.random.default_rng(0).normal(size=(20, 2))
    np.testing.assert_array_equal(back.model.effect(x), found.model.effect(x))
    with pytest.raises(NotSupported):
        ask().save(tmp_path / "boosted.rung")


def test_learners_without_intervals_say_so():
    found = ask()
    assert set(found.rows) == {"cate"}
    assert any("no pointwise intervals" in w for w in found.warnings)
    with pytest.raises(NotSupported, match="CausalForest"):
        found.model.interval([[0.0, 0.0]])


def test_by_narrows_the_covariates():
    found = ask(estimator=rung.DRLearner(), by="b")
    assert found.model.covariates == ("b",)
    assert found.diagnostics["adjustment"] == ["a", "b"]
    effect = found.model.effect([[-1.0], [1.0]])
    assert effect[1] - effect[0] > 1
    with pytest.raises(NotSupported, match="DRLearner"):
        ask(by="b")


def test_over_graphs():
    weighted = [(GRAPH, 0.75), (rung.Graph.parse("a; b -> y; t -> y"), 0.25)]
    found = ask(weighted)
    assert len(found.parts) == 2
    assert found.parts[0].weight == 0.75
    low, high = found.interval
    assert all(low <= p.interval[0] and p.interval[1] <= high for p in found.parts)
    assert found.diagnostics["adjustment"] == ["a", "b"] or np.isnan(found.value)
    half = rung.Graph.parse("a -- t; a -> y; b -> y; t -> y")
    split = ask(half)
    assert {p.value for p in split.parts}
    zero = ask([(GRAPH, 0.5), (rung.Graph.parse("a -> t; a -> y; b -> y"), 0.5)])
    assert zero.interval[0] <= 0 <= zero.interval[1]
    assert any(p.value == 0 for p in zero.parts)


def test_declared_adjustment_needs_no_graph():
    found = ask(None, adjust=("a", "b"))
    assert found.model.covariates == ("a", "b")
    assert found.interval[0] < 1 < found.interval[1]


def test_levels_doses_and_categories():
    rng = np.random.default_rng(0)
    n = 1200
    kind = rng.choice(["red", "green", "blue"], n)
    arm = rng.choice(["none", "low", "high"], n)
    size = {"none": 0.0, "low": 1.0, "high": 2.0}
    y = np.array([size[k] for k in arm]) * (kind == "red") + rng.normal(size=n)
    data = rung.read({"kind": kind, "t": arm, "y": y})
    graph = rung.Graph.parse("kind -> y; t -> y")
    found = ask(graph, data, rung.DRLearner(), control="none")
    assert found.rows["cate"].shape == (n, 2)
    assert len(found.model.contrasts) == 2
    new = rung.read({"kind": ["red", "blue"], "other": [1, 2]})
    effect = found.model.effect(new)
    assert (effect[0] > effect[1] + 0.5).all()
    with pytest.raises(InputError, match="level"):
        found.model.effect(rung.read({"kind": ["red", "violet"], "other": [1, 2]}))
    two = ask(graph, data, QUICK, treated="high", control="none")
    assert any("level that is compared" in w for w in two.warnings)
    assert two.interval[0] < 2 / 3 < two.interval[1]
    x = rng.normal(size=(n, 2))
    dose = x[:, 0] + rng.normal(size=n)
    z = dose * (1 + x[:, 1]) + x[:, 0] + rng.normal(size=n)
    rows = rung.Data.from_matrix(np.column_stack([x, dose, z]), ["a", "b", "t", "y"])
    found = ask(data=rows, estimator=FOREST, treated=2.0, control=0.0)
    slope = np.polyfit(x[:, 1], found.rows["cate"], 1)[0]
    assert 1.2 < slope < 2.5  # two units of the dose
    with pytest.raises(NotSupported, match="RLearner"):
        ask(data=rows, estimator=rung.TLearner())


def test_missing_cells_by_each_policy():
    data = world(400)
    holed = np.array(data.matrix(["a", "b", "t", "y"]))
    holed[::9, 1] = np.nan
    table = rung.Data.from_matrix(holed, ["a", "b", "t", "y"])
    with pytest.raises(MissingCells):
        ask(data=table)
    cases = ask(data=table.replacing(missing=rung.CompleteCases()))
    assert cases.n == np.isfinite(holed).all(axis=1).sum()
    many = ask(data=table.replacing(missing=rung.EM(draws=3)), estimator=FOREST)
    assert many.n == 400
    assert len(many.model.rules) == 3
    assert "Rubin" in many.method


def test_refusals():
    with pytest.raises(InputError, match="CausalForest"):
        ask(estimator=None)
    with pytest.raises(NotSupported, match="scale"):
        ask(scale="ratio")
    with pytest.raises(InputError, match="by="):
        ask(rung.Graph.parse("a; b; t -> y"))
    with pytest.raises(NotIdentified):
        ask(rung.Graph.parse("a -> t; b -> y; t -> y; t <-> y"))
    after = rung.Graph.parse("a -> t; a -> y; t -> b; b -> y; t -> y")
    with pytest.raises(NotIdentified, match="after"):
        ask(after, by="b")
    with pytest.raises(InputError):
        ask(data=world(30).take(np.arange(8)))
    constant = world().with_column(rung.Variable("y"), np.zeros(900))
    with pytest.raises(InputError, match="constant"):
        ask(data=constant)


def test_clusters_widen_the_average():
    data = world(300)
    rows = np.repeat(np.arange(300), 3)
    twice = data.take(rows).replacing(unit=rows)
    found = ask(data=twice, estimator=FOREST)
    alone = ask(data=data, estimator=FOREST)
    assert found.se == pytest.approx(alone.se, rel=0.25)
