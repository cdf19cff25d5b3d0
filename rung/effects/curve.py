"""Curve: mean outcome, or its slope, at every dose of a continuous treatment."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any, final

import numpy as np
from numpy.typing import NDArray

from ..core.budget import Run
from ..core.data import Data
from ..core.errors import InputError
from ..core.missing import complete
from ..core.protocols import Estimator
from ..core.query import Estimate, Query
from ..inference.intervals import check_level, freedom, quantile_of
from .completed import completed, imputed
from .contrast import Contrast, check_names, is_discrete, outcome_units, varies, weighted_quantiles
from .estimators.dose_curve import DoseCurve
from .estimators.overlap import LEAST_SHARE
from .estimators.problem import Fitted, Problem, require_finite
from .identification import BackDoor, Case, NoEffect, allows_hidden
from .mixture import Piece, mixed
from .per_graph import listed, piece_of, structure_for
from .queries import _names
from .rows import Kept
from .solve import Solved
from .study import Study

Floats = NDArray[np.float64]
POINTS = 25
EDGE = 0.05  # the curve runs from this quantile of the dose to 1 less it
STEP = 0.02  # of the range of the doses, either side, for a slope


@final
@dataclass(frozen=True, repr=False)
class Curve(Query):
    """Mean outcome if everybody had the dose, for many doses, with a simultaneous band.

    The value of the answer is the difference between the 75th and the 25th percentile of the dose
    (between the last and the first of `at`, where given); with `derivative`, the mean slope.

    Parameters
    ----------
    treatment, outcome : names of two columns; the treatment is a number
    at : doses; None: 25 from the 5th to the 95th percentile
    derivative : ask for the slope of the curve, for one unit of the dose
    adjust : covariates to use as declared, instead of those that the graph gives
    level : of the band, and of the interval
    """

    treatment: str
    outcome: str
    at: tuple[float, ...] | None = None
    derivative: bool = field(default=False, kw_only=True)
    adjust: tuple[str, ...] | None = field(default=None, kw_only=True)
    level: float = field(default=0.95, kw_only=True)

    def __post_init__(self) -> None:
        check_level(self.level)
        for name in ("treatment", "outcome"):
            if not isinstance(getattr(self, name), str):
                raise InputError(f"{name}={getattr(self, name)!r}: expected the name of a column")
        if self.at is not None:
            at = np.atleast_1d(np.asarray(self.at, dtype=np.float64)).ravel()
            if not len(at) or not np.isfinite(at).all():
                raise InputError(f"at={self.at!r}: expected finite doses")
            object.__setattr__(self, "at", tuple(np.unique(at).tolist()))
        if self.adjust is not None:
            object.__setattr__(self, "adjust", _names(self.adjust, "adjust"))

    def __repr__(self) -> str:
        more = "".join(
            f", {name}={getattr(self, name)!r}"
            for name in ("at", "derivative", "adjust")
            if getattr(self, name)
        )
        return f'Curve("{self.treatment}", "{self.outcome}"{more})'

    def answer(
        self,
        structure: Any,
        data: Any,
        *,
        estimator: Estimator | None,
        run: Run,
        rng: np.random.Generator,
    ) -> Estimate:
        """Identify on every graph, estimate at every dose, band and mixture."""
        return answer(self, structure, data, estimator, run=run, rng=rng)


@dataclass(frozen=True, eq=False)
class Functionals:
    """An estimator of linear functionals of the means at doses: `matrix` (k, arms)."""

    inner: Estimator
    matrix: Floats

    def estimate(self, problem: Problem, *, rng: np.random.Generator) -> Fitted:
        """The functionals and their influence functions in place of means."""
        found = self.inner.estimate(problem, rng=rng)
        return replace(
            found, means=self.matrix @ found.means, influence=found.influence @ self.matrix.T,
            effects=None,
        )  # fmt: skip


@dataclass(frozen=True, eq=False)
class Plan:
    """Doses of the curve `at` (g,), doses needed `arms` (m,), and functionals (g + 2, m) of their
    means: the curve, the headline, zero."""

    at: Floats
    arms: Floats
    matrix: Floats
    words: str


def plan(query: Curve, data: Data) -> Plan:
    """Which doses are needed for the question.

    Raises
    ------
    InputError
        A dose outside the data, or a treatment with levels.
    """
    require_finite(data)
    for name, role in ((query.treatment, "treatment"), (query.outcome, "outcome")):
        varies(data, name, role)
    if is_discrete(data, query.treatment):
        raise InputError(
            f"{query.treatment!r} has levels, and a curve needs a number: ask for ATE, which "
            "compares the levels"
        )
    t = data.column(query.treatment)
    low, high = float(t.min()), float(t.max())
    if query.at is None:
        ends = weighted_quantiles(t, data.weights, [EDGE, 1 - EDGE, 0.25, 0.75])
        at, pair, words = np.linspace(ends[0], ends[1], POINTS), ends[2:], "percentiles 75 and 25"
    else:
        at = np.array(query.at)
        pair, words = [float(at[0]), float(at[-1])], "the last and the first of the doses"
        if at[0] < low or at[-1] > high:
            raise InputError(
                f"at: doses from {at[0]:g} to {at[-1]:g}, but {query.treatment} runs from {low:g} "
                f"to {high:g}; choose doses that were seen"
            )
    return _slopes(at, low, high) if query.derivative else _levels(at, pair, words)


def _levels(at: Floats, pair: list[float], words: str) -> Plan:
    arms = np.unique(np.concatenate([at, pair]))
    matrix = np.zeros((len(at) + 2, len(arms)))
    matrix[np.arange(len(at)), np.searchsorted(arms, at)] = 1.0
    for dose, sign in ((pair[1], 1.0), (pair[0], -1.0)):
        matrix[-2, np.searchsorted(arms, dose)] += sign
    if len(at) == 1:
        matrix[-2] = matrix[0]
    return Plan(at, arms, matrix, f"{pair[1]:.4g} against {pair[0]:.4g} ({words})")


def _slopes(at: Floats, low: float, high: float) -> Plan:
    step = STEP * (high - low)
    left, right = np.maximum(at - step, low), np.minimum(at + step, high)
    arms = np.unique(np.concatenate([left, right]))
    matrix = np.zeros((len(at) + 2, len(arms)))
    for g in range(len(at)):
        matrix[g, np.searchsorted(arms, right[g])] += 1 / (right[g] - left[g])
        matrix[g, np.searchsorted(arms, left[g])] -= 1 / (right[g] - left[g])
    matrix[-2] = matrix[:-2].mean(axis=0)
    return Plan(at, arms, matrix, f"mean slope from {at[0]:.4g} to {at[-1]:.4g}")


def answer(
    query: Curve,
    structure: Any,
    data: Any,
    estimator: Estimator | None,
    *,
    run: Run,
    rng: np.random.Generator,
) -> Estimate:
    """The mixture over the graphs; the curve under `diagnostics["curve"]`.

    Raises
    ------
    InputError, UnknownName
        Columns or doses that cannot be used; a treatment with levels.
    NotIdentified
        No graph has a set to adjust for.
    """
    if not isinstance(data, Data):
        raise InputError(f"an effect needs rows: expected Data, got {type(data).__name__}")
    check_names(data, query.treatment, query.outcome)
    tables = completed(structure, data, query, run=run, rng=rng)
    made = plan(query, complete(tables.first.select([query.treatment, query.outcome])))
    study = Study(
        tables.first, query, Functionals(estimator or DoseCurve(), made.matrix), population="all",
        run=run, rng=rng, contrast=_contrast(query, data, made), hidden=allows_hidden(structure),
        others=tables.tables[1:], notes=tables.notes,
    )  # fmt: skip
    pieces: list[Piece] = []

    def solve(graph: Any, hidden: bool) -> Piece:
        del hidden
        piece = piece_of(
            study, graph, query.adjust,
            lambda case, kept: _piece(study, query, made, case, kept),
            lambda case: _flat(study, query, made, case),
        )  # fmt: skip
        pieces.append(piece)
        return piece

    contrast = study.contrast
    found = mixed(
        query, structure_for(structure, study.data, query), solve, run=run,
        seed=study.seed, contrast=contrast.labels[-1], units=contrast.units, level=query.level,
        warnings=tuple(study.warnings),
    )  # fmt: skip
    return imputed(_with_hull(found, pieces), tables, data)


def _contrast(query: Curve, data: Data, made: Plan) -> Contrast:
    """The contrast of functionals with zero: the curve's points, then the headline."""
    y, t = data.variable(query.outcome), data.variable(query.treatment)
    values = data.column(query.outcome)
    binary = bool(np.isin(values[~np.isnan(values)], (0.0, 1.0)).all())
    unit = f" {t.unit}" if t.unit else ""
    labels = [f"{query.treatment} = {x:.4g}{unit}" for x in made.at]
    labels.append(f"{query.treatment} = {made.words}")
    zero = len(made.at) + 1
    pairs = [(k, zero) for k in range(zero)]
    units = outcome_units(y, "difference", binary)
    units += f" per {t.unit or 'unit of ' + query.treatment}" if query.derivative else ""
    return Contrast(
        query.treatment, query.outcome, tuple(made.arms.tolist()), tuple(pairs), tuple(labels),
        False, units, binary, "difference",
    )  # fmt: skip


