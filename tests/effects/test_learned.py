"""Matching, targeting, double machine learning, and scikit-learn models as nuisances."""

from dataclasses import replace

import numpy as np
import pytest
from scipy import optimize
from scipy.special import expit, logit
from sklearn.dummy import DummyClassifier
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.neighbors import KNeighborsRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import rung
from rung.core.errors import InputError, NotSupported
from rung.effects import TMLE as Targeted
from rung.effects import DoubleML, DoublyRobust, Matching
from rung.effects.estimators import glm, matching
from rung.effects.estimators.double_ml import median_of
from rung.effects.estimators.doubly_robust import arm_means, augmented, raised
from rung.effects.estimators.tmle import fluctuation, targeted
from rung.effects.estimators.tmle import logit as own
from rung.inference import intervals
from rung.inference.crossfit import cross_fit
from tests.effects.helpers import problem

RNG = np.random.default_rng(0)


def rng():
    return np.random.default_rng(0)


def drawn(n=400, seed=1, binary=False):
    r = np.random.default_rng(seed)
    x = r.normal(size=(n, 2))
    t = (r.random(n) < expit(x @ [0.6, -0.4])).astype(float)
    y = 2 * t + x @ [1.0, 0.5] + r.normal(size=n)
    return x, t, (y > 1).astype(float) if binary else y


def effect(fitted):
    return float(fitted.means[1] - fitted.means[0])


def variance(fitted, n):
    return float(intervals.covariance(fitted.influence[:, 1] - fitted.influence[:, 0])[0, 0])


# -- matching -------------------------------------------------------------------------------


def by_hand(x, t, y, k):
    """Abadie and Imbens 2006, written as loops: the effect and the variance of theorem 7."""
    n = len(y)
    z = x @ np.linalg.cholesky(np.linalg.inv(np.cov(x.T, bias=True)))
    filled, load = np.zeros((n, 2)), np.zeros(n)
    sigma = np.zeros(n)
    for i in range(n):
        filled[i, int(t[i])] = y[i]
        other = np.flatnonzero(t != t[i])
        near = other[np.argsort(((z[other] - z[i]) ** 2).sum(axis=1))[:k]]
        filled[i, int(1 - t[i])] = y[near].mean()
        load[near] += 1 / k
        same = np.flatnonzero((t == t[i]) & (np.arange(n) != i))
        own = same[np.argsort(((z[same] - z[i]) ** 2).sum(axis=1))[:k]]
        sigma[i] = k / (k + 1) * (y[i] - y[own].mean()) ** 2
    tau = (filled[:, 1] - filled[:, 0]).mean()
    spread = ((filled[:, 1] - filled[:, 0] - tau) ** 2).sum()
    again = ((load**2 + (2 * k - 1) / k * load) * sigma).sum()
    return tau, (spread + again) / n**2


@pytest.mark.parametrize("k", [1, 4])
def test_matching_is_abadie_and_imbens_2006(k):
    x, t, y = drawn(200)
    fitted = Matching(k, correct=False).estimate(problem(x, t, y), rng=rng())
    tau, var = by_hand(x, t, y, k)
    assert effect(fitted) == pytest.approx(tau, rel=1e-9)
    assert variance(fitted, 200) == pytest.approx(var * 200 / 199, rel=1e-6)


def test_matching_for_the_treated_uses_controls_only_as_matches():
    x, t, y = drawn(200)
    p = problem(x, t, y, population="treated")
    fitted = Matching(1, correct=False).estimate(p, rng=rng())
    z = x @ np.linalg.cholesky(np.linalg.inv(np.cov(x.T, bias=True)))
    treated, controls = np.flatnonzero(t == 1), np.flatnonzero(t == 0)
    near = [controls[np.argmin(((z[controls] - z[i]) ** 2).sum(axis=1))] for i in treated]
    assert effect(fitted) == pytest.approx((y[treated] - y[near]).mean(), rel=1e-9)
    k = np.bincount(near, minlength=200)[controls]
    sigma = []
    for i in controls:
        same = controls[controls != i]
        sigma.append((y[i] - y[same[np.argmin(((z[same] - z[i]) ** 2).sum(axis=1))]]) ** 2 / 2)
    tau = (y[treated] - y[near]).mean()
    var = ((y[treated] - y[near] - tau) ** 2).sum() + (k * (k - 1) * np.array(sigma)).sum()
    assert variance(fitted, 200) == pytest.approx(var / len(treated) ** 2 * 200 / 199, rel=1e-6)


