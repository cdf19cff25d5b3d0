"""SSIM against its formula written out, scikit-image's answers and its own laws; squared error."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rung import latent
from rung.core.errors import InputError

GOLDEN = Path(__file__).parents[2] / "golden" / "scikit_image_ssim.json"


def pictures(seed: int, n: int = 3, c: int = 2, side: int = 16) -> np.ndarray:
    """Smooth pictures with some noise."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:side, :side] / side
    waves = rng.uniform(1, 6, (n, c, 2))[..., None, None]
    smooth = 0.5 + 0.3 * np.sin(waves[:, :, 0] * x + waves[:, :, 1] * y)
    return np.clip(smooth + 0.05 * rng.normal(size=(n, c, side, side)), 0, 1)


def direct(a: np.ndarray, b: np.ndarray) -> float:
    """Equation 13 of Wang et al. (2004), window by window, of one channel."""
    offsets = np.arange(-5, 6)
    weights = np.exp(-(offsets[:, None] ** 2 + offsets[None] ** 2) / (2 * 1.5**2))
    weights /= weights.sum()
    out = []
    for i in range(5, a.shape[0] - 5):
        for j in range(5, a.shape[1] - 5):
            p, q = a[i - 5 : i + 6, j - 5 : j + 6], b[i - 5 : i + 6, j - 5 : j + 6]
            mp, mq = (weights * p).sum(), (weights * q).sum()
            vp, vq = (weights * (p - mp) ** 2).sum(), (weights * (q - mq) ** 2).sum()
            cov = (weights * (p - mp) * (q - mq)).sum()
            out.append(
                (2 * mp * mq + 1e-4) * (2 * cov + 9e-4)
                / ((mp**2 + mq**2 + 1e-4) * (vp + vq + 9e-4))
            )  # fmt: skip
    return float(np.mean(out))


def test_ssim_equals_its_formula_written_out() -> None:
    a, b = pictures(0), pictures(1)
    expected = [np.mean([direct(x, y) for x, y in zip(p, q)]) for p, q in zip(a, b)]
    assert latent.ssim(a, b) == pytest.approx(expected, abs=1e-10)


def test_ssim_equals_scikit_image() -> None:
    golden = json.loads(GOLDEN.read_text())
    for case in golden["cases"]:
        a = pictures(case["seeds"][0], n=1, c=1, side=case["side"])
        b = pictures(case["seeds"][1], n=1, c=1, side=case["side"])
        assert latent.ssim(a, b)[0] == pytest.approx(case["ssim"], abs=1e-7)


@settings(max_examples=15)
@given(st.integers(0, 1000), st.floats(0.01, 0.3))
def test_ssim_is_symmetric_at_most_one_and_falls_with_noise(seed: int, sd: float) -> None:
    a, b = pictures(seed), pictures(seed + 1)
    assert latent.ssim(a, b) == pytest.approx(latent.ssim(b, a), abs=1e-12)
    assert latent.ssim(a, a) == pytest.approx(np.ones(3), abs=1e-12)
    noise = np.random.default_rng(seed).normal(size=a.shape)
    little, much = (np.clip(a + s * noise, 0, 1) for s in (sd / 2, sd))
    assert (latent.ssim(a, much) < latent.ssim(a, little)).all()
    assert (latent.ssim(a, b) <= 1).all()


def test_flat_pictures_differ_in_light_alone() -> None:
    a, b = np.full((1, 1, 12, 12), 0.2), np.full((1, 1, 12, 12), 0.8)
    light = (2 * 0.2 * 0.8 + 1e-4) / (0.2**2 + 0.8**2 + 1e-4)
    assert latent.ssim(a, b)[0] == pytest.approx(light, abs=1e-12)


def test_squared_error_and_decibel() -> None:
    a = np.zeros((2, 1, 12, 12))
    b = np.stack([np.full((1, 12, 12), 0.1), np.full((1, 12, 12), 0.3)])
    found = latent.image_quality(a, b)
    assert found.mse_each == pytest.approx([0.01, 0.09])
    assert found.absolute == pytest.approx(0.2)
    assert found.psnr == pytest.approx(-10 * np.log10(0.05))
    assert latent.image_quality(a, a).psnr == np.inf
    assert found.frame().shape == (2, 3)
    assert latent.mean_squared_error(a[0], b[0]) == pytest.approx([0.01])


@pytest.mark.parametrize(
    ("a", "b", "message"),
    [
        (np.zeros((1, 1, 12, 12)), np.zeros((1, 1, 12, 13)), "cannot be compared"),
        (np.zeros((1, 1, 8, 12)), np.zeros((1, 1, 8, 12)), "11 x 11"),
        (np.full((1, 1, 12, 12), 200.0), np.zeros((1, 1, 12, 12)), "outside 0..1"),
        (np.full((1, 1, 12, 12), np.nan), np.zeros((1, 1, 12, 12)), "missing"),
        (np.zeros((12, 12)), np.zeros((12, 12)), "expected"),
        (np.zeros((0, 1, 12, 12)), np.zeros((0, 1, 12, 12)), "expected"),
    ],
)
def test_bad_pictures(a: Any, b: Any, message: str) -> None:
    with pytest.raises(InputError, match=message):
        latent.ssim(a, b)
