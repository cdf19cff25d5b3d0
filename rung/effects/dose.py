"""The curve of a dose: how many bends, and how many of them may change with covariates."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..inference.crossfit import Rows, cross_fit
from . import glm
from .basis import Column, column, make
from .nuisance import RIDGE
from .problem import Problem

Floats = NDArray[np.float64]
RICHER = (12, 25)
WORTH = 0.005  # share of the validated loss that a richer curve must save


def knots_for(n: int) -> int:
    """Knots by the number of rows: fixed, so that no search adds to the error."""
    steps = [100, 200, 350, 600, 1000, 4000, 10000]
    return 0 if n < 60 else 3 + int(np.searchsorted(steps, n, side="right"))


def bends_for(n: int, terms: int, q: int) -> int:
    """How many terms of a dose may change with q covariates: all, the line only, or none."""
    for k in (terms, 1):
        if n >= 25 * (terms + k * q) + 50:
            return k
    return 0


def bend(problem: Problem) -> Column:
    """The curve of the dose; a richer one only where the usual one clearly fails.

    Steps and spikes need a broken line of many knots, which does not swing: it is taken if it
    saves half a per cent of the cross-validated loss of an additive model.
    """
    best = column(problem.t, knots_for(problem.n))
    if problem.n < 40 * RICHER[0]:
        return best
    z = make(problem.x, problem.sizes, "spline").expand(problem.x)
    least = _loss(problem, z, best)
    for knots in RICHER:
        made = column(problem.t, knots, broken=True)
        if problem.n < 40 * knots or len(made.knots) <= len(best.knots):
            continue
        loss = _loss(problem, z, made)
        if loss < (1 - WORTH) * least:
            best, least = made, loss
    return best


def _loss(problem: Problem, z: Floats, made: Column) -> float:
    design = np.hstack([z, made.expand(problem.t)])
    w, y, ridge = problem.weights, problem.y, RIDGE["spline"]

    def fit_predict(train: Rows, test: Rows) -> Floats:
        return design[test] @ glm.linear(design[train], y[train], w[train], ridge).beta

    return float(w @ (y - cross_fit(problem.folds, fit_predict)) ** 2)
