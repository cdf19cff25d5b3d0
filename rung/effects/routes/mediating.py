"""From a question about mediators and rows to the piece that one set of covariates gives."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...core.data import Data
from ...core.errors import InputError, NotSupported
from ...core.missing import complete, told
from ...graphs.identification.nested import NestedFormula
from ...inference.intervals import covariance, freedom, normal
from ..contrast import check_names, resolve
from ..dependence import of_rows
from ..estimators.problem import covariates
from ..mixture import Piece
from ..natural import NaturalEffect
from ..solve import expanded
from .assumed import of_mediation
from .mediated import Mediation, MediationEstimator, MultiplyRobust, Natural
from .nested_plug_in import nested_plug_in
from .nuisances import need_room
from .rows import kept_rows, said

PARTS = {"direct": (1, 2), "indirect": (0, 1), "total": (0, 2)}


class Mediating:
    """Holds rows, contrast and estimator of a question; each set of covariates is solved once."""

    def __init__(self, query: Any, data: Data, estimator: Any, seed: int) -> None:
        self.query, self.seed = query, seed
        if estimator is not None and not isinstance(estimator, MediationEstimator):
            raise InputError(
                f"natural effects are estimated by MultiplyRobust(), not by "
                f"{type(estimator).__name__}"
            )
        self.estimator: MediationEstimator = estimator or MultiplyRobust()
        x, y, m = query.on_table()
        check_names(data, x, y)
        for name in m:
            data.index(name)
        self.data = expanded(data)
        pair = complete(self.data.select([x, y]))
        found = resolve(pair, x, y, query.treated, query.control, "difference")
        if not found.discrete:
            raise InputError(
                f"natural effects compare two levels, and {x!r} is a dose: make levels of it"
            )
        if len(found.arms) > 2:
            raise InputError(
                f"{x!r} has {len(found.arms)} levels: name two with treated= and control="
            )
        self.found = found
        self.contrast, self.units = found.labels[0], found.units
        self._kept: dict[Any, tuple[Natural, Data, Any, tuple[str, ...]]] = {}

    def piece(self, formula: NestedFormula, adjust: tuple[str, ...] | None, part: str) -> Piece:
        """The answer by a formula: with covariates, or else evaluated on a table."""
        key: Any = formula.expression if adjust is None else adjust
        given = adjust or ()
        if key not in self._kept:
            self._kept[key] = self._by_table(formula) if adjust is None else self._fresh(adjust)
        natural, rows, dependence, notes = self._kept[key]
        x, y, m = self.query.on_table()
        level, df = self.query.level, freedom(dependence.groups)
        shown: dict[str, Any] = {}
        for name, (i, j) in PARTS.items():
            value = float(natural.means[i] - natural.means[j])
            row = natural.influence[:, i] - natural.influence[:, j]
            se = float(np.sqrt(covariance(row, groups=dependence.groups)[0, 0]))
            shown[name] = (value, se, normal(value, se, level, df=df))
        value, se, interval = shown[part]
        total = shown["total"][0]
        diagnostics = {
            "parts": {
                k: {"value": v, "se": s, "interval": list(ends)}
                for k, (v, s, ends) in shown.items()
            },
            "share_indirect": shown["indirect"][0] / total if total else None,
            "given": list(given),
            **natural.details,
        }
        return Piece(
            value, interval, key=key, estimand=NaturalEffect(x, y, m, given, part, formula),
            method=natural.method, se=se, n=rows.n, effective_n=natural.effective_n,
            assumptions=of_mediation(x, y, m, given, natural, dependence),
            diagnostics=diagnostics, warnings=notes,
            cites=("pearl2001", *natural.cites), data=rows,
        )  # fmt: skip

    def _fresh(self, given: tuple[str, ...]) -> tuple[Natural, Data, Any, tuple[str, ...]]:
        x, y, m = self.query.on_table()
        chosen, held = kept_rows(self.data, (x, y, *m, *given))
        given = (*given, *held)
        rows = complete(chosen)
        dependence = of_rows(rows)
        t = rows.column(x)
        control, treated = self.found.arms
        coded = np.where(t == treated, 1, np.where(t == control, 0, 2)).astype(np.int64)
        mediators, m_sizes = covariates(rows, m)
        for name, column in zip(m, mediators.T, strict=True):
            if column.min() == column.max():
                raise InputError(f"the mediator {name!r} is constant: nothing can go through it")
        c, c_sizes = covariates(rows, given)
        need_room((*m, *given), (*m_sizes, *c_sizes), rows.n)
        w = np.ones(rows.n) if rows.weights is None else rows.weights / rows.weights.mean()
        problem = Mediation(
            np.asarray(rows.column(y), dtype=np.float64), coded, mediators, m_sizes, c, c_sizes, w,
            dependence.groups, self.found.binary,
        )  # fmt: skip
        natural = self.estimator.mediate(problem, rng=np.random.default_rng(self.seed))
        return natural, rows, dependence, (*told(chosen), *said(held))

    def _by_table(self, formula: NestedFormula) -> tuple[Natural, Data, Any, tuple[str, ...]]:
        """Another formula than adjustment: on discrete columns, as it is."""
        x, y, m = self.query.on_table()
        observed = formula.expression.observed | {x, y, *m}
        needed = tuple(n for n in self.data.names if n in observed)
        rows, held = kept_rows(self.data, needed)
        if held:
            raise NotSupported(
                "rows come from several conditions: a formula other than adjustment is answered "
                "in one condition only; keep the rows of one"
            )
        chosen = rows
        rows = complete(rows)
        natural = nested_plug_in(formula, rows, (x, y), self.found.arms)
        return natural, rows, of_rows(rows), told(chosen)
