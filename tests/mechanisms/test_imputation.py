"""Draws of missing cells: against exact enumeration, closed forms and the forward model."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest

import rung
from rung.core.errors import InputError
from rung.core.result import lock
from rung.core.variable import Kind, Variable
from rung.mechanisms.chains import Chains
from rung.mechanisms.imputation import implied, impute
from rung.mechanisms.linear import Linear
from rung.mechanisms.noise import Gaussian, Laplace
from rung.mechanisms.table import Table


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def holed(data: rung.Data, holes: np.ndarray) -> rung.Data:
    """Data without the cells where `holes` is True."""
    for name, hole in zip(data.names, holes.T, strict=True):
        column = np.where(hole, np.nan, data.column(name))
        data = data.with_column(data.variable(name), lock(column))
    return data


def discrete_scm() -> rung.SCM:
    """Three categories a -> b -> d <- c <- a, with tables drawn at random."""
    graph = rung.Graph.parse("a -> b; a -> c; b -> d; c -> d")
    kinds = {"a": 3, "b": 2, "c": 2, "d": 3}
    described = {
        n: Variable(n, Kind.BINARY if k == 2 else Kind.CATEGORICAL, tuple("xyz"[:k]))
        for n, k in kinds.items()
    }
    draw = rng(3)
    tables = {}
    for name in graph.names:
        parents = tuple(described[p] for p in graph.parents(name))
        shape = tuple(p.size for p in parents)
        table = draw.dirichlet(np.ones(kinds[name]), size=shape)
        tables[name] = Table(described[name], parents, table)
    return rung.SCM(graph, tables)


def enumerated(scm: rung.SCM, row: dict[str, float]) -> dict[tuple[float, ...], float]:
    """P(missing | observed) over all values of the missing cells of one row, by summing."""
    gone = [n for n, v in row.items() if np.isnan(v)]
    out = {}
    for levels in product(*(range(scm.mechanisms[n].variable.size) for n in gone)):
        full = {**row, **dict(zip(gone, levels, strict=True))}
        log = 0.0
        for name, m in scm.mechanisms.items():
            given = {p.name: np.array([float(full[p.name])]) for p in m.parents}
            log += float(m.log_prob(np.array([float(full[name])]), given)[0])
        out[tuple(map(float, levels))] = np.exp(log)
    total = sum(out.values())
    return {k: v / total for k, v in out.items()}


@pytest.mark.parametrize("gone", ["a", "d", "ab", "ad", "bcd", "abcd"])
def test_discrete_draws_have_the_enumerated_posterior(gone):
    """3,000 rows in 10 copies of one row: every joint share within 4 standard errors."""
    scm, n = discrete_scm(), 3_000
    row = {"a": 2.0, "b": 0.0, "c": 1.0, "d": 2.0} | dict.fromkeys(gone, np.nan)
    columns = {k: lock(np.full(n, v)) for k, v in row.items()}
    data = rung.Data(scm.variables, {v.name: columns[v.name] for v in scm.variables})
    drawn = impute(scm, data, draws=10, rng=rng())
    names = [k for k in row if k in gone]
    values = np.concatenate([d.matrix(names) for d in drawn])
    for levels, p in enumerated(scm, row).items():
        share = (values == np.array(levels)).all(axis=1).mean()
        assert share == pytest.approx(p, abs=4 * np.sqrt(p * (1 - p) / len(values)) + 1e-9)


def gaussian_scm(noise=Gaussian) -> rung.SCM:
    graph = rung.Graph.parse("x -> m; m -> y; x -> y; y -> z")
    v = {n: Variable(n) for n in graph.names}
    slopes = {"x": [], "m": [1.5], "y": [-1.0, 0.7], "z": [2.0]}
    at = {n: [v[p] for p in graph.parents(n)] for n in graph.names}
    return rung.SCM(
        graph,
        {
            n: Linear.of(v[n], at[n], slopes[n], intercept=i / 2, noise=noise(0.5 + i / 4))
            for i, n in enumerate(graph.names)
        },
    )


def test_the_implied_moments_are_those_of_many_draws():
    scm = gaussian_scm()
    mean, covariance = implied(scm)
    drawn = scm.sample(400_000, seed=0).matrix()
    assert np.allclose(mean, drawn.mean(axis=0), atol=0.02)
    assert np.allclose(covariance, np.cov(drawn.T), rtol=0.02, atol=0.02)
    assert implied(gaussian_scm(Laplace)) is None


@pytest.mark.parametrize("exact", [True, False])
@pytest.mark.parametrize("gone", [[0], [1], [3], [0, 2], [1, 2], [0, 1, 3]])
def test_gaussian_draws_have_the_conditional_mean_and_covariance(exact, gone):
    """The closed form, and the chains, which must find it from log_prob and sample alone."""
    scm, n, draws = gaussian_scm(), 2_000, 5
    row = np.array([1.0, 0.4, 1.2, 2.0])
    mean, s = implied(scm)
    there = [i for i in range(4) if i not in gone]
    gain = s[np.ix_(gone, there)] @ np.linalg.inv(s[np.ix_(there, there)])
    want = mean[gone] + gain @ (row - mean)[there]
    spread = s[np.ix_(gone, gone)] - gain @ s[np.ix_(there, gone)]
    row[gone] = np.nan
    data = rung.Data.from_matrix(np.tile(row, (n, 1)), scm.graph.names)
    if exact:
        values = np.concatenate([d.matrix() for d in impute(scm, data, draws=draws, rng=rng())])
    else:
        parts = Chains(scm, data, data, draws, rng()).run(20, np.arange(n))
        values = np.tile(row, (n * draws, 1))
        for j in gone:
            values[:, j] = np.concatenate([p[scm.graph.names[j]] for p in parts])
    values = values[:, gone]
    error = np.sqrt(np.diag(spread) / (n * draws))
    assert (np.abs(values.mean(axis=0) - want) < 4 * error).all()
    assert np.allclose(np.cov(values.T), spread, rtol=0.08, atol=0.08 * np.diag(spread).min())


def test_mixed_draws_leave_the_joint_distribution_as_it_was():
    """Cells that go missing at random and are drawn again: same means, spreads, correlations."""
    from rung.simulate import MixedSCM

    scm = MixedSCM(6, 2.0).scm(rng(5))
    full = scm.sample(6_000, seed=1)
    holes = rng(2).random((full.n, full.d)) < 0.3
    again = impute(scm, holed(full, holes), draws=1, rng=rng(4))[0]
    a, b = full.matrix(), again.matrix()
    assert not np.isnan(b).any()
    assert np.array_equal(a[~holes], b[~holes])
    sd = a.std(axis=0)
    assert (np.abs(a.mean(axis=0) - b.mean(axis=0)) < 5 * sd / np.sqrt(full.n)).all()
    assert np.abs(np.corrcoef(a.T) - np.corrcoef(b.T)).max() < 0.05


def test_rows_of_a_target_are_drawn_without_its_mechanism():
    """m was set to 5 in condition 1, so x says nothing about it and it nothing about x."""
    scm, n = gaussian_scm(), 4_000
    full = rung.do(scm, m=5.0).sample(n, seed=0)
    targets = np.array([[False, False, False, False], [False, True, False, False]])
    data = full.replacing(
        environment=np.ones(n, dtype=np.int64), environments=("o", "m"), targets=targets
    )
    holes = np.zeros((n, 4), dtype=bool)
    holes[:, 0] = True  # x
    holes[: n // 2, 1] = True
    for changed in (scm, gaussian_scm(Laplace)):
        x = impute(changed, holed(data, holes), draws=1, rng=rng())[0]
        assert np.allclose(x.column("m"), 5.0, atol=1e-3)
        if changed is scm:
            a, b = x.column("x"), full.column("x")
            assert a.mean() == pytest.approx(b.mean(), abs=0.06)
            assert a.std() == pytest.approx(b.std(), rel=0.06)


def test_same_seed_same_draws_and_observed_cells_stay():
    scm = gaussian_scm(Laplace)
    full = scm.sample(200, seed=0)
    holes = rng(1).random((200, 4)) < 0.4
    data = holed(full, holes)
    one, two = (impute(scm, data, draws=3, rng=rng(7)) for _ in range(2))
    for a, b in zip(one, two, strict=True):
        assert np.array_equal(a.matrix(), b.matrix())
        assert np.array_equal(a.matrix()[~holes], full.matrix()[~holes])
    assert not np.array_equal(one[0].matrix(), one[1].matrix())
    assert impute(scm, full, draws=2, rng=rng())[0].sha256 == full.sha256


def test_what_cannot_be_drawn_is_named():
    scm = gaussian_scm()
    data = holed(scm.sample(20, seed=0), np.eye(20, 4, dtype=bool))
    with pytest.raises(InputError, match="interventions"):
        impute(rung.do(scm, x=1.0), data, draws=1, rng=rng())
    infinite = data.with_column(data.variable("z"), np.where(np.arange(20) == 3, np.inf, 0.0))
    with pytest.raises(InputError, match="'z' are infinite, the first in row 3"):
        impute(scm, infinite, draws=1, rng=rng())
    a, b = (Variable(n, Kind.BINARY, ("no", "yes")) for n in "ab")
    sure = rung.SCM(
        rung.Graph.parse("a -> b"),
        {
            "a": Table(a, (), np.array([0.5, 0.5])),
            "b": Table(b, (a,), np.array([[1, 0], [1, 0.0]])),
        },
    )
    table = rung.Data((a, b), {"a": np.array([0.0, np.nan]), "b": np.array([0.0, 1.0])})
    with pytest.raises(InputError, match="row 1: no values of its missing cells"):
        impute(sure, table, draws=1, rng=rng())
