"""Tables held by DuckDB while they are read: CSV, Parquet, JSON lines, database tables."""

from __future__ import annotations

import contextlib
import shutil
import tempfile
import threading
import time
import weakref
from collections.abc import Sequence
from concurrent.futures import Future, wait
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ..core.errors import FileProblem, InputError, unknown
from .sniff import BIG, Shape, decoded, explain

if TYPE_CHECKING:
    import duckdb

LARGE = BIG
MEMORY = "1500MB"  # what DuckDB may hold of a large file
NUMERIC = ("TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT", "FLOAT", "DOUBLE", "REAL") + (
    "UTINYINT",
    "USMALLINT",
    "UINTEGER",
    "UBIGINT",
    "UHUGEINT",
)


@dataclass(frozen=True, eq=False)
class SqlTable:
    """A table or view of an open DuckDB connection.

    `types` are DuckDB's; `stored` are the columns' names inside DuckDB, which ignore case.
    """

    connection: duckdb.DuckDBPyConnection
    name: str
    columns: tuple[str, ...]
    types: tuple[str, ...]
    n: int
    stored: tuple[str, ...]
    large: bool = False

    def query(self, sql: str) -> list[tuple[Any, ...]]:
        """Rows of a query."""
        return list(execute(self.connection.cursor(), sql).fetchall())

    def fetch(self, expression: str) -> NDArray[np.float64]:
        """A numeric expression over all rows, in file order; NULL is NaN: (n,)."""
        cursor = self.connection.cursor()
        found = execute(cursor, f"SELECT CAST({expression} AS DOUBLE) AS x FROM {self.name}")
        column = found.fetchnumpy()["x"]
        if isinstance(column, np.ma.MaskedArray):
            return np.asarray(column.filled(np.nan), dtype=np.float64)
        return np.asarray(column, dtype=np.float64)


def execute(connection: Any, sql: str) -> Any:
    """Run a query; Ctrl-C raises KeyboardInterrupt at once.

    In a thread of its own: by itself DuckDB looks for a signal between two pieces of work of the
    calling thread and then waits for its other threads, which go on to the end of the table.
    """
    found: Future[Any] = Future()

    def work() -> None:
        try:
            found.set_result(connection.execute(sql))
        except BaseException as error:
            found.set_exception(error)

    thread = threading.Thread(target=work, daemon=True)
    try:
        thread.start()
        while not found.done():  # a signal that another thread gets does not end a longer wait
            wait([found], 0.1)
        return found.result()
    except KeyboardInterrupt:
        soon = time.monotonic() + 1.0  # by then the thread runs, if its start was not cut off
        while not found.done() and (thread.is_alive() or time.monotonic() < soon):
            connection.interrupt()  # again and again: lost on a query that has not begun
            wait([found], 0.05)
        raise


def quoted(name: str) -> str:
    """An identifier in SQL."""
    return '"' + name.replace('"', '""') + '"'


def literal(text: str) -> str:
    """A text in SQL."""
    return "'" + text.replace("'", "''") + "'"


def connect(*, large: bool = False) -> duckdb.DuckDBPyConnection:
    """A private connection; for a large source its cells live in a temporary file."""
    import duckdb

    config: dict[str, Any] = {"threads": 2, "autoinstall_known_extensions": False}
    if not large:
        return duckdb.connect(config=config)
    folder = tempfile.mkdtemp(prefix="rung-")
    config |= {"memory_limit": MEMORY, "temp_directory": folder}
    connection = duckdb.connect(str(Path(folder) / "cells.duckdb"), config=config)
    weakref.finalize(connection, shutil.rmtree, folder, ignore_errors=True)
    return connection


def table_of(connection: duckdb.DuckDBPyConnection, name: str, *, large: bool = False) -> SqlTable:
    """Describe a table, view or registered object."""
    described = execute(connection, f"DESCRIBE SELECT * FROM {name}").fetchall()
    count = execute(connection, f"SELECT count(*) FROM {name}").fetchone()
    columns = tuple(str(row[0]) for row in described)
    types = tuple(str(row[1]) for row in described)
    return SqlTable(connection, name, columns, types, int(count[0]) if count else 0, columns, large)


def csv_table(path: Path, shape: Shape, size: int, *, typed: bool = True) -> SqlTable:
    """The cells of a text table, as text.

    Columns of a large file that are plain numbers throughout a sample are read as numbers at
    once; if a later cell is none, all is read again as text.

    Raises
    ------
    FileProblem
        Naming the line where rows have differing lengths, a quote stays open, or text is damaged.
    """
    import duckdb

    large = size > LARGE
    typed = typed and large and any(shape.numeric)
    connection = connect(large=large)
    place, scratch = path, None
    if shape.encoding not in ("utf-8", "utf-8-sig") or shape.blanks:
        scratch = place = _as_utf8(path, shape)
    packed = shape.gzipped and scratch is None
    source = _read_csv(place, shape, packed, shape.numeric if typed else ())
    try:
        execute(connection, f"CREATE TABLE cells AS SELECT * FROM {source}")
    except duckdb.ConversionException as error:
        if not typed:  # text is never converted
            raise _csv_problem(path, error) from error
        connection.close()
        return csv_table(path, shape, size, typed=False)
    except duckdb.Error as error:
        raise (explain(path, shape) or _csv_problem(path, error)) from error
    finally:
        if scratch is not None:
            scratch.unlink(missing_ok=True)
    table = table_of(connection, "cells", large=large)
    if table.n == 0:
        raise InputError(f"{path} holds a header and no rows")
    names = shape.names or tuple(f"X{i + 1}" for i in range(shape.columns))
    return replace(table, columns=names)


