"""From a CDE question and rows to the piece that one adjustment set gives."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from ...core.data import Data
from ...core.errors import InputError, NotSupported
from ...core.missing import complete, told
from ...core.variable import Kind, Variable
from ..contrast import check_names, is_discrete, resolve
from ..estimators.doubly_robust import DoublyRobust
from ..mixture import Piece
from ..natural import ControlledEffect
from ..solve import expanded, solve
from .assumed import of_controlled
from .rows import kept_rows, said

TOGETHER = "(set together)"


class Controlling:
    """Holds rows and contrast of a CDE question; treatment and mediators are set as one column."""

    def __init__(self, query: Any, data: Data, estimator: Any, seed: int) -> None:
        self.query, self.seed = query, seed
        self.estimator = estimator or DoublyRobust()
        if not callable(getattr(self.estimator, "estimate", None)):
            raise InputError(
                f"a controlled effect is estimated by adjustment, e.g. DoublyRobust(), not by "
                f"{type(estimator).__name__}"
            )
        x, y, _ = query.on_table()
        check_names(data, x, y)
        self.data = expanded(data)
        self.values: dict[str, float] = {}
        for name, value in query.values().items():
            if not is_discrete(complete(self.data.select([name])), name):
                raise NotSupported(
                    f"the mediator {name!r} is {self.data.variable(name).kind}: an effect with it "
                    "set to one value needs levels; make levels of it, or ask for NDE"
                )
            self.values[name] = float(self.data.variable(name).encode(value))
        pair = complete(self.data.select([x, y]))
        found = resolve(pair, x, y, query.treated, query.control, "difference")
        if not found.discrete or len(found.arms) > 2:
            raise InputError(f"{x!r} needs two levels: name them with treated= and control=")
        self.found, self.units = found, found.units
        said = ", ".join(f"{k} set to {v!r}" for k, v in query.values().items())
        self.contrast = f"{found.labels[0]}, {said}"
        self._kept: dict[tuple[str, ...], Piece] = {}

    def piece(self, given: tuple[str, ...]) -> Piece:
        """The answer with these covariates."""
        if given not in self._kept:
            self._kept[given] = self._fresh(given)
        return self._kept[given]

    def _fresh(self, given: tuple[str, ...]) -> Piece:
        x, y, m = self.query.on_table()
        chosen, held = kept_rows(self.data, (x, y, *m, *given))
        given = (*given, *held)
        rows = complete(chosen)
        table, counts = self._together(rows)
        contrast = replace(
            self.found,
            treatment=TOGETHER,
            arms=(0.0, 1.0),
            pairs=((1, 0),),
            labels=(self.contrast,),
        )
        found = solve(
            table, contrast, given, self.estimator, rng=np.random.default_rng(self.seed),
            level=self.query.level,
        )  # fmt: skip
        prepared = found.prepared
        note = "" if prepared is None else prepared.note
        overlap = "" if prepared is None else str(prepared.overlap["text"])
        return Piece(
            found.value, found.interval, key=given, estimand=ControlledEffect(x, y, m, given),
            method=found.fitted.method, se=found.se, n=rows.n, effective_n=found.effective_n,
            assumptions=of_controlled(x, y, m, given, overlap, found),
            diagnostics={"given": list(given), "rows_at_the_value": counts},
            warnings=(*told(chosen), *said(held), *((note,) if note else ())),
            cites=("robins1992", *found.fitted.cites), data=rows,
        )  # fmt: skip

    def _together(self, rows: Data) -> tuple[Data, list[int]]:
        """Rows with treatment and mediators as one column: control, treated, or other."""
        x, _, m = self.query.on_table()
        here = np.ones(rows.n, dtype=bool)
        for name, value in self.values.items():
            here &= rows.column(name) == value
        t = rows.column(x)
        joint = np.full(rows.n, 2.0)
        for k, arm in enumerate(self.found.arms):
            joint[here & (t == arm)] = k
        counts = [int((joint == k).sum()) for k in (0, 1)]
        if min(counts) < 10:
            raise InputError(
                f"only {min(counts)} rows have {', '.join(m)} at the value set and one of the "
                f"levels of {x}; at least 10 are needed"
            )
        levels = ("control", "treated", "other")[: int(joint.max()) + 1]
        return rows.with_column(Variable(TOGETHER, Kind.CATEGORICAL, levels), joint), counts
