"""Bases of covariates and doses: standardised, restricted cubic splines, products."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ...core.errors import InputError

Floats = NDArray[np.float64]
HEAVY = 9.0
FORMS = ("linear", "spline", "products")
EDGE = {3: 0.1, 4: 0.05, 5: 0.05}  # outer knots (Harrell 2015, table 2.3)


@dataclass(frozen=True, eq=False)
class Column:
    """One number column: an optional monotone map, centre, scale, knots (none: linear only).

    `grid` is (2, q): values and the normal scores they are mapped to, for heavy tails; linear
    between and beyond them. `broken` lines bend sharply at the knots, for steps.
    """

    centre: float
    scale: float
    knots: Floats
    grid: Floats | None = None
    broken: bool = False

    def expand(self, x: Floats) -> Floats:
        """(n, 1 + len(knots) - 2): linear term, then the nonlinear ones."""
        z = x if self.grid is None else np.interp(x, self.grid[0], self.grid[1])
        z = (z - self.centre) / self.scale
        if not len(self.knots):
            return z[:, None]
        if self.broken:
            return np.column_stack([z, np.clip(z[:, None] - self.knots, 0, None)])
        return np.column_stack([z, restricted_cubic(z, self.knots)])


def restricted_cubic(x: Floats, knots: Floats) -> Floats:
    """Nonlinear terms (n, k - 2) of the spline that is linear beyond its outer knots.

    Source: Stone and Koo (1985); Harrell (2015), equation 2.25.
    """
    first, before, last = knots[0], knots[-2], knots[-1]
    cube = np.clip(x[:, None] - knots, 0, None) ** 3
    out = [
        cube[:, j]
        - cube[:, -2] * (last - knots[j]) / (last - before)
        + cube[:, -1] * (before - knots[j]) / (last - before)
        for j in range(len(knots) - 2)
    ]
    return np.column_stack(out) / (last - first) ** 2


def heavy(x: Floats) -> bool:
    """Whether the tails are far heavier than those of a normal (kurtosis above 9)."""
    if _distinct(x[:200]) <= 2:
        return False
    z = x - x.mean()
    variance = float(z @ z) / len(z)
    return variance > 0 and float((z**2) @ (z**2)) / len(z) > HEAVY * variance**2


def scores(x: Floats) -> Floats:
    """Grid (2, q) that maps quantiles of x to those of a normal."""
    from scipy import special

    at = np.concatenate([[0.5 / len(x)], np.linspace(0.01, 0.99, 99), [1 - 0.5 / len(x)]])
    at = np.unique(at)
    values, first = np.unique(np.quantile(x, at), return_index=True)
    last = np.append(first[1:], len(at)) - 1
    return np.vstack([values, special.ndtri((at[first] + at[last]) / 2)])


def places(knots: int) -> Floats:
    """Quantiles at which the knots stand."""
    edge = EDGE.get(knots, 0.025)
    return np.linspace(edge, 1 - edge, knots)


def column(x: Floats, knots: int, *, tame: bool = True, broken: bool = False) -> Column:
    """Centre, scale and knots of a column; no knots where values are too few to bend.

    tame : map heavy tails to normal scores first
    broken : a broken line instead of a smooth curve
    """
    grid = scores(x) if tame and heavy(x) and len(np.unique(x)) > 5 else None
    mapped = x if grid is None else np.interp(x, grid[0], grid[1])
    spread = float(mapped.std())
    centre, scale = float(mapped.mean()), spread if spread > 0 else 1.0
    at = np.empty(0)
    if knots >= 3 and spread > 0 and _distinct(x[:2000]) > knots + 1:
        at = np.unique(_sorted_quantiles(np.sort((mapped - centre) / scale), places(knots)))
        if len(at) < 3 or np.diff(at).min() < 1e-3:
            at = np.empty(0)
    return Column(centre, scale, at, grid, broken)


def _distinct(x: Floats) -> int:
    return int((np.diff(np.sort(x)) > 0).sum()) + 1 if len(x) else 0


def _sorted_quantiles(x: Floats, at: Floats) -> Floats:
    """Quantiles of sorted values, linear between them."""
    place = at * (len(x) - 1)
    left = np.floor(place).astype(np.intp)
    right = np.minimum(left + 1, len(x) - 1)
    return np.asarray(x[left] + (place - left) * (x[right] - x[left]))


@dataclass(frozen=True, eq=False)
class Basis:
    """A design matrix as a function of covariates (n, p), with an intercept first.

    form : "linear"; "spline" adds bends to every number; "products" adds to that the products of
        all pairs of linear terms.
    """

    form: str
    columns: tuple[Column | None, ...]
    sizes: tuple[int, ...]
    kept: tuple[NDArray[np.intp], ...]

    def expand(self, x: Floats) -> Floats:
        """Design (n, k) of covariates (n, p)."""
        if x.shape[1] != len(self.sizes):
            raise InputError(f"expected {len(self.sizes)} covariates, got {x.shape[1]}")
        first: list[Floats] = []
        blocks: list[Floats] = [np.ones((len(x), 1))]
        for j, made in enumerate(self.columns):
            if made is None:
                part = (x[:, j, None] == self.kept[j]).astype(float)
                first.append(part)
            else:
                part = made.expand(x[:, j])
                first.append(part[:, :1])
            blocks.append(part)
        if self.form == "products":
            for i in range(len(first)):
                for j in range(i + 1, len(first)):
                    both = first[i][:, :, None] * first[j][:, None, :]
                    blocks.append(both.reshape(len(x), -1))
        return np.hstack(blocks)


def make(
    x: Floats, sizes: tuple[int, ...], form: str, knots: int = 5, *, tame: bool | None = None
) -> Basis:
    """The basis of this form for covariates (n, p); `sizes` as in Problem.

    tame : map heavy tails to normal scores first; by default in every form but "linear"
    """
    tame = form != "linear" if tame is None else tame
    if form not in FORMS:
        raise InputError(f"form={form!r}: expected one of {FORMS}")
    columns: list[Column | None] = []
    kept = []
    for j, size in enumerate(sizes):
        if size:
            columns.append(None)
            kept.append(np.unique(x[:, j])[1:].astype(np.intp))
        else:
            columns.append(column(x[:, j], 0 if form == "linear" else knots, tame=tame))
            kept.append(np.empty(0, dtype=np.intp))
    return Basis(form, tuple(columns), tuple(sizes), tuple(kept))
