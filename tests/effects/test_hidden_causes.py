"""Effects on MAGs and PAGs: generalised adjustment, or a refusal that names the edge."""

from __future__ import annotations

import numpy as np
import pytest

import rung
from rung.core.discovery import Discovery
from rung.core.errors import NotIdentified
from rung.effects.candidates import candidates

SLOPE = 0.7
DAG = rung.Graph.parse("a -> x; b -> x; c -> x; c -> y; x -> y; h -> b; h -> z; y -> z")


def table(seed: int = 0, n: int = 3000) -> rung.Data:
    rng = np.random.default_rng(seed)
    a, c, h = rng.normal(size=(3, n))
    b = h + rng.normal(size=n)
    x = a + b + c + rng.normal(size=n)
    y = SLOPE * x + 2 * c + rng.normal(size=n)
    z = y + h + rng.normal(size=n)
    return rung.read({"a": a, "b": b, "c": c, "x": x, "y": y, "z": z})


ATE = rung.ATE("x", "y", treated=1.0, control=0.0)


def test_pag_answers_where_the_arrow_is_visible():
    shown = rung.graphs.pag(DAG, "h")
    assert shown.has_edge("c", "x", "o->")
    found = rung.effect(shown, table(), ATE)
    assert found.estimand.adjust == ("c",)
    assert found.interval[0] < SLOPE < found.interval[1]
    assert abs(found.value - SLOPE) < 0.1
    hidden = next(a for a in found.assumptions if a.name == "no hidden common cause")
    assert "the graph leaves room for" in hidden.statement


def test_zero_where_no_path_can_be_causal():
    shown = rung.graphs.pag(DAG, "h")
    found = rung.effect(shown, table(), rung.ATE("y", "a"))
    assert found.value == 0.0


def test_refusals_say_which_edge_stands_in_the_way():
    shown = rung.graphs.pag(DAG, "h")
    with pytest.raises(NotIdentified, match="a o-> x may point the other way or stand for a hidd"):
        rung.effect(shown, table(), rung.ATE("a", "y"))
    pair = rung.Graph.parse("x -> y; a; b; c; z")
    assert rung.effect(pair, table(), ATE).estimand.adjust == ()
    with pytest.raises(NotIdentified, match="behind x -> y a hidden common cause may stand"):
        rung.effect(Discovery(pair, hidden_causes=True), table(), ATE)
    chosen = rung.Graph.parse("x -- a; a -- b; b -- c; c -- x; z o-> y; x o-> y")
    with pytest.raises(NotIdentified, match="rows were selected"):
        rung.effect(chosen, table(), ATE)
    ring = rung.Graph.parse("a o-o b; b o-o c; c o-o z; z o-o a; x -> y; a o-> x; c o-> x")
    with pytest.raises(NotIdentified, match="not a PAG"):
        rung.effect(ring, table(), ATE)


def test_a_search_that_allows_hidden_causes_is_read_as_a_mag():
    margin = rung.graphs.mag(DAG, "h")
    found = rung.effect(Discovery(margin, hidden_causes=True), table(), ATE)
    assert found.estimand.adjust == ("c",)
    assert abs(found.value - SLOPE) < 0.1


def test_weighted_pags_report_the_share_without_an_answer():
    good = rung.graphs.pag(DAG, "h")
    loose = rung.Graph.parse("x o-> y; a; b; c; z")
    found = rung.effect([(good, 0.75), (loose, 0.25)], table(), ATE)
    assert abs(found.value - SLOPE) < 0.1
    assert {p.value is None for p in found.parts} == {True, False}


def test_candidates_and_declared_sets_on_a_pag():
    shown = rung.graphs.pag(DAG, "h")
    found = candidates(shown, table(n=800), "y")
    names = {r["name"] for r in found.rows}
    assert "x" in names
    assert any("a o-> x" in s for s in found.skipped)
    warned = rung.effect(shown, table(n=800), rung.ATE("x", "y", adjust=("c", "z")))
    assert any("z" in w for w in warned.warnings)


def test_conditions_that_set_other_columns_are_left_out():
    data = table(n=900)
    rows = {name: np.asarray(data[name]) for name in data.names}
    rows["when"] = np.repeat(["plain", "set b", "set x"], 300)
    marked = rung.read(rows, environment="when")
    targets = np.zeros((3, len(marked.names)), dtype=bool)
    at = {e: i for i, e in enumerate(marked.environments)}
    targets[at["set b"], marked.names.index("b")] = True
    targets[at["set x"], marked.names.index("x")] = True
    from rung.effects.rows import usable

    marked = marked.replacing(targets=targets)
    kept = usable(marked, rung.graphs.pag(DAG, "h"), "x", "y", ("c",))
    assert kept.dropped == (at["set b"],)
    assert "sets b" in kept.why[0]


def test_roles_on_a_pag():
    shown = rung.graphs.pag(DAG, "h")
    found = rung.graphs.roles(shown, "x", "y")
    assert (found["x"], found["y"]) == ("treatment", "outcome")
    assert found["c"] == "undecided"  # c o-> x: c may cause x, or share a hidden cause with it
    assert found["z"] == "outcome effect"
    assert set(found) == set(shown.names)
    odd = rung.Graph.parse("a o-o b; b o-o c; c o-o z; z o-o a; x -> y")
    assert rung.graphs.roles(odd, "x", "y")["x"] == "treatment"
