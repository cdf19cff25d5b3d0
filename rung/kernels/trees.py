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
