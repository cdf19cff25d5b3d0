"""CATE: the effect in each group of rows, with simultaneous intervals."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from itertools import product
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..core.budget import Run
from ..core.data import Data
from ..core.errors import InputError, NotIdentified, RungError
from ..core.graph import Graph
from ..core.missing import complete, told
from ..core.protocols import Estimator
from ..core.query import Estimate
from ..core.weighted import weighted
from ..inference import intervals, multiplicity, rubin
from .answer import answer as overall
from .completed import Completed, completed
from .contrast import show, weighted_quantiles
from .identification import BackDoor, NoEffect, allows_hidden, is_pag_like
from .rows import Kept, usable
from .solve import on_scale
from .study import Study

Rule = Callable[[Data], NDArray[np.bool_]]
PARTS = 4  # groups of a number: by quarters of its rows
MOST = 60


def answer(
    query: Any,
    structure: Any,
    data: Any,
    estimator: Estimator | None,
    *,
    run: Run,
    rng: np.random.Generator,
) -> Estimate:
    """The effect overall, and in each group under `diagnostics["subgroups"]` and `["levels"]`.

    Raises
    ------
    NotIdentified
        The graph shown puts a `by` column after the treatment.
    """
    seed = int(rng.integers(2**63))
    check_by(query, structure, data)
    tables = completed(structure, data, query, run=run, rng=np.random.default_rng([seed, 1]))
    whole = overall(
        query.overall(), structure, data, estimator, run=run, rng=np.random.default_rng(seed),
        population="all", tables=tables,
    )  # fmt: skip
    assert whole.data is not None
    adjust, notes = _adjusting(query, whole)
    rows, left_out = _groups(query, structure, tables, whole, adjust, estimator, run, seed)
    own = told(data.select([n for n in query.by if n not in whole.data.names]))
    warnings = [*whole.warnings, *(() if tables.words else own), *notes, *left_out]
    first = rows[0]
    levels = [{k: r[k] for k in ("contrast", "value", "low", "high")} for r in rows]
    spread = _spread(rows)
    return replace(
        whole,
        query=query,
        contrast=f"{whole.contrast}; {len(rows)} groups by {', '.join(query.by)}",
        warnings=tuple(dict.fromkeys(warnings)),
        cites=(*whole.cites, "hothorn2008"),
        diagnostics={**whole.diagnostics, "subgroups": rows, "levels": levels,
                     "heterogeneity": spread, "looked_at": len(rows)},
        method=f"{whole.method}; in each of {len(rows)} groups by itself, intervals simultaneous "
        f"(first group: {first['value']:.4g})",
    )  # fmt: skip


def _adjusting(query: Any, whole: Estimate) -> tuple[tuple[str, ...], list[str]]:
    """The covariates that the groups are compared at, and what to say of them.

    Raises
    ------
    NotIdentified
        No graph answers by adjustment.
    """
    if isinstance(whole.estimand, BackDoor):
        return tuple(whole.diagnostics["adjustment"]), []
    known = [p for p in whole.parts if isinstance(p.estimand, BackDoor)]
    if known:
        heavy = max(known, key=lambda p: p.weight)
        assert isinstance(heavy.estimand, BackDoor)
        return heavy.estimand.adjust, [
            f"the groups are compared as graphs with {heavy.weight:.0%} of the weight say; on the "
            f"heaviest ones {query.treatment} has no effect in any group"
        ]
    if isinstance(whole.estimand, NoEffect):
        raise NotIdentified(
            f"by the graph {query.treatment} does not affect {query.outcome}: every group has "
            "the effect 0"
        )
    raise NotIdentified(
        "effects in groups are answered by adjustment only, and here another formula is needed; "
        "ask for ATE"
    )


def check_by(query: Any, structure: Any, data: Data) -> None:
    """The `by` columns are there, and the graph shown does not put them after the treatment."""
    for name in query.by:
        data.index(name)
        if name in (query.treatment, query.outcome):
            raise InputError(f"by={query.by}: {name!r} is the treatment or the outcome itself")
    graphs, _, shown = weighted(structure)
    graph: Graph | None = shown or (graphs[0][0] if graphs else None)
    if graph is None:
        return
    from ..graphs.ancestry import descendants, possible_descendants

    below = possible_descendants if is_pag_like(graph) else descendants
    after = set(below(graph, query.treatment)) & set(query.by)
    if after:
        raise NotIdentified(
            f"{', '.join(sorted(after))} comes after {query.treatment} in the graph, so rows "
            "cannot be grouped by it before treatment; choose columns that the treatment does not "
            "affect"
        )


def _groups(
    query: Any,
    structure: Any,
    tables: Completed,
    whole: Estimate,
    adjust: tuple[str, ...],
    estimator: Estimator | None,
    run: Run,
    seed: int,
) -> tuple[list[dict[str, Any]], list[str]]:
    """One row a group, and what was left out."""
    from .estimators.doubly_robust import DoublyRobust

    study = Study(
        tables.first, query, estimator or DoublyRobust(), population="all", run=run,
        rng=np.random.default_rng(seed), hidden=allows_hidden(structure),
        others=tables.tables[1:],
    )  # fmt: skip
    _, _, shown = weighted(structure)
    order = tuple(n for n in study.data.names if n in {*adjust, *query.by})
    kept = usable(
        study.data, shown, query.treatment, query.outcome, order, study.held, study.hidden
    )
    check_valid(shown, query, tuple(n for n in order if n not in study.held), study.hidden)
    names = (query.treatment, query.outcome, *order)
    parts = [_used(t, kept, names) for t in (study.data, *study.others)]
    rows, influence, left = _each(study, query, parts, order, kept)
    if not rows:
        raise InputError("no group has enough rows for an effect: " + "; ".join(left[:2]))
    _intervals(query, rows, influence, parts[0], seed)
    return rows, left


def _used(data: Data, kept: Kept, names: tuple[str, ...]) -> Data:
    """The complete rows that are kept."""
    return _only_complete(data.take(kept.mask(data).nonzero()[0]), names)


def _each(
    study: Study, query: Any, tables: list[Data], order: tuple[str, ...], kept: Kept
) -> tuple[list[dict[str, Any]], list[list[NDArray[np.float64]]], list[str]]:
    """Values and influence functions of the groups on each table, and what was left out."""
    rows: list[dict[str, Any]] = []
    left: list[str] = []
    influence: list[list[NDArray[np.float64]]] = []
    for label, rule in _cells(tables[0], query.by):
        if study.run.spent and rows:
            left.append(f"the budget ended before group {label}")
            continue
        values, own, sizes = [], [], []
        try:
            for k, table in enumerate(tables):
                mask = rule(table)
                found = study.fresh(order, kept, data=table.take(np.flatnonzero(mask)))
                if found.prepared and found.prepared.note and not k:
                    left.append(f"group {label}: {found.prepared.note}")
                value, psi = on_scale(found.fitted, 1, 0, query.scale)
                full = np.zeros(table.n)
                full[mask] = psi * table.n / mask.sum()
                values.append(value)
                own.append(full)
                sizes.append(int(mask.sum()))
        except RungError as error:
            left.append(f"group {label} has no answer: {error}")
            continue
        influence.append(own)
        size = round(float(np.mean(sizes)))
        rows.append({"contrast": label, "value": float(np.mean(values)), "n": size,
                     "values": values})  # fmt: skip
    return rows, influence, left


def _intervals(
    query: Any,
    rows: list[dict[str, Any]],
    influence: list[list[NDArray[np.float64]]],
    table: Data,
    seed: int,
) -> None:
    """Put simultaneous intervals into the rows; over completed tables by Rubin's rules."""
    groups = table.unit if table.clustered else None
    values = np.array([row.pop("values") for row in rows]).T
    within = [
        intervals.covariance(np.column_stack([own[k] for own in influence]), groups=groups)
        for k in range(len(values))
    ]
    cov, df = within[0], intervals.freedom(groups)
    if len(values) > 1:
        least = min(row["n"] for row in rows) - 2.0
        pool = rubin.pool(values, within, df if df is not None else max(least, 1.0))
        cov, df = pool.covariance, float(pool.freedom.min())
    critical = multiplicity.max_t(cov, query.level, rng=np.random.default_rng(seed), df=df)
    for row, variance in zip(rows, np.diag(cov), strict=True):
        se = float(np.sqrt(variance))
        ends = [row["value"], row["value"] - critical * se, row["value"] + critical * se]
        if query.scale != "difference":
            ends = [float(np.exp(e)) for e in ends]
        row.update(value=ends[0], low=ends[1], high=ends[2], se=se)


