"""Several answers at once: simultaneous intervals and false-discovery control."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..core.errors import InputError
from .intervals import Floats, check_level, quantile_of

DRAWS = 20_000


def max_t(
    covariance: Floats,
    level: float = 0.95,
    *,
    rng: np.random.Generator,
    df: float | None = None,
    draws: int = DRAWS,
) -> float:
    """Critical value of the largest |t| of estimates with this covariance (k, k).

    Estimate -+ value x standard error then covers all k truths together with probability
    `level` (Hothorn, Bretz and Westfall 2008). Never below the pointwise value nor above that
    of Bonferroni.
    """
    check_level(level)
    se = np.sqrt(np.diag(covariance))
    use = se > 0
    k = int(use.sum())
    single = quantile_of(level, df)
    if k <= 1:
        return single
    bound = quantile_of(1 - (1 - level) / k, df)
    correlation = covariance[np.ix_(use, use)] / np.outer(se[use], se[use])
    values, vectors = np.linalg.eigh(correlation)
    root = vectors * np.sqrt(np.clip(values, 0, None))
    z = rng.standard_normal((draws, k)) @ root.T
    if df is not None:
        z = z / np.sqrt(rng.chisquare(df, size=(draws, 1)) / df)
    return float(np.clip(np.quantile(np.abs(z).max(axis=1), level), single, bound))


def _pvalues(pvalues: ArrayLike) -> Floats:
    p = np.asarray(pvalues, dtype=np.float64)
    if p.ndim != 1 or not ((p >= 0) & (p <= 1)).all():
        raise InputError("expected a list of p-values between 0 and 1")
    return p


def holm(pvalues: ArrayLike) -> Floats:
    """Adjusted p-values that control the chance of any false rejection (Holm 1979)."""
    p = _pvalues(pvalues)
    order = np.argsort(p, kind="stable")
    factor = len(p) - np.arange(len(p))
    out = np.empty_like(p)
    out[order] = np.minimum(np.maximum.accumulate(p[order] * factor), 1.0)
    return out


def benjamini_hochberg(pvalues: ArrayLike) -> Floats:
    """Adjusted p-values that control the false discovery rate (Benjamini and Hochberg 1995)."""
    p = _pvalues(pvalues)
    m = len(p)
    order = np.argsort(p, kind="stable")
    scaled = p[order] * m / np.arange(1, m + 1)
    out = np.empty_like(p)
    out[order] = np.minimum(np.minimum.accumulate(scaled[::-1])[::-1], 1.0)
    return out


def two_sided(t: ArrayLike) -> NDArray[np.float64]:
    """Two-sided normal p-values of t statistics."""
    from scipy import special

    return np.asarray(2 * special.ndtr(-np.abs(np.asarray(t, dtype=np.float64))))
