"""Every back-door estimator on one table, all on the same folds and propensities."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ...core.data import Data
from ...core.errors import Overlap, RungError
from ...effects.contrast import resolve
from ...effects.estimators.double_ml import DoubleML
from ...effects.estimators.doubly_robust import DoublyRobust
from ...effects.estimators.matching import Matching
from ...effects.estimators.overlap import prepare
from ...effects.estimators.problem import build
from ...effects.estimators.regression import Regression
from ...effects.estimators.tmle import TMLE
from ...effects.estimators.weighting import Weighting
from ...effects.solve import contrasts

ESTIMATORS: Mapping[str, Any] = {
    "Regression": Regression(),
    "Weighting": Weighting(),
    "Matching": Matching(),
    "Matching, propensity": Matching(propensity=True),
    "DoublyRobust": DoublyRobust(),
    "TMLE": TMLE(),
    "DoubleML": DoubleML(),
}


@dataclass(frozen=True)
class Said:
    """Answers of the estimators: value, low, high, seconds; or why there is none.

    `population` is the one that the check of overlap would answer about.
    """

    answers: Mapping[str, tuple[float, float, float, float]]
    refused: Mapping[str, str]
    population: str
    overlap: str


def on_table(
    data: Data, treatment: str, outcome: str, *, population: str = "all", forced: bool,
    seed: int = 0, estimators: Mapping[str, Any] = ESTIMATORS,
) -> Said:  # fmt: skip
    """Adjust for all other columns.

    forced : answer about the population asked for, also where overlap is too poor for it
    """
    adjust = tuple(n for n in data.names if n not in (treatment, outcome))
    contrast = resolve(data, treatment, outcome, None, None, "difference")
    rng = np.random.default_rng(seed)
    problem = replace(build(data, contrast, adjust, rng=rng), population=population)
    try:
        found = prepare(problem)
        ready, words = found.problem, str(found.overlap["text"])
    except Overlap as error:
        found, words = prepare(replace(problem, population="all")), f"refused: {error}"
        ready = replace(found.problem, population="refused")
    answered = ready.population
    if forced or answered == "refused":
        ready = replace(ready, population=population)
    answers, refused = {}, {}
    for name, estimator in estimators.items():
        begin = time.perf_counter()
        try:
            fitted = estimator.estimate(ready, rng=np.random.default_rng([seed, 1]))
            (level,), _ = contrasts(fitted, contrast, None, 0.95, rng)
        except RungError as error:
            refused[name] = str(error)[:120]
            continue
        spent = time.perf_counter() - begin
        answers[name] = (level.value, level.low, level.high, spent)
    return Said(answers, refused, answered, words)


def against(errors: Mapping[str, Any]) -> dict[str, Any]:
    """Bias, root mean squared error, coverage and seconds from rows (error, low, high, seconds)."""
    out = {}
    for name, rows in errors.items():
        x = np.array(rows)
        out[name] = {
            "bias": float(x[:, 0].mean()), "rmse": float(np.sqrt((x[:, 0] ** 2).mean())),
            "coverage": float(((x[:, 1] <= 0) & (x[:, 2] >= 0)).mean()),
            "half width": float((x[:, 2] - x[:, 1]).mean() / 2),
            "seconds": float(x[:, 3].mean()), "sets": len(x),
        }  # fmt: skip
    return out
