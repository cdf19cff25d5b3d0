"""Linear models of domains, exactly: counterfactuals by algebra, and the canonical form."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..core.errors import InputError
from ..core.result import frozen
from .domain_forms import LatentDomains

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class LinearDomains:
    """x = mixing z + shift, with z from the mechanisms of the domain.

    Parameters
    ----------
    latents : LatentDomains
    mixing : (n, n) float
        Invertible.
    shift : (n,) float
    """

    latents: LatentDomains
    mixing: Floats
    shift: Floats

    def __post_init__(self) -> None:
        n = self.latents.size
        for name, shape in (("mixing", (n, n)), ("shift", (n,))):
            array = frozen(np.asarray(getattr(self, name), dtype=np.float64))
            if array.shape != shape or not np.isfinite(array).all():
                raise InputError(f"{name} of {n} latents must be a finite array {shape}")
            object.__setattr__(self, name, array)
        if np.linalg.cond(self.mixing) > 1e12:
            raise InputError("the mixing is not invertible: two latents look alike in the data")

    def _unmixed(self, x: Floats) -> Floats:
        return np.asarray(np.linalg.solve(self.mixing, (x - self.shift).T).T)

    def counterfactual(self, x: Floats, source: int, target: int) -> Floats:
        """What x (m, n) from one domain would have been in another: g f_d' f_d^-1 g^-1."""
        z = self._unmixed(x)
        noise = self.latents.noise(z, np.full(len(z), source))
        moved = noise @ self.latents.matrix(target).T + self.latents.offset(target)
        return np.asarray(moved @ self.mixing.T + self.shift)

    def log_density(self, x: Floats, domain: NDArray[np.intp]) -> Floats:
        """log p(x | d) (m,)."""
        z = self._unmixed(x)
        volume = float(np.linalg.slogdet(self.mixing)[1])
        return self.latents.log_density(z, domain) - volume


def canonical_form(model: LinearDomains, *, tolerance: float = 0.0) -> LinearDomains:
    """An equivalent model whose changed latents come last and whose first domain is the identity.

    Latents whose mechanism is the same in all domains become their own noise. Domain
    counterfactuals and the distribution of every domain stay as they were: the first domain's map
    moves into the mixing, f_d becomes f_1^-1 f_d, which leaves unchanged latents at their noise,
    and these may then go first in the order.

    Parameters
    ----------
    tolerance : float
        By how much a mechanism may differ between domains and still count as unchanged.

    Source: Zhou, Bai, Kulinski, Kocaoglu and Inouye (2024), on canonical forms.
    """
    own, n = model.latents, model.latents.size
    changed = list(own.changed(tolerance))
    order = [i for i in range(n) if i not in changed] + changed
    first, offset = own.matrix(0), own.offset(0)
    back = np.linalg.inv(first)
    slopes, scales = np.zeros((own.count, n, n)), np.ones((own.count, n))
    shifts = np.zeros((own.count, n))
    last = np.arange(n) >= n - len(changed)
    for d in range(1, own.count):
        moved = (back @ own.matrix(d))[np.ix_(order, order)]
        inverse = np.linalg.inv(moved)
        scales[d, last] = 1 / np.diag(inverse)[last]
        away = np.eye(n) - scales[d][:, None] * inverse  # L of (I - L)^-1 diag(s)
        slopes[d][last] = np.tril(away, -1)[last]
        own_offset = (back @ (own.offset(d) - offset))[order]
        shifts[d, last] = ((np.eye(n) - slopes[d]) @ own_offset)[last]
    mixing = (model.mixing @ first)[:, order]
    return LinearDomains(
        LatentDomains(slopes, scales, shifts), mixing, model.mixing @ offset + model.shift
    )
