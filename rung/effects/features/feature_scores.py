"""Debiased scores of every feature: what leaving it out costs, and whether that is zero."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ...core.budget import Run
from .candidate_features import Columns
from .feature_learners import BoundFeatureLearner

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Rows = NDArray[np.bool_]
ROOMY = 5  # rows a column from which one inverse gives all projections


@dataclass(frozen=True, eq=False)
class Scores:
    """Of d features.

    Parameters
    ----------
    gain, se : (d,) cross-fitted squared error without the feature, less that with it
    p : (d,) p-values of a gain of zero
    paired : (d,) p-values of the paired t-test of the gain, as published
    left : (d,) share of the feature's variance that the others do not explain
    rows : how many rows were compared; fewer than all if a budget ended
    """

    gain: Floats
    se: Floats
    p: Floats
    paired: Floats
    left: Floats
    rows: int


def scores(
    columns: Columns,
    bound: BoundFeatureLearner,
    y: Floats,
    folds: Ints,
    *,
    lines: bool,
    units: Ints | None,
    run: Run,
) -> Scores:
    """Fit on all folds but one, and without each feature; compare on the one left out.

    The gain of feature j is the mean of (y - g_j)^2 - (y - g)^2, the debiased score of
    chi_j = E[(g - g_j)^2] (its Riesz representer is g itself). Where chi_j = 0 this score
    vanishes to first order, so the p-value is that of its leading factor instead,
    E[(y - g_j) (h - E[h | others])] = 0, for h the feature's own columns (two-sided) and, beyond
    `lines`, for the part of a regression fitted on earlier folds that depends on the feature
    (one-sided; a sum of martingale differences). The smaller p-value counts, doubled. A spent
    budget leaves out the folds that are left, all but the first two.
    """
    d, n = int(columns.owner.max()) + 1, len(y)
    without = np.empty((d, n))  # y - g_j, out of fold
    full = np.empty(n)
    own = _Own(columns if not lines else columns.only_linear(), n)
    learned = np.zeros((2, d))  # weighted sum of the z-values of folds, and its variance
    labels = np.unique(folds)
    done = np.zeros(n, dtype=bool)
    for step, k in enumerate(labels):
        if run.spent and step > 1:
            break
        done |= folds == k
        train, test = folds != k, folds == k
        fit = bound.fit(train, y)
        full[test] = (y - fit.mean)[test]
        without[:, test] = full[test]
        own.project(train, test)
        earlier = None if lines or not step else bound.fit(np.isin(folds, labels[:step]), y)
        for j in range(d):
            if fit.uses[j]:
                without[j, test] = (y - bound.fit(train, y, j).mean)[test]
            if earlier is not None and earlier.uses[j]:
                h = earlier.part(j)
                h = (h - bound.projection(train, h, j))[test]
                z = _z(h * without[j, test], h * full[test], units, test)
                learned[:, j] += step * z, step**2
            if j % 16 == 0:
                run.tick((step + j / d) / len(labels), "features")
    own.residual, units = own.residual[:, done], None if units is None else units[done]
    return _compared(without[:, done], full[done], own, None if lines else learned, units)


def _compared(
    without: Floats, full: Floats, own: _Own, learned: Floats | None, units: Ints | None
) -> Scores:
    d, n = without.shape
    gain, se, paired = _gains(without**2 - full**2, units)
    p = own.pvalues(without, full, units, d)
    if learned is not None:
        p = np.minimum(2 * np.minimum(p, _upper(learned)), 1.0)
    return Scores(gain, se, p, paired, own.left(d), n)


def _z(psi: Floats, noise: Floats, units: Ints | None, rows: Rows) -> float:
    """Mean of scores over its standard error, of the scores that remain at the full fit."""
    psi, noise = _by_unit(np.stack([psi, noise]), None if units is None else units[rows])
    spread = float(np.sqrt((noise**2).mean()))
    return float(psi.mean() / spread * np.sqrt(len(psi))) if spread > 0 else 0.0


def _upper(learned: Floats) -> Floats:
    from scipy import special

    z = learned[0] / np.sqrt(np.maximum(learned[1], 1e-300))
    return np.where(learned[1] > 0, special.ndtr(-z), 1.0)


def _by_unit(psi: Floats, units: Ints | None) -> Floats:
    """Scores (q, n), summed within units where rows are not independent."""
    if units is None:
        return psi
    _, at = np.unique(units, return_inverse=True)
    out = np.zeros((len(psi), int(at.max()) + 1))
    np.add.at(out.T, at.ravel(), psi.T)
    return out


def _gains(gain: Floats, units: Ints | None) -> tuple[Floats, Floats, Floats]:
    """Means, standard errors and p-values of the paired t-test, of gains (d, n)."""
    from scipy import special

    n = gain.shape[1]
    summed = _by_unit(gain, units)
    m = summed.shape[1]
    mean = gain.mean(axis=1)
    se = summed.std(axis=1, ddof=1) * np.sqrt(m) / n
    t = np.where(se > 0, mean / np.where(se > 0, se, 1.0), 0.0)
    return mean, se, np.where(se > 0, special.stdtr(m - 1, -t), 1.0)


class _Own:
    """The features' own columns, less what the others say about them, out of fold."""

    def __init__(self, columns: Columns, n: int) -> None:
        self.columns = columns
        self.targets = np.flatnonzero(columns.linear)
        self.of = columns.owner[self.targets]
        self.residual = np.empty((len(self.targets), n))

    def project(self, train: Rows, test: Rows) -> None:
        """Residuals of the rows `test`, by regressions on the rows `train`."""
        M = self.columns.values
        part = M[:, train]
        means = part.mean(axis=1, keepdims=True)
        part = part - means
        size = part.shape[1]
        G = part @ part.T / size
        scale = np.sqrt(np.maximum(np.diag(G), 1e-12))
        G /= np.outer(scale, scale)
        ahead = (M[:, test] - means) / scale[:, None]
        if len(M) * ROOMY <= size:
            self.residual[:, test] = _all_at_once(G, self.columns.owner, self.targets, ahead)
        else:
            self.residual[:, test] = _one_by_one(G, self.columns.owner, self.targets, ahead, size)

    def pvalues(self, without: Floats, full: Floats, units: Ints | None, d: int) -> Floats:
        """p-values (d,) of E[(y - g_j) residual] = 0, its variance that at the full fit."""
        from scipy import special

        out = np.ones(d)
        for j in range(d):
            psi = _by_unit(self.residual[self.of == j] * without[j], units)
            q, m = psi.shape
            noise = _by_unit(self.residual[self.of == j] * full, units)
            S = noise @ noise.T / m
            if not np.isfinite(S).all() or np.trace(S) <= 0 or m <= q + 1:
                continue
            mean = psi.mean(axis=1)
            T = float(m * mean @ np.linalg.pinv(S, hermitian=True) @ mean)
            out[j] = special.fdtrc(q, m - q, T * (m - q) / (q * (m - 1)))
        return out

    def left(self, d: int) -> Floats:
        """Share (d,) of variance that the others leave; of a category its largest column's."""
        share = np.minimum((self.residual**2).mean(axis=1), 1.0)
        return np.array([share[self.of == j].max() for j in range(d)])


