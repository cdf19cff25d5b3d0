"""The best DAG of all, by dynamic programming."""

from __future__ import annotations

import time
from dataclasses import dataclass, field

import numpy as np

from ..core.budget import Budget, Run
from ..core.discovery import Discovery
from ..core.errors import InputError, NotSupported
from ..core.knowledge import Knowledge
from ..core.protocols import Score
from ..core.source import Source
from .equivalence import Task, functions_of
from .scores.gaussian_bic import GaussianBIC
from .ties import Bool

MOST = 20  # variables
SECONDS = 0.1  # aimed at between two looks at the clock


@dataclass(frozen=True)
class ExactSearch:
    """The DAG with the highest score of all that obey the knowledge, for up to 20 variables.

    Every set of parents of every variable is scored once, d * 2^(d-1) in all, and the best DAG is
    put together from the best sets: 84 MB and some seconds at 20 variables with the Gaussian
    score. Finds what greedy searches approximate, so it is also their yardstick. Assumes no
    hidden common cause and no cycle; any decomposable score will do. With several best DAGs one
    of them is given. A budget that ends early gives the answer of XGES.

    Parameters
    ----------
    score : Score
    largest : int, optional
        Most parents of a variable; no limit by default.

    Raises
    ------
    NotSupported
        More than 20 variables, ties, or more memory than the budget allows.

    Source: Silander and Myllymaki (2006); Koivisto and Sood (2004).
    """

    score: Score = field(default_factory=GaussianBIC)
    largest: int | None = None

    def __post_init__(self) -> None:
        if self.largest is not None and self.largest < 0:
            raise InputError(f"largest={self.largest}: expected a number of 0 or more, or None")

    def learn(
        self,
        source: Source,
        *,
        knowledge: Knowledge | None = None,
        budget: Budget | Run | None = None,
        rng: np.random.Generator | int = 0,
    ) -> Discovery:
        """Search; see `Learner`."""
        d = len(source.names)
        if d > MOST:
            raise NotSupported(
                f"ExactSearch takes at most {MOST} variables, got {d}; use FLOP, BOSS or XGES, or "
                "select fewer variables"
            )
        task = Task.of(self, source, knowledge, budget, rng)
        need, limit = 8 * d * 2 ** max(d - 1, 0) + 8 * 2**d, task.run.budget.bytes
        if limit is not None and need > limit:
            raise NotSupported(
                f"ExactSearch needs {need / 2**20:.0f} MiB for {d} variables, the budget allows "
                f"{limit / 2**20:.0f} MiB; raise it, or use XGES"
            )
        if self.largest is not None and (task.required.sum(axis=0) > self.largest).any():
            raise InputError(f"largest={self.largest}: a variable has more required causes")
        dag = _best(task, self.largest)
        if dag is None:
            k = task.search.kernels
            if task.search.climb(k.INSERTS | k.DELETES | k.TURNS, task.run):
                task.search.extend(k.INSERTS | k.DELETES | k.TURNS, task.run)
            return task.found(False, ("silander2006",))
        return task.result(True, ("silander2006",), dag)


def _best(task: Task, largest: int | None) -> Bool | None:
    """The best DAG, [i, j] for i -> j; None if the run was spent before."""
    from ..kernels import exact
    from ..kernels.signatures import plain

    functions, arrays, compiled = functions_of(task.bound)
    required, forbidden, run = task.required, task.forbidden, task.run
    d = len(required)
    power = 1 << np.arange(d)
    most = d if largest is None else largest
    best = np.empty((d, 1 << (d - 1)))
    fill, limit = exact.fill if compiled else plain(exact.fill), 1000 if compiled else 50
    for v in range(d):
        may = ~forbidden[:, v]
        may[v] = False
        allowed, need = int(power[may].sum()), int(power[required[:, v]].sum())
        at = 0
        while at < best.shape[1]:
            if run.spent:
                return None
            began = time.perf_counter()
            at = int(fill(functions[0], v, at, limit, allowed, need, most, best, *arrays))
            took = time.perf_counter() - began
            limit = int(limit * min(4.0, max(0.25, SECONDS / max(took, 1e-6)))) + 1
        exact.spread(best, v)
        run.tick((v + 1) / (d + 1), f"{v + 1} of {d} variables")
    total, at = np.zeros(1 << d), 1
    while at < len(total):
        if run.spent:
            return None
        at = exact.join(best, total, at, min(len(total), at + (1 << 17)))
    parents = np.zeros(d, dtype=np.int64)
    exact.trace_back(best, total, parents)
    return np.asarray((parents[None, :] >> np.arange(d)[:, None]) & 1, dtype=np.bool_)
