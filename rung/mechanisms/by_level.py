"""ByLevel: a mechanism of its own for each level of one parent."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..core.budget import start
from ..core.data import Data
from ..core.errors import InputError, NotSupported
from ..core.mechanism import Mechanism, MechanismSpec, Parents, StructuralMechanism
from ..core.variable import Variable
from .additive import Additive
from .auto import AutoMechanism
from .noise import Empirical, Residual
from .structural import Chooses

Floats = NDArray[np.float64]
GRID = np.sinh(np.linspace(-8.0, 8.0, 20_001))  # standardised noise, fine in the middle


@dataclass(frozen=True, eq=False)
class Switched(StructuralMechanism):
    """One mechanism for each level of a parent.

    All share the noise of a unit, so that a unit can be imagined at another level. Where noise is
    added, its rank is kept: a unit at the 90th percentile of the noise of one level is there at
    every level (with Gaussian noise: as many standard deviations from the mean). The noise of the
    other mechanisms (levels, counts) has the same distribution whatever their parameters.

    Parameters
    ----------
    variable : Variable
    parents : tuple of Variable
    by : str
        The parent whose level chooses.
    mechanisms : tuple of StructuralMechanism
        One a level, over the other parents.
    spec : MechanismSpec
        What was fitted at each level.
    note : str
    """

    variable: Variable
    parents: tuple[Variable, ...]
    by: str
    mechanisms: tuple[StructuralMechanism, ...]
    spec: MechanismSpec
    note: str = ""

    @cached_property
    def _added(self) -> bool:
        return all(isinstance(m, Additive) for m in self.mechanisms)

    @property
    def exact(self) -> bool:
        # a level without noise says nothing about the rank at others
        return self._added and all(r.sd > 0 for r in self._residuals)

    @property
    def _residuals(self) -> tuple[Residual, ...]:
        return tuple(m.residual for m in self.mechanisms if isinstance(m, Additive))

    def _parts(
        self, parents: Parents, n: int
    ) -> Iterator[tuple[int, NDArray[np.intp], StructuralMechanism, dict[str, NDArray[Any]]]]:
        """Level, rows, mechanism and other parents of the rows of each level."""
        level = np.broadcast_to(np.asarray(parents[self.by]), (n,)).astype(np.intp)
        for k, mechanism in enumerate(self.mechanisms):
            rows = np.flatnonzero(level == k)
            if len(rows):
                given = {p.name: parents[p.name][rows] for p in mechanism.parents}
                yield k, rows, mechanism, given

    def _gather(self, parents: Parents, n: int, part: Callable[..., NDArray[Any]]) -> NDArray[Any]:
        out: NDArray[Any] | None = None
        for k, rows, mechanism, given in self._parts(parents, n):
            values = part(k, rows, mechanism, given)
            if out is None:
                out = np.empty((n, *values.shape[1:]))
            out[rows] = values
        return np.empty(0) if out is None else out

    def log_prob(self, x: NDArray[Any], parents: Parents) -> Floats:
        return self._gather(parents, len(x), lambda k, rows, m, given: m.log_prob(x[rows], given))

    def mean(self, parents: Parents, n: int) -> Floats:
        return self._gather(parents, n, lambda k, rows, m, given: m.mean(given, len(rows)))

    def probabilities(self, parents: Parents, n: int) -> Floats:
        return self._gather(parents, n, lambda k, rows, m, given: m.probabilities(given, len(rows)))

    def noise(self, n: int, rng: np.random.Generator) -> NDArray[Any]:
        """Noise (n, levels) where it is added, else that of any of the mechanisms."""
        if not self._added:
            return self.mechanisms[0].noise(n, rng)
        first = next((k for k, r in enumerate(self._residuals) if r.sd > 0), 0)
        return self._at_all_levels(first, self._residuals[first].draw(n, rng), rng)

    def forward(self, parents: Parents, u: NDArray[Any]) -> NDArray[Any]:
        def part(k: int, rows: NDArray[np.intp], m: StructuralMechanism, given: Parents) -> Any:
            return m.forward(given, u[rows, k] if self._added else u[rows])

        return self._gather(parents, len(u), part)

    def abduct(self, x: NDArray[Any], parents: Parents, rng: np.random.Generator) -> NDArray[Any]:
        def part(k: int, rows: NDArray[np.intp], m: StructuralMechanism, given: Parents) -> Any:
            u = m.abduct(x[rows], given, rng)
            return self._at_all_levels(k, u, rng) if self._added else u

        return self._gather(parents, len(x), part)

    def _at_all_levels(self, k: int, u: Floats, rng: np.random.Generator) -> Floats:
        """Noise (n, levels) of the same rank as the noise u (n,) at level k."""
        here = self._residuals[k]
        out = np.empty((len(u), len(self.mechanisms)))
        if here.sd > 0:
            z, rank = u / here.sd, np.interp(u / here.sd, GRID, self._cumulative[k])
        else:
            z, rank = None, rng.random(len(u))
        for j, there in enumerate(self._residuals):
            if j == k:
                out[:, j] = u
            elif z is not None and _same_shape(here, there):
                out[:, j] = z * there.sd
            else:
                out[:, j] = np.interp(rank, self._cumulative[j], GRID) * there.sd
        return out

    @cached_property
    def _cumulative(self) -> tuple[Floats, ...]:
        """Distribution function of the standardised noise of each level on `GRID`."""
        return tuple(_cumulative(r) for r in self._residuals)

    def describe(self) -> dict[str, Any]:
        by = next(p for p in self.parents if p.name == self.by)
        pairs = zip(by.levels or (), self.mechanisms, strict=True)
        return {
            "kind": "by level",
            "parents": [p.name for p in self.parents],
            "by": self.by,
            "levels": {str(level): m.describe() for level, m in pairs},
            "note": self.note,
        }


def _note(by: Variable, short: list[str], why: str) -> str:
    """What was fitted where; `short` are the levels with too few rows."""
    note = f"a fit for each of {by.size - len(short)} levels of {by.name!r}"
    if short:
        note += f"; too few rows at {', '.join(short)}: the fit of all rows"
    return f"{note}; {why}" if why else note


def _same_shape(a: Any, b: Any) -> bool:
    """Whether two distributions of noise differ in scale only."""
    if type(a) is not type(b) or isinstance(a, Empirical):
        return False
    return bool(replace(a, sd=1.0) == replace(b, sd=1.0))


def _cumulative(residual: Residual) -> Floats:
    if residual.sd == 0:
        return np.linspace(0.0, 1.0, len(GRID))
    density = np.exp(residual.standard_log_prob(GRID))
    steps = 0.5 * (density[1:] + density[:-1]) * np.diff(GRID)
    total = np.concatenate([[0.0], np.cumsum(steps)])
    return total / total[-1]


@dataclass(frozen=True)
class ByLevel(MechanismSpec):
    """A separate fit for each level of one parent; the other parents enter each as they would.

    Parameters
    ----------
    spec : MechanismSpec
        What is fitted at each level; if it chooses a mechanism, on the level with most rows.
    by : str, optional
        The parent; by default the only one with levels. Among parents without it, or with no
        levels at all, the spec is fitted as it is.
    fewest : int
        A level with fewer rows takes the fit of all rows, as does one on which the fit fails; the
        note says so.
    """

    spec: MechanismSpec = field(default_factory=AutoMechanism)
    by: str | None = None
    fewest: int = 30

    def __post_init__(self) -> None:
        if self.fewest < 1:
            raise InputError(f"ByLevel(fewest={self.fewest}): expected 1 or more")

    def fit(
        self,
        x: NDArray[Any],
        parents: Data,
        *,
        variable: Variable,
        weights: Floats | None = None,
        rng: np.random.Generator,
    ) -> Mechanism:
        by = self._by(parents)
        if by is None:
            return self.spec.fit(x, parents, variable=variable, weights=weights, rng=rng)
        level = parents.column(by.name)
        if np.isnan(level).any() or not np.isin(level, np.arange(by.size)).all():
            raise InputError(f"ByLevel: {by.name!r} has missing cells or codes of no level")
        rest = parents.drop([by.name])
        rows = [np.flatnonzero(level == k) for k in range(by.size)]
        spec, why = self._settled(x, rest, rows, variable, weights, rng)

        def fitted(at: NDArray[np.intp]) -> StructuralMechanism:
            w = None if weights is None else weights[at]
            made = spec.fit(x[at], rest.take(at), variable=variable, weights=w, rng=rng)
            if not isinstance(made, StructuralMechanism):
                raise NotSupported(
                    f"ByLevel needs a mechanism with explicit noise; {type(spec).__name__} has none"
                )
            return made

        found: list[StructuralMechanism | None] = []
        for at in rows:
            try:
                enough = len(at) >= self.fewest and (weights is None or weights[at].sum() > 0)
                found.append(fitted(at) if enough else None)
            except InputError:
                found.append(None)
        short = [str((by.levels or ())[k]) for k, m in enumerate(found) if m is None]
        shared = [fitted(np.arange(len(x)))] if short else []
        made = tuple(m if m is not None else shared[0] for m in found)
        note = _note(by, short, why)
        return Switched(variable, parents.variables, by.name, made, spec, note)

    def refits(self, fitted: Any, x: NDArray[Any], parents: Data) -> Callable[[Floats], Mechanism]:
        """Fits of the same rows under other weights, with the mechanism that was chosen."""
        spec = replace(self, spec=fitted.spec) if isinstance(fitted, Switched) else self
        variable = fitted.variable

        def fit(weights: Floats) -> Mechanism:
            rng = np.random.default_rng(0)
            return spec.fit(x, parents, variable=variable, weights=weights, rng=rng)

        return fit

    def _by(self, parents: Data) -> Variable | None:
        if self.by is not None:
            return parents.variable(self.by) if self.by in parents.names else None
        with_levels = [v for v in parents.variables if v.discrete]
        if len(with_levels) > 1:
            names = ", ".join(repr(v.name) for v in with_levels)
            raise InputError(f"ByLevel: several parents have levels ({names}); say which: by=")
        return with_levels[0] if with_levels else None

    def _settled(
        self,
        x: NDArray[Any],
        rest: Data,
        rows: list[NDArray[np.intp]],
        variable: Variable,
        weights: Floats | None,
        rng: np.random.Generator,
    ) -> tuple[MechanismSpec, str]:
        """The spec for every level, and why."""
        if not isinstance(self.spec, Chooses):
            return self.spec, ""
        at = max(rows, key=len)
        w = None if weights is None else weights[at]
        return self.spec.choose(
            x[at], rest.take(at), variable=variable, weights=w, rng=rng, run=start(None)
        )
