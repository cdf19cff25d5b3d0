"""Weighted linear, logistic and multinomial regression, with what their errors look like."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ...core.errors import InputError

Floats = NDArray[np.float64]


def sigmoid(eta: Floats) -> Floats:
    """1 / (1 + exp(-eta)) without overflow."""
    from scipy import special

    return np.asarray(special.expit(eta))


@dataclass(frozen=True, eq=False)
class Fit:
    """Coefficients (k,) or (k, q), and the inverse of the summed information (k, k).

    `bread` times the summed score of a row is that row's part in the coefficients' error.
    """

    beta: Floats
    bread: Floats
    logit: bool

    def mean(self, design: Floats) -> Floats:
        """Fitted means of the rows of a design."""
        eta = design @ self.beta
        return sigmoid(eta) if self.logit else eta


def _inverse(gram: Floats) -> Floats:
    """Inverse by Cholesky; the pseudo-inverse where columns are (nearly) collinear."""
    from scipy import linalg

    scale = np.sqrt(np.diag(gram))
    if (scale > 0).all():
        try:
            factor = linalg.cholesky(gram / np.outer(scale, scale), lower=True)
        except linalg.LinAlgError:
            factor = None
        if factor is not None and np.diag(factor).min() > 1e-5:
            whole = linalg.cho_solve((factor, True), np.eye(len(gram)))
            return np.asarray(whole / np.outer(scale, scale), dtype=np.float64)
    return np.asarray(np.linalg.pinv(gram, rcond=1e-11, hermitian=True), dtype=np.float64)


def _penalties(design: Floats, weights: Floats, ridge: float) -> Floats:
    out = np.full(design.shape[1], ridge * weights.sum())
    out[0] = 0.0
    return out


def _advance(
    loss: Callable[[Floats], float], beta: Floats, step: Floats, now: float
) -> tuple[Floats, float, bool]:
    """Coefficients and loss after a step, halved until the loss falls, and whether to stop."""
    size = 1.0
    while size > 1e-6 and (new := loss(beta + size * step)) > now + 1e-12:
        size /= 2
    if size <= 1e-6:
        return beta, now, True
    return beta + size * step, new, now - new < 1e-10 * (abs(new) + 1)


def linear(design: Floats, y: Floats, weights: Floats, ridge: float = 0.0) -> Fit:
    """Weighted least squares; collinear columns share (pseudo-inverse); ridge on all but the first.

    The penalty is `ridge` x sum of weights x squared coefficient / 2: columns should have a
    standard deviation near 1. y : (n,) or (n, q).
    """
    weighted = design if (weights == 1).all() else design * weights[:, None]
    gram = weighted.T @ design
    gram[np.diag_indices_from(gram)] += _penalties(design, weights, ridge)
    bread = _inverse(gram)
    return Fit(bread @ (weighted.T @ y), bread, False)


def logistic(
    design: Floats, y: Floats, weights: Floats, ridge: float = 1e-5, steps: int = 50
) -> Fit:
    """Weighted logistic regression by Newton's method with halving; a little ridge keeps
    separated data finite. y : (n,) in [0, 1]."""
    penalty = _penalties(design, weights, ridge)
    share = np.clip(np.average(y, weights=weights), 1e-6, 1 - 1e-6)
    beta = np.zeros(design.shape[1])
    beta[0] = np.log(share / (1 - share))

    def loss(b: Floats) -> float:
        eta = design @ b
        return float(weights @ (np.logaddexp(0, eta) - y * eta) + 0.5 * penalty @ b**2)

    now, bread = loss(beta), np.eye(len(beta))
    for _ in range(steps):
        p = sigmoid(design @ beta)
        gradient = design.T @ (weights * (y - p)) - penalty * beta
        information = (design * (weights * p * (1 - p))[:, None]).T @ design
        information[np.diag_indices_from(information)] += penalty + 1e-12
        bread = _inverse(information)
        step = bread @ gradient
        beta, now, done = _advance(loss, beta, step, now)
        if done:
            break
    return Fit(beta, bread, True)


def multinomial(
    design: Floats, classes: NDArray[np.int64], weights: Floats, k: int, ridge: float = 1e-5
) -> Floats:
    """Coefficients (columns, k) of a multinomial logit, first class as the base (its column is 0).

    Newton steps on the full information; classes : (n,) in 0 .. k-1.
    """
    n, c = design.shape
    if k * c > 2000:
        raise InputError(f"{k} levels times {c} terms are too many for a propensity model")
    hot = (classes[:, None] == np.arange(k)).astype(float)
    penalty = np.tile(_penalties(design, weights, ridge), k - 1)
    beta = np.zeros((c, k - 1))

    def probabilities(b: Floats) -> Floats:
        return softmax(np.column_stack([np.zeros(n), design @ b]))

    def loss(b: Floats) -> float:
        p = probabilities(b)
        fitted = np.log(np.clip((p * hot).sum(axis=1), 1e-300, None))
        return float(-weights @ fitted + 0.5 * penalty @ b.T.ravel() ** 2)

    now = loss(beta)
    for _ in range(50):
        p = probabilities(beta)
        gradient = (design.T @ (weights[:, None] * (hot - p)[:, 1:])).T.ravel()
        gradient -= penalty * beta.T.ravel()
        information = _information(design, weights, p)
        information[np.diag_indices_from(information)] += penalty + 1e-10
        step = (_inverse(information) @ gradient).reshape(k - 1, c).T
        beta, now, done = _advance(loss, beta, step, now)
        if done:
            break
    return np.column_stack([np.zeros(c), beta])


def _information(design: Floats, weights: Floats, p: Floats) -> Floats:
    """Information of all logits but the first, for probabilities p (n, k)."""
    c, k = design.shape[1], p.shape[1]
    out = np.empty((c * (k - 1), c * (k - 1)))
    for a in range(k - 1):
        for b in range(a, k - 1):
            w = weights * (p[:, a + 1] * ((a == b) - p[:, b + 1]))
            block = (design * w[:, None]).T @ design
            out[a * c : (a + 1) * c, b * c : (b + 1) * c] = block
            out[b * c : (b + 1) * c, a * c : (a + 1) * c] = block.T
    return out


def softmax(eta: Floats) -> Floats:
    """Rows of exp(eta) that sum to 1."""
    e = np.exp(eta - eta.max(axis=1, keepdims=True))
    return np.asarray(e / e.sum(axis=1, keepdims=True))
