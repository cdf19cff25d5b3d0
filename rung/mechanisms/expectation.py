"""Linear Gaussian mechanisms of a DAG by EM: maximum likelihood of the cells that are there."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from ..core.budget import Run
from ..core.climb import climb
from ..core.data import Data
from ..core.expected import Expected, Incomplete
from ..core.graph import Graph
from ..core.result import lock
from .chains import pool
from .imputation import moments_of
from .linear import Linear, LinearGaussian, solve

Floats = NDArray[np.float64]
MOST = 2000  # rounds of EM


@dataclass(frozen=True)
class _Part:
    """Rows whose environments target the same nodes; a row of weight 0 keeps columns alive."""

    rows: Incomplete
    targeted: NDArray[np.bool_]
    cut: Mapping[int, tuple[float, float]]


@dataclass(frozen=True, eq=False)
class GaussianEM:
    """Structured EM of x = a + B x + u with normal noise, B as the graph has it.

    E-step: expected moments of the rows under the mean and covariance that the graph's current
    parameters imply. M-step: each node regressed on its parents by these moments (Little and
    Rubin 2019, section 11.2; Gao et al. 2022, equations 6 and 7). A node takes no part in the
    M-step with rows whose environment targets it.

    Parameters
    ----------
    graph : Graph
        A DAG.
    table : Data
        Numeric scalar columns, one a node.
    tolerance : float
        Ends when the mean log-likelihood of a row rises by less.
    equal : bool
        One noise variance for all nodes.
    """

    graph: Graph
    table: Data
    tolerance: float = 1e-6
    equal: bool = False

    @cached_property
    def _matrix(self) -> Floats:
        return self.table.matrix(self.graph.names)

    @cached_property
    def _targeted(self) -> NDArray[np.bool_]:
        return np.column_stack([self.table.targeting(name) for name in self.graph.names])

    def fit(self, weights: Floats | None = None, start: Parameters | None = None) -> Parameters:
        """Parameters at the maximum of the observed-data likelihood; `weights` (n,) of the rows."""
        return self.ascend(weights, start).parameters

    def ascend(
        self,
        weights: Floats | None = None,
        start: Parameters | Expected | None = None,
        *,
        run: Run | None = None,
        iterations: int = MOST,
    ) -> Ascent:
        """EM by accelerated steps that never lower the likelihood.

        Parameters
        ----------
        weights : (n,) float64, optional
            Of the rows.
        start : Parameters, or Expected
            The latter are moments that the first M-step works on.
        """
        parts = self._parts(weights)
        total = sum(part.rows.total for part in parts)
        if isinstance(start, Expected):
            start = self._maximise(parts, [start] * len(parts))
        first = start or self._start(parts)
        edges = self.graph.adjacency().T.astype(bool)
        spread = np.nanstd(self._matrix, axis=0)
        scale = np.where(spread > 0, spread, 1.0)

        def step(point: Floats) -> tuple[Floats, float]:
            now = Parameters.at(point, edges, scale)
            found = [p.rows.expect(*now.implied(p.cut)) for p in parts]
            height = sum(f.log_likelihood for f in found)
            return self._maximise(parts, found).point(edges, scale), height

        top = climb(
            step, first.point(edges, scale), tolerance=self.tolerance * total,
            iterations=iterations, run=run,
        )  # fmt: skip
        now = Parameters.at(top.point, edges, scale)
        found = tuple(p.rows.expect(*now.implied(p.cut)) for p in parts)
        return Ascent(now, found, top.heights, top.finished)

    def mechanisms(
        self, parameters: Parameters, weights: Floats | None = None
    ) -> dict[str, Linear]:
        """Mechanisms of the nodes, the noise variance divided as `LinearGaussian` does.

        That is by the rows less the number of coefficients, so that without missing cells both
        agree; slopes and intercepts are those of maximum likelihood.
        """
        parts = self._parts(weights)
        found = [p.rows.expect(*parameters.implied(p.cut)) for p in parts]
        names = self.graph.names
        variables = [self.table.variable(name) for name in names]
        out = {}
        for j, name in enumerate(names):
            mine = [
                p.rows.moments(f, variables)
                for p, f in zip(parts, found, strict=True)
                if not p.targeted[j]
            ]
            merged = mine[0]
            for more in mine[1:]:
                merged = merged + more
            parents = [self.table.variable(p) for p in self.graph.parents(name)]
            out[name] = LinearGaussian().fit_source(merged, variables[j], parents)
        return out

    def _parts(self, weights: Floats | None) -> list[_Part]:
        names, x = self.graph.names, self._matrix
        w = np.ones(len(x)) if weights is None else np.asarray(weights, dtype=np.float64)
        middle = np.nanmean(x, axis=0)
        kinds, which = np.unique(self._targeted, axis=0, return_inverse=True)
        out = []
        for k, kind in enumerate(kinds):
            rows = np.flatnonzero((np.ravel(which) == k) & (w > 0))
            if not len(rows):
                continue
            cut = {}
            for j in np.flatnonzero(kind).tolist():
                held = pool(self.table, names[j])
                cut[j] = (float(held.mean()), float(held.std()))
            filled = Incomplete(np.vstack([x[rows], middle]), np.append(w[rows], 0.0))
            out.append(_Part(filled, kind, cut))
        return out

    def _start(self, parts: list[_Part]) -> Parameters:
        x = self._matrix
        spread = np.nanstd(x, axis=0)
        d = len(spread)
        return Parameters(np.zeros((d, d)), np.nanmean(x, axis=0), spread)

    def _maximise(self, parts: list[_Part], found: list[Expected]) -> Parameters:
        d = len(self.graph.names)
        slopes, a, sd = np.zeros((d, d)), np.zeros(d), np.zeros(d)
        sums = {}
        for j, name in enumerate(self.graph.names):
            use = tuple(i for i, p in enumerate(parts) if not p.targeted[j])
            if use not in sums:
                sums[use] = _pooled([parts[i].rows.total for i in use], [found[i] for i in use])
            mean, covariance = sums[use]
            above = [self.graph.index(p) for p in self.graph.parents(name)]
            b = np.zeros(0)
            if above:
                b, _ = solve(covariance[np.ix_(above, above)], covariance[above, j])
            slopes[j, above] = b
            a[j] = mean[j] - b @ mean[above]
            left = covariance[j, j] - 2 * b @ covariance[above, j]
            left += b @ covariance[np.ix_(above, above)] @ b
            sd[j] = np.sqrt(max(left, 0.0))
        if self.equal:
            sd[:] = np.sqrt(np.mean(sd**2))
        return Parameters(slopes, a, sd)


@dataclass(frozen=True, eq=False)
class Parameters:
    """x = intercept + slopes x + u: slopes (d, d), row j those of node j; sd (d,) of u."""

    slopes: Floats
    intercept: Floats
    sd: Floats

    def point(self, edges: NDArray[np.bool_], scale: Floats) -> Floats:
        """One vector of them, in units of the columns' scales (d,); `edges` (d, d) as `slopes`."""
        slopes = self.slopes * scale / scale[:, None]
        return np.concatenate([self.intercept / scale, slopes[edges], self.sd / scale])

    @classmethod
    def at(cls, point: Floats, edges: NDArray[np.bool_], scale: Floats) -> Parameters:
        """The parameters that stand in such a vector."""
        d = len(scale)
        slopes = np.zeros((d, d))
        slopes[edges] = point[d:-d]
        sd = np.maximum(point[-d:], 0.0) * scale
        return cls(slopes * scale[:, None] / scale, point[:d] * scale, sd)

    def implied(
        self, cut: Mapping[int, tuple[float, float]] | None = None
    ) -> tuple[Floats, Floats]:
        """Mean (d,) and covariance (d, d); nodes in `cut` have their own mean and sd instead."""
        slopes, a, sd = self.slopes, self.intercept, self.sd
        if cut:
            slopes, a, sd = slopes.copy(), a.copy(), sd.copy()
            for j, (mean, spread) in cut.items():
                slopes[j], a[j], sd[j] = 0.0, mean, spread
        return moments_of(slopes, a, sd)


@dataclass(frozen=True, eq=False)
class Ascent:
    """Where EM ended.

    Parameters
    ----------
    parameters : Parameters
    expected : tuple of Expected
        Moments of the rows under these, for each set of targets.
    heights : tuple of float
        Log-likelihood of the cells that are there, after each step that was kept; never falling.
    finished : bool
        False if the iterations or the time ran out.
    """

    parameters: Parameters
    expected: tuple[Expected, ...]
    heights: tuple[float, ...]
    finished: bool


def _pooled(totals: list[float], found: list[Expected]) -> tuple[Floats, Floats]:
    """Mean and covariance of parts put together."""
    w = np.array(totals) / sum(totals)
    mean = sum((share * f.mean for share, f in zip(w, found, strict=True)), np.zeros(1))
    covariance = sum(
        (
            share * (f.covariance + np.outer(f.mean - mean, f.mean - mean))
            for share, f in zip(w, found, strict=True)
        ),
        np.zeros(1),
    )
    return lock(np.asarray(mean)), lock(np.asarray(covariance))
