"""BOSS: the true class from exact moments, the best score, any score object."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import permutations

import numpy as np

import rung
from rung.graphs import cpdag
from tests.discovery.support import covariance, draw, levels, moments, names, random_dag, weights

RNG = np.random.default_rng


def test_exact_moments_give_the_true_class():
    wrong = 0
    for seed in range(200):
        rng = RNG(seed)
        d = int(rng.integers(4, 9))
        b = weights(rng, random_dag(rng, d, rng.uniform(1, 3)))
        found = rung.discover(moments(covariance(b), 10**9), rung.BOSS())
        wrong += found.graph != cpdag(rung.Graph.from_adjacency(b != 0, names(d)))
    assert wrong == 0


def test_score_is_that_of_the_graph_and_close_to_the_best_of_all_orders():
    hits = 0
    for seed in range(20):
        rng = RNG(seed)
        data = rung.Data.from_matrix(draw(rng, weights(rng, random_dag(rng, 5, 3)), 150), names(5))
        found = rung.BOSS(restarts=20).learn(data)
        bound = rung.GaussianBIC().on(data)
        member = next(rung.graphs.members(found.graph))
        at = {v: i for i, v in enumerate(data.names)}
        total = sum(bound.local(at[v], [at[p] for p in member.parents(v)]) for v in data.names)
        assert np.isclose(total, found.score, atol=1e-6)
        hits += found.score > best_of_all(bound, 5) - 1e-6
    assert hits >= 18  # greedy growth of parents can miss the best set


def best_of_all(bound, d):
    """Best score over all DAGs, by the best parents in every order."""
    from functools import cache
    from itertools import combinations

    @cache
    def best(v, before):
        sets = [s for k in range(len(before) + 1) for s in combinations(sorted(before), k)]
        return max(bound.local(v, list(s)) for s in sets)

    orders = permutations(range(d))
    return max(sum(best(v, frozenset(o[:i])) for i, v in enumerate(o)) for o in orders)


@dataclass(frozen=True)
class Plain:
    """Any object with `on`: here the Gaussian BIC through its two methods only."""

    def on(self, source, *, rng=None):
        inner = rung.GaussianBIC().on(source)

        class Bound:
            def local(self, node, parents):
                return inner.local(node, parents)

            def gains(self, node, parents, candidates):
                return inner.gains(node, parents, candidates)

        return Bound()


def test_any_score_object_works_and_gives_the_same_answer():
    rng = RNG(4)
    data = rung.Data.from_matrix(draw(rng, weights(rng, random_dag(rng, 6, 2)), 300), names(6))
    plain, kernel = (rung.discover(data, rung.BOSS(s)) for s in (Plain(), rung.GaussianBIC()))
    assert plain.graph == kernel.graph


def test_discrete_and_mixed_scores_find_a_collider_and_a_chain():
    rng = RNG(0)
    n = 3000
    a, b = (rng.random((2, n)) < 0.5) * 1.0
    c = (rng.random(n) < 0.1 + 0.4 * a + 0.4 * b) * 1.0
    d = (rng.random(n) < 0.1 + 0.8 * c) * 1.0
    data = levels(np.column_stack([a, b, c, d]), [2] * 4, list("abcd"))
    wanted = rung.Graph.parse("a -> c <- b; c -> d")
    for learner in (rung.BOSS(rung.DiscreteBIC()), rung.PC(rung.G2())):
        assert rung.discover(data, learner).graph == wanted
    x = c + rng.normal(size=n)
    mixed = data.with_column(rung.Variable("x"), x)
    wanted = rung.Graph.parse("a -> c <- b; c -> d; c -> x")
    for learner in (
        rung.BOSS(rung.DegenerateGaussianBIC()),
        rung.BOSS(rung.ConditionalGaussianBIC()),
        rung.PC(rung.DegenerateGaussian()),
    ):
        assert rung.discover(mixed, learner).graph == wanted, learner


def test_seeds_are_honoured():
    rng = RNG(1)
    data = rung.Data.from_matrix(draw(rng, weights(rng, random_dag(rng, 25, 6)), 200), names(25))
    first, again, other = (rung.discover(data, rung.BOSS(), seed=s) for s in (3, 3, 4))
    assert first.graph == again.graph
    assert first.score == again.score
    assert (first.seed, other.seed) == (3, 4)


def test_restarts_never_lower_the_score():
    for seed in range(5):
        rng = RNG(seed)
        data = rung.Data.from_matrix(
            draw(rng, weights(rng, random_dag(rng, 20, 6)), 300), names(20)
        )
        scores = [rung.BOSS(restarts=k).learn(data).score for k in (0, 3, 10)]
        assert scores[0] <= scores[1] + 1e-6 <= scores[2] + 2e-6


def test_three_clients_give_the_pooled_graph():
    rng = RNG(2)
    x = draw(rng, weights(rng, random_dag(rng, 8, 3)), 900)
    data = rung.Data.from_matrix(x, names(8))
    summed = data[:100].moments() + data[100:400].moments() + data[400:].moments()
    for learner in (rung.BOSS(), rung.PC()):
        assert rung.discover(summed, learner).graph == rung.discover(data, learner).graph
