"""Found: one column of a source, before its kind is known."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..core.variable import Kind
from .options import Options

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Found:
    """A column as found: numbers, or codes of levels.

    Parameters
    ----------
    fetch : callable
        Internal float64 values (n, *shape): numbers, or codes of `levels`; NaN is missing.
    levels : tuple, optional
        The user's values in code order; None for numbers.
    kind : Kind, optional
        What the source itself declares (an ordered categorical, a boolean).
    identifier : bool
        True for text whose values are (nearly) all different; `levels` is then None and the
        codes number the texts.
    distinct : int, optional
        Number of distinct texts of an identifier.
    texts : callable, optional
        The texts (n,) of an identifier, for use as names of environments or units.
    sql : str, optional
        The same values as an expression over the table, where they are plain numbers.
    notes : tuple of str
        What reading this column decided or suspects.
    """

    name: str
    fetch: Callable[[], Floats]
    levels: tuple[Any, ...] | None = None
    kind: Kind | None = None
    unit: str | None = None
    identifier: bool = False
    distinct: int | None = None
    texts: Callable[[], NDArray[Any]] | None = None
    shape: tuple[int, ...] = ()
    sql: str | None = None
    notes: tuple[str, ...] = ()

    def replacing(self, **fields: Any) -> Found:
        """A copy with other fields."""
        return replace(self, **fields)


def unit_of(name: str) -> str | None:
    """The unit in a name such as "income [EUR]" or "dose (mg)"; None if there is none."""
    for opening, closing in ("[]", "()"):
        if name.endswith(closing) and opening in name[1:]:
            inner = name[name.rindex(opening) + 1 : -1].strip()
            if inner and len(inner) <= 20 and not inner.isdigit():
                return inner
    return None


def apply_codes(column: Found, options: Options) -> Found:
    """The column with its declared missing codes as NaN, and what was found of them."""
    if column.levels is not None:
        return without_levels(column, options.codes_of(column.name))
    name = column.name
    codes = sorted({float(c) for c in options.codes_of(name) if _as_number(c) is not None})
    if not codes:
        return column
    inner = column.fetch
    values = inner()
    counts = {code: int((values == code).sum()) for code in codes}
    notes = [
        f"column {name!r}: {count} cells {code:g} read as missing (declared)"
        for code, count in counts.items()
        if count
    ]

    def fetch() -> NDArray[np.float64]:
        values = inner().copy()
        values[np.isin(values, codes)] = np.nan
        return values

    return (
        column.replacing(fetch=fetch, sql=None, notes=(*column.notes, *notes)) if notes else column
    )


def without_levels(column: Found, codes: Sequence[Any]) -> Found:
    """A column of levels in which some levels stand for a missing cell."""
    levels = column.levels or ()
    words = {str(c) for c in codes}
    gone = [i for i, level in enumerate(levels) if str(level) in words]
    if not gone:
        return column
    values = column.fetch()
    kept = [i for i in range(len(levels)) if i not in gone]
    where = np.full(len(levels) + 1, np.nan)
    where[kept] = np.arange(len(kept))
    fetched = where[np.where(np.isnan(values), len(levels), values).astype(np.intp)]
    notes = tuple(
        f"column {column.name!r}: {int((values == i).sum())} cells {levels[i]!r} read as missing "
        "(declared)"
        for i in gone
    )
    kind = column.kind if column.kind is Kind.ORDINAL else None
    return column.replacing(
        fetch=lambda: fetched,
        levels=tuple(levels[i] for i in kept),
        kind=kind,
        notes=(*column.notes, *notes),
    )


def _as_number(code: Any) -> float | None:
    try:
        return float(code)
    except (TypeError, ValueError):
        return None
