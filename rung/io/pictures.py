"""Reading pictures with their factors into Data: factor columns, and the column "image"."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..core.data import MATRIX_LIMIT, Data, Origin
from ..core.errors import FileProblem, InputError
from ..core.result import frozen, lock
from ..core.variable import Variable
from .found import Found
from .options import Options, Pictures
from .picture_labels import Labels, by_order, matched
from .roles import assemble, with_targets

IMAGE = "image"
Images = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Stack:
    """Pictures that were looked at but not decoded.

    Parameters
    ----------
    names : tuple of str
        File name of each picture; () for arrays.
    n : int
    shape : (channels, height, width)
    fetch : callable
        All pictures (n, *shape), float32 in [0, 1].
    origin : Origin
    columns : list of Found
        Factors that came with the pictures.
    """

    names: tuple[str, ...]
    n: int
    shape: tuple[int, int, int]
    fetch: Callable[[], Images]
    origin: Origin
    columns: list[Found]


class PictureColumns(Mapping[str, NDArray[Any]]):
    """Factor columns (n,), and pictures (n, c, h, w) that are decoded when first asked for."""

    def __init__(self, held: Mapping[str, NDArray[Any]], n: int, fetch: Callable[[], Images]):
        self.n, self._fetch = n, fetch
        self._held: dict[str, NDArray[Any]] = {name: frozen(a) for name, a in held.items()}

    def __getitem__(self, name: str) -> NDArray[Any]:
        if name == IMAGE and IMAGE not in self._held:
            self._held[IMAGE] = lock(self._fetch())
        return self._held[name]

    def __iter__(self) -> Iterator[str]:
        yield from (name for name in self._held if name != IMAGE)
        yield IMAGE

    def __contains__(self, name: object) -> bool:
        return name == IMAGE or name in self._held  # without decoding

    def __len__(self) -> int:
        return len(self._held) + (IMAGE not in self._held)

    def __reduce__(self) -> tuple[Any, ...]:
        return dict, ({name: self[name] for name in self},)  # a copy elsewhere holds the pixels


def read_pictures(
    source: Any,
    factors: Any,
    options: Options,
    *,
    names: Sequence[str] | None,
    roles: Mapping[str, Any],
) -> Data:
    """Data of pictures and factors; see `rung.read`.

    Pictures are float32 in [0, 1], (n, channels, height, width). With a policy for missing cells
    declared, pictures without a label are kept, their factors missing.

    Raises
    ------
    FileProblem
        For a picture or file that is missing, damaged or of an unknown format; it is named.
    InputError
        For pictures of differing sizes or channels, values outside their range, labels that do not
        fit the pictures or are missing.
    MissingExtra
        For picture files without Pillow.
    """
    wanted = source if isinstance(source, Pictures) else Pictures(source)
    stack = _stack(wanted)
    _refuse_size(stack)
    if factors is None and not stack.columns:
        return _bare(stack, roles, names)
    if factors is None:
        labels = Labels(stack.columns, stack.origin.path or "the file", np.arange(stack.n), ())
    else:
        labels = _labels(factors, stack, options, partial=roles.get("missing") is not None)
    for column in labels.columns:
        if column.name == IMAGE:
            raise InputError(
                f"{labels.where} has a column {IMAGE!r}, the name that the pictures get; rename it"
            )
    told = (*stack.origin.decisions, *labels.notes)
    if factors is not None and stack.columns:
        told += (f"factors from {labels.where}; those beside the pictures were not read",)
    targets = roles.get("targets")
    table = assemble(
        labels.columns, origin=replace(stack.origin, decisions=told), names=names,
        **{**roles, "targets": None},
    )  # fmt: skip
    return with_targets(_joined(table, labels, stack), targets)


def _stack(wanted: Pictures) -> Stack:
    source = wanted.source
    if isinstance(source, str | os.PathLike):
        path = Path(source).expanduser()
        if path.is_dir():
            from .picture_files import folder

            return folder(path, wanted)
        from .picture_arrays import array_file
        from .readers import check_path

        check_path(path)
        if path.suffix.lower() in (".npz", ".npy"):
            return array_file(path, wanted)
        raise InputError(
            f"{path}: factors= goes with pictures, that is a folder of picture files, a file .npz "
            "or .npy, or an array; a table holds its factors as columns already"
        )
    from .picture_arrays import array_stack

    return array_stack(source, wanted)


def _refuse_size(stack: Stack) -> None:
    if stack.n < 2:
        raise InputError(
            f"{stack.origin.path or stack.origin.name} holds one picture"
            + (f", {stack.names[0]!r}" if stack.names else "")
            + "; expected at least 2, and a model needs hundreds"
        )
    size = 4 * stack.n * int(np.prod(stack.shape))
    if size > MATRIX_LIMIT:
        c, h, w = stack.shape
        raise InputError(
            f"{stack.n} pictures of {c} x {h} x {w} take {size / 2**30:.0f} GiB, above the limit "
            f"of {MATRIX_LIMIT / 2**30:.0f}; read them smaller: "
            f"rung.read(rung.io.Pictures({stack.origin.path!r}, size=64), ...), "
            "on the command line --size 64"
        )


def _bare(stack: Stack, roles: Mapping[str, Any], names: Sequence[str] | None) -> Data:
    """Data of pictures alone."""
    asked = [key for key, value in roles.items() if value is not None and key != "missing"]
    asked += ["names"] if names is not None else []
    if asked:
        raise InputError(
            f"{asked[0]}= is about columns, but these pictures come without any; name the table of "
            "their factors: factors='labels.csv'"
        )
    image = Variable(IMAGE, shape=stack.shape)
    columns = PictureColumns({}, stack.n, stack.fetch)
    return Data((image,), columns, missing=roles.get("missing"), origin=stack.origin)


def _labels(factors: Any, stack: Stack, options: Options, *, partial: bool) -> Labels:
    """The columns of the table of factors, and which of its rows belongs to each picture."""
    from .readers import load_columns

    if isinstance(factors, str | os.PathLike):
        path = Path(factors).expanduser()
        beside = Path(stack.origin.path or "") / path.name
        if not path.exists() and beside.is_file():
            raise FileProblem(
                f"there is no file {str(path)!r}, but there is {str(beside)!r}; "
                f"write factors={str(beside)!r}"
            )
    where = str(factors) if isinstance(factors, str | os.PathLike) else "the table of factors"
    if isinstance(factors, Data):
        from .readers import as_found

        columns = [as_found(factors, name) for name in factors.names]
    else:
        columns, origin, _ = load_columns(factors, options)
        where = Path(origin.path).name if origin.path else where
    if stack.names:
        return matched(columns, stack.names, where, stack.origin.path or "the folder", partial)
    return by_order(columns, stack.n, where, stack.origin.path or "the array")


def _joined(table: Data, labels: Labels, stack: Stack) -> Data:
    """The factors in the order of the pictures, and the pictures."""
    rows = labels.rows
    there = rows >= 0
    if not there.all() and table.per_row():
        role = next(iter(table.per_row()))
        raise InputError(
            f"{stack.names[int(np.argmin(there))]!r} has no row in {labels.where}, so that its "
            f"{role} is not known; add the row or leave out the picture"
        )
    table = table.take(np.where(there, rows, 0))
    held = {name: np.array(table.column(name)) for name in table.names}
    for column in held.values():
        column[~there] = np.nan
    if table.missing is None:
        _refuse_gaps(held, labels, stack)
    image = Variable(IMAGE, shape=stack.shape)
    return table.replacing(
        described=(*table.described, image), columns=PictureColumns(held, stack.n, stack.fetch)
    )


def _refuse_gaps(held: Mapping[str, NDArray[Any]], labels: Labels, stack: Stack) -> None:
    gaps = {name: np.flatnonzero(np.isnan(c)) for name, c in held.items() if c.ndim == 1}
    gaps = {name: rows for name, rows in gaps.items() if len(rows)}
    if not gaps:
        return
    name, rows = next(iter(gaps.items()))
    picture = f" ({stack.names[rows[0]]!r})" if stack.names else ""
    count = sum(len(r) for r in gaps.values())
    said = "1 label is" if count == 1 else f"{count} labels are"
    raise InputError(
        f"{labels.where}: {said} missing (NaN), the first in row "
        f"{labels.rows[rows[0]]}, column {name!r}{picture}; rows are counted from 0. Fill them in, "
        "leave the pictures out, or declare a policy: rung.read(..., missing=rung.EM()) keeps "
        "such pictures as unlabelled, missing=rung.CompleteCases() leaves them out when used"
    )
