"""Separation against the path definition, exhaustively where that is possible."""

from __future__ import annotations

from itertools import combinations
from time import perf_counter

import networkx as nx
import numpy as np
import pytest

from rung.core.errors import InputError, UnknownName
from rung.core.graph import Graph
from rung.graphs import (
    connected,
    connecting_path,
    consistent_extension,
    cpdag,
    d_separated,
    m_separated,
    minimal_separator,
    moral,
    to_networkx,
)

from . import brute


@pytest.mark.parametrize(("d", "count"), [(1, 1), (2, 2), (3, 6), (4, 31), (5, 302)])
def test_all_dags(d: int, count: int) -> None:
    """All DAGs up to relabelling; their number is OEIS A003087."""
    found = brute.classes_up_to_relabelling(d, brute.DAG_PAIRS)
    assert len(found) == count
    for marks in found:
        brute.check_separation(Graph(tuple("ABCDE"[:d]), marks), d_separated)


def test_all_admgs_of_four_nodes() -> None:
    found = brute.classes_up_to_relabelling(4, brute.ADMG_PAIRS)
    assert len(found) == 1567
    queries = sum(
        brute.check_separation(Graph(tuple("ABCD"), marks), m_separated) for marks in found
    )
    assert queries == 1567 * 6 * 4


def _ancestral(rng: np.random.Generator, d: int) -> Graph:
    """Random graph with undirected edges among the first nodes, no arrowhead at any of them."""
    k = int(rng.integers(2, d))
    names = tuple(f"V{i}" for i in range(d))
    marks = np.zeros((d, d), dtype=np.uint8)
    for i, j in combinations(range(d), 2):
        if rng.random() > rng.uniform(0.2, 0.6):
            continue
        kind = (1, 1) if j < k else (1, 2) if i < k or rng.random() < 0.6 else (2, 2)
        marks[j, i], marks[i, j] = kind
    order = rng.permutation(d)
    return Graph(names, marks[np.ix_(order, order)])


def _cyclic(rng: np.random.Generator, d: int) -> Graph:
    marks = np.zeros((d, d), dtype=np.uint8)
    kinds = [(1, 2), (2, 1), (2, 2), (3, 2)]
    for i, j in combinations(range(d), 2):
        if rng.random() < 0.35:
            marks[j, i], marks[i, j] = kinds[int(rng.integers(4))]
    return Graph(tuple(f"V{i}" for i in range(d)), marks)


@pytest.mark.parametrize("kind", ["admg", "ancestral", "cyclic"])
def test_random_mixed_graphs(kind: str) -> None:
    """2,100 graphs of 5 to 8 nodes: ADMGs with bows, ancestral graphs with --, directed cycles."""
    rng = np.random.default_rng(1)
    separations = 0
    for k in range(700):
        d = 5 + k % 4
        p = 1.8 / d
        if kind == "admg":
            graph = brute.random_admg(rng, d, p, 0.7 * p)
        else:
            graph = _ancestral(rng, d) if kind == "ancestral" else _cyclic(rng, d)
        x, y = rng.choice(d, 2, replace=False)
        rest = [v for v in range(d) if v not in (x, y)]
        up, every = brute.proper_ancestors(graph), brute.paths(graph, x, y)
        for _ in range(12):
            given = [v for v in rest if rng.random() < 0.4]
            expected = brute.separated(every, up, set(given))
            names = graph.names
            found = m_separated(graph, names[x], names[y], [names[g] for g in given])
            assert found is expected, (str(graph), x, y, given)
            separations += expected
    assert separations > 1000  # both answers occur


def test_open_path_is_open_and_a_path() -> None:
    rng = np.random.default_rng(2)
    for _ in range(400):
        graph = brute.random_admg(rng, 7, 0.3, 0.12)
        names = graph.names
        x, y = rng.choice(7, 2, replace=False)
        given = [v for v in range(7) if v not in (x, y) and rng.random() < 0.3]
        z = [names[g] for g in given]
        path = connecting_path(graph, names[x], names[y], z)
        assert (path is None) == m_separated(graph, names[x], names[y], z)
        if path is None:
            continue
        assert (path.names[0], path.names[-1]) == (names[x], names[y])
        assert len(set(path.names)) == len(path.names)
        steps = zip(path.names, path.edges, path.names[1:], strict=False)
        assert all(graph.has_edge(a, b, edge) for a, edge, b in steps)
        up = brute.proper_ancestors(graph)
        above = {names[a] for g in given for a in up[g]}
        assert set(path.colliders) <= above
        inner = set(path.names[1:-1]) - set(path.colliders)
        assert not inner & set(z)


