"""A fixed-point iteration that climbs a height, as EM does, made faster and still monotone."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .budget import Run
from .errors import InputError

Floats = NDArray[np.float64]
MEMORY = 12  # earlier steps that an accelerated one looks back on


@dataclass(frozen=True, eq=False)
class Top:
    """Where a climb ended.

    Parameters
    ----------
    point : (p,) float64
    image : (p,) float64
        The step from there.
    heights : tuple of float
        Of the points that were accepted, never falling; the last is that of `point`.
    finished : bool
        False if the iterations or the time ran out before the rise fell below the tolerance.
    """

    point: Floats
    image: Floats
    heights: tuple[float, ...]
    finished: bool


def climb(
    step: Callable[[Floats], tuple[Floats, float]],
    start: Floats,
    *,
    tolerance: float,
    iterations: int,
    run: Run | None = None,
) -> Top:
    """Repeat a step that never lowers a height, by Anderson acceleration with a safeguard.

    An accelerated point whose height is lower than the last one's is replaced by the plain step,
    so that heights never fall (Walker and Ni 2011 for the acceleration; Henderson and Varadhan
    2019 for the safeguard, here without a tolerance for falls). Ends when the height rises by less
    than `tolerance`, as it is.

    Parameters
    ----------
    step : callable
        From a point (p,) to the next (p,) and the height of the point it was given.
    start : (p,) float64
    iterations : int
        Calls of `step` at most, at least 1.
    """
    point = np.asarray(start, dtype=np.float64)
    image, height = step(point)
    heights, calls = [height], 1
    points: list[Floats] = []
    moves: list[Floats] = []
    while calls < iterations and not (run is not None and run.spent):
        points.append(point)
        moves.append(image - point)
        del points[: -MEMORY - 1], moves[: -MEMORY - 1]
        trial, found = _mixed(points, moves), None
        if trial is not None:
            found = _tried(step, trial)
            calls += 1
            if not (np.isfinite(found[1]) and found[1] >= height):
                found = None
                points.clear()  # look back no further than to here
                moves.clear()
        if trial is None or found is None:
            trial, found = image, step(image)
            calls += 1
        rise = found[1] - height
        if rise >= 0:  # else rounding, at the top
            point, (image, height) = trial, found
            heights.append(height)
        if rise < tolerance:
            return Top(point, image, tuple(heights), True)
    return Top(point, image, tuple(heights), False)


def _tried(step: Callable[[Floats], tuple[Floats, float]], trial: Floats) -> tuple[Floats, float]:
    """The step from a point that may be no possible one."""
    try:
        with np.errstate(all="ignore"):
            return step(trial)
    except (InputError, np.linalg.LinAlgError):
        return trial, -np.inf


def _mixed(points: list[Floats], moves: list[Floats]) -> Floats | None:
    """The combination of earlier steps whose move is expected to be smallest."""
    if len(points) < 2:
        return None
    dx = np.diff(np.array(points), axis=0)
    df = np.diff(np.array(moves), axis=0)
    gram = df @ df.T
    gram[np.diag_indices_from(gram)] *= 1.0 + 1e-10
    try:
        weight = np.linalg.solve(gram, df @ moves[-1])
    except np.linalg.LinAlgError:
        return None
    trial = points[-1] + moves[-1] - weight @ (dx + df)
    return trial if np.isfinite(trial).all() else None
