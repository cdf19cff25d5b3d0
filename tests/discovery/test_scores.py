"""Scores against direct formulas; the laws of decomposable, equivalent scores."""

from __future__ import annotations

from math import lgamma, log, pi

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import rung
from rung.core.errors import InputError, NeedsRows
from tests.discovery.support import draw, levels, random_dag, weights

RNG = np.random.default_rng


def mixed_data(seed, n=200):
    rng = RNG(seed)
    a, b = rng.integers(2, size=n), rng.integers(3, size=n)
    x = rng.normal(size=n) + a
    y = rng.normal(size=n) * (1 + b) - x
    kinds = [
        rung.Variable("x"),
        rung.Variable("a", rung.Kind.BINARY, (0, 1)),
        rung.Variable("y"),
        rung.Variable("b", rung.Kind.CATEGORICAL, (0, 1, 2)),
    ]
    return rung.Data.from_matrix(np.column_stack([x, a, y, b]).astype(float), variables=kinds)


def worlds(seed):
    rng = RNG(seed)
    b = weights(rng, random_dag(rng, 4, 2))
    x = rung.Data.from_matrix(draw(rng, b, 150))
    codes = levels((x.values > 0) * 1.0, [2] * 4)
    return {
        "gaussian": (rung.GaussianBIC(), x),
        "discrete": (rung.DiscreteBIC(), codes),
        "degenerate": (rung.DegenerateGaussianBIC(), mixed_data(seed)),
        "conditional": (rung.ConditionalGaussianBIC(), mixed_data(seed)),
    }


def gaussian_by_regression(x, node, parents, penalty):
    n = len(x)
    z = np.column_stack([np.ones(n), x[:, parents]])
    y = (x[:, node] - x[:, node].mean()) / x[:, node].std()
    rss = ((y - z @ np.linalg.lstsq(z, y, rcond=None)[0]) ** 2).sum()
    return -n / 2 * log(rss / n) - penalty / 2 * log(n) * len(parents)


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10**6), st.floats(0.5, 3))
def test_gaussian_bic_is_the_regression_formula(seed, penalty):
    rng = RNG(seed)
    x = draw(rng, weights(rng, random_dag(rng, 5, 3)), 60) * 10.0 ** rng.integers(-3, 4, 5) + 7
    bound = rung.GaussianBIC(penalty).on(rung.Data.from_matrix(x))
    for node, parents in [(0, []), (1, [0]), (2, [4, 1]), (3, [0, 1, 2, 4])]:
        wanted = gaussian_by_regression(x, node, parents, penalty)
        assert np.isclose(bound.local(node, parents), wanted, rtol=1e-7, atol=1e-6)


def test_gaussian_bic_uses_the_rows_that_do_not_target_the_node():
    rng = RNG(2)
    env = np.repeat([0, 1, 2], [80, 60, 50])
    x = rng.normal(size=(190, 3)) @ rng.normal(size=(3, 3)) + env[:, None]
    targets = np.array([[0, 0, 0], [1, 0, 0], [1, 0, 1]], dtype=bool)
    data = rung.Data.from_matrix(x).replacing(
        environment=env, environments=("a", "b", "c"), targets=targets
    )
    bound = rung.GaussianBIC().on(data)
    for node, keep in ((0, env == 0), (1, env >= 0), (2, env != 2)):
        parents = [j for j in range(3) if j != node]
        wanted = gaussian_by_regression(x[keep], node, parents, 2.0)
        assert np.isclose(bound.local(node, parents), wanted, rtol=1e-8)


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 10**6))
def test_discrete_bic_by_counting(seed):
    rng = RNG(seed)
    sizes = [2, 3, 4]
    x = np.column_stack([rng.integers(s, size=90) for s in sizes])
    bound = rung.DiscreteBIC().on(levels(x.astype(float), sizes))
    for node, parents in [(0, []), (1, [0]), (2, [0, 1]), (0, [2, 1])]:
        total = 0.0
        for key in np.unique(x[:, parents], axis=0) if parents else [()]:
            rows = x[(x[:, parents] == key).all(axis=1), node] if parents else x[:, node]
            counts = np.bincount(rows)
            total += sum(c * log(c / len(rows)) for c in counts if c)
        free = (sizes[node] - 1) * np.prod([sizes[p] for p in parents])
        wanted = total - 0.5 * log(90) * free
        assert np.isclose(bound.local(node, parents), wanted, rtol=1e-9)


def test_conditional_gaussian_by_cells():
    data = mixed_data(4)
    x, a, y = data["x"], data.column("a"), data["y"]
    bound = rung.ConditionalGaussianBIC().on(data)
    n = len(x)

    def joint(columns, cells):
        """Log-likelihood of Gaussians in cells, and free parameters."""
        c = len(columns)
        total = 0.0
        for v in np.unique(cells):
            rows = cells == v
            total += rows.sum() * log(rows.mean())
            if c:
                z = np.column_stack([(k - k.mean()) / k.std() for k in columns])[rows]
                cov = np.cov(z, rowvar=False, bias=True).reshape(c, c)
                total -= rows.sum() / 2 * (np.linalg.slogdet(cov)[1] + c * (1 + log(2 * pi)))
        k = len(np.unique(cells))
        return total - 0.5 * log(n) * (k * (1 + c + c * (c + 1) / 2) - 1)

    none = np.zeros(n)
    cases = {
        (0, ()): joint([x], none) - joint([], none),
        (2, (0, 1)): joint([y, x], a) - joint([x], a),
        (1, (0,)): joint([x], a) - joint([x], none),
        (0, (1,)): joint([x], a) - joint([], a),
    }
    for (node, parents), wanted in cases.items():
        assert np.isclose(bound.local(node, list(parents)), wanted, rtol=1e-9)


