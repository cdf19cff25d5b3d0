"""Functional causal models: lingam's answers, known worlds, tests by permutation, hard inputs."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

import rung
from rung.core.errors import InputError, MissingCells, NeedsRows, NotSupported
from rung.discovery.residual_independence import hsic
from rung.simulate import NonlinearSCM
from tests.discovery.answers.lingam_answers import mask, tiers, world

RNG = np.random.default_rng
ANSWERS = json.loads(Path(__file__).with_name("answers").joinpath("lingam.json").read_text("utf-8"))


def names(d):
    return [f"V{i}" for i in range(d)]


def data_of(x):
    return rung.Data.from_matrix(x, names(x.shape[1]))


def lingam_world(seed, d, n):
    """Rows of a sparse linear world with noise of one of three kinds, and its coefficients."""
    rng = RNG(seed)
    b = np.triu(rng.random((d, d)) < 0.5, 1) * rng.uniform(0.5, 1.5, (d, d))
    b *= rng.choice([-1.0, 1.0], (d, d))
    p = rng.permutation(d)
    b = b[np.ix_(p, p)]
    e = (rng.laplace, rng.exponential, lambda size: rng.uniform(-1, 1, size))[seed % 3](size=(n, d))
    return e @ np.linalg.inv(np.eye(d) - b), b


def weights_of(found, d):
    out = np.zeros((d, d))
    for effect, causes in found.details["weights"].items():
        for cause, value in causes.items():
            out[int(cause[1:]), int(effect[1:])] = value
    return out


# -- DirectLiNGAM against lingam 1.13.0 and against the truth ---------------------------------


@pytest.mark.parametrize("kind", ["pairwise", "kernel", "tiers"])
def test_direct_lingam_answers_as_lingam_does(kind):
    measure = rung.KernelMeasure() if kind == "kernel" else rung.PairwiseLikelihood()
    for seed, order, edges in ANSWERS[kind]:
        x, _ = world(seed, kernel=kind == "kernel")
        d = x.shape[1]
        known = None
        if kind == "tiers":
            t = tiers(seed, d)
            known = rung.Knowledge(
                tiers=[[f"V{i}" for i in range(d) if t[i] == k] for k in range(3)]
            )
        found = rung.DirectLiNGAM(measure).learn(data_of(x), knowledge=known)
        assert found.details["order"] == tuple(f"V{i}" for i in order), seed
        assert mask(found.graph.adjacency()) == int(edges), seed


def test_direct_lingam_finds_the_order_and_the_weights():
    # sums of many uniform noises are close to Gaussian: there 10,000 rows may not do
    wrong = [seed for seed in range(200) if not recovered(seed, 10_000)]
    assert len(wrong) <= 3
    assert all(recovered(seed, 300_000) for seed in wrong)


def recovered(seed, n):
    """Whether the order is right and every coefficient within 0.1."""
    d = 2 + seed % 7
    x, b = lingam_world(seed, d, n)
    found = rung.DirectLiNGAM().learn(data_of(x))
    place = {v: k for k, v in enumerate(found.details["order"])}
    ordered = all(place[f"V{i}"] < place[f"V{j}"] for i, j in np.argwhere(b))
    return ordered and np.abs(weights_of(found, d) - b).max() < 0.1 and not found.notes


def test_pruning_by_tests_keeps_the_true_edges():
    wrong = 0
    for seed in range(40):
        x, b = lingam_world(seed, 6, 5000)
        found = rung.DirectLiNGAM(pruning=rung.WaldPruning(alpha=0.01)).learn(data_of(x))
        wrong += (found.graph.adjacency() != (b != 0)).any()
    assert wrong <= 3  # familywise level 0.01, and rare errors of the order


def test_ica_lingam_finds_the_order_and_the_weights():
    for seed in range(60):
        d = 2 + seed % 7
        x, b = lingam_world(seed, d, 10_000)
        found = rung.ICALiNGAM().learn(data_of(x), rng=seed)
        place = {v: k for k, v in enumerate(found.details["order"])}
        assert all(place[f"V{i}"] < place[f"V{j}"] for i, j in np.argwhere(b)), seed
        assert np.abs(weights_of(found, d) - b).max() < 0.2, seed
        assert found.details["converged"]


def test_ica_lingam_is_right_about_as_often_as_lingam():
    # lingam compares coefficients in the units of the data, which tell the order in these worlds
    same = right = theirs = 0
    for seed, edges in ANSWERS["ica"]:
        x, b = world(seed)
        found = mask(rung.ICALiNGAM().learn(data_of(x)).graph.adjacency())
        same += found == int(edges)
        right += found == mask(b)
        theirs += int(edges) == mask(b)
    assert same >= 165
    assert right >= theirs - 10


def test_gaussian_noise_is_noted():
    x = RNG(0).normal(size=(2000, 3)) @ np.array([[1, 0.8, 0], [0, 1, 0.8], [0, 0, 1.0]])
    found = rung.discover(data_of(x), rung.DirectLiNGAM())
    assert any("cannot be told from Gaussian" in note for note in found.notes)
    assert min(found.details["gaussian"].values()) > 0.001


def test_units_and_order_of_columns_mean_nothing():
    x, _ = lingam_world(3, 6, 600)
    scale = np.array([1e6, 1e-6, 1, 10, 0.1, 3])
    one = rung.discover(data_of(x), rung.DirectLiNGAM())
    two = rung.discover(data_of(x * scale + 5), rung.DirectLiNGAM())
    assert one.graph == two.graph
    back = weights_of(two, 6) * scale[:, None] / scale[None, :]
    assert np.allclose(back, weights_of(one, 6), atol=1e-8)
    turned = rung.DirectLiNGAM().learn(data_of(x).select(names(6)[::-1]))
    assert turned.details["order"] == one.details["order"]


def test_knowledge_that_the_data_contradict_is_obeyed():
    x, b = lingam_world(5, 5, 1000)
    i, j = np.argwhere(b)[0]
    known = rung.Knowledge(required=[(f"V{j}", f"V{i}")])
    for learner in (rung.DirectLiNGAM(), rung.DirectLiNGAM(pruning=rung.WaldPruning())):
        found = rung.discover(data_of(x), learner, knowledge=known)
        assert found.graph.has_edge(f"V{j}", f"V{i}")
        assert not known.violations(found.graph)


def test_threads_change_nothing(monkeypatch):
    from rung.discovery import direct_lingam, pruning

    x, _ = lingam_world(9, 8, 500)
    one = rung.DirectLiNGAM().learn(data_of(x))
    for module in (direct_lingam, pruning):
        monkeypatch.setattr(module, "threads", lambda: 2)
    monkeypatch.setattr(direct_lingam, "APART", 0)
    monkeypatch.setattr(pruning, "SOON", 0)
    two = rung.DirectLiNGAM().learn(data_of(x))
    assert one.details == two.details


def test_weights_count_rows():
    x, _ = lingam_world(4, 4, 300)
    weights = RNG(0).integers(0, 4, 300).astype(float)
    weighted = data_of(x).replacing(weights=weights)
    repeated = data_of(np.repeat(x, weights.astype(int), axis=0))
    for learner in (rung.DirectLiNGAM(), rung.ICALiNGAM(), rung.ANM()):
        assert learner.learn(weighted).graph == learner.learn(repeated).graph
    with pytest.raises(NotSupported, match="weights"):
        rung.DirectLiNGAM().learn(data_of(x).replacing(weights=weights + 0.5))


def test_a_spent_budget_leaves_an_order_that_obeys():
    x, _ = lingam_world(11, 6, 400)
    known = rung.Knowledge(required=["V5 -> V0"], tiers=[["V5", "V4"], ["V0", "V1", "V2", "V3"]])
    for measure in (rung.PairwiseLikelihood(), rung.KernelMeasure()):
        run = rung.core.budget.Budget().start()
        run.stop()
        found = rung.DirectLiNGAM(measure).learn(data_of(x), knowledge=known, budget=run)
        assert not found.complete
        assert not known.violations(found.graph)
        place = {v: k for k, v in enumerate(found.details["order"])}
        assert max(place["V4"], place["V5"]) == 1


# -- ANM and CAM ------------------------------------------------------------------------------


def curved(seed, d, n, degree=2.0):
    return NonlinearSCM(d=d, degree=min(degree, d - 1)).draw(n, rng=RNG(seed))


def test_anm_finds_the_direction_of_pairs():
    wrong = 0
    for seed in range(20):
        data, truth = curved(seed, 2, 400)
        found = rung.discover(data, rung.ANM())
        wrong += found.graph != truth
        assert set(found.details["directions"]) == {"X1 -> X2", "X2 -> X1"}
    assert wrong <= 1


def test_anm_finds_small_graphs():
    errors = [
        rung.graphs.shd(truth, rung.discover(data, rung.ANM()).graph)
        for data, truth in (curved(seed, 4, 500) for seed in range(10))
    ]
    assert np.mean(errors) <= 0.5


def test_anm_says_when_both_directions_fit_and_when_none_does():
    rng = RNG(1)
    a = rng.normal(size=500)
    linear = data_of(np.column_stack([a, a + rng.normal(size=500)]))
    assert any("both directions" in note for note in rung.discover(linear, rung.ANM()).notes)
    b = a**2 + np.exp(a) * rng.normal(size=500)  # the size of the noise depends on the cause
    none = rung.discover(data_of(np.column_stack([a, b])), rung.ANM())
    assert any("no additive noise model" in note for note in none.notes)


def test_cam_and_the_basis_score_are_above_linear_scores():
    total = {"linear": 0, "joint": 0, "alone": 0, "cam": 0}
    for seed in range(20):
        data, truth = curved(seed, 10, 500, 3)
        learners = {
            "linear": rung.BOSS(),
            "joint": rung.BOSS(rung.BasisFunctionBIC(joint=True)),
            "alone": rung.BOSS(rung.BasisFunctionBIC()),
        }
        for name, learner in learners.items():
            found = rung.discover(data, learner).graph
            total[name] += rung.graphs.shd(rung.graphs.cpdag(truth), found)
        total["cam"] += rung.graphs.shd(truth, rung.discover(data, rung.CAM()).graph)
    assert total["joint"] < total["linear"] / 2
    assert total["alone"] < total["joint"]
    assert total["cam"] <= 20  # one of 15 edges and 45 pairs a graph


def test_cam_p_values_are_those_of_an_f_test():
    data, _ = curved(4, 7, 400, 3)
    found = rung.discover(data, rung.CAM(alpha=1.0))
    basis = rung.NaturalSpline().fitted(data)
    blocks = {v.name: basis.expand(v, data.column(v.name)) for v in data.variables}

    def rss(y, parents):
        design = np.column_stack([np.ones(len(y)), *(blocks[p] for p in parents)])
        return float(((y - design @ np.linalg.lstsq(design, y, rcond=None)[0]) ** 2).sum())

    from scipy.special import fdtrc

    seen = 0
    for v in data.names:
        parents, y = found.graph.parents(v), data.column(v)
        free = data.n - 1 - sum(blocks[p].shape[1] for p in parents)
        for p in parents:
            less, df = rss(y, [q for q in parents if q != p]), blocks[p].shape[1]
            f = (less - rss(y, parents)) / df / (rss(y, parents) / free)
            assert np.isclose(found.details["p"][v][p], fdtrc(df, free, f), rtol=1e-5, atol=1e-12)
            seen += 1
    assert seen >= 3


def test_cam_works_from_moments_of_features_and_from_many_candidates():
    data, _ = curved(7, 14, 400, 3)
    whole = rung.CAM().learn(data)
    basis = rung.NaturalSpline().fitted(data)
    halves = [data.take(np.arange(k, data.n, 2)).moments(basis) for k in range(2)]
    assert rung.CAM().learn(halves[0] + halves[1]).graph == whole.graph
    assert rung.CAM(candidates=None).learn(data).graph.is_dag()


# -- HSIC ------------------------------------------------------------------------------------


def permutation_p(x, y, draws, rng):
    """p-value of HSIC by permutation, from full kernel matrices with the same bandwidths."""
    n = len(x)

    def centred(a):
        a = a.reshape(n, -1)
        apart = ((a[:, None] - a[None]) ** 2).sum(axis=-1)
        k = np.exp(-apart / np.median(apart[np.triu_indices(n, 1)]))
        k -= k.mean(axis=0)
        return k - k.mean(axis=1)[:, None]

    k, l = centred(x), centred(y)
    here = (k * l).sum()
    above = 0
    for _ in range(draws):
        p = rng.permutation(n)
        above += (k * l[np.ix_(p, p)]).sum() >= here
    return (above + 1) / (draws + 1), here / n


@pytest.mark.parametrize("seed", range(8))
def test_hsic_against_a_permutation_test(seed):
    rng = RNG(seed)
    n = 200
    x = rng.normal(size=n)
    y = np.column_stack(
        [seed / 20 * x**2 + rng.laplace(size=n), rng.normal(size=n)][: 1 + seed % 2]
    )
    got = hsic(x, y)
    p, statistic = permutation_p(x, y, 1000, rng)
    assert np.isclose(got.statistic, statistic, rtol=1e-9)
    assert abs(got.p - p) < 0.04 + 3 * np.sqrt(p * (1 - p) / 1000)  # the gamma is an approximation
    assert np.isclose(np.exp(got.log_p), got.p)


# -- hard inputs -----------------------------------------------------------------------------

LEARNERS = [rung.DirectLiNGAM(), rung.ICALiNGAM(), rung.ANM(), rung.CAM()]


@pytest.mark.parametrize("learner", LEARNERS, ids=lambda l: type(l).__name__)
def test_hard_inputs_are_refused_by_name(learner):
    x = RNG(0).laplace(size=(60, 3))
    holed = x.copy()
    holed[0, 0] = np.nan
    flat = x.copy()
    flat[:, 1] = 2.0
    with pytest.raises(MissingCells):
        learner.learn(data_of(holed))
    with pytest.raises(InputError, match="constant"):
        learner.learn(data_of(flat))
    with pytest.raises(InputError, match="rows"):
        learner.learn(data_of(x[:3]))
    with pytest.raises(InputError, match="one row"):
        rung.discover(data_of(x[:1]), learner)
    with pytest.raises(InputError, match="duplicates"):
        rung.discover(data_of(np.column_stack([x, x[:, 0]])), learner)
    with pytest.raises(NeedsRows, match="BasisFunctionBIC|" + type(learner).__name__):
        learner.learn(data_of(x).moments())
    with pytest.raises(NotSupported, match="ties"):
        learner.learn(data_of(x), knowledge=rung.Knowledge(ties=((("V0", "V1"), ("V1", "V2")),)))
    targets = np.array([[False] * 3, [True, False, False]])
    set_ = data_of(x).replacing(
        environment=np.arange(60) % 2, environments=("a", "b"), targets=targets
    )
    if isinstance(learner, rung.CAM):
        assert learner.learn(set_).complete
        return
    with pytest.raises(NotSupported, match="conditions"):
        learner.learn(set_)


@pytest.mark.parametrize("learner", LEARNERS, ids=lambda l: type(l).__name__)
def test_one_column_and_odd_names(learner):
    one = learner.learn(data_of(RNG(0).laplace(size=(50, 1))))
    assert one.graph.edges() == []
    x, _ = lingam_world(2, 3, 400)
    odd = rung.Data.from_matrix(x, ["a b", "->", "Ω"])
    plain = learner.learn(data_of(x)).graph
    assert learner.learn(odd).graph == plain.relabel(dict(zip(names(3), odd.names, strict=True)))
