"""BIC of tables of levels; arrays as in `cells`."""

# mypy: allow-untyped-defs, allow-incomplete-defs
# (the types of arguments stand in the signature of each kernel)

from __future__ import annotations

import math

import numpy as np
from numba import njit

from .discrete import family_gains
from .signatures import GAINS, LOCAL, OPTIONS


@njit(GAINS, **OPTIONS)
def discrete_gains(v, parents, k, allowed, out, F, I, P, W):
    """BIC of a multinomial for each configuration of the parents; with each candidate added."""
    d = int(F[0, 0, 0])
    n = P.shape[0] - 1
    masked = I.shape[0] > d + 1
    weight = 0.0
    for r in range(n):
        if not masked or I[d + 1 + v, r] == 0:
            weight += P[r]
    each = 0.5 * P[n] * math.log(max(weight, 2.0)) * (I[d, v] - 1)
    return family_gains(v, parents, k, allowed, out, each, 0.0, F, I, P, W)


@njit(LOCAL, **OPTIONS)
def discrete_local(v, parents, k, F, I, P, W):
    """BIC of node v given parents[:k], as in `discrete_gains`."""
    none = np.zeros(1, dtype=np.uint8)
    out = np.empty(1)
    return discrete_gains(v, parents, k, none, out, F, I, P, W)
