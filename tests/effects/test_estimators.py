"""Estimators against closed forms and exact enumeration."""

import numpy as np
import pytest
from scipy import stats
from scipy.special import expit

from rung.effects import DoublyRobust, Regression, Weighting
from rung.effects.estimators import glm
from rung.effects.estimators.basis import column, make, restricted_cubic
from rung.effects.estimators.doubly_robust import augmented
from rung.inference import intervals
from tests.effects.helpers import problem

RNG = np.random.default_rng(0)


def effect(fitted):
    return fitted.means[1] - fitted.means[0]


def se(fitted, groups=None):
    rows = fitted.influence[:, 1] - fitted.influence[:, 0]
    return float(np.sqrt(intervals.covariance(rows, groups=groups)[0, 0]))


@pytest.fixture(scope="module")
def linear():
    rng = np.random.default_rng(1)
    x = rng.normal(size=(300, 2))
    t = x @ [1.0, -0.5] + rng.normal(size=300)
    y = 1.5 * t + x @ [2.0, 1.0] + rng.normal(size=300)
    return x, t, y


def test_linear_dose_is_the_ols_coefficient_and_frisch_waugh(linear):
    x, t, y = linear
    fitted = Regression("linear", interactions=False).estimate(
        problem(x, t, y, discrete=False, arms=[-0.7, 1.1]), rng=RNG
    )
    design = np.column_stack([np.ones(300), x, t])
    beta, *_ = np.linalg.lstsq(design, y, rcond=None)
    assert effect(fitted) == pytest.approx(1.8 * beta[-1], rel=1e-9)
    other = design[:, :-1]
    rt = t - other @ np.linalg.lstsq(other, t, rcond=None)[0]
    ry = y - other @ np.linalg.lstsq(other, y, rcond=None)[0]
    assert effect(fitted) == pytest.approx(1.8 * (rt @ ry) / (rt @ rt), rel=1e-9)


def test_linear_dose_error_is_the_sandwich(linear):
    x, t, y = linear
    fitted = Regression("linear", interactions=False).estimate(
        problem(x, t, y, discrete=False, arms=[0.0, 1.0]), rng=RNG
    )
    design = np.column_stack([np.ones(300), x, t])
    beta, *_ = np.linalg.lstsq(design, y, rcond=None)
    bread = np.linalg.inv(design.T @ design)
    e = y - design @ beta
    hc1 = bread @ (design * e[:, None] ** 2).T @ design @ bread * 300 / (300 - 4)
    assert se(fitted) == pytest.approx(np.sqrt(hc1[-1, -1]) * np.sqrt(300 / 299), rel=1e-6)


def test_cluster_error_is_the_explicit_sandwich(linear):
    x, t, y = linear
    groups = np.arange(300) // 6
    fitted = Regression("linear", interactions=False).estimate(
        problem(x, t, y, discrete=False, arms=[0.0, 1.0], groups=groups), rng=RNG
    )
    design = np.column_stack([np.ones(300), x, t])
    beta, *_ = np.linalg.lstsq(design, y, rcond=None)
    bread = np.linalg.inv(design.T @ design)
    score = design * (y - design @ beta)[:, None]
    meat = sum(np.outer(s, s) for s in (score[groups == g].sum(axis=0) for g in np.unique(groups)))
    cr = bread @ meat @ bread * (50 / 49) * 300 / (300 - 4)
    assert se(fitted, groups) == pytest.approx(np.sqrt(cr[-1, -1]), rel=1e-6)


def saturated(rng, n=600):
    x = rng.integers(0, 3, size=n).astype(float)
    t = (rng.random(n) < np.array([0.3, 0.5, 0.7])[x.astype(int)]).astype(float)
    y = (rng.random(n) < 0.2 + 0.1 * x + 0.2 * t * (x == 1)).astype(float)
    return x, t, y


def standardised(x, t, y, weights=None):
    """Sum over x of P(x) (E[y | 1, x] - E[y | 0, x]), by enumeration of the cells."""
    weights = np.ones(len(y)) if weights is None else weights
    total = 0.0
    for level in np.unique(x):
        share = weights[x == level].sum() / weights.sum()
        means = [
            np.average(y[(x == level) & (t == a)], weights=weights[(x == level) & (t == a)])
            for a in (0, 1)
        ]
        total += share * (means[1] - means[0])
    return total


