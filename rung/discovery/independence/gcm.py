"""GCM: covariance of what regressions on the condition leave; and its weighted form."""

from __future__ import annotations

from dataclasses import dataclass, field
from math import erfc, sqrt
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from ...core.data import Data
from ...core.errors import InputError
from ...core.mechanism import MechanismSpec
from ...core.source import Source
from ...core.variable import Kind, Variable
from ...mechanisms.spline import SplineAdditive
from .rows import Bool, Rows, RowTest

Floats = NDArray[np.float64]
LITTLE = 1e-10  # share of a variance that counts as none
FEWEST = 12  # rows below which a test says 1


@dataclass(frozen=True)
class GCM:
    """Generalised covariance measure: is the mean product of two residuals zero?

    x and y are regressed on the condition; sqrt(n) times the mean product of residuals over its
    standard deviation is standard normal under independence as soon as the product of the two
    regressions' errors vanishes faster than 1/n. No kernel, no width; it sees dependence that
    shows in the conditional covariance, and misses others, such as y = x^2 with symmetric x
    (`WeightedGCM` sees more). A category is an indicator for each level, and the largest statistic
    counts, its distribution drawn from the normal one with the same correlations.

    Needs rows. Under `TestWise` every test uses the rows complete in its own columns; where
    conditions have targets, the rows whose condition targets neither variable.

    Parameters
    ----------
    regression : MechanismSpec
        Anything that fits a number on parents and has a `mean`: `SplineAdditive()` by default,
        which adds a curve of each condition; `BoostedAdditive()` where conditions interact.
    folds : int
        1 takes residuals of the rows fitted, as published; more predict each part of the rows from
        the others, which trees need.
    draws : int
        Draws of the largest of several statistics.

    Source: Shah and Peters (2020), section 3, theorems 6 and 9.
    """

    testwise: ClassVar[bool] = True

    regression: MechanismSpec = field(default_factory=SplineAdditive)
    folds: int = 1
    draws: int = 2000

    def __post_init__(self) -> None:
        _check(self.folds, self.draws)

    def on(self, source: Source, *, rng: np.random.Generator | None = None) -> BoundGCM:
        """Bind to a source; NeedsRows if it holds moments or counts only."""
        return BoundGCM(Rows.of(source, "GCM"), self, 0, _seed(rng))


@dataclass(frozen=True)
class WeightedGCM:
    """`GCM` with weights: the conditional covariance may change sign and still be seen.

    Besides the plain statistic, one for each weight sign(z - a), a each of `cuts` evenly spaced
    quantiles of each number z in the condition, and one for each level of a category. The largest
    counts. Without a condition it is `GCM`.

    Parameters
    ----------
    regression, folds, draws
        As in `GCM`.
    cuts : int
        Weights for each number in the condition.

    Source: Scheidegger, Hoerrmann and Buehlmann (2022), section 3.2 (fixed weight functions).
    """

    testwise: ClassVar[bool] = True

    regression: MechanismSpec = field(default_factory=SplineAdditive)
    folds: int = 1
    draws: int = 2000
    cuts: int = 7

    def __post_init__(self) -> None:
        _check(self.folds, self.draws)
        if self.cuts < 1:
            raise InputError(f"cuts={self.cuts}: expected a positive number")

    def on(self, source: Source, *, rng: np.random.Generator | None = None) -> BoundGCM:
        """Bind to a source; NeedsRows if it holds moments or counts only."""
        return BoundGCM(Rows.of(source, "WeightedGCM"), self, self.cuts, _seed(rng))


def _check(folds: int, draws: int) -> None:
    if folds < 1:
        raise InputError(f"folds={folds}: expected 1, or the number of parts")
    if draws < 100:
        raise InputError(f"draws={draws}: expected at least 100")


def _seed(rng: np.random.Generator | None) -> int:
    return int((np.random.default_rng(0) if rng is None else rng).integers(2**63))


