"""Doubly robust estimation with cross-fitting: right if either nuisance model is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...core.errors import InputError
from ...inference.crossfit import Rows, cross_fit
from .models import check_least, check_model, name_of, plain, predicted_arms, predicted_mean
from .nuisance import Form, choose, fit_mean, require_rows
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
    outcome, treatment : scikit-learn estimators to use as nuisances instead; for arms the treatment
        model is a classifier, for doses a regressor
    n_jobs : folds fitted side by side
    least : propensities that rows are divided by are raised to it (not for the overlap population)
    """

    boosting: bool = True
    outcome: Any = None
    treatment: Any = None
    n_jobs: int = 1
    least: float = 0.01

    def __post_init__(self) -> None:
        check_model(self.outcome, "outcome")
        check_model(self.treatment, "treatment")
        check_least(self.least)

    def estimate(self, problem: Problem, *, rng: np.random.Generator) -> Fitted:
        """Means of the arms with their influence functions."""
        if not problem.discrete:
            return partially_linear(
                problem, boosting=self.boosting, outcome=self.outcome, treatment=self.treatment,
                rng=rng, n_jobs=self.n_jobs,
            )  # fmt: skip
        problem = with_treatment(
            problem, self.treatment, rng=rng, n_jobs=self.n_jobs, least=self.least
        )
        outcome, forms = arm_means(
            problem, boosting=self.boosting, model=self.outcome, rng=rng, n_jobs=self.n_jobs
        )
        words = sorted({form.words for form in forms})
        means, influence = augmented(problem, outcome)
        return Fitted(
            means, influence,
            f"doubly robust (AIPW), {len(np.unique(problem.folds))}-fold cross-fitting; outcome "
            f"model: {' / '.join(words)}{of_treatment(self.treatment)}",
            effects=outcome,
            effective_n=float("nan"),
            details={"forms": words},
            cites=("robins1994", "chernozhukov2018"),
        )  # fmt: skip


def of_treatment(model: Any) -> str:
    """Words for a treatment model that is not the default."""
    return "" if model is None else f"; treatment model: {name_of(model)}"


def with_treatment(
    problem: Problem,
    model: Any,
    *,
    rng: np.random.Generator,
    n_jobs: int = 1,
    least: float = 0.01,
) -> Problem:
    """The problem with propensities of this model, or its own, none below `least`.

    Raises
    ------
    InputError
        There are none.
    """
    if model is not None:
        e = predicted_arms(
            model, plain(problem.x, problem.sizes), problem.t.astype(np.int64), len(problem.arms),
            problem.weights, problem.folds, rng=rng, n_jobs=n_jobs,
        )  # fmt: skip
    elif problem.propensity is None:
        raise InputError(
            "the problem has no propensities; see rung.effects.estimators.overlap.prepare"
        )
    else:
        e = problem.propensity
    return replace(problem, propensity=raised(problem, e, least))


def raised(problem: Problem, e: Floats, least: float) -> Floats:
    """Propensities (n, m) of which those that rows are divided by are at least `least`.

    All for the mean over all rows; for the treated those of the other arms; none for the overlap
    population.
    """
    if problem.population == "overlap":
        return e
    out = np.maximum(e, least)
    if problem.population == "treated":
        out[:, problem.focus] = e[:, problem.focus]
    return out


def arm_means(
    problem: Problem,
    *,
    boosting: bool,
    model: Any = None,
    rng: np.random.Generator,
    n_jobs: int = 1,
    forms: Sequence[Form] | None = None,
) -> tuple[Floats, list[Form]]:
    """Out-of-fold outcome means (n, m), a model for each arm, and the forms of the models.

    forms : of an earlier call, not to be chosen again
    """
    columns: list[Floats] = []
    used: list[Form] = []
    for a in range(len(problem.arms)):
        mine = problem.t == a
        if model is not None:
            columns.append(
                predicted_mean(
                    model, plain(problem.x, problem.sizes), problem.y, problem.weights,
                    problem.folds, binary=problem.binary, rng=rng, use=mine, n_jobs=n_jobs,
                )
            )  # fmt: skip
            used.append(Form(name_of(model)))
            continue
        form = forms[a] if forms is not None else _form(problem, a, boosting)
        used.append(form)

        def fit_predict(train: Rows, test: Rows, form: Any = form, mine: Rows = mine) -> Floats:
            rows = train & mine
            if not rows.any():
                raise InputError("an arm lies within one unit: clustered folds leave it empty")
            fit = fit_mean(
                problem.x[rows], problem.sizes, problem.y[rows], problem.weights[rows], form,
                problem.binary,
            )  # fmt: skip
            return fit.mean(problem.x[test])

        columns.append(cross_fit(problem.folds, fit_predict, n_jobs=n_jobs))
    return np.column_stack(columns), used


def _form(problem: Problem, a: int, boosting: bool) -> Form:
    """The form of the outcome model of one arm."""
    mine = problem.t == a
    x, rows = problem.x[mine], int(mine.sum())
    require_rows(x, problem.sizes, rows, f"the outcome model of one arm (number {a + 1})")
    return choose(
        x, problem.sizes, problem.y[mine], problem.weights[mine], problem.folds[mine],
        binary=problem.binary, boosting=boosting,
    )  # fmt: skip


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
