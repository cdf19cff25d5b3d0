"""NOTEARS: least squares over acyclic weight matrices."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from ..core.budget import Budget, Run, start
from ..core.discovery import Discovery
from ..core.errors import InputError
from ..core.knowledge import Knowledge
from ..core.source import Source
from .acyclicity import Floats, exponential
from .continuous import (
    Setting,
    SquaredLoss,
    State,
    at_least_zero,
    descend,
    discovery,
    penalised,
    prepare,
    within_order,
)

FIRST, LAST = 1e-3, 1e16  # multipliers of the constraint


@dataclass(frozen=True)
class NOTEARS:
    """Least squares with a lasso penalty over weight matrices without a cycle.

    Minimises sum_j Var(x_j - W_j' x) / 2 + penalty * sum |W| subject to
    h(W) = tr(exp(W o W)) - d = 0, then drops edges below `threshold`. The result is a DAG: it is
    right in large samples if the noise variances are equal and no weight is small. It depends on
    the scale of the columns, which are centred and not standardised; on standardised columns it
    is far behind an order search (`BOSS`).

    The published augmented Lagrangian solves subproblems loss + alpha h + rho h^2 / 2. Each of
    their solutions is a stationary point of loss + c h with c = alpha + rho h; here c itself rises
    by a constant factor until h <= `tolerance`. What that leaves open is closed exactly: the
    weakest edges of cycles go, and the convex problem within the order that remains is solved to
    rounding. The problem has many local minima: one such path is followed for each of `rates`,
    and the lowest objective is the answer. Only covariances are used, so that the time does not
    depend on the number of rows. Where conditions have targets, node j is regressed on the rows
    whose condition does not target j.

    Parameters
    ----------
    penalty : float
        Of absolute weights (lambda_1); 0 for none. Required edges bear none.
    threshold : float
        Edges with smaller absolute weight are dropped, except required ones.
    tolerance : float
        Of h.
    rates : tuple of float
        Factors by which c rises, one path each.

    Source: Zheng, Aragam, Ravikumar and Xing (2018), equations 5 to 8 and algorithm 1.
    """

    penalty: float = 0.1
    threshold: float = 0.3
    tolerance: float = 1e-8
    rates: tuple[float, ...] = (10.0, 4.0)

    def __post_init__(self) -> None:
        at_least_zero(penalty=self.penalty, threshold=self.threshold)
        if not 0 < self.tolerance < 1:
            raise InputError(f"tolerance={self.tolerance}: expected a small positive number")
        if not self.rates or not min(self.rates) > 1:
            raise InputError(f"rates={self.rates}: expected factors larger than 1, such as (10, 4)")

    def learn(
        self,
        source: Source,
        *,
        knowledge: Knowledge | None = None,
        budget: Budget | Run | None = None,
        rng: np.random.Generator | int = 0,
    ) -> Discovery:
        """Search; see `Learner`. Nothing is random.

        `details["weights"]` (d, d) are the weights of the graph's edges, [i, j] for i -> j.
        """
        run, known = start(budget), knowledge or Knowledge()
        began = run.seconds
        setting = prepare(source, known, "NOTEARS")
        if self.penalty == 0:
            need_rows(setting, "NOTEARS without a penalty")
        W, details = self.solve(setting, run)
        found = discovery(
            self, setting, W, known, complete=not details.pop("stopped"), details=details,
            cites=("zheng2018",),
        )  # fmt: skip
        return found.replacing(seconds=run.seconds - began)

    def solve(self, setting: Setting, run: Run) -> tuple[Floats, dict[str, Any]]:
        """Weights (d, d) of the lowest objective before the threshold, and figures."""
        best: tuple[float, Floats, State] | None = None
        steps, stopped = 0, False
        L = setting.penalties(self.penalty)
        for i, rate in enumerate(self.rates):
            found = path(setting, L, self.tolerance, rate, run.share(1 / (len(self.rates) - i)))
            steps, stopped = steps + found.steps, stopped or not found.finished
            W = np.ascontiguousarray(found.T.T)
            if found.finished:
                W = within_order(setting, W, self.penalty, run)
            value = objective(setting, W, L) if found.finished else np.inf
            if best is None or value < best[0]:
                best = value, W, found
            if run.spent:
                stopped = stopped or i + 1 < len(self.rates)
                break
        assert best is not None
        value, W, found = best
        figures = {"objective": objective(setting, W, L), "h": found.h, "steps": steps}
        return W, {**figures, "stopped": stopped}


def objective(setting: Setting, W: Floats, L: Floats) -> float:
    """Penalised least squares of weights (d, d); L is transposed."""
    T = np.ascontiguousarray(W.T)
    return SquaredLoss(setting).at(T)[0] + penalised(T, L)


def need_rows(setting: Setting, who: str) -> None:
    """Refuse fewer rows than columns, where least squares is not determined."""
    if setting.rows <= setting.d:
        raise InputError(
            f"{who} needs more rows than columns, got {setting.rows:g} rows for {setting.d} "
            "columns; use NOTEARS with a penalty, or fewer columns"
        )


def path(setting: Setting, L: Floats, tolerance: float, rate: float, run: Run) -> State:
    """Minima of least squares + c h for c rising by `rate`, until h <= tolerance; L transposed."""
    c, steps = FIRST, 0
    T, loss = np.zeros_like(L), SquaredLoss(setting)
    while True:
        found = descend(setting, loss, exponential, c, L, T, run)
        T, steps = found.T, steps + found.steps
        run.tick(float(np.log(c / FIRST) / np.log(1e12)), f"h = {found.h:.1e}")
        if not found.finished or found.h <= tolerance or c > LAST:
            return State(T, found.value, found.h, steps, found.finished)
        c *= rate
