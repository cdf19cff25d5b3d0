"""XFactors: labelled factors in subspaces of their own, everything else in a residual one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ..core.budget import Budget, Run, start
from ..core.data import Data
from ..core.errors import InputError, MissingCells, unknown
from ..core.graph import Graph
from ..core.result import lock
from ..core.scm import SCM
from ..core.variable import Kind, Variable
from ..deep.device import seeded
from ..deep.networks import drawn, gaussian_kl
from ..deep.training import Training, train
from ..mechanisms.root import Frequencies
from .autoencoder import Autoencoder, GaussianCodec, cross_entropy, details_of
from .contrast import info_nce
from .directions import Direction, directions
from .model import ImageModel
from .pictures import image_variable, images_of, need_rows, picture_shape

Floats = NDArray[np.float64]
MEMORY = 1000  # training pictures whose directions new pictures take
DIGITS = 4  # significant ones of the level of a bin


@dataclass(frozen=True)
class XFactors:
    """A variational autoencoder with a subspace for each labelled factor and one for the rest.

    Two encoders give the code (T_1, ..., T_K, S). An InfoNCE loss on the sampled T_i pulls
    pictures of one level of factor i into one direction and others apart; KL terms hold T and S
    near N(0, I). There is no classifier and no adversary, and no SCM: the factors of the model are
    independent, with the frequencies of their labels.

    The factor of a picture is the level whose mean direction is nearest to T_i. `rung.do` and
    `rung.Swap` move T_i to the cell of another level (`Direction`); `swapped` takes the T_i of
    another picture as it is.

    The loss is in nats a picture: cross-entropy of the pixels + residual_kl * KL(S) + factor_kl *
    KL(T) + contrast * sum of InfoNCE. (The published code divides by the number of pixels and takes
    the squared error of the pixels: weights of 1e-6 beta for KL and 0.1 for InfoNCE there.)

    One thing differs from the published method, in which the decoder also sees the length of T_i:
    no loss forbids it to hold other factors, and measured here it does. With `lengths` it is seen.

    Parameters
    ----------
    factors : sequence of str, optional
        Labelled columns; all scalar ones by default.
    bins : mapping of str to int, or int
        Parts of equal frequency into which a numeric factor is cut; its levels are the mean labels
        of the parts. Without it a numeric factor is refused.
    each : int or mapping of str to int
        Numbers of T_i, at least 2: one number has two directions and the loss no gradient.
    residual : int
        Numbers of S.
    contrast, temperature : float
        Weight and temperature of InfoNCE.
    factor_kl, residual_kl : float
        The latter is what keeps labelled factors out of S: with 1 the decoder reads them there.
    lengths : bool
        Show the decoder the lengths of the T_i too, not their directions alone.
    unlabelled : bool
        Allow missing labels: such pictures are no anchors and no positives of that factor.
    training : Training

    Source: Myara, Bourriez, Boyer, Lemercier, Bendidi and Genovesio (2026), and their published
    code.
    """

    factors: Sequence[str] | None = None
    bins: int | Mapping[str, int] = field(default_factory=dict)
    each: int | Mapping[str, int] = 2
    residual: int = 8
    contrast: float = 100.0
    temperature: float = 0.07
    factor_kl: float = 1.0
    residual_kl: float = 5.0
    lengths: bool = False
    unlabelled: bool = False
    training: Training = field(default=Training(steps=3000))

    def __post_init__(self) -> None:
        if self.factors is not None:
            object.__setattr__(self, "factors", tuple(self.factors))
        weights = (self.contrast, self.factor_kl, self.residual_kl)
        if self.residual < 0 or min(weights) < 0 or not self.temperature > 0:
            raise InputError(
                "XFactors: expected residual >= 0, temperature > 0 and weights of at least 0"
            )

    def fit(
        self, data: Data, *, budget: Budget | Run | None = None, rng: np.random.Generator
    ) -> ImageModel:
        """Train on pictures and labels.

        Raises
        ------
        InputError, UnknownName
            Of the pictures; a factor with one level, a numeric factor without bins, more than two
            levels for one number of the code.
        MissingCells
            A label is missing, and `unlabelled` is false.
        """
        run, image = start(budget), image_variable(data)
        need_rows(data, "XFactors")
        images, seed = images_of(data), int(rng.integers(2**31))
        labels = self._labels(data)
        slices = self._slices(labels)
        apart = slices[-1].stop
        size = apart + self.residual
        spheres = () if self.lengths else tuple(s.stop - s.start for s in slices)
        levels = np.column_stack([labels.column(name) for name in labels.names])
        with seeded(seed):
            network = Autoencoder(picture_shape(image), size, apart=apart, spheres=spheres)
        loss = _Loss(self, network, slices)
        rows = {"image": images, "level": levels.astype(np.float32)}
        identity = repr((type(self).__name__, self.contrast, self.temperature, self.factor_kl,
                         self.residual_kl, spheres, slices, size))  # fmt: skip
        done = train(network, loss, rows, self.training, run=run, seed=seed, identity=identity)
        codec = GaussianCodec(
            picture_shape(image), size, done.weights, self.training.device, apart=apart,
            spheres=spheres,
        )  # fmt: skip
        codes = codec.encode(images)
        codec = replace(codec, memory=lock(codes[:MEMORY]))
        places = _places(codes, labels, slices)
        return ImageModel(
            self, codec, frequencies(labels), places, image, details_of(done), done.complete,
            notes=done.notes, cites=("myara2026",),
        )  # fmt: skip

    def _labels(self, data: Data) -> Data:
        """The factors as levels."""
        names = self.factors
        if names is None:
            names = tuple(v.name for v in data.variables if not v.shape)
        if not names:
            raise InputError("XFactors needs at least one column of labels beside the pictures")
        for name in (*names, *(self.bins if isinstance(self.bins, Mapping) else ())):
            if name not in data.names:
                raise unknown(name, data.names)
        found = [self._levels(data, name) for name in names]
        return Data(tuple(v for v, _ in found), {v.name: lock(column) for v, column in found})

    def _levels(self, data: Data, name: str) -> tuple[Variable, Floats]:
        variable = data.variable(name)
        column = np.asarray(data.column(name), dtype=np.float64)
        missing = np.isnan(column)
        if missing.any() and not self.unlabelled:
            raise MissingCells(
                f"picture {int(missing.argmax())} has no label {name!r} ({int(missing.sum())} of "
                f"{data.n:,} have none); say unlabelled=True, or choose labelled ones"
            )
        if not variable.discrete:
            bins = self.bins.get(name) if isinstance(self.bins, Mapping) else self.bins
            return binned(variable, column, bins)
        counts = np.bincount(column[~missing].astype(np.intp), minlength=variable.size)
        if (counts > 0).sum() < 2:
            raise InputError(
                f"factor {name!r} has one level in the labelled pictures; there is nothing to "
                "tell apart: leave it out"
            )
        return _present(variable, column, counts)

    def _slices(self, labels: Data) -> tuple[slice, ...]:
        """Where each factor lies in the code."""
        out, at = [], 0
        for variable in labels.variables:
            d = self.each.get(variable.name, 2) if isinstance(self.each, Mapping) else self.each
            if d < 2:
                raise InputError(
                    f"{d} number(s) of the code for {variable.name!r} with {variable.size} levels: "
                    "one number has two directions, with no way from one to the other that a "
                    "gradient could see; raise `each` to 2 or more"
                )
            out.append(slice(at, at + d))
            at += d
        return tuple(out)


@dataclass(frozen=True, eq=False)
class _Loss:
    spec: XFactors
    network: Autoencoder
    slices: tuple[slice, ...]

    def __call__(
        self, batch: Mapping[str, Tensor], share: float, chance: torch.Generator
    ) -> dict[str, Tensor]:
        spec, apart = self.spec, self.slices[-1].stop
        mean, spread = self.network.posterior(batch["image"])
        z = drawn(mean, spread, chance)
        error = cross_entropy(self.network.draw(z), batch["image"])
        kl = gaussian_kl(mean, spread)
        kl_t, kl_s = kl[:, :apart].sum(1).mean(), kl[:, apart:].sum(1).mean()
        pairs = [info_nce(z[:, where], batch["level"][:, i], spec.temperature)
                 for i, where in enumerate(self.slices)]  # fmt: skip
        contrast = torch.stack([loss for loss, _ in pairs]).sum()
        anchors = torch.stack([used for _, used in pairs]).mean()
        loss = error + spec.factor_kl * kl_t + spec.residual_kl * kl_s + spec.contrast * contrast
        return {"loss": loss, "error": error, "factor kl": kl_t, "residual kl": kl_s,
                "contrast": contrast, "anchors": anchors}  # fmt: skip


def binned(variable: Variable, column: Floats, bins: int | None) -> tuple[Variable, Floats]:
    """A numeric factor (n,) as an ordinal one: parts of equal frequency, named by their mean.

    Raises
    ------
    InputError
        No or fewer than two bins; infinite labels; fewer distinct values than bins.
    """
    if not bins or bins < 2:
        raise InputError(
            f"factor {variable.name!r} is numeric; pictures are contrasted by levels: say "
            f"bins={{{variable.name!r}: 5}}, or another number of at least 2"
        )
    seen = ~np.isnan(column)
    if not np.isfinite(column[seen]).all():
        raise InputError(f"factor {variable.name!r} has labels that are not finite")
    if len(np.unique(column[seen])) < bins:
        raise InputError(f"{variable.name!r} has fewer distinct labels than {bins} bins")
    edges = np.quantile(column[seen], np.linspace(0, 1, bins + 1)[1:-1])
    out = np.where(seen, np.searchsorted(edges, column, side="right"), np.nan)
    means = [column[out == k].mean() if (out == k).any() else np.nan for k in range(bins)]
    levels = tuple(float(f"{m:.{DIGITS}g}") for m in means)
    if not np.isfinite(means).all() or len(set(levels)) < bins:
        raise InputError(f"{variable.name!r} has too many equal labels for {bins} bins; take fewer")
    return Variable(variable.name, Kind.ORDINAL, levels, unit=variable.unit), out


def _present(
    variable: Variable, column: Floats, counts: NDArray[np.intp]
) -> tuple[Variable, Floats]:
    """The factor with the levels that are there."""
    if (counts > 0).all():
        return variable, column
    kept = np.nonzero(counts)[0]
    levels = tuple((variable.levels or ())[k] for k in kept)
    kind = variable.kind if variable.kind is not Kind.BINARY else Kind.CATEGORICAL
    new = np.searchsorted(kept, np.nan_to_num(column)).astype(np.float64)
    new[np.isnan(column)] = np.nan
    return Variable(variable.name, kind, levels, unit=variable.unit), new


def _places(
    codes: NDArray[np.float32], labels: Data, slices: Sequence[slice]
) -> tuple[Direction, ...]:
    out = []
    for variable, where in zip(labels.variables, slices, strict=True):
        levels = labels.column(variable.name)
        seen = ~np.isnan(levels)
        z = codes[seen, where].astype(np.float64)
        out.append(directions(variable, where.start, z, levels[seen]))
    return tuple(out)


def frequencies(labels: Data) -> SCM:
    """Independent roots with the frequencies of the labels (NaN left out)."""
    mechanisms = {}
    for v in labels.variables:
        column = labels.column(v.name)
        counts = np.bincount(column[~np.isnan(column)].astype(np.intp), minlength=v.size)
        mechanisms[v.name] = Frequencies(v, lock(counts / counts.sum()))
    return SCM(Graph.empty(labels.names), mechanisms)


def swapped(model: ImageModel, units: Data, others: Data, *factors: str) -> Data:
    """The units' pictures with the subspaces of factors taken from other pictures, unchanged.

    Parameters
    ----------
    model : ImageModel of `XFactors`
    units, others : Data
        Equally many pictures; one of `others` serves all.
    factors : str
        Those to take over; all of them swaps everything but the residual.

    Returns
    -------
    Data
        The factors read off the new codes, and the pictures.

    Raises
    ------
    InputError
        Not equally many, no factor named, or a model whose factors have no subspace.
    UnknownName
        A factor that the model does not have.
    """
    places = {p.variable.name: p for p in model.places}
    if not factors:
        raise InputError(f"swapped: name at least one of {', '.join(map(repr, places))}")
    if others.n not in (1, units.n):
        raise InputError(f"{units.n} pictures and {others.n} others; expected as many, or one")
    codes, source = np.array(model.encode(units)), model.encode(others)
    for name in factors:
        if name not in places:
            raise unknown(name, places, "factor")
        place = places[name]
        if not isinstance(place, Direction):
            raise InputError(f"{name!r} of a {type(model.spec).__name__} has no subspace to swap")
        codes[:, place.where] = source[:, place.where]
    columns: dict[str, NDArray[Any]] = {n: lock(p.read(codes)) for n, p in places.items()}
    columns[model.image.name] = lock(model.codec.decode(codes, None, None))
    return Data(model.variables, columns)
