"""Formats of causal-learn, pcalg, Tetrad and BIF: their own words, and round trips."""

from __future__ import annotations

import gzip
import json
from itertools import combinations
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from rung.core.errors import InputError, UnknownName
from rung.core.graph import Graph
from rung.graphs import (
    from_amat_cpdag,
    from_amat_pag,
    from_causal_learn,
    from_tetrad,
    parse_diagram,
    read_graph,
    to_amat_cpdag,
    to_amat_pag,
    to_causal_learn,
    to_tetrad,
)
from rung.io import parse_bif, to_bif

from .record_causal_learn import PAIRS

RECORD = json.loads(Path(__file__).with_name("causal_learn.json").read_text(encoding="utf-8"))
ODD = ("a b", "(x", "ü→", "1. a", "o-o", "-->", "q'\"q", "dd nl", "#no", "[z", "x,y")


def every_edge(names: tuple[str, ...] = ODD) -> Graph:
    """All kinds of edge, bows included, over odd names."""
    marks = np.zeros((len(names), len(names)), dtype=np.uint8)
    for k, (i, j) in enumerate(combinations(range(len(names)), 2)):
        marks[j, i], marks[i, j] = [*PAIRS, (1, 4)][k % 12]
    return Graph(names, marks)


def test_causal_learn_matrix_and_text():
    """causal-learn 0.1.4.8; record_causal_learn.py made the file."""
    kinds = set()
    for case in RECORD["cases"]:
        graph = Graph.from_edges(case["edges"], case["names"])
        kinds |= {edge for _, edge, _ in graph.edges()}
        np.testing.assert_array_equal(to_causal_learn(graph), case["matrix"])
        assert from_causal_learn(case["matrix"], case["names"]) == graph
        assert from_tetrad(case["text"]).graph == graph
        assert read_graph(case["text"]) == graph
    assert {"-->", "<->", "---", "o->", "o-o"} <= kinds


def test_causal_learn_objects():
    graph = every_edge()
    whole = SimpleNamespace(graph=to_causal_learn(graph), get_node_names=lambda: list(ODD))
    assert from_causal_learn(whole) == graph
    assert from_causal_learn(SimpleNamespace(G=whole)) == graph
    assert from_causal_learn(to_causal_learn(graph)).names[:2] == ("X1", "X2")
    with pytest.raises(InputError, match="has 3 in row"):
        from_causal_learn([[0, 3], [1, 0]])
    with pytest.raises(InputError, match="square"):
        from_causal_learn([[0, 1]])
    with pytest.raises(InputError, match="mark at both ends"):
        from_causal_learn([[0, 1], [0, 0]])
    with pytest.raises(InputError, match="not one"):
        from_causal_learn([[0, np.nan], [1, 0]])


def test_pcalg_matrices():
    """The examples of pcalg's page `amatType`, and its Y-structure in tests/test_dsepAM.R."""
    assert from_amat_cpdag([[0, 0], [1, 0]], ["a", "b"]) == Graph.parse("a -> b")
    assert from_amat_cpdag([[0, 1], [0, 0]], ["a", "b"]) == Graph.parse("a <- b")
    assert from_amat_cpdag([[0, 1], [1, 0]], ["a", "b"]) == Graph.parse("a -- b")
    assert from_amat_pag([[0, 2], [3, 0]], ["a", "b"]) == Graph.parse("a -> b")
    assert from_amat_pag([[0, 2], [2, 0]], ["a", "b"]) == Graph.parse("a <-> b")
    assert from_amat_pag([[0, 2], [1, 0]], ["a", "b"]) == Graph.parse("a o-> b")
    y = [[0, 0, 2, 0], [0, 0, 2, 0], [3, 3, 0, 2], [0, 0, 3, 0]]
    assert from_amat_pag(y) == Graph.parse("X1 -> X3; X2 -> X3; X3 -> X4", names=[
        "X1", "X2", "X3", "X4",
    ])  # fmt: skip
    graph = every_edge()
    bows = [(a, b) for a, e, b in graph.edges() if graph.mark(a, b) | graph.mark(b, a) == 3 and e]
    plain = graph
    for a, b in {tuple(sorted(pair)) for pair in bows}:
        if 3 in (graph.mark(a, b), graph.mark(b, a)):
            plain = plain.without_edge(a, b)
    assert from_amat_pag(to_amat_pag(plain), ODD) == plain
    mixed = Graph.parse("a -> b; b -- c; d")
    assert from_amat_cpdag(to_amat_cpdag(mixed), mixed.names) == mixed
    with pytest.raises(InputError, match="two edges"):
        to_amat_pag(graph)
    with pytest.raises(InputError, match="to_amat_pag"):
        to_amat_cpdag(Graph.parse("a <-> b"))
    with pytest.raises(InputError, match="from_amat_pag"):
        from_amat_cpdag([[0, 2], [3, 0]])
    with pytest.raises(InputError, match="has 7"):
        from_amat_pag([[0, 7], [3, 0]])


