"""Sensitivity formulas against the worked examples of the papers."""

import numpy as np
import pytest

from rung.core.errors import InputError
from rung.effects import sensitivity
from tests.effects.helpers import problem

# Darfur, directly harmed: Cinelli and Hazlett (2020, JRSS B 82:39-67), table 1 and section 5
ESTIMATE, SE, DF = 0.09732, 0.02326, 783


def test_robustness_value_of_darfur():
    t = ESTIMATE / SE
    assert t == pytest.approx(4.18, abs=0.005)
    assert sensitivity.partial_r2(t, DF) == pytest.approx(0.022, abs=0.0005)
    assert sensitivity.robustness_value(t, DF) == pytest.approx(0.139, abs=0.0005)
    assert sensitivity.robustness_value(t, DF, alpha=0.05) == pytest.approx(0.076, abs=0.0005)


def test_robustness_value_is_where_the_estimate_becomes_zero():
    t = ESTIMATE / SE
    value = sensitivity.robustness_value(t, DF)
    moved, _ = sensitivity.adjusted(ESTIMATE, SE, DF, value, value)
    assert moved == pytest.approx(0, abs=1e-12)


def test_benchmarks_of_darfur():
    """A hidden cause once to three times as strong as being female, table 1 of the paper."""
    r2_treatment, r2_outcome = sensitivity.benchmark(0.00908, 0.10903)
    assert r2_treatment == pytest.approx(0.0092, abs=0.0001)
    assert r2_outcome == pytest.approx(0.125, abs=0.001)
    moved, se = sensitivity.adjusted(ESTIMATE, SE, DF, r2_treatment, r2_outcome)
    assert moved == pytest.approx(0.075, abs=0.0005)
    assert se == pytest.approx(0.022, abs=0.0005)
    third = sensitivity.benchmark(0.00908, 0.10903, 3, 3)
    moved, _ = sensitivity.adjusted(ESTIMATE, SE, DF, *third)
    assert moved == pytest.approx(0.030, abs=0.0007)


def test_bias_formula_is_exact_for_an_omitted_column():
    """Leaving a column out of OLS: the formula gives back the coefficient with it."""
    rng = np.random.default_rng(0)
    n = 400
    x, u = rng.normal(size=(2, n))
    t = x + 0.8 * u + rng.normal(size=n)
    y = t + x + 1.2 * u + rng.normal(size=n)
    fit = sensitivity.linear(problem(x, t, y, discrete=False, arms=[0.0, 1.0]))
    full = np.column_stack([np.ones(n), x, t, u])
    with_u = np.linalg.lstsq(full, y, rcond=None)[0]

    def left(columns, target):
        return target - columns @ np.linalg.lstsq(columns, target, rcond=None)[0]

    r2_t = np.corrcoef(left(full[:, :2], u), left(full[:, :2], t))[0, 1] ** 2
    r2_y = np.corrcoef(left(full[:, :3], u), left(full[:, :3], y))[0, 1] ** 2
    moved, se = sensitivity.adjusted(fit.estimate, fit.se, fit.df, r2_t, r2_y)
    assert moved == pytest.approx(with_u[2], rel=1e-8)
    e = y - full @ with_u
    exact = np.sqrt(e @ e / (n - 4) * np.linalg.inv(full.T @ full)[2, 2])
    assert se == pytest.approx(exact, rel=1e-8)


def test_e_value_of_the_paper():
    """Maternal smoking, VanderWeele and Ding (2017): RR 3.9 (1.8 to 8.7) gives 7.26 and 3.0."""
    point, bound = sensitivity.e_value(3.9, 1.8)
    assert point == pytest.approx(7.26, abs=0.005)
    assert bound == pytest.approx(3.0, abs=0.005)
    assert sensitivity.e_value(1 / 3.9)[0] == pytest.approx(7.26, abs=0.005)
    assert sensitivity.e_value(1.5, 0.9)[1] == 1.0


def test_bad_input():
    with pytest.raises(InputError):
        sensitivity.robustness_value(2.0, 1)
    with pytest.raises(InputError):
        sensitivity.e_value(-1.0)
