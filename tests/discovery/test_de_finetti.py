"""Causal de Finetti: exact laws by d-separation over two rows of a group; validity; bad input."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

import rung
from rung.core.errors import InputError, MissingCells, NeedsRows, NotSupported
from rung.core.variable import Kind, Variable
from rung.discovery.exchangeable import Groups

from .support import Oracle


def names(d):
    return [f"V{i}" for i in range(d)]


def groups(matrix, size, labels=None):
    """Data whose rows come in groups of `size`."""
    matrix = np.asarray(matrix, dtype=float)
    data = rung.Data.from_matrix(matrix, labels or names(matrix.shape[1]))
    label = np.arange(len(matrix)) // size
    return data.replacing(
        environment=label, environments=tuple(f"g{i}" for i in range(label[-1] + 1))
    )


def two_rows(dag, varying, hidden=()):
    """The graph over mechanisms and two rows of a group: theta_i -> X_i;n and parents of X_i;n."""
    nodes, edges = [], []
    for i in varying:
        nodes.append(f"theta{i}")
        edges += [(f"theta{i}", "-->", f"V{i}[{s}]") for s in (1, 2)]
    for s in (1, 2):
        nodes += [f"V{i}[{s}]" for i in range(len(dag))]
        edges += [(f"V{i}[{s}]", "-->", f"V{j}[{s}]") for i, j in np.argwhere(dag)]
    for i, j in hidden:
        nodes += ["theta", "L1", "L2"]
        for s in (1, 2):
            edges += [("theta", "-->", f"L{s}"), (f"L{s}", "-->", f"V{i}[{s}]")]
            edges += [(f"L{s}", "-->", f"V{j}[{s}]")]
    return rung.Graph.from_edges(edges, nodes)


def dags(d):
    pairs = list(itertools.combinations(range(d), 2))
    for choice in itertools.product(range(3), repeat=len(pairs)):
        a = np.zeros((d, d), dtype=bool)
        for (i, j), way in zip(pairs, choice, strict=True):
            a[i, j], a[j, i] = way == 1, way == 2
        if rung.Graph.from_adjacency(a, names(d)).is_dag():
            yield a


def exact(dag, varying, hidden=(), knowledge=None, pairings=1):
    """The answer where every test says what d-separation says; rows play no part."""
    d = len(dag)
    rows = groups(np.random.default_rng(0).normal(size=(2 * d + 20, d)), 2)
    test = Oracle(two_rows(dag, varying, hidden))
    learner = rung.CausalDeFinetti(test=test, pairings=pairings)
    return learner.learn(rows, knowledge=knowledge)


@pytest.mark.parametrize(("d", "count"), [(2, 3), (3, 25), (4, 543)])
def test_every_dag_is_identified(d, count):
    found = 0
    for dag in dags(d):
        answer = exact(dag, range(d))
        assert answer.graph == rung.Graph.from_adjacency(dag, names(d)), dag
        assert answer.notes == ()
        found += 1
    assert found == count


def test_one_fixed_mechanism_is_no_loss():
    for d in (2, 3):
        for fixed in range(d):
            for dag in dags(d):
                answer = exact(dag, [i for i in range(d) if i != fixed])
                assert answer.graph == rung.Graph.from_adjacency(dag, names(d))


@pytest.mark.parametrize("varying", [(), (0,), (1,), (2,)])
def test_a_wrong_graph_is_never_silent(varying):
    wrong = 0
    for dag in dags(3):
        answer = exact(dag, varying)
        if answer.graph != rung.Graph.from_adjacency(dag, names(3)):
            assert answer.details["unsure"]
            assert "differ too little" in answer.notes[0]
            wrong += 1
    assert wrong


def test_without_groups_that_differ_two_directions_are_alike():
    answer = exact(np.array([[0, 1], [0, 0]], dtype=bool), (), pairings=3)
    assert answer.details["pvalues"]["V0 -> V1"] == answer.details["pvalues"]["V1 -> V0"] == 1.0
    assert "neither direction is rejected" in answer.notes[0]


def test_a_hidden_common_cause_is_rejected_everywhere():
    for dag in dags(2):
        answer = exact(dag, (0, 1), hidden=[(0, 1)])
        assert answer.details["verdict"] == "confounded"
        assert answer.graph == rung.Graph.parse("V0 <-> V1")
        assert answer.hidden_causes
    told = rung.Knowledge(required=["V0 -> V1"])
    answer = exact(np.zeros((2, 2), dtype=bool), (0, 1), hidden=[(0, 1)], knowledge=told)
    assert answer.graph == rung.Graph.parse("V0 -> V1")
    apart = rung.Knowledge(forbidden=["V0 -> V1", "V1 -> V0"])
    answer = exact(np.zeros((2, 2), dtype=bool), (0, 1), hidden=[(0, 1)], knowledge=apart)
    assert answer.graph == rung.Graph.empty(["V0", "V1"])


def test_true_knowledge_changes_nothing_false_knowledge_is_obeyed():
    rng = np.random.default_rng(4)
    every = list(dags(4))
    for at in rng.choice(len(every), 60, replace=False):
        dag = every[at]
        edges, truth = np.argwhere(dag), rung.Graph.from_adjacency(dag, names(4))
        true = rung.Knowledge(
            required=[(f"V{i}", f"V{j}") for i, j in edges[:2]],
            forbidden=[(f"V{j}", f"V{i}") for i, j in edges],
        )
        assert exact(dag, range(4), knowledge=true).graph == truth
        a, b, c, d = rng.permutation(names(4))
        told = rung.Knowledge(required=[(a, b), (c, b)], forbidden=[(b, d)], tiers=[[a, c], [d]])
        answer = exact(dag, range(4), knowledge=told)
        assert not told.violations(answer.graph)
        assert answer.graph.is_dag()


def pairs_of(rng, direction, count, size, varying=(True, True)):
    """X and Y with Gaussian group means, X -> Y, Y -> X (reversed columns) or apart."""
    n = count * size
    first, second = (
        np.repeat(spread * rng.normal(size=count) * on, size) + rng.normal(size=n)
        for spread, on in zip((1.5, 0.6), varying, strict=True)
    )
    if direction:
        second = second + 0.8 * first
    columns = [first, second] if direction >= 0 else [second, first]
    return groups(np.column_stack(columns), size)


@pytest.mark.parametrize("size", [2, 5])
def test_directions_that_rows_alone_cannot_tell(size):
    right = {-1: 0, 0: 0, 1: 0}
    for seed in range(20):
        for direction, graph in {-1: "V1 -> V0", 0: "V0; V1", 1: "V0 -> V1"}.items():
            data = pairs_of(np.random.default_rng([seed, size]), direction, 800, size)
            found = rung.discover(data, rung.CausalDeFinetti(), seed=seed)
            right[direction] += found.graph == rung.Graph.parse(graph)
            assert rung.discover(data, rung.PC()).graph.has_edge("V0", "V1") in (
                (True, False) if direction else (False, True)
            )
    assert min(right.values()) >= 18  # of 20


@pytest.mark.parametrize("varying", [(True, False), (False, True)])
def test_one_mechanism_that_varies_is_enough_for_two(varying):
    right = 0
    for seed in range(20):
        data = pairs_of(np.random.default_rng([seed, 9]), 1, 1500, 3, varying)
        right += rung.discover(data, rung.CausalDeFinetti(), seed=seed).graph.has_edge(
            "V0", "V1", "-->"
        )
    assert right >= 18


def test_true_nulls_are_rejected_less_often_than_alpha():
    """400 data sets: a rate above 0.05 + 3 * sqrt(0.05 * 0.95 / 400) = 0.083 refutes validity."""
    rejected = np.zeros(3)
    for seed in range(400):
        rng = np.random.default_rng([seed, 1])
        causal = rung.discover(pairs_of(rng, 1, 120, 4), rung.CausalDeFinetti(), seed=seed)
        apart = rung.discover(pairs_of(rng, 0, 120, 4), rung.CausalDeFinetti(), seed=seed)
        single = rung.discover(
            pairs_of(rng, 1, 120, 4), rung.CausalDeFinetti(pairings=1), seed=seed
        )
        rejected += [
            causal.details["pvalues"]["V0 -> V1"] <= 0.05,
            apart.details["pvalues"]["independent"] <= 0.05,
            single.details["pvalues"]["V0 -> V1"] <= 0.05,
        ]
    assert (rejected / 400 <= 0.083).all()
    assert rejected[2] / 400 >= 0.02  # one pairing is exact, not conservative


def test_levels_with_a_table_test():
    """The authors' binary data: rates Beta(1, 3) in each group, child = noise XOR product."""
    wrong = 0
    for seed in range(10):
        rng = np.random.default_rng([seed, 2])
        e = (rng.random((3, 6000, 2)) < rng.beta(1, 3, (3, 6000, 1))).astype(int)
        a = e[0]
        b = e[1] ^ a
        c = e[2] ^ (a * b)
        variables = [Variable(v, Kind.BINARY, (0, 1)) for v in "cab"]
        data = rung.Data.from_matrix(
            np.column_stack([v.ravel() for v in (c, a, b)]), variables=variables
        ).replacing(unit=np.repeat(np.arange(6000), 2))
        found = rung.discover(data, rung.CausalDeFinetti(rung.G2()), seed=seed)
        wrong += rung.graphs.shd(rung.Graph.parse("a -> b; a -> c; b -> c"), found.graph)
        assert not any("too sure" in note for note in found.notes)
    assert wrong <= 2


