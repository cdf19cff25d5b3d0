"""The curve of a dose: how many bends, and how many of them may change with covariates."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from ...inference.crossfit import Rows, cross_fit
from . import glm
from .basis import Column, column, make
from .nuisance import RIDGE
from .problem import Problem

Floats = NDArray[np.float64]
RICHER = (12, 25)
MOST_ROWS = 8000  # for choosing
WORTH = 0.005  # share of the validated loss that a richer curve must save


def knots_for(n: int) -> int:
    """Knots by the number of rows: fixed, so that no search adds to the error."""
    steps = [150, 400, 700, 1000, 3000, 8000]
    return 0 if n < 60 else 3 + int(np.searchsorted(steps, n, side="right"))


def bends_for(n: int, terms: int, q: int) -> int:
    """How many terms of a dose may change with q covariates: line and a bend, the line, or none."""
    for k in (min(terms, 2), 1):
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
    problem = thinned(problem)
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


def thinned(problem: Problem) -> Problem:
    """Every k-th row, so that at most 8000 are left."""
    step = -(-problem.n // MOST_ROWS)
    if step == 1:
        return problem
    return replace(
        problem, y=problem.y[::step], t=problem.t[::step], x=problem.x[::step],
        weights=problem.weights[::step], folds=problem.folds[::step],
    )  # fmt: skip


def _loss(problem: Problem, z: Floats, made: Column) -> float:
    design = np.hstack([z, made.expand(problem.t)])
    w, y, ridge = problem.weights, problem.y, RIDGE["spline"]

    def fit_predict(train: Rows, test: Rows) -> Floats:
        return design[test] @ glm.linear(design[train], y[train], w[train], ridge).beta

    return float(w @ (y - cross_fit(problem.folds, fit_predict)) ** 2)
