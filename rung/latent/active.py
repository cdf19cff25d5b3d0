"""Active, mixed and passive latents: which numbers of a code say anything of the picture."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..core.data import Data
from ..core.errors import InputError, NotSupported
from ..core.graph import Graph
from ..core.result import Result, lock
from ..core.scm import SCM
from .codec import Codec, Codes, Images
from .metrics.information import binned, plug_in
from .model import ImageModel
from .pictures import images_of
from .sites import Block

if TYPE_CHECKING:
    import pandas as pd

Floats = NDArray[np.float64]
ACTIVE, MIXED, PASSIVE = "active", "mixed", "passive"
CLOSE = 0.1  # what counts as near 0 or near 1, and as little variance
BINS = 20
FEWEST = 20  # pictures
SUBSETS = {
    "all": (ACTIVE, MIXED, PASSIVE), "active": (ACTIVE,), "active and mixed": (ACTIVE, MIXED),
    "passive": (PASSIVE,),
}  # fmt: skip


@dataclass(frozen=True)
class Dependence:
    """How far the latents of a subset depend on each other, in nats.

    Parameters
    ----------
    subset : str
    size : int
        Latents in it; with fewer than two every figure is 0.
    correlation_mean, correlation_sampled : float
        Gaussian total correlation, -1/2 log det of the correlation matrix, of means and of draws.
    information_mean, information_sampled : float
        Mean mutual information of two latents, in 20 bins each.
    """

    subset: str
    size: int
    correlation_mean: float
    correlation_sampled: float
    information_mean: float
    information_sampled: float

    @property
    def gap(self) -> float:
        """Total correlation of the means beyond that of the draws."""
        return self.correlation_mean - self.correlation_sampled


@dataclass(frozen=True, eq=False)
class ActiveVariables(Result):
    """Which latents are active, mixed and passive, and what this does to their correlation.

    Parameters
    ----------
    types : tuple of str
        "active", "mixed" or "passive", of each latent.
    average, spread : (k,) float
        Mean and variance over pictures of the encoder's variance.
    dependence : tuple of Dependence
        Of all latents, of the active ones, of active and mixed ones, and of the passive ones.
    """

    types: tuple[str, ...]
    average: Floats
    spread: Floats
    dependence: tuple[Dependence, ...]
    cites: tuple[str, ...] = field(default=("bonheme2021",))

    def of(self, *types: str) -> tuple[int, ...]:
        """Positions of the latents of these types."""
        return tuple(i for i, found in enumerate(self.types) if found in types)

    def among(self, subset: str = "all") -> Dependence:
        """The figures of "all", "active", "active and mixed" or "passive"."""
        for found in self.dependence:
            if found.subset == subset:
                return found
        raise InputError(f"{subset!r} is no subset; choose one of {', '.join(SUBSETS)}")

    def frame(self) -> pd.DataFrame:
        """One row a latent."""
        import pandas as pd

        return pd.DataFrame({
            "latent": [f"z{i + 1}" for i in range(len(self.types))], "type": self.types,
            "mean of variance": self.average, "variance of variance": self.spread,
        })  # fmt: skip

    def __repr__(self) -> str:
        head = ", ".join(
            f"{len(self.of(t))} {t} ({', '.join(f'z{i + 1}' for i in self.of(t)) or 'none'})"
            for t in (ACTIVE, MIXED, PASSIVE)
        )
        lines = [head, f"  {'nats':<22}{'total correlation':>24}{'mean mutual information':>26}",
                 f"  {'':<22}{'means':>12}{'draws':>12}{'means':>14}{'draws':>12}"]  # fmt: skip
        lines += [
            f"  {f'{d.subset} ({d.size})':<22}{d.correlation_mean:>12.4f}"
            f"{d.correlation_sampled:>12.4f}{d.information_mean:>14.4f}{d.information_sampled:>12.4f}"
            for d in self.dependence
        ]
        return "\n".join(lines)


def active_variables(
    model: ImageModel | ArrayLike, data: Data | ArrayLike, *, seed: int | np.random.Generator = 0
) -> ActiveVariables:
    """Sort latents by the variance of their posterior (Bonheme and Grzes 2021).

    With m and v the mean and the variance over pictures of the encoder's variance of a latent, it
    is passive if v < 0.1 and 0.9 <= m <= 1.1, active if v < 0.1 and m <= 0.1, and else mixed: the
    rule of the authors' code. It presumes a standard normal prior.

    Parameters
    ----------
    model : ImageModel, or (n, k) array
        A model with a normal code (VAE, BetaTCVAE); or means of the posteriors.
    data : Data, or (n, k) array
        Pictures; the authors take 10,000. Or variances of the posteriors.
    seed : int or Generator
        Of the draws.

    Raises
    ------
    NotSupported
        The model's code has no variances.
    InputError
        Fewer than 20 pictures, arrays of unequal shape, numbers that are not finite, or negative
        variances.
    """
    means, variances = _posterior(model, data)
    draws = means + np.sqrt(variances) * np.random.default_rng(seed).standard_normal(means.shape)
    average, spread = variances.mean(axis=0), variances.var(axis=0)
    types = tuple(_type(m, v) for m, v in zip(average, spread))
    rows = []
    for name, chosen in SUBSETS.items():
        at = [i for i, found in enumerate(types) if found in chosen]
        rows.append(Dependence(
            name, len(at), total_correlation(means[:, at]), total_correlation(draws[:, at]),
            pairwise_information(means[:, at]), pairwise_information(draws[:, at]),
        ))  # fmt: skip
    return ActiveVariables(types, lock(average), lock(spread), tuple(rows))


def _type(m: float, v: float) -> str:
    if v < CLOSE and 1 - CLOSE <= m <= 1 + CLOSE:
        return PASSIVE
    return ACTIVE if v < CLOSE and m <= CLOSE else MIXED


def _posterior(model: Any, data: Any) -> tuple[Floats, Floats]:
    if isinstance(model, ImageModel):
        ask = getattr(model.codec, "posterior", None)
        if ask is None:
            raise NotSupported(
                f"the code of {type(model.spec).__name__} has no variances, or its passive numbers "
                "are removed already; active_variables needs the normal code of a VAE or BetaTCVAE"
            )
        model, data = ask(images_of(data, model.image))
    means, variances = np.asarray(model, np.float64), np.asarray(data, np.float64)
    if means.ndim != 2 or means.shape != variances.shape:
        raise InputError(
            f"expected means and variances (n, k) alike, found {means.shape} and {variances.shape}"
        )
    if len(means) < FEWEST:
        raise InputError(f"active_variables needs {FEWEST} pictures or more, not {len(means)}")
    if not (np.isfinite(means).all() and np.isfinite(variances).all() and variances.min() >= 0):
        raise InputError("means must be finite, variances finite and at least 0 (no logarithms)")
    return means, variances


def total_correlation(codes: Floats) -> float:
    """Gaussian total correlation of columns (n, k) in nats; columns that never vary count for none.

    1/2 (sum of log variances - log det of the covariance); infinite if a column is a linear
    function of others.
    """
    z = codes[:, codes.min(axis=0) < codes.max(axis=0)] if codes.size else codes
    if z.shape[1] < 2:
        return 0.0
    sign, log = np.linalg.slogdet(np.corrcoef(z, rowvar=False))
    return float(max(0.0, -log / 2)) if sign > 0 else float("inf")


def pairwise_information(codes: Floats) -> float:
    """Mean plug-in mutual information in nats of two of the columns (n, k), in 20 equal bins."""
    z = [binned(column, BINS) for column in codes.T]
    pairs = [plug_in(a, b) for i, a in enumerate(z) for b in z[:i]]
    return float(np.mean(pairs)) if pairs else 0.0


@dataclass(frozen=True, eq=False)
class Held(Codec):
    """A codec with the numbers that are not `kept` at 0, the prior's centre."""

    codec: Codec
    kept: NDArray[np.bool_]

    @property
    def size(self) -> int:
        return self.codec.size

    def _hold(self, codes: Codes) -> Codes:
        return np.where(self.kept, codes, np.float32(0))

    def encode(self, images: Images) -> Codes:
        return self._hold(self.codec.encode(images))

    def decode(self, codes: Codes, rest: NDArray[Any] | None, change: Codes | None) -> Images:
        before = None if change is None else self._hold(change)
        return self.codec.decode(self._hold(codes), rest, before)

    def prior(self, n: int, rng: np.random.Generator) -> Codes:
        return self._hold(self.codec.prior(n, rng))

    def remainder(self, images: Images, codes: Codes) -> NDArray[Any] | None:
        return self.codec.remainder(images, codes)

    def chance(self, n: int, rng: np.random.Generator) -> NDArray[Any] | None:
        return self.codec.chance(n, rng)


