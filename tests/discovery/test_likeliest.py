"""Models of numbers compared by likelihood: entropies by closed forms, kinds of data told apart."""

from __future__ import annotations

import numpy as np
import pytest

import rung
from rung import graphs, simulate
from rung.core.errors import NeedsRows
from rung.discovery.likeliest import Likeliest, Model, log_likelihood, spacings

LINES, OTHER, SPLINES = "lines (FLOP", "lines with noise", "splines (FLOP"


def draw(scm, n, seed, shape=None):
    data, dag = scm.draw(n, rng=np.random.default_rng(seed))
    if shape is not None:
        data = data.replacing(columns={v: shape(data.column(v)) for v in data.names})
    return data, graphs.cpdag(dag)


@pytest.mark.parametrize(
    ("sample", "exact"),
    [
        (lambda rng: rng.normal(size=20_000), 0.5 * np.log(2 * np.pi * np.e)),
        (lambda rng: rng.exponential(size=20_000), 1.0),
        (lambda rng: 3 * rng.random(20_000), np.log(3)),
    ],
)
def test_entropy_by_spacings_is_that_of_the_density(sample, exact):
    assert spacings(sample(np.random.default_rng(0))) == pytest.approx(exact, abs=0.03)


def test_gaussian_likelihood_of_two_columns():
    """Up to a constant of the data, -n/2 log(1 - r^2) - log(n)/2 for an edge, 0 without."""
    rng = np.random.default_rng(3)
    a = rng.normal(size=4000)
    data = rung.Data.from_matrix(np.c_[a, 0.5 * a + rng.normal(size=4000)], ["a", "b"])
    model = Model(rung.FLOP(), "lines")
    edge, none = rung.Graph.parse("a -> b"), rung.Graph.empty(("a", "b"))
    gain = log_likelihood(data, edge, model, False) - log_likelihood(data, none, model, False)
    r = np.corrcoef(data.values.T)[0, 1]
    exact = -2000 * np.log(1 - r**2) - 0.5 * np.log(4000)
    assert gain == pytest.approx(exact, abs=20)  # both residuals are Gaussian up to chance


@pytest.mark.parametrize(
    ("scm", "shape", "word"),
    [
        (simulate.LinearSCM(d=8, degree=2), None, LINES),
        (simulate.NonlinearSCM(d=8, degree=2), None, SPLINES),
        (simulate.LinearSCM(d=8, degree=2), np.exp, "lines between normal scores"),
        (simulate.NonlinearSCM(d=8, degree=2), np.exp, "splines between normal scores"),
    ],
)
def test_auto_tells_kinds_of_numbers_apart(scm, shape, word):
    for seed in range(3):
        data, truth = draw(scm, 1500, [21, seed], shape)
        found = rung.discover(data, rung.Auto(crosscheck=False))
        assert found.details["model"].startswith(word)
        assert found.details["model"] in found.details["why"]
        assert graphs.shd(truth, found.graph) <= 2


def test_noise_that_is_not_gaussian_is_seen():
    """Lines do as well where the member of the class that is scored happens to be the true DAG."""
    kept = []
    for seed in range(6):
        scm = simulate.LinearSCM(d=8, degree=3, noise=simulate.Uniform())
        data, truth = draw(scm, 1500, [21, seed])
        found = rung.discover(data, rung.Auto(crosscheck=False))
        assert graphs.shd(truth, found.graph) <= 2
        kept.append(found.details["model"])
    assert all(word.startswith("lines") for word in kept)
    assert sum(word.startswith(OTHER) for word in kept) >= 2


def test_a_dag_is_answered_as_its_class():
    data, _ = draw(simulate.LinearSCM(d=8, degree=3, noise=simulate.Uniform()), 1500, [21, 0])
    found = Likeliest((Model(rung.DirectLiNGAM(), "lines"),)).learn(data)
    directed = found.details["directed"]
    assert directed.is_dag()
    assert found.graph == graphs.cpdag(directed)
    assert directed.names == data.names


def test_models_that_refuse_are_left_out_and_the_first_speaks():
    """Tied edges are refused by all; an edge that is required is obeyed by the one kept."""
    data, _ = draw(simulate.LinearSCM(d=5, degree=2, noise=simulate.Uniform()), 500, [4, 1])
    models = (Model(rung.BOSS(), "boss"), Model(rung.CAM(), "cam"))
    known = rung.Knowledge(ties=((("X1", "X2"), ("X3", "X4")),))
    found = Likeliest(models).learn(data, knowledge=known)
    assert set(found.details["log-likelihood"]) == {"boss"}
    auto = rung.discover(data, knowledge=known)
    assert "BOSS" in auto.details["why"]
    with pytest.raises(NeedsRows):
        Likeliest(models).learn(data.moments())


def test_spent_budget_still_answers():
    data, _ = draw(simulate.LinearSCM(d=20, degree=3), 2000, [4, 1])
    found = rung.discover(data, budget=rung.Budget(seconds=1e-4))
    assert set(found.graph.names) == set(data.names)
    assert not found.complete
