"""Diffusion on a cosine schedule: noising, the deterministic sampler, and its inversion.

x_t = cos(a) x_0 + sin(a) e at the angle a = t pi / 2. Networks predict the velocity
v = cos(a) e - sin(a) x_0 (Salimans and Ho 2022), from which both x_0 and e follow without a
division, also at t = 1.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable

import torch
from torch import Tensor

Flow = Callable[[Tensor, Tensor], Tensor]
"""The velocity of x (n, ...) at times (n,)."""

FIRST = 0.02  # the time that a clean picture is taken to be at


def noisy(clean: Tensor, time: Tensor, chance: torch.Generator) -> tuple[Tensor, Tensor]:
    """x_t and its velocity, for pictures in -1..1 and times (n,)."""
    noise = torch.randn(clean.shape, generator=chance, device=clean.device)
    angle = (time * (math.pi / 2)).view(-1, *(1,) * (clean.ndim - 1))
    return angle.cos() * clean + angle.sin() * noise, angle.cos() * noise - angle.sin() * clean


def _walk(flow: Flow, x: Tensor, times: list[float]) -> Tensor:
    """Deterministic steps of DDIM (Song, Meng and Ermon 2021, equation 12 without noise).

    A step takes x_0 and e as they are predicted and turns in their plane. What the last step
    foretold of the velocity tells how the path bends, at no further call of the network: the error
    of a step is then of third order instead of second (a two-step method of Adams and Bashforth).
    """
    foretold = None
    for here, there in itertools.pairwise(times):
        turn = (there - here) * math.pi / 2
        v = flow(x, torch.full((len(x),), here, device=x.device))
        bend = 0.0 if foretold is None else (v - foretold) * (turn / 2)
        foretold = math.cos(turn) * v - math.sin(turn) * x
        x = math.cos(turn) * x + math.sin(turn) * v + bend
    return x


def invert(flow: Flow, x: Tensor, steps: int) -> Tensor:
    """x_T whose denoising gives the pictures x in -1..1 back, up to the error of the steps."""
    return _walk(flow, x, [FIRST + (1 - FIRST) * i / steps for i in range(steps + 1)])


def denoised(flow: Flow, x: Tensor, steps: int) -> Tensor:
    """Pictures in -1..1 of noise x_T; the last step takes the predicted clean picture."""
    x = _walk(flow, x, [1 - (1 - FIRST) * i / steps for i in range(steps + 1)])
    v = flow(x, torch.full((len(x),), FIRST, device=x.device))
    a = FIRST * math.pi / 2
    return math.cos(a) * x - math.sin(a) * v
