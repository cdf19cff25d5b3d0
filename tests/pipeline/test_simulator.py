"""The page's do(): exact where it says so, checked against long simulations and path sums."""

from __future__ import annotations

import numpy as np
import pytest

import rung
from rung.pipeline.simulator import simulator

GRAPH = rung.Graph.parse("Z -> X -> Y; Z -> Y")


def test_linear_answers_are_sums_over_paths() -> None:
    rng = np.random.default_rng(0)
    z = rng.normal(size=4000)
    x = 2 * z + rng.normal(size=4000)
    y = 3 * x - z + 1 + rng.normal(size=4000)
    data = rung.Data.from_matrix(np.column_stack([z, x, y]), ["Z", "X", "Y"])
    model = rung.fit(GRAPH, data, mechanisms=rung.LinearGaussian())
    page = simulator(model, data, 0, data.names)
    assert page["exact"]
    grid = page["variables"][0]["grid"]
    slope = np.diff(page["effects"]["Z"]["Y"]) / np.diff(grid)
    np.testing.assert_allclose(slope, slope[0], rtol=1e-9)
    design = np.column_stack([np.ones(4000), x, z])
    on_x, on_z = np.linalg.lstsq(design, y, rcond=None)[0][1:]
    x_on_z = np.polyfit(z, x, 1)[0]
    assert slope[0] == pytest.approx(on_x * x_on_z + on_z, rel=1e-6)
    assert page["effects"]["Y"] == {}


def test_tables_are_summed_over_states() -> None:
    data = rung.datasets.load("asia", n=3000, seed=1)
    truth = rung.datasets.truth("asia")
    model = rung.fit(truth, data)
    page = simulator(model, data, 0, data.names)
    assert page["exact"]
    assert page["kind"] == "grid"
    for name, other in (("smoke", "dysp"), ("lung", "xray")):
        many = [
            rung.do(model, {name: level}).sample(200_000, seed=0).column(other).mean()
            for level in data.variable(name).levels
        ]
        np.testing.assert_allclose(page["effects"][name][other], many, atol=0.005)


def test_other_models_are_simulated_and_say_so() -> None:
    rng = np.random.default_rng(2)
    x = rng.normal(size=500)
    data = rung.Data.from_matrix(np.column_stack([x, x**2 + rng.normal(size=500)]), ["X", "Y"])
    model = rung.fit(rung.Graph.parse("X -> Y"), data, mechanisms=rung.SplineAdditive())
    page = simulator(model, data, 0, data.names)
    assert not page["exact"]
    assert "simulated" in page["note"]
    middle = page["effects"]["X"]["Y"]
    assert middle[0] > middle[4] + 1
