"""p-values against scipy and plain regression; uniform under the null; which rows are used."""

from __future__ import annotations

from math import erfc, sqrt

import numpy as np
import pytest
import scipy.stats
from hypothesis import given, settings
from hypothesis import strategies as st

import rung
from rung.core.errors import InputError, NeedsRows
from tests.discovery.support import levels, names

RNG = np.random.default_rng


def residual(x, z):
    z = np.column_stack([np.ones(len(x)), z])
    return x - z @ np.linalg.lstsq(z, x, rcond=None)[0]


def fisher_p(x, y, z):
    r = scipy.stats.pearsonr(residual(x, z), residual(y, z)).statistic
    return erfc(sqrt(len(x) - z.shape[1] - 3) * abs(np.arctanh(r)) / sqrt(2))


def table_g2(x, y, z):
    """Sum of scipy's G-tests over the strata, levels that are absent in a stratum left out."""
    stat = df = 0
    for key in np.unique(z, axis=0) if z.shape[1] else [()]:
        rows = (z == key).all(axis=1)
        t = np.array([[((x == a) & (y == b) & rows).sum() for b in range(5)] for a in range(5)])
        t = t[t.sum(axis=1) > 0][:, t.sum(axis=0) > 0]
        if min(t.shape) > 1:
            res = scipy.stats.chi2_contingency(t, correction=False, lambda_="log-likelihood")
            stat, df = stat + res.statistic, df + res.dof
    return scipy.stats.chi2.sf(stat, df) if df else 1.0


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10**6), st.integers(0, 4), st.integers(12, 80))
def test_fisher_z_is_the_correlation_of_residuals(seed, k, n):
    x = RNG(seed).normal(size=(n, 6)) @ RNG(seed + 1).normal(size=(6, 6))
    bound = rung.FisherZ().on(rung.Data.from_matrix(x))
    found = bound.pvalues([0, 1], [5, 4], [[1, 2, 3, 4][:k], [0, 2, 3, 5][:k]])
    assert np.isclose(found[0], fisher_p(x[:, 0], x[:, 5], x[:, 1 : 1 + k]), rtol=1e-6, atol=1e-12)
    given = [0, 2, 3, 5][:k]
    assert np.isclose(found[1], fisher_p(x[:, 1], x[:, 4], x[:, given]), rtol=1e-6, atol=1e-12)


def test_fisher_z_without_enough_rows_says_one():
    bound = rung.FisherZ().on(rung.Data.from_matrix(RNG(0).normal(size=(6, 6))))
    assert bound.pvalues([0], [1], [[2, 3, 4]])[0] == 1.0


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10**6), st.integers(0, 3))
def test_g2_is_scipys_g_test(seed, k):
    rng = RNG(seed)
    sizes = [2, 3, 4, 2, 3]
    x = np.column_stack([rng.integers(s, size=120) for s in sizes]).astype(float)
    x[:, 1] = np.where(rng.random(120) < 0.5, x[:, 0], x[:, 1])
    for source in (levels(x, sizes), levels(x, sizes).table(names(5))):
        found = rung.G2().on(source).pvalues([0, 0], [1, 4], [[2, 3, 4][:k], [1, 2, 3][:k]])
        wanted = table_g2(x[:, 0], x[:, 1], x[:, 2 : 2 + k])
        other = table_g2(x[:, 0], x[:, 4], x[:, 1 : 1 + k])
        assert np.allclose(found, [wanted, other], rtol=1e-7, atol=1e-12)


def test_g2_with_more_cells_than_fit_at_once():
    rng = RNG(3)
    sizes = [2, 2] + [9] * 8
    x = np.column_stack([rng.integers(s, size=300) for s in sizes]).astype(float)
    x[:, 2:] = x[:, [2]]  # 9 strata that occur, of 9^8
    found = rung.G2().on(levels(x, sizes)).pvalues([0], [1], [list(range(2, 10))])
    assert np.isclose(found[0], table_g2(x[:, 0], x[:, 1], x[:, 2:3]), rtol=1e-9)


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10**6))
def test_degenerate_gaussian_is_wilks_lambda(seed):
    """Likelihood ratio from determinants of residual covariances, computed by numpy."""
    rng = RNG(seed)
    n = 150
    a, b = rng.integers(3, size=n), rng.integers(4, size=n)
    z, w = rng.normal(size=n) + a, rng.normal(size=n) + (b == 1)
    kinds = [
        rung.Variable("a", rung.Kind.CATEGORICAL, (0, 1, 2)),
        rung.Variable("b", rung.Kind.CATEGORICAL, (0, 1, 2, 3)),
        rung.Variable("z"),
        rung.Variable("w"),
    ]
    data = rung.Data.from_matrix(np.column_stack([a, b, z, w]).astype(float), variables=kinds)
    hot = {
        0: np.eye(3)[a][:, 1:],
        1: np.eye(4)[b][:, 1:],
        2: z[:, None],
        3: w[:, None],
    }
    bound = rung.DegenerateGaussian().on(data)
    for x, y, cond in [(0, 1, [2]), (0, 2, [1, 3]), (2, 3, [0]), (1, 3, []), (2, 3, [])]:
        s = np.column_stack([np.zeros((n, 0))] + [hot[g] for g in cond])
        rx = np.column_stack([residual(c, s) for c in hot[x].T])
        ry = np.column_stack([residual(c, s) for c in hot[y].T])
        both = np.column_stack([rx, ry])
        det = [np.linalg.slogdet(m.T @ m)[1] for m in (both, rx, ry)]
        qx, qy = rx.shape[1], ry.shape[1]
        factor = n - 1 - s.shape[1] - (qx + qy + 1) / 2
        wanted = scipy.stats.chi2.sf(-factor * (det[0] - det[1] - det[2]), qx * qy)
        assert np.isclose(bound.pvalues([x], [y], [cond])[0], wanted, rtol=1e-6, atol=1e-12)


