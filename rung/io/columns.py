"""From a table in DuckDB to columns: text is read as numbers, dates or levels, and it is told."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..core.errors import InputError
from ..core.variable import Kind
from .found import Found, unit_of
from .notes import suspicion
from .options import Options
from .sql import NUMERIC, SqlTable, literal, quoted
from .text import (
    CURRENCY,
    MISSING,
    WEAK,
    Evidence,
    Notation,
    boolean_order,
    date_format,
    date_sql,
    evidence,
    merge,
    natural_key,
)

LOOK = 20_000  # distinct texts of a column that are looked at one by one
MAX_LEVELS = 10_000  # more distinct texts than this are an identifier
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class _Text:
    """A text column and what a look at its distinct cells showed."""

    name: str
    cell: str  # SQL: the trimmed cell, NULL where a declared code or missing word stands
    present: int
    distinct: int
    cells: tuple[str, ...]
    counts: tuple[int, ...]
    weak: tuple[tuple[str, int], ...]  # possible missing words with their counts
    notes: tuple[str, ...]
    evidence: Evidence

    @property
    def whole(self) -> bool:
        return len(self.cells) + len(self.weak) >= self.distinct


def columns_of(table: SqlTable, options: Options) -> list[Found]:
    """All columns of a table, in order.

    Raises
    ------
    InputError
        For a column whose cells are lists, records or bytes.
    """
    names, inner = table.columns, table.stored
    plain = _numeric_text(table, inner)
    texts = {
        i: _look(table, name, quoted(inner[i]), options)
        for i, name in enumerate(names)
        if table.types[i] == "VARCHAR" and i not in plain
    }
    decimal, thousands = merge([t.evidence for t in texts.values()])
    decimal = options.decimal or decimal
    thousands = options.thousands if options.thousands is not None else thousands
    found = []
    for i, name in enumerate(names):
        cell = quoted(inner[i])
        if i in texts:
            column = _text(table, texts[i], options, decimal, thousands)
        elif table.types[i] == "VARCHAR":
            column = _number(table, name, cell, f"TRY_CAST({cell} AS DOUBLE)", options)
            column = _grouped(table, column, cell, decimal)
        else:
            column = _typed(table, name, cell, table.types[i], options)
        found.append(column.replacing(unit=column.unit or unit_of(name)))
    return found


def _numeric_text(table: SqlTable, inner: Sequence[str]) -> set[int]:
    """Positions of text columns all of whose cells are numbers in the usual notation."""
    at = [i for i, kind in enumerate(table.types) if kind == "VARCHAR"]
    if not at:
        return set()
    words = ", ".join(map(literal, MISSING))
    parts = []
    for i in at:
        c = f"trim({quoted(inner[i])})"
        good = f"TRY_CAST({c} AS DOUBLE) IS NOT NULL AND NOT regexp_matches({c}, '^[+-]?0[0-9]|_')"
        parts += [f"count(*) FILTER ({c} NOT IN ({words}))", f"count(*) FILTER ({good} AND "
                  f"{c} NOT IN ({words}))"]  # fmt: skip
    row = table.query(f"SELECT {', '.join(parts)} FROM {table.name}")[0]
    return {i for k, i in enumerate(at) if row[2 * k] == row[2 * k + 1] > 0}


def _look(table: SqlTable, name: str, cell: str, options: Options) -> _Text:
    kept = set(options.keep_words)
    declared = {str(c) for c in options.codes_of(name)}
    words = [w for w in MISSING if w not in kept] + sorted(declared)
    trimmed = f"trim({cell})"
    rows = table.query(
        f"SELECT {trimmed} AS v, count(*) AS k FROM {table.name} WHERE {cell} IS NOT NULL "
        f"GROUP BY v ORDER BY k DESC, v LIMIT {LOOK}"
    )
    distinct = table.query(f"SELECT count(DISTINCT {trimmed}) FROM {table.name}")[0][0]
    gone = {v: k for v, k in rows if v in words}
    rows = [(v, k) for v, k in rows if v not in words]
    present = (
        table.n
        - table.query(
            f"SELECT count(*) FROM {table.name} WHERE {cell} IS NULL OR {trimmed} IN "
            f"({', '.join(map(literal, words)) or 'NULL'})"
        )[0][0]
    )
    notes = [
        f"column {name!r}: {k} cells {v!r} read as missing"
        + (" (declared)" if v in declared else "")
        for v, k in gone.items()
        if v
    ]
    weak = tuple((v, k) for v, k in rows if v in WEAK and v not in kept)
    cells = [(v, k) for v, k in rows if (v, k) not in weak]
    cleaned = (
        f"CASE WHEN {trimmed} IN ({', '.join(map(literal, words))}) THEN NULL ELSE {trimmed} END"
    )
    values = tuple(v for v, _ in cells)
    proof = evidence(values) if values else Evidence(False)
    return _Text(name, cleaned, present, distinct - len(gone), values,
                 tuple(k for _, k in cells), weak, tuple(notes), proof)  # fmt: skip


def _text(
    table: SqlTable, text: _Text, options: Options, decimal: str | None, thousands: str | None
) -> Found:
    if not text.present:
        note = f"column {text.name!r} is missing in every row; leave it out with names=[...]"
        return Found(text.name, lambda: np.full(table.n, np.nan), notes=(*text.notes, note))
    if not text.cells:  # only weak words: they are values
        return _levels(table, text)
    dates = options.dates or {}
    if text.name in dates:
        form = dates[text.name]
    else:
        form = date_format(text.cells)
    if form == "ambiguous":
        note = suspicion(
            "date", text.name, text.cells[0], text.present,
            f'day or month first? Declare it with dates={{"{text.name}": "%d/%m/%Y"}} or '
            '"%m/%d/%Y"',
        )  # fmt: skip
        return _levels(table, text).replacing(notes=(*_levels(table, text).notes, note))
    if form is not None:
        return _date(table, text, form, declared=text.name in dates)
    if text.evidence.numeric and not text.evidence.zeros and text.name not in dates:
        number = _notated(table, text, decimal, thousands)
        if number is not None:
            return apply_codes(number, options)
    column = _levels(table, text)
    if text.evidence.zeros:
        note = f"column {text.name!r} kept as codes, not numbers: some start with 0"
        column = column.replacing(notes=(*column.notes, note))
    if text.evidence.either is not None and text.evidence.numeric:
        column = column.replacing(notes=(*column.notes, _either(text)))
    return column


def _either(text: _Text) -> str:
    return suspicion(
        "number", text.name, text.evidence.either, text.present,
        "a comma for decimals or for thousands? Declare decimal=',' or thousands=','",
    )  # fmt: skip


def _notated(
    table: SqlTable, text: _Text, decimal: str | None, thousands: str | None
) -> Found | None:
    """The column as numbers; None where the notation stays open."""
    seen = text.evidence
    own = seen.decimals | ({decimal} if decimal else set())
    if "," in seen.decimals and "." in seen.decimals:
        return None
    if "," in seen.decimals or seen.groups & {"."}:
        mark = ","
    elif "." in seen.decimals or "," in seen.groups:
        mark = "."
    elif seen.either is not None:
        if not own and thousands != ",":
            return None
        mark = decimal or "."
    else:
        mark = decimal or "."
    groups = "".join(sorted(seen.groups))
    if seen.either is not None and mark == ".":
        groups = groups or ","
    if len(groups) > 1 or len(seen.affixes - {""}) > 1:
        return None
    affix = next(iter(seen.affixes - {""}), "")
    notation = Notation(mark, groups, affix)
    weak = [w for w, _ in text.weak]
    cell = (
        f"CASE WHEN {text.cell} IN ({', '.join(map(literal, weak))}) THEN NULL ELSE {text.cell} END"
        if weak
        else text.cell
    )
    number = notation.sql(cell)
    failed = table.query(
        f"SELECT count(*), min({text.cell}) FROM {table.name} WHERE {cell} IS NOT NULL "
        f"AND {number} IS NULL"
    )[0]
    if failed[0]:
        return None
    notes = [*text.notes, *_weak_notes(text), *_notation_notes(text.name, notation)]
    unit = "%" if affix == "%" else affix or None
    return Found(text.name, lambda: table.fetch(number), unit=unit, notes=tuple(notes))


def _weak_notes(text: _Text) -> list[str]:
    return [f"column {text.name!r}: {k} cells {w!r} read as missing" for w, k in text.weak]


def _notation_notes(name: str, notation: Notation) -> list[str]:
    notes = []
    if notation.decimal == ",":
        notes.append(f"column {name!r}: the comma is the decimal mark")
    if notation.thousands:
        notes.append(f"column {name!r}: {notation.thousands!r} groups thousands")
    if notation.affix == "%":
        notes.append(f"column {name!r}: percent, kept in percent (12% is 12)")
    elif notation.affix in CURRENCY:
        notes.append(f"column {name!r}: amounts in {notation.affix}")
    return notes


def _date(table: SqlTable, text: _Text, form: str, *, declared: bool) -> Found:
    weak = ", ".join(literal(w) for w, _ in text.weak) or "NULL"
    cell = f"CASE WHEN {text.cell} IN ({weak}) THEN NULL ELSE {text.cell} END"
    days = date_sql(cell if text.weak else text.cell, form)
    bad = table.query(
        f"SELECT count(*), min({text.cell}), min({days}) FROM {table.name} WHERE "
        f"{cell if text.weak else text.cell} IS NOT NULL AND ({days} IS NULL OR true)"
    )[0]
    failed = table.query(
        f"SELECT count(*), min({text.cell}) FROM {table.name} WHERE "
        f"{cell if text.weak else text.cell} IS NOT NULL AND {days} IS NULL"
    )[0]
    if failed[0]:
        if declared:
            raise InputError(
                f"column {text.name!r}: {failed[0]} cells such as {failed[1]!r} are not dates of "
                f"the form {form!r}"
            )
        return _levels(table, text)
    first = float(bad[2])
    return dated(
        text.name, lambda: table.fetch(f"{days} - {first!r}"), first,
        (*text.notes, *_weak_notes(text)), form,
    )  # fmt: skip


def dated(name: str, fetch: Any, first: float, notes: tuple[str, ...], form: str) -> Found:
    """A date column: days since its earliest date (`first` days after 1970-01-01)."""
    moment = EPOCH + timedelta(days=first)
    shown = moment.strftime("%Y-%m-%d" if first == int(first) else "%Y-%m-%d %H:%M:%S")
    note = f"column {name!r}: dates ({form}), read as days since {shown}"
    return Found(name, fetch, unit=f"days since {shown}", notes=(*notes, note))


def _levels(table: SqlTable, text: _Text) -> Found:
    """A column of words: codes of its sorted levels, or numbers of an identifier."""
    notes = list(text.notes)
    for word, count in text.weak:
        notes.append(
            suspicion(
                "missing code",
                text.name,
                word,
                count,
                f'it counts as a level; declare missing_codes={{"{text.name}": ["{word}"]}} '
                "if it stands for a missing cell",
            )
        )
    numeric = _nearly_numeric(text)
    notes += [numeric] if numeric else []
    m = text.distinct
    texts = lambda: _strings(table, text.cell)  # noqa: E731
    if m > MAX_LEVELS or (m > 20 and m > 0.9 * text.present):
        coded = lambda: _number_texts(texts())  # noqa: E731
        return Found(text.name, coded, identifier=True, distinct=m, texts=texts,
                     notes=tuple(notes))  # fmt: skip
    rows = table.query(f"SELECT DISTINCT {text.cell} AS v FROM {table.name} WHERE v IS NOT NULL")
    levels = sorted((row[0] for row in rows), key=lambda v: (natural_key(v), v))
    order = boolean_order(levels)
    levels = list(order) if order else levels
    fetch = lambda: _codes(table, text.cell, levels)  # noqa: E731
    return Found(text.name, fetch, tuple(levels), notes=tuple(notes), texts=texts)


def _nearly_numeric(text: _Text) -> str | None:
    """A suspicion where nearly all cells are numbers and a few are words."""
    if text.evidence.numeric:
        return None
    odd = [
        (v, k) for v, k in zip(text.cells, text.counts, strict=True) if not evidence([v]).numeric
    ]
    looked = sum(text.counts)
    if not odd or sum(k for _, k in odd) > 0.1 * looked or len(text.cells) - len(odd) < 5:
        return None
    word, count = odd[0]
    return suspicion("number column with words", text.name, word, count,
                     f"the column is read as text; declare missing_codes={{\"{text.name}\": "
                     f"[{', '.join(repr(v) for v, _ in odd[:5])}]}} to have numbers")  # fmt: skip


def _strings(table: SqlTable, cell: str) -> NDArray[Any]:
    cursor = table.connection.cursor()
    column = cursor.execute(f"SELECT {cell} AS x FROM {table.name}").fetchnumpy()["x"]
    if isinstance(column, np.ma.MaskedArray):
        column = column.astype(object).filled(None)
    return np.asarray(column, dtype=object)


def _codes(table: SqlTable, cell: str, levels: Sequence[str]) -> NDArray[np.float64]:
    where = {level: float(i) for i, level in enumerate(levels)}
    where[None] = np.nan  # type: ignore[index]
    return np.array([where[v] for v in _strings(table, cell)], dtype=np.float64)


def _number_texts(texts: NDArray[Any]) -> NDArray[np.float64]:
    """Codes of texts in order of first appearance."""
    seen: dict[Any, float] = {None: np.nan}
    return np.array([seen.setdefault(v, float(len(seen) - 1)) for v in texts], dtype=np.float64)


def _number(table: SqlTable, name: str, cell: str, sql: str, options: Options) -> Found:
    words = [w for w in MISSING if w]
    rows = table.query(
        f"SELECT trim({cell}) AS v, count(*) FROM {table.name} WHERE v IN "
        f"({', '.join(map(literal, words))}) GROUP BY v ORDER BY v"
    )
    expression = (
        f"CASE WHEN trim({cell}) IN ({', '.join(map(literal, words))}) THEN NULL ELSE {sql} END"
    )
    notes = tuple(f"column {name!r}: {k} cells {v!r} read as missing" for v, k in rows)
    used = expression if rows else sql
    return apply_codes(Found(name, lambda: table.fetch(used), notes=notes), options)


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


def _grouped(table: SqlTable, column: Found, cell: str, decimal: str | None) -> Found:
    """In a file of decimal commas, 1.234 may be a thousand: suspected, not applied."""
    if decimal != ",":
        return column
    rows = table.query(
        f"SELECT count(*), count(*) FILTER (regexp_matches(trim({cell}), '^[+-]?[0-9]{{1,3}}"
        f"\\.[0-9]{{3}}$')), min({cell}) FROM {table.name} WHERE {cell} IS NOT NULL"
    )[0]
    if not rows[1] or rows[1] < rows[0] / 2:
        return column
    note = suspicion("thousands", column.name, rows[2], int(rows[1]),
                     "other columns have decimal commas; if the dot groups thousands, declare "
                     "decimal=',', thousands='.'")  # fmt: skip
    return column.replacing(notes=(*column.notes, note))


def _typed(table: SqlTable, name: str, cell: str, kind: str, options: Options) -> Found:
    if kind in NUMERIC or kind.startswith("DECIMAL"):
        plain = Found(name, lambda: table.fetch(cell))
        return apply_codes(plain, options)
    if kind == "BOOLEAN":
        return Found(name, lambda: table.fetch(f"CAST({cell} AS INTEGER)"), (False, True),
                     Kind.BINARY)  # fmt: skip
    if kind == "DATE" or kind.startswith("TIMESTAMP"):
        days = f"(epoch({cell}) / 86400.0)"
        first = table.query(f"SELECT min({days}) FROM {table.name}")[0][0]
        first = 0.0 if first is None else float(first)
        return dated(name, lambda: table.fetch(f"{days} - {first!r}"), first, (), kind.lower())
    if kind.startswith("ENUM") or kind == "UUID" or kind == '"NULL"':
        as_text = _look(table, name, f"CAST({cell} AS VARCHAR)", options)
        return _text(table, as_text, options, None, None)
    raise InputError(
        f"column {name!r} holds {kind} values, not one number or word a row: leave it out with "
        "names=[...], or spread it over columns"
    )
