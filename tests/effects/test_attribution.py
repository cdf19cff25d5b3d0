"""Root causes: closed forms, laws of Shapley values, sharing of work, refusals."""

from __future__ import annotations

import json
from itertools import permutations
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import norm

import rung
from rung.core.budget import start
from rung.core.errors import InputError, MissingCells, UnknownName
from rung.core.result import lock
from rung.effects.attribution.measures import as_numbers
from rung.effects.attribution.rows import DRAWS_OF_SUMS, explain
from rung.effects.attribution.shapley import AllSets, Orders
from rung.effects.attribution.worlds import Plan, Rule, Worlds, cut_to
from rung.mechanisms.linear import Linear
from rung.mechanisms.noise import Gaussian
from rung.mechanisms.regimes import separation
from rung.mechanisms.table import Table
from rung.simulate import DiscreteSCM, LinearSCM, MixedSCM, NonlinearSCM
from rung.simulate.truth import joint, total_effects

FLOOR = 1 / (DRAWS_OF_SUMS + 1)
GRAPH = rung.Graph.parse("a -> b; a -> c; b -> y; c -> y")


def linear(step: float = 0.0) -> rung.SCM:
    """a -> b -> y <- c <- a with slopes 1, 0.5, 1, 2; `step` moves the mean of b."""
    v = {n: rung.Variable(n) for n in "abcy"}
    return rung.SCM(GRAPH, {
        "a": Linear.of(v["a"], [], []),
        "b": Linear.of(v["b"], [v["a"]], [1.0], intercept=step),
        "c": Linear.of(v["c"], [v["a"]], [0.5]),
        "y": Linear.of(v["y"], [v["b"], v["c"]], [1.0, 2.0], noise=Gaussian(0.5)),
    })  # fmt: skip


def brute(worth: dict[frozenset[int], float], k: int) -> np.ndarray:
    out = np.zeros(k)
    orders = list(permutations(range(k)))
    for order in orders:
        for i, player in enumerate(order):
            before = frozenset(order[:i])
            out[player] += worth[before | {player}] - worth[before]
    return out / len(orders)


def test_exact_values_equal_the_mean_over_all_orders():
    rng, k = np.random.default_rng(0), 5
    game = AllSets(k)
    worth = rng.normal(size=2**k)
    by_set = {frozenset(np.flatnonzero(s).tolist()): w
              for s, w in zip(game.sets, worth, strict=True)}  # fmt: skip
    assert np.allclose(game.values(worth), brute(by_set, k))
    assert game.values(worth).sum() == pytest.approx(worth[-1] - worth[0])


def test_sampled_orders_agree_with_all_sets_within_their_errors():
    rng, k = np.random.default_rng(1), 7
    every, some = AllSets(k), Orders.drawn(k, 300, rng)
    weights = rng.normal(size=k)

    def worth(sets: np.ndarray) -> np.ndarray:
        total = sets @ weights
        return total + total**2

    exact, error = every.values(worth(every.sets)), some.error(worth(some.sets))
    assert (np.abs(some.values(worth(some.sets)) - exact) < 4.5 * error + 1e-9).all()
    assert (error > 0).any()


@pytest.mark.parametrize("maker", [
    LinearSCM(d=6, degree=3), NonlinearSCM(d=6, degree=3), DiscreteSCM(d=6, degree=3),
    MixedSCM(d=6, degree=3, counts=1),
])  # fmt: skip
def test_shared_work_gives_what_each_world_gives_alone(maker):
    """Any set: recompute every node in order, without plans."""
    rng = np.random.default_rng(2)
    scm = maker.scm(rng)
    scm = cut_to(scm, scm.graph.topological_order()[-1])
    m = {n: scm.structural(n) for n in scm.names}
    rules = {n: (Rule(m[n], m[n].noise(30, rng)), Rule(m[n], m[n].noise(30, rng)))
             for n in scm.names}  # fmt: skip
    worlds = Worlds(scm.graph, scm.names, rules, 30)
    sets = AllSets(len(scm.names)).sets
    plan = Plan.of(scm.graph, scm.names, sets)
    found = worlds.outcome(plan)[plan.outcome]
    for row in range(0, len(sets), 3):
        values: dict[str, np.ndarray] = {}
        for j, name in enumerate(scm.names):
            u = rules[name][int(sets[row, j])].noise
            values[name] = m[name].forward({p.name: values[p.name] for p in m[name].parents}, u)
        assert np.allclose(found[row], values[scm.names[-1]])
    if worlds.effects is not None:
        assert np.allclose(worlds.sums(sets, slice(0, 30)), found)


