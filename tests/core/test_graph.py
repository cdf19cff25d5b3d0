"""Graph: text form, laws of its operations, checks, errors."""

from __future__ import annotations

import json
import pickle
from itertools import combinations, pairwise, product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rung.core.errors import InputError, RungError, UnknownName
from rung.core.graph import Graph

PAIRS = [(0, 0), (1, 2), (2, 1), (1, 1), (2, 2), (4, 2), (2, 4), (4, 4), (4, 1), (1, 4)]
PAIRS += [(3, 2), (2, 3)]
NASTY = [
    "a b",
    "<b>x</b>",
    "\N{PILE OF POO}",
    '"',
    "\\",
    "a\nb",
    "-",
    "->",
    "o",
    "o-o",
    ";",
    "#c",
    "x[t-1]",
    "IL-6",
    "x_1.5",
    " ",
    "\x00",
    "\u2028",
    "[",
    "]",
    "A--B",
    "--o",
    "<-",
    "graph",
    "a\tb\r",
    "&amp;",
]
names_of = st.lists(
    st.one_of(st.sampled_from(NASTY), st.text(min_size=1, max_size=5)), max_size=6, unique=True
)


@st.composite
def graphs(draw: st.DrawFn) -> Graph:
    names = draw(names_of)
    marks = np.zeros((len(names), len(names)), dtype=np.uint8)
    for i, j in combinations(range(len(names)), 2):
        marks[i, j], marks[j, i] = draw(st.sampled_from(PAIRS))
    return Graph(tuple(names), marks)


@settings(max_examples=100, deadline=None)
@given(graphs())
def test_text_and_dict_round_trip(graph: Graph) -> None:
    again = Graph.parse(str(graph))
    assert again == graph
    assert again.names == graph.names
    assert "\n" not in str(graph)
    assert Graph.from_dict(json.loads(json.dumps(graph.to_dict()))) == graph
    assert Graph.from_edges(graph.edges(), graph.names) == graph
    assert pickle.loads(pickle.dumps(graph)) == graph


@settings(max_examples=100, deadline=None)
@given(graphs(), st.randoms(use_true_random=False))
def test_order_of_names_plays_no_part(graph: Graph, random) -> None:
    names = list(graph.names)
    random.shuffle(names)
    other = graph.reorder(names)
    assert other == graph
    assert hash(other) == hash(graph)
    for name in names:
        for method in ("parents", "children", "siblings", "neighbours", "adjacent"):
            mine, theirs = getattr(graph, method)(name), getattr(other, method)(name)
            assert set(mine) == set(theirs)
            assert list(mine) == sorted(mine, key=graph.index)
    for a, b in product(names, names):
        assert graph.mark(a, b) == other.mark(a, b)


@settings(max_examples=100, deadline=None)
@given(graphs())
def test_relations_agree_with_edges(graph: Graph) -> None:
    edges = graph.edges()
    for v in graph.names:
        assert set(graph.parents(v)) == {a for a, e, b in edges if e == "-->" and b == v}
        assert set(graph.children(v)) == {b for a, e, b in edges if e == "-->" and a == v}
        assert set(graph.siblings(v)) == {
            w for a, e, b in edges if e == "<->" and v in (a, b) for w in (a, b) if w != v
        }
    assert set(graph.directed_edges()) == {(a, b) for a, e, b in edges if e == "-->"}
    assert all(graph.has_edge(a, b, e) and graph.has_edge(b, a) for a, e, b in edges)
    mapping = {name: f"n{i}" for i, name in enumerate(graph.names)}
    back = {new: old for old, new in mapping.items()}
    assert graph.relabel(mapping).relabel(back) == graph
    assert graph.subgraph(graph.names) == graph
    assert repr(graph).startswith("Graph: ")
    assert "<b>" not in graph._repr_html_()


@settings(max_examples=100, deadline=None)
@given(graphs())
def test_editing(graph: Graph) -> None:
    for a, _e, b in graph.edges():
        without = graph.without_edge(a, b)
        assert not without.has_edge(a, b)
        again = without
        for x, f, y in graph.edges():
            if {x, y} == {a, b}:
                again = again.with_edge(x, f, y)
        assert again == graph
        assert graph.has_edge(a, b)  # unchanged


