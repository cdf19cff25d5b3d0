"""Found: one column of a source, before its kind is known."""

from __future__ import annotations

from collections.abc import Callable
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
    """Declared missing codes of a numeric column become NaN."""
    name = column.name
    codes = sorted({float(c) for c in options.codes_of(name) if _as_number(c) is not None})
    if not codes:
        return column
    inner = column.fetch
    notes = []
    values = inner()
    for code in codes:
        count = int((values == code).sum())
        if count:
            notes.append(f"column {name!r}: {count} cells {code:g} read as missing (declared)")

    def fetch() -> NDArray[np.float64]:
        values = inner().copy()
        values[np.isin(values, codes)] = np.nan
        return values

    return column.replacing(fetch=fetch, notes=(*column.notes, *notes)) if notes else column


def _as_number(code: Any) -> float | None:
    try:
        return float(code)
    except (TypeError, ValueError):
        return None
