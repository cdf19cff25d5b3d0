"""KCI: independence of all functions in two spaces, by kernels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from ...core.errors import InputError
from ...core.source import Source
from .gaussian_kernel import Ridge, centred, factor, kernel
from .rows import Bool, Rows, RowTest

Floats = NDArray[np.float64]
RIDGE = 1e-3  # of the regressions on the condition
MISSING = 3e-4  # share of the trace of a kernel that its factor may leave out
MISSING_MANY = 1e-3  # the same with more than two conditions, where factors are wide
NOTHING = 1e-5  # share of the trace that is left of a column which the condition determines
ROWS = 512  # rows of a product of n x n matrices that are made at once


@dataclass(frozen=True)
class KCI:
    """Kernel test of (conditional) independence, for relations of any shape.

    Gaussian kernels of the standardised columns; x is joined with half the condition; what kernel
    ridge regression on the condition leaves of both is compared with a gamma distribution of the
    same mean and variance. Widths, ridge and approximation of the null are those of the authors'
    programme and of causal-learn.

    Kernel matrices are never formed: each is held as a thin factor that leaves out at most a
    thousandth of its trace (p-values move by less than 0.01; see docs/families/discovery-tests.md).
    Needs rows, no weights; the cost of a test grows with n for one or two conditions, beyond
    that with n^3 up to 6,000 rows. Levels of a category are indicator columns. Under `TestWise`
    every test uses the rows complete in its own columns; where conditions have targets, the rows
    whose condition targets neither variable.

    Parameters
    ----------
    rank : int, optional
        Columns of a factor at most; None works with whole matrices, O(n^3), without
        approximation.
    symmetric : bool
        The test treats x and y differently: let their contents decide which is joined with the
        condition, so that p(x, y) = p(y, x). False joins x as given, as causal-learn does.

    Source: Zhang, Peters, Janzing and Schoelkopf (2011), theorems 3 and 4, propositions 5 and 6.
    """

    testwise: ClassVar[bool] = True

    rank: int | None = 2000
    symmetric: bool = True

    def __post_init__(self) -> None:
        if self.rank is not None and self.rank < 1:
            raise InputError(f"rank={self.rank}: expected a positive number of columns, or None")

    def on(self, source: Source, *, rng: np.random.Generator | None = None) -> BoundKCI:
        """Bind to a source; NeedsRows if it holds moments or counts only."""
        return BoundKCI(Rows.of(source, "KCI"), self)


def gamma_tail(statistic: float, mean: float, variance: float) -> float:
    """P(gamma variable with that mean and variance > statistic)."""
    from scipy.special import gammaincc

    return float(gammaincc(mean * mean / variance, statistic * mean / variance))


def width(n: int, conditional: bool) -> float:
    """Width of the kernels for n rows: rules of the authors' programme."""
    small, medium, large = (1.2, 0.7, 0.4) if conditional else (0.8, 0.5, 0.3)
    return small if n < 200 else medium if n < 1200 else large


