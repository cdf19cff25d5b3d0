"""A factor as a direction in its own part of a code: each level is a cell around a prototype."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..core.errors import InputError
from ..core.variable import Variable
from .codec import Codes
from .sites import Floats, Place

APART = 1e-4  # smallest angle between two prototypes, in radians


@dataclass(frozen=True, eq=False)
class Direction(Place):
    """Numbers `start` to `start + d` of the code point to the level of a factor.

    The level is that of the prototype with the largest cosine. To write another level, the code
    keeps its length and its place within the cell: the direction from the prototype, in a frame
    turned with it, and the share of the way to the edge of the cell in that direction. Cells are
    thus mapped onto each other one to one, so that the three laws of a lens hold up to rounding; a
    code at its prototype goes to the other prototype.

    Parameters
    ----------
    variable : Variable
        With levels.
    start : int
    prototypes : (levels, d) float64
        Unit vectors.
    """

    variable: Variable
    start: int
    prototypes: NDArray[np.float64]

    @property
    def where(self) -> slice:
        """Its numbers of the code."""
        return slice(self.start, self.start + self.prototypes.shape[1])

    def read(self, values: Codes) -> Floats:
        z = values[:, self.where].astype(np.float64)
        return (z @ self.prototypes.T).argmax(axis=1).astype(np.float64)

    def write(self, values: Codes, value: Any) -> Codes:
        out = np.array(values)
        have = self.read(values).astype(np.intp)
        new = np.broadcast_to(np.asarray(value, dtype=np.float64), have.shape).astype(np.intp)
        rows = np.nonzero(have != new)[0]
        z = values[rows, self.where].astype(np.float64)
        out[rows, self.where] = self._moved(z, have[rows], new[rows])
        return out

    @cached_property
    def _frames(self) -> Floats:
        """(levels, d, d) rotations or reflections that take each prototype to the first axis."""
        d = self.prototypes.shape[1]
        out = np.tile(np.eye(d), (len(self.prototypes), 1, 1))
        for frame, p in zip(out, self.prototypes):
            if d == 2:  # a turn, so that clockwise stays clockwise
                frame[:] = [[p[0], p[1]], [-p[1], p[0]]]
            else:
                axis = np.eye(d)[0] - p
                if (length := float(axis @ axis)) > 0:
                    frame -= 2 * np.outer(axis, axis) / length
        return out

    def _edge(self, level: NDArray[np.intp], side: Floats) -> Floats:
        """Angle (n,) from the prototype to the edge of its cell along unit vectors (n, d - 1)."""
        turned = np.einsum("nij,kj->nki", self._frames[level], self.prototypes)  # (n, levels, d)
        along = np.einsum("nki,ni->nk", turned[:, :, 1:], side)
        angle = np.arctan2(1 - turned[:, :, 0], along)
        angle[np.arange(len(level)), level] = np.pi  # a cell has no edge with itself
        return np.asarray(angle.min(axis=1))

    def _moved(self, z: Floats, old: NDArray[np.intp], new: NDArray[np.intp]) -> Floats:
        length = np.linalg.norm(z, axis=1)
        turned = np.einsum("nij,nj->ni", self._frames[old], z)
        across = np.linalg.norm(turned[:, 1:], axis=1)
        side = turned[:, 1:] / np.where(across > 0, across, 1.0)[:, None]
        share = np.arctan2(across, turned[:, 0]) / self._edge(old, side)
        angle = share * self._edge(new, side)
        ends = np.column_stack([np.cos(angle), np.sin(angle)[:, None] * side])
        return length[:, None] * np.einsum("nji,nj->ni", self._frames[new], ends)


def directions(variable: Variable, start: int, z: Floats, levels: Floats) -> Direction:
    """The prototypes of a factor: mean directions of the codes (n, d) of each level (n,).

    Raises
    ------
    InputError
        A level has no code, or two levels point the same way: codes do not tell them apart.
    """
    unit = z / np.maximum(np.linalg.norm(z, axis=1, keepdims=True), 1e-12)
    means = np.array([unit[levels == k].mean(axis=0) for k in range(variable.size)])
    length = np.linalg.norm(means, axis=1)
    names = variable.levels or ()
    if not (length > 1e-9).all():
        raise InputError(f"codes of {names[int(length.argmin())]!r} point in no direction")
    prototypes = means / length[:, None]
    near = np.arccos(np.clip(prototypes @ prototypes.T, -1, 1)) + np.pi * np.eye(len(means))
    if near.min() < APART:
        a, b = np.unravel_index(near.argmin(), near.shape)
        raise InputError(
            f"levels {names[int(a)]!r} and {names[int(b)]!r} of {variable.name!r} have the same "
            f"direction in {z.shape[1]} numbers of the code: train longer, give the factor more "
            "numbers (`each`), or join the levels"
        )
    return Direction(variable, start, prototypes)
