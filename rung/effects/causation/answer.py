"""Answers to PN, PS and PNS: distributions from rows, bounds or points, bootstrap intervals."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...core.budget import Run
from ...core.data import Data
from ...core.errors import InputError, NeedsRows, NotSupported, Overlap
from ...core.graph import Graph
from ...core.missing import complete, told
from ...core.query import Assumption, Estimate, Status
from ...core.result import lock
from ...core.scm import SCM
from ...core.variable import Kind, Variable
from ...graphs.identification.formula import Formula
from ...inference.resampling import resample_rows
from ...mechanisms.logit import Multinomial
from ..identification import Case, by_formula
from ..mixture import Piece, mixed, seed_of
from .bounds import consistent
from .by_model import by_model, probability
from .queries import Mechanisms, NeverPrevents
from .strata import within

Floats = NDArray[np.float64]
CELLS = 4096  # of the table that a formula is evaluated on
EVENT = "happened"
NONE = "no row has the treatment and the outcome that are asked about"
FEWER = 50  # refits of a logistic model, where covariates are no levels


def answer(
    query: Any, structure: Any, data: Any, *, run: Run, rng: np.random.Generator
) -> Estimate:
    """The probability of causation on every graph, mixed.

    Raises
    ------
    InputError
        The treatment has not two values, the outcome no such level, or too few rows have both.
    """
    if not isinstance(data, Data):
        raise NeedsRows(f"{type(query).__name__} resamples rows; pass the Data")
    seed = seed_of(rng)
    ask = Ask(query, complete(data), seed, run)
    treated, control = ask.levels
    words = query.kind.words.format(
        x=f"{query.treatment} = {treated}", z=f"{query.treatment} = {control}",
        y=f"{query.outcome} = {ask.value}",
    )  # fmt: skip
    if structure is None:  # nothing is assumed: a cause with a hidden common cause beside it
        x, y = query.treatment, query.outcome
        structure = Graph.from_edges([(x, "-->", y), (x, "<->", y)], (x, y))
    return mixed(
        query, structure, ask.piece, run=run, seed=seed, level=query.level, contrast=words,
        units="probability", warnings=told(data), members=True,
    )  # fmt: skip


@dataclass(frozen=True, eq=False)
class Ask:
    """One question on one table."""

    query: Any
    data: Data
    seed: int
    run: Run

    @cached_property
    def levels(self) -> tuple[Any, Any]:
        """The treated and the control value, in the user's own values."""
        q = self.query
        v = self.data.variable(q.treatment)
        seen = np.unique(self.data.column(q.treatment))
        if len(seen) != 2:
            raise InputError(
                f"{q.treatment!r} has {len(seen)} values; a probability of causation compares two: "
                "choose the rows that have them, if they are the population you mean"
            )
        low, high = v.decode(seen)
        x = high if q.treated is None else q.treated
        z = (low if x == high else high) if q.control is None else q.control
        codes = {float(v.encode(x)), float(v.encode(z))}
        if codes != set(seen.tolist()):
            raise InputError(
                f"treated={x!r}, control={z!r}: the values of {q.treatment!r} are {low!r}, {high!r}"
            )
        return x, z

    @cached_property
    def value(self) -> Any:
        """The level of the outcome that is asked about."""
        v = self.data.variable(self.query.outcome)
        if self.query.value is not None:
            v.encode(self.query.value)
            return self.query.value
        seen = np.unique(self.data.column(v.name))
        if len(seen) != 2:
            raise InputError(
                f"{v.name!r} has {len(seen)} values: say which one is asked about, value="
            )
        return v.decode(seen)[1]

    def coded(self, data: Data) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
        """Treatment and outcome of each row as 0 and 1."""
        q = self.query
        x, z = (float(data.variable(q.treatment).encode(v)) for v in self.levels)
        column = data.column(q.treatment)
        if not np.isin(column, [x, z]).all():
            raise InputError(f"{q.treatment!r} has other values than {self.levels} in some rows")
        y = data.column(q.outcome) == float(data.variable(q.outcome).encode(self.value))
        return (column == x).astype(np.intp), y.astype(np.intp)

    @cached_property
    def rows(self) -> tuple[list[Floats], Floats]:
        """Weights of the rows in each bootstrap draw, after the rows as they are; P(X, Y)."""
        n, rng = self.data.n, np.random.default_rng(self.seed)
        w = np.ones(n) if self.data.weights is None else self.data.weights
        draws = [w]
        for _ in range(self.query.resamples):
            picked = resample_rows(rng, n, unit=self.data.unit)
            draws.append(w * np.bincount(picked, minlength=n))
        return draws, _tables(*self.coded(self.data), draws)

    def piece(self, graph: Graph, hidden: bool) -> Piece:
        """What one graph says."""
        if isinstance(self.query.assume, Mechanisms):
            return self._by_model(graph, hidden)
        if self.query.within:
            low, high, known = within(self, graph, hidden)
            how = f"bounds of Tian and Pearl within {', '.join(self.query.within)}, averaged"
            return self._bounded((low, high), None, how, (), known)
        joint, notes = self.rows[1], []
        do, how, formula = self._do(graph, hidden)
        if do is None:
            notes.append(f"bounds from what was observed alone: {how}")
            if isinstance(self.query.assume, NeverPrevents):
                notes.append("monotonicity gives no point without P(outcome | do(treatment))")
            ends = self.query.kind.unaided(joint)
            return self._bounded(ends, None, "bounds from observations", tuple(notes), formula)
        whole = np.isfinite(do).all(axis=-1)
        joint, raw = joint[whole], do[whole]
        do = consistent(joint, raw)
        if np.abs(do[0] - raw[0]).max() > 0.01:
            notes.append(
                "P(outcome | do) left what the observed rows allow and was moved back: the "
                "experiment and the rows may come from different populations"
            )
        if isinstance(self.query.assume, NeverPrevents):
            return self._point(joint, raw, how, tuple(notes), formula)
        return self._bounded(
            self.query.kind.bounds(joint, do), do[0], f"bounds of Tian and Pearl; {how}",
            tuple(notes), formula,
        )  # fmt: skip

    def _bounded(
        self, ends: tuple[Floats, Floats], do: Floats | None, method: str, notes: tuple[str, ...],
        formula: Formula | None,
    ) -> Piece:  # fmt: skip
        low, high = ends
        tail = (1 - self.query.level) / 2
        if not np.isfinite([low[0], high[0]]).all():
            raise Overlap(NONE)
        interval = float(np.nanquantile(low[1:], tail)), float(np.nanquantile(high[1:], 1 - tail))
        bounds = [float(low[0]), float(high[0])]
        figures = {"bounds": bounds, **self._figures(do)}
        return Piece(
            math.nan, (min(interval[0], bounds[0]), max(interval[1], bounds[1])),
            key=("bounds", *bounds), estimand=formula, n=self.data.n,
            method=f"{method}, {len(low) - 1} bootstrap draws", diagnostics=figures,
            assumptions=_assumptions(None),
            warnings=(f"bounds {bounds[0]:.3g} to {bounds[1]:.3g}: no point without more", *notes),
            cites=("tian2000", "kuroki2011") if self.query.within else ("tian2000",),
        )  # fmt: skip

    def _point(
        self, joint: Floats, do: Floats, how: str, notes: tuple[str, ...], formula: Formula | None
    ) -> Piece:
        values = np.clip(self.query.kind.monotone(joint, do), 0.0, 1.0)
        tail = (1 - self.query.level) / 2
        if not np.isfinite(values[0]):
            raise Overlap(NONE)
        low, high = np.nanquantile(values[1:], [tail, 1 - tail])
        y = joint[..., 1].sum(axis=-1)
        against = np.minimum(do[..., 1] - y, y - do[..., 0])  # must be 0 or more
        contradicted = bool(np.quantile(against[1:], 0.975) < 0)
        if contradicted:
            notes = (*notes, "the rows contradict monotonicity: P(y) is not between the arms")
        return Piece(
            float(values[0]), (float(low), float(high)), key=("point", float(values[0])),
            estimand=formula, n=self.data.n, se=float(np.nanstd(values[1:], ddof=1)),
            method=f"point under monotonicity; {how}, {len(values) - 1} bootstrap draws",
            diagnostics=self._figures(do[0]), assumptions=_assumptions(contradicted),
            warnings=notes, cites=("tian2000",),
        )  # fmt: skip

    def _figures(self, do: Floats | None) -> dict[str, Any]:
        table = self.rows[1][0]
        out: dict[str, Any] = {"P(X, Y)": table.tolist()}
        return out if do is None else {**out, "P(Y | do(X))": do.tolist()}

    # -- P(outcome | do(treatment)) ----------------------------------------------------------

    def _do(self, graph: Graph, hidden: bool) -> tuple[Floats | None, str, Formula | None]:
        """(draws, 2) P(Y = 1 | do(X)), how it was found (or why it was not), the formula."""
        if self.query.experiment is not None:
            return self._experiment(), "from the experiment", None
        case = Case(graph, 1.0)
        q = self.query
        case = by_formula(case, self.data, q.treatment, q.outcome, hidden, None)
        if case.formula is None:
            return None, case.note or "P(outcome | do(treatment)) is not identified", None
        formula = case.formula
        try:
            return self._plugged(formula), f"identified by the {formula.rule} formula", formula
        except (NotSupported, Overlap) as error:
            if formula.rule != "back-door":
                return None, str(error), formula
            how = "identified by the back-door formula (logistic standardisation)"
            return self._standardised(formula.adjust), how, formula

    def _experiment(self) -> Floats:
        rows = complete(self.query.experiment.select([self.query.treatment, self.query.outcome]))
        x, y = self.coded(rows)
        if len(np.unique(x)) < 2:
            raise InputError("the experiment has one value of the treatment only")
        rng = np.random.default_rng((self.seed, 1))
        w = np.ones(rows.n) if rows.weights is None else rows.weights
        draws = [w]
        for _ in range(self.query.resamples):
            picked = resample_rows(rng, rows.n, unit=rows.unit)
            draws.append(w * np.bincount(picked, minlength=rows.n))
        tables = _tables(x, y, draws)
        total = tables.sum(axis=-1)
        return np.divide(tables[..., 1], total, out=np.full(total.shape, np.nan), where=total > 0)

    def _plugged(self, formula: Formula) -> Floats:
        """The formula on the table of each bootstrap draw."""
        q = self.query
        names = [n for n in formula.expression.observed if n not in (q.treatment, q.outcome)]
        x, y = self.coded(self.data)
        codes, shape = [x, y], [2, 2]
        for name in sorted(names):
            seen, code = np.unique(self.data.column(name), return_inverse=True)
            if not self.data.variable(name).discrete and len(seen) > 10:
                raise NotSupported(f"{name!r} is not discrete: the formula cannot be plugged in")
            codes.append(np.ravel(code))
            shape.append(len(seen))
        if np.prod(shape) > CELLS:
            raise NotSupported(f"a table of {int(np.prod(shape))} cells is too large")
        cell = np.ravel_multi_index(codes, shape)
        asked = [q.treatment, q.outcome, *sorted(names)]
        out = []
        for k, w in enumerate(self.rows[0]):
            table = np.bincount(cell, w, minlength=int(np.prod(shape)))
            try:
                found = formula.evaluate((table / table.sum()).reshape(shape), asked)
                out.append(found[1])
            except Overlap:
                if not k:
                    raise
                out.append(np.full(2, np.nan))
        return np.array(out)

    def _standardised(self, adjust: tuple[str, ...]) -> Floats:
        """Means over the rows of a logistic model's probabilities, with each treatment."""
        x, y = self.coded(self.data)
        flag = Variable(EVENT, Kind.BINARY, (0, 1))
        arm = Variable("treated", Kind.BINARY, (0, 1))
        while arm.name in adjust:
            arm = arm.renamed(arm.name + "_")
        table = self.data.select(list(adjust)).replacing(targets=None)
        given = table.with_column(arm, lock(x.astype(np.float64)))
        spec, out = Multinomial(smooth=any(not v.discrete for v in table.variables)), []
        for w in self.rows[0][: FEWER + 1]:
            rng = np.random.default_rng(self.seed)
            fitted = spec.fit(y.astype(np.float64), given, variable=flag, weights=w, rng=rng)
            means = []
            for value in (0.0, 1.0):
                columns = {n: table.column(n) for n in adjust}
                columns[arm.name] = np.full(table.n, value)
                p = fitted.probabilities(columns, table.n)[:, 1]
                means.append(np.average(p, weights=w))
            out.append(means)
            if self.run.spent and len(out) > 20:
                break
        gone = np.full((len(self.rows[0]) - len(out), 2), np.nan)
        return np.concatenate([np.array(out), gone])

    # -- from mechanisms -----------------------------------------------------------------------

    def _by_model(self, graph: Graph, hidden: bool) -> Piece:
        q, how = self.query, self.query.assume
        data = self.data.select([n for n in graph.names if n in self.data.names])
        return by_model(graph, hidden, data, how, self._event(), q.level, self.seed, self.run)

    def _event(self) -> Callable[[SCM, np.random.Generator], float]:
        """PN, PS or PNS of an SCM, from the twin network."""
        q, (x, z), y = self.query, self.levels, {self.query.outcome: self.value}

        def share(scm: SCM, stream: np.random.Generator, do: Any, given: Any) -> float:
            return probability(scm, y, do, given, stream)

        def event(scm: SCM, stream: np.random.Generator) -> float:
            def necessity() -> float:
                return 1 - share(scm, stream, {q.treatment: z}, {q.treatment: x, **y})

            def sufficiency() -> float:
                with_y = share(scm, stream, {}, {q.treatment: z})
                all_ = share(scm, stream, {q.treatment: x}, {q.treatment: z})
                mine = share(scm, stream, {q.treatment: x}, {q.treatment: z, **y})
                return (all_ - mine * with_y) / (1 - with_y)

            def joint() -> Floats:
                treated = probability(scm, {q.treatment: x}, {}, {}, stream)
                rates = [share(scm, stream, {}, {q.treatment: level}) for level in (z, x)]
                return np.array(
                    [[p * (1 - r), p * r] for p, r in zip((1 - treated, treated), rates)]
                )

            return float(q.kind.of_model(necessity, sufficiency, joint))

        return event


def _tables(x: NDArray[np.intp], y: NDArray[np.intp], draws: list[Floats]) -> Floats:
    """P(X, Y) (draws, 2, 2)."""
    cell = 2 * x + y
    out = np.array([np.bincount(cell, w, minlength=4) for w in draws])
    return (out / out.sum(axis=1, keepdims=True)).reshape(-1, 2, 2)


def _assumptions(contradicted: bool | None) -> tuple[Assumption, ...]:
    same = Assumption(
        "consistency", "a unit's outcome under the treatment it had is the one observed",
        Status.UNCHECKABLE, "no row shows both", "the probability has no meaning without it",
    )  # fmt: skip
    if contradicted is None:
        return (same,)
    status = Status.CONTRADICTED if contradicted else Status.DECLARED
    figure = "P(y) lies outside the two arms" if contradicted else "P(y) lies between the two arms"
    monotone = Assumption(
        "monotonicity", "the treatment prevents the outcome in no unit", status, figure,
        "without it only bounds are known",
    )  # fmt: skip
    return same, monotone
