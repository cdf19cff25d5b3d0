"""Outcome regression, averaged over the covariates (g-computation)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ...core.errors import InputError
from . import glm
from .basis import Column, column, make
from .dose import bend, bends_for
from .nuisance import RIDGE, choose
from .problem import Fitted, Problem

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Regression:
    """Outcome regression averaged over the covariates (Robins 1986, g-computation).

    Arms: treatment x all terms (a model for each arm); doses: a curve of the dose, and its
    line and first bend x covariates while rows last; `form="linear"` makes the dose linear
    too. Logistic for binary outcomes. Right if the outcome model is.

    Parameters
    ----------
    form : "linear", "spline", "products", or None: chosen by cross-validation
    interactions : whether the effect may change with the covariates
    """

    form: str | None = None
    interactions: bool = True

    def estimate(self, problem: Problem, *, rng: np.random.Generator) -> Fitted:
        """Means of the arms; influence functions from the estimating equations."""
        form = self.form or choose_terms(problem)
        basis = make(problem.x, problem.sizes, form)
        z = basis.expand(problem.x)
        dose = None if problem.discrete else self._dose(problem)
        design = self._design(problem, z, problem.t, dose)
        use = problem.t >= 0 if problem.discrete else np.ones(problem.n, dtype=bool)
        if use.sum() <= design.shape[1]:
            raise InputError(
                f"{int(use.sum())} rows for {design.shape[1]} terms: use Regression('linear', "
                "interactions=False) or adjust for fewer columns"
            )
        w = problem.weights * use
        ridge = 0.0 if form == "linear" else RIDGE[form]
        if problem.binary:
            fit = glm.logistic(design, problem.y, w, max(ridge, 1e-8))
        else:
            fit = glm.linear(design, problem.y, w, ridge)
        return self._average(problem, z, design, dose, fit, w, form)

    def _dose(self, problem: Problem) -> Column:
        if self.form == "linear":
            return column(problem.t, 0, tame=False)
        return problem.curve or bend(problem)

    def _design(self, problem: Problem, z: Floats, t: Floats, dose: Column | None) -> Floats:
        if dose is None:
            arms = [(t == a).astype(float)[:, None] for a in problem.arms[1:]]
            extra = [a * z for a in arms] if self.interactions else arms
            return np.hstack([z, *extra])
        terms = dose.expand(t)
        if not self.interactions or problem.population == "overlap":
            return np.hstack([z, terms])
        bent = bool(len(dose.knots))
        x = make(problem.x, problem.sizes, "linear", tame=bent).expand(problem.x)[:, 1:]
        k = bends_for(problem.n, terms.shape[1], x.shape[1]) if bent else 1
        return np.hstack([z, terms, *(terms[:, [i]] * x for i in range(k))])

    def _average(
        self, problem: Problem, z: Floats, design: Floats, dose: Column | None, fit: glm.Fit,
        w: Floats, form: str,
    ) -> Fitted:  # fmt: skip
        h = _tilt(problem)
        share = h * problem.weights / (h @ problem.weights)
        error = w * (problem.y - fit.mean(design))
        score = error[:, None] * design @ fit.bread
        means, influence, effects = [], [], []
        for a in problem.arms:
            at = self._design(problem, z, np.full(problem.n, a), dose)
            mu = fit.mean(at)
            slope = at * (mu * (1 - mu))[:, None] if fit.logit else at
            mean = float(share @ mu)
            means.append(mean)
            effects.append(mu)
            influence.append(problem.n * (share * (mu - mean) + score @ (share @ slope)))
        slack = np.sqrt(problem.n / max(problem.n - design.shape[1], 1))
        kind = "logistic" if fit.logit else "linear"
        words = {"linear": "linear terms", "spline": "splines", "products": "splines and products"}
        by = " by arm" if problem.discrete and self.interactions else ""
        return Fitted(
            np.array(means), np.column_stack(influence) * slack,
            f"{kind} outcome regression with {words[form]}{by}, averaged over the covariates",
            effects=np.column_stack(effects),
            details={"forms": [words[form]]},
            cites=("robins1986",),
        )  # fmt: skip


def choose_terms(problem: Problem) -> str:
    """Terms of the covariates with the least cross-validated loss, the treatment beside them."""
    x = problem.x
    extra = problem.t[:, None]
    use = problem.t >= 0 if problem.discrete else np.ones(problem.n, dtype=bool)
    size = len(problem.arms) if problem.discrete and len(problem.arms) > 2 else 0
    return choose(
        np.column_stack([x, extra])[use], (*problem.sizes, size), problem.y[use],
        problem.weights[use], problem.folds[use], binary=problem.binary, boosting=False,
    ).terms  # fmt: skip


def _tilt(problem: Problem) -> Floats:
    """Weight (n,) of each row in the population that the answer is about."""
    if problem.population == "treated":
        return (problem.t == problem.focus).astype(float)
    if problem.population == "overlap" and problem.propensity is not None:
        return problem.propensity[:, 0] * problem.propensity[:, 1]
    return np.ones(problem.n)
