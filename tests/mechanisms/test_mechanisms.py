"""Mechanisms against independent answers, and their policies for degenerate input."""

from __future__ import annotations

import itertools
import json

import numpy as np
import pytest

from rung.core.data import Data
from rung.core.errors import InputError, NotSupported
from rung.core.variable import Variable
from rung.mechanisms import (
    AutoMechanism,
    BoostedAdditive,
    DiscreteTable,
    LinearGaussian,
    LinearNonGaussian,
    Logistic,
    Multinomial,
    Poisson,
    SplineAdditive,
)
from rung.mechanisms.noise import Empirical, Exponential, Gaussian, Laplace, Student, Uniform
from rung.mechanisms.smooth import Curve, Smoother

A, B = Variable("a"), Variable("b")
C = Variable("c", "categorical", ("p", "q", "r"))
Y, COUNT = Variable("y"), Variable("y", "count")
BINARY = Variable("y", "binary", (0, 1))
THREE = Variable("y", "categorical", ("u", "v", "w"))
NUMERIC = (LinearGaussian(), LinearNonGaussian(), SplineAdditive(), BoostedAdditive())
EVERY = [
    *((spec, Y) for spec in (*NUMERIC, AutoMechanism())),
    (Logistic(), BINARY),
    (Logistic(smooth=True), BINARY),
    (Multinomial(), THREE),
    (Multinomial(smooth=True), Variable("y", "ordinal", (1, 2, 3))),
    (Poisson(), COUNT),
    (Poisson(smooth=True), COUNT),
]


def parents(n: int, seed: int = 0) -> Data:
    rng = np.random.default_rng(seed)
    columns = {"a": rng.normal(size=n), "b": rng.uniform(-2, 2, size=n)}
    return Data((A, B, C), {**columns, "c": rng.integers(0, 3, size=n).astype(float)})


def signal(p: Data) -> np.ndarray:
    a, b, c = (p.column(k) for k in "abc")
    return 0.8 * a - 0.5 * b + np.array([0.0, 0.7, -0.7])[c.astype(int)]


def draw(p: Data, variable: Variable, seed: int = 1) -> np.ndarray:
    rng = np.random.default_rng(seed)
    s = signal(p)
    if variable.kind == "count":
        return rng.poisson(np.exp(0.5 * s)).astype(float)
    if variable.size:
        scores = np.outer(s, np.arange(variable.size) - 1.0)
        return (scores + rng.gumbel(size=scores.shape)).argmax(axis=1).astype(float)
    return s + 0.5 * rng.normal(size=p.n)


def fit(spec, p, variable=Y, x=None, weights=None):
    x = draw(p, variable) if x is None else x
    return spec.fit(x, p, variable=variable, weights=weights, rng=np.random.default_rng(0))


def dummies(p: Data) -> np.ndarray:
    c = p.column("c")
    return np.column_stack([np.ones(p.n), p.column("a"), p.column("b"), c == 1, c == 2])


@pytest.mark.parametrize(("spec", "variable"), EVERY, ids=lambda v: getattr(v, "kind", repr(v)))
def test_contract(spec, variable):
    p = parents(600)
    x = draw(p, variable)
    m = fit(spec, p, variable, x)
    rng = np.random.default_rng(5)
    u = m.abduct(x, p.columns, rng)
    again = m.forward(p.columns, u)
    assert np.allclose(again, x, atol=1e-12) if m.exact else np.array_equal(again, x)
    assert m.variable is variable
    assert [v.name for v in m.parents] == ["a", "b", "c"]
    assert np.isfinite(m.log_prob(x, p.columns)).all()
    assert len(m.noise(7, rng)) == 7
    json.dumps(m.describe(), allow_nan=False)
    first, second = (m.sample(600, p.columns, np.random.default_rng(3)) for _ in range(2))
    assert np.array_equal(first, second)
    if variable.size:
        assert np.isin(first, np.arange(variable.size)).all()
        assert np.allclose(m.probabilities(p.columns, 600).sum(axis=1), 1)


REPEATABLE = [(s, v) for s, v in EVERY if not isinstance(s, BoostedAdditive | AutoMechanism)]


