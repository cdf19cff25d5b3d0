"""Trees of a causal forest: grown depth-first on binned covariates, read with little bags."""

# mypy: allow-untyped-defs, allow-incomplete-defs
# (the types of arguments stand in the signature of each kernel)

from __future__ import annotations

import math

import numpy as np
from numba import njit, uint64

from .signatures import F1, F2, I1, I2, INNER, OUTER, U2, float64, int64, void

BINS = 64
FIELDS = (
    5  # of a histogram: rows, weight, weighted pseudo-outcome, variation of t, rows to estimate
)
SUMS = 5  # of a leaf: means of w, w t, w y, w t t, w t y
TINY = 1e-12


@njit(uint64(uint64), **INNER)
def shuffled_bits(state):
    """The next state of a xorshift generator (Marsaglia 2003)."""
    state ^= state << uint64(13)
    state ^= state >> uint64(7)
    state ^= state << uint64(17)
    return state


@njit(int64(U2, I1, int64, int64, int64, int64), **INNER)
def part(bins, rows, a, b, f, cut):
    """Rows a..b put in order of their side of the cut; where the right side starts."""
    i, j = a, b - 1
    while i <= j:
        if bins[rows[i], f] <= cut:
            i += 1
        else:
            rows[i], rows[j] = rows[j], rows[i]
            j -= 1
    return i


@njit(float64(U2, F1, F1, F1, I1, int64, int64, int64, int64, I1, int64, int64, float64, F2, I1),
      **INNER)  # fmt: skip
def best_split(bins, y, t, w, rows, a, b, c, d, features, tried, least, balance, H, out):
    """Gain of the best split of a node, its feature and bin into `out`; -1 if there is none.

    rows[a:b] choose the split, rows[c:d] are counted only. The gain is the sum over the children
    of (sum of pseudo-outcomes)^2 / weight (Athey, Tibshirani and Wager 2019, section 2.3), where
    the pseudo-outcome of a row is its influence on the node's slope of y on t.
    """
    sw, st, sy = 0.0, 0.0, 0.0
    for k in range(a, b):
        i = rows[k]
        sw += w[i]
        st += w[i] * t[i]
        sy += w[i] * y[i]
    if sw <= TINY:
        return -1.0
    tm, ym = st / sw, sy / sw
    vt, vc = 0.0, 0.0
    for k in range(a, b):
        i = rows[k]
        u = t[i] - tm
        vt += w[i] * u * u
        vc += w[i] * u * (y[i] - ym)
    if vt <= TINY * sw:
        return -1.0
    slope = vc / vt
    for k in range(a, b):
        i = rows[k]
        u = t[i] - tm
        rho = w[i] * u * (y[i] - ym - slope * u)
        v = w[i] * u * u
        for g in range(tried):
            at = g * BINS + bins[i, features[g]]
            H[at, 0] += 1.0
            H[at, 1] += w[i]
            H[at, 2] += rho
            H[at, 3] += v
    for k in range(c, d):
        i = rows[k]
        for g in range(tried):
            H[g * BINS + bins[i, features[g]], 4] += 1.0
    n, m = float(b - a), float(d - c)
    need = max(float(least), balance * n)
    need_v = balance * vt
    need_m = float(least)
    best = -1.0
    for g in range(tried):
        l0, l1, l2, l3, l4 = 0.0, 0.0, 0.0, 0.0, 0.0
        for e in range(BINS):
            at = g * BINS + e
            l0 += H[at, 0]
            l1 += H[at, 1]
            l2 += H[at, 2]
            l3 += H[at, 3]
            l4 += H[at, 4]
            empty = H[at, 0] == 0.0
            H[at, 0] = 0.0
            H[at, 1] = 0.0
            H[at, 2] = 0.0
            H[at, 3] = 0.0
            H[at, 4] = 0.0
            if empty or l0 < need or n - l0 < need or l3 < need_v or vt - l3 < need_v:
                continue
            if l4 < need_m or m - l4 < need_m or l1 <= TINY or sw - l1 <= TINY:
                continue
            gain = l2 * l2 / l1 + l2 * l2 / (sw - l1)
            if gain > best:
                best = gain
                out[0] = features[g]
                out[1] = e
    return best if best > 0.0 else -1.0


@njit(void(F1, F1, F1, I1, int64, int64, F2, int64), **INNER)
def fill_leaf(y, t, w, rows, c, d, leaf, node):
    """Means of w, w t, w y, w t t and w t y over rows[c:d] into leaf[node]."""
    s0, s1, s2, s3, s4 = 0.0, 0.0, 0.0, 0.0, 0.0
    for k in range(c, d):
        i = rows[k]
        s0 += w[i]
        s1 += w[i] * t[i]
        s2 += w[i] * y[i]
        s3 += w[i] * t[i] * t[i]
        s4 += w[i] * t[i] * y[i]
    m = float(max(d - c, 1))
    leaf[node, 0] = s0 / m
    leaf[node, 1] = s1 / m
    leaf[node, 2] = s2 / m
    leaf[node, 3] = s3 / m
    leaf[node, 4] = s4 / m


