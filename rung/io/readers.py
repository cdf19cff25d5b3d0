"""Reading any table into Data: what a source is, and who reads it."""

from __future__ import annotations

import difflib
import hashlib
import importlib
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ..core.data import Data, Origin
from ..core.errors import FileProblem, InputError, unknown
from ..core.missing import MissingPolicy
from .bytewise import Bytes, scan
from .columns import columns_of
from .found import Found, apply_codes
from .frames import from_array, from_frame, from_mapping, index_note, is_frame
from .kinds import Override, check_names, describe
from .options import Codes, Csv, Declared, Options, Pictures
from .roles import assemble, with_targets
from .sniff import shape_of
from .sql import LARGE, SqlTable, csv_table, database_table, file_table, relation
from .suspects import suspicions

__all__ = ["Csv", "Declared", "Options", "read", "read_csv", "suspicions"]

_EXCEL = (".xlsx", ".xlsm", ".xls", ".ods")
_STATISTICS = (".dta", ".sav", ".zsav", ".por", ".sas7bdat", ".xpt")
_PARQUET = (".parquet", ".pq")
_DATABASE = (".duckdb", ".ddb", ".db")
_ARROW = (".feather", ".arrow", ".ipc")


def read(
    source: Any,
    *,
    kinds: Mapping[str, Override] | None = None,
    environment: str | None = None,
    targets: Mapping[str, Any] | None = None,
    time: str | None = None,
    unit: str | None = None,
    weights: str | None = None,
    missing: MissingPolicy | None = None,
    names: Sequence[str] | None = None,
    factors: Any = None,
) -> Data:
    """Read a table, or pictures, into Data; see `rung.read`.

    Parameters
    ----------
    source : path, `Csv`, `Declared`, data frame, array, mapping of name to array, Data,
        (connection, table) of DuckDB, "file.duckdb::table", or name of a shipped data set; a
        folder of pictures, a file .npz or .npy of them, or `Pictures`.
    kinds : mapping of column to kind; a list of levels in their order makes a column ordinal.

    Raises
    ------
    FileProblem
        For a file that is missing, empty, damaged, binary or in an unknown encoding.
    UnknownName
        For a column, condition or data set that is not there.
    InputError
        For values that cannot be used as given; MissingExtra (an ImportError) for a file format
        whose package is not installed.
    """
    options = Options()
    if isinstance(source, Csv | Declared):
        source, options = source.source, source.options
    roles: dict[str, Any] = {
        "environment": environment, "targets": targets, "time": time, "unit": unit,
        "weights": weights, "missing": missing, "kinds": kinds,
    }  # fmt: skip
    if factors is not None or _pictured(source):
        from .pictures import read_pictures

        return read_pictures(source, factors, options, names=names, roles=roles)
    if isinstance(source, str) and _shipped(source):
        source = importlib.import_module("rung.datasets").load(source)
    if isinstance(source, Data):
        return _override(source, options, names=names, **roles)
    if isinstance(source, np.ndarray):
        return assemble(from_array(source, names, options), origin=Origin("array"), **roles)
    columns, origin, lazy = load_columns(source, options)
    _check_options(options, columns)
    if names is not None and origin.decisions and _headerless(columns, names):
        columns = [c.replacing(name=str(k)) for c, k in zip(columns, names, strict=True)]
    return assemble(columns, origin=origin, names=names, lazy=lazy, **roles)


def read_csv(
    path: str | Path,
    *,
    delimiter: str | None = None,
    encoding: str | None = None,
    header: bool | None = None,
    decimal: str | None = None,
    thousands: str | None = None,
    missing_codes: Codes = (),
    keep_words: Sequence[str] = (),
    dates: Mapping[str, str | None] | None = None,
) -> Data:
    """Read a text table whose notation is declared; see `Options`."""
    return read(
        Csv(path, delimiter, encoding, header, decimal, thousands, missing_codes, keep_words, dates)
    )


def _shipped(source: str) -> bool:
    if "/" in source or "." in source or Path(source).exists():
        return False
    return source in importlib.import_module("rung.datasets").names()


