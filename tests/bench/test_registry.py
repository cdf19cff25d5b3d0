"""Evidence and benchmark entries: listed, run, stored, shown."""

from __future__ import annotations

import json
import types

import numpy as np
import pytest

import rung
from rung.bench import pages, registry
from rung.core.errors import FileProblem, InputError, UnknownName


def entry(holds=True):
    def run(seeds=3):
        figures = {"mean": np.float64(1.5), "rows": [{"a": 1, "b": 2.0}, {"a": 3, "b": 4.0}]}
        return registry.Row("toy", "a claim | of a toy", figures, holds, seeds)

    return types.SimpleNamespace(NAME="toy", KIND="evidence", CLAIM="a claim | of a toy", run=run)


@pytest.fixture
def toy(monkeypatch):
    real = registry.entries
    monkeypatch.setattr(
        registry, "entries", lambda kind: {"toy": entry()} if kind == "evidence" else real(kind)
    )


def test_a_row_is_complete_and_stored(toy, tmp_path):
    row = registry.run_evidence("toy", seeds=2, results=tmp_path)
    assert set(row) >= {"name", "claim", "figures", "holds", "seeds", "versions", "seconds", "date"}
    assert row["seeds"] == 2
    assert row["versions"]["numpy"] == np.__version__
    assert row["machine"]["cores"] >= 1
    assert json.loads((tmp_path / "toy.json").read_text()) == row
    assert [p.name for p in tmp_path.iterdir()] == ["toy.json"]  # nothing half-written stays
    (listed,) = registry.list_evidence(tmp_path)
    assert listed == row


def test_an_entry_that_was_never_run_is_listed(toy, tmp_path):
    (listed,) = registry.list_evidence(tmp_path)
    assert listed["figures"] == {}
    assert listed["holds"] is None
    assert listed["date"] == ""


def test_a_run_without_results_stores_nothing(toy, tmp_path):
    before = sorted(registry.RESULTS.glob("*")) if registry.RESULTS.exists() else []
    registry.run_evidence("toy", results=None)
    after = sorted(registry.RESULTS.glob("*")) if registry.RESULTS.exists() else []
    assert before == after


def test_unknown_names_and_bad_seeds_are_refused(toy, tmp_path):
    with pytest.raises(UnknownName, match="toy"):
        registry.run_evidence("toi", results=tmp_path)
    with pytest.raises(InputError, match="seeds"):
        registry.run_evidence("toy", seeds=0, results=tmp_path)


def test_a_folder_that_cannot_be_written_is_named(toy, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(FileProblem, match="cannot write into"):  # before the work is done
        registry.run_evidence("toy", results=tmp_path / "file")
    with pytest.raises(FileProblem, match="cannot write"):
        registry.write(tmp_path / "file" / "row.json", "{}")


def test_the_pages_show_rows_and_figures(toy, tmp_path):
    text = pages.page(pages._EVIDENCE, registry.list_evidence(tmp_path), "evidence")
    assert "Not run yet: `rung evidence run toy`" in text
    registry.run_evidence("toy", results=tmp_path)
    text = pages.page(pages._EVIDENCE, registry.list_evidence(tmp_path), "evidence")
    assert "holds; 3 seeds" in text
    assert "| mean | 1.5 |" in text
    assert "| a | b |" in text
    assert "| 3 | 4 |" in text


def test_pages_are_written(tmp_path):
    assert pages.main(tmp_path) == 0
    assert "causal-copilot" in (tmp_path / "evidence.md").read_text("utf-8")
    assert (tmp_path / "benchmarks.md").exists()


def test_the_entries_of_the_package():
    evidence, benchmarks = registry.entries("evidence"), registry.entries("benchmark")
    assert "causal-copilot" in evidence
    assert "scm-speed" in benchmarks
    for name, module in {**evidence, **benchmarks}.items():
        assert name == module.NAME
        assert module.CLAIM.endswith(".")


def test_learners_and_the_reference_follow_the_exports():
    names = registry.learners()
    assert names["pc"] is rung.PC
    assert names["boss"] is rung.BOSS
    text = registry.reference()
    for name in rung.__all__:
        assert f"- `rung.{name}`: " in text
    line = next(row for row in text.splitlines() if row.startswith("- `rung.PC`"))
    assert "On the command line: pc." in line