class BoundGCM(RowTest):
    """GCM on rows; residuals of a column given a condition are kept."""

    def __init__(self, rows: Rows, test: GCM | WeightedGCM, cuts: int, seed: int) -> None:
        super().__init__(rows)
        self.test, self.cuts, self.seed = test, cuts, seed

    def one(self, x: int, y: int, given: tuple[int, ...], key: int, keep: Bool | None) -> float:
        n = len(self.rows.values) if keep is None else int(keep.sum())
        if n < FEWEST + len(given):
            return 1.0
        left, right = (self._residuals(v, given, key, keep) for v in (x, y))
        if not left.shape[1] or not right.shape[1]:
            return 1.0
        product = (left[:, :, None] * right[:, None, :]).reshape(n, -1)
        if self.cuts and given:
            weights = self._weights(given, key, keep)
            product = (product[:, :, None] * weights[:, None, :]).reshape(n, -1)
        return largest(product, self.test.draws, self.seed)

    # -- regressions ----------------------------------------------------------------------

    def _residuals(self, v: int, given: tuple[int, ...], key: int, keep: Bool | None) -> Floats:
        """What regressions leave of the columns of a variable, (n, q); what is determined goes."""

        def make() -> Floats:
            columns = self.rows.block(v, key, keep)
            if not given:
                left = columns
            else:
                left = np.column_stack([self._left(c, given, keep) for c in columns.T])
            fine = np.einsum("ij,ij->j", left, left) > LITTLE * len(left)
            return np.ascontiguousarray(left[:, fine])

        return self.rows.memory.get(("residual", key, v, given), make)

    def _left(self, column: Floats, given: tuple[int, ...], keep: Bool | None) -> Floats:
        variables = tuple(self.rows.variables[g] for g in given)
        cells = self.rows.values[:, list(given)]
        cells = cells if keep is None else cells[keep]
        numbered = [Variable(f"z{i}", *_kind(v)) for i, v in enumerate(variables)]
        parents = Data.from_matrix(cells, variables=numbered)
        n, folds = len(column), self.test.folds
        if folds == 1:
            return np.asarray(column - self._mean(column, parents, parents))
        part = np.random.default_rng(self.seed).permutation(n) % folds
        out = np.empty(n)
        for k in range(folds):
            held = np.flatnonzero(part == k)
            others = np.flatnonzero(part != k)
            mean = self._mean(column[others], parents.take(others), parents.take(held))
            out[held] = column[held] - mean
        return out

    def _mean(self, column: Floats, parents: Data, where: Data) -> Floats:
        rng = np.random.default_rng(self.seed)
        fitted: Any = self.test.regression.fit(column, parents, variable=Variable("x"), rng=rng)
        return np.asarray(fitted.mean(where.columns, where.n), dtype=np.float64)

    def _weights(self, given: tuple[int, ...], key: int, keep: Bool | None) -> Floats:
        """Weights (n, w) in {-1, 1}: a constant, then those of each condition."""

        def make() -> Floats:
            n = len(self.rows.values) if keep is None else int(keep.sum())
            out = [np.ones(n)]
            for g in given:
                cells = self.rows.values[:, g] if keep is None else self.rows.values[keep, g]
                if self.rows.variables[g].kind is Kind.CATEGORICAL:
                    out += [np.where(cells == level, 1.0, -1.0) for level in np.unique(cells)]
                else:
                    share = np.arange(1, self.cuts + 1) / (self.cuts + 1)
                    cuts = np.unique(np.quantile(cells, share))
                    out += [np.where(cells > a, 1.0, -1.0) for a in cuts if (cells > a).any()]
            return np.column_stack(out)

        return self.rows.memory.get(("weights", key, given), make)


def _kind(v: Variable) -> tuple[Kind, tuple[Any, ...] | None]:
    return v.kind, v.levels


def largest(product: Floats, draws: int, seed: int) -> float:
    """p-value of means of columns (n, q) all being zero, from the largest studentised one.

    Draws of the largest absolute value of normal variables with the columns' correlations stand
    for its distribution (Shah and Peters 2020, theorem 9); Bonferroni's bound takes over where it
    is smaller, so that p-values have no floor.
    """
    n = len(product)
    mean = product.mean(axis=0)
    centred = product - mean
    spread = np.sqrt(np.einsum("ij,ij->j", centred, centred) / n)
    fine = spread > 1e-12 * max(float(spread.max(initial=0.0)), 1e-300)
    if not fine.any():
        return 1.0
    centred, spread = centred[:, fine] / spread[fine], spread[fine]
    value = float(np.abs(sqrt(n) * mean[fine] / spread).max())
    q = len(spread)
    bound = min(1.0, q * erfc(value / sqrt(2)))
    if q == 1 or bound < 1.0 / draws:
        return bound
    values, vectors = np.linalg.eigh(centred.T @ centred / n)
    root = vectors * np.sqrt(np.maximum(values, 0.0))
    normal = np.random.default_rng(seed).standard_normal((draws, q)) @ root.T
    beyond = int((np.abs(normal).max(axis=1) >= value).sum())
    return min(bound, (1 + beyond) / (1 + draws))


__all__ = ["GCM", "BoundGCM", "WeightedGCM", "largest"]
