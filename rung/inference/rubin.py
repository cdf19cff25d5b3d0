"""Rubin's rules: one answer from the answers on several completed tables."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..core.errors import InputError

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Pooled:
    """k estimates over m completed tables.

    Parameters
    ----------
    values : (k,) mean over the tables
    covariance : (k, k) total covariance, within tables and between them
    freedom : (k,) degrees of freedom of Student's t (Barnard and Rubin 1999)
    fraction : (k,) fraction of missing information
    tables : int
    """

    values: Floats
    covariance: Floats
    freedom: Floats
    fraction: Floats
    tables: int


def pool(values: ArrayLike, within: ArrayLike, freedom: float = np.inf) -> Pooled:
    """Combine by Rubin's rules (Rubin 1987, section 3.3; Barnard and Rubin 1999, equation 3).

    Total covariance T = W + (1 + 1/m) B, with W the mean within the tables and B the covariance
    between them. With lambda = (1 + 1/m) B / T, the degrees of freedom are the harmonic
    combination of (m - 1) / lambda^2 and (v + 1) / (v + 3) v (1 - lambda), where v = `freedom` are
    those that a table without missing cells has.

    Parameters
    ----------
    values : (m, k)
    within : (m, k, k)
        Their covariances on each table.
    """
    q, u = np.asarray(values, dtype=np.float64), np.asarray(within, dtype=np.float64)
    if q.ndim != 2 or u.shape != (*q.shape, q.shape[1]):
        raise InputError(
            f"values have shape {q.shape} and covariances {u.shape}: (m, k), (m, k, k)"
        )
    m = len(q)
    if m < 2:
        raise InputError(f"Rubin's rules need at least 2 completed tables, not {m}")
    if not freedom > 0:
        raise InputError(f"freedom={freedom}: expected a positive number of degrees of freedom")
    mean, inside = q.mean(axis=0), u.mean(axis=0)
    between = np.atleast_2d(np.cov(q.T, ddof=1)) * (1 + 1 / m)
    total = inside + between
    variance = np.diag(total)
    share = np.divide(np.diag(between), variance, out=np.zeros(q.shape[1]), where=variance > 0)
    share = np.clip(share, 1e-12, 1.0)
    old = (m - 1) / share**2
    seen = np.full(q.shape[1], np.inf)
    if np.isfinite(freedom):
        seen = (freedom + 1) / (freedom + 3) * freedom * (1 - share)
    with np.errstate(divide="ignore"):
        df = 1.0 / (1.0 / old + 1.0 / seen)
    df = np.maximum(df, 1e-6)
    ratio = share / np.maximum(1 - share, 1e-12)
    fraction = (ratio + 2 / (df + 3)) / (1 + ratio)
    fraction = np.where(share <= 1e-12, 0.0, np.minimum(fraction, 1.0))
    return Pooled(mean, total, df, fraction, m)