def test_parse_examples() -> None:
    g = Graph.parse("X -> Y <- Z; A <-> B\nC o-> D; E -- F; G o-o H; lone # a remark\n\n;")
    assert g.names == ("X", "Y", "Z", "A", "B", "C", "D", "E", "F", "G", "H", "lone")
    assert g.parents("Y") == ("X", "Z")
    assert g.siblings("A") == ("B",)
    assert g.mark("C", "D") == 2
    assert g.mark("D", "C") == 4
    assert g.neighbours("F") == ("E",)
    assert g.adjacent("lone") == ()
    assert Graph.parse("A->B-->C<--D") == Graph.parse("D -> C; B -> C; A -> B")
    assert Graph.parse("X[t-1]->X[t]").names == ("X[t-1]", "X[t]")
    assert Graph.parse("IL-6 -> CRP").names == ("IL-6", "CRP")
    assert Graph.parse("o -> oo; o <-o p").edges() == [("o", "-->", "oo"), ("p", "o->", "o")]
    assert Graph.parse('"a b"->"c;d"').names == ("a b", "c;d")
    assert Graph.parse("A -> B", names=["B", "C", "A"]).names == ("B", "C", "A")
    assert Graph.parse("").d == 0
    assert str(Graph.parse("X -> Y <- Z")) == "X -> Y; Z -> Y"


def test_bow() -> None:
    g = Graph.parse("X -> Y; X <-> Y")
    assert g.marks.tolist() == [[0, 2], [3, 0]]
    assert g.parents("Y") == ("X",)
    assert g.parents("X") == ()
    assert g.siblings("X") == ("Y",)
    assert g.siblings("Y") == ("X",)
    assert g.edges() == [("X", "-->", "Y"), ("X", "<->", "Y")]
    assert g.is_admg()
    assert not g.is_dag()
    assert not g.is_cpdag()
    assert g.has_edge("X", "Y", "->")
    assert g.has_edge("X", "Y", "<->")
    assert not g.has_edge("Y", "X", "->")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("X -> ", "no name on its right"),
        ("-> X", "no name on its left"),
        ("X Y", "no edge between"),
        ("X -> -> Y", "no name on its left"),
        ("X -> X", "itself"),
        ("X -> Y; Y -> X", "cannot stand together"),
        ("X -- Y; X <-> Y", "cannot stand together"),
        ('X -> "', "cannot read"),
        ("X > Y", "line 1"),
    ],
)
def test_parse_errors(text: str, words: str) -> None:
    with pytest.raises(InputError, match=words):
        Graph.parse(text)


@settings(max_examples=200, deadline=None)
@given(st.text(alphabet='XYo<>-"; \n\\[]#', max_size=20))
def test_any_text_parses_or_is_an_input_error(text: str) -> None:
    try:
        graph = Graph.parse(text)
    except InputError:
        return
    assert Graph.parse(str(graph)) == graph


@pytest.mark.parametrize(
    ("names", "marks", "words"),
    [
        (("a", "a"), np.zeros((2, 2)), "twice"),
        (("a", ""), np.zeros((2, 2), int), "not empty"),
        (("a", 1), np.zeros((2, 2), int), "text"),
        ("ab", np.zeros((2, 2), int), "list of names"),
        (("a", "b"), np.zeros((3, 3), int), "shape"),
        (("a", "b"), np.zeros((2, 2)), "integers"),
        (("a", "b"), [[0, 5], [1, 0]], "integers"),
        (("a", "b"), [[0, -1], [1, 0]], "integers"),
        (("a", "b"), [[1, 0], [0, 0]], "itself"),
        (("a", "b"), [[0, 2], [0, 0]], "both ends"),
        (("a", "b"), [[0, 3], [3, 0]], "3 may only"),
        (("a", "b"), [[0, 3], [1, 0]], "3 may only"),
    ],
)
def test_constructor_refuses(names, marks, words: str) -> None:
    with pytest.raises(InputError, match=words):
        Graph(names, np.asarray(marks))


