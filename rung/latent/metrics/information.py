"""Mutual information between each code and each factor: the estimators, written once."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ...core.errors import InputError
from .arrays import Flags, Floats, Pair, pair

Ints = NDArray[np.intp]
ROUNDING = 1e-12  # what sums of logarithms leave where columns are independent
NEIGHBOURS = 10  # as in the code of Hsu et al. (2023)


def entropy(labels: ArrayLike) -> float:
    """Plug-in entropy in nats of labels (n,)."""
    counts = np.unique(np.asarray(labels), return_counts=True)[1]
    p = counts / counts.sum()
    return float(-(p * np.log(p)).sum())


def plug_in(a: Ints, b: Ints) -> float:
    """Plug-in mutual information in nats of two columns of codes 0, 1, ..."""
    joint = np.zeros((int(a.max()) + 1, int(b.max()) + 1))
    np.add.at(joint, (a, b), 1)
    joint /= len(a)
    full = joint > 0
    product = joint.sum(axis=1, keepdims=True) * joint.sum(axis=0, keepdims=True)
    found = float((joint[full] * np.log(joint[full] / product[full])).sum())
    return found if found > ROUNDING else 0.0


def binned(column: NDArray[np.float64], bins: int) -> Ints:
    """Numbers of equal-width bins between the smallest and the largest value.

    As in disentanglement_lib (Locatello et al. 2019). A constant column has one bin.
    """
    if bins < 2:
        raise InputError(f"bins={bins}: expected 2 or more")
    low, high = column.min(), column.max()
    if low == high:
        return np.zeros(len(column), dtype=np.intp)
    return np.clip(((column - low) / (high - low) * bins).astype(np.intp), 0, bins - 1)


def labels(columns: Floats, discrete: NDArray[np.bool_], bins: int) -> Ints:
    """Every column as labels: discrete ones as they are, the others in equal-width bins."""
    out = [
        c.astype(np.intp) if flag else binned(c, bins)
        for c, flag in zip(columns.T, discrete, strict=True)
    ]
    return np.stack(out, axis=1)


def by_neighbours(columns: Floats, label: Ints, neighbours: int = NEIGHBOURS) -> Floats:
    """Mutual information (k,) in nats of continuous columns (n, k) with one label a row.

    Ross (2014, eq. 2): psi(n) + psi(k) - <psi(rows of the label)> - <psi(m)>, with m the number of
    rows as near as the k-th nearest of the same label. Labels with one row are left out; those
    with fewer than k others use what they have; where values tie, k is the number of rows of the
    label that are as near (Gao et al. 2017). Negative estimates are 0, and so is a constant column.
    """
    return np.array([_ross(column, label, neighbours) for column in columns.T])


def _ross(column: NDArray[np.float64], label: Ints, neighbours: int) -> float:
    from scipy.special import digamma

    counts = np.bincount(label)
    kept = counts[label] > 1
    x, label = column[kept], label[kept]
    if not len(x) or x.min() == x.max():
        return 0.0
    order, within, near = np.sort(x), np.empty(len(x)), np.empty(len(x))
    slack = 8 * np.finfo(np.float64).eps * np.abs(x).max()  # sums below are rounded
    for value in np.unique(label):
        rows = np.flatnonzero(label == value)
        rows = rows[np.argsort(x[rows], kind="stable")]
        reach = _kth(x[rows], min(neighbours, len(rows) - 1)) * (1 + 1e-9) + slack
        within[rows] = _inside(order, x[rows], reach)
        near[rows] = _inside(x[rows], x[rows], reach)
    terms = digamma(near) - digamma(counts[label]) - digamma(within)
    return max(0.0, float(digamma(len(x)) + terms.mean()))


def _inside(
    order: NDArray[np.float64], at: NDArray[np.float64], reach: NDArray[np.float64]
) -> NDArray[np.intp]:
    """How many others of the sorted values lie within reach of each value."""
    right = np.searchsorted(order, at + reach, side="right")
    return right - np.searchsorted(order, at - reach, side="left") - 1


def _kth(values: NDArray[np.float64], k: int) -> NDArray[np.float64]:
    """Distance of each of the sorted values to its k-th nearest other one."""
    wide = np.concatenate([np.full(k, -np.inf), values, np.full(k, np.inf)])
    n = len(values)
    ends = [
        np.maximum(values - wide[j : j + n], wide[j + k : j + k + n] - values) for j in range(k + 1)
    ]
    return np.min(ends, axis=0)


def binned_information(p: Pair, bins: int) -> tuple[Floats, Floats]:
    """Plug-in information (k, m) and the entropy (m,) of the factors, continuous ones binned."""
    z, s = labels(p.codes, p.discrete_codes, bins), labels(p.factors, p.discrete_factors, bins)
    table = np.array([[plug_in(z[:, j], s[:, i]) for i in range(p.m)] for j in range(p.k)])
    return table, np.array([entropy(s[:, i]) for i in range(p.m)])


def mixed_information(p: Pair, bins: int) -> tuple[Floats, Floats]:
    """As `binned_information`, but continuous codes by nearest neighbours, without bins."""
    s = labels(p.factors, p.discrete_factors, bins)
    z = labels(p.codes, np.ones(p.k, dtype=np.bool_), bins)
    table = np.empty((p.k, p.m))
    for i in range(p.m):
        for j in np.flatnonzero(p.discrete_codes):
            table[j, i] = plug_in(z[:, j], s[:, i])
        numbers = ~p.discrete_codes
        table[numbers, i] = by_neighbours(p.codes[:, numbers], s[:, i])
    return table, np.array([entropy(s[:, i]) for i in range(p.m)])


def mutual_information(
    codes: ArrayLike,
    factors: ArrayLike,
    *,
    discrete_codes: Flags = False,
    discrete_factors: Flags = False,
    bins: int = 20,
) -> Floats:
    """Mutual information in nats between each code and each factor, (k, m).

    Parameters
    ----------
    codes : (n, k)
    factors : (n, m)
    discrete_codes, discrete_factors : bool or one bool a column
    bins : int
        Continuous columns are cut into that many bins of equal width.
    """
    p = pair(codes, factors, discrete_codes=discrete_codes, discrete_factors=discrete_factors)
    return binned_information(p, bins)[0]
