"""CPDAGs, Meek's rules, members and uniform draws, against whole enumerated classes."""

from __future__ import annotations

from collections import Counter, defaultdict
from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import chisquare

from rung.core.errors import InputError, KnowledgeConflict, NotSupported
from rung.core.graph import Graph
from rung.graphs import (
    complete,
    consistent_extension,
    count_members,
    cpdag,
    is_cpdag,
    markov_equivalent,
    members,
    possible_ancestors,
    possible_descendants,
    sample_member,
    sample_members,
    tier_matrix,
    v_structures,
)

from . import brute


def _collider_set(marks: np.ndarray) -> frozenset:
    d = len(marks)
    return frozenset(
        (a, b, c)
        for b in range(d)
        for a, c in combinations(range(d), 2)
        if marks[a, b] == 2 and marks[c, b] == 2 and marks[b, a] == 1 and marks[b, c] == 1
        if not marks[a, c]
    )


def _classes(dags: list[Graph]) -> list[list[Graph]]:
    out = defaultdict(list)
    for dag in dags:
        out[(dag.marks != 0).tobytes(), _collider_set(dag.marks)].append(dag)
    return list(out.values())


def _union(dags: list[Graph]) -> Graph:
    """Directed where all agree, undirected elsewhere."""
    marks = np.bitwise_or.reduce([dag.marks for dag in dags])
    both = (marks == 3) & (marks.T == 3)
    return Graph(dags[0].names, np.where(both, 1, marks).astype(np.uint8))


DAGS = {d: brute.all_dags(d) for d in (1, 2, 3, 4)}
CLASSES = {d: _classes(DAGS[d]) for d in DAGS}


def test_numbers_of_dags_and_classes() -> None:
    """OEIS A003024 and A007984."""
    assert [len(DAGS[d]) for d in DAGS] == [1, 3, 25, 543]
    assert [len(CLASSES[d]) for d in DAGS] == [1, 2, 11, 185]


@pytest.mark.parametrize("d", [1, 2, 3, 4])
def test_cpdag_of_all_dags(d: int) -> None:
    for group in CLASSES[d]:
        expected = _union(group)
        assert expected.is_cpdag()
        assert all(cpdag(dag) == expected for dag in group)
        assert set(members(expected)) == set(group)
        assert len(list(members(expected))) == count_members(expected) == len(group)
        assert consistent_extension(expected) in group


def test_is_cpdag_is_exact_on_all_partially_directed_graphs_of_four_nodes() -> None:
    essential = {_union(group) for group in CLASSES[4]}
    options = [*brute.DAG_PAIRS, (1, 1)]
    count = 0
    for code in range(4**6):
        marks = np.zeros((4, 4), dtype=np.uint8)
        for k, (i, j) in enumerate(combinations(range(4), 2)):
            marks[j, i], marks[i, j] = options[code // 4**k % 4]
        graph = Graph(tuple("ABCD"), marks)
        assert is_cpdag(graph) is (graph in essential)
        count += graph in essential
    assert count == 185


@pytest.mark.parametrize("d", [5, 6])
def test_random_cpdags(d: int) -> None:
    rng = np.random.default_rng(d)
    for _ in range(60):
        dag = brute.random_dag(rng, d, rng.uniform(0.2, 0.9))
        graph = cpdag(dag)
        group = list(members(graph))
        assert graph.is_cpdag()
        assert dag in group
        assert len(set(group)) == len(group) == count_members(graph)
        assert _union(group) == graph
        assert all(markov_equivalent(dag, other) for other in group)


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10_000))
def test_cpdag_does_not_depend_on_the_order_of_columns(seed: int) -> None:
    rng = np.random.default_rng(seed)
    dag = brute.random_dag(rng, 9, 0.4)
    shuffled = dag.reorder(rng.permutation(dag.names).tolist())
    assert cpdag(shuffled) == cpdag(dag)


def test_knowledge_is_complete() -> None:
    """Meek's closure with knowledge = what all members that obey it have in common."""
    rng = np.random.default_rng(7)
    conflicts = closed = 0
    for k in range(240):
        d = 4 + k % 3
        graph = cpdag(brute.random_dag(rng, d, rng.uniform(0.4, 1.0)))
        required = rng.random((d, d)) < 0.08
        forbidden = rng.random((d, d)) < 0.08
        wanted = (required | forbidden.T) & (graph.marks != 0)
        obeying = [g for g in members(graph) if not (wanted & (g.marks == 1)).any()]
        # an arrow i -> j has a tail at i, so marks[j, i] == 1; wanted i -> j fails if j -> i
        if not obeying:
            conflicts += 1
            with pytest.raises(KnowledgeConflict):
                complete(graph, required=required, forbidden=forbidden)
            continue
        found = complete(graph, required=required, forbidden=forbidden)
        assert found == _union(obeying)
        assert set(members(found)) == set(obeying)
        assert count_members(found) == len(obeying)
        closed += found != graph
        for v in graph.names if k % 3 == 0 else ():
            down = {w for g in obeying for w in _down(g, v)}
            assert set(possible_descendants(found, v)) == down
            assert set(possible_ancestors(found, v)) == {
                w for g in obeying for w in g.names if v in _down(g, w)
            }
    assert conflicts > 10
    assert closed > 60


def _down(graph: Graph, v: str) -> set[str]:
    out = {v}
    stack = [v]
    while stack:
        new = set(graph.children(stack.pop())) - out
        out |= new
        stack += new
    return out