def test_saturated_regression_and_weighting_are_standardisation():
    x, t, y = saturated(np.random.default_rng(2))
    made = problem(x, t, y, sizes=(3,))
    expected = standardised(x, t, y)
    assert effect(Regression("linear").estimate(made, rng=RNG)) == pytest.approx(expected, rel=1e-8)
    weighted = Weighting("linear").estimate(made, rng=RNG)
    assert effect(weighted) == pytest.approx(expected, abs=1e-5)
    # both are efficient here, so their standard errors agree too
    first = se(Regression("linear").estimate(made, rng=RNG))
    assert se(weighted) == pytest.approx(first, rel=0.02)


def test_saturated_logistic_regression_is_standardisation():
    x, t, y = saturated(np.random.default_rng(3))
    fitted = Regression("linear").estimate(problem(x, t, y, sizes=(3,), binary=True), rng=RNG)
    assert effect(fitted) == pytest.approx(standardised(x, t, y), abs=1e-5)


def test_aipw_with_saturated_models_is_the_plug_in():
    x, t, y = saturated(np.random.default_rng(4))
    made = problem(x, t, y, sizes=(3,))
    e1, m = np.empty(len(y)), np.empty((len(y), 2))
    for level in range(3):
        here = x == level
        e1[here] = t[here].mean()
        for a in (0, 1):
            m[here, a] = y[here & (t == a)].mean()
    object.__setattr__(made, "propensity", np.column_stack([1 - e1, e1]))
    means, influence = augmented(made, m)
    assert means[1] - means[0] == pytest.approx(standardised(x, t, y), rel=1e-10)
    assert np.abs(influence.mean(axis=0)).max() < 1e-12
    # the effect on the treated and on the overlap population, by enumeration of the cells
    for population, mass in (("treated", e1), ("overlap", e1 * (1 - e1))):
        object.__setattr__(made, "population", population)
        means, influence = augmented(made, m)
        expected = np.average(m[:, 1] - m[:, 0], weights=mass)
        assert means[1] - means[0] == pytest.approx(expected, rel=1e-10)
        assert np.abs(influence.mean(axis=0)).max() < 1e-12


def test_treated_and_overlap_populations_of_all_estimators_by_enumeration():
    x, t, y = saturated(np.random.default_rng(6), 3000)
    e1 = np.array([t[x == k].mean() for k in range(3)])[x.astype(int)]
    cells = np.array(
        [y[(x == k) & (t == 1)].mean() - y[(x == k) & (t == 0)].mean() for k in range(3)]
    )[x.astype(int)]
    for population, mass in (("treated", e1), ("overlap", e1 * (1 - e1))):
        expected = np.average(cells, weights=mass)
        made = problem(x, t, y, sizes=(3,), population=population)
        assert effect(Weighting("linear").estimate(made, rng=RNG)) == pytest.approx(
            expected, abs=1e-4
        )
        for estimator, slack in ((Regression("linear"), 0.002), (DoublyRobust(), 0.002)):
            got = effect(estimator.estimate(made, rng=RNG))
            assert got == pytest.approx(expected, abs=slack)


def test_frequency_weights_are_repeated_rows():
    x, t, y = saturated(np.random.default_rng(7))
    w = np.random.default_rng(8).integers(1, 4, size=len(y))
    made = problem(x, t, y, sizes=(3,), weights=w / w.mean())
    got = effect(Regression("linear").estimate(made, rng=RNG))
    assert got == pytest.approx(standardised(x, t, y, w), rel=1e-8)


def test_doubly_robust_is_right_if_either_model_is():
    """Linear terms only: once the outcome, once the propensity is out of reach of them."""
    rng = np.random.default_rng(9)
    n = 20_000
    x = rng.normal(size=(n, 1))
    flat = (rng.random(n) < expit(x[:, 0])).astype(float)
    bent = (rng.random(n) < expit(x[:, 0] ** 2 - 1)).astype(float)
    for t, y in (
        (flat, flat + x[:, 0] ** 2 + rng.normal(size=n)),
        (bent, bent + x[:, 0] + rng.normal(size=n)),
    ):
        made = problem(x, t, y)
        e = glm.logistic(np.column_stack([np.ones(n), x]), t, np.ones(n))
        p = e.mean(np.column_stack([np.ones(n), x]))
        object.__setattr__(made, "propensity", np.column_stack([1 - p, p]))
        design = np.column_stack([np.ones(n), x])
        m = np.column_stack(
            [glm.linear(design[t == a], y[t == a], np.ones(int((t == a).sum()))).mean(design)
             for a in (0, 1)]
        )  # fmt: skip
        means, influence = augmented(made, m)
        error = np.std(influence[:, 1] - influence[:, 0]) / np.sqrt(n)
        assert abs(means[1] - means[0] - 1) < 4 * error


