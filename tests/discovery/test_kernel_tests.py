"""KCI, RCIT and RCoT: causal-learn's answers, direct formulas, nulls, power, hard inputs."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import scipy.integrate
import scipy.stats

import rung
from rung.bench.rcot_calibration import LEVELS, rates
from rung.core.errors import InputError, MissingCells, NeedsRows, NotSupported
from rung.discovery.independence.gaussian_kernel import factor, kernel
from rung.discovery.independence.rcit import weighted_tail
from tests.discovery.answers.kci_answers import case
from tests.discovery.support import levels

RNG = np.random.default_rng
ANSWERS = json.loads(Path(__file__).with_name("answers").joinpath("kci.json").read_text("utf-8"))
RUNS = {(run["n"], run["conditions"]): run["p"] for run in ANSWERS["runs"]}


def p_of(test, matrix, k=None):
    data = matrix if isinstance(matrix, rung.Data) else rung.Data.from_matrix(matrix)
    given = [list(range(2, data.d if k is None else 2 + k))]
    return float(test.on(data, rng=RNG(0)).pvalues([0], [1], given)[0])


def answers(test, n, k, cases):
    found = np.array([p_of(test, case(seed, k, n)) for seed in range(cases)])
    return found, np.array(RUNS[n, k][:cases])


@pytest.mark.parametrize(("k", "close"), [(0, 1e-6), (1, 1e-4), (3, 1e-4)])
def test_whole_matrices_answer_as_causal_learn(k, close):
    """causal-learn 0.1.4.8; it leaves out eigenvalues below 1e-5 of the largest, we none."""
    found, theirs = answers(rung.KCI(rank=None, symmetric=False), 300, k, 40)
    assert np.allclose(found, theirs, atol=close)


@pytest.mark.parametrize(("n", "k", "cases"), [(300, 0, 40), (300, 1, 40), (300, 3, 40)])
def test_thin_factors_answer_as_causal_learn(n, k, cases):
    found, theirs = answers(rung.KCI(symmetric=False), n, k, cases)
    assert np.abs(found - theirs).max() < 0.005


@pytest.mark.parametrize(("k", "cases"), [(1, 20), (3, 6)])
def test_two_thousand_rows(k, cases):
    """More are recorded; docs/families/discovery-tests.md has the result of all."""
    found, theirs = answers(rung.KCI(symmetric=False), 2000, k, cases)
    assert np.abs(found - theirs).max() < 0.005
    assert min(theirs) < 0.02
    assert max(theirs) > 0.3


def spectral_kci(x, y, z):
    """The paper's null from eigenvalues of the products of eigenvectors (proposition 5)."""
    n = len(x)
    x, y, z = (scipy.stats.zscore(m, ddof=1, axis=0) for m in (x, y, z))
    centre = np.eye(n) - 1 / n
    width = 1.2 * np.sqrt(z.shape[1])

    def gram(m):
        apart = ((m[:, None] - m[None]) ** 2).sum(axis=2)
        return centre @ np.exp(-apart / (2 * width**2)) @ centre

    R = 1e-3 * np.linalg.inv(gram(z) + 1e-3 * np.eye(n))
    K, L = R @ gram(np.hstack([x, z / 2])) @ R, R @ gram(y) @ R

    def roots(m):
        values, vectors = np.linalg.eigh((m + m.T) / 2)
        return vectors * np.sqrt(np.maximum(values, 0))

    u = np.einsum("ti,tj->tij", roots(K), roots(L)).reshape(n, -1)
    weights = np.linalg.eigvalsh(u @ u.T)
    shape = weights.sum() ** 2 / (2 * (weights**2).sum())
    return scipy.stats.gamma.sf(np.trace(K @ L), shape, scale=weights.sum() / shape)


def test_kci_is_the_formula_of_the_paper():
    for seed in range(3):
        m = case(seed, 2, 70)
        wanted = spectral_kci(m[:, [0]], m[:, [1]], m[:, 2:])
        assert np.isclose(p_of(rung.KCI(rank=None, symmetric=False), m), wanted, rtol=1e-6)
        assert np.isclose(p_of(rung.KCI(symmetric=False), m), wanted, atol=2e-3)


def test_factors_leave_out_no_more_than_they_may():
    x = RNG(0).normal(size=(500, 2))
    K = kernel(x, x, 4.0)
    for missing in (10.0, 1.0, 0.01):
        G, left = factor(x, 4.0, missing, 500)
        gap = K - G @ G.T
        assert left <= missing
        assert np.isclose(np.trace(gap), left, atol=1e-6)
        assert np.linalg.eigvalsh(gap).min() > -1e-7
    assert factor(x, 4.0, 0.0, 40)[0].shape[1] <= 40 + 32


