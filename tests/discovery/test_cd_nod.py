"""CD-NOD: oracles, directions that only changes tell, the null, driving forces, bad input."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest

import rung
from rung.core.errors import InputError, MissingCells, NeedsRows, NotSupported
from rung.discovery import embeddings
from rung.discovery.embeddings import Changes, Surrogate, centre, curves, dependence, gaussian
from rung.discovery.independence.rows import Rows
from rung.discovery.surrogate import context
from tests.discovery.support import Oracle, names, random_dag

RNG = np.random.default_rng


def in_environments(matrix, sizes, labels=None):
    codes = np.repeat(np.arange(len(sizes)), sizes)
    data = rung.Data.from_matrix(matrix, labels)
    return data.replacing(environment=codes, environments=tuple(f"e{k}" for k in range(len(sizes))))


# -- phases 1 and 2 against enumeration --------------------------------------------------------


def colliders(a):
    d = len(a)
    joined = a | a.T
    return {
        (min(i, k), j, max(i, k))
        for j in range(d)
        for i in range(d)
        for k in range(d)
        if i != k and a[i, j] and a[k, j] and not joined[i, k]
    }


def acyclic(a):
    power = a.astype(int)
    for _ in a:
        power = (power @ a > 0).astype(int)
    return not power.any()


def common(a):
    """Marks shared by all DAGs with the skeleton and colliders of `a` whose last node is a root:
    (d, d) bool, [i, j] if i -> j in at least one of them."""
    d = len(a)
    pairs = [(i, j) for i, j in zip(*np.nonzero(np.triu(a | a.T)))]
    wanted, seen = colliders(a), np.zeros((d, d), dtype=bool)
    for turns in product([False, True], repeat=len(pairs)):
        b = np.zeros((d, d), dtype=bool)
        for (i, j), turn in zip(pairs, turns):
            b[(j, i) if turn else (i, j)] = True
        if not b[:, -1].any() and acyclic(b) and colliders(b) == wanted:
            seen |= b
    return seen


def test_an_oracle_gives_what_all_graphs_share_in_which_the_surrogate_is_a_root():
    turned = 0
    for seed in range(40):
        rng = RNG(seed)
        d = int(rng.integers(3, 6))
        a = np.zeros((d + 1, d + 1), dtype=bool)
        a[:d, :d] = random_dag(rng, d, 1.8)
        a[d, :d] = rng.random(d) < 0.5
        truth = rung.Graph.from_adjacency(a, [*names(d), "environment"])
        data = in_environments(rng.normal(size=(40, d)), [20, 20], names(d))
        learner = rung.CDNOD(Oracle(truth), independent_changes=False, components=0)
        found = rung.discover(data, learner)
        expected = rung.Graph.from_adjacency(common(a)[:d, :d], names(d))
        assert found.graph == expected, seed
        assert set(found.details["changing"]) == set(truth.children("environment")), seed
        assert found.details["context_graph"].subgraph(names(d)).reorder(names(d)) == expected
        plain = rung.graphs.cpdag(truth.subgraph(names(d)))
        turned += len(found.graph.directed_edges()) - len(plain.directed_edges())
    assert turned > 20  # the surrogate directs what PC cannot


def test_directed_by_changes_the_class_keeps_its_colliders_and_has_no_cycle():
    for seed in range(25):
        rng = RNG(seed)
        d = 5
        a = np.zeros((d + 1, d + 1), dtype=bool)
        a[:d, :d] = random_dag(rng, d, 2.5)
        a[d, :d] = True
        truth = rung.Graph.from_adjacency(a, [*names(d), "environment"])
        data = in_environments(rng.normal(size=(120, d)), [20] * 6, names(d))  # changes say nothing
        found = rung.discover(data, rung.CDNOD(Oracle(truth)))
        assert found.graph.is_dag(), seed  # every mechanism changes: every edge is directed
        marks = found.graph.marks
        arrows = (marks & 2 > 0) & (marks.T & 1 > 0)
        assert colliders(arrows) == colliders(a[:d, :d]), seed
        assert len(found.details["dependence"]) % 2 == 0


def test_knowledge_beats_independent_changes():
    data = pair(3)
    free = rung.discover(data, rung.CDNOD())
    told = rung.discover(data, rung.CDNOD(), knowledge=rung.Knowledge(required=["y -> x"]))
    assert str(free.graph) == "x -> y"
    assert told.graph.has_edge("y", "x", "-->")
    assert told.details["dependence"] == {}


# -- directions from independent changes -------------------------------------------------------


def pair(seed, environments=40, size=25):
    """x -> y; in each environment the mean of x and the slope of y are drawn anew, apart."""
    rng = RNG(seed)
    group = np.repeat(np.arange(environments), size)
    mean, slope = rng.normal(size=environments), rng.uniform(0.3, 2.0, environments)
    x = mean[group] + rng.normal(size=len(group))
    y = slope[group] * x + 0.7 * rng.normal(size=len(group))
    return in_environments(np.column_stack([x, y]), [size] * environments, ["x", "y"])


def test_two_variables_are_directed_by_their_changes_whichever_comes_first():
    right = 0
    for seed in range(8):
        data = pair(seed)
        found = rung.discover(data, rung.CDNOD())
        assert set(found.details["changing"]) == {"x", "y"}
        right += found.graph.has_edge("x", "y", "-->")
        lower = found.details["dependence"]
        assert (lower["x -> y"] < lower["y -> x"]) == found.graph.has_edge("x", "y", "-->")
        again = rung.discover(data.renamed({"x": "y", "y": "x"}).select(["x", "y"]), rung.CDNOD())
        assert again.graph == found.graph.relabel({"x": "y", "y": "x"})
        assert str(rung.discover(data, rung.PC(rung.KCI())).graph) == "x -- y"
    assert right >= 7


def test_two_environments_say_nothing_about_dependence_of_changes():
    rng = RNG(0)
    group = np.repeat([0, 1], 300)
    x = 2 * group + rng.normal(size=600)
    y = (0.5 + group) * x + 0.5 * rng.normal(size=600)
    found = rung.discover(in_environments(np.c_[x, y], [300, 300], ["x", "y"]), rung.CDNOD())
    assert str(found.graph) == "x -- y"
    assert any("two environments" in note for note in found.notes)


def test_nothing_is_said_to_change_where_nothing_does():
    named = []
    for seed in range(10):
        rng = RNG(seed)
        x = rng.normal(size=400)
        y = np.tanh(x) + 0.5 * rng.normal(size=400)
        z = x**2 + 0.5 * rng.normal(size=400)
        data = in_environments(np.c_[x, y, z], [50] * 8, ["x", "y", "z"])
        found = rung.discover(data, rung.CDNOD(alpha=0.01))
        named += found.details["changing"]
        if not found.details["changing"]:
            assert found.graph == rung.discover(data, rung.PC(rung.KCI())).graph
            assert found.details["driving_force"] == {}
            assert any("no mechanism" in note for note in found.notes)
    assert len(named) <= 1  # 30 tests at 1%


@pytest.mark.parametrize(
    "test", [rung.FisherZ(), rung.ConditionalGaussian(), rung.KCI(), rung.DegenerateGaussian()]
)
def test_means_that_differ_by_environment_are_seen_by_every_test(test):
    rng = RNG(1)
    shift = rng.permutation(np.repeat([-1.0, 1.0], 6))  # no trend in the number of the environment
    x = rng.normal(size=600)
    y = x + np.repeat(shift, 50) + 0.5 * rng.normal(size=600)
    z = y + 0.5 * rng.normal(size=600)
    data = in_environments(np.c_[x, y, z], [50] * 12, ["x", "y", "z"])
    found = rung.discover(data, rung.CDNOD(test))
    assert found.details["changing"] == ("y",)
    assert str(found.graph) == "x -> y; y -> z"  # e -> y <- x is a collider: x -> y -> z follows
    p = found.details["context_p"]
    assert p["y"] < 0.01 < min(p["x"], p["z"])


def test_levels_are_tested_with_g2():
    rng = RNG(2)
    x = (rng.random(900) < np.repeat([0.2, 0.5, 0.8], 300)).astype(float)
    y = (rng.random(900) < 0.1 + 0.7 * x).astype(float)
    kinds = [rung.Variable(v, rung.Kind.BINARY, (0, 1)) for v in "xy"]
    data = rung.Data.from_matrix(np.c_[x, y], variables=kinds)
    data = data.replacing(environment=np.repeat(np.arange(3), 300), environments=("a", "b", "c"))
    found = rung.discover(data, rung.CDNOD(rung.G2()))
    assert found.details["changing"] == ("x",)
    assert str(found.graph) == "x -> y"
    forces = rung.driving_forces(found)
    assert forces.points == ("a", "b", "c")
    assert forces.plot().text.count("<circle") == 3 * forces["x"].shape[1]  # a dot for each
    curve = forces["x"][:, 0]
    assert abs(np.corrcoef(curve, [0.2, 0.5, 0.8])[0, 1]) > 0.99


# -- the measures against their definitions ----------------------------------------------------


def rbf(x, rate):
    return np.exp(-0.5 * rate * ((x[:, None] - x[None]) ** 2).sum(axis=2))


@pytest.mark.parametrize("causes", [[], [1], [1, 2]])
def test_embeddings_are_those_of_the_paper(causes, monkeypatch):
    """M = n^-2 k_c' [K_x^3 * (A K_y A)] k_c', A = (K_x * K_c + r I)^-1, by whole matrices."""
    n, width, ridge = 60, 0.2, 0.5
    monkeypatch.setattr(embeddings, "WIDTHS", (width,))
    monkeypatch.setattr(embeddings, "PENALTIES", np.array([ridge]))
    monkeypatch.setattr(embeddings, "MISSING", 1e-9)
    monkeypatch.setattr(embeddings, "MOST", n)
    rng = RNG(0)
    time = np.linspace(0, 3, n)
    x = rng.normal(size=(n, 3))
    x[:, 0] += np.sin(time) * x[:, 1] + time
    data = rung.Data.from_matrix(x)
    M = Changes(Rows.of(data, "test"), Surrogate(time, time, False)).of([0], causes)
    z = (x - x.mean(axis=0)) / x.std(axis=0, ddof=1)
    Kx = 1.0 + rbf(z[:, causes], 1.0 / len(causes)) if causes else np.ones((n, n))
    Kc = rbf(time[:, None] / 3, 1.0 / width**2)
    H = np.eye(n) - 1.0 / n
    A = np.linalg.inv(Kx * (1.0 + Kc) + ridge * np.eye(n))
    inner = A @ H @ rbf(z[:, :1], 1.0) @ H @ A
    expected = Kc @ (np.linalg.matrix_power(Kx, 3) * inner) @ Kc / n**2
    np.testing.assert_allclose(centre(M), centre(expected), atol=2e-3 * np.abs(expected).max())


def test_dependence_is_the_normalised_hsic():
    rng = RNG(0)
    a, b = rng.normal(size=(2, 50, 2))
    A, B = gaussian(a @ a.T), gaussian(b @ b.T)
    H = np.eye(50) - 1 / 50
    D = ((a[:, None] - a[None]) ** 2).sum(axis=2)
    middle = np.median(D[np.tril_indices(50, -1)])
    np.testing.assert_allclose(A, H @ np.exp(-D / 2 / middle) @ H, atol=1e-12)
    hsic = np.trace(A @ B) / np.sqrt(np.trace(A @ A) * np.trace(B @ B))
    assert dependence(A, B) == pytest.approx(hsic)
    assert dependence(A, A) == pytest.approx(1.0)
    assert dependence(A, B) < 0.2
    assert dependence(A, gaussian(np.ones((50, 50)))) == 0.0  # what does not move


def test_curves_are_principal_components():
    rng = RNG(1)
    points = rng.normal(size=(30, 3)) * [3.0, 1.0, 0.1]
    found, shares = curves(points @ points.T, 3)
    u, s, _ = np.linalg.svd(points - points.mean(axis=0), full_matrices=False)
    np.testing.assert_allclose(np.abs(found), np.abs(u) * np.sqrt(30), atol=1e-6)
    np.testing.assert_allclose(shares, s**2 / (s**2).sum())
    none, nothing = curves(np.ones((5, 5)), 2)
    assert not none.any()
    assert nothing == (0.0, 0.0)


# -- driving forces ----------------------------------------------------------------------------


def drifting(n=600):
    rng = RNG(5)
    t = np.linspace(0.0, 4.0, n)
    force = np.sin(1.7 * t)
    x = rng.normal(size=n)
    y = (1.0 + 0.8 * force) * x + 0.5 * rng.normal(size=n)
    data = rung.Data.from_matrix(np.c_[x, y], ["x", "y"]).replacing(time=t)
    return data, force


def test_a_smooth_drift_of_a_coefficient_is_found_and_drawn(tmp_path):
    data, force = drifting()
    found = rung.discover(data, rung.CDNOD())
    assert found.details["changing"] == ("y",)
    assert str(found.graph) == "x -> y"
    forces = rung.driving_forces(found)
    true = np.interp(forces.points, np.asarray(data.time), force)
    assert abs(np.corrcoef(forces["y"][:, 0], true)[0, 1]) > 0.95
    assert forces.shares["y"][0] > 0.8
    frame = forces.frame()
    assert list(frame.columns) == ["name", "component", "at", "value", "share"]
    assert len(frame) == forces["y"].size
    assert "y: " in repr(forces)
    picture = forces.plot()
    assert "Movement of y over time" in picture.text
    assert "huang2020" in forces.cite()
    again = rung.load(forces.save(tmp_path / "forces.rung"))
    np.testing.assert_array_equal(again["y"], forces["y"])
    back = rung.load(found.save(tmp_path / "found.rung"))
    np.testing.assert_array_equal(rung.driving_forces(back)["y"], forces["y"])
    with pytest.raises(rung.core.errors.UnknownName, match="'y'"):
        forces["x"]


def test_time_may_be_chosen_where_there_are_environments():
    data, _ = drifting()
    half = np.repeat([0, 1], data.n // 2)
    both = data.replacing(environment=half, environments=("early", "late"))
    assert rung.discover(both, rung.CDNOD(rung.FisherZ())).details["context"] == "environment"
    timed = rung.discover(both, rung.CDNOD(rung.FisherZ(), by_time=True))
    assert timed.details["context"] == "time"


def test_a_column_may_be_called_like_the_surrogate():
    data = pair(0).renamed({"x": "environment"})
    found = rung.discover(data, rung.CDNOD(rung.ConditionalGaussian()))
    assert found.details["context"] == "environment_"
    assert set(found.graph.names) == {"environment", "y"}


def test_draws_of_a_bootstrap_keep_their_surrogate():
    learner = rung.Bootstrap(rung.CDNOD(rung.ConditionalGaussian(), components=0), draws=4)
    found = rung.discover(pair(1), learner)
    assert found.edges[0].adjacent == 1.0


def test_rows_whose_condition_sets_a_variable_are_no_change_of_its_mechanism():
    rng = RNG(7)
    x = rng.normal(size=800)
    y = x + 0.5 * rng.normal(size=800)
    y[600:] = 3.0 + rng.normal(size=200)
    targets = np.array([[False, False]] * 3 + [[False, True]])
    data = in_environments(np.c_[x, y], [200] * 4, ["x", "y"])
    for test in (rung.KCI(), rung.FisherZ()):
        blind = rung.discover(data, rung.CDNOD(test, independent_changes=False))
        seen = rung.discover(data.replacing(targets=targets), rung.CDNOD(test))
        assert blind.details["changing"] == ("y",)
        assert seen.details["changing"] == ()


# -- hostile input -----------------------------------------------------------------------------


def test_bad_input_is_refused_by_name():
    rng = RNG(0)
    plain = rung.Data.from_matrix(rng.normal(size=(60, 2)), ["x", "y"])
    learner = rung.CDNOD(rung.FisherZ())
    with pytest.raises(InputError, match="neither environment nor time"):
        rung.discover(plain, learner)
    with pytest.raises(InputError, match="no time"):
        rung.discover(in_environments(plain.values, [30, 30]), rung.CDNOD(by_time=True))
    with pytest.raises(InputError, match="at least two environments"):
        rung.discover(in_environments(plain.values, [60]), learner)
    with pytest.raises(InputError, match="at least two environments"):
        rung.discover(in_environments(plain.values, [1] * 60), learner)
    with pytest.raises(InputError, match="three different times"):
        rung.discover(plain.replacing(time=np.repeat([0.0, 1.0], 30)), learner)
    with pytest.raises(InputError, match="finite time"):
        rung.discover(plain.replacing(time=np.r_[np.nan, np.arange(59.0)]), learner)
    with pytest.raises(NeedsRows, match="CDNOD"):
        rung.discover(plain.moments(), learner)
    with pytest.raises(NotSupported, match="weigh"):
        weighed = in_environments(plain.values, [30, 30]).replacing(weights=np.full(60, 2.0))
        rung.discover(weighed, learner)
    with pytest.raises(InputError, match="alpha"):
        rung.CDNOD(alpha=2.0)
    with pytest.raises(InputError, match="components"):
        rung.CDNOD(components=-1)
    with pytest.raises(InputError, match="CDNOD"):
        rung.driving_forces(rung.discover(plain))
    with pytest.raises(InputError, match="constant"):
        flat = np.c_[plain.values, np.ones(60)]
        rung.discover(in_environments(flat, [30, 30]), learner)


def test_environments_of_one_row_are_left_out_and_said_so():
    rng = RNG(0)
    data = in_environments(rng.normal(size=(62, 2)), [30, 1, 30, 1])
    seen = context(data, False)
    assert seen.labels == ("e0", "e2")
    assert seen.data.n == 60
    found = rung.discover(data, rung.CDNOD(rung.FisherZ()))
    assert any("2 environments of one row" in note for note in found.notes)


def test_missing_cells_follow_the_policy():
    data = pair(0)
    column = np.array(data.column("y"))
    column[::9] = np.nan
    holed = data.with_column(data.variable("y"), column)
    with pytest.raises(MissingCells):
        rung.discover(holed, rung.CDNOD())
    whole = rung.discover(holed.replacing(missing=rung.CompleteCases()), rung.CDNOD())
    wise = rung.discover(holed.replacing(missing=rung.TestWise()), rung.CDNOD())
    assert set(whole.details["changing"]) == set(wise.details["changing"]) == {"x", "y"}
    fisher = rung.CDNOD(rung.FisherZ(), alpha=0.2)
    direct = fisher.learn(holed.replacing(missing=rung.TestWise()))
    assert any("without any missing cell" in note for note in direct.notes)


def test_a_stopped_search_is_marked_so():
    run = rung.Budget().start()
    run.stop()
    found = rung.CDNOD().learn(pair(0), budget=run)
    assert not found.complete
