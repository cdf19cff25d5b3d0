"""Domains with a known truth: the published simulation of vectors, and digits drawn otherwise."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from ..core.data import Data
from ..core.mechanism import Mechanism
from ..core.result import lock
from ..core.scm import SCM
from ..mechanisms.linear import Linear
from ..mechanisms.noise import Gaussian
from ..simulate.worlds.digits import WIDTH, MorphoDigits
from ..simulate.worlds.morpho import INTENSITY, SLANT, Intensity

Floats = NDArray[np.float64]
SIZE = 6  # latents
SLOPE = 0.5
SIDE = 16  # pixels of a digit


def named(count: int) -> tuple[str, ...]:
    """Names of the domains."""
    return tuple(f"d{i}" for i in range(count))


@dataclass(frozen=True)
class SimulatedDomains:
    """x = G leaky(F_d eps + b_d) / sd, as in the published simulation (Zhou et al. 2024).

    Only the columns `placed` of the upper triangular A_d, of z = z A_d + eps, and one common shift
    of these latents differ between domains. The random numbers are drawn in the published order.

    Parameters
    ----------
    seed, domains : int
    placed : which latents are intervened on
    """

    seed: int
    domains: int
    placed: tuple[int, ...]

    @cached_property
    def _maps(self) -> tuple[Floats, Floats, Floats]:
        placed = list(self.placed)
        mixing = np.random.RandomState(self.seed).randn(SIZE, SIZE)
        det = np.linalg.det(mixing)
        mixing = np.sign(det) * mixing / abs(det) ** (1 / SIZE)
        shared = np.triu(np.random.RandomState(self.seed).randn(SIZE, SIZE), 1)
        forward, shifts = np.empty((self.domains, SIZE, SIZE)), np.zeros((self.domains, SIZE))
        for d in range(self.domains):
            rng = np.random.RandomState(1000 * self.seed + d)
            above = shared.copy()
            above[:, placed] = np.triu(rng.randn(SIZE, SIZE), 1)[:, placed]
            forward[d] = np.linalg.inv(np.eye(SIZE) - above)
            shifts[d, placed] = (4 * rng.rand(1) - 2) * np.sqrt(SIZE / len(placed))
        return mixing, forward, shifts

    def _latent(self, noise: Floats, domain: int) -> Floats:
        _, forward, shifts = self._maps
        z = noise @ forward[domain] + shifts[domain]
        return np.asarray(np.where(z < 0, SLOPE * z, z))

    @cached_property
    def _sd(self) -> Floats:
        rng = np.random.RandomState(self.seed + 100)
        z = [self._latent(rng.randn(20_000, SIZE), d) for d in range(self.domains)]
        return np.asarray(np.concatenate(z).std(axis=0, ddof=1))

    def seen(self, noise: Floats, domain: int) -> Floats:
        """What noise (n, 6) gives in a domain: (n, 6)."""
        return np.asarray(self._latent(noise, domain) / self._sd @ self._maps[0])

    def log_likelihood(self, noise: Floats, domain: int) -> float:
        """Mean true log density of `seen(noise, domain)`."""
        below = (self._latent(noise, domain) < 0).sum(axis=1)
        normal = -0.5 * (noise**2).sum(axis=1) - 0.5 * SIZE * np.log(2 * np.pi)
        return float((normal - below * np.log(SLOPE)).mean() + np.log(self._sd).sum())

    def noise(self, n: int, part: int) -> list[Floats]:
        """Noise (n, 6) of each domain; `part` 0 is for training, 1 and 2 are held out."""
        rng = np.random.RandomState(self.seed + 100 + part)
        return [rng.randn(n, SIZE) for _ in range(self.domains)]

    def data(self, noise: Sequence[Floats]) -> Data:
        """The rows of each domain, one domain after the other."""
        x = np.concatenate([self.seen(eps, d) for d, eps in enumerate(noise)])
        domain = np.repeat(np.arange(self.domains), [len(eps) for eps in noise])
        return Data.from_matrix(x).replacing(environment=domain, environments=named(self.domains))


@dataclass(frozen=True, eq=False, repr=False)
class SlantedDigits(MorphoDigits):
    """Real digits whose intensity and slant have other mechanisms in each domain.

    Domain d draws digits 1/2 - d brighter (its intensity rises later with the thickness) and
    `turn` degrees further to the right; digit and thickness are as everywhere.
    """

    domain: int = 0
    turn: float = 25.0

    def _mechanisms(self) -> tuple[Mechanism, Mechanism, Mechanism]:
        thickness = super()._mechanisms()[0]
        d = self.domain
        return (
            thickness,
            Intensity(INTENSITY, WIDTH, 2.0, 2.0 + 1.0 * d, 0.5),
            Linear.of(SLANT, (WIDTH,), [4.0], intercept=-10.0 + self.turn * (d - 0.5),
                      noise=Gaussian(6.0)),
        )  # fmt: skip


@dataclass(frozen=True)
class DigitDomains:
    """Digits of two domains, with every digit as it would have been in the other.

    Parameters
    ----------
    n : int
        Pictures of each domain.
    seed : int
    """

    n: int
    seed: int

    @cached_property
    def worlds(self) -> tuple[SlantedDigits, SlantedDigits]:
        """One a domain: other digits, other noise."""
        a, b = (
            SlantedDigits(n=self.n, seed=2 * self.seed + d, size=SIDE, domain=d) for d in (0, 1)
        )
        return a, b

    @cached_property
    def data(self) -> Data:
        """All pictures with their factors, domain after domain."""
        return stacked([w.data for w in self.worlds])

    @cached_property
    def others(self) -> Data:
        """The same digits with the same noise in the other domain: the true counterfactuals."""
        a, b = self.worlds
        return stacked([_moved(a, b.scm, a.data), _moved(b, a.scm, b.data)])


def elsewhere(own: SCM, other: SCM, units: Data) -> dict[str, NDArray[np.float64]]:
    """Factors of units under the mechanisms of the other domain, from their own noise."""
    columns = {name: units.column(name) for name in own.names}
    moved, rng = dict(columns), np.random.default_rng(0)
    for name in ("intensity", "slant"):
        noise = own.structural(name).abduct(columns[name], columns, rng)
        moved[name] = other.structural(name).forward(columns, noise)
    return moved


def _moved(world: SlantedDigits, other: SCM, units: Data) -> Data:
    """The units in the other domain, drawn again."""
    own = world.scm
    moved = elsewhere(own, other, units)
    image = lock(world.render({k: own.mechanisms[k].variable.decode(v) for k, v in moved.items()}))
    return Data((*own.variables, world.image), {**moved, "image": image})


def stacked(parts: Sequence[Data]) -> Data:
    """Data of one domain each, one after the other, with their domain as environment."""
    columns = {k: lock(np.concatenate([p.column(k) for p in parts])) for k in parts[0].names}
    domain = np.repeat(np.arange(len(parts)), [p.n for p in parts])
    return Data(
        parts[0].variables, columns, environment=domain, environments=named(len(parts))
    )  # fmt: skip
