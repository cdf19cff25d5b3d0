"""Partial correlations on the rows without a zero in the conditions: a test and a score."""

# mypy: allow-untyped-defs, allow-incomplete-defs
# (the types of arguments stand in the signature of each kernel)

from __future__ import annotations

import math

import numpy as np
from numba import njit

from .gaussian_tests import partial_correlation
from .signatures import (
    F1,
    F2,
    F3,
    GAINS,
    I1,
    I2,
    INNER,
    LOCAL,
    OPTIONS,
    TEST,
    TINY,
    float64,
    int64,
)  # fmt: skip

EXACT = 6  # members of a set whose orders are all compared
NONE = 1e-14  # spread, relative to the mean square, that counts as none


@njit(int64(int64, int64, I1, int64, F3, I2, F1, F1), **INNER)
def _gathered(x, y, S, k, F, I, P, W):
    """Copy the rows in use, x and y after S, then the row weights, into W; their number."""
    n, d = F.shape[2], F.shape[1]
    m = k + 2
    count = 0
    for word in range((n + 63) // 64):
        left = I[1 + x, word] & I[1 + d + y, word]
        for i in range(k):
            left &= I[1 + 2 * d + S[i], word]
        if left == 0:
            continue
        for bit in range(min(64, n - 64 * word)):
            if (left >> bit) & 1 == 0:
                continue
            r = 64 * word + bit
            for i in range(k):
                W[i * n + count] = F[0, S[i], r]
            W[k * n + count] = F[0, x, r]
            W[(k + 1) * n + count] = F[0, y, r]
            W[m * n + count] = P[r]
            count += 1
    return count


@njit(float64(int64, int64, int64, F1, F2), **INNER)
def _correlated(n, m, count, W, C):
    """Correlations of m gathered columns into C, 0 for one that does not vary; sum of weights."""
    weight = 0.0
    for r in range(count):
        weight += W[m * n + r]
    if weight <= 0.0:
        return 0.0
    for i in range(m):
        mean, raw = 0.0, 0.0
        for r in range(count):
            mean += W[m * n + r] * W[i * n + r]
        mean /= weight
        for r in range(count):
            W[i * n + r] -= mean
        for j in range(i + 1):
            total = 0.0
            for r in range(count):
                total += W[m * n + r] * W[i * n + r] * W[j * n + r]
            C[i, j] = total
        raw = C[i, i] + weight * mean * mean
        if C[i, i] <= NONE * raw:
            C[i, i] = 0.0
    for i in range(m):
        for j in range(i):
            spread = C[i, i] * C[j, j]
            C[i, j] = C[i, j] / math.sqrt(spread) if spread > 0.0 else 0.0
            C[j, i] = C[i, j]
    for i in range(m):
        C[i, i] = 1.0 if C[i, i] > 0.0 else 0.0
    return weight


@njit(float64(int64, int64, I1, int64, F3, I2, F1, F1), **INNER)
def zero_deleted(x, y, S, k, F, I, P, W):
    """Partial correlation of x and y given S[:k] on the rows without a zero in S; rows in W[0].

    0 where there are at most k + 3 rows. F[0] is (d, n), a column after the other. I: row 0 says
    how many of the correlation matrices are kept, and the place of each column among them by the
    rows that it leaves as a condition; then as bits, for each column, the rows that it
    may be x of, that it may be y of, and that it may be a condition of. P: row weights, then the
    rows of each kept matrix, then these matrices: without conditions, and given each single column.
    """
    n, d = F.shape[2], F.shape[1]
    kept = I[0, 0]
    if k < 2 and kept > 0:
        at = 0 if k == 0 else 1 + S[0]
        W[0] = P[n + at]
        if W[0] - k - 3.0 <= 0.0:
            return 0.0
        begin = n + kept + at * d * d
        r = partial_correlation(P[begin : begin + d * d].reshape((d, d)), x, y, S, k, W[1:])
    else:
        m = k + 2
        cells = W[1:]
        count = _gathered(x, y, S, k, F, I, P, cells)
        C = np.zeros((m, m))
        W[0] = _correlated(n, m, count, cells, C)
        if W[0] - k - 3.0 <= 0.0:
            return 0.0
        r = partial_correlation(C, k, k + 1, np.arange(k), k, cells[(m + 1) * n :])
    return min(max(r, -1.0 + 1e-15), 1.0 - 1e-15)


@njit(TEST, **OPTIONS)
def zero_deletion_z(x, y, S, k, F, I, P, W):
    """Fisher's z of `zero_deleted`; 1 without enough rows."""
    r = zero_deleted(x, y, S, k, F, I, P, W)
    df = W[0] - k - 3.0
    if df <= 0.0:
        return 1.0
    return math.erfc(math.sqrt(df) * abs(math.atanh(r)) / math.sqrt(2.0))


@njit(float64(int64, int64, I1, int64, F3, I2, F1, F1), **INNER)
def _term(v, c, S, k, F, I, P, W):
    """What c adds to v given S[:k]: the BIC of the rows without a zero, times n / their number."""
    tail = P.shape[0] - 1
    n = P[tail - F.shape[1] + v]
    r = zero_deleted(v, c, S, k, F, I, P, W)
    rows = max(W[0], 1.0)
    return -0.5 * n * (math.log(max(1.0 - r * r, TINY)) + P[tail] * math.log(n) / rows)


@njit(float64(int64, I1, int64, F3, I2, F1, F1), **INNER)
def _least(v, S, k, F, I, P, W):
    """The least sum of terms of S[:k] in any order; S is rearranged.

    While more than EXACT are left, the weakest given all others comes last.
    """
    total = 0.0
    rest = np.empty(max(k, 1), dtype=np.int64)
    size = k
    while size > EXACT:
        worst, at = 0.0, -1
        for i in range(size):
            for j in range(size - 1):
                rest[j] = S[j] if j < i else S[j + 1]
            term = _term(v, S[i], rest, size - 1, F, I, P, W)
            tied = at >= 0 and term == worst and I[0, 1 + S[i]] < I[0, 1 + S[at]]
            if at < 0 or term < worst or tied:
                worst, at = term, i
        total += worst
        size -= 1
        S[at], S[size] = S[size], S[at]
    least = np.zeros(1 << size)  # of each subset, by its bits
    for subset in range(1, 1 << size):
        first = True
        for i in range(size):
            if (subset >> i) & 1 == 0:
                continue
            m = 0
            for j in range(size):
                if j != i and (subset >> j) & 1:
                    rest[m] = S[j]
                    m += 1
            found = least[subset ^ (1 << i)] + _term(v, S[i], rest, m, F, I, P, W)
            if first or found < least[subset]:
                least[subset] = found
                first = False
    return total + least[(1 << size) - 1]


@njit(LOCAL, **OPTIONS)
def zero_deletion_local(v, parents, k, F, I, P, W):
    """Score of v given parents[:k]: see `rung.discovery.scores.zero_deletion`."""
    return _least(v, parents[:k].copy(), k, F, I, P, W)


@njit(GAINS, **OPTIONS)
def zero_deletion_gains(v, parents, k, allowed, out, F, I, P, W):
    """Score of v given parents[:k], and with each allowed candidate added."""
    base = _least(v, parents[:k].copy(), k, F, I, P, W)
    S = np.empty(k + 1, dtype=np.int64)
    for c in range(out.shape[0]):
        if allowed[c] != 0:
            S[:k] = parents[:k]
            S[k] = c
            out[c] = _least(v, S, k + 1, F, I, P, W)
    return base
