"""The columns that all sites share: settled by the coordinator, obeyed by every site."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from ..core.data import Data
from ..core.errors import InputError
from ..core.variable import Kind, Variable

LEVELS = 50  # of one column, at most, that a site tells
NUMBERS = (Kind.CONTINUOUS, Kind.COUNT, Kind.CONSTANT)


class SiteProblem(InputError):
    """What a site may tell the coordinator: it names columns, never values."""


def tellable(data: Data) -> tuple[Variable, ...]:
    """The columns' descriptions, as far as they say nothing of single rows.

    Raises
    ------
    SiteProblem
        For a column whose levels would name rows.
    """
    for v in data.variables:
        if v.kind is Kind.IDENTIFIER or v.size > LEVELS:
            raise SiteProblem(
                f"column {v.name!r} has levels that would name rows (an identifier, or more than "
                f"{LEVELS} levels); leave it out with --drop"
            )
    return tuple(v if v.discrete else replace(v, levels=None) for v in data.variables)


def settle(sites: Mapping[str, Sequence[Variable]]) -> tuple[Variable, ...]:
    """One description of each column from those of all sites.

    Numbers that look like counts or constants at one site are continuous if they are so at
    another; levels are put together. The order is that of the sites if they agree, else by name.

    Raises
    ------
    InputError
        Naming the site and the columns, where names, kinds or units cannot be reconciled.
    """
    first, *rest = sites
    names = [v.name for v in sites[first]]
    for label in rest:
        here = {v.name for v in sites[label]}
        if here != set(names):
            parts = [
                f"{label} has no column {', '.join(map(repr, sorted(set(names) - here)))}",
                f"{first} has no column {', '.join(map(repr, sorted(here - set(names))))}",
            ]
            bad = [part for part, is_so in zip(parts, (set(names) - here, here - set(names)))
                   if is_so]  # fmt: skip
            raise InputError("; ".join(bad) + ". Rename the columns, or leave them out with --drop")
    if any([v.name for v in variables] != names for variables in sites.values()):
        names = sorted(names)
    described = {label: {v.name: v for v in variables} for label, variables in sites.items()}
    return tuple(_one(name, {label: vs[name] for label, vs in described.items()}) for name in names)


def _one(name: str, sites: Mapping[str, Variable]) -> Variable:
    """The description of one column."""
    labels = list(sites)
    for label in labels[1:]:
        a, b = sites[labels[0]], sites[label]
        if a.unit != b.unit and a.unit is not None and b.unit is not None:
            raise InputError(
                f"column {name!r} is in {a.unit} at {labels[0]}, in {b.unit} at {label}"
            )
    kinds = {v.kind for v in sites.values()} - {Kind.CONSTANT}
    unit = next((v.unit for v in sites.values() if v.unit is not None), None)
    if not kinds:
        return Variable(name, Kind.CONTINUOUS, unit=unit)
    discrete = [v for v in sites.values() if v.kind.discrete]
    numeric = all(v.numeric_levels for v in discrete)
    if kinds <= {*NUMBERS, Kind.ORDINAL, Kind.BINARY} and numeric and kinds & set(NUMBERS):
        kind = kinds.pop() if len(kinds) == 1 else Kind.CONTINUOUS
        return Variable(name, kind, unit=unit)
    if len(discrete) < sum(v.kind is not Kind.CONSTANT for v in sites.values()):
        shown = ", ".join(f"{v.kind} at {label}" for label, v in sites.items())
        raise InputError(f"column {name!r} is {shown}; make them alike, or --drop it")
    levels = list(dict.fromkeys(x for v in discrete for x in v.levels or ()))
    if any(v.levels != tuple(levels) for v in discrete):
        levels.sort(key=lambda x: (not numeric, x if numeric else str(x)))
    ranked = Kind.ORDINAL if numeric and Kind.CATEGORICAL not in kinds else Kind.CATEGORICAL
    kind = discrete[0].kind if len(kinds) == 1 else ranked
    if kind is Kind.BINARY and len(levels) != 2:
        kind = ranked
    return Variable(name, kind, tuple(levels), unit)


def conform(data: Data, variables: Sequence[Variable]) -> Data:
    """The site's data in the settled columns; missing cells stay missing.

    Raises
    ------
    SiteProblem
        Naming the columns that the site lacks or that do not fit.
    """
    absent = [v.name for v in variables if v.name not in data.names]
    if absent:
        raise SiteProblem(f"there is no column {', '.join(map(repr, absent))}")
    out = data.select([v.name for v in variables])
    for v in variables:
        if out.variable(v.name) != v:
            out = out.with_column(v, _column(out, v))
    return out


def _column(data: Data, wanted: Variable) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
    """One column in the settled kind and levels."""
    own = data.variable(wanted.name)
    codes = np.asarray(data.column(wanted.name), dtype=np.float64)
    if own.kind is Kind.IDENTIFIER:
        raise SiteProblem(f"column {wanted.name!r} holds different texts here, not {wanted.kind}")
    try:
        known = ~np.isnan(codes)
        out = np.full(codes.shape, np.nan)
        out[known] = wanted.encode(own.decode(codes[known])) if wanted.discrete else np.asarray(
            own.decode(codes[known]), dtype=np.float64)  # fmt: skip
    except (InputError, TypeError, ValueError):
        raise SiteProblem(
            f"column {wanted.name!r} does not fit the settled kind and levels"
        ) from None
    return out
