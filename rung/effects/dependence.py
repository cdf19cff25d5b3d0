"""Rows that depend on each other: clusters, blocks of time, or a refusal."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..core.data import Data
from ..core.errors import InputError

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
LEAST_BLOCKS = 15


@dataclass(frozen=True, eq=False)
class Dependence:
    """Groups (n,) whose rows may depend on each other, or None; and what was found."""

    groups: Ints | None
    words: str
    figure: str


def of_rows(data: Data) -> Dependence:
    """Groups of the rows by what is declared: units, or the order of time.

    Raises
    ------
    InputError
        The rows are a series so persistent that too few independent stretches are left.
    """
    if data.clustered:
        assert data.unit is not None
        count = len(np.unique(data.unit))
        if count < 2:
            raise InputError("all rows belong to one unit: no interval can be given for it")
        note = f"{data.n} rows of {count} units; folds, resamples and errors go by unit"
        few = "; fewer than 20 units: the interval may be too narrow" if count < 20 else ""
        return Dependence(data.unit, "clustered by unit", note + few)
    if data.time is None or data.n < 50:
        return Dependence(None, "independent rows", "no unit repeats and no time is declared")
    order = np.argsort(data.time, kind="stable")
    z = _standardised(data.values[order])
    length = block_length(z)
    if length <= 1:
        return Dependence(
            None, "independent rows", "no column is autocorrelated in the order of time"
        )
    blocks = data.n // length
    if blocks < LEAST_BLOCKS:
        raise InputError(
            f"the rows are autocorrelated over about {length} rows in time, which leaves {blocks} "
            f"independent stretches of {data.n} rows; at least {LEAST_BLOCKS} are needed for an "
            "interval. Use a longer series, difference it, or use data.lagged(k)"
        )
    groups = np.empty(data.n, dtype=np.int64)
    groups[order] = np.minimum(np.arange(data.n) // length, blocks - 1)
    return Dependence(
        groups,
        f"blocks of {length} rows in time",
        f"columns are autocorrelated; errors go by {blocks} blocks of {length} rows in time",
    )


def _standardised(x: Floats) -> Floats:
    x = x[:, np.isfinite(x).all(axis=0)]
    spread = x.std(axis=0)
    return (x - x.mean(axis=0))[:, spread > 0] / spread[spread > 0]


def block_length(z: Floats) -> int:
    """Rows in a block: several times the longest stretch of clear autocorrelation, at least 1.

    The correlogram is clear up to the last lag before two in a row below 2 sqrt(log10(n) / n)
    (Politis and White 2004); a block holds (6 rho^2 n / (1 - rho^2)^2)^(1/3) rows of an AR(1) with
    the lag-1 correlation rho (Andrews 1991), and not less than twice that stretch.
    """
    n, most = len(z), 1
    bound = 2 * np.sqrt(np.log10(n) / n)
    for column in z.T:
        spectrum = np.abs(np.fft.rfft(column, 2 * n)) ** 2
        rho = np.fft.irfft(spectrum)[: min(n - 1, 200)] / (column @ column)
        clear = np.abs(rho[1:]) > bound
        if not clear[0]:
            continue
        ends = np.flatnonzero(~clear[:-1] & ~clear[1:])
        reach = int(ends[0]) if len(ends) else len(clear)
        first = min(abs(float(rho[1])), 0.99)
        length = (6 * first**2 * n / (1 - first**2) ** 2) ** (1 / 3)
        most = max(most, int(np.ceil(length)), 2 * reach)
    return most