def test_a_deviation_of_a_linear_model_is_noise_times_total_effect():
    scm = linear()
    row = {"a": 1.0, "b": -2.0, "c": 0.5, "y": 3.0}
    found = rung.attribute(scm, None, row, outcome="y", measure=rung.Deviation())
    noise = {"a": 1.0, "b": -3.0, "c": 0.0, "y": 3.0 - (-2.0 + 1.0)}
    effects = total_effects(scm)[:, scm.graph.index("y")]
    for c in found.contributions:
        exact = noise[c.node] * effects[scm.graph.index(c.node)]
        assert abs(c.value - exact) < 4.5 * c.error + 1e-9
    assert found.total == pytest.approx(3.0, abs=0.1)
    assert found.ranked[0] == "y"


def test_an_outlier_score_of_a_linear_gaussian_model_is_that_of_the_normal_law():
    """P(at least as extreme | noise of a set) in closed form, all sets, brute-force Shapley; draws
    that reach it are counted with one more, so that no probability is below `FLOOR`."""
    scm = linear()
    row = {"a": 1.0, "b": 5.0, "c": 0.5, "y": 7.0}
    noise = np.array([1.0, 4.0, 0.0, 1.0])
    effects = total_effects(scm)[:, scm.graph.index("y")]
    sd = np.array([1.0, 1.0, 1.0, 0.5])
    worth = {}
    for s in AllSets(4).sets:
        centre = (effects * noise * s).sum()
        spread = np.sqrt(((effects * sd) ** 2 * ~s).sum())
        with np.errstate(divide="ignore", invalid="ignore"):
            tail = norm.sf((7 - centre) / spread) + norm.cdf((-7 - centre) / spread)
        worth[frozenset(np.flatnonzero(s).tolist())] = np.log(tail + FLOOR if spread > 0 else 1.0)
    exact = dict(zip(scm.names, brute(worth, 4), strict=True))
    found = rung.attribute(scm, None, row, outcome="y", seed=3)
    for c in found.contributions:
        assert abs(c.value - exact[c.node]) < 4.5 * c.error + 0.02
    assert found.total == pytest.approx(-worth[frozenset()], abs=0.25)
    assert "b" in found.words[1]


def test_a_rare_level_has_minus_its_log_probability():
    scm = DiscreteSCM(d=4, degree=2, levels=(3, 3), alpha=0.5).scm(np.random.default_rng(3))
    outcome = scm.graph.topological_order()[-1]
    table = joint(scm)
    p = table.sum(axis=tuple(i for i in range(4) if i != scm.graph.index(outcome)))
    row = scm.sample(1, seed=5)
    score = -np.log(p[p <= p[int(row.column(outcome)[0])] + 1e-12].sum())
    found = rung.attribute(scm, None, row, outcome=outcome)
    assert found.total == pytest.approx(score, abs=0.15)
    assert found.rows is not None
    assert found.rows.sum() == pytest.approx(found.total)


def test_the_mean_shift_is_that_of_the_change_and_covered_by_its_interval():
    """b moves by 0.8, so y does: the interval covers 0.8 in at least 17 of 20 data sets."""
    hits = 0
    for seed in range(20):
        before = linear().sample(400, seed=seed)
        after = linear(0.8).sample(400, seed=seed + 100)
        found = rung.attribute(linear(), before, after, outcome="y", seed=seed)
        assert found.ranked[0] == "b"
        low, high = found.contributions[0].interval
        hits += low <= 0.8 <= high
    assert hits >= 17


