"""Formats of other programs: Excel, Stata, SPSS, SAS, Feather; labels are kept as levels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from ..core.errors import FileProblem, InputError, MissingExtra
from ..core.variable import Kind
from .found import Found, unit_of
from .frames import from_frame
from .options import Options
from .sniff import column_names

_NEEDS = {
    ".xlsx": "openpyxl", ".xlsm": "openpyxl", ".xls": "xlrd", ".ods": "odf",
    ".dta": "pyreadstat", ".sav": "pyreadstat", ".zsav": "pyreadstat", ".por": "pyreadstat",
    ".sas7bdat": "pyreadstat", ".xpt": "pyreadstat",
    ".feather": "pyarrow", ".arrow": "pyarrow", ".ipc": "pyarrow",
}  # fmt: skip
_READERS = {
    ".dta": "read_dta", ".sav": "read_sav", ".zsav": "read_sav", ".por": "read_por",
    ".sas7bdat": "read_sas7bdat", ".xpt": "read_xport",
}  # fmt: skip


def load_file(path: Path, options: Options) -> tuple[list[Found], list[str]]:
    """Columns of a file and the decisions to tell.

    Raises
    ------
    MissingExtra
        If the package that reads the format is not installed.
    FileProblem
        If the file is damaged or of another format.
    """
    suffix = path.suffix.lower()
    module = _needed(_NEEDS[suffix], suffix)
    try:
        if suffix in _READERS:
            return _statistics(path, getattr(module, _READERS[suffix]), options)
        if _NEEDS[suffix] == "pyarrow":
            return from_frame(_arrow(path), options), []
        return _excel(path, options)
    except (InputError, FileProblem):
        raise
    except Exception as error:  # each library has its own errors for a damaged file
        first = (str(error).splitlines() or [type(error).__name__])[0]
        raise FileProblem(
            f"{path} cannot be read as {suffix[1:]}: {first}. The file is truncated, damaged or "
            "of another format: export it again, as CSV or Parquet if in doubt"
        ) from error


def _needed(package: str, suffix: str) -> ModuleType:
    import importlib

    try:
        return importlib.import_module(package)
    except ImportError as error:
        extra = " " if package in ("xlrd", "odf") else " (pip install 'rung[files]') "
        raise MissingExtra(
            f"reading {suffix} files needs the package {package}{extra}; or export the table as "
            "CSV or Parquet"
        ) from error


def _arrow(path: Path) -> Any:
    import pyarrow.feather as feather

    return feather.read_table(path)


def _excel(path: Path, options: Options) -> tuple[list[Found], list[str]]:
    import pandas as pd

    with pd.ExcelFile(path) as book:
        sheets = [str(s) for s in book.sheet_names]
        wanted = options.sheet if options.sheet is not None else 0
        if isinstance(wanted, str) and wanted not in sheets:
            raise InputError(f"{path} has no sheet {wanted!r}; it has {', '.join(sheets)}")
        raw = pd.read_excel(book, sheet_name=wanted, header=None)
    notes = []
    if options.sheet is None and len(sheets) > 1:
        notes.append(f"sheet {sheets[0]!r} of {len(sheets)} ({', '.join(sheets)})")
    raw = raw.dropna(how="all")
    if raw.empty:
        raise InputError(f"{path}: the sheet is empty")
    headless = options.header is False
    head = [f"X{i + 1}" for i in range(raw.shape[1])] if headless else raw.iloc[0].tolist()
    cells = ["" if isinstance(c, float) and np.isnan(c) else str(c) for c in head]
    names, more = column_names(cells, str(path))
    body = raw if headless else raw.iloc[1:]
    if not len(body):
        raise InputError(f"{path} holds a header ({', '.join(names[:6])}) and no rows")
    table = body.reset_index(drop=True).infer_objects()
    table.columns = list(names)
    return from_frame(table, options), [*notes, *more]


def _statistics(path: Path, reader: Any, options: Options) -> tuple[list[Found], list[str]]:
    """Stata, SPSS and SAS through pyreadstat: value labels become levels."""
    frame, meta = reader(str(path))
    if not len(frame):
        raise InputError(f"{path} has variables and no rows")
    labels: Mapping[str, Mapping[Any, str]] = meta.variable_value_labels
    measures: Mapping[str, str] = getattr(meta, "variable_measure", {}) or {}
    titles = dict(zip(meta.column_names, meta.column_labels or [], strict=False))
    found = []
    for column in from_frame(frame, options):
        named = labels.get(column.name, {})
        if named and column.levels is None and not column.identifier:
            column = _labelled(column, named, measures.get(column.name, ""))
        title = titles.get(column.name)
        notes = (f"column {column.name!r} is labelled {title!r}",) if title else ()
        unit = column.unit or (unit_of(title) if title else None)
        found.append(column.replacing(unit=unit, notes=(*column.notes, *notes)))
    return found, []


def _labelled(column: Found, labels: Mapping[Any, str], measure: str) -> Found:
    """Codes with labels as levels, in the order of the codes.

    Numbers of which only some are labelled (a scale with named ends, a missing code) stay numbers.
    """
    values = column.fetch()
    present = np.unique(values[~np.isnan(values)])
    known = {float(code): str(label) for code, label in labels.items() if _number(code)}
    bare = [v for v in present.tolist() if v not in known]
    if bare:
        shown = ", ".join(f"{code:g} = {label!r}" for code, label in list(known.items())[:6])
        note = f"column {column.name!r}: numbers, some of them labelled ({shown}); kept as numbers"
        return column.replacing(notes=(*column.notes, note))
    words = [known[v] for v in present.tolist()]
    levels = tuple(words) if len(set(words)) == len(words) else _apart(words, present.tolist())
    codes = np.searchsorted(present, values).astype(np.float64)
    codes[np.isnan(values)] = np.nan
    kind = Kind.ORDINAL if measure == "ordinal" else Kind.CATEGORICAL
    return column.replacing(fetch=lambda: codes, levels=levels, kind=kind)


def _apart(words: Sequence[str], codes: Sequence[float]) -> tuple[str, ...]:
    """Labels that repeat are told apart by their codes."""
    return tuple(f"{word} ({code:g})" for word, code in zip(words, codes, strict=True))


def _number(code: Any) -> bool:
    return isinstance(code, int | float) and not isinstance(code, bool)
