"""MAGs over a margin, against separation by enumeration of all paths and sets."""

from __future__ import annotations

import numpy as np
import pytest

from rung.core.errors import InputError, UnknownName
from rung.core.graph import Graph
from rung.graphs import (
    canonical_dag,
    is_ancestral,
    is_mag,
    latent_projection,
    m_separated,
    mag,
    minimal_separator,
)

from . import brute
from . import brute_ancestral as slow

ANY_PAIRS = np.array([(0, 0), (1, 2), (2, 1), (2, 2), (1, 1), (4, 2), (3, 2)], dtype=np.uint8)


def random_marks(rng: np.random.Generator, d: int, kinds: int) -> Graph:
    marks = np.zeros((d, d), dtype=np.uint8)
    for i in range(d):
        for j in range(i):
            marks[i, j], marks[j, i] = ANY_PAIRS[rng.integers(kinds) * (rng.random() < 0.7)]
    return Graph(tuple(f"X{i}" for i in range(d)), marks)


def test_validity_on_every_small_graph_and_random_ones():
    rng = np.random.default_rng(0)
    valid = set(slow.all_mags(3))
    assert len(valid) == 72
    for code in range(5**3):
        marks = np.zeros((3, 3), dtype=np.uint8)
        for k, (i, j) in enumerate([(0, 1), (0, 2), (1, 2)]):
            marks[j, i], marks[i, j] = ANY_PAIRS[code // 5**k % 5]
        graph = Graph(tuple("ABC"), marks)
        assert is_mag(graph) is (graph in valid)
    counts = [0, 0]
    for k in range(600):
        graph = random_marks(rng, 4 + k % 2, 5 if k % 5 else 7)
        found = is_mag(graph)
        assert found is slow.is_mag(graph), str(graph)
        counts[found] += 1
    assert min(counts) > 100


@pytest.mark.parametrize(("latents", "selections"), [(0, 0), (2, 0), (0, 2), (2, 1), (1, 2)])
def test_margin_of_random_dags(latents, selections):
    rng = np.random.default_rng([1, latents, selections])
    for _ in range(25):
        d = int(rng.integers(2, 6 - selections // 2))
        dag = brute.random_dag(rng, d + latents + selections, rng.uniform(0.2, 0.7))
        hidden, chosen = dag.names[:latents], dag.names[latents : latents + selections]
        found = mag(dag, hidden, chosen)
        assert found == slow.margin(dag, hidden, chosen)
        assert is_mag(found)


def test_margin_of_admg_with_bows_and_of_a_mag():
    rng = np.random.default_rng(2)
    for _ in range(60):
        graph = brute.random_admg(rng, 6, 0.4, 0.15)
        canonical = canonical_dag(graph)
        assert canonical.graph.is_dag()
        assert latent_projection(canonical.graph, canonical.latents) == graph
        assert mag(graph) == mag(canonical.graph, canonical.latents)
        assert mag(graph, graph.names[:2]) == mag(mag(graph), graph.names[:2])
    for _ in range(40):
        dag = brute.random_dag(rng, 8, 0.4)
        whole = mag(dag, dag.names[:1], dag.names[1:2])
        direct = mag(dag, dag.names[:3], dag.names[3])
        step = mag(mag(dag, dag.names[:1]), dag.names[1:3], dag.names[3])
        assert step == direct
        after = mag(dag, [*dag.names[:1], *dag.names[2:4]], dag.names[1:2])
        assert mag(whole, dag.names[2:4]) == after


def test_canonical_dag_of_every_mag_of_four_nodes():
    for graph in slow.all_mags(4)[::7]:
        made = canonical_dag(graph)
        assert mag(made.graph, made.latents, made.selections) == graph


def test_separations_of_a_mag_are_those_of_its_dag():
    rng = np.random.default_rng(3)
    for _ in range(25):
        dag = brute.random_dag(rng, 8, 0.35)
        hidden, chosen = dag.names[:2], dag.names[2:4]
        found = mag(dag, hidden, chosen)
        for i, x in enumerate(found.names):
            for y in found.names[:i]:
                for z in slow.subsets(n for n in found.names if n not in (x, y)):
                    assert m_separated(found, x, y, z) is m_separated(dag, x, y, [*z, *chosen])


def test_separation_in_every_mag_of_four_nodes():
    """Undirected parts included: the fast search against all paths."""
    for graph in slow.all_mags(4)[::9]:
        brute.check_separation(graph, m_separated)


def test_known_examples():
    # Richardson and Spirtes (2002), figure 7(a): ancestral, not maximal
    graph = Graph.parse("a <-> b; b <-> c; c <-> d; b -> d; c -> a")
    assert is_ancestral(graph)
    assert not is_mag(graph)
    assert mag(graph).has_edge("a", "d", "<->")
    assert is_mag(mag(graph))
    m = mag(Graph.parse("x -> s; y -> s; h -> x; h -> z"), "h", "s")
    assert m == Graph.parse("x -- y; x -> z") or m == Graph.parse("x -- y; z -> x", names="xyz")


def test_refusals():
    with pytest.raises(InputError, match="circle"):
        mag(Graph.parse("a o-> b"))
    with pytest.raises(InputError, match="undirected edge and an arrowhead"):
        mag(Graph.parse("a -> b; b -- c"))
    with pytest.raises(InputError, match="cycle b -> c -> a -> b"):
        mag(Graph.parse("a -> b; b -> c; c -> a"))
    with pytest.raises(InputError, match="both latent and selected"):
        mag(Graph.parse("a -> b"), "a", "a")
    with pytest.raises(UnknownName):
        mag(Graph.parse("a -> b"), "z")
    with pytest.raises(InputError, match="not a MAG: no set separates"):
        canonical_dag(Graph.parse("a -- e; e -- f; p <-> q; q <-> r; r <-> s; q -> s; r -> p"))
    taken = canonical_dag(Graph.parse("a <-> b; 'L(a, b)'".replace("'", '"')))
    assert taken.latents == ("L(a, b)'",)


def test_empty_and_all_hidden():
    assert mag(Graph.empty([])).d == 0
    assert mag(Graph.parse("a -> b"), ["a", "b"]).d == 0
    assert is_mag(Graph.empty(["a", "b"]))


def test_minimal_separators_where_edges_are_undirected():
    rng = np.random.default_rng(4)
    undirected = 0
    for _ in range(16):
        graph = brute.random_mag(rng, 5, 0, 2, 0.4)
        undirected += bool(((graph.marks == 1) & (graph.marks.T == 1)).any())
        for i, x in enumerate(graph.names):
            for y in graph.names[:i]:
                rest = [n for n in graph.names if n not in (x, y)]
                walls = [set(z) for z in slow.subsets(rest) if m_separated(graph, x, y, z)]
                for size in (len(rest), len(rest) - 1):
                    allowed = rest[:size]
                    inside = [w for w in walls if w <= set(allowed)]
                    found = minimal_separator(graph, x, y, allowed=allowed)
                    assert (found is None) is (not inside)
                    if found is not None:
                        assert set(found) in inside
                        assert not any(w < set(found) for w in inside)
    assert undirected > 3
