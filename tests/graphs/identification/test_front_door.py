"""Front-door sets against the criterion on every subset, and the formula against exact models."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest

from rung.core.errors import InputError, NotIdentified, UnknownName
from rung.core.graph import Graph
from rung.graphs import directed_paths, identify, m_separated
from rung.graphs.identification.front_door import (
    front_door,
    front_door_set,
    front_door_sets,
    is_front_door_set,
)
from rung.graphs.identification.query import Interventional

from .structural import World, cut_graph, random_admg


def subsets(items):
    items = list(items)
    for k in range(len(items) + 1):
        yield from combinations(items, k)


def by_definition(graph: Graph, x: str, y: str, m: tuple[str, ...]) -> bool:
    if any(not set(path.names) & set(m) for path in directed_paths(graph, x, y)):
        return False
    if not m:
        return True
    return m_separated(cut_graph(graph, silent=[x]), x, m) and m_separated(
        cut_graph(graph, silent=m), m, y, [x]
    )


def test_every_set_of_random_graphs():
    rng = np.random.default_rng(0)
    used = 0
    for k in range(80):
        graph = random_admg(rng, int(rng.integers(3, 7)), rng.uniform(0.2, 0.6), 0.2)
        x, y = rng.choice(graph.names, 2, replace=False).tolist()
        rest = [v for v in graph.names if v not in (x, y)]
        slow = {m for m in subsets(rest) if by_definition(graph, x, y, m)}
        assert set(front_door_sets(graph, x, y)) == slow
        assert all(is_front_door_set(graph, x, y, m) == (m in slow) for m in subsets(rest))
        small = front_door_set(graph, x, y)
        assert (small is None) == (not slow)
        if small is not None:
            assert small in slow
            assert not any(set(m) < set(small) for m in slow)
            world = World(graph, np.random.default_rng(k))
            for m in sorted(slow)[:3]:
                found = front_door(graph, Interventional(y, x), mediators=m)
                value = found.evaluate(world.observed(), graph.names)
                np.testing.assert_allclose(value, world.do([y], [x]), atol=1e-10)
                used += found.rule == "front-door"
    assert used > 15


def test_pearls_example_and_the_hook():
    graph = Graph.parse("X -> M -> Y; X <-> Y")
    found = identify(graph, Interventional("Y", "X"))
    assert (found.rule, found.mediators) == ("front-door", ("M",))
    assert found.text == "P(Y | do(X)) = sum over M of P(M | X) [sum over X' of P(Y | X', M) P(X')]"
    assert "passes through M" in found.words


def test_jeong_tian_bareinboim_two_mediators():
    """Two parallel mediators: only both together cut the directed paths."""
    graph = Graph.parse("X -> A -> Y; X -> B -> Y; X <-> Y; C -> A; C -> Y")
    assert front_door_set(graph, "X", "Y") == ("A", "B", "C")
    assert front_door_set(graph, "X", "Y", allowed=["A", "B"]) is None
    assert list(front_door_sets(graph, "X", "Y", limit=1)) == [("A", "B", "C")]


def test_bad_questions():
    graph = Graph.parse("X -> M -> Y; X <-> Y")
    with pytest.raises(UnknownName):
        front_door_set(graph, "X", "Q")
    with pytest.raises(InputError, match="mediator is also"):
        is_front_door_set(graph, "X", "Y", "X")
    with pytest.raises(InputError, match="DAG or an ADMG"):
        front_door_set(Graph.parse("X -- M; M -> Y"), "X", "Y")
    with pytest.raises(InputError, match="no given"):
        front_door(graph, Interventional("Y", "X", given="M"))
    with pytest.raises(NotIdentified, match="no front-door set"):
        front_door(Graph.parse("X -> Y; X <-> Y"), Interventional("Y", "X"))
    with pytest.raises(NotIdentified, match="is no front-door set"):
        front_door(Graph.parse("X -> M -> Y; X -> Y"), Interventional("Y", "X"), mediators="M")
