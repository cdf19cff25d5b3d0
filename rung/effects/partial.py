"""The partially linear model for doses: residuals of the outcome on residuals of the dose."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..inference.crossfit import cross_fit
from . import glm
from .basis import Curve, curve, curves, make
from .nuisance import choose, predict_mean
from .problem import Fitted, Problem

Floats = NDArray[np.float64]


def _residuals(problem: Problem, target: Floats, *, boosting: bool = False) -> tuple[Floats, str]:
    """Out-of-fold residuals of `target` (n,) or (n, q) on the covariates, and the form."""
    first = target if target.ndim == 1 else target[:, 0]
    form = choose(
        problem.x, problem.sizes, first, problem.weights, problem.folds,
        binary=False, boosting=boosting and target.ndim == 1,
    )  # fmt: skip
    fitted = predict_mean(
        problem.x, problem.sizes, target, problem.weights, problem.folds, form, False
    )
    return target - fitted, form.words


def _bends(problem: Problem, left: Floats) -> Curve:
    """The curve of the dose with the least cross-validated loss; a line if rows are few."""
    best, least = curve(problem.t, problem.arms, 0), np.inf
    for knots in curves(problem.n):
        made = curve(problem.t, problem.arms, knots)
        if not made.bends:
            continue
        design, _ = _residuals(problem, made.expand(problem.t))
        loss = _curve_loss(problem, design, left)
        if loss < least:
            best, least = made, loss
    return best


def _curve_loss(problem: Problem, design: Floats, left: Floats) -> float:
    w = problem.weights

    def fit_predict(train: NDArray[np.bool_], test: NDArray[np.bool_]) -> Floats:
        return design[test] @ glm.linear(design[train], left[train], w[train]).beta

    return float(w @ (left - cross_fit(problem.folds, fit_predict)) ** 2)


def partially_linear(problem: Problem, *, boosting: bool = True) -> Fitted:
    """Y = g(X) + f(T) + h(T) (X - mean) c + error, by orthogonal moments; h: line and ramp.

    f is a restricted cubic spline with a ramp between the doses, chosen by cross-validation;
    Robinson (1988), Chernozhukov et al. (2018, section 4.1). The means of the arms are the mean outcome plus the contrast from the
    mean of the dose terms. In the overlap population the effect does not change with X, and rows
    count by the variation of T that X leaves.
    """
    left, words = _residuals(problem, problem.y, boosting=boosting)
    bend = _bends(problem, left)
    terms = bend.expand(problem.t)
    design, _ = _residuals(problem, terms)
    count = terms.shape[1]
    shift = _centred(problem)
    varying = bool(shift.shape[1]) and problem.population == "all"
    if varying:
        design = np.column_stack([design, *(design[:, [k]] * shift for k in bend.ends)])
    w = problem.weights
    fit = glm.linear(design, left, w, 0.0)
    error = left - design @ fit.beta
    score = (w * error)[:, None] * design @ fit.bread * problem.n
    dose = bend.expand(problem.arms)
    average = (w @ terms) / w.sum()
    lift = dose - average
    means, influence = _means(problem, fit.beta[:count], score[:, :count], terms, average, lift)
    tilt = np.zeros((problem.n, len(problem.arms)))
    if varying:
        # the effect at the mean covariates; the error of that mean enters through the slopes
        p = shift.shape[1]
        for i, k in enumerate(bend.ends):
            slopes = fit.beta[count + i * p : count + (i + 1) * p]
            tilt += np.outer(shift @ slopes, lift[:, k])
        influence = influence + w[:, None] * tilt
    slack = problem.n / max(problem.n - design.shape[1], 1)
    shape = "linear in the dose" if not bend.bends else "a spline of the dose"
    change = ", changing with the covariates" if varying else ""
    effects = means + tilt
    return Fitted(
        means, influence * np.sqrt(slack),
        f"doubly robust for a partially linear model ({shape}{change}), "
        f"{len(np.unique(problem.folds))}-fold cross-fitting; nuisance: {words}",
        effects=effects,
        details={"forms": [words], "curve": shape},
        cites=("robinson1988", "chernozhukov2018"),
    )  # fmt: skip


def _centred(problem: Problem) -> Floats:
    """Covariates, centred and scaled, that may change the effect; none if rows are few."""
    basis = make(problem.x, problem.sizes, "linear", tame=True)
    z = basis.expand(problem.x)[:, 1:]
    if problem.n < 50 * (z.shape[1] + 5):
        return np.empty((problem.n, 0))
    w = problem.weights
    return z - (w @ z) / w.sum()


def _means(
    problem: Problem, beta: Floats, score: Floats, terms: Floats, average: Floats, lift: Floats
) -> tuple[Floats, Floats]:
    w = problem.weights
    level = float(w @ problem.y / w.sum())
    means = level + lift @ beta
    around = w[:, None] * ((problem.y - level)[:, None] - (terms - average) @ beta[:, None])
    return means, around + score @ lift.T
