"""Normal scores: numbers replaced by normal quantiles of their ranks."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray


def normal_scores(column: NDArray[Any], offset: float = 0.0) -> NDArray[np.float64]:
    """Normal quantile of (rank - a) / (n + 1 - 2 a) of each number (n,), a the offset.

    Ties have their mean rank; NaN stays and is not counted. The offset is 0 for van der Waerden's
    scores (1952), 1/2 for Hazen's mid-ranks.
    """
    from scipy.special import ndtri

    x = np.asarray(column, dtype=np.float64)
    out = np.full(len(x), np.nan)
    here = ~np.isnan(x)
    _, inverse, count = np.unique(x[here], return_inverse=True, return_counts=True)
    rank = np.cumsum(count) - (count - 1) / 2.0
    share = (rank - offset) / (here.sum() + 1.0 - 2.0 * offset)
    out[here] = ndtri(share)[inverse.ravel()]
    return out
