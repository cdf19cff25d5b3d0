"""What an estimator of natural effects is given and gives back; the multiply robust one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from ...core.errors import InputError
from ...inference.resampling import folds as deal
from ..estimators.density import effective_size
from .nuisances import class_model, form_of, kept_up, mean_model

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
FEWEST = 20  # rows of each of the two levels


@dataclass(frozen=True, eq=False)
class Mediation:
    """Outcome, two levels of a treatment, mediators, covariates.

    Parameters
    ----------
    y : (n,) outcome; 0 or 1 if `binary`
    level : (n,) int; 0 control, 1 treated, 2 any other
    m : (n, p) mediators and c : (n, q) covariates; `sizes` as in `Problem`
    weights : (n,) frequency weights with mean 1
    groups : (n,) int or None; rows of one group may depend on each other
    """

    y: Floats
    level: Ints
    m: Floats
    m_sizes: tuple[int, ...]
    c: Floats
    c_sizes: tuple[int, ...]
    weights: Floats
    groups: Ints | None
    binary: bool


@dataclass(frozen=True, eq=False)
class Natural:
    """Means E[Y(1, M(1))], E[Y(1, M(0))], E[Y(0, M(0))] with their influence functions (n, 3)."""

    means: Floats
    influence: Floats
    method: str
    effective_n: float = float("nan")
    details: Mapping[str, Any] = field(default_factory=dict)
    cites: tuple[str, ...] = ()


@runtime_checkable
class MediationEstimator(Protocol):
    """Estimates the three means that natural effects are differences of."""

    def mediate(self, problem: Mediation, *, rng: np.random.Generator) -> Natural:
        """The means with their influence functions."""


@dataclass(frozen=True)
class MultiplyRobust:
    """Natural effects from the efficient influence function, cross-fitted.

    Tchetgen Tchetgen and Shpitser (2012), theorem 1. The density ratio of the mediators is a ratio
    of propensities with and without them, and the mean over the mediators a regression (Zheng and
    van der Laan 2012), so that mediators may be several and of any kind. Right if two of its models
    are: the outcome given mediators with either its mean over them or the treatment given
    covariates, or the treatment both with and without the mediators.

    Parameters
    ----------
    outcome, treatment : scikit-learn regressor and classifier to use instead of rung's own
    folds : of the cross-fitting
    """

    outcome: Any = None
    treatment: Any = None
    folds: int = 5

    def __post_init__(self) -> None:
        if not isinstance(self.folds, int) or self.folds < 2:
            raise InputError(f"folds={self.folds!r}: expected an int >= 2")

    def mediate(self, problem: Mediation, *, rng: np.random.Generator) -> Natural:
        """The means with their influence functions."""
        counts = np.bincount(problem.level, minlength=2)[:2]
        if counts.min() < FEWEST:
            raise InputError(
                f"only {counts.min()} rows have one of the compared levels; {FEWEST} are needed"
            )
        n = len(problem.y)
        units = n if problem.groups is None else len(np.unique(problem.groups))
        dealt = deal(rng, n, min(self.folds, units), unit=problem.groups, strata=problem.level)
        fits = _Fits(problem, dealt.astype(np.int64), self)
        signal, ratio = np.empty((n, 3)), np.zeros(n)
        for fold in np.unique(dealt):
            test = dealt == fold
            signal[test], ratio[test] = fits.fold(~test, test)
        w = problem.weights
        means = (w @ signal) / w.sum()
        used = ratio > 0
        return Natural(
            means, w[:, None] * (signal - means),
            f"multiply robust (efficient influence function), {len(np.unique(dealt))}-fold "
            f"cross-fitting; outcome model: {fits.words}",
            effective_n=effective_size((w * ratio)[used]),
            details={"largest_weight": float(ratio.max() / max(ratio.mean(), 1e-300))},
            cites=("tchetgen2012", "zheng2012", "chernozhukov2018"),
        )  # fmt: skip


class _Fits:
    """The models of one problem, refitted for every fold; their forms are chosen once."""

    def __init__(self, problem: Mediation, folds: Ints, plug: MultiplyRobust) -> None:
        p = self.p = problem
        self.plug, self.k = plug, int(p.level.max()) + 1
        self.wide, self.sizes = np.column_stack([p.m, p.c]), (*p.m_sizes, *p.c_sizes)
        treated = (p.level == 1).astype(np.float64)
        both = p.level < 2
        self.outer = form_of(
            self.wide[both], self.sizes, p.y[both], p.weights[both], folds[both],
            binary=p.binary, model=plug.outcome,
        )  # fmt: skip
        self.inner = form_of(
            p.c[both], p.c_sizes, p.y[both], p.weights[both], folds[both], binary=False
        )
        self.alone = form_of(
            p.c, p.c_sizes, treated, p.weights, folds, binary=True, model=plug.treatment
        )
        self.seen = form_of(
            self.wide, self.sizes, treated, p.weights, folds, binary=True, model=plug.treatment
        )
        self.words = "yours" if plug.outcome is not None else self.outer.words

    def fold(self, train: NDArray[np.bool_], test: NDArray[np.bool_]) -> tuple[Floats, Floats]:
        """Uncentred influence functions (n, 3) and density ratios (n,) of the rows `test`."""
        p, w, level = self.p, self.p.weights, self.p.level
        alone = kept_up(class_model(
            p.c[train], p.c_sizes, level[train], self.k, w[train], self.alone,
            model=self.plug.treatment,
        )(p.c[test]))  # fmt: skip
        seen = kept_up(class_model(
            self.wide[train], self.sizes, level[train], self.k, w[train], self.seen,
            model=self.plug.treatment,
        )(self.wide[test]))  # fmt: skip
        one, zero = train & (level == 1), train & (level == 0)
        mu = self._mean(self.wide, self.sizes, p.y, one, self.outer, outcome=True)
        at_zero, at_test = mu(self.wide[zero]), mu(self.wide[test])
        crossed = mean_model(p.c[zero], p.c_sizes, at_zero, w[zero], self.inner)(p.c[test])
        own = [
            self._mean(p.c, p.c_sizes, p.y, use, self.inner, outcome=False)(p.c[test])
            for use in (zero, one)
        ]
        y = p.y[test]
        is_one, is_zero = (level[test] == a for a in (1, 0))
        ratio = is_one * seen[:, 0] / (seen[:, 1] * alone[:, 0])
        return np.column_stack([
            own[1] + is_one / alone[:, 1] * (y - own[1]),
            crossed + ratio * (y - at_test) + is_zero / alone[:, 0] * (at_test - crossed),
            own[0] + is_zero / alone[:, 0] * (y - own[0]),
        ]), ratio  # fmt: skip

    def _mean(
        self, x: Floats, sizes: tuple[int, ...], y: Floats, use: NDArray[np.bool_], form: Any,
        *, outcome: bool,
    ) -> Any:  # fmt: skip
        model = self.plug.outcome
        binary = self.p.binary and (outcome or model is not None)
        return mean_model(
            x[use], sizes, y[use], self.p.weights[use], form, binary=binary, model=model
        )
