"""The structure benchmark: cases are what they say, tools are timed apart, figures are right."""

from __future__ import annotations

import csv
import io
import json

import numpy as np
import pytest

import rung
from rung.bench import registry, structure
from rung.bench.structure import cases, tables, targets
from rung.bench.structure.curves import curve
from rung.bench.structure.measure import Cache, Outcome, Tool, judge, summary
from rung.bench.structure.own import Own, learner_of
from rung.bench.structure.parts import Part, ours, parts
from rung.bench.structure.process import Worker
from rung.core.errors import InputError, UnknownName
from rung.simulate.graphs import Topology

TOY = """
import dataclasses, time
import rung

@dataclasses.dataclass(frozen=True)
class Empty:
    def learn(self, source, *, knowledge=None, budget=None, rng=0):
        return rung.Discovery(rung.Graph.parse("; ".join(source.names)), learner=self)

@dataclasses.dataclass(frozen=True)
class Broken:
    def learn(self, source, *, knowledge=None, budget=None, rng=0):
        raise ValueError("this one fails")

@dataclasses.dataclass(frozen=True)
class Slow:
    def learn(self, source, *, knowledge=None, budget=None, rng=0):
        time.sleep(60)
"""


@pytest.fixture
def toy(tmp_path, monkeypatch):
    (tmp_path / "toymodule.py").write_text(TOY)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.syspath_prepend(tmp_path)
    return tmp_path


def test_linear_cases_are_standardised_and_follow_their_graph():
    problem = cases.Linear(12, 20_000, against="dag").draw(3)
    np.testing.assert_allclose(problem.x.std(axis=0), 1.0)
    names, truth = list(problem.truth.names), problem.truth
    assert truth.is_dag()
    for name in names:  # regressing on the parents leaves what no non-descendant explains
        j, parents = names.index(name), [names.index(p) for p in truth.parents(name)]
        design = problem.x[:, parents]
        beta = np.linalg.lstsq(design, problem.x[:, j], rcond=None)[0]
        rest = problem.x[:, j] - design @ beta
        later = rung.graphs.descendants(truth, [name])
        before = [names.index(v) for v in names if v not in later and v != name]
        if before:
            assert np.abs(problem.x[:, before].T @ rest).max() / len(rest) < 0.03


def test_cases_are_drawn_by_seed():
    for case in (cases.Linear(15, 50), cases.Linear(15, 50, Topology.SF), cases.Pairwise(50, 2)):
        first, again, other = case.draw(0), case.draw(0), case.draw(1)
        assert first.sha256 == again.sha256 != other.sha256
        assert first.truth == again.truth


def test_no_case_or_target_is_written_twice():
    known = parts()
    for part in known.values():
        labels = [case.label for case in part.cases], [tool.label for tool in part.tools]
        assert all(len(set(found)) == len(found) for found in labels)
        texts = [t.text for t in part.targets]
        assert len(set(texts)) == len(texts)


def test_every_learner_of_the_parts_exists():
    texts = {t.options["learner"] for p in parts().values() for t in p.tools if t.name == "rung"}
    for text in texts:
        assert callable(learner_of(text).learn)


def test_learners_by_text(toy):
    assert learner_of("pc:alpha=0.2") == rung.PC(alpha=0.2)
    assert type(learner_of("toymodule:Empty")).__name__ == "Empty"
    with pytest.raises(InputError, match="module:Name"):
        learner_of("nonsense")
    with pytest.raises(InputError, match="cannot load"):
        learner_of("toymodule:Absent")


def test_a_worker_times_learns_fails_and_is_stopped(toy):
    problem = cases.Linear(6, 300).draw(0)
    with Worker(own=True) as worker:
        empty = worker.call("rung", {"learner": "toymodule:Empty"}, problem, limit=120)
        assert empty["marks"].shape == (6, 6)
        assert not empty["marks"].any()
        assert 0 <= empty["wall"] < 5
        assert empty["peak"] > 20
        failed = worker.call("rung", {"learner": "toymodule:Broken"}, problem, limit=120)
        assert failed["error"] == "ValueError: this one fails"
        stopped = worker.call("rung", {"learner": "toymodule:Slow"}, problem, limit=1)
        assert stopped == {"timeout": 1}
        again = worker.call("rung", {"learner": "pc:alpha=0.01"}, problem, limit=120)
        found = rung.discover(problem.data, rung.PC(alpha=0.01)).graph
        assert rung.Graph(problem.truth.names, again["marks"]) == found.reorder(problem.truth.names)


