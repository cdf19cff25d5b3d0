"""Poisson: counts whose log mean is additive in the parents."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..core.data import Data
from ..core.errors import InputError
from ..core.mechanism import MechanismSpec, Parents, StructuralMechanism
from ..core.variable import Variable
from .features import Encoding, Predictor, ready
from .glm import Design, check_ridge, poisson
from .linear import need_number
from .logit import DEGREES, KNOTS

Floats = NDArray[np.float64]
LOWEST, HIGHEST = 1e-9, 1e6  # means are kept between these


@dataclass(frozen=True, eq=False)
class PoissonCounts(StructuralMechanism):
    """x is the u-quantile of a Poisson distribution with log mean additive in the parents.

    The noise u is uniform and held as e = u below one half and e = u - 1 above it, so that both
    tails keep their precision. Abduction draws it within the step of the distribution function
    that the count stands on.

    Parameters
    ----------
    variable : Variable
    predictor : Predictor
        Of the log mean.
    note : str
        Why this mechanism was chosen, if it was.
    """

    variable: Variable
    predictor: Predictor
    note: str = ""

    @property
    def parents(self) -> tuple[Variable, ...]:  # type: ignore[override]
        return self.predictor.parents

    @property
    def exact(self) -> bool:
        return False

    def mean(self, parents: Parents, n: int) -> Floats:
        score = self.predictor.one(parents, n)
        return np.exp(np.clip(score, np.log(LOWEST), np.log(HIGHEST)))

    def noise(self, n: int, rng: np.random.Generator) -> Floats:
        return rng.random(n) - 0.5

    def forward(self, parents: Parents, u: NDArray[Any]) -> Floats:
        from ..kernels.counts import poisson_quantile

        return poisson_quantile(np.ascontiguousarray(u), self.mean(parents, len(u)))

    def abduct(self, x: NDArray[Any], parents: Parents, rng: np.random.Generator) -> Floats:
        from ..kernels.counts import poisson_posterior

        x = np.ascontiguousarray(x, dtype=np.float64)
        _need_counts(x, self.variable)
        return poisson_posterior(x, self.mean(parents, len(x)), rng.random(len(x)))

    def log_prob(self, x: NDArray[Any], parents: Parents) -> Floats:
        from scipy.special import gammaln

        mean = self.mean(parents, len(x))
        with np.errstate(invalid="ignore"):
            out = x * np.log(mean) - mean - gammaln(x + 1)
        return np.where((x >= 0) & (x == np.floor(x)), out, -np.inf)

    def describe(self) -> dict[str, Any]:
        return {
            "kind": "poisson",
            "parents": [p.name for p in self.parents],
            "intercept": float(self.predictor.intercept[0]),
            "coefficients": self.predictor.describe(),
            "note": self.note,
        }


def _need_counts(x: Floats, variable: Variable) -> None:
    if not ((x >= 0) & (x == np.floor(x))).all():
        raise InputError(
            f"Poisson needs whole numbers from 0 up, but {variable.name!r} has others; use "
            "SplineAdditive or LinearNonGaussian"
        )


@dataclass(frozen=True)
class Poisson(MechanismSpec):
    """Poisson regression by penalised maximum likelihood (Newton's method).

    Parameters
    ----------
    ridge : float
        Half of it times the squared coefficient of each standardised column is added to the
        negative log-likelihood.
    smooth : bool
        Curves of the numeric parents (4 degrees of freedom) instead of lines.
    """

    ridge: float = 0.1
    smooth: bool = False

    def __post_init__(self) -> None:
        check_ridge(self.ridge)

    def fit(
        self,
        x: NDArray[Any],
        parents: Data,
        *,
        variable: Variable,
        weights: Floats | None = None,
        rng: np.random.Generator,
    ) -> PoissonCounts:
        need_number(variable, "Poisson")
        x = ready(x, parents, variable, weights, "Poisson")
        _need_counts(x, variable)
        encoding = Encoding.of(parents, weights, KNOTS if self.smooth else 0)
        raw = encoding.matrix(parents.columns, len(x))
        centre = float(np.average(x, weights=weights))
        design = Design.of(
            encoding, raw, weights, ridge=self.ridge, degrees=DEGREES, information=centre
        )
        intercept, slopes = design.unscale(poisson(design, x))
        return PoissonCounts(variable, encoding.predictor(intercept, slopes))
