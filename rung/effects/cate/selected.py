"""Selected: the learner with the best R-score on held-out rows."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from ...core.errors import InputError
from .calibration import centred, r_score
from .dr_learner import DRLearner
from .protocol import CateLearner, CateTask, EffectRule
from .r_learner import RLearner
from .t_learner import TLearner
from .x_learner import XLearner

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Selected:
    """Learns with each of several learners on part of the rows, keeps the best on the others.

    Best by the R-score (Nie and Wager 2021; Schuler et al. 2018) on held-out rows, then fitted to
    all rows. Levels and doses, as far as the learners.

    Parameters
    ----------
    learners : two or more; default X, R, DR and T
    share : of the rows (or units) held out
    """

    learners: tuple[CateLearner, ...] = field(
        default=(XLearner(), RLearner(), DRLearner(), TLearner())
    )
    share: float = 1 / 3

    def __post_init__(self) -> None:
        object.__setattr__(self, "learners", tuple(self.learners))
        if not self.learners or not all(isinstance(k, CateLearner) for k in self.learners):
            raise InputError(f"learners={self.learners!r}: expected learners of effects")
        if not 0 < self.share < 1:
            raise InputError(f"share={self.share}: expected a share between 0 and 1")

    @property
    def words(self) -> str:
        """The method in the field's words."""
        return f"best of {len(self.learners)} learners by R-score on held-out rows"

    @property
    def cites(self) -> tuple[str, ...]:
        """Keys of the works it rests on."""
        return ("nie2021", "schuler2018")

    def conditional(self, task: CateTask, *, rng: np.random.Generator) -> ChosenRule:
        """The rule of the best learner on all rows, with the scores."""
        parts = max(2, round(1 / self.share))
        held = task.folds(parts, rng) == 0
        train, test = task.take(~held), task.take(held)
        scores = []
        for learner in self.learners:
            rule = learner.conditional(train, rng=rng)
            scores.append(score(rule.effect(test.x), test, rng))
        best = self.learners[int(np.argmax(scores))]
        table = tuple((k.words, float(s)) for k, s in zip(self.learners, scores, strict=True))
        return ChosenRule(best.conditional(task, rng=rng), best.words, table, best.cites)


def score(effects: Floats, task: CateTask, rng: np.random.Generator) -> float:
    """R-score of effects (n, contrasts) on a task's rows, averaged over its contrasts."""
    seed = int(rng.integers(2**31))
    found = []
    for arm in range(1, task.contrasts + 1):
        pair = task.pair(arm)
        rows = np.ones(task.n, dtype=bool) if pair is task else (task.t == 0) | (task.t == arm)
        y, t = centred(pair, np.random.default_rng(seed))
        found.append(r_score(effects[rows, arm - 1], y, t, pair.weights))
    return float(np.mean(found))


@dataclass(frozen=True, eq=False)
class ChosenRule:
    """The rule of the best learner, and how it was found.

    Parameters
    ----------
    chosen : the rule on all rows
    words : the best learner in the field's words
    scores : (words, R-score on held-out rows) of each learner
    """

    chosen: EffectRule
    words: str
    scores: tuple[tuple[str, float], ...]
    cites: tuple[str, ...] = ()

    def effect(self, x: Floats) -> Floats:
        """Effects (n, contrasts)."""
        return self.chosen.effect(x)


def opened(rule: EffectRule) -> tuple[EffectRule, ChosenRule | None]:
    """The rule inside a choice, and the choice."""
    return (rule.chosen, rule) if isinstance(rule, ChosenRule) else (rule, None)