def test_two_changes_share_a_shift_of_variance_as_the_formula_says():
    """Noise of b and of y doubled: variances add, so each has its own part."""
    v = {n: rung.Variable(n) for n in "by"}
    graph = rung.Graph.parse("b -> y")

    def scm(sd: float) -> rung.SCM:
        return rung.SCM(graph, {
            "b": Linear.of(v["b"], [], [], noise=Gaussian(sd)),
            "y": Linear.of(v["y"], [v["b"]], [1.0], noise=Gaussian(0.5 * sd)),
        })  # fmt: skip

    before, after = scm(1.0).sample(4000, seed=0), scm(2.0).sample(4000, seed=1)
    found = rung.attribute(scm(1.0), before, after, outcome="y", measure=rung.VarianceShift())
    value = {c.node: c.value for c in found.contributions}
    assert value["b"] == pytest.approx(3.0, abs=0.3)
    assert value["y"] == pytest.approx(0.75, abs=0.15)
    assert found.observed == pytest.approx(found.total, abs=0.4)


def test_more_than_twelve_changed_mechanisms_share_a_shift():
    """Fourteen roots move by 1 and have slope 1: each adds 1 to the outcome."""
    names = [f"r{i}" for i in range(14)]
    graph = rung.Graph.from_edges([(n, "-->", "y") for n in names], (*names, "y"))
    v = {n: rung.Variable(n) for n in (*names, "y")}

    def scm(at: float) -> rung.SCM:
        roots = {n: Linear.of(v[n], [], [], intercept=at) for n in names}
        end = Linear.of(v["y"], [v[n] for n in names], np.ones(14))
        return rung.SCM(graph, {**roots, "y": end})

    before, after = scm(0.0).sample(800, seed=0), scm(1.0).sample(800, seed=1)
    found = rung.attribute(scm(0.0), before, after, outcome="y")
    assert "sampled orders" in found.how
    for c in found.contributions:
        assert abs(c.value - (c.node != "y")) < 4.5 * max(c.error, 0.01)


def test_no_change_is_found_where_there_is_none():
    """Level 0.05 over the nodes together: at most 4 false alarms in 30 pairs of data sets."""
    alarms = 0
    for seed in range(30):
        before, after = linear().sample(300, seed=seed), linear().sample(200, seed=seed + 500)
        found = rung.attribute(linear(), before, after, seed=seed)
        alarms += any(c.changed for c in found.contributions)
    assert alarms <= 4
    assert found.words[0] == "no mechanism was found to change"


def test_a_change_upstream_does_not_spoil_a_child_whose_mechanism_stays():
    before, after = linear().sample(500, seed=0), linear(3.0).sample(500, seed=1)
    found = rung.attribute(linear(), before, after)
    assert found.ranked[0] == "b"
    assert [c.node for c in found.contributions if c.changed] == ["b"]


def test_levels_of_an_outcome():
    maker = DiscreteSCM(graph=rung.Graph.parse("x -> y"), levels=(3, 3), alpha=1.0)
    scm, other = maker.scm(np.random.default_rng(0)), maker.scm(np.random.default_rng(1))
    mixed = rung.SCM(scm.graph, {"x": scm.mechanisms["x"], "y": other.mechanisms["y"]})
    before, after = scm.sample(2000, seed=0), mixed.sample(2000, seed=1)
    p, q = (joint(m).sum(axis=0) for m in (scm, mixed))
    found = rung.attribute(scm, before, after, outcome="y", measure=rung.Divergence())
    assert found.ranked[0] == "y"
    assert found.total == pytest.approx((q * np.log(q / p)).sum(), rel=0.25)
    share = rung.attribute(scm, before, after, outcome="y", measure=rung.ShareShift(1))
    assert share.total == pytest.approx(q[1] - p[1], abs=0.05)
    quantile = rung.attribute(
        linear(), linear().sample(500, seed=0), linear(1.0).sample(500, seed=1), outcome="y",
        measure=rung.QuantileShift(0.9),
    )  # fmt: skip
    assert quantile.contributions[0].value == pytest.approx(1.0, abs=0.35)


