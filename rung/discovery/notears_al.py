"""NOTEARS-AL: NOTEARS with an adaptive lasso in place of a threshold."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..core.budget import Budget, Run, start
from ..core.discovery import Discovery
from ..core.errors import InputError
from ..core.knowledge import Knowledge
from ..core.source import Source
from .acyclicity import Floats, is_acyclic
from .continuous import (
    Setting,
    SquaredLoss,
    at_least_zero,
    descend,
    discovery,
    prepare,
    within_order,
)
from .notears import NOTEARS, need_rows, objective

GRID = np.logspace(-5.0, 1.0, 31)  # penalties tried, in units of the residual variance


@dataclass(frozen=True, eq=False)
class Fit:
    """Weights of the second stage, of the first, lambda, and the criterion."""

    weights: Floats
    first: Floats
    strength: float
    criterion: float


@dataclass(frozen=True)
class NotearsAL:
    """Two stages: weights of NOTEARS, then a lasso that penalises small ones more.

    The first stage is NOTEARS without a penalty and without a threshold: W0. The second minimises
    the same least squares with the penalty lambda * sum |W_ij| / |W0_ij|^gamma. The lasso sets
    weights to exactly 0; none is dropped by a threshold. W0 is acyclic, and where it is 0 the
    penalty is infinite, so that the second problem is convex and its solution acyclic by itself
    (`details["acyclic"]` says so of the weights as they came). Needs more rows than columns.
    Assumes what `NOTEARS` assumes, and depends on the scale of the columns.

    From the paper's abstract: the two stages, that the penalty makes up for the threshold, and
    that it is chosen from the data. Our own choices, since its text was not at hand:

    - Least squares over DAGs has many local minima. The first stage takes the order of nodes from
      NOTEARS with each penalty of `starts`, and fits without a penalty within each order.
    - lambda, and which of these fits is W0, minimise a Bayesian information criterion with one
      noise variance for all nodes and least-squares weights on the edges found. It needs
      covariances only.
    - gamma is 2 unless given: for 1 lambda must fall at a rate between two narrow bounds (Zou
      2006, theorem 2), which a criterion does not see to.

    Parameters
    ----------
    gamma : float
        Power of the first weights.
    penalty : float
        Factor of the information criterion, log(n) / 2 an edge: 1 is the usual one, 2 suits
        many variables, as in `GaussianBIC`.
    strength : float, optional
        A fixed lambda, in units of the residual variance, in place of the criterion.
    starts : tuple of float
        Penalties of NOTEARS in the first stage, in units of the residual variance that NOTEARS
        without a penalty leaves.

    Source: Xu, Gao, Huang, Wang, Song and Gong (2022); Zou (2006) for the adaptive lasso.
    """

    gamma: float = 2.0
    penalty: float = 2.0
    strength: float | None = None
    starts: tuple[float, ...] = (0.0, 0.02, 0.05, 0.1)

    def __post_init__(self) -> None:
        at_least_zero(penalty=self.penalty, strength=self.strength or 0.0)
        if not 0 < self.gamma <= 10:
            raise InputError(f"gamma={self.gamma}: expected a positive power, such as 0.5, 1 or 2")
        if not self.starts or not min(self.starts) >= 0:
            raise InputError(f"starts={self.starts}: expected penalties of 0 or more")

    @property
    def threshold(self) -> float:
        """Below which weights are dropped: 0, none is."""
        return 0.0

    def learn(
        self,
        source: Source,
        *,
        knowledge: Knowledge | None = None,
        budget: Budget | Run | None = None,
        rng: np.random.Generator | int = 0,
    ) -> Discovery:
        """Search; see `Learner`. Nothing is random.

        `details["weights"]` (d, d) are the weights of the graph's edges, [i, j] for i -> j;
        `details["initial"]` those of the first stage.
        """
        run, known = start(budget), knowledge or Knowledge()
        began = run.seconds
        setting = prepare(source, known, "NotearsAL")
        need_rows(setting, "NotearsAL")
        best, complete = self._best(setting, run)
        found = discovery(
            self, setting, best.weights, known, complete=complete,
            details={
                "acyclic": is_acyclic(best.weights), "strength": best.strength,
                "initial": best.first, "criterion": best.criterion,
            },
            cites=("xu2022", "zheng2018", "zou2006"),
        )  # fmt: skip
        return found.replacing(seconds=run.seconds - began)

    def _best(self, setting: Setting, run: Run) -> tuple[Fit, bool]:
        """The fit with the least criterion over all starts, and whether all were tried."""
        none, unit = setting.penalties(0.0), 1.0
        best: Fit | None = None
        for i, weight in enumerate(sorted(self.starts)):
            learner = NOTEARS(penalty=weight * unit, rates=(10.0,))
            share = run.share(1 / (len(self.starts) - i))
            W, figures = learner.solve(setting, share.share(0.8))
            first = within_order(setting, W, 0.0, share)
            found, tried = self._second(setting, first, share)
            if best is None or found.criterion < best.criterion:
                best = found
            if i == 0:
                unit = 2.0 * objective(setting, first, none) / max(setting.d, 1)
            run.tick((i + 1) / len(self.starts))
            if figures["stopped"] or not tried:
                return best, False
        assert best is not None
        return best, True

    def _second(self, setting: Setting, first: Floats, run: Run) -> tuple[Fit, bool]:
        """The adaptive lasso with the best lambda, and whether all were tried."""
        there = first != 0
        weight = np.zeros_like(first)
        weight[there] = np.abs(first[there]) ** -self.gamma
        unit = 2.0 * objective(setting, first, setting.penalties(0.0)) / max(setting.d, 1)
        best, T = Fit(first, first, 0.0, np.inf), np.zeros_like(first)
        grid = GRID if self.strength is None else np.array([self.strength])
        for strength in grid[::-1].tolist():
            L = setting.penalties(weight * strength * unit)
            L[~(there | setting.required).T] = np.inf
            found = descend(setting, SquaredLoss(setting), _none, 0.0, L, T, run, tolerance=1e-10)
            if not found.finished:
                return best, False
            T, W = found.T, np.ascontiguousarray(found.T.T)
            value = self._criterion(setting, W)
            if value <= best.criterion:  # of equal edges the least shrunk
                best = Fit(W, first, strength, value)
        return best, True

    def _criterion(self, setting: Setting, W: Floats) -> float:
        """Minus twice the log-likelihood of the edges with one noise variance, and the penalty."""
        there = (W != 0) | setting.required
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


def _none(A: Floats) -> tuple[float, Floats]:
    return 0.0, np.zeros_like(A)
