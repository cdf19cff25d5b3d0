"""The coverage evidence: its cases, its sums, and that a stopped run goes on."""

import json

import numpy as np
import pytest

from rung.bench import coverage, coverage_cases


@pytest.mark.parametrize("name", sorted(coverage_cases.GIVEN))
def test_truths_of_the_cases_by_simulation(name):
    """The mean of y under do(T) minus that under the other value, where the case is simple."""
    rng = np.random.default_rng(0)
    drawn = coverage_cases.GIVEN[name](rng)
    data = drawn.data
    assert data.n == coverage_cases.ROWS
    assert set(coverage_cases.graph().names) == set(data.names)
    assert data.clustered == (name == "clustered")
    z, t, y = data.matrix(["A", "B", "C"]), data.column("T"), data.column("Y")
    if name == "nonlinear-dose":
        design = [np.sin(t), np.abs(z[:, 0]), z[:, 1], t * z[:, 1]]
        expected = [1, 1, 1, 0.5]
    elif name == "nonlinear":
        design = [np.sin(2 * z[:, 0]), z[:, 1] ** 2, z[:, 0] * z[:, 1], np.abs(z[:, 2]), t,
                  t * z[:, 0]]  # fmt: skip
        expected = [1, 1, 0.5, 1, 1, 1]
    elif name == "binary":
        assert drawn.truth == pytest.approx(risk_difference(), abs=2e-4)
        return
    else:
        design, expected = [t, *z.T], None
    beta = np.linalg.lstsq(np.column_stack([np.ones(data.n), *design]), y, rcond=None)[0][1:]
    if expected is not None:
        assert np.allclose(beta, expected, atol=0.3)
    else:
        step = 1.0 if drawn.treated is None else drawn.treated - drawn.control
        assert beta[0] * step == pytest.approx(drawn.truth, abs=0.4)


def risk_difference():
    """z @ (1, -0.5, 0.7) is normal with variance 1.74: integrate the logistic curve over it."""
    x, w = np.polynomial.hermite_e.hermegauss(80)
    s = np.sqrt(1 + 0.25 + 0.49) * x
    chance = 1 / (1 + np.exp(-(0.5 + s))) - 1 / (1 + np.exp(-(-0.3 + s)))
    return w @ chance / w.sum()


def test_a_stopped_run_goes_on_and_sums_up(tmp_path):
    first = coverage.run("given", 1, case="linear-arms", out=tmp_path, processes=1)
    lines = (tmp_path / "coverage_given.jsonl").read_text()
    with (tmp_path / "coverage_given.jsonl").open("a") as file:
        file.write('{"case": "linear-arms", "se')  # cut by a stop
    again = coverage.run("given", 1, case="linear-arms", out=tmp_path, processes=1)
    assert again == first
    more = coverage.run("given", 2, case="linear-arms", out=tmp_path, processes=1)
    assert {r["sets"] for r in more["rows"]} == {2}
    assert (tmp_path / "coverage_given.jsonl").read_text().startswith(lines)
    assert {r["way"] for r in first["rows"]} == {
        "DoublyRobust (default)", "Regression", "Weighting",
    }  # fmt: skip
    assert json.loads((tmp_path / "coverage_given.json").read_text()) == more


def test_sums():
    rows = [
        {"case": "c", "way": "w", "truth": 0.0, "region": [[-1, 1]]},
        {"case": "c", "way": "w", "truth": 5.0, "region": [[-1, 1], [4, 7]]},
        {"case": "c", "way": "w", "truth": 3.0, "region": [[-1, 1], [4, 6]]},
        {"case": "c", "way": "w", "truth": 3.0, "refused": "why"},
    ]
    line = coverage.summarise("given", rows)["rows"][0]
    assert (line["sets"], line["answered"]) == (4, 3)
    assert line["coverage"] == pytest.approx(2 / 3)
    assert line["median_width"] == 4
    points = [["directed", 0.95, 1], ["directed", 0.95, 0], ["directed", 0.0, 0]]
    points += [["adjacent", 0.55, 1]] * 2
    found = coverage.summarise("edges", [{"points": points}])["reliability"]
    assert found["directed"]["calibration_error"] == pytest.approx(0.45)
    assert found["adjacent"]["calibration_error"] == pytest.approx(0.45)
