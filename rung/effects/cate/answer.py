"""CATE by a learner: identified on every graph, fitted, checked on held-out rows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from ...core.budget import Run
from ...core.data import Data
from ...core.errors import InputError, NotIdentified, NotSupported, Overlap
from ...core.graph import Graph
from ...core.query import Estimate
from ...core.weighted import weighted
from ..assumptions import assumptions
from ..completed import Completed, completed, imputed
from ..contrast import check_names
from ..estimators.doubly_robust import DoublyRobust
from ..identification import BackDoor, Case, NoEffect, allows_hidden, check_nodes, oriented
from ..mixture import Piece, mixed, seed_of
from ..rows import usable
from ..study import Answered, Study
from ..subgroups import check_by, check_valid
from .fit import Fit, fit
from .protocol import CateLearner

FOLLOWS = "effects given covariates are identified by adjustment only"


@dataclass(frozen=True, eq=False)
class _Structure:
    """Graphs whose undirected edges at the treatment have been given directions."""

    graphs: tuple[tuple[Graph, float], ...]
    meaning: str
    graph: Graph | None
    hidden_causes: bool = False


def answer(
    query: Any,
    structure: Any,
    data: Any,
    learner: CateLearner,
    *,
    run: Run,
    rng: np.random.Generator,
) -> Estimate:
    """The average effect, and the effect of each row under `rows["cate"]`.

    Raises
    ------
    InputError, UnknownName
        Names, values or rows that cannot be used; no covariate by which effects could differ.
    NotIdentified
        No graph identifies the effect by adjustment, or `by` follows the treatment.
    NotSupported
        A scale other than the difference, or a treatment that the learner does not take.
    """
    if not isinstance(data, Data):
        raise InputError(f"an effect needs rows: expected Data, got {type(data).__name__}")
    if query.scale != "difference":
        raise NotSupported(
            f"scale={query.scale!r}: effects by a learner are differences; ratios by groups need "
            "by=(...) and no learner"
        )
    check_names(data, query.treatment, query.outcome)
    check_by(query, structure, data)
    seed = seed_of(rng)
    tables = completed(structure, data, query, run=run, rng=np.random.default_rng([seed, 1]))
    asker = Asker(query, structure, tables, learner, run, seed)
    found = mixed(
        query, asker.read(structure), asker, run=run, seed=seed, level=query.level,
        contrast="; ".join(asker.study.contrast.labels), units=asker.study.contrast.units,
        warnings=tuple(asker.study.warnings),
    )  # fmt: skip
    model = asker.models.get(found.diagnostics.get("adjustment_key", ""))
    diagnostics = {k: v for k, v in found.diagnostics.items() if k != "adjustment_key"}
    return imputed(replace(found, model=model, diagnostics=diagnostics), tables, data)


@dataclass(eq=False)
class Asker:
    """Answers on one graph; adjustment sets that were fitted are kept."""

    query: Any
    structure: Any
    tables: Completed
    learner: CateLearner
    run: Run
    seed: int
    models: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.study = Study(
            self.tables.first, self.query, DoublyRobust(), population="all", run=self.run,
            rng=np.random.default_rng(self.seed), hidden=allows_hidden(self.structure),
            others=self.tables.tables[1:], notes=self.tables.notes,
        )  # fmt: skip
        self._kept: dict[Any, Piece] = {}

    def read(self, structure: Any) -> Any:
        """The structure with undirected edges at the treatment directed in all ways that hold."""
        graphs, meaning, shown = weighted(structure)
        if self.query.adjust is not None:
            blank = Graph.empty(self.study.data.names)
            return shown or (graphs[0][0] if graphs else blank)
        out: list[tuple[Graph, float]] = []
        for graph, weight in graphs:
            check_nodes(graph, self.query.treatment, self.query.outcome)
            several = self._split(graph)
            out += [(g, weight / len(several)) for g in several]
        if len(out) > len(graphs):
            meaning = "equivalence class" if len(graphs) == 1 else meaning
        return _Structure(tuple(out), meaning, shown, allows_hidden(structure))

    def _split(self, graph: Graph) -> list[Graph]:
        """The readings of a graph, as graphs (see `identification.readings`)."""
        if len(self.study.cases(graph)) == 1:
            return [graph]
        return list(oriented(graph, self.query.treatment))

    def __call__(self, graph: Graph, hidden: bool) -> Piece:
        """What one graph says."""
        case = self._case(graph)
        if case.zero:
            zero = NoEffect(self.query.treatment, self.query.outcome)
            return Piece(0.0, (0.0, 0.0), key="zero", estimand=zero, note=case.note,
                         method="no path in the graph")  # fmt: skip
        if case.adjust is None:
            if case.formula is not None:
                raise NotIdentified(f"{FOLLOWS}, and here another formula ({case.formula.rule}) is")
            raise case.refusal or NotIdentified(case.note or FOLLOWS)
        names = {*case.adjust, *self.query.by}
        case = replace(case, adjust=tuple(n for n in self.study.data.names if n in names))
        return self._fitted(case, hidden)

    def _case(self, graph: Graph) -> Case:
        if self.query.adjust is None:
            return self.study.cases(graph)[0]
        for name in self.query.adjust:
            self.study.data.index(name)
        if {self.query.treatment, self.query.outcome} & set(self.query.adjust):
            raise InputError(f"adjust={self.query.adjust}: the treatment or the outcome is in it")
        chosen = (*self.query.adjust, *self.study.held)
        return Case(graph, 1.0, chosen, note="your adjustment set")

    def _fitted(self, case: Case, hidden: bool) -> Piece:
        study, order = self.study, case.adjust or ()
        declared = self.query.adjust is not None
        known = all(n in case.graph.names for n in order)
        if not declared:
            free = tuple(n for n in order if n not in study.held)
            check_valid(case.graph, self.query, free, hidden)
        try:
            kept = usable(
                study.data, None if declared and not known else case.graph, study.treatment,
                study.outcome, order, study.held, hidden,
            )  # fmt: skip
        except InputError as error:
            raise NotIdentified(str(error)) from error
        key = (order, kept.dropped)
        if key not in self._kept:
            average = study.solved(order, kept)
            if isinstance(average, str):
                raise Overlap(average)
            answered = Answered(case, average, kept, case.note)
            whole = fit(self, answered, order)
            self._kept[key] = self._piece(answered, whole, declared)
        return self._kept[key]

    def _piece(self, answered: Answered, whole: Fit, declared: bool) -> Piece:
        study, solved, case = self.study, answered.solved, answered.case
        assert solved is not None
        assert answered.kept is not None
        key = " ".join(case.adjust or ())
        self.models[key] = whole.model
        note = "" if solved.prepared is None else solved.prepared.note
        overlap = (f"{note}; effects of single rows are about all rows",) if note else ()
        standing = "declared" if declared else str(weighted(self.structure)[1])
        diagnostics: Mapping[str, Any] = {
            "adjustment": list(case.adjust or ()), "by": list(whole.model.covariates),
            "levels": [
                {"contrast": a.contrast, "value": a.value, "low": a.low, "high": a.high}
                for a in solved.levels
            ],
            "heterogeneity": whole.checks, "adjustment_key": key,
            "balance": [] if solved.prepared is None else list(solved.prepared.balance),
            "overlap": {} if solved.prepared is None else dict(solved.prepared.overlap),
        }  # fmt: skip
        return Piece(
            solved.value, solved.interval, key=key,
            estimand=BackDoor(study.treatment, study.outcome, case.adjust or (), declared=declared),
            note=case.note, se=solved.se, n=whole.data.n, effective_n=solved.effective_n,
            method=f"average: {solved.fitted.method}; effect of each row: {whole.model.method}",
            assumptions=assumptions(study, answered, (), (), standing), diagnostics=diagnostics,
            rows=dict(whole.model.rows), data=whole.data,
            warnings=(*answered.kept.why, *overlap, *whole.warnings),
            cites=(*solved.fitted.cites, *whole.model.cites, *whole.cites),
        )  # fmt: skip
