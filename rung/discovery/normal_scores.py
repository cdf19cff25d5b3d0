"""A learner run on normal scores of the continuous columns."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..core.budget import Budget, Run
from ..core.data import Data
from ..core.discovery import Discovery
from ..core.errors import NeedsRows
from ..core.knowledge import Knowledge
from ..core.protocols import Learner
from ..core.result import lock
from ..core.source import Source
from ..inference.ranks import normal_scores
from .boss import BOSS


@dataclass(frozen=True)
class NormalScores:
    """Run a learner after every number is replaced by the normal quantile of its rank.

    For skewed or heavy-tailed columns that are, up to a monotone transformation of each, jointly
    Gaussian (a nonparanormal distribution). Ties share a rank, missing cells stay missing.

    Source: Liu, Lafferty and Wasserman (2009); Harris and Drton (2013).

    Parameters
    ----------
    learner : Learner
    within : bool
        Rank within each environment. The environment is then held fixed in every comparison: it
        causes columns and is caused by none, so that dependence which only comes from mixing
        conditions makes no edge (Mooij, Magliacane and Claassen 2020, section 3).
    """

    learner: Learner = field(default_factory=BOSS)
    within: bool = False

    @property
    def few_rows(self) -> bool:
        """Whether the learner accepts no more rows than columns."""
        return bool(getattr(self.learner, "few_rows", False))

    def learn(
        self,
        source: Source,
        *,
        knowledge: Knowledge | None = None,
        budget: Budget | Run | None = None,
        rng: np.random.Generator | int = 0,
    ) -> Discovery:
        """Search; NeedsRows if the source holds no rows."""
        if not isinstance(source, Data):
            raise NeedsRows(
                f"NormalScores ranks rows, which a {type(source).__name__} does not hold; use the "
                "learner without it"
            )
        found = self.learner.learn(
            ranked(source, within=self.within), knowledge=knowledge, budget=budget, rng=rng
        )
        return found.replacing(
            learner=self,
            notes=(*found.notes, _NOTE + (" within each condition" if self.within else "")),
            cites=(*found.cites, "liu2009", *(("mooij2020",) if self.within else ())),
        )


_NOTE = "numbers were replaced by normal scores of their ranks"


def ranked(data: Data, *, within: bool) -> Data:
    """Normal scores in place of numbers, of ranks in all rows or within each environment."""
    group = data.environment if within else None
    columns = {
        v.name: data.column(v.name)
        if v.discrete
        else lock(_grouped(np.asarray(data.column(v.name)), group))
        for v in data.variables
    }
    return data.replacing(columns=columns)


def _grouped(column: NDArray[Any], group: NDArray[np.int64] | None) -> NDArray[np.float64]:
    if group is None:
        return normal_scores(column)
    out = np.empty(len(column))
    for g in np.unique(group):
        rows = group == g
        out[rows] = normal_scores(column[rows])
    return out
