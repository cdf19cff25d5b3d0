"""What a stranger's tables must get: honest sentences, advice in options, early refusals."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from rung.cli.console import in_options
from rung.cli.main import app


def run(*args: object) -> tuple[int, str, str]:
    result = CliRunner().invoke(app, [str(a) for a in args])
    return result.exit_code, result.stdout, result.stderr


@pytest.fixture(scope="module")
def wages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A lottery, a confounder, a mediator; the total effect of school on wage is 0.92."""
    rng = np.random.default_rng(5)
    wealth, lottery = rng.normal(size=(2, 700))
    school = 0.8 * lottery + 0.7 * wealth + rng.normal(size=700)
    skill = 0.6 * school + rng.normal(size=700)
    wage = 0.5 * school + 0.7 * skill + 0.9 * wealth + rng.normal(size=700)
    table = {"lottery": lottery, "wealth": wealth, "school": school, "skill": skill, "wage": wage}
    path = tmp_path_factory.mktemp("stranger") / "wages.csv"
    pd.DataFrame(table).to_csv(path, index=False)
    return path


GRAPH = ("lottery -> school; wealth -> school; wealth -> wage; school -> skill; skill -> wage; "
         "school -> wage")  # fmt: skip
ASK = ("-t", "school", "-y", "wage", "--treated", 1, "--control", 0)


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Age with the code -99; the campaign doubles the odds, and more, of buying."""
    rng = np.random.default_rng(6)
    age = rng.normal(45, 12, 600).round()
    mail = (rng.random(600) < 1 / (1 + np.exp(-0.02 * (age - 45)))).astype(int)
    buys = rng.random(600) < 1 / (1 + np.exp(-(0.03 * (age - 45) + 1.2 * mail - 0.5)))
    age[::40] = -99
    path = tmp_path_factory.mktemp("shop") / "shop.csv"
    frame = {"age": age, "mail": np.array(["no", "yes"])[mail], "buys": np.where(buys, "yes", "no")}
    pd.DataFrame(frame).to_csv(path, index=False)
    return path


def test_adjusting_for_a_mediator_is_the_first_threat_with_path_and_both_numbers(
    wages: Path,
) -> None:
    code, text, _ = run("analyse", wages, *ASK, "--graph", GRAPH, "--adjust", "wealth,skill",
                        "--json")  # fmt: skip
    found = json.loads(text)
    threat = found["headline"]["threats"][0]
    assert code == 0
    assert threat["title"] == "Your adjustment set"
    assert "school -> skill -> wage" in threat["text"]
    yours, graphs = map(float, re.findall(r"gives ([\d.]+), .* is ([\d.]+)$", threat["text"])[0])
    assert yours == pytest.approx(0.5, abs=0.2)
    assert graphs == pytest.approx(0.92, abs=0.3)
    assert "trust the effect section" not in found["whatif"]["text"]
    assert found["design"]["rows"] == []  # nothing is undecided in the user's graph
    assert "do(school = 1)" in {row["do"] for row in found["whatif"]["rows"]}


def test_an_odds_ratio_multiplies_the_odds_and_codes_are_said(shop: Path) -> None:
    graph = "age -> mail -> buys; age -> buys"
    code, text, _ = run("analyse", shop, "-t", "mail", "-y", "buys", "--graph", graph,
                        "--scale", "odds ratio", "--json")  # fmt: skip
    found = json.loads(text)
    effect, sentence = found["effect"], found["headline"]["sentence"]
    assert code == 0
    assert effect["low"] < np.exp(1.1) < effect["high"]
    assert "would multiply the odds of buys = yes by " in sentence
    assert any("-99" in t["text"] and "--code age=-99" in t["text"]
               for t in found["headline"]["threats"])  # fmt: skip


def test_a_graph_without_question_is_not_called_a_finding(wages: Path) -> None:
    code, text, _ = run("analyse", wages, "--graph", GRAPH)
    assert code == 0
    assert text.startswith("Your graph has 6 edges among 5 variables")
    assert "search found" not in text


def test_not_identified_is_a_sentence_and_exit_3(wages: Path, tmp_path: Path) -> None:
    out = tmp_path / "r.html"
    code, text, _ = run("analyse", wages, *ASK, "--graph", "school -> wage; school <-> wage",
                        "-o", out)  # fmt: skip
    assert code == 3
    assert out.stat().st_size > 10_000
    assert text.startswith("The effect of school on wage is not identified")


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--whatif", "nope = 1"), "nope"),
        (("--whatif", "school"), "no intervention"),
        (("--rows", "3,700", "--show-rows"), "rows are numbered 0 to 699"),
    ],
)
def test_what_ifs_that_cannot_be_are_refused(
    wages: Path, options: tuple[str, ...], said: str
) -> None:
    code, _, error = run("analyse", wages, *ASK, "--graph", GRAPH, *options)
    assert code == 2
    assert said in error


def test_quotes_that_belong_to_a_name_stay(tmp_path: Path) -> None:
    rng = np.random.default_rng(7)
    x = rng.integers(0, 2, 300)
    path = tmp_path / "q.csv"
    table = {'dose "mg"': np.array(["<i>no</i>", 'a "so"'])[x], "y": x + rng.normal(size=300)}
    pd.DataFrame(table).to_csv(path, index=False)
    code, text, _ = run("whatif", path, "--do", 'dose "mg"=a "so"', "--draws", 3, "--json")
    assert code == 0
    assert 'dose "mg"' in json.loads(text)["rows"][0]["do"]


def test_one_row_is_named(tmp_path: Path) -> None:
    path = tmp_path / "one.csv"
    path.write_text("a,b\n1,2\n")
    code, _, error = run("analyse", path, "-t", "a", "-y", "b")
    assert code == 2
    assert "1 row" in error


def test_advice_is_given_in_options() -> None:
    said = in_options("Keep one: data.drop(['a 2', \"it's\"]). treated='x': no row")
    assert in_options("others with treated= and control=") == "others with --treated and --control "
    assert said == "Keep one: --drop \"a 2,it's\". --treated 'x': no row"


def test_a_reader_that_leaves_is_no_error(shop: Path) -> None:
    command = f"'{sys.executable}' -m rung profile '{shop}' | true; echo ${{PIPESTATUS[0]}}"
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=False)
    assert done.stdout.strip() == "0"
    assert "Traceback" not in done.stderr


def test_advice_already_taken_and_repeats_are_not_shown(tmp_path: Path) -> None:
    rng = np.random.default_rng(8)
    person = np.repeat(rng.normal(size=80), 4)
    x = person + rng.normal(size=320)
    table = pd.DataFrame({"who": np.repeat([f"p{i}" for i in range(80)], 4), "x": x,
                          "y": x + person + rng.normal(size=320)})  # fmt: skip
    table.loc[::20, "x"] = np.nan
    path = tmp_path / "visits.csv"
    table.to_csv(path, index=False)
    code, text, _ = run("analyse", path, "-t", "x", "-y", "y", "--graph", "x -> y", "--unit", "who",
                        "--missing", "complete-cases", "--json")  # fmt: skip
    assert code == 0
    found = json.loads(text)
    texts = [w["text"] for w in found["data"]["warnings"]]
    assert len(texts) == len(set(texts))
    assert not any("declare a policy" in t for t in texts)
    assert re.search(r"\. Compare ", found["methods"])