def check_valid(graph: Graph | None, query: Any, order: tuple[str, ...], hidden: bool) -> None:
    """NotIdentified where the `by` columns break the adjustment."""
    if graph is None or query.adjust is not None:
        return
    from ..graphs.adjustment import why_not

    found = why_not(graph, query.treatment, query.outcome, order, hidden_causes=hidden)
    wrong = [o for o in found if not o.valid and o.reason != "undecided"]
    if wrong:
        raise NotIdentified(
            f"grouping by {', '.join(query.by)} breaks the adjustment: {wrong[0]}; group by other "
            "columns"
        )


def _only_complete(data: Data, names: tuple[str, ...]) -> Data:
    part = data.select(names)
    if not part.has_missing:
        return data
    complete(part)  # refuses without a policy
    return data.take(np.flatnonzero(~part.mask.any(axis=1)))


def _cells(data: Data, by: tuple[str, ...]) -> list[tuple[str, Rule]]:
    """Label and rule of each combination of the `by` columns that occurs."""
    axes = [_axis(data, name) for name in by]
    total = int(np.prod([len(a) for a in axes]))
    if total > MOST:
        raise InputError(f"by={by} makes {total} groups, above {MOST}; use fewer columns")
    out: list[tuple[str, Rule]] = []
    for combination in product(*axes):
        rule = _all([part for _, part in combination])
        if rule(data).any():
            out.append((", ".join(label for label, _ in combination), rule))
    return out