@pytest.mark.parametrize(
    ("spec", "variable"), REPEATABLE, ids=lambda v: getattr(v, "kind", repr(v))
)
def test_integer_weights_are_repeated_rows(spec, variable):
    p = parents(150)
    x = draw(p, variable)
    w = np.random.default_rng(2).integers(0, 3, size=150)
    rows = np.repeat(np.arange(150), w)
    weighted, repeated = (
        fit(spec, p, variable, x, w.astype(float)),
        fit(spec, p.take(rows), variable, x[rows]),
    )
    if variable.size:
        gap = weighted.probabilities(p.columns, 150) - repeated.probabilities(p.columns, 150)
        tolerance = 0.02 if getattr(spec, "smooth", False) else 1e-6
    else:
        gap = weighted.mean(p.columns, 150) - repeated.mean(p.columns, 150)
        loose = isinstance(spec, SplineAdditive) or getattr(spec, "smooth", False)
        tolerance = 0.1 if loose else 1e-6  # knots stand at quantiles, which differ a little
    assert np.abs(gap).max() < tolerance


def test_refits_of_curves_are_rougher_than_the_first_fit():
    p = parents(300)
    x = draw(p, Y)
    first = fit(SplineAdditive(), p, Y, x)
    again = SplineAdditive().refits(first, x, p)(np.ones(300))
    numeric = [i for i, v in enumerate(p.variables) if not v.discrete]
    for i in numeric:
        assert again.degrees[i] == min(2 * first.degrees[i], 11.0)


@pytest.mark.parametrize(
    "spec", [LinearGaussian(), LinearNonGaussian(), SplineAdditive()], ids=repr
)
def test_quick_refits_are_fits(spec, monkeypatch):
    monkeypatch.setattr("rung.mechanisms.spline.ROUGHER", 1.0)
    p = parents(300)
    x = draw(p, Y)
    first = fit(spec, p, Y, x)
    again = spec.refits(first, x, p)
    rng = np.random.default_rng(2)
    assert np.allclose(again(np.ones(300)).mean(p.columns, 300), first.mean(p.columns, 300))
    w = rng.multinomial(300, np.full(300, 1 / 300)).astype(float)
    direct, quick = fit(spec, p, Y, x, w), again(w)
    gap = direct.mean(p.columns, 300) - quick.mean(p.columns, 300)
    loose = isinstance(spec, SplineAdditive)  # which would choose knots and penalties again
    assert np.sqrt(np.mean(gap**2)) < (0.06 if loose else 1e-9)
    assert quick.residual.sd == pytest.approx(direct.residual.sd, rel=0.02 if loose else 1e-9)


def test_linear_against_lstsq():
    p = parents(500)
    x = draw(p, Y)
    m = fit(LinearGaussian(), p, Y, x)
    beta, rss, *_ = np.linalg.lstsq(dummies(p), x, rcond=None)
    assert np.allclose(m.mean(p.columns, 500), dummies(p) @ beta, atol=1e-10)
    assert m.residual.sd == pytest.approx(np.sqrt(rss[0] / (500 - 5)), rel=1e-10)
    assert m.describe()["coefficients"]["a"] == pytest.approx(beta[1], rel=1e-10)


def test_linear_from_moments_is_linear_from_rows():
    from rung.core.moments import Moments

    p = parents(200).select(["a", "b"])
    table = p.with_column(Y, p.column("a") - p.column("b") + 1)
    rows = fit(LinearGaussian(), p, Y, table.column("y") + np.cos(np.arange(200)))
    noisy = table.with_column(Y, table.column("y") + np.cos(np.arange(200)))
    merged = Moments.of(noisy.values[:80], noisy.variables) + Moments.of(
        noisy.values[80:], noisy.variables
    )
    m = LinearGaussian().fit_source(merged, Y, [A, B])
    assert np.allclose(m.mean(p.columns, 200), rows.mean(p.columns, 200), atol=1e-10)
    assert m.residual.sd == pytest.approx(rows.residual.sd, rel=1e-10)


