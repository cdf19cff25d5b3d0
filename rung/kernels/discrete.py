"""Likelihoods of tables of levels, a node given its parents; arrays as in `cells`."""

# mypy: allow-untyped-defs, allow-incomplete-defs
# (the types of arguments stand in the signature of each kernel)

from __future__ import annotations

import math

import numpy as np
from numba import njit

from .cells import cells, sorted_rows, usable
from .signatures import F1, F3, I1, I2, INNER, U1, float64, int64


@njit(float64(F1, int64, int64, float64), **INNER)
def stratum(table, at, size, prior):
    """Log-likelihood of counts table[at : at + size] at their shares, without a prior.

    With a prior, the log marginal likelihood under a symmetric Dirichlet distribution of that
    total (Heckerman, Geiger and Chickering 1995, eq. 35).
    """
    whole, out = 0.0, 0.0
    for a in range(at, at + size):
        whole += table[a]
    if whole <= 0.0:
        return 0.0
    if prior <= 0.0:
        for a in range(at, at + size):
            if table[a] > 0.0:
                out += table[a] * math.log(table[a])
        return out - whole * math.log(whole)
    each = prior / size
    first = math.lgamma(each)
    for a in range(at, at + size):
        if table[a] > 0.0:
            out += math.lgamma(table[a] + each) - first
    return out + math.lgamma(prior) - math.lgamma(whole + prior)


@njit(float64(I1, int64, I1, int64, float64, F1, F1), **INNER)
def likelihood(keys, strata, codes, size, prior, P, W):
    """Sum of `stratum` over the strata keys[r] of the rows, with levels codes[r]."""
    n = keys.shape[0]
    out = 0.0
    if strata * size <= W.shape[0]:
        W[: strata * size] = 0.0
        for r in range(n):
            if keys[r] >= 0:
                W[keys[r] * size + codes[r]] += P[r]
        for s in range(strata):
            out += stratum(W, s * size, size, prior)
        return out
    order = sorted_rows(keys)
    table = np.zeros(size)
    at = 0
    while at < n and keys[order[at]] < 0:
        at += 1
    while at < n:
        here = keys[order[at]]
        table[:] = 0.0
        while at < n and keys[order[at]] == here:
            r = order[at]
            table[codes[r]] += P[r]
            at += 1
        out += stratum(table, 0, size, prior)
    return out


@njit(float64(int64, I1, int64, U1, F1, float64, float64, F3, I2, F1, F1), **INNER)
def family_gains(v, parents, k, allowed, out, each, prior, F, I, P, W):
    """Likelihood of node v given its parents, and into `out` with each allowed candidate added.

    `each` is taken off for every configuration of the parents; a positive `prior` is divided by
    their number.
    """
    d = int(F[0, 0, 0])
    n = I.shape[1]
    keys = np.empty(n, dtype=np.int64)
    usable(keys, v, v, I, P, d)
    strata = cells(keys, parents, k, I, d)
    configurations = 1.0
    for i in range(k):
        configurations *= I[d, parents[i]]
    size = I[d, v]
    codes = I[v]
    base = likelihood(keys, strata, codes, size, prior / configurations, P, W)
    base -= each * configurations
    more = np.empty(n, dtype=np.int64)
    for c in range(out.shape[0]):
        if allowed[c] == 0:
            continue
        levels = I[d, c]
        other = I[c]
        for r in range(n):
            more[r] = keys[r] * levels + other[r] if keys[r] >= 0 else -1
        share = prior / (configurations * levels)
        out[c] = likelihood(more, strata * levels, codes, size, share, P, W)
        out[c] -= each * configurations * levels
    return base
