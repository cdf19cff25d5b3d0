"""Adaptive lasso on correlations, its penalty by BIC, for every variable of an order."""

# mypy: allow-untyped-defs, allow-incomplete-defs
# (the types of arguments stand in the signature of each kernel)

from __future__ import annotations

import math

import numpy as np
from numba import njit

from .signatures import F1, F2, I1, INNER, OUTER, TINY, U1, U2, float64, int64, void

SUMS = {"reassoc", "contract", "nsz"}


@njit(int64(F2, I1, int64, F2), fastmath=SUMS, **INNER)
def factor(G, A, begin, L):
    """Cholesky rows `begin`.. of G over the columns A; the number of the first that fails, or -1.

    A row that fails belongs to a column that the earlier ones determine.
    """
    for i in range(begin, A.shape[0]):
        for j in range(i + 1):
            s = G[A[i], A[j]]
            for t in range(j):
                s -= L[i, t] * L[j, t]
            if j < i:
                L[i, j] = s / L[j, j]
            elif s > TINY * G[A[i], A[i]]:
                L[i, i] = math.sqrt(s)
            else:
                return i
    return -1


@njit(void(F2, int64, F1), fastmath=SUMS, **INNER)
def solve(L, k, b):
    """Solve L L' x = b for the leading k rows, in place."""
    for i in range(k):
        s = b[i]
        for t in range(i):
            s -= L[i, t] * b[t]
        b[i] = s / L[i, i]
    for i in range(k - 1, -1, -1):
        b[i] /= L[i, i]
        for t in range(i):
            b[t] -= L[i, t] * b[i]


@njit(int64(F2, F1, float64, float64, U1), **INNER)
def lasso_bic(G, c, rows, least, chosen):
    """Variables of the lasso solution with the least BIC, on the path of all penalties.

    G (p, p), c (p,): cross-products of the predictors and with the response, whose variance is 1;
    least: residual variance of least squares. Criterion: rows RSS / sigma^2 + log(rows) df, with
    sigma^2 from least squares (Zou, Hastie and Tibshirani 2007). The path is that of Efron, Hastie,
    Johnstone and Tibshirani (2004), section 3.1: linear between the points where a variable enters
    or leaves. Returns the number of steps.
    """
    p = c.shape[0]
    chosen[:] = 0
    free = rows - p - 1.0
    if p == 0 or free <= 0.0:
        return 0
    sigma2 = max(least, 1e-300) / free
    active = np.empty(p, dtype=np.int64)
    sign = np.zeros(p)
    beta, slope = np.zeros(p), np.empty(p)
    r, a = c.copy(), np.empty(p)  # correlations with the residual, and their change
    L = np.zeros((p, p))
    out = np.zeros(p, dtype=np.uint8)  # determined by others: never enters
    k, steps, barred = 0, 0, -1
    best = 1.0 / sigma2
    level = 0.0
    for j in range(p):
        level = max(level, abs(c[j]))
    floor = 1e-13 * level
    while level > floor and steps < 8 * p + 8:
        # who enters now: the largest correlation among the inactive (others meet it at events)
        if barred < 0:
            enter, most = -1, -1.0
            for j in range(p):
                if sign[j] == 0.0 and out[j] == 0 and abs(r[j]) > most:
                    enter, most = j, abs(r[j])
            if enter < 0:
                break
            active[k] = enter
            if factor(G, active[: k + 1], k, L) >= 0:
                out[enter] = 1
                continue
            sign[enter] = 1.0 if r[enter] > 0.0 else -1.0
            k += 1
        for i in range(k):
            slope[i] = sign[active[i]]
        solve(L, k, slope)
        a[:] = 0.0
        for i in range(k):
            row, s = G[active[i]], slope[i]
            for j in range(p):
                a[j] += s * row[j]
        step, left = level, -1
        for j in range(p):
            if sign[j] == 0.0 and out[j] == 0:
                if j != barred or r[j] < 0.0:
                    t = (level - r[j]) / (1.0 - a[j]) if a[j] < 1.0 else np.inf
                    if t < step:
                        step = max(t, 0.0)
                if j != barred or r[j] > 0.0:
                    t = (level + r[j]) / (1.0 + a[j]) if a[j] > -1.0 else np.inf
                    if t < step:
                        step = max(t, 0.0)
        for i in range(k):
            t = -beta[active[i]] / slope[i] if slope[i] != 0.0 else -1.0
            if 0.0 < t < step:
                step, left = t, i
        barred = -1
        for i in range(k):
            beta[active[i]] += step * slope[i]
        for j in range(p):
            r[j] -= step * a[j]
        level -= step
        steps += 1
        if left >= 0:
            j = active[left]
            beta[j] = sign[j] = 0.0
            k -= 1
            for i in range(left, k):
                active[i] = active[i + 1]
            factor(G, active[:k], left, L)
            barred = j
        # RSS = 1 - beta'(c + r)
        rss, df = 1.0, 0
        for i in range(k):
            rss -= beta[active[i]] * (c[active[i]] + r[active[i]])
            df += 1
        value = rss / sigma2 + math.log(rows) * df
        if value < best:
            best = value
            chosen[:] = 0
            for i in range(k):
                chosen[active[i]] = 1
    return steps


