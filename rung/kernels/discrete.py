"""Tests and scores on codes of levels, and conditional Gaussian scores on codes and numbers.

Arrays: I[j] are the codes (n,) of variable j, -1 where missing; I[d, :d] the numbers of levels,
0 for a continuous variable; then, if there are conditions with targets, d rows that are not 0
where a row's condition targets variable j. F[0, 0, 0] is d, F[0, 1 + j] the standardised values
(n,) of a continuous variable j. P: weights (n,), then the penalty; for BDeu the penalty of a parent
and, before it, the equivalent sample size: (n + 2,).
"""

# mypy: allow-untyped-defs, allow-incomplete-defs
# (the types of arguments stand in the signature of each kernel)

from __future__ import annotations

import math

import numpy as np
from numba import njit

from .signatures import F1, F3, GAINS, I1, I2, INNER, LOCAL, OPTIONS, TEST, U1, float64, int64
from .special import chi2_sf

WIDE = 2**40


@njit(I1(I1), **INNER)
def sorted_rows(keys):
    """Row numbers by increasing key; one function, since compiling a sort takes long."""
    return np.argsort(keys)


@njit(int64(I1, int64, int64), **INNER)
def compress(keys, n, total):
    """Number the distinct keys[:n] 0, 1, ... in their order, -1 staying; returns how many."""
    if total <= 4 * n + 1024:
        rank = np.zeros(total, dtype=np.int64)
        for r in range(n):
            if keys[r] >= 0:
                rank[keys[r]] = 1
        count = 0
        for i in range(total):
            if rank[i]:
                rank[i] = count
                count += 1
        for r in range(n):
            if keys[r] >= 0:
                keys[r] = rank[keys[r]]
        return count
    order = sorted_rows(keys)
    count, last = -1, -1
    for i in range(n):
        r = order[i]
        if keys[r] < 0:
            continue
        if count < 0 or keys[r] != last:
            count += 1
            last = keys[r]
        keys[r] = count
    return count + 1


@njit(int64(I1, I1, int64, I2, int64), **INNER)
def cells(keys, S, k, I, d):
    """The configuration of variables S[:k] in each row, numbered; continuous ones play no part.

    Rows that are -1 in `keys` or missing in S stay out. Returns the number of configurations.
    """
    n = keys.shape[0]
    total = 1
    for i in range(k):
        size = I[d, S[i]]
        if size == 0:
            continue
        if total * size > WIDE:
            total = compress(keys, n, total)
        codes = I[S[i]]
        for r in range(n):
            if keys[r] >= 0:
                keys[r] = keys[r] * size + codes[r] if codes[r] >= 0 else -1
        total *= size
    return compress(keys, n, total)


@njit(int64(I1, int64, int64, I2, F1, int64), **INNER)
def usable(keys, x, y, I, P, d):
    """0 in the rows that may speak about x and y, else -1; whether conditions have targets."""
    n = keys.shape[0]
    masked = I.shape[0] > d + 1
    for r in range(n):
        fine = P[r] > 0.0
        if masked and (I[d + 1 + x, r] != 0 or I[d + 1 + y, r] != 0):
            fine = False
        keys[r] = 0 if fine else -1
    return 1 if masked else 0


@njit(TEST, **OPTIONS)
def g2(x, y, S, k, F, I, P, W):
    """G-test of x and y in the strata of S; a stratum counts the levels that occur in it."""
    d = int(F[0, 0, 0])
    n = P.shape[0] - 1
    keys = np.empty(n, dtype=np.int64)
    usable(keys, x, y, I, P, d)
    for r in range(n):
        if I[x, r] < 0 or I[y, r] < 0:
            keys[r] = -1
    strata = cells(keys, S, k, I, d)
    rx, ry = I[d, x], I[d, y]
    size = rx * ry
    left, top = np.empty(rx), np.empty(ry)
    stat, df = 0.0, 0
    whole = strata * size <= W.shape[0]
    order = np.empty(0, dtype=np.int64)
    if whole:
        W[: strata * size] = 0.0
        for r in range(n):
            if keys[r] >= 0:
                W[keys[r] * size + I[x, r] * ry + I[y, r]] += P[r]
    else:
        order = sorted_rows(keys)
    at = 0
    table = np.zeros(size)
    while at < order.shape[0] and keys[order[at]] < 0:
        at += 1
    for s in range(strata):
        if whole:
            table = W[s * size : (s + 1) * size]
        else:
            table[:] = 0.0
            while at < order.shape[0] and keys[order[at]] == s:
                r = order[at]
                table[I[x, r] * ry + I[y, r]] += P[r]
                at += 1
        left[:] = 0.0
        top[:] = 0.0
        total = 0.0
        for a in range(rx):
            for b in range(ry):
                left[a] += table[a * ry + b]
                top[b] += table[a * ry + b]
            total += left[a]
        some_x, some_y = 0, 0
        for a in range(rx):
            some_x += left[a] > 0.0
        for b in range(ry):
            some_y += top[b] > 0.0
        if some_x < 2 or some_y < 2:
            continue
        df += (some_x - 1) * (some_y - 1)
        for a in range(rx):
            for b in range(ry):
                c = table[a * ry + b]
                if c > 0.0:
                    stat += c * math.log(c * total / (left[a] * top[b]))
    return chi2_sf(2.0 * max(stat, 0.0), df)


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
def discrete_local(v, parents, k, F, I, P, W):
    """BIC of node v given parents[:k], as in `discrete_gains`."""
    none = np.zeros(1, dtype=np.uint8)
    out = np.empty(1)
    return discrete_gains(v, parents, k, none, out, F, I, P, W)


