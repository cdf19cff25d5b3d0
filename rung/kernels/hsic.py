"""Gaussian kernels between all pairs of rows, without storing them."""

# mypy: allow-untyped-defs, allow-incomplete-defs
# (the types of arguments stand in the signature of each kernel)

from __future__ import annotations

import math

import numpy as np
from numba import njit

from .signatures import F1, F2, INNER, OUTER, float64, int64, void
from .vector import exp_down

SUMS = {"reassoc", "contract", "nsz"}


@njit(void(F2, int64, float64, F1), fastmath=SUMS, **INNER)
def kernel_row(A, i, rate, out):
    """exp(-rate |a_i - a_j|^2) into out[j - i - 1] for j > i; A is (p, n)."""
    p, n = A.shape
    m = n - i - 1
    for j in range(m):
        out[j] = 0.0
    for c in range(p):
        row, at = A[c, i + 1 :], A[c, i]
        for j in range(m):  # from 0, so that no index can be negative: the loop is vectorised
            t = row[j] - at
            out[j] += t * t
    for j in range(m):
        out[j] = exp_down(-rate * out[j])


@njit(void(F2, F2, F1, F2, F1, int64, int64), fastmath=SUMS, **OUTER)
def hsic_sums(A, B, rates, sums, total, begin, end):
    """Row sums of both kernel matrices (2, n), and into total[0] the sum of their products.

    Rows begin..end, each with all later ones. The sum is finished by `hsic_variance`.
    """
    n = A.shape[1]
    K, L = np.empty(n), np.empty(n)
    first, second = sums[0], sums[1]
    for i in range(begin, end):
        kernel_row(A, i, rates[0], K)
        kernel_row(B, i, rates[1], L)
        k, l, both = 1.0, 1.0, 0.0
        below, under = first[i + 1 :], second[i + 1 :]
        for j in range(n - i - 1):
            k += K[j]
            l += L[j]
            both += K[j] * L[j]
            below[j] += K[j]
            under[j] += L[j]
        first[i] += k
        second[i] += l
        total[0] += 1.0 + 2.0 * both


@njit(void(F2, F2, F1, F2, F1, int64, int64), fastmath=SUMS, **OUTER)
def hsic_variance(A, B, rates, means, total, begin, end):
    """Take the centring off total[0]; into total[1] the sum of squared centred products, i != j."""
    n = A.shape[1]
    K, L = np.empty(n), np.empty(n)
    first, second = means[0], means[1]
    grand1, grand2, cross = 0.0, 0.0, 0.0
    for i in range(n):
        grand1 += first[i]
        grand2 += second[i]
    grand1 /= n
    grand2 /= n
    for i in range(begin, end):
        kernel_row(A, i, rates[0], K)
        kernel_row(B, i, rates[1], L)
        a, b = first[i] - grand1, second[i] - grand2
        squares = 0.0
        below, under = first[i + 1 :], second[i + 1 :]
        for j in range(n - i - 1):
            t = (K[j] - a - below[j]) * (L[j] - b - under[j])
            squares += t * t
        total[1] += 2.0 * squares
        # sum K L - 2 n sum_i k_i l_i + n^2 k l, by rows
        cross += first[i] * second[i] * 2.0 * n - n * grand1 * grand2
    total[0] -= cross


@njit(int64(F1, float64, float64, F2), fastmath=SUMS, **OUTER)
def incomplete_cholesky(x, rate, left_out, L):
    """Rows of L with L' L = K but for `left_out` of the trace; the number of rows used.

    Pivots: the largest residual variance (Bach and Jordan 2002, figure 2).
    """
    rows, n = L.shape
    left = np.ones(n)
    for k in range(rows):
        trace, best = 0.0, 0
        for i in range(n):
            trace += left[i]
        for i in range(n):
            if left[i] > left[best]:
                best = i
        if trace <= left_out * n or left[best] <= 1e-15:
            return k
        root = math.sqrt(left[best])
        at = x[best]
        row = L[k]
        for i in range(n):
            t = x[i] - at
            row[i] = exp_down(-rate * t * t)
        for r in range(k):
            w, other = L[r, best], L[r]
            for i in range(n):
                row[i] -= w * other[i]
        for i in range(n):
            row[i] /= root
            left[i] = max(left[i] - row[i] * row[i], 0.0)
        left[best] = 0.0
    return rows


@njit(int64(F1, float64), **INNER)
def gaps_within(s, width):
    """Number of pairs of sorted s that are at most `width` apart."""
    count, j = 0, 0
    for i in range(s.shape[0]):
        while s[i] - s[j] > width:
            j += 1
        count += i - j
    return count


@njit(float64(F1), **OUTER)
def median_square_gap(s):
    """Median of (s_i - s_j)^2 over the pairs of sorted s that differ; 0 if none do.

    The middle gaps are found by bisection on their counts.
    """
    n = s.shape[0]
    same = gaps_within(s, 0.0)
    pairs = n * (n - 1) // 2 - same
    if pairs == 0:
        return 0.0
    total = 0.0
    for rank in (same + (pairs - 1) // 2 + 1, same + pairs // 2 + 1):
        low, high = 0.0, s[n - 1] - s[0]
        while True:
            mid = 0.5 * (low + high)
            if mid <= low or mid >= high:
                break
            if gaps_within(s, mid) >= rank:
                high = mid
            else:
                low = mid
        total += 0.5 * high * high
    return total
