"""MIG: the gap in information between the best code of a factor and the second."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from .arrays import Flags, Floats, Score, pair
from .information import binned_information

ALONE = "one code: the second best is no code, of which the figure is {}"


def mig(
    codes: ArrayLike,
    factors: ArrayLike,
    *,
    discrete_codes: Flags = False,
    discrete_factors: Flags = False,
    bins: int = 20,
) -> Score:
    """Mutual information gap (Chen, Li, Grosse and Duvenaud 2018, eq. 6).

    For each factor, the information of its best code minus that of the second, over the entropy
    of the factor; averaged. 1: each factor in one code alone. 0: in two codes alike, or in none.

    Parameters
    ----------
    codes : (n, k)
    factors : (n, m)
    discrete_codes, discrete_factors : bool or one bool a column
    bins : int
        Continuous columns are cut into that many bins of equal width (Locatello et al. 2019).
    """
    p = pair(codes, factors, discrete_codes=discrete_codes, discrete_factors=discrete_factors)
    table, entropies = binned_information(p, bins)
    gaps = gap(table) / entropies
    return Score(
        name="MIG",
        value=float(gaps.mean()),
        parts=gaps,
        per="factor",
        table=table,
        meaning="mutual information in nats",
        notes=() if p.k > 1 else (ALONE.format(0),),
        cites=("chen2018", "locatello2019"),
    )


def gap(table: Floats, nothing: Floats | None = None) -> Floats:
    """Best minus second best entry of each column (m,); with one row, minus `nothing` (zeros)."""
    if len(table) == 1:
        return table[0] - (0.0 if nothing is None else nothing)
    top = np.partition(table, len(table) - 2, axis=0)
    return top[-1] - top[-2]
