"""UnknownTargets: likelihoods against scipy and enumeration, planted targets, refusals."""

from dataclasses import dataclass
from itertools import combinations

import numpy as np
import pytest
from scipy.stats import multivariate_normal

import rung
from rung.core.errors import InputError, NeedsRows, UnknownName
from rung.discovery.basis import OneHot
from rung.discovery.changed_mechanisms import Changes, Normal, Tables
from tests.discovery.support import levels, names


def world(seed, soft, n=500, d=6):
    """A random linear SCM; each environment but the first changes one or two mechanisms."""
    rng = np.random.default_rng(seed)
    there = np.triu(rng.random((d, d)) < 0.4, 1)
    b = there * rng.uniform(0.6, 1.2, (d, d)) * rng.choice([-1, 1], (d, d))
    targets, parts = np.zeros((d, d), dtype=bool), []
    for e in range(d):
        if e:
            targets[e, rng.choice(d, 1 + (e == d - 1), replace=False)] = True
        x = np.zeros((n, d))
        for j in range(d):
            u = rng.normal(size=n)
            if targets[e, j]:
                x[:, j] = 0.3 * x @ b[:, j] + 1.5 * u + 1 if soft else 1.5 + 0.7 * u
            else:
                x[:, j] = x @ b[:, j] + u
        parts.append(x)
    data = rung.Data.from_matrix(np.vstack(parts), names(d)).replacing(
        environment=np.repeat(np.arange(d), n), environments=tuple(f"e{k}" for k in range(d))
    )
    return data, rung.Graph.from_adjacency(there.astype(int), names(d)), targets


def matrix(found, data):
    listed = found.details["targets"]
    return np.array([[v in listed[e] for v in data.names] for e in data.environments])


@pytest.mark.parametrize("soft", [False, True])
@pytest.mark.parametrize(
    ("learner", "most", "share"),
    [(rung.BOSS(), 2, 0.4), (rung.GIES(), 8, 0.6), (rung.PC(), 2, 0.4)],
)  # GIES can end in another class than the true one
def test_planted_targets_are_recovered(learner, most, share, soft):
    wrong = missed = found_all = far = blind = 0
    for seed in range(6):
        data, truth, targets = world(seed, soft)
        found = rung.discover(data, rung.UnknownTargets(learner))
        said = matrix(found, data)
        wrong += int((said & ~targets).sum())
        missed += int((targets & ~said).sum())
        found_all += int(targets.sum())
        far += rung.graphs.shd(truth, found.graph)
        pooled = data.replacing(environment=None, environments=())
        blind += rung.graphs.shd(truth, rung.discover(pooled, learner).graph)
    assert found_all == 36
    assert missed <= 1
    assert wrong <= most  # of 144 mechanisms that do not change
    assert far <= share * blind


def test_known_targets_stay():
    data, _, targets = world(3, soft=False)
    known = np.zeros_like(targets)
    known[1] = targets[1]
    known[2, 0] = True  # wrong, and yet kept
    found = rung.discover(data.replacing(targets=known), rung.UnknownTargets())
    said = matrix(found, data)
    assert (said[known]).all()
    assert (said[3:] == targets[3:]).all()
    assert found.details["known_targets"] == ("e1", "e2")
    assert not said[0].any()


def test_targets_among_levels():
    rng = np.random.default_rng(0)
    n, parts = 800, []
    for e in range(4):
        a = (rng.random(n) < (0.85 if e == 1 else 0.4)).astype(float)
        b = (rng.random(n) < np.where(a > 0, 0.8, 0.2)).astype(float)
        drive = np.where(b > 0, 0.15, 0.75) if e == 2 else np.where(b > 0, 0.75, 0.15)
        parts.append(np.column_stack([a, b, (rng.random(n) < drive).astype(float)]))
    data = levels(np.vstack(parts), (2, 2, 2), ["a", "b", "c"]).replacing(
        environment=np.repeat(np.arange(4), n), environments=("e0", "e1", "e2", "e3")
    )
    found = rung.discover(data, rung.UnknownTargets(rung.BOSS(rung.DiscreteBIC())))
    assert found.details["targets"] == {"e0": (), "e1": ("a",), "e2": ("c",), "e3": ()}
    assert found.graph == rung.Graph.parse("a -> b -> c")


def test_the_gaussian_likelihood_is_that_of_scipy():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(200, 2))
    y = x @ [0.5, -1.0] + 2 + 0.7 * rng.normal(size=200)
    data = rung.Data.from_matrix(np.column_stack([x, y]), list("abc"))
    log, parameters = Normal({0: data.moments(OneHot())}, 1, np.full(1, 1e-9)).fit((0,))
    design = np.column_stack([np.ones(200), x])
    left = y - design @ np.linalg.lstsq(design, y, rcond=None)[0]
    want = multivariate_normal(0, left.var()).logpdf(left).sum()
    assert log == pytest.approx(want, abs=1e-8)
    assert parameters == 4  # two slopes, an intercept, a variance


