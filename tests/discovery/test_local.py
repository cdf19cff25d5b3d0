"""Local discovery: parents, children and undecided neighbours, and blankets, by definition."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import pytest

import rung
from rung.core.errors import InputError, NotSupported, RungError
from rung.graphs import cpdag
from tests.discovery.support import Oracle, covariance, draw, moments, names, random_dag, weights

RNG = np.random.default_rng
RULES = [rung.Majority(), rung.Conservative(), rung.FirstSeparator()]


def worlds(count, largest):
    for seed in range(count):
        rng = RNG([11, seed])
        d = int(rng.integers(2, largest + 1))
        a = random_dag(rng, d, rng.uniform(1, 3.5))
        yield seed, rng, a, names(d)[int(rng.integers(d))]


def around(graph, target):
    groups = graph.parents(target), graph.children(target), graph.neighbours(target)
    return tuple(tuple(sorted(group)) for group in groups)


def blanket(a, t):
    """Parents, children and the children's other parents, from the adjacency of the DAG."""
    children = a[t] != 0
    out = (a[:, t] != 0) | children | (a[:, children] != 0).any(axis=1)
    out[t] = False
    return {f"V{j}" for j in np.flatnonzero(out)}


def test_an_oracle_gives_what_the_class_says_of_the_target():
    for seed, rng, a, target in worlds(200, 12):
        dag = rung.Graph.from_adjacency(a, names(len(a)))
        data = rung.Data.from_matrix(rng.normal(size=(30, len(a))), dag.names)
        learner = rung.LocalCauses(target, Oracle(dag), rule=RULES[seed % 3])
        found = rung.discover(data, learner)
        wanted = cpdag(dag)
        assert around(found.graph, target) == around(wanted, target), seed
        told = found.details
        assert (told["causes"], told["effects"], told["undecided"]) == around(wanted, target)
        # further out, what is directed is so in the class
        for x, y in found.graph.directed_edges():
            assert wanted.has_edge(x, y, "->"), seed


def test_exact_moments_give_what_the_class_says():
    for seed, rng, a, target in worlds(100, 9):
        b = weights(rng, a)
        found = rung.LocalCauses(target, alpha=1e-4).learn(moments(covariance(b), 10**13))
        wanted = cpdag(rung.Graph.from_adjacency(a, names(len(a))))
        assert around(found.graph, target) == around(wanted, target), seed


@pytest.mark.parametrize("by", [rung.FisherZ(), rung.GaussianBIC()], ids=repr)
def test_exact_moments_give_the_blanket(by):
    for seed, rng, a, target in worlds(200, 12):
        m = moments(covariance(weights(rng, a)), 10**13)
        found = rung.MarkovBlanket(target, by, alpha=1e-4).find(m)
        assert set(found.members) == blanket(a, int(target[1:])), seed


def test_an_oracle_gives_the_blanket():
    for seed, rng, a, target in worlds(60, 8):
        dag = rung.Graph.from_adjacency(a, names(len(a)))
        data = rung.Data.from_matrix(rng.normal(size=(30, len(a))), dag.names)
        found = rung.MarkovBlanket(target, Oracle(dag)).find(data)
        assert set(found.members) == blanket(a, int(target[1:])), seed


def test_the_blanket_does_not_depend_on_order_and_shows_itself():
    rng = RNG(5)
    data = rung.Data.from_matrix(draw(rng, weights(rng, random_dag(rng, 30, 3)), 5000), names(30))
    one = rung.MarkovBlanket("V3").find(data)
    order = [data.names[i] for i in rng.permutation(30)]
    other = rung.MarkovBlanket("V3").find(data.select(order))
    assert set(one.members) == set(other.members)
    assert "Markov blanket of V3" in repr(one)
    assert list(one.frame()["member"]) == list(one.members)
    assert all(p <= 0.01 for p in one.evidence)


