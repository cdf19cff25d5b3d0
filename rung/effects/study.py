"""Study: one question on one table; every adjustment set is solved once and kept."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from ..core.budget import Run
from ..core.data import Data
from ..core.errors import InputError, Overlap
from ..core.graph import Graph
from ..core.missing import complete
from ..core.protocols import Estimator
from ..core.variable import Kind, Variable
from ..graphs.identification.formula import Formula
from .contrast import Contrast, check_names, resolve
from .estimators.doubly_robust import DoublyRobust
from .held import hold
from .identification import Case, readings
from .routes.protocol import RouteEstimator
from .rows import Kept, targets_of, usable
from .solve import Solved, expanded, pooled, solve

_ROW = "(row)"
Key = tuple[tuple[str, ...], tuple[int, ...]]


@dataclass(frozen=True, eq=False)
class Answered:
    """A case with its solution: None where it is zero by the graph or not identified."""

    case: Case
    solved: Solved | None
    kept: Kept | None
    note: str = ""

    @property
    def value(self) -> float | None:
        """The headline number; 0 for no path; None if there is none."""
        if self.solved is not None:
            return self.solved.value
        return self.null if self.case.zero else None

    @property
    def interval(self) -> tuple[float, float] | None:
        """Its interval."""
        if self.solved is not None:
            return self.solved.interval
        return (self.null, self.null) if self.case.zero else None

    null: float = 0.0


class Study:
    """Holds rows, contrast and estimator; remembers solved adjustment sets.

    Each set is solved with the same seed, so that answers do not depend on the order of graphs.
    `others` are more completed tables of the same rows (multiple imputation): an adjustment set is
    then solved on each and pooled; everything else looks at the first.
    """

    def __init__(
        self,
        data: Data,
        query: object,
        estimator: Estimator | RouteEstimator,
        *,
        population: str,
        run: Run,
        rng: np.random.Generator,
        contrast: Contrast | None = None,
        hidden: bool = False,
        others: Sequence[Data] = (),
        notes: Sequence[str] = (),
    ) -> None:
        treatment, outcome = query.treatment, query.outcome  # type: ignore[attr-defined]
        check_names(data, treatment, outcome)
        self.treatment, self.outcome = treatment, outcome
        self.query, self.population, self.run = query, population, run
        self._by(estimator)
        self.level: float = query.level  # type: ignore[attr-defined]
        self.hidden = hidden  # graphs are MAGs: their arrows may hide common causes
        self.seed = int(rng.integers(2**63))
        self.table = expanded(data)
        self.data, self.warnings = self._rows(self.table)
        self.warnings += notes
        self.contrast = contrast or self._contrast()
        contrast = self.contrast
        row = Variable(_ROW, Kind.IDENTIFIER)
        numbered = self.data.with_column(row, np.arange(self.data.n)) if others else self.data
        held = hold(numbered, contrast)
        self.data, self.held, self.narrowed = held.data, held.names, held.narrowed
        self.warnings += held.notes
        self.others = self._alike(others) if others else ()
        self.null = 0.0 if contrast.scale == "difference" else 1.0
        self._solved: dict[Key, Solved | str] = {}
        self._cases: dict[Graph, list[Case]] = {}
        self.routed: dict[Formula, Solved | str] = {}

    def _contrast(self) -> Contrast:
        """What the question compares on these rows."""
        known, query = complete(self.data.select([self.treatment, self.outcome])), self.query
        return resolve(
            known, self.treatment, self.outcome,
            query.treated, query.control, query.scale,  # type: ignore[attr-defined]
        )  # fmt: skip

    def _by(self, estimator: Estimator | RouteEstimator) -> None:
        """Adjustment by the estimator; by the default where a route answers another formula."""
        self.route: RouteEstimator | None = None
        self.estimator: Estimator = DoublyRobust()
        if isinstance(estimator, RouteEstimator):
            self.route = estimator
        else:
            self.estimator = estimator

    def _rows(self, data: Data) -> tuple[Data, list[str]]:
        """Rows whose condition does not set the outcome."""
        sets = data.targeting(self.outcome)
        if not sets.any():
            return data, []
        names = [data.environments[e] for e, hit in targets_of(data).items() if self.outcome in hit]
        if sets.all():
            raise InputError(
                f"every row's condition sets the outcome {self.outcome}: nothing is left"
            )
        note = (
            f"{int(sets.sum())} rows were set apart because their condition "
            f"({', '.join(names)}) sets the outcome {self.outcome}"
        )
        return data.take((~sets).nonzero()[0]), [note]

    def _alike(self, others: Sequence[Data]) -> tuple[Data, ...]:
        """The other tables with the rows and the condition of the first."""
        rows = self.data.column(_ROW)
        self.data = self.data.drop([_ROW])
        out = []
        for table in others:
            part = self._rows(table)[0].take(rows)
            for name in self.held:
                part = part.with_column(self.data.variable(name), self.data.column(name))
            out.append(part)
        return tuple(out)

    @property
    def compared(self) -> tuple[object, object]:
        """The treated and the control value of the headline contrast, in the user's own values."""
        v = self.data.variable(self.treatment)
        ends = [self.contrast.arms[i] for i in self.contrast.pairs[0]]
        one, two = (v.decode(np.array([float(a)]))[0] for a in ends)
        return getattr(one, "item", lambda: one)(), getattr(two, "item", lambda: two)()

    def cases(self, graph: Graph, weight: float = 1.0) -> list[Case]:
        """What a graph says, with this weight shared among its readings."""
        found = self._cases.get(graph)
        if found is None:
            found = readings(
                graph, 1.0, self.data, self.treatment, self.outcome, self.hidden, self.route
            )
            self._cases[graph] = found
        return [self._holding(c, c.weight * weight) for c in found]

    def _holding(self, case: Case, weight: float) -> Case:
        """The case with this weight, and the condition held fixed beside its adjustment set."""
        adjust = None if case.adjust is None else (*case.adjust, *self.held)
        return replace(case, weight=weight, adjust=adjust)

    def answers(self, cases: Iterable[Case]) -> list[Answered]:
        """Every case solved; sets already solved are looked up."""
        return [self.answer(case) for case in cases]

    def answer(self, case: Case) -> Answered:
        """One case solved."""
        if case.formula is not None:
            return self._by_formula(case)
        if case.zero or case.adjust is None:
            return Answered(case, None, None, case.note, null=self.null)
        try:
            kept = usable(
                self.data, case.graph, self.treatment, self.outcome, case.adjust, self.held,
                self.hidden,
            )  # fmt: skip
        except InputError as error:
            return Answered(case, None, None, str(error), null=self.null)
        found = self.solved(case.adjust, kept)
        if isinstance(found, str):
            return Answered(case, None, kept, found, null=self.null)
        return Answered(case, found, kept, case.note, null=self.null)

    def _by_formula(self, case: Case) -> Answered:
        """One case solved by a formula other than adjustment."""
        from .routes.solve import by_formula

        found = by_formula(self, case)
        if isinstance(found, str):
            return Answered(case, None, None, found, null=self.null)
        return Answered(case, found, None, case.note, null=self.null)

    def solved(self, adjust: tuple[str, ...], kept: Kept) -> Solved | str:
        """The answer for an adjustment set on kept rows, or why there is none."""
        key = (adjust, kept.dropped)
        if key not in self._solved:
            try:
                self._solved[key] = self.fresh(adjust, kept)
            except Overlap as error:
                self._solved[key] = str(error)
        return self._solved[key]

    def on_rows(self, data: Data, graph: Graph) -> list[tuple[float, tuple[float, float]]]:
        """Values and intervals of the readings of a graph, on other rows; zero where no path."""
        part, _ = self._rows(data)
        held = hold(part, self.contrast)
        part = held.data
        out = []
        for case in readings(graph, 1.0, part, self.treatment, self.outcome, self.hidden):
            if case.zero:
                out.append((self.null, (self.null, self.null)))
            elif case.adjust is not None:
                adjust = (*case.adjust, *held.names)
                kept = usable(
                    part, case.graph, self.treatment, self.outcome, adjust, held.names, self.hidden
                )
                found = self.fresh(adjust, kept, data=part)
                out.append((found.value, found.interval))
        return out

    def fresh(
        self,
        adjust: tuple[str, ...],
        kept: Kept,
        *,
        estimator: Estimator | None = None,
        data: Data | None = None,
    ) -> Solved:
        """Solve with another estimator or on other rows, and forget."""
        tables = [self.data, *self.others] if data is None else [data]
        found = []
        for k, table in enumerate(tables):
            if k > 1 and self.run.spent:
                break
            rows = kept.mask(table)
            part = table if rows.all() else table.take(rows.nonzero()[0])
            found.append(
                solve(
                    part, self.contrast, adjust, estimator or self.estimator,
                    rng=np.random.default_rng(self.seed), population=self.population,
                    level=self.level,
                )
            )  # fmt: skip
        if len(found) == 1:
            return found[0]
        return pooled(found, self.contrast, self.level, np.random.default_rng(self.seed))
