"""Weighting by the inverse probability of the treatment."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ...core.errors import InputError, Overlap
from . import glm
from .basis import make
from .density import effective_size, stabilised
from .dose import bend as curve
from .nuisance import RIDGE, choose
from .problem import Fitted, Problem

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Weighting:
    """Inverse probability weighting with weights that sum to 1 in each arm (Hajek 1971).

    Arms: logistic or multinomial propensities on all rows, whose estimation enters the standard
    error (Lunceford and Davidian 2004). Doses: stabilised weights under a normal model of the
    ranked dose, taken as known in the standard error, then a curve of the dose alone.

    Parameters
    ----------
    form : terms of the propensity model: "linear", "spline", "products"; None: chosen
    least : least effective sample size, as a share of the rows, before doses are refused
    """

    form: str | None = None
    least: float = 0.1

    def estimate(self, problem: Problem, *, rng: np.random.Generator) -> Fitted:
        """Means of the arms with their influence functions."""
        return self._arms(problem) if problem.discrete else self._doses(problem)

    def _arms(self, problem: Problem) -> Fitted:
        n, m, w = problem.n, len(problem.arms), problem.weights
        arm = problem.t.astype(np.int64)
        k = m + bool((arm < 0).any())
        classes = np.where(arm < 0, m, arm)
        form = self.form or choose(
            problem.x, problem.sizes, (classes == 1).astype(float), w, problem.folds,
            binary=True, boosting=False,
        ).terms  # fmt: skip
        design = make(problem.x, problem.sizes, form).expand(problem.x)
        ridge = RIDGE[form] if form != "linear" else 1e-9
        hot = (classes[:, None] == np.arange(k)).astype(float)
        beta = glm.multinomial(design, classes, w, k, ridge)
        e = np.clip(glm.softmax(design @ beta), 1e-8, None)
        means, raw, weights = np.empty(m), np.empty((n, m)), np.empty((n, m))
        for a in range(m):
            q, _ = self._weights(problem, e, hot, a)
            weights[:, a] = w * q
            total = weights[:, a].sum()
            means[a] = weights[:, a] @ problem.y / total
            raw[:, a] = n * weights[:, a] * (problem.y - means[a]) / total
        influence = raw + self._estimated(problem, design, e, hot, means)
        sizes = [effective_size(weights[hot[:, a] > 0, a]) for a in range(m)]
        return Fitted(
            means, influence,
            f"weighting by {'logistic' if k == 2 else 'multinomial'} propensities ({form} terms)",
            effective_n=float(sum(sizes)),
            details={"forms": [form], "arms": sizes},
            cites=("hajek1971", "lunceford2004"),
        )  # fmt: skip

    def _weights(self, problem: Problem, e: Floats, hot: Floats, a: int) -> tuple[Floats, Floats]:
        """Weights (n,) of arm a, and their derivatives (n, k) by the linear predictors."""
        k = e.shape[1]
        own = np.zeros(k)
        own[a] = 1.0
        if problem.population == "all":
            q = hot[:, a] / e[:, a]
            return q, -q[:, None] * (own - e)
        if problem.population == "treated":
            f = problem.focus
            q = hot[:, a] * e[:, f] / e[:, a]
            other = np.zeros(k)
            other[f] = 1.0
            return q, q[:, None] * (other - own)
        b = 1 - a
        q = hot[:, a] * e[:, b]
        other = np.zeros(k)
        other[b] = 1.0
        return q, q[:, None] * (other - e)

    def _estimated(
        self, problem: Problem, design: Floats, e: Floats, hot: Floats, means: Floats
    ) -> Floats:
        """What estimating the propensities adds to the influence functions: (n, m)."""
        n, c, k, w = problem.n, design.shape[1], e.shape[1], problem.weights
        free = range(1, k)
        information = np.zeros((c * (k - 1), c * (k - 1)))
        for i, a in enumerate(free):
            for j, b in enumerate(free):
                v = w * e[:, a] * ((a == b) - e[:, b])
                information[i * c : (i + 1) * c, j * c : (j + 1) * c] = (
                    design * v[:, None]
                ).T @ design
        score = np.hstack([design * (w * (hot[:, a] - e[:, a]))[:, None] for a in free])
        bread = np.linalg.pinv(information, rcond=1e-11, hermitian=True)
        out = np.empty((n, len(means)))
        for a in range(len(means)):
            q, slope = self._weights(problem, e, hot, a)
            pull = w * (problem.y - means[a]) / (w @ q)
            gradient = np.concatenate([design.T @ (pull * slope[:, b]) for b in free])
            out[:, a] = n * score @ bread @ gradient
        return out

    def _doses(self, problem: Problem) -> Fitted:
        if problem.population == "treated":
            raise InputError("the effect on the treated needs arms, not doses")
        ratio = problem.ratio if problem.ratio is not None else stabilised(problem)[0]
        size = effective_size(ratio * problem.weights)
        if size < self.least * problem.n:
            raise Overlap(
                f"the stabilised weights leave an effective sample of {size:.0f} of {problem.n} "
                "rows under the normal density model: too extreme for weighting. Use "
                "DoublyRobust() or Regression(), or adjust for fewer columns"
            )
        bend = problem.curve or curve(problem)
        design = np.column_stack([np.ones(problem.n), bend.expand(problem.t)])
        w = ratio * problem.weights
        fit = glm.linear(design, problem.y, w)
        score = (w * (problem.y - design @ fit.beta))[:, None] * design @ fit.bread
        at = np.column_stack([np.ones(len(problem.arms)), bend.expand(problem.arms)])
        return Fitted(
            at @ fit.beta, problem.n * score @ at.T,
            "stabilised weighting (normal model of the ranked dose given the covariates), then a "
            "spline of the dose",
            effective_n=size,
            details={"forms": ["normal density of the ranked dose"]},
            cites=("robins2000", "hirano2004"),
        )  # fmt: skip
