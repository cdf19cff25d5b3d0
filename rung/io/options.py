"""What a user may declare about how a source is written: Options, Csv, Declared, Pictures."""

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


@dataclass(frozen=True)
class Pictures:
    """Pictures together with how they are to be read; `rung.read` takes it.

    Parameters
    ----------
    source : path or array
        A folder of picture files, a file .npz or .npy, or an array of pictures.
    size : int or (height, width), optional
        Every picture is resampled to that many pixels, each the mean of the area it covers; an int
        is a square. If not given, pictures keep their size, which must then be the same.
    channels : 1 or 3, optional
        1 makes colours grey (their luminance), 3 repeats grey; needed where a folder mixes both.
    layout : str, optional
        Of an array: "nhw", "nchw" or "nhwc"; asked for only where the shape leaves it open.

    >>> Pictures("images/", size=28).size
    (28, 28)
    """

    source: Any
    size: Any = None
    channels: int | None = None
    layout: str | None = None

    def __post_init__(self) -> None:
        if self.size is not None:
            pair = (self.size, self.size) if isinstance(self.size, int) else tuple(self.size)
            if len(pair) != 2 or not all(isinstance(k, int) and 4 <= k <= 4096 for k in pair):
                raise InputError(
                    f"size={self.size!r}: expected a number of pixels from 4 to 4096, such as 28, "
                    "or (height, width)"
                )
            object.__setattr__(self, "size", pair)
        if self.channels not in (None, 1, 3):
            raise InputError(
                f"channels={self.channels!r}: expected 1 (grey) or 3 (red, green, blue)"
            )
        if self.layout not in (None, "nhw", "nchw", "nhwc"):
            raise InputError(f"layout={self.layout!r}: expected 'nhw', 'nchw' or 'nhwc'")
