"""CausalDiffAE: a diffusion autoencoder whose code is a structural causal model."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
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
from ..deep.device import device_of, seeded
from ..deep.diffusion import denoised, invert, noisy
from ..deep.networks import Encoder, Shape, drawn, gaussian_kl
from ..deep.training import Training, train
from ..deep.unet import UNet
from ..deep.weights import Weights, load_weights
from .causal_layer import CausalLayer, factor_scm
from .codec import Codec, Codes, Images, parts
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

READER = 16  # channels of the first convolution of the reader


@dataclass(frozen=True)
class CausalDiffAE:
    """A diffusion autoencoder around a causal layer.

    A reader takes one number a factor (a level's probability each, if the factor has levels) off
    a picture and an encoder takes `free` further numbers; the causal layer turns the factors z
    into noise, u_i = z_i - f_i(parents of i), with a small network f_i a node; the denoiser draws
    the picture under z. Labels are what the reader learns, and z itself where they are there. A
    what-if inverts the deterministic sampler to x_T under the picture's own code, changes z,
    recomputes descendants from their noise, and samples again from the same x_T.

    Five things differ from the published method. A factor takes one number of the code, in units
    of its label, instead of a block that repeats it. The free numbers carry what no label names.
    The prior of the noise shapes the reading only of pictures without labels: elsewhere it would
    teach the reader to guess a factor from its parents. Each factor steers the denoiser by itself
    (`UNet`), so that do() of a value which its parents never gave it can be drawn. And the dial
    `strength` goes from the picture's own code (0) over the intervention (1) beyond, where the
    published one goes from a picture without a code.

    Parameters
    ----------
    graph : Graph, Discovery or Learner
        Over the factors; a Learner is run on the labels, and the heaviest DAG is taken.
    free : int
        Further numbers of the code, for what no factor names.
    strength : float
        How far decoding goes from the old code to the new one.
    inverted : bool
        Keep a picture's own x_T; otherwise fresh noise.
    sampling : int
        Steps of the sampler each way.
    align, prior, spread : float
        Weights of the labels, of the noise prior, and of the prior of the free numbers.
    jitter : float
        Standard deviation of noise on z while training.
    unlabelled : bool
        Allow missing labels: such pictures train the networks through the factors that are read.
    width : int
        Channels of the denoiser at its upper level.
    training : Training

    Source: Komanduri, Zhao, Chen and Wu (2024), sections 4.1 to 4.3; Song, Meng and Ermon (2021)
    for the sampler and its inversion; Salimans and Ho (2022) for the predicted velocity.
    """

    graph: Any
    free: int = 0
    strength: float = 1.0
    inverted: bool = True
    sampling: int = 20
    align: float = 1.0
    prior: float = 0.05
    spread: float = 3e-5
    jitter: float = 0.03
    unlabelled: bool = False
    width: int = 24
    training: Training = field(default=Training(steps=5000, batch=32, rate=2e-3, average=0.998))

    def __post_init__(self) -> None:
        if self.free < 0 or self.sampling < 2 or self.width < 8:
            raise InputError("CausalDiffAE: expected free >= 0, sampling >= 2 and width >= 8")
        if min(self.align, self.prior, self.spread, self.jitter) < 0 or self.strength < 0:
            raise InputError("CausalDiffAE: weights, jitter and strength must not be negative")

    def fit(
        self, data: Data, *, budget: Budget | Run | None = None, rng: np.random.Generator
    ) -> ImageModel:
        """Train on pictures and labels.

        Raises
        ------
        InputError, UnknownName
            No or several columns of pictures, too few of them, values outside 0..1; a factor that
            never varies; a graph that is no DAG or names a column that is not there.
        MissingCells
            A label is missing, and `unlabelled` is false.
        """
        run = start(budget)
        image = image_variable(data)
        need_rows(data, "CausalDiffAE")
        graph = factor_graph(self.graph, data, rng)
        coded = codings(data, graph.names, unlabelled=self.unlabelled)
        images = images_of(data)
        labels = np.concatenate(
            [c.encode(data.column(c.variable.name)) for c in coded], axis=1
        )  # fmt: skip
        seed = int(rng.integers(2**31))
        plan = Plan(self._bare(), picture_shape(image), graph, coded)
        with seeded(seed):
            network = Network(plan)
        rows = {"image": images, "label": labels}
        done = train(
            network, network.loss, rows, self.training, run=run, seed=seed, identity=repr(plan)
        )
        codec = DiffusionCodec(plan, done.weights, self.strength, self.inverted, self.sampling,
                               self.training.device)  # fmt: skip
        codes = codec.encode(images)
        latents, places = factor_scm(network.layer, plan.coded, graph, codes, labels, rng)
        details = {
            "steps": done.steps, "seconds": done.seconds, "history": done.history,
            "rows_per_second": done.rows_per_second,
        }  # fmt: skip
        return ImageModel(
            replace(self, graph=graph), codec, latents, places, image, details, done.complete,
            labelled=True, notes=done.notes, cites=("komanduri2024", "song2021", "salimans2022"),
        )  # fmt: skip

    def _bare(self) -> CausalDiffAE:
        """What the weights depend on: without the graph object and the settings of decoding."""
        return replace(
            self, graph=None, strength=1.0, inverted=True, sampling=20, training=Training()
        )


@dataclass(frozen=True)
class Plan:
    """The shapes of the networks."""

    spec: CausalDiffAE
    shape: Shape
    graph: Graph
    coded: tuple[Coding, ...]

    @property
    def known(self) -> int:
        """Numbers of the code that hold factors."""
        return sum(c.size for c in self.coded)

    @property
    def size(self) -> int:
        """Numbers of the code."""
        return self.known + self.spec.free


class Network(nn.Module):
    """Encoder, causal layer and denoiser."""

    def __init__(self, plan: Plan) -> None:
        super().__init__()
        self.plan = plan
        spec = plan.spec
        self.reader = Encoder(plan.shape, plan.known, width=READER)
        self.encoder = Encoder(plan.shape, 2 * spec.free) if spec.free else None
        self.layer = CausalLayer(plan.graph, plan.coded)
        parts = list(self.layer.slices)
        if spec.free:  # what no label names may be drawn otherwise under other factors
            parts.append(slice(0, plan.size))
        self.denoiser = UNet(plan.shape, parts, width=spec.width)

    def encode(self, images: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Raw factors (logits of levels), factors, mean and log variance of the free numbers."""
        raw = self.reader(2 * images - 1)
        if self.encoder is None:
            mean = spread = raw[:, :0]
        else:
            mean, spread = self.encoder(2 * images - 1).chunk(2, dim=1)
        return raw, self.layer.values(raw), mean, spread.clamp(-10, 4)

    def loss(
        self, batch: Mapping[str, Tensor], share: float, chance: torch.Generator
    ) -> dict[str, Tensor]:
        """Denoising, labels, noise prior, prior of the free numbers (equations 8 to 10)."""
        spec, images, labels = self.plan.spec, batch["image"], batch["label"]
        n = len(images)
        raw, read, mean, spread = self.encode(images)
        labelled = ~labels.isnan()
        align = self.layer.alignment(raw, labels.nan_to_num(), labelled)
        z = torch.where(labelled, labels.nan_to_num(), read)
        prior = self.layer.prior(z)
        jitter = torch.randn(z.shape, generator=chance, device=z.device) * spec.jitter
        codes = torch.cat([z + jitter, drawn(mean, spread, chance)], dim=1)
        time = torch.rand(n, generator=chance, device=z.device)
        x, target = noisy(2 * images - 1, time, chance)
        denoise = F.mse_loss(self.denoiser(x, time, codes), target)
        free = gaussian_kl(mean, spread).sum(1).mean() if spec.free else z.new_zeros(())
        loss = denoise + spec.align * align + spec.prior * prior + spec.spread * free
        return {"loss": loss, "denoising": denoise, "labels": align, "prior": prior, "free": free}


@dataclass(frozen=True, eq=False)
class DiffusionCodec(Codec):
    """The trained networks of a CausalDiffAE; the rest of a picture is its x_T."""

    plan: Plan
    weights: Weights = field(repr=False)
    strength: float = 1.0
    inverted: bool = True
    sampling: int = 20
    device: str | None = None

    @property
    def size(self) -> int:
        return self.plan.size

    @cached_property
    def _network(self) -> Network:
        with seeded(0):
            network = Network(self.plan)
        load_weights(network, self.weights)
        return network.to(device_of(self.device))

    @torch.no_grad()
    def encode(self, images: Images) -> Codes:
        network = self._network
        out = np.empty((len(images), self.size), dtype=np.float32)
        for rows in parts(len(images)):
            _, z, mean, _ = network.encode(self._tensor(images[rows]))
            out[rows] = torch.cat([z, mean], dim=1).cpu().numpy()
        return out

    @torch.no_grad()
    def remainder(self, images: Images, codes: Codes) -> NDArray[Any] | None:
        if not self.inverted:
            seed = int(np.abs(codes[:, 0].astype(np.float64)).sum() * 1e6) % 2**31
            return self.chance(len(images), np.random.default_rng(seed))
        out = np.empty(images.shape, dtype=np.float32)
        for rows in parts(len(images)):
            x = 2 * self._tensor(images[rows]) - 1
            flow = self._flow(self._tensor(codes[rows]), None)
            out[rows] = invert(flow, x, self.sampling).cpu().numpy()
        return out

    def chance(self, n: int, rng: np.random.Generator) -> NDArray[Any] | None:
        return rng.standard_normal((n, *self.plan.shape)).astype(np.float32)

    @torch.no_grad()
    def decode(self, codes: Codes, rest: NDArray[Any] | None, change: Codes | None) -> Images:
        assert rest is not None
        out = np.empty((len(codes), *self.plan.shape), dtype=np.float32)
        for rows in parts(len(codes)):
            before = None if change is None else self._tensor(change[rows])
            flow = self._flow(self._tensor(codes[rows]), before)
            x = denoised(flow, self._tensor(rest[rows]), self.sampling)
            out[rows] = (0.5 + 0.5 * x).clamp(0, 1).cpu().numpy()
        return out

    def _flow(self, codes: Tensor, before: Tensor | None) -> Any:
        """The velocity under codes; under a strength other than 1, from those before."""
        network = self._network.denoiser

        def flow(x: Tensor, time: Tensor) -> Tensor:
            new: Tensor = network(x, time, codes)
            if before is None or self.strength == 1.0:
                return new
            old: Tensor = network(x, time, before)
            return old + self.strength * (new - old)

        return flow

    def _tensor(self, array: NDArray[Any]) -> Tensor:
        return torch.from_numpy(np.array(array, dtype=np.float32)).to(device_of(self.device))
