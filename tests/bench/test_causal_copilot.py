"""The evidence's arithmetic, by hand, and a tiny run of each part."""

from __future__ import annotations

import math

import numpy as np
import pytest

import rung
from rung.bench import causal_copilot as cc


def found(world, method, shd, f1=1.0):
    return cc.Found(world, method, shd, f1, False, 0.1)


def test_regret_by_hand():
    rows = [
        found("a", "auto", 4), found("a", "auto", 6), found("a", "x", 4), found("a", "x", 4),
        found("a", "y", 8), found("a", "y", 8),
        found("b", "auto", 0), found("b", "x", 2), found("b", "y", 0),
    ]  # fmt: skip
    regrets = {r["method"]: r for r in cc.regret_rows(cc.discovery_rows(rows))}
    assert regrets["auto"]["mean shd regret"] == pytest.approx((1 / 4 + 0) / 2)
    assert regrets["auto"]["worst type"] == "a"
    assert regrets["x"]["mean shd regret"] == pytest.approx((0 + 2) / 2)  # at least 1 below the bar
    assert regrets["y"]["mean shd regret"] == pytest.approx((1 + 0) / 2)


def test_who_refuses_sets_no_standard():
    """The empty graph has 3 errors here, the only method that answers 6."""
    rows = [found("a", "auto", 6), found("a", "x", 6), cc.Found("a", "y", 3, 0.0, True, 0.0)]
    regrets = {r["method"]: r for r in cc.regret_rows(cc.discovery_rows(rows))}
    assert {r["mean shd regret"] for r in regrets.values()} == {0}


def test_coverage_and_bias_by_hand():
    nan = float("nan")
    answers = [
        cc.Answer("c", 1.0, 1.2, 0.9, 1.5, 2.0),
        cc.Answer("c", 1.0, 1.4, 1.1, 1.7, 2.0),
        cc.Answer("c", 1.0, 1.4, 1.1, 1.7, 2.0, truth_se=0.06),
        cc.Answer("c", 1.0, nan, nan, nan, 2.0),
        cc.Answer("d", 1.0, nan, nan, nan, 2.0),
    ]
    c, d = cc.effect_rows(answers)
    assert (c["asked"], c["refused"]) == (4, 1)
    assert c["bias"] == pytest.approx(1 / 6)
    assert c["covered"] == pytest.approx(2 / 3)
    assert c["median width"] == pytest.approx(0.3)
    assert d["covered"] is None


def test_the_verdict_can_fail():
    regrets = [
        {"method": "auto", "mean shd regret": 0.1, "worst shd regret": 0.3},
        {"method": "x", "mean shd regret": 0.2, "worst shd regret": 0.9},
    ]
    good = [
        {"case": "given", "asked": 10, "refused": 0, "bias": 0.01, "covered": 0.9},
        {"case": "learned", "asked": 10, "refused": 0, "bias": 0.1, "covered": 0.8},
    ]
    assert all(v for k, v in cc.verdict(regrets, good).items() if k.startswith("holds"))
    worse = [{**regrets[0], "mean shd regret": 0.3}, regrets[1]]
    assert not cc.verdict(worse, good)["holds: regret"]
    assert not cc.verdict(regrets, [{**good[0], "covered": 0.8}, good[1]])[
        "holds: effects on a given graph"
    ]
    assert not cc.verdict(regrets, good[:1])[
        "holds: effects after discovery"
    ]  # nothing is no proof


def test_distance_by_hand():
    truth = rung.Graph.parse("a -> b -- c; d")
    shd, f1 = cc._distance(rung.Graph.parse("a -- b; c -- d"), truth)
    assert shd == 3  # one direction, one edge too few, one too many
    assert f1 == pytest.approx(1 / 2)
    assert cc._distance(truth, truth) == (0.0, 1.0)


@pytest.mark.parametrize("world", cc.WORLDS)
def test_worlds_have_cpdags_of_their_columns(world):
    data, truth = cc.WORLDS[world](0)
    assert set(truth.names) == set(data.names)
    again, _ = cc.WORLDS[world](0)
    other, _ = cc.WORLDS[world](1)
    assert data.sha256 == again.sha256 != other.sha256


@pytest.mark.parametrize("method", cc.METHODS)
def test_methods_answer_or_refuse(method):
    one = cc.search(("small sample", method, 0))
    assert one.shd >= 0
    assert 0 <= one.f1 <= 1
    if one.refused:
        assert "g2" in method or "discrete" in method


def test_an_effect_case_has_its_truth():
    answer = cc.ask(("linear, given graph", 1))
    assert math.isfinite(answer.truth)
    assert answer.low <= answer.value <= answer.high
    assert answer.low - 0.2 < answer.truth < answer.high + 0.2
    again = cc.ask(("linear, given graph", 1))
    assert np.isclose(again.value, answer.value)
