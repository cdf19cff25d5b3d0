"""How strong a hidden common cause would have to be to overturn the answer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..core.errors import InputError
from .estimators import glm
from .estimators.basis import column, make
from .estimators.problem import Problem

Floats = NDArray[np.float64]
STEPS = 21  # points of a contour's grid along each side


def partial_r2(t: float, df: float) -> float:
    """Partial R2 of a regressor from its t statistic and residual degrees of freedom."""
    return t**2 / (t**2 + df)


def robustness_value(t: float, df: float, *, q: float = 1.0, alpha: float | None = None) -> float:
    """Share of residual variance of treatment and outcome, both, that would take q of the effect.

    With `alpha`: that would make it no longer significant at that level.
    Cinelli and Hazlett (2020), equations 18 and 19.
    """
    if df <= 1:
        raise InputError(f"df={df}: a robustness value needs more than one degree of freedom")
    f = q * abs(t) / np.sqrt(df)
    if alpha is not None:
        from scipy import special

        f -= abs(float(special.stdtrit(df - 1, alpha / 2))) / np.sqrt(df - 1)
    if f <= 0:
        return 0.0
    if alpha is not None and f > np.sqrt(df):  # far beyond any effect met in practice
        return 1.0
    return float((np.sqrt(f**4 + 4 * f**2) - f**2) / 2)


def adjusted(
    estimate: float, se: float, df: float, r2_treatment: float, r2_outcome: float
) -> tuple[float, float]:
    """Estimate moved towards zero, and its standard error, under a hidden common cause.

    r2_treatment : partial R2 of the cause with the treatment given the covariates; r2_outcome :
    with the outcome given treatment and covariates. Cinelli and Hazlett (2020), equations 10 to 12.
    """
    bias = se * np.sqrt(df) * np.sqrt(r2_outcome * r2_treatment / (1 - r2_treatment))
    spread = se * np.sqrt((1 - r2_outcome) / (1 - r2_treatment) * df / (df - 1))
    return float(np.sign(estimate) * (abs(estimate) - bias)), float(spread)


def benchmark(
    r2_treatment: float, r2_outcome: float, k_treatment: float = 1.0, k_outcome: float = 1.0
) -> tuple[float, float]:
    """Bounds on both partial R2 of a hidden cause k times as strong as an observed covariate.

    r2_treatment, r2_outcome : of the observed covariate, each given all others (the second also
    given the treatment). Cinelli and Hazlett (2020), equations 20 to 22. Bounds stop at 1.
    """
    if k_treatment * r2_treatment >= 1 - r2_treatment:
        return 1.0, 1.0
    of_treatment = k_treatment * r2_treatment / (1 - r2_treatment)
    shared = k_treatment * r2_treatment**2 / ((1 - k_treatment * r2_treatment) * (1 - r2_treatment))
    if shared >= 1 or r2_outcome >= 1:
        return of_treatment, 1.0
    eta = (np.sqrt(k_outcome) + np.sqrt(shared)) / np.sqrt(1 - shared)
    return float(of_treatment), float(min(1.0, eta**2 * r2_outcome / (1 - r2_outcome)))


def e_value(ratio: float, bound: float | None = None) -> tuple[float, float]:
    """E-values of a risk ratio and of the limit of its interval nearest to 1.

    The risk ratio that a hidden cause must have with both treatment and outcome to explain the
    answer away (VanderWeele and Ding 2017). `bound` defaults to `ratio`.
    """
    near = ratio if bound is None else bound
    if ratio <= 0 or near < 0:
        raise InputError("an E-value needs positive risk ratios")
    crosses = (ratio >= 1) != (near >= 1)

    def single(rr: float) -> float:
        rr = 1 / rr if rr < 1 else rr
        return float(rr + np.sqrt(rr * (rr - 1)))

    return single(ratio), 1.0 if crosses else single(near)


@dataclass(frozen=True)
class Linear:
    """Treatment in the linear regression of the outcome, and its covariates' partial R2."""

    estimate: float
    se: float
    df: float
    covariates: tuple[tuple[str, float, float], ...]

    @property
    def t(self) -> float:
        """t statistic of the treatment."""
        return self.estimate / self.se


