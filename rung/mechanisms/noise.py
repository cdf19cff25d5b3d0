"""Distributions of additive noise: centred, with a standard deviation, a density and a sampler."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, replace
from functools import cached_property
from math import log, pi, sqrt
from typing import Any, Self, final

import numpy as np
from numpy.typing import NDArray

from ..core.errors import InputError
from ..core.result import frozen, lock

Floats = NDArray[np.float64]
ATOMS = 2048  # values that an empirical distribution keeps at most
GRID = 2048  # points of the tabulated log density
BROAD = 0.01  # weight of the heavy tail of an empirical distribution


class Residual(ABC):
    """A distribution of noise with mean 0 (up to estimation) and standard deviation `sd`."""

    sd: float

    @final
    def draw(self, n: int, rng: np.random.Generator) -> Floats:
        """Values (n,)."""
        return self.standard(n, rng) * self.sd if self.sd > 0 else np.zeros(n)

    @final
    def log_prob(self, u: Floats) -> Floats:
        """Log density (n,); with sd 0 a point mass: 0 at 0, minus infinity elsewhere."""
        if self.sd == 0:
            return np.where(u == 0, 0.0, -np.inf)
        return self.standard_log_prob(u / self.sd) - log(self.sd)

    @abstractmethod
    def standard(self, n: int, rng: np.random.Generator) -> Floats:
        """Values (n,) of the distribution scaled to standard deviation 1."""

    @abstractmethod
    def standard_log_prob(self, z: Floats) -> Floats:
        """Log density (n,) of the distribution scaled to standard deviation 1."""

    @final
    def scaled(self, factor: float) -> Self:
        """The distribution of `factor` times the noise, factor >= 0."""
        return replace(self, sd=self.sd * factor)  # type: ignore[type-var]

    @final
    def describe(self) -> dict[str, Any]:
        """JSON-ready: name and standard deviation."""
        return {"distribution": type(self).__name__.lower(), "sd": float(self.sd)}


def _check(sd: float) -> None:
    if not (np.isfinite(sd) and sd >= 0):
        raise InputError(f"a standard deviation must be finite and at least 0, not {sd}")


@dataclass(frozen=True)
class Gaussian(Residual):
    """Normal noise."""

    sd: float = 1.0

    def __post_init__(self) -> None:
        _check(self.sd)

    def standard(self, n: int, rng: np.random.Generator) -> Floats:
        return rng.standard_normal(n)

    def standard_log_prob(self, z: Floats) -> Floats:
        return -0.5 * z * z - 0.5 * log(2 * pi)


@dataclass(frozen=True)
class Laplace(Residual):
    """Double exponential noise."""

    sd: float = 1.0

    def __post_init__(self) -> None:
        _check(self.sd)

    def standard(self, n: int, rng: np.random.Generator) -> Floats:
        return rng.laplace(scale=sqrt(0.5), size=n)

    def standard_log_prob(self, z: Floats) -> Floats:
        return -np.abs(z) * sqrt(2.0) - 0.5 * log(2.0)


@dataclass(frozen=True)
class Uniform(Residual):
    """Uniform noise around 0."""

    sd: float = 1.0

    def __post_init__(self) -> None:
        _check(self.sd)

    def standard(self, n: int, rng: np.random.Generator) -> Floats:
        return rng.uniform(-sqrt(3.0), sqrt(3.0), size=n)

    def standard_log_prob(self, z: Floats) -> Floats:
        return np.where(np.abs(z) <= sqrt(3.0), -log(2 * sqrt(3.0)), -np.inf)


@dataclass(frozen=True)
class Exponential(Residual):
    """Exponential noise less its mean: skewed to the right."""

    sd: float = 1.0

    def __post_init__(self) -> None:
        _check(self.sd)

    def standard(self, n: int, rng: np.random.Generator) -> Floats:
        return rng.standard_exponential(n) - 1.0

    def standard_log_prob(self, z: Floats) -> Floats:
        return np.where(z >= -1.0, -1.0 - z, -np.inf)


@dataclass(frozen=True)
class Student(Residual):
    """Student's t noise with `df` > 2 degrees of freedom."""

    sd: float = 1.0
    df: float = 5.0

    def __post_init__(self) -> None:
        _check(self.sd)
        if not self.df > 2:
            raise InputError(f"Student(df={self.df}): the variance is finite only for df > 2")

    def standard(self, n: int, rng: np.random.Generator) -> Floats:
        return rng.standard_t(self.df, n) * sqrt((self.df - 2) / self.df)

    def standard_log_prob(self, z: Floats) -> Floats:
        from math import lgamma

        shrink = (self.df - 2) / self.df
        constant = (
            lgamma((self.df + 1) / 2) - lgamma(self.df / 2) - 0.5 * log(self.df * pi * shrink)
        )
        return constant - (self.df + 1) / 2 * np.log1p(z * z / (shrink * self.df))


