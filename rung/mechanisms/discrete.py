"""What every mechanism of a discrete node shares: probabilities of levels, and their noise."""

from __future__ import annotations

from abc import abstractmethod
from typing import Any, final

import numpy as np
from numpy.typing import NDArray

from ..core.errors import InputError
from ..core.mechanism import Parents, StructuralMechanism
from ..core.variable import Kind, Variable

Floats = NDArray[np.float64]


class Levels(StructuralMechanism):
    """A node whose values are levels.

    Binary and ordinal nodes have one uniform noise u and take the level whose slice of the
    distribution function holds u, so a cause that raises the chances of higher levels never
    lowers a unit's level. Categorical nodes have one standard exponential time e_k a level and
    take the level with the smallest e_k / p_k; with g_k = -log e_k this is the Gumbel-max model
    argmax(log p_k + g_k) of Oberst and Sontag (2019). Abduction draws the noise from its
    posterior, so that `forward` returns the level observed.
    """

    @abstractmethod
    def probabilities(self, parents: Parents, n: int) -> Floats:
        """P(x = level | parents), (n, levels), C order."""

    @property
    @final
    def exact(self) -> bool:
        return False

    @property
    @final
    def ordered(self) -> bool:
        """True if the levels are ordered (binary, ordinal)."""
        return self.variable.kind in (Kind.BINARY, Kind.ORDINAL)

    @final
    def noise(self, n: int, rng: np.random.Generator) -> Floats:
        if self.ordered:
            return rng.random(n)
        return rng.standard_exponential((n, self.variable.size))

    @final
    def forward(self, parents: Parents, u: NDArray[Any]) -> Floats:
        from ..kernels.levels import invert, race

        p = self.probabilities(parents, len(u))
        return (invert if self.ordered else race)(p, np.ascontiguousarray(u))

    @final
    def abduct(self, x: NDArray[Any], parents: Parents, rng: np.random.Generator) -> Floats:
        from ..kernels.levels import invert_posterior, race_posterior

        n = len(x)
        x = np.ascontiguousarray(x, dtype=np.float64)
        p = self.probabilities(parents, n)
        if not (p[np.arange(n), x.astype(np.intp)] > 0).all():
            row = int((p[np.arange(n), x.astype(np.intp)] <= 0).argmax())
            level = (self.variable.levels or ())[int(x[row])]
            raise InputError(
                f"unit {row} has {self.variable.name!r} = {level!r}, which has probability 0 under "
                "the model given its parents; fit with smoothing above 0"
            )
        if self.ordered:
            return invert_posterior(p, x, rng.random(n))
        fresh = rng.standard_exponential((n, self.variable.size))
        return race_posterior(p, x, rng.standard_exponential(n), fresh)

    @final
    def log_prob(self, x: NDArray[Any], parents: Parents) -> Floats:
        p = self.probabilities(parents, len(x))
        with np.errstate(divide="ignore"):
            return np.log(p[np.arange(len(x)), np.asarray(x).astype(np.intp)])


def need_levels(variable: Variable, who: str) -> None:
    """Raise unless the node is discrete."""
    if not variable.discrete:
        raise InputError(
            f"{who} gives levels, but {variable.name!r} is {variable.kind}; use LinearGaussian, "
            "SplineAdditive, Poisson ..."
        )
