"""From a table in DuckDB to columns, each as found."""

from __future__ import annotations

from collections.abc import Sequence

from ..core.errors import InputError
from ..core.variable import Kind
from .cells import dated, look, text_column
from .found import Found, apply_codes, unit_of
from .notes import suspicion
from .options import Options
from .sql import NUMERIC, SqlTable, literal, quoted
from .text import merge, missing_words


def columns_of(table: SqlTable, options: Options) -> list[Found]:
    """All columns of a table, in order.

    Raises
    ------
    InputError
        For a column whose cells are lists, records or bytes.
    """
    names, inner = table.columns, table.stored
    plain = _numeric_text(table, inner, options)
    texts = {
        i: look(table, name, quoted(inner[i]), options)
        for i, name in enumerate(names)
        if table.types[i] == "VARCHAR" and i not in plain
    }
    decimal = options.decimal or merge([t.evidence for t in texts.values()])
    found = []
    for i, name in enumerate(names):
        cell = quoted(inner[i])
        if i in texts:
            column = text_column(table, texts[i], options, decimal)
        elif table.types[i] == "VARCHAR":
            column = _number(table, name, cell, f"TRY_CAST({cell} AS DOUBLE)", options)
            column = _grouped(table, column, cell, decimal)
        else:
            column = _typed(table, name, cell, table.types[i], options)
        found.append(column.replacing(unit=column.unit or unit_of(name)))
    return found


def _numeric_text(table: SqlTable, inner: Sequence[str], options: Options) -> set[int]:
    """Positions of text columns all of whose cells are numbers in the usual notation."""
    at = [i for i, kind in enumerate(table.types) if kind == "VARCHAR"]
    if not at:
        return set()
    words = ", ".join(map(literal, missing_words(options)))
    odd = "^[+-]?0[0-9]|_" if options.decimal != "," else "^[+-]?0[0-9]|_|[.]"
    parts = []
    for i in at:
        c = f"trim({quoted(inner[i])})"
        there = f"{c} NOT IN ({words})"
        good = f"TRY_CAST({c} AS DOUBLE) IS NOT NULL AND NOT regexp_matches({c}, '{odd}')"
        parts += [f"count(*) FILTER ({there})", f"count(*) FILTER ({there} AND {good})"]
    row = table.query(f"SELECT {', '.join(parts)} FROM {table.name}")[0]
    return {i for k, i in enumerate(at) if row[2 * k] == row[2 * k + 1] > 0}


def _number(table: SqlTable, name: str, cell: str, sql: str, options: Options) -> Found:
    words = [w for w in missing_words(options) if w]
    rows = table.query(
        f"SELECT trim({cell}) AS v, count(*) FROM {table.name} WHERE v IN "
        f"({', '.join(map(literal, words))}) GROUP BY v ORDER BY v"
    )
    expression = (
        f"CASE WHEN trim({cell}) IN ({', '.join(map(literal, words))}) THEN NULL ELSE {sql} END"
    )
    notes = tuple(f"column {name!r}: {k} cells {v!r} read as missing" for v, k in rows)
    used = expression if rows else sql
    return apply_codes(Found(name, lambda: table.fetch(used), sql=used, notes=notes), options)


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
        plain = Found(name, lambda: table.fetch(cell), sql=cell)
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
        as_text = look(table, name, f"CAST({cell} AS VARCHAR)", options)
        return text_column(table, as_text, options, None)
    raise InputError(
        f"column {name!r} holds {kind} values, not one number or word a row: leave it out with "
        "names=[...], or spread it over columns"
    )
