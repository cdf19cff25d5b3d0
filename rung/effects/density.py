"""Stabilised weights of doses: a normal model of the ranked dose given the covariates."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from .nuisance import choose, predict_mean
from .problem import Problem

Floats = NDArray[np.float64]


def normal_scores(t: Floats) -> Floats:
    """Normal quantiles of mid-ranks; the density ratio f(t) / f(t | x) does not change by it."""
    from scipy import special, stats

    ranks = stats.rankdata(t)
    return np.asarray(special.ndtri((ranks - 0.5) / len(t)))


def stabilised(problem: Problem) -> tuple[Floats, Floats, float]:
    """Weights f(t) / f(t | x) with mean 1, predicted scores, and the R2 of the scores.

    Source: Robins, Hernan and Brumback (2000); Hirano and Imbens (2004), normal density model.
    """
    score = normal_scores(problem.t)
    w = problem.weights
    form = choose(problem.x, problem.sizes, score, w, problem.folds, binary=False, boosting=False)
    fitted = predict_mean(problem.x, problem.sizes, score, w, problem.folds, form, False)
    centre = float(w @ score / w.sum())
    total = float(w @ (score - centre) ** 2 / w.sum())
    left = float(w @ (score - fitted) ** 2 / w.sum())
    left = min(max(left, 1e-12 * total), total)
    log = (score - fitted) ** 2 / (2 * left) - (score - centre) ** 2 / (2 * total)
    ratio = np.exp(np.clip(log, -30, 30)) * np.sqrt(left / total)
    return ratio / np.average(ratio, weights=w), fitted, max(0.0, 1 - left / total)


def effective_size(weights: Floats) -> float:
    """Kish's effective sample size, (sum w)^2 / sum w^2."""
    total = float(weights @ weights)
    return float(weights.sum()) ** 2 / total if total > 0 else 0.0
