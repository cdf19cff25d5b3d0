"""PC: oracle recovery, agreement with a brute-force reference, knowledge, targets."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numba import njit

import rung
from rung.discovery import colliders, skeleton, threads
from rung.discovery.colliders import Conservative, FirstSeparator, Majority
from rung.discovery.independence.bound import KernelTest
from rung.graphs import cpdag
from rung.kernels.signatures import TEST
from tests.discovery.support import Oracle, covariance, draw, moments, names, random_dag, weights
from tests.golden.causal_learn_pc import FILE, bits, world

RNG = np.random.default_rng
RULES = [FirstSeparator(), Conservative(), Majority()]


def truth_of(a):
    return rung.Graph.from_adjacency(a, names(len(a)))


@pytest.mark.parametrize("rule", RULES, ids=lambda r: type(r).__name__)
def test_an_oracle_gives_the_true_class(rule):
    for seed in range(70):
        rng = RNG(seed)
        d = int(rng.integers(3, 8))
        dag = truth_of(random_dag(rng, d, rng.uniform(1, 3)))
        data = rung.Data.from_matrix(rng.normal(size=(d + 2, d)), dag.names)
        found = rung.discover(data, rung.PC(Oracle(dag), rule=rule))
        assert found.graph == cpdag(dag), seed
        assert found.details["conflicts"] == ()


@njit(TEST)
def separated(x, y, S, k, F, I, P, W):
    """1 if S[:k] d-separates x and y in the DAG F[0], else 0 (Koller and Friedman 2009, 3.1)."""
    a = F[0]
    d = a.shape[0]
    given, above = np.zeros(d, dtype=np.uint8), np.zeros(d, dtype=np.uint8)
    stack, seen = np.empty((2 * d + d * d, 2), dtype=np.int64), np.zeros((d, 2), dtype=np.uint8)
    size = 0
    for i in range(k):
        given[S[i]] = 1
        stack[size, 0] = S[i]
        size += 1
    while size > 0:  # the ancestors of S, S included
        size -= 1
        v = stack[size, 0]
        if above[v] == 0:
            above[v] = 1
            for u in range(d):
                if a[u, v]:
                    stack[size, 0] = u
                    size += 1
    stack[0, 0], stack[0, 1], size = x, 1, 1  # 1: reached from a child, 0: from a parent
    while size > 0:
        size -= 1
        v, up = stack[size, 0], stack[size, 1]
        if seen[v, up]:
            continue
        seen[v, up] = 1
        if v == y:
            return 0.0
        for u in range(d):
            if a[u, v] and ((up and not given[v]) or (not up and above[v])) and not seen[u, 1]:
                stack[size, 0], stack[size, 1] = u, 1
                size += 1
            if a[v, u] and not given[v] and not seen[u, 0]:
                stack[size, 0], stack[size, 1] = u, 0
                size += 1
    return 1.0


@dataclass(frozen=True)
class CompiledOracle:
    """d-separation as a kernel; `dag` is (d, d) 0/1."""

    dag: tuple

    def on(self, source, *, rng=None):
        a = np.array(self.dag, dtype=np.float64)[None]
        none = np.zeros((1, 1), dtype=np.int64)
        return KernelTest(separated, a, none, np.zeros(1), lambda k: 1)


def test_a_compiled_oracle_gives_the_true_class_of_larger_graphs():
    for seed in range(200):
        rng = RNG([7, seed])
        d = int(rng.integers(3, 16))
        a = random_dag(rng, d, rng.uniform(1, 3.5))
        data = rung.Data.from_matrix(rng.normal(size=(3, d)), names(d))
        test = CompiledOracle(tuple(map(tuple, a.tolist())))
        wanted = cpdag(truth_of(a))
        for rule in RULES:
            found = rung.PC(test, rule=rule).learn(data)
            assert found.graph == wanted, (seed, rule)
            assert found.details["conflicts"] == found.details["undecided"] == ()


def test_skeletons_are_those_of_causal_learn():
    """200 data sets; the versions stand in the file, the script beside it."""
    recorded = json.loads(FILE.read_text(encoding="utf-8"))["skeletons"]
    for seed, wanted in enumerate(recorded):
        x, alpha = world(seed)
        found = rung.PC(alpha=alpha, rule=FirstSeparator()).learn(rung.Data.from_matrix(x))
        assert bits(found.graph.marks != 0) == wanted, seed


@pytest.mark.parametrize("test", [rung.FisherZ(), rung.DegenerateGaussian()], ids=repr)
def test_threads_and_interruptions_change_nothing(test, monkeypatch):
    rng = RNG(3)
    data = rung.Data.from_matrix(draw(rng, weights(rng, random_dag(rng, 40, 6)), 300), names(40))
    usual = rung.PC(test, alpha=0.1).learn(data)
    for name in ("OMP_NUM_THREADS", "NUMBA_NUM_THREADS"):
        monkeypatch.setenv(name, "3")
    monkeypatch.setattr(threads.os, "sched_getaffinity", lambda _: range(3), raising=False)
    whole = skeleton.Tester.of
    monkeypatch.setattr(skeleton, "MANY", 0)
    monkeypatch.setattr(colliders, "MANY", 0)
    monkeypatch.setattr(skeleton.Tester, "of", lambda bound: replace(whole(bound), chunk=3))
    pieces = rung.PC(test, alpha=0.1).learn(data)
    assert np.array_equal(pieces.graph.marks, usual.graph.marks)
    assert pieces.details == usual.details


def test_exact_moments_give_the_true_class():
    """Population covariances stand for very many rows: every nonzero partial correlation shows."""
    for seed in range(200):
        rng = RNG(seed)
        d = int(rng.integers(4, 9))
        b = weights(rng, random_dag(rng, d, rng.uniform(1, 3)))
        m = moments(covariance(b), 10**13)
        assert rung.discover(m, rung.PC(alpha=1e-4)).graph == cpdag(truth_of(b != 0)), seed


def reference(x, alpha):
    """PC-stable with majority votes, slowly: skeleton, judged triples, Meek's rules R1 to R4."""
    from math import erfc, sqrt

    n, d = x.shape
    c = np.corrcoef(x, rowvar=False)

    def p(i, j, s):
        cols = [i, j, *s]
        k = np.linalg.inv(c[np.ix_(cols, cols)])
        r = -k[0, 1] / sqrt(k[0, 0] * k[1, 1])
        return erfc(sqrt(n - len(s) - 3) * abs(np.arctanh(r)) / sqrt(2))

    near = {i: set(range(d)) - {i} for i in range(d)}
    size = 0
    while any(len(near[i]) > size for i in near):
        old = {i: set(v) for i, v in near.items()}
        for i, j in combinations(range(d), 2):
            if j in old[i]:
                sets = [*combinations(old[i] - {j}, size), *combinations(old[j] - {i}, size)]
                if any(p(i, j, s) > alpha for s in sets):
                    near[i].discard(j)
                    near[j].discard(i)
        size += 1
    arrows, undecided = set(), False
    largest = size - 1
    for b in range(d):
        for a, e in combinations(sorted(near[b]), 2):
            if e in near[a]:
                continue
            sets = {
                frozenset(s)
                for v in (a, e)
                for k in range(largest + 1)
                for s in combinations(near[v] - {a, e}, k)
            }
            votes = [b in s for s in sets if p(a, e, tuple(s)) > alpha]
            share = np.mean(votes) if votes else 0.5
            undecided |= share == 0.5
            if share < 0.5:
                arrows |= {(a, b), (e, b)}
    if undecided or any((j, i) in arrows for i, j in arrows):
        return None, near
    loose = {(i, j) for i in near for j in near[i] if (i, j) not in arrows and (j, i) not in arrows}
    while True:
        new = None
        for i, j in sorted(loose):
            r1 = any((k, i) in arrows and k not in near[j] for k in near[i] - {j})
            r2 = any((i, k) in arrows and (k, j) in arrows for k in range(d))
            mids = [k for k in near[i] if (i, k) in loose and (k, j) in arrows]
            r3 = any(k not in near[m] for k, m in combinations(mids, 2))
            if r1 or r2 or r3:
                new = (i, j)
                break
        if new is None:
            break
        arrows.add(new)
        loose -= {new, new[::-1]}
    a = np.zeros((d, d))
    for i, j in arrows | loose:
        a[i, j] = 1
    return a, near


