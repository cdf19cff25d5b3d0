"""Penalised maximum likelihood of multinomial and Poisson regressions by Newton's method."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..core.errors import InputError
from .features import Encoding

Floats = NDArray[np.float64]
STEPS = 60
DENSE = 600  # coefficients beyond which Newton's method gives way to L-BFGS
TOLERANCE = 1e-5  # of the decrement, in units of log-likelihood; the step after it is exact


@dataclass(frozen=True, eq=False)
class Design:
    """Standardised columns with an intercept, and the penalty of each coefficient.

    Parameters
    ----------
    matrix : (n, q) columns; the first is 1
    centre, scale : (q - 1,) of the other columns
    penalty : (q,) half of it times the squared coefficient is added; 0 for the intercept
    weights : (n,)
    """

    matrix: Floats
    centre: Floats
    scale: Floats
    penalty: Floats
    weights: Floats

    @classmethod
    def of(
        cls,
        encoding: Encoding,
        raw: Floats,
        weights: Floats | None,
        *,
        ridge: float,
        degrees: float,
        information: float,
    ) -> Design:
        """The design of encoded columns (n, p); curves start with `degrees` of freedom.

        `information` is that of one row about its linear predictor.
        """
        n = len(raw)
        w = np.ones(n) if weights is None else weights
        total = float(w.sum())
        centre = w @ raw / total
        matrix = np.empty((n, raw.shape[1] + 1))
        matrix[:, 0] = 1.0
        np.subtract(raw, centre, out=matrix[:, 1:])
        scale = np.sqrt(w @ matrix[:, 1:] ** 2 / total)
        scale = np.where(scale > 1e-12, scale, 1.0)
        matrix[:, 1:] /= scale
        penalty, at = np.full(matrix.shape[1], ridge), 1
        penalty[0] = 0.0
        for smoother, size in zip(encoding.smoothers, encoding.sizes):
            if smoother is not None:
                rough = smoother.penalty(degrees) * smoother.roughness
                penalty[at : at + size] += total * information * rough
            at += size
        return cls(matrix, centre, scale, penalty, w)

    def unscale(self, theta: Floats) -> tuple[Floats, Floats]:
        """Intercept (k,) and coefficients (p, k) of the raw columns, from theta (q, k)."""
        slopes = theta[1:] / self.scale[:, None]
        return theta[0] - self.centre @ slopes, slopes


def check_ridge(ridge: float) -> None:
    """InputError for a negative penalty."""
    if not ridge >= 0:
        raise InputError(f"ridge={ridge}: expected 0 or more")


Objective = Callable[[Floats], tuple[float, Floats, Callable[[], Floats]]]


def newton(objective: Objective, start: Floats) -> Floats:
    """Minimiser of a convex function.

    `objective(theta)` returns value, gradient and a function giving the Hessian. Steps are halved
    until the value falls.
    """
    theta = start
    if len(start) > DENSE:
        from scipy.optimize import minimize

        found = minimize(
            lambda t: objective(t)[:2], start, jac=True, method="L-BFGS-B",
            options={"maxiter": 500, "ftol": 1e-10},
        )  # fmt: skip
        return np.asarray(found.x, dtype=np.float64)
    value, gradient, hessian = objective(theta)
    for _ in range(STEPS):
        matrix = hessian()
        matrix[np.diag_indices_from(matrix)] += 1e-10 * max(float(np.trace(matrix)), 1e-10)
        step = np.linalg.solve(matrix, gradient)
        decrement = float(gradient @ step)
        if not decrement > TOLERANCE:
            return theta - step
        size = 1.0
        while size > 1e-8:
            new = theta - size * step
            new_value, new_gradient, new_hessian = objective(new)
            if new_value <= value - 1e-4 * size * decrement:
                break
            size /= 2
        else:
            break
        theta, value, gradient, hessian = new, new_value, new_gradient, new_hessian
    return theta


def multinomial(design: Design, codes: NDArray[np.intp], levels: int) -> Floats:
    """Coefficients (q, levels - 1) of the scores of levels 1, 2 ... against level 0."""
    from ..kernels.levels import softmax

    x, w, penalty = design.matrix, design.weights, design.penalty
    n, q = x.shape
    k = levels - 1
    hot = np.zeros((n, k))
    seen = codes > 0
    hot[np.nonzero(seen)[0], codes[seen] - 1] = 1.0

    def objective(flat: Floats) -> tuple[float, Floats, Callable[[], Floats]]:
        theta = flat.reshape(k, q)
        p = softmax(np.ascontiguousarray((x @ theta.T).T))
        value = -float(w @ np.log(p[np.arange(n), codes])) + 0.5 * float((theta**2 @ penalty).sum())
        gradient = ((p[:, 1:] - hot) * w[:, None]).T @ x + theta * penalty

        def hessian() -> Floats:
            out = np.empty((k * q, k * q))
            for a in range(k):
                for b in range(a, k):
                    weight = w * p[:, a + 1] * ((a == b) - p[:, b + 1])
                    block = (x * weight[:, None]).T @ x
                    out[a * q : (a + 1) * q, b * q : (b + 1) * q] = block
                    out[b * q : (b + 1) * q, a * q : (a + 1) * q] = block.T
            out[np.diag_indices(k * q)] += np.tile(penalty, k)
            return out

        return value, gradient.ravel(), hessian

    shares = np.bincount(codes, w, levels)
    start = np.zeros((k, q))
    start[:, 0] = np.log(shares[1:] / shares[0])
    return newton(objective, start.ravel()).reshape(k, q).T


def poisson(design: Design, x: Floats) -> Floats:
    """Coefficients (q, 1) of the log mean of counts (n,)."""
    matrix, w, penalty = design.matrix, design.weights, design.penalty

    def objective(theta: Floats) -> tuple[float, Floats, Callable[[], Floats]]:
        score = np.clip(matrix @ theta, -700.0, 300.0)
        mean = np.exp(score)
        value = float(w @ (mean - x * score)) + 0.5 * float(theta**2 @ penalty)
        gradient = matrix.T @ (w * (mean - x)) + theta * penalty

        def hessian() -> Floats:
            return (matrix * (w * mean)[:, None]).T @ matrix + np.diag(penalty)

        return value, gradient, hessian

    start = np.zeros(matrix.shape[1])
    start[0] = np.log(max(float(w @ x) / float(w.sum()), 1e-8))
    return newton(objective, start)[:, None]
