"""Nested counterfactuals against structural models solved exactly; worked examples of papers."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest

from rung.core.errors import InputError, NotIdentified, UnknownName
from rung.core.graph import Graph
from rung.graphs.identification.mediation import identify_mediation

from .structural import World, random_admg


def parse(text: str) -> Graph:
    return Graph.parse(text)


def checked(graph: Graph, x, m, y, seed: int) -> str:
    """The rule, after the formula agreed with a random model."""
    found = identify_mediation(graph, x, m, y)
    world = World(graph, np.random.default_rng(seed))
    value = found.evaluate(world.observed(), graph.names)
    a = found.asked
    np.testing.assert_allclose(value, world.nested(a.outcomes, a.do, a.mediators), atol=1e-10)
    return found.rule


GOOD = [
    ("X -> M -> Y; X -> Y", "mediation adjustment"),
    ("X -> M -> Y; X -> Y; W -> X; W -> M; W -> Y", "mediation adjustment"),
    ("X -> M -> Y; X -> Y; W -> M; W -> Y; V -> X; V -> Y", "mediation adjustment"),
    ("X -> M -> Y; X -> Y; W -> M; W <-> Y", "mediation adjustment"),
    ("X -> M -> Y; X -> L -> Y", "mediation adjustment"),
    ("X -> L -> M -> Y; X -> Y; X <-> M", "edge g-formula"),
    ("X -> M -> Y; X <-> Y", "edge g-formula"),
    ("X -> M -> Y; X -> Y; M -> L -> Y", "mediation adjustment"),
]


@pytest.mark.parametrize(("text", "rule"), GOOD)
def test_identified(text, rule):
    assert {checked(parse(text), "X", "M", "Y", s) for s in range(3)} == {rule}


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("X -> M -> Y; X -> Y; M <-> Y", "recanting district"),
        ("X -> L -> M -> Y; L -> Y; X -> Y", "recanting witness"),
        ("X -> M -> Y; X -> Y; X <-> M", "hedge"),
        ("X -> M -> Y; X -> Y; X <-> Y", "hedge"),
        ("X -> M -> Y; X -> Y; M <-> L; L <-> Y; L -> Y", "recanting district"),
    ],
)
def test_refused(text, word):
    with pytest.raises(NotIdentified, match=word):
        identify_mediation(parse(text), "X", "M", "Y")


def test_refusals_of_the_second_mediator_are_mended_by_naming_both():
    graph = parse("X -> L -> M -> Y; L -> Y; X -> Y")
    with pytest.raises(NotIdentified):
        identify_mediation(graph, "X", "M", "Y")
    checked(graph, "X", ["L", "M"], "Y", 0)


def test_random_graphs():
    rng = np.random.default_rng(3)
    rules = {"edge g-formula": 0, "mediation adjustment": 0, "refused": 0}
    for k in range(250):
        d = int(rng.integers(3, 6))
        graph = random_admg(rng, d, 0.6, 0.15)
        x, y, *m = rng.permutation(list(graph.names)).tolist()
        try:
            rules[checked(graph, x, m[: int(rng.integers(1, d - 1))], y, k)] += 1
        except NotIdentified:
            rules["refused"] += 1
    assert min(rules.values()) > 15, rules


def test_the_adjustment_formula_and_the_general_one_agree():
    from rung.graphs.identification.admg import Admg
    from rung.graphs.identification.mediation import _edge_formula
    from rung.graphs.identification.nested import NestedFormula

    rng = np.random.default_rng(4)
    both = 0
    for k in range(150):
        graph = random_admg(rng, 5, 0.5, 0.1)
        x, y, m, *_ = rng.permutation(list(graph.names)).tolist()
        try:
            found = identify_mediation(graph, x, m, y)
        except NotIdentified:
            continue
        if found.rule == "mediation adjustment":
            both += 1
            other = NestedFormula(found.asked, _edge_formula(Admg.of(graph), found.asked))
            table = World(graph, np.random.default_rng(k)).observed()
            np.testing.assert_allclose(
                found.evaluate(table, graph.names), other.evaluate(table, graph.names), atol=1e-10
            )
    assert both > 30


def test_means_add_up():
    graph = parse("X -> M -> Y; X -> Y; W -> X; W -> Y")
    world = World(graph, np.random.default_rng(0))
    mean = identify_mediation(graph, "X", "M", "Y").means(world.observed(), graph.names)
    total = world.do(["Y"], ["X"])[1] @ [-1, 1]
    assert mean.shape == (2, 2)
    assert mean[1, 1] - mean[0, 0] == pytest.approx(total)


def test_words_and_text():
    found = identify_mediation(parse("X -> M -> Y; X -> Y; W -> M; W -> Y"), "X", "M", "Y")
    assert found.text.endswith("sum over W, M of P(Y | X, M, W) P(M | X*, W) P(W)")
    assert r"\mathrm{X*}" in found.latex
    assert "among rows with the same W" in found.words


def test_bad_questions():
    graph = parse("X -> M -> Y; X -> Y")
    with pytest.raises(UnknownName):
        identify_mediation(graph, "X", "Q", "Y")
    with pytest.raises(InputError, match="two roles"):
        identify_mediation(graph, "X", "X", "Y")
    with pytest.raises(InputError, match="no mediator"):
        identify_mediation(graph, "X", (), "Y")
    with pytest.raises(NotIdentified, match="without direction"):
        identify_mediation(parse("X -- M; M -> Y"), "X", "M", "Y")


def test_odd_names_and_names_with_stars():
    graph = parse("X -> M -> Y; X -> Y; W -> Y; W -> M")
    graph = graph.relabel({"M": "M, really", "W": "X*"})
    found = identify_mediation(graph, "X", "M, really", "Y")
    assert found.asked.second == {"X": "X**"}
    assert '"M, really"' in found.text
    checked(graph, "X", "M, really", "Y", 0)


def test_several_treatments_and_outcomes():
    rng = np.random.default_rng(11)
    right = 0
    for k in range(60):
        graph = random_admg(rng, 5, 0.5, 0.1)
        a, b, c, d, e = rng.permutation(list(graph.names)).tolist()
        try:
            checked(graph, [a, b], c, [d, e], k)
            right += 1
        except NotIdentified:
            pass
    assert right > 20


def test_a_table_with_more_columns_and_one_without():
    graph = parse("X -> M -> Y; X -> Y")
    found = identify_mediation(graph, "X", "M", "Y")
    world = World(graph, np.random.default_rng(0))
    table = np.multiply.outer(world.observed(), [0.3, 0.7])
    more = found.evaluate(table, (*graph.names, "X*"))
    np.testing.assert_allclose(more, found.evaluate(world.observed(), graph.names))
    with pytest.raises(UnknownName):
        found.evaluate(np.full((2, 2), 0.25), ("X", "Y"))


def test_controlled_direct_effect_is_an_intervention():
    asked = identify_mediation(parse("X -> M -> Y; X -> Y"), "X", "M", "Y").asked
    assert str(asked.controlled) == "P(Y | do(X, M))"


def test_a_recanting_district_leaves_a_range():
    """Linear programme over response types: with M <-> Y one observed table fits many answers."""
    from scipy.optimize import linprog

    types_m = list(product(range(2), repeat=2))  # M(x)
    types_y = list(product(range(2), repeat=4))  # Y(x, m)
    both = list(product(types_m, types_y))
    rng = np.random.default_rng(0)
    truth = rng.dirichlet(np.ones(len(both)))
    rows = [
        [float(m[x] == a and y[2 * x + m[x]] == b) for m, y in both]
        for x, a, b in product(range(2), repeat=3)
    ]
    target = np.array([y[2 + m[0]] for m, y in both], dtype=float)  # Y(1, M(0))
    ends = [
        sign * linprog(sign * target, A_eq=rows, b_eq=np.array(rows) @ truth).fun
        for sign in (1, -1)
    ]
    assert ends[1] - ends[0] > 0.1
    with pytest.raises(NotIdentified, match="recanting district"):
        identify_mediation(parse("X -> M -> Y; X -> Y; M <-> Y"), "X", "M", "Y")


def test_a_recanting_witness_leaves_two_answers():
    """L is a fair coin under either x; M copies L, Y is 1 where L and M differ: never seen."""
    answers = []
    for together in (True, False):
        worlds = [(a, b) for a, b in product(range(2), repeat=2) if not together or a == b]
        seen = {(x, w[x], w[x], 0) for w in worlds for x in range(2)}  # x, L, M, Y
        assert seen == {(x, k, k, 0) for x in range(2) for k in range(2)}
        answers.append(np.mean([w[1] != w[0] for w in worlds]))  # Y(1, M(0)) = L(1) xor L(0)
    assert answers == [0, 0.5]
    with pytest.raises(NotIdentified, match="recanting witness"):
        identify_mediation(parse("X -> L -> M -> Y; L -> Y; X -> Y"), "X", "M", "Y")
