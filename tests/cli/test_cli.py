"""The command line as a stranger meets it: answers, JSON, exit codes, hostile inputs."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from rung.cli.main import app

QUICK = ["--draws", "4"]


def run(*args: object) -> tuple[int, str, str]:
    result = CliRunner().invoke(app, [str(a) for a in args])
    return result.exit_code, result.stdout, result.stderr


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Z -> X -> Y, Z -> Y, with effect 2 of X on Y."""
    rng = np.random.default_rng(0)
    z = rng.normal(size=600)
    x = z + rng.normal(size=600)
    y = 2 * x + z + rng.normal(size=600)
    path = tmp_path_factory.mktemp("cli") / "rows.csv"
    pd.DataFrame({"Z": z, "X": x, "Y": y}).to_csv(path, index=False)
    return path


def test_help_and_version_are_there() -> None:
    code, text, _ = run("--help")
    assert code == 0
    for command in ("plan", "analyse", "rerun", "profile", "discover", "effect", "whatif",
                    "design", "rootcause", "causes", "falsify", "federate", "datasets", "bench",
                    "evidence",
                    "check"):  # fmt: skip
        assert command in text
        assert run(command, "--help")[0] == 0
    assert run("--version")[1].startswith("rung 0.")


def test_effect_on_a_given_graph_finds_the_truth(table: Path) -> None:
    code, text, _ = run("effect", table, "-t", "X", "-y", "Y", "--graph", "Z -> X -> Y; Z -> Y",
                        "--treated", 1, "--control", 0, "--json")  # fmt: skip
    assert code == 0
    found = json.loads(text)
    assert found["low"] < 2.0 < found["high"]
    assert abs(found["value"] - 2.0) < 0.25
    assert found["adjustment"] == ["Z"]
    assert len(found["assumptions"]) == 9


def test_analyse_writes_a_report_that_reruns_to_the_same_numbers(
    table: Path, tmp_path: Path
) -> None:
    report = tmp_path / "report.html"
    code, text, _ = run("analyse", table, "-t", "X", "-y", "Y", "--graph", "Z -> X -> Y; Z -> Y",
                        "-o", report, "--figures", tmp_path / "figures", "--whatif", "X = 1",
                        *QUICK)  # fmt: skip
    assert code == 0
    assert "your graph" in text
    assert (tmp_path / "graph.dot").read_text().startswith("digraph")
    assert list((tmp_path / "figures").glob("*.svg"))
    assert list((tmp_path / "figures").glob("*.csv"))
    code, text, _ = run("rerun", report)
    assert (code, "same numbers" in text) == (0, True)
    changed = pd.read_csv(table)
    changed["Y"] += changed["X"]
    changed.to_csv(tmp_path / "changed.csv", index=False)
    code, text, _ = run("rerun", report, "--data", tmp_path / "changed.csv")
    assert code == 4
    assert "effect.value" in text
    assert "The data differ" in text


def test_json_is_the_same_content_as_the_report(table: Path) -> None:
    code, text, _ = run("analyse", table, "--outcome", "Y", "--json", *QUICK)
    assert code == 0
    content = json.loads(text)
    assert content["headline"]["standing"] == "exploratory"
    assert {r["name"] for r in content["candidates"]["rows"]} <= {"X", "Z"}
    assert "effect" not in content
    code, text, _ = run("analyse", table, "--json", *QUICK)
    assert json.loads(text)["headline"]["standing"] == "graph only"


def test_a_plan_is_written_edited_and_run(table: Path, tmp_path: Path) -> None:
    plan = tmp_path / "analysis.toml"
    assert run("plan", table, "-o", plan, "-t", "X", "-y", "Y")[0] == 0
    code, _, said = run("plan", table, "-o", plan)
    assert (code, "--force" in said) == (2, True)
    text = plan.read_text().replace("draws = 100", "draws = 3")
    plan.write_text(text.replace("# adjust = ", 'adjust = ["Z"]'))
    code, out, _ = run("analyse", plan, "--json")
    assert code == 0
    assert json.loads(out)["plan"]["adjust"] == ["Z"]


def test_whatif_for_a_row_keeps_what_is_not_downstream(table: Path) -> None:
    code, text, _ = run("whatif", table, "--do", "X=1", "--row", 3, "--graph",
                        "Z -> X -> Y; Z -> Y", "--json")  # fmt: skip
    assert code == 0
    rows = {r["variable"]: r for r in json.loads(text)["rows"]}
    assert set(rows) == {"X", "Y"}
    truth = pd.read_csv(table).iloc[3]
    expected = truth["Y"] + 2 * (1 - truth["X"])
    assert abs(rows["Y"]["counterfactual"] - expected) < 0.5
    assert rows["Y"]["low"] <= rows["Y"]["counterfactual"] <= rows["Y"]["high"]