def test_ties_all_count():
    x = np.array([0.0, 0, 0, 0, 1, 1, 1, 1] * 6)
    t = np.array([0.0, 0, 1, 1, 0, 1, 1, 0] * 6)
    y = np.arange(48.0)
    fitted = Matching(1, correct=False).estimate(problem(x, t, y), rng=rng())
    cells = {(a, b): y[(x == a) & (t == b)].mean() for a in (0, 1) for b in (0, 1)}
    want = np.mean([cells[0, 1] - cells[0, 0], cells[1, 1] - cells[1, 0]])
    assert effect(fitted) == pytest.approx(want, rel=1e-12)


def test_correction_makes_a_linear_outcome_exact():
    x, t, _ = drawn(300)
    y = 2 * t + x @ [1.0, 0.5] + 3
    fitted = Matching(2).estimate(problem(x, t, y), rng=rng())
    assert effect(fitted) == pytest.approx(2.0, abs=1e-5)


def test_matching_on_propensity_allows_for_its_estimation():
    x, t, y = drawn(1000)
    p = problem(x, t, y)
    known = Matching(propensity=True, correct=False).estimate(p, rng=rng())
    z, _ = matching._log_odds(p, t.astype(int))
    parts = [matching.match(z, y, t == a, p.weights, 4, np.zeros(1000)) for a in (0, 1)]
    _, target = matching._rows(p, p.weights, known.means, parts)
    contrast = np.array([-1.0, 1.0])
    unadjusted = contrast @ target @ contrast / 1000**2
    # theorem 1 of Abadie and Imbens (2016): never larger for the mean over all rows
    assert variance(known, 1000) < unadjusted
    bound = DoublyRobust().estimate(p, rng=rng())
    assert variance(known, 1000) > 0.9 * variance(bound, 1000)


@pytest.mark.parametrize(
    ("estimator", "words"),
    [
        (lambda: Matching(0), "neighbours=0"),
        (lambda: Matching(500).estimate(problem(*drawn()), rng=RNG), "an arm has"),
        (lambda: DoubleML(repeats=0), "repeats=0"),
        (lambda: DoublyRobust(least=0.7), "least=0.7"),
        (lambda: DoubleML(outcome=LinearRegression), "pass an object"),
        (lambda: Targeted(treatment="forest"), "no fit and predict"),
        (
            lambda: DoublyRobust(outcome=LogisticRegression()).estimate(problem(*drawn()), rng=RNG),
            "is a classifier",
        ),
        (
            lambda: DoubleML(interactive=True).estimate(
                problem(*drawn()[:1], drawn()[2], drawn()[2], discrete=False, arms=[0, 1]),
                rng=RNG,
            ),
            "interactive model needs levels",
        ),
    ],
)
def test_bad_input_is_named(estimator, words):
    with pytest.raises(InputError, match=words):
        estimator()


def test_doses_are_refused_where_levels_are_needed():
    x, _, y = drawn()
    dose = problem(x, x[:, 0] + RNG.normal(size=400), y, discrete=False, arms=[0, 1])
    for estimator in (Matching(), Targeted()):
        with pytest.raises(NotSupported, match="dose"):
            estimator.estimate(dose, rng=rng())


# -- targeting ------------------------------------------------------------------------------


def test_the_fluctuation_is_the_likelihood_s_maximum():
    r = np.random.default_rng(3)
    offset, z, y = r.normal(size=200), r.normal(size=200), r.random(200)
    w = r.random(200) * 5
    (found,) = fluctuation(offset, y, z[:, None], w)

    def loss(b):
        eta = offset + b * z
        return w @ (np.logaddexp(0, eta) - y * eta)

    assert found == pytest.approx(optimize.minimize_scalar(loss, tol=1e-12).x, abs=1e-6)


def test_tmle_solves_its_score_and_stays_in_range():
    x, t, y = drawn(500, binary=True)
    for population in ("all", "treated", "overlap"):
        fitted = Targeted().estimate(problem(x, t, y, binary=True, population=population), rng=RNG)
        q = fitted.effects
        assert (q > 0).all()
        assert (q < 1).all()
        # the plug-in mean is the one-step mean: the score is solved
        p = problem(x, t, y, binary=True, population=population)
        if population == "all":
            assert fitted.means == pytest.approx(q.mean(axis=0), abs=1e-8)
        if population == "treated":
            assert fitted.means == pytest.approx(q[t == 1].mean(axis=0), abs=1e-8)
            assert fitted.means[1] == pytest.approx(y[t == 1].mean(), abs=1e-8)
        assert abs(fitted.influence.mean(axis=0)).max() < 1e-8
        assert p.population == population


