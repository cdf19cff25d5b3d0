"""What a text table looks like: delimiter, header; and where it is broken."""

from __future__ import annotations

import codecs
import contextlib
import csv
import io
import re
from collections import Counter
from collections.abc import Generator, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from ..core.errors import FileProblem, InputError
from . import bytewise
from .bytewise import CHUNK, Bytes, encoding_of, opened
from .options import Options

BIG = 200 * 2**20  # bytes of a file above which cells stay on disk
_DELIMITERS = ("\t", ";", "|", ",")
NUMBER_LIKE = re.compile(r"[+-]?[$€£¥]?\s*(\d[\d.,' ]*|[.,]\d+)([eE][+-]?\d+)?\s*[%€$£]?")
_YEAR = re.compile(r"(19|20)\d\d")
_PLAIN = re.compile(r"([+-]?(0|[1-9]\d*)?(\.\d*)?([eE][+-]?\d+)?)?")
DATE_LIKE = re.compile(r"\d{1,4}[-/.]\d{1,2}[-/.]\d{1,4}([ T]\d.*)?")


@dataclass(frozen=True)
class Shape:
    """How a text table is written.

    `names` is None without a header; `columns` is the number of cells in a row; `numeric` tells
    which columns hold only plain numbers in the sample; `skip` lines come before the table, and
    `header` tells whether its first line is a header as wide as the rows; with `blanks`, runs of
    blanks separate cells.
    """

    encoding: str
    delimiter: str
    names: tuple[str, ...] | None
    columns: int
    decisions: tuple[str, ...]
    gzipped: bool = False
    numeric: tuple[bool, ...] = ()
    skip: int = 0
    header: bool = True
    blanks: bool = False


def shape_of(path: Path, found: Bytes, options: Options) -> Shape:
    """How a text table is written.

    Raises
    ------
    FileProblem
        If the file is empty, binary, or in an encoding that cannot be told.
    InputError
        If column names repeat, or there is a header and no row.
    """
    if found.size == 0:
        raise FileProblem(f"{path} is empty (0 bytes); expected a table with at least one row")
    encoding, decisions = encoding_of(path, found, options.encoding)
    sample = _sample(path, encoding, found)
    if not sample.strip():
        raise FileProblem(f"{path} holds nothing but blanks; expected a table")
    whole = len(sample.encode(encoding, "replace")) >= found.size
    delimiter = options.delimiter or _delimiter(sample)
    blanks = options.delimiter is None and delimiter is None and _by_blanks(sample)
    if blanks:
        sample = "\n".join("\t".join(line.split()) for line in sample.splitlines())
    delimiter = "\t" if blanks else delimiter or ","
    sample, skip = _without_comments(sample, delimiter)
    limit = 500 if found.size < BIG else 100_000
    rows = _rows(sample, delimiter, limit, whole=whole)
    if not rows:
        raise FileProblem(f"{path} has no complete row")
    shape = Shape(encoding, delimiter, None, len(rows[0]), decisions, found.gzipped, skip=skip,
                  header=False, blanks=blanks)  # fmt: skip
    shape = _headed(path, shape, rows, options, whole)
    if blanks:
        told = "cells are separated by runs of blanks"
    else:
        told = f"cells are separated by {delimiter!r}" if delimiter != "," else ""
    lines = f"{skip} lines of comment skipped" if skip else ""
    more = tuple(note for note in (told, lines) if note)
    return replace(shape, decisions=(*decisions, *more, *shape.decisions[len(decisions) :]))


