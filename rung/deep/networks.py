"""Small networks for pictures: an encoder, a decoder, a perceptron."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

Shape = tuple[int, int, int]  # channels, height, width
SMALLEST = 4  # pixels of the side at which convolutions end


def sides(shape: Shape) -> list[tuple[int, int]]:
    """(height, width) from the picture down to the smallest map, halved and rounded up."""
    out = [(shape[1], shape[2])]
    while max(out[-1]) > SMALLEST:
        out.append((-(-out[-1][0] // 2), -(-out[-1][1] // 2)))
    return out


def perceptron(sizes: Sequence[int]) -> nn.Sequential:
    """Linear layers of those sizes with SiLU between them."""
    layers: list[nn.Module] = []
    for i, (a, b) in enumerate(itertools.pairwise(sizes)):
        layers += [nn.SiLU()] if i else []
        layers.append(nn.Linear(a, b))
    return nn.Sequential(*layers)


class Encoder(nn.Module):
    """Pictures (n, c, h, w) to (n, outputs): convolutions of stride 2, then one hidden layer."""

    def __init__(self, shape: Shape, outputs: int, *, width: int = 32, hidden: int = 128) -> None:
        super().__init__()
        maps = sides(shape)
        layers: list[nn.Module] = []
        channels = shape[0]
        for i in range(len(maps) - 1):
            out = width * min(2**i, 2)
            layers += [nn.Conv2d(channels, out, 3, stride=2, padding=1), nn.SiLU()]
            channels = out
        self.body = nn.Sequential(*layers, nn.Flatten())
        flat = channels * maps[-1][0] * maps[-1][1]
        self.head = perceptron([flat, hidden, outputs])

    def forward(self, images: Tensor) -> Tensor:
        return self.head(self.body(images))


class Decoder(nn.Module):
    """Codes (n, inputs) to the logits of pictures (n, c, h, w): the encoder in reverse."""

    def __init__(self, shape: Shape, inputs: int, *, width: int = 32, hidden: int = 128) -> None:
        super().__init__()
        self.maps = sides(shape)[::-1]
        steps = len(self.maps) - 1
        widths = [width * min(2 ** max(i - 1, 0), 2) for i in range(steps, 0, -1)]
        self.first = (widths[0] if steps else shape[0], *self.maps[0])
        flat = self.first[0] * self.first[1] * self.first[2]
        self.head = perceptron([inputs, hidden, flat])
        self.layers = nn.ModuleList(
            nn.Conv2d(a, b, 3, padding=1) for a, b in zip(widths, [*widths[1:], shape[0]])
        )

    def forward(self, codes: Tensor) -> Tensor:
        x = self.head(codes).view(-1, *self.first)
        for layer, side in zip(self.layers, self.maps[1:]):
            x = layer(F.interpolate(F.silu(x), size=side, mode="nearest"))
        return x


def gaussian_kl(mean: Tensor, log_variance: Tensor) -> Tensor:
    """KL (n, k) of N(mean, variance) to N(0, 1), for each dimension."""
    return 0.5 * (mean**2 + log_variance.exp() - log_variance - 1)


def drawn(mean: Tensor, log_variance: Tensor, chance: torch.Generator) -> Tensor:
    """A draw of N(mean, variance) through which gradients flow (Kingma and Welling 2014)."""
    noise = torch.randn(mean.shape, generator=chance, device=mean.device)
    return mean + noise * (0.5 * log_variance).exp()