def test_kci_is_uniform_under_the_null():
    """300 data sets, curved effects of one cause.

    The gamma approximation is not exact: a Kolmogorov distance of 0.1 where chance alone would
    make 1.63 / sqrt(300) = 0.094; rejections at 0.05 within 3.5 binomial standard deviations.
    """
    p = []
    for seed in range(300):
        rng = RNG([seed, 5])
        z = rng.normal(size=300)
        x, y = np.tanh(z) + 0.7 * rng.normal(size=300), np.cos(z) + 0.7 * rng.normal(size=300)
        p.append(p_of(rung.KCI(), np.column_stack([x, y, z])))
    assert scipy.stats.kstest(p, "uniform").statistic < 0.1
    assert abs(np.mean(np.array(p) < 0.05) - 0.05) < 0.044


@pytest.mark.parametrize("test", [rung.KCI(), rung.RCoT(), rung.RCIT()], ids=repr)
def test_power_without_correlation(test):
    """y depends on x through its square, given z: no correlation, p below 0.001."""
    rng = RNG(1)
    z, x = rng.normal(size=(2, 500))
    y = x**2 + z + 0.5 * rng.normal(size=500)
    assert p_of(test, np.column_stack([x, y, z])) < 1e-3
    assert p_of(rung.FisherZ(), np.column_stack([x, y, z])) > 0.01


@pytest.mark.parametrize("test", [rung.KCI(symmetric=False), rung.RCoT(), rung.GCM()], ids=repr)
def test_rows_that_may_speak(test):
    rng = RNG(2)
    x = rng.normal(size=(200, 4)) @ rng.normal(size=(4, 4))
    holes = rng.random(x.shape) < 0.1
    data = rung.Data.from_matrix(np.where(holes, np.nan, x))
    keep = ~holes[:, :3].any(axis=1)
    assert p_of(test, data.replacing(missing=rung.TestWise()), 1) == p_of(test, x[keep][:, :3])
    with pytest.raises(MissingCells):
        test.on(data, rng=RNG(0))
    env = np.repeat([0, 1], [120, 80])
    targets = np.array([[False] * 4, [True, False, False, False]])
    data = rung.Data.from_matrix(x).replacing(
        environment=env, environments=("a", "b"), targets=targets
    )
    assert p_of(test, data, 1) == p_of(test, x[:120, :3])
    both = data.replacing(targets=np.array([[True] * 4, [True, False, False, False]]))
    with pytest.raises(InputError, match="'X1'"):
        test.on(both, rng=RNG(0))


@pytest.mark.parametrize(
    "test", [rung.KCI(), rung.KCI(rank=None), rung.RCoT(), rung.RCIT(), rung.GCM()], ids=repr
)
def test_hard_inputs(test):
    rng = RNG(3)
    x = rng.normal(size=(120, 4))
    constant = np.column_stack([x[:, 0], np.full(120, 3.0), x[:, 2]])
    assert p_of(test, constant) == 1.0
    assert np.isclose(p_of(test, constant[:, [0, 2, 1]]), p_of(test, x[:, [0, 2]]), rtol=1e-9)
    twin = np.column_stack([x[:, 0], x[:, 1], x[:, 1]])
    assert p_of(test, twin) == 1.0  # the condition is y itself
    assert p_of(test, np.column_stack([x[:, 0], x[:, 0]])) < 1e-6
    for rows in (1, 2, 3):
        assert p_of(test, x[:rows]) == 1.0
    huge = np.column_stack([1e9 + x[:, 0], 1e-9 * x[:, 1], x[:, 2]])
    assert np.isclose(p_of(test, huge), p_of(test, x[:, :3]), atol=1e-3)
    with pytest.raises(NeedsRows, match=type(test).__name__):
        test.on(rung.Data.from_matrix(x).moments(), rng=RNG(0))
    with pytest.raises(InputError, match="finite"):
        test.on(rung.Data.from_matrix(np.where(x > 2, np.inf, x)), rng=RNG(0))
    with pytest.raises(NotSupported, match="weigh"):
        test.on(rung.Data.from_matrix(x).replacing(weights=np.full(120, 2.0)), rng=RNG(0))
    assert test.on(rung.Data.from_matrix(x)).pvalues([], [], np.empty((0, 2))).shape == (0,)


def test_settings_are_checked():
    for make in (
        lambda: rung.KCI(rank=0),
        lambda: rung.RCoT(features=0),
        lambda: rung.RCIT(sides=0),
        lambda: rung.RCoT(width=0.0),
    ):
        with pytest.raises(InputError, match="expected"):
            make()


