"""Sentences and formulas that the report shows."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from rung.effects.refutation import _shuffled
from rung.pipeline.imagine import said
from rung.pipeline.sections import _formula, number
from rung.pipeline.words import leads, threats
from rung.report.glossary import mark_terms


def test_formulas_join_terms_by_their_signs() -> None:
    about = {"kind": "linear", "intercept": 86.0, "coefficients": {"PKA": -0.00243, "Raf": 1830.0}}
    assert _formula("Akt", about) == "Akt = 86.0 - 0.00243 PKA + 1,830 Raf + noise"
    alone = {"kind": "table", "parents": []}
    assert "nothing" not in _formula("Akt", alone)


def test_numbers_have_no_exponent_where_that_reads_well() -> None:
    assert [number(x) for x in (1830.0, 0.0123, -7.0, 0.0)] == ["1,830", "0.0123", "-7.00", "0"]


def test_whole_values_of_interventions_have_no_decimals() -> None:
    from rung.core.intervention import Do

    assert said([Do("x", 1.0), Do("y", 1.05)]) == "do(x = 1), do(y = 1.05)"


def test_the_verb_do_of_english_is_not_explained() -> None:
    assert "tooltip" not in mark_terms("The data and the graph do not say.", set())
    assert "tooltip" in mark_terms("under do(x = 1)", set())
    assert "tooltip" in mark_terms("Do", set())


def test_leading_candidates_are_named() -> None:
    rows = [{"name": "a", "low": 0.1, "high": 2.0}, {"name": "b", "low": -1.0, "high": 1.0}]
    assert leads(rows, "y", 300) == (
        "Candidate causes of y, exploratory: of 2 candidates, first a, b (n = 300); the "
        "simultaneous interval excludes no effect for a."
    )
    assert "includes no effect for every one" in leads(rows[1:], "y", 300)


@pytest.mark.parametrize(
    ("scale", "value", "parts", "share"),
    [("difference", 0.0, (0.0, 0.0, 0.3), "33%"), ("ratio", 1.5, (1.5, 1.0, 0.5), "67%"),
     ("ratio", 1.5, (1.4, 1.6, 1.5), "1.40 to 1.60")],
)  # fmt: skip
def test_share_of_graphs_that_disagree_is_counted_from_no_effect(
    scale: str, value: float, parts: tuple[float, ...], share: str
) -> None:
    graphs = tuple(SimpleNamespace(weight=1.0, value=p) for p in parts)
    estimate: Any = SimpleNamespace(
        refutations=(), parts=graphs, value=value, interval=(np.nan, np.nan), diagnostics={},
        effective_n=np.nan, n=10, assumptions=(), se=np.nan, warnings=(),
        query=SimpleNamespace(scale=scale),
    )  # fmt: skip
    data = SimpleNamespace(n=10, names=(), has_missing=False)
    raw = SimpleNamespace(n=10, origin=SimpleNamespace(decisions=(), suspicions=()))
    prepared: Any = SimpleNamespace(
        data=data, raw=raw, dependence=SimpleNamespace(kind="independent"), policy=""
    )
    found: Any = SimpleNamespace(discovery=object(), standing="learned graph")
    from unittest.mock import patch

    with patch("rung.pipeline.words.suspicions", return_value=[]):
        shown = {t["title"]: t["figure"] for t in threats(estimate, found, prepared)}
    assert shown["A different graph"] == share


def test_placebo_leaves_no_unit_its_own_level_of_treatment() -> None:
    rng = np.random.default_rng(0)
    groups = np.repeat(np.arange(300), 4)
    t = (rng.random(1200) < np.repeat(rng.random(300), 4)).astype(float)
    problem: Any = SimpleNamespace(groups=groups, t=t, n=1200)
    shuffled = _shuffled(problem, rng)
    assert sorted(shuffled) == sorted(t)
    means = t.reshape(300, 4).mean(axis=1), shuffled.reshape(300, 4).mean(axis=1)
    assert abs(np.corrcoef(*means)[0, 1]) < 0.2  # sd of an independent correlation: 0.058
    assert sorted(means[0]) == sorted(means[1])  # whole blocks: the clustering of t is kept
