"""Variables without parents whose noise is their own value."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, final

import numpy as np
from numpy.typing import NDArray

from ..core.mechanism import Parents, StructuralMechanism
from ..core.variable import Variable

Floats = NDArray[np.float64]


class Root(StructuralMechanism):
    """x = u: `noise` draws values, and what a unit shows is its noise."""

    @property
    def parents(self) -> tuple[Variable, ...]:  # type: ignore[override]
        return ()

    @property
    @final
    def exact(self) -> bool:
        return True

    @final
    def forward(self, parents: Parents, u: NDArray[Any]) -> Floats:
        return np.array(u, dtype=np.float64)

    @final
    def abduct(self, x: NDArray[Any], parents: Parents, rng: np.random.Generator) -> Floats:
        return np.array(x, dtype=np.float64)


@dataclass(frozen=True, eq=False)
class Frequencies(Root):
    """A level with the shares (levels,) given.

    A `DiscreteTable` without parents has the same distribution and Gumbel noise, which values do
    not determine; here a unit needs one draw of a picture, not many.
    """

    variable: Variable
    shares: Floats

    def noise(self, n: int, rng: np.random.Generator) -> Floats:
        return rng.choice(len(self.shares), n, p=self.shares).astype(np.float64)

    def log_prob(self, x: NDArray[Any], parents: Parents) -> Floats:
        with np.errstate(divide="ignore"):
            return np.asarray(np.log(self.shares[np.asarray(x, dtype=np.intp)]))

    def probabilities(self, parents: Parents, n: int) -> Floats:
        return np.tile(self.shares, (n, 1))
