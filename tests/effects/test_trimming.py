"""Trimming, the optimal cut, negative control exposures, and the sensitivity contour's numbers."""

import json

import numpy as np
import pandas as pd
import pytest
from scipy.optimize import brentq

import rung
from rung.core.errors import InputError, Overlap
from rung.effects.estimators.density import optimal_cut
from rung.effects.sensitivity import Linear, adjusted, contour

GRAPH = rung.Graph.parse("x -> t; x -> y; t -> y")
ASK = rung.ATE("t", "y")


def rows(n=1500, slope=2.5, seed=0, hidden=0.0):
    rng = np.random.default_rng(seed)
    x, u = rng.normal(size=n), rng.normal(size=n)
    t = (rng.random(n) < 1 / (1 + np.exp(-slope * x - hidden * u))).astype(int)
    y = t * (1 + x) + x + hidden * u + rng.normal(size=n)
    return rung.read(pd.DataFrame({"x": x, "t": t, "y": y, "e": u + 0.5 * rng.normal(size=n)}))


def test_the_optimal_cut_of_uniform_probabilities():
    """Crump et al. (2009), theorem 1, with E[1 / (e (1 - e))] written out for the uniform."""

    def excess(a):
        return 1 / (a * (1 - a)) - 4 * np.log((1 - a) / a) / (1 - 2 * a)

    wanted = brentq(excess, 0.01, 0.3)
    e = (np.arange(200_000) + 0.5) / 200_000
    assert optimal_cut(e, np.ones(len(e))) == pytest.approx(wanted, abs=1e-3)
    assert optimal_cut(np.linspace(0.3, 0.7, 100), np.ones(100)) == 0.0
    rng = np.random.default_rng(0)
    e, w = rng.beta(0.4, 0.7, 3000), rng.random(3000) + 0.5
    cut = optimal_cut(e, w)
    k = 1 / (e * (1 - e))
    inside = (e >= cut) & (e <= 1 - cut)
    assert 1 / (cut * (1 - cut)) == pytest.approx(2 * np.average(k[inside], weights=w[inside]),
                                                  rel=0.02)  # fmt: skip


@pytest.mark.parametrize("inner", [rung.Regression("linear"), rung.Weighting("linear")])
def test_trimming_is_the_same_estimator_on_the_rows_that_are_kept(inner):
    data = rows()
    found = rung.effect(GRAPH, data, ASK, estimator=rung.Trimmed(inner, least=0.1))
    e = rung.effect(GRAPH, data, ASK, estimator=rung.Trimmed(inner, 0.1)).rows["propensity"][:, 1]
    part = data.take(np.flatnonzero((e >= 0.1) & (e <= 0.9)))
    direct = rung.effect(GRAPH, part, ASK, estimator=inner)
    assert found.value == pytest.approx(direct.value, abs=1e-8)
    assert found.se == pytest.approx(direct.se, rel=0.01)
    assert "between 0.1 and 0.9" in found.population
    assert f"{part.n / data.n:.0%}" in found.population
    assert "crump2009" in found.citations


def test_the_trimmed_effect_is_that_of_the_rows_kept():
    data = rows(4000)
    found = rung.effect(GRAPH, data, ASK, estimator=rung.Trimmed())
    assert not any("overlap population" in w for w in found.warnings)
    e = found.rows["propensity"][:, 1]
    cut = found.diagnostics["overlap"]["trimming"]["cut"]
    assert 0.05 < cut < 0.15
    kept = (e >= cut) & (e <= 1 - cut)
    assert found.diagnostics["overlap"]["trimming"]["share"] == pytest.approx(kept.mean())
    truth = float(1 + data.column("x")[kept].mean())
    assert abs(found.value - truth) < 3 * found.se
    treated = rung.effect(GRAPH, data, rung.ATT("t", "y"), estimator=rung.Trimmed())
    assert treated.population.startswith("the treated among")
    even = rung.effect(GRAPH, rows(800, slope=0.3), ASK, estimator=rung.Trimmed())
    plain = rung.effect(GRAPH, rows(800, slope=0.3), ASK)
    assert even.value == pytest.approx(plain.value, abs=0.02)
    assert "none had to be trimmed" in even.population


def test_what_trimming_refuses():
    with pytest.raises(InputError, match=r"0 and 0\.5"):
        rung.Trimmed(least=0.6)
    with pytest.raises(Overlap, match="nobody to compare"):
        rung.effect(GRAPH, rows(300, slope=8.0), ASK, estimator=rung.Trimmed(least=0.45))
    with pytest.raises(InputError, match="two levels"):
        rung.effect(GRAPH, rows(), rung.ATE("x", "y"), estimator=rung.Trimmed())


def test_a_negative_control_exposure_shows_hidden_confounding():
    quick = rung.Regression("linear")
    ask = rung.ATE("t", "y", adjust=("x",), negative_exposure="e")
    checks = [
        {r.name: r for r in rung.effect(None, rows(1500, 0.5, 1, h), ask, estimator=quick)
         .refutations}["negative control exposure"] for h in (0.0, 1.0)
    ]  # fmt: skip
    assert checks[0].passed is True
    assert checks[1].passed is False
    assert "hidden confounding is likely" in checks[1].finding
    bad = rung.effect(None, rows(1500, 0.5, 1, 1.0), ask, estimator=quick)
    assert str(bad.assumptions[0].status) == "contradicted"
    with pytest.raises(InputError, match="itself"):
        rung.effect(None, rows(), rung.ATE("t", "y", adjust=("x",), negative_exposure="t"))


def test_the_contour_is_a_grid_of_adjusted_estimates():
    fit = Linear(2.0, 0.4, 200, (("x", 0.1, 0.2),))
    marks = [{"name": "x", "r2_treatment": 0.11, "r2_outcome": 0.3}]
    grid = contour(fit, marks)
    json.dumps(grid)
    assert grid["r2_treatment"][0] == grid["r2_outcome"][0] == 0
    assert grid["estimate"][0][0] == 2.0
    assert grid["r2_outcome"][-1] > 0.3
    value, se = adjusted(2.0, 0.4, 200, grid["r2_treatment"][7], grid["r2_outcome"][3])
    assert grid["estimate"][3][7] == pytest.approx(value, rel=1e-3)
    assert grid["t"][3][7] == pytest.approx(value / se, rel=1e-3)
    assert grid["critical"] == pytest.approx(1.972, abs=1e-3)
    found = rung.effect(GRAPH, rows(), ASK, estimator=rung.Regression("linear"))
    figures = {r.name: r for r in found.refutations}["hidden common cause"].figures
    assert set(figures["contour"]) == set(grid)
