"""Overdispersed counts stay counts: against scipy and numpy's own sampler."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

import rung
from rung.core.data import Data
from rung.core.variable import Kind, Variable
from rung.mechanisms import AutoMechanism, NegativeBinomial

COUNT = Variable("y", Kind.COUNT)


def drawn(n: int, dispersion: float, seed: int) -> tuple[np.ndarray, Data]:
    rng = np.random.default_rng(seed)
    x = rng.normal(size=n)
    mean = np.exp(0.7 + 0.5 * x)
    y = rng.poisson(mean * rng.gamma(1 / dispersion, dispersion, size=n)).astype(float)
    return y, Data.from_matrix(x[:, None], ["x"])


def test_parameters_are_found() -> None:
    y, parents = drawn(60_000, 0.8, 0)
    m = NegativeBinomial().fit(y, parents, variable=COUNT, rng=np.random.default_rng(0))
    about = m.describe()
    assert about["coefficients"]["x"] == pytest.approx(0.5, abs=0.02)
    assert about["intercept"] == pytest.approx(0.7, abs=0.02)
    assert m.dispersion == pytest.approx(0.8, abs=0.05)


def test_samples_follow_the_law_and_noise_returns_the_count() -> None:
    y, parents = drawn(4000, 0.6, 1)
    rng = np.random.default_rng(2)
    m = NegativeBinomial().fit(y, parents, variable=COUNT, rng=rng)
    given = {"x": np.full(40_000, 0.3)}
    sample = m.sample(40_000, given, rng)
    assert ((sample >= 0) & (sample == np.floor(sample))).all()
    mean, size = m.mean({"x": np.array([0.3])}, 1)[0], 1 / m.dispersion
    top = 12
    observed = np.bincount(np.minimum(sample, top).astype(int), minlength=top + 1)
    prob = stats.nbinom.pmf(np.arange(top), size, size / (size + mean))
    expected = np.append(prob, 1 - prob.sum()) * len(sample)
    assert stats.chisquare(observed, expected).pvalue > 1e-3
    values = {"x": parents.column("x")}
    for _ in range(5):
        np.testing.assert_array_equal(m.forward(values, m.abduct(y, values, rng)), y)


def test_auto_takes_it_for_overdispersed_counts_only_and_counts_stay_counts() -> None:
    y, parents = drawn(3000, 1.0, 3)
    data = parents.with_column(COUNT, y)
    model = rung.fit(rung.Graph.parse("x -> y"), data)
    assert type(model.mechanisms["y"]).__name__ == "NegativeBinomialCounts"
    world = rung.do(model, x=2.0).sample(5000, seed=0)["y"]
    assert ((world >= 0) & (world == np.floor(world))).all()
    root = rung.fit(rung.Graph.parse("y"), data.select(["y"])).sample(2000, seed=0)["y"]
    assert ((root >= 0) & (root == np.floor(root))).all()
    plain = np.random.default_rng(4).poisson(np.exp(0.7 + 0.5 * parents.column("x"))).astype(float)
    poisson = AutoMechanism().fit(plain, parents, variable=COUNT, rng=np.random.default_rng(0))
    assert type(poisson).__name__ == "PoissonCounts"
