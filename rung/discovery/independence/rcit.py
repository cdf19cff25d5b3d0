"""RCIT and RCoT: kernel tests on random Fourier features, in time linear in the rows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from ...core.errors import InputError
from ...core.source import Source
from ...core.variable import Kind
from ...inference.ranks import normal_scores
from .rows import Bool, Rows, RowTest, standardised

Floats = NDArray[np.float64]
FEWEST = 16  # rows below which a test says 1
PAIRS = 300  # rows whose distances give the width of a kernel
DETERMINED = 1e-6  # share of a feature's variance that counts as none
NEAR = 1e-3  # relative distance from the mean within which a tail is interpolated
RIDGE = 1e-6  # relative, on the features of the condition


@dataclass(frozen=True)
class RCoT:
    """Randomised conditional correlation test: random features of x and y, less what random
    features of the condition explain, are uncorrelated.

    The squared covariances of the residuals are summed; under independence the sum is a weighted
    sum of chi-square variables, whose tail comes from a saddlepoint approximation.
    As published the test rejects too often: residuals of m features are too small by their
    leverage, and 100 features explain too little of five conditions. Here each product of
    residuals is divided by the root of 1 less its leverage, numbers are replaced by normal
    scores, and 200 narrower features of the condition are used (see
    docs/families/discovery-tests.md for the measured levels; `RCoT(features=100, width=1.0,
    scores=False, leverage=False)` is the published test).

    Needs rows. A category is an indicator for each level. Under `TestWise` every test uses the rows
    complete in its own columns; where conditions have targets, the rows whose condition targets
    neither variable. Random features are drawn once a `rng`, whatever the order of columns.

    Parameters
    ----------
    features : int
        Random features of the condition; at most a quarter of the rows.
    sides : int
        Random features of x and of y.
    width : float
        Width of the condition's kernel, in median distances of rows.
    scores : bool
        Replace numbers by normal scores.
    leverage : bool
        Correct for the leverage of rows.

    Source: Strobl, Zhang and Visweswaran (2019), sections 3.2 and 3.3; Rahimi and Recht (2007);
    Kuonen (1999).
    """

    testwise: ClassVar[bool] = True

    features: int = 200
    sides: int = 5
    width: float = 0.7
    scores: bool = True
    leverage: bool = True

    def __post_init__(self) -> None:
        _check(self)

    def on(self, source: Source, *, rng: np.random.Generator | None = None) -> BoundRCoT:
        """Bind to a source; NeedsRows if it holds moments or counts only."""
        return BoundRCoT(Rows.of(source, "RCoT"), self, False, rng)


@dataclass(frozen=True)
class RCIT:
    """Randomised conditional independence test: `RCoT` with joint features of y and the condition.

    Sees every kind of conditional dependence in the limit, where `RCoT` sees dependence of x and
    y; with few features it has less power. Which of x and y is joined with the condition is
    decided by their contents, so that p(x, y) = p(y, x).

    Parameters
    ----------
    features, sides, width, scores, leverage
        As in `RCoT`.

    Source: Strobl, Zhang and Visweswaran (2019), section 3.1.
    """

    testwise: ClassVar[bool] = True

    features: int = 200
    sides: int = 5
    width: float = 0.7
    scores: bool = True
    leverage: bool = True

    def __post_init__(self) -> None:
        _check(self)

    def on(self, source: Source, *, rng: np.random.Generator | None = None) -> BoundRCoT:
        """Bind to a source; NeedsRows if it holds moments or counts only."""
        return BoundRCoT(Rows.of(source, "RCIT"), self, True, rng)


def _check(test: RCoT | RCIT) -> None:
    for name in ("features", "sides"):
        if getattr(test, name) < 1:
            raise InputError(f"{name}={getattr(test, name)}: expected a positive number")
    if not test.width > 0:
        raise InputError(f"width={test.width}: expected a positive number, such as 0.7")


def median_distance(x: Floats) -> float:
    """Median distance of different rows among at most `PAIRS` evenly spread rows of x (n, q)."""
    x = x[np.unique(np.linspace(0, len(x) - 1, PAIRS).astype(np.intp))]
    square = (x * x).sum(axis=1)
    apart = square[:, None] + square - 2.0 * x @ x.T
    upper = apart[np.triu_indices(len(x), 1)]
    upper = upper[upper > 1e-12]
    return float(np.sqrt(np.median(upper))) if len(upper) else 1.0


def weighted_tail(weights: Floats, statistic: float) -> float:
    """P(weighted sum of chi-square variables > statistic), weights (q,) of at least 0.

    Saddlepoint approximation, of small relative error in both tails (Kuonen 1999, equations 2
    and 3). Within a thousandth of the mean, where it is 0/0, it is interpolated.
    """
    found = weights[weights > 1e-9 * weights.max(initial=0.0)]
    if not len(found):
        return 1.0
    found = found / found.sum()  # of mean 1
    at = statistic / float(weights.sum())
    if abs(at - 1.0) >= NEAR:
        return _saddlepoint(found, at)
    low, high = _saddlepoint(found, 1.0 - NEAR), _saddlepoint(found, 1.0 + NEAR)
    return low + (high - low) * (at - 1.0 + NEAR) / (2.0 * NEAR)


def _saddlepoint(weights: Floats, at: float) -> float:
    """The approximation for weights that sum to 1, away from 1."""
    from scipy.special import ndtr

    if at <= 0.0:
        return 1.0
    most = 0.5 / float(weights.max())
    # K'(t) = sum w / (1 - 2 w t) grows from 0 to infinity; t > (1 - q / at) / 2 min(w) below
    low, high = (0.0, most) if at > 1.0 else (-0.5 * len(weights) / at, 0.0)
    t = 0.5 * (low + high)
    for _ in range(200):
        ratio = weights / (1.0 - 2.0 * weights * t)
        gap = float(ratio.sum()) - at
        low, high = (t, high) if gap < 0.0 else (low, t)
        step = t - gap / float(2.0 * (ratio @ ratio))
        t, before = (step if low < step < high else 0.5 * (low + high)), t
        if abs(t - before) <= 1e-12 * abs(t):
            break
    ratio = weights / (1.0 - 2.0 * weights * t)
    cumulant = -0.5 * float(np.log1p(-2.0 * weights * t).sum())
    w = float(np.sign(t) * np.sqrt(max(2.0 * (t * at - cumulant), 0.0)))
    v = t * float(np.sqrt(2.0 * (ratio @ ratio)))
    return float(ndtr(-(w + np.log(v / w) / w)))


class BoundRCoT(RowTest):
    """RCoT or RCIT on rows; features of conditions and residuals given them are kept."""

    def __init__(
        self, rows: Rows, test: RCoT | RCIT, joined: bool, rng: np.random.Generator | None
    ) -> None:
        super().__init__(rows)
        self.test, self.joined = test, joined
        self.seed = int((np.random.default_rng(0) if rng is None else rng).integers(2**63))

    def one(self, x: int, y: int, given: tuple[int, ...], key: int, keep: Bool | None) -> float:
        n = len(self.rows.values) if keep is None else int(keep.sum())
        if n < FEWEST:
            return 1.0
        left = self._left((x,), given, key, keep)
        right = self._left((y, *given) if self.joined else (y,), given, key, keep)
        if not left.shape[1] or not right.shape[1]:
            return 1.0
        product = (left[:, :, None] * right[:, None, :]).reshape(n, -1)
        total = product.sum(axis=0)
        if self.test.leverage:
            product /= np.sqrt(1.0 - self._condition(given, key, keep)[1])[:, None]
        weights = np.linalg.eigvalsh(product.T @ product / n)
        return weighted_tail(np.maximum(weights, 0.0), float(total @ total) / n)

    # -- features -------------------------------------------------------------------------

    def _cells(self, columns: tuple[int, ...], key: int, keep: Bool | None) -> Floats:
        return np.column_stack([self._block(c, key, keep) for c in columns])

    def _block(self, column: int, key: int, keep: Bool | None) -> Floats:
        if not self.test.scores or self.rows.variables[column].kind is Kind.CATEGORICAL:
            return self.rows.block(column, key, keep)

        def make() -> Floats:
            cells = self.rows.values[:, column]
            return standardised(normal_scores(cells if keep is None else cells[keep])[:, None])

        return self.rows.memory.get(("scores", key, column), make)

    def _random(self, cells: Floats, count: int, width: float) -> Floats:
        """Standardised random features (n, count) of a Gaussian kernel of that width."""
        rng = np.random.default_rng([self.seed, cells.shape[1]])
        waves = rng.standard_normal((cells.shape[1], count)) / width
        out = cells @ waves
        out += rng.uniform(0.0, 2.0 * np.pi, count)
        return standardised(np.cos(out, out=out))

    def _condition(
        self, given: tuple[int, ...], key: int, keep: Bool | None
    ) -> tuple[Floats, Floats]:
        """Orthonormal features (n, m) of a condition, and the leverage (n,) of the rows."""

        def make() -> tuple[Floats, Floats]:
            from scipy.linalg import blas, lapack

            n = len(self.rows.values) if keep is None else int(keep.sum())
            if not given:
                return np.empty((n, 0)), np.full(n, 1.0 / n)
            cells = self._cells(given, key, keep)
            count = min(self.test.features, n // 4)
            F = self._random(cells, count, self.test.width * median_distance(cells))
            gram = F.T @ F
            diagonal = np.diag_indices(count)
            gram[diagonal] = gram[diagonal] * (1.0 + RIDGE) + 1e-300
            L = lapack.dpotrf(gram, lower=1, clean=0)[0]
            L[diagonal] = np.where(gram[diagonal] > 1e-200, L[diagonal], 1.0)
            V = blas.dtrsm(1.0, L, np.asfortranarray(F), side=1, lower=1, trans_a=1)
            leverage = np.einsum("ij,ij->i", V, V) + 1.0 / n
            return V, np.minimum(leverage, 0.99)

        return self.rows.memory.get(("condition", key, given), make)

    def _left(
        self, columns: tuple[int, ...], given: tuple[int, ...], key: int, keep: Bool | None
    ) -> Floats:
        """Features of some columns less what those of the condition explain."""

        def make() -> Floats:
            cells = self._cells(columns, key, keep)
            F = self._random(cells, self.test.sides, median_distance(cells))
            V = self._condition(given, key, keep)[0]
            left = F - V @ (V.T @ F)
            return np.ascontiguousarray(left[:, (left * left).sum(axis=0) > DETERMINED * len(left)])

        return self.rows.memory.get(("left", key, columns, given), make)


__all__ = ["RCIT", "BoundRCoT", "RCoT", "median_distance", "weighted_tail"]
