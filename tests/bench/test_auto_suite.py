"""The suite of the automatic choice: fixed, balanced, and its measure by hand."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from rung.bench import auto_regret as ar
from rung.bench.auto_suite import CASES, Kind, confounders
from rung.core.graph import Graph


def answer(case, method, wrong):
    return ar.Answer(case, method, wrong, 0.0, 0.1)


def test_halves_hold_the_same_types_and_as_many_real_networks():
    judged = [c for c in CASES if c.judged]
    tuned = [c for c in CASES if not c.judged]
    assert len(judged) == len(tuned) == 20
    assert Counter(c.type for c in judged) == Counter(c.type for c in tuned)
    assert sum(c.real for c in judged) == sum(c.real for c in tuned) == 10
    assert [c.number for c in CASES] == list(range(40))


@pytest.mark.parametrize("number", [6, 13, 26, 33, 39])
def test_a_case_is_the_same_whenever_it_is_drawn(number):
    case = CASES[number]
    (a, g), (b, h) = case.draw(), case.draw()
    assert a.names == b.names
    assert g == h
    for name in a.names:
        assert np.array_equal(a.column(name), b.column(name))
    assert a.n == case.n
    assert set(g.names) == set(a.names)
    kinds = {v.discrete for v in a.variables}
    assert kinds == {Kind.NUMBERS: {False}, Kind.LEVELS: {True}}.get(case.kind, {False, True})
    assert all(len(np.unique(a.column(v))) > 1 for v in a.names)


def test_hidden_variables_have_two_children():
    dag = Graph.parse("a -> b; a -> c; b -> d; c -> d; c -> e")
    assert confounders(dag, 2, np.random.default_rng(0)) == ["a", "c"]


def test_distance_by_hand():
    """The class of the truth has four edges, a --- b and d -> c <- b, c -> e."""
    truth = Graph.parse("a -- b; b -> c; d -> c; c -> e")
    assert ar.distance(truth, truth) == (0, 0)
    assert ar.distance(Graph.parse("b -> a; b -> c; d -> c; c -> e"), truth) == (0, 0)  # a member
    assert ar.distance(Graph.empty(("e", "d", "c", "b", "a")), truth) == (1, 1)
    # the arrow at c from d is gone, so nothing is oriented: 3 marks differ, no edge added or lost
    assert ar.distance(Graph.parse("a -- b; b -- c; c -- d; c -- e"), truth) == (3 / 4, 0)
    assert ar.distance(Graph.parse("a o-o b; b o-> c; d o-> c; c -> e"), truth) == (3 / 4, 0)


def test_regret_and_wins_by_hand():
    found = [
        answer(1, "auto", 0.5), answer(1, "x", 0.25), answer(1, "y", 1.0),
        answer(3, "auto", 0.0), answer(3, "x", 0.5),
        answer(5, "auto", 0.25), answer(5, "x", 0.25), answer(5, "y", 0.5),
    ]  # fmt: skip
    cases = [CASES[1], CASES[3], CASES[5]]
    rows = {r["method"]: r for r in ar.table(found, cases, 200)}
    x, y = rows["x"], rows["y"]
    assert (x["data sets"], y["data sets"]) == (3, 2)
    assert x["mean regret"] == pytest.approx((0 + 0.5 + 0) / 3)
    assert x["auto's mean regret on these"] == pytest.approx((0.25 + 0 + 0) / 3)
    assert y["mean regret"] == pytest.approx((0.75 + 0.25) / 2)
    assert y["auto's mean regret on these"] == pytest.approx(0.125)
    assert (x["auto wins"], x["ties"], x["auto loses"]) == (1, 1, 1)
    assert (y["auto wins"], y["ties"], y["auto loses"]) == (2, 0, 0)
    low, high = x["interval"]
    assert 0 <= low <= x["mean regret"] <= high <= 0.5


def test_who_refuses_is_scored_with_the_empty_graph():
    case = CASES[25]  # levels, which DirectLiNGAM refuses
    drawn = case.draw()
    got = ar.answer(case, "lingam", ar.METHODS["direct-lingam"][1](), drawn, "")
    assert got.refused
    assert got.wrong == got.skeleton == 1


def test_fixed_methods_are_remembered_and_auto_is_not(tmp_path):
    cache, cases = tmp_path / "seen.jsonl", [CASES[25]]
    first = ar.answers(cases, cache)
    lines = cache.read_text("utf-8").splitlines()
    assert len(lines) == len(first) - 1
    cache.write_text("\n".join(line.replace('"wrong": ', '"wrong": 7') for line in lines), "utf-8")
    second = {a.method: a for a in ar.answers(cases, cache)}
    assert second["auto"].wrong < 7 <= min(a.wrong for m, a in second.items() if m != "auto")


def test_methods_run_on_kinds_they_are_made_for():
    assert len(ar.METHODS) == 19
    for kinds, make in ar.METHODS.values():
        assert kinds
        assert callable(make().learn)
