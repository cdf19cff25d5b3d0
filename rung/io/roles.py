"""From columns as found to Data: roles of columns, kinds, targets, refusals."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..core.data import Data, Origin
from ..core.errors import InputError, unknown
from ..core.missing import MissingPolicy
from ..core.result import lock
from ..core.variable import Variable
from .found import Found
from .kinds import Override, check_names, describe
from .lazy import LazyColumns
from .pushdown import Pushdown
from .sql import SqlTable
from .suspects import sentinels

Floats = NDArray[np.float64]


def assemble(
    columns: Sequence[Found],
    *,
    kinds: Mapping[str, Override] | None = None,
    environment: str | None = None,
    targets: Mapping[str, Any] | None = None,
    time: str | None = None,
    unit: str | None = None,
    weights: str | None = None,
    missing: MissingPolicy | None = None,
    names: Sequence[str] | None = None,
    origin: Origin,
    lazy: SqlTable | None = None,
) -> Data:
    """Data of columns.

    Raises
    ------
    UnknownName
        For a column, condition or variable that is not there, with the nearest names.
    InputError
        For infinite values, missing cells in a column that has a role, values that do not fit.
    """
    known = {column.name: column for column in columns}
    check_names(kinds, list(known))
    roles = {"environment": environment, "time": time, "unit": unit, "weights": weights}
    kept = _variables(known, roles, names)
    described, notes = [], list(origin.decisions)
    stored: dict[str, Any] = {}
    for column in kept:
        values = column.fetch()
        refuse_infinite(column.name, values)
        variable, values, more = describe(column, (kinds or {}).get(column.name), values)
        described.append(variable)
        notes += [*column.notes, *more]
        if not variable.discrete and not variable.shape and not column.identifier:
            notes += sentinels(column.name, values)
        stored[column.name] = _later(column, variable.levels, values) if lazy else lock(values)
        n = len(values)
    if n == 0:
        raise InputError(f"{origin.name} has columns and no rows; expected at least one row")
    data = Data(
        tuple(described),
        LazyColumns(n, stored, _store(lazy, kept, described)) if lazy else stored,
        missing=missing,
        origin=replace(origin, decisions=tuple(notes)),
        **_rows(known, roles),
    )
    return with_targets(data, targets)


def _store(table: SqlTable, kept: Sequence[Found], described: Sequence[Variable]) -> Pushdown:
    """What the table answers by itself, of the columns that are numbers as they stand in it."""
    plain = {c.name: c.sql for c, v in zip(kept, described) if c.sql and not v.discrete}
    return Pushdown(table, plain)


def _variables(
    known: Mapping[str, Found], roles: Mapping[str, str | None], names: Sequence[str] | None
) -> list[Found]:
    """The columns that are variables: those kept and without a role."""
    for role, name in roles.items():
        if name is not None and name not in known:
            raise unknown(name, known, f"{role} column")
    for name in names or ():
        if name not in known:
            raise unknown(name, known, "column")
    used = set(filter(None, roles.values()))
    kept = [known[k] for k in (names if names is not None else known) if k not in used]
    if not kept:
        raise InputError("no column is left to analyse: all have a role or were left out")
    return kept


def _later(column: Found, levels: Any, values: Floats) -> Any:
    """How to get the values again: straight from the store where nothing was recoded."""
    if column.levels is None and levels is not None:
        from .kinds import codes_of

        return lambda: codes_of(column.fetch(), levels)
    if column.identifier or column.levels is not None:
        small = values.astype(np.float32) if len(levels or ()) < 2**24 else values
        return lambda: small.astype(np.float64)
    return column.fetch


def refuse_infinite(name: str, values: NDArray[Any]) -> None:
    """Raise for infinite values, with column and row."""
    bad = np.unique(np.nonzero(np.isinf(values))[0])
    if len(bad):
        raise InputError(
            f"column {name!r} holds {len(bad)} infinite values, the first in row {bad[0]} (counted "
            "from 0). Repair them, or declare them missing: "
            f"rung.io.Declared(source, rung.io.Options(missing_codes={{{name!r}: [float('inf'), "
            "float('-inf')]}))"
        )


def _rows(known: Mapping[str, Found], roles: Mapping[str, str | None]) -> dict[str, Any]:
    out: dict[str, Any] = {}
    for role, name in roles.items():
        if name is None:
            continue
        column = known[name]
        values = column.fetch()
        gone = np.isnan(values).nonzero()[0]
        if len(gone):
            raise InputError(
                f"the {role} column {name!r} is missing in {len(gone)} rows, the first is row "
                f"{gone[0]}; every row needs its {role}"
            )
        refuse_infinite(name, values)
        if role in ("environment", "unit"):
            codes, labels = labelled(column, values)
            out[role] = codes
            if role == "environment":
                out["environments"] = labels
        else:
            out[role] = _numeric_role(role, column, values)
    return out


def _numeric_role(role: str, column: Found, values: Floats) -> Floats:
    if column.levels is not None or column.identifier:
        raise InputError(
            f"the {role} column {column.name!r} holds words such as "
            f"{(column.levels or ('?',))[0]!r}; expected numbers"
            + (" or dates" if role == "time" else "")
        )
    if role == "weights" and ((values < 0).any() or values.sum() == 0):
        raise InputError(f"the weights in {column.name!r} must be at least 0 and not all 0")
    return lock(values)


def labelled(column: Found, values: Floats) -> tuple[NDArray[np.int64], tuple[str, ...]]:
    """Codes (n,) of the values that occur, and their names."""
    present, codes = np.unique(values, return_inverse=True)
    if column.identifier and column.texts is not None:
        texts = column.texts()
        first = {int(c): str(t) for c, t in zip(codes[::-1], texts[::-1], strict=True)}
        labels = tuple(first[i] for i in range(len(present)))
    elif column.levels is not None:
        labels = tuple(str(column.levels[int(v)]) for v in present)
    else:
        labels = tuple(f"{v:g}" if v != int(v) else str(int(v)) for v in present.tolist())
    return lock(codes.astype(np.int64)), labels


def with_targets(data: Data, targets: Mapping[str, Any] | None) -> Data:
    """Data whose conditions intervene on the variables that `targets` lists for them."""
    if targets is None:
        return data
    if data.environment is None:
        raise InputError("targets need environment=, the column that names each row's condition")
    matrix = np.zeros((len(data.environments), data.d), dtype=np.bool_)
    for condition, hit in targets.items():
        if str(condition) not in data.environments:
            raise unknown(condition, data.environments, "condition in targets")
        row = data.environments.index(str(condition))
        for name in [hit] if isinstance(hit, str) else (hit or ()):
            matrix[row, data.index(name)] = True
    return data.replacing(targets=lock(matrix))
