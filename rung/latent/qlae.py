"""QLAE: an autoencoder whose code numbers each take one of a few learnt values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from ..core.budget import Budget, Run, start
from ..core.data import Data
from ..core.errors import InputError
from ..core.graph import Graph
from ..core.result import lock
from ..core.scm import SCM
from ..core.variable import Kind, Variable
from ..deep.device import device_of, seeded
from ..deep.networks import Decoder, Encoder, Shape
from ..deep.training import Training, train
from ..deep.weights import Weights, load_weights
from ..mechanisms.root import Frequencies
from .autoencoder import WIDTH, cross_entropy, details_of, named
from .codec import Codec, Codes, Images, parts
from .matching import Matched
from .model import ImageModel
from .pictures import image_variable, images_of, need_rows, picture_shape

SIZE = 10  # numbers of a code where no factor is known


class Quantised(nn.Module):
    """Encoder, one codebook of scalars for each number of the code, decoder."""

    def __init__(self, shape: Shape, size: int, values: int, width: int) -> None:
        super().__init__()
        self.size, self.values = size, values
        self.encoder = Encoder(shape, size, width=width, hidden=4 * width)
        self.decoder = Decoder(shape, size, width=width, hidden=4 * width)
        start = torch.linspace(-0.5, 0.5, values).repeat(size)
        self.codebooks = nn.Parameter(start)  # a vector: not decayed

    def numbers(self, images: Tensor) -> Tensor:
        """Numbers (n, size) before they are quantised."""
        return self.encoder(2 * images - 1)

    def nearest(self, numbers: Tensor) -> tuple[Tensor, Tensor]:
        """The nearest value of each codebook (n, size), and its index."""
        books = self.codebooks.view(self.size, self.values)
        index = (numbers[:, :, None] - books).abs().argmin(2)
        return books.gather(1, index.T).T, index


def distances(numbers: Tensor, near: Tensor) -> tuple[Tensor, Tensor]:
    """Mean squared distance of numbers and their values: as it moves values, and numbers."""
    return ((numbers.detach() - near) ** 2).mean(), ((numbers - near.detach()) ** 2).mean()


@dataclass(frozen=True, eq=False)
class QuantisedCodec(Codec):
    """The trained networks; a code holds values of the codebooks, and only they are decoded.

    Parameters
    ----------
    shape : (channels, height, width)
    books : (size, values) array
        Values of each codebook, ascending.
    shares : (size, values) array
        Share of the training pictures that have each value.
    weights : mapping
    device : str, optional
    """

    shape: Shape
    books: NDArray[np.float32]
    shares: NDArray[np.float64]
    weights: Weights = field(repr=False)
    device: str | None = None
    width: int = WIDTH

    @property
    def size(self) -> int:
        return len(self.books)

    @cached_property
    def _network(self) -> Quantised:
        with seeded(0):
            network = Quantised(self.shape, self.size, self.books.shape[1], self.width)
        load_weights(network, self.weights)
        return network.to(device_of(self.device))

    def encode(self, images: Images) -> Codes:
        return self.values_of(self.indices(images))

    @torch.no_grad()
    def indices(self, images: Images) -> NDArray[np.intp]:
        """Which value (n, size) of the ascending codebooks each number takes."""
        out = np.empty((len(images), self.size), dtype=np.intp)
        for rows in parts(len(images)):
            x = torch.from_numpy(np.array(images[rows])).to(device_of(self.device))
            out[rows] = self._near(self._network.numbers(x).cpu().numpy())
        return out

    def _near(self, codes: Codes) -> NDArray[np.intp]:
        return np.abs(codes[:, :, None] - self.books).argmin(2)

    def values_of(self, indices: NDArray[np.intp]) -> Codes:
        """Codes (n, size) of indices into the codebooks."""
        return self.books[np.arange(self.size), indices]

    @torch.no_grad()
    def decode(self, codes: Codes, rest: NDArray[Any] | None, change: Codes | None) -> Images:
        out = np.empty((len(codes), *self.shape), dtype=np.float32)
        for rows in parts(len(codes)):
            z = torch.from_numpy(self.values_of(self._near(codes[rows])))
            out[rows] = self._network.decoder(z.to(device_of(self.device))).sigmoid().cpu().numpy()
        return out

    def prior(self, n: int, rng: np.random.Generator) -> Codes:
        """Each number by itself, with the shares that its values have in the training pictures."""
        upto = self.shares.cumsum(axis=1)
        u = rng.random((n, self.size)) * upto[:, -1]
        return self.values_of((u[:, :, None] >= upto[:, :-1]).sum(axis=2))


@dataclass(frozen=True)
class QLAE:
    """An autoencoder with quantised latents: a few values for each number, and weight decay.

    Every number of the code has its own codebook of `values` learnt scalars and takes the nearest;
    gradients pass straight through. Without a graph, the variables are the numbers z1, z2 ..., each
    with its codebook values (rounded to three decimals) as levels; they are independent and have
    the frequencies of the training pictures. With a graph and labelled factors, each factor is
    matched to a number as for `VAE`.

    Parameters
    ----------
    graph : Graph, Discovery or Learner, optional
        Over labelled factors.
    size : int, optional
        Numbers of the code; by default twice the factors of the graph, or else twice the scalar
        columns beside the pictures, or else 10.
    values : int
        Of each codebook; they start evenly spaced from -0.5 to 0.5.
    quantise, commit : float
        Weights of the mean squared distance between numbers and their values, as it moves the
        values, and as it moves the numbers; beside the cross-entropy, in nats a pixel and channel.
    width : int
        Channels of the first convolution, and a quarter of the hidden layer.
    training : Training
        With `decay` for the decoupled weight decay; biases and codebooks are not decayed. What it
        does grows with rate * decay * steps. The authors take a rate of 0.001, a decay of 0.1 and
        200,000 steps of 128; the default takes fewer steps, with more of both.

    Source: Hsu, Dorrell, Whittington, Wu and Finn (2023), and their code. They decode by a
    style-based network; here the decoder is the one of every autoencoder.
    """

    graph: Any = None
    size: int | None = None
    values: int = 10
    quantise: float = 0.01
    commit: float = 0.01
    width: int = WIDTH
    training: Training = field(default=Training(steps=3000, rate=4e-3, decay=0.4))

    def __post_init__(self) -> None:
        if min(self.width, self.size or 1) < 1 or self.size == 0 or self.values < 2:
            raise InputError("QLAE: expected size, width >= 1 and values >= 2")
        if self.quantise < 0 or self.commit < 0:
            raise InputError("QLAE: quantise and commit are weights of at least 0")

    def fit(
        self, data: Data, *, budget: Budget | Run | None = None, rng: np.random.Generator
    ) -> ImageModel:
        """Train on pictures; labels are used only after the training.

        Raises
        ------
        InputError, MissingCells, UnknownName
            Of the pictures, labels and graph, as for `CausalDiffAE`.
        """
        run, image = start(budget), image_variable(data)
        need_rows(data, "QLAE")
        images, seed, size = images_of(data), int(rng.integers(2**31)), self._size(data)
        shape = picture_shape(image)
        with seeded(seed):
            network = Quantised(shape, size, self.values, self.width)

        def loss(
            batch: Mapping[str, Tensor], share: float, chance: torch.Generator
        ) -> dict[str, Tensor]:
            return self._loss(network, batch["image"])

        identity = repr(
            (type(self).__name__, size, self.width, self.values, self.quantise, self.commit)
        )
        done = train(
            network, loss, {"image": images}, self.training, run=run, seed=seed, identity=identity
        )
        codec = self._codec(shape, size, done.weights, images)
        latents, places = (
            _levels(codec) if self.graph is None
            else named(self.graph, data, codec.encode(images), rng)
        )  # fmt: skip
        return ImageModel(
            self, codec, latents, places, image, details_of(done), done.complete,
            notes=done.notes, cites=("hsu2023",),
        )  # fmt: skip

    def _size(self, data: Data) -> int:
        if self.size is not None:
            return self.size
        factors = getattr(self.graph, "names", None) or [v for v in data.variables if not v.shape]
        return 2 * len(factors) or SIZE

    def _codec(self, shape: Shape, size: int, weights: Weights, images: Images) -> QuantisedCodec:
        books = np.sort(weights["codebooks"].reshape(size, self.values), axis=1)
        device = self.training.device
        bare = QuantisedCodec(shape, lock(books), np.empty(0), weights, device, self.width)
        seen = bare.indices(images)
        counts = np.stack([np.bincount(column, minlength=self.values) for column in seen.T])
        return replace(bare, shares=lock(counts / len(images)))

    def _loss(self, network: Quantised, images: Tensor) -> dict[str, Tensor]:
        """The loss of the authors' code (models/quantized_ae.py), term by term."""
        numbers = network.numbers(images)
        near, _ = network.nearest(numbers)
        through = numbers + (near - numbers).detach()
        error = cross_entropy(network.decoder(through), images)
        quantise, commit = distances(numbers, near)
        total = error / images[0].numel() + self.quantise * quantise + self.commit * commit
        return {"loss": total, "error": error, "quantise": quantise, "commit": commit}


def _levels(codec: QuantisedCodec) -> tuple[SCM, tuple[Matched, ...]]:
    """Independent variables z1, z2 ... with the values of the codebooks as levels."""
    mechanisms, places = {}, []
    for j, book in enumerate(codec.books):
        variable = Variable(f"z{j + 1}", Kind.ORDINAL, _named(book))
        table = codec.shares[j] + 1e-6  # a level that was never seen is rare, not impossible
        mechanisms[variable.name] = Frequencies(variable, lock(table / table.sum()))
        values = lock(book.astype(np.float64))
        places.append(Matched(variable, j, 0.0, 1.0, values, 1.0))
    return SCM(Graph.empty(list(mechanisms)), mechanisms), tuple(places)


def _named(book: NDArray[np.float32]) -> tuple[float, ...]:
    """Values to three decimals, or whole if two would then be one."""
    short = tuple(round(float(v), 3) for v in book)
    return short if len(set(short)) == len(short) else tuple(float(v) for v in book)
