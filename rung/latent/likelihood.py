"""How likely held-out pictures are under a variational autoencoder: a lower bound, in nats."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ..core.data import Data
from ..core.errors import InputError, NotSupported
from ..core.result import Result, lock
from ..core.scm import SCM
from ..inference.intervals import check_level, normal
from .autoencoder import GaussianCodec
from .codec import Codes, Images
from .cvae import AttributeCodec
from .model import ImageModel
from .pictures import images_of

if TYPE_CHECKING:
    import pandas as pd

Floats = NDArray[np.float64]
# What the pixels leave open of a factor may be wider than what the reader leaves open
EVEN = 0.2
WIDTHS = 5


@dataclass(frozen=True, eq=False)
class EvidenceBound(Result):
    """A lower bound on log-likelihood, in nats a picture.

    Parameters
    ----------
    value, se : float
        Mean over pictures and its standard error.
    interval : (low, high)
    each : (n,) float64
    draws : int
    of : str
        What it bounds: "log p(picture)" or "log p(picture | factors)".
    """

    value: float
    se: float
    interval: tuple[float, float]
    each: Floats
    draws: int
    of: str
    cites: tuple[str, ...] = ("burda2016",)

    def frame(self) -> pd.DataFrame:
        """One row a picture."""
        import pandas as pd

        return pd.DataFrame({self.of: self.each})

    def __repr__(self) -> str:
        low, high = self.interval
        return (f"{self.of} >= {self.value:.2f} nats (se {self.se:.2f}, interval {low:.2f} to "
                f"{high:.2f}), {len(self.each)} pictures, {self.draws} draws each")  # fmt: skip


def evidence_bound(
    model: ImageModel,
    data: Data,
    *,
    given: bool = False,
    draws: int = 32,
    level: float = 0.95,
    seed: int = 0,
) -> EvidenceBound:
    """The importance-weighted bound E log(mean of w_k) on the likelihood of pictures.

    A pixel is read as the chance of a binary one, as in the loss of training; figures of models
    with the same pictures can be compared, not those of different pictures. Without factors, a
    CVAE draws them too: around what its reader reads, weighted by the SCM.

    Parameters
    ----------
    model : ImageModel of VAE, BetaTCVAE, XFactors or CVAE
    data : Data
        Pictures that the model was not trained on.
    given : bool
        Of a CVAE: bound log p(picture | factors), with the labels of `data`.
    draws : int
        1 is the evidence lower bound; more draws bound more tightly.
    level, seed
        Of the interval over pictures; of the draws.

    Raises
    ------
    NotSupported
        The model has no normal code (CausalDiffAE, QLAE), or no factors to be given.

    Source: Burda, Grosse and Salakhutdinov (2016), equation 8.
    """
    if draws < 1 or data.n < 2:
        raise InputError("evidence_bound: expected draws >= 1 and at least 2 pictures")
    codec, images = model.codec, images_of(data, model.image)
    rng = np.random.default_rng(seed)
    total = np.full(len(images), -np.inf)
    posterior = None
    known = None if not given else _given(model, data)
    for _ in range(draws):
        weight = np.zeros(len(images))
        if isinstance(codec, AttributeCodec):
            if not given:
                known, weight = _read(codec, model.latents, images, rng)
            if posterior is None or not given:
                assert known is not None
                posterior = codec.posterior(images, known)
        elif isinstance(codec, GaussianCodec):
            posterior = posterior or codec.posterior(images)
        else:
            raise NotSupported(
                f"a {type(model.spec).__name__} has no normal code to integrate over"
            )
        total = np.logaddexp(total, weight + _weight(codec, images, known, posterior, rng))
    each = total - np.log(draws)
    value, se = float(each.mean()), float(each.std(ddof=1) / np.sqrt(len(each)))
    of = "log p(picture | factors)" if given else "log p(picture)"
    interval = normal(value, se, check_level(level))
    return EvidenceBound(value, se, interval, lock(each), draws, of)


def _given(model: ImageModel, data: Data) -> Codes:
    """Numbers (n, known) of the labels."""
    codec = model.codec
    if not isinstance(codec, AttributeCodec):
        raise NotSupported(f"the likelihood of a {type(model.spec).__name__} is that of pictures "
                           "alone: leave out given=True")  # fmt: skip
    facts = model.latents.facts(data)
    return np.concatenate([c.encode(facts.column(c.variable.name)) for c in codec.coded], axis=1)


def _weight(
    codec: AttributeCodec | GaussianCodec, images: Images, known: Codes | None,
    posterior: tuple[Codes, Codes], rng: np.random.Generator,
) -> Floats:  # fmt: skip
    """log p(x | z) p(z) / q(z | x) of one draw of z, (n,)."""
    mean, variance = (part.astype(np.float64) for part in posterior)
    noise = rng.standard_normal(mean.shape)
    z = mean + np.sqrt(variance) * noise
    codes = z.astype(np.float32)
    logits = codec.logits(codes if known is None else np.concatenate([known, codes], axis=1))
    rows = logits.astype(np.float64)
    pixels = (images * rows - np.logaddexp(0, rows)).reshape(len(images), -1).sum(axis=1)
    return np.asarray(pixels + 0.5 * (noise**2 + np.log(variance) - z**2).sum(axis=1))


def _read(
    codec: AttributeCodec, latents: SCM, images: Images, rng: np.random.Generator
) -> tuple[Codes, Floats]:
    """One draw of the factors around the reading, as numbers, and log p(y) / q(y | x), (n,)."""
    raw = codec.reading(images)[0].astype(np.float64)
    weight, columns, out, at = np.zeros(len(raw)), {}, [], 0
    for coding in codec.coded:
        own = raw[:, at : at + coding.size]
        if coding.variable.discrete:
            value, log_q = _level(own, rng)
        else:
            number, log_q = _number(own[:, 0], float(codec.residuals[at]), rng)
            log_q -= np.log(coding.scale)  # a density in units of the label, as in the SCM
            value = number * coding.scale + coding.centre
        weight -= log_q
        columns[coding.variable.name] = value
        out.append(coding.encode(value))
        at += coding.size
    for name, mechanism in latents.mechanisms.items():
        parents = {p.name: columns[p.name] for p in mechanism.parents}
        weight += mechanism.log_prob(columns[name], parents)
    return np.concatenate(out, axis=1), weight


def _level(logits: Floats, rng: np.random.Generator) -> tuple[Floats, Floats]:
    """A level (n,) of the reader's chances, mixed with even ones; its log probability."""
    chances = np.exp(logits - np.logaddexp.reduce(logits, axis=1, keepdims=True))
    log_q = np.log((1 - EVEN) * chances + EVEN / logits.shape[1])
    level = (log_q + rng.gumbel(size=log_q.shape)).argmax(axis=1)
    return level.astype(np.float64), log_q[np.arange(len(level)), level]


def _number(centre: Floats, sd: float, rng: np.random.Generator) -> tuple[Floats, Floats]:
    """A number (n,) of a mixture of normals around the reading; its log density.

    Their widths go from that of the reading to that of the factor itself, which is 1.
    """
    widths = np.geomspace(min(max(sd, 1e-3), 1.0), 1.0, WIDTHS)
    noise = rng.choice(widths, len(centre)) * rng.standard_normal(len(centre))
    each = -0.5 * (noise[:, None] / widths) ** 2 - np.log(widths * np.sqrt(2 * np.pi))
    return centre + noise, np.logaddexp.reduce(each, axis=1) - np.log(WIDTHS)
