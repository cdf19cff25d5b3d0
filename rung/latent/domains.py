"""DomainCounterfactuals: what a unit of one domain would have been in another."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from ..core.budget import Budget, Run, start
from ..core.data import Data
from ..core.environments import need_environments, with_environment
from ..core.errors import InputError
from ..core.variable import Kind, Variable
from ..deep.device import seeded
from ..deep.flow import Invertible
from ..deep.networks import drawn
from ..deep.training import Trained, Training, train
from ..deep.weights import weights_of
from .autoencoder import Autoencoder, GaussianCodec, cross_entropy, details_of
from .domain_forms import Form, LatentBlock, LatentDomains, RelaxedCanonical
from .domain_mixing import (
    FlowMixing,
    LeakyMixing,
    Mixing,
    PictureMixing,
    Pictures,
    Vectors,
    beginnings,
    columns_of,
    numbers,
)
from .domain_model import DomainModel
from .pictures import image_variable, images_of

FEWEST = 20  # rows of a domain
SOFT = (1.0, 0.01)  # widths of a bend at the beginning and the end of a training
VECTORS = Training(steps=2000, batch=1000, rate=2e-2, clip=1000.0)
PICTURES = Training(steps=3000, batch=128, rate=2e-3)


@dataclass(frozen=True)
class DomainCounterfactuals:
    """Invertible latent causal models, one a domain, behind one mixing that they share.

    Each domain d turns the same normal noise into latents by an autoregressive linear model,
    z = L_d z + s_d eps + b_d, and the mixing turns latents into what is seen. The counterfactual
    of x in domain d' goes back to the noise and on from there: g f_d' f_d^-1 g^-1 (x). The latents
    themselves need not be the true ones for that.

    Columns of numbers are fitted by maximum likelihood through an invertible mixing, so that a
    counterfactual in a unit's own domain is the unit itself; one column of pictures as a VAE whose
    prior is the latent model of the domain. Three things differ from the published method: scales
    s_d are positive; the first domain and the shared latents of the canonical form have no shift
    of their own, as the mixing has one; and the VAE reads one latent model both ways, where the
    published one learns separate matrices for encoding and decoding.

    Parameters
    ----------
    changed : int or Form
        Which mechanisms may differ between domains: k for `RelaxedCanonical(k)`, the last k of the
        latents; or `Canonical(k)`, `Dense()`.
    mixing : LeakyMixing, FlowMixing or PictureMixing, optional
        `PictureMixing()` for pictures, else `LeakyMixing()`.
    domain : str
        Name of the domain variable: a column of levels, or what the environment of a row is called.
    starts : int
        Of columns: trained side by side from different beginnings, of which the likeliest is kept.
    spread : float
        Standard deviation of the slopes, log scales and shifts with which a training begins: 0
        begins with domains that do not differ, 1 is as published.
    training : Training, optional

    Source: Zhou, Bai, Kulinski, Kocaoglu and Inouye (2024), sections 2 and 3.
    """

    changed: int | Form = 2
    mixing: LeakyMixing | FlowMixing | PictureMixing | None = None
    domain: str = "domain"
    starts: int = 8
    spread: float = 0.0
    training: Training | None = None

    @property
    def form(self) -> Form:
        """Which mechanisms may differ."""
        return RelaxedCanonical(self.changed) if isinstance(self.changed, int) else self.changed

    def __post_init__(self) -> None:
        if not isinstance(self.form, Form):
            raise InputError(
                f"changed={self.changed!r}: expected how many mechanisms differ between domains, "
                "or RelaxedCanonical(k), Canonical(k), Dense()"
            )
        if self.starts < 1 or self.spread < 0:
            raise InputError("DomainCounterfactuals: expected starts >= 1 and spread >= 0")

    def fit(
        self, data: Data, *, budget: Budget | Run | None = None, rng: np.random.Generator
    ) -> DomainModel:
        """Train on rows of two or more domains.

        Raises
        ------
        InputError
            No domains, only one, or one with fewer than 20 rows; a column that is no number, never
            varies or follows from others; a mixing that does not suit the data; more changed
            mechanisms than latents.
        MissingCells
            A value is missing.
        """
        run = start(budget)
        domain, codes = domains_of(data, self.domain)
        pictures = any(len(v.shape) == 3 for v in data.variables)
        mixing = self.mixing or (PictureMixing() if pictures else LeakyMixing())
        if isinstance(mixing, PictureMixing) != pictures:
            raise InputError(
                f"{mixing!r} does not suit the data, which are "
                f"{'pictures' if pictures else 'columns of numbers'}"
            )
        job = Job(self, domain, codes, run, int(rng.integers(2**31)))
        if isinstance(mixing, PictureMixing):
            return job.model(*job.pictures(data, mixing))
        return job.model(*job.vectors(data, mixing))


def likelihood(network: Invertible, block: LatentBlock, x: Tensor, domain: Tensor) -> Tensor:
    """log p(x | d) (starts, n) of standardised rows."""
    latents, total = network(x)
    return block.log_density(latents, domain) + total


def domains_of(data: Data, name: str) -> tuple[Variable, NDArray[np.int64]]:
    """The domain variable, and the number of each row's domain (n,).

    Raises
    ------
    InputError
        No domains, only one, or one with too few rows.
    """
    if name in data.names:
        given = data.variable(name)
        if not given.discrete or np.isnan(data.column(name)).any():
            raise InputError(f"the domain {name!r} must have a level in every row")
        if given.size < 2:
            raise InputError(f"DomainCounterfactuals needs two domains; {name!r} has {given.size}")
        domain, codes = given, data.column(name)
    else:
        need_environments(data, "DomainCounterfactuals")
        made = with_environment(data.select([]), name)
        domain, codes = made.variable(name), made.column(name)
    domain = Variable(name, Kind.CATEGORICAL, domain.levels)
    counts = np.bincount(codes.astype(np.int64), minlength=domain.size)
    if counts.min() < FEWEST:
        few = (domain.levels or ())[int(counts.argmin())]
        raise InputError(
            f"domain {few!r} has {counts.min()} rows; DomainCounterfactuals needs at least "
            f"{FEWEST} of each domain"
        )
    return domain, codes.astype(np.int64)


@dataclass(frozen=True, eq=False)
class Job:
    """One training: what vectors and pictures share."""

    spec: DomainCounterfactuals
    domain: Variable
    codes: NDArray[np.int64]
    run: Run
    seed: int

    def block(self, latents: int, starts: int = 1) -> LatentBlock:
        """Untrained latent mechanisms."""
        own = self.spec
        return LatentBlock(own.form, latents, self.domain.size, starts, own.spread)

    def vectors(
        self, data: Data, spec: LeakyMixing | FlowMixing
    ) -> tuple[Mixing, LatentDomains, Trained]:
        """Maximum likelihood."""
        columns = columns_of(data, self.domain.name)
        x = numbers(data, columns)
        centre, scale, n = x.mean(axis=0), x.std(axis=0), len(columns)
        x, starts = (x - centre) / scale, self.spec.starts
        with seeded(self.seed):
            network, block = spec.network(n, starts), self.block(n, starts)
        sparse = self.spec.form.changed_of(n) < n
        first = beginnings(x, self.codes, starts, sparse, np.random.default_rng(self.seed))
        network.load_state_dict({"matrix": torch.from_numpy(first)}, strict=False)

        def loss(
            batch: Mapping[str, Tensor], share: float, chance: torch.Generator
        ) -> dict[str, Tensor]:
            network.soft = SOFT[0] * (SOFT[1] / SOFT[0]) ** share
            each = -likelihood(network, block, batch["x"], batch["domain"]).mean(1)
            return {"loss": each.sum(), "best": each.min()}

        rows = {"x": x.astype(np.float32), "domain": self.codes}
        done = self._train(nn.ModuleList([network, block]), loss, rows, VECTORS, spec)
        network.soft = 0.0
        with torch.no_grad():
            place = network.shift.device
            tensors = (torch.from_numpy(rows[k]).to(place) for k in ("x", "domain"))
            best = int(likelihood(network, block, *tensors).mean(1).argmax())
        weights = {k: v[best : best + 1] for k, v in weights_of(network).items()}
        return Vectors(spec, columns, centre, scale, weights), block.fitted(best), done

    def pictures(self, data: Data, spec: PictureMixing) -> tuple[Mixing, LatentDomains, Trained]:
        """A lower bound on the likelihood: one draw of the code of each picture."""
        image, images = image_variable(data), images_of(data)
        shape: Any = image.shape
        with seeded(self.seed):
            network, block = Autoencoder(shape, spec.size), self.block(spec.size)

        def loss(
            batch: Mapping[str, Tensor], share: float, chance: torch.Generator
        ) -> dict[str, Tensor]:
            mean, spread = network.posterior(batch["image"])
            latents = drawn(mean, spread, chance)
            error = cross_entropy(network.decoder(latents), batch["image"])
            entropy = 0.5 * (spread + 1 + np.log(2 * np.pi)).sum(1)
            kl = -(entropy + block.log_density(latents[None], batch["domain"])[0]).mean()
            return {"loss": error + spec.beta * kl, "error": error, "kl": kl}

        rows = {"image": images, "domain": self.codes}
        done = self._train(nn.ModuleList([network, block]), loss, rows, PICTURES, spec)
        weights = weights_of(network)
        training = self.spec.training or PICTURES
        codec = GaussianCodec(shape, spec.size, weights, training.device)
        return Pictures(image, codec), block.fitted(), done

    def _train(
        self, module: nn.Module, loss: Any, rows: Mapping[str, Any], default: Training, spec: Any
    ) -> Trained:
        own = self.spec
        identity = repr((own.form, spec, self.domain, own.starts, own.spread))
        settings = own.training or default
        return train(
            module, loss, rows, settings, run=self.run, seed=self.seed, identity=identity
        )  # fmt: skip

    def model(self, mixing: Mixing, latents: LatentDomains, done: Trained) -> DomainModel:
        """The fitted model."""
        shares = np.bincount(self.codes, minlength=self.domain.size) / len(self.codes)
        return DomainModel(
            self.spec, mixing, latents, latents.scm(self.domain, shares), self.domain,
            details_of(done), done.complete, done.notes,
        )  # fmt: skip
