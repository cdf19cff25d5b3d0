"""Adjustment identification distances against gadjid's answers and against their definition."""

from __future__ import annotations

import json
from itertools import permutations
from pathlib import Path

import numpy as np
import pytest

from rung.core.errors import InputError
from rung.core.graph import Graph
from rung.graphs import (
    ancestor_aid,
    ancestors,
    cpdag,
    descendants,
    members,
    optimal_adjustment_set,
    oset_aid,
    parent_aid,
    shd,
    sid,
)

from . import brute

RECORD = json.loads(Path(__file__).with_name("gadjid.json").read_text(encoding="utf-8"))


def graph_of(rows: list[str]) -> Graph:
    raw = np.array([[int(c) for c in row] for row in rows])
    return Graph.from_adjacency((raw > 0) | (raw == 2).T)


def test_answers_of_gadjid():
    """gadjid 0.1.0; record_gadjid.py made the file."""
    assert len(RECORD["cases"]) == 200
    for one, two, expected in RECORD["cases"]:
        truth, found = graph_of(one), graph_of(two)
        assert not [g for g in (truth, found) if not g.is_dag() and not g.is_cpdag()]
        got = [int(f(truth, found)) for f in (parent_aid, ancestor_aid, oset_aid)]
        got.append(int(sid(truth, found)) if expected[3] is not None else None)
        assert got == expected


def effect_is(dag: Graph, t: str, y: str, z: list[str]) -> bool:
    """Whether z is an adjustment set by definition: all paths of a small DAG."""
    up = brute.proper_ancestors(dag)
    i, j = dag.index(t), dag.index(y)
    given = {dag.index(n) for n in z}
    causal = {v for v in range(dag.d) if v != i and i in up[v] and v in up[j]}
    if any(c in up[g] for g in given for c in causal):
        return False
    cut = dag
    for c in causal:
        if dag.has_edge(t, dag.names[c], "->"):
            cut = cut.without_edge(t, dag.names[c])
    return brute.separated(brute.paths(cut, i, j), up, given)


def wrong_by_definition(truth: Graph, found: Graph, kind: str) -> set[tuple[str, str]]:
    """DAGs only; which answers of `found` fail in `truth`."""
    out = set()
    for t, y in permutations(truth.names, 2):
        causes = found.parents(t) if kind == "parents" else ancestors(found, t)
        if y in causes if kind == "parents" else y not in descendants(found, t):
            if y in descendants(truth, t):
                out.add((t, y))
            continue
        z = [n for n in causes if n != t]
        if kind == "optimal":
            z = list(optimal_adjustment_set(found, t, y))
        if not effect_is(truth, t, y, z):
            out.add((t, y))
    return out


@pytest.mark.parametrize("kind", ["parents", "ancestors", "optimal"])
def test_definition_on_small_dags(kind):
    rng = np.random.default_rng(4)
    ask = {"parents": parent_aid, "ancestors": ancestor_aid, "optimal": oset_aid}[kind]
    for _ in range(60):
        d = int(rng.integers(2, 7))
        truth, found = (brute.random_dag(rng, d, rng.uniform(0.2, 0.8)) for _ in "ab")
        assert set(ask(truth, found).pairs()) == wrong_by_definition(truth, found, kind)


def test_a_class_and_its_members():
    """No alarm at itself; a member contradicts its class only where the class is undecided."""
    rng = np.random.default_rng(5)
    for _ in range(12):
        whole = cpdag(brute.random_dag(rng, 6, 0.4))
        listed = list(members(whole))
        below = [{t: set(descendants(g, t)) for t in g.names} for g in listed]
        causes = {t: {g.parents(t) for g in listed} for t in whole.names}
        for f in (parent_aid, ancestor_aid, oset_aid):
            assert f(whole, whole).count == 0
            for member in listed[:10]:
                for t, y in f(member, whole).pairs():
                    assert len({y in b[t] for b in below}) > 1 or len(causes[t]) > 1


def test_a_denser_graph_in_the_right_order_has_no_sid():
    rng = np.random.default_rng(6)
    dag = brute.random_dag(rng, 7, 0.3)
    order = dag.topological_order()
    full = Graph.from_edges(
        [(a, "->", b) for i, a in enumerate(order) for b in order[i + 1 :]], dag.names
    )
    assert sid(dag, full).count == ancestor_aid(dag, full).count == 0
    assert sid(full, dag).count > 0
    assert shd(dag, full) > 0


def test_names_order_share_and_refusals():
    truth = Graph.parse("a -> b; b -> c")
    found = Graph.parse("c -> b; b -> a")
    result = parent_aid(truth, found)
    assert result.share == result.count / 6
    assert len(result.pairs()) == int(result) == result.count
    assert "of 6 effects" in repr(result)
    turned = parent_aid(truth.reorder(["c", "a", "b"]), found.reorder(["b", "c", "a"]))
    assert set(turned.pairs()) == set(result.pairs())
    assert parent_aid(Graph.empty(["a"]), Graph.empty(["a"])).share == 0.0
    with pytest.raises(InputError, match="different nodes"):
        parent_aid(truth, Graph.parse("a -> b"))
    with pytest.raises(InputError, match="the found graph is neither"):
        oset_aid(truth, Graph.parse("a <-> b; b -> c"))
    with pytest.raises(InputError, match="the true graph is neither"):
        oset_aid(Graph.parse("a -> b -- c"), truth)
    with pytest.raises(InputError, match="not a DAG"):
        sid(truth, Graph.parse("a -- b; b -- c"))