@dataclass(frozen=True)
class Widest:
    """Fisher's z that notes how many columns it was given together."""

    seen: ClassVar[list[int]] = []

    def on(self, source, *, rng=None):
        self.seen.append(len(source.names))
        return rung.FisherZ().on(source)


def test_two_thousand_columns_are_asked_one_question():
    """x -> y <- z, y -> w among columns that have nothing to do with them."""
    rng = RNG(0)
    x = rng.normal(size=(400, 2000))
    x[:, 7] += x[:, 1500] + x[:, 30]
    x[:, 1999] += x[:, 7]
    data = rung.Data.from_matrix(x)
    known = rung.Knowledge(forbidden=(("X1", "X2"),))  # tests then go through the test itself
    for test, knowledge in ((rung.FisherZ(), None), (Widest(), None), (rung.FisherZ(), known)):
        found = rung.discover(data, rung.LocalCauses("X8", test, alpha=1e-4), knowledge=knowledge)
        assert set(found.details["causes"]) == {"X1501", "X31"}
        assert found.details["effects"] == ("X2000",)
        assert len(found.details["looked_at"]) < 20
    assert max(Widest.seen) < 200  # no matrix of all columns
    members = rung.MarkovBlanket("X8", alpha=1e-6).find(data).members
    assert set(members) == {"X31", "X1501", "X2000"}


def test_knowledge_is_obeyed_near_and_far():
    rng = RNG(2)
    data = rung.Data.from_matrix(draw(rng, weights(rng, random_dag(rng, 12, 3)), 300), names(12))
    known = rung.Knowledge(
        required=(("V1", "V9"), ("V4", "V0")), tiers=(("V4", "V1"), ("V0", "V9"))
    )
    for target in ("V0", "V7"):
        found = rung.discover(data, rung.LocalCauses(target), knowledge=known)
        assert known.violations(found.graph) == []
    tied = rung.Knowledge(ties=((("V1", "V2"), ("V2", "V3")),))
    with pytest.raises(NotSupported, match="tie"):
        rung.LocalCauses("V0").learn(data, knowledge=tied)


def test_a_spent_budget_gives_the_best_so_far():
    rng = RNG(1)
    data = rung.Data.from_matrix(draw(rng, weights(rng, random_dag(rng, 20, 3)), 300), names(20))
    run = rung.Budget(seconds=60).start()
    run.stop()
    found = rung.discover(data, rung.LocalCauses("V3"), budget=run)
    assert not found.complete
    assert found.graph.d == 20
    assert not rung.MarkovBlanket("V3").find(data, budget=run).complete
    short = rung.discover(data, rung.LocalCauses("V3", alpha=0.3, most=3))
    assert len(short.details["looked_at"]) <= 3
    assert any("most=3" in note for note in short.notes)


def test_bad_questions_are_named():
    data = rung.Data.from_matrix(RNG(0).normal(size=(50, 3)), ["a", "b", "c"])
    double = data.with_column(rung.Variable("d"), 2 * data.column("a"))
    for make in (rung.LocalCauses, rung.MarkovBlanket):
        with pytest.raises(InputError, match="alpha"):
            make("a", alpha=2)
        with pytest.raises(InputError, match="target"):
            make(3)
    with pytest.raises(InputError, match="most"):
        rung.LocalCauses("a", most=0)
    with pytest.raises(RungError, match="nearest"):
        rung.LocalCauses("aa").learn(data)
    with pytest.raises(RungError, match="nearest"):
        rung.MarkovBlanket("aa").find(data)
    with pytest.raises(InputError, match="duplicates"):
        rung.discover(double, rung.LocalCauses("a"))
    with pytest.raises(InputError, match="duplicates"):
        rung.MarkovBlanket("a").find(double)
    holed = data.with_column(rung.Variable("b"), np.where(RNG(1).random(50) < 0.1, np.nan, 1.0))
    with pytest.raises(RungError, match="missing"):
        rung.MarkovBlanket("a").find(holed)
