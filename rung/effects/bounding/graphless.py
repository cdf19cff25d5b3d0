"""Bounds from the range of the outcome alone."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ...core.errors import InputError
from ...core.variable import Kind
from ...inference.intervals import covariance
from ..dependence import of_rows
from .asked import Found, Question, rows_of
from .declared import Monotone, MonotoneSelection, OutcomeRange
from .interval import imbens_manski, within
from .manski import manski

Floats = NDArray[np.float64]


def by_range(asked: Question) -> Found:
    """Manski's bounds, with monotone response or selection if declared.

    Raises
    ------
    InputError
        A numeric outcome without a declared range, or a monotone response of something else.
    """
    query, contrast = asked.query, asked.contrast
    rows = rows_of(asked, [query.treatment, query.outcome])
    y = np.asarray(rows.column(query.outcome), dtype=np.float64)
    levels, t = np.unique(rows.column(query.treatment), return_inverse=True)
    arms = [int(np.flatnonzero(levels == contrast.arms[i])[0]) for i in contrast.pairs[0][::-1]]
    response = None
    for item in (d for d in asked.declared if isinstance(d, Monotone)):
        if (item.cause, item.effect) != (query.treatment, query.outcome):
            raise InputError(
                f"{item!r} cannot be used here: without a linear programme over the graph only the "
                "response of the outcome to the treatment can"
            )
        response = item.increasing
    selection = asked.only(MonotoneSelection)
    weights = np.ones(rows.n) if rows.weights is None else rows.weights / rows.weights.mean()
    limits = outcome_range(asked, y)
    ends = manski(
        y, t.astype(np.int64), (arms[0], arms[1]), weights, limits,
        response=response, selection=selection,
    )  # fmt: skip
    se = np.sqrt(np.diag(covariance(ends.influence, groups=of_rows(rows).groups)))
    interval = imbens_manski(ends.lower, ends.upper, se[0], se[1], query.level)
    interval = within(interval, limits[1] - limits[0])
    words = [w for w, on in (("monotone response", response is not None),
                             ("monotone selection", selection is not None)) if on]  # fmt: skip
    return Found(
        ends.lower, ends.upper, interval,
        f"bounds of Manski{' with ' + ' and '.join(words) if words else ' without an assumption'}"
        f" (outcome between {limits[0]:g} and {limits[1]:g})",
        True, "range", n=rows.n,
        diagnostics={"se": se.tolist()},
        cites=("manski1990", *(("manski1997",) if response is not None else ()),
               *(("manski2000",) if selection is not None else ()), "imbens2004"),
    )  # fmt: skip


def outcome_range(asked: Question, y: Floats) -> tuple[float, float]:
    """Least and largest value that the outcome can have, as declared or by its levels."""
    declared = asked.only(OutcomeRange)
    if declared is not None:
        return declared.low, declared.high
    v = asked.data.variable(asked.query.outcome)
    if asked.contrast.binary:
        return 0.0, 1.0
    if v.kind is Kind.ORDINAL:
        return 0.0, float(v.size - 1)
    raise InputError(
        f"the outcome {v.name!r} is {v.kind}: its range is not known. Declare it, for example "
        f"assumptions=[rung.OutcomeRange({y.min():.4g}, {y.max():.4g})] if it could not be outside"
    )
