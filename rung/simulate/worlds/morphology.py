"""Thickness, slant and intensity, measured on pictures of strokes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ...core.errors import InputError
from ...core.result import lock
from ...kernels.strokes import clearances, thin

Floats = NDArray[np.float64]
FINE = 4  # pixels of the enlarged picture for one pixel, as in Morpho-MNIST
CHUNK = 256  # pictures enlarged at a time
UNIT = 28  # widths are in pixels of a picture of this side


@dataclass(frozen=True, eq=False)
class Strokes:
    """Centre lines of m pictures.

    Parameters
    ----------
    points : (k, 3)
        x, y from the picture's centre, y down, and the distance to the edge there; in pixels.
    first : (m + 1,) int64
        Where the points of each picture begin.
    """

    points: Floats
    first: NDArray[np.int64]

    @property
    def thickness(self) -> Floats:
        """Twice the mean distance to the edge along the line, (m,); 0 without ink."""
        total = np.concatenate([[0.0], np.cumsum(self.points[:, 2])])[self.first]
        return 2 * np.diff(total) / np.maximum(np.diff(self.first), 1)


def strokes(pictures: NDArray[np.float32]) -> Strokes:
    """Centre lines of bright strokes on black: pictures (m, side, side).

    Each is enlarged four times, cut at half its maximum and thinned (Castro, Tan, Kainz, Konukoglu
    and Glocker 2019, section 3.1, with the thinning of Zhang and Suen 1984).
    """
    found, counts = [], [0]
    side = pictures.shape[1]
    middle = side * FINE / 2
    for ink in _inks(pictures):
        line = ink.copy()
        thin(line)
        rows, columns = np.array(np.nonzero(line))
        distance = np.empty(len(rows))
        clearances(ink, rows, columns, distance)
        # the edge is half a fine pixel before the next one, and the line is a quarter off centre
        # on average, as it is half off in strokes of even width
        distance -= 0.25
        found.append(np.column_stack([columns + 0.5 - middle, rows + 0.5 - middle, distance]))
        counts.append(len(rows))
    return Strokes(lock(np.concatenate(found) / FINE), lock(np.cumsum(counts)))


def _inks(pictures: NDArray[np.float32]) -> Iterator[NDArray[np.uint8]]:
    """Each picture enlarged and cut, with an empty border."""
    grow = _enlarging(pictures.shape[1]).astype(np.float32)
    for start in range(0, len(pictures), CHUNK):
        part = pictures[start : start + CHUNK]
        half = part.max(axis=(1, 2), keepdims=True) / 2
        inks = ((grow @ part @ grow.T > half) & (half > 0)).astype(np.uint8)
        inks[:, [0, -1]] = 0
        inks[:, :, [0, -1]] = 0
        yield from inks


def _enlarging(side: int) -> Floats:
    """(FINE * side, side) weights of linear interpolation between pixel centres."""
    at = np.clip((np.arange(side * FINE) + 0.5) / FINE - 0.5, 0, side - 1)
    return np.maximum(1 - np.abs(at[:, None] - np.arange(side)), 0.0)


@dataclass(frozen=True, eq=False)
class Moments:
    """Mean x and y (down, from the picture's centre), covariance, variances of x and y.

    All (m,), in pixels.
    """

    x: Floats
    y: Floats
    cross: Floats
    across: Floats
    upright: Floats


def moments(pictures: NDArray[Any]) -> Moments:
    """Moments of brightness of pictures (m, side, side); 0 for black ones."""
    side = pictures.shape[1]
    at = np.arange(side) - (side - 1) / 2
    mass = pictures.astype(np.float64)
    total = np.maximum(mass.sum(axis=(1, 2)), 1e-12)
    rows, columns = mass.sum(axis=2), mass.sum(axis=1)
    y, x = rows @ at / total, columns @ at / total
    cross = ((mass @ at) @ at) / total - x * y
    upright, across = rows @ at**2 / total - y**2, columns @ at**2 / total - x**2
    return Moments(x, y, cross, across, upright)


def slants(pictures: NDArray[np.float32]) -> Floats:
    """Angle (m,) in degrees, positive to the right, by which pictures (m, side, side) lean.

    The shear that would make the second moments of brightness upright (Castro et al. 2019).
    """
    found = moments(pictures)
    return np.rad2deg(np.arctan(-found.cross / np.maximum(found.upright, 1e-12)))


def intensities(pictures: NDArray[np.float32]) -> Floats:
    """Median brightness (m,) of the pixels above half of the brightest one."""
    out = np.zeros(len(pictures))
    for i, picture in enumerate(pictures):
        bright = picture[picture > picture.max() / 2]
        out[i] = np.median(bright) if bright.size else 0.0
    return out


def grey(pictures: ArrayLike, who: str) -> NDArray[np.float32]:
    """Pictures (n, side, side), checked."""
    array = np.asarray(pictures, dtype=np.float32)
    if array.ndim == 4 and array.shape[1] == 1:
        array = array[:, 0]
    if array.ndim != 3 or array.shape[1] != array.shape[2] or not len(array):
        raise InputError(
            f"{who}: expected grey pictures (n, 1, side, side), got {np.shape(pictures)}"
        )
    if not np.isfinite(array).all():
        raise InputError(f"{who}: the pictures have numbers that are not finite")
    return np.ascontiguousarray(array)


def measure(pictures: ArrayLike) -> dict[str, Floats]:
    """Thickness, intensity and slant of strokes, read off the pictures alone.

    Parameters
    ----------
    pictures : (n, 1, side, side) or (n, side, side)
        Bright strokes on black, in [0, 1].

    Returns
    -------
    dict of str to (n,) float64
        `thickness`, in pixels of a picture of 28 x 28 (twice the mean distance from the centre line
        to the edge); `intensity`, median brightness of the strokes; `slant`, in degrees.
    """
    array = grey(pictures, "measure")
    return {
        "thickness": strokes(array).thickness * UNIT / array.shape[1],
        "intensity": intensities(array),
        "slant": slants(array),
    }
