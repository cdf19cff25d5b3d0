"""What every variational autoencoder shares: networks, codec, the way from codes to an SCM."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from ..core.budget import Budget, Run, start
from ..core.data import Data
from ..core.graph import Graph
from ..core.scm import SCM
from ..core.variable import Variable
from ..deep.device import device_of, seeded
from ..deep.networks import Decoder, Encoder, Shape
from ..deep.training import Trained, train
from ..deep.weights import Weights, load_weights
from ..mechanisms.linear import Linear
from ..mechanisms.noise import Gaussian
from ..mechanisms.structural import Structural
from .codec import Codec, Codes, Images, parts
from .matching import matched
from .model import ImageModel
from .pictures import (
    Coding,
    codings,
    factor_graph,
    image_variable,
    images_of,
    need_rows,
    picture_shape,
)
from .sites import Block, Place

WIDTH = 32  # channels of the first convolution; a quarter of the hidden layer


class Autoencoder(nn.Module):
    """Encoder to mean and log variance of a normal code, decoder to the logits of a picture.

    The first `apart` numbers of the code have an encoder of their own; of its first parts, with
    the lengths of `spheres`, the decoder sees the direction alone.
    """

    def __init__(
        self, shape: Shape, size: int, *, width: int = WIDTH, apart: int = 0,
        spheres: tuple[int, ...] = (),
    ) -> None:  # fmt: skip
        super().__init__()
        self.spheres = spheres
        wide = {"width": width, "hidden": 4 * width}
        self.encoder = Encoder(shape, 2 * (size - apart), **wide)
        self.own = Encoder(shape, 2 * apart, **wide) if apart else None
        self.decoder = Decoder(shape, size, **wide)

    def posterior(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and log variance (n, size), the latter within -20..20."""
        x = 2 * images - 1
        mean, spread = self.encoder(x).chunk(2, dim=1)
        if self.own is not None:
            first, width = self.own(x).chunk(2, dim=1)
            mean, spread = torch.cat([first, mean], 1), torch.cat([width, spread], 1)
        return mean, spread.clamp(-20, 20)

    def draw(self, codes: Tensor) -> Tensor:
        """Logits (n, c, h, w) of codes (n, size)."""
        return self.decoder(self.seen(codes))

    def seen(self, codes: Tensor) -> Tensor:
        """Codes as the decoder sees them: parts on spheres have length 1."""
        if not self.spheres:
            return codes
        parts = codes.split([*self.spheres, codes.shape[1] - sum(self.spheres)], dim=1)
        return torch.cat([*(F.normalize(part, dim=1) for part in parts[:-1]), parts[-1]], dim=1)


Loss = Callable[[Autoencoder, Tensor, torch.Generator, int], Mapping[str, Tensor]]


def cross_entropy(logits: Tensor, images: Tensor) -> Tensor:
    """Bernoulli reconstruction error in nats, summed over the pixels of a picture."""
    return F.binary_cross_entropy_with_logits(logits, images, reduction="sum") / len(images)


def sigmoid(logits: Images) -> Images:
    """Brightness of logits; float32."""
    return np.asarray(0.5 + 0.5 * np.tanh(0.5 * logits), dtype=np.float32)


@dataclass(frozen=True, eq=False)
class GaussianCodec(Codec):
    """The trained networks of an autoencoder with a normal code; codes are posterior means.

    Parameters
    ----------
    shape : (channels, height, width)
    length : int
        Numbers of a code.
    weights : mapping of str to array
    device : str, optional
    width, apart, spheres
        Of the `Autoencoder`.
    memory : (m, length) float32, optional
        Codes of training pictures, from which new ones take their parts on spheres.
    """

    shape: Shape
    length: int
    weights: Weights = field(repr=False)
    device: str | None = None
    width: int = WIDTH
    apart: int = 0
    spheres: tuple[int, ...] = ()
    memory: Codes | None = field(default=None, repr=False)

    @property
    def size(self) -> int:
        return self.length

    @cached_property
    def _network(self) -> Autoencoder:
        with seeded(0):
            network = Autoencoder(
                self.shape, self.length, width=self.width, apart=self.apart, spheres=self.spheres
            )
        load_weights(network, self.weights)
        return network.to(device_of(self.device))

    def encode(self, images: Images) -> Codes:
        means = self.posterior(images)[0]
        return self._network.seen(torch.from_numpy(means)).numpy() if self.spheres else means

    def prior(self, n: int, rng: np.random.Generator) -> Codes:
        codes, at = rng.standard_normal((n, self.size)).astype(np.float32), 0
        for part in self.spheres if self.memory is not None else ():
            assert self.memory is not None
            where, rows = slice(at, at + part), rng.integers(len(self.memory), size=n)
            codes[:, where] = self.memory[rows, where]
            at += part
        return codes

    @torch.no_grad()
    def posterior(self, images: Images) -> tuple[Codes, Codes]:
        """Mean and variance (n, size) of the code of each picture."""
        out = np.empty((2, len(images), self.size), dtype=np.float32)
        for rows in parts(len(images)):
            x = torch.from_numpy(np.array(images[rows])).to(device_of(self.device))
            mean, spread = self._network.posterior(x)
            out[0, rows], out[1, rows] = mean.cpu().numpy(), spread.exp().cpu().numpy()
        return out[0], out[1]

    @torch.no_grad()
    def logits(self, codes: Codes) -> Images:
        """Logits (n, c, h, w) of the pixels."""
        out = np.empty((len(codes), *self.shape), dtype=np.float32)
        for rows in parts(len(codes)):
            z = torch.from_numpy(np.array(codes[rows], dtype=np.float32))
            out[rows] = self._network.draw(z.to(device_of(self.device))).cpu().numpy()
        return out

    def decode(self, codes: Codes, rest: NDArray[Any] | None, change: Codes | None) -> Images:
        return sigmoid(self.logits(codes))


