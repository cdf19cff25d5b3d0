"""`rung causes` and `rung falsify`: answers, JSON, errors in words."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from rung.cli.main import app


def run(*args: object) -> tuple[int, str, str]:
    result = CliRunner().invoke(app, [str(a) for a in args])
    return result.exit_code, result.stdout, result.stderr


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Z -> X -> Y, with an odd name and a constant."""
    rng = np.random.default_rng(0)
    z = rng.normal(size=400)
    x = z + rng.normal(size=400)
    y = x + rng.normal(size=400)
    path = tmp_path_factory.mktemp("cli") / "rows.csv"
    pd.DataFrame({"Z, cm": z, "X": x, "Y": y, "one": 1}).to_csv(path, index=False)
    return path


def test_causes_are_named_and_what_was_left_out_is_said(table: Path) -> None:
    code, text, _ = run("causes", table, "-y", "Y")
    assert code == 0
    assert "X: explains" in text
    assert "one: left out" in text
    found = json.loads(run("causes", table, "-y", "Y", "--correct", "holm", "--json")[1])
    assert found["causes"] == ["X"]
    assert found["control"] == "Holm"
    assert {c["name"] for c in found["columns"]} == {"X", "Z, cm"}


def test_a_graph_is_held_against_the_rows(table: Path) -> None:
    code, text, _ = run("falsify", table, "--graph", '"Z, cm" -> X; Y')
    assert code == 0
    assert "try adding X -> Y" in text
    found = json.loads(run("falsify", table, "--graph", '"Z, cm" -> X -> Y', "--json")[1])
    assert found["failing"] == []
    assert found["tests"] == 1
    assert run("falsify", table, "--graph", "X -> Y <- H", "--test", "partial-rank")[0] == 0


def test_mistakes_are_named(table: Path) -> None:
    for args, word in (
        (("causes", table, "-y", "y"), "nearest"),
        (("causes", table, "-y", "Y", "--correct", "fdr"), "unknown correction"),
        (("causes", table, "-y", "one"), "constant"),
        (("causes", table), "--outcome"),
        (("falsify", table), "--graph"),
        (("falsify", table, "--graph", "nothing.txt"), "no such file"),
        (("falsify", table, "--graph", "X -> one -> Y"), "constant"),
        (("falsify", table, "--graph", "A -> B"), "at least 2"),
        (("falsify", table, "--graph", "X -> Y", "--test", "magic"), "unknown test"),
    ):
        code, _, error = run(*args)
        assert code == 2, args
        assert word in error, (args, error)


def test_a_plan_is_read_by_both(table: Path, tmp_path: Path) -> None:
    plan = tmp_path / "plan.toml"
    assert run("plan", table, "-o", plan)[0] == 0
    code, text, _ = run("falsify", plan, "--graph", '"Z, cm" -> X -> Y')
    assert code == 0
    assert "implied independences" in text
    assert run("causes", plan, "-y", "Y")[0] == 0
