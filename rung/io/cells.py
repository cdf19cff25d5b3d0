"""From the cells of a text column to numbers, dates or levels; every decision is told."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..core.errors import InputError
from .found import Found, apply_codes
from .notes import suspicion
from .options import Options
from .sql import SqlTable, execute, literal
from .text import (
    CURRENCY,
    WEAK,
    Evidence,
    Notation,
    boolean_order,
    date_format,
    date_sql,
    evidence,
    missing_words,
    natural_key,
    notation,
)

LOOK = 20_000  # distinct texts of a column that are looked at one by one
MAX_LEVELS = 10_000  # more distinct texts than this are an identifier
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class TextColumn:
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


def look(table: SqlTable, name: str, cell: str, options: Options) -> TextColumn:
    kept = set(options.keep_words)
    declared = {str(c) for c in options.codes_of(name)}
    words = [*missing_words(options), *sorted(declared)]
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
    proof = evidence(values)
    return TextColumn(name, cleaned, present, distinct - len(gone), values,
                 tuple(k for _, k in cells), weak, tuple(notes), proof)  # fmt: skip


def text_column(table: SqlTable, text: TextColumn, options: Options, proven: str | None) -> Found:
    """A text column as numbers, dates or levels.

    `proven` is the decimal mark that the columns of the file prove together.
    """
    if not text.present:
        note = f"column {text.name!r} is missing in every row; leave it out with names=[...]"
        return Found(text.name, lambda: np.full(table.n, np.nan), notes=(*text.notes, note))
    if not text.cells:  # only weak words: they are values
        return _levels(table, text)
    declared = text.name in (options.dates or {})
    form = (options.dates or {})[text.name] if declared else date_format(text.cells)
    if form is not None and form != "ambiguous":
        return _date(table, text, form, declared=declared)
    column, notes = None, []
    if text.evidence.zeros:
        notes.append(f"column {text.name!r} kept as codes, not numbers: some start with 0")
    elif form == "ambiguous":
        hint = f'day or month first? Declare dates={{"{text.name}": "%d/%m/%Y"}} or "%m/%d/%Y"'
        notes.append(suspicion("date", text.name, text.cells[0], text.present, hint))
    elif text.evidence.numeric:
        column = _notated(table, text, options, proven)
        notes += [_open_notation(text)] if column is None else []
    column = apply_codes(column, options) if column is not None else _levels(table, text)
    return column.replacing(notes=(*column.notes, *notes))


def _open_notation(text: TextColumn) -> str:
    if len(text.evidence.affixes) > 1:
        what = "number column of mixed notation"
        hint = f"{', '.join(sorted(a or 'bare' for a in text.evidence.affixes))} numbers stand in "
        hint += "it: write all cells in one way"
    else:
        what = "number"
        hint = "a comma for decimals or for thousands? Declare decimal=',' or thousands=','"
    return suspicion(what, text.name, text.evidence.example, text.present, hint)


def _notated(
    table: SqlTable, text: TextColumn, options: Options, proven: str | None
) -> Found | None:
    """The column as numbers; None where the notation stays open."""
    found = notation(text.evidence, options.decimal, options.thousands, proven)
    if found is None:
        return None
    cell = _without_weak(text)
    number = found.sql(cell)
    failed = table.query(
        f"SELECT count(*) FROM {table.name} WHERE {cell} IS NOT NULL AND {number} IS NULL"
    )[0]
    if failed[0]:
        return None
    notes = [*text.notes, *_weak_notes(text), *_notation_notes(text.name, found)]
    return Found(
        text.name, lambda: table.fetch(number), unit=found.affix or None, notes=tuple(notes)
    )


def _without_weak(text: TextColumn) -> str:
    if not text.weak:
        return text.cell
    words = ", ".join(literal(w) for w, _ in text.weak)
    return f"CASE WHEN {text.cell} IN ({words}) THEN NULL ELSE {text.cell} END"


def _weak_notes(text: TextColumn) -> list[str]:
    return [f"column {text.name!r}: {k} cells {w!r} read as missing" for w, k in text.weak]


def _notation_notes(name: str, found: Notation) -> list[str]:
    notes = []
    if found.decimal == ",":
        notes.append(f"column {name!r}: the comma is the decimal mark")
    if found.thousands:
        notes.append(f"column {name!r}: {found.thousands!r} groups thousands")
    if found.affix == "%":
        notes.append(f"column {name!r}: percent, kept in percent (12% is 12)")
    elif found.affix in CURRENCY:
        notes.append(f"column {name!r}: amounts in {found.affix}")
    return notes


def _date(table: SqlTable, text: TextColumn, form: str, *, declared: bool) -> Found:
    cell = _without_weak(text)
    days = date_sql(cell, form)
    failed, example, first = table.query(
        f"SELECT count(*) FILTER ({days} IS NULL), min({cell}) FILTER ({days} IS NULL), min({days})"
        f" FROM {table.name} WHERE {cell} IS NOT NULL"
    )[0]
    if failed and declared:
        raise InputError(
            f"column {text.name!r}: {failed} cells such as {example!r} are not dates of the form "
            f"{form!r}; list those that stand for a missing cell in missing_codes"
        )
    if failed:
        return _levels(table, text)
    first = float(first)
    notes = (*text.notes, *_weak_notes(text))
    return dated(text.name, lambda: table.fetch(f"{days} - {first!r}"), first, notes, form)


def dated(name: str, fetch: Any, first: float, notes: tuple[str, ...], form: str) -> Found:
    """A date column: days since its earliest date (`first` days after 1970-01-01)."""
    moment = EPOCH + timedelta(days=first)
    shown = moment.strftime("%Y-%m-%d" if first == int(first) else "%Y-%m-%d %H:%M:%S")
    note = f"column {name!r}: dates ({form}), read as days since {shown}"
    return Found(name, fetch, unit=f"days since {shown}", notes=(*notes, note))


def _levels(table: SqlTable, text: TextColumn) -> Found:
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


def _nearly_numeric(text: TextColumn) -> str | None:
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
    column = execute(cursor, f"SELECT {cell} AS x FROM {table.name}").fetchnumpy()["x"]
    if isinstance(column, np.ma.MaskedArray):
        texts = column.data.astype(object)
        texts[np.ma.getmaskarray(column)] = None
        return texts
    return np.asarray(column, dtype=object)


def _codes(table: SqlTable, cell: str, levels: Sequence[str]) -> NDArray[np.float64]:
    where = {level: float(i) for i, level in enumerate(levels)}
    where[None] = np.nan  # type: ignore[index]
    return np.array([where[v] for v in _strings(table, cell)], dtype=np.float64)


def _number_texts(texts: NDArray[Any]) -> NDArray[np.float64]:
    """Codes of texts in order of first appearance."""
    seen: dict[Any, float] = {None: np.nan}
    return np.array([seen.setdefault(v, float(len(seen) - 1)) for v in texts], dtype=np.float64)