def test_more_than_twelve_nodes_are_sampled_with_error_bars():
    rng = np.random.default_rng(4)
    scm = LinearSCM(d=15, degree=4).scm(rng)
    outcome = scm.graph.topological_order()[-1]
    part = cut_to(scm, outcome)
    row = scm.sample(1, seed=0)
    found = explain(scm, row, outcome, rung.Deviation(), start(None), rng)
    noise = {n: part.mechanisms[n].abduct(row.column(n), {p: row.column(p) for p in
             part.graph.parents(n)}, rng)[0] for n in part.names}  # fmt: skip
    effects = total_effects(part)[:, part.graph.index(outcome)]
    exact = np.array([noise[n] for n in part.names]) * effects
    assert found.sampled == (len(part.names) > 12)
    assert (np.abs(found.values[0] - exact) < 5 * found.errors[0] + 1e-9).all()


def test_graphs_are_mixed_with_their_weights():
    data = linear().sample(600, seed=0)
    other = rung.Graph.parse("a -> b; a -> c; c -> b; b -> y; c -> y")
    found = rung.attribute(
        [(GRAPH, 3.0), (other, 1.0)], data, data.take(np.array([4])), outcome="y"
    )
    assert [round(p.weight, 6) for p in found.parts] == [0.75, 0.25]
    mean = sum(p.weight * p.values for p in found.parts)
    assert np.allclose(mean, [next(c.value for c in found.contributions if c.node == n)
                              for n in found.nodes])  # fmt: skip
    alone = rung.attribute(rung.fit(GRAPH, data), data, 4, outcome="y")
    assert np.allclose(alone.rows, next(p.values for p in found.parts if p.graph == GRAPH))


def test_several_rows_are_each_explained():
    scm, data = linear(), linear().sample(50, seed=0)
    found = rung.attribute(scm, data, [3, 7], outcome="y")
    assert found.labels == ("row 3", "row 7")
    one = rung.attribute(scm, data, 3, outcome="y")
    assert np.allclose(found.rows[0], one.rows[0], atol=1e-9)
    assert list(found.by_row().columns) == list(found.nodes)
    both = rung.attribute(scm, data, data[3:5], outcome="y", measure=rung.OutlierScore())
    assert both.rows.shape == (2, 4)


def test_results_are_the_same_for_the_same_seed_and_travel(tmp_path: Path):
    scm, data = linear(), linear().sample(300, seed=0)
    after = linear(1.0).sample(300, seed=1)
    found = rung.attribute(scm, data, after, outcome="y", seed=5)
    again = rung.attribute(scm, data, after, outcome="y", seed=5)
    assert found.frame().equals(again.frame())
    content = json.loads(json.dumps(found.content()))
    assert content["nodes"][0]["node"] == "b"
    assert "if the graph is right" in repr(found)
    found.plot().save(tmp_path / "a.svg")
    assert "<svg" in (tmp_path / "a.svg").read_text()
    assert rung.load(found.save(tmp_path / "a.rung")).frame().equals(found.frame())
    assert "budhathoki2021" in found.cite()


