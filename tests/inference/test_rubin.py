"""Rubin's rules against the formulas by hand and against simulation."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from rung.core.errors import InputError
from rung.inference.rubin import pool


def test_a_worked_case_by_hand():
    """Values 1, 2, 3 with variance 1: W = 1, B = 1, T = 1 + 4/3, lambda = 4/7."""
    found = pool([[1.0], [2.0], [3.0]], np.ones((3, 1, 1)), freedom=20)
    assert found.values[0] == 2.0
    assert found.covariance[0, 0] == pytest.approx(7 / 3)
    old = 2 / (4 / 7) ** 2
    seen = 21 / 23 * 20 * (3 / 7)
    df = old * seen / (old + seen)
    assert found.freedom[0] == pytest.approx(df)
    r = 4 / 3
    assert found.fraction[0] == pytest.approx((r + 2 / (df + 3)) / (1 + r))


def test_nothing_missing_leaves_the_answer_as_it_was():
    found = pool(np.full((5, 2), 3.0), np.tile(np.diag([1.0, 4.0]), (5, 1, 1)))
    assert np.array_equal(found.covariance, np.diag([1.0, 4.0]))
    assert (found.freedom > 1e6).all()
    assert (found.fraction == 0).all()


@pytest.mark.parametrize(("m", "share"), [(10, 0.3), (20, 0.3), (20, 0.5)])
def test_intervals_cover_where_the_normal_theory_holds(m, share):
    """Q_hat ~ N(0, U), imputed values ~ N(Q_hat, B): 95% within 1.5 points over 4000 draws.

    With very few tables Student's t is an approximation (93.4% for 3 tables and half missing).
    """
    rng = np.random.default_rng(m)
    u, b = 1.0, share / (1 - share)
    hits = 0
    for _ in range(4000):
        # the observed-data estimate has variance U + B; the tables scatter about it with B
        centre = rng.normal(scale=np.sqrt(u + b))
        values = centre + rng.normal(scale=np.sqrt(b), size=(m, 1))
        found = pool(values, np.full((m, 1, 1), u))
        half = stats.t.ppf(0.975, found.freedom[0]) * np.sqrt(found.covariance[0, 0])
        hits += abs(found.values[0]) <= half
    assert hits / 4000 == pytest.approx(0.95, abs=0.015)


def test_what_cannot_be_pooled_is_named():
    with pytest.raises(InputError, match="at least 2"):
        pool([[1.0]], [[[1.0]]])
    with pytest.raises(InputError, match="shape"):
        pool([1.0, 2.0], [1.0, 2.0])
    with pytest.raises(InputError, match="freedom"):
        pool([[1.0], [2.0]], np.ones((2, 1, 1)), freedom=0)
