"""Groups of exchangeable rows as one row a group: a first sample beside a second one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..core.data import Data
from ..core.errors import InputError, NeedsRows, NotSupported
from ..core.missing import TestWise, complete
from ..core.result import lock
from ..core.source import Source
from ..core.variable import Variable

Floats = NDArray[np.float64]
Ints = NDArray[np.intp]


@dataclass(frozen=True, eq=False)
class Groups:
    """Rows in groups of at least two.

    Parameters
    ----------
    data : Data
    rows : (n,) intp
        Row numbers, group after group, of the groups that are used.
    begin, size : (m,) intp
        Where each group begins in `rows`, and how many rows it has.
    single : int
        Groups of one row, which were left out.
    """

    data: Data
    rows: Ints
    begin: Ints
    size: Ints
    single: int

    @classmethod
    def of(cls, source: Source, asker: str, *, testwise: bool) -> Groups:
        """The groups of a source: its environments, or its units if it has no two environments.

        Rows with missing cells go by the declared policy; with `testwise` they stay, for a test
        that leaves them out itself.

        Raises
        ------
        NeedsRows
            The source is no Data.
        NotSupported
            Rows have weights.
        InputError
            There are no groups, or no group has two rows.
        """
        if not isinstance(source, Data):
            raise NeedsRows(
                f"{asker} pairs the rows of each group, which a {type(source).__name__} does not "
                "hold; pass the Data"
            )
        if source.weights is not None:
            raise NotSupported(f"{asker} takes no weights: repeat no row, leave `weights` out")
        keep = testwise and isinstance(source.missing, TestWise)
        data = source if keep else complete(source)
        label = _labels(data)
        if label is None:
            raise InputError(
                f"{asker} needs rows in groups: name the column of groups when reading, "
                "rung.read(..., environment='site') or unit='patient'"
            )
        _, number, count = np.unique(label, return_inverse=True, return_counts=True)
        enough = count >= 2
        if not enough.any():
            raise InputError(
                f"{asker} needs at least two rows in a group: all {len(count)} groups have one row"
            )
        # by content within a group, so that the order of rows in the file plays no part
        rows = np.lexsort((*data.matrix().T, number))
        rows, size = rows[enough[number[rows]]], count[enough]
        begin = np.cumsum(size) - size
        return cls(data, rows, begin, size, int((~enough).sum()))

    def __len__(self) -> int:
        return len(self.size)

    def pair(self, rng: np.random.Generator) -> Data:
        """One row a group: columns `X[1]` of a row drawn from it, then columns `X[2]` of the rest.

        `X[2]` is the mean of the other rows for numbers, one row among them for levels. Given the
        mechanisms of its group a row is independent of the others, hence of any function of them;
        the mean says more of the mechanisms than one row does.
        """
        first = rng.integers(self.size)
        other = (first + 1 + rng.integers(self.size - 1)) % self.size
        near, far = self.rows[self.begin + first], self.rows[self.begin + other]
        columns: dict[str, NDArray[Any]] = {}
        described: list[Variable] = []
        for sample in (1, 2):
            for v in self.data.variables:
                name, cells = f"{v.name}[{sample}]", self.data.column(v.name)
                if sample == 1 or v.discrete:
                    described.append(v.renamed(name))
                    columns[name] = lock(np.asarray(cells)[near if sample == 1 else far])
                else:
                    described.append(Variable(name))
                    columns[name] = lock(self._rest(np.asarray(cells, dtype=float), near, far))
        return Data(tuple(described), columns, missing=self.data.missing)

    def _rest(self, cells: Floats, near: Ints, far: Ints) -> Floats:
        """Mean (m,) of each group's cells but for `near`; NaN where all of them are missing."""
        there = ~np.isnan(cells)
        filled = np.where(there, cells, 0.0)
        total = np.add.reduceat(filled[self.rows], self.begin) - filled[near]
        count = np.add.reduceat(there[self.rows].astype(np.intp), self.begin) - there[near]
        mean = np.where(count > 0, total / np.maximum(count, 1), np.nan)
        return np.where(self.size == 2, cells[far], mean)


def _labels(data: Data) -> NDArray[Any] | None:
    """The group of each row."""
    for label in (data.environment, data.unit):
        if label is not None and len(label) and (label != label[0]).any():
            return label
    return None