def test_answers_are_judged_against_the_class():
    problem = cases.Linear(8, 100).draw(1)
    dag = rung.graphs.consistent_extension(problem.truth)
    base = {"wall": 1.0, "cpu": 1.0, "peak": 1.0}
    right = judge({**base, "marks": dag.marks}, problem, 1, "cpdag")
    assert (right.shd, right.f1, right.exact) == (0.0, 1.0, True)
    nothing = judge({**base, "marks": dag.marks * 0}, problem, 1, "cpdag")
    assert nothing.shd == len(problem.truth.edges())
    assert judge({"error": "no"}, problem, 1, "cpdag").status == "no"


def test_summaries_pair_by_seed():
    case = cases.Linear(8, 100)
    ours = [
        Outcome(s, wall=1.0 + s, cpu=1.0, shd=3.0, f1=0.5, heads=0.5, exact=False)
        for s in (0, 1, 2)
    ]
    theirs = [
        Outcome(s, wall=10.0, cpu=5.0, shd=5.0, f1=0.4, heads=0.5, exact=False) for s in (0, 2)
    ]
    row = summary(case, "peer", [*theirs, Outcome(3, status="died")], ours)
    assert row["times"] == pytest.approx((10 / 1 + 10 / 3) / 2)
    assert (row["shd_more"], row["shd_more_low"], row["shd_more_high"]) == (2.0, 2.0, 2.0)
    assert row["status"] == "1 of 3 failed"
    assert summary(case, "gone", [Outcome(0, status="stopped")], ours)["status"] == "stopped"


def test_targets_read_rows():
    case, peer = cases.Linear(8, 100), Tool("peer", "flopsearch")
    mine = {str(s): {"wall": 1.0 + s, "shd": 4.0 + 2 * s, "f1": 0.9} for s in range(3)}
    theirs = {
        "0": {"wall": 12.0, "shd": 5.0, "f1": 0.8},
        "1": {"wall": 20.0, "shd": 7.0, "f1": 0.9},
    }
    rows = [
        {"case": case.label, "tool": "rung ours", "runs": 3, "wall": 2.0, "by_seed": mine},
        {
            "case": case.label,
            "tool": "peer",
            "runs": 2,
            "wall": 16.0,
            "by_seed": theirs,
            "f1": 0.85,
        },
    ]
    ours = Tool("rung ours", "rung")
    fast = targets.faster(case, ours, peer, 10.0)
    assert fast.figure(rows) == 11.0
    assert fast.holds(11.0)
    assert not fast.holds(9.9)
    assert targets.no_worse(case, ours, peer).figure(rows) == 1.0  # over seeds 0 and 1, not 2
    assert targets.best_f1(case).figure(rows) == 11.0
    quick = {k: v | {"wall": v["wall"] / 4} for k, v in theirs.items()}
    equal = {**rows[1], "tool": "quicker", "wall": 4.0, "by_seed": quick}
    assert targets.best_f1(case).figure([*rows, equal]) == 2.75  # of equals the fastest counts
    stopped = [rows[0], {"case": case.label, "tool": "peer", "runs": 0, "status": "stopped after"}]
    assert fast.figure(stopped) == 150.0
    assert targets.no_worse(case, ours, peer).figure(stopped) is None
    assert targets.nobody_ahead(case).figure(rows) == 0.0
    assert fast.figure(rows[:1]) is None
    assert targets.nobody_ahead(case).figure([]) is None


def test_two_tests_agree_where_the_peer_is_not_close_to_the_level():
    cases_ = cases.Pairwise(40, 1), cases.Pairwise(40, 1, dependent=True)
    ours, peer = Tool("rung KCI", "test"), Tool("peer", "causal-learn-kci")

    def rows(mine, theirs):
        return [
            {
                "case": case.label,
                "tool": tool.label,
                "runs": len(ps),
                "by_seed": {str(s): {"value": p} for s, p in enumerate(ps)},
            }
            for case in cases_
            for tool, ps in ((ours, mine), (peer, theirs))
        ]

    share = targets.agree(cases_, ours, peer, least=4)
    assert share.figure(rows([0.01, 0.2, 0.04], [0.01, 0.2, 0.06])) == 1.0  # 0.06 is close
    assert share.figure(rows([0.01, 0.04, 0.9], [0.01, 0.2, 0.03])) == 0.5
    assert share.figure(rows([0.01, 0.04], [0.01, 0.03])) is None
    assert share.holds(0.95)
    assert not share.holds(0.94)


