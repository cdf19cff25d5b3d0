"""Expected moments against conditional Gaussians computed row by row, and laws of EM."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import multivariate_normal

import rung
from rung.core import expected
from rung.core.errors import InputError, MissingCells
from rung.core.expected import Incomplete


def world(n=300, d=5, share=0.3, seed=0):
    rng = np.random.default_rng(seed)
    A = rng.normal(size=(d, d))
    covariance, mean = A @ A.T + np.eye(d), 3 * rng.normal(size=d)
    rows = rng.multivariate_normal(mean, covariance, size=n)
    rows[rng.random(rows.shape) < share] = np.nan
    return rows, mean, covariance


def by_row(rows, mean, covariance, weights):
    """The same sums, one row at a time, from the textbook's conditional Gaussian."""
    d = len(mean)
    first, second, likelihood = np.zeros(d), np.zeros((d, d)), 0.0
    for row, w in zip(rows, weights, strict=True):
        o, x, left = ~np.isnan(row), row.copy(), np.zeros((d, d))
        m = ~o
        cut = covariance[np.ix_(m, o)] @ np.linalg.inv(covariance[np.ix_(o, o)])
        x[m] = mean[m] + cut @ (row[o] - mean[o])
        left[np.ix_(m, m)] = covariance[np.ix_(m, m)] - cut @ covariance[np.ix_(o, m)]
        if o.any():
            likelihood += w * multivariate_normal(mean[o], covariance[np.ix_(o, o)]).logpdf(row[o])
        first += w * x
        second += w * (np.outer(x, x) + left)
    total = weights.sum()
    first /= total
    return first, second / total - np.outer(first, first), likelihood


@pytest.mark.parametrize("part", [expected.PART, 40])
@pytest.mark.parametrize("weighted", [False, True])
def test_the_e_step_is_the_conditional_gaussian(part, weighted, monkeypatch):
    monkeypatch.setattr(expected, "PART", part)
    rows, mean, covariance = world()
    rows[0] = np.nan  # nothing of this row is known
    weights = np.random.default_rng(1).integers(1, 4, len(rows)).astype(float)
    found = Incomplete(rows, weights if weighted else None).expect(mean, covariance)
    first, second, likelihood = by_row(
        rows, mean, covariance, weights if weighted else np.ones(len(rows))
    )
    assert np.allclose(found.mean, first, rtol=1e-12)
    assert np.allclose(found.covariance, second, rtol=1e-11)
    assert found.log_likelihood == pytest.approx(likelihood, rel=1e-12)


def test_weights_are_frequencies():
    rows, mean, covariance = world(n=60)
    weights = np.random.default_rng(2).integers(1, 4, len(rows))
    many = Incomplete(np.repeat(rows, weights, axis=0)).expect(mean, covariance)
    one = Incomplete(rows, weights.astype(float)).expect(mean, covariance)
    assert np.allclose(many.covariance, one.covariance, rtol=1e-11)
    assert many.log_likelihood == pytest.approx(one.log_likelihood, rel=1e-12)


def test_em_never_lowers_the_likelihood_and_ends_at_its_maximum():
    rows, _, _ = world(n=200)
    inner = Incomplete(rows)
    mean, covariance = inner.start()
    heights = []
    for _ in range(60):
        now = inner.expect(mean, covariance)
        heights.append(now.log_likelihood)
        mean, covariance = now.mean, now.covariance
    assert np.diff(heights).min() > -1e-9
    top = inner.saturated(tolerance=1e-10)
    for seed in range(20):  # no nearby Gaussian is likelier
        rng = np.random.default_rng(seed)
        step = 1e-3 * rng.normal(size=covariance.shape)
        near = top.covariance + step + step.T, top.mean + 1e-3 * rng.normal(size=len(mean))
        assert inner.expect(near[1], near[0]).log_likelihood < top.log_likelihood + 1e-6


def test_without_missing_cells_it_is_the_plain_covariance():
    rows, _, _ = world(share=0.0)
    found = Incomplete(rows).saturated()
    assert np.allclose(found.mean, rows.mean(axis=0))
    assert np.allclose(found.covariance, np.cov(rows.T, bias=True))


