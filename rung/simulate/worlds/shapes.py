"""Shapes: one shape on black, every factor independent of the others."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from ...core.data import Data, Origin
from ...core.errors import InputError
from ...core.graph import Graph
from ...core.result import lock
from ...core.scm import SCM
from ...core.variable import Kind, Variable
from ...kernels.drawing import BOX, ELLIPSE, HEART
from .painting import Brush, painted
from .roots import Choice, between
from .world import IMAGE, Columns, Pictures, World

LEVELS = ("square", "ellipse", "heart")
KINDS = np.array([BOX, ELLIPSE, HEART])
LENGTH = np.array([0.82, 1.20, 0.90])  # half length and half height, in units of `scale`
HEIGHT = np.array([0.82, 0.62, 0.90])
SHAPE = Variable("shape", Kind.CATEGORICAL, LEVELS)
NUMBERS = {
    "scale": (Variable("scale", unit="share of width"), 0.10, 0.20),
    "orientation": (Variable("orientation", unit="degrees"), 0.0, 90.0),
    "x": (Variable("x", unit="share of width"), 0.25, 0.75),
    "y": (Variable("y", unit="share of width"), 0.25, 0.75),
}


@dataclass(frozen=True, eq=False, repr=False)
class Shapes(World):
    """A square, ellipse or heart: shape, scale, orientation, x and y, all independent.

    In the manner of dSprites (Matthey, Higgins, Hassabis and Lerchner 2017), in grey. The graph is
    empty. Orientation is counter-clockwise and runs over a quarter turn, within which every
    picture has one value (a square looks the same after a quarter turn); y points up.

    Parameters
    ----------
    n : int, optional
        Pictures with uniform factors; without it every combination of the grid, once, in order
        (the last factor runs fastest).
    seed : int
    size : int
        Pixels a side; pictures are (1, size, size).
    grid : tuple of 4 int
        Steps of scale, orientation, x and y; used without `n`, and checked always.
    """

    n: int | None = None  # type: ignore[assignment]
    seed: int = 0
    size: int = 28
    grid: tuple[int, int, int, int] = (4, 6, 8, 8)

    cites = ("matthey2017",)

    def __post_init__(self) -> None:
        grid = tuple(self.grid)
        if len(grid) != len(NUMBERS) or min(grid) < 1:
            raise InputError(f"Shapes(grid={self.grid}): expected 4 numbers of at least 1")
        object.__setattr__(self, "grid", grid)
        super().__post_init__()

    @property
    def rows(self) -> int:
        return len(LEVELS) * int(np.prod(self.grid)) if self.n is None else self.n

    @property
    def factors(self) -> tuple[str, ...]:
        return ("shape", *NUMBERS)

    @property
    def channels(self) -> int:
        return 1

    @cached_property
    def scm(self) -> SCM:
        roots = {name: between(*NUMBERS[name]) for name in NUMBERS}
        choice = Choice(SHAPE, np.arange(len(LEVELS), dtype=np.float64))
        return SCM(Graph.from_edges([], self.factors), {"shape": choice, **roots})

    @cached_property
    def data(self) -> Data:
        """The n pictures and their factors; all combinations of the grid if no `n` was given."""
        if self.n is not None:
            return self._drawn()
        axes = [np.arange(len(LEVELS), dtype=np.float64)]
        for (_, low, high), steps in zip(NUMBERS.values(), self.grid, strict=True):
            axes.append(low + (high - low) * (np.arange(steps) + 0.5) / steps)
        mesh = np.meshgrid(*axes, indexing="ij")
        columns = {k: lock(m.ravel()) for k, m in zip(self.factors, mesh, strict=True)}
        pictures = lock(self._draw(columns, self.rows))
        described = (*self.scm.variables, self.image)
        origin = Origin("shapes", decisions=("all combinations of the grid",))
        return Data(described, {**columns, IMAGE: pictures}, origin=origin)

    def _limits(self) -> dict[str, tuple[float, float]]:
        return {"scale": (0.01, 1.0), "x": (-1.0, 2.0), "y": (-1.0, 2.0)}

    def _draw(self, columns: Columns, n: int) -> Pictures:
        shape, scale = columns["shape"].astype(np.intp), columns["scale"]
        turn = np.deg2rad(columns["orientation"])
        place = (columns["x"], columns["y"])
        brush = Brush(KINDS[shape], *place, LENGTH[shape] * scale, HEIGHT[shape] * scale, turn)
        return painted([brush], n, self.size, (0.0,))
