"""NOTEARS with a small network for each node."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from ...core.budget import Budget, Run, start
from ...core.discovery import Discovery
from ...core.errors import InputError
from ...core.knowledge import Knowledge
from ...core.source import Source
from ..acyclicity import Floats, exponential
from ..continuous import at_least_zero, discovery
from .locally_connected import Networks, Residuals, few_threads, sizes, strength, training
from .orthant import descend

LARGEST = 1e16  # of rho
ROUNDS = 100  # of the multiplier
FAR = 1e50  # an h beyond which a point is out of bounds


@dataclass(frozen=True)
class NotearsMLP:
    """Nonlinear NOTEARS: each variable is a small network of the others, without a cycle.

    Minimises the mean squared residual (halved, summed over variables) plus `penalty` times the
    absolute weights of the first layers plus `decay` / 2 times all squared weights, subject to
    h(W) = tr(exp(W o W)) - d = 0 with W_ij the norm of the first layer of j at i; then drops edges
    below `threshold`. Assumes additive noise of equal variance and no hidden common cause, and
    depends on the scale of the columns, which are centred.

    The augmented Lagrangian is the published one; its subproblems are solved by an orthant-wise
    quasi-Newton method, which gives exact zeros. Needs rows.

    Parameters
    ----------
    hidden : tuple of int
        Units of the hidden layers.
    penalty, decay : float
        lambda_1 and lambda_2.
    threshold : float
    tolerance : float
        Of h.
    steps : int
        Of each subproblem, at most.

    Source: Zheng, Dan, Aragam, Ravikumar and Xing (2020), section 4.
    """

    hidden: tuple[int, ...] = (10,)
    penalty: float = 0.01
    decay: float = 0.01
    threshold: float = 0.3
    tolerance: float = 1e-8
    steps: int = 500

    def __post_init__(self) -> None:
        sizes(self.hidden)
        at_least_zero(penalty=self.penalty, decay=self.decay, threshold=self.threshold)
        if not 0 < self.tolerance < 1 or self.steps < 1:
            raise InputError("expected 0 < tolerance < 1 and at least one step")

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
        setting, rows = training(source, known, "NotearsMLP")
        networks = Networks(setting.d, self.hidden)
        with few_threads():
            point, figures = self._lagrangian(
                Residuals(networks, rows), networks.lasso(setting, self.penalty),
                networks.start(np.random.default_rng(rng)), run,
            )  # fmt: skip
        found = discovery(
            self, setting, strength(setting, networks.squares(point)), known,
            complete=figures.pop("finished"), details=figures, cites=("zheng2020",),
        )  # fmt: skip
        return found.replacing(seconds=run.seconds - began)

    def _lagrangian(
        self, loss: Residuals, lasso: Floats, point: Floats, run: Run
    ) -> tuple[Floats, dict[str, Any]]:
        """The weights at the end of the augmented Lagrangian, and figures."""
        networks, rho, alpha, h, steps = loss.networks, 1.0, 0.0, np.inf, 0

        def smooth(x: Floats) -> tuple[float, Floats]:
            now, exp = exponential(networks.squares(x))
            if not now < FAR:
                return np.inf, x
            f, g = self._fit(loss, x)
            g += networks.pull(x, (alpha + rho * now) * exp.T)
            return f + alpha * now + 0.5 * rho * now * now, g

        for _ in range(ROUNDS):
            while True:
                found = descend(smooth, lasso, point, run, steps=self.steps, tolerance=1e-6)
                steps += found.steps
                new = exponential(networks.squares(found.point))[0]
                if not found.finished or new <= 0.25 * h or rho >= LARGEST:
                    break
                rho *= 10.0
            point, h = found.point, new
            alpha += rho * h
            run.tick(min(0.95, float(np.log10(rho)) / 16), f"h = {h:.1e}")
            if not found.finished or h <= self.tolerance or rho >= LARGEST:
                break
        return point, {"h": h, "steps": steps, "finished": found.finished}

    def _fit(self, loss: Residuals, x: Floats) -> tuple[float, Floats]:
        """Half the mean squared residual and the decay of all weights but biases."""
        n = len(loss.rows)
        total, gradient = loss.at(x)
        weights = np.where(_is_weight(loss.networks), x, 0.0)
        value = 0.5 * total / n + 0.5 * self.decay * float(weights @ weights)
        return value, gradient * (0.5 / n) + self.decay * weights


def _is_weight(networks: Networks) -> Any:
    """(size,) True for weights, False for biases."""
    parts = [np.full(int(np.prod(s)), i % 2 == 0) for i, s in enumerate(networks.shapes)]
    return np.concatenate(parts)
