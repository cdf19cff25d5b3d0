"""PartialRank, ConditionalGaussian and GaussianEBIC against scipy and numpy; nulls, hard inputs."""

from __future__ import annotations

from math import erfc, sqrt

import numpy as np
import pytest
import scipy.special
import scipy.stats

import rung
from rung.core.errors import InputError, NeedsRows
from rung.kernels.mixed import digamma, overfit
from tests.discovery.support import draw, levels, random_dag, weights

RNG = np.random.default_rng
CATEGORY, BINARY = rung.Kind.CATEGORICAL, rung.Kind.BINARY


def p_of(test, data):
    data = data if isinstance(data, rung.Data) else rung.Data.from_matrix(data)
    return float(test.on(data, rng=RNG(0)).pvalues([0], [1], [list(range(2, data.d))])[0])


def residual(x, z):
    z = np.column_stack([np.ones(len(x)), z])
    return x - z @ np.linalg.lstsq(z, x, rcond=None)[0]


def mixed(columns, sizes):
    """Data of columns; size 0 is a number."""
    kinds = [
        rung.Variable(f"v{i}")
        if s == 0
        else rung.Variable(f"v{i}", BINARY if s == 2 else CATEGORY, tuple(range(s)))
        for i, s in enumerate(sizes)
    ]
    return rung.Data.from_matrix(np.column_stack(columns), variables=kinds)


# -- partial rank ---------------------------------------------------------------------------


@pytest.mark.parametrize("k", [0, 1, 3])
def test_partial_rank_is_fisher_z_of_normal_scores(k):
    m = RNG(k).standard_cauchy(size=(80, 2 + k)) @ RNG(9).normal(size=(2 + k, 2 + k))
    m = np.round(m, 1)  # ties
    s = scipy.stats.norm.ppf(scipy.stats.rankdata(m, axis=0) / 81)
    x, y = residual(s[:, 0], s[:, 2:]), residual(s[:, 1], s[:, 2:])
    r = scipy.stats.pearsonr(x, y).statistic
    wanted = erfc(sqrt(80 - k - 3) * abs(np.arctanh(r)) / sqrt(2))
    assert np.isclose(p_of(rung.PartialRank(), m), wanted, rtol=1e-7)


def test_monotone_transformations_change_nothing():
    m = RNG(1).normal(size=(200, 4)) @ RNG(2).normal(size=(4, 4))
    bent = np.column_stack([np.exp(m[:, 0]), m[:, 1] ** 3, np.arctan(m[:, 2]), m[:, 3] * 1e6])
    assert p_of(rung.PartialRank(), m) == p_of(rung.PartialRank(), bent)


@pytest.mark.parametrize("k", [1, 2])
def test_partial_rank_is_uniform_under_the_null(k):
    """800 data sets, cubes and exponentials of a Gaussian chain; Kolmogorov distance < 0.0576."""
    p = []
    for seed in range(800):
        rng = RNG([seed, k])
        z = rng.normal(size=(200, k))
        x, y = z.sum(axis=1) + rng.normal(size=200), z[:, 0] - rng.normal(size=200)
        p.append(p_of(rung.PartialRank(), np.column_stack([x**3, np.exp(y), z])))
    assert scipy.stats.kstest(p, "uniform").statistic < 1.63 / sqrt(800)


def test_ranks_see_through_heavy_tails():
    """y = x^3 with Cauchy noise: ranks at p < 1e-6 in nearly all of 50 sets, Fisher-z seldom."""
    seen = np.zeros(2)
    for seed in range(50):
        rng = RNG([seed, 7])
        x = rng.normal(size=200)
        m = np.column_stack([x, x**3 + rng.standard_cauchy(200)])
        seen += [p_of(rung.PartialRank(), m) < 1e-6, p_of(rung.FisherZ(), m) < 1e-6]
    assert seen[0] > 45
    assert seen[1] < 25


def test_partial_rank_takes_and_refuses():
    m = RNG(3).normal(size=(60, 3))
    with pytest.raises(NeedsRows, match="PartialRank"):
        rung.PartialRank().on(rung.Data.from_matrix(m).moments())
    with pytest.raises(InputError, match="'v0' have no order"):
        rung.PartialRank().on(mixed([RNG(0).integers(3, size=60), m[:, 0]], [3, 0]))
    with pytest.raises(InputError, match="infinite are 60 cells, the first in row 0, column 'X2'"):
        rung.PartialRank().on(rung.Data.from_matrix(np.where(np.c_[0, 1, 0] > 0, np.inf, m)))
    assert 0 < p_of(rung.PartialRank(), mixed([m[:, 0] > 0, m[:, 1], m[:, 2]], [2, 0, 0])) <= 1
    assert p_of(rung.PartialRank(), np.column_stack([m[:, 0], np.ones(60)])) == 1.0
    assert p_of(rung.PartialRank(), m[:2]) == 1.0
    holes = np.where(RNG(4).random(m.shape) < 0.1, np.nan, m)
    data = rung.Data.from_matrix(holes).replacing(missing=rung.TestWise())
    assert 0 < p_of(rung.PartialRank(), data) <= 1


