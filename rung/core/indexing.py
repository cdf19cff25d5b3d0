"""Which rows a key such as `data[3]`, `data[:5]`, `data[mask]` asks for."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from .errors import InputError


def row_numbers(key: Any, n: int) -> NDArray[np.intp]:
    """Row numbers of a number, a slice, a list of numbers (from the end too) or a mask (n,).

    Raises
    ------
    InputError
        For rows that are not there, a mask of another length, or anything else.
    """
    if isinstance(key, slice):
        return np.arange(n)[key]
    rows = np.asarray(key)
    if rows.dtype == bool and rows.ndim == 1:
        if rows.shape != (n,):
            raise InputError(f"a mask of {len(rows)} entries for {n} rows")
        return rows.nonzero()[0]
    if rows.ndim > 1 or (rows.size and rows.dtype.kind not in "iu"):
        raise InputError(
            "rows are chosen by a number, a slice, a list of numbers or a mask; columns by a name "
            f"or a list of names; not by {rows.dtype} of shape {rows.shape}"
        )
    rows = np.atleast_1d(rows).astype(np.intp)
    outside = rows[(rows >= n) | (rows < -n)]
    if outside.size:
        raise InputError(f"row {outside[0]} of {n}: rows are numbered 0 to {n - 1}")
    return rows % n if n else rows
