"""BIC of tables of levels; arrays as in `cells`."""

# mypy: allow-untyped-defs, allow-incomplete-defs
# (the types of arguments stand in the signature of each kernel)

from __future__ import annotations

import math

from numba import njit

from .discrete import family_gains, family_score
from .signatures import GAINS, LOCAL, OPTIONS


@njit(inline="always")
def each_configuration(v, F, I, P):
    """Penalty of a configuration of the parents of v."""
    d, n = int(F[0, 0, 0]), P.shape[0] - 1
    weight = 0.0
    for r in range(n):
        if F[0, 0, 1] == 0.0 or I[d + 1 + v, r] == 0:
            weight += P[r]
    return 0.5 * P[n] * math.log(max(weight, 2.0)) * (I[d, v] - 1)


@njit(GAINS, **OPTIONS)
def discrete_gains(v, parents, k, allowed, out, F, I, P, W):
    """BIC of a multinomial for each configuration of the parents; with each candidate added."""
    each = each_configuration(v, F, I, P)
    return family_gains(v, parents, k, allowed, out, each, 0.0, F, I, P, W)


@njit(LOCAL, **OPTIONS)
def discrete_local(v, parents, k, F, I, P, W):
    """BIC of node v given parents[:k], as in `discrete_gains`."""
    return family_score(v, parents, k, each_configuration(v, F, I, P), 0.0, F, I, P, W)