def test_logistic_against_scikit_learn():
    from sklearn.linear_model import LogisticRegression

    p = parents(800)
    for variable in (BINARY, THREE):
        x = draw(p, variable)
        ours = fit(Multinomial(ridge=1e-10), p, variable, x).probabilities(p.columns, 800)
        theirs = LogisticRegression(C=np.inf, tol=1e-12, max_iter=5000).fit(dummies(p)[:, 1:], x)
        assert np.abs(ours - theirs.predict_proba(dummies(p)[:, 1:])).max() < 1e-4
        assert (
            np.abs(fit(Multinomial(), p, variable, x).probabilities(p.columns, 800) - ours).max()
            < 5e-3
        )


def test_logistic_of_one_binary_parent_is_the_log_odds_ratio():
    z = Variable("z", "binary", (0, 1))
    counts = {(0, 0): 30, (0, 1): 10, (1, 0): 15, (1, 1): 45}
    rows = np.array([cell for cell, k in counts.items() for _ in range(k)], dtype=float)
    p = Data((z,), {"z": rows[:, 0]})
    m = fit(Logistic(ridge=0.0), p, BINARY, rows[:, 1])
    chance = m.probabilities({"z": np.array([0.0, 1.0])}, 2)[:, 1]
    assert np.allclose(chance, [0.25, 0.75], atol=1e-7)
    effect = m.describe()["coefficients"]["1"]["z"]
    assert effect["1"] - effect["0"] == pytest.approx(np.log((45 * 30) / (15 * 10)), abs=1e-6)


def test_poisson_against_its_score_equations():
    p = parents(800)
    x = draw(p, COUNT)
    m = fit(Poisson(ridge=0.0), p, COUNT, x)
    left = x - m.mean(p.columns, 800)
    assert np.abs(dummies(p).T @ left).max() < 1e-4  # maximum likelihood: X'(x - mean) = 0


def test_poisson_quantiles_against_scipy_in_both_tails():
    from scipy import stats

    m = fit(Poisson(), parents(300), COUNT)
    q = parents(2000, seed=9)
    mean = m.mean(q.columns, 2000)
    u = m.noise(2000, np.random.default_rng(0))
    expected = stats.poisson.ppf(np.where(u > 0, u, 1 + u), mean)
    assert np.array_equal(m.forward(q.columns, u), expected)
    for x in (np.zeros(2000), np.full(2000, 40.0)):  # 40: P about 1e-30 and less
        e = m.abduct(x, q.columns, np.random.default_rng(1))
        assert np.array_equal(m.forward(q.columns, e), x)


def test_poisson_quantiles_of_large_means():
    from scipy import stats

    from rung.kernels.counts import poisson_quantile

    rng = np.random.default_rng(0)
    for mean in (1e-9, 0.02, 1.0, 37.5, 900.0, 2e4):
        u = np.concatenate([rng.random(300), [1e-12, 0.5, 1 - 1e-12]])
        e = np.where(u > 0.5, u - 1, u)
        found = poisson_quantile(e, np.full(len(e), mean))
        assert np.array_equal(found, stats.poisson.ppf(np.where(e > 0, e, 1 + e), mean))


def test_table_against_counting():
    z = Variable("z", "categorical", ("k", "l", "m"))
    rng = np.random.default_rng(0)
    p = Data(
        (z, BINARY.renamed("b")),
        {"z": rng.integers(0, 2, 300) * 1.0, "b": rng.integers(0, 2, 300) * 1.0},
    )
    x = rng.integers(0, 3, 300).astype(float)
    m = fit(DiscreteTable(smoothing=0), p, THREE, x)
    for i, j, k in np.ndindex(2, 2, 3):
        cell = (p.column("z") == i) & (p.column("b") == j)
        assert m.table[i, j, k] == pytest.approx((x[cell] == k).mean())
    marginal = np.bincount(x.astype(int), minlength=3) / 300
    assert np.allclose(m.table[2], marginal)  # a level of a parent that was never seen
    smooth = fit(DiscreteTable(smoothing=2.0), p, THREE, x).table
    prior = (np.bincount(x.astype(int), minlength=3) + 0.5) / 301.5
    cell = (p.column("z") == 1) & (p.column("b") == 0)
    counts = np.bincount(x[cell].astype(int), minlength=3)
    assert np.allclose(smooth[1, 0], (counts + 2 * prior) / (cell.sum() + 2))


