"""The lasso by coordinate descent: on the rows, and on cross-products for many responses."""

# mypy: allow-untyped-defs, allow-incomplete-defs
# (the types of arguments stand in the signature of each kernel)

from __future__ import annotations

import numpy as np
from numba import njit

from .signatures import F1, F2, I1, INNER, OUTER, U1, float64, int64, void

SUMS = {"reassoc", "contract", "nsz"}


@njit(float64(F1, F1), fastmath=SUMS, **INNER)
def dot(a, b):
    """Inner product."""
    s = 0.0
    for i in range(a.shape[0]):
        s += a[i] * b[i]
    return s


@njit(float64(F1, F1, F1, F1, int64, float64), fastmath=SUMS, **INNER)
def move(x, r, a, b, j, level):
    """Set coefficient j to its best value with the others fixed; the change it makes to the fit."""
    old = b[j]
    z = dot(x, r) / r.shape[0] + a[j] * old
    new = 0.0
    if z > level:
        new = (z - level) / a[j]
    elif z < -level:
        new = (z + level) / a[j]
    change = new - old
    if change != 0.0:
        for i in range(r.shape[0]):
            r[i] -= change * x[i]
        b[j] = new
    return change * change * a[j]


@njit(void(F2, F1, F1, F1, U1, F2, float64), **OUTER)
def lasso_path(X, y, start, levels, skip, B, tolerance):
    """Solutions B (m, p) for penalties `levels` (m,), large to small.

    X (p, n): predictors by row, centred; y (n,): response, centred; start (p,): coefficients to
    begin with; skip (p,): 1 for predictors that may not be used. Least (1 / 2n) RSS + level |b|,
    by cyclic descent over the active ones, then a look at all (Friedman, Hastie and Tibshirani
    2010, sections 2.1 and 2.6). Ends when a pass changes the fit by less than `tolerance`.
    """
    p, n = X.shape
    a = np.empty(p)
    r = y.copy()
    b = start.copy()
    for j in range(p):
        a[j] = dot(X[j], X[j]) / n
        if skip[j] or a[j] < 1e-12:
            b[j] = 0.0
        elif b[j] != 0.0:
            for i in range(n):
                r[i] -= b[j] * X[j, i]
    active = np.empty(p, dtype=np.int64)
    for m in range(levels.shape[0]):
        for _ in range(50):
            worst, k = 0.0, 0
            for j in range(p):
                if skip[j] == 0 and a[j] >= 1e-12:
                    worst = max(worst, move(X[j], r, a, b, j, levels[m]))
                    if b[j] != 0.0:
                        active[k] = j
                        k += 1
            if worst < tolerance:
                break
            for _ in range(200):
                worst = 0.0
                for t in range(k):
                    worst = max(worst, move(X[active[t]], r, a, b, active[t], levels[m]))
                if worst < tolerance:
                    break
        B[m] = b


@njit(void(F2, I1, I1, float64, F2), fastmath=SUMS, **OUTER)
def lasso_each(G, owner, targets, level, B):
    """Lasso of each target column on the columns of other owners; B (m, p).

    G (p, p): correlations; owner (p,): the feature of each column; level: penalty for a response
    whose residual has variance 1. The penalty is scaled by the residual's deviation, found again
    three times (Sun and Zhang 2012, algorithm 1).
    """
    p = G.shape[0]
    r = np.empty(p)
    for m in range(targets.shape[0]):
        t = targets[m]
        b = B[m]
        b[:] = 0.0
        for j in range(p):
            r[j] = G[t, j]
        sigma = 1.0
        for _ in range(3):
            penalty = level * sigma
            for sweep in range(100):
                worst = 0.0
                every = sweep % 5 == 0
                for j in range(p):
                    if owner[j] == owner[t] or not (every or b[j] != 0.0):
                        continue
                    z = r[j] + b[j]
                    new = 0.0
                    if z > penalty:
                        new = z - penalty
                    elif z < -penalty:
                        new = z + penalty
                    change = new - b[j]
                    if change != 0.0:
                        b[j] = new
                        row = G[j]
                        for i in range(p):
                            r[i] -= change * row[i]
                        worst = max(worst, abs(change))
                if worst < 1e-4 and every:
                    break
            left = G[t, t]
            for j in range(p):
                if b[j] != 0.0:
                    left -= b[j] * (G[t, j] + r[j])
            sigma = max(left, 1e-8) ** 0.5
