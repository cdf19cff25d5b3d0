"""What a text file looks like: encoding, delimiter, header; and where it is broken."""

from __future__ import annotations

import codecs
import csv
import gzip
import hashlib
import io
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from ..core.errors import FileProblem, InputError
from .options import Options

SAMPLE = 1 << 20  # bytes looked at for delimiter and header
CHUNK = 1 << 22
BIG = 200 * 2**20  # bytes of a file above which cells stay on disk
_DELIMITERS = ("\t", ";", "|", ",")
_BOMS = (
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_MAGIC = (
    (b"%PDF", "a PDF document"),
    (b"\x89PNG", "a PNG picture"),
    (b"\xff\xd8\xff", "a JPEG picture"),
    (b"\xd0\xcf\x11\xe0", "an old Excel or Word file (.xls, .doc)"),
    (b"PK\x03\x04", "a zip archive or an Excel file (.xlsx)"),
    (b"PAR1", "a Parquet file"),
    (b"SQLite format 3", "a SQLite database"),
    (b"\x7fELF", "a program"),
    (b"BZh", "a bzip2 archive"),
    (b"\xfd7zXZ", "an xz archive"),
    (b"\x28\xb5\x2f\xfd", "a zstandard archive"),
    (b"\x80\x04\x95", "a pickle"),
)
NUMBER_LIKE = re.compile(r"[+-]?[$€£¥]?\s*(\d[\d.,' ]*|[.,]\d+)([eE][+-]?\d+)?\s*[%€$£]?")
_YEAR = re.compile(r"(19|20)\d\d")
_PLAIN = re.compile(r"([+-]?(0|[1-9]\d*)?(\.\d*)?([eE][+-]?\d+)?)?")
DATE_LIKE = re.compile(r"\d{1,4}[-/.]\d{1,2}[-/.]\d{1,4}([ T]\d.*)?")


@dataclass(frozen=True)
class Bytes:
    """What one pass over a file found."""

    sha256: str
    size: int
    first_bad: int | None
    nul: bool
    gzipped: bool


@dataclass(frozen=True)
class Shape:
    """How a text table is written.

    `names` is None without a header; `columns` is the number of cells in a row; `numeric` tells
    which columns hold only plain numbers in the sample.
    """

    encoding: str
    delimiter: str
    names: tuple[str, ...] | None
    columns: int
    decisions: tuple[str, ...]
    gzipped: bool = False
    numeric: tuple[bool, ...] = ()


def opened(path: Path, gzipped: bool) -> IO[bytes]:
    """The bytes of a file, decompressed."""
    return gzip.open(path, "rb") if gzipped else path.open("rb")  # type: ignore[return-value]


def scan(path: Path) -> Bytes:
    """One pass over a file: hash, size, first byte that is not UTF-8, NUL bytes."""
    with path.open("rb") as file:
        gzipped = file.read(2) == b"\x1f\x8b"
    digest, size, bad, nul = hashlib.sha256(), 0, None, False
    decoder = codecs.getincrementaldecoder("utf-8")()
    try:
        with opened(path, gzipped) as file:
            while chunk := file.read(CHUNK):
                digest.update(chunk)
                nul = nul or b"\0" in chunk
                bad = _first_bad(decoder, chunk, size) if bad is None else bad
                size += len(chunk)
        if bad is None and decoder.getstate()[0]:
            bad = size - len(decoder.getstate()[0])
    except (EOFError, gzip.BadGzipFile) as error:
        raise FileProblem(
            f"{path} is a damaged or truncated gzip file ({error}); fetch it again"
        ) from error
    return Bytes(digest.hexdigest(), size, bad, nul, gzipped)


def _first_bad(decoder: codecs.IncrementalDecoder, chunk: bytes, before: int) -> int | None:
    waiting = len(decoder.getstate()[0])
    try:
        decoder.decode(chunk)
    except UnicodeDecodeError as error:
        return before - waiting + error.start
    return None


def encoding_of(path: Path, found: Bytes, declared: str | None) -> tuple[str, tuple[str, ...]]:
    """Encoding of a text file, and the decision to tell.

    Raises
    ------
    FileProblem
        For a binary file, and for text in an encoding that cannot be told.
    """
    with opened(path, found.gzipped) as file:
        head = file.read(SAMPLE)
    if declared is not None:
        return declared, ()
    for bom, name in _BOMS:
        if head.startswith(bom):
            note = () if name == "utf-8-sig" else (f"encoding {name}, by its byte-order mark",)
            return name, note
    for magic, what in _MAGIC:
        if head.startswith(magic):
            raise FileProblem(
                f"{path} is {what}, not a text table. Export the table as CSV or Parquet, or give "
                "the file the extension of its format."
            )
    if found.nul:
        wide = _wide(head)
        if wide is None:
            raise FileProblem(
                f"{path} is a binary file (it holds NUL bytes), not a text table. Export the "
                "table as CSV or Parquet; a UTF-16 text needs encoding='utf-16'."
            )
        return wide, (f"encoding {wide}, by its alternating zero bytes",)
    if found.first_bad is None:
        return "utf-8", ()
    return _eight_bit(path, found)


def _wide(head: bytes) -> str | None:
    even, odd = head[0:2000:2].count(0), head[1:2000:2].count(0)
    half = max(1, min(len(head), 2000) // 2)
    if odd > 0.4 * half and even == 0:
        return "utf-16-le"
    return "utf-16-be" if even > 0.4 * half and odd == 0 else None


def _eight_bit(path: Path, found: Bytes) -> tuple[str, tuple[str, ...]]:
    assert found.first_bad is not None
    with opened(path, found.gzipped) as file:
        file.seek(max(0, found.first_bad - 2000))
        piece = file.read(SAMPLE)
    encoding = "cp1252"
    try:
        text = piece.decode(encoding)
    except UnicodeDecodeError:
        encoding, text = "latin-1", piece.decode("latin-1")
    odd = [c for c in text if ord(c) > 127]
    fine = sum(c.isalpha() or c in "€£°µ²³–—’‘“”«»§±½ \u00a0·…" for c in odd)
    control = sum((ord(c) < 32 and c not in "\r\n\t\f") or 127 <= ord(c) < 160 for c in text)
    if fine < 0.9 * len(odd) or control or len(odd) > 0.5 * len(text):
        raise FileProblem(
            f"{path} is not UTF-8 (byte {found.first_bad}) and its encoding cannot be told. "
            "Say which: rung.io.Csv(path, encoding='cp1252'), or 'latin-1', 'utf-16', 'shift_jis', "
            "'cp1251' ..."
        )
    at = text.index(odd[0])
    shown = text[max(0, at - 8) : at + 8].replace("\n", " ").replace("\r", " ").strip()
    return encoding, (
        f"encoding {encoding}: the file is not UTF-8 (byte {found.first_bad}); read so, the place "
        f"shows {shown!r}. If that is wrong, declare encoding=",
    )


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
    limit = 500 if found.size < BIG else 100_000
    rows = _rows(sample, delimiter, limit, whole=whole)
    if not rows:
        raise FileProblem(f"{path} has no complete row")
    columns = len(rows[0])
    header = _has_header(rows) if options.header is None else options.header
    if header and len(rows) == 1 and whole:
        raise InputError(
            f"{path} holds a header ({', '.join(rows[0][:6])}) and no rows; if that line is data, "
            "declare header=False with rung.io.Csv"
        )
    notes = list(decisions)
    if delimiter != ",":
        notes.append(f"cells are separated by {delimiter!r}")
    if not header:
        if options.header is None:
            notes.append("no header row was found: columns are called X1, X2, ...")
        numeric = _numeric(rows)
        return Shape(encoding, delimiter, None, columns, tuple(notes), found.gzipped, numeric)
    names, more = column_names(rows[0], str(path))
    told, numeric = (*notes, *more), _numeric(rows[1:])
    return Shape(encoding, delimiter, names, columns, told, found.gzipped, numeric)


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
        raw = file.read(SAMPLE)
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


def _delimiter(text: str) -> str:
    """The delimiter that cuts most rows into the same number (above 1) of cells."""
    best, best_key = ",", (0.0, 0)
    for delimiter in _DELIMITERS:
        widths = [len(row) for row in _rows(text, delimiter, 200)]
        common, times = Counter(widths).most_common(1)[0] if widths else (0, 0)
        if common < 2:
            continue
        head = widths[0] == common
        key = (round(times / len(widths), 2) + (0.5 if head else 0.0), 0)
        if key > best_key:
            best, best_key = delimiter, key
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
    lines = _decoded(path, shape)
    reader = csv.reader(lines, delimiter=shape.delimiter, strict=True)
    before = 1
    try:
        for row in reader:
            if row and len(row) != shape.columns:
                return FileProblem(
                    f"{path}, line {before}: {len(row)} cells where {shape.columns} were expected "
                    f"({shape.delimiter!r} between cells). The row is broken or the file truncated:"
                    " repair the line, or declare delimiter= with rung.io.Csv"
                )
            before = reader.line_num + 1
    except csv.Error as error:
        return FileProblem(
            f"{path}, line {before}: a quoted cell is opened and never closed ({error}). The file "
            "is truncated or a quote is stray: fetch it again or repair the line"
        )
    except (UnicodeDecodeError, UnicodeError) as error:
        return FileProblem(
            f"{path}, near line {before}: not {shape.encoding} text ({error}); declare encoding= "
            "with rung.io.Csv"
        )
    return None


def _decoded(path: Path, shape: Shape) -> Iterator[str]:
    with opened(path, shape.gzipped) as raw:
        text = io.TextIOWrapper(raw, encoding=shape.encoding, newline="")
        yield from text