def _all_at_once(G: Floats, owner: Ints, targets: Ints, ahead: Floats) -> Floats:
    """Residuals of each feature's columns given the others, from one inverse.

    With P the inverse of all cross-products and J the columns of a feature, the residual of J on
    the rest is X P[:, J] P[J, J]^-1.
    """
    P = np.linalg.inv(G + 1e-9 * np.eye(len(G)))
    residual = np.empty((len(targets), ahead.shape[1]))
    for j in np.unique(owner):
        mine = np.flatnonzero(owner == j)
        W = np.linalg.solve(P[np.ix_(mine, mine)], P[mine])
        at = np.flatnonzero(owner[targets] == j)
        residual[at] = W[np.isin(mine, targets[at])] @ ahead
    return residual


def _one_by_one(G: Floats, owner: Ints, targets: Ints, ahead: Floats, rows: int) -> Floats:
    """The same by the lasso, where columns are many, with least squares on what it keeps."""
    from ...kernels.coordinate import lasso_each

    p = len(G)
    B = np.empty((len(targets), p))
    level = float(np.sqrt(2 * np.log(max(p, 2)) / rows))
    lasso_each(np.ascontiguousarray(G), owner, targets.astype(np.int64), level, B)
    residual = np.empty((len(targets), ahead.shape[1]))
    for i, t in enumerate(targets):
        kept = np.flatnonzero(B[i])
        if len(kept) > rows / 3:
            kept = kept[np.argsort(-np.abs(B[i][kept]))[: rows // 3]]
        residual[i] = ahead[t]
        if len(kept):
            A = G[np.ix_(kept, kept)] + 1e-8 * np.eye(len(kept))
            residual[i] -= np.linalg.solve(A, G[kept, t]) @ ahead[kept]
    return residual
