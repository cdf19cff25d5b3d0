"""PAGs against the class listed by definition: every mark tried at every end."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from scipy.stats import chisquare

from rung.core.errors import InputError, NotSupported
from rung.core.graph import Graph
from rung.graphs import (
    count_mags,
    cpdag,
    is_mag,
    is_pag,
    mag,
    mag_of_pag,
    mags,
    markov_equivalent,
    pag,
    random_mags,
    sample_mag,
    sample_mags,
)

from . import brute
from . import brute_ancestral as slow


def members(graph: Graph) -> set[Graph]:
    return {Graph(graph.names, marks) for marks in slow.class_of(graph)}


def ring(rng: np.random.Generator, d: int) -> Graph | None:
    """A random MAG with many undirected edges; None if the draw is not ancestral."""
    marks = np.zeros((d, d), dtype=np.uint8)
    weights = rng.dirichlet([0.6, 1.2, 1.2])
    for i in range(d):
        for j in range(i):
            if rng.random() < 0.55:
                a, b = [(2, 2), (1, 1), (1, 2)][rng.choice(3, p=weights)]
                marks[i, j], marks[j, i] = a, b
    return mag(Graph(tuple("ABCDEF"[:d]), marks)) if slow.ancestral(marks[None])[0] else None


def test_every_class_of_four_nodes():
    """3045 MAGs fall into 251 classes; each PAG, its MAGs and its chosen MAG."""
    classes: dict[Graph, list[Graph]] = {}
    for graph in slow.all_mags(4):
        classes.setdefault(pag(graph), []).append(graph)
    assert len(classes) == 251
    for k, (shown, listed) in enumerate(classes.items()):
        assert mag_of_pag(shown) in listed
        if k % 16 == 0:
            assert shown == slow.pag_of(listed[0])
            assert set(listed) == members(listed[0])
            assert sorted(map(str, mags(shown))) == sorted(map(str, listed))


@pytest.mark.parametrize(("latents", "selections"), [(0, 0), (2, 0), (3, 0), (2, 1), (0, 2)])
def test_random_margins(latents, selections):
    rng = np.random.default_rng([7, latents, selections])
    done = 0
    while done < 25:
        d = int(rng.integers(5, 7))
        dag = brute.random_dag(rng, d + latents + selections, rng.uniform(0.15, 0.5))
        hidden, chosen = dag.names[:latents], dag.names[latents : latents + selections]
        margin = mag(dag, hidden, chosen)
        if len(margin.edges()) <= 8:
            done += 1
            shown = pag(dag, hidden, chosen)
            assert shown == slow.pag_of(margin) == pag(margin)
            if not selections:  # no tail of selection: the class without -- shares the same
                assert shown == slow.pag_of(margin, selection=False)


def test_selection_shows_in_the_marks():
    rng = np.random.default_rng(8)
    kinds: Counter[str] = Counter()
    done = 0
    while done < 20:
        graph = ring(rng, int(rng.integers(4, 7)))
        if graph is None or len(graph.edges()) > 8:
            continue
        shown = pag(graph)
        types = {edge for _, edge, _ in shown.edges()}
        if types & {"---", "o--", "--o"}:
            done += 1
            kinds.update(types)
            assert shown == slow.pag_of(graph)
            assert markov_equivalent(mag_of_pag(shown), graph)
    assert kinds["---"]
    assert kinds["o--"]


def test_known_examples():
    # Zhang (2008): two causes of one, and one hidden cause at a discriminating path
    assert pag(Graph.parse("a -> c; b -> c; c -> d")) == Graph.parse("a o-> c; b o-> c; c -> d")
    dag = Graph.parse("a -> b; b -> c; a -> x; h -> b; h -> x; c -> d; x -> d")
    assert pag(dag, "h") == slow.pag_of(mag(dag, "h"))
    square = Graph.parse("a -- b; b -- c; c -- d; d -- a")
    assert pag(square) == square
    y = Graph.parse("p -> x; q -> x; x -> y")
    assert str(pag(y).mark("x", "y")) == "2"
    assert pag(y).has_edge("x", "y", "->")


def test_validity_of_random_marks():
    rng = np.random.default_rng(9)
    every = {pag(g) for g in slow.all_mags(3)}
    options = [(0, 0), (1, 2), (2, 1), (2, 2), (1, 1), (4, 2), (2, 4), (4, 4), (4, 1), (1, 4)]
    seen = 0
    for code in range(len(options) ** 3):
        marks = np.zeros((3, 3), dtype=np.uint8)
        for k, (i, j) in enumerate([(0, 1), (0, 2), (1, 2)]):
            marks[j, i], marks[i, j] = options[code // len(options) ** k % len(options)]
        graph = Graph(tuple("ABC"), marks)
        assert is_pag(graph) is (graph in every)
        seen += is_pag(graph)
    assert seen == len(every)
    for _ in range(40):
        graph = pag(brute.random_mag(rng, 5, 1, 1))
        assert is_pag(graph)
        ends = np.argwhere(graph.marks == 4)
        if len(ends):
            i, j = ends[rng.integers(len(ends))]
            marks = graph.marks.copy()
            marks[i, j] = rng.choice([1, 2])
            assert not is_pag(Graph(graph.names, marks))


def test_equivalence_of_mags():
    rng = np.random.default_rng(10)
    for _ in range(15):
        graph = brute.random_mag(rng, 4, 2, 1)
        other = brute.random_mag(rng, 4, 2, 1)
        assert markov_equivalent(graph, other) is (other in members(graph))
        for member in list(members(graph))[:5]:
            assert markov_equivalent(graph, member.reorder(member.names[::-1]))
    with pytest.raises(InputError, match="not a MAG"):
        markov_equivalent(Graph.parse("a o-> b"), Graph.parse("a -> b"))


def test_draws_are_uniform():
    graph = pag(Graph.parse("a -> b; b -> c; c -> d; x -> d"))
    everyone = list(mags(graph))
    assert 5 < len(everyone) == count_mags(graph) == len(set(everyone))
    rng = np.random.default_rng(11)
    counts = Counter(sample_mags(graph, 40 * len(everyone), rng))
    assert sample_mag(graph, rng) in counts
    assert set(counts) == set(everyone)
    assert chisquare([counts[g] for g in everyone]).pvalue > 0.001
    assert list(mags(graph, 3)) == everyone[:3]
    with pytest.raises(NotSupported, match="more than 5 MAGs"):
        sample_mag(graph, rng, limit=5)
    with pytest.raises(NotSupported, match="more than 5 MAGs"):
        count_mags(graph, limit=5)


def test_without_selection():
    rng = np.random.default_rng(13)
    for _ in range(15):
        graph = brute.random_mag(rng, 5, 2, 0)
        if len(graph.edges()) < 9:
            plain = {Graph(graph.names, m) for m in slow.class_of(graph, selection=False)}
            assert set(mags(pag(graph), selection=False)) == plain
            assert count_mags(pag(graph), selection=False) == len(plain)
            assert sample_mag(pag(graph), rng, selection=False) in plain


def test_walk_stays_in_the_class_and_is_uniform():
    rng = np.random.default_rng(14)
    for text in ("a -> b; b -> c; c -> d; x -> d", "a -> b; b <-> c; c -> d; a -> d; a -> c"):
        graph = pag(Graph.parse(text))
        everyone = list(mags(graph, selection=False))
        counts = Counter(random_mags(graph, 15 * len(everyone), rng, steps=40))
        assert set(counts) == set(everyone)
        assert chisquare([counts[g] for g in everyone]).pvalue > 0.001
    for _ in range(3):
        dag = brute.random_dag(rng, 20, 0.15)
        shown = pag(dag, dag.names[:4])
        for drawn in random_mags(shown, 2, rng):
            assert is_mag(drawn)
            assert pag(drawn) == shown


def test_single_turns_join_every_class_of_four_nodes():
    """Zhang and Spirtes (2005), theorem 1: what the walk rests on."""
    rng = np.random.default_rng(15)
    shown = sorted({pag(g) for g in slow.all_mags(4)}, key=str)
    for k in rng.choice(len(shown), size=8, replace=False).tolist():
        everyone = set(mags(shown[k], selection=False))
        if everyone:
            drawn = set(random_mags(shown[k], 20 * len(everyone), rng, steps=12))
            assert drawn == everyone


def test_refusals_and_small_ones():
    for text in ("a o-> b; b -- c", "a -> b; b -> c; c -> a", "a <-> b"):
        assert not is_pag(Graph.parse(text))
        with pytest.raises(InputError, match="not a PAG"):
            mag_of_pag(Graph.parse(text))
    for ask in (sample_mag, lambda g, rng, selection: random_mags(g, 1, rng)):
        with pytest.raises(InputError, match="selection is certain"):
            square = Graph.parse("a -- b; b -- c; c -- d; d -- a")
            ask(square, np.random.default_rng(0), selection=False)
    assert not is_pag(Graph.parse("a -> b; a <-> b"))
    assert is_pag(Graph.empty(["a"]))
    assert pag(Graph.empty([])).d == 0
    assert not is_pag(cpdag(Graph.parse("a -> b")))
    names = ["ü ", "a;b", 'q"', "o->"]
    odd = pag(Graph.from_edges([(names[0], "->", names[1]), (names[2], "->", names[1])], names))
    assert odd.has_edge(names[0], names[1], "o->")


def test_names_and_order_play_no_part():
    rng = np.random.default_rng(12)
    for _ in range(20):
        dag = brute.random_dag(rng, 14, 0.25)
        hidden, chosen = dag.names[:3], dag.names[3:5]
        shown = pag(dag, hidden, chosen)
        turned = dag.reorder([dag.names[i] for i in rng.permutation(14)])
        assert pag(turned, hidden, chosen) == shown
        assert is_pag(shown)
        assert is_mag(mag_of_pag(shown))
