"""From a LATE question and rows to the piece that one instrument gives."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...core.data import Data
from ...core.errors import InputError
from ...core.missing import complete, told
from ...core.query import Refutation
from ...core.variable import Kind
from ..contrast import check_names, is_discrete, outcome_units, resolve, show, varies
from ..dependence import of_rows
from ..estimators.basis import make
from ..estimators.problem import covariates
from ..mixture import Piece
from ..solve import expanded
from .assumed import of_instrument
from .instrumented import Instrumental, Instrumented, InstrumentEstimator
from .linear_iv import Region
from .nuisances import need_room
from .rows import kept_rows, said

Floats = NDArray[np.float64]
MOST_INSTRUMENTS = 40


class Instrumenting:
    """Holds rows, contrast and estimator of a LATE question; each instrument is solved once."""

    def __init__(self, query: Any, data: Data, estimator: Any, seed: int) -> None:
        if estimator is not None and not isinstance(estimator, InstrumentEstimator):
            raise InputError(
                f"LATE is estimated by TwoStage() or DoublyRobustIV(), not by "
                f"{type(estimator).__name__}"
            )
        check_names(data, query.treatment, query.outcome)
        self.query, self.estimator, self.seed = query, estimator, seed
        self.data = expanded(data)
        self._kept: dict[Any, Piece] = {}
        pair = complete(self.data.select([query.treatment, query.outcome]))
        self._contrast(pair)

    def _contrast(self, pair: Data) -> None:
        """Which values are compared, and by what the effect of one unit is multiplied."""
        q = self.query
        varies(pair, q.treatment, "treatment")
        varies(pair, q.outcome, "outcome")
        levels = np.unique(pair.column(q.treatment))
        self.two = is_discrete(pair, q.treatment) and len(levels) == 2
        self.factor, self.origin, self.width = 1.0, 0.0, 1.0
        if not self.two:
            self._units_of(pair, len(levels))
            return
        found = resolve(pair, q.treatment, q.outcome, q.treated, q.control, "difference")
        self.contrast, self.units = found.labels[0], found.units
        self.binary_outcome = found.binary
        self.origin = float(found.arms[0])
        self.width = float(found.arms[1] - found.arms[0])

    def _units_of(self, pair: Data, levels: int) -> None:
        """The contrast of a treatment that is a number: one unit, or the values asked for."""
        q = self.query
        v, y = pair.variable(q.treatment), pair.variable(q.outcome)
        if v.discrete and not (v.numeric_levels and v.kind is not Kind.CATEGORICAL):
            raise InputError(
                f"the treatment {q.treatment!r} has {levels} levels that are no numbers: keep the "
                "rows of two of them, or make a column that is 0 or 1"
            )
        if y.kind is Kind.CATEGORICAL:
            raise InputError(
                f"the outcome {q.outcome!r} is categorical: make a binary column of the level of "
                "interest"
            )
        self.binary_outcome = bool(np.isin(pair.column(q.outcome), (0.0, 1.0)).all())
        self.units = outcome_units(y, "difference", y.kind is Kind.BINARY)
        unit = f" (in {v.unit})" if v.unit else ""
        self.contrast = f"{q.treatment} one unit higher{unit}"
        if q.treated is None:
            return
        ends = [float(v.encode(e)) for e in (q.treated, q.control)]
        if ends[0] == ends[1]:
            raise InputError(f"treated and control are both {q.treated!r}")
        self.contrast = f"{q.treatment} = {show(v, ends[0])} against {show(v, ends[1])}"
        numbers = v.decode(np.array(ends)).astype(np.float64)
        self.factor = float(numbers[0] - numbers[1])

    def piece(self, z: tuple[str, ...], given: tuple[str, ...]) -> Piece:
        """The answer by these instruments given these covariates."""
        if (z, given) not in self._kept:
            self._kept[z, given] = self._fresh(z, given)
        return self._kept[z, given]

    def _fresh(self, z: tuple[str, ...], given: tuple[str, ...]) -> Piece:
        q = self.query
        chosen, held = kept_rows(self.data, (q.treatment, q.outcome, *z, *given))
        given = (*given, *held)
        rows = complete(chosen)
        problem, dependence = self._problem(rows, z, given)
        estimator = self.estimator or _default(problem, self.two)
        found = estimator.by_instrument(problem, rng=np.random.default_rng(self.seed))
        return self._said(found, problem, rows, (*told(chosen), *said(held)), dependence)

    def _problem(
        self, rows: Data, z: tuple[str, ...], given: tuple[str, ...]
    ) -> tuple[Instrumented, Any]:
        q = self.query
        for name, role in ((q.treatment, "treatment"), (q.outcome, "outcome")):
            varies(rows, name, role)
        for name in z:
            varies(rows, name, "instrument")
        dependence = of_rows(rows)
        y = np.asarray(rows.column(q.outcome), dtype=np.float64)
        v = rows.variable(q.treatment)
        if self.two:
            x = (np.asarray(rows.column(q.treatment), dtype=np.float64) - self.origin) / self.width
        else:
            x = np.asarray(v.decode(rows.column(q.treatment)), dtype=np.float64)
        columns, arms = _instruments(rows, z)
        c, sizes = covariates(rows, given)
        need_room(given, sizes, rows.n)
        if rows.n < columns.shape[1] + c.shape[1] + 10:
            raise InputError(f"{rows.n} rows are too few for {', '.join((*z, *given))}")
        w = np.ones(rows.n) if rows.weights is None else rows.weights / rows.weights.mean()
        problem = Instrumented(
            y, x, columns, c, sizes, w, dependence.groups, (self.binary_outcome, self.two), arms,
            (q.treatment, q.outcome, z, given), q.level,
        )  # fmt: skip
        return problem, dependence

    def _said(
        self, found: Instrumental, problem: Instrumented, rows: Data, notes: tuple[str, ...],
        dependence: Any,
    ) -> Piece:  # fmt: skip
        from ..late import Wald

        x, y, z, given = problem.names
        ends = [sorted((low * self.factor, high * self.factor)) for low, high in found.region]
        scaled: Region = tuple((part[0], part[1]) for part in sorted(ends))
        warnings = [*notes, *_warnings(found, scaled, problem)]
        usual = tuple(sorted(e * self.factor for e in found.usual))
        interval = (scaled[0][0], scaled[-1][1]) if scaled else (usual[0], usual[1])
        s = found.strength
        diagnostics = {
            "instruments": list(z),
            "given": list(given),
            "effective_f": s.effective, "effective_f_needed": s.needed, "first_stage_f": s.plain,
            "usual_interval": list(usual),
            "region": [[_plain(e) for e in part] for part in scaled],
            **found.details,
        }  # fmt: skip
        method = f"{found.method}; interval by inverting the {found.test} test"
        return Piece(
            found.value * self.factor, interval, key=(z, given), estimand=Wald(x, y, z, given),
            method=method, se=found.se * abs(self.factor), n=rows.n, effective_n=float(rows.n),
            assumptions=of_instrument(found, problem, dependence),
            refutations=_refuted(found, problem),
            diagnostics=diagnostics, warnings=tuple(warnings),
            cites=("imbens1994", *found.cites, "montiel2013"), data=rows,
        )  # fmt: skip


def _plain(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None


def _instruments(rows: Data, z: tuple[str, ...]) -> tuple[Floats, bool]:
    """Columns (n, k) of the instruments, and whether that is one column of 0 and 1."""
    x, sizes = covariates(rows, z)
    width = sum(max(size - 1, 1) for size in sizes)
    if width > min(MOST_INSTRUMENTS, max(rows.n / 10, 1)):
        raise InputError(
            f"{', '.join(z)} make {width} instruments for {rows.n} rows: with so many the estimate "
            "goes towards the confounded one. Merge levels, or name fewer"
        )
    for j, name in enumerate(z):
        v = rows.variable(name)
        if v.discrete and not sizes[j] and v.numeric_levels:
            x[:, j] = v.decode(x[:, j])
    columns = make(x, sizes, "linear", tame=False).expand(x)[:, 1:]
    values = np.unique(x[:, 0]) if len(z) == 1 else np.empty(0)
    if len(values) == 2:
        return (x == values[1]).astype(np.float64), True
    return columns, False


def _default(problem: Instrumented, two: bool) -> InstrumentEstimator:
    from .doubly_robust_iv import DoublyRobustIV
    from .two_stage import TwoStage

    return DoublyRobustIV() if problem.arms and two else TwoStage()


def _warnings(found: Instrumental, scaled: Region, problem: Instrumented) -> list[str]:
    s, z, out = found.strength, ", ".join(problem.names[2]), []
    if s.weak:
        out.append(
            f"weak instrument: effective F of {z} is {s.effective:.1f}, below {s.needed:.1f} (bias "
            "of a tenth of the worst case); the interval allows for it, the point estimate does not"
        )
    if not scaled:
        out.append(
            f"the {found.test} test rejects every value: the instruments disagree, or one effect "
            "does not fit all; the interval shown is the usual one"
        )
    elif len(scaled) > 1:
        parts = " or ".join(_shown(part) for part in scaled)
        out.append(f"the data allow {parts}; the interval shown is the smallest that holds both")
    elif not np.isfinite(scaled[0]).all():
        out.append("the data do not bound the effect: the instrument hardly moves the treatment")
    return out


def _shown(part: tuple[float, float]) -> str:
    low, high = part
    if not np.isfinite(low):
        return f"effects up to {high:.4g}"
    if not np.isfinite(high):
        return f"effects from {low:.4g}"
    return f"effects from {low:.4g} to {high:.4g}"


def _refuted(found: Instrumental, problem: Instrumented) -> tuple[Refutation, ...]:
    out = []
    if found.overidentified is not None:
        statistic, df, p = found.overidentified
        agree = "agree" if p > 0.05 else "disagree"
        out.append(
            Refutation(
                "several instruments", "stability",
                f"the instruments {agree} on one effect: statistic {statistic:.3g} on {df} degrees "
                f"of freedom, p = {p:.3g}", p > 0.05,
                {"statistic": statistic, "df": df, "p": p},
            )
        )  # fmt: skip
    test = inequalities(problem)
    if test is not None:
        out.append(test)
    return tuple(out)


def inequalities(problem: Instrumented) -> Refutation | None:
    """Shares that a valid instrument cannot lower: those of the treated (y, x = 1) where z is high.

    Balke and Pearl (1997), Kitagawa (2015), on outcomes cut at their quartiles; only for levels of
    instrument and treatment, without covariates. Bonferroni over the cells.
    """
    from scipy import stats

    if not problem.arms or not problem.binary[1] or problem.c.shape[1]:
        return None
    z, x, y, w = problem.z[:, 0], problem.x, problem.y, problem.weights
    high = z if np.cov(z, x)[0, 1] >= 0 else 1 - z
    cuts = np.unique(np.quantile(y, [0.25, 0.5, 0.75]))
    cell = y.astype(np.int64) if problem.binary[0] else np.searchsorted(cuts, y)
    worst = -np.inf
    count = 0
    for b in np.unique(cell):
        for arm, sign in ((1, 1.0), (0, -1.0)):
            hit = ((cell == b) & (x == arm)).astype(np.float64)
            p = [float(np.average(hit[high == s], weights=w[high == s])) for s in (0, 1)]
            size = [float((high == s).sum()) for s in (0, 1)]
            se = np.sqrt(sum(q * (1 - q) / m for q, m in zip(p, size, strict=True)))
            worst = max(worst, sign * (p[0] - p[1]) / se if se > 0 else -np.inf)
            count += 1
    value = min(1.0, count * float(stats.norm.sf(worst)))
    held = "hold" if value > 0.05 else "fail"
    return Refutation(
        "instrumental inequalities", "stability",
        f"inequalities that a valid instrument with monotone effect implies {held} in the rows: "
        f"largest violation z = {worst:.2f} over {count} cells, p = {value:.3g}", value > 0.05,
        {"z": float(worst), "p": value, "cells": count},
    )  # fmt: skip
