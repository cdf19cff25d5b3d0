"""Several answers at once: simultaneous intervals, tests taken together."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

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


def holm(p: Floats, alpha: float) -> NDArray[np.bool_]:
    """Which p-values are significant together, by Holm's method (1979); those of 1 do not count.

    Any of them is a false one with probability `alpha` at most.
    """
    flat = p[p < 1]
    ranked = np.sort(flat)
    passed = ranked <= alpha / (len(ranked) - np.arange(len(ranked)))
    stop = len(passed) if passed.all() else int(passed.argmin())
    return np.asarray(p <= (ranked[stop - 1] if stop else -1.0))
