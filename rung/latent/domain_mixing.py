"""Between latents of domains and what is seen: vectors by an invertible map, pictures by a VAE."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from ..core.data import Data
from ..core.errors import InputError, MissingCells, NotSupported
from ..core.variable import Kind, Variable
from ..deep.device import seeded
from ..deep.flow import Flow, Invertible, Leaky
from ..deep.weights import Weights, load_weights
from .autoencoder import GaussianCodec
from .pictures import images_of

Floats = NDArray[np.float64]
COLLINEAR = 1e-10  # smallest eigenvalue of a correlation matrix of columns that all say something


@dataclass(frozen=True)
class LeakyMixing:
    """x = G leaky(z) + shift, leaky(z) = z above 0 and slope z below; slope 1 is linear.

    Source: Zhou et al. (2024), the simulations.
    """

    slope: float = 0.5

    def __post_init__(self) -> None:
        if not 0 < self.slope <= 1:
            raise InputError(f"LeakyMixing(slope={self.slope}): expected a slope in (0, 1]")

    def network(self, size: int, starts: int = 1) -> Invertible:
        """Untrained, `starts` times."""
        return Leaky(size, starts, self.slope)


@dataclass(frozen=True)
class FlowMixing:
    """An invertible network: a linear map and affine couplings.

    Parameters
    ----------
    couplings, hidden : int
        Number of couplings; numbers of the hidden layers of each.
    """

    couplings: int = 4
    hidden: int = 64

    def __post_init__(self) -> None:
        if self.couplings < 1 or self.hidden < 1:
            raise InputError("FlowMixing: expected at least one coupling and one hidden number")

    def network(self, size: int, starts: int = 1) -> Invertible:
        """Untrained, `starts` times."""
        return Flow(size, starts, self.couplings, self.hidden)


@dataclass(frozen=True)
class PictureMixing:
    """An encoder and a decoder of pictures, shared by all domains.

    Parameters
    ----------
    size : int
        Number of latents.
    beta : float
        Weight of the KL term.
    """

    size: int = 16
    beta: float = 1.0

    def __post_init__(self) -> None:
        if self.size < 2 or not self.beta > 0:
            raise InputError("PictureMixing: expected size >= 2 and beta > 0")


class Mixing(ABC):
    """A trained way between latents and what is seen; a frozen dataclass."""

    @property
    @abstractmethod
    def variables(self) -> tuple[Variable, ...]:
        """What is seen."""

    @abstractmethod
    def encode(self, units: Data) -> Floats:
        """Latents (m, n)."""

    @abstractmethod
    def decode(self, latents: Floats) -> dict[str, NDArray[Any]]:
        """What is seen, by name."""

    @property
    def invertible(self) -> bool:
        """True if decoding what was encoded gives the unit back."""
        return True

    def log_determinant(self, units: Data) -> Floats:
        """log |det dz/dx| (m,)."""
        raise NotSupported(
            "pictures have no exact density under a VAE; compare the lower bounds in "
            "model.details['history']"
        )


@dataclass(frozen=True, eq=False)
class Vectors(Mixing):
    """Columns, standardised, through an invertible network.

    Parameters
    ----------
    spec : LeakyMixing or FlowMixing
    columns : tuple of Variable
    centre, scale : (n,) float
    weights : mapping
    """

    spec: LeakyMixing | FlowMixing
    columns: tuple[Variable, ...]
    centre: Floats
    scale: Floats
    weights: Weights = field(repr=False)

    @property
    def variables(self) -> tuple[Variable, ...]:
        return self.columns

    @cached_property
    def _network(self) -> Invertible:
        with seeded(0):
            network = self.spec.network(len(self.columns))
        load_weights(network, self.weights)
        return network.double()

    @torch.no_grad()
    def _forward(self, units: Data) -> tuple[Floats, Floats]:
        x = (numbers(units, self.columns) - self.centre) / self.scale
        latents, total = self._network(torch.from_numpy(x))
        return latents[0].numpy(), total[0].numpy() - np.log(self.scale).sum()

    def encode(self, units: Data) -> Floats:
        return self._forward(units)[0]

    def log_determinant(self, units: Data) -> Floats:
        return self._forward(units)[1]

    @torch.no_grad()
    def decode(self, latents: Floats) -> dict[str, NDArray[Any]]:
        x = self._network.inverse(torch.from_numpy(np.array(latents))[None])[0].numpy()
        x = x * self.scale + self.centre
        return {v.name: np.array(x[:, j]) for j, v in enumerate(self.columns)}


@dataclass(frozen=True, eq=False)
class Pictures(Mixing):
    """Pictures through the encoder and the decoder of a VAE."""

    image: Variable
    codec: GaussianCodec

    @property
    def variables(self) -> tuple[Variable, ...]:
        return (self.image,)

    @property
    def invertible(self) -> bool:
        return False

    def encode(self, units: Data) -> Floats:
        return self.codec.encode(images_of(units, self.image)).astype(np.float64)

    def decode(self, latents: Floats) -> dict[str, NDArray[Any]]:
        return {self.image.name: self.codec.decode(latents.astype(np.float32), None, None)}


def numbers(units: Data, columns: tuple[Variable, ...]) -> Floats:
    """The columns (m, n) of units.

    Raises
    ------
    MissingCells, InputError
        A cell is missing or infinite.
    """
    x = units.matrix([v.name for v in columns])
    if np.isnan(x).any():
        row, j = np.argwhere(np.isnan(x))[0].tolist()
        raise MissingCells(
            f"row {row} has no value of {columns[j].name!r}; a model of domains needs every value: "
            "choose complete rows, data[~data.mask.any(axis=1)]"
        )
    if not np.isfinite(x).all():
        row, j = np.argwhere(~np.isfinite(x))[0].tolist()
        raise InputError(f"row {row} of {columns[j].name!r} is infinite; leave such rows out")
    return x


def columns_of(data: Data, without: str) -> tuple[Variable, ...]:
    """The numeric columns that are modelled.

    Raises
    ------
    InputError
        Fewer than two, one with levels or that never varies, or columns that follow from others.
    """
    out = []
    for v in data.variables:
        if v.name == without:
            continue
        if v.discrete or v.kind is Kind.IDENTIFIER or v.shape:
            raise InputError(
                f"{v.name!r} is {v.kind}; a model of domains needs numbers, or one column of "
                f"pictures: leave it out with data.drop([{v.name!r}])"
            )
        out.append(Variable(v.name, Kind.CONTINUOUS, unit=v.unit))
    if len(out) < 2:
        raise InputError(f"a model of domains needs at least two columns, found {len(out)}")
    x = numbers(data, tuple(out))
    for v, sd in zip(out, x.std(axis=0).tolist()):
        if sd == 0:
            raise InputError(f"{v.name!r} never varies; leave it out")
    if np.linalg.eigvalsh(np.corrcoef(x.T))[0] < COLLINEAR:
        raise InputError(
            "a column follows from the others (or is a copy of one), so that no density exists; "
            "leave it out"
        )
    return tuple(out)


def beginnings(
    x: Floats, codes: NDArray[np.int64], starts: int, sparse: bool, rng: np.random.Generator
) -> Floats:
    """Where to begin: matrices (starts, n, n) to uncorrelated latents, turned at random.

    If the mechanisms are sparse, the first puts directions on which the domains agree first: in
    whitened coordinates a direction along which mean and covariance are the same in every domain
    is a null vector of the sum over d of (C_d - I)^2 + m_d m_d', and eigenvectors are sorted by it.
    (An order means nothing to a dense model, which would only borrow the sparsity.)
    """
    n = x.shape[1]
    values, vectors = np.linalg.eigh(np.cov(x.T))
    white = vectors / np.sqrt(values)
    y = (x - x.mean(axis=0)) @ white
    apart = np.zeros((n, n))
    for d in np.unique(codes):
        part = y[codes == d]
        off, mean = np.cov(part.T) - np.eye(n), part.mean(axis=0)
        apart += off @ off + np.outer(mean, mean)
    turns = [np.linalg.qr(rng.standard_normal((n, n)))[0] for _ in range(starts)]
    if sparse:
        turns[0] = np.linalg.eigh(apart)[1]
    return np.stack([(white @ turn).T for turn in turns])
