"""Several answers at once: simultaneous intervals, adjusted p-values."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

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


def holm(p: Floats) -> Floats:
    """p-values (m,) adjusted for m tests, whatever their dependence (Holm 1979)."""
    p = np.asarray(p, dtype=np.float64)
    order = np.argsort(p, kind="stable")
    steps = (len(p) - np.arange(len(p))) * p[order]
    out = np.empty(len(p))
    out[order] = np.minimum(np.maximum.accumulate(steps), 1.0)
    return out


def benjamini_hochberg(p: Floats) -> Floats:
    """p-values (m,) adjusted so that those below alpha have a false-discovery rate of alpha.

    For independent or positively dependent tests (Benjamini and Hochberg 1995).
    """
    p = np.asarray(p, dtype=np.float64)
    m = len(p)
    order = np.argsort(p, kind="stable")[::-1]
    steps = p[order] * m / np.arange(m, 0, -1)
    out = np.empty(m)
    out[order] = np.minimum(np.minimum.accumulate(steps), 1.0)
    return out


def benjamini_yekutieli(p: Floats) -> Floats:
    """As `benjamini_hochberg`, whatever the dependence of the tests.

    Larger by 1 + 1/2 + ... + 1/m (Benjamini and Yekutieli 2001, theorem 1.3).
    """
    m = len(p)
    return np.minimum(benjamini_hochberg(p) * (1 / np.arange(1, m + 1)).sum(), 1.0)


@dataclass(frozen=True)
class Holm:
    """Control the chance of any false discovery, whatever the dependence (Holm 1979)."""

    def adjust(self, p: Floats) -> Floats:
        """Adjusted p-values (m,)."""
        return holm(p)


@dataclass(frozen=True)
class BenjaminiHochberg:
    """Control the false-discovery rate of positively dependent tests (1995)."""

    def adjust(self, p: Floats) -> Floats:
        """Adjusted p-values (m,)."""
        return benjamini_hochberg(p)


@dataclass(frozen=True)
class BenjaminiYekutieli:
    """Control the false-discovery rate, whatever the dependence of the tests (2001)."""

    def adjust(self, p: Floats) -> Floats:
        """Adjusted p-values (m,)."""
        return benjamini_yekutieli(p)