def test_curves_against_scipy():
    from scipy.interpolate import CubicSpline

    rng = np.random.default_rng(0)
    knots, values = np.sort(rng.normal(size=7)), rng.normal(size=7)
    x = np.linspace(knots[0], knots[-1], 501)
    ours = np.zeros(501)
    Curve(knots, values).add(ours, x)
    theirs = CubicSpline(knots, values, bc_type="natural")
    assert np.allclose(ours, theirs(x), atol=1e-12)
    outside = np.zeros(2)
    Curve(knots, values).add(outside, np.array([knots[0] - 2, knots[-1] + 2]))
    ends = [
        theirs(knots[0]) - 2 * theirs(knots[0], 1),
        theirs(knots[-1]) + 2 * theirs(knots[-1], 1),
    ]
    assert np.allclose(outside, ends, atol=1e-12)  # straight beyond the data


def test_roughness_is_the_integral_of_the_squared_second_derivative():
    from scipy.interpolate import CubicSpline

    from rung.mechanisms.smooth import second_derivatives

    knots = np.array([0.0, 0.2, 0.5, 0.6, 1.0])
    values = np.array([0.3, -1.0, 2.0, 0.5, 0.1])
    bend = CubicSpline(knots, values, bc_type="natural").derivative(2)
    fine = np.linspace(0, 1, 200_001)
    integral = np.trapezoid(bend(fine) ** 2, fine)
    assert values @ second_derivatives(knots)[1] @ values == pytest.approx(integral, rel=1e-6)


def test_smoother_degrees_of_freedom():
    column = np.random.default_rng(0).normal(size=400)
    s = Smoother.of(column, None, np.linspace(-2, 2, 9))
    z = s.expand(column)
    for wanted in (2.0, 4.0, 6.5):
        penalty = s.penalty(wanted) * s.roughness
        z0 = z - z.mean(axis=0)
        hat = z0 @ np.linalg.solve(z0.T @ z0 + 400 * np.diag(penalty), z0.T)
        assert np.trace(hat) == pytest.approx(wanted, abs=0.05)


def test_spline_finds_curves_and_a_line_stays_a_line():
    rng = np.random.default_rng(42)
    p = parents(4000)
    truth = np.sin(2 * p.column("a")) + p.column("b")
    m = fit(SplineAdditive(), p, Y, truth + 0.3 * rng.normal(size=4000))
    assert np.sqrt(np.mean((m.mean(p.columns, 4000) - truth) ** 2)) < 0.07
    assert m.residual.sd == pytest.approx(0.3, rel=0.08)
    degrees = m.describe()["degrees"]
    assert degrees["a"] > 6
    assert degrees["b"] <= 2


@pytest.mark.parametrize(
    "noise", [Gaussian(2.0), Laplace(2.0), Uniform(2.0), Exponential(2.0), Student(2.0, 6.0)]
)
def test_noise_density_sampler_and_sd_agree(noise):
    from scipy.integrate import quad

    def density(u):
        return float(np.exp(noise.log_prob(np.array([u])))[0])

    edge = 2 * np.sqrt(3)  # where the uniform density ends
    cuts = (-edge, edge) if isinstance(noise, Uniform) else (-120, -2, edge, 120)
    for power, expected in ((0, 1.0), (1, 0.0), (2, 4.0)):
        parts = [
            quad(lambda u, k=power: u**k * density(u), low, high, limit=200)[0]
            for low, high in itertools.pairwise(cuts)
        ]
        assert sum(parts) == pytest.approx(expected, abs=2e-3)
    draws = noise.draw(200_000, np.random.default_rng(0))
    assert draws.std() == pytest.approx(2.0, rel=0.02)
    assert abs(draws.mean()) < 0.03


