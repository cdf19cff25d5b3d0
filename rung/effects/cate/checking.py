"""Predicted effects against doubly robust scores of rows that the learner did not see."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from .calibration import calibration, centred, group_averages, r_score
from .protocol import CateLearner, CateTask, EffectRule
from .rate import rate
from .scores import effect_scores

Floats = NDArray[np.float64]
FOLDS = 3
LOOKED_AT = 2000  # rows, for the importance of covariates


def heterogeneity(
    task: CateTask,
    learner: CateLearner,
    *,
    level: float = 0.95,
    rng: np.random.Generator,
) -> dict[str, Any]:
    """Checks of a learner on held-out rows: group averages, RATE, calibration, R-score.

    The learner is fitted anew without each of 3 folds; its predictions on the fold are ranked
    there, so that a row's rank and its doubly robust score have no row in common. JSON-ready; of
    the first contrast.
    """
    fold = task.folds(FOLDS, rng)
    predicted, rank = np.empty(task.n), np.empty(task.n)
    for k in range(FOLDS):
        test = fold == k
        rule = learner.conditional(task.take(~test), rng=rng)
        own = rule.effect(task.x[test])[:, 0]
        predicted[test], rank[test] = own, ranks(own, task.weights[test])
    scores = effect_scores(task, rng=rng)[:, 0]
    pair = task.pair(1)
    both = np.ones(task.n, dtype=bool) if pair is task else task.t <= 1
    y, t = centred(pair, rng)
    parts = 5 if task.n >= 500 else 3
    out: dict[str, Any] = {"folds": FOLDS, "n": task.n}
    out |= group_averages(
        rank, predicted, scores, task.weights, parts=parts, groups=task.groups, level=level, rng=rng
    )
    out |= rate(rank, scores, task.weights, groups=task.groups, level=level, rng=rng)
    out["calibration"] = calibration(
        predicted, scores, task.weights, groups=task.groups, level=level
    )
    out["r_score"] = r_score(predicted[both], y, t, pair.weights)
    return out


def ranks(values: Floats, weights: Floats) -> Floats:
    """Weighted ranks in (0, 1], ties at their middle."""
    order = np.argsort(values, kind="stable")
    share = np.cumsum(weights[order]) / weights.sum()
    middle = share - weights[order] / weights.sum() / 2
    _, tie = np.unique(values[order], return_inverse=True)
    mean = np.bincount(tie, middle) / np.bincount(tie)
    out = np.empty(len(values))
    out[order] = mean[tie]
    return out


def importance(
    rule: EffectRule, x: Floats, owners: tuple[str, ...], rng: np.random.Generator
) -> list[dict[str, Any]]:
    """Share of each covariate, largest first.

    A forest: of its splits, weighted by level. Others: mean squared change of the first predicted
    effect when the covariate's values are shuffled among at most 2000 rows, scaled to sum 1.
    """
    names = list(dict.fromkeys(owners))
    own = getattr(rule, "importance", None)
    if own is None:
        rows = rng.permutation(len(x))[:LOOKED_AT]
        part, first = x[rows], rule.effect(x[rows])[:, 0]
        change = []
        for name in names:
            other = part.copy()
            at = [j for j, owner in enumerate(owners) if owner == name]
            other[:, at] = part[rng.permutation(len(part))][:, at]
            change.append(float(np.mean((rule.effect(other)[:, 0] - first) ** 2)))
        total = np.array(change)
    else:
        total = np.array([
            sum(own[j] for j, owner in enumerate(owners) if owner == name) for name in names
        ])  # fmt: skip
    share = total / total.sum() if total.sum() > 0 else total
    order = np.argsort(-share, kind="stable")
    return [{"name": names[i], "share": float(share[i])} for i in order.tolist()]