def _piece(study: Study, query: Curve, made: Plan, case: Case, kept: Kept) -> Piece:
    solved = study.solved(case.adjust or (), kept)
    if isinstance(solved, str):
        return Piece(None, None, note=solved)
    points, head = solved.levels[:-1], solved.levels[-1]
    single = quantile_of(query.level, freedom(solved.dependence.groups))
    prepared = solved.prepared
    assert prepared is not None
    return Piece(
        head.value, (head.value - single * head.se, head.value + single * head.se),
        key=(case.adjust, kept.dropped), estimand=BackDoor(study.treatment, study.outcome,
        case.adjust or (), declared=query.adjust is not None), note=case.note,
        method=solved.fitted.method, se=head.se, n=solved.data.n,
        effective_n=prepared.effective_n,
        assumptions=listed(study, case, kept, solved), data=solved.data,
        diagnostics={
            "adjustment": list(case.adjust or ()), "balance": [dict(b) for b in prepared.balance],
            "overlap": dict(prepared.overlap),
            "curve": _drawn(
                study, query, made, [p.value for p in points], [p.low for p in points],
                [p.high for p in points], solved.critical, solved.fitted.details.get("bandwidth"),
            ),
        },
        warnings=_thin(study, made, solved),
        cites=(*solved.fitted.cites, "hothorn2008"),
    )  # fmt: skip


