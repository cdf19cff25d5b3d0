"""MissDAG: laws, closed forms and a world where complete cases go wrong."""

from __future__ import annotations

import numpy as np
import pytest

import rung
from rung.core.errors import InputError, MissingCells, NotSupported
from rung.core.expected import Incomplete
from rung.discovery.missingness import dependence
from rung.mechanisms.expectation import GaussianEM
from rung.simulate import LinearSCM


def holes(data, share=0.3, seed=1):
    rng = np.random.default_rng(seed)
    rows = np.array(data.values)
    rows[rng.random(rows.shape) < share] = np.nan
    return rung.Data.from_matrix(rows, data.names)


def drawn(d=6, n=400, seed=0, **options):
    return LinearSCM(d=d, degree=2, **options).draw(n, rng=np.random.default_rng(seed))


@pytest.mark.parametrize("learner", [rung.BOSS(), rung.NotearsAL(), rung.PC()], ids=repr)
def test_without_missing_cells_it_is_the_learner_inside(learner):
    data, _ = drawn()
    assert rung.discover(data, rung.MissDAG(learner)).graph == rung.discover(data, learner).graph


def test_the_likelihood_never_falls_on_a_graph_and_ends_at_its_maximum():
    data, truth = drawn()
    holed = holes(data)
    rows, graph = Incomplete(holed.matrix()), truth.reorder(data.names)
    dag = graph.adjacency() != 0
    for equal in (False, True):
        fit = GaussianEM(graph, holed, 1e-9, equal).ascend(start=rows.saturated())
        assert np.diff(fit.heights).min() >= 0
        assert fit.finished
        top = fit.heights[-1]
        rng = np.random.default_rng(0)
        for _ in range(10):  # no nearby parameters are likelier
            weights = fit.parameters.slopes.T + dag * rng.normal(size=dag.shape) * 1e-3
            size = 1 if equal else len(dag)
            noise = fit.parameters.sd**2 * np.exp(1e-3 * rng.normal(size=size))
            total = np.linalg.inv(np.eye(len(dag)) - weights)
            near = rows.expect(fit.parameters.implied()[0], (total.T * noise) @ total)
            assert near.log_likelihood < top + 1e-5


def test_two_columns_of_which_one_is_missing_have_the_factored_answer():
    # Anderson (1957): y is seen only in some rows; the likelihood factors into that of x in all
    # rows and of y given x in the complete ones, each maximised by least squares.
    rng = np.random.default_rng(3)
    x = 2 + 1.5 * rng.normal(size=300)
    y = 1 - 0.7 * x + rng.normal(size=300)
    y[(x > 2.5) | (rng.random(300) < 0.2)] = np.nan
    seen = ~np.isnan(y)
    slope, intercept = np.polyfit(x[seen], y[seen], 1)
    left = np.var(y[seen] - intercept - slope * x[seen])
    rows = Incomplete(np.c_[x, y])
    data = rung.Data.from_matrix(np.c_[x, y], ["x", "y"])
    fit = GaussianEM(rung.Graph.parse("x -> y"), data, 1e-13).ascend(start=rows.saturated())
    assert fit.parameters.slopes[1, 0] == pytest.approx(slope, rel=1e-4)
    assert fit.parameters.sd**2 == pytest.approx([np.var(x), left], rel=1e-4)
    assert fit.expected[0].mean == pytest.approx([x.mean(), intercept + slope * x.mean()], rel=1e-4)
    top = rows.saturated(tolerance=1e-13, iterations=2000)
    assert top.covariance[1, 1] == pytest.approx(left + slope**2 * np.var(x), rel=1e-4)


def selected(n=4000, seed=0):
    """x -> w <- y; x is missing where w is large, so that complete cases join x and y."""
    rng = np.random.default_rng(seed)
    x, y = rng.normal(size=(2, n))
    w = x + y + 0.5 * rng.normal(size=n)
    x = np.where(rng.random(n) < 1 / (1 + np.exp(-3 * w)), np.nan, x)
    return rung.Data.from_matrix(np.c_[x, y, w], list("xyw"))