def unnamed(size: int) -> tuple[SCM, tuple[Place, ...]]:
    """Independent standard normal variables z1, z2 ..., one for each number of the code."""
    variables = [Variable(f"z{i + 1}") for i in range(size)]
    graph = Graph.empty([v.name for v in variables])
    mechanisms = {v.name: Linear.of(v, (), (), noise=Gaussian()) for v in variables}
    return SCM(graph, mechanisms), tuple(Block(Coding(v), i) for i, v in enumerate(variables))


def named(
    structure: Any, data: Data, codes: Codes, rng: np.random.Generator
) -> tuple[SCM, tuple[Place, ...]]:
    """An SCM fitted to the labels, each factor read off the number of the code that suits it."""
    graph = factor_graph(structure, data, rng)
    coded = codings(data, graph.names, unlabelled=False)
    labels = Data(
        tuple(c.variable for c in coded), {n: data.column(n) for n in graph.names}
    )  # fmt: skip
    latents = Structural(graph).fit(labels, rng=rng)
    assert isinstance(latents, SCM)
    return latents, matched(codes, labels)


def finished(
    spec: Any, codec: Codec, structure: Any, data: Data, codes: Codes, image: Variable,
    done: Trained, cites: tuple[str, ...], rng: np.random.Generator,
) -> ImageModel:  # fmt: skip
    """The model of a trained codec: named factors if there is a graph, else z1, z2 ..."""
    latents, places = (
        unnamed(codec.size) if structure is None else named(structure, data, codes, rng)
    )  # fmt: skip
    return ImageModel(
        spec, codec, latents, places, image, details_of(done), done.complete, notes=done.notes,
        cites=cites,
    )  # fmt: skip


def details_of(done: Trained) -> Mapping[str, Any]:
    """Figures of a training, as models keep them."""
    return {
        "steps": done.steps, "seconds": done.seconds, "history": done.history,
        "rows_per_second": done.rows_per_second,
    }  # fmt: skip


def fitted(
    spec: Any, loss: Loss, data: Data, budget: Budget | Run | None, rng: np.random.Generator,
    *, cites: tuple[str, ...], settings: tuple[Any, ...],
) -> ImageModel:  # fmt: skip
    """Train an `Autoencoder` without labels, and make it a model.

    Parameters
    ----------
    spec : with `graph`, `size`, `width` and `training`
    loss : from the network, a batch of pictures, its chance and the number of pictures in all
    settings : what the weights depend on beside size and width
    """
    run, image, name = start(budget), image_variable(data), type(spec).__name__
    need_rows(data, name)
    images, seed, shape = images_of(data), int(rng.integers(2**31)), picture_shape(image)
    with seeded(seed):
        network = Autoencoder(shape, spec.size, width=spec.width)

    def objective(
        batch: Mapping[str, Tensor], share: float, chance: torch.Generator
    ) -> Mapping[str, Tensor]:
        return loss(network, batch["image"], chance, len(images))

    identity = repr((name, spec.size, spec.width, *settings))
    done = train(
        network, objective, {"image": images}, spec.training, run=run, seed=seed, identity=identity
    )
    codec = GaussianCodec(shape, spec.size, done.weights, spec.training.device, spec.width)
    return finished(spec, codec, spec.graph, data, codec.encode(images), image, done, cites, rng)
