"""GOLEM: penalised Gaussian likelihood of a weight matrix, with a soft penalty on cycles."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..core.budget import Budget, Run, start
from ..core.discovery import Discovery
from ..core.knowledge import Knowledge
from ..core.source import Source
from .acyclicity import Floats, exponential
from .continuous import Setting, State, at_least_zero, descend, discovery, prepare
from .notears import need_rows

RAMPS = ((1.0,), (0.1, 1.0), (10.0, 1.0))  # factors of the weight of h, one path each
TINY = 1e-12  # share of a column's variance below which its residual does not fall


@dataclass(frozen=True)
class GOLEM:
    """Likelihood of a linear Gaussian model with a lasso and a soft penalty on cycles.

    Minimises, over weights W (d, d) with residual variances r_j = Var(x_j - W_j' x),
    d/2 log(mean r) - log |det(I - W)| + penalty * sum |W| + acyclicity * h(W), or, without equal
    variances, sum_j log(r_j) / 2 in place of the first term, from the solution with equal
    variances. h(W) = tr(exp(W o W)) - d is not driven to 0: edges below `threshold` are dropped,
    then the weakest until no cycle is left. Without equal variances linear Gaussian data do not
    tell the direction of every edge; the DAG is then one of its equivalence class.

    The published method descends by Adam; here the same function is lowered by proximal Newton
    steps. It has many local minima: with equal variances they start three times at 0, once with
    h weighing as it should and twice with a tenth and with ten times that at first, and the
    lowest objective is kept. Only covariances are used.

    Parameters
    ----------
    equal_variances : bool
        GOLEM-EV if True, GOLEM-NV if not.
    penalty : float, optional
        Of absolute weights (lambda_1); 0.02 with equal variances and 0.002 without, as published,
        if not given. Required edges bear none.
    acyclicity : float
        Weight of h (lambda_2).
    threshold : float
        Edges with smaller absolute weight are dropped, except required ones.

    Source: Ng, Ghassami and Zhang (2020), section 4 and appendix F.
    """

    equal_variances: bool = True
    penalty: float | None = None
    acyclicity: float = 5.0
    threshold: float = 0.3

    def __post_init__(self) -> None:
        at_least_zero(
            penalty=self.penalty or 0.0, acyclicity=self.acyclicity, threshold=self.threshold
        )

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
        setting = prepare(source, known, "GOLEM", targets=False)
        need_rows(setting, "GOLEM")
        end = self._equal(setting, run)
        if not self.equal_variances and end.finished:
            first, complete = end.steps, end.finished
            end = self._fit(setting, False, (1.0,), run, end.T)
            end = State(end.T, end.value, end.h, first + end.steps, complete and end.finished)
        found = discovery(
            self, setting, np.ascontiguousarray(end.T.T), known, complete=end.finished,
            details={"objective": end.value, "h": end.h, "steps": end.steps},
            cites=("ng2020",),
        )  # fmt: skip
        return found.replacing(seconds=run.seconds - began)

    def _equal(self, setting: Setting, run: Run) -> State:
        """The lowest of the paths with equal variances."""
        best: State | None = None
        steps = 0
        for ramp in RAMPS:
            found = self._fit(setting, True, ramp, run, np.zeros((setting.d, setting.d)))
            steps += found.steps
            if best is None or (found.finished and found.value < best.value):
                best = found
            if not found.finished:
                return State(best.T, best.value, best.h, steps, False)
        assert best is not None
        return State(best.T, best.value, best.h, steps, True)

    def _fit(
        self, setting: Setting, equal: bool, ramp: tuple[float, ...], run: Run, T: Floats
    ) -> State:
        own = self.penalty if equal == self.equal_variances else None
        L = setting.penalties((0.02 if equal else 0.002) if own is None else own)
        loss, steps = Likelihood(setting, equal), 0
        for factor in ramp:
            found = descend(
                setting, loss, exponential, factor * self.acyclicity, L, T, run,
                tolerance=1e-7, unit=float(setting.d),
            )  # fmt: skip
            T, steps = found.T, steps + found.steps
            if not found.finished:
                break
        return State(T, found.value, found.h, steps, found.finished)


@dataclass(frozen=True, eq=False)
class Likelihood:
    """Negative Gaussian log-likelihood a row, less constants, as a function of T = W'."""

    setting: Setting
    equal: bool

    def at(self, T: Floats) -> tuple[float, Floats, Floats]:
        """Value, gradient, and the curvature that the logarithm has at most."""
        d = len(T)
        own = self.setting.own
        product = self.setting.times(T)
        variance = np.diag(own).copy()
        varies = variance > 0
        r = variance + np.sum(T * (product - 2.0 * own), axis=1)
        r = np.where(varies, np.maximum(r, TINY * variance), 1.0)
        sign, size = np.linalg.slogdet(np.eye(d) - T)
        if sign == 0 or not np.isfinite(size):
            return np.inf, np.zeros_like(T), np.ones(d)
        if self.equal:
            k = int(varies.sum())
            total = float(r[varies].sum())
            value, a = 0.5 * k * np.log(total / max(k, 1)), np.full(d, k / max(total, 1e-300))
        else:
            value, a = 0.5 * float(np.log(r[varies]).sum()), 1.0 / r
        gradient = a[:, None] * (product - own) + np.linalg.inv(np.eye(d) - T).T
        return float(value - size), gradient, a