def test_pc_over_ranks():
    rng = RNG(5)
    b = weights(rng, random_dag(rng, 12, 2))
    x = draw(rng, b, 2000)
    plain = rung.discover(rung.Data.from_matrix(x), rung.PC())
    bent = rung.discover(rung.Data.from_matrix(np.sinh(2 * x)), rung.PC(test=rung.PartialRank()))
    assert rung.graphs.shd(plain.graph, bent.graph) <= 2


# -- conditional Gaussian -------------------------------------------------------------------


def test_digamma_and_the_expected_excess():
    for x in (0.5, 1.0, 3.3, 12.0, 500.0):
        assert np.isclose(digamma(x), scipy.special.digamma(x), rtol=1e-12, atol=1e-12)
    logs = []
    for seed in range(5_000):  # E[-n log |S|] of 3 normal columns, 12 rows, by simulation
        x = RNG(seed).normal(size=(12, 3))
        logs.append(-12 * np.linalg.slogdet(np.cov(x.T, bias=True))[1])
    assert abs(np.mean(logs) - overfit(12.0, 11.0, 3)) < 4 * np.std(logs) / sqrt(5_000)


@pytest.mark.parametrize("k", [0, 1, 2])
def test_levels_alone_make_the_g_test(k):
    rng = RNG(k)
    x = np.column_stack([rng.integers(s, size=300) for s in (2, 3, 2, 2)[: 2 + k]]) * 1.0
    data = levels(x, [2, 3, 2, 2][: 2 + k])
    assert np.isclose(p_of(rung.ConditionalGaussian(), data), p_of(rung.G2(), data), rtol=1e-9)


def test_numbers_alone_make_a_partial_correlation():
    """-n log(1 - r^2) over its exact mean n [psi((n-k-1)/2) - psi((n-k-2)/2)]."""
    for k in (0, 2):
        m = RNG(k).normal(size=(60, 2 + k)) @ RNG(8).normal(size=(2 + k, 2 + k))
        r = scipy.stats.pearsonr(residual(m[:, 0], m[:, 2:]), residual(m[:, 1], m[:, 2:]))[0]
        psi = scipy.special.digamma
        mean = 60 * (psi((60 - k - 1) / 2) - psi((60 - k - 2) / 2))
        wanted = scipy.stats.chi2.sf(-60 * np.log(1 - r**2) / mean, 1)
        assert np.isclose(p_of(rung.ConditionalGaussian(), m), wanted, rtol=1e-6)


@pytest.mark.parametrize("shared", [False, True])
def test_a_number_and_levels_by_hand(shared):
    """Means and covariances of each cell, or one covariance for all where a cell is small."""
    rng = RNG(6)
    n = 24 if shared else 120
    c = np.arange(n) % 4 if shared else np.arange(n) % 3
    z = rng.normal(size=n)
    x = z + 0.4 * c + rng.normal(size=n)
    size = 4 if shared else 3

    def fitted(columns, split):
        """(twice log-likelihood less constants, expected excess, parameters)."""
        groups = [c == g for g in range(size)] if split else [np.ones(n, dtype=bool)]
        m, q = np.column_stack(columns), len(columns)
        psi = scipy.special.digamma
        scatters = [(g.sum(), np.cov(m[g].T, bias=True).reshape(q, q)) for g in groups]
        free = [rows - 1 for rows, _ in scatters]
        if shared:
            pooled = sum(rows * s for rows, s in scatters) / n
            scatters, free = [(n, pooled)], [n - len(groups)]
        value = sum(-rows * np.linalg.slogdet(s)[1] for rows, s in scatters)
        excess = sum(
            -rows * sum(psi((f - j) / 2) + np.log(2 / rows) for j in range(q))
            for (rows, _), f in zip(scatters, free)
        )
        count = len(groups) * q + len(scatters) * q * (q + 1) / 2
        return np.array([value, excess, count])

    total = fitted([x, z], True) - fitted([x, z], False) - fitted([z], True) + fitted([z], False)
    wanted = scipy.stats.chi2.sf(total[0] * total[2] / total[1], total[2])
    found = p_of(rung.ConditionalGaussian(), mixed([x, c * 1.0, z], [0, size, 0]))
    assert np.isclose(found, wanted, rtol=1e-6)


