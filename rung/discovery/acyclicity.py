"""Acyclicity as a smooth function of weights, and from weights to a DAG.

A weight matrix W (d, d) has W[i, j] for i -> j. Both functions take the matrix A = W o W of
squares and are 0 exactly if W is acyclic. Their gradient in A is the transpose of the matrix they
return beside their value; by the chain rule the gradient in W is 2 W times that, entry by entry.
"""

from __future__ import annotations

from math import ceil, factorial, log2

import numpy as np
from numpy.typing import NDArray

from ..core.graph_checks import cycle, order

Floats = NDArray[np.float64]
Bool = NDArray[np.bool_]
LARGEST = 600.0  # norm beyond which the exponential is taken for infinite


def exponential(A: Floats) -> tuple[float, Floats]:
    """tr(exp A) - d, and exp A (d, d), for A without negative entries.

    By the Taylor series of exp(A / 2^s) - I with 15 terms and s doublings; no terms cancel, as
    none is negative. Beyond the range of floats the value is infinite.

    Source: Zheng, Aragam, Ravikumar and Xing (2018), theorem 1.
    """
    d = len(A)
    norm = float(min(A.sum(axis=0).max(initial=0.0), A.sum(axis=1).max(initial=0.0)))
    if not norm < LARGEST:
        return np.inf, np.full((d, d), np.inf)
    doublings = max(0, ceil(log2(norm))) if norm > 0 else 0
    a = A / 2.0**doublings
    a2 = a @ a
    a3 = a2 @ a
    a4 = a2 @ a2

    def block(k: int) -> Floats:
        part = a / factorial(k + 1) + a2 / factorial(k + 2) + a3 / factorial(k + 3)
        if k:
            part[np.diag_indices(d)] += 1.0 / factorial(k)
        return np.asarray(part)

    out = block(12)
    for k in (8, 4, 0):
        out = block(k) + a4 @ out
    for _ in range(doublings):
        out = 2.0 * out + out @ out
    value = float(np.trace(out))
    out[np.diag_indices(d)] += 1.0
    return value, out


def log_determinant(A: Floats, s: float = 1.0) -> tuple[float, Floats]:
    """-log det(s I - A) + d log s, and the inverse of s I - A (d, d).

    Infinite where s I - A is no M-matrix: there the inverse has negative entries.

    Source: Bello, Aragam and Ravikumar (2022), theorem 1 and lemma 1.
    """
    from scipy.linalg.lapack import dgetrf, dgetri

    d = len(A)
    outside = np.inf, np.full((d, d), np.inf)
    if d == 0:
        return 0.0, np.empty((0, 0))
    lu, pivots, failed = dgetrf(s * np.eye(d) - A)
    if failed:
        return outside
    inverse, failed = dgetri(lu, pivots)
    if failed or not inverse.min() > -1e-12:
        return outside
    return d * np.log(s) - float(np.log(np.abs(np.diag(lu))).sum()), inverse


def is_acyclic(W: Floats | Bool) -> bool:
    """Whether the entries that are not zero form no directed cycle."""
    there = np.asarray(W != 0)
    return len(order(there)) == len(there)


def smallest_threshold(W: Floats, required: Bool, least: float = 0.0) -> tuple[Bool, float]:
    """The DAG of the entries above the smallest threshold, not below `least`, that leaves one.

    Parameters
    ----------
    W : (d, d) float64
    required : (d, d) bool
        Edges that stay, whatever their weight; without a cycle.
    least : float

    Returns
    -------
    dag : (d, d) bool
    threshold : float
        Edges with |W| above it were kept.
    """
    size = np.where(required, np.inf, np.abs(W))
    candidates = np.unique(np.append(size[(size > least) & np.isfinite(size)], least))
    low, high = 0, len(candidates) - 1
    while low < high:  # a larger threshold leaves fewer edges, so acyclicity is monotone in it
        middle = (low + high) // 2
        if is_acyclic(size > candidates[middle]):
            high = middle
        else:
            low = middle + 1
    return size > candidates[low], float(candidates[low])


def strongest_dag(W: Floats, required: Bool) -> Bool:
    """The DAG of edges added from large |W| to small, each unless it closes a cycle (d, d).

    Edges of `required` come first; equal ones in the order of columns.
    """
    from ..kernels.descent import strongest

    size = np.where(required, np.inf, np.abs(W)).ravel()
    there = np.flatnonzero(size)
    order = there[np.argsort(-size[there], kind="stable")].astype(np.int64)
    out = np.zeros(W.shape, dtype=np.uint8)
    strongest(order, out)
    return np.asarray(out > 0)


def before(dag: Bool) -> Bool:
    """[i, j] True where i precedes j in an order of the DAG (lowest column first among the free).

    Raises
    ------
    ValueError
        If there is a cycle.
    """
    if cycle(dag):
        raise ValueError("a graph with a cycle has no order")
    rank = np.empty(len(dag), dtype=np.intp)
    rank[order(dag)] = np.arange(len(dag))
    return np.asarray(rank[:, None] < rank[None, :])
