"""Composition, effectiveness, reversibility and minimality of a model of pictures, measured."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ...core.data import Data
from ...core.errors import InputError, NotSupported, unknown
from ...core.intervention import Do
from ...core.model import Model
from ...graphs.ancestry import descendants
from ...inference.intervals import check_level, percentile
from ...inference.resampling import resample_rows
from ..pictures import Coding, Images, image_variable, images_of
from .soundness_table import DOWNSTREAM, SET, UNTOUCHED, Finding, Soundness

Floats = NDArray[np.float64]
FEWEST = 10
DRAWS = 400
BINS = 10  # of a numeric factor: which pictures share its value, for CLD
NEAR, FAR = 0.8, 0.2  # weights of the two parts of CLD


class AntiCausal(Protocol):
    """Reads factors off pictures; what `Predictor().fit(...)` gives."""

    @property
    def coded(self) -> tuple[Coding, ...]:
        """One a factor."""

    @property
    def errors(self) -> Floats:
        """Mean absolute error of each, in units of the label; share wrong of levels."""

    def read(self, units: Any) -> Data:
        """The factors of pictures."""

    def features(self, units: Any) -> NDArray[Any]:
        """Numbers (n, k) in which pictures are compared."""


def soundness(
    model: Model,
    units: Data,
    predictor: AntiCausal,
    *,
    values: Mapping[str, ArrayLike] | None = None,
    truth: Model | None = None,
    level: float = 0.95,
    seed: int = 0,
) -> Soundness:
    """How far a model's imagined pictures keep the axioms of counterfactuals.

    Composition: the picture that comes back when nothing is changed. Effectiveness of do(f = v):
    what the predictor reads off the imagined picture for f, for its descendants and for the
    untouched factors, against what it should be. Reversibility: the picture after f is set to v
    and then back. Minimality: counterfactual latent divergence in the predictor's features. Where
    units do not determine the noise, one posterior draw is imagined: a mean of pictures would be
    none.

    Parameters
    ----------
    model : Model
        With factors and a picture among its variables, and a `graph` over the factors.
    units : Data
        Pictures, with labels where there are any; not those that model or predictor saw.
    predictor : AntiCausal
        Trained apart from the model: `Predictor().fit(labelled, rng=rng)`.
    values : mapping of factor to value(s), optional
        What to set, one for all units or one a unit; every factor of the predictor that the model
        has, to the values of other units (shuffled), by default.
    truth : Model, optional
        Its counterfactuals (`world.model`) are what descendants and untouched factors should be;
        otherwise the model's own for descendants, and the units' labels (or, where they have none,
        what the predictor reads off them) for untouched ones.
    level : float
        Of the bootstrap intervals over units.
    seed : int
        Of shuffling, noise and bootstrap.

    Source: Monteiro et al. (2023), section 3, for the first three; Melistas et al. (2024) for
    minimality.
    """
    return _Study(model, units, predictor, truth, check_level(level), seed).measure(values)


class _Study:
    def __init__(
        self, model: Model, units: Data, predictor: AntiCausal, truth: Model | None,
        level: float, seed: int,
    ) -> None:  # fmt: skip
        if units.n < FEWEST:
            raise InputError(f"soundness needs at least {FEWEST} pictures; there are {units.n}")
        if not hasattr(model, "graph"):
            raise NotSupported(f"a {type(model).__name__} has no graph over its factors")
        self.model, self.units, self.truth, self.level = model, units, truth, level
        self.image = image_variable(units)
        self.images = images_of(units, self.image)
        self.predictor = predictor
        self.coded = {c.variable.name: c for c in predictor.coded if c.variable.name in model.names}
        if not self.coded:
            raise InputError("the predictor reads none of the model's factors")
        errors = zip(predictor.coded, predictor.errors.tolist(), strict=True)
        self.floor = {c.variable.name: e / _scale(c) for c, e in errors}
        self.rng = np.random.default_rng(seed)
        self.rows = [resample_rows(self.rng, units.n, units.unit) for _ in range(DRAWS)]
        self.seen = self._abducted(model, units)  # the same noise in every what-if
        self.truly = None if truth is None else self._abducted(truth, units)
        self.now = predictor.read(units)
        self.features = np.asarray(predictor.features(units), dtype=np.float64)

    def measure(self, values: Mapping[str, ArrayLike] | None) -> Soundness:
        """All findings."""
        values = self._values(values)
        again = self.model.run(self.seen)
        found = [self._picture("composition", "", again.column(self.image.name), self.images)]
        for name, value in values.items():
            found += self._setting(name, value)
        reference = "the true counterfactuals" if self.truth else "the model's own factors"
        return Soundness(tuple(found), self.units.n, self.level, reference)

    def _values(self, given: Mapping[str, ArrayLike] | None) -> dict[str, NDArray[Any]]:
        out = {}
        for name in self.coded if given is None else given:
            if name not in self.coded:
                raise unknown(name, self.coded, "factor of model and predictor")
            if given is None:
                source = self.units if name in self.units.names else self.now
                out[name] = source[name][self.rng.permutation(self.units.n)]
            else:
                value = np.asarray(given[name])
                if value.shape not in ((), (self.units.n,)):
                    raise InputError(
                        f"values of {name!r} have shape {value.shape}; expected one for all, or "
                        f"one for each of the {self.units.n} units"
                    )
                out[name] = np.broadcast_to(value, (self.units.n,))
        return out

    def _abducted(self, model: Model, units: Data) -> Any:
        """One posterior draw of the units' noise."""
        if units.names != model.names:
            units = units.select([name for name in model.names if name in units.names])
        return model.abduct(units, rng=np.random.default_rng(self.rng.integers(2**63)))

    def _setting(self, name: str, value: NDArray[Any]) -> list[Finding]:
        """What do(name = value) does."""
        imagined: Data = self.model.do(Do(name, value)).run(self.seen)
        pictures = _pictures(imagined, self.image.name)
        true = None
        if self.truth is not None:
            true = self.truth.do(Do(name, value)).run(self.truly)
        seen = self.predictor.read(pictures)
        graph = self.model.graph if self.truth is None else self.truth.graph  # type: ignore[attr-defined]
        below = set(descendants(graph, [name])) - {name}
        wanted = self.coded[name].variable.encode(value)
        found = []
        for factor, coding in self.coded.items():
            role = SET if factor == name else DOWNSTREAM if factor in below else UNTOUCHED
            target = wanted if role == SET else self._target(factor, role, imagined, true)
            error = _distance(coding, seen.column(factor), target)
            found.append(self._finding("effectiveness", name, factor, role, error))
        back = self.model.do(Do(name, self._own(name))).run(self._abducted(self.model, imagined))
        found.append(
            self._picture("reversibility", name, back.column(self.image.name), self.images)
        )
        if true is not None:
            found.append(self._picture("truth", name, pictures, true.column(self.image.name)))
        cld = self._divergence(self.coded[name], pictures, np.asarray(wanted, dtype=np.float64))
        found.append(self._finding("minimality", name, "CLD", "", cld))
        return found

    def _own(self, name: str) -> NDArray[Any]:
        """The units' values of a factor, in the user's own values."""
        return (self.units if name in self.units.names else self.now)[name]

    def _target(self, factor: str, role: str, imagined: Data, true: Data | None) -> NDArray[Any]:
        if true is not None and factor in true.names:
            return true.column(factor)
        if role == DOWNSTREAM:
            return imagined.column(factor)
        return (self.units if factor in self.units.names else self.now).column(factor)

    def _divergence(self, coding: Coding, pictures: Images, wanted: Floats) -> Floats:
        """Counterfactual latent divergence (n,), 0 to 1; lower: no more changed than was asked.

        log(0.8 exp P(S* <= d) + 0.2 exp P(S >= d)): d is the distance of the imagined picture from
        its own, S* the distances from it of pictures that have the value set, S of those that have
        the value it had.
        """
        new = np.asarray(self.predictor.features(pictures), dtype=np.float64)
        moved = np.abs(new - self.features).mean(axis=1)
        name = coding.variable.name
        source = self.units if name in self.units.names else self.now
        have = np.asarray(source.column(name), dtype=np.float64)
        if not coding.variable.discrete:
            edges = np.asarray(np.quantile(have, np.linspace(0, 1, BINS + 1)[1:-1]))
            have = np.searchsorted(edges, have).astype(np.float64)
            wanted = np.searchsorted(edges, wanted).astype(np.float64)
        out = np.empty(len(moved))
        for i, d in enumerate(moved):
            far = np.abs(self.features - self.features[i]).mean(axis=1)
            with_new, with_old = far[have == wanted[i]], far[have == have[i]]
            near = (with_new <= d).mean() if len(with_new) else 1.0
            out[i] = np.log(NEAR * np.exp(near) + FAR * np.exp((with_old >= d).mean()))
        return out

    def _picture(self, axiom: str, do: str, a: NDArray[Any], b: NDArray[Any]) -> Finding:
        error = np.abs(a.astype(np.float64) - b).mean(axis=(1, 2, 3))
        return self._finding(axiom, do, "picture", "", error)

    def _finding(self, axiom: str, do: str, measure: str, role: str, each: Floats) -> Finding:
        low, high = percentile([each[rows].mean() for rows in self.rows], self.level)
        value, scale = float(each.mean()), _scale(self.coded[measure]) if role else None
        raw = None if scale is None else value * scale
        floor = self.floor[measure] if role else None
        return Finding(axiom, do, measure, role, value, low, high, raw, floor)


def _pictures(data: Data, name: str) -> Images:
    return np.asarray(data.column(name), dtype=np.float32)


def _scale(coding: Coding) -> float:
    return 1.0 if coding.variable.discrete else coding.scale


def _distance(coding: Coding, found: NDArray[Any], wanted: NDArray[Any]) -> Floats:
    """(n,) absolute difference in standard deviations of the label; 0 or 1 for levels."""
    if coding.variable.discrete:
        return (np.asarray(found) != np.asarray(wanted)).astype(np.float64)
    return np.abs(np.asarray(found, dtype=np.float64) - wanted) / coding.scale
