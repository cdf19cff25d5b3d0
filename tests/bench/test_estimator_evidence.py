"""Pieces of the evidence on estimators, on few rows."""

import numpy as np
import pytest

from rung import datasets
from rung.bench import estimators_coverage as coverage
from rung.bench.effects.tables import against, on_table


def test_summary_counts_what_covers():
    rows = [{"a": [0.1, -0.1, 0.3]}, {"a": [-0.3, -0.5, -0.1]}]
    found = coverage.summary(rows)["a"]
    assert found["bias"] == pytest.approx(-0.1)
    assert found["rmse"] == pytest.approx(np.sqrt(0.05))
    assert found["half width"] == pytest.approx(0.2)
    assert found["coverage"] == 0.5
    assert against({"a": [[0.1, -0.1, 0.3, 1.0]]})["a"]["coverage"] == 1.0


def test_a_refusal_is_kept_and_fails_the_claim(monkeypatch, tmp_path):
    from rung.core.errors import InputError

    def one(case, seed):
        if case == "curve":
            raise InputError("no rows")
        return {"way": [0.0, -1.0, 1.0]}

    monkeypatch.setattr(coverage, "one", one)
    row = coverage.run(2, folder=str(tmp_path))
    assert row.holds is False
    assert row.figures["refused"] == ["curve, seed 0: no rows", "curve, seed 1: no rows"]


def test_every_way_of_a_case_answers_and_truths_are_known():
    assert coverage.truths()["curve at 0"] == pytest.approx(np.sqrt(2 / np.pi))
    assert coverage.truths()["treated"] == pytest.approx(1.2, abs=0.1)
    row = coverage.one("nonlinear arms, treated", 9001)
    assert set(row) == set(coverage.ARMS["nonlinear arms, treated"][2])
    assert all(low < value < high for value, low, high in row.values())


def test_a_table_is_answered_by_every_estimator_on_the_same_problem():
    said = on_table(datasets.load("nsw"), "treat", "re78", forced=True)
    assert not said.refused
    assert said.population == "all"
    for value, low, high, seconds in said.answers.values():
        assert low < 1794 < high
        assert low < value < high
        assert seconds > 0
