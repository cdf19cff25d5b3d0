"""Exact search against all DAGs; GRaSP and the others against exact search."""

from __future__ import annotations

import numpy as np
import pytest

import rung
from rung.core.errors import InputError, MissingCells, NotSupported
from rung.graphs import cpdag
from tests.discovery import class_support as enum
from tests.discovery.support import covariance, draw, levels, moments, names, random_dag, weights
from tests.discovery.test_boss import Plain

RNG = np.random.default_rng


def sample(seed, d, n, degree=2.5):
    rng = RNG(seed)
    x = draw(rng, weights(rng, random_dag(rng, d, degree)), n)
    return rung.Data.from_matrix(x, names(d))


def test_equals_brute_force_over_all_dags():
    for seed in range(30):
        rng, d = RNG(seed), 2 + seed % 4
        data = sample(seed, d, int(rng.integers(10, 200)), 3.0)
        bound = rung.GaussianBIC(penalty=1.0).on(data)
        totals = enum.totals(enum.table(bound, d))
        best = enum.matrix(enum.all_dags(d)[np.argmax(totals)])
        found = rung.ExactSearch(rung.GaussianBIC(penalty=1.0)).learn(data)
        assert np.isclose(found.score, totals.max(), atol=1e-8)
        assert found.graph == cpdag(enum.graph(best))


def test_equals_brute_force_with_knowledge_and_a_limit():
    for seed in range(20):
        rng, d = RNG(seed), 4
        data = sample(seed, d, 80, 3.0)
        arrows = [(f"V{i}", f"V{j}") for i, j in (rng.permutation(d)[:2] for _ in range(4))]
        known = rung.Knowledge(
            required=arrows[:1], forbidden=[a for a in arrows[1:] if a != arrows[0]]
        )
        required, forbidden = known.matrices(names(d))
        bound = rung.GaussianBIC(penalty=0.5).on(data)
        totals = enum.totals(enum.table(bound, d))
        for largest in (None, 2):
            fine = []
            for sets in enum.all_dags(d):
                dag = enum.matrix(sets)
                obeys = not (dag & forbidden).any() and not (required & ~dag).any()
                fine.append(obeys and (largest is None or dag.sum(axis=0).max() <= largest))
            learner = rung.ExactSearch(rung.GaussianBIC(penalty=0.5), largest=largest)
            found = learner.learn(data, knowledge=known)
            assert np.isclose(found.score, totals[fine].max(), atol=1e-8)
            assert not known.violations(found.graph)


def test_exact_moments_give_the_true_class():
    deep = rung.GRaSP(depth=10)  # the guarantee is for unlimited depth
    shallow = 0
    for seed in range(200):
        rng = RNG(seed)
        d = int(rng.integers(4, 9))
        b = weights(rng, random_dag(rng, d, rng.uniform(1, 3)))
        source, truth = moments(covariance(b), 10**9), cpdag(enum.graph(b != 0))
        assert rung.ExactSearch().learn(source).graph == truth, seed
        assert deep.learn(source).graph == truth, seed
        shallow += rung.GRaSP().learn(source).graph != truth
    assert shallow <= 4


def test_no_search_beats_it_and_few_stay_behind():
    short = {"GES": 0, "XGES": 0, "GRaSP": 0, "BOSS": 0}
    for seed in range(25):
        data = sample(seed, 10, 300, 3.5)
        best = rung.ExactSearch().learn(data).score
        for learner in (rung.GES(), rung.XGES(), rung.GRaSP(restarts=3), rung.BOSS()):
            score = learner.learn(data).score
            assert score < best + 1e-6
            short[type(learner).__name__] += score < best - 1e-6
    assert max(short["GRaSP"], short["BOSS"]) <= 5
    assert short["XGES"] < short["GES"]


def test_discrete_and_plain_scores():
    rng, n = RNG(0), 500
    a, b = (rng.random((2, n)) < 0.5) * 1.0
    c = (rng.random(n) < 0.1 + 0.4 * a + 0.4 * b) * 1.0
    d = (rng.random(n) < 0.1 + 0.8 * c) * 1.0
    data = levels(np.column_stack([a, b, c, d]), [2] * 4, list("abcd"))
    for learner in (rung.ExactSearch(rung.DiscreteBIC()), rung.GRaSP(rung.DiscreteBIC())):
        assert learner.learn(data).graph == rung.Graph.parse("a -> c <- b; c -> d")
    data = sample(3, 5, 2000)
    assert rung.ExactSearch(Plain()).learn(data).graph == rung.ExactSearch().learn(data).graph
    plain, kernel = (rung.GRaSP(s, depth=10) for s in (Plain(), rung.GaussianBIC()))
    assert plain.learn(data).graph == kernel.learn(data).graph


