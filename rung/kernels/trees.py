"""Sums of regression trees at many points."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import float64, int64, njit, types, void
from numpy.typing import NDArray

from .levels import R1, R2

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
_JIT: dict[str, Any] = {"cache": True, "nogil": True}
_I1 = types.Array(int64, 1, "C", readonly=True)


@njit(void(float64[::1], R2, _I1, _I1, R1, _I1, _I1, R1), **_JIT)
def add_trees(
    out: Floats,
    x: Floats,
    roots: Ints,
    feature: Ints,
    threshold: Floats,
    left: Ints,
    right: Ints,
    value: Floats,
) -> None:
    """Add the trees that start at `roots` to out (n,); x is (n, p).

    A node with feature -1 is a leaf and adds its value; others go left if x is at most the
    threshold. `left` and `right` are node numbers over all trees.
    """
    for t in range(len(roots)):
        for i in range(len(out)):
            node = roots[t]
            while feature[node] >= 0:
                node = left[node] if x[i, feature[node]] <= threshold[node] else right[node]
            out[i] += value[node]


@njit(int64[:, ::1](R2, _I1, _I1, R1, _I1, _I1), **_JIT)
def leaves(
    x: Floats, roots: Ints, feature: Ints, threshold: Floats, left: Ints, right: Ints
) -> Ints:
    """The leaf (trees, n) that each row of x (n, p) falls into."""
    out = np.empty((len(roots), len(x)), dtype=np.int64)
    for t in range(len(roots)):
        for i in range(len(x)):
            node = roots[t]
            while feature[node] >= 0:
                node = left[node] if x[i, feature[node]] <= threshold[node] else right[node]
            out[t, i] = node
    return out


@njit(float64[::1](types.Array(int64, 2, "C", readonly=True), R1, R1, float64, int64), **_JIT)
def reweigh(leaf: Ints, target: Floats, weight: Floats, rate: float, nodes: int) -> Floats:
    """Values of all nodes: each tree in turn takes the weighted mean residual times the rate."""
    value = np.zeros(nodes)
    mass = np.zeros(nodes)
    rest = target.copy()
    for t in range(len(leaf)):
        for i in range(len(rest)):
            value[leaf[t, i]] += weight[i] * rest[i]
            mass[leaf[t, i]] += weight[i]
        for i in range(len(rest)):
            node = leaf[t, i]
            if mass[node] > 0.0:
                rest[i] -= rate * value[node] / mass[node]
    for node in range(nodes):
        if mass[node] > 0.0:
            value[node] *= rate / mass[node]
    return value