def test_empirical_noise_against_scipy_kde():
    from scipy.stats import gaussian_kde, kstest, t

    rng = np.random.default_rng(0)
    r = rng.exponential(size=500)
    r = (r - r.mean()) / r.std()
    e = Empirical.of(r, 1.0)
    kde = gaussian_kde(r, bw_method=e.bandwidth / r.std(ddof=1))
    grid = np.linspace(-3, 5, 60)
    shrink = 1 / np.sqrt(1 + e.bandwidth**2)
    wide = t(3, scale=np.sqrt(1 / 3))  # variance 1
    expected = 0.99 * kde(grid / shrink) / shrink + 0.01 * wide.pdf(grid)
    assert np.allclose(np.exp(e.log_prob(grid)), expected, atol=2e-3)
    draws = e.draw(100_000, rng)
    assert draws.std() == pytest.approx(1.0, abs=0.02)
    assert (
        kstest(
            draws[:2000], lambda x: np.array([kde.integrate_box_1d(-np.inf, v / shrink) for v in x])
        ).pvalue
        > 1e-3
    )
    many = Empirical.of(rng.normal(size=20_000), 3.0, weights=rng.integers(0, 3, 20_000) * 1.0)
    assert len(many.atoms) <= 2048
    assert many.draw(100_000, rng).std() == pytest.approx(3.0, rel=0.02)


def test_trees_are_those_of_scikit_learn():
    from sklearn.ensemble import HistGradientBoostingRegressor
    from threadpoolctl import threadpool_limits

    from rung.mechanisms.boosted import Trees

    rng = np.random.default_rng(0)
    z = rng.normal(size=(400, 3))
    x = z[:, 0] * z[:, 1] + rng.normal(size=400)
    new = rng.normal(size=(500, 3))
    with threadpool_limits(1):
        fitted = HistGradientBoostingRegressor(max_iter=20).fit(z, x)
        expected = fitted.predict(new)
    assert np.allclose(Trees.of(fitted).at(new), expected, atol=1e-12)


def test_boosted_refits_keep_the_splits_and_follow_the_weights():
    p = parents(800)
    x = 2 * p.column("a") * p.column("b") + 0.3 * np.random.default_rng(7).normal(size=800)
    spec = BoostedAdditive()
    first = fit(spec, p, Y, x)
    again = spec.refits(first, x, p)
    same = again(np.ones(800))
    error = np.std(x - first.mean(p.columns, 800))
    assert np.std(same.mean(p.columns, 800) - first.mean(p.columns, 800)) < 0.5 * error
    assert np.array_equal(same.trees.threshold, first.trees.threshold)
    w = np.where(p.column("a") > 0, 1.0, 0.0)
    shifted = spec.refits(first, x + 10 * (p.column("a") <= 0), p)(w)  # rows without weight
    right = {k: c[p.column("a") > 0] for k, c in p.columns.items()}
    n = int(w.sum())
    assert np.std(shifted.mean(right, n) - x[p.column("a") > 0]) < 2 * error


def test_auto_takes_what_fits():
    rng = np.random.default_rng(42)
    p = parents(2000)
    a, b = p.column("a"), p.column("b")
    cases = {
        "Linear": a - b + rng.normal(size=2000),
        "Splines": np.sin(2 * a) + b**2 + 0.5 * rng.normal(size=2000),
        "Boosted": 2 * a * b + 0.3 * rng.normal(size=2000),
    }
    for kind, x in cases.items():
        m = fit(AutoMechanism(), p, Y, x)
        assert type(m).__name__ == kind
        assert "log-likelihood" in m.describe()["note"]
    skewed = fit(AutoMechanism(), p, Y, a + rng.exponential(size=2000))
    assert type(skewed.residual).__name__ == "Empirical"
    gauss = fit(AutoMechanism(), p.select([]), Y, rng.normal(size=2000))
    assert type(gauss.residual).__name__ == "Gaussian"
    assert type(fit(AutoMechanism(), p, COUNT)).__name__ == "PoissonCounts"
    root = fit(AutoMechanism(), p.select([]), COUNT, rng.poisson(2.0, size=2000).astype(float))
    assert type(root).__name__ == "PoissonCounts"  # densities do not win by spikes at integers
    assert type(fit(AutoMechanism(), p, THREE)).__name__ == "Logit"
    bent = (rng.random(2000) < 1 / (1 + np.exp(3 - 2 * b**2))).astype(float)
    assert not fit(AutoMechanism(), p, BINARY, bent).predictor.straight