def test_a_scale_changes_nothing():
    rows, _, _ = world()
    factor = np.array([1e-6, 1.0, 1e6, 3.0, 1e3])
    plain, scaled = Incomplete(rows).saturated(), Incomplete(rows * factor + 1e4).saturated()
    back = scaled.covariance / np.outer(factor, factor)
    assert np.allclose(back, plain.covariance, rtol=1e-5, atol=1e-5)


def test_draws_have_the_expected_moments():
    rows, mean, covariance = world()
    inner = Incomplete(rows)
    rng = np.random.default_rng(0)
    drawn = [inner.draw(mean, covariance, rng=rng) for _ in range(400)]
    there = ~inner.mask
    assert all(np.array_equal(x[there], rows[there]) for x in drawn[:3])
    found = inner.expect(mean, covariance)
    assert np.allclose(np.mean(drawn, axis=(0, 1)), found.mean, atol=0.02)
    spread = np.mean([np.cov(x.T, bias=True) for x in drawn], axis=0)
    assert np.allclose(spread, found.covariance, atol=0.06)


def test_the_policy_makes_moments_and_says_so():
    rows, _, covariance = world(n=4000, share=0.2)
    data = rung.Data.from_matrix(rows).replacing(missing=rung.EM())
    moments = data.moments()
    assert moments.n == 4000
    assert moments.weight == pytest.approx(4000 * 0.64, rel=0.02)  # both of a pair are seen
    assert np.allclose(moments.covariance, covariance, rtol=0.1, atol=0.4)
    found = rung.discover(data, rung.BOSS())
    assert any("EM" in note for note in found.notes)


def test_refusals():
    rows, _, _ = world(n=50)
    with pytest.raises(InputError, match="infinite"):
        Incomplete(np.where(np.isnan(rows), np.inf, rows))
    with pytest.raises(MissingCells, match="column 1"):
        Incomplete(np.column_stack([rows[:, 0], np.full(50, np.nan)]))
    with pytest.raises(InputError, match="Rubin"):
        rung.EM(draws=1)
    data = rung.Data.from_matrix(rows).replacing(missing=rung.EM())
    with pytest.raises(rung.core.errors.RungError, match=r"EM|rows"):
        rung.discover(data, rung.PC(test=rung.KCI()))


def test_a_refusal_counts_the_cells_and_names_the_first():
    rows, _, _ = world(n=50)
    data = rung.Data.from_matrix(rows)
    row, column = np.argwhere(np.isnan(rows))[0]
    said = (
        f"{np.isnan(rows).sum()} cells are missing, the first in row {row}, column 'X{column + 1}'"
    )
    with pytest.raises(MissingCells, match=said):
        rung.discover(data, rung.PC())


def test_levels_enter_as_indicators():
    rng = np.random.default_rng(3)
    x = rng.integers(0, 3, 3000).astype(float)
    y = (x == 1) + 0.5 * rng.normal(size=3000)
    z = y + 0.5 * rng.normal(size=3000)
    levels = rung.Variable("x", rung.Kind.CATEGORICAL, ("a", "b", "c"))
    rows = np.column_stack([x, y, z])
    whole = rung.Data.from_matrix(rows, variables=[levels, rung.Variable("y"), rung.Variable("z")])
    rows[rng.random(rows.shape) < 0.2] = np.nan
    data = rung.Data.from_matrix(rows, variables=whole.variables).replacing(missing=rung.EM())
    with pytest.raises(InputError, match="DegenerateGaussianBIC"):
        data.moments()
    basis = rung.OneHot()
    full, part = whole.moments(basis), data.moments(basis)
    assert part.sizes == (2, 1, 1)
    assert np.allclose(part.covariance, full.covariance, atol=0.03)
    learner = rung.BOSS(rung.DegenerateGaussianBIC())
    assert rung.discover(data, learner).graph == rung.discover(whole, learner).graph
    assert rung.discover(data).graph == rung.discover(whole, learner).graph


def test_a_constant_column_has_no_covariance():
    rows, _, _ = world()
    rows[:, 2] = np.where(np.isnan(rows[:, 2]), np.nan, 7.0)
    found = Incomplete(rows).saturated()
    rest = Incomplete(np.delete(rows, 2, axis=1)).saturated()
    assert found.mean[2] == 7.0
    assert not found.covariance[2].any()
    assert np.allclose(np.delete(np.delete(found.covariance, 2, 0), 2, 1), rest.covariance)
