"""How near pictures are to other pictures: squared error, PSNR, SSIM."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ...core.errors import InputError
from ...core.result import Result, lock
from ..codec import parts

if TYPE_CHECKING:
    import pandas as pd

Floats = NDArray[np.float64]
WINDOW, SIGMA = 11, 1.5
K1, K2 = 0.01, 0.03


@dataclass(frozen=True, eq=False)
class ImageQuality(Result):
    """How near pictures are to others.

    Parameters
    ----------
    mse, absolute, psnr, ssim : float
        Mean squared and mean absolute error a pixel (brightness 0..1); peak signal-to-noise ratio
        of the mean squared error, in decibel, infinite for equal pictures; mean structural
        similarity.
    mse_each, absolute_each, ssim_each : (n,) float
    """

    mse: float
    absolute: float
    psnr: float
    ssim: float
    mse_each: Floats
    absolute_each: Floats
    ssim_each: Floats
    cites: tuple[str, ...] = field(default=("wang2004",))

    def frame(self) -> pd.DataFrame:
        """One row a picture."""
        import pandas as pd

        return pd.DataFrame(
            {"mse": self.mse_each, "absolute": self.absolute_each, "ssim": self.ssim_each}
        )

    def __repr__(self) -> str:
        return (
            f"{len(self.mse_each)} pictures: MSE {self.mse:.5f}, absolute {self.absolute:.4f}, "
            f"PSNR {self.psnr:.2f} dB, SSIM {self.ssim:.4f}"
        )


def image_quality(images: ArrayLike, others: ArrayLike) -> ImageQuality:
    """All of MSE, absolute error, PSNR and SSIM between pictures, one by one.

    Parameters
    ----------
    images, others : (n, c, h, w) or (c, h, w)
        Brightness in 0..1.
    """
    a, b = _pair(images, others)
    each = [(mean_squared_error(a[s], b[s]), _absolute(a[s], b[s])) for s in parts(len(a))]
    squared, absolute = (np.concatenate(part) for part in zip(*each, strict=True))
    similar = ssim(a, b)
    mse = float(squared.mean())
    return ImageQuality(
        mse=mse,
        absolute=float(absolute.mean()),
        psnr=decibel(mse),
        ssim=float(similar.mean()),
        mse_each=lock(squared),
        absolute_each=lock(absolute),
        ssim_each=lock(similar),
    )


def decibel(mse: float) -> float:
    """Peak signal-to-noise ratio of a mean squared error of brightness 0..1; infinite for 0."""
    return float(-10 * np.log10(mse)) if mse > 0 else float("inf")


def mean_squared_error(images: ArrayLike, others: ArrayLike) -> Floats:
    """Mean squared error (n,) over channels and pixels of pictures (n, c, h, w)."""
    a, b = _pair(images, others)
    return ((a - b) ** 2).mean(axis=(1, 2, 3))


def _absolute(a: Floats, b: Floats) -> Floats:
    return np.abs(a - b).mean(axis=(1, 2, 3))


def ssim(images: ArrayLike, others: ArrayLike) -> Floats:
    """Mean structural similarity (n,) of pictures (n, c, h, w), at most 1.

    Wang, Bovik, Sheikh and Simoncelli (2004, eq. 13): Gaussian window of 11 x 11 pixels, sd 1.5,
    K1 = 0.01, K2 = 0.03, brightness 0..1; the mean over all windows that lie inside the picture,
    and over channels.

    Raises
    ------
    InputError
        Pictures under 11 pixels a side, unequal shapes, missing values or values outside 0..1.
    """
    a, b = _pair(images, others)
    if min(a.shape[2:]) < WINDOW:
        raise InputError(
            f"SSIM looks through windows of {WINDOW} x {WINDOW} pixels; these pictures have "
            f"{a.shape[2]} x {a.shape[3]}"
        )
    return np.concatenate([_ssim(a[s], b[s]) for s in parts(len(a))])


def _ssim(a: Floats, b: Floats) -> Floats:
    mean_a, mean_b = _windows(a), _windows(b)
    var_a, var_b = _windows(a * a) - mean_a**2, _windows(b * b) - mean_b**2
    cov = _windows(a * b) - mean_a * mean_b
    c1, c2 = K1**2, K2**2
    light = (2 * mean_a * mean_b + c1) / (mean_a**2 + mean_b**2 + c1)
    return (light * (2 * cov + c2) / (var_a + var_b + c2)).mean(axis=(1, 2, 3))


def _windows(images: Floats) -> Floats:
    """Weighted means over every window that lies inside the picture."""
    from scipy.ndimage import correlate1d

    reach = WINDOW // 2
    weights = np.exp(-0.5 * (np.arange(-reach, reach + 1) / SIGMA) ** 2)
    weights /= weights.sum()
    out = correlate1d(correlate1d(images, weights, axis=2), weights, axis=3)
    return np.asarray(out[:, :, reach:-reach, reach:-reach])


def _pair(images: ArrayLike, others: ArrayLike) -> tuple[Floats, Floats]:
    a, b = np.asarray(images, dtype=np.float64), np.asarray(others, dtype=np.float64)
    if a.shape != b.shape:
        raise InputError(f"pictures of shapes {a.shape} and {b.shape} cannot be compared")
    if a.ndim == 3:
        a, b = a[None], b[None]
    if a.ndim != 4 or not a.size:
        raise InputError(f"pictures have shape {a.shape}; expected (n, channels, height, width)")
    for array in (a, b):
        if not (array.min() >= -1e-3 and array.max() <= 1 + 1e-3):
            raise InputError("pictures have missing values or values outside 0..1")
    return a, b
