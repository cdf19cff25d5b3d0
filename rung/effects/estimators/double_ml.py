"""Double machine learning: orthogonal scores, any nuisance models, cross-fitted again and again."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...core.errors import InputError
from ...inference.intervals import covariance
from ...inference.resampling import folds as deal
from . import glm
from .doubly_robust import arm_means, augmented, of_treatment, raised, with_treatment
from .models import check_least, check_model
from .nuisance import Form, propensities
from .partial import around_mean, residuals
from .problem import Fitted, Problem

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class DoubleML:
    """Double machine learning (Chernozhukov et al. 2018), the median over repeated cross-fitting.

    Arms: the interactive model, whose score is that of AIPW (section 5.1), or the partially linear
    one, in which the effect is the same for everybody (section 4.1); doses: the partially linear
    model, linear in the dose. Each repetition deals new folds; the answer is the median of each
    contrast, its variance the median of variance plus squared distance from that median
    (definition 3.3).

    Parameters
    ----------
    outcome, treatment : scikit-learn estimators; None: terms chosen by cross-validation. For arms
        the treatment model is a classifier, for doses a regressor.
    interactive : None: for arms; False: partially linear for arms too
    repeats : times that folds are dealt
    n_jobs : folds fitted side by side
    least : propensities that rows are divided by are raised to it (not for the overlap population)
    """

    outcome: Any = None
    treatment: Any = None
    interactive: bool | None = None
    repeats: int = 3
    n_jobs: int = 1
    least: float = 0.01

    def __post_init__(self) -> None:
        check_model(self.outcome, "outcome")
        check_model(self.treatment, "treatment")
        check_least(self.least)
        if self.repeats < 1:
            raise InputError(f"repeats={self.repeats}: expected 1 or more")

    def estimate(self, problem: Problem, *, rng: np.random.Generator) -> Fitted:
        """Means of the arms with their influence functions.

        Raises
        ------
        InputError
            The interactive model is asked for a dose.
        """
        if self.interactive and not problem.discrete:
            raise InputError(
                "the interactive model needs levels of the treatment, but it is a dose: leave "
                "interactive=None, or ask rung.Curve"
            )
        whole = problem.discrete and self.interactive is not False
        runs, forms = [], Forms()
        for again in range(self.repeats):
            one = problem if again == 0 else _dealt(problem, rng)
            solve = self._interactive if whole else self._linear
            means, influence, forms = solve(one, rng, forms)
            runs.append((means, influence))
        means, influence = median_of(runs, problem)
        words = sorted({form.words for form in forms.outcome or ()})
        kind = "interactive" if whole else "partially linear"
        times = "" if self.repeats == 1 else f", median of {self.repeats} repetitions"
        return Fitted(
            means, influence,
            f"double machine learning, {kind} model, {len(np.unique(problem.folds))}-fold "
            f"cross-fitting{times}; outcome model: {' / '.join(words)}"
            f"{of_treatment(self.treatment)}",
            details={"forms": words, "repeats": [r[0].tolist() for r in runs]},
            cites=("chernozhukov2018",),
        )  # fmt: skip

    def _interactive(
        self, problem: Problem, rng: np.random.Generator, forms: Forms
    ) -> tuple[Floats, Floats, Forms]:
        problem, forms = self._with_propensities(problem, rng, forms)
        outcome, used = arm_means(
            problem, boosting=True, model=self.outcome, rng=rng, n_jobs=self.n_jobs,
            forms=forms.outcome,
        )  # fmt: skip
        return *augmented(problem, outcome), replace(forms, outcome=used)

    def _linear(
        self, problem: Problem, rng: np.random.Generator, forms: Forms
    ) -> tuple[Floats, Floats, Forms]:
        """Residuals of the outcome on those of the dose, or of the indicators of the levels."""
        more: dict[str, Any] = {"rng": rng, "n_jobs": self.n_jobs, "boosting": True}
        known = None if forms.outcome is None else forms.outcome[0]
        left, used = residuals(problem, problem.y, model=self.outcome, form=known, **more)
        forms = replace(forms, outcome=[used])
        m, w = len(problem.arms), problem.weights
        if problem.discrete:
            problem, forms = self._with_propensities(problem, rng, forms)
            e, other = problem.propensity, problem.t < 0
            assert e is not None
            terms = (problem.t[:, None] == problem.arms[1:]).astype(float)
            design, dose = terms - e[:, 1:], np.eye(m)[:, 1:]
            if other.any():
                terms = np.column_stack([terms, other])
                design = np.column_stack([design, other - (1 - e.sum(axis=1))])
                dose = np.column_stack([dose, np.zeros(m)])
        else:
            terms, dose = problem.t[:, None], problem.arms[:, None]
            moved, form = residuals(
                problem,
                problem.t,
                model=self.treatment,
                role="treatment",
                form=forms.treatment,
                **more,
            )
            design, forms = moved[:, None], replace(forms, treatment=form)
        fit = glm.linear(design, left, w)
        score = (w * (left - design @ fit.beta))[:, None] * design @ fit.bread * problem.n
        average = (w @ terms) / w.sum()
        means, influence = around_mean(problem, fit.beta, score, terms, average, dose - average)
        return means, influence, forms

    def _with_propensities(
        self, problem: Problem, rng: np.random.Generator, forms: Forms
    ) -> tuple[Problem, Forms]:
        if self.treatment is not None or problem.propensity is not None:
            found = with_treatment(
                problem, self.treatment, rng=rng, n_jobs=self.n_jobs, least=self.least
            )
            return found, forms
        e, form = propensities(
            problem.x, problem.sizes, problem.t.astype(np.int64), len(problem.arms),
            problem.weights, problem.folds, form=forms.treatment,
        )  # fmt: skip
        found = replace(problem, propensity=raised(problem, np.clip(e, 1e-6, 1.0), self.least))
        return found, replace(forms, treatment=form)


@dataclass(frozen=True)
class Forms:
    """The forms of the nuisances, chosen in the first repetition and kept."""

    outcome: list[Form] | None = None
    treatment: Form | None = None


def _dealt(problem: Problem, rng: np.random.Generator) -> Problem:
    """The problem with new folds, and without what was fitted on the old ones."""
    strata = problem.t.astype(np.int64) if problem.discrete and problem.groups is None else None
    count = len(np.unique(problem.folds))
    folds = deal(rng, problem.n, count, unit=problem.groups, strata=strata)
    return replace(problem, folds=folds, propensity=None)


def median_of(runs: list[tuple[Floats, Floats]], problem: Problem) -> tuple[Floats, Floats]:
    """Means (m,) whose contrasts with the first arm are medians over runs; influence (n, m).

    The influence of each contrast is that of the run nearest its median, stretched to the
    variance of definition 3.3 of Chernozhukov et al. (2018).
    """
    if len(runs) == 1:
        return runs[0]
    first = [(float(means[0]), rows[:, 0]) for means, rows in runs]
    level, base = _middle(first, problem)
    means, influence = [level], [base]
    for k in range(1, len(runs[0][0])):
        found = [(float(m[k] - m[0]), rows[:, k] - rows[:, 0]) for m, rows in runs]
        value, row = _middle(found, problem)
        means.append(level + value)
        influence.append(base + row)
    return np.array(means), np.column_stack(influence)


def _middle(found: list[tuple[float, Floats]], problem: Problem) -> tuple[float, Floats]:
    values = np.array([value for value, _ in found])
    centre = float(np.median(values))
    variances = np.array([covariance(row, groups=problem.groups)[0, 0] for _, row in found])
    wanted = float(np.median(variances + (values - centre) ** 2))
    near = int(np.argmin(np.abs(values - centre)))
    stretch = np.sqrt(wanted / variances[near]) if variances[near] > 0 else 1.0
    return centre, found[near][1] * stretch