def test_the_second_sample_is_never_the_first():
    rng = np.random.default_rng(5)
    size = rng.integers(1, 6, 200)
    label = rng.permutation(np.repeat(np.arange(200), size))
    cells = np.arange(len(label), dtype=float)
    variables = [Variable("x"), Variable("k", Kind.CATEGORICAL, tuple(range(len(label))))]
    data = rung.Data.from_matrix(np.column_stack([cells, cells]), variables=variables)
    made = Groups.of(data.replacing(unit=label), "test", testwise=False)
    assert made.single == (size == 1).sum()
    for seed in range(5):
        pair = made.pair(np.random.default_rng(seed))
        first, second = (pair.column(f"k[{s}]").astype(int) for s in (1, 2))
        assert (first != second).all()
        assert (label[first] == label[second]).all()
        np.testing.assert_array_equal(pair.column("x[1]"), first)
        others = [np.flatnonzero(label == label[r]) for r in first]
        mean = [rows[rows != r].mean() for rows, r in zip(others, first, strict=True)]
        np.testing.assert_allclose(pair.column("x[2]"), mean)


def test_missing_cells_by_policy():
    data = pairs_of(np.random.default_rng(1), 1, 600, 4)
    holed = np.array(data.column("V0"))
    holed[::7] = np.nan
    data = data.with_column(data.variable("V0"), holed)
    with pytest.raises(MissingCells):
        rung.discover(data, rung.CausalDeFinetti())
    for policy in (rung.CompleteCases(), rung.TestWise()):
        found = rung.discover(data.replacing(missing=policy), rung.CausalDeFinetti())
        assert found.graph == rung.Graph.parse("V0 -> V1")
        assert any("missing" in note for note in found.notes)


