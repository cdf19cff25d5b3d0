"""Formats: round trips with nasty names, worked files, errors; latent projection."""

from __future__ import annotations

import contextlib
import json
from itertools import combinations
from pathlib import Path

import networkx as nx
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rung.core.errors import FileProblem, InputError, RungError
from rung.core.graph import Graph
from rung.graphs import (
    from_dagitty,
    from_dot,
    from_networkx,
    latent_projection,
    m_separated,
    parse_diagram,
    read_diagram,
    read_graph,
    to_dagitty,
    to_dot,
    to_networkx,
)

from . import brute

PAIRS = [(0, 0), (1, 2), (2, 1), (1, 1), (2, 2), (4, 2), (2, 4), (4, 4), (4, 1), (1, 4)]
PAIRS += [(3, 2), (2, 3)]
NASTY = ["a b", "<b>", "\N{PILE OF POO}", '"', "\\", "a\nb", "->", "node", "graph", "x=1", "{", "#"]
NASTY += ["subgraph", "edge", "dag", "a\\", "1.5", "-", "[latent]", ";", "\\n", "é"]


@st.composite
def graphs(draw: st.DrawFn) -> Graph:
    text = st.one_of(st.sampled_from(NASTY), st.text(min_size=1, max_size=4))
    names = draw(st.lists(text, max_size=5, unique=True))
    marks = np.zeros((len(names), len(names)), dtype=np.uint8)
    for i, j in combinations(range(len(names)), 2):
        marks[i, j], marks[j, i] = draw(st.sampled_from(PAIRS))
    return Graph(tuple(names), marks)


@settings(max_examples=120, deadline=None)
@given(graphs())
def test_round_trips(graph: Graph) -> None:
    for again in (
        from_dot(to_dot(graph)),
        from_dagitty(to_dagitty(graph)).graph,
        from_networkx(to_networkx(graph)),
        parse_diagram(to_dot(graph)).graph,
        parse_diagram(to_dagitty(graph)).graph,
        parse_diagram(json.dumps(graph.to_dict())).graph,
    ):
        assert again == graph
        assert again.names == graph.names


@settings(max_examples=100, deadline=None)
@given(st.text(alphabet='digraph{}[];"->=ab \n@', max_size=25))
def test_any_text_is_read_or_refused_by_name(text: str) -> None:
    for reader in (from_dot, from_dagitty, parse_diagram):
        with contextlib.suppress(RungError):
            reader("digraph {" + text)


def test_dot_as_others_write_it() -> None:
    text = """
    // made by hand
    strict digraph "my graph" {
      rankdir = LR; node [shape=box]; graph [bgcolor=white]
      A -> {B; C} [color="red"] /* two */
      subgraph cluster_0 { label="x"; D -> E }
      B:n -> "F G":s [dir=both];  C -> D [dir=none, weight=2]; H;
      E -> H [dir=back]
      P -> Q; Q -> P
      "con" + "cat" -> H [arrowtail=odot, dir=both]
    }
    """
    expected = Graph.parse(
        'A -> B; A -> C; D -> E; B <-> "F G"; C -- D; H -> E; P -- Q; concat o-> H'
    )
    assert from_dot(text) == expected
    assert from_dot("graph { a -- b -- c }") == Graph.parse("a -- b -- c")
    assert from_dot("digraph { edge [dir=none]; a -> b }") == Graph.parse("a -- b")


def test_dagitty_as_the_site_writes_it() -> None:
    text = """dag {
bb="-2.4,-3.1,2.2,3.4"
"Warm Up Exercises" [exposure,pos="-1.800,0.600"]
Coach [pos="0.1,-2.4"]
Genetics [latent,pos="0,0"]
Injury [outcome,pos="1,1"]
Coach -> { Genetics "Warm Up Exercises" }
Genetics -> Injury <- "Warm Up Exercises"
Coach <-> Injury
}"""
    diagram = read_diagram(text)
    assert diagram.exposures == ("Warm Up Exercises",)
    assert diagram.outcomes == ("Injury",)
    assert diagram.latents == ("Genetics",)
    assert diagram.graph == Graph.parse(
        'Coach -> Genetics -> Injury; Coach -> "Warm Up Exercises" -> Injury; Coach <-> Injury'
    )
    assert from_dagitty("pag { a @-> b; b @-@ c }").graph == Graph.parse("a o-> b o-o c")
    assert from_dagitty("pdag{x--y->z}").graph == Graph.parse("x -- y -> z")
    code = to_dagitty(diagram.graph, exposures=["Coach"], latents=["Genetics"])
    assert from_dagitty(code).exposures == ("Coach",)
    assert from_dagitty(code).latents == ("Genetics",)