@njit(void(F2, I1, U2, U2, float64, float64, F2, int64, int64), **OUTER)
def prune(R, order, allowed, required, rows, gamma, B, begin, end):
    """Standardised coefficients B[i, j] of i in j, for the variables order[begin:end].

    Candidates of a variable precede it in the order and are allowed; required ones stay. Weights of
    the lasso: |least squares|^gamma (Zou 2006). What is chosen is fitted again by least squares.
    R: correlations.
    """
    for place in range(begin, end):
        v = order[place]
        P = np.empty(place, dtype=np.int64)
        fixed, p = 0, 0
        for side in range(2):
            for i in range(place):
                u = order[i]
                if side == 0 and required[u, v]:
                    P[p] = u
                    fixed += 1
                    p += 1
                elif side == 1 and required[u, v] == 0 and allowed[u, v]:
                    P[p] = u
                    p += 1
        if p == 0:
            continue
        # correlations given the required ones: rows of the factor below them
        L = np.zeros((p + 1, p + 1))
        cols = np.empty(p + 1, dtype=np.int64)
        k = 0
        kept = np.empty(p, dtype=np.int64)
        for i in range(p):
            cols[k] = P[i]
            if factor(R, cols[: k + 1], k, L) < 0:
                kept[k] = P[i]
                k += 1
            elif i < fixed:
                fixed -= 1
        q = k - fixed
        full = np.empty(k)
        for i in range(k):
            full[i] = R[kept[i], v]
        solve(L, k, full)
        least = 1.0
        for i in range(k):
            least -= full[i] * R[kept[i], v]
        if q > 0:
            # response and predictors after the required ones, in coordinates of the factor
            y = np.empty(k)
            for i in range(k):
                s = R[kept[i], v]
                for t in range(i):
                    s -= L[i, t] * y[t]
                y[i] = s / L[i, i]
            G, c = np.empty((q, q)), np.empty(q)
            spread = 1.0
            for t in range(fixed):
                spread -= y[t] * y[t]
            w = np.empty(q)
            for i in range(q):
                w[i] = abs(full[fixed + i]) ** gamma
            for i in range(q):
                s = 0.0
                for t in range(fixed, fixed + i + 1):
                    s += L[fixed + i, t] * y[t]
                c[i] = s * w[i] / spread
                for j in range(i + 1):
                    s = 0.0
                    for t in range(fixed, fixed + j + 1):
                        s += L[fixed + i, t] * L[fixed + j, t]
                    G[i, j] = G[j, i] = s * w[i] * w[j] / spread
            chosen = np.zeros(q, dtype=np.uint8)
            lasso_bic(G, c, rows - fixed, max(least, 0.0) / spread, chosen)
            k = fixed
            for i in range(q):
                if chosen[i]:
                    kept[k] = kept[fixed + i]
                    k += 1
        if k == 0:
            continue
        factor(R, kept[:k], 0, L)
        b = np.empty(k)
        for i in range(k):
            b[i] = R[kept[i], v]
        solve(L, k, b)
        for i in range(k):
            B[kept[i], v] = b[i]
