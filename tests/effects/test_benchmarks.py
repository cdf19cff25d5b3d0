"""Shipped data with a known answer: a trial, and simulated outcomes on real covariates."""

import numpy as np
import pytest

import rung


def test_the_experiment_of_nsw():
    """185 trained and 260 not: a difference of 1794.34 dollars (Dehejia and Wahba 1999)."""
    data = rung.datasets.load("nsw")
    e = rung.effect(rung.Graph.parse("treat -> re78"), data, rung.ATE("treat", "re78"))
    assert e.value == pytest.approx(1794.34, abs=0.01)
    y, t = data.column("re78"), data.column("treat")
    welch = np.sqrt(y[t == 1].var(ddof=1) / 185 + y[t == 0].var(ddof=1) / 260)
    assert e.se == pytest.approx(welch, rel=0.01)
    assert "US dollars" in e.units
    covariates = [name for name in data.names if name not in ("treat", "re78")]
    adjusted = rung.effect(None, data, rung.ATE("treat", "re78", adjust=tuple(covariates)))
    assert adjusted.value == pytest.approx(1794, abs=500)
    assert adjusted.interval[0] < 1794.34 < adjusted.interval[1]


def test_survey_controls_of_nsw_need_a_named_population():
    data = rung.datasets.load("nsw_cps")
    covariates = tuple(name for name in data.names if name not in ("treat", "re78"))
    query = rung.ATE("treat", "re78", adjust=covariates)
    e = rung.effect(None, data, query, estimator=rung.Regression("linear"))
    assert e.population == "the overlap population"
    assert any(str(a.status) == "contradicted" for a in e.assumptions if a.name == "positivity")
    crude = e.diagnostics["alternatives"][-1]
    assert crude["value"] < -8000  # the survey men earned far more
    assert abs(e.value - 1794.34) < 1700


def test_ihdp_has_the_effect_that_was_simulated():
    """Response surface A of Hill (2011): a constant effect of 4."""
    for seed in (0, 1):
        data = rung.datasets.load("ihdp_a", seed=seed)
        known = rung.datasets.known_effect("ihdp_a", seed=seed)
        outcome, treatment = known.outcome, known.treatment
        others = tuple(name for name in data.names if name not in (outcome, treatment))
        for estimator in (rung.DoublyRobust(), rung.Regression("linear", interactions=False)):
            e = rung.effect(
                None, data, rung.ATE(treatment, outcome, adjust=others), estimator=estimator
            )
            assert abs(e.value - 4) < 4 * e.se < 2
