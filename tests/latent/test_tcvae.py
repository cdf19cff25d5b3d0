"""beta-TCVAE: the three parts of the KL term against enumeration and a closed form."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
import torch
from scipy.special import logsumexp
from scipy.stats import norm

import rung
from rung.core.errors import InputError
from rung.deep.training import Training
from rung.latent import BetaTCVAE
from rung.latent.tcvae import decomposition

ROWS, SIZE = 6, 3


@pytest.fixture(scope="module")
def small_pictures() -> rung.Data:
    return rung.simulate.Shapes(n=96, size=16).data.select(["image"])


@pytest.fixture
def posteriors() -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    chance = torch.Generator().manual_seed(3)
    mean, spread = (torch.randn(ROWS, SIZE, generator=chance, dtype=torch.float64) for _ in "ab")
    codes = mean + (spread / 2).exp() * torch.randn(
        ROWS, SIZE, generator=chance, dtype=torch.float64
    )
    return codes, mean, spread


def enumerated(z: np.ndarray, mean: np.ndarray, spread: np.ndarray) -> tuple[float, float, float]:
    """The parts with q(z) the mixture of all posteriors, one density at a time."""
    deviation = np.exp(spread / 2)
    parts = []
    for i in range(len(z)):
        each = norm.logpdf(z[i], mean, deviation)  # (rows, size)
        joint = logsumexp(each.sum(axis=1)) - np.log(len(mean))
        single = sum(logsumexp(each[:, j]) - np.log(len(mean)) for j in range(z.shape[1]))
        parts.append((each[i].sum() - joint, joint - single, single - norm.logpdf(z[i]).sum()))
    return tuple(np.mean(parts, axis=0))


def test_a_batch_of_all_rows_is_exact(posteriors) -> None:
    found = decomposition(*posteriors, ROWS)
    expected = enumerated(*(p.numpy() for p in posteriors))
    assert np.allclose([float(p) for p in found], expected, atol=1e-9)


@pytest.mark.parametrize("stratified", [True, False])
def test_the_parts_sum_to_the_draws_of_the_kl(posteriors, stratified: bool) -> None:
    found = sum(decomposition(*posteriors, 500, stratified=stratified))
    codes, mean, spread = (p.numpy() for p in posteriors)
    direct = norm.logpdf(codes, mean, np.exp(spread / 2)) - norm.logpdf(codes)
    assert float(found) == pytest.approx(direct.sum(axis=1).mean(), abs=1e-8)


def test_the_stratified_weights_are_unbiased_for_the_density(posteriors) -> None:
    codes, mean, spread = (p.numpy() for p in posteriors)
    densities = []
    for others in combinations(range(1, ROWS), 2):  # every batch of three that holds row 0
        at = [0, *others]
        each = norm.logpdf(codes[0], mean[at], np.exp(spread[at] / 2)).sum(axis=1)
        own, other = 1 / ROWS, (ROWS - 1) / (ROWS * 2)
        densities.append(np.exp(each) @ [own, other, other])
        batch = decomposition(*(p[at] for p in posteriors), ROWS)
        rows = [np.log(np.exp(norm.logpdf(codes[a], mean[at], np.exp(spread[at] / 2)).sum(axis=1))
                       @ [own if b == a else other for b in at]) for a in at]  # fmt: skip
        direct = [norm.logpdf(codes[a], mean[a], np.exp(spread[a] / 2)).sum() for a in at]
        assert float(batch.information) == pytest.approx(np.mean(direct) - np.mean(rows), abs=1e-8)
    full = np.exp(norm.logpdf(codes[0], mean, np.exp(spread / 2)).sum(axis=1)).mean()
    assert np.mean(densities) == pytest.approx(full, rel=1e-12)


def test_total_correlation_of_correlated_means_is_the_closed_form() -> None:
    """Means N(0, S), variances 0.3: q(z) is N(0, S + 0.3 I), up to 3,000 draws (tolerance 0.06)."""
    chance = torch.Generator().manual_seed(0)
    base = torch.randn(3000, 2, generator=chance)
    mean = torch.stack([base[:, 0], 0.9 * base[:, 0] + 0.4 * base[:, 1]], 1)
    spread = torch.full((3000, 2), float(np.log(0.3)))
    codes = mean + np.sqrt(0.3) * torch.randn(3000, 2, generator=chance)
    found = decomposition(codes, mean, spread, 3000)
    total = np.array([[1.3, 0.9], [0.9, 0.97 + 0.3]])
    truth = -0.5 * np.log(np.linalg.det(total) / np.diag(total).prod())
    assert float(found.correlation) == pytest.approx(truth, abs=0.06)


def test_beta_one_is_the_loss_of_a_vae_up_to_the_estimate(small_pictures) -> None:
    spec = BetaTCVAE(size=3, beta=1.0, width=8, training=Training(steps=20, batch=32))
    model = rung.fit(spec, small_pictures)
    parts = model.details["history"][-1][1]
    whole = parts["error"] + parts["information"] + parts["correlation"] + parts["marginal"]
    assert parts["loss"] == pytest.approx(whole, rel=1e-5)
    assert model.cite
    assert model.latents.names == ("z1", "z2", "z3")


def test_beta_weights_the_total_correlation_alone(small_pictures) -> None:
    spec = BetaTCVAE(size=3, beta=7.0, width=8, training=Training(steps=5, batch=32))
    parts = rung.fit(spec, small_pictures).details["history"][-1][1]
    whole = parts["error"] + parts["information"] + 7 * parts["correlation"] + parts["marginal"]
    assert parts["loss"] == pytest.approx(whole, rel=1e-5)


@pytest.mark.parametrize("bad", [{"size": 0}, {"beta": -1.0}, {"width": 0}])
def test_settings_that_make_no_sense_are_refused(bad) -> None:
    with pytest.raises(InputError, match="size, width >= 1 and beta >= 0"):
        BetaTCVAE(**bad)