@dataclass(frozen=True, eq=False)
class Empirical(Residual):
    """Kernel-smoothed residuals.

    A mixture of normals of equal weight at `atoms`, shrunk so that the mixture keeps the
    standard deviation of the residuals (smoothed bootstrap, Silverman and Young 1987), and with
    weight `BROAD` Student's t with 3 degrees of freedom and the same standard deviation: normal
    kernels alone would call an outlier impossible.

    Parameters
    ----------
    sd : float
    atoms : (m,) float
        Standardised residuals: mean 0, standard deviation 1, sorted.
    bandwidth : float
        Of the kernel, on the standardised scale.
    """

    sd: float
    atoms: Floats
    bandwidth: float

    def __post_init__(self) -> None:
        _check(self.sd)
        object.__setattr__(self, "atoms", frozen(np.asarray(self.atoms, dtype=np.float64)))

    @classmethod
    def of(cls, residuals: Floats, sd: float, weights: Floats | None = None) -> Empirical:
        """The distribution of residuals (n,), scaled to `sd`; `weights` are frequency weights.

        Beyond `ATOMS` residuals, or with weights, the atoms are the means of that many slices of
        equal weight. The bandwidth is Silverman's (1986, eq. 3.31).
        """
        order = np.argsort(residuals, kind="stable")
        values = residuals[order]
        w = np.ones(len(values)) if weights is None else weights[order]
        if weights is not None or len(values) > ATOMS:
            values = _slices(values, w, min(ATOMS, len(values)))
        centre, spread = float(values.mean()), float(values.std())
        if not spread > 0 or sd == 0:
            return cls(sd, np.zeros(1), 1.0)
        z = (values - centre) / spread
        low, high = np.quantile(z, [0.25, 0.75])
        scale = min(1.0, (high - low) / 1.349) if high > low else 1.0
        return cls(sd, lock(z), float(0.9 * scale * max(float(w.sum()), 2.0) ** -0.2))

    @cached_property
    def _shrink(self) -> float:
        return 1.0 / sqrt(float(self.atoms.var()) + self.bandwidth**2)

    @cached_property
    def _table(self) -> tuple[float, float, Floats]:
        """Start, step and values of the log density on an even grid, by linear binning."""
        kernel, centres = self.bandwidth * self._shrink, self.atoms * self._shrink
        low, high = centres[0] - 5 * kernel, centres[-1] + 5 * kernel
        step = (high - low) / (GRID - 1)
        at = np.clip((centres - low) / step, 0, GRID - 1.000001)
        cell = at.astype(np.intp)
        part = at - cell
        mass = np.bincount(cell, 1 - part, GRID) + np.bincount(cell + 1, part, GRID)
        reach = (np.arange(2 * GRID - 1) - (GRID - 1)) * step / kernel
        size = 4 * GRID
        spectrum = np.fft.rfft(mass, size) * np.fft.rfft(np.exp(-0.5 * reach**2), size)
        density = np.fft.irfft(spectrum, size)[GRID - 1 : 2 * GRID - 1]
        density = np.maximum(density, 1e-14) / (len(centres) * kernel * sqrt(2 * pi))
        return low, step, lock(np.log(density))

    def standard(self, n: int, rng: np.random.Generator) -> Floats:
        picked = self.atoms[rng.integers(len(self.atoms), size=n)]
        out = (picked + self.bandwidth * rng.standard_normal(n)) * self._shrink
        broad = np.nonzero(rng.random(n) < BROAD)[0]
        out[broad] = _TAIL.standard(len(broad), rng)
        return out

    def standard_log_prob(self, z: Floats) -> Floats:
        low, step, table = self._table
        at = (z - low) / step
        cell = np.clip(at, 0, GRID - 2).astype(np.intp)
        part = np.clip(at - cell, 0.0, 1.0)
        inside = table[cell] * (1 - part) + table[cell + 1] * part
        inside = np.where((at < 0) | (at > GRID - 1), -np.inf, inside + log(1 - BROAD))
        return np.logaddexp(inside, _TAIL.standard_log_prob(z) + log(BROAD))


_TAIL = Student(1.0, 3.0)


def _slices(values: Floats, weights: Floats, m: int) -> Floats:
    """Means of m slices of equal weight of sorted values."""
    total = np.concatenate([[0.0], np.cumsum(weights)])
    moment = np.concatenate([[0.0], np.cumsum(weights * values)])
    edges = np.linspace(0.0, total[-1], m + 1)
    keep = np.concatenate([[True], np.diff(total) > 0])
    return np.diff(np.interp(edges, total[keep], moment[keep])) * (m / total[-1])
