"""Pendulum: a lamp, a pendulum, and the shadow that they throw."""

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

PIVOT = (0.5, 0.47)
ROD, BALL = 0.28, 0.065
SUN, SUN_Y = 0.08, 0.89
GROUND = 0.11  # top of the ground strip; the shadow lies at half its height
SHADOW = 0.028  # half the thickness of the drawn shadow
ANGLES, LIGHTS = (-40.0, 40.0), (0.15, 0.85)

ANGLE = Variable("angle", unit="degrees")
LIGHT = Variable("light", unit="share of width")
LENGTH = Variable("shadow_length", unit="share of width")
POSITION = Variable("shadow_position", unit="share of width")


def shadow(angle: Floats, light: Floats) -> tuple[Floats, Floats]:
    """Where the shadows of the pivot and of the ball's centre fall on the ground, (n,) each.

    Rays are parallel to the line from the sun to the pivot.
    """
    turn = np.deg2rad(angle)
    slope = (PIVOT[0] - light) / (SUN_Y - PIVOT[1])  # sideways for one down
    ball_x, ball_y = PIVOT[0] + ROD * np.sin(turn), PIVOT[1] - ROD * np.cos(turn)
    low = GROUND / 2
    return PIVOT[0] + slope * (PIVOT[1] - low), ball_x + slope * (ball_y - low)


def shadow_length(angle: Floats, light: Floats) -> Floats:
    """From end to end, (n,): the ball's own width is part of it."""
    top, ball = shadow(angle, light)
    return np.abs(top - ball) + 2 * BALL


def shadow_position(angle: Floats, light: Floats) -> Floats:
    """The middle of the shadow, (n,)."""
    top, ball = shadow(angle, light)
    return (top + ball) / 2


@dataclass(frozen=True, eq=False, repr=False)
class Shadow(Additive):
    """The length of the shadow, or its position, as geometry has it, plus noise."""

    variable: Variable
    residual: Residual

    @property
    def parents(self) -> tuple[Variable, ...]:  # type: ignore[override]
        return (ANGLE, LIGHT)

    def mean(self, parents: Parents, n: int) -> Floats:
        rule = shadow_length if self.variable.name == LENGTH.name else shadow_position
        return rule(parents["angle"], parents["light"])


@dataclass(frozen=True, eq=False, repr=False)
class Pendulum(World):
    """A pendulum under a sun, and its shadow: angle, light -> shadow_length, shadow_position.

    The scene of CausalVAE (Yang, Liu, Chen, Shen, Hao and Wang 2021, section 5.1). `angle` is the
    pendulum's, from -40 to 40 degrees, positive to the right; `light` is the place of the sun, from
    0.15 to 0.85 of the picture's width. Both are uniform and independent. Rays are parallel to the
    line from the sun to the pivot, and the shadow is the projection of rod and ball.

    Parameters
    ----------
    n, seed : int
    size : int
        Pixels a side; pictures are (3, size, size).
    noise : float
        Standard deviation of the (uniform) noise of each shadow factor, as a share of the
        standard deviation that geometry gives it; 0 as in the paper. With noise, pictures of a
        shadow at other places than geometry says occur, so that a model can learn what
        do(shadow_position) looks like.
    """

    n: int = 7000
    seed: int = 0
    size: int = 28
    noise: float = 0.3

    cites = ("yang2021",)

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 0 <= self.noise <= 0.5:
            raise InputError(f"Pendulum(noise={self.noise}): expected a number from 0 to 0.5")

    @property
    def factors(self) -> tuple[str, ...]:
        return ("angle", "light", "shadow_length", "shadow_position")

    @cached_property
    def scm(self) -> SCM:
        edges = [(a, "->", b) for a in self.factors[:2] for b in self.factors[2:]]
        spread = np.meshgrid(np.linspace(*ANGLES, 101), np.linspace(*LIGHTS, 101))
        length = Uniform(self.noise * float(shadow_length(*spread).std()))
        position = Uniform(self.noise * float(shadow_position(*spread).std()))
        return SCM(
            Graph.from_edges(edges, self.factors),
            {
                "angle": between(ANGLE, *ANGLES),
                "light": between(LIGHT, *LIGHTS),
                "shadow_length": Shadow(LENGTH, length),
                "shadow_position": Shadow(POSITION, position),
            },
        )

    def _limits(self) -> dict[str, tuple[float, float]]:
        return {
            "angle": (-90.0, 90.0),
            "light": (0.0, 1.0),
            "shadow_length": (0.0, 2.0),
            "shadow_position": (-1.0, 2.0),
        }

    def _draw(self, columns: Columns, n: int) -> Pictures:
        turn = np.deg2rad(columns["angle"])
        x, y = PIVOT
        sin, cos = np.sin(turn), np.cos(turn)
        middle = (x + ROD / 2 * sin, y - ROD / 2 * cos)
        length, place = columns["shadow_length"], columns["shadow_position"]
        return painted(
            [
                Brush(BOX, 0.5, GROUND / 2, 0.5, GROUND / 2, colour=(0.85, 0.80, 0.66)),
                Brush(BOX, place, GROUND / 2, length / 2, SHADOW, colour=(0.12, 0.12, 0.16)),
                Brush(DISC, columns["light"], SUN_Y, SUN, colour=(1.0, 0.66, 0.05)),
                Brush(BAR, *middle, ROD / 2, 0.016, turn - np.pi / 2, (0.25, 0.22, 0.22)),
                Brush(BAR, x, y, 0.07, 0.02, colour=(0.25, 0.22, 0.22)),
                Brush(DISC, x + ROD * sin, y - ROD * cos, BALL, colour=(0.75, 0.10, 0.12)),
            ],
            n,
            self.size,
            (0.82, 0.91, 0.98),
        )
