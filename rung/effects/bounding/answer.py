"""rung.bounds: how large an effect can be, on one graph or over several."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...core.budget import Budget, Run, start
from ...core.data import Data
from ...core.errors import InputError, NotSupported
from ...core.graph import Graph
from ...core.missing import complete, told
from ...core.query import Assumption, Part, Status
from ...core.weighted import weighted
from ..contrast import check_names, resolve
from ..identification import allows_hidden, check_nodes
from ..mixture import seed_of
from ..queries import ATE
from .asked import Found, Question
from .declared import Declared, MarginalSensitivity, Monotone, MonotoneSelection, OutcomeRange
from .result import Bounds

Floats = NDArray[np.float64]


def bounds(
    structure: Any,
    data: Data,
    query: ATE,
    *,
    assumptions: Sequence[Declared] = (),
    draws: int = 200,
    budget: Budget | Run | None = None,
    seed: int | np.random.Generator = 0,
) -> Bounds:
    """Between which numbers an average effect lies where the data do not say it.

    On an ADMG (or DAG) of measured nodes with few levels: sharp bounds by linear programming over
    the response functions of the treatment's district (Balke and Pearl 1997 for an instrument).
    Otherwise, and without a graph, Manski's (1990), which need nothing but the range of the
    outcome. Over a Discovery or weighted graphs: the hull.

    Parameters
    ----------
    structure : Graph, Discovery, pairs (Graph, weight), or None
    data : Data
    query : ATE of a treatment with levels, on the scale of differences
    assumptions : `Monotone`, `MonotoneSelection`, `OutcomeRange`, `MarginalSensitivity`
    draws : bootstrap draws behind the interval of a linear programme

    Raises
    ------
    InputError, UnknownName
        Names, values, rows or assumptions that cannot be used.
    NotSupported
        Another query, scale, or a treatment without levels.
    """
    declared = tuple(assumptions)
    _check(data, query, declared, draws)
    run = start(budget)
    rng = seed if isinstance(seed, np.random.Generator) else np.random.default_rng(seed)
    asked = _question(data, query, declared, draws, seed_of(rng))
    graphs, meaning, _ = weighted(structure)
    for drawn, _ in graphs:
        check_nodes(drawn, query.treatment, query.outcome)
    hidden = allows_hidden(structure)
    found: list[tuple[Graph | None, float, Found]] = []
    warnings: list[str] = list(told(data.select([query.treatment, query.outcome])))
    known: dict[Hashable, Found] = {}
    each: list[tuple[Graph | None, float]] = [*graphs] or [(None, 1.0)]
    for k, (graph, weight) in enumerate(each):
        if run.spent and found:
            warnings.append(f"the budget ended after {k} of {len(each)} graphs")
            break
        found.append((graph, weight, on_graph(asked, graph, hidden, known)))
        run.tick((k + 1) / len(each), "bounds")
    return _hull(asked, found, meaning, tuple(warnings), run)


def _check(data: Any, query: Any, declared: tuple[Any, ...], draws: int) -> None:
    if not isinstance(data, Data):
        raise InputError(f"bounds need rows: expected Data, got {type(data).__name__}")
    if not isinstance(query, ATE) or query.scale != "difference":
        raise NotSupported("bounds are offered for rung.ATE(...) on the scale of differences")
    kinds = (Monotone, MonotoneSelection, OutcomeRange, MarginalSensitivity)
    for item in declared:
        if not isinstance(item, kinds):
            names = ", ".join(k.__name__ for k in kinds)
            raise InputError(f"assumption {item!r}: expected one of {names}")
    if draws < 20:
        raise InputError(f"draws={draws}: expected 20 or more")
    check_names(data, query.treatment, query.outcome)


def _question(
    data: Data, query: ATE, declared: tuple[Declared, ...], draws: int, seed: int
) -> Question:
    pair = complete(data.select([query.treatment, query.outcome]))
    contrast = resolve(
        pair, query.treatment, query.outcome, query.treated, query.control, "difference"
    )
    if not contrast.discrete:
        raise NotSupported(
            f"{query.treatment!r} is a dose: without identification its effect has no finite "
            "bounds. Cut it into levels, with one column for low and high"
        )
    if len(contrast.pairs) > 1:
        raise InputError(
            f"{query.treatment!r} has {len(contrast.arms)} levels: name treated= and control="
        )
    return Question(data, query, contrast, declared, draws, seed)


def on_graph(
    asked: Question, graph: Graph | None, hidden: bool, known: dict[Hashable, Found]
) -> Found:
    """The bounds that one graph gives; `known` keeps those that other graphs share."""
    from .discrete import by_programme, reduced
    from .graphless import by_range
    from .marginal import by_odds

    if asked.only(MarginalSensitivity) is not None:
        return by_odds(asked, graph, hidden)
    reason = ""
    selection = asked.only(MonotoneSelection)
    if graph is not None and selection is None:
        small, reason = reduced(asked, graph, hidden)
        if small is not None:
            key = ("programme", tuple(sorted(small.edges())), small.names)
            if key not in known:
                known[key] = by_programme(asked, small, key)
            found = known[key]
            return replace(found, note=reason, sharp=False) if reason else found
    if "range" not in known:
        known["range"] = by_range(asked)
    return replace(known["range"], note=reason)


def _hull(
    asked: Question,
    found: list[tuple[Graph | None, float, Found]],
    meaning: str,
    warnings: tuple[str, ...],
    run: Run,
) -> Bounds:
    pieces = [f for _, _, f in found]
    parts: dict[Hashable, list[tuple[Graph, float, Found]]] = {}
    for graph, weight, one in found:
        if graph is not None:
            parts.setdefault((one.key, one.note), []).append((graph, weight, one))
    merged = []
    for group in parts.values():
        graph, _, one = max(group, key=lambda g: g[1])
        note = f"{one.method}{'; ' if one.note else ''}{one.note}"
        if len(group) > 1:
            note += f"; the same on {len(group)} graphs"
        total = float(sum(w for _, w, _ in group))
        merged.append(Part(graph, total, None, (one.lower, one.upper), None, note))
    methods = list(dict.fromkeys(p.method for p in pieces))
    notes = [p.note for p in pieces if p.note] + [w for p in pieces for w in p.warnings]
    first = max(found, key=lambda f: f[1])[2]
    return Bounds(
        query=asked.query, lower=min(p.lower for p in pieces), upper=max(p.upper for p in pieces),
        interval=(min(p.interval[0] for p in pieces), max(p.interval[1] for p in pieces)),
        level=asked.query.level, units=asked.contrast.units, contrast=asked.contrast.labels[0],
        sharp=len({p.key for p in pieces}) == 1 and all(p.sharp for p in pieces),
        method="; ".join(methods), n=min(p.n for p in pieces),
        assumptions=_assumed(asked, meaning), parts=tuple(sorted(merged, key=lambda p: -p.weight)),
        diagnostics=first.diagnostics, warnings=tuple(dict.fromkeys([*warnings, *notes])),
        seed=asked.seed, seconds=run.seconds,
        cites=tuple(dict.fromkeys(c for p in pieces for c in p.cites)),
    )  # fmt: skip


def _assumed(asked: Question, meaning: str) -> tuple[Assumption, ...]:
    out = [
        Assumption(
            type(d).__name__, d.words, Status.DECLARED, "declared",
            "the effect may lie outside of these bounds",
        )
        for d in asked.declared
    ]  # fmt: skip
    if meaning != "none":
        out.append(
            Assumption(
                "graph", "the graph is right about what it leaves out", Status.UNCHECKABLE,
                "bounds by response functions use its missing edges; Manski's do not",
                "the effect may lie outside of these bounds",
            )
        )  # fmt: skip
    return tuple(out)