@pytest.mark.parametrize("test", [rung.KCI(), rung.RCoT()], ids=repr)
def test_levels_of_a_category_have_no_order(test):
    rng = RNG(4)
    c = rng.integers(4, size=300) * 1.0
    x = np.array([0.0, 1.5, 0.0, 1.5])[c.astype(int)] + 0.5 * rng.normal(size=300)
    kinds = [rung.Variable("x"), rung.Variable("c", rung.Kind.CATEGORICAL, tuple("abcd"))]
    data = rung.Data.from_matrix(np.column_stack([x, c]), variables=kinds)
    other = rung.Data.from_matrix(np.column_stack([x, 3 - c]), variables=kinds)
    assert p_of(test, data) < 1e-6
    assert p_of(rung.KCI(), other) < 1e-6
    binary = levels(np.column_stack([c > 1, rng.random(300) < 0.5]) * 1.0, [2, 2])
    assert 0.01 < p_of(test, binary) <= 1


def test_pc_over_kernel_tests():
    """A curved collider and a chain, found from 300 rows."""
    rng = RNG(6)
    a, b = rng.normal(size=(2, 300))
    c = a**2 + b + 0.4 * rng.normal(size=300)
    d = np.sin(c) + 0.3 * rng.normal(size=300)
    data = rung.Data.from_matrix(np.column_stack([a, b, c, d]), list("abcd"))
    wanted = rung.graphs.cpdag(rung.Graph.parse("a -> c <- b; c -> d"))
    assert rung.discover(data, rung.PC(test=rung.KCI())).graph == wanted
    assert rung.discover(data, rung.PC(test=rung.RCoT())).graph == wanted


def test_calibration_of_rcot_reduced():
    """250 of the 10,000 null data sets of `rung evidence run rcot-calibration`, one setting.

    Binomial bounds of 3.5 standard deviations.
    """
    found = rates(3, 1000, 250)
    for level in LEVELS:
        sd = np.sqrt(level * (1 - level) / 250)
        assert abs(found[f"RCoT at {level}"] - level) < 0.01 + 3.5 * sd
    assert found["RCoT distance"] < 1.63 / np.sqrt(250) + 0.01


def imhof(weights, at):
    """Exact tail by inversion of the characteristic function (Imhof 1961, equation 3.2)."""

    def integrand(u):
        angle = 0.5 * np.arctan(weights * u).sum() - 0.5 * at * u
        return np.sin(angle) / (u * np.prod((1 + (weights * u) ** 2) ** 0.25))

    return 0.5 + scipy.integrate.quad(integrand, 1e-12, 400, limit=2000)[0] / np.pi


def test_tail_of_a_weighted_sum():
    """Saddlepoint against Imhof's inversion and, in the far tail, against chi-square."""
    for weights in (np.array([1.5, 1.5, 0.5, 0.5]), 0.8 ** np.arange(25)):
        for at in np.array([0.2, 0.7, 1.0, 1.0005, 1.5, 2.5, 4.0]) * weights.sum():
            assert np.isclose(weighted_tail(weights, at), imhof(weights, at), rtol=0.05, atol=4e-3)
    for df in (2, 5, 20):
        for at in (0.1, 1.0, 3.0, 40.0, 90.0):
            wanted = scipy.stats.chi2.sf(at, df)
            assert np.isclose(weighted_tail(np.ones(df), at), wanted, rtol=0.1)
    tails = [weighted_tail(np.array([2.0, 1.0, 0.1]), s) for s in np.linspace(0, 20, 400)]
    assert (np.diff(tails) <= 0).all()
    assert weighted_tail(np.zeros(3), 1.0) == 1.0


def test_published_rcot_is_the_published_formula():
    """Residual cross-covariance and its covariance, computed with explicit inverses.

    To 0.003, since ours has a ridge of a millionth on features that are nearly collinear.
    """
    m = case(1, 2, 200)
    test = rung.RCoT(features=20, width=1.0, scores=False, leverage=False)
    bound = test.on(rung.Data.from_matrix(m), rng=RNG(0))
    found = bound.pvalues([0], [1], [[2, 3]])[0]
    z = scipy.stats.zscore(m, ddof=1, axis=0)[:, list(bound.rows.sorted([2, 3]))]
    ordered = bound.rows.sorted([0, 1])

    def features(cells, count):
        rng = RNG([bound.seed, cells.shape[1]])
        apart = scipy.spatial.distance.pdist(cells)
        waves = rng.standard_normal((cells.shape[1], count)) / np.median(apart)
        return scipy.stats.zscore(
            np.cos(cells @ waves + rng.uniform(0, 2 * np.pi, count)), ddof=1, axis=0
        )

    x, y = (features(scipy.stats.zscore(m[:, [c]], ddof=1), 5) for c in ordered)
    f = features(z, 20)
    make = np.eye(200) - f @ np.linalg.inv(f.T @ f) @ f.T
    left, right = make @ x, make @ y
    products = np.einsum("ti,tj->tij", left, right).reshape(200, -1)
    weights = np.linalg.eigvalsh(products.T @ products / 200)
    wanted = weighted_tail(np.maximum(weights, 0), ((left.T @ right) ** 2).sum() / 200)
    assert np.isclose(found, wanted, atol=3e-3)
