"""A climb: monotone, at the right top, in fewer steps than the plain iteration."""

from __future__ import annotations

import numpy as np
import pytest

from rung.core.budget import Budget
from rung.core.climb import climb


def slow(rate):
    """A linear step towards 1 in each direction; its height never falls along the steps."""

    def step(x):
        return 1 + rate * (x - 1), -float(((x - 1) ** 2).sum())

    return step


def test_it_ends_at_the_top_and_never_falls():
    rate = np.linspace(0.5, 0.99, 6)
    top = climb(slow(rate), np.zeros(6), tolerance=1e-14, iterations=500)
    assert top.finished
    assert top.point == pytest.approx(np.ones(6), abs=1e-4)
    assert np.diff(top.heights).min() >= 0
    assert len(top.heights) < 60  # 0.99^k < 1e-4 takes 900 plain steps


def test_an_impossible_point_is_left_for_the_plain_step():
    def step(x):
        if (x > 0.9).any():
            return x, np.nan
        return x / 2 + 0.4, -float(((x - 0.8) ** 2).sum())

    top = climb(step, np.zeros(2), tolerance=1e-12, iterations=200)
    assert top.finished
    assert top.point == pytest.approx([0.8, 0.8], abs=1e-5)


def test_it_stops_when_told():
    run = Budget().start()
    run.stop()
    top = climb(slow(np.full(3, 0.9)), np.zeros(3), tolerance=1e-12, iterations=500, run=run)
    assert not top.finished
    assert top.heights == (-3.0,)
    assert not climb(slow(np.full(3, 0.9)), np.zeros(3), tolerance=0, iterations=1).finished
