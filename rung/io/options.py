"""What a user may declare about how a source is written: Options, Csv, Declared."""

from __future__ import annotations

import codecs
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..core.errors import InputError

Codes = Sequence[Any] | Mapping[str, Sequence[Any]]


@dataclass(frozen=True)
class Options:
    """How a source is written. What is left None is detected, and shown in `origin.decisions`.

    Parameters
    ----------
    delimiter : str, optional
        One character between cells.
    encoding : str, optional
        "utf-8", "utf-16", "cp1252", "latin-1" ...
    header : bool, optional
        Whether the first row holds the column names.
    decimal, thousands : str, optional
        "." or ","; thousands also " ", "'" or "" (none).
    missing_codes : sequence, or mapping of column to sequence, optional
        Values that stand for a missing cell, such as -99 or "none"; `float("inf")` too.
    keep_words : sequence of str
        Words that are usually read as missing ("NA", ".") but are values here.
    dates : mapping of column to format, optional
        strptime formats, such as "%d/%m/%Y"; None for a column says that it is not a date.
    sheet : str or int, optional
        Sheet of an Excel file; the first if not given.
    table : str, optional
        Table of a DuckDB file.
    """

    delimiter: str | None = None
    encoding: str | None = None
    header: bool | None = None
    decimal: str | None = None
    thousands: str | None = None
    missing_codes: Codes = ()
    keep_words: Sequence[str] = ()
    dates: Mapping[str, str | None] | None = None
    sheet: str | int | None = None
    table: str | None = None

    def __post_init__(self) -> None:
        if self.delimiter is not None and len(self.delimiter) != 1:
            raise InputError(f"delimiter={self.delimiter!r}: expected one character, such as ';'")
        if self.decimal not in (None, ".", ","):
            raise InputError(f"decimal={self.decimal!r}: expected '.' or ','")
        if self.thousands not in (None, "", ".", ",", " ", "'"):
            raise InputError(f"thousands={self.thousands!r}: expected ',', '.', ' ', \"'\" or ''")
        if self.decimal is not None and self.decimal == self.thousands:
            raise InputError(f"decimal and thousands are both {self.decimal!r}; they must differ")
        if self.encoding is not None:
            try:
                codecs.lookup(self.encoding)
            except LookupError:
                raise InputError(
                    f"unknown encoding {self.encoding!r}; use 'utf-8', 'utf-16', 'cp1252' ..."
                ) from None
        if isinstance(self.missing_codes, str):
            object.__setattr__(self, "missing_codes", (self.missing_codes,))

    def codes_of(self, name: str) -> tuple[Any, ...]:
        """The declared missing codes of a column."""
        if isinstance(self.missing_codes, Mapping):
            found = self.missing_codes.get(name, ())
            return tuple(found) if isinstance(found, list | tuple | set) else (found,)
        return tuple(self.missing_codes)


@dataclass(frozen=True)
class Declared:
    """A source of any sort together with how it is written; `rung.read` takes it."""

    source: Any
    options: Options


@dataclass(frozen=True)
class Csv:
    """A text table together with how it is written; `rung.read` takes it.

    >>> Csv("a.csv", decimal=",", missing_codes={"age": [-99]}).options.decimal
    ','
    """

    path: str | Path
    delimiter: str | None = None
    encoding: str | None = None
    header: bool | None = None
    decimal: str | None = None
    thousands: str | None = None
    missing_codes: Codes = ()
    keep_words: Sequence[str] = ()
    dates: Mapping[str, str | None] | None = None

    @property
    def source(self) -> str | Path:
        """The path."""
        return self.path

    @property
    def options(self) -> Options:
        """Everything but the path."""
        return Options(
            delimiter=self.delimiter,
            encoding=self.encoding,
            header=self.header,
            decimal=self.decimal,
            thousands=self.thousands,
            missing_codes=self.missing_codes,
            keep_words=self.keep_words,
            dates=self.dates,
        )