@pytest.mark.parametrize("estimator", [DoublyRobust(), Regression(), Weighting()])
def test_several_arms(estimator):
    rng = np.random.default_rng(10)
    n = 4000
    x = rng.normal(size=n)
    scores = np.column_stack([np.zeros(n), 0.5 * x, -0.5 * x])
    p = np.exp(scores) / np.exp(scores).sum(axis=1, keepdims=True)
    t = (rng.random((n, 1)) > p.cumsum(axis=1)).sum(axis=1).astype(float)
    y = np.array([0.0, 1.0, -2.0])[t.astype(int)] + x + rng.normal(size=n)
    fitted = estimator.estimate(problem(x, t, y), rng=RNG)
    for arm, truth in ((1, 1.0), (2, -2.0)):
        rows = fitted.influence[:, arm] - fitted.influence[:, 0]
        error = float(np.sqrt(intervals.covariance(rows)[0, 0]))
        assert abs(fitted.means[arm] - fitted.means[0] - truth) < 4 * error < 0.3


def test_dose_with_a_curve_and_a_changing_effect():
    rng = np.random.default_rng(11)
    n = 6000
    x = rng.normal(size=(n, 2))
    t = np.tanh(x[:, 0]) + rng.normal(size=n)
    y = np.sin(t) + np.abs(x[:, 0]) + 0.5 * t * x[:, 1] + rng.normal(size=n)
    made = problem(x, t, y, discrete=False, arms=[-1.0, 1.0])
    for estimator in (DoublyRobust(), Regression()):
        fitted = estimator.estimate(made, rng=RNG)
        assert abs(effect(fitted) - 2 * np.sin(1)) < 4 * se(fitted) < 0.3


def test_influence_functions_have_mean_zero_and_follow_scale():
    x, t, y = saturated(np.random.default_rng(12))
    made = problem(x, t, y, sizes=(3,))
    for estimator in (Regression("linear"), Weighting("linear"), DoublyRobust()):
        fitted = estimator.estimate(made, rng=RNG)
        assert np.abs(fitted.influence.mean(axis=0)).max() < 0.01
        twice = estimator.estimate(problem(x, t, 3 * y + 1, sizes=(3,)), rng=RNG)
        assert effect(twice) == pytest.approx(3 * effect(fitted), abs=1e-3)


def test_logistic_and_multinomial_agree_with_each_other_and_sklearn():
    from sklearn.linear_model import LogisticRegression

    rng = np.random.default_rng(13)
    x = rng.normal(size=(400, 2))
    y = (rng.random(400) < expit(0.3 + x @ [1.0, -1.0])).astype(float)
    design = np.column_stack([np.ones(400), x])
    fit = glm.logistic(design, y, np.ones(400), 0.0)
    other = LogisticRegression(C=1e10, tol=1e-10, max_iter=1000).fit(x, y)
    assert np.allclose(fit.beta, [other.intercept_[0], *other.coef_[0]], atol=1e-4)
    two = glm.multinomial(design, y.astype(np.int64), np.ones(400), 2, 0.0)
    assert np.allclose(two[:, 1], fit.beta, atol=1e-5)
    classes = rng.integers(0, 3, size=400)
    three = glm.softmax(design @ glm.multinomial(design, classes, np.ones(400), 3, 0.0))
    ours = three
    theirs = LogisticRegression(C=1e10, tol=1e-10, max_iter=1000).fit(x, classes)
    assert np.allclose(ours, theirs.predict_proba(x), atol=1e-4)


def test_separated_data_stay_finite():
    x = np.linspace(-1, 1, 50)
    fit = glm.logistic(np.column_stack([np.ones(50), x]), (x > 0).astype(float), np.ones(50))
    assert np.isfinite(fit.beta).all()


def test_restricted_cubic_spline_is_linear_beyond_its_knots():
    knots = np.array([-1.0, 0.0, 0.5, 1.5])
    for side in (np.linspace(-5, -1, 9), np.linspace(1.5, 6, 10)):
        assert np.abs(np.diff(restricted_cubic(side, knots), n=2, axis=0)).max() < 1e-9


def test_heavy_tails_are_mapped_by_ranks():
    x = np.exp(3 * np.random.default_rng(14).normal(size=2000))
    z = column(x, 0).expand(x)[:, 0]
    assert stats.spearmanr(x, z)[0] == pytest.approx(1)
    assert np.abs(z).max() < 5
    raw = column(x, 0, tame=False).expand(x)[:, 0]
    assert np.corrcoef(raw, x)[0, 1] == pytest.approx(1)
    assert make(x[:, None], (0,), "linear").expand(x[:, None]).shape == (2000, 2)