@njit(LOCAL, **OPTIONS)
def bdeu_local(v, parents, k, F, I, P, W):
    """BDeu of node v given parents[:k], as in `bdeu_gains`."""
    none = np.zeros(1, dtype=np.uint8)
    out = np.empty(1)
    return bdeu_gains(v, parents, k, none, out, F, I, P, W)


@njit(float64(I1, I1, int64, float64, float64, F3, I2, F1, F1), **INNER)
def conditional_gaussian(base, A, k, weight, each, F, I, P, W):
    """Penalised log-likelihood of the variables A[:k]: cells of the discrete ones, in each a
    Gaussian of the continuous ones.

    Cells with fewer than twice as many rows as continuous variables, plus 4, share one covariance.
    """
    d = int(F[0, 0, 0])
    n = base.shape[0]
    keys = base.copy()
    strata = cells(keys, A, k, I, d)
    cols = np.empty(k + 1, dtype=np.int64)
    c = 0
    levels = 1.0
    for i in range(k):
        if I[d, A[i]] == 0:
            cols[c] = A[i]
            c += 1
        else:
            levels *= I[d, A[i]]
    count = np.zeros(strata)
    mean = np.zeros((strata, c + 1))
    cross = np.zeros((strata, c + 1, c + 1))
    for r in range(n):
        s = keys[r]
        if s < 0:
            continue
        count[s] += P[r]
        for i in range(c):
            a = F[0, 1 + cols[i], r]
            mean[s, i] += P[r] * a
            for j in range(i + 1):
                cross[s, i, j] += P[r] * a * F[0, 1 + cols[j], r]
    pooled = np.zeros((c + 1, c + 1))
    for s in range(strata):
        for i in range(c):
            for j in range(i + 1):
                cross[s, i, j] -= mean[s, i] * mean[s, j] / max(count[s], 1e-300)
                pooled[i, j] += cross[s, i, j] / weight
    out = -each * (levels * (1.0 + c + 0.5 * c * (c + 1)) - 1.0)
    L = np.zeros((c + 1, c + 1))
    for s in range(strata):
        if count[s] <= 0.0:
            continue
        out += count[s] * math.log(count[s] / weight)
        few = count[s] < 2.0 * c + 4.0
        logdet = 0.0
        for i in range(c):
            for j in range(i + 1):
                t = pooled[i, j] if few else cross[s, i, j] / count[s]
                for u in range(j):
                    t -= L[i, u] * L[j, u]
                if j < i:
                    L[i, j] = t / L[j, j]
                else:
                    t = max(t, 1e-10)
                    L[i, i] = math.sqrt(t)
                    logdet += math.log(t)
        out -= 0.5 * count[s] * (logdet + c * (1.0 + math.log(2.0 * math.pi)))
    return out


@njit(GAINS, **OPTIONS)
def mixed_gains(v, parents, k, allowed, out, F, I, P, W):
    """Conditional Gaussian BIC: that of (v, parents) less that of the parents."""
    d = int(F[0, 0, 0])
    n = P.shape[0] - 1
    base = np.empty(n, dtype=np.int64)
    usable(base, v, v, I, P, d)
    weight = 0.0
    for r in range(n):
        if base[r] >= 0:
            weight += P[r]
    each = 0.5 * P[n] * math.log(max(weight, 2.0))
    A = np.empty(k + 2, dtype=np.int64)
    for i in range(k):
        A[i] = parents[i]
    low = conditional_gaussian(base, A, k, weight, each, F, I, P, W)
    A[k] = v
    here = conditional_gaussian(base, A, k + 1, weight, each, F, I, P, W) - low
    for c in range(out.shape[0]):
        if allowed[c] == 0:
            continue
        A[k] = c
        low = conditional_gaussian(base, A, k + 1, weight, each, F, I, P, W)
        A[k + 1] = v
        out[c] = conditional_gaussian(base, A, k + 2, weight, each, F, I, P, W) - low
    return here


@njit(LOCAL, **OPTIONS)
def mixed_local(v, parents, k, F, I, P, W):
    """Conditional Gaussian BIC of node v given parents[:k]."""
    none = np.zeros(1, dtype=np.uint8)
    out = np.empty(1)
    return mixed_gains(v, parents, k, none, out, F, I, P, W)
