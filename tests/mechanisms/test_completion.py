"""Fitting with missing cells: against the observed-data likelihood and fits on full tables."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import optimize, stats

import rung
from rung.core.errors import MissingCells
from rung.core.result import lock
from rung.mechanisms import DiscreteTable, LinearGaussian, LinearNonGaussian, Structural
from rung.mechanisms.completion import Completer
from rung.mechanisms.expectation import GaussianEM
from rung.simulate import DiscreteSCM, LinearSCM, MixedSCM

DIAMOND = rung.Graph.parse("z -> t; z -> y; t -> y; y -> w")


def holed(data: rung.Data, holes: np.ndarray, policy=None) -> rung.Data:
    for name, hole in zip(data.names, holes.T, strict=True):
        column = np.where(hole, np.nan, data.column(name))
        data = data.with_column(data.variable(name), lock(column))
    return data.replacing(missing=policy)


def at_random(data: rung.Data, share: float, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).random((data.n, data.d)) < share


def linear(n: int, seed: int = 0) -> rung.Data:
    return LinearSCM(graph=DIAMOND).draw(n, rng=np.random.default_rng(seed))[0]


def likelihood(theta: np.ndarray, x: np.ndarray, graph: rung.Graph) -> float:
    """Log likelihood of the cells that are there, one row at a time, by scipy."""
    d = graph.d
    a, log_sd, b = theta[:d], theta[d : 2 * d], theta[2 * d :]
    slopes = np.zeros((d, d))
    slopes[graph.adjacency().T.astype(bool)] = b
    inverse = np.linalg.inv(np.eye(d) - slopes)
    mean, cov = inverse @ a, inverse @ np.diag(np.exp(2 * log_sd)) @ inverse.T
    total = 0.0
    for row in x:
        there = ~np.isnan(row)
        if there.any():
            at = np.ix_(there, there)
            total += stats.multivariate_normal.logpdf(row[there], mean[there], cov[at])
    return total


def test_exact_em_finds_the_maximum_of_the_observed_likelihood():
    full = linear(60)
    data = holed(full, at_random(full, 0.3))
    graph = DIAMOND.reorder(data.names)
    found = GaussianEM(graph, data, tolerance=1e-12).fit()
    theta = np.concatenate(
        [found.intercept, np.log(found.sd), found.slopes[graph.adjacency().T.astype(bool)]]
    )
    x = data.matrix()
    best = optimize.minimize(lambda p: -likelihood(p, x, graph), theta + 0.1, method="BFGS")
    assert likelihood(theta, x, graph) == pytest.approx(-best.fun, abs=1e-4)
    assert np.allclose(theta, best.x, atol=2e-3)


def test_without_missing_cells_it_is_least_squares():
    full = linear(300)
    em = GaussianEM(DIAMOND, full)
    again = em.mechanisms(em.fit())
    plain = rung.fit(DIAMOND, full, mechanisms=LinearGaussian())
    for name, m in again.items():
        other = plain.mechanisms[name]
        assert m.residual.sd == pytest.approx(other.residual.sd, rel=1e-9)
        assert np.allclose(m.predictor.intercept, other.predictor.intercept)
        for a, b in zip(m.predictor.effects, other.predictor.effects, strict=True):
            assert np.allclose(a, b)


def test_frequency_weights_are_repeated_rows():
    full = linear(80)
    data = holed(full, at_random(full, 0.2), rung.EM())
    w = np.random.default_rng(1).integers(1, 4, size=80)
    many = data.take(np.repeat(np.arange(80), w))
    one, two = (
        rung.fit(DIAMOND, d, mechanisms=LinearGaussian())
        for d in (data.replacing(weights=w.astype(float)), many)
    )
    for name in DIAMOND.names:
        a, b = one.mechanisms[name], two.mechanisms[name]
        assert a.residual.sd == pytest.approx(b.residual.sd, rel=1e-4)


def test_mar_bias_of_complete_cases_is_gone_under_em():
    """t goes missing where y is large: regressing y on t is biased on complete rows."""
    full = linear(4_000, seed=2)
    rng = np.random.default_rng(3)
    holes = np.zeros((full.n, full.d), dtype=bool)
    y = full.column("y")
    chance = 1 / (1 + np.exp(-2 * (y - y.mean()) / y.std()))
    holes[:, full.index("t")] = rng.random(full.n) < chance  # t missing because of y
    truth = rung.fit(DIAMOND, full, mechanisms=LinearGaussian()).mechanisms["y"]
    em, cases = (
        rung.fit(DIAMOND, holed(full, holes, p), mechanisms=LinearGaussian()).mechanisms["y"]
        for p in (rung.EM(), rung.CompleteCases())
    )

    def error(m):
        pairs = zip(m.predictor.effects, truth.predictor.effects, strict=True)
        slopes = max(abs(float(a[0, 0] - b[0, 0])) for a, b in pairs)
        return max(slopes, abs(float(m.predictor.intercept[0] - truth.predictor.intercept[0])))

    assert error(cases) > 0.1
    assert error(em) < 0.05


@pytest.mark.parametrize("seed", range(3))
def test_stochastic_em_agrees_with_exact_em(seed):
    """The chain on a Gaussian SCM against the closed form: within sampling error of its tables."""
    full = linear(1_500, seed)
    data = holed(full, at_random(full, 0.3, seed), rung.EM())
    exact = rung.fit(DIAMOND, data, mechanisms=LinearGaussian())
    drawn = rung.fit(DIAMOND, data, mechanisms=LinearNonGaussian(), seed=seed)
    for name in DIAMOND.names:
        a, b = exact.mechanisms[name], drawn.mechanisms[name]
        assert b.residual.sd == pytest.approx(a.residual.sd, rel=0.05)
        for one, two in zip(a.predictor.effects, b.predictor.effects, strict=True):
            assert float(two[0, 0]) == pytest.approx(float(one[0, 0]), abs=0.04)


def test_tables_of_a_discrete_network_come_back():
    scm = DiscreteSCM(graph=DIAMOND).scm(np.random.default_rng(4))
    full = scm.sample(8_000, seed=0)
    data = holed(full, at_random(full, 0.25), rung.EM())
    model = rung.fit(DIAMOND, data, mechanisms=DiscreteTable())
    whole = rung.fit(DIAMOND, full, mechanisms=DiscreteTable())
    cells = whole.sample(8_000, seed=1)
    for name in DIAMOND.names:
        seen = np.unique(cells.matrix(DIAMOND.parents(name)), axis=0)
        if len(seen) > 0 and seen.shape[1]:
            at = tuple(seen.astype(int).T)
            a, b = model.mechanisms[name].table[at], whole.mechanisms[name].table[at]
        else:
            a, b = model.mechanisms[name].table, whole.mechanisms[name].table
        assert np.abs(a - b).mean() < 0.03


def test_mixed_columns_choose_their_mechanisms_once_and_say_so():
    scm = MixedSCM(5, 2.0).scm(np.random.default_rng(5))
    full = scm.sample(600, seed=1)
    model = rung.fit(scm.graph, holed(full, at_random(full, 0.15), rung.EM()))
    assert "EM" in model.notes[0]
    assert "of 600 rows" in model.notes[0]
    assert "note: " in repr(model)
    for m in model.mechanisms.values():
        assert "compared on the first completed table" in m.note


@pytest.mark.parametrize("policy", [rung.CompleteCases(), rung.TestWise(), rung.EM()])
def test_every_policy_is_told(policy, tmp_path):
    full = linear(200)
    data = holed(full, at_random(full, 0.1), policy)
    for structure in (DIAMOND, rung.Graph.parse("z - t; t - y; y - w")):
        model = rung.fit(structure, data, mechanisms=LinearGaussian())
        assert type(policy).__name__ in model.notes[0]
        model.save(tmp_path / "model")
        assert rung.load(tmp_path / "model").notes == model.notes
    assert (
        rung.fit(DIAMOND, full.replacing(missing=policy), mechanisms=LinearGaussian()).notes == ()
    )


def test_test_wise_fits_each_node_on_its_own_complete_rows():
    full = linear(400)
    holes = at_random(full, 0.2)
    data = holed(full, holes, rung.TestWise())
    model = rung.fit(DIAMOND, data, mechanisms=LinearGaussian())
    rows = np.flatnonzero(~holes[:, [full.index("y"), full.index("w")]].any(axis=1))
    own = rung.fit(rung.Graph.parse("y -> w"), full[["y", "w"]].take(rows),
                   mechanisms=LinearGaussian())  # fmt: skip
    assert model.mechanisms["w"].residual.sd == own.mechanisms["w"].residual.sd


def test_rows_that_target_a_node_do_not_teach_its_mechanism():
    scm = LinearSCM(graph=DIAMOND).scm(np.random.default_rng(0))
    seen, set_ = scm.sample(1_500, seed=0), rung.do(scm, y=3.0).sample(1_500, seed=1)
    columns = {n: np.concatenate([seen.column(n), set_.column(n)]) for n in seen.names}
    targets = np.zeros((2, 4), dtype=bool)
    targets[1, seen.index("y")] = True
    both = rung.Data(
        seen.variables, columns, environment=np.repeat([0, 1], 1_500),
        environments=("seen", "y set"), targets=targets,
    )  # fmt: skip
    holes = at_random(both, 0.3)
    model = rung.fit(DIAMOND, holed(both, holes, rung.EM()), mechanisms=LinearGaussian())
    for name in DIAMOND.names:
        a, b = model.mechanisms[name].predictor, scm.mechanisms[name].predictor
        for parent, effect in zip(a.parents, a.effects, strict=True):
            true = dict(zip([p.name for p in b.parents], b.effects, strict=True))[parent.name]
            assert float(effect[0, 0]) == pytest.approx(float(true[0, 0]), abs=0.12)


def test_bootstrap_refits_spread_more_where_more_is_missing():
    full = linear(300)
    spread = []
    for share in (0.05, 0.5):
        data = holed(full, at_random(full, share), rung.EM())
        model = Structural(DIAMOND, LinearGaussian(), resamples=30).fit(
            data, rng=np.random.default_rng(0)
        )
        slopes = [p.mechanisms["w"].predictor.effects[0][0, 0] for p in model.parts]
        spread.append(np.std(slopes))
    assert spread[1] > 1.2 * spread[0]


def test_completed_tables_differ_by_the_parameters_too():
    """Rubin's variance of a slope between tables is above that of draws from one SCM."""
    from rung.core.budget import start
    from rung.mechanisms.imputation import impute

    full = linear(100)
    data = holed(full, at_random(full, 0.4), rung.EM())
    fit = Completer(
        DIAMOND, data, lambda _: LinearGaussian(), rung.EM(), np.random.default_rng(0), start(None)
    ).fit()

    def spread(tables):
        fits = [rung.fit(DIAMOND, t, mechanisms=LinearGaussian()) for t in tables]
        return np.var([f.mechanisms["w"].predictor.effects[0][0, 0] for f in fits])

    rng = np.random.default_rng(1)
    proper = spread(fit.tables(60, rng))
    improper = spread(impute(fit.scm, data, draws=60, rng=rng))
    assert proper > 1.2 * improper


def test_a_column_without_values_is_named():
    full = linear(50)
    holes = np.zeros((50, 4), dtype=bool)
    holes[:, full.index("t")] = True
    with pytest.raises(MissingCells, match="all 50 cells of 't' are missing"):
        rung.fit(DIAMOND, holed(full, holes, rung.EM()))
    holes[:, full.index("t")] = np.arange(50) == 7
    with pytest.raises(MissingCells, match="1 cells are missing, the first in row 7, column 't'"):
        rung.fit(DIAMOND, holed(full, holes))
