"""The kind of a column from its values, with the reason; every inference can be overridden.

Rules for numbers, in this order (m distinct values among n that are present):

1. m <= 1: constant.
2. whole numbers, n >= 20, all different and without a gap; or in a column named like an
   identifier and more than 20 different: identifier. Dates are continuous.
3. m = 2 (whole numbers, or n >= 20): binary, the smaller value first.
4. 3 <= m <= 10, whole numbers without a gap that start at 1, or at 0 with m <= 4: ordinal.
5. whole numbers >= 0 that include 0, with mean <= 20 and a longer tail above than below (skewness
   >= 0.4 if m <= 10, >= 0 if more): count. At a larger mean a normal approximation serves.
6. m <= 10 and at least 20 rows a value: ordinal (a few doses, grades or grouped values).
7. anything else: continuous.

Words: one is constant, two are binary, more are categorical in sorted order (numbers inside words
count as numbers, so "9" comes before "10"); nearly all different is an identifier. A categorical
column never becomes ordinal by itself: declare `kinds={"x": ["low", "mid", "high"]}`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..core.errors import InputError, unknown
from ..core.result import lock
from ..core.variable import Kind, Variable
from .found import Found

MANY = 50  # levels above which a categorical column is warned about
_ID_NAME = re.compile(r"(^|[_\W])(id|idx|index|key|uuid|rowid|rownames)$|^unnamed", re.I)
_SCALES = (
    ("low", "medium", "high"), ("low", "mid", "high"), ("small", "medium", "large"),
    ("never", "rarely", "sometimes", "often", "always"), ("mild", "moderate", "severe"),
    ("none", "mild", "moderate", "severe"), ("poor", "fair", "good", "excellent"),
    ("strongly disagree", "disagree", "neutral", "agree", "strongly agree"),
)  # fmt: skip

Override = str | Kind | Sequence[Any] | Variable
Floats = NDArray[np.float64]


def number_kind(name: str, values: Floats, unit: str | None = None) -> tuple[Kind, str]:
    """Kind of a numeric column (n,) and the reason; NaN is missing, dates are continuous."""
    x = values[~np.isnan(values)]
    few = np.unique(x[:2000])
    distinct = few if len(few) > 1000 else np.unique(x)
    m, n = len(distinct), len(x)
    if m <= 1:
        return Kind.CONSTANT, "missing in every row" if m == 0 else "one value in every row"
    whole = bool((x == np.floor(x)).all()) and bool(np.abs(x).max() < 2**53)
    if (unit or "").startswith("days since"):
        return Kind.CONTINUOUS, "dates"
    if whole and _is_identifier(name, x):
        return Kind.IDENTIFIER, f"{m} different whole numbers in {n} rows"
    if m == 2 and (whole or n >= 20):
        return Kind.BINARY, "two values"
    gapless = whole and distinct[-1] - distinct[0] + 1 == m
    if gapless and m <= 10 and (distinct[0] == 1 or (distinct[0] == 0 and m <= 4)):
        return Kind.ORDINAL, f"the whole numbers {distinct[0]:g} to {distinct[-1]:g}"
    if whole and x.min() == 0 and x.mean() <= 20 and _skew(x) >= (0.4 if m <= 10 else 0):
        return Kind.COUNT, f"whole numbers from 0 with mean {x.mean():.3g}"
    if m <= 10 and n >= 20 * m:
        return Kind.ORDINAL, f"{m} different values in {n} rows"
    return Kind.CONTINUOUS, "numbers with many different values"


def _is_identifier(name: str, x: Floats) -> bool:
    if len(x) < 20:
        return False
    named = _ID_NAME.search(name) is not None
    if x.max() - x.min() + 1 != len(x) and not named:
        return False
    distinct = len(np.unique(x))
    return distinct == len(x) or (named and distinct > 20)


def _skew(x: Floats) -> float:
    z = (x - x.mean()) / x.std()
    return float((z * z * z).mean())


def describe(
    column: Found, override: Override | None = None, values: Floats | None = None
) -> tuple[Variable, Floats, list[str]]:
    """Variable, internal values and notes of a column; `values` if they are fetched already.

    Raises
    ------
    InputError
        If the values do not fit the kind that was asked for.
    """
    values = column.fetch() if values is None else values
    notes: list[str] = []
    if column.shape:
        return Variable(column.name, unit=column.unit, shape=column.shape), values, notes
    if isinstance(override, Variable):
        override = override.levels if override.levels is not None else override.kind
    if override is not None:
        return (*_forced(column, values, override), notes)
    if column.levels is None and not column.identifier:
        kind, reason = number_kind(column.name, values, column.unit)
        levels = _number_levels(values) if kind.discrete else None
        if kind is not Kind.CONTINUOUS:
            notes.append(f"column {column.name!r}: {kind} ({reason})")
        return _coded(column, kind, levels, values, notes)
    kind, more = _word_kind(column)
    notes += more
    if kind.discrete:
        variable = Variable(column.name, kind, column.levels, column.unit)
        return variable, values, notes
    return Variable(column.name, kind, None, column.unit), values, notes


def _word_kind(column: Found) -> tuple[Kind, list[str]]:
    name, levels = column.name, column.levels or ()
    if column.identifier:
        return Kind.IDENTIFIER, [
            f"column {name!r}: identifier ({column.distinct} different texts, nearly one a row); "
            "the texts are kept as numbers. Declare kinds={...: 'categorical'} to have levels"
        ]
    if column.kind is not None and len(levels) > 1:
        kind = Kind.BINARY if len(levels) == 2 else column.kind
        return kind, [f"column {name!r}: {kind} (declared by the source)"]
    if len(levels) <= 1:
        return Kind.CONSTANT, [f"column {name!r}: constant (every cell is {levels[0]!r})"] if (
            levels
        ) else []
    kind = Kind.BINARY if len(levels) == 2 else Kind.CATEGORICAL
    notes = [f"column {name!r}: {kind} ({len(levels)} different values)"]
    if len(levels) > MANY:
        notes.append(
            f"column {name!r} has {len(levels)} levels: most methods will have too few rows a "
            "level. Group them, or leave the column out with names=[...]"
        )
    return kind, notes


def _number_levels(values: Floats) -> tuple[int | float, ...]:
    found = np.unique(values[~np.isnan(values)])
    return tuple(int(v) if v == int(v) else float(v) for v in found.tolist())


def _coded(
    column: Found,
    kind: Kind,
    levels: tuple[Any, ...] | None,
    values: Floats,
    notes: list[str],
) -> tuple[Variable, Floats, list[str]]:
    if levels is None:
        return Variable(column.name, kind, None, column.unit), values, notes
    variable = Variable(column.name, kind, levels, column.unit)
    return variable, codes_of(values, levels), notes


def codes_of(values: Floats, levels: Sequence[float]) -> Floats:
    """Codes (n,) of numbers among sorted numeric levels; NaN stays NaN."""
    codes = np.searchsorted(np.asarray(levels, dtype=np.float64), values).astype(np.float64)
    codes[np.isnan(values)] = np.nan
    return lock(codes)


def _forced(column: Found, values: Floats, asked: Any) -> tuple[Variable, Floats]:
    if not isinstance(asked, str):
        return _ordered(column, values, tuple(asked))
    try:
        kind = Kind(asked)
    except ValueError:
        raise unknown(asked, [k.value for k in Kind], "kind") from None
    if not kind.discrete:
        return _to_number(column, values, kind)
    levels = column.levels
    if column.identifier and column.texts is not None:
        texts = column.texts()
        levels = tuple(sorted({t for t in texts if t is not None}))
        where = {level: float(i) for i, level in enumerate(levels)}
        values = np.array([where.get(t, np.nan) for t in texts])
    if levels is None:
        levels = _number_levels(values)
        if len(levels) > MANY * 200:
            raise InputError(f"{column.name!r} has {len(levels)} values: too many for {kind}")
        values = codes_of(values, levels) if levels else values
    scale = known_scale(levels) if column.kind is not Kind.ORDINAL else None
    if kind is Kind.ORDINAL and scale is not None:
        return _ordered(column.replacing(levels=levels), values, scale)
    if not levels:
        raise InputError(f"{column.name!r} is missing in every row: it cannot be {kind}")
    return Variable(column.name, kind, levels, column.unit), values


def known_scale(levels: Sequence[Any]) -> tuple[Any, ...] | None:
    """The levels in the order of a well-known scale; None if they are none."""
    lowered = {str(v).lower(): v for v in levels}
    for scale in _SCALES:
        if len(lowered) >= 3 and set(lowered) <= set(scale):
            return tuple(lowered[word] for word in scale if word in lowered)
    return None


def _ordered(column: Found, values: Floats, levels: tuple[Any, ...]) -> tuple[Variable, Floats]:
    """Levels in the order that the user lists."""
    old = column.levels if column.levels is not None else _number_levels(values)
    absent = [level for level in old if level not in levels]
    if absent:
        raise InputError(
            f"kinds[{column.name!r}] lists {list(levels)} but the column also holds {absent[0]!r}; "
            "list every level"
        )
    codes = values if column.levels is not None else codes_of(values, old)
    order = np.array([levels.index(level) for level in old], dtype=np.float64)
    moved = np.full(len(codes), np.nan)
    there = ~np.isnan(codes)
    moved[there] = order[codes[there].astype(np.intp)]
    kind = Kind.BINARY if len(levels) == 2 else Kind.ORDINAL
    return Variable(column.name, kind, levels, column.unit), lock(moved)


def _to_number(column: Found, values: Floats, kind: Kind) -> tuple[Variable, Floats]:
    levels = column.levels
    if levels is not None and kind in (Kind.CONTINUOUS, Kind.COUNT):
        try:
            numbers = np.array([float(v) for v in levels])
        except (TypeError, ValueError):
            bad = next(v for v in levels if not _numeric(v))
            raise InputError(
                f"{column.name!r} cannot be {kind}: {bad!r} is not a number. Declare it missing "
                f"with missing_codes, or leave {column.name!r} categorical"
            ) from None
        there = ~np.isnan(values)
        values = values.copy()
        values[there] = numbers[values[there].astype(np.intp)]
    present = values[~np.isnan(values)]
    if kind is Kind.COUNT and (present < 0).any() | (present != np.floor(present)).any():
        raise InputError(f"{column.name!r} cannot be a count: it holds values that are not 0, 1, 2")
    if kind is Kind.CONSTANT and len(np.unique(present)) > 1:
        raise InputError(f"{column.name!r} cannot be constant: it holds different values")
    return Variable(column.name, kind, None, column.unit), values


def _numeric(value: Any) -> bool:
    try:
        float(value)
    except (TypeError, ValueError):
        return False
    return True


def check_names(kinds: Mapping[str, Any] | None, known: Sequence[str]) -> None:
    """Raise `UnknownName` for an override of a column that is not there."""
    for name in kinds or {}:
        if name not in known:
            raise unknown(name, known, "column in kinds")
