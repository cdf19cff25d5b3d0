"""`rung rootcause` as a stranger meets it."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from rung.cli.main import app
from rung.cli.rootcause import measure_of
from rung.core.errors import InputError

GRAPH = "site -> load; load -> delay; cache -> delay"


def run(*args: object) -> tuple[int, str, str]:
    result = CliRunner().invoke(app, [str(a) for a in args])
    return result.exit_code, result.stdout, result.stderr


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """The cache slows down by 2; row 0 of the first file has an odd load."""
    folder = tmp_path_factory.mktemp("root")
    out = []
    for k, step in enumerate((0.0, 2.0)):
        rng = np.random.default_rng(k)
        n = 400
        site = rng.choice(["north", "south"], n)
        load = rng.normal(size=n) + (site == "north")
        if not k:
            load[0] = 9.0
        cache = rng.normal(size=n) + step
        delay = load + cache + 0.3 * rng.normal(size=n)
        path = folder / f"{k}.csv"
        pd.DataFrame({"site": site, "load": load, "cache": cache, "delay": delay}).to_csv(
            path, index=False
        )
        out.append(path)
    return out[0], out[1]


def test_what_changed_between_two_files(files: tuple[Path, Path]) -> None:
    before, after = files
    code, text, _ = run("rootcause", before, "--after", after, "-y", "delay", "--graph", GRAPH,
                        "--json")  # fmt: skip
    assert code == 0
    found = json.loads(text)
    assert found["nodes"][0]["node"] == "cache"
    assert found["nodes"][0]["low"] < 2.0 < found["nodes"][0]["high"]
    assert found["standing"] == "your graph"
    code, text, _ = run("rootcause", before, "--after", after, "--graph", GRAPH)
    assert code == 0
    assert "mechanisms found to change: cache" in text


def test_why_a_row_is_odd(files: tuple[Path, Path]) -> None:
    code, text, _ = run("rootcause", files[0], "--row", 0, "-y", "delay", "--graph", GRAPH)
    assert code == 0
    assert "load contributes most" in text
    assert "if the graph is right" in text


def test_wrong_input_has_exit_code_2_and_says_what_to_do(files: tuple[Path, Path]) -> None:
    before, after = files
    cases = [
        ((), "--after"),
        (("--after", after, "--row", 0), "either"),
        (("--row", 0), "outcome"),
        (("--row", 4000, "-y", "delay"), "4000"),
        (("--row", 0, "-y", "dealy"), "delay"),
        (("--after", after, "-y", "delay", "--measure", "median"), "quantile"),
        (("--after", "nowhere.csv", "-y", "delay"), "nowhere"),
        (("--after", after, "-y", "delay", "--measure", "share:1"), "levels"),
    ]
    for extra, words in cases:
        code, _, problem = run("rootcause", before, "--graph", GRAPH, *extra)
        assert code == 2, extra
        assert words in problem


def test_measures_have_names() -> None:
    assert measure_of("quantile:0.9").q == 0.9
    assert measure_of("share:south").level == "south"
    assert measure_of("mean").words == "change of the mean"
    for text in ("quantile:x", "mean:2", "share"):
        with pytest.raises(InputError, match="--measure"):
            measure_of(text)
