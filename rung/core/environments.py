"""Environments of rows: their names, which of them there are, and as a column."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from .data import Data
from .errors import InputError, NeedsRows, unknown
from .result import lock
from .variable import Kind, Variable


def need_environments(source: Any, who: str) -> tuple[Data, list[int]]:
    """The source as Data, and the numbers of the two or more environments that have rows.

    Raises
    ------
    NeedsRows
        The source does not hold the environment of each row.
    InputError
        There are no environments, only one, or a number without a name.
    """
    if not isinstance(source, Data):
        raise NeedsRows(
            f"{who} needs the environment of each row, which a {type(source).__name__} does not "
            "hold; pass the Data"
        )
    if source.environment is None:
        raise InputError(
            f"{who} needs rows from several environments and the data name none; say which column "
            "names the environment: rung.read(..., environment=...)"
        )
    present: list[int] = np.unique(source.environment).tolist()
    if len(present) < 2:
        raise InputError(
            f"{who} needs rows from two or more environments; all {source.n} rows are from one"
        )
    for e in present:
        environment_name(source, e)
    return source, present


def environment_name(data: Data, number: int) -> str:
    """The name of an environment; its number if the data name none."""
    if not data.environments:
        return str(number)
    if not 0 <= number < len(data.environments):
        raise InputError(
            f"rows are from environment {number}, but only {len(data.environments)} environments "
            "have names; number them from 0"
        )
    return str(data.environments[number])


def targets_of(data: Data) -> NDArray[np.bool_]:
    """(environments, d) bool: what each environment is known to intervene on."""
    if data.targets is not None:
        return np.asarray(data.targets, dtype=np.bool_)
    many = len(data.environments)
    if data.environment is not None and data.n:
        many = max(many, int(data.environment.max()) + 1)
    return np.zeros((many, data.d), dtype=np.bool_)


def reference_environment(data: Data, present: list[int], name: str | None) -> int:
    """The environment that others are compared with.

    Without a name the one with most rows (of equals the first) among those that intervene on
    nothing; among all if every one intervenes.
    """
    names = [environment_name(data, e) for e in present]
    if name is not None:
        if name not in names:
            raise unknown(name, names, "environment")
        return present[names.index(name)]
    environment, targets = np.asarray(data.environment), targets_of(data)
    plain = [e for e in present if not targets[e].any()] or present
    return max(plain, key=lambda e: (int(np.count_nonzero(environment == e)), -e))


def with_environment(data: Data, name: str, variable: Variable | None = None) -> Data:
    """The data with the environment of each row as one more, categorical, column.

    Parameters
    ----------
    name : str
        Of the column; must be new.
    variable : Variable, optional
        Its description with the levels in use; the environments that have rows by default.
    """
    if name in data.names:
        raise InputError(
            f"the column for the environment cannot be called {name!r}: there is such a column; "
            "choose another name"
        )
    assert data.environment is not None
    numbers, codes = np.unique(data.environment, return_inverse=True)
    labels = [environment_name(data, e) for e in numbers.tolist()]
    if variable is None:
        variable = Variable(name, Kind.CATEGORICAL, tuple(labels))
    column = variable.encode(np.array(labels, dtype=object))[codes]
    return data.with_column(variable, lock(column))