def test_discover_obeys_knowledge_and_design_ranks(table: Path) -> None:
    code, text, _ = run("discover", table, "--tiers", "Z < X < Y", "--json")
    assert code == 0
    assert [tuple(e) for e in json.loads(text)["edges"]] == [
        ("Z", "-->", "X"), ("Z", "-->", "Y"), ("X", "-->", "Y"),
    ]  # fmt: skip
    assert json.loads(text)["left_out"] == {}
    wider = table.with_name("wider.csv")
    pd.read_csv(table).assign(same=1).to_csv(wider, index=False)
    assert "  same: left out: it is constant" in run("discover", wider)[1]
    code, text, _ = run("design", table, *QUICK, "--json")
    assert code == 0
    assert json.loads(text)["rows"]


def test_profile_datasets_and_developer_lists() -> None:
    assert json.loads(run("profile", "nsw", "--json")[1])["n"] == 445
    names = [row["name"] for row in json.loads(run("datasets", "--json")[1])]
    assert {"sachs", "asia", "alarm", "nsw", "ihdp"} <= set(names)
    assert isinstance(json.loads(run("evidence", "list", "--json")[1]), list)
    assert isinstance(json.loads(run("bench", "list", "--json")[1]), list)


HOSTILE = [
    (["analyse", "nowhere.csv"], 2, "no file"),
    (["analyse", "{csv}", "-t", "X", "-y", "X"], 2, "both 'X'"),
    (["analyse", "{csv}", "-t", "X"], 2, "without an outcome"),
    (["analyse", "{csv}", "-t", "Xx", "-y", "Y"], 2, "nearest: 'X'"),
    (["analyse", "{csv}", "--graph", "X -> Q", "-t", "X", "-y", "Y"], 2, "'Q'"),
    (["analyse", "{csv}", "--graph", "missing.dot", "-t", "X", "-y", "Y"], 2, "no such file"),
    (["analyse", "{csv}", "--graph", "X -> Z -> Y -> X", "-t", "X", "-y", "Y"], 2, "cycl"),
    (["analyse", "{csv}", "--learner", "pcc"], 2, "nearest: 'pc'"),
    (["analyse", "{csv}", "--learner", "pc:alpah=1"], 2, "alpah"),
    (["analyse", "{csv}", "--scale", "rato", "-t", "X", "-y", "Y"], 2, "'ratio'"),
    (["analyse", "{csv}", "--require", "X -> Y", "--forbid", "X -> Y"], 2, "both required"),
    (["analyse", "{csv}", "--rows", "one"], 2, "numbers"),
    (["analyse", "{csv}", "--kind", "X=colour"], 2, "colour"),
    (["analyse", "{csv}", "-o", "{dir}", "--draws", "2"], 2, "folder"),
    (["analyse", "{csv}", "-o", "/dev/full", "--draws", "2"], 2, "disk is full"),
    (["whatif", "{csv}", "--do", "X"], 2, "no intervention"),
    (["whatif", "{csv}", "--do", "X=1", "--row", "99999"], 2, "rows are numbered"),
    (["whatif", "{csv}", "--do", "X=tall"], 2, "not a number"),
    (["rerun", "{csv}"], 2, "report"),
    (["check", "rung:Nothing"], 2, "no 'Nothing'"),
    (["check", "nothing"], 2, "module:Name"),
    (["effect", "{csv}", "-t", "X", "-y", "Y", "--graph", "X -> Y; X <-> Y"], 3, "not identified"),
]


@pytest.mark.parametrize(("args", "code", "says"), HOSTILE, ids=lambda v: str(v)[:60])
def test_hostile_inputs_get_a_clear_error(
    args: list[str], code: int, says: str, table: Path, tmp_path: Path
) -> None:
    found, _, said = run(*[a.format(csv=table, dir=tmp_path) for a in args])
    assert said.startswith("rung: ")
    assert says in said
    assert "Traceback" not in said
    assert found == code


