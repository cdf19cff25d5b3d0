"""Which row of a table of factors belongs to which picture."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..core.errors import InputError
from .found import Found

SUFFIXES = (
    ".png", ".jpg", ".jpeg", ".bmp", ".gif", ".tif", ".tiff", ".webp", ".ppm", ".pgm", ".pbm",
)  # fmt: skip
_NUMBER_NAMES = ("file", "filename", "file_name", "image", "image_id", "id", "img", "index",
                 "name", "path", "picture")  # fmt: skip


@dataclass(frozen=True, eq=False)
class Labels:
    """Columns of factors, and the row (n,) of each picture; -1 where it has none."""

    columns: list[Found]
    where: str
    rows: NDArray[np.intp]
    notes: tuple[str, ...]


def by_order(columns: list[Found], n: int, where: str, place: str) -> Labels:
    """Row i belongs to picture i.

    Raises
    ------
    InputError
        For another number of rows than pictures.
    """
    count = _rows(columns)
    if count != n:
        raise InputError(f"{where} has {count} rows, {place} {n} pictures; expected as many")
    note = f"the rows of {where} belong to the pictures in their order"
    return Labels(columns, where, np.arange(n), (note,))


def matched(
    columns: list[Found], names: Sequence[str], where: str, place: str, partial: bool
) -> Labels:
    """Rows found by a column of file names; by order where there is none and counts agree.

    Parameters
    ----------
    names : file name of each picture, in natural order.
    where, place : what to call the table and the folder.
    partial : whether pictures may go without a row.

    Raises
    ------
    InputError
        For rows without picture, pictures without row, a picture named twice, counts that differ.
    """
    keys = _Keys(names)
    found = _name_column(columns, keys)
    if found is None:
        return _in_order(columns, names, where, place)
    column, texts = found
    rows = np.full(len(names), -1, dtype=np.intp)
    lost = []
    for r, text in enumerate(texts):
        i = keys.find(text)
        if i is None:
            lost.append(r)
        elif rows[i] >= 0:
            raise InputError(
                f"{where} names the picture {names[i]!r} twice, in rows {rows[i]} and {r} (counted "
                f"from 0, column {column.name!r}); expected one row a picture"
            )
        else:
            rows[i] = r
    if lost:
        raise InputError(
            f"{where}: {len(lost)} rows name no picture of {place}, the first is row {lost[0]}, "
            f"{texts[lost[0]]!r} in column {column.name!r}. Take the rows out or add the pictures"
        )
    bare = [names[i] for i in np.flatnonzero(rows < 0).tolist()]
    if bare and not partial:
        shown = ", ".join(map(repr, bare[:3])) + (" ..." if len(bare) > 3 else "")
        raise InputError(
            f"{len(bare)} of {len(names)} pictures of {place} have no row in {where}: {shown}. Add "
            "their labels, take the pictures out, or keep them as unlabelled by a policy: "
            "rung.read(..., missing=rung.EM())"
        )
    notes = [f"rows of {where} matched to pictures by column {column.name!r}"]
    if bare:
        notes.append(f"{len(bare)} of {len(names)} pictures have no row in {where}: unlabelled")
    return Labels([c for c in columns if c is not column], where, rows, tuple(notes))


def _rows(columns: Sequence[Found]) -> int:
    return len(columns[0].fetch()) if columns else 0


def _in_order(columns: list[Found], names: Sequence[str], where: str, place: str) -> Labels:
    count = _rows(columns)
    if count != len(names):
        raise InputError(
            f"{where} has {count} rows, {place} {len(names)} pictures, and no column of {where} "
            f"({', '.join(repr(c.name) for c in columns[:6])}) holds file names such as "
            f"{names[0]!r}; add such a column, or one row for each picture in the order of names"
        )
    note = (
        f"no column of {where} holds file names: its rows belong to the pictures in the order of "
        f"their names, {names[0]!r} first, {names[-1]!r} last"
    )
    if list(names) != sorted(names):
        note += " (numbers in names by size, 2 before 10)"
    return Labels(columns, where, np.arange(len(names)), (note,))


class _Keys:
    """Pictures by file name, by name without suffix where that is unique, and by number."""

    def __init__(self, names: Sequence[str]) -> None:
        stems = [PurePosixPath(name).stem for name in names]
        self.names = {name: i for i, name in enumerate(names)}
        counts = Counter(stems)
        self.stems = {s: i for i, s in enumerate(stems) if counts[s] == 1}
        digits = all(s.isdecimal() for s in stems) and len({int(s) for s in stems}) == len(stems)
        self.numbers = {int(s): i for i, s in enumerate(stems)} if digits else {}

    def find(self, text: Any) -> int | None:
        """The picture that a cell names, None if none."""
        if isinstance(text, int):
            return self.numbers.get(text)
        if text is None:
            return None
        base = PurePosixPath(str(text).replace("\\", "/")).name
        found = self.names.get(base)
        return self.stems.get(base) if found is None else found


def _name_column(columns: Sequence[Found], keys: _Keys) -> tuple[Found, list[Any]] | None:
    """The column that names files, and its cells."""
    best: tuple[float, Found, list[Any]] | None = None
    for column in columns:
        cells = _cells(column, keys)
        if not cells:
            continue
        share = sum(keys.find(c) is not None for c in cells) / len(cells)
        files = sum(str(c).lower().endswith(SUFFIXES) for c in cells) / len(cells)
        worth = share if share >= 0.5 else 0.1 * files if files >= 0.5 else 0.0
        if worth > 0 and (best is None or worth > best[0]):
            best = worth, column, cells
    return None if best is None else best[1:]


def _cells(column: Found, keys: _Keys) -> list[Any]:
    """Cells that may be file names: texts, or whole numbers where files are numbered."""
    if column.shape:
        return []
    if column.texts is not None:
        return list(column.texts())
    if column.levels is not None:
        levels = [*map(str, column.levels), None]
        codes = column.fetch()
        return [levels[int(c)] if c == c else None for c in codes]
    if not keys.numbers or column.name.strip().lower() not in _NUMBER_NAMES:
        return []
    values = column.fetch()
    return [int(v) if v == v and v == int(v) else None for v in values]