def test_bad_input_is_named():
    rng = np.random.default_rng(0)
    learner = rung.CausalDeFinetti()
    flat = rung.Data.from_matrix(rng.normal(size=(60, 2)))
    for data, words in (
        (flat, "rows in groups"),
        (flat.replacing(unit=np.arange(60)), "all 60 groups have one row"),
        (flat.replacing(environment=np.zeros(60, int), environments=("a",)), "rows in groups"),
        (groups(rng.normal(size=(8, 2)), 2), "4 groups"),
        (groups(np.column_stack([rng.normal(size=60), np.ones(60)]), 2), "constant"),
        (groups(np.column_stack([rng.normal(size=60), np.full(60, np.inf)]), 2), "infinite"),
    ):
        with pytest.raises(InputError, match=words):
            rung.discover(data, learner)
    with pytest.raises(NeedsRows, match="pairs the rows"):
        rung.discover(flat.moments(), learner)
    with pytest.raises(NotSupported, match="weights"):
        rung.discover(groups(rng.normal(size=(60, 2)), 2).replacing(weights=np.ones(60)), learner)
    for bad in ({"alpha": 0.0}, {"alpha": 1.0}, {"pairings": 0}):
        with pytest.raises(InputError):
            rung.CausalDeFinetti(**bad)


def test_groups_of_one_row_are_left_out_and_said():
    data = pairs_of(np.random.default_rng(1), 1, 600, 2)
    found = rung.discover(data.take(np.r_[0:1000, 1000:1200:2]), rung.CausalDeFinetti())
    assert found.details["groups"] == 500
    assert "100 groups of one row were left out" in found.notes


def test_a_spent_budget_keeps_what_is_required():
    run = rung.Budget().start()
    run.stop()
    for d in (2, 4):
        data = groups(np.random.default_rng(0).normal(size=(80, d)), 2)
        told = rung.Knowledge(required=["V0 -> V1"])
        found = rung.discover(data, rung.CausalDeFinetti(), knowledge=told, budget=run)
        assert not found.complete
        assert found.graph.edges() == [("V0", "-->", "V1")]
