"""Fisher's z on the rows complete in a test's columns, corrected for why the others are not."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from itertools import combinations
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import erfc

from ...core.data import Data
from ...core.errors import NotSupported
from ..environments import target_matrix

Floats = NDArray[np.float64]
ALPHA = 0.01  # level at which a column is a cause of missing cells
LARGEST = 3  # sets that may separate an indicator from a column
LEAST = 30  # rows below which no correction is tried


@dataclass(frozen=True, eq=False)
class CorrectedFisherZ:
    """A test bound to rows with missing cells.

    The p-value is the larger one of two: that of the rows complete in x, y and S, and, where
    columns W outside of these make one of them go missing, that of the correlation which x, y and S
    would have if nothing were missing. As leaving out rows makes dependences and no independences
    (Tu et al. 2019, proposition 2), either may separate.

    In the linear Gaussian case the second is in closed form: x, y and S given W are the same in
    complete rows and in all, so with coefficients A and residual covariance R of their regression
    on W in complete rows, their covariance is A cov(W) A^T + R, where cov(W) is taken from all rows
    in which W is seen. The paper draws W at random and regresses on permuted rows instead.

    Parameters
    ----------
    rows : (n, d) float64
        NaN where missing.
    weights : (n,) float64
    """

    rows: Floats
    weights: Floats

    @classmethod
    def of(cls, data: Data) -> CorrectedFisherZ:
        """Bind to data; NotSupported for conditions with targets."""
        if target_matrix(data) is not None:
            raise NotSupported(
                "TestWise(corrected=True) cannot use conditions with targets: take the rows of "
                "one condition, or declare TestWise()"
            )
        rows = data.matrix()
        weights = np.ones(len(rows)) if data.weights is None else np.array(data.weights)
        return cls(rows, weights)

    @cached_property
    def there(self) -> NDArray[np.bool_]:
        """Cells that are not missing (n, d)."""
        return ~np.isnan(self.rows)

    @cached_property
    def causes(self) -> tuple[tuple[int, ...], ...]:
        """Columns on which it depends whether each column is missing."""
        return tuple(self._causes(j) for j in range(self.rows.shape[1]))

    def _causes(self, j: int) -> tuple[int, ...]:
        """Columns that no set of up to `LARGEST` others separates from the indicator of j."""
        missing = (~self.there[:, j]).astype(np.float64)
        if not 0 < missing.sum() < len(missing):
            return ()
        d = self.rows.shape[1]
        wide = CorrectedFisherZ(np.column_stack([self.rows, missing]), self.weights)
        left = [k for k in range(d) if k != j]
        for size in range(LARGEST + 1):
            gone = []
            for k in left:
                others = [c for c in left if c != k]
                if any(wide.plain(d, k, S) > ALPHA for S in combinations(others, size)):
                    gone.append(k)
            left = [k for k in left if k not in gone]
            if len(left) <= size:
                break
        return tuple(left)

    def _covariance(self, columns: tuple[int, ...]) -> tuple[Floats, float]:
        """Covariance in the rows complete in these columns, and their weight."""
        at = list(columns)
        keep = self.there[:, at].all(axis=1) if at else np.ones(len(self.rows), bool)
        x, w = self.rows[keep][:, at], self.weights[keep]
        total = float(w.sum())
        if total <= 0:
            return np.eye(len(at)), 0.0
        x = x - (w @ x) / total
        return np.asarray((x * w[:, None]).T @ x / total), total

    def plain(self, x: int, y: int, given: tuple[int, ...]) -> float:
        """p-value on the rows complete in the columns of the test."""
        covariance, total = self._covariance((x, y, *given))
        return _fisher(covariance, total)

    def corrected(self, x: int, y: int, given: tuple[int, ...]) -> float | None:
        """p-value of the corrected correlation; None if there is nothing to correct."""
        columns = (x, y, *given)
        outside = sorted({c for k in columns for c in self.causes[k]} - set(columns))
        if not outside:
            return None
        try:
            covariance, total = self.undone(columns, tuple(outside))
        except np.linalg.LinAlgError:
            return None
        if total < LEAST + len(columns):
            return None
        return _fisher(covariance, total)

    def undone(self, columns: tuple[int, ...], causes: tuple[int, ...]) -> tuple[Floats, float]:
        """Covariance of columns as if their rows had not been selected by the causes.

        Also the weight of the rows complete in all of these, less the number of causes.
        """
        joint, total = self._covariance((*columns, *causes))
        own, _ = self._covariance(causes)
        m = len(columns)
        slopes = np.linalg.solve(joint[m:, m:], joint[m:, :m]).T
        residual = joint[:m, :m] - slopes @ joint[m:, :m]
        return slopes @ own @ slopes.T + residual, total - len(causes)

    def pvalues(self, x: ArrayLike, y: ArrayLike, given: ArrayLike) -> Floats:
        """p-values (m,) of x[i] independent of y[i] given the columns given[i], (m, k)."""
        first, second = np.ravel(x).tolist(), np.ravel(y).tolist()
        sets: Any = np.asarray(given, dtype=np.int64).reshape(len(first), -1)
        out = np.empty(len(first))
        for i, (a, b) in enumerate(zip(first, second, strict=True)):
            S = tuple(sorted(sets[i].tolist()))
            p, other = self.plain(a, b, S), self.corrected(a, b, S)
            out[i] = p if other is None else max(p, other)
        return out


def _fisher(covariance: Floats, total: float) -> float:
    """Fisher's z of the first two columns given the rest."""
    m = len(covariance)
    df = total - (m - 2) - 3.0
    scale = np.sqrt(np.diag(covariance))
    if df <= 0 or not (scale > 0).all():
        return 1.0
    correlation = covariance / np.outer(scale, scale)
    block = correlation[:2, :2]
    if m > 2:
        cross = correlation[2:, :2]
        block = block - cross.T @ np.linalg.lstsq(correlation[2:, 2:], cross, rcond=None)[0]
    if min(block[0, 0], block[1, 1]) <= 1e-12:
        return 1.0
    r = float(np.clip(block[0, 1] / np.sqrt(block[0, 0] * block[1, 1]), -1 + 1e-15, 1 - 1e-15))
    return float(erfc(np.sqrt(df) * abs(np.arctanh(r)) / np.sqrt(2.0)))
