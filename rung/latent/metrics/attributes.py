"""SAP: the gap in prediction between the best single code of a factor and the second."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .arrays import Flags, Floats, Score, pair
from .correlation import standard
from .gap import ALONE, gap
from .information import Ints


def sap(
    codes: ArrayLike,
    factors: ArrayLike,
    *,
    discrete_factors: Flags = False,
) -> Score:
    """Separated attribute predictability (Kumar, Sattigeri and Balakrishnan 2018, section 3).

    For a continuous factor a code scores the R2 of a line; for a discrete one, the best balanced
    accuracy of thresholds on the code, one stretch of the code a level, levels in the order of
    their mean codes. The score of the second-best code is taken from that of the best, and the
    gaps are averaged. In sample: a line or a few thresholds do not overfit.

    Parameters
    ----------
    codes : (n, k)
        Numbers.
    factors : (n, m)
    discrete_factors : bool or one bool a column
    """
    p = pair(codes, factors, discrete_factors=discrete_factors)
    z, table, nothing = standard(p.codes), np.empty((p.k, p.m)), np.zeros(p.m)
    for i, (s, discrete) in enumerate(zip(p.factors.T, p.discrete_factors, strict=True)):
        if discrete:
            labels = s.astype(np.intp)
            table[:, i] = [balanced_accuracy(z[:, j], labels) for j in range(p.k)]
            nothing[i] = 1 / len(np.unique(labels))
        else:
            table[:, i] = (z.T @ standard(s[:, None])[:, 0] / p.n) ** 2
    parts = gap(table, nothing)
    return Score(
        name="SAP",
        value=float(parts.mean()),
        parts=parts,
        per="factor",
        table=table,
        meaning="R2 of a line (continuous) or balanced accuracy of thresholds (discrete)",
        notes=() if p.k > 1 else (ALONE.format("0 for R2 and chance for accuracy"),),
        cites=("kumar2018",),
    )


def balanced_accuracy(code: NDArray[np.float64], labels: Ints) -> float:
    """The best mean share of each level's rows that thresholds on the code get right.

    Dynamic programming over the distinct values of the code, exact for the given order of levels.
    """
    counts = np.bincount(labels)
    means = np.bincount(labels, weights=code) / counts
    values, at = np.unique(code, return_inverse=True)
    best: Floats = np.zeros(len(values) + 1)
    for level in np.argsort(means, kind="stable"):
        own = np.bincount(at[labels == level], minlength=len(values)) / counts[level]
        right = np.concatenate([[0.0], np.cumsum(own)])
        best = right + np.maximum.accumulate(best - right)
    return float(best[-1] / len(counts))
