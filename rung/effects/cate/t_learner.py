"""TLearner: a model of the outcome in each arm."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .fitting import fit_rows, outcome_model, predicted
from .protocol import CateTask, levels_only, whole_covariates

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class TLearner:
    """A model of the outcome in each arm; their difference (Kuenzel et al. 2019).

    Good where the effect is as irregular as the outcome and the arms are large. Levels, not doses.

    Parameters
    ----------
    outcome : scikit-learn regressor or classifier; default boosted trees
    """

    outcome: Any = None

    @property
    def words(self) -> str:
        """The method in the field's words."""
        return "T-learner"

    @property
    def cites(self) -> tuple[str, ...]:
        """Keys of the works it rests on."""
        return ("kunzel2019",)

    def conditional(self, task: CateTask, *, rng: np.random.Generator) -> TRule:
        """The fitted rule."""
        levels_only(self, task)
        whole_covariates(self, task)
        return TRule(arm_models(self.outcome, task))


def arm_models(outcome: Any, task: CateTask) -> tuple[Any, ...]:
    """A fitted model of the outcome given z for each arm."""
    model = outcome_model(outcome, task)
    return tuple(fit_rows(model, task.z, task.y, task, task.t == a) for a in range(task.arms))


@dataclass(frozen=True, eq=False)
class TRule:
    """A fitted T-learner."""

    models: tuple[Any, ...]

    def effect(self, x: Floats) -> Floats:
        """Effects (n, contrasts)."""
        means = [predicted(m, x) for m in self.models]
        return np.column_stack([m - means[0] for m in means[1:]])
