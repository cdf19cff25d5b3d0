"""SLearner: one model of the outcome on covariates and treatment."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .fitting import coded, fit_rows, outcome_model, predicted, under
from .protocol import CateTask, levels_only, whole_covariates

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class SLearner:
    """One model of the outcome; its difference between treatments (Kuenzel et al. 2019).

    The model may leave the treatment unused, which shrinks effects towards 0. Levels, not doses.

    Parameters
    ----------
    outcome : scikit-learn regressor or classifier; default boosted trees
    """

    outcome: Any = None

    @property
    def words(self) -> str:
        """The method in the field's words."""
        return "S-learner"

    @property
    def cites(self) -> tuple[str, ...]:
        """Keys of the works it rests on."""
        return ("kunzel2019",)

    def conditional(self, task: CateTask, *, rng: np.random.Generator) -> SRule:
        """The fitted rule."""
        levels_only(self, task)
        whole_covariates(self, task)
        model = outcome_model(self.outcome, task)
        design = np.column_stack([task.z, coded(task.t, task.arms)])
        return SRule(fit_rows(model, design, task.y, task), task.arms)


@dataclass(frozen=True, eq=False)
class SRule:
    """A fitted S-learner."""

    model: Any
    arms: int

    def effect(self, x: Floats) -> Floats:
        """Effects (n, contrasts)."""
        means = [predicted(self.model, under(x, a, self.arms)) for a in range(self.arms)]
        return np.column_stack([m - means[0] for m in means[1:]])
