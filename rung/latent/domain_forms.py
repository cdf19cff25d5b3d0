"""Which latent mechanisms may differ between domains, and the mechanisms themselves."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from ..core.errors import InputError
from ..core.graph import Graph
from ..core.mechanism import Mechanism
from ..core.result import frozen
from ..core.scm import SCM
from ..core.variable import Variable
from ..mechanisms.by_level import Switched
from ..mechanisms.linear import Linear, LinearGaussian
from ..mechanisms.noise import Gaussian
from ..mechanisms.table import Table

Floats = NDArray[np.float64]


class Form(ABC):
    """Which of the latents have one mechanism for all domains."""

    @abstractmethod
    def changed_of(self, latents: int) -> int:
        """How many of the latents, the last ones, have a mechanism for each domain.

        Raises
        ------
        InputError
            More than there are.
        """

    @property
    def fixed(self) -> bool:
        """True if shared mechanisms, and all of the first domain, are z_i = eps_i."""
        return False


def _within(form: object, k: int, latents: int) -> int:
    if k > latents:
        raise InputError(f"{form!r}: there are only {latents} latents; ask for at most as many")
    return k


def _positive(form: object, k: int) -> None:
    if k < 1:
        raise InputError(f"{type(form).__name__}({k}): at least one mechanism has to differ")


@dataclass(frozen=True)
class Canonical(Form):
    """The last k latents differ, the others are their noise; the first domain is the identity.

    Every model in which k mechanisms differ has an equivalent one of this form (Zhou et al. 2024;
    `canonical_form` constructs it), if the mixing can be any invertible map.
    """

    k: int = 2

    def __post_init__(self) -> None:
        _positive(self, self.k)

    def changed_of(self, latents: int) -> int:
        return _within(self, self.k, latents)

    @property
    def fixed(self) -> bool:
        return True


@dataclass(frozen=True)
class RelaxedCanonical(Form):
    """The last k latents differ, the others have mechanisms that all domains share.

    Source: Zhou et al. (2024), section 3.
    """

    k: int = 2

    def __post_init__(self) -> None:
        _positive(self, self.k)

    def changed_of(self, latents: int) -> int:
        return _within(self, self.k, latents)


@dataclass(frozen=True)
class Dense(Form):
    """Every latent differs: no sparsity, the baseline."""

    def changed_of(self, latents: int) -> int:
        return latents


@dataclass(frozen=True, eq=False)
class LatentDomains:
    """z = L_d z + s_d eps + b_d for each domain d: lower triangular L_d, eps normal.

    Parameters
    ----------
    slopes : (domains, n, n) float
        L_d, strictly lower triangular.
    scales : (domains, n) float
        s_d, never 0.
    shifts : (domains, n) float
        b_d.
    """

    slopes: Floats
    scales: Floats
    shifts: Floats

    def __post_init__(self) -> None:
        for name in ("slopes", "scales", "shifts"):
            array = frozen(np.asarray(getattr(self, name), dtype=np.float64))
            if not np.isfinite(array).all():
                raise InputError(f"{name} of latent domains must be finite")
            object.__setattr__(self, name, array)
        d, n = self.scales.shape
        if self.slopes.shape != (d, n, n) or self.shifts.shape != (d, n):
            raise InputError(
                f"expected slopes ({d}, {n}, {n}) and shifts ({d}, {n}) for scales ({d}, {n}); got "
                f"{self.slopes.shape} and {self.shifts.shape}"
            )
        if np.triu(self.slopes).any() or not self.scales.all():
            raise InputError(
                "slopes must be strictly lower triangular, and no scale may be 0: otherwise a "
                "domain is not autoregressive or not invertible"
            )

    @property
    def count(self) -> int:
        """Number of domains."""
        return len(self.scales)

    @property
    def size(self) -> int:
        """Number of latents."""
        return self.scales.shape[1]

    def matrix(self, domain: int) -> Floats:
        """F_d (n, n) = (I - L_d)^-1 diag(s_d)."""
        return np.linalg.solve(
            np.eye(self.size) - self.slopes[domain], np.diag(self.scales[domain])
        )

    def offset(self, domain: int) -> Floats:
        """What F_d eps is moved by (n,): (I - L_d)^-1 b_d."""
        return np.linalg.solve(np.eye(self.size) - self.slopes[domain], self.shifts[domain])

    def noise(self, latents: Floats, domain: NDArray[np.intp]) -> Floats:
        """eps (m, n) of latents (m, n) in their domains (m,)."""
        above = np.einsum("mij,mj->mi", self.slopes[domain], latents)
        return (latents - above - self.shifts[domain]) / self.scales[domain]

    def log_density(self, latents: Floats, domain: NDArray[np.intp]) -> Floats:
        """log p(z | d) (m,)."""
        noise = self.noise(latents, domain)
        scale = np.log(np.abs(self.scales)).sum(1)[domain]
        return -0.5 * (noise**2).sum(1) - 0.5 * self.size * np.log(2 * np.pi) - scale

    def changed(self, tolerance: float = 0.0) -> tuple[int, ...]:
        """Positions of the latents whose mechanism differs between domains."""
        parts = (self.slopes, self.scales[:, :, None], self.shifts[:, :, None])
        every = np.concatenate(parts, axis=2)  # (domains, n, n + 2)
        apart = np.abs(every - every[:1]).max(axis=(0, 2))
        return tuple(np.flatnonzero(apart > tolerance).tolist())

    def scm(self, domain: Variable, shares: Floats) -> SCM:
        """The same as an ordinary SCM: domain -> z1 ... zn, in which a unit keeps its eps."""
        names = tuple(Variable(f"z{i + 1}") for i in range(self.size))
        changed = set(self.changed())
        mechanisms: dict[str, Mechanism] = {domain.name: Table(domain, (), shares)}
        edges = []
        for i, variable in enumerate(names):
            above = tuple(names[j] for j in range(i) if self.slopes[:, i, j].any())
            edges += [(p.name, "->", variable.name) for p in above]
            each = tuple(self._mechanism(i, d, variable, above) for d in range(self.count))
            if i in changed:
                edges.append((domain.name, "->", variable.name))
                mechanisms[variable.name] = Switched(
                    variable, (domain, *above), domain.name, each, LinearGaussian()
                )
            else:
                mechanisms[variable.name] = each[0]
        graph = Graph.from_edges(edges, (domain.name, *(v.name for v in names)))
        return SCM(graph, mechanisms, environment=domain.name)

    def _mechanism(self, i: int, d: int, variable: Variable, above: Sequence[Variable]) -> Linear:
        slopes = [self.slopes[d, i, int(p.name[1:]) - 1] for p in above]
        if self.scales[d, i] < 0:
            raise InputError("an SCM of domains needs positive scales: noise has a direction")
        noise = Gaussian(float(self.scales[d, i]))
        return Linear.of(variable, above, slopes, intercept=float(self.shifts[d, i]), noise=noise)


class LatentBlock(nn.Module):
    """The mechanisms while they are trained, `starts` times side by side; scales are positive.

    The sign of a scale does not enter the likelihood, but turns the counterfactual round: a
    positive one keeps every unit's noise in its direction.
    """

    own: Tensor
    free: Tensor
    lower: Tensor

    def __init__(
        self, form: Form, size: int, domains: int, starts: int = 1, spread: float = 0.0
    ) -> None:
        super().__init__()
        k = form.changed_of(size)
        own = (torch.arange(size) >= size - k).expand(domains, size).clone()
        free = torch.ones_like(own)
        if form.fixed:
            own[0], free = False, own.clone()
            free[0] = False
        self.register_buffer("own", own[..., None], persistent=False)
        self.register_buffer("free", free[..., None], persistent=False)
        self.register_buffer("lower", torch.ones(size, size).tril(-1), persistent=False)
        self.each = nn.Parameter(spread * torch.randn(starts, domains, size, size + 2))
        self.shared = nn.Parameter(spread * torch.randn(starts, 1, size, size + 2))

    def terms(self) -> tuple[Tensor, Tensor, Tensor]:
        """L_d (starts, domains, n, n), log s_d and b_d (starts, domains, n)."""
        values = torch.where(self.own, self.each, self.shared) * self.free
        return values[..., :-2] * self.lower, values[..., -2].clamp(-12, 12), values[..., -1]

    def log_density(self, latents: Tensor, domain: Tensor) -> Tensor:
        """log p(z | d) (starts, m) of latents (starts, m, n) in domains (m,)."""
        slopes, scales, shifts = self.terms()
        z = latents[:, None]
        noise = (z - z @ slopes.mT - shifts[:, :, None]) * (-scales).exp()[:, :, None]
        square = 0.5 * (noise**2).sum(-1) + scales.sum(-1)[..., None]  # (starts, domains, m)
        own = square.gather(1, domain.expand(len(square), 1, -1))[:, 0]
        return -own - 0.5 * latents.shape[-1] * np.log(2 * np.pi)

    @torch.no_grad()
    def fitted(self, start: int = 0) -> LatentDomains:
        """The mechanisms of one start as arrays."""
        slopes, scales, shifts = (t[start].double().cpu().numpy() for t in self.terms())
        return LatentDomains(slopes, np.exp(scales), shifts)
