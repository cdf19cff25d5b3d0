"""Arrows that interventional conditions license: what changes when one variable is set."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from ..core.errors import NeedsRows
from ..core.moments import Moments
from ..core.source import Source
from .environments import target_matrix


def arrows_from_targets(
    source: Source, adjacent: NDArray[np.bool_], alpha: float
) -> list[tuple[int, int, float]]:
    """(cause, effect, p) for edges x - y with conditions that differ in setting x, and not y.

    For conditions e and f where f sets what e sets and x besides: if the mean or the variance of
    y (or the shares of its levels) changes from e to f, y is an effect of x; if not, y is no
    effect of x, so that the edge is y -> x. A condition in which x itself does not change says
    nothing. Over several such pairs of conditions the smallest
    p-value, times their number, is compared with alpha. The p of a change is its p-value; without
    a change, 1 - p, floored at alpha so that such an arrow counts as less firm.
    """
    targets = target_matrix(source)
    if targets is None:
        return []
    present = np.unique(np.asarray(source.environment)).tolist()  # type: ignore[attr-defined]
    contrasts: dict[int, list[tuple[int, int]]] = {}
    for e in present:
        for f in present:
            extra = targets[f] & ~targets[e]
            if extra.sum() == 1 and not (targets[e] & ~targets[f]).any():
                contrasts.setdefault(int(np.nonzero(extra)[0][0]), []).append((e, f))
    compare = _Comparison(source)
    found: dict[tuple[int, int], float] = {}
    for x, pairs in contrasts.items():
        for y in np.nonzero(adjacent[x])[0].tolist():
            ps = [
                compare.p(y, e, f)
                for e, f in pairs
                if not targets[f, y] and not targets[e, y] and compare.p(x, e, f) <= alpha
            ]
            if ps:
                found[x, y] = min(1.0, min(ps) * len(ps))
    out = []
    for (x, y), p in found.items():
        if p <= alpha:
            out.append((x, y, p))
        else:
            out.append((y, x, max(1.0 - p, alpha)))
    return out


class _Comparison:
    """p-values that a variable is distributed alike in two conditions; kept once computed."""

    def __init__(self, source: Source) -> None:
        self.source = source
        self.known: dict[tuple[int, int, int], float] = {}
        self.moments: dict[int, Moments] = {}
        if not all(v.discrete for v in source.variables):
            self.moments = source.moments_by_environment(asker="PC on interventional conditions")

    def p(self, y: int, e: int, f: int) -> float:
        key = (y, e, f)
        if key not in self.known:
            if self.source.variables[y].discrete:
                self.known[key] = self._levels(y, e, f)
            else:
                self.known[key] = self._spread(y, e, f)
        return self.known[key]

    def _spread(self, y: int, e: int, f: int) -> float:
        """Likelihood ratio of one Gaussian against two, chi-square with 2 degrees of freedom."""
        a, b = self.moments[e], self.moments[f]
        both = a + b
        parts = [(m.weight, m.scatter[y, y] / m.weight) for m in (a, b, both)]
        if parts[2][1] <= 0:
            return 1.0
        if min(parts[0][1], parts[1][1]) <= 0:
            return 0.0
        logs = [n * math.log(v) for n, v in parts]
        return math.exp(-0.5 * max(logs[2] - logs[0] - logs[1], 0.0))

    def _levels(self, y: int, e: int, f: int) -> float:
        """G-test of the level against the condition."""
        from ..kernels.special import chi2_sf

        environment = getattr(self.source, "environment", None)
        if environment is None:
            raise NeedsRows("PC on interventional conditions needs the condition of each row")
        codes = self.source.rows([self.source.names[y]]).ravel().astype(np.int64)
        size = self.source.variables[y].size
        table = np.stack(
            [np.bincount(codes[environment == k], minlength=size) for k in (e, f)]
        ).astype(np.float64)
        expected = np.outer(table.sum(axis=1), table.sum(axis=0)) / table.sum()
        seen = table > 0
        g = 2.0 * float((table[seen] * np.log(table[seen] / expected[seen])).sum())
        return float(chi2_sf(g, float((table.sum(axis=0) > 0).sum() - 1)))
