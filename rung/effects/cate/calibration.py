"""How far predicted effects are right: best linear predictor, averages of groups, R-score."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import special

from ...inference import intervals, multiplicity
from .protocol import CateTask
from .r_learner import residuals
from .rate import summary

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


def calibration(
    predicted: Floats, scores: Floats, weights: Floats, *, groups: Ints | None, level: float
) -> dict[str, Any]:
    """Scores on 1 and the centred prediction by least squares, errors robust or by group.

    The best linear predictor of the effect (Chernozhukov, Demirer, Duflo and Fernandez-Val 2018,
    section 2): the intercept is the average effect, a slope of 1 means that predictions spread as
    the effects do, and a slope of 0 that they say nothing. `p` is one-sided, against no slope.
    """
    w = weights / weights.mean()
    centred = predicted - np.average(predicted, weights=w)
    spread = float(np.average(centred**2, weights=w))
    mean = float(np.average(scores, weights=w))
    if spread <= 1e-20 * max(1.0, float(np.average(predicted**2, weights=w))):
        own = (w * (scores - mean))[:, None]
        se = float(np.sqrt(intervals.covariance(own, groups=groups)[0, 0]))
        return {"mean": summary(mean, se, level), "slope": None, "p": 1.0}
    slope = float(np.average(centred * scores, weights=w)) / spread
    left = w * (scores - mean - slope * centred)
    influence = np.column_stack([left, left * centred / spread])
    errors = np.sqrt(np.diag(intervals.covariance(influence, groups=groups))).tolist()
    p = float(special.ndtr(-slope / errors[1])) if errors[1] > 0 else 1.0
    return {
        "mean": summary(mean, errors[0], level), "slope": summary(slope, errors[1], level),
        "p": p,
    }  # fmt: skip


def group_averages(
    rank: Floats,
    predicted: Floats,
    scores: Floats,
    weights: Floats,
    *,
    parts: int,
    groups: Ints | None,
    level: float,
    rng: np.random.Generator,
) -> dict[str, Any]:
    """Average effects of the rows by parts of their predicted rank in (0, 1], lowest first.

    Intervals are simultaneous (max-t) over the parts; `gap` is the highest part less the lowest
    (sorted group average effects, Chernozhukov et al. 2018, section 2.2).
    """
    part = np.clip(np.ceil(rank * parts).astype(np.int64) - 1, 0, parts - 1)
    w = weights / weights.mean()
    values, columns, rows = [], [], []
    there = [k for k in range(parts) if (w[part == k]).sum() > 0]
    for k in there:
        inside = (part == k) * w
        share = inside.mean()
        value = float(inside @ scores / inside.sum())
        values.append(value)
        columns.append(inside * (scores - value) / share)
    cov = intervals.covariance(np.column_stack(columns), groups=groups)
    critical = multiplicity.max_t(cov, level, rng=rng, df=intervals.freedom(groups))
    for i, k in enumerate(there):
        se, here = float(np.sqrt(cov[i, i])), part == k
        rows.append({
            "group": k + 1, "of": parts, "n": int(here.sum()), "value": values[i], "se": se,
            "low": values[i] - critical * se, "high": values[i] + critical * se,
            "predicted": float(np.average(predicted[here], weights=w[here])),
        })  # fmt: skip
    gap = None
    if len(there) > 1:
        variance = cov[0, 0] + cov[-1, -1] - 2 * cov[0, -1]
        gap = summary(values[-1] - values[0], float(np.sqrt(variance)), level)
    return {"groups": rows, "gap": gap}


def r_loss(effects: Floats, y: Floats, t: Floats, weights: Floats) -> float:
    """Mean of (y - effect t)^2 over rows with centred y and t (Nie and Wager 2021, equation 4)."""
    return float(np.average((y - effects * t) ** 2, weights=weights))


def r_score(effects: Floats, y: Floats, t: Floats, weights: Floats) -> float:
    """1 less the R-loss over that of the best constant effect; 0 for no heterogeneity found.

    Schuler et al. (2018) found this loss the best guide among those on held-out rows.
    """
    bottom = float(np.average(t**2, weights=weights))
    constant = float(np.average(t * y, weights=weights)) / max(bottom, 1e-300)
    floor = r_loss(np.full(len(y), constant), y, t, weights)
    return 1.0 - r_loss(effects, y, t, weights) / max(floor, 1e-300)


def centred(task: CateTask, rng: np.random.Generator) -> tuple[Floats, Floats]:
    """Outcome and treatment (n,) less cross-fitted means, by the default models."""
    return residuals(task, None, None, 5 if task.n >= 1000 else 3, rng)
