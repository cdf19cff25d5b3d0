"""RLearner: the effect that best explains what covariates leave of outcome and treatment."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .fitting import cross_mean, cross_treatment, fitted, outcome_model, predicted, smooth
from .protocol import CateTask

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class RLearner:
    """Minimises the R-loss, the mean of (y - m(z) - tau(x) (t - e(z)))^2 (Nie and Wager 2021).

    With cross-fitted m and e that is a weighted regression of (y - m) / (t - e) on x with weights
    (t - e)^2. Levels (each against the first) and doses, whose effect is taken as linear in the
    dose. Where x is less than z, an overlap-weighted average of the effects.

    Parameters
    ----------
    outcome, treatment : scikit-learn estimators of E[y | z] and E[t | z]; default boosted trees
    effect : scikit-learn regressor with sample_weight; default boosted trees
    folds : of the cross-fitting
    """

    outcome: Any = None
    treatment: Any = None
    effect: Any = None
    folds: int = 5

    @property
    def words(self) -> str:
        """The method in the field's words."""
        return "R-learner"

    @property
    def cites(self) -> tuple[str, ...]:
        """Keys of the works it rests on."""
        return ("nie2021",)

    def conditional(self, task: CateTask, *, rng: np.random.Generator) -> Columns:
        """The fitted rule."""
        final = smooth(task) if self.effect is None else self.effect
        models = []
        for arm in range(1, task.contrasts + 1):
            pair = task.pair(arm)
            y, t = residuals(pair, self.outcome, self.treatment, self.folds, rng)
            use = np.abs(t) > 1e-3 * max(float(np.sqrt(np.mean(t**2))), 1e-300)
            models.append(fitted(final, pair.x[use], y[use] / t[use], (t**2 * pair.weights)[use]))
        return Columns(tuple(models))


def residuals(
    task: CateTask, outcome: Any, treatment: Any, folds: int, rng: np.random.Generator
) -> tuple[Floats, Floats]:
    """Outcome and treatment (n,) less their out-of-fold means given z (local centring)."""
    fold = task.folds(folds, rng)
    m = cross_mean(outcome_model(outcome, task), task.y, task, fold)
    return task.y - m, task.t - cross_treatment(treatment, task, fold)


@dataclass(frozen=True, eq=False)
class Columns:
    """A fitted regression of each effect on covariates."""

    models: tuple[Any, ...]

    def effect(self, x: Floats) -> Floats:
        """Effects (n, contrasts)."""
        return np.column_stack([predicted(m, x) for m in self.models])