def _pictured(source: Any) -> bool:
    """True for `Pictures`, a folder, or a file of arrays."""
    if isinstance(source, Pictures):
        return True
    if not isinstance(source, str | os.PathLike):
        return False
    path = Path(source).expanduser()
    return path.suffix.lower() in (".npz", ".npy") or path.is_dir()


def _headerless(columns: Sequence[Found], names: Sequence[str]) -> bool:
    auto = [f"X{i + 1}" for i in range(len(columns))]
    return [c.name for c in columns] == auto and len(names) == len(auto)


def _check_options(options: Options, columns: Sequence[Found]) -> None:
    known = [column.name for column in columns]
    codes = options.missing_codes
    for name in [*(codes if isinstance(codes, Mapping) else ()), *(options.dates or ())]:
        if name not in known:
            raise unknown(name, known, "column")


def load_columns(source: Any, options: Options) -> tuple[list[Found], Origin, SqlTable | None]:
    """Columns, origin, and the table in which they stay until asked for, if they do."""
    if isinstance(source, str | os.PathLike):
        return _load_path(os.fspath(source), options)
    if isinstance(source, Mapping):
        return from_mapping(source, options), Origin("table"), None
    if isinstance(source, tuple) and len(source) == 2 and hasattr(source[0], "execute"):
        table = relation(source[0], source[1], "the connection")
        return columns_of(table, options), Origin(str(source[1])), table if table.large else None
    if hasattr(source, "to_frame"):  # a series
        source = source.to_frame()
    if is_frame(source):
        note = index_note(source)
        return from_frame(source, options), Origin("table", decisions=note), None
    if isinstance(source, list | tuple) and source:
        return from_array(np.asarray(source), None, options), Origin("array"), None
    raise InputError(
        f"cannot read a {type(source).__name__}; expected a path, a pandas, polars or arrow table, "
        "a numpy array, a mapping of name to array, (DuckDB connection, table), or the name of a "
        "shipped data set"
    )


def _load_path(text: str, options: Options) -> tuple[list[Found], Origin, SqlTable | None]:
    table_name = options.table
    if "::" in text:
        text, _, table_name = text.rpartition("::")
    path = Path(text).expanduser()
    if path.suffix.lower() in _PARQUET and any(c in path.name for c in "*?[") and not path.exists():
        return _load_shards(path, options)
    check_path(path)
    suffix = path.suffix.lower()
    found = scan(path)
    if found.size == 0:
        raise FileProblem(f"{path} is empty (0 bytes); expected a table with at least one row")
    origin = Origin(path.stem, str(path), found.sha256)
    if suffix in (*_EXCEL, *_STATISTICS, *_ARROW):
        from .files import load_file

        columns, notes = load_file(path, options)
        return columns, _noted(origin, notes), None
    table, notes = _table(path, suffix, found, table_name, options)
    return columns_of(table, options), _noted(origin, notes), table if table.large else None


def _load_shards(path: Path, options: Options) -> tuple[list[Found], Origin, SqlTable | None]:
    """Parquet files that together are one table, in the order of their names."""
    shards = sorted(path.parent.glob(path.name))
    if not shards:
        raise FileProblem(f"no file matches {str(path)!r}")
    looked = [scan(shard) for shard in shards]
    table = file_table(path, "read_parquet", sum(found.size for found in looked))
    joined = hashlib.sha256("".join(found.sha256 for found in looked).encode()).hexdigest()
    name = path.name.split("*")[0].rstrip("-_.") or path.parent.name
    origin = Origin(name, str(path), joined, decisions=(f"{len(shards)} files read as one table",))
    return columns_of(table, options), origin, table if table.large else None


def _noted(origin: Origin, notes: Sequence[str]) -> Origin:
    return Origin(origin.name, origin.path, origin.sha256, decisions=tuple(notes))