def test_names_with_html_quotes_and_emoji_go_through(tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    names = ["<script>alert(1)</script>", 'a "quoted", name', "größe 🎈", "Y; drop"]
    base = rng.normal(size=300)
    frame = pd.DataFrame({name: base + rng.normal(size=300) for name in names})
    frame.to_csv(tmp_path / "odd.csv", index=False)
    report = tmp_path / "odd.html"
    code, _, said = run("analyse", tmp_path / "odd.csv", "-t", names[0], "-y", names[3],
                        "-o", report, *QUICK)  # fmt: skip
    assert code in (0, 3), said
    assert "<script>alert(1)" not in report.read_text(encoding="utf-8")
    assert run("rerun", report)[0] == 0


def test_missing_cells_need_a_policy_and_get_one(tmp_path: Path, table: Path) -> None:
    frame = pd.read_csv(table)
    frame.loc[frame.index % 7 == 0, "X"] = np.nan
    frame.to_csv(tmp_path / "holes.csv", index=False)
    code, _, said = run("analyse", tmp_path / "holes.csv", *QUICK)
    assert (code, "complete-cases" in said) == (2, True)
    code, text, _ = run("analyse", tmp_path / "holes.csv", "--missing", "complete-cases",
                        "--json", *QUICK)  # fmt: skip
    assert code == 0
    content = json.loads(text)
    assert content["data"]["n_used"] == int(frame.notna().all(axis=1).sum())
    assert "left out" in content["data"]["policy"]


def test_a_time_limit_gives_a_partial_answer(tmp_path: Path) -> None:
    rng = np.random.default_rng(2)
    wide = pd.DataFrame(rng.normal(size=(400, 60)), columns=[f"v{i}" for i in range(60)])
    wide.to_csv(tmp_path / "wide.csv", index=False)
    code, text, _ = run("analyse", tmp_path / "wide.csv", "--seconds", "0.3", "--draws", "5000",
                        "--json")  # fmt: skip
    assert code == 4
    assert json.loads(text)["discovery"]["complete"] is False


def test_ctrl_c_ends_with_130_and_leaves_the_old_report(tmp_path: Path) -> None:
    rng = np.random.default_rng(3)
    wide = pd.DataFrame(rng.normal(size=(500, 40)), columns=[f"v{i}" for i in range(40)])
    wide.to_csv(tmp_path / "wide.csv", index=False)
    report = tmp_path / "report.html"
    report.write_text("the old report")
    command = [sys.executable, "-m", "rung", "analyse", str(tmp_path / "wide.csv"),
               "--draws", "100000", "-o", str(report)]  # fmt: skip
    # A job in the background inherits SIGINT as ignored; the command must see it as on a terminal.
    process = subprocess.Popen(
        command,
        stderr=subprocess.PIPE,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    try:
        time.sleep(6)
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=30)
    finally:
        process.kill()
    assert process.returncode == 130
    assert b"interrupted" in said
    assert report.read_text() == "the old report"


def test_rows_that_depend_are_refused_until_somebody_says_how(tmp_path: Path) -> None:
    rng = np.random.default_rng(4)
    unit = np.repeat(np.arange(60), 8)
    shared = rng.normal(size=60)[unit]
    x = shared + 0.3 * rng.normal(size=480)
    y = x + rng.normal(size=60)[unit] + 0.3 * rng.normal(size=480)
    pd.DataFrame({"patient_id": unit, "X": x, "Y": y}).to_csv(tmp_path / "rows.csv", index=False)
    ask = ["effect", tmp_path / "rows.csv", "-t", "X", "-y", "Y", "--graph", "X -> Y"]
    code, _, said = run(*ask)
    assert (code, "--unit patient_id" in said) == (2, True)
    widths = []
    for declared in ("patient_id", "none"):
        code, text, said = run(*ask, "--unit", declared, "--json")
        assert code == 0, said
        found = json.loads(text)
        widths.append(found["high"] - found["low"])
    assert widths[0] > 1.5 * widths[1]  # clustered errors are wider than those of free rows


def test_how_a_file_is_written_can_be_declared_in_the_plan(tmp_path: Path) -> None:
    rows = ["day;a;b"] + [f"{i % 28 + 1:02d}/02/2024;{i},5;{-99 if i % 9 == 0 else i % 7}"
                          for i in range(60)]  # fmt: skip
    (tmp_path / "rows.csv").write_text("\n".join(rows))
    (tmp_path / "p.toml").write_text(
        'source = "rows.csv"\nmissing = "complete-cases"\nunit = "none"\ndraws = 0\n'
        'read = { decimal = ",", dates = { day = "%d/%m/%Y" } }\ncodes = { b = -99 }\n'
    )
    code, text, said = run("analyse", tmp_path / "p.toml", "--json")
    assert code == 0, said
    content = json.loads(text)
    assert content["data"]["n_used"] == 53
    (tmp_path / "bad.toml").write_text('source = "rows.csv"\nread = { decimals = "," }\n')
    code, _, said = run("analyse", tmp_path / "bad.toml")
    assert (code, "decimal" in said) == (2, True)


def test_ctrl_c_while_it_loads_is_quiet(tmp_path: Path) -> None:
    code = (
        "import sys, types\n"
        "class Slow:\n"
        "    def find_spec(self, name, *_):\n"
        "        if name == 'rung.cli':\n"
        "            raise KeyboardInterrupt\n"
        "sys.meta_path.insert(0, Slow())\n"
        "from rung.__main__ import main\n"
        "main()\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (130, "rung: interrupted\n")
