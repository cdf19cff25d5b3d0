"""Targeted maximum likelihood: an outcome model whose mean solves the efficient score."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...core.errors import NotSupported
from .doubly_robust import arm_means, augmented, of_treatment, with_treatment
from .glm import sigmoid
from .models import check_least, check_model
from .problem import Fitted, Problem

Floats = NDArray[np.float64]
INSIDE = 5e-4  # least distance of a scaled outcome mean from 0 and 1
WIDER = 0.01  # of the outcome's range, added at both ends
ROUNDS = 30


@dataclass(frozen=True)
class TMLE:
    """Cross-validated targeted maximum likelihood for the means of the arms.

    The out-of-fold outcome model of each arm, on the scale from the least to the greatest
    outcome, is moved along a logistic fluctuation weighted by the inverse propensity until its
    mean solves the efficient score equation, pooled over folds (van der Laan and Rose 2011,
    chapters 4, 7, 8 and 27; Zheng and van der Laan 2011). So means stay in the outcome's range.
    For the overlap population the propensities are moved too.

    Parameters
    ----------
    boosting : let boosted trees model what splines leave, where a residual check asks for it
    outcome, treatment : scikit-learn estimators to use as nuisances instead
    n_jobs : folds fitted side by side
    least : propensities that rows are divided by are raised to it (not for the overlap population)
    """

    boosting: bool = True
    outcome: Any = None
    treatment: Any = None
    n_jobs: int = 1
    least: float = 0.01

    def __post_init__(self) -> None:
        check_model(self.outcome, "outcome")
        check_model(self.treatment, "treatment")
        check_least(self.least)

    def estimate(self, problem: Problem, *, rng: np.random.Generator) -> Fitted:
        """Means of the arms with their influence functions.

        Raises
        ------
        NotSupported
            The treatment is a dose.
        """
        if not problem.discrete:
            raise NotSupported(
                "TMLE targets the means of levels; for a dose ask rung.Curve, or rung.PolicyEffect "
                "of a shift, or use DoublyRobust()"
            )
        problem = with_treatment(
            problem, self.treatment, rng=rng, n_jobs=self.n_jobs, least=self.least
        )
        outcome, forms = arm_means(
            problem, boosting=self.boosting, model=self.outcome, rng=rng, n_jobs=self.n_jobs
        )
        words = sorted({form.words for form in forms})
        problem, outcome, rounds = targeted(problem, outcome)
        means, influence = augmented(problem, outcome)
        return Fitted(
            means, influence,
            f"targeted maximum likelihood (CV-TMLE), {len(np.unique(problem.folds))}-fold "
            f"cross-fitting; outcome model: {' / '.join(words)}{of_treatment(self.treatment)}",
            effects=outcome,
            details={"forms": words, "rounds": rounds},
            cites=("vanderlaan2011", "zheng2011"),
        )  # fmt: skip


def scale_of(problem: Problem) -> tuple[float, float]:
    """Lower end and length of the range on which outcome means are moved."""
    if problem.binary:
        return 0.0, 1.0
    low, high = float(problem.y.min()), float(problem.y.max())
    span = (high - low) or 1.0
    return low - WIDER * span, span * (1 + 2 * WIDER)


def logit(q: Floats) -> Floats:
    """Log odds of probabilities kept inside (0, 1)."""
    q = np.clip(q, INSIDE, 1 - INSIDE)
    return np.asarray(np.log(q / (1 - q)))


def fluctuation(offset: Floats, y: Floats, clever: Floats, weights: Floats) -> Floats:
    """Coefficients (k,) of `clever` (n, k) in a weighted logistic regression with this offset.

    Newton's method with halving on a concave likelihood; y (n,) in [0, 1]. Columns that say the
    same share.
    """
    scale = np.sqrt(weights @ clever**2 / max(float(weights.sum()), 1e-300))
    z = clever / np.where(scale > 0, scale, 1.0)
    eps = np.zeros(z.shape[1])

    def loss(b: Floats) -> float:
        eta = offset + z @ b
        return float(weights @ (np.logaddexp(0, eta) - y * eta))

    now = loss(eps)
    for _ in range(50):
        p = sigmoid(offset + z @ eps)
        gradient = z.T @ (weights * (y - p))
        information = (z * (weights * p * (1 - p))[:, None]).T @ z
        step = np.linalg.pinv(information, rcond=1e-10, hermitian=True) @ gradient
        while np.abs(step).max() > 1e-12 and loss(eps + step) > now + 1e-14 * abs(now):
            step = step / 2
        eps, now = eps + step, loss(eps + step)
        if np.abs(step).max() < 1e-10:
            break
    return np.asarray(eps / np.where(scale > 0, scale, 1.0))


def targeted(problem: Problem, outcome: Floats) -> tuple[Problem, Floats, int]:
    """The problem and the outcome means (n, m) after the fluctuations, and how many rounds.

    Weights are the tilt of the population over the propensity of the arm. Only the overlap
    population needs more than one round, as its tilt e(1 - e) moves with the propensities.
    """
    low, span = scale_of(problem)
    y = (problem.y - low) / span
    q = np.clip((outcome - low) / span, INSIDE, 1 - INSIDE)
    rounds = 1 if problem.population != "overlap" else ROUNDS
    q, size, done = _outcomes_moved(problem, y, q), np.inf, 1
    while done < rounds and size > 1e-9:
        problem, size = _propensities_moved(problem, q)
        q, done = _outcomes_moved(problem, y, q), done + 1
    return problem, low + span * q, done


def _outcomes_moved(problem: Problem, y: Floats, q: Floats) -> Floats:
    e = problem.propensity
    assert e is not None
    if problem.population == "treated":
        tilt = e[:, problem.focus]
    elif problem.population == "overlap":
        tilt = e[:, 0] * e[:, 1]
    else:
        tilt = np.ones(problem.n)
    out = np.empty_like(q)
    for a in range(q.shape[1]):
        weights = problem.weights * (problem.t == a) * tilt / e[:, a]
        offset = logit(q[:, a])
        out[:, a] = sigmoid(offset + fluctuation(offset, y, np.ones((problem.n, 1)), weights)[0])
    return out


def _propensities_moved(problem: Problem, q: Floats) -> tuple[Problem, float]:
    """Propensities after a fluctuation for the means of the arms, and its largest size."""
    e, w = problem.propensity, problem.weights
    assert e is not None
    p = np.clip(e[:, 1], 1e-6, 1 - 1e-6)
    tilt = w * p * (1 - p)
    clever = (1 - 2 * p)[:, None] * (q - tilt @ q / tilt.sum())
    offset = np.log(p / (1 - p))
    move = clever @ fluctuation(offset, (problem.t == 1).astype(float), clever, w)
    p = np.clip(sigmoid(offset + move), 1e-6, 1 - 1e-6)
    moved = replace(problem, propensity=np.column_stack([1 - p, p]))
    return moved, float(np.abs(move).max())
