"""From arrays of numbers to shapes, and from shapes to pictures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ...kernels.drawing import PARTS, paint

Floats = NDArray[np.float64]
Colour = tuple[ArrayLike, ArrayLike, ArrayLike]
CHUNK = 4096  # pictures whose shapes are laid out at a time


@dataclass(frozen=True, eq=False)
class Brush:
    """One shape in each of n pictures; every entry is a number or (n,).

    `x`, `y`, `a`, `b` are shares of the picture's side (see `rung.kernels.drawing.distance`),
    `turn` is in radians, counter-clockwise, `colour` is red, green, blue in [0, 1].
    """

    kind: ArrayLike
    x: ArrayLike
    y: ArrayLike
    a: ArrayLike
    b: ArrayLike = 0.0
    turn: ArrayLike = 0.0
    colour: Colour = (1.0, 1.0, 1.0)
    opacity: ArrayLike = 1.0

    def numbers(self) -> tuple[ArrayLike, ...]:
        """The PARTS numbers of the shape, in the kernel's order."""
        return (self.x, self.y, self.a, self.b, self.turn, *self.colour, self.opacity)


def painted(
    brushes: Sequence[Brush], n: int, size: int, background: tuple[float, ...]
) -> NDArray[np.float32]:
    """Pictures (n, channels, size, size), the first shape lowest.

    `background` has one number a channel; a grey picture takes the red of the shapes.
    """
    out = np.empty((n, len(background), size, size), dtype=np.float32)
    out[:] = np.asarray(background, dtype=np.float32)[:, None, None]
    for start in range(0, n, CHUNK):
        rows = slice(start, min(start + CHUNK, n))
        many = rows.stop - rows.start
        kinds = np.empty((many, len(brushes)), dtype=np.int64)
        parts = np.empty((many, len(brushes), PARTS))
        for s, brush in enumerate(brushes):
            kinds[:, s] = _of(brush.kind, rows)
            for p, value in enumerate(brush.numbers()):
                parts[:, s, p] = _of(value, rows)
        paint(kinds, parts, out[rows])
    return out


def _of(value: ArrayLike, rows: slice) -> Any:
    array = np.asarray(value)
    return array[rows] if array.ndim else array
