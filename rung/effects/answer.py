"""From a structure, a table and a query to an Estimate."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..core.budget import Run
from ..core.data import Data
from ..core.errors import InputError, Overlap, unknown
from ..core.graph import Graph
from ..core.protocols import Estimator
from ..core.query import Estimate
from ..core.weighted import weighted
from .combine import combined
from .completed import Completed, completed, imputed
from .contrast import check_names
from .estimators.doubly_robust import DoublyRobust
from .identification import Case, allows_hidden, check_nodes, require_identified
from .routes.protocol import RouteEstimator
from .rows import Kept, usable
from .study import Answered, Study


def answer(
    query: Any,
    structure: Any,
    data: Any,
    estimator: Estimator | None,
    *,
    run: Run,
    rng: np.random.Generator,
    population: str,
    tables: Completed | None = None,
) -> Estimate:
    """Identify on every graph, solve each distinct adjustment set once, combine, check.

    Missing cells follow the policy: `EM` answers on completed tables (`completed`) and pools by
    Rubin's rules; other checks than the number and its interval look at the first table.

    Raises
    ------
    InputError, UnknownName
        Names, values or rows that cannot be used.
    NotIdentified
        No graph identifies the effect by adjustment.
    Overlap
        The treated and the others cannot be compared.
    """
    if not isinstance(data, Data):
        raise InputError(f"an effect needs rows: expected Data, got {type(data).__name__}")
    _check_estimator(estimator)
    check_names(data, query.treatment, query.outcome)
    if tables is None:
        tables = completed(structure, data, query, run=run, rng=rng)
    study = Study(
        tables.first, query, estimator or DoublyRobust(), population=population, run=run, rng=rng,
        hidden=allows_hidden(structure), others=tables.tables[1:], notes=tables.notes,
    )  # fmt: skip
    graphs, meaning, shown = weighted(structure)
    for graph, _ in graphs:
        check_nodes(graph, query.treatment, query.outcome)
    if query.adjust is not None:
        answered = [declared(study, query.adjust, shown or (graphs[0][0] if graphs else None))]
    else:
        if not graphs:
            raise InputError("there is no graph: give one, or name adjust=(...) in the query")
        answered = over_graphs(study, graphs, run)
    if not any(a.value is not None for a in answered):
        raise Overlap(next(a.note for a in answered if a.note))
    found = combined(study, answered, structure, meaning, shown, rng)
    return imputed(found, tables, data)


def _check_estimator(estimator: object) -> None:
    """InputError for what has neither of the two shapes that can answer."""
    if estimator is not None and not isinstance(estimator, Estimator | RouteEstimator):
        raise InputError(
            f"{type(estimator).__name__} does not estimate an average effect: expected an "
            "estimator such as rung.DoublyRobust(), rung.TMLE() or rung.FrontDoor()"
        )


def over_graphs(study: Study, graphs: list[tuple[Graph, float]], run: Run) -> list[Answered]:
    """Answers on every graph, the heaviest first while the budget lasts."""
    cases: list[Case] = []
    for graph, weight in graphs:
        cases += study.cases(graph, weight)
    require_identified(cases, study.treatment, study.outcome)
    out: list[Answered] = []
    for k, case in enumerate(cases):
        if run.spent and out:
            study.warnings.append(
                f"the budget ended after {k} of {len(cases)} graphs; the others have no answer"
            )
            break
        out.append(study.answer(case))
        run.tick((k + 1) / len(cases), "effects")
    return out


def declared(study: Study, adjust: tuple[str, ...], graph: Graph | None) -> Answered:
    """The user's own adjustment set, used as declared."""
    for name in adjust:
        if name not in study.data.names:
            raise unknown(name, study.data.names)
        if name in (study.treatment, study.outcome):
            raise InputError(f"adjust={adjust}: {name!r} is the treatment or the outcome itself")
    order = tuple(name for name in study.data.names if name in {*adjust, *study.held})
    known = graph is not None and all(name in graph.names for name in adjust)
    where = graph if known else None
    kept: Kept = usable(
        study.data, where, study.treatment, study.outcome, order, study.held, study.hidden
    )
    found = study.solved(order, kept)
    blank = graph if graph is not None else Graph.empty(study.data.names)
    case = Case(blank, 1.0, order, note="your adjustment set")
    if isinstance(found, str):
        raise Overlap(found)
    return Answered(case, found, kept, case.note, null=study.null)
