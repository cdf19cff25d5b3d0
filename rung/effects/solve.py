"""One adjustment set on one table: prepare, estimate, interval on the scale asked for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..core.data import Data
from ..core.errors import InputError
from ..core.protocols import Estimator
from ..graphs.identification.formula import Formula
from ..inference import intervals, multiplicity, rubin
from .contrast import Contrast
from .dependence import Dependence, of_rows
from .estimators.overlap import Prepared, prepare
from .estimators.problem import Fitted, Problem, build

Floats = NDArray[np.float64]
MOST_ROWS = 20_000_000


@dataclass(frozen=True, eq=False)
class Level:
    """The answer for one contrast."""

    contrast: str
    value: float
    low: float
    high: float
    se: float


@dataclass(frozen=True, eq=False)
class Solved:
    """Answers for all contrasts of one adjustment set, simultaneous if there are several.

    By a formula other than adjustment, `formula` is there and `prepared` is None.
    """

    levels: tuple[Level, ...]
    fitted: Fitted
    prepared: Prepared | None
    dependence: Dependence
    adjust: tuple[str, ...]
    data: Data
    critical: float
    details: Mapping[str, Any] = field(default_factory=dict)
    formula: Formula | None = None

    @property
    def problem(self) -> Problem:
        """The problem that was solved, by adjustment."""
        assert self.prepared is not None
        return self.prepared.problem

    @property
    def effective_n(self) -> float:
        """Effective sample size after weighting."""
        return float(self.data.n) if self.prepared is None else self.prepared.effective_n

    @property
    def value(self) -> float:
        """The headline answer."""
        return self.levels[0].value

    @property
    def interval(self) -> tuple[float, float]:
        """Its interval."""
        return self.levels[0].low, self.levels[0].high

    @property
    def se(self) -> float:
        """Its standard error (of the logarithm for ratios)."""
        return self.levels[0].se


def expanded(data: Data) -> Data:
    """Whole frequency weights become rows; others stay weights."""
    w = data.weights
    if w is None:
        return data
    if not np.isfinite(w).all() or (w < 0).any() or w.sum() <= 0:
        raise InputError("weights must be numbers >= 0 with a positive sum")
    if (w == np.round(w)).all():
        if w.sum() > MOST_ROWS:
            raise InputError(f"frequency weights sum to {w.sum():.0f} rows, above {MOST_ROWS}")
        rows = np.repeat(np.arange(data.n), w.astype(np.int64))
        return data.take(rows).replacing(weights=None)
    return data.take((w > 0).nonzero()[0])


def solve(
    data: Data,
    contrast: Contrast,
    adjust: tuple[str, ...],
    estimator: Estimator,
    *,
    rng: np.random.Generator,
    population: str = "all",
    level: float = 0.95,
) -> Solved:
    """Estimate the contrast on complete rows of `data`, adjusting for `adjust`."""
    from ..core.missing import complete

    names = [contrast.treatment, contrast.outcome, *adjust]
    data = complete(data.select(names))
    dependence = of_rows(data)
    problem = build(data, contrast, adjust, rng=rng, groups=dependence.groups)
    if population == "treated" and not contrast.discrete:
        raise InputError(
            f"the effect on the treated needs levels; {contrast.treatment!r} is a dose: ask for ATE"
        )
    trims = bool(getattr(estimator, "trims", False))
    prepared = prepare(replace(problem, population=population), trims=trims)
    fitted = estimator.estimate(prepared.problem, rng=rng)
    levels, critical = contrasts(fitted, contrast, dependence.groups, level, rng)
    return Solved(levels, fitted, prepared, dependence, adjust, data, critical)


def contrasts(
    fitted: Fitted,
    contrast: Contrast,
    groups: NDArray[np.int64] | None,
    level: float,
    rng: np.random.Generator,
) -> tuple[tuple[Level, ...], float]:
    """Contrasts of the arms' means by the delta method; simultaneous by max-t if several."""
    values, rows = zip(
        *(on_scale(fitted, i, j, contrast.scale) for i, j in contrast.pairs), strict=True
    )
    matrix = np.column_stack(rows)
    cov = intervals.covariance(matrix, groups=groups)
    se = np.sqrt(np.diag(cov))
    df = intervals.freedom(groups)
    critical = multiplicity.max_t(cov, level, rng=rng, df=df)
    out = []
    for k, value in enumerate(values):
        low, high = value - critical * se[k], value + critical * se[k]
        ends = np.array([value, low, high])
        if contrast.scale != "difference":
            ends = np.exp(ends)
        point, lower, upper = ends.tolist()
        out.append(Level(contrast.labels[k], point, lower, upper, float(se[k])))
    return tuple(out), critical


def pooled(
    found: Sequence[Solved], contrast: Contrast, level: float, rng: np.random.Generator
) -> Solved:
    """The answers on several completed tables by Rubin's rules; all else is the first table's.

    A table without missing cells would have as many degrees of freedom as units less one, or as
    rows less the covariates, the treatment and the intercept.
    """
    first = found[0]
    values, within = [], []
    for one in found:
        pairs = [on_scale(one.fitted, i, j, contrast.scale) for i, j in contrast.pairs]
        values.append([value for value, _ in pairs])
        rows = np.column_stack([row for _, row in pairs])
        within.append(intervals.covariance(rows, groups=one.dependence.groups))
    free = intervals.freedom(first.dependence.groups)
    free = max(first.data.n - len(first.adjust) - 2.0, 1.0) if free is None else free
    pool = rubin.pool(values, within, free)
    critical = multiplicity.max_t(pool.covariance, level, rng=rng, df=float(pool.freedom.min()))
    levels = []
    for k, label in enumerate(contrast.labels):
        se = float(np.sqrt(pool.covariance[k, k]))
        ends = pool.values[k] + critical * se * np.array([0.0, -1.0, 1.0])
        point, low, high = (np.exp(ends) if contrast.scale != "difference" else ends).tolist()
        levels.append(Level(label, point, low, high, se))
    details = {
        "imputations": pool.tables,
        "missing_information": float(pool.fraction[0]),
        "freedom": float(pool.freedom[0]),
        "values": [row[0] for row in values],
        "se": [float(np.sqrt(w[0, 0])) for w in within],
    }
    return replace(first, levels=tuple(levels), critical=critical, details=details)


def on_scale(fitted: Fitted, i: int, j: int, scale: str) -> tuple[float, Floats]:
    """Value and influence (n,) of arm i against arm j; ratios as logarithms."""
    mi, mj = float(fitted.means[i]), float(fitted.means[j])
    ri, rj = fitted.influence[:, i], fitted.influence[:, j]
    if scale == "difference":
        return mi - mj, ri - rj
    if mi <= 0 or mj <= 0 or (scale == "odds ratio" and max(mi, mj) >= 1):
        raise InputError(
            f"a {scale} needs means inside its range, but they are {mi:.4g} and {mj:.4g}; ask for "
            "scale='difference', or use rung.Regression(), whose means stay in range"
        )
    if scale == "ratio":
        return float(np.log(mi / mj)), ri / mi - rj / mj
    value = float(np.log(mi / (1 - mi)) - np.log(mj / (1 - mj)))
    return value, ri / (mi * (1 - mi)) - rj / (mj * (1 - mj))
