"""`rung analyse images/ --factors labels.csv` as a stranger meets it."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from rung.cli.main import app
from rung.report.html import extract
from tests.pipeline.pictures_support import folder, world


def run(*args: object) -> tuple[int, str, str]:
    result = CliRunner().invoke(app, [str(a) for a in args])
    return result.exit_code, result.stdout, result.stderr


@pytest.fixture
def pictures(tmp_path: Path) -> tuple[Path, Path]:
    return folder(tmp_path, world(n=70))


def test_folder_trains_a_model_and_writes_a_report(pictures, tmp_path: Path) -> None:
    """A few seconds allow a few steps of training: the answer says that it is partial."""
    images, labels = pictures
    report = tmp_path / "report.html"
    code, text, said = run("analyse", images, "--factors", labels, "--graph", "light -> shadow",
                           "--seconds", 3, "-o", report, "--model",
                           "causal-diff-ae:sampling=4")  # fmt: skip
    assert code == 4, said
    assert "set a factor, the CausalDiffAE of 70 pictures and their 2 factors" in text
    assert "partial: training: the budget allowed" in text
    assert f"report: {report}" in text
    html = report.read_text("utf-8")
    inside = extract(html)
    assert inside["model"]["name"] == "CausalDiffAE"
    assert [b["title"] for b in inside["grid"]["blocks"]] == ["as it is", "light", "shadow"]
    assert {r["key"] for r in inside["soundness"]} == {
        "composition", "effectiveness", "reversibility", "minimality",
    }  # fmt: skip
    assert len(inside["laws"]) == 6
    assert "labels of the factors fix the labelled latents" in inside["identifiability"]["theorem"]
    assert (tmp_path / "graph.dot").read_text().startswith("digraph")
    code, _, said = run("rerun", report)
    assert code == 2
    assert f"rung analyse {images} --factors {labels}" in said


def test_npz_as_json(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from tests.pipeline.pictures_support import spec

    monkeypatch.setattr("rung.pipeline.picture_models.causal",
                        lambda structure, unlabelled: spec())  # fmt: skip
    data = world(n=60)
    np.savez(tmp_path / "p.npz", images=data["image"], light=data["light"], shadow=data["shadow"])
    code, text, said = run("analyse", tmp_path / "p.npz", "--graph", "light -> shadow",
                           "--seconds", 2, "--json", "--figures", tmp_path / "f")  # fmt: skip
    assert code == 0, said
    assert json.loads(text)["data"]["n"] == 60
    assert (tmp_path / "f" / "grid-light.png").exists()


HOSTILE = [
    (["analyse", "{dir}/imagess", "--factors", "{csv}"], "nearest: 'images'"),
    (["analyse", "{images}", "--factors", "{dir}/lables.csv"], "nearest: 'labels.csv'"),
    (["analyse", "{images}", "--factors", "{csv}", "-t", "light"], "question about the columns"),
    (["analyse", "{images}", "--factors", "{csv}", "--model", "cdae"], "unknown model of pictures"),
    (["analyse", "{images}", "--factors", "{csv}", "--size", "2"], "from 4 to 4096"),
    (["analyse", "{csv}", "--size", "28"], "size is for pictures"),
    (["analyse", "{csv}", "--factors", "{csv}"], "factors= goes with pictures"),
    (["plan", "{images}", "-o", "{dir}/plan.toml"], "rung analyse makes a report of them"),
    (["profile", "{images}"], "rung analyse makes a report of them"),
]


@pytest.mark.parametrize(("args", "says"), HOSTILE, ids=lambda v: str(v)[:50])
def test_hostile_inputs_get_a_clear_error(args, says, pictures, tmp_path: Path) -> None:
    images, labels = pictures
    code, _, said = run(*[a.format(dir=tmp_path, images=images, csv=labels) for a in args])
    assert said.startswith("rung: ")
    assert says in said
    assert "Traceback" not in said
    assert code == 2


def test_broken_picture_is_named(pictures) -> None:
    images, labels = pictures
    (images / "7.png").write_bytes((images / "7.png").read_bytes()[:60])
    code, _, said = run("analyse", images, "--factors", labels)
    assert code == 2
    assert f"{images / '7.png'} cannot be read as a picture" in said


def test_help_says_how_to_begin_with_pictures() -> None:
    code, text, _ = run("analyse", "--help")
    assert code == 0
    assert "--factors" in text
    assert "rung analyse images/ --factors labels.csv -o report.html" in " ".join(text.split())