def test_each_of_meeks_rules() -> None:
    assert complete(Graph.parse("a -> b -- c")) == Graph.parse("a -> b -> c")
    assert complete(Graph.parse("a -> b -> c; a -- c")) == Graph.parse("a -> b -> c; a -> c")
    third = Graph.parse("a -- b; a -- c; a -- d; c -> b <- d")
    assert complete(third) == Graph.parse("a -> b; a -- c; a -- d; c -> b <- d")
    fourth = Graph.parse("a -- b; a -- d; a -- c; d -> c -> b")
    assert complete(fourth).has_edge("a", "b", "->")


def test_tiers() -> None:
    graph = Graph.complete(["a", "b", "c"])
    later = tier_matrix(graph, [["c"], ["a", "b"]])
    assert np.array_equal(later, tier_matrix(graph, {"c": 0, "a": 1, "b": 1}))
    assert complete(graph, forbidden=later) == Graph.parse("c -> a -- b <- c")
    assert not tier_matrix(graph, {"a": 5}).any()


def test_conflicting_knowledge_is_refused() -> None:
    need = np.zeros((3, 3), dtype=bool)
    need[1, 0] = True
    with pytest.raises(KnowledgeConflict, match=r"'a' -> 'b'"):
        complete(Graph.parse("a -> b -- c"), required=need)
    need = np.array([[0, 1, 0], [0, 0, 1], [1, 0, 0]], dtype=bool)
    with pytest.raises(KnowledgeConflict):
        complete(Graph.complete(["a", "b", "c"]), required=need)
    with pytest.raises(InputError, match="matrix"):
        complete(Graph.parse("a -- b"), required=[[0.5]])


def _hauser_buehlmann(dag: Graph, group: list[Graph], targets: list[tuple[str, ...]]) -> Graph:
    """Definition: DAGs that stay equivalent after each intervention cuts its targets' parents."""

    def cut(graph: Graph, condition: tuple[str, ...]) -> Graph:
        for v in condition:
            for p in graph.parents(v):
                graph = graph.without_edge(p, v)
        return graph

    def signature(graph: Graph) -> list:
        graphs = [graph, *(cut(graph, condition) for condition in targets)]
        return [((g.marks != 0).tobytes(), _collider_set(g.marks)) for g in graphs]

    own = signature(dag)
    return _union([other for other in group if signature(other) == own])


def test_interventional_cpdag_against_the_definition() -> None:
    rng = np.random.default_rng(8)
    for k in range(150):
        d = 4 + k % 2
        dag = brute.random_dag(rng, d, rng.uniform(0.5, 1.0))
        group = list(members(cpdag(dag)))
        targets = [
            tuple(v for v in dag.names if rng.random() < 0.35) for _ in range(int(rng.integers(3)))
        ]
        found = cpdag(dag, targets=targets)
        assert found == _hauser_buehlmann(dag, group, targets)
        assert count_members(found) == len(list(members(found)))


def test_known_counts() -> None:
    """A tree of n nodes has n, a complete graph n! members; K4 less an edge has 10 by hand."""
    assert count_members(Graph.parse("a -- b -- c -- d; b -- e")) == 5
    assert count_members(Graph.complete([f"n{i}" for i in range(20)])) == 2432902008176640000
    assert count_members(Graph.parse("a -- b -- c -- a; b -- d -- c")) == 10


@pytest.mark.parametrize(
    "text",
    [
        "a -- b -- c -- a; b -- d -- c; d -- e",
        "a -- b -- c -- d -- e; x -- y",
        "a -- b; a -- c; a -- d; b -- c; b -- d; c -- d; c -- e; d -- e; e -- f",
    ],
)
def test_draws_are_uniform(text: str) -> None:
    graph = Graph.parse(text)
    everyone = list(members(graph))
    draws = sample_members(graph, 60 * len(everyone), np.random.default_rng(9))
    counts = Counter(draws)
    assert set(counts) <= set(everyone)
    assert chisquare([counts[dag] for dag in everyone]).pvalue > 0.001


def test_draws_with_knowledge_are_uniform() -> None:
    graph = Graph.complete(["a", "b", "c", "d"]).with_edge("a", "->", "b")
    everyone = list(members(graph))
    assert len(everyone) == 12
    draws = sample_members(graph, 1200, np.random.default_rng(10))
    counts = Counter(draws)
    assert set(counts) == set(everyone)
    assert chisquare([counts[dag] for dag in everyone]).pvalue > 0.001


def test_draws_are_seeded_and_bounded() -> None:
    graph = Graph.complete([f"n{i}" for i in range(12)])
    first = sample_member(graph, np.random.default_rng(0))
    assert first == sample_member(graph, np.random.default_rng(0))
    assert markov_equivalent(first, consistent_extension(graph))
    narrow = graph
    for i in range(11):
        narrow = narrow.with_edge(f"n{i}", "->", f"n{i + 1}")
    narrow = narrow.with_edge("n0", "--", "n1")
    with pytest.raises(NotSupported, match="none of 5 draws"):
        sample_member(narrow, np.random.default_rng(0), tries=5)


def test_v_structures() -> None:
    assert v_structures(Graph.parse("a; b; c; a -> c <- b; d -> c; a -> d")) == [
        ("a", "c", "b"),
        ("b", "c", "d"),
    ]


def test_errors() -> None:
    with pytest.raises(InputError, match="circle or two arrows"):
        cpdag(Graph.parse("a <-> b"))
    with pytest.raises(InputError, match="DAG is needed"):
        cpdag(Graph.parse("a -- b"))
    with pytest.raises(InputError, match="cycle"):
        cpdag(Graph.parse("a -> b -> c -> a"))
    with pytest.raises(InputError, match="no DAG"):
        list(members(Graph.parse("a -- b -- c -- d -- a")))
