"""Linear mechanisms: Gaussian noise, or noise as the residuals have it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..core.data import Data
from ..core.errors import InputError
from ..core.mechanism import Mechanism, MechanismSpec, Parents
from ..core.moments import Moments
from ..core.variable import Variable
from .additive import Additive
from .features import Encoding, Predictor, ready
from .noise import Empirical, Gaussian, Residual

Floats = NDArray[np.float64]
RANK = 1e-10  # eigenvalues of a correlation matrix below this are taken as zero


@dataclass(frozen=True, eq=False)
class Linear(Additive):
    """x = intercept + sum of contributions of the parents + u.

    Parameters
    ----------
    variable : Variable
    predictor : Predictor
        With one output.
    residual : Residual
        Distribution of u.
    note : str
        Why this mechanism was chosen, if it was.
    """

    variable: Variable
    predictor: Predictor
    residual: Residual
    note: str = ""

    @classmethod
    def of(
        cls,
        variable: Variable,
        parents: Sequence[Variable],
        slopes: ArrayLike,
        *,
        intercept: float = 0.0,
        noise: Residual | None = None,
    ) -> Linear:
        """A mechanism with known slopes of numeric parents."""
        slopes = np.asarray(slopes, dtype=np.float64).reshape(-1)
        effects = tuple(np.array([[b]]) for b in slopes)
        predictor = Predictor(tuple(parents), np.array([intercept]), effects)
        return cls(variable, predictor, Gaussian() if noise is None else noise)

    @property
    def parents(self) -> tuple[Variable, ...]:  # type: ignore[override]
        return self.predictor.parents

    def mean(self, parents: Parents, n: int) -> Floats:
        return self.predictor.one(parents, n)

    def describe(self) -> dict[str, Any]:
        return {
            "kind": "linear",
            "parents": [p.name for p in self.parents],
            "intercept": float(self.predictor.intercept[0]),
            "coefficients": self.predictor.describe(),
            "sd": float(self.residual.sd),
            "noise": self.residual.describe(),
            "note": self.note,
        }


def solve(scatter: Floats, cross: Floats) -> tuple[Floats, int]:
    """Coefficients and rank of least squares from centred cross-products.

    Exactly collinear columns share their effect: of all solutions the one that is shortest on
    standardised columns.
    """
    scale = np.sqrt(np.diag(scatter))
    scale = np.where(scale > 0, scale, 1.0)
    values, vectors = np.linalg.eigh(scatter / np.outer(scale, scale))
    keep = values > RANK * max(len(values), 1)
    inverse = np.where(keep, 1.0 / np.where(keep, values, 1.0), 0.0)
    coefficients = vectors @ (inverse * (vectors.T @ (cross / scale))) / scale
    return coefficients, int(keep.sum())


def _regress(moments: Moments, name: str) -> tuple[Floats, float, float]:
    """Coefficients, intercept and residual sd of the last column on the others."""
    scatter, mean = moments.scatter, moments.mean
    coefficients, rank = solve(scatter[:-1, :-1], scatter[:-1, -1])
    free = moments.weight - rank - 1
    if not free > 0:
        raise InputError(
            f"a linear mechanism of {name!r} needs more than {rank + 1} rows for its {rank} "
            f"coefficients and intercept; there are {moments.weight:g}. Use fewer parents, more "
            "rows, or SplineAdditive, which shrinks"
        )
    rss = scatter[-1, -1] - coefficients @ scatter[:-1, -1]
    floor = 1e-13 * max(scatter[-1, -1], 0.0)  # below it only rounding is left
    sd = float(np.sqrt(rss / free)) if rss > floor else 0.0
    return coefficients, float(mean[-1] - coefficients @ mean[:-1]), sd


def need_number(variable: Variable, who: str) -> None:
    """Raise unless the node is numeric."""
    if variable.discrete:
        raise InputError(
            f"{who} gives numbers, but {variable.name!r} is {variable.kind}; use Logistic, "
            "Multinomial or DiscreteTable"
        )


@dataclass(frozen=True, eq=False)
class _Rows:
    """Encoded rows that are fitted again and again under other weights."""

    x: Floats
    variable: Variable
    encoding: Encoding
    columns: Floats

    @classmethod
    def of(cls, x: Floats, parents: Data, variable: Variable, weights: Floats | None) -> _Rows:
        encoding = Encoding.of(parents, weights)
        columns = np.column_stack([encoding.matrix(parents.columns, len(x)), x])
        return cls(x, variable, encoding, columns)

    def fit(self, weights: Floats | None, smooth: bool) -> Linear:
        """Least squares; residuals give the noise if `smooth`, else it is normal."""
        described = (*self.encoding.parents, self.variable)
        sizes = [*self.encoding.sizes, 1]
        moments = Moments.of(self.columns, described, sizes=sizes, weights=weights)
        coefficients, intercept, sd = _regress(moments, self.variable.name)
        residual: Residual = Gaussian(sd)
        if smooth:
            left = self.x - self.columns[:, :-1] @ coefficients - intercept
            residual = Empirical.of(left, sd, weights)
        predictor = self.encoding.predictor(np.array([intercept]), coefficients[:, None])
        return Linear(self.variable, predictor, residual)


def _refits(
    fitted: Mechanism, x: NDArray[Any], parents: Data, *, smooth: bool
) -> Callable[[Floats], Linear]:
    rows = _Rows.of(np.asarray(x, dtype=np.float64), parents, fitted.variable, None)
    return lambda weights: rows.fit(weights, smooth=smooth)


@dataclass(frozen=True)
class LinearGaussian(MechanismSpec):
    """Least squares on the parents (levels as dummies), normal noise.

    The noise variance divides by n less the number of coefficients and the intercept. Exactly
    collinear parents share their effect; fewer rows than coefficients is an error; a constant
    node is a point mass.
    """

    def fit(
        self,
        x: NDArray[Any],
        parents: Data,
        *,
        variable: Variable,
        weights: Floats | None = None,
        rng: np.random.Generator,
    ) -> Linear:
        x = ready(x, parents, variable, weights, "LinearGaussian")
        need_number(variable, "LinearGaussian")
        return _Rows.of(x, parents, variable, weights).fit(weights, smooth=False)

    def refits(
        self, fitted: Mechanism, x: NDArray[Any], parents: Data
    ) -> Callable[[Floats], Linear]:
        """Fits of the same rows under other weights."""
        return _refits(fitted, x, parents, smooth=False)

    def fit_source(self, source: Any, variable: Variable, parents: Sequence[Variable]) -> Linear:
        """Fit from a source of moments, without rows; parents must be numeric."""
        need_number(variable, "LinearGaussian")
        for v in parents:
            if v.discrete:
                raise InputError(
                    f"from moments alone a linear mechanism needs numeric parents, but {v.name!r} "
                    f"is {v.kind}; fit it where the rows are"
                )
        names = [*(v.name for v in parents), variable.name]
        moments = source.moments(asker="LinearGaussian").select(names)
        coefficients, intercept, sd = _regress(moments, variable.name)
        return Linear.of(variable, parents, coefficients, intercept=intercept, noise=Gaussian(sd))


@dataclass(frozen=True)
class LinearNonGaussian(MechanismSpec):
    """Least squares on the parents, noise distributed like the residuals (kernel-smoothed)."""

    def fit(
        self,
        x: NDArray[Any],
        parents: Data,
        *,
        variable: Variable,
        weights: Floats | None = None,
        rng: np.random.Generator,
    ) -> Linear:
        x = ready(x, parents, variable, weights, "LinearNonGaussian")
        need_number(variable, "LinearNonGaussian")
        return _Rows.of(x, parents, variable, weights).fit(weights, smooth=True)

    def refits(
        self, fitted: Mechanism, x: NDArray[Any], parents: Data
    ) -> Callable[[Floats], Linear]:
        """Fits of the same rows under other weights."""
        return _refits(fitted, x, parents, smooth=True)
