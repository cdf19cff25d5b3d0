"""Moments and Counts: sufficient statistics that add, so that one search runs anywhere."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from .blas import one_thread
from .errors import InputError, NeedsRows, unknown
from .missing import need_finite
from .result import frozen, lock
from .source import Basis, Source
from .variable import Variable

Floats = NDArray[np.float64]
SMALL = 5e7  # multiplications of a product that takes a millisecond in one thread


@dataclass(frozen=True, eq=False)
class Moments(Source):
    """Weight, mean and centred cross-products of blocks of columns.

    Merging follows Chan, Golub and LeVeque (1983, eq. 2.1), in which no large sums of squares
    are subtracted: `Moments.of(a) + Moments.of(b)` equals `Moments.of(a and b)` to rounding.

    Parameters
    ----------
    described : tuple of Variable
        The variables, one block of columns each.
    sizes : tuple of int
        Columns in each block; 1 for a plain column.
    count : float
        Number of rows.
    weight, weight2 : float
        Sum of row weights and of their squares.
    mean : (p,) float64
    scatter : (p, p) float64
        Weighted sum of products of deviations from the mean.
    low : (p,) float64, optional
        What rounding left out of `mean`: mean + low is the mean to twice the precision, so that
        merging stays exact for columns far from zero.
    """

    described: tuple[Variable, ...]
    sizes: tuple[int, ...]
    count: int
    weight: float
    weight2: float
    mean: Floats
    scatter: Floats
    low: Floats | None = None

    def __post_init__(self) -> None:
        p = sum(self.sizes)
        if self.mean.shape != (p,) or self.scatter.shape != (p, p):
            raise InputError(
                f"Moments of {p} columns need a mean ({p},) and a scatter ({p}, {p}), "
                f"not {self.mean.shape} and {self.scatter.shape}"
            )
        object.__setattr__(self, "mean", frozen(self.mean))
        object.__setattr__(self, "scatter", frozen(self.scatter))
        low = np.zeros(p) if self.low is None else self.low
        object.__setattr__(self, "low", frozen(low))

    @property
    def _low(self) -> Floats:
        assert self.low is not None
        return self.low

    @classmethod
    def of(
        cls,
        rows: Floats,
        variables: Sequence[Variable],
        *,
        sizes: Sequence[int] | None = None,
        weights: Floats | None = None,
        spent: bool = False,
    ) -> Self:
        """Moments of a matrix (n, p); `weights` (n,) are frequency weights.

        A matrix that is `spent` may be overwritten, which saves memory and time.
        """
        x = np.asarray(rows, dtype=np.float64)
        n, p = x.shape
        w = np.ones(n) if weights is None else np.asarray(weights, dtype=np.float64)
        total = float(w.sum())
        mean, low = np.zeros(p), np.zeros(p)
        scatter = np.zeros((p, p))
        if total > 0:
            with np.errstate(invalid="ignore", over="ignore"):
                mean = x.mean(axis=0) if weights is None else (w @ x) / total
        # a cell that is not finite shows in the mean, if its weight is not 0
        if not (np.isfinite(mean).all() and weights is None) and not np.isfinite(x).all():
            blocks = tuple(sizes) if sizes is not None else (1,) * p
            names = [v.name for v, k in zip(variables, blocks, strict=True) for _ in range(k)]
            need_finite(x, names, "moments")
        if total > 0:
            with one_thread() if n * p * p < SMALL else nullcontext():
                scatter, rest = _products(x, mean, None if weights is None else w, spent)
            slip = rest / total  # what rounding left out of the mean
            mean, low = _two_sum(mean, slip)
            for top in range(0, p, 512):  # in strips, so that nothing else of this size is made
                scatter[top : top + 512] -= total * slip[top : top + 512, None] * slip
        blocks = tuple(sizes) if sizes is not None else (1,) * p
        square = float(w @ w)
        return cls(tuple(variables), blocks, n, total, square, lock(mean), lock(scatter), lock(low))

    def __add__(self, other: Moments) -> Moments:
        if not isinstance(other, Moments):
            return NotImplemented
        if (self.described, self.sizes) != (other.described, other.sizes):
            raise InputError("Moments of different variables, levels or bases do not add")
        total = self.weight + other.weight
        if total == 0:
            return self
        step = (other.mean - self.mean) + (other._low - self._low)
        share = other.weight / total
        mean, low = _two_sum(self.mean, step * share + self._low)
        scatter = self.scatter + other.scatter + np.outer(step, step) * (self.weight * share)
        return Moments(
            self.described,
            self.sizes,
            self.count + other.count,
            total,
            self.weight2 + other.weight2,
            lock(mean),
            lock(scatter),
            lock(low),
        )

    def __radd__(self, other: object) -> Moments:
        return self if other == 0 else NotImplemented  # so that sum(parts) works

    @property
    def variables(self) -> tuple[Variable, ...]:
        return self.described

    @property
    def n(self) -> int:
        return self.count

    @property
    def effective(self) -> float:
        """Kish's effective number of rows, (sum w)^2 / sum w^2."""
        return self.weight**2 / self.weight2 if self.weight2 else 0.0

    @cached_property
    def offsets(self) -> NDArray[np.intp]:
        """First column of each block, and one past the last: (d + 1,)."""
        return np.concatenate([[0], np.cumsum(self.sizes)]).astype(np.intp)

    @cached_property
    def covariance(self) -> Floats:
        """Maximum-likelihood covariance, scatter / weight: (p, p)."""
        return lock(self.scatter / max(self.weight, 1e-300))

    @cached_property
    def correlation(self) -> Floats:
        """Correlations (p, p); a constant column is an error."""
        scale = np.sqrt(np.diag(self.scatter))
        if (scale == 0).any():
            bad = self.described[int(np.searchsorted(self.offsets, scale.argmin(), "right")) - 1]
            raise InputError(
                f"column {bad.name!r} is constant: it has no correlations; leave it out"
            )
        out = self.scatter / np.outer(scale, scale)
        np.fill_diagonal(out, 1.0)
        return lock(np.clip(out, -1.0, 1.0))

    def columns_of(self, indices: Sequence[int]) -> NDArray[np.intp]:
        """Column numbers of the blocks of the variables numbered `indices`."""
        parts = [np.arange(self.offsets[i], self.offsets[i + 1]) for i in indices]
        return np.concatenate(parts) if parts else np.empty(0, dtype=np.intp)

    def select(self, names: Sequence[str]) -> Moments:
        where = {v.name: i for i, v in enumerate(self.described)}
        missing = [name for name in names if name not in where]
        if missing:
            raise unknown(missing[0], where)
        order = [where[name] for name in names]
        cols = self.columns_of(order)
        return Moments(
            tuple(self.described[i] for i in order),
            tuple(self.sizes[i] for i in order),
            self.count,
            self.weight,
            self.weight2,
            lock(self.mean[cols]),
            lock(self.scatter[np.ix_(cols, cols)]),
            lock(self._low[cols]),
        )

    def signature(self, name: str) -> Any:
        i = self.names.index(name)
        a, b = self.offsets[i], self.offsets[i + 1]
        return (
            self.mean[a:b].tolist(),
            np.diag(self.scatter)[a:b].tolist(),
            sorted(np.abs(self.scatter[a]).tolist()),
        )

    def moments(self, basis: Basis | None = None, *, asker: str = "this method") -> Moments:
        if basis is not None:
            raise NeedsRows(
                f"{asker} needs moments of features, but only plain moments are at hand. "
                "Compute them where the rows are: data.moments(basis)."
            )
        return self


