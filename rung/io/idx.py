"""IDX files, the format of MNIST: a header of sizes, then bytes."""

from __future__ import annotations

import gzip
import zlib
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ..core.errors import FileProblem

UBYTE = 8  # the type that the third byte of the header names


def read_idx(path: str | Path) -> NDArray[np.uint8]:
    """The array of an IDX file of unsigned bytes, also gzipped; read-only.

    Raises
    ------
    FileProblem
        If there is no such file, or it is cut short, damaged or of another type.
    """
    place = Path(path)
    try:
        raw = place.read_bytes()
        if raw[:2] == b"\x1f\x8b":
            raw = gzip.decompress(raw)
    except (OSError, EOFError, zlib.error) as error:
        raise FileProblem(f"{place} cannot be read: {error}") from error
    if len(raw) < 4 or raw[:2] != b"\0\0" or raw[2] != UBYTE or not 1 <= raw[3] <= 4:
        raise FileProblem(f"{place} is no IDX file of unsigned bytes, the format of MNIST")
    start = 4 + 4 * raw[3]
    shape = tuple(int.from_bytes(raw[k : k + 4], "big") for k in range(4, start, 4))
    count = int(np.prod(shape))
    if len(raw) != start + count:
        raise FileProblem(
            f"{place}: its header tells of {count} bytes in shape {shape}, it holds "
            f"{max(len(raw) - start, 0)}; get the file anew"
        )
    return np.frombuffer(raw, np.uint8, offset=start).reshape(shape)