def test_agrees_with_a_slow_reference():
    agreed = 0
    for seed in range(60):
        rng = RNG(1000 + seed)
        x = draw(rng, weights(rng, random_dag(rng, 6, 2.0)), 400)
        wanted, near = reference(x, 0.01)
        found = rung.PC().learn(rung.Data.from_matrix(x, names(6)))
        skeleton = found.graph.marks != 0
        assert all(set(np.nonzero(skeleton[i])[0].tolist()) == near[i] for i in range(6)), seed
        clean = not found.details["conflicts"] and not found.details["undecided"]
        if wanted is not None and clean:
            graph = rung.Graph.from_adjacency(wanted, names(6))
            assert found.graph == graph, seed
            agreed += 1
    assert agreed > 30


def test_the_skeleton_does_not_depend_on_order():
    for seed in range(20):
        rng = RNG(seed)
        data = rung.Data.from_matrix(draw(rng, weights(rng, random_dag(rng, 9, 3)), 200), names(9))
        order = [data.names[i] for i in rng.permutation(9)]
        learner = rung.PC()  # without `discover`, which would order the columns itself
        first, second = learner.learn(data).graph, learner.learn(data.select(order)).graph
        assert first.skeleton() == second.skeleton()


def knowledge_for(rng, labels, truth=None):
    """Random knowledge that some DAG obeys: drawn around a random order."""
    order = [labels[i] for i in rng.permutation(len(labels))]
    pairs = list(combinations(order, 2))
    picks = rng.permutation(len(pairs))
    required = [pairs[i] for i in picks[: rng.integers(3)]]
    forbidden = [pairs[i][:: rng.choice([-1, 1])] for i in picks[3 : 3 + rng.integers(4)]]
    tiers = [order[:2], order[2:4], order[4:]] if rng.random() < 0.5 else []
    return rung.Knowledge(required, forbidden, tiers)


