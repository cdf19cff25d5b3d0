"""Reader: covariates of a table as the columns that learners see."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ...core.data import Data
from ...core.errors import InputError
from ...core.missing import complete
from ...core.variable import Kind, Variable

Floats = NDArray[np.float64]
MOST_LEVELS = 30


@dataclass(frozen=True, eq=False)
class Reader:
    """Numbers as they are; of a categorical column with several levels one column a level.

    Of more than 30 levels the commonest 30 have a column, the others share none.

    Parameters
    ----------
    variables : of the covariates
    levels : for each the codes that have a column of their own; empty for a number
    """

    variables: tuple[Variable, ...]
    levels: tuple[tuple[int, ...], ...]

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the covariates."""
        return tuple(v.name for v in self.variables)

    @property
    def owners(self) -> tuple[str, ...]:
        """The covariate of each column."""
        return tuple(
            v.name for v, own in zip(self.variables, self.levels, strict=True)
            for _ in range(max(len(own), 1))
        )  # fmt: skip

    def matrix(self, data: Data) -> Floats:
        """Columns (n, p) of a table that has the covariates, by name.

        Raises
        ------
        UnknownName, InputError
            A covariate is not there, or holds a level that was never seen.
        MissingCells
            Cells are missing.
        """
        part = complete(data.select(list(self.names)))
        if part.n < data.n:
            raise InputError(
                f"{data.n - part.n} rows have missing covariates: leave them out, or complete them"
            )
        columns = []
        for v, own in zip(self.variables, self.levels, strict=True):
            x, theirs = np.asarray(part.column(v.name), dtype=np.float64), part.variable(v.name)
            if v.discrete and theirs.levels != v.levels:
                x = v.encode(theirs.decode(x) if theirs.discrete else x)
            columns += [x] if not own else [(x == k).astype(np.float64) for k in own]
        out = np.ascontiguousarray(np.column_stack(columns))
        if not np.isfinite(out).all():
            raise InputError("covariates have infinite cells; leave those rows out")
        return out

    def read(self, rows: Data | ArrayLike) -> Floats:
        """Columns (n, p) of a table, or of an array with the covariates in order.

        Raises
        ------
        InputError
            An array of another width, or with cells that are not finite.
        """
        if isinstance(rows, Data):
            return self.matrix(rows)
        array = np.atleast_2d(np.asarray(rows, dtype=np.float64))
        if array.shape[1] != len(self.variables):
            raise InputError(
                f"expected the {len(self.variables)} columns {', '.join(self.names)}; got an array "
                f"of shape {array.shape}"
            )
        for x, v in zip(array.T, self.variables, strict=True):
            if v.discrete and not np.isin(x[~np.isnan(x)], np.arange(v.size)).all():
                raise InputError(f"column {v.name!r} of an array holds codes 0 to {v.size - 1}")
        return self.matrix(Data.from_matrix(array, variables=self.variables))


def reader(data: Data, names: tuple[str, ...]) -> Reader:
    """The reader of these columns of a table.

    Raises
    ------
    InputError
        A column is an identifier or not scalar.
    """
    levels: list[tuple[int, ...]] = []
    variables = tuple(data.variable(name) for name in names)
    for v in variables:
        if v.shape or v.kind is Kind.IDENTIFIER:
            raise InputError(f"covariate {v.name!r} is {v.kind}: effects cannot differ by it")
        if v.kind is not Kind.CATEGORICAL or v.size <= 2:
            levels.append(())
            continue
        counts = np.bincount(data.column(v.name).astype(np.int64), minlength=v.size)
        common = np.argsort(-counts, kind="stable")[:MOST_LEVELS]
        levels.append(tuple(sorted(int(k) for k in common if counts[k])))
    return Reader(variables, tuple(levels))
