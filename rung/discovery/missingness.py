"""What can be seen of why cells are missing."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.special import stdtr

from ..core.data import Data
from ..inference.multiplicity import holm

Floats = NDArray[np.float64]


def dependence(rows: Floats) -> Floats:
    """p-values (d, d): [k, j] that column k has the same mean whether or not j is missing.

    Welch's test on the rows in which k is there; 1 where either part has fewer than 5 rows, and
    on the diagonal. Source: Welch (1947).
    """
    mask = np.isnan(rows)
    there = (~mask).astype(float)
    centre = np.where(mask, 0.0, rows - np.nanmean(rows, axis=0))
    out = np.ones((rows.shape[1],) * 2)
    parts = []
    for rest in (mask.astype(float), there):  # j missing, j there
        n = there.T @ rest
        with np.errstate(divide="ignore", invalid="ignore"):
            mean = (centre.T @ rest) / n
            var = ((centre**2).T @ rest - n * mean**2) / (n - 1)
        parts.append((n, mean, var))
    (n0, m0, v0), (n1, m1, v1) = parts
    with np.errstate(divide="ignore", invalid="ignore"):
        a, b = v0 / n0, v1 / n1
        t = np.abs(m0 - m1) / np.sqrt(a + b)
        df = (a + b) ** 2 / (a**2 / (n0 - 1) + b**2 / (n1 - 1))
        p = 2 * stdtr(df, -t)
    fine = (n0 >= 5) & (n1 >= 5) & np.isfinite(p)
    np.fill_diagonal(fine, False)
    out[fine] = p[fine]
    return out


def describe(data: Data, alpha: float = 0.05) -> list[str]:
    """Sentences on which columns differ where others are missing, all pairs by Holm's method."""
    p = dependence(data.matrix())
    holes = np.flatnonzero(data.mask.any(axis=0))
    tested = p[:, holes][~np.eye(data.d, dtype=bool)[:, holes]]
    keep = np.zeros(p.shape, dtype=bool)
    inside = ~np.eye(data.d, dtype=bool)
    inside[:, np.setdiff1d(np.arange(data.d), holes)] = False
    keep[inside] = holm(p[inside]) <= alpha
    names = data.names
    if not keep.any():
        return [
            f"none of {tested.size} comparisons shows that being missing depends on other columns "
            "(Welch's tests, Holm's method); this does not show that it does not"
        ]
    shown = [
        f"{names[j]} on {', '.join(names[k] for k in np.flatnonzero(keep[:, j])[:3])}"
        for j in np.flatnonzero(keep.any(axis=0))
    ]
    more = "; ..." if len(shown) > 4 else ""
    return [
        "cells are not missing completely at random: being missing goes with the values of other "
        f"columns ({'; '.join(shown[:4])}{more}; {int(keep.sum())} of {tested.size} comparisons, "
        "Welch's tests, Holm's method): complete cases would be a biased selection"
    ]
