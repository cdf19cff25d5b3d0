"""Codes of levels: which rows share a cell.

Arrays of tests and scores on levels: I[j] are the codes (n,) of variable j, -1 where missing;
I[d, :d] the numbers of levels, 0 for a continuous variable; then, if there are conditions with
targets, d rows that are not 0 where a row's condition targets variable j. P: weights (n,), then
the penalty; for BDeu the penalty of a parent and, before it, the equivalent sample size: (n + 2,).

F[0, 0] begins with d; 1 if conditions have targets; where sets of rows begin in I read as one
vector, 0 if there are none (all variables have levels, all weights are 1); the words of a set;
1 if no code is missing; n. The sets, one bit a row: all rows; if conditions have targets, for each
variable the rows that do not target it; then those of each level, for variable j from I[d, d + j].
"""

# mypy: allow-untyped-defs, allow-incomplete-defs
# (the types of arguments stand in the signature of each kernel)

from __future__ import annotations

import math

import numpy as np
from numba import njit

from .signatures import F1, F3, I1, I2, INNER, int64, void

WIDE = 2**40


@njit(I1(I1), **INNER)
def sorted_rows(keys):
    """Row numbers by increasing key, from -1 up: radix sort, quicker to compile than numpy's."""
    n, most = keys.shape[0], 0
    order, other = np.empty(n, dtype=np.int64), np.empty(n, dtype=np.int64)
    for r in range(n):
        order[r] = r
        most = max(most, keys[r] + 1)
    begin = np.empty(2049, dtype=np.int64)
    shift = 0
    while most >> shift > 0:
        for i in range(2049):
            begin[i] = 0
        for r in range(n):
            begin[((keys[r] + 1) >> shift & 2047) + 1] += 1
        for i in range(2048):
            begin[i + 1] += begin[i]
        for i in range(n):
            digit = (keys[order[i]] + 1) >> shift & 2047
            other[begin[digit]] = order[i]
            begin[digit] += 1
        order, other = other, order
        shift += 11
    return order


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


@njit(int64(I1, int64, int64, I2, F3, F1), **INNER)
def usable(keys, x, y, I, F, P):
    """0 in the rows that may speak about x and y, else -1; whether conditions have targets."""
    n, d = keys.shape[0], int(F[0, 0, 0])
    masked = F[0, 0, 1] != 0.0
    for r in range(n):
        fine = P[r] > 0.0
        if masked and (I[d + 1 + x, r] != 0 or I[d + 1 + y, r] != 0):
            fine = False
        keys[r] = 0 if fine else -1
    return 1 if masked else 0


@njit(void(F1, int64, int64, F1, F1, F1), **INNER)
def log_ratio(table, rx, ry, left, top, out):
    """Half the G statistic of the counts of one stratum (rx * ry,), onto out[0].

    Its degrees of freedom, of the levels that occur, go onto out[1]. `left` and `top` are scratch.
    """
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
        return
    out[1] += (some_x - 1) * (some_y - 1)
    for a in range(rx):
        for b in range(ry):
            count = table[a * ry + b]
            if count > 0.0:
                out[0] += count * math.log(count * total / (left[a] * top[b]))
