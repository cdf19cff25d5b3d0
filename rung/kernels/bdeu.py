"""BDeu of tables of levels; arrays as in `cells`."""

# mypy: allow-untyped-defs, allow-incomplete-defs
# (the types of arguments stand in the signature of each kernel)

from __future__ import annotations

from numba import njit

from .discrete import family_gains, family_score
from .signatures import GAINS, LOCAL, OPTIONS


@njit(GAINS, **OPTIONS)
def bdeu_gains(v, parents, k, allowed, out, F, I, P, W):
    """BDeu of node v given parents, less a penalty for each; with each candidate added."""
    n = P.shape[0] - 2
    base = family_gains(v, parents, k, allowed, out, 0.0, P[n], F, I, P, W)
    for c in range(out.shape[0]):
        if allowed[c]:
            out[c] -= P[n + 1] * (k + 1)
    return base - P[n + 1] * k


@njit(LOCAL, **OPTIONS)
def bdeu_local(v, parents, k, F, I, P, W):
    """BDeu of node v given parents[:k], as in `bdeu_gains`."""
    n = P.shape[0] - 2
    return family_score(v, parents, k, 0.0, P[n], F, I, P, W) - P[n + 1] * k
