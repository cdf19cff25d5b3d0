"""Rows as the kernels on levels want them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..core.data import Data
from ..core.errors import InputError
from ..core.missing import TestWise
from ..core.moments import Counts
from ..core.source import Source
from .environments import target_matrix


class Coded(NamedTuple):
    """Arrays as described in `rung.kernels.cells`."""

    F: NDArray[np.float64]
    I: NDArray[np.int64]
    P: NDArray[np.float64]


def coded(
    source: Source, asker: str, *, penalty: Sequence[float] = (0.0,), testwise: bool = False
) -> Coded:
    """Codes, standardised numbers, targets and weights of a source.

    Raises
    ------
    NeedsRows
        The source holds neither rows nor a table of all its variables.
    """
    d = len(source.names)
    names = list(source.names)
    if isinstance(source, Counts):
        matrix = source.cells.astype(np.float64)
        weights: NDArray[np.float64] | None = source.counts
        hit = None
    elif isinstance(source, Data):
        keep = testwise and isinstance(source.missing, TestWise)
        data = source if keep or not source.has_missing else _complete(source)
        matrix, weights = data.matrix(names), data.weights
        targets = target_matrix(data)
        hit = None if targets is None else targets[data.environment].T
    else:
        matrix, weights, hit = source.rows(names, asker=asker), None, None
    return _pack(source, matrix, weights, hit, d, penalty)


def _complete(data: Data) -> Data:
    from ..core.missing import complete

    return complete(data)


def _pack(
    source: Source,
    matrix: NDArray[np.float64],
    weights: NDArray[np.float64] | None,
    hit: NDArray[np.bool_] | None,
    d: int,
    penalty: Sequence[float],
) -> Coded:
    n = len(matrix)
    width = max(n, d)
    sizes = np.array([v.size for v in source.variables], dtype=np.int64)
    index = np.zeros((d + 1 + (0 if hit is None else d), width), dtype=np.int64)
    values = np.zeros((1, 1 + d, max(n, 1)) if (sizes == 0).any() else (1, 1, 1))
    values[0, 0, 0] = d
    for j in range(d):
        column = matrix[:, j]
        if sizes[j]:
            index[j, :n] = np.where(np.isnan(column), -1, column)
        else:
            spread = column.std()
            values[0, 1 + j, :n] = (column - column.mean()) / (spread if spread > 0 else 1.0)
    index[d, :d] = sizes
    if hit is not None:
        index[d + 1 :, :n] = hit
    row = np.ones(n) if weights is None else np.asarray(weights, dtype=np.float64)
    return Coded(values, np.ascontiguousarray(index), np.append(row, penalty))


def all_levels(source: Source, asker: str) -> None:
    """Refuse numbers that are not levels.

    Raises
    ------
    NeedsRows
        For Moments, which hold no levels; InputError for continuous columns.
    """
    if not isinstance(source, Counts | Data) and type(source).table is Source.table:
        source.table(source.names[:1], asker=asker)
    bad = [v for v in source.variables if not v.discrete]
    if bad:
        raise InputError(
            f"{asker} compares levels, but {bad[0].name!r} is {bad[0].kind}: use a test or "
            "score for mixed data (DegenerateGaussian, DegenerateGaussianBIC, "
            "ConditionalGaussianBIC), or read the column as categorical"
        )


__all__ = ["Coded", "all_levels", "coded"]
