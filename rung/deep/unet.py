"""A small denoising network whose every block is steered by time and code."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from .networks import Shape

SIDE = 16  # pixels of a side on which convolutions run
PLANES = 8  # channels of places that the code draws
WAVES = 32  # numbers that describe a time


class Block(nn.Module):
    """Two convolutions around a residual; time and code set scale and shift of the middle."""

    def __init__(self, inputs: int, outputs: int, steering: int) -> None:
        super().__init__()
        self.norm1 = nn.GroupNorm(_groups(inputs), inputs)
        self.conv1 = nn.Conv2d(inputs, outputs, 3, padding=1)
        self.steer = nn.Linear(steering, 2 * outputs)
        self.norm2 = nn.GroupNorm(_groups(outputs), outputs)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, padding=1)
        self.skip = nn.Conv2d(inputs, outputs, 1) if inputs != outputs else nn.Identity()
        nn.init.zeros_(self.conv2.weight)
        nn.init.zeros_(self.conv2.bias)

    def forward(self, x: Tensor, steering: Tensor) -> Tensor:
        h = self.conv1(F.silu(self.norm1(x)))
        scale, shift = self.steer(steering)[:, :, None, None].chunk(2, dim=1)
        h = self.norm2(h) * (1 + scale) + shift
        return self.skip(x) + self.conv2(F.silu(h))


class UNet(nn.Module):
    """Noisy pictures (n, c, h, w), times (n,) in 0..1 and codes (n, k) to pictures (n, c, h, w).

    Pictures are folded to at most `SIDE` pixels a side, the pixels of a patch side by side as
    channels; then come two levels. The code enters every block and, as planes that the lower level
    adds, gives a place to what it says about places.
    """

    def __init__(self, shape: Shape, codes: int, *, width: int = 32, steering: int = 96) -> None:
        super().__init__()
        self.shape = shape
        self.fold = max(1, -(-max(shape[1:]) // SIDE))
        high = -(-shape[1] // self.fold), -(-shape[2] // self.fold)
        self.low = -(-high[0] // 2), -(-high[1] // 2)
        self.pad = high[1] * self.fold - shape[2], high[0] * self.fold - shape[1]
        channels, wide = shape[0] * self.fold**2, 2 * width
        self.time = nn.Sequential(nn.Linear(WAVES, steering), nn.SiLU())
        self.code = nn.Sequential(
            nn.Linear(codes, steering), nn.SiLU(), nn.Linear(steering, steering)
        )
        self.mix = nn.Sequential(nn.SiLU(), nn.Linear(steering, steering), nn.SiLU())
        self.planes = nn.Linear(steering, PLANES * self.low[0] * self.low[1])
        self.stem = nn.Conv2d(channels, width, 3, padding=1)
        self.down = Block(width, width, steering)
        self.shrink = nn.Conv2d(width, wide, 3, stride=2, padding=1)
        self.middle = Block(wide + PLANES, wide, steering)
        self.middle2 = Block(wide, wide, steering)
        self.grow = nn.Conv2d(wide, width, 3, padding=1)
        self.up = Block(2 * width, width, steering)
        self.norm = nn.GroupNorm(_groups(width), width)
        self.last = nn.Conv2d(width, channels, 3, padding=1)

    def forward(self, x: Tensor, time: Tensor, code: Tensor) -> Tensor:
        known = self.code(code)
        s = self.mix(self.time(waves(time)) + known)
        if any(self.pad):
            x = F.pad(x, (0, self.pad[0], 0, self.pad[1]), mode="replicate")
        a = self.down(self.stem(F.pixel_unshuffle(x, self.fold)), s)
        planes = self.planes(F.silu(known)).view(-1, PLANES, *self.low)
        b = self.middle2(self.middle(torch.cat([self.shrink(a), planes], dim=1), s), s)
        b = self.grow(F.interpolate(b, size=a.shape[2:], mode="nearest"))
        a = self.up(torch.cat([a, b], dim=1), s)
        out = F.pixel_shuffle(self.last(F.silu(self.norm(a))), self.fold)
        return out[:, :, : self.shape[1], : self.shape[2]]


def waves(time: Tensor, size: int = WAVES) -> Tensor:
    """Sines and cosines (n, size) of times (n,) in 0..1."""
    rates = torch.exp(torch.linspace(0, math.log(1000), size // 2, device=time.device))
    angles = time[:, None] * rates[None]
    return torch.cat([angles.sin(), angles.cos()], dim=1)


def _groups(channels: int) -> int:
    return next(g for g in (8, 4, 2, 1) if channels % g == 0)