def contour(
    fit: Linear, marks: Sequence[Mapping[str, Any]], *, level: float = 0.95
) -> dict[str, Any]:
    """Adjusted estimates and t values over both partial R2 of a hidden cause, JSON-ready.

    marks : benchmarks with "r2_treatment" and "r2_outcome"; the grid reaches past all of them and
        past the robustness value. Cinelli and Hazlett (2020), section 5.1.

    Returns
    -------
    "r2_treatment" (k,) and "r2_outcome" (m,), "estimate" and "t" (m, k) as lists of rows, and
    "critical", the |t| below which zero is inside the interval.
    """
    from scipy import special

    robust = robustness_value(fit.t, fit.df)
    sides = []
    for name in ("r2_treatment", "r2_outcome"):
        furthest = max([robust, *(float(m[name]) for m in marks)])
        sides.append(np.linspace(0, min(0.95, max(0.05, 1.25 * furthest)), STEPS))
    cells = [[adjusted(fit.estimate, fit.se, fit.df, a, b) for a in sides[0]] for b in sides[1]]
    return {
        "r2_treatment": [_short(v) for v in sides[0]],
        "r2_outcome": [_short(v) for v in sides[1]],
        "estimate": [[_short(value) for value, _ in row] for row in cells],
        "t": [[_short(value / se) if se > 0 else 0.0 for value, se in row] for row in cells],
        "critical": float(abs(special.stdtrit(max(fit.df - 1, 1), (1 - level) / 2))),
    }


def _short(value: float) -> float:
    return float(f"{value:.5g}")


def linear(problem: Problem) -> Linear | None:
    """The regression that sensitivity is read from; None if it cannot be fitted.

    Per unit of the dose (heavy tails mapped to normal scores), or treated against control arm;
    weights count as rows.
    """
    rows = problem.t >= 0 if problem.discrete else np.ones(problem.n, dtype=bool)
    if problem.discrete:
        rows = np.isin(problem.t, (0, 1))
    x = problem.x[rows]
    y, t, w = problem.y[rows], problem.t[rows], problem.weights[rows]
    if not problem.discrete:
        made = column(t, 0)
        t = made.expand(t)[:, 0] * (1.0 if made.grid is not None else made.scale)
    design = make(x, problem.sizes, "linear", tame=True).expand(x)
    df = len(y) - design.shape[1] - 1
    if df < 10:
        return None
    residual_t = t - design @ glm.linear(design, t, w).beta
    residual_y = y - design @ glm.linear(design, y, w).beta
    left = float(w @ residual_t**2)
    if left < 1e-10 * float(w @ (t - t.mean()) ** 2):
        return None
    estimate = float(w @ (residual_t * residual_y)) / left
    error = float(w @ (residual_y - estimate * residual_t) ** 2)
    if error <= 0:
        return None
    se = float(np.sqrt(error / df / left))
    return Linear(estimate, se, df, tuple(_shares(problem, x, y, t, w)))


def _shares(
    problem: Problem, x: Floats, y: Floats, t: Floats, w: Floats
) -> list[tuple[str, float, float]]:
    out = []
    for j, name in enumerate(problem.names):
        others = [k for k in range(x.shape[1]) if k != j]
        sizes = tuple(problem.sizes[k] for k in others)
        less = make(x[:, others], sizes, "linear", tame=True).expand(x[:, others])
        full = make(x, problem.sizes, "linear", tame=True).expand(x)
        with_t = [np.column_stack([z, t]) for z in (less, full)]
        out.append((name, _gain(less, full, t, w), _gain(with_t[0], with_t[1], y, w)))
    return out


def _gain(less: Floats, full: Floats, y: Floats, w: Floats) -> float:
    """Share of the variance left by `less` that the further terms of `full` explain."""
    left, rest = (float(w @ (y - z @ glm.linear(z, y, w).beta) ** 2) for z in (less, full))
    return max(0.0, 1 - rest / left) if left > 0 else 0.0