def without_passive(model: ImageModel, found: ActiveVariables) -> ImageModel:
    """The model with its passive latents removed: their numbers stay 0, the SCM goes without them.

    Parameters
    ----------
    model : ImageModel
        Without interventions.
    found : ActiveVariables
        Of this model.

    Raises
    ------
    InputError
        `found` is of a code of another length; the model is under interventions; nothing would
        remain; or a named factor is read off a passive number.
    """
    if len(found.types) != model.codec.size:
        raise InputError(f"{len(found.types)} types for a code of {model.codec.size} numbers")
    if model.latents.interventions:
        raise InputError("remove passive latents first, then intervene")
    kept = np.array([t != PASSIVE for t in found.types])
    if not kept.any():
        raise InputError("every latent is passive: the code says nothing of the pictures")
    latents, places = model.latents, model.places
    gone = {p.variable.name for p in places if not kept[_position(p)]}
    if gone and getattr(model.spec, "graph", None) is not None:
        raise InputError(
            f"{', '.join(sorted(gone))} would be read off a passive number, which says nothing of "
            "it: train longer, with a smaller beta or with labels (CausalDiffAE, CVAE)"
        )
    if gone:
        names = [name for name in latents.names if name not in gone]
        latents = SCM(Graph.empty(names), {n: latents.mechanisms[n] for n in names})
        places = tuple(p for p in places if p.variable.name not in gone)
    note = f"{int((~kept).sum())} passive numbers of the code are held at 0"
    return replace(
        model, codec=Held(model.codec, lock(kept)), latents=latents, places=places,
        notes=(*model.notes, note), cites=(*model.cites, *found.cites),
    )  # fmt: skip


def _position(place: Any) -> int:
    return int(place.start if isinstance(place, Block) else place.position)
