"""Doubly robust estimation with cross-fitting: right if either nuisance model is."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..core.errors import InputError
from .nuisance import Form, choose, fit_mean
from .partial import partially_linear
from .problem import Fitted, Problem

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class DoublyRobust:
    """Augmented inverse probability weighting, cross-fitted; for doses a partially linear model.

    Arms: AIPW (Robins, Rotnitzky and Zhao 1994) with out-of-fold nuisances (Chernozhukov et al.
    2018, section 5.1), also for the treated and for the overlap population. Doses: residuals of
    outcome on residuals of a spline of the dose (Robinson 1988; Chernozhukov et al. 2018, section
    4.1), with an effect that may change with the covariates.

    Parameters
    ----------
    boosting : let boosted trees model what splines leave, where a residual check asks for it
    """

    boosting: bool = True

    def estimate(self, problem: Problem, *, rng: np.random.Generator) -> Fitted:
        """Means of the arms with their influence functions."""
        if not problem.discrete:
            return partially_linear(problem, boosting=self.boosting)
        if problem.propensity is None:
            raise InputError("the problem has no propensities; see rung.effects.overlap.prepare")
        outcome, forms = arm_means(problem, boosting=self.boosting)
        means, influence = augmented(problem, outcome)
        words = sorted({form.words for form in forms})
        return Fitted(
            means, influence,
            f"doubly robust (AIPW), {len(np.unique(problem.folds))}-fold cross-fitting; outcome "
            f"model: {' / '.join(words)}",
            effects=outcome,
            effective_n=float("nan"),
            details={"forms": words},
            cites=("robins1994", "chernozhukov2018"),
        )  # fmt: skip


def arm_means(problem: Problem, *, boosting: bool) -> tuple[Floats, list[Form]]:
    """Out-of-fold outcome means (n, m), a model for each arm, and the forms chosen."""
    m = len(problem.arms)
    out, forms = np.empty((problem.n, m)), []
    for a in range(m):
        mine = problem.t == a
        y, w, folds = problem.y[mine], problem.weights[mine], problem.folds[mine]
        form = choose(
            problem.x[mine], problem.sizes, y, w, folds, binary=problem.binary, boosting=boosting
        )
        forms.append(form)
        for fold in np.unique(problem.folds):
            test = problem.folds == fold
            train = mine & ~test
            if not train.any():
                raise InputError("an arm lies within one unit: clustered folds leave it empty")
            fit = fit_mean(
                problem.x[train], problem.sizes, problem.y[train], problem.weights[train], form,
                problem.binary,
            )  # fmt: skip
            out[test, a] = fit.mean(problem.x[test])
    return out, forms


def augmented(problem: Problem, outcome: Floats) -> tuple[Floats, Floats]:
    """One-step means (m,) and influence functions (n, m) for the problem's population.

    "treated": Hahn (1998); "overlap": weights e(1 - e) (Li, Morgan and Zaslavsky 2018), whose
    influence function has a term for the estimated weights (Crump et al. 2006).
    """
    e, w = problem.propensity, problem.weights
    assert e is not None
    m = len(problem.arms)
    here = problem.t[:, None] == np.arange(m)
    residual = problem.y[:, None] - outcome
    if problem.population == "all":
        total = np.ones(problem.n)[:, None]
        signal = outcome + here * residual / e
    elif problem.population == "treated":
        focus = here[:, problem.focus].astype(float)[:, None]
        odds = e[:, [problem.focus]] / e
        total = focus
        signal = focus * outcome + here * odds * residual
    else:
        h = (e[:, 0] * e[:, 1])[:, None]
        slope = ((1 - 2 * e[:, 1]) * (here[:, 1] - e[:, 1]))[:, None]
        total = h + slope
        signal = h * (outcome + here * residual / e) + slope * outcome
    mass = float(w @ total[:, 0]) / w.sum()
    means = (w @ signal) / w.sum() / mass
    influence = w[:, None] * (signal - total * means) / mass / w.mean()
    return means, influence
