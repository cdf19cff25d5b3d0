"""Stabilised weights of doses: the ranked dose is normal given the covariates, which move its mean
and its variance."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...inference.ranks import normal_scores
from .models import plain, predicted_mean
from .nuisance import choose, predict_mean
from .problem import Problem

Floats = NDArray[np.float64]
LEAST = 0.1  # of the mean variance left, the least that a row's may be; its inverse the most


def ranked(t: Floats) -> Floats:
    """Normal scores of a dose; the density ratio f(t) / f(t | x) does not change by it."""
    return normal_scores(t, offset=0.5)


def stabilised(
    problem: Problem,
    *,
    model: Any = None,
    rng: np.random.Generator | None = None,
    n_jobs: int = 1,
) -> tuple[Floats, Density]:
    """Weights (n,) f(t) / f(t | x) with mean 1, and the density model behind them.

    model : a scikit-learn regressor for the mean of the ranked dose; None: terms chosen
    Source: Robins, Hernan and Brumback (2000); Hirano and Imbens (2004), normal density model.
    """
    score = ranked(problem.t)
    w = problem.weights
    if model is not None:
        fitted = predicted_mean(
            model, plain(problem.x, problem.sizes), score, w, problem.folds, binary=False,
            rng=rng or np.random.default_rng(0), role="treatment", n_jobs=n_jobs,
        )  # fmt: skip
    else:
        form = choose(
            problem.x, problem.sizes, score, w, problem.folds, binary=False, boosting=False
        )
        fitted = predict_mean(problem.x, problem.sizes, score, w, problem.folds, form, False)
    centre = float(w @ score / w.sum())
    total = float(w @ (score - centre) ** 2 / w.sum())
    square = (score - fitted) ** 2
    mean = min(max(float(w @ square / w.sum()), 1e-12 * total), total)
    left = np.full(len(score), mean)
    if problem.x.shape[1]:
        spread = choose(
            problem.x, problem.sizes, square, w, problem.folds, binary=False, boosting=False
        )
        found = predict_mean(problem.x, problem.sizes, square, w, problem.folds, spread, False)
        left = np.clip(found, LEAST * mean, mean / LEAST)
    model = Density(score, fitted, centre, total, left)
    ratio = 1 / model.ratio(score)
    return ratio / np.average(ratio, weights=w), model


@dataclass(frozen=True, eq=False)
class Density:
    """Normal scores of the dose: fitted means (n,) and variances left (n,), given the covariates,
    and the marginal mean and variance."""

    score: Floats
    fitted: Floats
    centre: float
    total: float
    left: Floats

    @property
    def r2(self) -> float:
        """Share of the scores' variance that the covariates explain."""
        return max(0.0, 1 - float(self.left.mean()) / self.total)

    def ratio(self, score: Floats | float) -> Floats:
        """f(score | x) / f(score) for every row (n,)."""
        log = (score - self.centre) ** 2 / (2 * self.total)
        log = log - (score - self.fitted) ** 2 / (2 * self.left)
        return np.asarray(np.exp(np.clip(log, -30, 30)) * np.sqrt(self.total / self.left))

    def share(self, t: Floats, dose: float, weights: Floats) -> float:
        """Effective share of the rows for the mean at one dose, 1 / mean of f(dose) / f(dose | x).

        It is 1 where the dose does not depend on the covariates.
        """
        order = np.argsort(t, kind="stable")
        score = float(np.interp(dose, t[order], self.score[order]))
        return float(min(1.0, 1 / np.average(1 / self.ratio(score), weights=weights)))


def effective_size(weights: Floats) -> float:
    """Kish's effective sample size, (sum w)^2 / sum w^2."""
    total = float(weights @ weights)
    return float(weights.sum()) ** 2 / total if total > 0 else 0.0


def optimal_cut(e: Floats, weights: Floats) -> float:
    """The cut for which the variance bound of the average effect is least, 0 if none is better.

    Crump et al. (2009), theorem 1: with equal variances, rows are kept while 1 / (e (1 - e)) is at
    most twice its mean over the rows that are kept.

    e : (n,) probability of treatment
    """
    k = 1 / np.clip(e * (1 - e), 1e-12, None)
    order = np.argsort(k, kind="stable")
    mass = np.cumsum(weights[order])
    bound = np.cumsum((weights * k)[order]) / mass**2
    best = int(np.argmin(bound))
    if best == len(k) - 1:
        return 0.0
    edge = (k[order][best] + k[order][best + 1]) / 2
    return float(0.5 - np.sqrt(0.25 - 1 / edge))
