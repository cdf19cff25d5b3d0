"""SSIM of scikit-image 0.26 for tests/latent/metrics/test_images.py.

Run in an environment with scikit-image: python tests/golden/scikit_image_ssim.py
"""

import json
from pathlib import Path

import numpy as np
import skimage
from skimage.metrics import structural_similarity

HERE = Path(__file__)


def pictures(seed, n=3, c=2, side=16):
    """As in tests/latent/metrics/test_images.py."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:side, :side] / side
    waves = rng.uniform(1, 6, (n, c, 2))[..., None, None]
    smooth = 0.5 + 0.3 * np.sin(waves[:, :, 0] * x + waves[:, :, 1] * y)
    return np.clip(smooth + 0.05 * rng.normal(size=(n, c, side, side)), 0, 1)


cases = []
for first, second, side in [(0, 1, 16), (2, 3, 28), (4, 4, 28), (5, 6, 64)]:
    a, b = (pictures(s, n=1, c=1, side=side)[0, 0] for s in (first, second))
    value = structural_similarity(
        a, b, data_range=1.0, gaussian_weights=True, sigma=1.5, use_sample_covariance=False
    )
    cases.append({"seeds": [first, second], "side": side, "ssim": float(value)})
content = {"scikit-image": skimage.__version__, "cases": cases}
HERE.with_suffix(".json").write_text(json.dumps(content, indent=1) + "\n")
