"""Fitting structures: one DAG, classes, weighted graphs, discoveries, rows that are targeted."""

from __future__ import annotations

import numpy as np
import pytest

import rung
from rung.core.discovery import Discovery
from rung.core.errors import InputError, MissingCells, NeedsRows, UnknownName
from rung.core.moments import Counts
from rung.mechanisms import AutoMechanism, DiscreteTable, LinearGaussian, SplineAdditive, Structural
from rung.simulate import DiscreteSCM, LinearSCM, MixedSCM, total_effects, true_ate

CHAIN = rung.Graph.parse("a -> b; b -> c")
LINEAR = LinearGaussian()


def chain(n: int = 400, seed: int = 0) -> rung.Data:
    return LinearSCM(graph=CHAIN).draw(n, rng=np.random.default_rng(seed))[0]


def test_a_dag_fits_to_an_scm_near_the_truth():
    scm = LinearSCM(6, 3.0).scm(np.random.default_rng(1))
    model = rung.fit(scm.graph, scm.sample(20_000, seed=0), mechanisms=LINEAR)
    assert isinstance(model, rung.SCM)
    assert np.abs(total_effects(model) - total_effects(scm)).max() < 0.05


def test_automatic_choice_recovers_a_mixed_effect():
    spec = MixedSCM(graph=rung.Graph.parse("z -> t; z -> y; t -> y"), binary=1, categorical=0)
    drawn = (spec.scm(np.random.default_rng(seed)) for seed in range(50))
    scm = next(m for m in drawn if m.mechanisms["t"].variable.discrete)
    model = rung.fit(scm.graph, scm.sample(20_000, seed=0))
    truth, found = (true_ate(m, "t", "y").value for m in (scm, model))
    assert abs(truth) > 0.1
    assert found == pytest.approx(truth, abs=0.05)


def test_the_same_seed_gives_the_same_model_and_order_plays_no_part():
    data = chain()
    one, two = (rung.fit(CHAIN, data, seed=5).sample(20, seed=1) for _ in range(2))
    assert np.array_equal(one.values, two.values)
    turned = rung.fit(CHAIN, data.select(["c", "a", "b"]), seed=5).sample(20, seed=1)
    assert np.array_equal(one.values, turned.matrix(one.names))


def test_a_class_is_enumerated_then_sampled():
    graph = rung.Graph.parse("a -- b; b -- c")  # three members
    model = rung.fit(graph, chain(), mechanisms=LINEAR)
    assert isinstance(model, rung.Ensemble)
    assert (len(model.parts), model.meaning, model.sampled) == (3, "equivalence class", False)
    assert np.allclose(model.weights, 1 / 3)
    few = Structural(graph, LINEAR, members=2).fit(chain(), rng=np.random.default_rng(0))
    assert len(few.parts) <= 2
    assert few.sampled


def test_weighted_graphs_are_merged_and_share_fits():
    class Counting(LinearGaussian.__base__):
        fits = 0

        def fit(self, x, parents, *, variable, weights=None, rng):
            Counting.fits += 1
            return LINEAR.fit(x, parents, variable=variable, weights=weights, rng=rng)

    other = rung.Graph.parse("c; a -> b", names=["a", "b", "c"])
    pairs = [(CHAIN, 1.0), (other, 1.0), (CHAIN, 2.0)]
    model = rung.fit(pairs, chain(), mechanisms=Counting())
    assert [g for _, g, _ in model.members] == [CHAIN, other]
    assert np.allclose(model.weights, [0.75, 0.25])
    assert Counting.fits == 4  # a; b given a; c given b; c alone


def test_a_discovery_fits_to_its_graphs():
    forward, class_ = CHAIN, rung.Graph.parse("a -- b; b -- c")
    found = Discovery(forward, ((forward, 0.6), (class_, 0.4)), meaning="bootstrap")
    model = rung.fit(found, chain(), mechanisms=LINEAR)
    assert model.meaning == "bootstrap"
    weight = {str(g): w for w, g, _ in model.members}
    assert weight[str(forward)] == pytest.approx(0.6 + 0.4 / 3)
    assert sum(weight.values()) == pytest.approx(1.0)
    single = rung.fit(Discovery(forward), chain(), mechanisms=LINEAR)
    assert isinstance(single, rung.SCM)


