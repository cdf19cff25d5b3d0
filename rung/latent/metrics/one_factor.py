"""Modularity: how far each code holds information about one factor alone."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from .arrays import Flags, Score, pair
from .information import binned_information

EMPTY = "{} code(s) hold no information about any factor and count as 0"
ONE_FACTOR = "one factor: every code that tells of it is modular by necessity"


def modularity(
    codes: ArrayLike,
    factors: ArrayLike,
    *,
    discrete_codes: Flags = False,
    discrete_factors: Flags = False,
    bins: int = 20,
) -> Score:
    """Modularity (Ridgeway and Mozer 2018, section 3).

    For each code, 1 minus the squared information about all factors but its best, over
    (m - 1) times the squared information about its best; averaged over codes.

    Parameters
    ----------
    codes : (n, k)
    factors : (n, m)
    discrete_codes, discrete_factors : bool or one bool a column
    bins : int
        Continuous columns are cut into that many bins of equal width.
    """
    p = pair(codes, factors, discrete_codes=discrete_codes, discrete_factors=discrete_factors)
    table, _ = binned_information(p, bins)
    best = table.max(axis=1)
    empty = best <= 0
    rest = (table**2).sum(axis=1) - best**2
    parts = 1 - rest / (np.where(empty, 1.0, best) ** 2 * max(1, p.m - 1))
    parts = np.where(empty, 0.0, parts)
    return Score(
        name="modularity",
        value=float(parts.mean()),
        parts=parts,
        per="code",
        table=table,
        meaning="mutual information in nats",
        notes=(
            *([EMPTY.format(empty.sum())] if empty.any() else []),
            *([ONE_FACTOR] if p.m == 1 else []),
        ),
        cites=("ridgeway2018",),
    )
