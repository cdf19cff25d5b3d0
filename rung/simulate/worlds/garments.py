"""MorphoGarments: real garments with drawn thickness, intensity and slant."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from importlib.resources import as_file, files

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ...core.mechanism import Mechanism
from ...core.result import lock
from ...core.variable import Kind, Variable
from ...io.idx import read_idx
from ...kernels.warping import warp
from ...mechanisms.noise import Gaussian
from .morpho import INTENSITY, SLANT, Intensity, Morpho, Slant, Thickness
from .morphology import UNIT, grey, moments, slants
from .world import Columns, Pictures

Floats = NDArray[np.float64]
EACH = 150  # pictures of a class, class by class
CLASSES = (
    "top", "trouser", "pullover", "dress", "coat",
    "sandal", "shirt", "sneaker", "bag", "boot",
)  # fmt: skip
WIDTH = Variable("thickness", unit="pixels of 28")
GARMENT = Variable("garment", Kind.CATEGORICAL, CLASSES)


@cache
def real_garments() -> Floats:
    """1500 pictures (1500, 28, 28) in [0, 1] of Fashion-MNIST (Xiao, Rasul and Vollgraf 2017)."""
    with as_file(files("rung") / "datasets" / "files" / "garments.idx3.gz") as place:
        return lock(read_idx(place) / 255.0)


def measure_garments(pictures: ArrayLike) -> dict[str, Floats]:
    """Thickness, intensity and slant of garments, by moments of brightness.

    Parameters
    ----------
    pictures : (n, 1, side, side) or (n, side, side)
        Bright on black, in [0, 1].

    Returns
    -------
    dict of str to (n,) float64
        `thickness`: width of the even bar whose pixels have the same variance of x, given y, as the
        brightness, in pixels of a picture of 28 x 28; `intensity`: mean brightness, weighted by
        itself; `slant`: degrees to the right.
    """
    array = grey(pictures, "measure_garments")
    found = moments(array)
    left = found.across - found.cross**2 / np.maximum(found.upright, 1e-12)
    first = array.sum(axis=(1, 2), dtype=np.float64)
    second = (array.astype(np.float64) ** 2).sum(axis=(1, 2))
    return {
        "thickness": np.sqrt(12 * np.maximum(left, 0.0)) * UNIT / array.shape[1],
        "intensity": second / np.maximum(first, 1e-12),
        "slant": slants(array),
    }


@dataclass(frozen=True, eq=False, repr=False)
class MorphoGarments(Morpho):
    """1500 real garments of Fashion-MNIST, morphed: thickness -> intensity, slant.

    A garment has no stroke whose width could be measured, so `thickness` is its girth: the width
    of an even bar with the same variance of x given y, in pixels of a 28 x 28 picture, and
    `intensity` is the mean brightness, weighted by itself. A garment is stretched sideways, sheared
    and brightened until it has the drawn values, which `rung.simulate.measure_garments` finds
    again. thickness t = 9 + Gamma(10, 0.55); intensity = 1/4 + 3/4 sigmoid(u / 2 + 0.6 (t - 14.5)),
    slant = 2 (t - 14.5) + 6 u degrees. Columns `source` (which real garment) and `garment` say
    what is drawn; no factor causes them.

    Parameters
    ----------
    n, seed : int
    size : int
        Pixels a side; pictures are (1, size, size).
    labels : tuple of int, optional
        Only these classes: 0 top, 1 trouser, 2 pullover, 3 dress, 4 coat, 5 sandal, 6 shirt,
        7 sneaker, 8 bag, 9 boot.
    """

    licence = "MIT (Fashion-MNIST)"
    cites = ("castro2019", "xiao2017")

    def _classes(self) -> Floats:
        return np.repeat(np.arange(len(CLASSES), dtype=np.float64), EACH)

    def _label(self) -> Variable:
        return GARMENT

    def _mechanisms(self) -> tuple[Mechanism, Mechanism, Mechanism]:
        return (
            Thickness(WIDTH, 9.0, 10.0, 0.55),
            Intensity(INTENSITY, WIDTH, 0.6, 14.5, 0.5),
            Slant(SLANT, WIDTH, 2.0, 14.5, Gaussian(6.0)),
        )

    def _limits(self) -> dict[str, tuple[float, float]]:
        return {
            "source": (0, EACH * len(CLASSES) - 1),
            "thickness": (2.0, 40.0),
            "intensity": (0.0, 1.0),
            "slant": (-60.0, 60.0),
        }

    def _draw(self, columns: Columns, n: int) -> Pictures:
        out = np.empty((n, self.size, self.size), dtype=np.float32)
        slant, rows = np.tan(np.deg2rad(columns["slant"])), self._sources(dict(columns))
        warp(rows, real_garments(), columns["thickness"], slant, columns["intensity"], out)
        return out[:, None]
