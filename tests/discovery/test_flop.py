"""FLOP: the true class from exact moments, exact bookkeeping of moves, any score, hostile data."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

import rung
from rung.core.budget import Budget
from rung.core.errors import InputError, NotSupported
from rung.discovery import flop
from rung.discovery.backward import backward
from rung.discovery.flop import _Search
from rung.graphs import cpdag
from tests.discovery.support import covariance, draw, levels, moments, names, random_dag, weights
from tests.discovery.test_boss import Plain, best_of_all

RNG = np.random.default_rng


def linear(seed, d, degree, n):
    rng = RNG(seed)
    return rung.Data.from_matrix(draw(rng, weights(rng, random_dag(rng, d, degree)), n), names(d))


def search(data, score=None, required=None, forbidden=None):
    d = len(data.names)
    nothing = np.zeros((d, d), dtype=bool)
    bound = (score or rung.GaussianBIC()).on(data)
    return _Search(
        bound,
        nothing if required is None else required,
        nothing if forbidden is None else forbidden,
        Budget().start(),
    )


def refits(s):
    """Score of each node, and its parents, by greedy addition and removal with full refits."""
    local, order = s.bound.local, s.order[0].tolist()
    scores, parents = np.empty(s.d), {}
    for i, v in enumerate(order):
        given, value = [], local(v, [])
        while True:
            trials = {c: local(v, [*given, c]) for c in order[:i] if c not in given}
            c = max(trials, key=trials.__getitem__, default=None)
            if c is None or trials[c] <= value + 1e-9:
                break
            given, value = [*given, c], trials[c]
        while given:
            trials = {c: local(v, [p for p in given if p != c]) for c in given}
            c = max(trials, key=trials.__getitem__)
            if trials[c] <= value + 1e-9:
                break
            given, value = [p for p in given if p != c], trials[c]
        scores[v], parents[v] = value, sorted(given)
    return scores, parents


def parents_of(s):
    dag = s.refit()
    return {v: np.nonzero(dag[:, v])[0].tolist() for v in range(s.d)}


def test_exact_moments_give_the_true_class():
    wrong = 0
    for seed in range(200):
        rng = RNG(seed)
        d = int(rng.integers(4, 9))
        b = weights(rng, random_dag(rng, d, rng.uniform(1, 3)))
        found = rung.discover(moments(covariance(b), 10**9), rung.FLOP())
        wrong += found.graph != cpdag(rung.Graph.from_adjacency(b != 0, names(d)))
    assert wrong == 0


def test_updated_scores_equal_full_refits():
    for seed, d, degree, n in ((0, 12, 4, 300), (1, 15, 6, 200), (2, 10, 8, 2000)):
        s = search(linear(seed, d, degree, n))
        s.refit()
        for _ in range(2):  # at the start, and at the optimum
            scores, parents = refits(s)
            np.testing.assert_allclose(s.scores, scores, rtol=0, atol=1e-8)
            assert parents_of(s) == parents
            s.climb()
        dice = np.array([7])
        s.shake(dice, 1e-9)
        np.testing.assert_allclose(s.scores, refits(s)[0], rtol=0, atol=1e-8)


def test_a_move_gains_what_was_evaluated_and_what_is_looked_at_is_kept_exactly():
    from rung.kernels.flop import evaluate, move

    s = search(linear(3, 14, 5, 400))
    s.refit()
    to, gained = np.empty(1, dtype=np.int64), np.zeros(1)
    touched = np.empty(15, dtype=np.int64)
    rng, moved = RNG(0), 0
    for _ in range(40):
        v = int(rng.integers(s.d))
        before = s.scores.sum()
        while np.isnan(gain := s._call(evaluate, v, to)):
            s._room(-1)
        if gain == 0:
            to[0] = rng.integers(s.d)  # for the worse; the books must be right all the same
        gained[0] = 0.0
        while s._call(move, v, to[0], gained, touched) < 0:
            s._room(-1)
        moved += gain > 0
        if gain:
            assert gained[0] == pytest.approx(gain, abs=1e-8)
        assert s.scores.sum() - before == pytest.approx(gained[0], abs=1e-8)
        np.testing.assert_allclose(s.scores, refits(s)[0], rtol=0, atol=1e-8)
        looked = s.looked.copy()
        s.refit()
        assert (looked == s.looked).all()
    assert moved >= 5


def test_no_place_in_the_order_is_better_at_the_end():
    worse = 0
    for seed in range(6):
        s = search(linear(seed, 10, 4, 300))
        s.refit()
        s.climb()
        total, order = s.scores.sum(), s.order[0].copy()
        for v in range(s.d):
            for to in range(s.d):
                moved = [w for w in order.tolist() if w != v]
                moved.insert(to, v)
                s.order[0], s.order[1] = moved, np.argsort(moved)
                s.refit()
                worse += s.scores.sum() > total + 1e-6
    assert worse == 0


def test_the_score_is_that_of_the_graph_and_close_to_the_best_of_all_orders():
    hits = 0
    for seed in range(20):
        data = linear(seed, 5, 3, 150)
        found = rung.FLOP(least=0).learn(data)
        bound = rung.GaussianBIC().on(data)
        member = next(rung.graphs.members(found.graph))
        at = {v: i for i, v in enumerate(data.names)}
        total = sum(bound.local(at[v], [at[p] for p in member.parents(v)]) for v in data.names)
        assert np.isclose(total, found.score, atol=1e-6)
        hits += found.score > best_of_all(bound, 5) - 1e-6
    assert hits >= 17  # greedy growth of parents can miss the best set


def test_restarts_never_lower_the_score_and_the_trace_says_so():
    for seed in range(5):
        data = linear(seed, 25, 7, 300)
        found = [rung.FLOP(restarts=k).learn(data) for k in (0, 2, 6)]
        assert found[0].score <= found[1].score + 1e-6 <= found[2].score + 2e-6
        trace = np.array(found[2].details["trace"])
        assert len(trace) == 7
        assert found[2].details["restarts"] == 6
        assert (np.diff(trace[:, 0]) >= 0).all()
        assert (np.diff(trace[:, 1]) >= -1e-6).all()
        assert trace[-1, 1] == pytest.approx(found[2].score, abs=1e-6)


def test_a_spent_budget_gives_the_best_so_far():
    data = linear(0, 40, 6, 300)
    run = Budget().start()
    run.stop()
    stopped = rung.FLOP().learn(data, budget=run)
    assert not stopped.complete
    assert stopped.graph.is_cpdag()
    whole = rung.FLOP(restarts=10_000).learn(data, budget=Budget(seconds=0.3))
    assert not whole.complete
    assert 0 < whole.details["restarts"] < 10_000
    assert whole.score >= rung.FLOP(restarts=0).learn(data).score - 1e-6


def test_memory_runs_out_and_nothing_changes():
    data = linear(5, 30, 6, 300)
    wide = rung.FLOP(restarts=5).learn(data)
    tight = rung.FLOP(restarts=5).learn(data, budget=Budget(bytes=200_000))
    assert tight.graph == wide.graph
    assert tight.score == pytest.approx(wide.score, abs=1e-6)


def test_seeds_are_honoured_whatever_the_number_of_threads():
    from threadpoolctl import threadpool_limits

    data = linear(1, 30, 6, 200)
    found = {}
    for threads in (1, 2):
        with threadpool_limits(threads):
            found[threads] = rung.discover(data, rung.FLOP(restarts=3), seed=3)
    assert found[1].graph == found[2].graph
    assert found[1].score == pytest.approx(found[2].score, abs=1e-9)


def test_knowledge_is_obeyed_strictly():
    for seed in range(10):
        rng = RNG(seed)
        data = linear(seed, 12, 4, 300)
        order = [data.names[i] for i in rng.permutation(12)]
        known = rung.Knowledge(
            required=((order[0], order[6]), (order[1], order[6]), (order[6], order[9])),
            forbidden=((order[2], order[3]), (order[3], order[2])),
            tiers=(tuple(order[:6]), tuple(order[6:])),
        )
        found = rung.FLOP(restarts=3).learn(data, knowledge=known)
        assert not known.violations(found.graph)


def test_any_score_object_works_and_gives_the_same_answer():
    data = linear(4, 6, 2, 300)
    plain, kernel = (
        rung.discover(data, rung.FLOP(s, restarts=2)) for s in (Plain(), rung.GaussianBIC())
    )
    assert plain.graph == kernel.graph
    assert plain.score == pytest.approx(kernel.score, abs=1e-6)


def test_discrete_and_mixed_scores_find_a_collider_and_a_chain():
    rng = RNG(0)
    n = 3000
    a, b = (rng.random((2, n)) < 0.5) * 1.0
    c = (rng.random(n) < 0.1 + 0.4 * a + 0.4 * b) * 1.0
    d = (rng.random(n) < 0.1 + 0.8 * c) * 1.0
    data = levels(np.column_stack([a, b, c, d]), [2] * 4, list("abcd"))
    wanted = rung.Graph.parse("a -> c <- b; c -> d")
    assert rung.discover(data, rung.FLOP(rung.DiscreteBIC())).graph == wanted
    mixed = data.with_column(rung.Variable("x"), c + rng.normal(size=n))
    wanted = rung.Graph.parse("a -> c <- b; c -> d; c -> x")
    for score in (rung.DegenerateGaussianBIC(), rung.ConditionalGaussianBIC()):
        assert rung.discover(mixed, rung.FLOP(score)).graph == wanted, score


def test_interventional_rows_orient_a_chain():
    rng = RNG(0)
    n = 400
    x = rng.normal(size=2 * n)
    y = np.where(np.arange(2 * n) < n, x + rng.normal(size=2 * n), rng.normal(size=2 * n))
    z = y + rng.normal(size=2 * n)
    data = rung.Data.from_matrix(np.column_stack([x, y, z]), list("xyz")).replacing(
        environment=np.repeat([0, 1], n),
        environments=("seen", "set"),
        targets=np.array([[False] * 3, [False, True, False]]),
    )
    assert rung.discover(data, rung.FLOP()).graph == rung.Graph.parse("x -> y -> z")


def test_degenerate_columns():
    rng = RNG(0)
    x = rng.normal(size=(60, 4))
    x[:, 1] += x[:, 0]
    twice = np.column_stack([x, x[:, 0], x[:, 1] - x[:, 2]])  # a copy, a determined column
    constant = np.column_stack([x, np.ones(60)])
    few = rng.normal(size=(8, 12))
    for matrix in (twice, constant, few, x[:, :1], x[:, :2]):
        data = rung.Data.from_matrix(matrix, names(matrix.shape[1]))
        found = rung.FLOP(restarts=2).learn(data)
        assert found.graph.is_cpdag()
        assert found.score >= rung.BOSS(restarts=2, backward=False).learn(data).score - 25
        assert np.isfinite(found.score)
    assert found.graph.has_edge("V0", "V1")


def test_no_deletion_is_left_and_none_loses():
    from rung.discovery.equivalence import ClassSearch
    from rung.kernels.class_state import DELETES

    differ = 0
    for seed in range(12):
        data = linear(seed, 40, 80, 400)
        plain = rung.FLOP(restarts=0, backward=False).learn(data)
        found = rung.FLOP(restarts=0).learn(data)
        assert found.score >= plain.score
        differ += found.graph != plain.graph
        bound, none = rung.GaussianBIC().on(data, rng=RNG(0)), np.zeros((40, 40), dtype=bool)
        dag = rung.graphs.consistent_extension(found.graph).adjacency() > 0
        other = ClassSearch(bound, none, none, begin=dag)  # the deletions of GES
        other.climb(DELETES, Budget().start())
        assert int(other.z[other.kernels.APPLIED]) == 0
    assert differ


def test_a_backward_phase_without_time_says_so():
    full = np.triu(np.ones((6, 6), dtype=bool), 1)
    bound, spent = rung.GaussianBIC().on(linear(0, 6, 1, 100)), Budget(seconds=1e-9).start()
    assert backward(full, bound.local, Budget().start())[0].sum() < full.sum()
    while not spent.spent:
        pass
    dag, done = backward(full, bound.local, spent)
    assert not done
    assert np.array_equal(dag, full)


def test_a_score_that_differs_within_a_class_loses_nothing_either():
    data = linear(3, 8, 14, 200)
    score = rung.BasisFunctionBIC()
    for learner in (rung.FLOP, rung.BOSS):
        plain = learner(score, restarts=0, backward=False).learn(data)
        assert learner(score, restarts=0).learn(data).score >= plain.score - 1e-9


@pytest.mark.parametrize(("score", "d"), [(rung.GaussianBIC(), 24), (Plain(), 8)])
def test_searches_side_by_side(score, d, monkeypatch):
    data, better = linear(5, d, d / 3, 150), 0
    for parallel in (2, 3):
        learner = rung.FLOP(score, restarts=2, parallel=parallel)
        found = learner.learn(data)
        assert found.details["restarts"] == 2
        monkeypatch.setattr(flop, "ThreadPoolExecutor", lambda n: ThreadPoolExecutor(1))
        alone = learner.learn(data)
        monkeypatch.undo()
        assert found.graph == alone.graph
        assert found.details["evaluations"] == alone.details["evaluations"]
        scores = [score for _, score in found.details["trace"]]
        assert (np.diff(scores) > -1e-8).all()
        better += scores[-1] > scores[0] + 1e-6
        assert found.score >= scores[-1] - 1e-9
    assert better or d < 20


def test_dense_data_and_bad_settings():
    data = linear(2, 15, 14, 5000)
    found = rung.FLOP(restarts=5).learn(data)
    assert found.score >= rung.BOSS().learn(data).score - 1e-6
    with pytest.raises(InputError, match="restarts=-1"):
        rung.FLOP(restarts=-1)
    with pytest.raises(InputError, match="parallel=0"):
        rung.FLOP(parallel=0)
    with pytest.raises(NotSupported, match="ties"):
        rung.FLOP().learn(data, knowledge=rung.Knowledge(ties=((("V0", "V1"), ("V2", "V3")),)))
