"""Rows for tests that need them all: which rows a test may use, columns as numbers, a memory."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, TypeVar, final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ...core.blas import one_thread
from ...core.data import Data
from ...core.errors import InputError, NotSupported
from ...core.missing import TestWise, complete, need_finite
from ...core.result import digest
from ...core.source import Source
from ...core.variable import Kind, Variable
from ..environments import target_matrix

Floats = NDArray[np.float64]
Bool = NDArray[np.bool_]
T = TypeVar("T")
LIMIT = 2**28  # bytes of intermediate results that a bound test keeps
ANSWERS = 200_000  # p-values that a bound test keeps


class Memory:
    """Results by key; the least recently used go once they exceed `limit` bytes."""

    def __init__(self, limit: int = LIMIT) -> None:
        self.limit, self.used = limit, 0
        self._held: OrderedDict[Any, tuple[Any, int]] = OrderedDict()

    def get(self, key: Any, make: Callable[[], T]) -> T:
        """The result held under a key, made if it is not there."""
        if key in self._held:
            self._held.move_to_end(key)
            return self._held[key][0]
        value = make()
        size = _bytes(value)
        if size <= self.limit:
            self._held[key] = value, size
            self.used += size
            while self.used > self.limit:
                self.used -= self._held.popitem(last=False)[1][1]
        return value


def _bytes(value: Any) -> int:
    if isinstance(value, tuple | list):
        return sum(_bytes(v) for v in value)
    return int(getattr(value, "nbytes", 64))


@dataclass(frozen=True, eq=False)
class Rows:
    """All rows of a source, and which of them may speak about a pair.

    Parameters
    ----------
    variables : tuple of Variable
    values : (n, d) float64
        Numbers and codes; NaN only where tests leave rows out.
    free : (n, d) bool, optional
        False where the row's condition targets the variable.
    testwise : bool
        Whether every test drops the rows that are incomplete in its own columns.
    """

    variables: tuple[Variable, ...]
    values: Floats
    free: Bool | None = None
    testwise: bool = False
    memory: Memory = field(default_factory=Memory)

    @classmethod
    def of(cls, source: Source, asker: str) -> Rows:
        """The rows of a source.

        Raises
        ------
        NeedsRows
            The source holds none.
        InputError
            Cells that are not finite, or a pair without rows.
        NotSupported
            Row weights.
        """
        if not isinstance(source, Data):
            return cls(source.variables, _finite(source.rows(asker=asker), source, False))
        testwise = isinstance(source.missing, TestWise) and source.has_missing
        data = source if testwise else complete(source)
        if data.weights is not None and not (data.weights == 1).all():
            raise NotSupported(
                f"{asker} does not weigh rows; repeat them, or use FisherZ or G2, which do"
            )
        targets = target_matrix(data)
        free = None if targets is None else ~targets[data.environment]
        if free is not None:
            _every_pair(free, data.names)
        return cls(data.variables, _finite(data.matrix(), data, testwise), free, testwise)

    @cached_property
    def rank(self) -> NDArray[np.int64]:
        """Place (d,) of each column in an order that depends on contents, not on names."""
        keys = [
            (str(v.kind), digest(np.sort(column)), digest(np.ascontiguousarray(column)))
            for v, column in zip(self.variables, self.values.T, strict=True)
        ]
        out = np.empty(len(keys), dtype=np.int64)
        out[sorted(range(len(keys)), key=keys.__getitem__)] = np.arange(len(keys))
        return out

    def sorted(self, columns: Sequence[int]) -> tuple[int, ...]:
        """Column numbers in the order of `rank`."""
        return tuple(sorted((int(c) for c in columns), key=self.rank.__getitem__))

    def usable(self, x: int, y: int, given: Sequence[int]) -> tuple[int, Bool | None]:
        """A key, and the rows (n,) that may speak about x and y; None for all of them."""
        keep: Bool | None = None
        if self.free is not None:
            keep = np.asarray(self.free[:, x] & self.free[:, y])
        if self.testwise:
            whole = np.asarray(~np.isnan(self.values[:, [x, y, *given]]).any(axis=1))
            keep = whole if keep is None else keep & whole
        if keep is None or keep.all():
            return 0, None
        return hash(np.packbits(keep).tobytes()) | 1, keep

    def block(self, column: int, key: int, keep: Bool | None) -> Floats:
        """Standardised columns (n, q) of a variable: a number, or an indicator for each level.

        Standard deviations divide by n - 1; a column that does not vary is 0. Binary and ordinal
        codes are one column; levels that do not occur have none.
        """

        def make() -> Floats:
            cells = self.values[:, column] if keep is None else self.values[keep, column]
            if self.variables[column].kind is Kind.CATEGORICAL and len(cells):
                levels = np.unique(cells)
                levels = levels[1:] if len(levels) == 2 else levels
                return standardised((cells[:, None] == levels).astype(np.float64))
            return standardised(cells[:, None])

        return self.memory.get(("block", key, column), make)


def standardised(x: Floats) -> Floats:
    """Columns (n, q) with mean 0 and standard deviation 1; 0 for one that does not vary."""
    if len(x) < 2:
        return np.zeros(x.shape)
    centred = x - x.mean(axis=0)
    spread = centred.std(axis=0, ddof=1)
    flat = spread <= 1e-13 * np.abs(x).max(axis=0)
    return np.asarray(centred / np.where(flat, np.inf, spread))


def _finite(matrix: Floats, source: Source, holes: bool) -> Floats:
    values = np.asarray(matrix, dtype=np.float64)
    need_finite(
        np.where(np.isnan(values), 0.0, values) if holes else values, source.names, "a test"
    )
    return values


def _every_pair(free: Bool, names: Sequence[str]) -> None:
    count = free.astype(np.float64).T @ free.astype(np.float64)
    if (count == 0).any():
        i, j = np.argwhere(count == 0)[0]
        which = f"{names[i]!r}" + ("" if i == j else f" or {names[j]!r}")
        raise InputError(
            f"every row was collected under a condition that targets {which}: no row is left "
            "to learn its causes from. Add observational rows, or leave the variable out."
        )


class RowTest(ABC):
    """A test bound to rows: what tests share, and their p-values, are kept.

    Conditions that do not vary among the rows in use are left out: they say nothing.
    """

    def __init__(self, rows: Rows) -> None:
        self.rows = rows
        self._answers: dict[tuple[int, int, tuple[int, ...]], float] = {}

    @final
    def pvalues(self, x: ArrayLike, y: ArrayLike, given: ArrayLike) -> Floats:
        """p-values (m,) of x[i] independent of y[i] given the columns given[i], (m, k)."""
        first, second = np.atleast_1d(np.asarray(x)), np.atleast_1d(np.asarray(y))
        sets = np.asarray(given, dtype=np.int64)
        sets = sets.reshape(len(first), -1 if len(first) else 0)
        asked = [
            (int(a), int(b), self.rows.sorted(s))
            for a, b, s in zip(first, second, sets.tolist(), strict=True)
        ]
        out = np.empty(len(asked))
        import scipy.linalg  # noqa: F401 - brings its own library of linear algebra

        with one_thread():
            for i in sorted(range(len(asked)), key=lambda i: asked[i][2]):  # one set after another
                out[i] = self._answer(*asked[i])
        return out

    def _answer(self, x: int, y: int, given: tuple[int, ...]) -> float:
        if self.symmetric and self.rows.rank[x] > self.rows.rank[y]:
            x, y = y, x
        if (x, y, given) not in self._answers:
            key, keep = self.rows.usable(x, y, given)
            if len(self._answers) >= ANSWERS:
                self._answers.clear()
            told = tuple(g for g in given if self.rows.block(g, key, keep).any())
            self._answers[x, y, given] = self.one(x, y, told, key, keep)
        return self._answers[x, y, given]

    @property
    def symmetric(self) -> bool:
        """Whether the order of x and y plays no part: content decides which comes first."""
        return True

    @abstractmethod
    def one(self, x: int, y: int, given: tuple[int, ...], key: int, keep: Bool | None) -> float:
        """The p-value of one test; `key` and `keep` as `Rows.usable` gives them."""
