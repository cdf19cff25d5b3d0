"""Instruments against Pearl's definition on every set of covariates; examples of papers."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest

from rung.core.errors import InputError, NotSupported
from rung.core.graph import Graph
from rung.graphs import descendants, m_separated
from rung.graphs.identification.instruments import (
    instruments,
    is_instrument,
    why_no_instrument,
)

from .structural import cut_graph, random_admg


def subsets(items):
    items = list(items)
    for k in range(len(items) + 1):
        yield from combinations(items, k)


def test_random_graphs_by_definition():
    """Definition 7.4.1 of Pearl (2009): the arrows into x are cut. Existence is exact."""
    rng = np.random.default_rng(1)
    known = listed = 0
    for _ in range(200):
        graph = random_admg(rng, int(rng.integers(3, 7)), rng.uniform(0.2, 0.6), 0.2)
        x, y = rng.choice(graph.names, 2, replace=False).tolist()
        cut, below = cut_graph(graph, cut=[x]), descendants(graph, x)
        slow: dict[str, set] = {}
        for z in [v for v in graph.names if v not in below and v != y]:
            for w in subsets(v for v in graph.names if v not in (z, y) and v not in below):
                good = not m_separated(graph, z, x, w) and m_separated(cut, z, y, w)
                assert is_instrument(graph, z, x, y, w) == good
                if good:
                    slow.setdefault(z, set()).add(w)
        found = instruments(graph, x, y)
        assert all(i.given in slow[i.name] for i in found)
        assert bool(found) == bool(slow)
        known += len(slow)
        listed += len(found)
    assert listed > 0.85 * known > 40


def test_conditional_instrument():
    """Brito and Pearl (2002): Z is one only given W."""
    graph = Graph.parse("W -> Z -> X -> Y; W -> Y; X <-> Y")
    assert [str(i) for i in instruments(graph, "X", "Y")] == ["Z given W"]
    (fault,) = why_no_instrument(graph, "Z", "X", "Y")
    assert fault.reason == "exclusion"
    assert "Z <- W -> Y" in fault.words


def test_instrument_with_a_collider():
    """Conditioning can make an instrument relevant: Z -> C <- X, C before both x and y."""
    graph = Graph.parse("Z -> C; U -> C; U -> X; X -> Y; X <-> Y")
    assert is_instrument(graph, "Z", "X", "Y", "C")
    assert not is_instrument(graph, "Z", "X", "Y")
    assert "U" in {i.name for i in instruments(graph, "X", "Y")}


@pytest.mark.parametrize(
    ("text", "z", "given", "reason"),
    [
        ("Z -> X -> Y; Z -> Y; X <-> Y", "Z", (), "exclusion"),
        ("Z; X -> Y; X <-> Y", "Z", (), "relevance"),
        ("Z -> X -> D; X -> Y; X <-> Y", "Z", ("D",), "affected"),
        ("X -> Z; X -> Y; X <-> Y", "Z", (), "affected"),
        ("Z -> X -> Y; X <-> Y; Z <-> Y", "Z", (), "exclusion"),
    ],
)
def test_refusals(text, z, given, reason):
    graph = Graph.parse(text)
    faults = why_no_instrument(graph, z, "X", "Y", given)
    assert reason in {f.reason for f in faults}
    assert all(str(f) for f in faults)
    assert not is_instrument(graph, z, "X", "Y", given)


def test_allowed_and_bad_questions():
    graph = Graph.parse("W -> Z -> X -> Y; W -> Y; X <-> Y")
    assert instruments(graph, "X", "Y", allowed=["Z"]) == []
    with pytest.raises(InputError, match="must differ"):
        is_instrument(graph, "X", "X", "Y")
    with pytest.raises(NotSupported, match="DAG or an ADMG"):
        instruments(Graph.parse("Z -- X; X -> Y"), "X", "Y")
