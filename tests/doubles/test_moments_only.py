"""Double 5: a Source with Moments and nothing else."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pytest

import rung
from rung.core.source import Source


@dataclass(frozen=True, eq=False)
class Stream(Source):
    """Batches were seen once and are gone; their moments were added up."""

    summary: rung.Moments

    def see(self, batch):
        return replace(self, summary=self.summary + batch.moments())

    @property
    def variables(self):
        return self.summary.variables

    @property
    def n(self):
        return self.summary.n

    def select(self, names):
        return replace(self, summary=self.summary.select(names))

    def signature(self, name):
        return self.summary.signature(name)

    def moments(self, basis=None, *, asker="this method"):
        return self.summary.moments(basis, asker=asker)


GRAPH = rung.Graph.parse("A -> B -> D <- C; A -> E")


@pytest.fixture(scope="module")
def data():
    rng = np.random.default_rng(8)
    a, c, *noise = rng.normal(size=(5, 900))
    b = a + noise[0]
    d = b + c + noise[1]
    e = -a + noise[2]
    return rung.Data.from_matrix(np.column_stack([a, b, c, d, e]), "ABCDE")


@pytest.fixture(scope="module")
def stream(data):
    out = Stream(data[:100].moments())
    for begin in range(100, 900, 200):
        out = out.see(data[begin : begin + 200])
    return out


@pytest.mark.parametrize("name", ["PC", "BOSS"])
def test_discovery_needs_no_rows(data, stream, name):
    learner = {"PC": lambda: rung.PC(test=rung.FisherZ()), "BOSS": lambda: rung.BOSS()}[name]()
    found = rung.discover(stream, learner)
    assert found.graph == rung.discover(data, learner).graph
    assert found.graph == rung.graphs.cpdag(GRAPH)


def test_moments_themselves_are_a_source(data, stream):
    learner = rung.BOSS()
    assert rung.discover(data.moments(), learner).graph == rung.discover(stream, learner).graph


def test_auto_chooses_what_moments_can_answer(stream):
    found = rung.discover(stream)
    assert found.graph == rung.graphs.cpdag(GRAPH)
    assert any("moments" in note.lower() for note in found.notes)


def test_who_needs_rows_is_named(stream):
    with pytest.raises(rung.core.errors.NeedsRows, match=r"DegenerateGaussian|features"):
        rung.discover(stream, rung.PC(test=rung.DegenerateGaussian()))
    with pytest.raises(rung.core.errors.NeedsRows, match="G2"):
        rung.discover(stream, rung.PC(test=rung.G2()))


def test_fit_from_moments_is_the_fit_from_rows(data, stream):
    here = rung.fit(GRAPH, data, mechanisms=rung.LinearGaussian())
    there = rung.fit(GRAPH, stream, mechanisms=rung.LinearGaussian())
    moved = [rung.counterfactual(m, data[:5], A=1.0)["D"] for m in (here, there)]
    assert np.allclose(*moved)


def test_what_cannot_be_fitted_without_rows_is_refused_by_name(stream):
    with pytest.raises(rung.core.errors.NeedsRows, match="SplineAdditive"):
        rung.fit(GRAPH, stream, mechanisms=rung.SplineAdditive())


def test_design_needs_moments_only(stream):
    plan = rung.design(rung.graphs.cpdag(GRAPH), stream, query=rung.ATE("A", "D"))
    assert {row.targets[0] for row in plan.best} <= {"A", "B", "E"}


def test_the_source_keeps_its_contract(stream):
    report = rung.check(stream)
    assert report.passed, report
