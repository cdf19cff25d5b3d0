"""SplineAdditive: a sum of smooth curves of the numeric parents, fitted on moments."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..core.data import Data
from ..core.errors import InputError
from ..core.mechanism import Mechanism, MechanismSpec, Parents
from ..core.moments import Moments
from ..core.variable import Variable
from .additive import Additive
from .features import Encoding, Predictor, ready
from .linear import need_number
from .noise import Empirical, Residual
from .smooth import Smoother

Floats = NDArray[np.float64]
DEGREES = (1.0, 2.0, 3.0, 4.0, 5.0, 6.5, 8.0)  # degrees of freedom that a curve may take
SWEEPS = 2
INFLATE = 1.4  # of degrees of freedom in the criterion (Kim and Gu 2004)
RIDGE = 1e-8  # on columns of variance 1: makes collinear parents share their effect

ROUGHER = 2.0  # degrees of freedom of a refit over those of the first fit


@dataclass(frozen=True, eq=False)
class Splines(Additive):
    """x = intercept + sum of curves of the parents + u.

    Curves are natural cubic splines, straight beyond their outer knots; levels contribute
    constants.

    Parameters
    ----------
    variable : Variable
    predictor : Predictor
        With one output.
    residual : Residual
        Distribution of u.
    degrees : tuple of float
        Degrees of freedom of each parent's curve (1 is a line).
    note : str
        Why this mechanism was chosen, if it was.
    """

    variable: Variable
    predictor: Predictor
    residual: Residual
    degrees: tuple[float, ...] = ()
    note: str = ""

    @property
    def parents(self) -> tuple[Variable, ...]:  # type: ignore[override]
        return self.predictor.parents

    def mean(self, parents: Parents, n: int) -> Floats:
        return self.predictor.one(parents, n)

    def describe(self) -> dict[str, Any]:
        return {
            "kind": "additive",
            "parents": [p.name for p in self.parents],
            "intercept": float(self.predictor.intercept[0]),
            "curves": self.predictor.describe(),
            "degrees": dict(zip([p.name for p in self.parents], self.degrees)),
            "sd": float(self.residual.sd),
            "noise": self.residual.describe(),
            "note": self.note,
        }


@dataclass(frozen=True)
class SplineAdditive(MechanismSpec):
    """Penalised natural cubic splines of the numeric parents, dummies of the discrete ones.

    Only moments of the basis are used. The penalty of each curve is chosen by coordinate descent
    on generalised cross-validation with inflated degrees of freedom (Wood 2017, section 6.2; Kim
    and Gu 2004). Noise is distributed like the residuals, scaled for the degrees of freedom used.

    Parameters
    ----------
    knots : int
        Knots of a curve at most; a parent with fewer values has one on each.
    """

    knots: int = 12

    def __post_init__(self) -> None:
        if self.knots < 3:
            raise InputError(f"SplineAdditive(knots={self.knots}): expected at least 3")

    def fit(
        self,
        x: NDArray[Any],
        parents: Data,
        *,
        variable: Variable,
        weights: Floats | None = None,
        rng: np.random.Generator,
    ) -> Splines:
        x = ready(x, parents, variable, weights, "SplineAdditive")
        need_number(variable, "SplineAdditive")
        knots = int(min(self.knots, max(4, len(x) // 5)))
        encoding = Encoding.of(parents, weights, knots)
        columns = np.column_stack([encoding.matrix(parents.columns, len(x)), x])
        return _solve(variable, encoding, columns, weights, None)

    def refits(
        self, fitted: Mechanism, x: NDArray[Any], parents: Data
    ) -> Callable[[Floats], Splines]:
        """Fits of the same rows under other weights, with the knots of the first.

        Curves have `ROUGHER` times its degrees of freedom: those of the first fit give the least
        error, of which bias is a part that resamples do not show; with more of them bias gives
        way to spread, so that percentiles cover (undersmoothing, Hall 1992).
        """
        assert isinstance(fitted, Splines)
        knots = int(min(self.knots, max(4, len(x) // 5)))
        encoding = Encoding.of(parents, None, knots)
        columns = np.column_stack([encoding.matrix(parents.columns, len(x)), x])
        degrees = tuple(
            min(ROUGHER * d, float(s.width)) if s is not None else d
            for d, s in zip(fitted.degrees, encoding.smoothers)
        )
        return lambda weights: _solve(fitted.variable, encoding, columns, weights, degrees)


def _solve(
    variable: Variable,
    encoding: Encoding,
    columns: Floats,
    weights: Floats | None,
    degrees: tuple[float, ...] | None,
) -> Splines:
    """Fit on encoded columns with x last; degrees of freedom are chosen if not given."""
    described = (*encoding.parents, variable)
    moments = Moments.of(columns, described, sizes=[*encoding.sizes, 1], weights=weights)
    beta, used, degrees = _Problem.of(moments, encoding, variable.name).solve(degrees)
    intercept = moments.mean[-1] - beta @ moments.mean[:-1]
    predictor = encoding.predictor(np.array([intercept]), beta[:, None])
    left = columns[:, -1] - columns[:, :-1] @ beta - intercept
    square = left @ left if weights is None else weights @ (left * left)
    floor = 1e-13 * moments.scatter[-1, -1]
    free = max(moments.weight - used, 1.0)
    sd = float(np.sqrt(square / free)) if square > floor else 0.0
    return Splines(variable, predictor, Empirical.of(left, sd, weights), degrees)


@dataclass(frozen=True, eq=False)
class _Problem:
    """Penalised least squares in standardised columns.

    Parameters
    ----------
    gram : (p, p) correlations of the columns; cross : (p,) with x; total : variance of x
    scale : (p,) standard deviations of the columns
    count : weight of the rows
    encoding : what the columns are
    """

    gram: Floats
    cross: Floats
    total: float
    scale: Floats
    count: float
    encoding: Encoding

    @classmethod
    def of(cls, moments: Moments, encoding: Encoding, name: str) -> _Problem:
        p = encoding.width
        fixed = 1 + sum(1 if s else k for s, k in zip(encoding.smoothers, encoding.sizes))
        if moments.weight <= fixed:
            raise InputError(
                f"SplineAdditive of {name!r} has {fixed} coefficients that it does not shrink and "
                f"{moments.weight:g} rows; use fewer parents or more rows"
            )
        covariance = moments.covariance
        scale = np.sqrt(np.diag(covariance)[:p])
        scale = np.where(scale > 1e-12 * np.max(scale, initial=0.0), scale, 1.0)
        return cls(
            covariance[:p, :p] / np.outer(scale, scale),
            covariance[:p, p] / scale,
            float(covariance[p, p]),
            scale,
            moments.weight,
            encoding,
        )

    def solve(self, degrees: tuple[float, ...] | None) -> tuple[Floats, float, tuple[float, ...]]:
        """Coefficients, degrees of freedom with the intercept, those of each parent.

        Those of each parent are chosen if not given.
        """
        blocks, at = [], 0
        for smoother, size in zip(self.encoding.smoothers, self.encoding.sizes):
            blocks.append((slice(at, at + size), smoother))
            at += size
        penalty = np.full(at, RIDGE)
        chosen = [float(s.stop - s.start) for s, _ in blocks]
        if degrees is None:
            self._choose(blocks, penalty, chosen)
        else:
            chosen = list(degrees)
            for (where, smoother), d in zip(blocks, degrees):
                if smoother is not None:
                    penalty[where] += smoother.penalty(d) * smoother.roughness
        beta, used, _ = self._fit(penalty)
        return beta / self.scale, used, tuple(chosen)

    def _choose(
        self, blocks: list[tuple[slice, Smoother | None]], penalty: Floats, chosen: list[float]
    ) -> None:
        """Set the penalties and degrees of freedom by coordinate descent."""
        tables: dict[int, list[tuple[float, Floats]]] = {}
        for i, (where, smoother) in enumerate(blocks):
            if smoother is not None:
                options = [d for d in DEGREES if d < smoother.width] + [float(smoother.width)]
                rough = smoother.roughness
                tables[i] = [(d, RIDGE + smoother.penalty(d) * rough) for d in options]
                chosen[i], penalty[where] = tables[i][min(3, len(options) - 1)]
        for _ in range(SWEEPS if len(tables) > 1 else min(1, len(tables))):
            before = list(chosen)
            for i, options_of in tables.items():
                where = blocks[i][0]
                best = np.inf
                trial = penalty.copy()
                for degrees, values in options_of:
                    trial[where] = values
                    score = self._criterion(trial)
                    if score < best:
                        best, chosen[i], penalty[where] = score, degrees, values
            if before == chosen:
                break

    def _fit(self, penalty: Floats) -> tuple[Floats, float, float]:
        """Coefficients, degrees of freedom with the intercept, residual variance."""
        p = len(penalty)
        if not p:
            return np.empty(0), 1.0, self.total
        matrix = self.gram + np.diag(penalty)
        solution = np.linalg.solve(matrix, np.column_stack([self.cross, self.gram]))
        beta = solution[:, 0].astype(np.float64)
        used = 1.0 + float(np.trace(solution[:, 1:]))
        left = self.total - 2 * beta @ self.cross + beta @ self.gram @ beta
        return beta, used, max(float(left), 0.0)

    def _criterion(self, penalty: Floats) -> float:
        _, used, left = self._fit(penalty)
        free = self.count - INFLATE * used
        return left / free**2 if free > 0 else np.inf