def test_targets_make_the_class_interventional():
    rng = RNG(1)
    b = weights(rng, random_dag(rng, 5, 2.0))
    cut = b.copy()
    cut[:, 2] = 0.0
    x = np.concatenate([draw(rng, b, 3000), draw(rng, cut, 3000)])
    flags = np.zeros((2, 5), dtype=bool)
    flags[1, 2] = True
    data = rung.Data.from_matrix(x, names(5)).replacing(
        environment=np.repeat([0, 1], 3000), targets=flags, environments=("seen", "set")
    )
    truth = cpdag(enum.graph(b != 0), [["V2"]])
    for learner in (rung.ExactSearch(), rung.GRaSP(depth=5)):
        assert learner.learn(data).graph == truth


def test_grasp_obeys_knowledge_and_says_its_score():
    for seed in range(8):
        rng = RNG(seed)
        data = sample(seed, 12, 150, 4.0)
        order = rng.permutation(12)
        known = rung.Knowledge(
            required=[(f"V{order[0]}", f"V{order[5]}"), (f"V{order[5]}", f"V{order[9]}")],
            forbidden=[(f"V{order[i]}", f"V{order[i - 1]}") for i in range(1, 12)],
        )
        for what in (None, known):
            found = rung.GRaSP().learn(data, knowledge=what)
            assert what is None or not known.violations(found.graph)
            member = next(rung.graphs.members(found.graph)).reorder(data.names)
            total = enum.total_of(rung.GaussianBIC().on(data), member.adjacency() > 0)
            assert np.isclose(total, found.score, atol=1e-6)


def test_grasp_gains_by_depth_and_restarts():
    scores = {"0": 0.0, "1": 0.0, "restarts": 0.0}
    for seed in range(6):
        data = sample(seed, 20, 300, 5.0)
        scores["0"] += rung.GRaSP(uncovered=0, nonsingular=0).learn(data).score
        scores["1"] += rung.GRaSP().learn(data).score
        scores["restarts"] += rung.GRaSP(restarts=5).learn(data).score
    assert scores["0"] < scores["1"] < scores["restarts"]


def test_bad_input_is_named():
    with pytest.raises(NotSupported, match="at most 20 variables, got 21"):
        rung.ExactSearch().learn(sample(0, 21, 30))
    with pytest.raises(NotSupported, match="MiB"):
        rung.ExactSearch().learn(sample(0, 16, 30), budget=rung.Budget(bytes=2**20))
    for bad in ({"largest": -1},):
        with pytest.raises(InputError):
            rung.ExactSearch(**bad)
    with pytest.raises(InputError, match="required causes"):
        rung.ExactSearch(largest=0).learn(
            sample(0, 3, 30), knowledge=rung.Knowledge(required=(("V0", "V1"),))
        )
    for bad in ({"depth": 0}, {"depth": 11}, {"uncovered": -1}, {"restarts": -1}):
        with pytest.raises(InputError):
            rung.GRaSP(**bad)
    rng = RNG(0)
    x = rng.normal(size=(40, 4))
    tied = rung.Knowledge(ties=((("V0", "V1"), ("V2", "V3")),))
    holed = x.copy()
    holed[3, 1] = np.nan
    for learner in (rung.ExactSearch(), rung.GRaSP()):
        with pytest.raises(NotSupported, match="cannot tie edges"):
            learner.learn(rung.Data.from_matrix(x, names(4)), knowledge=tied)
        with pytest.raises(MissingCells):
            learner.learn(rung.Data.from_matrix(holed, names(4)))
        flat = rung.Data.from_matrix(np.column_stack([x, np.ones(40), x[:, 0]]), names(6))
        marks = learner.learn(flat).graph.reorder(names(6)).marks
        assert not marks[4].any()
        assert marks[0, 5]
        assert learner.learn(rung.Data.from_matrix(x[:, :1], ["only"])).graph.d == 1
        assert np.isfinite(learner.learn(rung.Data.from_matrix(x[:3], names(4))).score)


def test_budgets_end_early():
    data = sample(0, 18, 200, 6.0)
    found = rung.ExactSearch().learn(data, budget=rung.Budget(seconds=0.05))
    assert not found.complete
    assert found.seconds < 5
    spent = rung.Budget().start()
    spent.stop()
    for learner in (rung.ExactSearch(), rung.GRaSP()):
        found = learner.learn(data, budget=spent)
        assert not found.complete
        assert np.isfinite(found.score)
        next(rung.graphs.members(found.graph))
