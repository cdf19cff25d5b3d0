"""Intervals, multiplicity and cross-fitting."""

import numpy as np
import pytest
from scipy import stats

from rung.core.errors import InputError
from rung.inference import intervals, multiplicity
from rung.inference.crossfit import cross_fit


def test_critical_values():
    assert intervals.quantile_of(0.95) == pytest.approx(1.959964, abs=1e-6)
    assert intervals.quantile_of(0.9, 7) == pytest.approx(stats.t.ppf(0.95, 7))
    with pytest.raises(InputError):
        intervals.quantile_of(1.0)


def test_covariance_of_a_mean_and_of_cluster_means():
    x = np.random.default_rng(0).normal(size=60)
    assert intervals.covariance(x - x.mean())[0, 0] == pytest.approx(x.var(ddof=1) / 60)
    groups = np.arange(60) // 4
    means = x.reshape(15, 4).mean(axis=1)
    got = intervals.covariance(x - x.mean(), groups=groups)[0, 0]
    assert got == pytest.approx(means.var(ddof=1) / 15)
    assert intervals.freedom(groups) == 14
    with pytest.raises(InputError, match="independent"):
        intervals.covariance(x, groups=np.zeros(60, dtype=int))


def test_unions():
    assert intervals.union([(3, 4), (0, 1), (0.5, 2)]) == [(0, 2), (3, 4)]
    assert intervals.covers([(0, 2), (3, 4)], 3.5)
    assert not intervals.covers([(0, 2), (3, 4)], 2.5)


def test_endpoint_error_matches_repetition():
    rng = np.random.default_rng(1)
    ends = [intervals.percentile(rng.normal(size=400))[0] for _ in range(400)]
    stated = np.mean([intervals.endpoint_error(rng.normal(size=400))[0] for _ in range(50)])
    assert stated == pytest.approx(np.std(ends), rel=0.25)


def test_max_t_of_independent_estimates_is_sidak():
    got = multiplicity.max_t(np.eye(5), rng=np.random.default_rng(2), draws=200_000)
    sidak = stats.norm.ppf(0.5 + 0.95 ** (1 / 5) / 2)
    assert got == pytest.approx(sidak, abs=0.02)
    one = multiplicity.max_t(np.ones((5, 5)), rng=np.random.default_rng(2))
    assert one == pytest.approx(1.96, abs=0.03)
    assert multiplicity.max_t(np.zeros((2, 2)), rng=np.random.default_rng(2)) == pytest.approx(
        1.96, abs=0.001
    )


def test_cross_fit_never_sees_its_own_rows():
    folds = np.arange(30) % 3
    seen = cross_fit(folds, lambda train, test: np.full(int(test.sum()), float(train[test].sum())))
    assert (seen == 0).all()
    with pytest.raises(InputError):
        cross_fit(np.zeros(5, dtype=int), lambda train, test: np.zeros(5))
