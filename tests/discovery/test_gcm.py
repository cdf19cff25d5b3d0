"""GCM and weighted GCM against direct computation; null, power, levels, pluggable regressions."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.stats

import rung
from rung.core.errors import InputError
from rung.discovery.independence.gcm import largest

RNG = np.random.default_rng


def p_of(test, matrix, variables=None):
    data = rung.Data.from_matrix(matrix, variables=variables)
    given = [list(range(2, data.d))]
    return float(test.on(data, rng=RNG(0)).pvalues([0], [1], given)[0])


def residual(x, z):
    z = np.column_stack([np.ones(len(x)), z])
    return x - z @ np.linalg.lstsq(z, x, rcond=None)[0]


def statistic(product):
    return np.sqrt(len(product)) * product.mean() / product.std()


@pytest.mark.parametrize("k", [0, 1, 3])
def test_gcm_is_the_formula(k):
    """With linear regressions: numpy's least squares, mean over standard deviation."""
    rng = RNG(k)
    z = rng.normal(size=(150, k))
    x, y = (z.sum(axis=1) + rng.normal(size=150) for _ in range(2))
    t = statistic(residual(x, z) * residual(y, z))
    found = p_of(rung.GCM(regression=rung.LinearGaussian()), np.column_stack([x, y, z]))
    assert np.isclose(found, 2 * scipy.stats.norm.sf(abs(t)), rtol=1e-6)


def test_weighted_gcm_is_the_formula():
    """The largest of 1 + 2 statistics; its tail by simulation in the test, 40,000 draws."""
    rng = RNG(1)
    z = rng.normal(size=300)
    x, y = z + rng.normal(size=300), z + rng.normal(size=300)
    product = residual(x, z[:, None]) * residual(y, z[:, None])
    cuts = np.quantile(z, [1 / 3, 2 / 3])
    columns = np.column_stack([product, *(product * np.where(z > a, 1, -1) for a in cuts)])
    top = max(abs(statistic(c)) for c in columns.T)
    draws = RNG(9).multivariate_normal(np.zeros(3), np.corrcoef(columns.T), size=40_000)
    wanted = (np.abs(draws).max(axis=1) >= top).mean()
    test = rung.WeightedGCM(regression=rung.LinearGaussian(), cuts=2, draws=20_000)
    found = p_of(test, np.column_stack([x, y, z]))
    assert abs(found - wanted) < 4 * np.sqrt(wanted * (1 - wanted) / 20_000) + 1e-3


def test_the_largest_of_several():
    """Independent columns: 1 - (1 - p)^q exactly; one column: the normal tail; then bounds."""
    rng = RNG(2)
    columns = rng.normal(size=(4000, 5))
    top = max(abs(statistic(c)) for c in columns.T)
    wanted = 1 - (1 - 2 * scipy.stats.norm.sf(top)) ** 5
    assert abs(largest(columns, 20_000, 0) - wanted) < 0.02
    assert np.isclose(
        largest(columns[:, :1], 100, 0), 2 * scipy.stats.norm.sf(abs(statistic(columns[:, 0])))
    )
    assert largest(columns + 1.0, 1000, 0) < 1e-100
    assert largest(np.zeros((50, 3)), 1000, 0) == 1.0
    twins = np.column_stack([columns[:, 0]] * 3)
    assert abs(largest(twins, 20_000, 0) - largest(columns[:, :1], 100, 0)) < 0.015


@pytest.mark.parametrize(
    ("test", "shape"),
    [(rung.GCM(), "curve"), (rung.WeightedGCM(), "curve"), (rung.GCM(), "levels")],
    ids=["GCM", "WeightedGCM", "GCM with levels"],
)
def test_uniform_under_the_null(test, shape):
    """200 data sets, Kolmogorov distance below 1.63 / sqrt(200) = 0.115, fixed seeds."""
    p = []
    for seed in range(200):
        rng = RNG([seed, 8])
        z = rng.normal(size=(300, 2))
        x = np.sin(2 * z[:, 0]) + z[:, 1] ** 2 + 0.7 * rng.normal(size=300)
        if shape == "levels":
            chance = np.exp(-((z[:, 0] - np.c_[-1:2]) ** 2))
            y = (chance > rng.random((3, 300))).argmax(axis=0)
            kinds = [rung.Variable(v) for v in ("x", "z1", "z2")]
            kinds.insert(1, rung.Variable("y", rung.Kind.CATEGORICAL, (0, 1, 2)))
        else:
            y, kinds = np.cos(z[:, 0]) + np.tanh(z[:, 1]) + 0.7 * rng.normal(size=300), None
        p.append(p_of(test, np.column_stack([x, y, z]), kinds))
    assert scipy.stats.kstest(p, "uniform").statistic < 0.115


def test_a_covariance_that_changes_sign():
    """cov(x, y | z) = sign(z) / 2: its mean is 0, so GCM is blind and its weighted form sees it."""
    blind = []
    for seed in range(20):
        rng = RNG([seed, 3])
        z, e = rng.normal(size=(2, 400))
        x = z + e
        y = z + np.sign(z) * e + rng.normal(size=400)
        m = np.column_stack([x, y, z])
        blind.append(p_of(rung.GCM(), m) > 0.01)
        assert p_of(rung.WeightedGCM(), m) < 1e-4
    assert sum(blind) > 15


def test_regressions_are_pluggable():
    """Two conditions that only act together: curves reject a true null, trees do not."""
    rng = RNG(4)
    z = rng.normal(size=(1500, 2))
    both = np.tanh(z[:, 0] * z[:, 1])
    x, y = both + 0.7 * rng.normal(size=(2, 1500))
    trees = rung.GCM(regression=rung.BoostedAdditive(), folds=3)
    m = np.column_stack([x, y, z])
    assert p_of(rung.GCM(), m) < 1e-10
    assert p_of(trees, m) > 0.01
    assert p_of(trees, np.column_stack([x, y + 0.3 * (x - both), z])) < 1e-3


def test_settings_are_checked():
    for make in (
        lambda: rung.GCM(folds=0),
        lambda: rung.GCM(draws=5),
        lambda: rung.WeightedGCM(cuts=0),
    ):
        with pytest.raises(InputError, match="expected"):
            make()


def test_weighted_without_a_condition_is_plain():
    m = RNG(5).normal(size=(100, 2))
    assert p_of(rung.WeightedGCM(), m) == p_of(rung.GCM(), m)
