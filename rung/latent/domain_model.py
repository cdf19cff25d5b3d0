"""DomainModel: the domain as a variable, and what is seen, which follows from it and the noise."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ..core.data import Data
from ..core.environments import with_environment
from ..core.errors import InputError, ReadOnlySite
from ..core.intervention import Intervention, Replace, Swap, tile
from ..core.model import GenerativeModel
from ..core.result import Result, lock
from ..core.scm import SCM
from ..core.variable import Variable
from .domain_forms import LatentDomains
from .domain_mixing import Floats, Mixing

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, eq=False)
class DomainUnits:
    """The exogenous part of units: noise of the latents, their domain, and themselves.

    Parameters
    ----------
    noise : Noise
        Of the SCM over domain and latents.
    domain : (n,) float, optional
        Codes; None for new units.
    seen : mapping of str to array, optional
        What the units look like, where the mixing is invertible.
    """

    noise: Any
    domain: Floats | None = None
    seen: Mapping[str, NDArray[Any]] | None = None

    def repeat(self, draws: int) -> DomainUnits:
        """`draws` posterior draws of the same units, one after the other."""
        domain = None if self.domain is None else tile(self.domain, draws)
        seen = self.seen and {k: tile(v, draws) for k, v in self.seen.items()}
        return DomainUnits(self.noise.repeat(draws), domain, seen)


@dataclass(frozen=True, eq=False)
class DomainModel(GenerativeModel, Result):
    """Units of several domains as a structural causal model.

    The domain can be set: `rung.counterfactual(model, units, domain="d2")` is what each unit would
    have been there, with the same noise. Where the mixing is invertible, a unit whose domain stays
    as it was is returned as it was.

    Parameters
    ----------
    spec : the specification that was fitted
    mixing : Mixing
    mechanisms : LatentDomains
        Of the latents, one set a domain.
    latents : SCM
        The same over the domain and z1, z2 ...: an ordinary SCM, which interventions go to.
    domain : Variable
    details : mapping
        Figures of the training.
    complete : bool
        False if the budget cut the training short.
    """

    spec: Any
    mixing: Mixing
    mechanisms: LatentDomains
    latents: SCM
    domain: Variable
    details: Mapping[str, Any] = field(default_factory=dict)
    complete: bool = True
    notes: tuple[str, ...] = ()
    cites: tuple[str, ...] = ("zhou2024",)

    @property
    def variables(self) -> tuple[Variable, ...]:
        return (self.domain, *self.mixing.variables)

    @property
    def exact(self) -> bool:
        # the noise of the domain itself matters only to a mechanism put in its place
        return not any(isinstance(item, Replace) for item in self.latents.interventions)

    @property
    def changed(self) -> tuple[str, ...]:
        """Latents whose mechanism differs between domains."""
        return tuple(f"z{i + 1}" for i in self.mechanisms.changed())

    def do(self, *interventions: Intervention) -> DomainModel:
        """The model under interventions on the domain.

        Raises
        ------
        ReadOnlySite
            On what is seen, which follows from domain and noise.
        """
        self.check(interventions)
        name = self.domain.name
        for item in interventions:
            if item.variable != name or set(item.reads) - {name}:
                raise ReadOnlySite(
                    f"only {name!r} can be set or looked at by a rule; "
                    f"{', '.join(repr(v.name) for v in self.mixing.variables[:5])} follow from it "
                    "and from the unit's noise"
                )
        items = [self._swapped(item) for item in interventions]
        return replace(self, latents=self.latents.do(*items))

    def _swapped(self, item: Intervention) -> Intervention:
        """A swap from other units takes their domain."""
        if not isinstance(item, Swap) or item.units is None:
            return item
        return replace(item, units=self.read(item.units))

    def domain_of(self, units: Data) -> Floats:
        """Codes (n,) of the units' domains.

        Raises
        ------
        InputError
            The units do not say, or name a domain that the model does not know.
        """
        name = self.domain.name
        if name not in units.names:
            if units.environment is None:
                raise InputError(
                    f"the units do not say which domain they are from; add a column {name!r} with "
                    f"one of {', '.join(map(repr, (self.domain.levels or ())[:8]))}"
                )
            units = with_environment(units.select([]), name, self.domain)
        if units.variable(name).levels == self.domain.levels:
            codes = units.column(name)
        else:
            codes = self.domain.encode(units[name])
        if np.isnan(codes).any():
            raise InputError(f"unit {int(np.isnan(codes).argmax())} has no {name!r}")
        return np.asarray(codes, dtype=np.float64)

    def read(self, units: Data) -> Data:
        """Domain and latents of units."""
        z = self.mixing.encode(units)
        columns = {f"z{j + 1}": lock(z[:, j].copy()) for j in range(z.shape[1])}
        return Data(self.latents.variables, {self.domain.name: self.domain_of(units), **columns})

    def abduct(self, units: Data, *, rng: np.random.Generator) -> DomainUnits:
        facts = self.read(units)
        seen = None
        if self.mixing.invertible:
            seen = {v.name: units.column(v.name) for v in self.mixing.variables}
        noise = self.latents.abduct(facts, rng=rng)
        return DomainUnits(noise, facts.column(self.domain.name), seen)

    def draw(self, n: int, *, rng: np.random.Generator) -> DomainUnits:
        return DomainUnits(self.latents.draw(n, rng=rng))

    def run(self, exogenous: DomainUnits) -> Data:
        values = self.latents.run(exogenous.noise)
        domain = values.column(self.domain.name)
        latents = values.matrix([v.name for v in self.latents.variables[1:]])
        columns = self.mixing.decode(latents)
        if exogenous.seen is not None and exogenous.domain is not None:
            same = domain == exogenous.domain
            for name, column in columns.items():
                column[same] = exogenous.seen[name][same]
        columns = {k: lock(v) for k, v in columns.items()}
        return Data(self.variables, {self.domain.name: domain, **columns})

    def log_likelihood(self, data: Data) -> Floats:
        """log p(x | domain) (n,) in nats.

        Raises
        ------
        NotSupported
            Of pictures, whose density a VAE only bounds.
        """
        determinant = self.mixing.log_determinant(data)
        codes = self.domain_of(data).astype(np.intp)
        return self.mechanisms.log_density(self.mixing.encode(data), codes) + determinant

    def frame(self) -> pd.DataFrame:
        """One row a latent and domain: scale, shift, and whether domains share the mechanism."""
        import pandas as pd

        own = self.mechanisms
        changed = set(own.changed())
        rows = [
            {"latent": f"z{i + 1}", "domain": level, "shared": i not in changed,
             "scale": own.scales[d, i], "shift": own.shifts[d, i]}
            for i in range(own.size) for d, level in enumerate(self.domain.levels or ())
        ]  # fmt: skip
        return pd.DataFrame(rows)

    def __repr__(self) -> str:
        levels = ", ".join(map(str, (self.domain.levels or ())[:8]))
        state = "" if self.complete else ", training stopped early"
        names = [v.name for v in self.mixing.variables]
        shown = ", ".join(names[:8]) + (" ..." if len(names) > 8 else "")
        lines = [
            f"DomainModel of {shown} in {self.domain.size} domains ({levels}){state}",
            f"  {self.mechanisms.size} latents; {len(self.changed)} differ between domains: "
            f"{', '.join(self.changed) or 'none'}",
        ]
        if self.latents.interventions:
            lines.append("  under " + ", ".join(map(repr, self.latents.interventions)))
        return "\n".join([*lines, *(f"  note: {note}" for note in self.notes)])