def _table(
    path: Path, suffix: str, found: Bytes, table: str | None, options: Options
) -> tuple[SqlTable, list[str]]:
    if suffix in _DATABASE or table is not None:
        return database_table(path, table), []
    if suffix in _PARQUET:
        return file_table(path, "read_parquet", found.size), []
    if suffix in (".jsonl", ".ndjson", ".json"):
        return file_table(path, "read_json", found.size), []
    shape = shape_of(path, found, options)
    notes = list(shape.decisions)
    if found.size > LARGE:
        notes.append(f"{found.size / 2**20:.0f} MiB: cells stay on disk and are fetched by column")
    return csv_table(path, shape, found.size, typed=options.decimal != ","), notes


def check_path(path: Path) -> None:
    if path.is_dir():
        raise FileProblem(f"{path} is a directory; name a file")
    if not path.exists():
        raise FileProblem(_not_found(path))
    if not os.access(path, os.R_OK):
        raise FileProblem(f"{path} cannot be read: permission denied; change its permissions")


def _not_found(path: Path) -> str:
    known: list[str] = []
    if path.parent.is_dir():
        try:
            known = [p.name for p in path.parent.iterdir()]
        except OSError:
            known = []
    near = difflib.get_close_matches(path.name, known, n=3, cutoff=0.5)
    text = f"there is no file {str(path)!r}"
    text += (
        f"; nearest: {', '.join(map(repr, near))}"
        if near
        else f" (looked in {path.parent.absolute()})"
    )
    if path.parent == Path() and "." not in path.name:
        shipped = importlib.import_module("rung.datasets").names()
        close = difflib.get_close_matches(path.name, shipped, n=3, cutoff=0.5)
        text += f"; nearest shipped data sets: {', '.join(map(repr, close))}" if close else ""
    return text


def _override(
    data: Data,
    options: Options,
    *,
    kinds: Mapping[str, Override] | None,
    environment: str | None,
    targets: Mapping[str, Any] | None,
    time: str | None,
    unit: str | None,
    weights: str | None,
    missing: MissingPolicy | None,
    names: Sequence[str] | None,
) -> Data:
    """Data with some of what is known about them replaced."""
    check_names(kinds, data.names)
    roles = {"environment": environment, "time": time, "unit": unit, "weights": weights}
    asked = {role: name for role, name in roles.items() if name is not None}
    for role, name in asked.items():
        if name not in data.names:
            raise unknown(name, data.names, f"{role} column")
    if asked:
        rows = _from_roles(data, asked)
        data = data.drop(list(dict.fromkeys(asked.values())))
        if "environment" in asked:
            data = data.replacing(targets=None)
        data = data.replacing(**rows)
    if names is not None:
        data = data.select(list(names))
    for name in data.names:
        if name in (kinds or {}) or options.codes_of(name):
            data = _redescribed(data, name, (kinds or {}).get(name), options)
    if missing is not None:
        data = data.replacing(missing=missing)
    return with_targets(data, targets)


def as_found(data: Data, name: str) -> Found:
    """A column of Data as found, so that it can be described anew."""
    v, values = data.variable(name), np.asarray(data.column(name))
    return Found(name, lambda: values, v.levels, v.kind, v.unit, shape=v.shape)


def _from_roles(data: Data, asked: Mapping[str, str]) -> dict[str, Any]:
    columns = [as_found(data, name) for name in dict.fromkeys(asked.values())]
    columns.append(Found(" ", lambda: np.zeros(data.n)))
    roles: dict[str, Any] = dict(asked)
    made = assemble(columns, origin=Origin(), **roles)
    out = {role: getattr(made, role) for role in asked}
    return out | ({"environments": made.environments} if "environment" in asked else {})


def _redescribed(data: Data, name: str, kind: Override | None, options: Options) -> Data:
    column = as_found(data, name)
    notes: list[str] = []
    if options.codes_of(name):
        column = apply_codes(column, options)
        notes += column.notes
    variable, values, more = describe(column, kind)
    origin = data.origin
    told = (*origin.decisions, *notes, *more)
    return data.with_column(variable, values).replacing(
        origin=Origin(origin.name, origin.path, origin.sha256, origin.licence, told)
    )
