"""The condition that rows were collected under, held fixed in every comparison."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..core.data import Data
from ..core.result import lock
from ..core.variable import Kind, Variable
from .contrast import Contrast

SMALLEST = 20  # rows of a condition, to compare within it
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
        return Held(data)
    codes, small = np.unique(np.asarray(data.environment), return_inverse=True)
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
        codes, small = np.unique(np.asarray(data.environment), return_inverse=True)
    if len(codes) < 2:
        return Held(data, notes=notes, narrowed=True)
    wider, name = with_condition(data)
    return Held(wider, (name,), notes, narrowed=not has.all())


def several(data: Data) -> bool:
    """Whether rows come from conditions that are large enough to compare within."""
    if data.environment is None:
        return False
    counts = np.unique(data.environment, return_counts=True)[1]
    return len(counts) > 1 and bool(counts.min() >= SMALLEST)


def with_condition(data: Data) -> tuple[Data, str]:
    """Data with the condition of each row as a column, and the column's name."""
    codes, small = np.unique(np.asarray(data.environment), return_inverse=True)
    name = "condition"
    while name in data.names:
        name += "_"
    kind = Kind.BINARY if len(codes) == 2 else Kind.CATEGORICAL
    variable = Variable(name, kind, tuple(data.environments[int(c)] for c in codes))
    return data.with_column(variable, lock(small.astype(np.float64))), name


def _occur(column: NDArray[Any], contrast: Contrast) -> bool:
    """Whether every compared value occurs, or lies well inside the range of a number."""
    column = column[~np.isnan(column)]
    if not len(column):
        return False
    if contrast.discrete:
        return bool(np.isin(contrast.arms, column).all())
    low, high = np.quantile(column, [TAIL, 1 - TAIL])
    return bool(low <= min(contrast.arms) and max(contrast.arms) <= high)
