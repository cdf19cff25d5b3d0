"""The worlds, measures and verdict of the cd-nod evidence."""

from __future__ import annotations

import numpy as np
import pytest

import rung
from rung.bench import cd_nod
from rung.bench.cd_nod_worlds import world
from rung.bench.kept import Kept


@pytest.mark.parametrize("kind", ["time", "environments"])
def test_worlds_are_what_they_say(kind):
    drawn = world(kind, 20, 500, 3)
    assert len(drawn.drifts) == 8
    np.testing.assert_allclose(drawn.data.values.std(axis=0), 1.0)
    again = world(kind, 20, 500, 3)
    np.testing.assert_array_equal(drawn.data.values, again.data.values)
    assert (drawn.data.time is None) == (kind == "environments")
    if kind == "environments":
        for drift in drawn.drifts.values():
            assert len(np.unique(drift)) == 10
    else:
        steps = [np.abs(np.diff(drift)).max() for drift in drawn.drifts.values()]
        assert max(steps) < 0.1  # smooth


def test_measures_and_answers():
    assert cd_nod.f1({"a", "b"}, {"b", "c"}) == 0.5
    assert cd_nod.f1(set(), set()) == 1.0
    truth = rung.Graph.parse("a -> b -> c")
    assert cd_nod.accuracy(truth, rung.Graph.parse("a -> b -- c")) == [
        pytest.approx(2 / 3),
        1.0,
        1.0,
    ]
    drawn = world("environments", 8, 200, 0)
    graph = drawn.graph
    with_c = rung.Graph.from_edges(
        [*graph.edges(), *(("C", "-->", v) for v in drawn.drifts)], [*graph.names, "C"]
    )
    assert cd_nod.answers(drawn, with_c) == {"changing": 1.0, "skeleton": 1.0}


def test_the_verdict_can_fail():
    def row(setting, low, correlation):
        return {
            "setting": setting,
            "changing f1 above naming all": [0.2, 0.1, 0.3],
            "cd-nod less pc": {"directed f1": [0.1, low, 0.2]},
            "driving force correlation": [correlation, 0.8, 1.0],
        }

    fast = [{"test": "kci", "times faster": 30.0}]
    good = cd_nod.verdict([row("time, 8", 0.05, 0.95), row("environments, 8", 0.05, 0.5)], fast)
    assert all(good.values())
    for rows, speeds in (
        ([row("time, 8", -0.01, 0.95)], fast),
        ([row("time, 8", 0.05, 0.85)], fast),
        ([row("time, 8", 0.05, 0.95)], [{"test": "kci", "times faster": 19.0}]),
        ([row("time, 8", 0.05, 0.95)], [{"test": "kci"}]),  # the other tool was not there
    ):
        assert not all(cd_nod.verdict(rows, speeds).values())


def test_an_entry_runs_and_goes_on_where_it_was(monkeypatch, tmp_path):
    monkeypatch.setattr(cd_nod, "SETTINGS", (("environments", 4, 200),))
    monkeypatch.setattr(cd_nod, "SPEEDS", ())
    file = tmp_path / "progress.jsonl"
    row = cd_nod.run(2, progress=file)
    assert row.figures["settings"][0]["driving forces"] >= 1
    assert len(file.read_text().splitlines()) == 2

    def never(*_):
        raise AssertionError("made again")

    monkeypatch.setattr(cd_nod, "one", never)
    assert cd_nod.run(2, progress=file).figures == row.figures


def test_a_half_written_line_is_made_again(tmp_path):
    file = tmp_path / "kept.jsonl"
    Kept(file).get("a", lambda: 1)
    file.write_text(file.read_text() + '["b", 2')
    kept = Kept(file)
    assert kept.get("a", lambda: 3) == 1
    assert kept.get("b", lambda: 4) == 4