def test_tetrad_round_trips():
    graph = every_edge()
    assert from_tetrad(to_tetrad(graph)).graph == graph
    assert read_graph(to_tetrad(graph)) == graph
    made = from_tetrad(to_tetrad(Graph.parse("L -> a; a -> S"), latents="L", selections=["S"]))
    assert made.graph == Graph.parse("L -> a; a -> S")
    assert (made.latents, made.adjusted) == (("L",), ("S",))
    empty = Graph.empty([])
    assert from_tetrad(to_tetrad(empty)).graph == empty
    lone = Graph.empty(["a", "b"])
    assert from_tetrad(to_tetrad(lone)).graph == lone
    for name in ("a;b", "a\nb", " a", "(a)", "b --> c"):
        bad = Graph.from_edges([(name, "->", "b"), ("c", "->", "b --> c x")])
        with pytest.raises(InputError, match="Tetrad's text"):
            to_tetrad(bad if name != "b --> c" else Graph.from_edges(
                [("a", "->", name), ("a --> b", "->", "c")]
            ))  # fmt: skip
    with pytest.raises(UnknownName):
        to_tetrad(lone, latents=["z"])


def test_tetrad_as_tetrad_writes_it():
    text = """Graph Nodes:
(L1);X1;X2;X3

Graph Edges:
1. X1 --> X2 dd nl
2. X2 o-> X3 [X2 o-> X3]:0.9000;[no edge]:0.1000;
3. X1 o-o X3
4. (L1) --> X1

Graph Attributes:
Score: -1234.5
"""
    found = parse_diagram(text)
    assert found.latents == ("L1",)
    assert found.graph == Graph.parse("L1; X1; X2; X3; X1 -> X2; X2 o-> X3; X1 o-o X3; L1 -> X1")
    bare = "\nGraph Edges:\n1. drinks --> happy\n2. happy --- calm\n"
    assert read_graph(bare) == Graph.parse("drinks -> happy; happy -- calm")
    old = "Graph Nodes:\nX1,X2\n\nGraph Edges:\n1. X1 <-> X2\n"
    assert read_graph(old) == Graph.parse("X1 <-> X2")
    for bad, why in (
        ("Graph Nodes:\na;b\n\nGraph Edges:\n1. a --> c\n", "two nodes of the list"),
        ("Graph Nodes:\na;b\n\nGraph Edges:\n1. a ?-> b\n", "two nodes of the list"),
        ("Graph Nodes:\na;b\n", "Graph Edges"),
    ):
        with pytest.raises(InputError, match=why):
            from_tetrad(bad)


BIF = """network unknown {
}
variable rain {
  type discrete [ 2 ] { yes, no };
}
variable wet {
  type discrete [ 3 ] { dry, damp, wet };
}
probability ( rain ) {
  table 0.2, 0.8;
}
probability ( wet | rain ) {
  (yes) 0.1, 0.2, 0.7;
  (no) 0.9, 0.06, 0.04;
}
"""


def test_bif_is_read_as_a_graph_and_written(tmp_path):
    expected = Graph.parse("rain -> wet")
    assert read_graph(BIF) == expected
    (tmp_path / "net.bif").write_text(BIF, encoding="utf-8")
    (tmp_path / "net.bif.gz").write_bytes(gzip.compress(BIF.encode()))
    assert read_graph(tmp_path / "net.bif") == expected
    assert read_graph(str(tmp_path / "net.bif.gz")) == expected
    network = parse_bif(BIF)
    assert to_bif(network).splitlines()[:6] == BIF.splitlines()[:6]
    again = parse_bif(to_bif(network, "garden"))
    assert again.levels == network.levels
    assert again.graph == expected
    for name, table in network.tables.items():
        np.testing.assert_allclose(again.tables[name], table, rtol=0, atol=1e-15)
    spaced = type(network)({"a b": ("x", "y")}, {"a b": ()}, {"a b": np.array([0.5, 0.5])})
    with pytest.raises(InputError, match="'a b'"):
        to_bif(spaced)
