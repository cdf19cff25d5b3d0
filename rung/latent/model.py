"""ImageModel: an encoder reads factors off pictures, an SCM relates them, a decoder draws them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ..core.data import Data
from ..core.errors import InputError, ReadOnlySite
from ..core.intervention import Intervention, Swap, tile
from ..core.model import GenerativeModel
from ..core.query import Estimate, Query
from ..core.result import Result, lock
from ..core.scm import SCM
from ..core.variable import Variable
from .codec import Codec, Codes, Images
from .pictures import images_of
from .sites import Picture, Place

if TYPE_CHECKING:
    import pandas as pd

    from ..core.budget import Run


@dataclass(frozen=True, eq=False)
class Seen:
    """The exogenous part of pictures: noise of the factors, code, and what the code leaves open.

    Parameters
    ----------
    noise : Noise
        Of the SCM over the factors.
    codes : (n, size) float32
        As encoded; for new pictures, drawn.
    rest : (n, ...) array or None
    """

    noise: Any
    codes: Codes
    rest: NDArray[Any] | None

    def repeat(self, draws: int) -> Seen:
        """`draws` posterior draws of the same pictures, one after the other."""
        rest = None if self.rest is None else tile(self.rest, draws)
        return Seen(self.noise.repeat(draws), tile(self.codes, draws), rest)


@dataclass(frozen=True, eq=False)
class ImageModel(GenerativeModel, Result):
    """Pictures as a structural causal model.

    `abduct` encodes a picture, reads the factors in its code and takes their noise from the SCM;
    `run` computes the factors under the interventions, writes them into the code and decodes.
    A model that is `labelled` takes the labels of units, where all are there, as facts; otherwise,
    and in other models always, the factors are read off the picture.

    Parameters
    ----------
    spec : the specification that was fitted
    codec : Codec
        The trained networks.
    latents : SCM
        Over the factors, in the units of their labels. Interventions are kept there.
    places : tuple of Place
        Where each factor of the SCM lives in a code, in the order of the SCM's names.
    image : Variable
    details : mapping
        Figures of the training ("steps", "seconds", "rows_per_second", "history", ...).
    complete : bool
        False if the budget cut the training short.
    labelled : bool
        True if labels of units, where all are present, are taken as facts.
    """

    spec: Any
    codec: Codec
    latents: SCM
    places: tuple[Place, ...]
    image: Variable
    details: Mapping[str, Any] = field(default_factory=dict)
    complete: bool = True
    labelled: bool = False
    notes: tuple[str, ...] = ()
    cites: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        have = tuple(place.variable.name for place in self.places)
        if have != self.latents.names:
            raise InputError(f"places of {have}, but the SCM has {self.latents.names}")

    @property
    def variables(self) -> tuple[Variable, ...]:
        return (*self.latents.variables, self.image)

    @property
    def factors(self) -> tuple[str, ...]:
        """Names of the factors."""
        return self.latents.names

    @property
    def graph(self) -> Any:
        """The graph over the factors."""
        return self.latents.graph

    @property
    def exact(self) -> bool:
        return self.latents.exact

    @property
    def approximate(self) -> tuple[str, ...]:
        return (self.image.name,)

    def do(self, *interventions: Intervention) -> ImageModel:
        """The model under interventions on factors.

        Raises
        ------
        ReadOnlySite
            On the picture itself, which follows from the factors.
        """
        self.check(interventions)
        for item in interventions:
            if item.variable == self.image.name or self.image.name in item.reads:
                raise ReadOnlySite(
                    f"{self.image.name!r} is what the factors give: it can be read, not set or "
                    f"looked at by a rule; set one of {', '.join(map(repr, self.factors))}"
                )
        items = [self._swapped(item) for item in interventions]
        return replace(self, latents=self.latents.do(*items))

    def _swapped(self, item: Intervention) -> Intervention:
        """A swap from other pictures takes their factors."""
        if not isinstance(item, Swap) or item.units is None:
            return item
        if all(name in item.units.names for name in self.factors):
            return item
        return replace(item, units=self.read(item.units))

    def encode(self, units: Data) -> Codes:
        """Codes (n, size) of the units' pictures."""
        return self.codec.encode(images_of(units, self.image))

    def read(self, units: Data) -> Data:
        """The factors as read off the pictures, whatever their labels: Data without pictures."""
        return self._read(self.encode(units))

    def _facts(self, units: Data, codes: Codes) -> Data:
        """Labels where the units carry all of them and the model takes them; else what is read."""
        if self.labelled and all(name in units.names for name in self.factors):
            labels = units.select(self.factors)
            if not labels.has_missing:
                return self.latents.facts(labels)
        return self._read(codes)

    def _read(self, codes: Codes) -> Data:
        columns = {p.variable.name: lock(p.read(codes)) for p in self.places}
        return Data(self.latents.variables, columns)

    def write(self, codes: Codes, values: Data) -> Codes:
        """Codes with the factors set to the values of `values`."""
        for place in self.places:
            codes = place.write(codes, values.column(place.variable.name))
        return codes

    def site(self, name: str) -> Picture:
        """A factor as a lens on pictures, read by the encoder and written by the decoder."""
        return Picture(self.codec, self.places[self.latents.graph.index(name)])

    def answer(
        self, query: Query, data: Data, *, estimator: Any, run: Run, rng: np.random.Generator
    ) -> Estimate:
        """The effect between factors, on labels where the pictures carry them, else on readings."""
        codes = self.encode(data)
        facts = self._facts(data, codes)
        if data.environment is not None:
            facts = facts.replacing(environment=data.environment, environments=data.environments)
        found: Estimate = query.answer(self.graph, facts, estimator=estimator, run=run, rng=rng)
        if all(name in data.names for name in self.factors) and self.labelled:
            return found
        said = (
            "factors were read off the pictures by the model, whose errors the interval leaves out"
        )
        return replace(found, warnings=(*found.warnings, said))

    def abduct(self, units: Data, *, rng: np.random.Generator) -> Seen:
        images = images_of(units, self.image)
        codes = self.codec.encode(images)
        facts = self._facts(units, codes)
        if self.labelled:
            codes = self.codec.given(images, self.write(codes, facts))
        noise = self.latents.abduct(facts, rng=rng)
        return Seen(noise, codes, self.codec.remainder(images, codes))

    def draw(self, n: int, *, rng: np.random.Generator) -> Seen:
        noise = self.latents.draw(n, rng=rng)
        codes = self.codec.prior(n, rng)
        plain = replace(self.latents, interventions=()).run(noise)
        return Seen(noise, self.write(codes, plain), self.codec.chance(n, rng))

    def run(self, exogenous: Seen) -> Data:
        values = self.latents.run(exogenous.noise)
        codes = self.write(exogenous.codes, values)
        changed = None if np.array_equal(codes, exogenous.codes) else exogenous.codes
        images = self.codec.decode(codes, exogenous.rest, changed)
        return values.with_column(self.image, lock(images))

    def reconstruct(self, units: Data) -> Images:
        """The pictures (n, c, h, w) that come back when nothing is changed."""
        images = images_of(units, self.image)
        codes = self.codec.encode(images)
        return self.codec.decode(codes, self.codec.remainder(images, codes), None)

    def frame(self) -> pd.DataFrame:
        """One row a factor: its parents, and its mechanism."""
        return self.latents.frame()

    def __repr__(self) -> str:
        shape = " x ".join(map(str, self.image.shape))
        state = "" if self.complete else ", training stopped early"
        lines = [f"{type(self.spec).__name__} of pictures {shape}, {self.codec.size} numbers a code"
                 f"{state}", *repr(self.latents).splitlines()]  # fmt: skip
        return "\n".join([*lines, *(f"  note: {note}" for note in self.notes)])
