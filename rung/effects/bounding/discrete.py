"""Bounds by linear programming on data: tables, bootstrap, intervals."""

from __future__ import annotations

from collections.abc import Hashable, Sequence

import numpy as np
from numpy.typing import NDArray

from ...core.data import Data
from ...core.errors import InputError, Overlap
from ...core.graph import Graph
from ...graphs.ancestry import ancestors
from ...graphs.projection import latent_projection
from ...inference.resampling import resample_rows
from ..dependence import of_rows
from .asked import Found, Question, rows_of
from .declared import Monotone
from .interval import resampled, within
from .programme import Programme, TooLarge, programme

Floats = NDArray[np.float64]
MOST_LEVELS = 10


def reduced(asked: Question, graph: Graph, hidden: bool) -> tuple[Graph | None, str]:
    """The graph over measured ancestors of the outcome that a programme can take; what was done.

    Nodes with too many values, and covariates of programmes that are too large, are projected out:
    the bounds stay valid and are no longer sharp. None (and why) if nothing suits.
    """
    t, y = asked.query.treatment, asked.query.outcome
    if hidden or not graph.is_admg():
        return None, "the graph leaves edges open, so that it does not narrow the bounds"
    unmeasured = [n for n in graph.names if n not in asked.data.names]
    if unmeasured:
        graph = latent_projection(graph, unmeasured)
    keep = {*ancestors(graph, [y]), y}
    if t not in keep:
        return graph.subgraph([t, y]), ""
    small = graph.subgraph([n for n in graph.names if n in keep])
    sizes = {n: len(levels_of(asked.data, n)) for n in small.names}
    for name in (t, y):
        if sizes[name] > MOST_LEVELS:
            return None, f"{name} has too many values for a programme over response functions"
    gone = [n for n in small.names if sizes[n] > MOST_LEVELS]
    named = {n for d in _monotone(asked) for n in (d.cause, d.effect)}
    while True:
        less = latent_projection(small, gone) if gone else small
        try:
            programme(less, sizes, t, y, (0, 1), _monotone(asked))
        except TooLarge as error:
            left = [n for n in less.names if n not in (t, y, *named)]
            if not left:
                return None, str(error)
            only = {n: less.has_edge(n, t) and not less.has_edge(n, y) for n in left}
            gone.append(min(left, key=lambda n: (only[n], -sizes[n], n)))
            continue
        note = f"left out so that a programme can be solved: {', '.join(gone)}" if gone else ""
        return less, note


def levels_of(data: Data, name: str) -> Floats:
    """Values of a column in ascending order: all levels, or the distinct numbers."""
    v = data.variable(name)
    if v.discrete:
        return np.arange(v.size, dtype=np.float64)
    column = np.asarray(data.column(name), dtype=np.float64)
    return np.unique(column[np.isfinite(column)])


def _monotone(asked: Question) -> list[Monotone]:
    return [d for d in asked.declared if isinstance(d, Monotone)]


def by_programme(asked: Question, graph: Graph, key: Hashable) -> Found:
    """The bounds of one graph with their interval.

    Raises
    ------
    Overlap, InputError
    """
    t, y = asked.query.treatment, asked.query.outcome
    levels = {n: levels_of(asked.data, n) for n in graph.names}
    sizes = {n: len(v) for n, v in levels.items()}
    pair = asked.contrast.pairs[0]
    arms = [int(np.searchsorted(levels[t], asked.contrast.arms[i])) for i in pair[::-1]]
    made = programme(graph, sizes, t, y, (arms[0], arms[1]), _monotone(asked))
    if made is None:
        return Found(0.0, 0.0, (0.0, 0.0), "no directed path: zero by the graph", True, key,
                     n=asked.data.n)  # fmt: skip
    rows = rows_of(asked, made.names)
    codes = [np.searchsorted(levels[n], rows.column(n)) for n in made.names]
    shape = tuple(sizes[n] for n in made.names)
    cells = np.ravel_multi_index(tuple(codes), shape)
    values = _scores(asked, levels[y])
    table = _table(cells, rows.weights, shape)
    lower, upper, misfit = made.bounds(table, values)
    tables = _again(rows, cells, shape, asked.draws, asked.rng)
    draws, lost = _draws(made, tables, values)
    interval, se = resampled(lower, upper, draws, asked.query.level)
    interval = within(interval, float(np.ptp(values)))
    warnings = []
    if misfit > 1e-6:
        warnings.append(
            f"no distribution that the graph allows has this table: it is {misfit:.2g} away in "
            "total variation (small samples alone can do that); bounds are those of the nearest"
        )
    if lost:
        warnings.append(f"{lost} of {asked.draws} bootstrap draws had no bounds and were left out")
    return Found(
        lower, upper, interval,
        f"linear programme over {made.types} response types of {', '.join(made.district)}",
        made.sharp, key, n=rows.n, warnings=tuple(warnings),
        diagnostics={"se": se.tolist(), "types": made.types, "misfit": misfit,
                     "district": list(made.district), "draws": len(draws)},
        cites=("balke1997", "sachs2023", "imbens2004"),
    )  # fmt: skip


def _scores(asked: Question, levels: Floats) -> Floats:
    """Numbers that the outcome's values stand for: 0 and 1 if binary."""
    return np.arange(len(levels), dtype=float) if asked.contrast.binary else levels


def _table(cells: NDArray[np.int64], weights: Floats | None, shape: Sequence[int]) -> Floats:
    table = np.bincount(cells, weights, int(np.prod(shape))).astype(np.float64)
    return (table / table.sum()).reshape(shape)


def _again(
    rows: Data, cells: NDArray[np.int64], shape: Sequence[int], draws: int, rng: np.random.Generator
) -> list[Floats]:
    """Tables of bootstrap draws: of rows, or of units or stretches of time."""
    groups, w = of_rows(rows).groups, rows.weights
    if groups is None and w is None:
        p = _table(cells, None, shape).ravel()
        return [k.reshape(shape) / rows.n for k in rng.multinomial(rows.n, p, size=draws)]
    out = []
    for _ in range(draws):
        picked = resample_rows(rng, rows.n, groups)
        out.append(_table(cells[picked], None if w is None else w[picked], shape))
    return out


def _draws(made: Programme, tables: list[Floats], values: Floats) -> tuple[Floats, int]:
    out, solver = [], made.solver()
    for table in tables:
        try:
            out.append(made.bounds(table, values, solver)[:2])
        except Overlap:
            continue
    if len(out) < len(tables) / 2:
        raise InputError(
            "too few rows in some cells of the table for an interval: merge levels, or use fewer "
            "covariates"
        )
    return np.array(out), len(tables) - len(out)