def _read_csv(place: Path, shape: Shape, packed: bool, numeric: Sequence[bool]) -> str:
    """DuckDB's reader with nothing left to its own detection; its names ignore case: c0, c1 ..."""
    kinds = ["DOUBLE" if good else "VARCHAR" for good in numeric] or ["VARCHAR"] * shape.columns
    spec = ", ".join(f"'c{i}': '{kind}'" for i, kind in enumerate(kinds))
    return (
        f"read_csv({literal(str(place))}, auto_detect=false, columns={{{spec}}}, "
        f"delim={literal(shape.delimiter)}, quote='\"', escape='\"', nullstr='', "
        f"header={'true' if shape.header else 'false'}, skip={shape.skip}, "
        f"strict_mode=true, null_padding=false{', compression=' + repr('gzip') if packed else ''})"
    )


def texts_table(columns: Sequence[NDArray[Any]], names: Sequence[str]) -> SqlTable:
    """Object arrays (n,) of texts and None as a table."""
    connection = connect()
    connection.register("given", {f"c{i}": column for i, column in enumerate(columns)})
    execute(connection, "CREATE TABLE cells AS SELECT * FROM given")
    return replace(table_of(connection, "cells"), columns=tuple(names))


def _csv_problem(path: Path, error: Exception) -> FileProblem:
    first = str(error).split("\n\n")[0].split("Possible")[0].strip().replace("\n", "; ")
    return FileProblem(f"{path} cannot be read as a text table: {first}. Repair the file")


def _as_utf8(path: Path, shape: Shape) -> Path:
    """A temporary UTF-8 copy of a text."""
    handle, name = tempfile.mkstemp(prefix="rung-", suffix=".csv")
    try:
        with (
            open(handle, "w", encoding="utf-8", newline="") as out,
            contextlib.closing(decoded(path, shape)) as lines,
        ):
            out.writelines(lines)
    except UnicodeError as error:
        Path(name).unlink(missing_ok=True)
        raise FileProblem(
            f"{path} is not {shape.encoding} text ({error}): the encoding is wrong or the file "
            "truncated; declare encoding= with rung.io.Csv"
        ) from error
    return Path(name)


def file_table(path: Path, reader: str, size: int) -> SqlTable:
    """A Parquet or JSON-lines file: `reader` is DuckDB's function."""
    import duckdb

    large = size > LARGE
    connection = connect(large=large)
    try:
        if reader == "read_parquet":
            execute(
                connection, f"CREATE VIEW cells AS SELECT * FROM {reader}({literal(str(path))})"
            )
            execute(connection, "SELECT count(*) FROM cells")
        else:
            execute(
                connection,
                f"CREATE TABLE cells AS SELECT * FROM {reader}({literal(str(path))}, "
                "auto_detect=true, union_by_name=true, sample_size=-1)",
            )
        return table_of(connection, "cells", large=large)
    except duckdb.Error as error:
        what = "Parquet" if reader == "read_parquet" else "JSON lines"
        first = str(error).splitlines()[0]
        raise FileProblem(
            f"{path} cannot be read as {what}: {first}. The file is truncated, damaged or of "
            "another format: write it again"
        ) from error


def database_table(path: Path, table: str | None) -> SqlTable:
    """A table of a DuckDB file, opened read-only."""
    import duckdb

    try:
        connection = duckdb.connect(str(path), read_only=True)
    except duckdb.Error as error:
        raise FileProblem(
            f"{path} cannot be opened as a DuckDB database: {str(error).splitlines()[0]}"
        ) from error
    return relation(connection, table, str(path))


def relation(connection: Any, table: str | None, where: str) -> SqlTable:
    """A named table of an open connection.

    Raises
    ------
    UnknownName
        If there is no such table.
    InputError
        If no table was named and there is more than one.
    """
    known = _tables(connection)
    if table is None:
        if len(known) != 1:
            raise InputError(
                f"{where} has {len(known)} tables ({', '.join(known[:12])}); name one: "
                f"'{where}::table'"
            )
        table = known[0]
    if table not in known and table.split(".")[-1] not in known:
        raise unknown(table, known, "table")
    name = ".".join(quoted(part) for part in table.split("."))
    size = execute(connection, f"SELECT count(*) FROM {name}").fetchone()[0]
    return table_of(connection, name, large=size > 2_000_000)


def _tables(connection: Any) -> Sequence[str]:
    rows = execute(
        connection, "SELECT table_name FROM information_schema.tables ORDER BY table_name"
    ).fetchall()
    return [str(row[0]) for row in rows]
