"""NotearsMLP and DagmaMLP: gradients, the optimiser, curves that least squares cannot see."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

import rung
from rung.core.budget import start
from rung.core.errors import InputError, NeedsRows, NotSupported
from rung.core.knowledge import Knowledge
from rung.discovery import DAGMA, NOTEARS, DagmaMLP, NotearsMLP
from rung.discovery.neural.locally_connected import Networks, Residuals
from rung.discovery.neural.orthant import descend
from tests.discovery.support import covariance, moments

RNG = np.random.default_rng
QUICK = (
    NotearsMLP(hidden=(3,), steps=30, tolerance=1e-2),
    DagmaMLP(hidden=(3,), steps=50, central=(0.1, 1e-2)),
)


def curved(seed, n=200, d=5):
    """Rows of random networks of 50 units with unit noise, as in the papers; and the true DAG."""
    rng = RNG(seed)
    edges = np.triu(rng.random((d, d)) < 0.5, 1)
    x = rng.normal(size=(n, d))
    for j in range(1, d):
        parents = np.flatnonzero(edges[:, j])
        inner = rng.uniform(0.5, 2.0, (len(parents), 50)) * rng.choice([-1, 1], (len(parents), 50))
        outer = rng.uniform(0.5, 2.0, 50) * rng.choice([-1, 1], 50)
        hidden = 1 / (1 + np.exp(-x[:, parents] @ inner))
        x[:, j] += hidden @ outer if len(parents) else 0.0
    order = rng.permutation(d)
    names = [f"V{i}" for i in range(d)]
    truth = rung.Graph.from_adjacency(edges[np.ix_(order, order)].astype(int), names)
    return rung.Data.from_matrix(x[:, order], names), truth


def test_predictions_and_gradients():
    torch = pytest.importorskip("torch", reason="torch is optional")
    rng = RNG(0)
    networks = Networks(3, (4, 2))
    x = rng.normal(size=(7, 3))
    point = networks.start(rng)
    point[: networks.first] = rng.normal(size=networks.first)
    loss = Residuals(networks, torch.from_numpy(x))
    parts = np.split(point, networks.ends[:-1])
    w1, b1, w2, b2, w3, b3 = (p.reshape(s) for p, s in zip(parts, networks.shapes, strict=True))
    total = 0.0
    for j in range(3):
        one = 1 / (1 + np.exp(-(x @ w1[j].T + b1[j])))
        two = 1 / (1 + np.exp(-(one @ w2[j] + b2[j])))
        total += ((two @ w3[j][:, 0] + b3[j, 0] - x[:, j]) ** 2).sum()
    value, gradient = loss.at(point)
    assert np.isclose(value, total)
    matrix = rng.normal(size=(3, 3))
    pull = networks.pull(point, matrix)
    for k in rng.choice(len(point), 25, replace=False):
        up, down = point.copy(), point.copy()
        up[k] += 1e-6
        down[k] -= 1e-6
        assert np.isclose(gradient[k], (loss.at(up)[0] - loss.at(down)[0]) / 2e-6, atol=1e-5)
        change = (matrix * (networks.squares(up) - networks.squares(down))).sum() / 2e-6
        assert np.isclose(pull[k], change, atol=1e-7)
    assert np.isclose(networks.squares(point)[1, 2], (w1[2, :, 1] ** 2).sum())


def test_the_optimiser_meets_the_conditions_of_a_lasso():
    rng = RNG(1)
    x, y = rng.normal(size=(80, 12)), rng.normal(size=80)
    y += x[:, 0] * 2 - x[:, 1]

    def smooth(w):
        r = x @ w - y
        return 0.5 * float(r @ r) / 80, x.T @ r / 80

    lasso = np.full(12, 0.15)
    lasso[5], lasso[6] = 0.0, np.inf
    end = descend(smooth, lasso, np.zeros(12), start(None), steps=500, tolerance=1e-15)
    slope = smooth(end.point)[1]
    there = end.point != 0
    assert np.allclose(slope[there], -lasso[there] * np.sign(end.point[there]), atol=1e-6)
    free = np.isfinite(lasso) & ~there
    assert (np.abs(slope[free]) <= lasso[free] + 1e-6).all()
    assert end.point[6] == 0
    assert not there.all()

    def walled(w):  # out of bounds beyond 1
        return (np.inf, w) if (w > 1).any() else (float(((w - 3) ** 2).sum()), 2 * (w - 3))

    stopped = descend(walled, np.zeros(2), np.zeros(2), start(None), steps=50, tolerance=1e-9)
    assert (stopped.point <= 1).all()
    assert stopped.value < walled(np.zeros(2))[0]


@pytest.mark.parametrize(
    ("learner", "linear"),
    [
        (NotearsMLP(hidden=(5,), steps=60, tolerance=1e-3), NOTEARS()),
        (DagmaMLP(hidden=(5,), steps=150), DAGMA()),
    ],
    ids=["notears", "dagma"],
)
def test_networks_beat_lines_on_curves(learner, linear):
    ours, theirs = [], []
    for seed in range(3):
        data, truth = curved(seed)
        found = rung.discover(data, learner, seed=seed)
        assert found.complete
        assert found.graph.is_dag()
        ours.append(rung.graphs.shd(found.graph, truth))
        theirs.append(rung.graphs.shd(rung.discover(data, linear).graph, truth))
    assert np.mean(ours) < np.mean(theirs), (ours, theirs)


@pytest.mark.parametrize("learner", QUICK, ids=["notears", "dagma"])
def test_seeds_knowledge_budget(learner):
    torch = pytest.importorskip("torch", reason="torch is optional")
    threads, (data, _) = torch.get_num_threads(), curved(4)
    first, again = (learner.learn(data, rng=7).details["weights"] for _ in range(2))
    assert (first == again).all()
    assert torch.get_num_threads() == threads
    known = Knowledge.of(required=["V2 -> V0"], forbidden=["V0 -> V1", "V1 -> V0"])
    found = learner.learn(data, knowledge=known)
    assert not known.violations(found.graph)
    assert found.graph.is_dag()
    run = rung.Budget(seconds=60).start()
    run.stop()
    assert not learner.learn(data, budget=run).complete
    with pytest.raises(NotSupported, match="tie"):
        learner.learn(data, knowledge=Knowledge(ties=((("V0", "V1"), ("V1", "V2")),)))


@pytest.mark.parametrize("learner", QUICK, ids=["notears", "dagma"])
def test_hostile_input(learner):
    with pytest.raises(NeedsRows, match="rows"):
        learner.learn(moments(covariance(np.zeros((2, 2))), 100))
    x = RNG(5).normal(size=(60, 2))
    flat = rung.Data.from_matrix(np.column_stack([x, np.ones(60)]), ["a", "b", "flat"])
    assert not learner.learn(flat).graph.parents("flat")
    with pytest.raises(InputError, match="rows"):
        learner.learn(rung.Data.from_matrix(x[:1]))
    targets = flat.replacing(
        environment=np.repeat([0, 1], 30), environments=("none", "a"),
        targets=np.array([[False] * 3, [True, False, False]]),
    )  # fmt: skip
    with pytest.raises(NotSupported, match="targets"):
        learner.learn(targets)
    with pytest.raises(InputError):
        type(learner)(hidden=())
    with pytest.raises(InputError):
        type(learner)(steps=0)


def test_torch_waits_until_a_network_learns():
    code = "import sys, rung.discovery as d; d.NotearsMLP(); print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
