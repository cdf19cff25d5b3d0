"""Flow: a ball in a vessel of water, and the jet from a hole in its wall."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from ...core.errors import InputError
from ...core.graph import Graph
from ...core.mechanism import Parents
from ...core.scm import SCM
from ...core.variable import Variable
from ...kernels.drawing import BAR, BOX, DISC
from ...mechanisms.additive import Additive
from ...mechanisms.noise import Residual, Uniform
from .painting import Brush, painted
from .roots import between
from .world import Columns, Pictures, World

Floats = NDArray[np.float64]

LEFT, RIGHT, FLOOR, TOP = 0.125, 0.52, 0.08, 0.80  # the vessel
WALL = 0.02  # half its thickness
JET = 0.022  # half the thickness of the jet
PIECES = 8  # straight pieces of its arc
EMPTY = 0.36  # height of the water without a ball
LOSS = 0.7  # share of the ideal reach
BALLS, HOLES = (0.05, 0.17), (0.10, 0.30)
WATER, DARK = (0.30, 0.58, 0.92), (0.20, 0.20, 0.24)

BALL = Variable("ball_size", unit="radius, share of width")
HOLE = Variable("hole", unit="height, share of width")
HEIGHT = Variable("water_height", unit="share of width")
REACH = Variable("flow", unit="reach, share of width")


def water_height(ball: Floats) -> Floats:
    """Height of the water (n,): a flat ball of that radius displaces its area."""
    return EMPTY + np.pi * ball**2 / (RIGHT - LEFT)


def reach(hole: Floats, height: Floats) -> Floats:
    """How far from the wall the jet lands (n,): Torricelli's 2 sqrt(hole (height - hole)), less
    loss; 0 where the hole lies above the water."""
    return 2 * LOSS * np.sqrt(np.maximum(hole * (height - hole), 0.0))


@dataclass(frozen=True, eq=False)
class WaterHeight(Additive):
    """The height of the water that a ball raises, plus noise."""

    residual: Residual
    variable: Variable = HEIGHT

    @property
    def parents(self) -> tuple[Variable, ...]:  # type: ignore[override]
        return (BALL,)

    def mean(self, parents: Parents, n: int) -> Floats:
        return water_height(parents["ball_size"])


@dataclass(frozen=True, eq=False)
class Reach(Additive):
    """The reach of the jet, plus noise."""

    residual: Residual
    variable: Variable = REACH

    @property
    def parents(self) -> tuple[Variable, ...]:  # type: ignore[override]
        return (HOLE, HEIGHT)

    def mean(self, parents: Parents, n: int) -> Floats:
        return reach(parents["hole"], parents["water_height"])


@dataclass(frozen=True, eq=False, repr=False)
class Flow(World):
    """A ball in water, and the jet: ball_size -> water_height; water_height, hole -> flow.

    The scene of CausalVAE (Yang, Liu, Chen, Shen, Hao and Wang 2021, section 5.1). `ball_size` is a
    radius from 0.05 to 0.17 and `hole` a height from 0.10 to 0.30, in shares of the picture's
    width, both uniform and independent; the ball raises the water by its area over the vessel's
    width, and `flow` is where the jet lands, in front of the wall (Torricelli's law, less loss). A
    flow of 0 or less is dry.

    Parameters
    ----------
    n, seed : int
    size : int
        Pixels a side; pictures are (3, size, size).
    noise : float
        Standard deviation of the (uniform) noise of water_height and of flow, as a share of the
        standard deviation that their causes give them; 0 for none.
    """

    n: int = 7000
    seed: int = 0
    size: int = 28
    noise: float = 0.3

    cites = ("yang2021",)

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 0 <= self.noise <= 0.5:
            raise InputError(f"Flow(noise={self.noise}): expected a number from 0 to 0.5")

    @property
    def factors(self) -> tuple[str, ...]:
        return ("ball_size", "hole", "water_height", "flow")

    @cached_property
    def scm(self) -> SCM:
        edges = [("ball_size", "->", "water_height"), ("water_height", "->", "flow")]
        edges.append(("hole", "->", "flow"))
        ball, hole = np.meshgrid(np.linspace(*BALLS, 101), np.linspace(*HOLES, 101))
        height = water_height(ball)
        raised = Uniform(self.noise * float(height.std()))
        thrown = Uniform(self.noise * float(reach(hole, height).std()))
        return SCM(
            Graph.from_edges(edges, self.factors),
            {
                "ball_size": between(BALL, *BALLS),
                "hole": between(HOLE, *HOLES),
                "water_height": WaterHeight(raised),
                "flow": Reach(thrown),
            },
        )

    def _limits(self) -> dict[str, tuple[float, float]]:
        return {
            "ball_size": (0.0, (RIGHT - LEFT) / 2),
            "hole": (0.0, TOP - FLOOR),
            "water_height": (0.0, TOP - FLOOR),
            "flow": (-1.0, 2.0),
        }

    def _draw(self, columns: Columns, n: int) -> Pictures:
        ball, height = columns["ball_size"], columns["water_height"]
        hole, middle = FLOOR + columns["hole"], (LEFT + RIGHT) / 2
        half, side = (RIGHT - LEFT) / 2, (TOP - FLOOR) / 2
        return painted(
            [
                Brush(BOX, middle, FLOOR + height / 2, half, height / 2, colour=WATER),
                Brush(DISC, middle, FLOOR + ball, ball, colour=(0.80, 0.15, 0.12)),
                Brush(BOX, 0.5, FLOOR / 2, 0.5, FLOOR / 2, colour=(0.72, 0.62, 0.48)),
                Brush(BOX, LEFT, FLOOR + side, WALL, side, colour=DARK),
                Brush(BOX, RIGHT, FLOOR + side, WALL, side, colour=DARK),
                Brush(BOX, middle, FLOOR, half + WALL, WALL, colour=DARK),
                Brush(BOX, RIGHT, hole, WALL, 1.3 * JET, colour=(1.0, 1.0, 1.0)),
                *_jet(columns["flow"], hole),
            ],
            n,
            self.size,
            (0.95, 0.96, 0.98),
        )


def _jet(flow: Floats, hole: Floats) -> list[Brush]:
    """The arc from the hole to the ground, as straight pieces."""
    wet, out = flow > 0, []
    share = np.linspace(0.0, 1.0, PIECES + 1)
    x = RIGHT + np.outer(share, np.maximum(flow, 0.0))
    y = hole - np.outer(share**2, hole - FLOOR)
    for k in range(PIECES):
        dx, dy = x[k + 1] - x[k], y[k + 1] - y[k]
        centre = ((x[k] + x[k + 1]) / 2, (y[k] + y[k + 1]) / 2)
        kind = np.where(wet, BAR, -1)
        out.append(Brush(kind, *centre, np.hypot(dx, dy) / 2, JET, np.arctan2(dy, dx), WATER))
    return out