def test_graphs_without_a_dag_are_left_out_with_a_warning(caplog):
    cycle = rung.Graph.parse("a -> b; b -> c; c -> a")
    model = rung.fit([(CHAIN, 0.5), (cycle, 0.5)], chain(), mechanisms=LINEAR)
    assert isinstance(model, rung.SCM)
    assert "1 of 2 graphs" in caplog.text
    with pytest.raises(InputError, match="cycle"):
        rung.fit(cycle, chain(), mechanisms=LINEAR)


@pytest.mark.parametrize(
    ("text", "kind"),
    [("a <-> b; b -> c", "an ADMG"), ("a o-> b; b -> c", "a PAG"), ("a <-> b; b -- c", "a MAG")],
)
def test_hidden_causes_are_refused_by_name(text, kind):
    with pytest.raises(InputError, match=f"this is {kind}.*rung.effect"):
        rung.fit(rung.Graph.parse(text), chain(), mechanisms=LINEAR)


def test_nonsense_is_refused():
    data = chain()
    with pytest.raises(InputError, match="cannot fit int"):
        rung.fit(3, data)
    with pytest.raises(UnknownName, match="unknown variable 'd'"):
        rung.fit(rung.Graph.parse("a -> d"), data)
    with pytest.raises(UnknownName, match="'B'.*nearest: 'b'"):
        rung.fit(CHAIN, data, mechanisms={"B": LINEAR})
    with pytest.raises(InputError, match="no mechanism spec"):
        rung.fit(CHAIN, data, mechanisms={"b": 3})


def test_mechanisms_by_name():
    model = rung.fit(CHAIN, chain(), mechanisms={"b": SplineAdditive(), "c": LINEAR})
    kinds = {k: type(m).__name__ for k, m in model.mechanisms.items()}
    assert (kinds["b"], kinds["c"]) == ("Splines", "Linear")


def test_rows_that_target_a_node_are_not_used_for_it():
    data = chain(600)
    environment = np.repeat([0, 1], 300)
    b = np.where(environment == 1, 50.0 + np.arange(600), data["b"])
    targets = np.array([[False, False, False], [False, True, False]])
    table = rung.Data(
        data.described,
        {"a": data["a"], "b": b, "c": data["c"]},
        environment=environment,
        environments=("seen", "set"),
        targets=targets,
    )
    model = rung.fit(CHAIN, table, mechanisms=LINEAR)
    slope, *_ = np.linalg.lstsq(
        np.column_stack([np.ones(300), data["a"][:300]]), data["b"][:300], rcond=None
    )
    assert model.mechanisms["b"].predictor.effects[0][0, 0] == pytest.approx(slope[1])
    both = np.column_stack([np.ones(600), b])  # c is learned from all rows
    slope, *_ = np.linalg.lstsq(both, data["c"], rcond=None)
    assert model.mechanisms["c"].predictor.effects[0][0, 0] == pytest.approx(slope[1])
    with pytest.raises(InputError, match="every row .* intervention on 'b'"):
        rung.fit(CHAIN, table[300:], mechanisms=LINEAR)


def test_missing_cells_follow_the_policy():
    data = chain(100)
    a = data["a"].copy()
    a[:40] = np.nan
    holes = rung.Data(data.described, {"a": a, "b": data["b"], "c": data["c"]})
    with pytest.raises(MissingCells, match="no policy"):
        rung.fit(CHAIN, holes, mechanisms=LINEAR)
    whole = rung.fit(CHAIN, data[40:], mechanisms=LINEAR).mechanisms
    listwise = rung.fit(CHAIN, holes.replacing(missing=rung.CompleteCases()), mechanisms=LINEAR)
    testwise = rung.fit(CHAIN, holes.replacing(missing=rung.TestWise()), mechanisms=LINEAR)
    full = rung.fit(CHAIN, data, mechanisms=LINEAR).mechanisms
    for model, expected in ((listwise, whole), (testwise, full)):
        ours, theirs = model.mechanisms["c"].predictor, expected["c"].predictor
        assert ours.effects[0][0, 0] == pytest.approx(theirs.effects[0][0, 0])