def test_refusals_say_what_to_do():
    scm, data = linear(), linear().sample(100, seed=0)
    cases = [
        (lambda: rung.attribute(scm, data, 3), InputError, "outcome="),
        (lambda: rung.attribute(scm, None, 3, outcome="y"), InputError, "before"),
        (lambda: rung.attribute(scm, data, 300, outcome="y"), InputError, "300"),
        (lambda: rung.attribute(scm, data, 3, outcome="z"), UnknownName, "z"),
        (lambda: rung.attribute(scm, data, {"y": 1.0}, outcome="y"), InputError, "lack"),
        (lambda: rung.attribute(scm, data, {"w": 1.0}, outcome="y"), UnknownName, "w"),
        (lambda: rung.attribute(scm, data, {"y": np.inf}, outcome="y"), InputError, "finite"),
        (lambda: rung.attribute(scm, data, "y", outcome="y"), InputError, "second data set"),
        (lambda: rung.attribute(scm, data, data[:5], outcome="y"), InputError, "OutlierScore"),
        (lambda: rung.attribute(scm, data, data, measure=rung.MeanShift()), InputError, "outcome"),
        (lambda: rung.attribute(GRAPH, None, 3, outcome="y"), InputError, "fitted"),
        (lambda: rung.attribute(rung.do(scm, a=1), data, 3, outcome="y"), InputError, "interv"),
        (lambda: rung.QuantileShift(1.0), InputError, "order"),
        (lambda: rung.attribute(scm, data, 3, outcome="y", measure=rung.MeanShift()), InputError,
         "data sets"),
        (lambda: rung.attribute(scm, data.drop(["c"]), data, outcome="y"), UnknownName, "c"),
    ]  # fmt: skip
    for call, kind, words in cases:
        with pytest.raises(kind, match=words):
            call()
    v = rung.Variable("k", rung.Kind.CATEGORICAL, ("p", "q", "r"))
    with pytest.raises(InputError, match="ShareShift"):
        as_numbers(np.zeros(3), v, "MeanShift")


def test_many_levels_are_worked_on_in_pieces_or_refused():
    def scm(size: int) -> rung.SCM:
        x = rung.Variable("x", rung.Kind.CATEGORICAL, tuple(range(size)))
        y = rung.Variable("y", rung.Kind.BINARY, (0, 1))
        p = np.linspace(0.1, 0.9, size)
        return rung.SCM(rung.Graph.parse("x -> y"), {
            "x": Table(x, (), np.full(size, 1 / size)),
            "y": Table(y, (x,), np.column_stack([p, 1 - p])),
        })  # fmt: skip

    found = rung.attribute(scm(300), None, {"x": 2, "y": 1}, outcome="y")
    assert found.total == pytest.approx(0.0, abs=0.8)
    with pytest.raises(InputError, match="10000 levels"):
        rung.attribute(scm(10_000), None, {"x": 2, "y": 1}, outcome="y")


def test_missing_cells_are_refused_or_follow_the_policy():
    scm, data = linear(), linear().sample(200, seed=0)
    column = np.array(data.column("b"))
    column[:5] = np.nan
    holed = data.with_column(data.variable("b"), lock(column))
    with pytest.raises(MissingCells, match="policy"):
        rung.attribute(scm, holed, data, outcome="y")
    with pytest.raises(MissingCells):
        rung.attribute(scm, holed, 0, outcome="y")
    kept = holed.replacing(missing=rung.CompleteCases())
    assert "195" in rung.attribute(scm, kept, data).how


def test_rows_that_set_a_node_do_not_count_as_its_mechanism():
    scm = linear()
    before, set_ = scm.sample(400, seed=0), rung.do(scm, b=4.0).sample(400, seed=1)
    targets = np.array([[False, True, False, False]])
    after = set_.replacing(
        environment=np.zeros(400, dtype=np.int64), environments=("set",), targets=targets
    )
    found = rung.attribute(scm, before, after)
    assert not any(c.changed for c in found.contributions)
    assert any(c.changed for c in rung.attribute(scm, before, set_).contributions)


def test_separate_fits_gain_nothing_where_there_is_one_level():
    data = linear().sample(60, seed=0)
    flag = rung.Variable("w", rung.Kind.BINARY, ("p", "q"))
    table = data.with_column(flag, lock(np.zeros(60)))
    found = separation(("b", ("a",)), table, "w", rung.LinearGaussian(), 10, 0)
    assert (found.gain, found.p) == (0.0, 1.0)