def _all(parts: list[Rule]) -> Rule:
    return lambda data: np.logical_and.reduce([part(data) for part in parts])


def _axis(data: Data, name: str) -> list[tuple[str, Rule]]:
    """Labels of the groups that a column makes, and which rows of a table belong to each."""
    v, x = data.variable(name), data.column(name)
    values = np.unique(x)
    if v.discrete or len(values) <= PARTS:
        return [(f"{name} = {show(v, float(a))}", _equal(name, float(a))) for a in values]
    cuts = np.unique(weighted_quantiles(x, data.weights, [k / PARTS for k in range(1, PARTS)]))
    code = np.searchsorted(cuts, x, side="left")
    out = []
    for c in np.unique(code).tolist():
        here = code == c
        low, high = float(x[here].min()), float(x[here].max())
        label = f"{name} from {show(v, low)} to {show(v, high)}"
        out.append((label, _between(name, cuts, int(c))))
    return out


def _equal(name: str, value: float) -> Rule:
    return lambda data: np.asarray(data.column(name) == value)


def _between(name: str, cuts: NDArray[np.float64], code: int) -> Rule:
    return lambda data: np.asarray(np.searchsorted(cuts, data.column(name), side="left") == code)


def _spread(rows: list[dict[str, Any]]) -> dict[str, Any]:
    """Cochran's Q test that all groups have one effect (difference scale or logarithms)."""
    from scipy import special

    use = [r for r in rows if r["se"] > 0]
    if len(use) < 2:
        return {"q": 0.0, "df": 0, "p": 1.0}
    values = np.array([r["value"] for r in use])
    weight = np.array([r["se"] for r in use]) ** -2.0
    mean = weight @ values / weight.sum()
    q = float(weight @ (values - mean) ** 2)
    return {"q": q, "df": len(use) - 1, "p": float(special.chdtrc(len(use) - 1, q))}
