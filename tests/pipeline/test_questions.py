"""Estimands by name, refusals and a second file, through the whole pipeline."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

import rung
from rung.core.errors import InputError, RungError
from rung.pipeline import analyse
from rung.pipeline.plan import Plan
from rung.pipeline.questions import ESTIMANDS, question

FRONT = "smoke -> tar -> cancer; smoke <-> cancer"


@pytest.fixture(scope="module")
def smokers(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Rows of the front-door graph; the effect of smoke on cancer is 0.28."""
    rng = np.random.default_rng(0)
    u = rng.random(3000) < 0.5
    smoke = rng.random(3000) < 0.2 + 0.5 * u
    tar = rng.random(3000) < 0.1 + 0.7 * smoke
    cancer = rng.random(3000) < 0.1 + 0.4 * tar + 0.3 * u
    path = tmp_path_factory.mktemp("q") / "smokers.csv"
    rows = np.column_stack([smoke, tar, cancer]).astype(int)
    np.savetxt(path, rows, fmt="%d", delimiter=",", header="smoke,tar,cancer", comments="")
    return path


def test_another_formula_answers_and_is_shown(smokers: Path) -> None:
    found = analyse(smokers, treatment="smoke", outcome="cancer", graph=FRONT)
    assert found.status == "answer"
    low, high = found.estimate.interval
    assert low < 0.28 < high
    page = found.html()
    assert "<math" in page
    assert "<munder>" in page


def test_backdoor_by_name_refuses_another_formula(smokers: Path) -> None:
    found = analyse(smokers, treatment="smoke", outcome="cancer", graph=FRONT, estimand="backdoor")
    assert found.status == "not identified"
    assert "estimand 'id'" in found.content["refusal"]["text"]


def test_a_refusal_shows_the_hedge(smokers: Path) -> None:
    graph = "smoke -> cancer; smoke <-> cancer; tar"
    found = analyse(smokers, treatment="smoke", outcome="cancer", graph=graph)
    assert found.status == "not identified"
    hedge = found.content["refusal"]["hedge"]
    assert {n["name"] for n in hedge["nodes"]} == {"smoke", "cancer"}
    assert hedge["core"] == ["cancer"]
    json.dumps(found.content["refusal"])
    assert "Why there is no number" in found.html()


def test_names_are_safe_in_the_formula(smokers: Path) -> None:
    data = rung.read(smokers)
    odd = rung.Data.from_matrix(
        data.values,
        variables=[rung.Variable(n, v.kind, v.levels) for n, v in
                   zip(("<b>s", "tar & feather", "c"), data.variables)],
    )  # fmt: skip
    graph = '"<b>s" -> "tar & feather" -> c; "<b>s" <-> c'
    page = analyse(odd, treatment="<b>s", outcome="c", graph=graph).html()
    assert "<b>s" not in page.split("<body>")[1].split("<script")[0]


def test_a_second_file_gives_the_root_cause(tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    for name, shift in (("before", 0.0), ("after", 1.0)):
        a = rng.normal(size=800)
        b = 0.8 * a + rng.normal(size=800) + shift
        c = 0.9 * b + rng.normal(size=800)
        rows = np.column_stack([a, b, c])
        np.savetxt(tmp_path / f"{name}.csv", rows, delimiter=",", header="a,b,c", comments="")
    found = analyse(
        tmp_path / "before.csv", treatment="b", outcome="c", graph="a -> b -> c",
        after=str(tmp_path / "after.csv"),
    )  # fmt: skip
    section = found.content["rootcause"]
    assert section["nodes"][0]["node"] == "b"
    assert section["rows"] == []
    assert "Root causes" in found.html()


@pytest.mark.parametrize("estimand", ESTIMANDS)
def test_every_estimand_makes_a_query(estimand: str) -> None:
    by = ("c",) if estimand == "cate" else ()
    through = ("m",) if estimand in ("nde", "nie") else ()
    plan = Plan(
        source="x.csv", treatment="a", outcome="b", estimand=estimand, by=by, mediators=through
    )
    assert isinstance(question(plan), rung.Query)


def test_options_that_do_not_fit_are_named() -> None:
    with pytest.raises(InputError, match="instrument goes with the estimand iv"):
        question(Plan(source="x", treatment="a", outcome="b", instrument="z"))
    with pytest.raises(InputError, match="needs mediators"):
        question(Plan(source="x", treatment="a", outcome="b", estimand="nde"))
    with pytest.raises(RungError, match="estimand"):
        Plan(source="x", treatment="a", outcome="b", estimand="everything")


def test_columns_of_a_question_must_be_there(smokers: Path) -> None:
    for field in (
        {"estimand": "iv", "instrument": "lotery"},
        {"estimand": "nie", "mediators": ("ter",)},
        {"estimand": "cate", "by": ("sex",)},
    ):
        with pytest.raises(RungError, match="unknown column"):
            analyse(smokers, treatment="smoke", outcome="cancer", graph=FRONT, **field)


def test_a_constant_column_beside_a_front_door(smokers: Path, tmp_path: Path) -> None:
    frame = rung.read(smokers).frame()
    frame["one"] = 1
    frame.to_csv(tmp_path / "c.csv", index=False)
    found = analyse(tmp_path / "c.csv", treatment="smoke", outcome="cancer", graph=FRONT)
    assert found.status == "answer"
    assert "<svg" in found.html()