@pytest.mark.parametrize(
    "learner", [rung.PC(alpha=0.1), rung.BOSS()], ids=lambda k: type(k).__name__
)
@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 10**6))
def test_knowledge_is_never_broken(learner, seed):
    rng = RNG(seed)
    x = draw(rng, weights(rng, random_dag(rng, 6, 3)), 60)
    data = rung.Data.from_matrix(x, names(6))
    known = knowledge_for(rng, data.names)
    found = rung.discover(data, learner, knowledge=known)
    assert known.violations(found.graph) == []
    # what is undirected can be directed either way, so no member breaks it either
    for member in rung.graphs.members(found.graph, 5):
        assert known.violations(member) == []


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 10**6))
def test_the_graph_always_stands_for_a_dag(seed):
    rng = RNG(seed)
    data = rung.Data.from_matrix(draw(rng, weights(rng, random_dag(rng, 9, 4)), 80), names(9))
    found = rung.discover(data, rung.PC(alpha=0.2, rule=FirstSeparator()))
    assert rung.graphs.consistent_extension(found.graph).is_dag()
    assert found.graph.is_cpdag()


@pytest.mark.parametrize(
    "learner",
    [rung.PC(alpha=1e-4), rung.BOSS()],
    ids=lambda k: type(k).__name__,
)
def test_targets_orient_what_they_license(learner):
    """Exact moments of each condition: the interventional essential graph of the truth."""
    right = skeletons = 0
    for seed in range(25):
        rng = RNG(seed)
        d = 5
        b = weights(rng, random_dag(rng, d, 2))
        hit = rng.permutation(d)[:2].tolist()
        found = rung.discover(interventional(b, hit, rng), learner)
        wanted = cpdag(truth_of(b != 0), [[f"V{j}"] for j in hit])
        skeletons += found.graph.skeleton() == wanted.skeleton()
        right += found.graph == wanted
    assert skeletons >= 20  # the rest are nearly unfaithful at this number of rows
    assert right == skeletons


def interventional(b, hit, rng, n=2000):
    """Rows whose sample moments are exactly those of each condition (whitened noise)."""
    parts = []
    for j in [None, *hit]:
        e = rng.normal(size=(n, len(b)))
        e = (e - e.mean(0)) @ np.linalg.inv(
            np.linalg.cholesky(np.cov(e, rowvar=False, bias=True))
        ).T
        cut = b.copy()
        if j is not None:
            cut[:, j] = 0
            e[:, j] = 2 + 0.5 * e[:, j]
        parts.append(e @ np.linalg.inv(np.eye(len(b)) - cut))
    targets = np.zeros((len(hit) + 1, len(b)), dtype=bool)
    for row, j in enumerate(hit):
        targets[row + 1, j] = True
    return rung.Data.from_matrix(np.vstack(parts), names(len(b))).replacing(
        environment=np.repeat(np.arange(len(hit) + 1), n),
        environments=tuple(f"c{i}" for i in range(len(hit) + 1)),
        targets=targets,
    )


def test_a_budget_ends_the_search_with_the_best_so_far():
    rng = RNG(0)
    data = rung.Data.from_matrix(draw(rng, weights(rng, random_dag(rng, 40, 4)), 300), names(40))
    for learner in (rung.PC(), rung.BOSS(), rung.Bootstrap(rung.BOSS(), draws=500)):
        run = rung.Budget(seconds=60).start()
        run.stop()
        found = rung.discover(data, learner, budget=run)
        assert not found.complete, learner
        assert found.graph.d == 40
    learner = rung.Bootstrap(rung.BOSS(), draws=100_000)
    found = rung.discover(data.select(data.names[:8]), learner, budget=rung.Budget(1.5))
    assert not found.complete
    assert found.seconds < 6
    assert 0 < found.details["draws"] < 100_000
    assert any("budget" in note for note in found.notes)


def test_bad_options_are_named():
    for bad, text in (({"alpha": 0}, "alpha"), ({"largest": -1}, "largest")):
        with pytest.raises(rung.core.errors.InputError, match=text):
            rung.PC(**bad)
    with pytest.raises(rung.core.errors.InputError, match="restarts"):
        rung.BOSS(restarts=-1)
    with pytest.raises(rung.core.errors.InputError, match="draws"):
        rung.Bootstrap(draws=0)
