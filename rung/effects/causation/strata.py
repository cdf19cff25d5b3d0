"""Bounds within strata of covariates, averaged: never wider than those without them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ...core.errors import InputError, NotSupported, Overlap
from ...core.graph import Graph
from ...graphs.ancestry import possible_descendants
from ...graphs.identification.asking import identified
from ...graphs.identification.formula import Formula
from ...graphs.identification.query import Interventional
from ...graphs.projection import latent_projection
from ..identification import is_pag_like
from .bounds import consistent

if TYPE_CHECKING:
    from .answer import Ask

Floats = NDArray[np.float64]
CELLS = 4096  # of the table that a formula is evaluated on
FEWEST = 10  # rows of a stratum with each treatment


def within(ask: Ask, graph: Graph, hidden: bool) -> tuple[Floats, Floats, Formula]:
    """Lower and upper ends (draws,) and the formula of P(outcome | do(treatment), strata).

    The bounds hold in each stratum, and the probability is the mean of those of the strata: over
    all units (PNS), or those with treatment and outcome (PN) or neither (PS). Kuroki and Cai 2011,
    section 3; Mueller, Li and Pearl 2022.

    Raises
    ------
    InputError
        A covariate may be changed by the treatment, or a stratum has too few rows for its bounds.
    NotIdentified
        The effect within strata is not identified.
    """
    q = ask.query
    after = set(possible_descendants(graph, q.treatment)) & set(q.within)
    if after:
        raise InputError(f"within: {', '.join(sorted(after))} may be changed by {q.treatment!r}")
    unmeasured = [n for n in graph.names if n not in ask.data.names]
    if unmeasured and not hidden and not is_pag_like(graph):
        graph = latent_projection(graph, unmeasured)
    formula = identified(graph, Interventional(q.outcome, do=q.treatment, given=q.within), hidden)
    others = formula.expression.observed - {q.treatment, q.outcome, *q.within}
    names = (*q.within, *sorted(others))
    cell, shape = _cells(ask, names)
    strata = int(np.prod(shape[2 : 2 + len(q.within)]))
    rows = np.bincount(cell, minlength=int(np.prod(shape))).reshape(2, 2, strata, -1)
    count = rows.sum(axis=(1, 3))
    if (count[:, count.sum(axis=0) > 0] < FEWEST).any():
        raise InputError(
            f"within {', '.join(q.within)} a stratum has fewer than {FEWEST} rows with one of the "
            "treatments; use fewer covariates or levels"
        )
    ends = [_ends(ask, formula, (q.treatment, q.outcome, *names), cell, shape, w)
            for w in ask.rows[0]]  # fmt: skip
    low, high = np.array(ends).T
    return low, high, formula


def _cells(ask: Ask, names: tuple[str, ...]) -> tuple[NDArray[np.intp], list[int]]:
    """The cell of each row in the table of treatment, outcome and names; its shape."""
    codes, shape = list(ask.coded(ask.data)), [2, 2]
    for name in names:
        seen, code = np.unique(ask.data.column(name), return_inverse=True)
        if not ask.data.variable(name).discrete and len(seen) > 10:
            raise NotSupported(f"{name!r} is not discrete; cut it into levels for strata")
        codes.append(np.ravel(code))
        shape.append(len(seen))
    if np.prod(shape) > CELLS:
        raise InputError(f"a table of {int(np.prod(shape))} cells is too large for strata")
    return np.ravel_multi_index(codes, shape), shape


def _ends(
    ask: Ask, formula: Formula, names: tuple[str, ...], cell: NDArray[np.intp], shape: list[int],
    weights: Floats,
) -> tuple[float, float]:  # fmt: skip
    kind, many = ask.query.kind, len(ask.query.within)
    table = np.bincount(cell, weights, minlength=int(np.prod(shape))).reshape(shape)
    table = table / table.sum()
    try:
        found = formula.evaluate(table, names)
    except Overlap:
        return float("nan"), float("nan")
    do = found[1].reshape(2, -1).T  # (strata, 2)
    joint = table.sum(axis=tuple(range(2 + many, table.ndim))).reshape(2, 2, -1).transpose(2, 0, 1)
    mass = joint.sum(axis=(1, 2))
    seen = mass > 0
    share = joint[seen] / mass[seen, None, None]
    low, high = kind.bounds(share, consistent(share, do[seen]))
    part = kind.weight(joint[seen])
    use = part > 0
    total = part[use].sum()
    if not total > 0:
        return float("nan"), float("nan")
    return float(part[use] @ low[use] / total), float(part[use] @ high[use] / total)
