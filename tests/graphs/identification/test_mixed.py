"""identify over the graphs of a search: classes, bootstraps, searches that allow hidden causes."""

from __future__ import annotations

import numpy as np
import pytest

import rung
from rung.core.errors import InputError, NotIdentified, UnknownName
from rung.core.graph import Graph
from rung.graphs import cpdag, identify, members, pag
from rung.graphs.identification.formula import Mixed
from rung.graphs.identification.query import Interventional

from .structural import World


@pytest.fixture(scope="module")
def data():
    rng = np.random.default_rng(0)
    n = 800
    v1, v2 = rng.standard_normal((2, n))
    x = v1 + v2 + 0.5 * rng.standard_normal(n)
    y = x + 0.5 * rng.standard_normal(n)
    return rung.Data.from_matrix(np.column_stack([v1, v2, x, y]), ["v1", "v2", "x", "y"])


@pytest.mark.parametrize("learner", [rung.PC(), rung.FCI()])
def test_over_a_bootstrap(data, learner):
    found = rung.discover(data, rung.Bootstrap(learner, draws=6), seed=0)
    mixed = identify(found, Interventional("y", "x"))
    assert isinstance(mixed, Mixed)
    assert sum(w for w, _ in mixed.parts) == pytest.approx(1)
    answered = sum(w for w, p in mixed.parts if not isinstance(p, str))
    assert answered > 0.5  # v1 -> x <- v2 tells x -> y, and that nothing hides behind it


def test_a_class_and_its_members_agree():
    """The one formula of the class is each member's; where there is none, members differ."""
    dag = Graph.parse("X1 -> M; V -> M; M -> X2; W -> X2; X2 -> Y; M -> Y; V -> L")
    shown = cpdag(dag)
    listed = [(m, 1.0) for m in members(shown)]
    asked = Interventional("Y", ["X1", "X2"])
    table = World(dag, np.random.default_rng(0)).observed()
    one = identify(shown, asked).evaluate(table, dag.names)
    for weight, value in identify(listed, asked).evaluate(table, dag.names):
        assert weight == pytest.approx(1 / len(listed))
        np.testing.assert_allclose(value, one)
    with pytest.raises(NotIdentified):
        identify(shown, Interventional("L", "V"))
    values = [v for _, v in identify(listed, Interventional("L", "V")).evaluate(table, dag.names)]
    assert max(np.abs(v - values[0]).max() for v in values) > 1e-3


def test_graphs_without_an_answer_have_the_reason():
    graph = Graph.parse("V -> X; W -> X; X -> Y")
    mixed = identify(
        [(pag(graph), 3), (pag(Graph.parse("V; W; X -> Y")), 1)], Interventional("Y", "X")
    )
    assert [w for w, _ in mixed.parts] == [0.75, 0.25]
    assert "in the class" in mixed.parts[1][1]
    assert "25%" in mixed.text
    assert "75% of the weight" in mixed.words
    table = World(graph, np.random.default_rng(1)).observed()
    assert mixed.evaluate(table, graph.names)[1] == (0.25, None)


def test_nothing_identified_and_bad_names():
    shown = pag(Graph.parse("X -> Y"))
    with pytest.raises(NotIdentified, match="no graph identifies it"):
        identify([(shown, 1.0)], Interventional("Y", "X"))
    with pytest.raises(UnknownName):
        identify([(shown, 1.0)], Interventional("Y", "Q"))
    with pytest.raises(InputError, match="there is no graph"):
        identify([], Interventional("Y", "X"))