@njit(int64(U2, F1, F1, F1, I1, int64, int64, int64, float64, int64, uint64, I2, F2), **OUTER)
def grow_tree(bins, y, t, w, rows, half, tried, least, balance, deepest, seed, nodes, leaf):
    """Grow one honest tree; the number of its nodes.

    rows[:half] choose the splits, rows[half:] fill the leaves (rows is reordered). nodes (N, 5)
    gets feature (-1: leaf), cut (left if bin <= cut), left, right, depth; leaf (N, 5) the means.
    Each split leaves at least `least` rows of both kinds and a share `balance` of the rows and of
    the variation of t on both sides.
    """
    p = bins.shape[1]
    features = np.arange(p)
    H = np.zeros((p * BINS, FIELDS))
    out = np.zeros(2, dtype=np.int64)
    stack = np.empty((nodes.shape[0] + 1, 5), dtype=np.int64)
    state = seed | uint64(1)
    stack[0, 0], stack[0, 1], stack[0, 2] = 0, 0, half
    stack[0, 3], stack[0, 4] = half, len(rows)
    nodes[0, 4] = 0
    top, count = 1, 1
    while top > 0:
        top -= 1
        node, a, b = stack[top, 0], stack[top, 1], stack[top, 2]
        c, d = stack[top, 3], stack[top, 4]
        gain = -1.0
        room = count + 2 <= nodes.shape[0] and nodes[node, 4] < deepest
        if room and b - a >= 2 * least and d - c >= 2 * least:
            if tried < p:
                for g in range(tried):
                    state = shuffled_bits(state)
                    j = g + int64(state % uint64(p - g))
                    features[g], features[j] = features[j], features[g]
            gain = best_split(
                bins, y, t, w, rows, a, b, c, d, features, tried, least, balance, H, out
            )
        if gain < 0.0:
            nodes[node, 0] = -1
            fill_leaf(y, t, w, rows, c, d, leaf, node)
            continue
        f, cut = out[0], out[1]
        mid, est = part(bins, rows, a, b, f, cut), part(bins, rows, c, d, f, cut)
        nodes[node, 0], nodes[node, 1] = f, cut
        nodes[node, 2], nodes[node, 3] = count, count + 1
        for side in range(2):
            child = count + side
            nodes[child, 4] = nodes[node, 4] + 1
            stack[top, 0] = child
            stack[top, 1], stack[top, 2] = (a, mid) if side == 0 else (mid, b)
            stack[top, 3], stack[top, 4] = (c, est) if side == 0 else (est, d)
            top += 1
        count += 2
    return count


@njit(float64(float64, float64, int64), **INNER)
def debiased(between, noise, groups):
    """Between-group variance less noise: the posterior mean under a flat prior on what is >= 0.

    The sampling error of the difference is taken as normal (Athey, Tibshirani and Wager 2019,
    section 4.1).
    """
    raw = between - noise
    scale = max(between, noise) * math.sqrt(2.0 / groups)
    if scale <= 0.0:
        return 0.0
    z = raw / scale
    tail = 0.5 * math.erfc(-z / math.sqrt(2.0))
    if tail < 1e-300:
        return 0.0
    return raw + scale * math.exp(-0.5 * z * z) / math.sqrt(2.0 * math.pi) / tail


@njit(void(U2, I1, I2, F2, U2, int64, F2), **OUTER)
def read_forest(bins, roots, nodes, leaf, drawn, bag, out):
    """Slope and its variance (n, 2) at each row of bins by the bootstrap of little bags.

    Trees `bag` by `bag` share a half-sample. drawn (n, trees) marks the trees whose sample holds
    the row: they are left out; a bag counts for the variance if all its trees are there. An empty
    `drawn`: all trees.
    """
    trees = len(roots)
    where = np.empty(trees, dtype=np.int64)
    oob = drawn.shape[0] > 0
    for i in range(bins.shape[0]):
        s0, s1, s2, s3, s4, used = 0.0, 0.0, 0.0, 0.0, 0.0, 0
        for b in range(trees):
            if oob and drawn[i, b]:
                where[b] = -1
                continue
            k = roots[b]
            while nodes[k, 0] >= 0:
                go = 2 if bins[i, nodes[k, 0]] <= nodes[k, 1] else 3
                k = roots[b] + nodes[k, go]
            where[b] = k
            s0 += leaf[k, 0]
            s1 += leaf[k, 1]
            s2 += leaf[k, 2]
            s3 += leaf[k, 3]
            s4 += leaf[k, 4]
            used += 1
        out[i, 0], out[i, 1] = np.nan, np.nan
        if used == 0 or s0 <= 0.0:
            continue
        spread = (s3 - s1 * s1 / s0) / used
        if spread <= TINY:
            continue
        theta = (s4 - s1 * s2 / s0) / used / spread
        level = (s2 - theta * s1) / s0
        tm = s1 / s0
        out[i, 0] = theta
        groups, between, total = 0, 0.0, 0.0
        for g in range(trees // bag):
            mean, square, whole = 0.0, 0.0, True
            for b in range(g * bag, (g + 1) * bag):
                k = where[b]
                if k < 0:
                    whole = False
                    break
                first = leaf[k, 4] - theta * leaf[k, 3] - level * leaf[k, 1]
                psi = (first - tm * (leaf[k, 2] - theta * leaf[k, 1] - level * leaf[k, 0])) / spread
                mean += psi
                square += psi * psi
            if whole:
                groups += 1
                between += (mean / bag) ** 2
                total += square / bag
        if groups > 1:
            between /= groups
            total /= groups
            noise = (total - between) / (bag - 1) if bag > 1 else 0.0
            out[i, 1] = debiased(between, noise, groups)


__all__ = ["BINS", "SUMS", "grow_tree", "read_forest"]