def test_sets_of_nodes_and_connected() -> None:
    graph = Graph.parse("X1 -> M -> Y1; X2 -> C <- Y2; C -> D; L <-> Y2")
    assert d_separated(graph, ["X1", "X2"], ["Y1", "Y2"], "M")
    assert not d_separated(graph, ["X1", "X2"], ["Y1", "Y2"], ["M", "D"])
    assert connected(graph, "X2", "D") == ("C", "Y2", "L")
    assert connected(graph, "X2") == ("C", "D")


def test_cpdag_answers_as_its_members() -> None:
    rng = np.random.default_rng(3)
    for _ in range(100):
        dag = brute.random_dag(rng, 6, 0.4)
        graph = cpdag(dag)
        for x, y in combinations(graph.names, 2):
            z = [v for v in graph.names if v not in (x, y) and rng.random() < 0.4]
            assert d_separated(graph, x, y, z) == d_separated(dag, x, y, z)


def test_minimal_separator() -> None:
    rng = np.random.default_rng(4)
    none = 0
    for k in range(300):
        graph = brute.random_admg(rng, 6, 0.35, 0.1 * (k % 2))
        x, y, *rest = rng.permutation(graph.names).tolist()
        allowed = [v for v in rest if rng.random() < 0.8]
        include = [v for v in allowed if rng.random() < 0.15]
        found = minimal_separator(graph, x, y, include=include, allowed=allowed)
        free = [v for v in allowed if v not in include]
        valid = [
            {*s, *include} for s in brute.subsets(free) if m_separated(graph, x, y, [*s, *include])
        ]
        if found is None:
            none += 1
            assert not valid
        else:
            assert set(found) in valid
            assert not any(other < set(found) for other in valid)
    assert 30 < none < 270


def test_moral_separates_as_the_graph_over_ancestors() -> None:
    assert set(moral(Graph.parse("A -> C <- B")).edges()) == set(
        Graph.complete(["A", "C", "B"]).edges()
    )
    chain = moral(Graph.parse("A -> B <-> C <- D"))
    assert chain == Graph.complete(["A", "B", "C", "D"])


def test_errors() -> None:
    graph = Graph.parse("A -> B -> C")
    with pytest.raises(InputError, match="share"):
        d_separated(graph, "A", "A")
    with pytest.raises(InputError, match="share"):
        d_separated(graph, "A", "C", ["A"])
    with pytest.raises(UnknownName):
        d_separated(graph, "A", "Z")
    with pytest.raises(InputError, match="circle"):
        m_separated(Graph.parse("A o-> B"), "A", "B")
    with pytest.raises(InputError, match="undirected edge and an arrowhead"):
        m_separated(Graph.parse("A <-> B -- C"), "A", "C")


def test_a_thousand_nodes_in_milliseconds() -> None:
    rng = np.random.default_rng(5)
    graph = brute.random_dag(rng, 1000, 0.004)
    d_separated(graph, "X0", "X1", ["X2"])
    seconds = []
    for k in range(5):
        start = perf_counter()
        d_separated(graph, f"X{k}", f"X{k + 100}", [f"X{k + 200}", f"X{k + 300}"])
        seconds.append(perf_counter() - start)
    assert min(seconds) < 0.05


def test_extension_of_a_graph_without_one() -> None:
    with pytest.raises(InputError, match="stands for no DAG"):
        consistent_extension(Graph.parse("A -- B -- C -- D -- A"))


def test_larger_dags_against_networkx() -> None:
    rng = np.random.default_rng(6)
    answers = []
    for _ in range(60):
        dag = brute.random_dag(rng, 25, 0.12)
        other = to_networkx(dag)
        for _ in range(10):
            names = rng.permutation(dag.names).tolist()
            x, y, z = names[:2], names[2:4], names[4 : 4 + int(rng.integers(0, 8))]
            answers.append(d_separated(dag, x, y, z))
            assert answers[-1] == nx.is_d_separator(other, set(x), set(y), set(z))
    assert 0.05 < np.mean(answers) < 0.95


def test_answers_do_not_depend_on_names_or_order() -> None:
    rng = np.random.default_rng(7)
    for _ in range(100):
        graph = brute.random_admg(rng, 6, 0.4, 0.15)
        new = dict(zip(graph.names, rng.permutation(list("abcdef")).tolist(), strict=True))
        other = graph.relabel(new).reorder(rng.permutation(list("abcdef")).tolist())
        x, y, *rest = rng.permutation(graph.names).tolist()
        z = [v for v in rest if rng.random() < 0.4]
        assert m_separated(graph, x, y, z) == m_separated(
            other, new[x], new[y], [new[v] for v in z]
        )
