"""DAGMA with a small network for each node."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ...core.budget import Budget, Run, start
from ...core.discovery import Discovery
from ...core.errors import InputError
from ...core.knowledge import Knowledge
from ...core.source import Source
from ..acyclicity import Floats, log_determinant
from ..continuous import at_least_zero, discovery
from .locally_connected import Networks, Residuals, few_threads, sizes, strength, training
from .orthant import Smooth, descend


@dataclass(frozen=True)
class DagmaMLP:
    """Nonlinear DAGMA: each variable is a small network of the others, without a cycle.

    Minimises mu * (d/2 log(mean squared residual) + penalty * sum |first layers|
    + decay/2 * squares of all weights and biases) + h(W) for falling mu, each from the last, with
    h(W) = -log det(s I - W o W) + d log s and W_ij the norm of the first layer of j at i; then
    drops edges below `threshold`. Assumes what `NotearsMLP` assumes.

    The published method descends by Adam; here an orthant-wise quasi-Newton method solves the same
    subproblems. Needs rows.

    Parameters
    ----------
    hidden : tuple of int
        Units of the hidden layers.
    penalty, decay : float
        lambda_1 and lambda_2.
    threshold : float
    central : tuple of float
        The values of mu, falling.
    s : float
    steps : int
        Of each subproblem, at most.

    Source: Bello, Aragam and Ravikumar (2022), section 4; the values are those of the authors'
    package, dagma 1.1.1.
    """

    hidden: tuple[int, ...] = (10,)
    penalty: float = 0.02
    decay: float = 0.005
    threshold: float = 0.3
    central: tuple[float, ...] = (0.1, 0.01, 1e-3, 1e-4)
    s: float = 1.0
    steps: int = 1000

    def __post_init__(self) -> None:
        sizes(self.hidden)
        at_least_zero(penalty=self.penalty, decay=self.decay, threshold=self.threshold)
        if not self.central or not min(*self.central, self.s) > 0 or self.steps < 1:
            raise InputError("expected positive `central`, `s` and `steps`")

    def learn(
        self,
        source: Source,
        *,
        knowledge: Knowledge | None = None,
        budget: Budget | Run | None = None,
        rng: np.random.Generator | int = 0,
    ) -> Discovery:
        """Search; see `Learner`. The seed sets the first weights of the networks.

        `details["weights"]` (d, d) are the norms W of the graph's edges, [i, j] for i -> j.
        """
        run, known = start(budget), knowledge or Knowledge()
        began = run.seconds
        setting, rows = training(source, known, "DagmaMLP")
        networks = Networks(setting.d, self.hidden)
        loss, lasso = Residuals(networks, rows), networks.lasso(setting, self.penalty)
        point, steps, finished = networks.start(np.random.default_rng(rng)), 0, True
        with few_threads():
            for i, mu in enumerate(self.central):
                found = descend(
                    self._objective(loss, 1.0 / mu), lasso, point, run,
                    steps=self.steps, tolerance=1e-6,
                )  # fmt: skip
                point, steps, finished = found.point, steps + found.steps, found.finished
                run.tick((i + 1) / len(self.central))
                if not finished:
                    break
        squares = networks.squares(point)
        details = {"h": log_determinant(squares, self.s)[0], "steps": steps}
        found_graph = discovery(
            self, setting, strength(setting, squares), known, complete=finished,
            details=details, cites=("bello2022",),
        )  # fmt: skip
        return found_graph.replacing(seconds=run.seconds - began)

    def _objective(self, loss: Residuals, c: float) -> Smooth:
        """The subproblem divided by mu = 1 / c, less the lasso."""
        networks, d = loss.networks, loss.networks.d
        n = len(loss.rows)

        def smooth(x: Floats) -> tuple[float, Floats]:
            h, inverse = log_determinant(networks.squares(x), self.s)
            if not np.isfinite(h):
                return np.inf, x
            total, gradient = loss.at(x)
            total = max(total, 1e-300)
            value = 0.5 * d * np.log(total / n) + c * h + 0.5 * self.decay * float(x @ x)
            slope = gradient * (0.5 * d / total) + self.decay * x
            return value, slope + networks.pull(x, c * inverse.T)

        return smooth