def test_the_cache_keeps_slow_answers_by_data_and_settings(tmp_path):
    cache, problem = Cache(tmp_path / "kept.json"), cases.Pairwise(40, 1).draw(0)
    tool = Tool("FLOP", "flopsearch", {"restarts": 3})
    key = Cache.key(tool, problem)
    assert key != Cache.key(Tool("FLOP", "flopsearch", {"restarts": 4}), problem)
    assert key != Cache.key(tool, cases.Pairwise(40, 1).draw(1))
    cache.put(key, Outcome(0, wall=40.0, cpu=39.0, shd=2.0, f1=0.9, heads=0.9, exact=False))
    kept = Cache(tmp_path / "kept.json").get(key)
    assert (kept.wall, kept.kept) == (40.0, True)


def test_one_part_runs_with_a_learner_from_outside(toy, tmp_path, monkeypatch):
    small = structure.Part(
        "pc", "small", (cases.Linear(6, 300),), (structure.ours("rung PC", "pc:alpha=0.01"),), 2
    )
    monkeypatch.setattr(structure, "parts", lambda: {"pc": small})
    out, tex = tmp_path / "rows.csv", tmp_path / "rows.tex"
    row = registry.run_bench(
        "structure", 2, results=None, part=("pc",), extra=("toymodule:Empty", "toymodule:Broken"),
        csv=out, latex=tex,
    )  # fmt: skip
    table = {r["tool"]: r for r in row["figures"]["pc"]}
    assert set(table) == {"rung PC", "toymodule:Empty", "toymodule:Broken", "empty graph"}
    assert table["toymodule:Empty"]["SHD"] == table["empty graph"]["SHD"]
    assert "this one fails" in table["toymodule:Broken"]["status"]
    lines = out.read_text().splitlines()
    assert lines[0].startswith("# SHD")
    read = list(csv.DictReader(io.StringIO("\n".join(lines[1:]))))
    assert len(read) == 4
    assert "toprule" in tex.read_text()
    with pytest.raises(UnknownName):
        structure.run(part=("no such",))
    with pytest.raises(InputError, match="no option"):
        registry.run_bench("scm-speed", results=None, part=("pc",))


def test_own_test_gives_its_p_value():
    problem = cases.Pairwise(80, 1).draw(0)
    work = Own().ready("test", {"x": problem.x, "sizes": problem.sizes}, {"test": "FisherZ"})
    wanted = rung.FisherZ().on(problem.data).pvalues([0], [1], [[2]])[0]
    assert work() == pytest.approx(wanted)


def test_stored_parts_agree_with_their_targets():
    known = parts()
    for name, part in structure.stored().items():
        for target, stored in zip(known[name].targets, part["targets"], strict=True):
            assert target.text == stored["target"]
            figure = target.figure(part["rows"])
            assert figure == (pytest.approx(stored["figure"]) if figure is not None else None)


def test_curves_are_drawn_for_two_points_or_more():
    rows = [{"tool": "a", "d": d, "wall": d / 10} for d in (10, 100)]
    svg = curve(rows, "d", "wall", "seconds")
    assert "<path" in str(svg.text if hasattr(svg, "text") else svg)
    assert curve(rows[:1], "d", "wall", "seconds") is None
    assert json.loads(json.dumps(tables.COLUMNS))["shd"] == "SHD"


def test_tools_of_one_colour_have_other_points():
    rows = [{"tool": f"t{i}", "d": d, "wall": d * (i + 1)} for i in range(10) for d in (10, 100)]
    svg = curve(rows, "d", "wall", "seconds").text
    assert svg.count("<circle") == 8 * 3  # two points and the legend
    assert svg.count("<rect") == 2 * 3


def test_cases_run_side_by_side_through_joblib(monkeypatch, tmp_path):
    import joblib

    monkeypatch.setattr(structure, "Cache", lambda: Cache(tmp_path / "kept.json"))
    part = Part("t", "two", (cases.Linear(5, 60), cases.Linear(6, 60)), (ours("PC", "pc"),), 1)
    alone = structure.measured(part, 1)["rows"]
    with joblib.parallel_config(backend="loky", n_jobs=2):
        together = structure.measured(part, 1)["rows"]
    for a, b in zip(alone, together, strict=True):
        assert (a["case"], a["tool"], a["shd"]) == (b["case"], b["tool"], b["shd"])
