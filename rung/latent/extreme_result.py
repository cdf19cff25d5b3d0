"""What came out of setting latents to extreme values: effects, bands, p-values, margins."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ..core.result import Result, lock
from ..inference.intervals import covariance, quantile_of
from ..inference.multiplicity import max_t

if TYPE_CHECKING:
    import pandas as pd

Floats = NDArray[np.float64]
ENOUGH = 0.5  # share of draws that must be valid at both levels of a difference
BANDS = 4000  # draws for the critical value of the bands


@dataclass(frozen=True, eq=False)
class Contrast:
    """Mean differences between two levels of each latent, arrays (latents, properties).

    Parameters
    ----------
    effect, low, high : in units of the property, with simultaneous intervals; NaN if fewer than
        half of the draws are valid at both levels
    standardised : in standard deviations of the property among ordinary outputs
    p, adjusted : of Student's t over the draws, 1 where there is no effect to judge; the latter for
        all latents and properties together
    pairs : draws that are valid at both levels
    """

    effect: Floats
    low: Floats
    high: Floats
    standardised: Floats
    p: Floats
    adjusted: Floats
    pairs: NDArray[np.int64]

    @property
    def margins(self) -> Floats:
        """(latents,): the largest less the second largest |standardised| of each latent."""
        size = np.sort(np.nan_to_num(np.abs(self.standardised)), axis=1)
        return size[:, -1] - (size[:, -2] if size.shape[1] > 1 else 0.0)

    @property
    def first(self) -> NDArray[np.intp]:
        """(latents,): number of the property with the largest |standardised|."""
        return np.asarray(np.nan_to_num(np.abs(self.standardised)).argmax(axis=1))


@dataclass(frozen=True, eq=False)
class ExtremeValues(Result):
    """Effects of latents set to extreme values on properties of the output.

    Parameters
    ----------
    latents, properties : tuple of str
    multiples : (levels,) in half-widths of the range of ordinary codes, 0 being its middle
    levels : (latents, levels) the values set
    measured : (latents, levels, draws, properties), NaN where an output is not valid
    valid : (latents, levels) share of outputs that have not collapsed
    ordinary : (draws, properties) when nothing is set
    mean, low, high : (latents, levels, properties)
        E[property | do(latent = level)] among valid outputs, with a band that is simultaneous over
        all of them; NaN if fewer than half of the outputs are valid.
    extreme : Contrast of the highest against the lowest level
    inside : Contrast of the two ends of the range of ordinary codes
    level : float
    """

    latents: tuple[str, ...]
    properties: tuple[str, ...]
    multiples: Floats
    levels: Floats
    measured: Floats = field(repr=False)
    valid: Floats
    ordinary: Floats = field(repr=False)
    mean: Floats = field(repr=False)
    low: Floats = field(repr=False)
    high: Floats = field(repr=False)
    extreme: Contrast
    inside: Contrast
    level: float
    multiplicity: Any
    complete: bool = True
    notes: tuple[str, ...] = ()
    cites: tuple[str, ...] = ("begus2023",)

    @property
    def draws(self) -> int:
        """Codes drawn."""
        return int(self.measured.shape[2])

    def shuffled(self, *, seed: int | np.random.Generator = 0) -> ExtremeValues:
        """A control: in each draw, which latent was set is forgotten and dealt out again."""
        rng = np.random.default_rng(seed)
        values = np.empty_like(self.measured)
        for i in range(self.draws):
            values[:, :, i] = self.measured[rng.permutation(len(self.latents)), :, i]
        valid = np.broadcast_to(self.valid.mean(axis=0), self.valid.shape)
        note = "labels of the latents shuffled in each draw: a control"
        return analysed(
            self.latents, self.properties, self.multiples, self.levels, lock(values),
            lock(valid.copy()), self.ordinary, self.level, self.multiplicity, rng,
            (*self.notes, note), complete=self.complete,
        )  # fmt: skip

    def frame(self) -> pd.DataFrame:
        """One row a latent and property, those of a latent in order of standardised effect."""
        import pandas as pd

        rows = []
        trend = self._trends()
        for j, latent in enumerate(self.latents):
            size = np.nan_to_num(np.abs(self.extreme.standardised[j]))
            for rank, k in enumerate(np.argsort(-size, kind="stable").tolist()):
                e = self.extreme
                rows.append({
                    "latent": latent, "rank": rank + 1, "property": self.properties[k],
                    "effect": e.effect[j, k], "low": e.low[j, k], "high": e.high[j, k],
                    "standardised": e.standardised[j, k], "p": e.p[j, k],
                    "adjusted": e.adjusted[j, k], "trend": trend[j, k],
                    "inside": self.inside.standardised[j, k],
                    "inside adjusted": self.inside.adjusted[j, k],
                    "valid": min(self.valid[j, 0], self.valid[j, -1]), "pairs": e.pairs[j, k],
                })  # fmt: skip
        return pd.DataFrame(rows)

    def curves(self) -> pd.DataFrame:
        """One row a latent, level and property: the mean with its band, and the valid share."""
        import pandas as pd

        rows = [
            {"latent": latent, "property": name, "multiple": self.multiples[t],
             "level": self.levels[j, t], "mean": self.mean[j, t, k], "low": self.low[j, t, k],
             "high": self.high[j, t, k], "valid": self.valid[j, t]}
            for j, latent in enumerate(self.latents)
            for k, name in enumerate(self.properties)
            for t in range(len(self.multiples))
        ]  # fmt: skip
        return pd.DataFrame(rows)

    def _trends(self) -> Floats:
        """Net change of each mean curve as a share of all its ups and downs: +-1 if monotone."""
        steps = np.diff(self.mean, axis=1)
        way = np.nansum(np.abs(steps), axis=1)
        return np.divide(np.nansum(steps, axis=1), way, out=np.zeros_like(way), where=way > 0)

    def __repr__(self) -> str:
        far = self.multiples[-1]
        lines = [
            f"extreme values of {len(self.latents)} latents: {far:g} times the range of ordinary "
            f"codes, {self.draws} paired draws, {len(self.properties)} properties"
        ]
        width = max(map(len, self.latents))
        lines += [f"  {name:<{width}}  {self._line(j)}" for j, name in enumerate(self.latents)]
        lines.append(
            f"  effects in sd of ordinary outputs; p adjusted for {self.extreme.p.size} tests; "
            f"intervals {self.level:.0%} simultaneous"
        )
        return "\n".join([*lines, *(f"  note: {note}" for note in self.notes)])

    def _line(self, j: int) -> str:
        e, k = self.extreme, int(self.extreme.first[j])
        alive = min(self.valid[j, 0], self.valid[j, -1])
        if not e.pairs[j].any() or np.isnan(e.effect[j]).all():
            return f"collapsed: {alive:.0%} of the outputs at the extremes are valid"
        at = e.adjusted[j, k]
        p = "p < 0.001" if at < 0.001 else f"p {at:.3f}"
        unit = e.standardised[j, k] / e.effect[j, k] if e.effect[j, k] else 0.0
        ends = sorted((e.low[j, k] * unit, e.high[j, k] * unit))
        found = f"{self.properties[k]} {e.standardised[j, k]:+.2f} [{ends[0]:.2f}, {ends[1]:.2f}]"
        return (
            f"{found}, {p}; margin {e.margins[j]:.2f}, in range {self.inside.margins[j]:.2f}; "
            f"{alive:.0%} valid"
        )


def analysed(
    latents: tuple[str, ...], properties: tuple[str, ...], multiples: Floats, levels: Floats,
    measured: Floats, valid: Floats, ordinary: Floats, level: float, multiplicity: Any,
    rng: np.random.Generator, notes: tuple[str, ...], *, complete: bool = True,
) -> ExtremeValues:  # fmt: skip
    """Means, bands and differences of what was measured."""
    scale = np.nanstd(ordinary, axis=0) if len(ordinary) else np.zeros(len(properties))
    flat = ~(scale > 1e-12 * np.nanmax(np.abs(ordinary), axis=0, initial=1e-300))
    if flat.any():
        seen = measured.reshape(-1, len(properties))
        scale = np.where(flat, np.nan_to_num(np.nanstd(seen, axis=0)), scale)
        names = ", ".join(p for p, f in zip(properties, flat) if f)
        notes = (*notes, f"{names}: the same in all ordinary outputs; in sd of all outputs instead")
    scale = np.where(scale > 0, scale, 1.0)
    mean, low, high = _bands(measured, level, rng)
    ends = (0, -1), tuple(int(np.flatnonzero(multiples == m)[0]) for m in (-1.0, 1.0))
    extreme, inside = (
        _contrast(measured[:, b] - measured[:, a], scale, level, multiplicity, rng) for a, b in ends
    )
    return ExtremeValues(
        latents, properties, lock(multiples), lock(levels), measured, valid, ordinary, mean, low,
        high, extreme, inside, level, multiplicity, complete, notes,
    )  # fmt: skip


def _means(values: Floats) -> tuple[Floats, Floats, NDArray[np.int64]]:
    """Means (k,) of columns (n, k) with NaN, their influence (n, k), and how many there are."""
    there = ~np.isnan(values)
    count = there.sum(axis=0)
    filled = np.where(there, values, 0.0)
    mean = filled.sum(axis=0) / np.maximum(count, 1)
    enough = count >= max(2, ENOUGH * len(values))
    influence = np.where(there & enough, (filled - mean) * len(values) / np.maximum(count, 1), 0.0)
    return np.where(enough, mean, np.nan), influence, count


def _bands(
    measured: Floats, level: float, rng: np.random.Generator
) -> tuple[Floats, Floats, Floats]:
    j, t, n, p = measured.shape
    mean, influence, _ = _means(np.moveaxis(measured, 2, 0).reshape(n, -1))
    cov = covariance(influence)
    half = max_t(cov, level, rng=rng, df=n - 1, draws=BANDS) * np.sqrt(np.diag(cov))
    shape = (j, t, p)
    return tuple(lock(a.reshape(shape)) for a in (mean, mean - half, mean + half))  # type: ignore[return-value]


def _contrast(
    difference: Floats, scale: Floats, level: float, multiplicity: Any, rng: np.random.Generator
) -> Contrast:
    """Of paired differences (latents, draws, properties)."""
    from scipy import special

    j, n, p = difference.shape
    effect, influence, pairs = _means(np.moveaxis(difference, 1, 0).reshape(n, -1))
    cov = covariance(influence)
    se = np.sqrt(np.diag(cov))
    critical = max_t(cov, level, rng=rng, df=n - 1) if se.any() else quantile_of(level, n - 1)
    with np.errstate(divide="ignore", invalid="ignore"):
        t = np.abs(effect) / se
    freedom = np.maximum(pairs - 1, 1)
    # all draws agree: no test of n signs gives less than 2^(1 - n), and no difference at all is 1
    least = 2.0 ** (1.0 - np.maximum(pairs, 1))
    found = 2 * special.stdtr(freedom, -np.where(np.isfinite(t), t, np.inf))
    probability = np.where(np.isnan(effect) | (effect == 0), 1.0, np.maximum(found, least))
    shape = (j, p)
    half = critical * se
    return Contrast(
        lock(effect.reshape(shape)),
        lock((effect - half).reshape(shape)),
        lock((effect + half).reshape(shape)),
        lock(effect.reshape(shape) / scale),
        lock(probability.reshape(shape)),
        lock(np.asarray(multiplicity.adjust(probability)).reshape(shape)),
        lock(pairs.reshape(shape)),
    )
