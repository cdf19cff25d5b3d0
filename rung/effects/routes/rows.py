"""Rows that a route may use, and the condition that they were collected under."""

from __future__ import annotations

from ...core.data import Data
from ...inference.conditions import several, with_condition
from .solve import _untouched


def kept_rows(data: Data, needed: tuple[str, ...]) -> tuple[Data, tuple[str, ...]]:
    """The needed columns of rows whose condition sets none of them, and the condition to hold.

    With several conditions left, their name is a column to be held fixed beside the covariates: a
    condition may shift any column and is caused by none (Mooij, Magliacane and Claassen 2020).

    Raises
    ------
    UnknownName
        A column that is not there.
    InputError
        Every row's condition sets a column that is needed.
    """
    for name in needed:
        data.index(name)
    rows = _untouched(data, frozenset(needed)).select(needed)
    if not several(rows):
        return rows, ()
    wider, condition = with_condition(rows)
    return wider, (condition,)


def said(held: tuple[str, ...]) -> tuple[str, ...]:
    """A note on the condition held, if there is one."""
    return ("rows come from several conditions, which are held fixed",) if held else ()
