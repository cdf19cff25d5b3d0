"""Front-door for a dose: products of slopes of partially linear models."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ...core.errors import InputError
from ...inference.resampling import folds as deal
from ..estimators import glm
from ..estimators.nuisance import choose, predict_mean
from ..estimators.problem import Fitted, covariates
from .criteria import FrontDoorSet
from .nuisances import need_room
from .task import Task

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


def partially_linear_front_door(
    task: Task, found: FrontDoorSet, *, folds: int, rng: np.random.Generator
) -> Fitted:
    """M_j = g_j(C) + a_j T + error, Y = h(T, C) + sum of b_j M_j + error: the slope is sum a_j b_j.

    Each slope by residuals on residuals, cross-fitted (Robinson 1988; Chernozhukov et al. 2018,
    section 4.1); the error of the product by the delta method.
    """
    y = np.asarray(task.data.column(task.contrast.outcome), dtype=np.float64)
    t = np.asarray(task.data.column(task.contrast.treatment), dtype=np.float64)
    for name in found.mediators:
        v = task.data.variable(name)
        if v.discrete and v.size > 2:
            raise InputError(
                f"the mediator {name!r} has levels and the treatment is a dose: use PlugIn(), or "
                "make levels of the treatment"
            )
    m, _ = covariates(task.data, found.mediators)
    c, sizes = covariates(task.data, found.given)
    w, n = task.weights, len(y)
    need_room(found.given, sizes, n)
    units = n if task.groups is None else len(np.unique(task.groups))
    dealt = deal(rng, n, min(folds, units), unit=task.groups).astype(np.int64)
    left_t = t - _mean(c, sizes, t, w, dealt)
    left_m = np.column_stack([v - _mean(c, sizes, v, w, dealt) for v in m.T])
    first, first_rows = _slopes(left_t[:, None], left_m, w)
    tc, tc_sizes = np.column_stack([t, c]), (0, *sizes)
    rest_y = y - _mean(tc, tc_sizes, y, w, dealt)
    rest_m = np.column_stack([v - _mean(tc, tc_sizes, v, w, dealt) for v in m.T])
    second, second_rows = _slopes(rest_m, rest_y[:, None], w)
    a, b = first[0], second[:, 0]
    slope = float(a @ b)
    rows = first_rows[:, 0, :] @ b + second_rows[:, :, 0] @ a
    lift = np.asarray(task.contrast.arms) - float(w @ t / w.sum())
    level = float(w @ y / w.sum())
    around = w * (y - level - slope * (t - float(w @ t / w.sum())))
    return Fitted(
        level + slope * lift, around[:, None] + rows[:, None] * lift,
        f"front-door through {', '.join(found.mediators)}, partially linear (linear in the dose "
        f"and the mediators), {len(np.unique(dealt))}-fold cross-fitting",
        details={"slope": slope},
        cites=("pearl1995", "robinson1988", "chernozhukov2018"),
    )  # fmt: skip


def _mean(x: Floats, sizes: tuple[int, ...], v: Floats, w: Floats, folds: Ints) -> Floats:
    if not x.shape[1]:
        return np.full(len(v), float(w @ v / w.sum()))
    form = choose(x, sizes, v, w, folds, binary=False, boosting=False)
    return predict_mean(x, sizes, v, w, folds, form, False)


def _slopes(x: Floats, y: Floats, w: Floats) -> tuple[Floats, Floats]:
    """Slopes (p, q) of y on x, and their influence functions (n, p, q)."""
    fit = glm.linear(x, y, w, 0.0)
    error = y - x @ fit.beta
    score = (w[:, None] * x) @ fit.bread * len(x)
    return fit.beta, score[:, :, None] * error[:, None, :]
