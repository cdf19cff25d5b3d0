"""RATE, Qini, calibration, group averages and R-score against values worked out by hand."""

import numpy as np
import pytest

import rung
from rung.effects.cate.calibration import calibration, group_averages, r_score
from rung.effects.cate.checking import heterogeneity, ranks
from rung.effects.cate.protocol import CateTask
from rung.effects.cate.rate import curves, halves, rate
from rung.effects.cate.scores import effect_scores


def slow_rate(priority, scores, weights):
    """AUTOC and Qini by loops over the rows from the definition; no ties."""
    order = sorted(range(len(scores)), key=lambda i: -priority[i])
    total = sum(weights)
    mean = sum(w * s for w, s in zip(weights, scores, strict=True)) / total
    autoc = qini = seen = gathered = 0.0
    for i in order:
        seen += weights[i]
        gathered += weights[i] * scores[i]
        toc = gathered / seen - mean
        autoc += weights[i] * toc / total
        qini += weights[i] * seen / total * toc / total
    return autoc, qini


def test_rate_equals_its_definition():
    rng = np.random.default_rng(0)
    priority, scores, w = rng.normal(size=50), rng.normal(size=50), rng.uniform(0.5, 2, 50)
    autoc, qini, toc = curves(priority, scores, w)
    assert (autoc[0], qini[0]) == pytest.approx(slow_rate(priority, scores, w))
    assert toc[0, -1] == pytest.approx(0)
    # three rows by hand: scores 3, 0, 0 in order of priority; TOC 2, .5, 0
    autoc, qini, _ = curves(np.array([3.0, 2, 1]), np.array([3.0, 0, 0]), np.ones(3))
    assert autoc[0] == pytest.approx(2.5 / 3)
    assert qini[0] == pytest.approx((2 / 3 + 0.5 * 2 / 3) / 3)


def test_masks_are_subsets_and_ties_share():
    rng = np.random.default_rng(1)
    priority, scores, w = rng.normal(size=40), rng.normal(size=40), np.ones(40)
    mask = (rng.random(40) < 0.5).astype(float)
    inside = mask > 0
    a = curves(priority, scores, w, mask[None])
    b = curves(priority[inside], scores[inside], w[inside])
    np.testing.assert_allclose([a[0][0], a[1][0]], [b[0][0], b[1][0]])
    equal = curves(np.zeros(40), scores, w)
    assert abs(equal[0][0]) < 1e-12
    tied = np.round(priority)
    swapped = rng.permutation(40)
    c, d = curves(tied, scores, w), curves(tied[swapped], scores[swapped], w)
    np.testing.assert_allclose(c[0], d[0])


def test_halves_hold_half_of_the_units():
    rng = np.random.default_rng(0)
    assert (halves(31, None, 5, rng).sum(axis=1) == 15).all()
    groups = np.arange(40) // 4
    grouped = halves(40, groups, 5, rng).reshape(5, 10, 4)
    assert (grouped.min(axis=2) == grouped.max(axis=2)).all()
    assert (grouped[:, :, 0].sum(axis=1) == 5).all()


def test_the_half_sample_error_is_the_spread_over_data_sets():
    rng = np.random.default_rng(0)
    found = []
    for _ in range(300):
        p = rng.normal(size=400)
        found.append(curves(p, 0.3 * p + rng.normal(size=400), np.ones(400))[0][0])
    p = rng.normal(size=400)
    said = rate(p, 0.3 * p + rng.normal(size=400), np.ones(400), rng=rng)
    assert said["autoc"]["se"] == pytest.approx(np.std(found), rel=0.25)
    assert said["autoc"]["p"] < 0.01


def test_calibration_slope_and_groups():
    rng = np.random.default_rng(0)
    tau = rng.normal(size=4000)
    scores = 1 + 2 * tau + rng.normal(size=4000)
    found = calibration(tau, scores, np.ones(4000), groups=None, level=0.95)
    assert found["slope"]["low"] < 2 < found["slope"]["high"]
    assert found["p"] < 1e-6
    assert found["mean"]["value"] == pytest.approx(scores.mean())
    flat = calibration(np.full(4000, 0.3), scores, np.ones(4000), groups=None, level=0.95)
    assert flat["slope"] is None
    assert flat["p"] == 1.0
    rows = group_averages(
        ranks(tau, np.ones(4000)), tau, scores, np.ones(4000), parts=4, groups=None, level=0.95,
        rng=rng,
    )  # fmt: skip
    quarter = np.argsort(tau)[:1000]
    assert rows["groups"][0]["n"] == 1000
    assert rows["groups"][0]["value"] == pytest.approx(scores[quarter].mean())
    assert rows["gap"]["value"] > 3
    # clusters of copies: errors are those of the clusters
    twice = calibration(
        np.repeat(tau, 2), np.repeat(scores, 2), np.ones(8000), groups=np.arange(8000) // 2,
        level=0.95,
    )  # fmt: skip
    assert twice["slope"]["se"] == pytest.approx(found["slope"]["se"], rel=1e-3)


def test_r_score_of_the_truth_is_the_share_of_variance():
    rng = np.random.default_rng(0)
    t, tau = rng.normal(size=100_000), rng.normal(size=100_000)
    y = tau * t + rng.normal(size=100_000)
    assert r_score(tau, y, t, np.ones(100_000)) == pytest.approx(0.5, abs=0.02)
    slope = (t @ y) / (t @ t)
    assert r_score(np.full(100_000, slope), y, t, np.ones(100_000)) == pytest.approx(0)


def test_scores_average_to_the_effect_under_confounding():
    rng = np.random.default_rng(0)
    n = 4000
    x = rng.normal(size=(n, 2))
    t = (rng.random(n) < 1 / (1 + np.exp(-x[:, 0]))).astype(float)
    y = 2 * x[:, 0] + t + rng.normal(size=n)
    scores = effect_scores(CateTask.of(x, t, y), rng=rng)[:, 0]
    assert abs(scores.mean() - 1) < 4 * scores.std() / np.sqrt(n)
    dose = x[:, 0] + rng.normal(size=n)
    z = 2 * x[:, 0] + dose * (1 + x[:, 1]) + rng.normal(size=n)
    scores = effect_scores(CateTask.of(x, dose, z, arms=0), rng=rng)[:, 0]
    assert abs(scores.mean() - 1) < 4 * scores.std() / np.sqrt(n)


def test_no_heterogeneity_is_not_found_and_some_is():
    rng = np.random.default_rng(3)
    x = rng.normal(size=(1500, 3))
    t = (rng.random(1500) < 0.5).astype(float)
    for effect, there in ((np.ones(1500), False), (1 + x[:, 0], True)):
        y = x[:, 1] + t * effect + rng.normal(size=1500)
        found = heterogeneity(CateTask.of(x, t, y), rung.XLearner(), rng=np.random.default_rng(0))
        assert (found["autoc"]["p"] < 0.01) is there
        assert (found["calibration"]["p"] < 0.01) is there
