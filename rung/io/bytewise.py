"""The bytes of a file: hash, compression, and the encoding of its text."""

from __future__ import annotations

import codecs
import gzip
import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from ..core.errors import FileProblem

SAMPLE = 1 << 20  # bytes looked at for encoding, delimiter and header
CHUNK = 1 << 22
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


@dataclass(frozen=True)
class Bytes:
    """What one pass over a file found."""

    sha256: str
    size: int
    first_bad: int | None
    nul: bool
    gzipped: bool


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