def _headed(
    path: Path, shape: Shape, rows: list[list[str]], options: Options, whole: bool
) -> Shape:
    """The shape with its names, if there is a header."""
    if options.header is not False and _names_rows(rows):
        names, notes = column_names(["", *rows[0]], str(path))
        told = (
            f"rows have one cell more than the header: the first, called {names[0]!r}, names them"
        )
        return replace(shape, names=names, columns=len(names), skip=shape.skip + 1,
                       decisions=(*shape.decisions, told), numeric=_numeric(rows[1:]))  # fmt: skip
    header = _has_header(rows) if options.header is None else options.header
    if not header:
        told = "no header row was found: columns are called X1, X2, ..."
        notes = [told] if options.header is None else []
        return replace(shape, decisions=(*shape.decisions, *notes), numeric=_numeric(rows))
    if len(rows) == 1 and whole:
        raise InputError(
            f"{path} holds a header ({', '.join(rows[0][:6])}) and no rows; if that line is data, "
            "declare header=False with rung.io.Csv"
        )
    names, notes = column_names(rows[0], str(path))
    return replace(shape, names=names, decisions=(*shape.decisions, *notes), header=True,
                   numeric=_numeric(rows[1:]))  # fmt: skip


def _names_rows(rows: list[list[str]]) -> bool:
    """True for a table as R writes it: every row has one cell, its name, more than the header."""
    width = len(rows[0]) + 1
    if len(rows) < 3 or any(len(row) != width for row in rows[1:]):
        return False
    first = [row[0] for row in rows[1:]]
    return len(set(first)) == len(first) and not any(NUMBER_LIKE.fullmatch(c) for c in rows[0])


def _by_blanks(sample: str) -> bool:
    """True if runs of blanks cut all lines into the same number, above 1, of cells."""
    lines = [line for line in sample.splitlines()[:-1][:200] if line.strip()]
    widths = {len(line.split()) for line in lines}
    return len(lines) > 1 and len(widths) == 1 and widths.pop() > 1 and '"' not in sample


def _without_comments(sample: str, delimiter: str) -> tuple[str, int]:
    """The sample without leading lines that start with # and are no header; and their number."""
    lines = sample.splitlines(keepends=True)
    skip = 0
    while skip < len(lines) - 1 and lines[skip].startswith("#"):
        skip += 1
    below = lines[skip].count(delimiter) if skip else 0
    numbers = any(NUMBER_LIKE.fullmatch(c.strip()) for c in lines[skip].split(delimiter))
    if skip and below and numbers and lines[skip - 1].count(delimiter) == below:
        skip -= 1  # the last one stands above numbers and has as many cells: it names the columns
    return "".join(lines[skip:]), skip


def _numeric(rows: list[list[str]]) -> tuple[bool, ...]:
    return tuple(
        all(_PLAIN.fullmatch(cell.strip()) for cell in column)
        for column in zip(*rows, strict=False)
    )


def column_names(cells: list[str], where: str) -> tuple[tuple[str, ...], list[str]]:
    """Column names of a header row; blanks are numbered, repeats refused."""
    names, notes = [], []
    for i, cell in enumerate(cells):
        name = cell.strip()
        if not name:
            name = f"X{i + 1}"
            notes.append(f"column {i + 1} has no name: called {name!r}")
        names.append(name)
    twice = [name for name, k in Counter(names).items() if k > 1]
    if twice:
        at = [i + 1 for i, name in enumerate(names) if name == twice[0]]
        raise InputError(
            f"{where}: {len(at)} columns are named {twice[0]!r} (columns "
            f"{', '.join(map(str, at))}); names must differ: rename them in the file"
        )
    return tuple(names), notes


def _sample(path: Path, encoding: str, found: Bytes) -> str:
    with opened(path, found.gzipped) as file:
        raw = file.read(bytewise.SAMPLE)
    try:
        text = codecs.getincrementaldecoder(encoding)().decode(raw)
    except (UnicodeDecodeError, UnicodeError) as error:
        raise FileProblem(
            f"{path} is not {encoding} text ({error}); leave encoding= out to have it detected, or "
            "declare another"
        ) from error
    return text.removeprefix("\ufeff")


