"""Orthant-wise limited-memory quasi-Newton descent for a smooth function plus a lasso."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ...core.budget import Run

Floats = NDArray[np.float64]
Smooth = Callable[[Floats], tuple[float, Floats]]
MEMORY = 10  # pairs of steps and changes of the gradient


@dataclass(frozen=True, eq=False)
class Descent:
    """Where a descent ended: the point, its objective, steps taken, False if the run was spent."""

    point: Floats
    value: float
    steps: int
    finished: bool


def descend(
    smooth: Smooth, lasso: Floats, start: Floats, run: Run, *, steps: int, tolerance: float
) -> Descent:
    """Minimise smooth(x) + sum lasso |x| from `start`; entries with infinite lasso stay as are.

    `smooth` gives value and gradient; an infinite value marks points that are out of bounds. Ends
    after `steps`, or when ten steps together gain less than `tolerance` of the objective.

    Source: Andrew and Gao (2007), algorithm 1.
    """
    free = np.isfinite(lasso)
    weight = np.where(free, lasso, 0.0)
    x = start.copy()
    f, g = smooth(x)
    value = f + float(weight @ np.abs(x))
    changes: list[tuple[Floats, Floats]] = []
    history = [value]
    for step in range(steps):
        if run.spent:
            return Descent(x, value, step, False)
        slope = np.where(free, _pseudo_gradient(x, g, weight), 0.0)
        direction = -_inverse_times(slope, changes)
        direction[direction * slope >= 0] = 0.0
        downhill = float(direction @ slope)
        if not downhill < 0:
            if not changes:
                return Descent(x, value, step, True)
            changes = []
            continue
        side = np.where(x != 0, np.sign(x), -np.sign(slope))
        size = 1.0 if changes else min(1.0, 1.0 / float(np.linalg.norm(slope)))
        while True:
            new = x + size * direction
            new[(weight > 0) & (new * side < 0)] = 0.0
            f, h = smooth(new)
            now = f + float(weight @ np.abs(new)) if np.isfinite(f) else np.inf
            if now <= value + 1e-4 * float(slope @ (new - x)):
                break
            size *= 0.5
            if size < 1e-12:
                break
        if size < 1e-12:
            if not changes:
                return Descent(x, value, step, True)
            changes = []
            f, g = smooth(x)
            continue
        moved, turned = new - x, h - g
        if float(moved @ turned) > 1e-12 * float(turned @ turned):
            changes = [*changes[-MEMORY + 1 :], (moved, turned)]
        x, g, value = new, h, now
        history.append(value)
        gained = history[-11] - value if len(history) > 10 else np.inf
        if gained <= tolerance * max(abs(value), 1e-12):
            return Descent(x, value, step + 1, True)
    return Descent(x, value, steps, True)


def _pseudo_gradient(x: Floats, g: Floats, weight: Floats) -> Floats:
    """The one-sided derivative of least size, with the lasso."""
    at_zero = np.sign(g) * np.maximum(np.abs(g) - weight, 0.0)
    return np.where(x != 0, g + np.sign(x) * weight, at_zero)


def _inverse_times(v: Floats, changes: list[tuple[Floats, Floats]]) -> Floats:
    """The inverse Hessian of the limited memory times v (two-loop recursion)."""
    q, alphas = v.copy(), []
    for s, y in reversed(changes):
        alphas.append(float(s @ q) / float(s @ y))
        q -= alphas[-1] * y
    if changes:
        s, y = changes[-1]
        q *= float(s @ y) / float(y @ y)
    for (s, y), alpha in zip(changes, reversed(alphas), strict=True):
        q += (alpha - float(y @ q) / float(s @ y)) * s
    return q
