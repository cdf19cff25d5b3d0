"""The mean outcome under a policy that moves each row's treatment: targeted, or in one step."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...core.errors import NotSupported, Overlap
from ...inference.crossfit import Rows, cross_fit
from .density import effective_size
from .doubly_robust import DoublyRobust, arm_means
from .glm import sigmoid
from .models import is_classifier, name_of, out_of_fold, plain, predicted_arms
from .nuisance import choose, fit_mean, predict_mean, propensities, require_rows
from .problem import Fitted, Problem
from .tmle import TMLE, fluctuation, logit, scale_of

Floats = NDArray[np.float64]
MOST_WEIGHT = 50.0
LEAST_SHARE = 0.1  # of the rows, as effective sample size of the density ratios
MOST_OUTSIDE = 0.1  # of the rows moved beyond the doses that were seen


@dataclass(frozen=True, eq=False)
class Moved:
    """Outcome means (n,) at the natural and at the moved treatment, and density ratios (n,)."""

    natural: Floats
    moved: Floats
    ratio: Floats
    words: str


def under_policy(
    problem: Problem, target: Floats, estimator: Any, rng: np.random.Generator
) -> tuple[Fitted, dict[str, Any]]:
    """Means (2,) under the policy and without it, and the density ratios in figures.

    The efficient influence function is r (y - mu(t, x)) + mu(t*, x) less its mean, with r the
    density of the moved treatment over that of the natural one at the natural one (Diaz and van
    der Laan 2012; Haneuse and Rotnitzky 2013). For a dose r is the odds of a classifier that
    tells moved from natural rows (Diaz, Williams, Hoffman and Schenck 2023).

    Parameters
    ----------
    target : (n,) moved treatment, coded as `problem.t`
    estimator : TMLE (the fluctuation of the outcome model) or DoublyRobust (one step)

    Raises
    ------
    Overlap
        The policy leads where hardly any row is.
    NotSupported
        Another estimator.
    """
    if not isinstance(estimator, TMLE | DoublyRobust):
        raise NotSupported(
            f"the effect of a policy is estimated by TMLE() or DoublyRobust(), not by "
            f"{name_of(estimator)}"
        )
    found = (_levels if problem.discrete else _doses)(problem, target, estimator, rng)
    size = effective_size(found.ratio * problem.weights)
    if size < LEAST_SHARE * problem.n:
        raise Overlap(
            f"the policy leads where few rows are: an effective sample of {size:.0f} of "
            f"{problem.n} rows is left after weighting by density ratios. Ask for a smaller change"
        )
    if isinstance(estimator, TMLE):
        found = _targeted(problem, found)
    w = problem.weights
    signal = found.ratio * (problem.y - found.natural) + found.moved
    both = np.column_stack([signal, problem.y])
    means = w @ both / w.sum()
    how = "targeted maximum likelihood" if isinstance(estimator, TMLE) else "one-step estimator"
    source = "a classifier of moved rows" if not problem.discrete else "propensities"
    fitted = Fitted(
        means, w[:, None] / w.mean() * (both - means),
        f"{how} for a policy, {len(np.unique(problem.folds))}-fold cross-fitting; density ratios "
        f"by {source}; outcome model: {found.words}",
        effective_n=size,
        cites=("diaz2012", "haneuse2013", "diaz2023"),
    )  # fmt: skip
    ratios = np.quantile(found.ratio, [0.0, 0.5, 0.95, 1.0])
    figures = {
        "effective_n": size, "ratio": dict(zip(("min", "median", "95%", "max"), ratios.tolist())),
        "changed": float(np.average(target != problem.t, weights=w)),
    }  # fmt: skip
    return fitted, figures


def _targeted(problem: Problem, found: Moved) -> Moved:
    low, span = scale_of(problem)
    y, weights = (problem.y - low) / span, problem.weights * found.ratio
    natural, moved = (logit((q - low) / span) for q in (found.natural, found.moved))
    eps = fluctuation(natural, y, np.ones((problem.n, 1)), weights)[0]
    return Moved(
        low + span * sigmoid(natural + eps), low + span * sigmoid(moved + eps), found.ratio,
        found.words,
    )  # fmt: skip


def _levels(problem: Problem, target: Floats, estimator: Any, rng: np.random.Generator) -> Moved:
    """For levels: r = 1(t = t*) / P(t | x)."""
    arm, m = problem.t.astype(np.int64), len(problem.arms)
    if estimator.treatment is None:
        e, _ = propensities(problem.x, problem.sizes, arm, m, problem.weights, problem.folds)
    else:
        e = predicted_arms(
            estimator.treatment, plain(problem.x, problem.sizes), arm, m, problem.weights,
            problem.folds, rng=rng, n_jobs=estimator.n_jobs,
        )  # fmt: skip
    mu, forms = arm_means(
        problem, boosting=estimator.boosting, model=estimator.outcome, rng=rng,
        n_jobs=estimator.n_jobs,
    )  # fmt: skip
    rows = np.arange(problem.n)
    ratio = (arm == target) / np.clip(e[rows, arm], 1 / MOST_WEIGHT, None)
    words = " / ".join(sorted({form.words for form in forms}))
    return Moved(mu[rows, arm], mu[rows, target.astype(np.int64)], ratio, words)


def _doses(problem: Problem, target: Floats, estimator: Any, rng: np.random.Generator) -> Moved:
    _within(problem, target)
    here = np.column_stack([problem.x, problem.t])
    there = np.column_stack([problem.x, target])
    sizes = (*problem.sizes, 0)
    natural, moved, words = _outcomes(problem, here, there, sizes, estimator, rng)
    both = np.vstack([here, there])
    label = np.repeat([0.0, 1.0], problem.n)
    weights, folds = np.tile(problem.weights, 2), np.tile(problem.folds, 2)
    model = estimator.treatment
    if model is None:
        form = choose(both, sizes, label, weights, folds, binary=True, boosting=estimator.boosting)
        p = predict_mean(both, sizes, label, weights, folds, form, True, n_jobs=estimator.n_jobs)[
            : problem.n
        ]
    else:
        if not is_classifier(model):
            raise NotSupported(
                f"treatment={name_of(model)}: density ratios of a policy need a classifier"
            )
        p = out_of_fold(
            model, "treatment", plain(both, sizes), label, weights, folds, rng=rng, width=2,
            n_jobs=estimator.n_jobs,
        )[: problem.n, 1]  # fmt: skip
    p = np.clip(p, 1e-6, 1 - 1e-6)
    ratio = np.minimum(p / (1 - p), MOST_WEIGHT)
    return Moved(natural, moved, ratio / np.average(ratio, weights=problem.weights), words)


def _within(problem: Problem, target: Floats) -> None:
    """Refuse a policy that leads outside the data or onto single doses."""
    low, high = float(problem.t.min()), float(problem.t.max())
    outside = float(np.mean((target < low) | (target > high)))
    if outside > MOST_OUTSIDE:
        raise Overlap(
            f"the policy moves {outside:.0%} of the rows outside the doses that were seen ({low:g} "
            f"to {high:g}): ask for a smaller change"
        )
    _, counts = np.unique(target, return_counts=True)
    _, before = np.unique(problem.t, return_counts=True)
    if counts.max() > max(0.02 * problem.n, 2 * before.max()):
        raise NotSupported(
            f"the policy puts {counts.max() / problem.n:.0%} of the rows on one dose, which has no "
            "density there: ask for rung.Curve at that dose, or for a rung.Shift or rung.Scale"
        )


def _outcomes(
    problem: Problem, here: Floats, there: Floats, sizes: tuple[int, ...], estimator: Any,
    rng: np.random.Generator,
) -> tuple[Floats, Floats, str]:  # fmt: skip
    """Out-of-fold outcome means (n,) at the natural and at the moved dose, and words."""
    w, folds = problem.weights, problem.folds
    model = estimator.outcome
    if model is None:
        require_rows(here, sizes, problem.n, "the outcome model")
        form = choose(
            here, sizes, problem.y, w, folds, binary=problem.binary, boosting=estimator.boosting
        )

        def fit_predict(train: Rows, test: Rows) -> Floats:
            fit = fit_mean(here[train], sizes, problem.y[train], w[train], form, problem.binary)
            return np.column_stack([fit.mean(here[test]), fit.mean(there[test])])

        out = cross_fit(folds, fit_predict, n_jobs=estimator.n_jobs)
        return out[:, 0], out[:, 1], form.words
    rows = np.tile(np.arange(problem.n), 2)
    first = np.repeat([True, False], problem.n)
    width = 2 if is_classifier(model) else None
    both = out_of_fold(
        model, "outcome", plain(np.vstack([here, there]), sizes), problem.y[rows], w[rows],
        folds[rows], rng=rng, use=first, n_jobs=estimator.n_jobs, width=width,
    )  # fmt: skip
    both = both if width is None else both[:, 1]
    return both[: problem.n], both[problem.n :], name_of(model)