def _thin(study: Study, made: Plan, solved: Solved) -> tuple[str, ...]:
    """A warning where the density of the dose says that there is hardly anybody to compare."""
    assert solved.prepared is not None
    sizes = np.array(solved.prepared.overlap["effective"])
    poor = made.arms[sizes < LEAST_SHARE * solved.data.n]
    if not len(poor):
        return ()
    return (
        f"overlap is poor at {len(poor)} of {len(made.arms)} doses, from {poor[0]:.4g} to "
        f"{poor[-1]:.4g} (effective sample size down to {sizes.min():.0f} of {solved.data.n}): "
        f"there the curve rests on the model of {study.outcome}",
    )


def _drawn(
    study: Study, query: Curve, made: Plan, value: list[float], low: list[float],
    high: list[float], critical: float, bandwidth: float | None,
) -> dict[str, Any]:  # fmt: skip
    """The curve, JSON-ready; `low` and `high` hold for all doses together."""
    what = "slope of the mean" if query.derivative else "mean"
    t = study.data.variable(query.treatment)
    return {
        "treatment": query.treatment, "outcome": query.outcome, "derivative": query.derivative,
        "x": made.at.tolist(), "value": value, "low": low, "high": high, "level": query.level,
        "critical": critical, "bandwidth": bandwidth, "units": study.contrast.units,
        "x_label": query.treatment + (f" ({t.unit})" if t.unit else ""),
        "label": f"{what} of {query.outcome} if everybody had the dose",
        "text": f"the band holds for all {len(value)} doses together at {query.level:.0%}",
    }  # fmt: skip


def _flat(study: Study, query: Curve, made: Plan, case: Case) -> Piece:
    """No directed path: the mean outcome at every dose."""
    rows = complete(study.data.select([study.outcome]))
    y = rows.column(study.outcome)
    level = 0.0 if query.derivative else float(np.average(y, weights=rows.weights))
    half = 0.0 if query.derivative else quantile_of(query.level) * float(y.std()) / len(y) ** 0.5
    k = len(made.at)
    head = level if k == 1 else 0.0
    ends = (level - half, level + half) if k == 1 else (0.0, 0.0)
    return Piece(
        head, ends, key="zero", estimand=NoEffect(study.treatment, study.outcome), note=case.note,
        method="no effect by the graph", n=rows.n, effective_n=float(rows.n), data=rows,
        diagnostics={"curve": _drawn(study, query, made, [level] * k, [level - half] * k,
                                     [level + half] * k, quantile_of(query.level), None)},
    )  # fmt: skip


def _with_hull(found: Estimate, pieces: list[Piece]) -> Estimate:
    """The curve of the headline, with the range of the bands of all graphs beside it."""
    curves = []
    for piece in pieces:
        for d in piece.diagnostics.get("readings") or [piece.diagnostics]:
            curves += [d["curve"]] if "curve" in d else []
    shown = found.diagnostics.get("curve")
    if shown is None or len(curves) < 2:
        return found
    hull = {
        "hull_low": np.min([c["low"] for c in curves], axis=0).tolist(),
        "hull_high": np.max([c["high"] for c in curves], axis=0).tolist(),
        "graphs": len(curves),
    }
    return replace(found, diagnostics={**found.diagnostics, "curve": {**shown, **hull}})
