"""NOTEARS-AL: NOTEARS with an adaptive lasso in place of a threshold."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from ..core.budget import Budget, Run, start
from ..core.discovery import Discovery
from ..core.errors import InputError
from ..core.knowledge import Knowledge
from ..core.source import Source
from .acyclicity import Floats, is_acyclic, strongest_dag
from .continuous import (
    Setting,
    SquaredLoss,
    at_least_zero,
    descend,
    discovery,
    open_cycles,
    prepare,
)
from .notears import NOTEARS, need_rows, path

GRID = np.logspace(-5.0, 1.0, 31)  # penalties tried, in units of the residual variance
FLAT = 1e-9  # of a first weight: below, an edge is closed


@dataclass(frozen=True)
class NotearsAL:
    """Two stages: weights of NOTEARS, then a lasso that penalises small ones more.

    The first stage is NOTEARS, by default without a penalty, and without a threshold. The second
    minimises the same least squares under the same constraint with the penalty
    lambda * sum |W_ij| / |W0_ij|^gamma of the first stage's W0. The lasso sets weights to exactly
    0; none is dropped by a threshold. `details["acyclic"]` says whether the weights were acyclic
    as they came; if not, the weakest edges of cycles went, and a note says how many.

    The two stages and that lambda is chosen from the data are the paper's. Our own choices, since
    its text was not at hand: lambda by a Bayesian information criterion with one noise variance
    and least-squares weights on the edges found, `penalty` times the usual one; gamma 1; edges
    whose first weight is below 1e-9 are closed. The criterion needs covariances only. Needs more
    rows than columns. Assumes what `NOTEARS` assumes, and depends on the scale of the columns.

    Parameters
    ----------
    gamma : float
        Power of the first weights.
    penalty : float
        Factor of the information criterion, log(n) / 2 an edge: 1 is the usual one, 2 suits
        many variables, as in `GaussianBIC`.
    strength : float, optional
        A fixed lambda, in the units of the residual variance, in place of the criterion.
    initial : NOTEARS
        The first stage; its threshold is not used.

    Source: Xu, Gao, Huang, Wang, Song and Gong (2022); Zou (2006) for the adaptive lasso.
    """

    gamma: float = 1.0
    penalty: float = 2.0
    strength: float | None = None
    initial: NOTEARS = field(default_factory=lambda: NOTEARS(penalty=0.0, rates=(10.0,)))

    threshold = 0.0  # what `discovery` asks a learner for; not a field

    def __post_init__(self) -> None:
        at_least_zero(penalty=self.penalty, strength=self.strength or 0.0)
        if not 0 < self.gamma <= 10:
            raise InputError(f"gamma={self.gamma}: expected a positive power, such as 0.5, 1 or 2")

    def learn(
        self,
        source: Source,
        *,
        knowledge: Knowledge | None = None,
        budget: Budget | Run | None = None,
        rng: np.random.Generator | int = 0,
    ) -> Discovery:
        """Search; see `Learner`. Nothing is random.

        `details["weights"]` (d, d) are the weights of the graph's edges, [i, j] for i -> j.
        """
        run, known = start(budget), knowledge or Knowledge()
        began = run.seconds
        setting = prepare(source, known, "NotearsAL")
        need_rows(setting, "NotearsAL")
        first, figures = self.initial.solve(setting, run.share(0.8), close=False)
        W, strength, finished = self._second(setting, first, run)
        acyclic, excess = is_acyclic(W), open_cycles(W)
        kept = np.where(strongest_dag(W, setting.required), W, 0.0)
        found = discovery(
            self, setting, kept, known, complete=finished and not figures["stopped"],
            details={
                "acyclic": acyclic, "strength": strength, "initial": first,
                "steps": figures["steps"],
            },
            cites=("xu2022", "zheng2018", "zou2006"),
        )  # fmt: skip
        notes = found.notes
        if excess:
            notes = (*notes, f"{excess} edges were cut, so that no cycle is left")
        return found.replacing(seconds=run.seconds - began, notes=notes)

    def _second(self, setting: Setting, first: Floats, run: Run) -> tuple[Floats, float, bool]:
        """Weights of the best penalty, that penalty, and whether all were tried."""
        size = np.abs(first)
        weight = np.where(size > FLAT, np.maximum(size, FLAT) ** -self.gamma, np.inf)
        weight[setting.required] = 0.0
        noise = 2.0 * SquaredLoss(setting).at(np.ascontiguousarray(first.T))[0] / setting.d
        grid = GRID if self.strength is None else np.array([self.strength])
        best, T = (np.inf, np.where(setting.required, first, 0.0), 0.0), np.zeros_like(first)
        for strength in grid[::-1].tolist():
            if run.spent:
                return best[1], best[2], False
            L = setting.penalties(np.where(np.isfinite(weight), weight, 0.0) * strength * noise)
            L[~np.isfinite(weight).T] = np.inf
            T, finished = _acyclic_minimum(setting, L, T, run)
            if not finished:
                return best[1], best[2], False
            W = np.ascontiguousarray(T.T)
            value = self._criterion(setting, W)
            if value < best[0] or len(grid) == 1:
                best = value, W, strength
        return best[1], best[2], True

    def _criterion(self, setting: Setting, W: Floats) -> float:
        """Minus twice the log-likelihood of the edges with one noise variance, and the penalty."""
        there = strongest_dag(W, setting.required)
        total = 0.0
        for j in range(setting.d):
            s = setting.covariances[setting.which[j]]
            parents = np.flatnonzero(there[:, j])
            total += s[j, j]
            if len(parents):
                block, with_j = s[np.ix_(parents, parents)], s[parents, j]
                total -= with_j @ np.linalg.lstsq(block, with_j, rcond=None)[0]
        likelihood = setting.rows * setting.d * np.log(max(total, 1e-300) / setting.d)
        return float(likelihood + self.penalty * np.log(setting.rows) * there.sum())


def _acyclic_minimum(setting: Setting, L: Floats, T: Floats, run: Run) -> tuple[Floats, bool]:
    """The lasso without the constraint if it is acyclic, which makes it the best; else a path."""
    free = descend(setting, SquaredLoss(setting), _no_penalty, 0.0, L, T, run, tolerance=1e-10)
    if not free.finished or is_acyclic(free.T):
        return free.T, free.finished
    found = path(setting, L, 1e-8, 10.0, run)
    return found.T, found.finished


def _no_penalty(A: Floats) -> tuple[float, Floats]:
    return 0.0, np.zeros_like(A)
