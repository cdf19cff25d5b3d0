"""The corrected test of MVPC: missingness that leaves out rows and makes wrong edges."""

from __future__ import annotations

import numpy as np
import pytest

import rung
from rung.core.errors import NotSupported
from rung.discovery.independence.corrected import CorrectedFisherZ

CORRECTED = rung.TestWise(corrected=True)


def masked(n=4000, seed=0, names="xyw"):
    """x -> w <- y, and x is missing where w is large: in the rows that are left x, y depend."""
    rng = np.random.default_rng(seed)
    x, y = rng.normal(size=(2, n))
    w = x + y + 0.5 * rng.normal(size=n)
    x = np.where(rng.random(n) < 1 / (1 + np.exp(-3 * w)), np.nan, x)
    return rung.Data.from_matrix(np.c_[x, y, w], list(names))


def test_it_undoes_the_edge_that_deletion_makes():
    data = masked()
    plain = rung.discover(data.replacing(missing=rung.TestWise()), rung.PC())
    right = rung.discover(data.replacing(missing=CORRECTED), rung.PC())
    assert "y" in plain.graph.adjacent("x")
    assert right.graph == rung.Graph.parse("x -> w <- y")
    cases = rung.discover(data.replacing(missing=rung.CompleteCases()), rung.PC())
    assert "y" in cases.graph.adjacent("x")


def test_the_causes_of_missing_cells_are_found():
    bound = CorrectedFisherZ.of(masked())
    assert bound.causes == ((2,), (), ())


def test_the_corrected_correlation_is_that_of_all_rows():
    data = masked(n=200_000)
    bound = CorrectedFisherZ.of(data)
    rows = data.matrix()
    there = ~np.isnan(rows).any(axis=1)
    assert abs(np.corrcoef(rows[there].T)[0, 1]) > 0.15  # what deletion leaves
    full, _ = bound.undone((0, 1), (2,))
    # the population is standard normal, independent; selection by w leaves x, y given w as it was
    assert np.allclose(full, np.eye(2), atol=0.03)


def test_the_corrected_test_keeps_its_level():
    values = []
    for seed in range(200):
        bound = CorrectedFisherZ.of(masked(n=500, seed=seed))
        values.append(bound.corrected(0, 1, ()) or np.nan)
    values = np.array(values)
    assert np.isfinite(values).mean() > 0.95
    # without the correction nearly all are below 0.05
    plain = [CorrectedFisherZ.of(masked(n=500, seed=s)).plain(0, 1, ()) for s in range(50)]
    assert np.mean(np.array(plain) < 0.05) > 0.9
    for level in (0.01, 0.05, 0.1):  # three standard errors of a share of 200
        slack = 3 * np.sqrt(level * (1 - level) / len(values))
        assert np.nanmean(values < level) < level + slack


def test_without_causes_it_is_the_plain_test():
    rng = np.random.default_rng(1)
    rows = rng.normal(size=(300, 4)) @ rng.normal(size=(4, 4))
    rows[rng.random(rows.shape) < 0.2] = np.nan
    data = rung.Data.from_matrix(rows)
    plain = rung.FisherZ().on(data.replacing(missing=rung.TestWise()))
    bound = CorrectedFisherZ.of(data)
    for given in ([], [2], [2, 3]):
        ours = bound.plain(0, 1, tuple(given))
        assert ours == pytest.approx(plain.pvalues([0], [1], [given])[0], rel=1e-8)


def test_other_tests_and_targets_are_refused_by_name():
    data = masked(n=200).replacing(missing=CORRECTED)
    with pytest.raises(NotSupported, match="KCI"):
        rung.discover(data, rung.PC(test=rung.KCI()))
    regimes = data.replacing(
        environment=np.arange(200) % 2, environments=("a", "b"),
        targets=np.array([[False] * 3, [True, False, False]]),
    )  # fmt: skip
    with pytest.raises(NotSupported, match="targets"):
        rung.discover(regimes, rung.PC())


def test_names_and_order_play_no_part():
    data = masked().replacing(missing=CORRECTED)
    found = rung.discover(data, rung.PC()).graph
    names = {"x": "q", "y": "a", "w": "m"}
    again = rung.discover(data.select(["w", "x", "y"]).renamed(names), rung.PC()).graph
    assert again == found.relabel(names)


def test_it_is_cited():
    found = rung.discover(masked().replacing(missing=CORRECTED), rung.PC())
    assert "tu2019" in found.cites
    assert (
        "tu2019" not in rung.discover(masked().replacing(missing=rung.TestWise()), rung.PC()).cites
    )
