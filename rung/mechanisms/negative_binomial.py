"""Negative binomial: counts that vary more than Poisson's, log mean additive in the parents."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..core.data import Data
from ..core.mechanism import MechanismSpec, Parents, StructuralMechanism
from ..core.variable import Variable
from .poisson import Poisson, PoissonCounts

Floats = NDArray[np.float64]
LEAST = 1e-4  # of the dispersion: below it the counts are Poisson's


@dataclass(frozen=True, eq=False)
class NegativeBinomialCounts(StructuralMechanism):
    """x is the u-quantile of a negative binomial with variance mean + dispersion * mean^2.

    The noise u is uniform on (0, 1); abduction draws it within the step of the distribution
    function that the count stands on.

    Parameters
    ----------
    rate : PoissonCounts
        Gives the mean.
    dispersion : float
        Positive.
    """

    rate: PoissonCounts
    dispersion: float
    note: str = ""

    @property
    def variable(self) -> Variable:  # type: ignore[override]
        return self.rate.variable

    @property
    def parents(self) -> tuple[Variable, ...]:  # type: ignore[override]
        return self.rate.parents

    @property
    def exact(self) -> bool:
        return False

    def mean(self, parents: Parents, n: int) -> Floats:
        return self.rate.mean(parents, n)

    def _law(self, parents: Parents, n: int) -> Any:
        from scipy.stats import nbinom

        size = 1 / self.dispersion
        return nbinom(size, size / (size + self.mean(parents, n)))

    def noise(self, n: int, rng: np.random.Generator) -> Floats:
        return rng.random(n)

    def forward(self, parents: Parents, u: NDArray[Any]) -> Floats:
        inside = np.clip(u, 0.0, 1 - 1e-15)
        return np.maximum(np.asarray(self._law(parents, len(u)).ppf(inside), dtype=np.float64), 0.0)

    def abduct(self, x: NDArray[Any], parents: Parents, rng: np.random.Generator) -> Floats:
        law = self._law(parents, len(x))
        low, high = law.cdf(np.asarray(x) - 1), law.cdf(x)
        u = low + (0.01 + 0.98 * rng.random(len(x))) * (high - low)
        return np.asarray(u, dtype=np.float64)

    def log_prob(self, x: NDArray[Any], parents: Parents) -> Floats:
        return np.asarray(self._law(parents, len(x)).logpmf(x), dtype=np.float64)

    def describe(self) -> dict[str, Any]:
        return {
            **self.rate.describe(), "kind": "negative binomial", "dispersion": self.dispersion,
            "note": self.note,
        }  # fmt: skip


@dataclass(frozen=True)
class NegativeBinomial(MechanismSpec):
    """Negative binomial regression (variance quadratic in the mean).

    The mean is fitted by Poisson regression, which is consistent whatever the variance; the
    dispersion by moments, sum((x - m)^2 - m) / sum(m^2).

    Source: Cameron and Trivedi (1998), sections 3.2.2 and 3.3.1.

    Parameters
    ----------
    smooth : bool
        Curves of the numeric parents instead of lines.
    """

    smooth: bool = False

    def fit(
        self,
        x: NDArray[Any],
        parents: Data,
        *,
        variable: Variable,
        weights: Floats | None = None,
        rng: np.random.Generator,
    ) -> NegativeBinomialCounts:
        rate = Poisson(smooth=self.smooth).fit(
            x, parents, variable=variable, weights=weights, rng=rng
        )
        values = {name: parents.column(name) for name in parents.names}
        mean = rate.mean(values, len(x))
        w = np.ones(len(x)) if weights is None else weights
        excess = float(w @ ((x - mean) ** 2 - mean) / (w @ mean**2))
        return NegativeBinomialCounts(rate, max(excess, LEAST))
