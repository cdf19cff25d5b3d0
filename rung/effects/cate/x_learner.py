"""XLearner: effects imputed in each arm from the other arm's model, then averaged."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .fitting import CLIP, fit_rows, fitted, predicted, smooth
from .protocol import CateTask, levels_only, whole_covariates
from .t_learner import arm_models

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class XLearner:
    """Effects of each row imputed from the other arm's model, regressed on covariates in each arm.

    The two regressions are averaged by the propensity (Kuenzel et al. 2019, section 2). Good where
    the effect is smoother than the outcome, or one arm is much smaller. Levels, not doses; with
    several levels each against the first.

    Parameters
    ----------
    outcome : scikit-learn regressor or classifier; default boosted trees
    effect : scikit-learn regressor of the imputed effects; default boosted trees
    propensity : scikit-learn classifier; default boosted trees
    """

    outcome: Any = None
    effect: Any = None
    propensity: Any = None

    @property
    def words(self) -> str:
        """The method in the field's words."""
        return "X-learner"

    @property
    def cites(self) -> tuple[str, ...]:
        """Keys of the works it rests on."""
        return ("kunzel2019",)

    def conditional(self, task: CateTask, *, rng: np.random.Generator) -> XRule:
        """The fitted rule."""
        levels_only(self, task)
        whole_covariates(self, task)
        means = arm_models(self.outcome, task)
        final = smooth(task) if self.effect is None else self.effect
        sides = tuple(self._sides(task, means, final, k) for k in range(1, task.arms))
        return XRule(sides)

    def _sides(self, task: CateTask, means: Any, final: Any, arm: int) -> tuple[Any, Any, Any]:
        """Regressions of the effects imputed in `arm` and in arm 0, and the propensity."""
        pair = task.pair(arm)
        one = pair.t == 1
        first = pair.y[one] - predicted(means[0], pair.z[one])
        other = predicted(means[arm], pair.z[~one]) - pair.y[~one]
        weights = (None, None) if pair.even else (pair.weights[one], pair.weights[~one])
        top = fitted(final, pair.x[one], first, weights[0])
        low = fitted(final, pair.x[~one], other, weights[1])
        chance = smooth(task, True) if self.propensity is None else self.propensity
        return top, low, fit_rows(chance, pair.x, pair.t.astype(np.int64), pair)


@dataclass(frozen=True, eq=False)
class XRule:
    """A fitted X-learner."""

    sides: tuple[tuple[Any, Any, Any], ...]

    def effect(self, x: Floats) -> Floats:
        """Effects (n, contrasts)."""
        out = []
        for top, low, chance in self.sides:
            g = np.clip(predicted(chance, x), CLIP, 1 - CLIP)
            out.append(g * predicted(low, x) + (1 - g) * predicted(top, x))
        return np.column_stack(out)
