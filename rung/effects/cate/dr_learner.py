"""DRLearner: doubly robust scores regressed on covariates."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from .fitting import fit_rows, smooth
from .protocol import CateTask, levels_only
from .r_learner import Columns
from .scores import arm_scores


@dataclass(frozen=True)
class DRLearner:
    """Cross-fitted doubly robust scores regressed on covariates (Kennedy 2023, algorithm 1).

    Right for any x within the covariates z, and for several levels. Levels, not doses.

    Parameters
    ----------
    outcome, propensity : scikit-learn estimators; default boosted trees
    effect : scikit-learn regressor of the scores; default boosted trees
    folds : of the cross-fitting
    """

    outcome: Any = None
    propensity: Any = None
    effect: Any = None
    folds: int = 5

    @property
    def words(self) -> str:
        """The method in the field's words."""
        return "DR-learner"

    @property
    def cites(self) -> tuple[str, ...]:
        """Keys of the works it rests on."""
        return ("kennedy2023",)

    def conditional(self, task: CateTask, *, rng: np.random.Generator) -> Columns:
        """The fitted rule."""
        levels_only(self, task)
        scores = arm_scores(task, self.outcome, self.propensity, self.folds, rng)
        final = smooth(task) if self.effect is None else self.effect
        gaps = scores[:, 1:] - scores[:, :1]
        return Columns(tuple(fit_rows(final, task.x, gap, task) for gap in gaps.T))
