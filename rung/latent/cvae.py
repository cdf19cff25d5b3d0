"""CVAE: a variational autoencoder whose decoder is told the attributes of a picture."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
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
from ..core.errors import InputError
from ..core.graph import Graph
from ..core.result import lock
from ..core.scm import SCM
from ..deep.device import device_of, seeded
from ..deep.networks import Decoder, Encoder, Shape, drawn, gaussian_kl, perceptron
from ..deep.training import Training, train
from ..deep.weights import Weights, load_weights
from ..mechanisms.structural import Structural
from .autoencoder import cross_entropy, details_of, sigmoid
from .codec import Codec, Codes, Images, parts
from .model import ImageModel
from .pictures import (
    FEWEST,
    Coding,
    codings,
    factor_graph,
    image_variable,
    images_of,
    need_rows,
    picture_shape,
)
from .sites import Block

HIDDEN = 128
READER = 16  # channels of the first convolution of the reader


@dataclass(frozen=True)
class CVAE:
    """A variational autoencoder with attributes: q(z | x, y) and p(x | z, y).

    The attributes y of a picture x are its labelled factors, related by an SCM that is fitted to
    the labels; z is what they leave open, with a normal prior. A what-if keeps z, computes the
    factors under the intervention and decodes both. Labels of units, where all are present, are
    taken as facts; of pictures alone, the factors are read by a further network, trained on the
    same labels.

    The loss is in nats a picture: cross-entropy of the pixels + beta * KL of q(z | x, y) to
    N(0, 1). The prior of z does not depend on y, as in the semi-supervised models of Kingma et al.
    (2014); in the original it may.

    Parameters
    ----------
    graph : Graph, Discovery or Learner
        Over the labelled factors; a Learner is run on the labels.
    size : int
        Numbers of z.
    beta : float
        Weight of the KL term.
    unlabelled : bool
        Allow missing labels: the reader learns from those that are there, and what it reads fills
        in for the others at each step, without a gradient. The SCM is fitted to the pictures that
        have all labels.
    training : Training

    Source: Sohn, Lee and Yan (2015), equations 2 and 4.
    """

    graph: Any
    size: int = 10
    beta: float = 1.0
    unlabelled: bool = False
    training: Training = field(default=Training(steps=3000))

    def __post_init__(self) -> None:
        if self.size < 1 or self.beta < 0:
            raise InputError("CVAE: expected size >= 1 and beta >= 0")

    def fit(
        self, data: Data, *, budget: Budget | Run | None = None, rng: np.random.Generator
    ) -> ImageModel:
        """Train on pictures and labels.

        Raises
        ------
        InputError, UnknownName
            Of the pictures, labels and graph, as for `CausalDiffAE`; with `unlabelled`, fewer than
            8 pictures have all labels.
        MissingCells
            A label is missing, and `unlabelled` is false.
        """
        run, image = start(budget), image_variable(data)
        need_rows(data, "CVAE")
        graph = factor_graph(self.graph, data, rng)
        coded = codings(data, graph.names, unlabelled=self.unlabelled)
        images, seed = images_of(data), int(rng.integers(2**31))
        latents = _latents(graph, coded, data, rng)
        labels = np.concatenate([c.encode(data.column(c.variable.name)) for c in coded], axis=1)
        with seeded(seed):
            network = Network(picture_shape(image), coded, self.size)
        rows = {"image": images, "label": labels}
        identity = repr((type(self).__name__, self.size, self.beta, coded))
        done = train(
            network, _Loss(network, self.beta), rows, self.training, run=run, seed=seed,
            identity=identity,
        )  # fmt: skip
        codec = AttributeCodec(
            picture_shape(image), coded, self.size, done.weights,
            _residuals(network, coded, images, labels), self.training.device,
        )  # fmt: skip
        return ImageModel(
            self, codec, latents, codec.places, image, details_of(done), done.complete,
            labelled=True, notes=done.notes, cites=("sohn2015",),
        )  # fmt: skip


class Network(nn.Module):
    """Encoder to z given the attributes, decoder of both, and a reader of the attributes."""

    def __init__(self, shape: Shape, coded: Sequence[Coding], size: int) -> None:
        super().__init__()
        self.coded = tuple(coded)
        known = sum(c.size for c in coded)
        self.trunk = Encoder(shape, HIDDEN)
        self.head = perceptron([HIDDEN + known, HIDDEN, 2 * size])
        self.decoder = Decoder(shape, known + size)
        self.reader = Encoder(shape, known, width=READER)

    def slices(self) -> list[tuple[Coding, slice]]:
        """Each factor and its numbers."""
        ends = np.cumsum([0, *(c.size for c in self.coded)]).tolist()
        return [(c, slice(a, b)) for c, a, b in zip(self.coded, ends, ends[1:])]

    def posterior(self, images: Tensor, known: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and log variance (n, size) of z."""
        seen = F.silu(self.trunk(2 * images - 1))
        mean, spread = self.head(torch.cat([seen, known], dim=1)).chunk(2, dim=1)
        return mean, spread.clamp(-20, 20)

    def read(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """What the reader gives (levels: logits), and the numbers of the code that it means."""
        raw = self.reader(2 * images - 1)
        columns = [
            F.one_hot(raw[:, s].argmax(1), c.size).float() if c.variable.discrete else raw[:, s]
            for c, s in self.slices()
        ]
        return raw, torch.cat(columns, dim=1)

    def misread(self, raw: Tensor, labels: Tensor) -> Tensor:
        """Squared error of numbers and cross-entropy of levels, over the labels that are there."""
        total = raw.new_zeros(())
        for coding, s in self.slices():
            seen = ~labels[:, s.start].isnan()
            if coding.variable.discrete:
                each = -(labels[:, s].nan_to_num() * raw[:, s].log_softmax(1)).sum(1)
            else:
                each = (raw[:, s.start] - labels[:, s.start].nan_to_num()) ** 2
            total = total + (each * seen).sum() / seen.sum().clamp(min=1)
        return total


@dataclass(frozen=True, eq=False)
class _Loss:
    network: Network
    beta: float

    def __call__(
        self, batch: Mapping[str, Tensor], share: float, chance: torch.Generator
    ) -> dict[str, Tensor]:
        network, images, labels = self.network, batch["image"], batch["label"]
        raw, read = network.read(images)
        misread = network.misread(raw, labels)
        known = torch.where(labels.isnan(), read.detach(), labels)
        mean, spread = network.posterior(images, known)
        logits = network.decoder(torch.cat([known, drawn(mean, spread, chance)], dim=1))
        error = cross_entropy(logits, images)
        kl = gaussian_kl(mean, spread).sum(1).mean()
        loss = error + self.beta * kl + misread  # the reader shares no weight with the others
        return {"loss": loss, "error": error, "kl": kl, "reader": misread}


def _latents(graph: Graph, coded: Sequence[Coding], data: Data, rng: np.random.Generator) -> SCM:
    """The SCM, of the pictures that have all labels."""
    columns = {c.variable.name: np.asarray(data.column(c.variable.name)) for c in coded}
    whole = ~np.any([np.isnan(column) for column in columns.values()], axis=0)
    if whole.sum() < FEWEST:
        raise InputError(
            f"{int(whole.sum())} pictures have all of the labels {', '.join(columns)}; the SCM "
            f"needs at least {FEWEST}"
        )
    chosen = {name: lock(column[whole]) for name, column in columns.items()}
    labels = Data(tuple(c.variable for c in coded), chosen)
    found = Structural(graph).fit(labels, rng=rng)
    assert isinstance(found, SCM)
    return found


@torch.no_grad()
def _residuals(
    network: Network, coded: Sequence[Coding], images: Images, labels: NDArray[np.float32]
) -> NDArray[np.float64]:
    """Standard deviation (known,) of label minus reading, of labelled pictures; 0 for levels."""
    device = next(network.parameters()).device
    read = np.concatenate([
        network.read(torch.from_numpy(np.array(images[rows])).to(device))[0].cpu().numpy()
        for rows in parts(len(images))
    ])  # fmt: skip
    out = np.zeros(labels.shape[1])
    for coding, s in network.slices():
        if not coding.variable.discrete:
            wrong = labels[:, s.start] - read[:, s.start]
            out[s] = np.sqrt(np.nanmean(wrong**2))
    return lock(out)


@dataclass(frozen=True, eq=False)
class AttributeCodec(Codec):
    """The trained networks of a CVAE; a code is the read factors, then the mean of z.

    Parameters
    ----------
    shape : (channels, height, width)
    coded : tuple of Coding
    length : int
        Numbers of z.
    weights : mapping of str to array
    residuals : (known,) float64
        Standard deviation of label minus reading, in numbers of the code; 0 for levels.
    device : str, optional
    """

    shape: Shape
    coded: tuple[Coding, ...]
    length: int
    weights: Weights = field(repr=False)
    residuals: NDArray[np.float64]
    device: str | None = None

    @property
    def known(self) -> int:
        """Numbers of the code that hold factors; they come first."""
        return sum(c.size for c in self.coded)

    @property
    def size(self) -> int:
        return self.known + self.length

    @property
    def places(self) -> tuple[Block, ...]:
        """Where each factor lives."""
        return tuple(Block(c, s.start) for c, s in self._network.slices())

    @cached_property
    def _network(self) -> Network:
        with seeded(0):
            network = Network(self.shape, self.coded, self.length)
        load_weights(network, self.weights)
        return network.to(device_of(self.device))

    def encode(self, images: Images) -> Codes:
        return self._completed(images, self.reading(images)[1])

    def given(self, images: Images, codes: Codes) -> Codes:
        return self._completed(images, codes[:, : self.known])

    def _completed(self, images: Images, known: Codes) -> Codes:
        return np.concatenate([known, self.posterior(images, known)[0]], axis=1)

    @torch.no_grad()
    def reading(self, images: Images) -> tuple[Codes, Codes]:
        """What the reader gives (n, known): levels as logits; and as numbers of the code."""
        out = np.empty((2, len(images), self.known), dtype=np.float32)
        for rows in parts(len(images)):
            raw, read = self._network.read(self._tensor(images[rows]))
            out[0, rows], out[1, rows] = raw.cpu().numpy(), read.cpu().numpy()
        return out[0], out[1]

    @torch.no_grad()
    def posterior(self, images: Images, known: Codes) -> tuple[Codes, Codes]:
        """Mean and variance (n, length) of z given pictures and numbers (n, known)."""
        out = np.empty((2, len(images), self.length), dtype=np.float32)
        for rows in parts(len(images)):
            x, y = self._tensor(images[rows]), self._tensor(known[rows])
            mean, spread = self._network.posterior(x, y)
            out[0, rows], out[1, rows] = mean.cpu().numpy(), spread.exp().cpu().numpy()
        return out[0], out[1]

    @torch.no_grad()
    def logits(self, codes: Codes) -> Images:
        """Logits (n, c, h, w) of the pixels."""
        out = np.empty((len(codes), *self.shape), dtype=np.float32)
        for rows in parts(len(codes)):
            out[rows] = self._network.decoder(self._tensor(codes[rows])).cpu().numpy()
        return out

    def decode(self, codes: Codes, rest: NDArray[Any] | None, change: Codes | None) -> Images:
        return sigmoid(self.logits(codes))

    def _tensor(self, array: NDArray[Any]) -> Tensor:
        return torch.from_numpy(np.array(array, dtype=np.float32)).to(device_of(self.device))
