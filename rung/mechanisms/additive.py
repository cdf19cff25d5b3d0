"""What every mechanism x = f(parents) + u shares."""

from __future__ import annotations

from abc import abstractmethod
from typing import Any, final

import numpy as np
from numpy.typing import NDArray

from ..core.mechanism import Parents, StructuralMechanism
from .noise import Residual

Floats = NDArray[np.float64]


class Additive(StructuralMechanism):
    """x = f(parents) + u with u independent of the parents: the noise of a unit is x - f."""

    residual: Residual

    @abstractmethod
    def mean(self, parents: Parents, n: int) -> Floats:
        """f(parents), (n,)."""

    @property
    @final
    def exact(self) -> bool:
        return True

    @final
    def noise(self, n: int, rng: np.random.Generator) -> Floats:
        return self.residual.draw(n, rng)

    @final
    def forward(self, parents: Parents, u: NDArray[Any]) -> Floats:
        out = self.mean(parents, len(u))
        out += u
        return out

    @final
    def abduct(self, x: NDArray[Any], parents: Parents, rng: np.random.Generator) -> Floats:
        return x - self.mean(parents, len(x))

    @final
    def log_prob(self, x: NDArray[Any], parents: Parents) -> Floats:
        u = x - self.mean(parents, len(x))
        if self.residual.sd == 0:  # a point mass: rounding must not make it impossible
            u = np.where(np.abs(u) <= 1e-9 * (1 + np.abs(x)), 0.0, u)
        return self.residual.log_prob(u)
