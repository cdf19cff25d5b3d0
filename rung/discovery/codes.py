"""Rows as the kernels on levels want them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

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


HEAD = 6  # numbers at the beginning of F, see `rung.kernels.cells`
PER_LEVEL = 64  # levels a variable, on average, for which sets of rows are made


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
    width, height, words = max(n, 2 * d), d + 1 + (0 if hit is None else d), -(-n // 64)
    sizes = np.array([v.size for v in source.variables], dtype=np.int64)
    row = np.ones(n) if weights is None else np.asarray(weights, dtype=np.float64)
    numbers = np.nonzero(sizes == 0)[0].tolist()
    number_of_sets = 0
    if not numbers and sizes.sum() <= PER_LEVEL * d and (row == 1.0).all():
        number_of_sets = height - d + int(sizes.sum())
    # not more arrays of this size than needed: most of the time here is for new memory
    index = np.zeros((height - (-number_of_sets * words // width), width), dtype=np.int64)
    values = np.zeros((1, 1 + d, max(n, HEAD)) if numbers else (1, 1, HEAD))
    missing = np.isnan(matrix)
    for j in range(d):
        if sizes[j]:
            index[j, :n] = np.where(missing[:, j], -1.0, matrix[:, j])
        else:
            column = matrix[:, j]
            spread = column.std()
            values[0, 1 + j, :n] = (column - column.mean()) / (spread if spread > 0 else 1.0)
    index[d, :d] = sizes
    if hit is not None:
        index[d + 1 : height, :n] = hit
    place = height * width if number_of_sets else 0
    if place:
        _put_sets(index, place, sizes, hit, n)
    values[0, 0, :HEAD] = d, hit is not None, place, words, not missing.any(), n
    return Coded(values, index, np.append(row, penalty))


def _put_sets(
    index: NDArray[np.int64], place: int, sizes: NDArray[np.int64], hit: Any, n: int
) -> None:
    """Write the sets of rows from a place on, and where those of each variable begin."""
    d, words, flat = len(sizes), -(-n // 64), index.reshape(-1)
    room = np.zeros(words * 64, dtype=bool)

    def put(rows: Any) -> None:
        nonlocal place
        room[:n] = rows
        flat[place : place + words] = np.packbits(room, bitorder="little").view("<i8")
        place += words

    put(True)
    for j in range(0 if hit is None else d):
        put(~hit[j])
    for j in range(d):
        index[d, d + j] = place
        for level in range(sizes[j]):
            put(index[j, :n] == level)


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