def test_values_are_frozen_and_copied() -> None:
    marks = np.array([[0, 2], [1, 0]], dtype=np.uint8)
    g = Graph(("a", "b"), marks)
    marks[:] = 0
    assert g.has_edge("a", "b")
    with pytest.raises(ValueError, match="read-only"):
        g.marks[0, 1] = 0
    with pytest.raises(AttributeError):
        g.names = ("c", "d")  # type: ignore[misc]


def test_unknown_names() -> None:
    g = Graph.parse("age -> income")
    with pytest.raises(UnknownName, match="age"):
        g.index("agee")
    with pytest.raises(KeyError):
        g.parents("nobody")
    with pytest.raises(UnknownName):
        Graph.parse("A -> B", names=["A", "C"])
    with pytest.raises(UnknownName):
        g.relabel({"x": "y"})
    with pytest.raises(InputError, match="missing"):
        g.reorder(["age"])
    with pytest.raises(InputError, match="not an edge"):
        g.with_edge("age", "=>", "income")
    with pytest.raises(RungError, match="no edge between"):
        Graph.parse("a; b").without_edge("a", "b")


def test_adjacency() -> None:
    a = np.array([[0, 0.5, 0], [0, 0, -2], [0, 1, 0]])
    g = Graph.from_adjacency(a, ["x", "y", "z"])
    assert g.edges() == [("x", "-->", "y"), ("y", "---", "z")]
    assert g.adjacency().dtype == np.int8
    assert np.array_equal(g.adjacency(), a != 0)
    rng = np.random.default_rng(0)
    for _ in range(50):
        b = rng.random((6, 6)) < 0.4
        np.fill_diagonal(b, False)
        assert np.array_equal(Graph.from_adjacency(b).adjacency(), b)
    for text in ("X <-> Y", "X o-> Y", "X o-o Y", "X -> Y; X <-> Y"):
        with pytest.raises(InputError, match="circle or two arrows"):
            Graph.parse(text).adjacency()
    with pytest.raises(InputError, match="NaN"):
        Graph.from_adjacency([[0, np.nan], [0, 0]])
    with pytest.raises(InputError, match="itself"):
        Graph.from_adjacency(np.eye(2))
    with pytest.raises(InputError, match="square"):
        Graph.from_adjacency([[0, 1]])


def test_order_and_cycles() -> None:
    g = Graph.parse("A; B; C; D; C -> A; C -> B; B -> A; D <-> A")
    assert g.topological_order() == ("C", "B", "A", "D")
    c = Graph.parse("S -> A -> B -> C -> A; C -> T")
    assert not c.is_acyclic()
    assert not c.is_dag()
    assert not c.is_admg()
    with pytest.raises(InputError, match="cycle") as caught:
        c.topological_order()
    path = str(caught.value).split("cycle ")[1].split(" -> ")
    assert path[0] == path[-1]
    assert set(path) == set("ABC")
    assert all(c.has_edge(a, b, "->") for a, b in pairwise(path))


def test_checks() -> None:
    assert Graph.parse("X -> Y -> Z; X -> Z").is_dag()
    assert not Graph.parse("X -> Y -- Z").is_dag()
    assert Graph.parse("X -> Y <- Z").is_cpdag()
    assert not Graph.parse("X -> Y").is_cpdag()
    assert Graph.parse("X -- Y -- Z").is_cpdag()
    assert not Graph.parse("A -- B -- C -- D -- A").is_cpdag()
    assert not Graph.parse("X <-> Y").is_cpdag()
    assert Graph.parse("X <-> Y").is_admg()
    assert not Graph.parse("X -- Y").is_admg()
    assert not Graph.parse("X o-> Y").is_admg()
    assert Graph.complete(["a", "b", "c"]).is_cpdag()
    assert Graph.complete(["a", "b", "c"], "->").topological_order() == ("a", "b", "c")
    assert Graph.parse("A <-> B -> C o-o A").skeleton() == Graph.complete(["A", "B", "C"])
