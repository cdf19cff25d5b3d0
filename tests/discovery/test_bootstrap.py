"""Bootstrap: frequencies, clusters, environments, weights; Auto: choice and cross-check."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

import rung
from rung.core.errors import NeedsRows
from rung.core.variable import Kind
from rung.discovery.bootstrap import Subsample, WithReplacement
from rung.inference.ranks import normal_scores
from tests.discovery.support import draw, levels, names, random_dag, weights

RNG = np.random.default_rng


def chain(n=200, seed=0):
    rng = RNG(seed)
    a = rng.normal(size=n)
    b = 0.2 * a + rng.normal(size=n)
    c = b + rng.normal(size=n)
    return rung.Data.from_matrix(np.column_stack([a, b, c]), "abc")


def test_weights_are_shares_of_equal_graphs():
    data = chain()
    found = rung.discover(data, rung.Bootstrap(rung.PC(), draws=40), seed=1)
    assert found.meaning == "bootstrap"
    assert found.graph == rung.discover(data, rung.PC()).graph
    assert len({g for g, _ in found.graphs}) == len(found.graphs)
    assert np.isclose(sum(w for _, w in found.graphs), 1.0)
    assert all(np.isclose(w * 40, round(w * 40)) for _, w in found.graphs)
    assert found.details["draws"] == 40
    assert isinstance(found.learner, rung.Bootstrap)


def test_frequencies_are_those_of_drawing_by_hand():
    """The share of draws with an edge, against an independent loop; binomial error, fixed seed."""
    data = chain()
    learner = rung.PC(alpha=0.2)
    found = rung.discover(data, rung.Bootstrap(learner, draws=400), seed=2)
    share = sum(w for g, w in found.graphs if g.has_edge("a", "b"))
    rng = RNG(99)
    hits = 0
    for _ in range(400):
        x = data.values[rng.integers(200, size=200)]
        hits += learner.learn(rung.Data.from_matrix(x, "abc")).graph.has_edge("a", "b")
    assert 0.05 < share < 0.95
    assert abs(share - hits / 400) < 4 * np.sqrt(2 * share * (1 - share) / 400)


def test_threads_do_not_change_the_answer():
    one, two = (
        rung.discover(chain(), rung.Bootstrap(rung.BOSS(), draws=20, threads=k)) for k in (1, 2)
    )
    assert Counter(dict(one.graphs)) == Counter(dict(two.graphs))


def test_units_and_environments_are_respected():
    data = chain(120)
    unit, env = np.arange(120) // 4, np.repeat([0, 1], [40, 80])
    data = data.replacing(unit=unit, environment=env, environments=("x", "y"))
    for kind in (WithReplacement(), Subsample(0.5)):
        for seed in range(20):
            part = kind.draw(data, RNG(seed))
            counts = np.bincount(part.unit, minlength=30)
            assert (counts % 4 == 0).all()
            share = 1.0 if isinstance(kind, WithReplacement) else 0.5
            assert np.array_equal(np.bincount(part.environment), [40 * share, 80 * share])


def test_repeated_units_widen_the_frequencies():
    """40 units of 25 near copies: rows drawn one by one would hide how little is known."""
    rng = RNG(3)
    core = chain(40, 5).values
    x = np.repeat(core, 25, axis=0) + 0.01 * rng.normal(size=(1000, 3))
    data = rung.Data.from_matrix(x, "abc")
    plain = rung.discover(data, rung.Bootstrap(rung.BOSS(), draws=60))
    by_unit = rung.discover(
        data.replacing(unit=np.repeat(np.arange(40), 25)), rung.Bootstrap(rung.BOSS(), draws=60)
    )
    assert len(by_unit.graphs) > len(plain.graphs)


def test_frequency_weights_are_repeated_rows():
    data = chain(60)
    w = RNG(4).integers(1, 4, size=60)
    repeated = data.take(np.repeat(np.arange(60), w))
    weighted = data.replacing(weights=w.astype(float))
    for learner in (rung.PC(), rung.BOSS()):
        assert rung.discover(weighted, learner).graph == rung.discover(repeated, learner).graph
    a, b = (
        rung.discover(k, rung.Bootstrap(rung.PC(alpha=0.2), draws=300))
        for k in (weighted, repeated)
    )
    share = [sum(w for g, w in k.graphs if g.has_edge("a", "b")) for k in (a, b)]
    assert abs(share[0] - share[1]) < 4 * np.sqrt(0.5 / 300)


def test_rows_are_needed():
    with pytest.raises(NeedsRows, match="Bootstrap"):
        rung.discover(chain().moments(), rung.Bootstrap(rung.BOSS(), draws=3))


def test_normal_scores_are_ranks():
    x = np.array([3.0, np.nan, -1.0, 3.0, 10.0])
    from scipy.stats import norm, rankdata

    wanted = norm.ppf(rankdata(x[[0, 2, 3, 4]]) / 5)
    assert np.allclose(normal_scores(x)[[0, 2, 3, 4]], wanted)
    assert np.isnan(normal_scores(x)[1])
    data = chain(400, 1)
    bent = rung.Data.from_matrix(np.exp(data.values), "abc")
    learner = rung.NormalScores(rung.BOSS())
    z = rung.Hermite(4).expand(rung.Variable("x"), np.linspace(-2, 2, 9))
    hermite = [
        np.polynomial.hermite_e.hermeval(np.linspace(-2, 2, 9), [0] * k + [1]) for k in range(1, 5)
    ]
    assert np.allclose(z, np.column_stack(hermite))
    assert rung.discover(bent, learner).graph == rung.discover(data, learner).graph


# -- Auto -------------------------------------------------------------------------------------


def test_auto_suits_the_kinds():
    numbers = chain(500)
    codes = levels((numbers.values > 0) * 1.0, [2] * 3, list("abc"))
    both = numbers.with_column(rung.Variable("b", Kind.BINARY, (0, 1)), codes.column("b"))
    skewed = rung.Data.from_matrix(np.exp(2 * numbers.values), "abc")
    cases = [
        (numbers, rung.FLOP(rung.GaussianBIC(), restarts=20)),
        (numbers.moments(), rung.FLOP(rung.GaussianBIC(), restarts=20)),
        (codes, rung.FLOP(rung.BDeu(3.0), restarts=20)),
        (codes.table(["a", "b", "c"]), rung.FLOP(rung.BDeu(3.0), restarts=20)),
        (both, rung.FLOP(rung.DegenerateGaussianBIC(2.0), restarts=20)),
        (skewed, rung.NormalScores(rung.FLOP(rung.GaussianBIC(), restarts=20))),
    ]
    for source, wanted in cases:
        found = rung.discover(source)
        assert found.learner == wanted
        assert found.details["why"] in found.notes
        assert "hidden" in found.details["crosscheck"]["text"]


def test_auto_sees_curved_relations():
    """A parabola and a sine have almost no correlation; the linear score loses edges."""
    rng = RNG(1)
    a, e, f, g = rng.normal(size=(4, 2000))
    b = a**2 - 1 + 0.5 * e
    c = np.sin(2 * b) + 0.4 * f
    data = rung.Data.from_matrix(np.column_stack([a, b, c, g]), "abcg")
    found = rung.discover(data)
    assert found.graph.skeleton() == rung.Graph.parse("a -- b -- c; g")
    assert "Kept: splines" in found.details["why"]
    assert rung.discover(data, rung.BOSS()).graph.skeleton() != found.graph.skeleton()


def test_repeated_units_are_said():
    data = chain(60).replacing(unit=np.arange(60) // 2)
    assert any("units have several rows" in note for note in rung.discover(data).notes)


def test_the_crosscheck_compares_edge_by_edge():
    rng = np.random.default_rng(8)
    data = rung.Data.from_matrix(draw(rng, weights(rng, random_dag(rng, 7, 2.5)), 400), names(7))
    found = rung.discover(data)
    other = rung.discover(data, rung.FCI())
    check = found.details["crosscheck"]
    rows = {frozenset((r["a"], r["b"])): r for r in check["agreement"]}
    for a, b in ((x, y) for i, x in enumerate(data.names) for y in data.names[i + 1 :]):
        row = rows.get(frozenset((a, b)))
        assert (row is not None) == (found.graph.has_edge(a, b) or other.graph.has_edge(a, b))
        if row is not None:
            for graph, mark in ((found.graph, row["mark"]), (other.graph, row["other"])):
                assert graph.has_edge(row["a"], row["b"]) == (mark != "none")
                assert mark == "none" or graph.has_edge(row["a"], row["b"], mark)
    assert check["learner"] == "FCI with FisherZ"
    assert sum(check["counts"].values()) == len(check["agreement"])


def test_bootstrap_of_auto_settles_the_choice_once():
    found = rung.discover(chain(300), rung.Bootstrap(rung.Auto(), draws=5))
    assert found.learner == rung.Bootstrap(rung.FLOP(rung.GaussianBIC(), restarts=20), draws=5)
    assert "why" in found.details
    assert "crosscheck" in found.details


# -- conditions -------------------------------------------------------------------------------


def mixture(seed=0, n=900):
    """Two unrelated columns that both shift between conditions, and a true edge."""
    rng = RNG(seed)
    env = np.repeat([0, 1, 2], n // 3)
    a, b, e = rng.normal(size=(3, n))
    a, b = a + 2 * env, b - 3 * env
    data = rung.Data.from_matrix(np.column_stack([a, b, b + e]), "abc")
    return data.replacing(environment=env, environments=("x", "y", "z"))


def test_mixing_conditions_makes_no_edge():
    data = mixture()
    wanted = rung.Graph.parse("b -- c; a", names=("a", "b", "c"))
    assert rung.discover(data, rung.BOSS()).graph.has_edge("a", "b")
    assert rung.discover(data, rung.NormalScores(rung.BOSS(), within=True)).graph == wanted
    found = rung.discover(data)
    assert found.graph == wanted
    assert "conditions" in found.details["why"]


def test_a_condition_without_a_visible_effect_orients_nothing():
    data = chain(600, 2)
    env = np.repeat([0, 1], 300)
    targets = np.array([[False] * 3, [False, True, False]])
    data = data.replacing(environment=env, environments=("x", "y"), targets=targets)
    assert rung.discover(data, rung.PC()).graph.has_edge("b", "c", "--")
    moved = data.values.copy()
    moved[300:, 1] += 3  # b is set to other values, and c follows
    moved[300:, 2] += 3
    shifted = data.replacing(columns=dict(zip("abc", moved.T, strict=True)))
    assert rung.discover(shifted, rung.PC()).graph.has_edge("b", "c", "->")
    moved[300:, 2] -= 3  # b is set, and c does not move: c -> b
    shifted = data.replacing(columns=dict(zip("abc", moved.T, strict=True)))
    assert rung.discover(shifted, rung.PC()).graph.has_edge("c", "b", "->")


def test_levels_that_change_orient_too():
    rng = RNG(3)
    env = np.repeat([0, 1], 800)
    x = (rng.random(1600) < np.where(env, 0.8, 0.3)) * 1.0
    y = (rng.random(1600) < 0.2 + 0.6 * x) * 1.0
    data = levels(np.column_stack([x, y]), [2, 2], ["x", "y"]).replacing(
        environment=env, environments=("a", "b"), targets=np.array([[0, 0], [1, 0]], dtype=bool)
    )
    assert rung.discover(data, rung.PC(rung.G2())).graph.has_edge("x", "y", "->")


def test_ties_hold_for_both_learners():
    """Three copies of one edge, of which one is weak: all are there or none."""
    rng = RNG(5)
    n = 500
    cause = rng.normal(size=(n, 3))
    effect = cause * [1.0, 1.0, 0.02] + rng.normal(size=(n, 3))
    data = rung.Data.from_matrix(np.column_stack([cause, effect]), [*"abc", *"xyz"])
    known = rung.Knowledge(ties=((("a", "x"), ("b", "y"), ("c", "z")),))
    for learner in (rung.PC(), rung.BOSS()):
        plain = rung.discover(data, learner).graph
        assert plain.has_edge("a", "x")
        assert not plain.has_edge("c", "z")
        tied = rung.discover(data, learner, knowledge=known).graph
        assert not any(tied.has_edge(*pair) for pair in known.ties[0])
    forced = rung.Knowledge(required=["a -> x"], ties=known.ties)
    for learner in (rung.PC(), rung.BOSS()):
        tied = rung.discover(data, learner, knowledge=forced).graph
        assert all(tied.has_edge(*pair, "->") for pair in known.ties[0])


def test_other_backends_of_joblib_give_the_same_draws():
    import joblib

    rng = np.random.default_rng(8)
    data = rung.Data.from_matrix(draw(rng, weights(rng, random_dag(rng, 5, 2)), 200), names(5))
    learner = rung.Bootstrap(rung.PC(), draws=6)
    threads = rung.discover(data, learner, seed=3)
    with joblib.parallel_config(backend="loky", n_jobs=2):
        processes = rung.discover(data, learner, seed=3, budget=rung.Budget(seconds=120))
    assert processes.graphs == threads.graphs
    assert processes.complete
