"""Small pictures of every combination of a few factors, for what learns without labels."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..core.data import Data
from ..core.result import lock
from ..core.variable import Kind, Variable
from ..mechanisms.table import Table
from ..simulate.worlds.digits import MorphoDigits
from ..simulate.worlds.scene import Along, Scene, Thing
from ..simulate.worlds.shapes import Shapes
from ..simulate.worlds.world import World

SIZE = 16  # pixels a side
FORMS = ("square", "disc", "triangle")
DIGITS = (0, 1, 3, 4)


class Grid(NamedTuple):
    """Pictures (n, c, 16, 16) of every combination of factors, and the factors (n, m) as codes."""

    names: tuple[str, ...]
    pictures: NDArray[np.float32]
    factors: NDArray[np.intp]

    @property
    def data(self) -> Data:
        """The pictures alone."""
        image = Variable("image", shape=self.pictures.shape[1:])
        return Data((image,), {"image": lock(self.pictures)})


def grid(name: str) -> Grid:
    """One of the worlds of `WORLDS`."""
    world, axes, also = WORLDS[name]()
    sizes = [np.arange(len(np.asarray(values))) for values in axes.values()]
    mesh = np.meshgrid(*sizes, indexing="ij")
    codes = {k: m.ravel() for k, m in zip(axes, mesh, strict=True)}
    columns = {k: np.asarray(axes[k])[codes[k]] for k in axes}
    columns |= {new: np.asarray(values)[codes[old]] for new, (old, values) in also.items()}
    return Grid(tuple(axes), world.render(columns), np.stack(list(codes.values()), axis=1))


Made = tuple[World, Mapping[str, ArrayLike], Mapping[str, tuple[str, ArrayLike]]]


def _shapes() -> Made:
    """Shape, scale, orientation, x and y: 3 x 4 x 4 x 6 x 6, grey."""
    axes: dict[str, ArrayLike] = {
        "shape": ["square", "ellipse", "heart"], "scale": np.linspace(0.11, 0.19, 4),
        "orientation": np.linspace(11.25, 78.75, 4), "x": np.linspace(0.29, 0.71, 6),
        "y": np.linspace(0.29, 0.71, 6),
    }  # fmt: skip
    return Shapes(n=1, size=SIZE), axes, {}


def _room() -> Made:
    """Hues of wall, floor and thing, its size and form, as in Shapes3D: 5 x 5 x 5 x 3 x 3."""
    steps = {"wall": 5, "floor": 5, "hue": 5, "scale": 3}
    roots: dict[str, Any] = {k: _even(Variable(k, Kind.ORDINAL, tuple(range(n))))
                             for k, n in steps.items()}  # fmt: skip
    roots["form"] = _even(Variable("form", Kind.CATEGORICAL, FORMS))
    hue = {k: Along(k, 0, steps[k]) for k in ("wall", "floor", "hue")}
    things = (
        Thing("square", y=1.0, size=0.6, hue=hue["wall"], brightness=0.7),
        Thing("square", y=-0.15, size=0.55, hue=hue["floor"], brightness=0.7),
        Thing("form", y=0.45, size=Along("scale", 0, 2, 0.14, 0.3), hue=hue["hue"]),
    )
    axes: dict[str, ArrayLike] = {**{k: np.arange(n) for k, n in steps.items()}, "form": FORMS}
    return Scene(1, 0, SIZE, mechanisms=roots, things=things), axes, {}


def _even(variable: Variable) -> Table:
    return Table(variable, (), np.full(variable.size, 1 / variable.size))


def _digits() -> Made:
    """Which of four real digits, thickness, intensity and slant: 4 x 5 x 5 x 6, grey."""
    world = MorphoDigits(n=2000, seed=0, size=SIZE)
    drawn = world.data
    digits, sources = drawn["digit"], drawn["source"]
    first = [sources[np.flatnonzero(digits == d)[0]] for d in DIGITS]
    axes: dict[str, ArrayLike] = {
        "source": first, "thickness": np.linspace(1.5, 4, 5), "intensity": np.linspace(0.35, 1, 5),
        "slant": np.linspace(-25, 25, 6),
    }  # fmt: skip
    return world, axes, {"digit": ("source", DIGITS)}


WORLDS: Mapping[str, Callable[[], Made]] = {"room": _room, "shapes": _shapes, "digits": _digits}