def test_it_is_right_where_complete_cases_are_not():
    data = selected()
    truth = rung.Graph.parse("x -> w <- y")
    cases = rung.discover(data.replacing(missing=rung.CompleteCases()), rung.BOSS())
    assert cases.graph != truth
    found = rung.discover(data, rung.MissDAG(rung.BOSS()))
    assert found.graph == truth
    assert any("not missing completely at random" in note for note in found.notes)
    assert any("MNAR" in note for note in found.notes)
    assert rung.discover(data.replacing(missing=rung.EM()), rung.MissDAG()).graph == truth


def test_curves_are_found_with_drawn_cells():
    rng = np.random.default_rng(0)
    x = rng.normal(size=600)
    y = np.sin(2 * x) + 0.3 * rng.normal(size=600)
    z = y**2 + 0.3 * rng.normal(size=600)
    data = holes(rung.Data.from_matrix(np.c_[x, y, z], list("xyz")), 0.25)
    plan = rung.MissDAG(rung.CAM(), mechanisms=rung.SplineAdditive(), draws=5)
    found = rung.discover(data, plan)
    assert found.graph == rung.Graph.parse("x -> y -> z")
    assert found.details["converged"]
    single = rung.MissDAG(
        rung.DirectLiNGAM(), mechanisms=rung.LinearNonGaussian(), draws=3, searches=3
    )
    said = rung.discover(data, single).notes
    assert any("stochastic EM" in note for note in said)


def test_dependence_is_welch_s_test():
    from scipy.stats import ttest_ind

    rows = selected(n=300).matrix()
    p = dependence(rows)
    missing = np.isnan(rows[:, 0])
    for k in (1, 2):
        theirs = ttest_ind(rows[missing, k], rows[~missing, k], equal_var=False).pvalue
        assert p[k, 0] == pytest.approx(theirs, rel=1e-8)
    assert (p[:, 1:] == 1).all()  # nothing else is missing


def test_details_and_bootstrap():
    data = holes(drawn()[0])
    found = rung.discover(data, rung.MissDAG(rung.FLOP()))
    d = found.details
    assert d["missing"] == pytest.approx(data.mask.mean())
    assert all(np.diff(h).min(initial=0) >= 0 for h in d["log_likelihood"])
    assert d["weights"].shape == d["covariance"].shape == (6, 6)
    assert set(d["mean"]) == set(data.names)
    often = rung.discover(data, rung.Bootstrap(rung.MissDAG(rung.FLOP()), draws=4, threads=1))
    assert sum(w for _, w in often.graphs) == pytest.approx(1.0)


def test_a_row_without_any_value_changes_nothing():
    data = holes(drawn()[0])
    rows = np.vstack([data.matrix(), np.full((3, 6), np.nan)])
    more = rung.discover(rung.Data.from_matrix(rows, data.names), rung.MissDAG())
    assert more.graph == rung.discover(data, rung.MissDAG()).graph
    assert any("3 rows without any value" in note for note in more.notes)


def test_refusals():
    data = holes(drawn()[0])
    with pytest.raises(MissingCells, match="'X1'"):
        empty = np.array(data.matrix())
        empty[:, 0] = np.nan
        rung.MissDAG().learn(rung.Data.from_matrix(empty, data.names))
    kind = rung.Variable("c", rung.Kind.CATEGORICAL, ("a", "b", "z"))
    codes = np.random.default_rng(0).integers(0, 3, data.n).astype(float)
    with pytest.raises(InputError, match="'c' is categorical"):
        rung.discover(data.with_column(kind, codes), rung.MissDAG())
    with pytest.raises(InputError, match="rows for 6 columns"):
        rung.discover(data.take(np.arange(5)), rung.MissDAG())
    with pytest.raises(InputError, match="searches=0"):
        rung.MissDAG(searches=0)
    with pytest.raises(InputError, match="no mechanism spec"):
        rung.MissDAG(mechanisms="spline")
    wide = holes(drawn(d=21, n=100)[0])
    with pytest.raises(InputError, match="20 columns"):
        rung.discover(wide, rung.MissDAG(rung.CAM(), mechanisms=rung.SplineAdditive()))
    with pytest.raises(NotSupported, match="hidden common"):
        rung.discover(selected(), rung.MissDAG(rung.FCI()))
    with pytest.raises(InputError, match="infinite"):
        rows = np.array(data.matrix())
        rows[0, 0] = np.inf
        rung.discover(rung.Data.from_matrix(rows, data.names), rung.MissDAG())