def test_tmle_for_the_overlap_population_is_a_plug_in():
    x, t, y = drawn(500)
    p = problem(x, t, y, population="overlap")
    q, _ = arm_means(p, boosting=False, rng=rng())
    moved, q, rounds = targeted(p, q)
    h = moved.propensity[:, 0] * moved.propensity[:, 1]
    means, _ = augmented(moved, q)
    assert means == pytest.approx(h @ q / h.sum(), abs=1e-6)
    assert rounds < 30


def test_tmle_of_a_saturated_model_is_standardisation():
    r = np.random.default_rng(5)
    x = r.integers(0, 2, size=2000).astype(float)
    t = (r.random(2000) < 0.3 + 0.4 * x).astype(float)
    y = (r.random(2000) < 0.2 + 0.3 * t + 0.2 * x).astype(float)
    fitted = Targeted().estimate(problem(x, t, y, binary=True, sizes=(2,)), rng=rng())
    exact = [sum(y[(x == v) & (t == a)].mean() * (x == v).mean() for v in (0, 1)) for a in (0, 1)]
    assert fitted.means == pytest.approx(exact, abs=3e-3)


# -- double machine learning ----------------------------------------------------------------


def test_one_repetition_is_aipw_and_the_median_of_definition_3_3():
    x, t, y = drawn()
    p = problem(x, t, y)
    one = DoubleML(repeats=1).estimate(p, rng=rng())
    base = DoublyRobust().estimate(p, rng=rng())
    assert one.means == pytest.approx(base.means)
    assert one.influence == pytest.approx(base.influence)
    runs = []
    for shift in (0.0, 0.3, 1.0):
        rows = base.influence * (1 + shift)
        runs.append((base.means + np.array([0.0, shift]), rows))
    means, influence = median_of(runs, p)
    values = [m[1] - m[0] for m, _ in runs]
    ses = [intervals.covariance(r[:, 1] - r[:, 0])[0, 0] for _, r in runs]
    assert means[1] - means[0] == pytest.approx(np.median(values))
    wanted = np.median([s + (v - np.median(values)) ** 2 for s, v in zip(ses, values, strict=True)])
    found = intervals.covariance(influence[:, 1] - influence[:, 0])[0, 0]
    assert found == pytest.approx(wanted, rel=1e-9)


def test_partially_linear_by_linear_models_is_residuals_on_residuals():
    r = np.random.default_rng(2)
    x = r.normal(size=(400, 3))
    t = x @ [1.0, 0.5, 0.0] + r.normal(size=400)
    y = 1.5 * t + x @ [1.0, -1.0, 0.5] + r.normal(size=400)
    p = problem(x, t, y, discrete=False, arms=[0.0, 1.0])
    fitted = DoubleML(LinearRegression(), LinearRegression(), repeats=1).estimate(p, rng=rng())

    def left(target):
        def fit_predict(train, test):
            return LinearRegression().fit(x[train], target[train]).predict(x[test])

        return target - cross_fit(p.folds, fit_predict)

    rt, ry = left(t), left(y)
    assert effect(fitted) == pytest.approx(rt @ ry / (rt @ rt), rel=1e-9)


# -- models ---------------------------------------------------------------------------------


def test_models_are_cloned_seeded_and_may_run_side_by_side():
    x, t, y = drawn(300)
    forest = RandomForestClassifier(10, min_samples_leaf=10)
    one = DoublyRobust(outcome=LinearRegression(), treatment=forest)
    p = problem(x, t, y)
    first = one.estimate(p, rng=rng())
    assert first.means.tolist() == one.estimate(p, rng=rng()).means.tolist()
    beside = replace(one, n_jobs=2).estimate(p, rng=rng())
    assert beside.means.tolist() == first.means.tolist()
    assert forest.random_state is None
    assert not hasattr(forest, "classes_")
    assert "RandomForestClassifier" in first.method


