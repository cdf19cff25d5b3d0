"""GIES: greedy interventional equivalence search."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from ..core.budget import Budget, Run
from ..core.discovery import Discovery
from ..core.knowledge import Knowledge
from ..core.protocols import Score
from ..core.source import Source
from .equivalence import Task
from .scores.gaussian_bic import GaussianBIC


@dataclass(frozen=True)
class GIES:
    """Greedy interventional equivalence search.

    Inserts, deletes and turns edges of the interventional essential graph, phase after phase,
    until no phase raises the score. Node v is scored on the rows whose condition does not target
    v. Without targets it is GES with turns, repeated. Also with enough data it can end in another
    class than the true one (Wang, Solus, Yang and Uhler 2017); see `score` of the result.

    Knowledge as in `GES`.

    Parameters
    ----------
    score : Score
        Should be equal on the DAGs of an interventional class, as are the Gaussian and the
        discrete BIC.
    repeat : bool
        Go through the phases again while the score rises.

    Source: Hauser and Buehlmann (2012), algorithm 1 and section 4.
    """

    score: Score = field(default_factory=GaussianBIC)
    repeat: bool = True

    def learn(
        self,
        source: Source,
        *,
        knowledge: Knowledge | None = None,
        budget: Budget | Run | None = None,
        rng: np.random.Generator | int = 0,
    ) -> Discovery:
        """Search; see `Learner`."""
        task = Task.of(self, source, knowledge, budget, rng)
        search, k = task.search, task.search.kernels
        complete, before = True, -1
        while complete and before < search.z[k.APPLIED]:
            before = int(search.z[k.APPLIED])
            for kinds in (k.INSERTS, k.DELETES, k.TURNS | k.LOOSE):
                complete = complete and search.climb(kinds, task.run)
            if not self.repeat or search.z[k.STEPS] >= search.z[k.MOST]:
                break
        return task.found(complete, ("hauser2012",))
