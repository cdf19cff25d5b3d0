"""GES: greedy equivalence search."""

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
class GES:
    """Greedy equivalence search.

    From the class without edges, the insertion that raises the score most is applied while any
    does; then deletions in the same way. With enough data, no hidden common cause and no cycle
    the result is the true CPDAG (Chickering 2002, theorem 4).

    An operator is valid if the class it leads to holds a DAG that obeys the knowledge; required
    edges are there from the start and are never deleted. Conditions with targets make it a search
    over interventional classes.

    Parameters
    ----------
    score : Score
        Should be equal on the DAGs of a class, as are the Gaussian and the discrete BIC.
    turning : bool
        Add a third phase that turns edges.

    Source: Chickering (2002); the third phase Hauser and Buehlmann (2012), algorithm 1.
    """

    score: Score = field(default_factory=GaussianBIC)
    turning: bool = False

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
        phases = [k.INSERTS, k.DELETES] + [k.TURNS | k.LOOSE] * self.turning
        complete = all(search.climb(kinds, task.run) for kinds in phases)
        return task.found(complete, ("chickering2002",))