@dataclass(frozen=True, eq=False)
class Counts(Source):
    """A contingency table as its occupied cells, in lexicographic order.

    Parameters
    ----------
    described : tuple of Variable
        Discrete variables.
    cells : (m, k) int64
        Codes of the occupied cells.
    counts : (m,) float64
        Rows (or weight) in each.
    """

    described: tuple[Variable, ...]
    cells: NDArray[np.int64]
    counts: Floats

    def __post_init__(self) -> None:
        object.__setattr__(self, "cells", frozen(np.asarray(self.cells, dtype=np.int64)))
        object.__setattr__(self, "counts", frozen(np.asarray(self.counts, dtype=np.float64)))

    @classmethod
    def of(
        cls, codes: NDArray[Any], variables: Sequence[Variable], *, weights: Floats | None = None
    ) -> Self:
        """Counts of a matrix (n, k) of codes."""
        for v in variables:
            if not v.discrete:
                raise InputError(f"{v.name!r} is {v.kind}: only levels can be counted")
        matrix = np.asarray(codes)
        if matrix.dtype.kind == "f" and np.isnan(matrix).any():
            raise InputError("Counts need complete cells; declare a policy for missing ones")
        cells, counts = _tally(matrix.astype(np.int64), variables, weights)
        return cls(tuple(variables), cells, counts)

    def __add__(self, other: Counts) -> Counts:
        if not isinstance(other, Counts):
            return NotImplemented
        if self.described != other.described:
            raise InputError("Counts of different variables or levels do not add")
        cells, counts = _tally(
            np.vstack([self.cells, other.cells]),
            self.described,
            np.concatenate([self.counts, other.counts]),
        )
        return Counts(self.described, cells, counts)

    def __radd__(self, other: object) -> Counts:
        return self if other == 0 else NotImplemented

    @property
    def variables(self) -> tuple[Variable, ...]:
        return self.described

    @property
    def n(self) -> int:
        return round(float(self.counts.sum()))

    def select(self, names: Sequence[str]) -> Counts:
        """The marginal table of `names`."""
        where = {v.name: i for i, v in enumerate(self.described)}
        missing = [name for name in names if name not in where]
        if missing:
            raise unknown(missing[0], where)
        order = [where[name] for name in names]
        variables = tuple(self.described[i] for i in order)
        cells, counts = _tally(self.cells[:, order], variables, self.counts)
        return Counts(variables, cells, counts)

    def table(self, names: Sequence[str], *, asker: str = "this method") -> Counts:
        return self.select(names)

    def signature(self, name: str) -> Any:
        one = self.select([name])
        return (one.counts.tolist(), sorted(self.counts.tolist())[:50])

    def dense(self, limit: int = 10_000_000) -> Floats:
        """The full table, one axis a variable.

        Raises
        ------
        InputError
            If it would have more than `limit` cells.
        """
        shape = tuple(v.size for v in self.described)
        if np.prod([float(s) for s in shape]) > limit:
            raise InputError(f"a dense table of shape {shape} exceeds {limit} cells")
        out = np.zeros(shape)
        if len(self.cells):
            out[tuple(self.cells.T)] = self.counts
        return out


