"""Additive regression of a column on curves of others, many times on one table."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..mechanisms.smooth import Smoother, place_knots

Floats = NDArray[np.float64]
DEGREES = (1.0, 2.0, 3.0, 4.0, 5.0, 6.5, 8.0)  # degrees of freedom that a curve may take
INFLATE = 1.4  # of degrees of freedom in the criterion (Kim and Gu 2004)
RIDGE = 1e-8  # on features of variance 1


@dataclass(frozen=True, eq=False)
class Curves:
    """Spline features of all columns and their cross-products, computed once.

    Parameters
    ----------
    x : (n, d) standardised columns
    features : (n, p); gram : (p, p), features' cross-products over n; cross : (p, d) with x
    offsets : (d + 1,) first feature of each column
    rough : (degrees, p) penalty of each feature for each choice of degrees of freedom
    """

    x: Floats
    features: Floats
    gram: Floats
    cross: Floats
    offsets: NDArray[np.int64]
    rough: Floats

    @classmethod
    def of(cls, x: Floats, knots: int) -> Curves:
        """Natural cubic splines with at most `knots` knots a column."""
        n, d = x.shape
        knots = int(min(knots, max(4, n // 5)))
        blocks, rough = [], []
        for j in range(d):
            at = place_knots(x[:, j], knots)
            if len(at) < 3:
                blocks.append(x[:, [j]])
                rough.append(np.zeros((len(DEGREES), 1)))
                continue
            smoother = Smoother.of(np.ascontiguousarray(x[:, j]), None, at)
            block = smoother.expand(np.ascontiguousarray(x[:, j]))
            blocks.append(block - block.mean(axis=0))
            rough.append(np.array([smoother.penalty(g) * smoother.roughness for g in DEGREES]))
        features = np.column_stack(blocks)
        offsets = np.concatenate([[0], np.cumsum([b.shape[1] for b in blocks])]).astype(np.int64)
        gram = features.T @ features / n
        return cls(x, features, gram, features.T @ x / n, offsets, np.hstack(rough))

    def residual(self, v: int, predictors: Sequence[int]) -> Floats:
        """Residual (n,) of column v on curves of the predictors.

        The degrees of freedom of the curves are chosen by generalised cross-validation with
        inflated degrees (Kim and Gu 2004): one number for all, then each curve's neighbours, the
        curves in the order of their correlations with v.
        """
        if len(predictors) == 0:
            return self.x[:, v]
        predictors = sorted(predictors, key=lambda i: -abs(float(self.x[:, i] @ self.x[:, v])))
        blocks = [np.arange(self.offsets[i], self.offsets[i + 1]) for i in predictors]
        cols = np.concatenate(blocks)
        G, c = self.gram[np.ix_(cols, cols)] + RIDGE * np.eye(len(cols)), self.cross[cols, v]
        which = np.repeat(np.arange(len(blocks)), [len(b) for b in blocks])

        def fit(choice: NDArray[np.int64]) -> tuple[float, Floats]:
            inverse = np.linalg.inv(G + np.diag(self.rough[choice[which], cols]))
            beta = inverse @ c
            used = 1 + len(cols) - float((np.diag(inverse) * self.rough[choice[which], cols]).sum())
            left = max(1 - 2 * float(beta @ c) + float(beta @ G @ beta), 1e-12)
            return left / max(1 - INFLATE * used / len(self.x), 1e-6) ** 2, beta

        trials = [np.full(len(blocks), g) for g in range(len(DEGREES))]
        scored = [(*fit(choice), choice) for choice in trials]
        best, beta, choice = min(scored, key=lambda t: t[0])
        for i in range(len(blocks)):
            for step in (-1, 1):
                while 0 <= choice[i] + step < len(DEGREES):
                    trial = choice.copy()
                    trial[i] += step
                    value, other = fit(trial)
                    if value >= best:
                        break
                    best, beta, choice = value, other, trial
        return np.asarray(self.x[:, v] - self.features[:, cols] @ beta)