def test_weights_go_to_models_that_take_them_and_others_are_refused():
    x, t, y = drawn(300)
    w = np.random.default_rng(1).random(300) + 0.5
    p = problem(x, t, y, weights=w / w.mean())
    own = DoublyRobust(outcome=LinearRegression()).estimate(p, rng=rng())
    e = p.propensity
    design = np.column_stack([np.ones(300), x])
    mu = np.empty((300, 2))
    for a in (0, 1):
        for k in np.unique(p.folds):
            train, test = (p.folds != k) & (t == a), p.folds == k
            mu[test, a] = glm.linear(design[train], y[train], p.weights[train]).mean(design[test])
    here = t[:, None] == np.arange(2)
    want = p.weights @ (mu + here * (y[:, None] - mu) / np.maximum(e, 0.01)) / 300
    assert own.means == pytest.approx(want, rel=1e-8)
    for model in (KNeighborsRegressor(), make_pipeline(StandardScaler(), LinearRegression())):
        with pytest.raises(NotSupported, match="takes no sample_weight"):
            DoublyRobust(outcome=model).estimate(p, rng=rng())
        fine = DoublyRobust(outcome=model).estimate(problem(x, t, y), rng=rng())
        assert np.isfinite(fine.means).all()


def test_levels_reach_models_as_indicators_and_a_broken_model_is_named():
    r = np.random.default_rng(7)
    x = r.integers(0, 3, size=600).astype(float)
    t = (r.random(600) < 0.3 + 0.2 * (x == 1)).astype(float)
    y = t + np.array([0.0, 5.0, -3.0])[x.astype(int)] + r.normal(size=600)
    p = problem(x, t, y, sizes=(3,))
    fitted = DoublyRobust(outcome=LinearRegression()).estimate(p, rng=rng())
    assert effect(fitted) == pytest.approx(1.0, abs=0.3)

    class Broken:
        def fit(self, x, y):
            raise RuntimeError("no")

        def predict(self, x):
            return np.full(len(x), np.nan)

    with pytest.raises(InputError, match="outcome=Broken failed on .* rows: no"):
        DoublyRobust(outcome=Broken()).estimate(p, rng=rng())

    class Empty(Broken):
        def fit(self, x, y):
            return self

    with pytest.raises(InputError, match="not finite"):
        DoublyRobust(outcome=Empty()).estimate(p, rng=rng())


def test_a_classifier_s_share_is_the_plain_propensity():
    x, t, y = drawn(300)
    p = problem(x, t, y)
    fitted = DoublyRobust(treatment=DummyClassifier()).estimate(p, rng=rng())
    base = replace(p, propensity=np.column_stack([1 - t, t]))
    for k in np.unique(p.folds):
        share = t[p.folds != k].mean()
        base.propensity[p.folds == k] = [1 - share, share]
    assert fitted.means == pytest.approx(DoublyRobust().estimate(base, rng=rng()).means)


def test_three_levels_through_the_verb():
    r = np.random.default_rng(4)
    z = r.normal(size=900)
    t = r.integers(0, 3, size=900)
    y = np.array([0.0, 1.0, 3.0])[t] + z + r.normal(size=900)
    variables = (rung.Variable("z"), rung.Variable("t", rung.Kind.CATEGORICAL, ("a", "b", "c")),
                 rung.Variable("y"))  # fmt: skip
    data = rung.Data.from_matrix(np.column_stack([z, t, y]), variables=variables)
    graph = rung.Graph.parse("z -> y; t -> y; z -> t")
    for estimator in (
        Targeted(), Matching(), DoubleML(), DoubleML(interactive=False),
        DoubleML(treatment=LogisticRegression()),
    ):  # fmt: skip
        query = rung.ATE("t", "y", treated="c", control="a")
        found = rung.effect(graph, data, query, estimator=estimator)
        assert found.interval[0] < 3 < found.interval[1]
    two = rung.ATE("t", "y", treated="c", control="a")
    with pytest.raises(NotSupported, match="compares two levels"):
        rung.effect(graph, data, two, estimator=Matching(propensity=True))


def test_logit_helper_matches_scipy():
    q = np.array([0.1, 0.5, 0.9])
    assert own(q) == pytest.approx(logit(q))


def test_only_propensities_that_rows_are_divided_by_are_raised():
    x, t, y = drawn(200)
    e = np.column_stack([np.linspace(0, 1, 200), np.linspace(1, 0, 200)])
    for population, low in (("all", [0.01, 0.01]), ("treated", [0.01, 0]), ("overlap", [0, 0])):
        p = replace(problem(x, t, y, population=population), population=population)
        assert raised(p, e, 0.01).min(axis=0).tolist() == low