def null(case, n, rng):
    """x and y independent given the rest, in the model."""
    c, d = rng.integers(3, size=(2, n)) * 1.0
    a, b = rng.normal(size=(2, n))
    if case == "numbers given levels":
        return mixed([c + d + a, c - d + (1 + c) * b, c, d], [0, 0, 3, 3])
    if case == "number and level given their causes":
        return mixed([2 * c + a, (rng.random(n) < 0.2 + 0.25 * c) * 1.0, c], [0, 2, 3])
    z = c + a
    if case == "number and level given a number":
        return mixed([0.8 * z + b, c, z], [0, 3, 0])
    return mixed([z + c + b, d, z, c], [0, 3, 0, 3])


@pytest.mark.parametrize("n", [120, 600])
@pytest.mark.parametrize(
    "case",
    [
        "numbers given levels",
        "number and level given their causes",
        "number and level given a number",
        "number and level given both",
    ],
)
def test_conditional_gaussian_is_uniform_under_the_null(case, n):
    """400 data sets; Kolmogorov distance below 1.63 / sqrt(400)."""
    data = (null(case, n, RNG([seed, n])) for seed in range(400))
    p = [p_of(rung.ConditionalGaussian(), d) for d in data]
    assert scipy.stats.kstest(p, "uniform").statistic < 1.63 / sqrt(400)


def test_conditional_gaussian_sees_a_change_of_spread():
    """Equal means, another variance in each level: no test of means can see it."""
    rng = RNG(2)
    c = rng.integers(2, size=400) * 1.0
    data = mixed([rng.normal(size=400) * (1 + c), c], [0, 2])
    assert p_of(rung.ConditionalGaussian(), data) < 1e-6
    assert p_of(rung.DegenerateGaussian(), data) > 0.01


def test_conditional_gaussian_hard_inputs():
    rng = RNG(3)
    a, c = rng.normal(size=40), rng.integers(2, size=40) * 1.0
    test = rung.ConditionalGaussian()
    assert p_of(test, mixed([a, np.zeros(40)], [0, 2])) == 1.0
    assert p_of(test, mixed([np.ones(40), c], [0, 2])) == 1.0
    assert p_of(test, mixed([a, c, a], [0, 2, 0])) == 1.0
    assert p_of(test, mixed([a[:1], c[:1]], [0, 2])) == 1.0
    assert p_of(test, rng.normal(size=(4, 5))) == 1.0
    with pytest.raises(NeedsRows):
        test.on(rung.Data.from_matrix(rng.normal(size=(40, 2))).moments())


# -- extended BIC ---------------------------------------------------------------------------


def test_ebic_by_least_squares():
    """-n/2 log of the residual variance less (log n / 2 + 2 gamma log d) for each parent."""
    x = RNG(0).normal(size=(90, 5)) @ RNG(1).normal(size=(5, 5))
    x = (x - x.mean(axis=0)) / x.std(axis=0)
    for gamma in (0.0, 0.5, 1.0):
        bound = rung.GaussianEBIC(gamma=gamma).on(rung.Data.from_matrix(x))
        for parents in ([], [1], [1, 3, 4]):
            left = residual(x[:, 0], x[:, parents])
            each = 0.5 * np.log(90) + 2 * gamma * np.log(5)
            wanted = -45 * np.log(left.var()) - each * len(parents)
            assert np.isclose(bound.local(0, parents), wanted, rtol=1e-9, atol=1e-8)
    bic = rung.GaussianBIC(penalty=1.0).on(rung.Data.from_matrix(x))
    assert bic.local(2, [0, 1]) == rung.GaussianEBIC(gamma=0).on(rung.Data.from_matrix(x)).local(
        2, [0, 1]
    )


def test_ebic_keeps_noise_empty():
    """60 independent columns, 100 rows: BIC finds edges in noise, the extended form none."""
    data = rung.Data.from_matrix(RNG(2).normal(size=(100, 60)))
    bic = rung.BOSS(score=rung.GaussianBIC(penalty=1.0)).learn(data, rng=0)
    ebic = rung.BOSS(score=rung.GaussianEBIC(gamma=1.0)).learn(data, rng=0)
    assert len(bic.graph.edges()) > 20
    assert len(ebic.graph.edges()) == 0


def test_ebic_settings_are_checked():
    for gamma in (-0.1, 1.5):
        with pytest.raises(InputError, match="gamma"):
            rung.GaussianEBIC(gamma=gamma)
