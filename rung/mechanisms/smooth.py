"""Natural cubic splines of one parent: knots, basis, roughness, and curves to evaluate."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from ..core.result import lock

Floats = NDArray[np.float64]
TAIL = 0.002  # share of the rows beyond each outer knot, where curves are straight
EVEN = 0.3  # share of the knots that is spread evenly over the range, the rest over the rows
CELLS = 4  # cells of the look-up table for each knot


def place_knots(column: Floats, count: int) -> Floats:
    """At most `count` distinct knots; none if a line is all one can fit.

    They are even quantiles of a mixture of the rows and the uniform distribution.
    """
    unique = np.unique(column)
    if len(unique) <= count:
        return unique if len(unique) > 2 else np.empty(0)
    share = np.linspace(TAIL, 1 - TAIL, 101)
    at = np.quantile(column, share)
    spread = max(at[-1] - at[0], 1e-300)
    mixed = (1 - EVEN) * np.linspace(0, 1, 101) + EVEN * (at - at[0]) / spread
    knots = np.unique(np.interp(np.linspace(0, 1, count), mixed, at))
    far = np.diff(knots) > 1e-6 * (knots[-1] - knots[0])
    knots = knots[np.concatenate([[True], far])]
    if len(knots) < 3:  # nearly all rows share a value: spread knots over the values instead
        knots = unique[np.linspace(0, len(unique) - 1, count).round().astype(np.intp)]
    return knots


def second_derivatives(knots: Floats) -> tuple[Floats, Floats]:
    """(m, m) map from values to second derivatives at the knots, and roughness (m, m).

    The roughness of values v is v' R v, the integral of the squared second derivative (Green and
    Silverman 1994, eq. 2.3 and 2.5).
    """
    m, h = len(knots), np.diff(knots)
    d = np.zeros((m - 2, m))
    b = np.zeros((m - 2, m - 2))
    for i in range(m - 2):
        d[i, i : i + 3] = 1 / h[i], -1 / h[i] - 1 / h[i + 1], 1 / h[i + 1]
        b[i, i] = (h[i] + h[i + 1]) / 3
        if i + 1 < m - 2:
            b[i, i + 1] = b[i + 1, i] = h[i + 1] / 6
    inner = np.linalg.solve(b, d)
    second = np.zeros((m, m))
    second[1:-1] = inner
    return second, d.T @ inner


@dataclass(frozen=True, eq=False)
class Smoother:
    """A spline basis of one column, rotated so that its columns are uncorrelated there.

    Parameters
    ----------
    knots : (m,) float
    transform : (m, m - 1) float
        From coefficients to values at the knots; columns have variance 1 on the data.
    roughness : (m - 1,) float
        Penalty of each column; 0 for the first, the straight line.
    """

    knots: Floats
    transform: Floats
    roughness: Floats

    @classmethod
    def of(cls, column: Floats, weights: Floats | None, knots: Floats) -> Smoother:
        """The basis for a column (n,) with the given knots (m,), m > 2."""
        unit = (knots - knots[0]) / (knots[-1] - knots[0])
        _, penalty = second_derivatives(unit)
        raw = _cardinal(column, knots)
        centre = np.average(raw, axis=0, weights=weights)
        raw = raw - centre
        left = raw if weights is None else raw * weights[:, None]
        total = len(raw) if weights is None else float(weights.sum())
        gram = left.T @ raw / total
        m = len(knots)
        apart = np.linalg.qr(np.column_stack([np.ones(m), np.eye(m)[:, :-1]]))[0][:, 1:]
        inner = apart.T @ gram @ apart
        inner += 1e-9 * max(np.trace(inner), 1e-300) / (m - 1) * np.eye(m - 1)
        root = np.linalg.inv(np.linalg.cholesky(inner))
        values, vectors = np.linalg.eigh(root @ (apart.T @ penalty @ apart) @ root.T)
        rough = np.maximum(values, 0.0)
        rough[0] = 0.0
        return cls(lock(knots.copy()), lock(apart @ root.T @ vectors), lock(rough))

    @property
    def width(self) -> int:
        """Number of columns."""
        return len(self.roughness)

    def expand(self, column: Floats) -> Floats:
        """Features (n, m - 1)."""
        return _cardinal(column, self.knots) @ self.transform

    def penalty(self, degrees: float) -> float:
        """Multiplier of `roughness` that leaves that many degrees of freedom, at least 1.

        With columns of variance 1 they are sum 1 / (1 + penalty * roughness).
        """
        if degrees >= self.width:
            return 0.0
        rough = self.roughness[1:]
        if degrees <= 1:
            return float(1e8 / rough.min())
        trial = np.linspace(np.log(1e-6 / rough.max()), np.log(1e6 / rough.min()), 400)
        left = 1 + (1 / (1 + np.exp(trial)[:, None] * rough)).sum(axis=1)
        return float(np.exp(np.interp(-degrees, -left, trial)))


def _cardinal(column: Floats, knots: Floats) -> Floats:
    from ..kernels.curves import cardinal

    second, _ = second_derivatives(knots)
    return cardinal(
        np.ascontiguousarray(column, dtype=np.float64), np.ascontiguousarray(knots), second
    )


@dataclass(frozen=True, eq=False)
class Curve:
    """A natural cubic spline with `values` (m,) at `knots` (m,), straight beyond them."""

    knots: Floats
    values: Floats

    @cached_property
    def _pieces(self) -> tuple[Floats, Floats, NDArray[np.int64]]:
        t, v = self.knots, self.values
        m, h = len(t), np.diff(t)
        bend = second_derivatives(t)[0] @ v
        slope = np.diff(v) / h - h * (2 * bend[:-1] + bend[1:]) / 6
        pieces = np.zeros((m + 1, 4))
        pieces[0, :2] = v[0], slope[0]
        pieces[1:m, 0], pieces[1:m, 1] = v[:-1], slope
        pieces[1:m, 2], pieces[1:m, 3] = bend[:-1] / 2, np.diff(bend) / (6 * h)
        pieces[m, :2] = v[-1], (v[-1] - v[-2]) / h[-1] + h[-1] * bend[-2] / 6
        cells = CELLS * m
        starts = t[0] + (np.arange(cells) - 1e-6) * (t[-1] - t[0]) / cells
        lookup = np.maximum(np.searchsorted(t, starts, side="right"), 1).astype(np.int64)
        return np.ascontiguousarray(t), pieces, lookup

    def add(self, out: Floats, column: NDArray[np.float64]) -> None:
        """Add the curve at `column` (n,) to `out` (n,)."""
        from ..kernels.curves import add_curve

        knots, pieces, lookup = self._pieces
        add_curve(out, np.ascontiguousarray(column, dtype=np.float64), knots, pieces, lookup)