def test_the_likelihood_of_tables():
    tables = Tables({0: np.array([[3.0, 1.0], [0.0, 4.0]]), 1: np.array([[1.0, 1.0], [0.0, 0.0]])})
    log, parameters = tables.fit((0, 1))
    assert log == pytest.approx(4 * np.log(4 / 6) + 2 * np.log(2 / 6))
    assert parameters == 2
    assert tables.fit((1,)) == (pytest.approx(2 * np.log(0.5)), 1)


@pytest.mark.parametrize("seed", range(12))
def test_the_split_is_the_best_of_all(seed):
    data, truth, _ = world(seed, soft=True, n=60)
    known = np.zeros((6, 6), dtype=bool)
    changes = Changes(data, list(range(6)), 0, known, 1.0)
    price = 0.5 * np.log(data.n)
    for node in range(6):
        parents = tuple(data.index(v) for v in truth.parents(data.names[node]))
        changed, score = changes.split(node, parents)
        family = changes._family(node, parents)
        best = -np.inf
        for size in range(6):
            for apart in combinations(range(1, 6), size):
                alike = tuple(e for e in range(6) if e not in apart)
                total = 0.0
                for group in (alike, *((e,) for e in apart)):
                    log, parameters = family.fit(group)
                    total += log - price * parameters
                best = max(best, total)
        assert score == pytest.approx(best, rel=1e-12)
        assert 0 not in changed


def test_a_variable_held_fixed_is_a_target():
    data, _, _ = world(0, soft=False)
    x = np.array(data.column("V2"))
    x[data.environment == 3] = 5.0
    held = data.with_column(data.variable("V2"), x)
    found = rung.discover(held, rung.UnknownTargets())
    assert "V2" in found.details["targets"]["e3"]


@dataclass(frozen=True)
class Undecided:
    """Turns its edge when it is told that y alone is a target: the targets never settle."""

    def learn(self, source, *, knowledge=None, budget=None, rng=0):
        hit = np.zeros((2, 2), bool) if source.targets is None else source.targets
        told = hit[:, source.index("y")].any() and not hit[:, source.index("x")].any()
        graph = rung.Graph.from_edges([("y", "-->", "x") if told else ("x", "-->", "y")])
        return rung.Discovery(graph.reorder(source.names), learner=self)


def test_a_cycle_ends_with_the_likeliest_round():
    rng = np.random.default_rng(0)
    e = np.repeat([0, 1], 500)
    x = rng.normal(size=1000)
    y = x + rng.normal(size=1000) + 3 * e
    data = rung.Data.from_matrix(np.column_stack([x, y]), ["x", "y"]).replacing(
        environment=e, environments=("a", "b")
    )
    found = rung.discover(data, rung.UnknownTargets(Undecided()))
    # x -> y says that y changes; told so it says y -> x, of which x and y change; and again
    assert not found.details["settled"]
    assert found.details["rounds"] == 3
    assert any("did not settle: they came back" in note for note in found.notes)
    assert found.details["targets"] == {"a": (), "b": ("y",)}
    assert found.graph.has_edge("x", "y", "-->")
    assert found.complete


def test_what_cannot_be_used_is_refused():
    data, _, _ = world(0, soft=False, n=40)
    with pytest.raises(InputError, match="DAGs or CPDAGs"):
        rung.discover(data, rung.UnknownTargets(rung.FCI()))
    with pytest.raises(InputError, match="name none"):
        rung.discover(data.replacing(environment=None, environments=()), rung.UnknownTargets())
    with pytest.raises(InputError, match="from one"):
        rung.discover(data[data.environment == 0], rung.UnknownTargets())
    with pytest.raises(NeedsRows):
        rung.discover(data.moments(), rung.UnknownTargets())
    with pytest.raises(UnknownName, match="environment"):
        rung.discover(data, rung.UnknownTargets(reference="nowhere"))
    with pytest.raises(InputError, match="penalty"):
        rung.UnknownTargets(penalty=0)
    with pytest.raises(InputError, match="rounds"):
        rung.UnknownTargets(rounds=0)


def test_environments_of_one_row_and_without_names():
    data, _, _ = world(0, soft=False, n=40)
    number = np.array(data.environment)
    number[0] = 6
    found = rung.discover(
        data.replacing(environment=number, environments=()), rung.UnknownTargets()
    )
    assert found.details["targets"]["6"] == ()  # one row cannot have a mechanism of its own
