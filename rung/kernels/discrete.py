"""Likelihoods of tables of levels, a node given its parents; arrays as in `cells`."""

# mypy: allow-untyped-defs, allow-incomplete-defs
# (the types of arguments stand in the signature of each kernel)

from __future__ import annotations

import math

import numpy as np
from numba import njit
from numba.types import UniTuple

from .bits import cell_number, count, rows_for
from .cells import cells, sorted_rows, usable
from .signatures import F1, I1, INNER, float64, int64


@njit(float64(F1, int64, int64, int64, float64, UniTuple(float64, 2)), **INNER)
def stratum(table, at, size, step, prior, alone):
    """Log-likelihood of `size` counts, each `step` after the one before, at their shares.

    With a positive prior, the log marginal likelihood under a symmetric Dirichlet distribution of
    that total (Heckerman, Geiger and Chickering 1995, eq. 35); `alone` as `without_rows` says.
    """
    whole, out = 0.0, 0.0
    for a in range(at, at + size * step, step):
        whole += table[a]
    if whole <= 0.0:
        return 0.0
    if prior <= 0.0:
        for a in range(at, at + size * step, step):
            if table[a] > 0.0:
                out += table[a] * math.log(table[a])
        return out - whole * math.log(whole)
    each = prior / size
    for a in range(at, at + size * step, step):
        if table[a] > 0.0:
            out += math.lgamma(table[a] + each) - alone[1]
    return out + alone[0] - math.lgamma(whole + prior)


@njit(UniTuple(float64, 2)(float64, int64), **INNER)
def without_rows(prior, size):
    """Log gamma of the prior of a stratum, and of its share of each level; 0 without a prior."""
    return (math.lgamma(prior), math.lgamma(prior / size)) if prior > 0.0 else (0.0, 0.0)


@njit(float64(I1, int64, I1, int64, float64, F1, F1), **INNER)
def likelihood(keys, strata, codes, size, prior, P, W):
    """Sum of `stratum` over the strata keys[r] of the rows, with levels codes[r]."""
    n = keys.shape[0]
    out, alone = 0.0, without_rows(prior, size)
    if strata * size <= W.shape[0]:
        for i in range(strata * size):
            W[i] = 0.0
        for r in range(n):
            if keys[r] >= 0:
                W[keys[r] * size + codes[r]] += P[r]
        for s in range(strata):
            out += stratum(W, s * size, size, 1, prior, alone)
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
        out += stratum(table, 0, size, 1, prior, alone)
    return out


@njit(float64(F1, int64, int64, int64, float64), **INNER)
def table_likelihood(table, configurations, size, levels, prior):
    """Sum of `stratum` over counts at (configuration * size + level of the node) * levels + level.

    A positive `prior` is divided by the number of strata.
    """
    out, share = 0.0, prior / (configurations * levels)
    alone = without_rows(share, size)
    for q in range(configurations):
        for level in range(levels):
            out += stratum(table, q * size * levels + level, size, levels, share, alone)
    return out


@njit(inline="always")
def table_room(F, W):
    """How many cells a table may have that is counted by sets of rows; 0 if there are no sets."""
    return min(W.shape[0] // 2, 8 * int(F[0, 0, 5]) + 1024) if F[0, 0, 2] > 0.0 else 0


@njit(inline="always")
def joined(parents, k, v):
    """The first k parents, and v."""
    out = np.empty(k + 1, dtype=np.int64)
    for i in range(k):
        out[i] = parents[i]
    out[k] = v
    return out


@njit(inline="always")
def family_score(v, parents, k, each, prior, F, I, P, W):
    """Likelihood of node v given its parents.

    `each` is taken off for every configuration of the parents; a positive `prior` is divided by
    their number.
    """
    d, size = int(F[0, 0, 0]), I[int(F[0, 0, 0]), v]
    configurations = cell_number(parents, k, I, d)
    less, share = each * configurations, prior / configurations
    if configurations * size <= table_room(F, W):
        members, rows = joined(parents, k, v), rows_for(v, F)
        count(members, k + 1, members, 0, rows, rows, I, F, W)
        return table_likelihood(W, int(configurations), size, 1, prior) - less
    keys = np.empty(int(F[0, 0, 5]), dtype=np.int64)
    usable(keys, v, v, I, F, P)
    strata = cells(keys, parents, k, I, d)
    return likelihood(keys, strata, I[v], size, share, P, W) - less


@njit(inline="always")
def gains_by_sets(v, parents, k, total, allowed, out, prior, F, I, W):
    """Likelihoods with each candidate whose table, `total` times its levels, there is room for."""
    d, size, most = int(F[0, 0, 0]), I[int(F[0, 0, 0]), v], table_room(F, W)
    members, rows = joined(parents, k, v), rows_for(v, F)
    others, c = np.empty(out.shape[0], dtype=np.int64), 0
    while c < out.shape[0]:
        # as many at a time as the scratch space can hold
        q, room = 0, W.shape[0] - total
        while c < out.shape[0]:
            if allowed[c] and total * I[d, c] <= most:
                if total * I[d, c] > room:
                    break
                others[q] = c
                room -= total * I[d, c]
                q += 1
            c += 1
        count(members, k + 1, others, q, rows, rows, I, F, W)
        begin = total
        for i in range(q):
            levels = I[d, others[i]]
            out[others[i]] = table_likelihood(W[begin:], total // size, size, levels, prior)
            begin += total * levels


@njit(inline="always")
def family_gains(v, parents, k, allowed, out, each, prior, F, I, P, W):
    """`family_score`, and into `out` the same with each allowed candidate added to the parents."""
    d, n = int(F[0, 0, 0]), int(F[0, 0, 5])
    configurations, most = cell_number(parents, k, I, d), table_room(F, W)
    total, wide = configurations * I[d, v], False
    if total <= most:
        gains_by_sets(v, parents, k, int(total), allowed, out, prior, F, I, W)
    for c in range(out.shape[0]):
        wide |= allowed[c] != 0 and total * I[d, c] > most
    if wide:
        keys, more = np.empty(n, dtype=np.int64), np.empty(n, dtype=np.int64)
        usable(keys, v, v, I, F, P)
        strata = cells(keys, parents, k, I, d)
        for c in range(out.shape[0]):
            levels = I[d, c]
            if allowed[c] and total * levels > most:
                for r in range(n):
                    more[r] = keys[r] * levels + I[c, r] if keys[r] >= 0 else -1
                share = prior / (configurations * levels)
                out[c] = likelihood(more, strata * levels, I[v], I[d, v], share, P, W)
    for c in range(out.shape[0]):
        if allowed[c]:
            out[c] -= each * configurations * I[d, c]
    return family_score(v, parents, k, each, prior, F, I, P, W)
