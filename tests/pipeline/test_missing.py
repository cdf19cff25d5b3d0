"""A file with holes and two sites: the report says the policy and what complete cases would say."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import rung


@pytest.fixture(scope="module")
def sites(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """1000 rows of two sites; older people have more holes, 20% of the cells in all."""
    rng = np.random.default_rng(5)
    n = 1000
    south = np.repeat([0.0, 1.0], n // 2)
    age = rng.normal(50, 10, n) + 3 * south
    dose = 0.05 * age + 0.8 * south + rng.normal(size=n)
    pressure = 120 + 0.4 * age - 3 * dose + rng.normal(0, 4, n)
    score = 0.1 * pressure - dose + 0.02 * age + rng.normal(size=n)
    frame = pd.DataFrame({"age": age, "dose": dose, "pressure": pressure, "score": score})
    often = 1 / (1 + np.exp(-(age - 55) / 6))
    for name in ("dose", "pressure", "score"):
        frame.loc[rng.random(n) < 0.27 * often / often.mean(), name] = np.nan
    frame["site"] = np.where(south == 1, "south", "north")
    where = tmp_path_factory.mktemp("sites") / "sites.csv"
    frame.to_csv(where, index=False)
    return where


GRAPH = (
    "age -> dose; age -> pressure; age -> score; dose -> pressure; pressure -> score; dose -> score"
)
PLAN = {"treatment": "dose", "outcome": "score", "environment": "site", "draws": 0}
TRUTH = -1.3  # -1 directly, 0.1 * -3 through the pressure


@pytest.mark.parametrize("policy", ["complete-cases", "test-wise", "em"])
def test_the_report_says_policy_assumption_and_difference(sites: Path, policy: str) -> None:
    made = rung.analyse(sites, missing=policy, **PLAN)
    section = made.content["missing"]
    assert section["policy"] == policy
    assert "assumes" in section["statement"]
    assert section["share"] == pytest.approx(0.2, abs=0.02)
    assert [s["name"] for s in section["sites"]] == ["north", "south"]
    assert section["sites"][1]["share"] > section["sites"][0]["share"]
    page = re.sub(r"<[^>]+>", "", made.html())
    assert "What complete cases would have said" in page
    assert f"Policy: {policy}" in page
    if policy != "complete-cases":
        assert "rows are complete" in section["compared"]["text"]
        assert "graph" in section["compared"]["text"]


def test_em_uses_every_row_of_a_given_graph(sites: Path) -> None:
    made = rung.analyse(sites, missing="em", graph=GRAPH, **PLAN)
    here, whole = made.content["missing"]["compared"]["effect"]
    assert whole["n"] < 600
    assert here["n"] == 1000
    step = np.diff(made.estimate.diagnostics["contrast_values"])[0]
    low, high = sorted((made.estimate.interval[0] / -step, made.estimate.interval[1] / -step))
    assert low < TRUTH < high
    assert "Rubin" in made.estimate.method


def test_a_file_without_holes_has_no_such_section(sites: Path) -> None:
    whole = pd.read_csv(sites).dropna()
    made = rung.analyse(whole, **{**PLAN, "unit": "none"})
    assert made.content["missing"] is None
    assert "What complete cases" not in made.html()


def test_no_complete_row_is_said(sites: Path) -> None:
    frame = pd.read_csv(sites)
    for k, name in enumerate(("age", "dose", "pressure", "score")):
        frame.loc[frame.index % 4 == k, name] = np.nan
    made = rung.analyse(frame, missing="em", **{**PLAN, "unit": "none"})
    assert "No row is complete" in made.content["missing"]["compared"]["text"]


def test_a_small_site_and_the_ends_of_few_rows_are_withheld(tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    x = rng.normal(size=60)
    frame = pd.DataFrame({"x": x, "y": x + rng.normal(size=60), "k": rng.normal(size=60)})
    frame = frame.mask(rng.random(frame.shape) < [0.7, 0.7, 0.0]).round(3)
    frame["site"] = ["big"] * 57 + ["small"] * 3
    frame.to_csv(tmp_path / "few.csv", index=False)
    made = rung.analyse(
        tmp_path / "few.csv", treatment="x", outcome="y", environment="site", missing="em", draws=0
    )
    page = made.html()
    section = re.sub(r"<[^>]+>", " ", page[page.index('<section id="missing"') :])
    section = section[: section.index("The data")]
    assert "small" in section
    assert "withheld" in section
    few = frame.dropna()
    assert 0 < len(few) < 10
    ends = [f"{v:g}" for v in (few["x"].min(), few["x"].max(), few["y"].min(), few["y"].max())]
    assert [end for end in ends if end in section] == []
