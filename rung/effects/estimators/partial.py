"""The partially linear model for doses: residuals of the outcome on residuals of the dose."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from . import glm
from .basis import make
from .dose import bend as curve
from .dose import bends_for
from .models import name_of, plain, predicted_mean
from .nuisance import Form, choose, predict_mean
from .problem import Fitted, Problem

Floats = NDArray[np.float64]


def residuals(
    problem: Problem,
    target: Floats,
    *,
    boosting: bool = False,
    model: Any = None,
    role: str = "outcome",
    rng: np.random.Generator,
    n_jobs: int = 1,
    form: Form | None = None,
) -> tuple[Floats, Form]:
    """Out-of-fold residuals of `target` (n,) or (n, q) on the covariates, and the form.

    form : of an earlier call, not to be chosen again
    """
    if model is not None:
        x, wide = plain(problem.x, problem.sizes), target.reshape(problem.n, -1)
        fits = [
            predicted_mean(
                model, x, column, problem.weights, problem.folds,
                binary=role == "outcome" and problem.binary, rng=rng, role=role, n_jobs=n_jobs,
            )
            for column in wide.T
        ]  # fmt: skip
        return target - np.column_stack(fits).reshape(target.shape), Form(name_of(model))
    first = target if target.ndim == 1 else target[:, 0]
    if form is None:
        form = choose(
            problem.x, problem.sizes, first, problem.weights, problem.folds,
            binary=False, boosting=boosting and target.ndim == 1,
        )  # fmt: skip
    fitted = predict_mean(
        problem.x, problem.sizes, target, problem.weights, problem.folds, form, False,
        n_jobs=n_jobs,
    )  # fmt: skip
    return target - fitted, form


def partially_linear(
    problem: Problem,
    *,
    boosting: bool = True,
    outcome: Any = None,
    treatment: Any = None,
    rng: np.random.Generator,
    n_jobs: int = 1,
) -> Fitted:
    """Y = g(X) + f(T) + sum over j of h_j(T) (X_j - mean) + error, by orthogonal moments.

    f is a restricted cubic spline, h_j its line and first bend while rows last (Robinson 1988;
    Chernozhukov et al. 2018, section 4.1). The means of the arms are the mean outcome plus the
    contrast from the mean of the dose terms, at the mean covariates, whose error enters through
    the slopes. In the overlap population the effect does not change
    with X, and rows count by the variation of T that X leaves.
    """
    more: dict[str, Any] = {"rng": rng, "n_jobs": n_jobs}
    left, form = residuals(problem, problem.y, boosting=boosting, model=outcome, **more)
    bend = problem.curve or curve(problem)
    terms, dose = bend.expand(problem.t), bend.expand(problem.arms)
    design, _ = residuals(problem, terms, model=treatment, role="treatment", **more)
    count = terms.shape[1]
    shift = _centred(problem)
    varied = bends_for(problem.n, count, shift.shape[1]) if problem.population == "all" else 0
    varied = varied if shift.shape[1] else 0
    design = np.column_stack([design, *(design[:, [k]] * shift for k in range(varied))])
    w = problem.weights
    fit, score = _robust(design, left, w)
    average = (w @ terms) / w.sum()
    lift = dose - average
    means, influence = around_mean(
        problem, fit.beta[:count], score[:, :count], terms, average, lift
    )
    slopes = fit.beta[count:].reshape(varied, shift.shape[1])
    tilt = (shift @ slopes.T) @ lift[:, :varied].T
    influence = influence + w[:, None] * tilt
    shape = "linear in the dose" if not len(bend.knots) else "a spline of the dose"
    varies = ", changing with the covariates" if varied else ""
    return Fitted(
        means, influence,
        f"doubly robust for a partially linear model ({shape}{varies}), "
        f"{len(np.unique(problem.folds))}-fold cross-fitting; nuisance: {form.words}",
        effects=means + tilt,
        details={"forms": [form.words], "curve": shape},
        cites=("robinson1988", "chernozhukov2018"),
    )  # fmt: skip


def _robust(design: Floats, left: Floats, w: Floats) -> tuple[glm.Fit, Floats]:
    """Least squares and influence functions (n, k) of its coefficients, HC3 (MacKinnon and White
    1985)."""
    fit = glm.linear(design, left, w, 0.0)
    error = left - design @ fit.beta
    leverage = w * np.einsum("ij,ij->i", design @ fit.bread, design)
    error = error / (1 - np.minimum(leverage, 0.5))
    return fit, (w * error)[:, None] * design @ fit.bread * len(w)


def _centred(problem: Problem) -> Floats:
    """Covariates, centred and scaled, that may change the effect."""
    z = make(problem.x, problem.sizes, "linear", tame=True).expand(problem.x)[:, 1:]
    w = problem.weights
    return z - (w @ z) / w.sum()


def around_mean(
    problem: Problem, beta: Floats, score: Floats, terms: Floats, average: Floats, lift: Floats
) -> tuple[Floats, Floats]:
    """Means (m,) at `lift` from the mean outcome, and influence functions (n, m).

    beta (k,), score (n, k): coefficients of the terms (n, k), whose mean is `average` (k,).
    """
    w = problem.weights
    level = float(w @ problem.y / w.sum())
    means = level + lift @ beta
    around = w[:, None] * ((problem.y - level)[:, None] - (terms - average) @ beta[:, None])
    return means, around + score @ lift.T
