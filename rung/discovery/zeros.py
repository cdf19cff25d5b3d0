"""Zeros that may be dropouts: which columns have them, and the rows without."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..core.blas import one_thread
from ..core.data import Data
from ..core.errors import InputError
from ..core.missing import TestWise, complete
from ..core.result import digest
from ..core.source import Source
from ..core.variable import Kind
from .environments import LIMIT, target_matrix

Bool = NDArray[np.bool_]
Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
WORK = 4e10  # multiplications that the matrices given each single column may take
AMOUNTS = (Kind.CONTINUOUS, Kind.COUNT)  # kinds whose zero is an amount and not a level


def data_of(source: Source, asker: str, testwise: bool = False) -> Data:
    """The rows of a source; with missing cells only if every test leaves them out by itself.

    Raises
    ------
    NeedsRows
        The source holds none.
    MissingCells
        Cells are missing and no policy was declared.
    InputError
        Cells that are not finite.
    """
    if not isinstance(source, Data):
        rows = source.rows(asker=asker)
        return Data.from_matrix(rows, variables=source.variables)
    keep = testwise and isinstance(source.missing, TestWise)
    data = source if keep else complete(source)
    infinite = np.isinf(data.matrix()).any(axis=0)
    if infinite.any():
        name = data.names[int(infinite.argmax())]
        raise InputError(f"column {name!r} has infinite cells; replace or drop them")
    return data


def zeros(data: Data, zero: float = 0.0) -> Bool:
    """(n, d) True where a number or a count equals `zero`; never in a column of levels."""
    amounts = np.array([v.kind in AMOUNTS for v in data.variables], dtype=np.bool_)
    return np.asarray((data.matrix() == zero) & amounts)


def packed(rows: Bool) -> Ints:
    """Rows (k, n) of truths as bits in 64-bit words: (k, ceil(n / 64)), the lowest bit first."""
    k, n = rows.shape
    padded = np.zeros((k, -(-n // 64) * 64), dtype=np.bool_)
    padded[:, :n] = rows
    return np.packbits(padded, axis=1, bitorder="little").view("<i8").astype(np.int64)


def free_rows(data: Data) -> Bool | None:
    """(n, d) False where the row's condition targets the variable; None without targets."""
    targets = target_matrix(data)
    return None if targets is None else np.asarray(~targets[data.environment])


def scratch(n: int, k: int) -> int:
    """Scratch that the kernels of `rung.kernels.zero_deletion` need for sets of up to k."""
    return 1 + (k + 3) * n + (k + 2) ** 2


def kernel_arrays(
    data: Data, first: Bool, second: Bool, given: Bool
) -> tuple[Floats, Ints, Floats]:
    """F, I and P of `rung.kernels.zero_deletion`.

    Parameters
    ----------
    first, second, given : (n, d) bool
        Rows on which a column may be the first end of a test, the second, or a condition.
    """
    matrix, (n, d) = data.matrix(), given.shape
    weights = np.ones(n) if data.weights is None else np.array(data.weights, dtype=np.float64)
    counted = (weights > 0)[:, None]
    bits = packed(np.concatenate([(part & counted).T for part in (first, second, given)]))
    bits = np.pad(bits, ((0, 0), (0, max(0, d + 1 - bits.shape[1]))))
    head = np.zeros((1, bits.shape[1]), dtype=np.int64)
    head[0, 1 : d + 1] = _by_rows(matrix, given)
    parts = [weights]
    if first.all() and second.all() and 8 * (d + 1) * d * d <= LIMIT and float(n) * d**3 <= WORK:
        head[0, 0] = d + 1
        with one_thread():
            parts += _matrices(matrix, given, weights)
    F = np.ascontiguousarray(matrix.T)[None]
    return F, np.ascontiguousarray(np.concatenate([head, bits])), np.concatenate(parts)


def _by_rows(matrix: Floats, given: Bool) -> Ints:
    """Place (d,) of each column by the rows it leaves as a condition, then by its contents."""
    columns = np.ascontiguousarray(matrix.T)
    keys = [(int(c.sum()), digest(x)) for c, x in zip(given.T, columns, strict=True)]
    out = np.empty(len(keys), dtype=np.int64)
    out[sorted(range(len(keys)), key=keys.__getitem__)] = np.arange(len(keys))
    return out


def _matrices(matrix: Floats, given: Bool, weights: Floats) -> list[Floats]:
    """Rows (d + 1,) and correlations (d + 1, d, d): on all rows, and where each column is seen."""
    d = matrix.shape[1]
    rows, out = np.empty(d + 1), np.empty((d + 1, d, d))
    rows[0], out[0] = correlations(matrix, weights)
    for s in range(d):
        keep = given[:, s]
        rows[s + 1], out[s + 1] = (
            (rows[0], out[0]) if keep.all() else correlations(matrix[keep], weights[keep])
        )
    return [rows, out.ravel()]


def correlations(matrix: Floats, weights: Floats) -> tuple[float, Floats]:
    """Sum of weights and correlations (d, d); a column that does not vary is 0 throughout."""
    total = float(weights.sum())
    if total <= 0:
        return 0.0, np.zeros((matrix.shape[1],) * 2)
    mean = weights @ matrix / total
    centred = matrix - mean
    scatter = (centred * weights[:, None]).T @ centred
    spread = np.diag(scatter)
    fine = spread > 1e-14 * (spread + total * mean**2)
    scale = np.where(fine, np.sqrt(np.where(fine, spread, 1.0)), np.inf)
    out = np.clip(scatter / np.outer(scale, scale), -1.0, 1.0)
    np.fill_diagonal(out, fine.astype(np.float64))
    return total, out
