"""Invertible networks, several starts of each trained side by side."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

LARGEST = 2.0  # log scale of one coupling


class Perceptrons(nn.Module):
    """`starts` perceptrons of those sizes: (starts, n, inputs) to (starts, n, outputs).

    The last layer starts at 0.
    """

    def __init__(self, starts: int, sizes: Sequence[int]) -> None:
        super().__init__()
        pairs = list(itertools.pairwise(sizes))
        last = len(pairs) - 1
        self.matrices = nn.ParameterList(
            torch.randn(starts, a, b) * (0 if i == last else a**-0.5)
            for i, (a, b) in enumerate(pairs)
        )
        self.shifts = nn.ParameterList(torch.zeros(starts, 1, b) for _, b in pairs)

    def forward(self, values: Tensor) -> Tensor:
        for i, (matrix, shift) in enumerate(zip(self.matrices, self.shifts)):
            values = torch.baddbmm(shift, F.silu(values) if i else values, matrix)
        return values


class Coupling(nn.Module):
    """One half of the numbers scales and shifts the other half: y = y exp(s(x)) + t(x).

    Starts as the identity.

    Source: Dinh, Sohl-Dickstein and Bengio (2017), equations 7 and 8; log scales are bounded here.
    """

    def __init__(self, starts: int, size: int, first: bool, hidden: int) -> None:
        super().__init__()
        half = size // 2
        self.given, self.moved = slice(0, half), slice(half, size)
        if not first:
            self.given, self.moved = self.moved, self.given
        inputs = half if first else size - half
        self.network = Perceptrons(starts, [inputs, hidden, hidden, 2 * (size - inputs)])

    def terms(self, values: Tensor) -> tuple[Tensor, Tensor]:
        """Log scale and shift (starts, n, moved)."""
        scale, shift = self.network(values[..., self.given]).chunk(2, dim=-1)
        return LARGEST * torch.tanh(scale / LARGEST), shift

    def forward(self, values: Tensor) -> tuple[Tensor, Tensor]:
        """New values (starts, n, size), and the log determinant (starts, n)."""
        scale, shift = self.terms(values)
        out = values.clone()
        out[..., self.moved] = values[..., self.moved] * scale.exp() + shift
        return out, scale.sum(-1)

    def inverse(self, values: Tensor) -> Tensor:
        """The values that `forward` takes to these."""
        scale, shift = self.terms(values)
        out = values.clone()
        out[..., self.moved] = (values[..., self.moved] - shift) * (-scale).exp()
        return out


class Invertible(nn.Module):
    """Data (n, size) to latents (starts, n, size) and back: a linear map, then what `bent` does.

    Parameters
    ----------
    size, starts : int
        Numbers of a row; how often the network is there, each time with its own weights.
    """

    def __init__(self, size: int, starts: int) -> None:
        super().__init__()
        self.matrix = nn.Parameter(torch.eye(size).repeat(starts, 1, 1))
        self.shift = nn.Parameter(torch.zeros(starts, 1, size))
        self.soft = 0.0

    def bent(self, values: Tensor) -> tuple[Tensor, Tensor]:
        """Latents of linear values, and the log determinant (starts, n)."""
        return values, values.new_zeros(values.shape[:2])

    def straight(self, latents: Tensor) -> Tensor:
        """The linear values that `bent` takes to these latents."""
        return latents

    def forward(self, data: Tensor) -> tuple[Tensor, Tensor]:
        """Latents (starts, n, size) of data, and the log determinant (starts, n)."""
        linear = (data - self.shift) @ self.matrix.mT
        values, total = self.bent(linear)
        return values, total + torch.linalg.slogdet(self.matrix)[1][:, None]

    def inverse(self, latents: Tensor) -> Tensor:
        """Data (starts, n, size) of latents."""
        values = self.straight(latents)
        return torch.linalg.solve(self.matrix, values.mT).mT + self.shift


class Flow(Invertible):
    """A linear map, then affine couplings of alternating halves; the couplings start as nothing.

    Parameters
    ----------
    couplings, hidden : int
        Number of couplings; numbers of the two hidden layers of each.
    """

    def __init__(self, size: int, starts: int, couplings: int, hidden: int) -> None:
        super().__init__(size, starts)
        parts = [Coupling(starts, size, i % 2 == 0, hidden) for i in range(couplings)]
        self.couplings = nn.ModuleList(parts)

    def bent(self, values: Tensor) -> tuple[Tensor, Tensor]:
        total = values.new_zeros(values.shape[:2])
        for coupling in self.couplings:
            values, part = coupling(values)
            total = total + part
        return values, total

    def straight(self, latents: Tensor) -> Tensor:
        for coupling in reversed(list(self.couplings)):
            assert isinstance(coupling, Coupling)
            latents = coupling.inverse(latents)
        return latents


class Leaky(Invertible):
    """data = G leaky(latents) + shift, with leaky(z) = z above 0 and slope z below.

    The density jumps where a latent is 0, which no gradient shows: while `soft` is above 0 the bend
    is rounded off over that width, so that a training can see it, and `inverse` does not hold.

    Parameters
    ----------
    slope : float
        Above 0; 1 is a linear map.
    """

    def __init__(self, size: int, starts: int, slope: float) -> None:
        super().__init__(size, starts)
        self.slope = slope

    def bent(self, values: Tensor) -> tuple[Tensor, Tensor]:
        if self.soft > 0:
            more, scaled = 1 / self.slope - 1, -values / self.soft
            out = values - more * self.soft * F.softplus(scaled)
            return out, torch.log1p(more * torch.sigmoid(scaled)).sum(-1)
        below = values < 0
        total = below.sum(-1) * -math.log(self.slope)
        return torch.where(below, values / self.slope, values), total

    def straight(self, latents: Tensor) -> Tensor:
        return torch.where(latents < 0, latents * self.slope, latents)