def _products(
    x: Floats, mean: Floats, w: Floats | None, spent: bool = False
) -> tuple[Floats, Floats]:
    """Weighted sums of products and of values of x - mean, over strips of rows that fit a cache."""
    n, p = x.shape
    scatter, total = np.zeros((p, p)), np.zeros(p)
    step = max(1024, 200_000 // max(p, 1))
    for begin in range(0, n, step):
        part = x[begin : begin + step]
        centred = np.subtract(part, mean, out=part if spent else None)
        left = centred if w is None else centred * w[begin : begin + step, None]
        total += left.sum(axis=0)
        if n <= step:
            scatter = left.T @ centred
        else:
            scatter += left.T @ centred
    if w is not None:  # else numpy computes one half and mirrors it
        scatter = (scatter + scatter.T) / 2
    return scatter, total


def _two_sum(a: Floats, b: Floats) -> tuple[Floats, Floats]:
    """a + b rounded, and exactly what rounding left out (Knuth 1997, section 4.2.2)."""
    total = a + b
    part = total - a
    return total, (a - (total - part)) + (b - part)


def _tally(
    codes: NDArray[np.int64], variables: Sequence[Variable], weights: Floats | None
) -> tuple[NDArray[np.int64], Floats]:
    """Occupied cells in lexicographic order and their weights."""
    if codes.shape[1] == 0:
        total = float(len(codes)) if weights is None else float(weights.sum())
        return np.zeros((1, 0), dtype=np.int64), np.array([total])
    shape = [max(v.size, 1) for v in variables]
    if np.prod([float(s) for s in shape]) < 2**62:
        flat = np.ravel_multi_index(tuple(codes.T), shape)
        keys, inverse = np.unique(flat, return_inverse=True)
        cells = np.stack(np.unravel_index(keys, shape), axis=1).astype(np.int64)
    else:
        cells, inverse = np.unique(codes, axis=0, return_inverse=True)
    counts = np.bincount(inverse.ravel(), weights=weights, minlength=len(cells))
    return cells, counts.astype(np.float64)