def test_fitting_without_rows():
    data = chain(300)
    rows = rung.fit(CHAIN, data, mechanisms=LINEAR)
    moments = rung.fit(CHAIN, data[:100].moments() + data[100:].moments())
    assert np.allclose(total_effects(rows), total_effects(moments), atol=1e-9)
    with pytest.raises(NeedsRows, match="SplineAdditive of 'a'"):
        rung.fit(CHAIN, data.moments(), mechanisms=SplineAdditive())
    with pytest.raises(NeedsRows, match="resample"):
        Structural(CHAIN, LINEAR, resamples=3).fit(data.moments(), rng=np.random.default_rng(0))
    table = DiscreteSCM(graph=CHAIN).draw(300, rng=np.random.default_rng(0))[0]
    counts = Counts.of(table.values, table.variables)
    by_counts = rung.fit(CHAIN, counts)
    by_rows = rung.fit(CHAIN, table, mechanisms=DiscreteTable())
    for name in "abc":
        assert np.allclose(by_counts.mechanisms[name].table, by_rows.mechanisms[name].table)


def test_resamples_carry_the_uncertainty_of_a_slope():
    """Sd of the counterfactual move over refits against the textbook standard error."""
    graph, n = rung.Graph.parse("a -> b"), 300
    data = LinearSCM(graph=graph).draw(n, rng=np.random.default_rng(3))[0]
    model = Structural(graph, LINEAR, resamples=200).fit(data, rng=np.random.default_rng(0))
    assert (model.meaning, len(model.parts)) == ("bootstrap", 200)
    slopes = [p.mechanisms["b"].predictor.effects[0][0, 0] for p in model.parts]
    x = data["a"] - data["a"].mean()
    left = data["b"] - data["b"].mean() - (x @ data["b"]) / (x @ x) * x
    error = np.sqrt(left @ left / (n - 2) / (x @ x))
    assert np.std(slopes) == pytest.approx(error, rel=0.2)
    draws = rung.counterfactual(model, data[:3], a=data["a"][:3] + 1.0)
    low, high = draws.interval(0.95)["b"]
    assert np.allclose(high - low, 2 * 1.96 * error, rtol=0.25)


def test_resamples_take_whole_units():
    """Each unit occurs ten times: the error is that of the units, not of the rows."""
    graph = rung.Graph.parse("a -> b")
    data = LinearSCM(graph=graph).draw(80, rng=np.random.default_rng(3))[0]
    rows = data.take(np.repeat(np.arange(80), 10)).replacing(unit=np.repeat(np.arange(80), 10))

    def spread(table):
        model = Structural(graph, LINEAR, resamples=150).fit(table, rng=np.random.default_rng(0))
        return np.std([p.mechanisms["b"].predictor.effects[0][0, 0] for p in model.parts])

    assert spread(rows) == pytest.approx(spread(data), rel=0.3)
    assert spread(rows.replacing(unit=None)) < 0.6 * spread(data)


def test_refits_of_every_kind_follow_the_weights():
    scm = MixedSCM(7, 3.0, binary=2, categorical=1, curves=True).scm(np.random.default_rng(0))
    data = scm.sample(500, seed=0)
    model = Structural(scm.graph, resamples=3).fit(data, rng=np.random.default_rng(0))
    for name in scm.names:
        kinds = {type(p.mechanisms[name]).__name__ for p in model.parts}
        assert len(kinds) == 1  # the choice is made once
    first, second = (p.sample(50, seed=0).values for p in model.parts[:2])
    assert not np.array_equal(first, second)
    change = {scm.names[0]: data[scm.names[0]][:4]}
    assert len(rung.counterfactual(model, data[:4], change)) == 4


def test_a_spent_budget_still_answers():
    import time

    data = MixedSCM(8, 3.0).draw(3000, rng=np.random.default_rng(0))[0]
    graph = MixedSCM(8, 3.0).draw(3, rng=np.random.default_rng(0))[1]
    began = time.monotonic()
    model = rung.fit(graph, data, budget=rung.Budget(seconds=0.01))
    assert time.monotonic() - began < 5
    notes = [m.describe()["note"] for m in model.mechanisms.values()]
    assert any("budget" in note for note in notes)


def test_few_rows_take_the_simplest_mechanism():
    model = rung.fit(CHAIN, chain(12))
    assert "only 12 rows" in model.mechanisms["c"].describe()["note"]
    with pytest.raises(InputError, match="rows"):
        rung.fit(CHAIN, chain(1))


def test_auto_checks_its_settings():
    with pytest.raises(InputError):
        AutoMechanism(folds=1)
    with pytest.raises(InputError):
        Structural(CHAIN, resamples=-1).fit(chain(), rng=np.random.default_rng(0))
