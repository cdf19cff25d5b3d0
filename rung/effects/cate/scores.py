"""Doubly robust scores: rows whose mean given covariates is the effect given covariates."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from .fitting import boosted, cross_arms, cross_chances, cross_mean, cross_treatment, outcome_model
from .protocol import CateTask

Floats = NDArray[np.float64]
LEAST_SPREAD = 0.05  # of the conditional variance of a dose, as a share of its mean


def arm_scores(
    task: CateTask, outcome: Any, propensity: Any, folds: int, rng: np.random.Generator
) -> Floats:
    """Scores (n, arms) of the mean outcome under each arm (Robins, Rotnitzky and Zhao 1994)."""
    fold = task.folds(folds, rng)
    means = cross_arms(outcome_model(outcome, task), task, fold)
    chances = cross_chances(propensity, task, fold)
    arm = task.t.astype(np.int64)
    rows = np.arange(task.n)
    out = means.copy()
    out[rows, arm] += (task.y - means[rows, arm]) / chances[rows, arm]
    return out


def dose_scores(
    task: CateTask, outcome: Any, treatment: Any, folds: int, rng: np.random.Generator
) -> Floats:
    """Scores (n, 1) of the effect of one unit of a dose, taken as linear given covariates.

    The partially linear score tau + (t - e) (y - m - tau (t - e)) / Var(t | z) with the average
    slope for tau; Var(t | z) by a regression of the squared residuals (Athey and Wager 2019, ex. of
    weighted average derivatives).
    """
    fold = task.folds(folds, rng)
    y = task.y - cross_mean(outcome_model(outcome, task), task.y, task, fold)
    t = task.t - cross_treatment(treatment, task, fold)
    mean = float(np.average(t**2, weights=task.weights))
    spread = np.clip(cross_mean(boosted(), t**2, task, fold), LEAST_SPREAD * mean, None)
    slope = float(np.average(t * y, weights=task.weights)) / max(mean, 1e-300)
    return np.asarray(slope + t * (y - slope * t) / spread)[:, None]


def effect_scores(task: CateTask, *, folds: int = 5, rng: np.random.Generator) -> Floats:
    """Scores (n, contrasts) of the effects by the default models."""
    if not task.arms:
        return dose_scores(task, None, None, folds, rng)
    scores = arm_scores(task, None, None, folds, rng)
    return scores[:, 1:] - scores[:, :1]
