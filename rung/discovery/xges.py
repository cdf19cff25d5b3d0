"""XGES: extremely greedy equivalence search."""

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
class XGES:
    """Extremely greedy equivalence search.

    At each step the best deletion is applied if any raises the score, else the best turn of an
    arrow, else the best insertion; then each edge in turn is taken away, the search goes on
    without it, and what ends higher is kept. Fewer wrong edges than GES, since a deletion never
    waits until all insertions are made; consistent as GES is.

    Knowledge and targets as in `GES`.

    Parameters
    ----------
    score : Score
        Should be equal on the DAGs of a class, as are the Gaussian and the discrete BIC.
    extended : bool
        The second part; without it the search is XGES-0.

    Source: Nazaret and Blei (2024), algorithms 1 and 2.
    """

    score: Score = field(default_factory=GaussianBIC)
    extended: bool = True

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
        kinds = k.INSERTS | k.DELETES | k.TURNS
        complete = search.climb(kinds, task.run)
        if complete and self.extended:
            complete = search.extend(kinds, task.run)
        tried, accepted = int(search.z[k.TRIED]), int(search.z[k.ACCEPTED])
        return task.found(complete, ("nazaret2024",), tried=tried, accepted=accepted)
