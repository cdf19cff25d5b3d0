"""DirectLiNGAM: the next cause in the order by pairwise likelihood ratios, and lasso pruning.

The search works on rows and takes no test or score as a function: the measure is the method.
"""

# mypy: allow-untyped-defs, allow-incomplete-defs
# (the types of arguments stand in the signature of each kernel)

from __future__ import annotations

import math

import numpy as np
from numba import njit

from .signatures import F1, F2, I1, I2, INNER, OUTER, U1, U2, float64, int64, void
from .vector import exp_down

K1, K2, GAMMA = 79.047, 7.4129, 0.37457  # Hyvarinen (1998), the constants of the two terms
GAUSS = 0.5 * (1.0 + math.log(2.0 * math.pi))
BLOCK = 512  # rows whose 1 + exp(-2|u|), each at most 2, are multiplied before the logarithm
TINY = 1e-12
SUMS = {"reassoc", "contract", "nsz"}  # the order of sums over rows is free


@njit(float64(float64, float64, float64, int64), **INNER)
def _from_sums(absolute, logs, bell, n):
    """Entropy from the sums of |u|, of log(1 + exp(-2|u|)) and of u exp(-u^2/2)."""
    cosh = (absolute + logs) / n - math.log(2.0) - GAMMA
    bell /= n
    return GAUSS - K1 * cosh * cosh - K2 * bell * bell


@njit(float64(F1), fastmath=SUMS, **OUTER)
def entropy(u):
    """Entropy of a standardised sample by maximum-entropy approximation (Hyvarinen 1998, eq. 8)."""
    n = u.shape[0]
    absolute, bell, logs = 0.0, 0.0, 0.0
    for begin in range(0, n, BLOCK):
        product = 1.0
        for i in range(begin, min(begin + BLOCK, n)):
            a = abs(u[i])
            absolute += a
            bell += u[i] * exp_down(-0.5 * a * a)
            product *= 1.0 + exp_down(-2.0 * a)
        logs += math.log(product)
    return _from_sums(absolute, logs, bell, n)


@njit(void(F1, F1, float64, F1), fastmath=SUMS, **INNER)
def residual_entropies(x, y, r, out):
    """Entropies of the standardised residuals of x on y, and of y on x; r is their correlation."""
    n = x.shape[0]
    scale = 1.0 / math.sqrt(max(1.0 - r * r, TINY))
    ax, bx, lx, ay, by, ly = 0.0, 0.0, 0.0, 0.0, 0.0, 0.0
    for begin in range(0, n, BLOCK):
        px, py = 1.0, 1.0
        for i in range(begin, min(begin + BLOCK, n)):
            u = (x[i] - r * y[i]) * scale
            v = (y[i] - r * x[i]) * scale
            a, b = abs(u), abs(v)
            ax += a
            ay += b
            bx += u * exp_down(-0.5 * u * u)
            by += v * exp_down(-0.5 * v * v)
            px *= 1.0 + exp_down(-2.0 * a)
            py *= 1.0 + exp_down(-2.0 * b)
        lx += math.log(px)
        ly += math.log(py)
    out[0] = _from_sums(ax, lx, bx, n)
    out[1] = _from_sums(ay, ly, by, n)


@njit(int64(F2, F2, F1, F2, F2, U2, U1, U1, F1, I1, int64), **OUTER)
def next_cause(X, R, H, E, V, used, left, may, part, known, limit):
    """The variable with the least evidence against being first, or -1 after `limit` pairs.

    The evidence against i is the sum over j of min(0, m_ij)^2, where m_ij is the likelihood ratio
    of i -> j against j -> i (Hyvarinen and Smith 2013, eq. 7 to 9). Terms are never negative, so
    the candidate with the least partial sum is extended until one with all its terms is least:
    the answer is that of all pairs, from a part of them.

    X: (d, n) standardised. R: correlations. H: entropies. E[i, j]: entropy of i given j, NaN if not
    known yet. V: a guess of the terms, for which of them to take first. used: pairs whose term is
    in the sums. left, may: variables not placed yet, and those that may come next. part, known:
    partial sums and their lengths.
    """
    d = H.shape[0]
    rest = 0
    for i in range(d):
        rest += left[i]
    both = np.empty(2)
    for _ in range(limit):
        i = -1
        for c in range(d):
            if may[c] and (i < 0 or part[c] < part[i]):
                i = c
        if known[i] == rest - 1:
            return i
        j, most = -1, -1.0
        for c in range(d):
            if left[c] and c != i and V[i, c] > most and used[i, c] == 0:
                j, most = c, V[i, c]
        if np.isnan(E[i, j]):
            residual_entropies(X[i], X[j], R[i, j], both)
            E[i, j], E[j, i] = both[0], both[1]
        used[i, j] = used[j, i] = 1
        ratio = H[j] + E[i, j] - H[i] - E[j, i]  # below 0: j is rather the cause of i
        term = ratio * ratio
        V[i, j] = V[j, i] = 0.0
        if ratio < 0.0:
            part[i] += term
            V[i, j] = term
        else:
            part[j] += term
            V[j, i] = term
        known[i] += 1
        known[j] += 1
    return -1


@njit(void(F2, F2, F2, I2), **OUTER)
def measure(X, R, E, pairs):
    """Entropies of the given pairs (k, 2) into E; several threads may share the arrays."""
    both = np.empty(2)
    for k in range(pairs.shape[0]):
        i, j = pairs[k, 0], pairs[k, 1]
        residual_entropies(X[i], X[j], R[i, j], both)
        E[i, j], E[j, i] = both[0], both[1]


@njit(void(int64, F2, F2, F1, F2, U1), fastmath={"contract"}, **OUTER)
def place(m, X, R, H, E, left):
    """Take m out of what is left: residuals on m, their correlations and entropies, in place."""
    d, n = X.shape
    left[m] = 0
    scale = np.zeros(d)
    for i in range(d):
        if left[i]:
            scale[i] = 1.0 / math.sqrt(max(1.0 - R[i, m] * R[i, m], TINY))
            r, s = R[i, m], scale[i]
            for k in range(n):
                X[i, k] = (X[i, k] - r * X[m, k]) * s
            H[i] = entropy(X[i]) if np.isnan(E[i, m]) else E[i, m]
    for i in range(d):
        if left[i]:
            for j in range(i):
                if left[j]:
                    R[i, j] = (R[i, j] - R[i, m] * R[j, m]) * scale[i] * scale[j]
                    R[j, i] = R[i, j]
    for i in range(d):
        if left[i]:
            for j in range(d):
                E[i, j] = np.nan
