"""DAGMA: least squares over acyclic weight matrices by a log-determinant."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import numpy as np

from ..core.budget import Budget, Run, start
from ..core.discovery import Discovery
from ..core.errors import InputError
from ..core.knowledge import Knowledge
from ..core.source import Source
from .acyclicity import Floats, log_determinant
from .continuous import (
    Setting,
    SquaredLoss,
    State,
    at_least_zero,
    descend,
    discovery,
    prepare,
    within_order,
)
from .notears import need_rows, objective

CENTRAL = (1.0, 0.1, 0.01, 1e-3, 1e-4)
DOMAIN = (1.0, 0.9, 0.8, 0.7, 0.6)


@dataclass(frozen=True)
class DAGMA:
    """Least squares with a lasso penalty over acyclic weights, along a central path.

    Minimises mu * (sum_j Var(x_j - W_j' x) / 2 + penalty * sum |W|) + h_s(W) with
    h_s(W) = -log det(s I - W o W) + d log s for falling mu, each from the last, starting at 0
    with s I - W o W an M-matrix throughout; then drops edges below `threshold`. Assumes what
    `NOTEARS` assumes, and depends on the scale of the columns as it does.

    The published method descends by Adam; here the same subproblems are solved by proximal
    Newton steps. After the last mu the weakest edges of cycles go and the convex problem within
    the order that remains is solved to rounding, as in `NOTEARS`. Only covariances are used.

    Parameters
    ----------
    penalty : float
        Of absolute weights (lambda_1); 0 for none. Required edges bear none.
    threshold : float
        Edges with smaller absolute weight are dropped, except required ones.
    central : tuple of float
        The values of mu, falling.
    domain : tuple of float
        The s of each mu; raised by 0.1 where the weights at hand lie outside.

    Source: Bello, Aragam and Ravikumar (2022), algorithm 1; the values are those of the authors'
    package, dagma 1.1.1.
    """

    penalty: float = 0.03
    threshold: float = 0.3
    central: tuple[float, ...] = CENTRAL
    domain: tuple[float, ...] = DOMAIN

    def __post_init__(self) -> None:
        at_least_zero(penalty=self.penalty, threshold=self.threshold)
        if not self.central or len(self.central) != len(self.domain):
            raise InputError("`central` and `domain` must have as many values, at least one")
        if not min(self.central + self.domain) > 0:
            raise InputError("`central` and `domain` must be positive")

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
        setting = prepare(source, known, "DAGMA")
        if self.penalty == 0:
            need_rows(setting, "DAGMA without a penalty")
        L = setting.penalties(self.penalty)
        end = self._path(setting, L, run)
        W = np.ascontiguousarray(end.T.T)
        if end.finished:
            W = within_order(setting, W, self.penalty, run)
        found = discovery(
            self, setting, W, known, complete=end.finished,
            details={"objective": objective(setting, W, L), "h": end.h, "steps": end.steps},
            cites=("bello2022",),
        )  # fmt: skip
        return found.replacing(seconds=run.seconds - began)

    def _path(self, setting: Setting, L: Floats, run: Run) -> State:
        T, steps, loss = np.zeros_like(L), 0, SquaredLoss(setting)
        found = State(T, np.inf, 0.0, 0, True)
        for i, (mu, s) in enumerate(zip(self.central, self.domain, strict=True)):
            while not np.isfinite(log_determinant(T * T, s)[0]):
                s += 0.1
            found = descend(setting, loss, partial(log_determinant, s=s), 1.0 / mu, L, T, run)
            T, steps = found.T, steps + found.steps
            run.tick((i + 1) / len(self.central), f"h = {found.h:.1e}")
            if not found.finished:
                break
        return State(T, found.value, found.h, steps, found.finished)