def test_separated_levels_keep_finite_coefficients():
    p = parents(100).select(["a"])
    x = (p.column("a") > 0).astype(float)
    m = fit(Logistic(), p, BINARY, x)
    assert np.abs(m.predictor.effects[0]).max() < 100
    assert (m.probabilities(p.columns, 100).argmax(axis=1) == x).mean() > 0.97


def test_levels_never_seen():
    p = parents(300)
    m = fit(Multinomial(), p, THREE, np.full(300, 1.0))  # only one level of the node occurs
    chance = m.probabilities(p.columns, 300)
    assert np.allclose(chance[:, 0] / chance[:, 1], 0.5 / 300)
    unseen = p.with_column(C, np.zeros(300))
    one = fit(LinearGaussian(), unseen, Y, draw(p, Y))
    at = {"a": np.zeros(2), "b": np.zeros(2), "c": np.array([0.0, 2.0])}
    assert np.ptp(one.mean(at, 2)) == 0  # acts like the commonest level
    table = fit(DiscreteTable(smoothing=0), p.select(["c"]), THREE, np.zeros(300))
    with pytest.raises(InputError, match="probability 0"):
        table.abduct(np.ones(3), {"c": np.zeros(3)}, np.random.default_rng(0))


@pytest.mark.parametrize(
    "spec", [LinearGaussian(), LinearNonGaussian(), SplineAdditive()], ids=repr
)
def test_degenerate_numbers(spec):
    p = parents(50)
    constant = fit(spec, p, Y, np.full(50, 3.0))
    assert np.allclose(constant.sample(50, p.columns, np.random.default_rng(0)), 3.0)
    assert constant.residual.sd == 0
    assert np.array_equal(constant.log_prob(np.full(50, 3.0), p.columns), np.zeros(50))
    assert np.isneginf(constant.log_prob(np.full(50, 3.1), p.columns)).all()
    with pytest.raises(InputError, match="rows"):
        fit(spec, p[:3], Y, np.arange(3.0))
    with pytest.raises(InputError, match="no rows"):
        fit(spec, p[:0], Y, np.empty(0))
    with pytest.raises(InputError, match="missing are 50 cells, the first in row 0, column 'y'"):
        fit(spec, p, Y, np.full(50, np.nan))
    with pytest.raises(InputError, match="weight 0"):
        fit(spec, p, Y, np.arange(50.0), np.zeros(50))
    with pytest.raises(InputError, match="is binary"):
        fit(spec, p, BINARY, np.zeros(50))
    twin = p.with_column(B, p.column("a"))  # collinear parents share their effect
    m = fit(spec, twin, Y, 2 * p.column("a") + 0.01 * np.cos(np.arange(50)))
    moved = {**twin.columns, "a": twin.column("a") + 1, "b": twin.column("b") + 1}
    assert np.allclose(m.mean(moved, 50) - m.mean(twin.columns, 50), 2.0, atol=0.05)


def test_wrong_kinds_are_named():
    p = parents(60)
    with pytest.raises(InputError, match="Multinomial"):
        fit(Logistic(), p, THREE, np.zeros(60))
    with pytest.raises(InputError, match="is continuous"):
        fit(Multinomial(), p, Y, np.zeros(60))
    with pytest.raises(InputError, match="its parent 'a'"):
        fit(DiscreteTable(), p, THREE, np.zeros(60))
    with pytest.raises(InputError, match="whole numbers"):
        fit(Poisson(), p, COUNT, np.full(60, 0.5))
    vector = Variable("v", shape=(4,))
    with pytest.raises(NotSupported, match="shape"):
        fit(LinearGaussian(), Data((vector,), {"v": np.zeros((60, 4))}), Y, np.zeros(60))
    wide = Variable("z", "categorical", tuple(range(3000)))
    with pytest.raises(InputError, match="cells"):
        two = Data((wide, wide.renamed("z2")), {"z": np.zeros(60), "z2": np.zeros(60)})
        fit(DiscreteTable(), two, THREE, np.zeros(60))
