"""Bounds that need no graph: Manski's, and those of monotone response and selection."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ...core.errors import InputError
from .declared import MonotoneSelection

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Ends:
    """Both ends of bounds, and their influence functions (n, 2)."""

    lower: float
    upper: float
    influence: Floats


def manski(
    y: Floats,
    t: Ints,
    arms: tuple[int, int],
    weights: Floats,
    limits: tuple[float, float],
    *,
    response: bool | None = None,
    selection: MonotoneSelection | None = None,
) -> Ends:
    """Bounds on the mean of y under arms[1] less that under arms[0], over all rows.

    Parameters
    ----------
    y, t, weights : (n,) outcome within `limits`, level number of the treatment, weights of mean 1
    response : True if y never falls as the treatment rises, False if it never rises (Manski 1997)
    selection : see `MonotoneSelection`; with `response` the bounds of Manski and Pepper (2000),
        proposition 2 and corollary 2

    Raises
    ------
    InputError
        An outcome outside of the limits, or response and selection in opposite directions.
    """
    low, high = limits
    if y.min() < low or y.max() > high:
        raise InputError(
            f"the outcome lies between {y.min():g} and {y.max():g}, not within the declared range "
            f"{low:g} to {high:g}"
        )
    if response is not None and selection is not None and response != selection.increasing:
        raise InputError(
            "monotone response and monotone selection in opposite directions are not offered "
            "together: declare one of them"
        )
    falling = response is False or (selection is not None and not selection.increasing)
    if falling:  # the same of -y, rising
        y, low, high = -y, -high, -low
    means = _Means(y, t, weights, low, high, response is not None, selection is not None)
    treated, control = means.ends(arms[1]), means.ends(arms[0])
    pairs = [(treated[0], control[1]), (treated[1], control[0])]
    found = [(a[0] - b[0], a[1] - b[1]) for a, b in pairs]
    if response is not None:  # the effect of more treatment has a sign
        rising = arms[1] > arms[0]
        found[0 if rising else 1] = (0.0, np.zeros(len(y)))
    if falling:
        found = [(-found[1][0], -found[1][1]), (-found[0][0], -found[0][1])]
    return Ends(found[0][0], found[1][0], np.column_stack([found[0][1], found[1][1]]))


@dataclass(frozen=True, eq=False)
class _Means:
    """Bounds on the mean of a rising outcome under one level."""

    y: Floats
    t: Ints
    weights: Floats
    low: float
    high: float
    response: bool
    selection: bool

    def ends(self, at: int) -> list[tuple[float, Floats]]:
        """(value, influence) of the lower and the upper end."""
        below, above, here = self.t < at, self.t > at, self.t == at
        out = []
        for unknown, known, edge in (
            (above if self.response else ~here, below, self.low),
            (below if self.response else ~here, above, self.high),
        ):
            if self.selection:
                # rows beyond the level have at least (at most) the mean of the rows at it
                beyond = above if edge == self.low else below
                part = np.where(here | beyond, 0.0, self.y if self.response else edge)
                out.append(self._joined(part, here, here | beyond))
                continue
            rows = np.where(here | (known & self.response), self.y, np.where(unknown, edge, 0.0))
            out.append(self._joined(rows, here, None))
        return out

    def _joined(
        self, rows: Floats, here: NDArray[np.bool_], share: NDArray[np.bool_] | None
    ) -> tuple[float, Floats]:
        """Mean of rows, plus the mean of y at the level times the share of some rows."""
        w = self.weights / self.weights.mean()
        value = float(np.mean(w * rows))
        influence = w * (rows - value)
        if share is not None:
            mass = float(np.mean(w * here))
            mean = float(np.mean(w * here * self.y)) / mass
            part = float(np.mean(w * share))
            value += mean * part
            influence = (
                influence + mean * w * (share - part) + part * w * here * (self.y - mean) / mass
            )
        return value, influence
