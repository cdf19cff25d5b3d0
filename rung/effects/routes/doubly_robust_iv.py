"""DoublyRobustIV: the effect among compliers with covariates, cross-fitted."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from ...core.errors import InputError
from ...inference.intervals import covariance, freedom, normal
from ...inference.resampling import folds as deal
from ..estimators.doubly_robust import arm_means, augmented
from ..estimators.nuisance import choose, predict_mean
from ..estimators.overlap import prepare
from ..estimators.problem import Problem
from .instrumented import Instrumental, Instrumented
from .linear_iv import Reduced, reduced_form, region
from .linear_iv import strength as strength_of
from .two_stage import linear, usable_instruments

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass(frozen=True)
class DoublyRobustIV:
    """Effect of the instrument on the outcome over that on the treatment, each doubly robust.

    An instrument of two levels: the ratio of two cross-fitted AIPW contrasts (Tan 2006; Froelich
    2007; Chernozhukov et al. 2018, section 5.2), the effect among those whose treatment follows
    the instrument. Other instruments: residuals on the covariates, then two-stage least squares
    of residuals (the partially linear instrumental model, Chernozhukov et al. 2018, section 4.2).
    The interval inverts the Anderson-Rubin test on the same influence functions.

    Parameters
    ----------
    boosting : let boosted trees model what splines leave, where a residual check asks for it
    folds : of the cross-fitting
    """

    boosting: bool = False
    folds: int = 5

    def __post_init__(self) -> None:
        if not isinstance(self.folds, int) or self.folds < 2:
            raise InputError(f"folds={self.folds!r}: expected an int >= 2")

    def by_instrument(self, problem: Instrumented, *, rng: np.random.Generator) -> Instrumental:
        """The effect of one unit, with its weak-instrument interval."""
        units = problem.n if problem.groups is None else len(np.unique(problem.groups))
        strata = problem.z[:, 0].astype(np.int64) if problem.arms else None
        dealt = deal(rng, problem.n, min(self.folds, units), unit=problem.groups, strata=strata)
        if problem.arms:
            return self._ratio(problem, dealt.astype(np.int64), rng)
        return self._residuals(problem, dealt.astype(np.int64))

    def _ratio(self, problem: Instrumented, folds: Ints, rng: np.random.Generator) -> Instrumental:
        z = problem.z[:, 0]
        counts = [int((z == a).sum()) for a in (0, 1)]
        if min(counts) < 10:
            raise InputError(
                f"only {min(counts)} rows have one of the levels of {problem.names[2][0]}; at "
                "least 10 are needed"
            )
        base = Problem(
            y=problem.y, t=z, arms=np.arange(2.0), x=problem.c, sizes=problem.sizes,
            names=problem.names[3], weights=problem.weights, folds=folds, groups=problem.groups,
            binary=problem.binary[0],
        )  # fmt: skip
        ready = prepare(base)
        signals, slopes, words = [], [], set[str]()
        for target, binary in ((problem.y, problem.binary[0]), (problem.x, problem.binary[1])):
            one = replace(ready.problem, y=target, binary=binary)
            means, forms = arm_means(one, boosting=self.boosting, rng=rng)
            values, influence = augmented(one, means)
            slopes.append(values[1] - values[0])
            signals.append(influence[:, 1] - influence[:, 0])
            words |= {f.words for f in forms}
        rows = np.column_stack(signals)
        cov = covariance(rows, groups=problem.groups)
        return self._divided(problem, ready.problem, slopes, rows, cov, sorted(words), ready.note)

    def _divided(
        self, problem: Instrumented, ready: Problem, slopes: list[float], rows: Floats,
        cov: Floats, words: list[str], note: str,
    ) -> Instrumental:  # fmt: skip
        top, bottom = (float(v) for v in slopes)
        if abs(bottom) < 1e-12:
            raise InputError(
                f"{problem.names[2][0]} does not move {problem.names[1]} in the rows: there is no "
                "estimate"
            )
        value = top / bottom
        influence = (rows[:, 0] - value * rows[:, 1]) / bottom
        se = float(np.sqrt(covariance(influence, groups=problem.groups)[0, 0]))
        form = Reduced(
            problem.y, problem.x, np.ones((problem.n, 1)), problem.weights, problem.groups,
            float(problem.n - 2), np.array([[top], [bottom]]), cov, True,
        )  # fmt: skip
        details = {"reduced form": [top], "first stage": [bottom], "forms": words}
        if note:
            details["overlap"] = note
        return Instrumental(
            value, se, region(form, problem.level, value, se),
            normal(value, se, problem.level, df=freedom(problem.groups)), strength_of(form),
            f"ratio of two doubly robust contrasts of the instrument (AIPW), "
            f"{len(np.unique(ready.folds))}-fold cross-fitting; models: {' / '.join(words)}",
            "Anderson-Rubin", influence, None, details,
            ("tan2006", "frolich2007", "chernozhukov2018"),
        )  # fmt: skip

    def _residuals(self, problem: Instrumented, folds: Ints) -> Instrumental:
        w = problem.weights
        y, x = (self._left(problem, v, folds) for v in (problem.y, problem.x))
        z = np.column_stack([self._left(problem, v, folds) for v in problem.z.T])
        z = usable_instruments(z, problem)
        form = reduced_form(y, x, z, w, problem.groups, 1, robust=True)
        return linear(
            form, problem, liml=False, conditional=True,
            method="partially linear instrumental model: two-stage least squares of "
            f"{len(np.unique(folds))}-fold cross-fitted residuals",
            cites=("chernozhukov2018",),
        )  # fmt: skip

    def _left(self, problem: Instrumented, v: Floats, folds: Ints) -> Floats:
        """Out-of-fold residuals of v on the covariates."""
        w = problem.weights
        if not problem.c.shape[1]:
            return np.asarray(v - w @ v / w.sum())
        form = choose(problem.c, problem.sizes, v, w, folds, binary=False, boosting=self.boosting)
        return v - predict_mean(problem.c, problem.sizes, v, w, folds, form, False)
