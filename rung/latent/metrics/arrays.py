"""Codes and factors as every metric takes them, checked once; the result that most of them give."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ...core.errors import InputError
from ...core.result import Result, lock

if TYPE_CHECKING:
    import pandas as pd

Floats = NDArray[np.float64]
Flags = bool | Sequence[bool]


@dataclass(frozen=True, eq=False)
class Pair:
    """Codes and factors, row by row; discrete columns hold 0, 1, ... in sorted order.

    Parameters
    ----------
    codes : (n, k) float
    factors : (n, m) float
    discrete_codes : (k,) bool
    discrete_factors : (m,) bool
    """

    codes: Floats
    factors: Floats
    discrete_codes: NDArray[np.bool_]
    discrete_factors: NDArray[np.bool_]

    @property
    def n(self) -> int:
        """Number of rows."""
        return len(self.codes)

    @property
    def k(self) -> int:
        """Number of codes."""
        return self.codes.shape[1]

    @property
    def m(self) -> int:
        """Number of factors."""
        return self.factors.shape[1]


def pair(
    codes: ArrayLike,
    factors: ArrayLike,
    *,
    discrete_codes: Flags = False,
    discrete_factors: Flags = False,
    rows: int = 2,
) -> Pair:
    """The two arrays, checked.

    Parameters
    ----------
    codes : (n, k) or (n,)
    factors : (n, m) or (n,)
    discrete_codes, discrete_factors : bool or one bool a column
        Discrete columns may hold numbers or text.
    rows : int
        The fewest rows that the metric can work with.

    Raises
    ------
    InputError
        Missing or infinite cells, text in a column not flagged as discrete, unequal lengths, too
        few rows, no column, or a factor that never changes. A code that never changes is allowed:
        it is a dead latent.
    """
    z, z_flags = _columns(codes, discrete_codes, "codes", "discrete_codes")
    s, s_flags = _columns(factors, discrete_factors, "factors", "discrete_factors")
    if len(z) != len(s):
        raise InputError(f"{len(z)} rows of codes for {len(s)} rows of factors; pass as many")
    if len(z) < rows:
        raise InputError(f"{len(z)} row(s) of codes and factors; this metric needs {rows} or more")
    still = np.flatnonzero(s.min(axis=0) == s.max(axis=0))
    if len(still):
        raise InputError(
            f"factor {still[0]} has one value in all {len(s)} rows: nothing can be learnt about "
            "it; leave it out or pass rows in which it varies"
        )
    return Pair(z, s, z_flags, s_flags)


def _columns(
    values: ArrayLike, flags: Flags, what: str, keyword: str
) -> tuple[Floats, NDArray[np.bool_]]:
    array = np.asarray(values)
    if array.ndim == 1:
        array = array[:, None]
    if array.ndim != 2 or not array.shape[1]:
        raise InputError(f"{what} have shape {array.shape}; expected (rows, columns)")
    k = array.shape[1]
    marked = np.asarray(flags)
    if marked.dtype != np.bool_ or marked.shape not in ((), (k,)):
        raise InputError(f"{keyword} must be True, False or {k} of them, one a column")
    marked = np.broadcast_to(marked, (k,)).copy()
    out = np.empty(array.shape)
    for j in range(k):
        out[:, j] = _column(array[:, j], bool(marked[j]), f"{what}, column {j}", keyword)
    return out, marked


def _column(column: NDArray[Any], discrete: bool, where: str, keyword: str) -> NDArray[Any]:
    missing = column != column if column.dtype != object else [v is None or v != v for v in column]
    if np.any(missing):
        raise InputError(f"{where}: {np.sum(missing)} missing cell(s); leave those rows out")
    if discrete:
        return np.unique(column, return_inverse=True)[1].ravel()
    try:
        numbers = column.astype(np.float64)
    except (TypeError, ValueError):
        raise InputError(
            f"{where}: {column.flat[0]!r} is no number; pass {keyword}=True for labels"
        ) from None
    if not np.isfinite(numbers).all():
        raise InputError(f"{where}: infinite cell(s); leave those rows out")
    return numbers


@dataclass(frozen=True, eq=False)
class Score(Result):
    """One figure about codes and factors, with the parts that it averages.

    Parameters
    ----------
    name : str
        The metric.
    value : float
    parts : (m,) or (k,) float
        The figure of each factor, or of each code.
    per : str
        "factor" or "code": what the parts belong to.
    table : (k, m) float
        What the parts were made from, code by factor.
    meaning : str
        What an entry of the table is.
    notes : tuple of str
        Values that were declared because the definition gives none.
    cites : tuple of str
    """

    name: str
    value: float
    parts: Floats
    per: str
    table: Floats
    meaning: str
    notes: tuple[str, ...] = ()
    cites: tuple[str, ...] = field(default=())

    def __post_init__(self) -> None:
        lock(self.parts)
        lock(self.table)

    def __float__(self) -> float:
        return self.value

    def frame(self) -> pd.DataFrame:
        """The table, one row a code and one column a factor."""
        return frame(self.table)

    def __repr__(self) -> str:
        shown = ", ".join(f"{v:.3f}" for v in self.parts[:12]) + (" ..." * (len(self.parts) > 12))
        lines = [f"{self.name} {self.value:.4f}", f"  each {self.per}: {shown}"]
        lines.append(f"  from: {self.meaning}")
        return "\n".join([*lines, *(f"  note: {note}" for note in self.notes)])


def frame(table: Floats) -> pd.DataFrame:
    """A (k, m) table of codes by factors as a DataFrame."""
    import pandas as pd

    k, m = table.shape
    return pd.DataFrame(
        table, index=[f"code {j}" for j in range(k)], columns=[f"factor {i}" for i in range(m)]
    )
