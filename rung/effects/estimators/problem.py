"""Problem: what an estimator is given; Fitted: what it gives back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...core.data import Data
from ...core.errors import InputError
from ...core.missing import complete
from ...core.variable import Kind
from ..contrast import Contrast
from .basis import Column

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Problem:
    """Mean outcomes under the arms of a treatment, given covariates that suffice.

    Parameters
    ----------
    y : (n,) outcome; 0 or 1 if `binary`
    t : (n,) treatment; an arm number 0 .. m-1 if `discrete` (-1: some other level), else a dose
    arms : (m,) what the means are asked for: arm numbers, or doses
    x : (n, p) covariates: numbers, and codes 0 .. size-1 where `sizes` is not 0
    sizes : (p,) number of levels of each covariate, 0 for numbers
    weights : (n,) frequency weights with mean 1
    groups : (n,) int or None; rows of one group may depend on each other
    population : "all", "treated" (the rows of arm `focus`) or "overlap"
    propensity : (n, m) out-of-fold probabilities of the arms given x, if discrete
    ratio : (n,) stabilised weights f(t) / f(t | x), if doses
    curve : terms of the dose, as by `rung.effects.estimators.dose.bend`
    folds : (n,) int, for cross-fitting
    """

    y: Floats
    t: Floats
    arms: Floats
    x: Floats
    sizes: tuple[int, ...]
    names: tuple[str, ...]
    weights: Floats
    folds: Ints
    groups: Ints | None = None
    binary: bool = False
    discrete: bool = True
    population: str = "all"
    focus: int = 1
    propensity: Floats | None = None
    ratio: Floats | None = None
    curve: Column | None = None

    @property
    def n(self) -> int:
        """Number of rows."""
        return len(self.y)


@dataclass(frozen=True, eq=False)
class Fitted:
    """Means of the arms and their influence functions.

    Parameters
    ----------
    means : (m,) estimated mean outcome under each arm
    influence : (n, m) rows whose average is the error of `means`
    method : the estimator in the field's words
    effects : (n, m) mean outcome of each row under each arm, where the estimator has one
    effective_n : effective sample size after weighting
    """

    means: Floats
    influence: Floats
    method: str
    effects: Floats | None = None
    effective_n: float = float("nan")
    details: Mapping[str, Any] = field(default_factory=dict)
    cites: tuple[str, ...] = ()


def covariates(data: Data, names: tuple[str, ...]) -> tuple[Floats, tuple[int, ...]]:
    """Matrix (n, p) and number of levels of each; constant columns are left as they are."""
    sizes = []
    for name in names:
        v = data.variable(name)
        if v.shape:
            raise InputError(f"covariate {name!r} is not scalar")
        if v.kind is Kind.IDENTIFIER:
            raise InputError(
                f"covariate {name!r} looks like an identifier ({v.kind}); it cannot be adjusted for"
            )
        sizes.append(v.size if v.kind is Kind.CATEGORICAL else 0)
    return data.matrix(names), tuple(sizes)


def require_finite(data: Data) -> None:
    """InputError that counts the infinite cells of scalar columns and names the first."""
    bad = ~np.isfinite(data.matrix(data.names))
    if bad.any():
        row, column = (int(i[0]) for i in np.nonzero(bad))
        raise InputError(
            f"{int(bad.sum())} cells are infinite, first in row {row}, column "
            f"{data.names[column]!r}: correct them, or make them missing and declare a policy"
        )


def build(
    data: Data,
    contrast: Contrast,
    adjust: tuple[str, ...],
    *,
    rng: np.random.Generator,
    folds: int = 5,
    groups: Ints | None = None,
) -> Problem:
    """The problem of a contrast on complete rows of `data`, adjusting for `adjust`.

    Raises
    ------
    InputError
        Too few rows, or a level without rows.
    """
    from ...inference.resampling import folds as deal

    names = (contrast.treatment, contrast.outcome, *adjust)
    data = complete(data.select(names))
    x, sizes = covariates(data, adjust)
    require_finite(data)
    t = data.column(contrast.treatment)
    y = np.asarray(data.column(contrast.outcome), dtype=np.float64)
    arms, strata, coded = np.asarray(contrast.arms), None, np.asarray(t, dtype=np.float64)
    if contrast.discrete:
        coded = np.full(data.n, -1.0)
        for k, a in enumerate(arms):
            coded[t == a] = k
        strata = coded.astype(np.int64)
        _enough(contrast, coded, len(arms))
    elif data.n < max(20, 3 * (x.shape[1] + 3)):
        raise InputError(
            f"{data.n} rows are too few to adjust for {x.shape[1]} covariates; use more rows (for "
            "missing cells, rung.EM() leaves none out)"
        )
    weights = np.ones(data.n) if data.weights is None else data.weights / data.weights.mean()
    units = data.n if groups is None else len(np.unique(groups))
    k = int(min(folds, units))
    if k < 2:
        raise InputError(f"{units} independent unit(s): an effect needs several; check unit=")
    return Problem(
        y=y, t=coded, arms=np.arange(len(arms), dtype=float) if contrast.discrete else arms,
        x=x, sizes=sizes, names=adjust, weights=weights, groups=groups, binary=contrast.binary,
        discrete=contrast.discrete,
        folds=deal(rng, data.n, k, unit=groups, strata=strata),
    )  # fmt: skip


def _enough(contrast: Contrast, coded: Floats, m: int) -> None:
    counts = [int((coded == k).sum()) for k in range(m)]
    if min(counts) < 10:
        k = int(np.argmin(counts))
        label = contrast.labels[max(k - 1, 0)]
        raise InputError(
            f"only {counts[k]} rows have one of the levels of {label!r}; at least 10 are needed. "
            "Merge rare levels, or name others with treated= and control="
        )
