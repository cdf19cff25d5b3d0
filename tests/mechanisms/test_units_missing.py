"""Counterfactuals of units with missing cells: closed forms, enumeration, refusals."""

from __future__ import annotations

import numpy as np
import pytest

import rung
from rung.core.errors import InputError, MissingCells
from rung.core.result import lock
from rung.mechanisms.imputation import implied
from rung.simulate import LinearSCM, MixedSCM

GRAPH = rung.Graph.parse("z -> t; z -> y; t -> y")


def without(data: rung.Data, row: int, name: str) -> rung.Data:
    column = np.array(data.column(name))
    column[row] = np.nan
    return data.with_column(data.variable(name), lock(column))


def linear() -> rung.SCM:
    return LinearSCM(graph=GRAPH).scm(np.random.default_rng(0))


def test_the_interval_is_that_of_the_missing_noise():
    """z is unseen: Y_{t=0} = y - b t in each world, whatever z is, so it stays exact; with t
    unseen Y_{t=0} = y - b t has the conditional law of t given z and y."""
    scm = linear()
    unit = scm.sample(1, seed=3)
    many = unit.take(np.zeros(400, dtype=int))
    slope = scm.mechanisms["y"].predictor
    b = dict(zip([p.name for p in slope.parents], slope.effects, strict=True))["t"][0, 0]
    exact = rung.counterfactual(scm, unit, t=0.0)["y"][0]
    hidden = many.with_column(many.variable("z"), lock(np.full(400, np.nan)))
    found = rung.counterfactual(scm, hidden.replacing(missing=rung.EM()), t=0.0)
    assert np.allclose(found.columns["y"], exact, atol=1e-6)

    gone = many.with_column(many.variable("t"), lock(np.full(400, np.nan)))
    found = rung.counterfactual(scm, gone.replacing(missing=rung.EM()), t=0.0)
    mean, s = implied(scm)
    names = scm.graph.names
    i, o = names.index("t"), [names.index("z"), names.index("y")]
    gain = s[i, o] @ np.linalg.inv(s[np.ix_(o, o)])
    at = mean[i] + gain @ (unit.matrix(["z", "y"])[0] - mean[o])
    sd = np.sqrt(s[i, i] - gain @ s[o, i])
    draws = unit.column("y")[0] - found.columns["y"].ravel()  # b t
    assert draws.mean() / b == pytest.approx(at, abs=4 * sd / np.sqrt(draws.size))
    assert draws.std() / abs(b) == pytest.approx(sd, rel=0.03)
    assert "EM" in found.notes[0]
    assert "note: " in repr(found)


def test_intervals_cover_the_truth_of_units_that_were_seen():
    """95% intervals of Y_{t=0}, t missing in 400 units: coverage within 3 binomial errors."""
    scm = linear()
    full = scm.sample(400, seed=1)
    truth = rung.counterfactual(scm, full, t=0.0)["y"]
    gone = full.with_column(full.variable("t"), lock(np.full(400, np.nan)))
    low, high = rung.counterfactual(scm, gone.replacing(missing=rung.EM()), t=0.0).interval()["y"]
    inside = ((low <= truth) & (truth <= high)).mean()
    assert 0.95 - 0.06 < inside < 0.95 + 0.033  # 40 draws: the ends are order statistics


@pytest.mark.parametrize("structure", ["dag", "class"])
def test_complete_units_answer_as_before_and_observed_cells_stay(structure):
    scm = MixedSCM(4, 2.0).scm(np.random.default_rng(2))
    full = scm.sample(200, seed=0)
    graph = scm.graph if structure == "dag" else rung.graphs.cpdag(scm.graph)
    model = rung.fit(graph, full)
    units = full.take(np.arange(6))
    name = scm.graph.names[0]
    some = without(units, 2, name).replacing(missing=rung.EM())
    found = rung.counterfactual(model, some)
    for v in full.variables:
        rows = [i for i in range(6) if not (i == 2 and v.name == name)]
        for draw in found.columns[v.name]:
            assert np.array_equal(draw[rows], units.column(v.name)[rows])
    assert np.isfinite(found.columns[name]).all()


def test_without_em_units_with_missing_cells_are_refused_by_name():
    scm = linear()
    units = without(without(scm.sample(5, seed=0), 3, "t"), 4, "y")
    for policy in (None, rung.CompleteCases(), rung.TestWise()):
        with pytest.raises(MissingCells, match=r"unit 3 has no value of 't' \(2 cells are missing"):
            rung.counterfactual(scm, units.replacing(missing=policy), t=0.0)
    infinite = units.take([0]).with_column(units.variable("z"), np.array([np.inf]))
    with pytest.raises(InputError, match="1 cells are infinite, the first in row 0, column 'z'"):
        rung.counterfactual(scm, infinite, t=0.0)
