"""Policies against structural models in which the treatment's mechanism is replaced."""

from __future__ import annotations

import numpy as np
import pytest

from rung.core.errors import InputError, NotIdentified, Overlap
from rung.core.graph import Graph
from rung.graphs import descendants, pag
from rung.graphs.identification.stochastic import identify_policy

from .structural import World, random_admg


def under(world: World, outcomes, x, reads, policy) -> np.ndarray:
    """P(outcomes) when x is drawn from the policy, unit by unit."""
    natural = world.values({})
    out = np.zeros((2,) * len(outcomes))
    for value in range(2):
        values = world.values({x: value})
        share = policy[(*(natural[r] for r in reads), np.full(len(world.units), value))]
        np.add.at(out, tuple(values[y] for y in outcomes), world.weight * share)
    return out


@pytest.mark.parametrize("own", [False, True])
def test_random_graphs(own):
    rng = np.random.default_rng(5)
    right = refused = 0
    for k in range(150):
        graph = random_admg(rng, int(rng.integers(3, 6)), 0.5, 0.15)
        x, *rest = rng.permutation(graph.names).tolist()
        before = [v for v in rest if v not in descendants(graph, x)]
        reads = [*before[: int(rng.integers(0, 3))], *([x] if own else [])]
        y = next((v for v in rest if v not in reads), None)
        if y is None:
            continue
        policy = rng.dirichlet([1, 1], size=(2,) * len(reads))
        try:
            found = identify_policy(graph, y, x, reads)
        except NotIdentified:
            refused += 1
            continue
        world = World(graph, np.random.default_rng(k))
        value = found.evaluate(world.observed(), graph.names, policy)
        np.testing.assert_allclose(value, under(world, [y], x, reads, policy), atol=1e-10)
        right += 1
    assert right > 80
    assert refused > 5


def test_the_policy_that_changes_nothing():
    graph = Graph.parse("W -> X -> Y; W -> Y")
    world = World(graph, np.random.default_rng(0))
    found = identify_policy(graph, "Y", "X", ["W", "X"])
    same = np.broadcast_to(np.eye(2), (2, 2, 2))
    natural = world.joint(world.values({}), ["Y"])
    np.testing.assert_allclose(found.evaluate(world.observed(), graph.names, same), natural)
    assert "pi(X* | W, X)" in found.text
    assert r"\pi" in found.latex
    assert "as often as the policy" in found.words


def test_a_constant_policy_is_an_intervention():
    graph = Graph.parse("X -> M -> Y; X <-> Y")
    world = World(graph, np.random.default_rng(1))
    found = identify_policy(graph, "Y", "X")
    for value in range(2):
        got = found.evaluate(world.observed(), graph.names, np.eye(2)[value])
        np.testing.assert_allclose(got, world.do(["Y"], ["X"])[:, value])


def test_front_door_graph_with_a_shift():
    """The natural value is tied to y, yet a shift is identified: X and Y share no child edge."""
    graph = Graph.parse("X -> M -> Y; X <-> Y")
    world = World(graph, np.random.default_rng(2))
    turned = np.array([[0, 1], [1, 0]])
    found = identify_policy(graph, "Y", "X", "X")
    value = found.evaluate(world.observed(), graph.names, turned)
    np.testing.assert_allclose(value, under(world, ["Y"], "X", ["X"], turned), atol=1e-12)


def test_on_a_pag():
    graph = Graph.parse("A -> X; B -> X; X -> Y")
    world = World(graph, np.random.default_rng(3))
    found = identify_policy(pag(graph), "Y", "X", "A")
    policy = np.array([[0.2, 0.8], [0.7, 0.3]])
    value = found.evaluate(world.observed(), graph.names, policy)
    np.testing.assert_allclose(value, under(world, ["Y"], "X", ["A"], policy), atol=1e-12)


def test_refusals_and_bad_policies():
    graph = Graph.parse("W -> X -> Y; W -> Y; X -> D")
    with pytest.raises(InputError, match="cannot read D"):
        identify_policy(graph, "Y", "X", "D")
    with pytest.raises(InputError, match="must differ"):
        identify_policy(graph, "Y", "X", "Y")
    with pytest.raises(NotIdentified, match="tie X to Y"):
        identify_policy(Graph.parse("X -> Y; X <-> Y"), "Y", "X", "X")
    with pytest.raises(NotIdentified):
        identify_policy(Graph.parse("X -> Y; X <-> Y"), "Y", "X")
    found = identify_policy(graph, "Y", "X", "W")
    table = np.full((2, 2, 2, 2), 1 / 16)
    with pytest.raises(InputError, match="shape"):
        found.evaluate(table, graph.names, [0.5, 0.5])
    with pytest.raises(InputError, match="must sum to 1"):
        found.evaluate(table, graph.names, [[0.5, 0.4], [0.5, 0.5]])
    holed = table.copy()
    holed[0, 1] = 0
    holed /= holed.sum()
    with pytest.raises(Overlap):
        found.evaluate(holed, graph.names, np.full((2, 2), 0.5))
    kept = found.evaluate(holed, graph.names, [[1, 0], [0.5, 0.5]])
    assert kept.sum() == pytest.approx(1)
