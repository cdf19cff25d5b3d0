"""The condition that rows were collected under, held fixed in every comparison."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..core.data import Data
from ..inference.conditions import SMALLEST, codes_of, several, with_condition
from .contrast import Contrast

TAIL = 0.01  # a dose below this quantile of a condition, or above 1 - it, does not occur there


@dataclass(frozen=True, eq=False)
class Held:
    """Rows that can be compared within their condition.

    data : with the condition as a column, if `names` holds its name
    names : the column, to be added to every adjustment set; () if nothing is held
    notes : what to say
    narrowed : whether conditions were set apart
    """

    data: Data
    names: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    narrowed: bool = False


def hold(data: Data, contrast: Contrast) -> Held:
    """Hold the condition that rows were collected under fixed.

    A condition may shift any column and is caused by none: it is a common cause of treatment
    and outcome unless it is held fixed (Mooij, Magliacane and Claassen 2020, section 3).
    Conditions in which a compared value of the treatment does not occur are set apart, and said
    so; if none is left, nothing is held.
    """
    if not several(data):
        return Held(data, notes=_too_few(data))
    codes, small = codes_of(data)
    column = data.column(contrast.treatment)
    has = np.array([_occur(column[small == k], contrast) for k in range(len(codes))])
    if not has.any():
        note = (
            f"no condition holds all compared values of {contrast.treatment}, so conditions are "
            "not held fixed: what else differs between them is part of the number"
        )
        return Held(data, notes=(note,))
    notes: tuple[str, ...] = ()
    if not has.all():
        apart = [data.environments[int(c)] for c in codes[~has]]
        rows = has[small]
        notes = (
            f"{int((~rows).sum())} rows of {', '.join(apart)} were set apart: the compared values "
            f"of {contrast.treatment} do not occur there",
        )
        data = data.take(np.flatnonzero(rows))
        codes, small = codes_of(data)
    if len(codes) < 2:
        return Held(data, notes=notes, narrowed=True)
    wider, name = with_condition(data)
    return Held(wider, (name,), notes, narrowed=not has.all())


def _too_few(data: Data) -> tuple[str, ...]:
    """What to say of conditions that are there but cannot be held."""
    if data.environment is None or len(np.unique(data.environment)) < 2:
        return ()
    return (
        f"a condition has fewer than {SMALLEST} rows, so conditions are not held fixed: what else "
        "differs between them is part of the number; leave its rows out to hold the others",
    )


def _occur(column: NDArray[Any], contrast: Contrast) -> bool:
    """Whether every compared value occurs, or lies well inside the range of a number."""
    column = column[~np.isnan(column)]
    if not len(column):
        return False
    if contrast.discrete:
        return bool(np.isin(contrast.arms, column).all())
    low, high = np.quantile(column, [TAIL, 1 - TAIL])
    return bool(low <= min(contrast.arms) and max(contrast.arms) <= high)
