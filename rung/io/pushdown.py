"""What a table in DuckDB answers by itself: shifted sums of products, counts, signatures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from .sql import SqlTable

Floats = NDArray[np.float64]
WIDEST = 64  # columns up to which one query holds all sums of products
FIRST = 10_000  # rows whose means are the shifts


class Sums(NamedTuple):
    """Rows, cells that are there, and means and centred cross-products of complete columns."""

    n: int
    present: NDArray[np.int64]
    mean: Floats
    low: Floats
    scatter: Floats


class Pushdown:
    """Queries on numeric expressions of a table, each answered once.

    Parameters
    ----------
    table : SqlTable
    expressions : mapping of str to SQL
        For each column that is a number as it stands in the table.
    """

    def __init__(self, table: SqlTable, expressions: Mapping[str, str]) -> None:
        self.table, self.expressions = table, dict(expressions)
        self._sums: dict[tuple[str, ...], Sums] = {}
        self._signatures: dict[str, tuple[int, int]] = {}

    def covers(self, names: Sequence[str]) -> bool:
        """Whether every column is a number in the table, and few enough for one query."""
        return 0 < len(names) <= WIDEST and all(name in self.expressions for name in names)

    def sums(self, names: Sequence[str]) -> Sums:
        """Means and scatter of columns in one pass over the rows.

        Sums of (x - s)(y - t) for shifts near the means, which lose no digits to large means
        (Chan, Golub and LeVeque 1983, section 4). Where cells are missing the figures mean
        nothing, and `present` says so.
        """
        key = tuple(sorted(names))
        if key not in self._sums:
            self._sums[key] = self._query(key)
        found, order = self._sums[key], [key.index(name) for name in names]
        return Sums(
            found.n,
            found.present[order],
            found.mean[order],
            found.low[order],
            found.scatter[np.ix_(order, order)],
        )

    def _query(self, names: Sequence[str]) -> Sums:
        cells = [f"CAST({self.expressions[name]} AS DOUBLE)" for name in names]
        p = len(cells)
        begin = ", ".join(f"avg({c})" for c in cells)
        first = self.table.query(
            f"SELECT {begin} FROM (SELECT * FROM {self.table.name} LIMIT {FIRST})"
        )[0]
        shift = np.array([0.0 if value is None else float(value) for value in first])
        inner = ", ".join(
            f"{c} - {s!r} AS x{i}" for i, (c, s) in enumerate(zip(cells, shift.tolist()))
        )
        wanted = ["count(*)"] + [f"count(x{i})" for i in range(p)]
        wanted += [f"sum(x{i})" for i in range(p)]
        wanted += [f"sum(x{i} * x{j})" for i in range(p) for j in range(i + 1)]
        row = self.table.query(
            f"SELECT {', '.join(wanted)} FROM (SELECT {inner} FROM {self.table.name})"
        )[0]
        n = int(row[0])
        present = np.array(row[1 : 1 + p], dtype=np.int64)
        figures = np.array([0.0 if v is None else float(v) for v in row[1 + p :]])
        total, products = figures[:p], figures[p:]
        scatter = np.zeros((p, p))
        scatter[np.tril_indices(p)] = products
        scatter = scatter + np.tril(scatter, -1).T - np.outer(total, total) / max(n, 1)
        step = total / max(n, 1)
        mean = shift + step
        return Sums(n, present, mean, step - (mean - shift), scatter)

    def signature(self, name: str) -> tuple[int, int]:
        """Two numbers that depend on the cells of a column and on nothing else, for ordering."""
        if not self._signatures:
            parts = []
            for expression in self.expressions.values():
                cell = f"CAST({expression} AS DOUBLE)"
                parts += [f"bit_xor(hash({cell}))", f"count({cell})"]
            row = self.table.query(f"SELECT {', '.join(parts)} FROM {self.table.name}")[0]
            for i, known in enumerate(self.expressions):
                self._signatures[known] = (int(row[2 * i] or 0), int(row[2 * i + 1]))
        return self._signatures[name]