def test_networkx() -> None:
    assert isinstance(to_networkx(Graph.parse("a -> b")), nx.DiGraph)
    assert not to_networkx(Graph.parse("a -- b")).is_directed()
    assert to_networkx(Graph.parse("a <-> b; b -> c")).is_multigraph()
    mutual = nx.DiGraph([("a", "b"), ("b", "a"), ("b", "c")])
    assert from_networkx(mutual) == Graph.parse("a -- b -> c")
    assert from_networkx(nx.path_graph(3)) == Graph.parse("0 -- 1 -- 2")
    rng = np.random.default_rng(0)
    for _ in range(20):
        dag = brute.random_dag(rng, 7, 0.4)
        other = to_networkx(dag)
        assert nx.is_directed_acyclic_graph(other)
        for v in dag.names:
            assert set(other.predecessors(v)) == set(dag.parents(v))


def test_read_graph_sniffs(tmp_path: Path) -> None:
    graph = Graph.parse("A -> B <-> C; lone")
    for k, text in enumerate(
        (str(graph), to_dot(graph), to_dagitty(graph), json.dumps(graph.to_dict()), f"# x\n{graph}")
    ):
        path = tmp_path / f"graph{k}.txt"
        path.write_text("\ufeff" + text, encoding="utf-8")
        assert read_graph(path) == read_graph(str(path)) == read_graph(text) == graph


def test_read_errors(tmp_path: Path) -> None:
    with pytest.raises(FileProblem, match="No such file"):
        read_graph(tmp_path / "none.dot")
    with pytest.raises(FileProblem, match="cannot read"):
        read_graph("missing.dot")
    (tmp_path / "bad.dot").write_bytes(b"digraph { \xff\xfe }")
    with pytest.raises(FileProblem, match="UTF-8"):
        read_graph(tmp_path / "bad.dot")
    (tmp_path / "empty.dot").write_text("  \n")
    with pytest.raises(InputError, match="empty"):
        read_graph(tmp_path / "empty.dot")
    with pytest.raises(InputError, match="line 2: expected"):
        from_dot("digraph {\n a -> ; }")
    with pytest.raises(InputError, match="the end"):
        from_dot("digraph { a -> b")
    with pytest.raises(InputError, match="begins with digraph"):
        from_dot("dag { a -> b }")
    with pytest.raises(RungError, match="XML"):
        read_graph("<graphml></graphml>")
    with pytest.raises(InputError, match="JSON"):
        read_graph("{ not json")


def test_latent_projection_keeps_separations_and_ancestry() -> None:
    rng = np.random.default_rng(1)
    for _ in range(150):
        graph = brute.random_admg(rng, 7, 0.35, 0.08)
        hidden = [v for v in graph.names if rng.random() < 0.35]
        seen = [v for v in graph.names if v not in hidden]
        if len(seen) < 2:
            continue
        small = latent_projection(graph, hidden)
        assert small.is_admg()
        up, up_small = brute.proper_ancestors(graph), brute.proper_ancestors(small)
        for v in seen:
            mine = {small.names[i] for i in up_small[small.index(v)]}
            assert mine == {graph.names[i] for i in up[graph.index(v)]} & set(seen)
        for x, y in combinations(seen, 2):
            rest = [v for v in seen if v not in (x, y)]
            for z in ((), rest, [v for v in rest if rng.random() < 0.5]):
                assert m_separated(graph, x, y, z) == m_separated(small, x, y, z)


def test_latent_projection_by_hand() -> None:
    graph = Graph.parse("U -> X -> L -> Y; U -> Y")
    assert latent_projection(graph, ["U", "L"]) == Graph.parse("X -> Y; X <-> Y")
    with pytest.raises(InputError, match="orient"):
        latent_projection(Graph.parse("a -- b"), "a")