@pytest.mark.parametrize("kind", ["gaussian", "discrete", "degenerate", "conditional"])
@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 10**6))
def test_gains_are_differences_and_equivalent_graphs_score_alike(kind, seed):
    score, data = worlds(seed)[kind]
    bound = score.on(data)
    rng = RNG(seed)
    for _ in range(5):
        node, *others = rng.permutation(4).tolist()
        parents, candidates = others[:1], others[1:]
        gains = bound.gains(node, parents, candidates)
        for c, gain in zip(candidates, gains, strict=True):
            wanted = bound.local(node, [*parents, c]) - bound.local(node, parents)
            assert np.isclose(gain, wanted, rtol=1e-7, atol=1e-7)
    # every complete DAG is Markov equivalent to every other
    totals = []
    for _ in range(4):
        order = rng.permutation(4).tolist()
        totals.append(sum(bound.local(v, order[:i]) for i, v in enumerate(order)))
    assert np.ptp(totals) < 1e-6 * max(1, abs(totals[0]))


def test_discrete_bic_approximates_the_exact_evidence():
    """Against the marginal likelihood (Cooper and Herskovits 1992), to O(1) as n grows."""
    rng = RNG(0)
    for n in (500, 5000):
        a = rng.integers(2, size=n)
        b = (rng.random(n) < 0.2 + 0.5 * a).astype(int)
        bound = rung.DiscreteBIC().on(levels(np.column_stack([a, b]).astype(float), [2, 2]))
        exact = 0.0
        for v in (0, 1):
            c = np.bincount(b[a == v], minlength=2)
            exact += lgamma(2) - lgamma(2 + c.sum()) + sum(lgamma(1 + k) for k in c)
        assert abs(bound.local(1, [0]) - exact) < 4


def test_bad_options_and_sources_are_named():
    with pytest.raises(InputError, match="penalty"):
        rung.GaussianBIC(0)
    moments = rung.Data.from_matrix(RNG(0).normal(size=(40, 3))).moments()
    with pytest.raises(NeedsRows, match="DiscreteBIC"):
        rung.discover(moments, rung.BOSS(rung.DiscreteBIC()))
    with pytest.raises(NeedsRows, match="ConditionalGaussianBIC"):
        rung.discover(moments, rung.BOSS(rung.ConditionalGaussianBIC()))
    assert rung.BOSS(rung.GaussianBIC()).learn(moments).names == tuple(
        f"X{i + 1}" for i in range(3)
    )


def test_bdeu_is_the_marginal_likelihood_of_dirichlet_priors():
    from scipy.special import gammaln

    rng = RNG(5)
    sizes = [2, 3, 4]
    matrix = np.column_stack([rng.integers(0, s, 300) for s in sizes]).astype(float)
    matrix[:, 2] = np.where(rng.random(300) < 0.7, (matrix[:, 0] + matrix[:, 1]) % 4, matrix[:, 2])
    data = levels(matrix, sizes)
    bound = rung.BDeu(size=5.0, parents=None).on(data)
    for parents in ([], [0], [1], [0, 1]):
        q = int(np.prod([sizes[p] for p in parents]))
        wanted = 0.0
        for key in np.unique(matrix[:, parents], axis=0) if parents else [[]]:
            rows = (matrix[:, parents] == key).all(axis=1)
            counts = np.bincount(matrix[rows, 2].astype(int), minlength=4)
            wanted += gammaln(5 / q) - gammaln(5 / q + counts.sum())
            wanted += (gammaln(counts + 5 / (4 * q)) - gammaln(5 / (4 * q))).sum()
        assert np.isclose(bound.local(2, parents), wanted, rtol=1e-10)
    # sequential prediction: the product of one-step predictive probabilities is the same number
    seen, total = np.full(4, 5 / 4), 0.0
    for level in matrix[:, 2].astype(int):
        total += np.log(seen[level] / seen.sum())
        seen[level] += 1
    assert np.isclose(bound.local(2, []), total, rtol=1e-10)


def test_bdeu_prior_on_edges_is_the_log_odds_of_a_parent():
    data = levels(RNG(0).integers(0, 2, (200, 5)).astype(float), [2] * 5)
    flat, sparse = (rung.BDeu(parents=p).on(data) for p in (None, 1.0))
    assert np.isclose(flat.local(0, [1, 2]) - sparse.local(0, [1, 2]), 2 * np.log(3))
    with pytest.raises(rung.core.errors.InputError, match="rows"):
        rung.BDeu(size=0)
    with pytest.raises(rung.core.errors.InputError, match="positive"):
        rung.BDeu(parents=-1)
