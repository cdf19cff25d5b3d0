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
    """Codes (n, inputs) to the logits of pictures (n, c, h, w): the encoder in reverse.

    The last convolution works at half the side and gives the four pixels of each place.
    """

    def __init__(self, shape: Shape, inputs: int, *, width: int = 32, hidden: int = 128) -> None:
        super().__init__()
        self.shape = shape
        self.maps = sides(shape)[:0:-1]
        widths = [2 * width] * max(len(self.maps) - 1, 0) + [width]
        self.first = (widths[0], *self.maps[0])
        self.head = perceptron([inputs, hidden, widths[0] * self.maps[0][0] * self.maps[0][1]])
        ends = [*widths[1:], 4 * shape[0]]
        self.layers = nn.ModuleList(nn.Conv2d(a, b, 3, padding=1) for a, b in zip(widths, ends))

    def forward(self, codes: Tensor) -> Tensor:
        x = self.head(codes).view(-1, *self.first)
        for i, layer in enumerate(self.layers):
            x = F.silu(x)
            x = layer(F.interpolate(x, size=self.maps[i], mode="nearest") if i else x)
        return F.pixel_shuffle(x, 2)[:, :, : self.shape[1], : self.shape[2]]


def gaussian_kl(mean: Tensor, log_variance: Tensor) -> Tensor:
    """KL (n, k) of N(mean, variance) to N(0, 1), for each dimension."""
    return 0.5 * (mean**2 + log_variance.exp() - log_variance - 1)


def drawn(mean: Tensor, log_variance: Tensor, chance: torch.Generator) -> Tensor:
    """A draw of N(mean, variance) through which gradients flow (Kingma and Welling 2014)."""
    noise = torch.randn(mean.shape, generator=chance, device=mean.device)
    return mean + noise * (0.5 * log_variance).exp()
