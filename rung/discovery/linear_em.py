"""A linear Gaussian SCM of a known graph fitted to incomplete rows by EM."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..core.budget import Run
from ..core.climb import climb
from ..core.expected import Expected, Incomplete
from ..core.graph_checks import order as topological

Bool = NDArray[np.bool_]
Floats = NDArray[np.float64]
LEAST = 1e-10  # noise variance at least, in units of the column's


@dataclass(frozen=True, eq=False)
class LinearFit:
    """X = X B + N of a graph, at the maximum of the likelihood of the cells that are there.

    Parameters
    ----------
    weights : (d, d) float64
        B; [i, j] is the weight of i -> j.
    noise : (d,) float64
        Variances of N.
    expected : Expected
        The moments that this model expects of the rows.
    heights : tuple of float
        Log-likelihood of the cells that are there, after each step that was kept.
    finished : bool
        False if the iterations or the time ran out.
    """

    weights: Floats
    noise: Floats
    expected: Expected
    heights: tuple[float, ...]
    finished: bool


@dataclass(frozen=True, eq=False)
class _Form:
    """How the parameters of a graph's model stand in one vector, in standardised columns."""

    parents: tuple[NDArray[np.intp], ...]
    scale: Floats
    equal: bool

    def point(self, mean: Floats, covariance: Floats) -> Floats:
        """The M-step: regressions on the parents (Gao et al. 2022, equations 6 and 7)."""
        weights, noise = [], np.empty(len(mean))
        for j, above in enumerate(self.parents):
            cross = covariance[above, j]
            b = _solve(covariance[np.ix_(above, above)], cross)
            weights.append(b)
            noise[j] = max(covariance[j, j] - b @ cross, LEAST * covariance[j, j])
        if self.equal:
            noise = np.mean(noise * self.scale**2, keepdims=True)
        return np.concatenate([mean, *weights, np.log(noise)])

    def model(self, point: Floats) -> tuple[Floats, Floats, Floats]:
        """Mean (d,), weights (d, d) and noise variances (d,)."""
        d = len(self.parents)
        weights, at = np.zeros((d, d)), d
        for j, above in enumerate(self.parents):
            weights[above, j] = point[at : at + len(above)]
            at += len(above)
        noise = np.exp(point[at:])
        return point[:d], weights, noise / self.scale**2 if self.equal else noise

    def gaussian(self, point: Floats) -> tuple[Floats, Floats]:
        """Mean and covariance (I - B)^-T Omega (I - B)^-1."""
        mean, weights, noise = self.model(point)
        total = np.linalg.inv(np.eye(len(mean)) - weights)
        return mean, (total.T * noise) @ total


def fit_linear(
    rows: Incomplete,
    dag: Bool,
    start: Expected,
    *,
    equal: bool = False,
    tolerance: float = 1e-6,
    iterations: int = 200,
    run: Run | None = None,
) -> LinearFit:
    """Weights and noise variances of a DAG by accelerated EM.

    Parameters
    ----------
    rows : Incomplete
    dag : (d, d) bool
        [i, j] for i -> j.
    start : Expected
        Moments that the first M-step works on.
    equal : bool
        One noise variance for all columns.
    tolerance : float
        Ends when the mean log-likelihood of a row rises by less.
    """
    topological(dag)  # a cycle is an error
    scale = np.sqrt(np.diag(start.covariance))
    inner = Incomplete((rows.rows - start.mean) / scale, rows.weights)
    form = _Form(tuple(np.flatnonzero(column) for column in dag.T), scale, equal)

    def step(point: Floats) -> tuple[Floats, float]:
        found = inner.expect(*form.gaussian(point))
        return form.point(found.mean, found.covariance), found.log_likelihood

    first = form.point(np.zeros(len(scale)), start.covariance / np.outer(scale, scale))
    top = climb(step, first, tolerance=tolerance * rows.total, iterations=iterations, run=run)
    mean, weights, noise = form.model(top.point)
    _, covariance = form.gaussian(top.point)
    found = rows.expect(start.mean + scale * mean, covariance * np.outer(scale, scale))
    lost = (
        float((~rows.mask).sum(axis=0) @ np.log(scale))
        if rows.weights is None
        else float((rows.weights @ ~rows.mask) @ np.log(scale))
    )
    heights = tuple(h - lost for h in top.heights)
    return LinearFit(
        weights * (scale / scale[:, None]), noise * scale**2, found, heights, top.finished
    )


def _solve(matrix: Floats, right: Floats) -> Floats:
    try:
        return np.asarray(np.linalg.solve(matrix, right), dtype=np.float64)
    except np.linalg.LinAlgError:
        return np.asarray(np.linalg.lstsq(matrix, right)[0], dtype=np.float64)