@pytest.mark.parametrize("kind", ["fisher", "g2", "mixed"])
def test_uniform_under_the_null(kind):
    """600 data sets in which x and y depend on z only; Kolmogorov-Smirnov, fixed seed."""
    rng, ps = RNG(11), []
    for _ in range(600):
        z = rng.normal(size=(400, 1))
        if kind == "fisher":
            data = rung.Data.from_matrix(np.column_stack([z + rng.normal(size=(400, 2)), z]))
            test = rung.FisherZ()
        elif kind == "g2":
            c = (z > 0) * 1.0
            xy = (rng.random((400, 2)) < 0.3 + 0.3 * c) * 1.0
            data, test = levels(np.column_stack([xy, c]), [2, 2, 2]), rung.G2()
        else:
            c = (z > 0) * 1.0
            x = rng.normal(size=(400, 1)) + c
            y = rng.integers(3, size=(400, 1)) * 1.0
            kinds = [
                rung.Variable("x"),
                rung.Variable("y", rung.Kind.CATEGORICAL, (0, 1, 2)),
                rung.Variable("c", rung.Kind.BINARY, (0, 1)),
            ]
            data = rung.Data.from_matrix(np.column_stack([x, y, c]), variables=kinds)
            test = rung.DegenerateGaussian()
        ps.append(test.on(data).pvalues([0], [1], [[2]])[0])
    assert scipy.stats.kstest(ps, "uniform").pvalue > 0.01


def test_testwise_uses_the_rows_complete_in_its_own_columns():
    rng = RNG(5)
    x = rng.normal(size=(200, 4)) @ rng.normal(size=(4, 4))
    holes = rng.random(x.shape) < 0.15
    data = rung.Data.from_matrix(np.where(holes, np.nan, x)).replacing(missing=rung.TestWise())
    bound = rung.FisherZ().on(data)
    for cond in ([], [2], [2, 3]):
        keep = ~holes[:, [0, 1, *cond]].any(axis=1)
        wanted = fisher_p(x[keep, 0], x[keep, 1], x[keep][:, cond])
        assert np.isclose(bound.pvalues([0], [1], [cond])[0], wanted, rtol=1e-7)
    codes = (x > 0) * 1.0
    data = levels(codes, [2] * 4)
    columns = {k: np.where(holes[:, j], np.nan, codes[:, j]) for j, k in enumerate(data.names)}
    data = data.replacing(columns=columns, missing=rung.TestWise())
    keep = ~holes[:, [0, 1, 2]].any(axis=1)
    wanted = table_g2(codes[keep, 0], codes[keep, 1], codes[keep][:, [2]])
    assert np.isclose(rung.G2().on(data).pvalues([0], [1], [[2]])[0], wanted, rtol=1e-9)


def test_rows_whose_condition_targets_neither():
    rng = RNG(6)
    env = np.repeat([0, 1, 2], [100, 60, 50])
    x = rng.normal(size=(210, 3)) + env[:, None] * [1, -1, 2]
    targets = np.array([[0, 0, 0], [1, 0, 0], [0, 1, 0]], dtype=bool)
    data = rung.Data.from_matrix(x).replacing(
        environment=env, environments=("a", "b", "c"), targets=targets
    )
    bound = rung.FisherZ().on(data)
    for pair, keep in (((0, 1), env == 0), ((0, 2), env != 1), ((1, 2), env != 2)):
        rest = [j for j in range(3) if j not in pair]
        wanted = fisher_p(x[keep, pair[0]], x[keep, pair[1]], x[keep][:, rest])
        found = bound.pvalues([pair[0]], [pair[1]], [rest])[0]
        assert np.isclose(found, wanted, rtol=1e-7)
    codes = levels((x > 0) * 1.0, [2, 2, 2]).replacing(
        environment=env, environments=("a", "b", "c"), targets=targets
    )
    keep = env != 1
    wanted = table_g2((x > 0)[keep, 0], (x > 0)[keep, 2], (x > 0)[keep][:, [1]])
    assert np.isclose(rung.G2().on(codes).pvalues([0], [2], [[1]])[0], wanted, rtol=1e-9)


def test_no_row_left_is_named():
    data = rung.Data.from_matrix(RNG(0).normal(size=(40, 2)), ["dose", "cell"]).replacing(
        environment=np.repeat([0, 1], 20),
        environments=("a", "b"),
        targets=np.array([[True, False], [False, True]]),
    )
    with pytest.raises(InputError, match="'dose' or 'cell'"):
        rung.FisherZ().on(data)


def test_who_cannot_answer_is_named():
    moments = rung.Data.from_matrix(RNG(0).normal(size=(40, 3))).moments()
    with pytest.raises(NeedsRows, match="G2"):
        rung.discover(moments, rung.PC(test=rung.G2()))
    with pytest.raises(NeedsRows, match="DegenerateGaussian"):
        rung.discover(moments, rung.PC(test=rung.DegenerateGaussian()))
    with pytest.raises(InputError, match="'X2' is continuous"):
        kinds = [rung.Variable("X1", rung.Kind.BINARY, (0, 1)), rung.Variable("X2")]
        rung.G2().on(rung.Data.from_matrix(np.eye(2), variables=kinds))
