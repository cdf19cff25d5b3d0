"""Random graphs and SCMs: their stated conventions, and the exact answers of `truth`."""

from __future__ import annotations

import numpy as np
import pytest

import rung
from rung.core.errors import InputError, NotSupported
from rung.simulate import (
    DiscreteSCM,
    Gaussian,
    Laplace,
    LinearSCM,
    MixedSCM,
    NonlinearSCM,
    Topology,
    Uniform,
    joint,
    linear_scm,
    random_dag,
    total_effects,
    true_ate,
)

ALL = [
    LinearSCM(8, 3.0, noise=Uniform()),
    NonlinearSCM(8, 3.0, interactions=0.3),
    DiscreteSCM(8, 3.0),
    MixedSCM(8, 3.0, curves=True),
]


@pytest.mark.parametrize("kind", list(Topology))
def test_degree_is_the_expected_number_of_neighbours(kind):
    edges = [len(random_dag(40, degree=4, kind=kind, seed=s).edges()) for s in range(60)]
    assert 2 * np.mean(edges) / 40 == pytest.approx(4.0, rel=0.08)


def test_scale_free_graphs_have_hubs():
    def largest(kind):
        graphs = [random_dag(60, degree=4, kind=kind, seed=s) for s in range(30)]
        return np.mean([max(len(g.adjacent(v)) for v in g.names) for g in graphs])

    assert largest(Topology.SF) > 1.5 * largest(Topology.ER)


def test_the_causal_order_is_not_that_of_the_names():
    graphs = [random_dag(6, degree=3, seed=s) for s in range(200)]
    forward = sum(np.triu(g.adjacency()).sum() for g in graphs)
    total = sum(g.adjacency().sum() for g in graphs)
    assert forward / total == pytest.approx(0.5, abs=0.06)
    assert all(g.is_dag() for g in graphs)


def test_random_dag_refuses_nonsense():
    for bad in ({"d": 0, "degree": 0}, {"d": 3, "degree": 5}, {"d": 3, "degree": -1}):
        with pytest.raises(InputError):
            random_dag(**bad)
    with pytest.raises(InputError, match="names"):
        random_dag(3, degree=1, names=["a"])


@pytest.mark.parametrize("spec", ALL, ids=lambda s: type(s).__name__)
def test_draw_and_scm_agree(spec):
    data, graph = spec.draw(50, rng=np.random.default_rng(3))
    scm = spec.scm(np.random.default_rng(3))
    assert (data.n, data.names) == (50, graph.names)
    assert scm.graph == graph
    again, _ = spec.draw(50, rng=np.random.default_rng(3))
    assert np.array_equal(data.values, again.values)
    assert np.isfinite(data.values).all()


def test_standardised_linear_scms_have_unit_variance_in_the_population():
    for seed in range(5):
        scm = LinearSCM(8, 4.0, noise=Laplace(), sds=(0.5, 2.0)).scm(np.random.default_rng(seed))
        sds = np.array([scm.mechanisms[k].residual.sd for k in scm.names])
        t = total_effects(scm)
        assert np.allclose(((t.T * sds) ** 2).sum(axis=1), 1.0)
        assert np.allclose(scm.sample(40_000, seed=0).values.std(axis=0), 1.0, atol=0.04)


def test_weights_and_signs_without_standardising():
    scm = LinearSCM(30, 6.0, weights=(0.5, 2.0), standardise=False).scm(np.random.default_rng(0))
    slopes = [e[0, 0] for m in scm.mechanisms.values() for e in m.predictor.effects]
    assert 0.5 <= np.min(np.abs(slopes)) <= np.max(np.abs(slopes)) <= 2.0
    assert 0.2 < np.mean(np.array(slopes) > 0) < 0.8


def test_linear_truth_of_a_hand_computed_graph():
    weights = np.array([[0, 2.0, 3.0], [0, 0, 5.0], [0, 0, 0]])
    scm = linear_scm(weights, ("a", "b", "c"), (Gaussian(),) * 3)
    assert true_ate(scm, "a", "c").value == pytest.approx(3 + 2 * 5)
    assert true_ate(scm, "a", "c", treated=4, control=1).value == pytest.approx(3 * 13)
    assert true_ate(scm, "c", "a").value == 0
    assert true_ate(scm, "a", "c").exact


def test_discrete_truth_is_back_door_adjustment():
    """E[y | do(t)] = sum_z E[y | t, z] P(z), by hand from the tables."""
    scm = DiscreteSCM(graph=rung.Graph.parse("z -> t; z -> y; t -> y"), levels=(2, 2)).scm(
        np.random.default_rng(0)
    )
    z, y = scm.mechanisms["z"].table, scm.mechanisms["y"]
    axes = [p.name for p in y.parents]
    table = y.table if axes == ["z", "t"] else y.table.transpose(1, 0, 2)
    expected = z @ (table[:, 1, 1] - table[:, 0, 1])
    found = true_ate(scm, "t", "y")
    assert found.value == pytest.approx(expected, abs=1e-12)
    assert joint(scm).sum() == pytest.approx(1.0)


def test_simulated_truth_agrees_with_the_exact_one():
    graph = rung.Graph.parse("z -> t; z -> y; t -> y")
    spec = MixedSCM(graph=graph, binary=1, categorical=0, curves=True)
    drawn = (spec.scm(np.random.default_rng(seed)) for seed in range(50))
    scm = next(m for m in drawn if m.mechanisms["t"].variable.discrete)
    found = true_ate(scm, "t", "y", draws=50_000)
    y = scm.mechanisms["y"]
    effect = dict(zip([p.name for p in y.parents], y.predictor.effects))["t"]
    assert found.value == pytest.approx(effect[1, 0] - effect[0, 0], abs=1e-9)
    logit = next(m for m in drawn if m.mechanisms["y"].variable.discrete)
    slow, fast = (true_ate(logit, "z", "y", draws=n, seed=n) for n in (400_000, 40_000))
    assert not fast.exact
    assert fast.error > 2 * slow.error > 0
    assert fast.value == pytest.approx(slow.value, abs=4 * fast.error)
    with pytest.raises(NotSupported):
        joint(logit)


def test_mixed_counts_of_kinds():
    scm = MixedSCM(10, 2.0, binary=3, categorical=2, levels=4).scm(np.random.default_rng(0))
    kinds = [str(v.kind) for v in scm.variables]
    assert (kinds.count("binary"), kinds.count("categorical")) == (3, 2)
    assert all(v.size == 4 for v in scm.variables if v.kind == "categorical")
    with pytest.raises(InputError):
        MixedSCM(4, 1.0, binary=3, categorical=2).scm(np.random.default_rng(0))


def test_nonlinear_signal_share():
    """Parents explain about the stated share of a node's variance."""
    shares = []
    for seed in range(12):
        scm = NonlinearSCM(8, 3.0, signal=0.6).scm(np.random.default_rng(seed))
        data = scm.sample(2000, seed=0)
        for name, m in scm.mechanisms.items():
            if m.parents:
                shares.append(1 - m.residual.sd**2 / data[name].var())
    assert 0.4 < np.median(shares) < 0.75
