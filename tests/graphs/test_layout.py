"""The layered layout: nothing overlaps, arrows go down, edges keep off boxes."""

from __future__ import annotations

from itertools import combinations, pairwise
from time import perf_counter

import numpy as np
import pytest

from rung.core.errors import UnknownName
from rung.core.graph import Graph
from rung.graphs.layered import Net, layers
from rung.graphs.layout import layout

from . import brute


def _touches(p, q, centre, size) -> bool:
    t = np.linspace(0, 1, 200)
    x, y = p[0] + (q[0] - p[0]) * t, p[1] + (q[1] - p[1]) * t
    inside = (abs(x - centre[0]) < size[0] / 2 - 0.5) & (abs(y - centre[1]) < size[1] / 2 - 0.5)
    return bool(inside.any())


@pytest.mark.parametrize("d", [5, 11, 20, 37])
def test_boxes_and_routes_of_random_dags(d: int) -> None:
    rng = np.random.default_rng(d)
    for _ in range(6):
        graph = brute.random_dag(rng, d, 1.2 / d)
        plan = layout(graph)
        assert list(plan.centres) == list(graph.names)
        for a, b in combinations(graph.names, 2):
            (ax, ay), (bx, by) = plan.centres[a], plan.centres[b]
            (aw, ah), (bw, bh) = plan.sizes[a], plan.sizes[b]
            assert abs(ax - bx) >= (aw + bw) / 2 or abs(ay - by) >= (ah + bh) / 2
        for a, b in graph.directed_edges():
            assert plan.y[a] < plan.y[b]
            points = plan.points(a, b)
            assert points == plan.points(b, a)[::-1]
            for name in set(graph.names) - {a, b}:
                for p, q in pairwise(points):
                    assert not _touches(p, q, plan.centres[name], plan.sizes[name])
        for route in plan.routes:
            assert all(0 <= x <= plan.width and 0 <= y <= plan.height for x, y in route.points)
        assert layout(graph) == plan


def test_every_kind_of_edge_has_a_route() -> None:
    graph = Graph.parse("A -> B; A <-> B; C o-> B; C o-o D; D -- E; E <-> F; F -> A; lone; B <-> E")
    plan = layout(graph)
    assert [(r.a, r.edge, r.b) for r in plan.routes] == graph.edges()
    assert plan.points("A", "B", "-->") != plan.points("A", "B", "<->")
    assert plan.y["lone"] == max(plan.y.values())
    with pytest.raises(UnknownName, match="edge"):
        plan.points("A", "E")


def test_cycles_and_empty_graphs_are_drawn() -> None:
    assert len(layout(Graph.parse("A -> B -> C -> A")).routes) == 3
    assert layout(Graph.empty([])).centres == {}
    assert len(layout(Graph.empty([f"n{i}" for i in range(30)])).centres) == 30


def test_trees_have_no_crossings() -> None:
    rng = np.random.default_rng(0)
    for _ in range(20):
        d = 12
        edges = [(f"X{int(rng.integers(0, j))}", "->", f"X{j}") for j in range(1, d)]
        graph = Graph.from_edges(edges)
        net = Net.of(graph, layers(graph))
        net.order()
        assert net.crossings() <= 1


def test_widths_given_by_the_caller_are_kept_apart() -> None:
    graph = Graph.parse("A -> B; A -> C; A -> D")
    plan = layout(graph, sizes={"B": (300.0, 20.0)})
    row = sorted("BCD", key=lambda n: plan.x[n])
    for a, b in pairwise(row):
        assert plan.x[b] - plan.x[a] >= (plan.sizes[a][0] + plan.sizes[b][0]) / 2 + 28 - 1e-9


def test_forty_nodes_in_a_second() -> None:
    graph = brute.random_dag(np.random.default_rng(1), 40, 0.12)
    start = perf_counter()
    layout(graph)
    assert perf_counter() - start < 2.0