def _rows(text: str, delimiter: str, limit: int = 500, *, whole: bool = False) -> list[list[str]]:
    """Rows of a sample; the last one may be cut off, so it is left out unless all is there."""
    csv.field_size_limit(CHUNK)
    rows: list[list[str]] = []
    try:
        for row in csv.reader(io.StringIO(text, newline=""), delimiter=delimiter):
            if row:
                rows.append(row)
            if len(rows) > limit:
                return rows[:limit]
    except csv.Error:
        return rows
    return rows if whole or len(rows) < 2 else rows[:-1]


def _delimiter(text: str) -> str | None:
    """The delimiter that cuts most rows into the same number (above 1) of cells, if any does."""
    best, most = None, 0.0
    for delimiter in _DELIMITERS:
        widths = [len(row) for row in _rows(text, delimiter, 200)]
        common, times = Counter(widths).most_common(1)[0] if widths else (0, 0)
        if common < 2:
            continue
        fit = round(times / len(widths), 2) + (0.5 if widths[0] == common else 0.0)
        if fit > most:
            best, most = delimiter, fit
    return best


def _has_header(rows: list[list[str]]) -> bool:
    """A vote of the columns: numbers below a word speak for a header, below a number against.

    A year above numbers that are not all years does not vote: it may be a name.
    """
    first, rest = [c.strip() for c in rows[0]], rows[1:]
    votes = 0
    for i, cell in enumerate(first):
        below = [row[i].strip() for row in rest if i < len(row) and row[i].strip()]
        numeric = [bool(NUMBER_LIKE.fullmatch(c) or DATE_LIKE.fullmatch(c)) for c in below]
        number = bool(NUMBER_LIKE.fullmatch(cell) or DATE_LIKE.fullmatch(cell))
        if below and sum(numeric) > 0.7 * len(below):
            named = _YEAR.fullmatch(cell) and not all(_YEAR.fullmatch(c) for c in below)
            votes += (0 if named else -1) if number else 1
        elif number:
            votes += 0 if below else -1
        elif cell in below:
            votes -= 1
    names = [bool(_YEAR.fullmatch(c)) or not NUMBER_LIKE.fullmatch(c) for c in first]
    words = any(not NUMBER_LIKE.fullmatch(c) for c in first)
    return votes > 0 or (votes == 0 and words and all(names))


def explain(path: Path, shape: Shape) -> FileProblem | None:
    """The first row that breaks the table, found by reading the file anew; None if none does."""
    with contextlib.closing(decoded(path, shape)) as lines:
        text = _broken(lines, shape)
    return None if text is None else FileProblem(f"{path}, {text}")


def _broken(lines: Iterator[str], shape: Shape) -> str | None:
    before = shape.skip + 1
    try:
        for _ in range(shape.skip):
            next(lines)
        reader = csv.reader(lines, delimiter=shape.delimiter, strict=True)
        for row in reader:
            if row and len(row) != shape.columns:
                return (
                    f"line {before}: {len(row)} cells where {shape.columns} were expected "
                    f"({shape.delimiter!r} between cells). The row is broken or the file truncated:"
                    " repair the line, or declare delimiter= with rung.io.Csv"
                )
            before = shape.skip + reader.line_num + 1
    except csv.Error as error:
        return (
            f"line {before}: a quoted cell is opened and never closed ({error}). The file is "
            "truncated or a quote is stray: fetch it again or repair the line"
        )
    except UnicodeError as error:
        return (
            f"near line {before}: not {shape.encoding} text ({error}); declare encoding= with "
            "rung.io.Csv"
        )
    return None


def decoded(path: Path, shape: Shape) -> Generator[str, None, None]:
    """The lines of a text, runs of blanks as tabs where they separate cells."""
    with (
        opened(path, shape.gzipped) as raw,
        io.TextIOWrapper(raw, encoding=shape.encoding, newline="") as text,
    ):
        for i, line in enumerate(text):
            line = line.removeprefix("\ufeff") if i == 0 else line
            yield "\t".join(line.split()) + "\n" if shape.blanks else line