class BoundKCI(RowTest):
    """KCI on rows; factors of columns and regressions on a condition are kept."""

    def __init__(self, rows: Rows, test: KCI) -> None:
        super().__init__(rows)
        self.test = test

    @property
    def symmetric(self) -> bool:
        return self.test.symmetric

    def one(self, x: int, y: int, given: tuple[int, ...], key: int, keep: Bool | None) -> float:
        n = len(self.rows.values) if keep is None else int(keep.sum())
        if n < 4:
            return 1.0
        if self.test.rank is None:
            return self._exact(x, y, given, key, keep, n)
        if not given:
            return self._marginal(x, y, key, keep, n)
        rate = 1.0 / (width(n, True) ** 2 * len(given))
        X = self._left(x, given, rate, key, keep, joined=True)
        Y = self._left(y, given, rate, key, keep, joined=False)
        return _compare(X, Y, n)

    # -- thin factors ---------------------------------------------------------------------

    def _marginal(self, x: int, y: int, key: int, keep: Bool | None, n: int) -> float:
        rate = 1.0 / width(n, False) ** 2
        X, Y = (self._factor((v,), rate, key, keep) for v in (x, y))
        left, right = X.T @ X, Y.T @ Y
        mean = np.trace(left) * np.trace(right) / n
        if min(np.trace(left), np.trace(right)) < NOTHING * n:
            return 1.0
        variance = 2.0 * np.sum(left**2) * np.sum(right**2) / n**2
        return gamma_tail(float(np.sum((X.T @ Y) ** 2)), float(mean), float(variance))

    def _cells(self, columns: tuple[int, ...], key: int, keep: Bool | None) -> Floats:
        return np.column_stack([self.rows.block(c, key, keep) for c in columns])

    def _factor(self, columns: tuple[int, ...], rate: float, key: int, keep: Bool | None) -> Floats:
        """Centred factor of a kernel; where there are several columns, those after the first
        count half."""

        def make() -> Floats:
            cells = self._cells(columns, key, keep)
            cells[:, self.rows.block(columns[0], key, keep).shape[1] :] *= 0.5
            share = MISSING if len(columns) < 4 else MISSING_MANY
            return centred(factor(cells, rate, share * len(cells), self.test.rank or 1)[0])

        if len(columns) > 1:  # used once: (x, condition) comes with one regression only
            return make()
        return self.rows.memory.get(("factor", key, columns, rate), make)

    def _left(
        self,
        v: int,
        given: tuple[int, ...],
        rate: float,
        key: int,
        keep: Bool | None,
        *,
        joined: bool,
    ) -> Floats:
        """What the condition leaves of a factor."""

        def make() -> Floats:
            regression = self.rows.memory.get(
                ("ridge", key, given),
                lambda: Ridge(self._cells(given, key, keep), rate, RIDGE, self.test.rank or 1),
            )
            columns = (v, *given) if joined else (v,)
            return regression.residual(self._factor(columns, rate, key, keep))

        return self.rows.memory.get(("left", key, v, given, joined), make)

    # -- whole matrices -------------------------------------------------------------------

    def _exact(
        self, x: int, y: int, given: tuple[int, ...], key: int, keep: Bool | None, n: int
    ) -> float:
        cells = self._cells((x, y, *given), key, keep)
        a = self.rows.block(x, key, keep).shape[1]
        b = a + self.rows.block(y, key, keep).shape[1]
        left, right, z = cells[:, :a], cells[:, a:b], cells[:, b:]
        rate = 1.0 / (width(n, bool(given)) ** 2 * max(len(given), 1))
        K = _centred_kernel(np.column_stack([left, 0.5 * z]), rate)
        L = _centred_kernel(right, rate)
        if given:
            R = RIDGE * np.linalg.inv(_centred_kernel(z, rate) + RIDGE * np.eye(n))
            K, L = R @ K @ R, R @ L @ R
        if min(np.trace(K), np.trace(L)) < NOTHING * n:
            return 1.0
        product = K * L
        if given:
            mean, variance = np.trace(product), 2.0 * np.sum(product**2)
        else:
            mean = np.trace(K) * np.trace(L) / n
            variance = 2.0 * np.sum(K**2) * np.sum(L**2) / n**2
        return gamma_tail(float(product.sum()), float(mean), float(variance))


def _centred_kernel(x: Floats, rate: float) -> Floats:
    K = kernel(x, x, rate)
    mean = K.mean(axis=0)
    return np.asarray(K - mean - mean[:, None] + mean.mean())


def _compare(X: Floats, Y: Floats, n: int) -> float:
    """p-value from factors X (n, a) and Y (n, b) of two residual kernels K and L.

    Statistic sum K L, mean sum of the diagonal of K L, variance 2 sum (K L)^2, all products by
    elements: the moments of the spectral null of proposition 5 need no eigenvalues.
    """
    x, y = np.einsum("ij,ij->i", X, X), np.einsum("ij,ij->i", Y, Y)
    if min(x.sum(), y.sum()) < NOTHING * n:
        return 1.0
    statistic, mean = float(np.sum((X.T @ Y) ** 2)), float(x @ y)
    square = 0.0
    for i in range(0, n, ROWS):
        block = X[i : i + ROWS] @ X[i:].T
        block *= Y[i : i + ROWS] @ Y[i:].T
        own = block[:, : len(block)].ravel()
        square += float(2.0 * np.vdot(block, block) - own @ own)
    return gamma_tail(statistic, mean, 2.0 * square)


__all__ = ["KCI", "BoundKCI", "gamma_tail"]
