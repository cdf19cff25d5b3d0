"""A small denoising network whose every block is steered by time and code."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from .networks import Shape

SIDE = 16  # pixels of a side on which convolutions run
PLANES = 4  # channels of places that a part of the code draws
WAVES = 32  # numbers that describe a time
RATES = 4  # frequencies in which a number of the code is seen
UNITS = 16  # of the hidden layer of a part of the code, for each of its planes


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


class Part(nn.Module):
    """What one part (n, size) of the code adds to the steering, and the planes that it draws.

    Numbers are seen through sines and cosines too: a small network alone is too smooth to place
    things within a fraction of a pixel.
    """

    def __init__(self, size: int, steering: int, low: tuple[int, int], planes: int) -> None:
        super().__init__()
        self.shape = (planes, *low)
        self.rates: Tensor
        self.register_buffer("rates", math.pi / 4 * 2.0 ** torch.arange(RATES), persistent=False)
        self.first = nn.Linear(size * (1 + 2 * RATES), UNITS * planes)
        self.steer = nn.Linear(UNITS * planes, steering)
        self.planes = nn.Linear(UNITS * planes, math.prod(self.shape))

    def forward(self, part: Tensor) -> tuple[Tensor, Tensor]:
        angles = (part[:, :, None] * self.rates).flatten(1)
        h = F.silu(self.first(torch.cat([part, angles.sin(), angles.cos()], dim=1)))
        return self.steer(h), self.planes(h).view(-1, *self.shape)


class UNet(nn.Module):
    """Noisy pictures (n, c, h, w), times (n,) in 0..1 and codes (n, k) to pictures (n, c, h, w).

    Pictures are folded to at most `SIDE` pixels a side, the pixels of a patch side by side as
    channels; then come two levels. `parts` are slices of the code, which may overlap. Each part
    steers every block, its share added to those of the others, and draws planes of its own
    for the lower level; only convolutions combine them. So a combination of factors that was never
    seen is drawn of what was: the lamp from one, the shadow from another.
    """

    def __init__(
        self, shape: Shape, parts: Sequence[slice], *, width: int = 32, steering: int = 96
    ) -> None:
        super().__init__()
        self.shape = shape
        self.fold = max(1, -(-max(shape[1:]) // SIDE))
        high = -(-shape[1] // self.fold), -(-shape[2] // self.fold)
        low = -(-high[0] // 2), -(-high[1] // 2)
        self.pad = high[1] * self.fold - shape[2], high[0] * self.fold - shape[1]
        channels, wide = shape[0] * self.fold**2, 2 * width
        self.slices = tuple(parts)
        planes = [min(max(PLANES, s.stop - s.start), 2 * PLANES) for s in self.slices]
        self.time = nn.Sequential(nn.Linear(WAVES, steering), nn.SiLU())
        self.parts = nn.ModuleList(
            Part(s.stop - s.start, steering, low, p) for s, p in zip(self.slices, planes)
        )
        self.mix = nn.Sequential(nn.SiLU(), nn.Linear(steering, steering), nn.SiLU())
        self.stem = nn.Conv2d(channels, width, 3, padding=1)
        self.down = Block(width, width, steering)
        self.shrink = nn.Conv2d(width, wide, 3, stride=2, padding=1)
        self.middle = Block(wide + sum(planes), wide, steering)
        self.middle2 = Block(wide, wide, steering)
        self.grow = nn.Conv2d(wide, width, 3, padding=1)
        self.up = Block(2 * width, width, steering)
        self.norm = nn.GroupNorm(_groups(width), width)
        self.last = nn.Conv2d(width, channels, 3, padding=1)

    def forward(self, x: Tensor, time: Tensor, code: Tensor) -> Tensor:
        s, drawn = self.time(waves(time)), []
        for part, where in zip(self.parts, self.slices):
            steering, planes = part(code[:, where])
            s = s + steering
            drawn.append(planes)
        s = self.mix(s)
        if any(self.pad):
            x = F.pad(x, (0, self.pad[0], 0, self.pad[1]), mode="replicate")
        a = self.down(self.stem(F.pixel_unshuffle(x, self.fold)), s)
        b = self.middle2(self.middle(torch.cat([self.shrink(a), *drawn], dim=1), s), s)
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
