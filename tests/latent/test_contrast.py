"""InfoNCE against a loop over anchors, and cases that are small enough for a hand."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from rung.latent.contrast import info_nce


def by_loop(z: np.ndarray, levels: np.ndarray, temperature: float) -> tuple[float, float]:
    """The definition, anchor by anchor, in float64."""
    losses = []
    for a in range(len(z)):
        if math.isnan(levels[a]):
            continue
        top = bottom = 0.0
        for q in range(len(z)):
            if q == a or math.isnan(levels[q]):
                continue
            cosine = z[a] @ z[q] / np.linalg.norm(z[a]) / np.linalg.norm(z[q])
            bottom += math.exp(cosine / temperature)
            top += math.exp(cosine / temperature) if levels[q] == levels[a] else 0.0
        if top > 0:
            losses.append(-math.log(top / bottom))
    return (float(np.mean(losses)) if losses else 0.0), len(losses) / len(z)


@pytest.mark.parametrize("temperature", [0.07, 0.5])
@pytest.mark.parametrize("d", [1, 2, 5])
def test_against_the_loop(d: int, temperature: float) -> None:
    rng = np.random.default_rng(d)
    z, levels = rng.normal(size=(14, d)), rng.integers(0, 5, 14).astype(float)
    levels[[2, 9]] = np.nan
    loss, used = info_nce(torch.tensor(z), torch.tensor(levels), temperature)
    want, share = by_loop(z, levels, temperature)
    assert float(loss) == pytest.approx(want, abs=1e-9)
    assert float(used) == pytest.approx(share, abs=1e-6)


def test_two_pairs_at_right_angles_by_hand() -> None:
    z = torch.tensor([[2.0, 0.0], [1.0, 0.0], [0.0, 3.0], [0.0, 1.0]])
    loss, used = info_nce(z, torch.tensor([0.0, 0.0, 1.0, 1.0]), 0.5)
    # each anchor: one positive with cosine 1, two negatives with cosine 0
    assert float(loss) == pytest.approx(math.log((math.exp(2) + 2) / math.exp(2)), abs=1e-6)
    assert float(used) == 1.0


def test_positives_are_summed_inside_the_logarithm() -> None:
    """Three of a level, one of them apart: a mean of logarithms would be larger."""
    z = torch.tensor([[1.0, 0.0], [1.0, 0.0], [-1.0, 0.0]])
    loss, _ = info_nce(z, torch.zeros(3), 0.1)
    assert float(loss) == pytest.approx(0.0, abs=1e-6)  # all others are positives: sums are equal


def test_anchors_without_a_positive_are_left_out() -> None:
    z = torch.tensor([[1.0, 0.0], [1.0, 0.0], [0.0, 1.0]])
    loss, used = info_nce(z, torch.tensor([0.0, 0.0, 1.0]), 1.0)
    assert float(loss) == pytest.approx(math.log((math.e + 1) / math.e), abs=1e-6)
    assert float(used) == pytest.approx(2 / 3)


def test_a_batch_without_pairs_has_no_loss_and_a_zero_gradient() -> None:
    z = torch.randn(4, 2, generator=torch.Generator().manual_seed(0)).requires_grad_()
    loss, used = info_nce(z, torch.tensor([0.0, 1.0, 2.0, torch.nan]), 0.07)
    loss.backward()
    assert float(loss.detach()) == 0
    assert float(used) == 0
    assert z.grad is not None
    assert not z.grad.any()


def test_lengths_do_not_matter() -> None:
    rng = np.random.default_rng(3)
    z, levels = torch.tensor(rng.normal(size=(8, 3))), torch.tensor([0.0, 1, 0, 1, 2, 2, 0, 1])
    stretched = z * torch.tensor(rng.uniform(0.1, 9, (8, 1)))
    assert float(info_nce(z, levels, 0.1)[0]) == pytest.approx(
        float(info_nce(stretched, levels, 0.1)[0]), abs=1e-9
    )
