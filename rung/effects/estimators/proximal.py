"""Proximal estimation: two kinds of proxies stand in for a hidden common cause."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ...core.errors import InputError, unknown
from ...core.query import Estimand
from .basis import make
from .problem import Fitted, Problem

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class ProximalBridge(Estimand):
    """A mean through an outcome bridge (Miao, Geng and Tchetgen Tchetgen 2018, theorem 1)."""

    treatment: str
    outcome: str
    exposure_proxies: tuple[str, ...]
    outcome_proxies: tuple[str, ...]
    adjust: tuple[str, ...]

    @property
    def text(self) -> str:
        t, y = self.treatment, self.outcome
        w, z = ", ".join(self.outcome_proxies), ", ".join(self.exposure_proxies)
        x = f", {', '.join(self.adjust)}" if self.adjust else ""
        return (
            f"E[{y} | do({t}=t)] = E[h({w}, t{x})], where E[{y} | {t}, {z}{x}] = "
            f"E[h({w}, {t}{x}) | {t}, {z}{x}]"
        )

    @property
    def latex(self) -> str:
        return rf"\text{{{self.text}}}"

    @property
    def words(self) -> str:
        return (
            f"{', '.join(self.exposure_proxies)} tell how {', '.join(self.outcome_proxies)} and "
            f"{self.outcome} move together with what is hidden; that part is taken off"
        )


@dataclass(frozen=True)
class Proximal:
    """Proximal two-stage least squares with a linear outcome bridge.

    First the outcome proxies are regressed on treatment, exposure proxies and covariates, then the
    outcome on treatment, fitted proxies and covariates (Tchetgen Tchetgen, Ying, Cui, Shi and Miao
    2024, section 3). Right if what is hidden acts linearly, exposure proxies do not affect the
    outcome or its proxies, and the treatment does not affect the outcome proxies. Proxies are named
    among the query's `adjust`. Without proxies it is linear regression.

    Parameters
    ----------
    exposure : names of proxies of the hidden cause on the treatment's side
    outcome : names of proxies on the outcome's side, at most as many columns

    Raises
    ------
    InputError
        A name in both.
    """

    exposure: tuple[str, ...] = ()
    outcome: tuple[str, ...] = ()

    trims = True  # a linear bridge does not weight by propensities

    def __post_init__(self) -> None:
        for field in ("exposure", "outcome"):
            names = getattr(self, field)
            object.__setattr__(self, field, (names,) if isinstance(names, str) else tuple(names))
        if both := set(self.exposure) & set(self.outcome):
            raise InputError(f"{', '.join(sorted(both))} cannot be a proxy of both kinds")

    @property
    def assumes(self) -> str:
        """What takes the place of no hidden common cause; empty without proxies."""
        if not self.outcome:
            return ""
        z, w = ", ".join(self.exposure), ", ".join(self.outcome)
        return (
            f"what is hidden shows in {z} and {w} and acts linearly, {z} have no effect on the "
            f"outcome or on {w}, and the treatment has none on {w}"
        )

    def estimand(self, treatment: str, outcome: str, adjust: tuple[str, ...]) -> Estimand | None:
        """The bridge in the data's names; None without proxies."""
        if not self.outcome:
            return None
        others = tuple(n for n in adjust if n not in (*self.exposure, *self.outcome))
        return ProximalBridge(treatment, outcome, self.exposure, self.outcome, others)

    def estimate(self, problem: Problem, *, rng: np.random.Generator) -> Fitted:
        """Means of the arms with their influence functions.

        Raises
        ------
        UnknownName
            A proxy that is not among the columns adjusted for.
        InputError
            Fewer exposure than outcome proxies, or exposure proxies that say nothing of them.
        """
        for name in (*self.exposure, *self.outcome):
            if name not in problem.names:
                raise unknown(name, problem.names, "column of adjust=(...)")
        adjust = tuple(n for n in problem.names if n not in (*self.exposure, *self.outcome))
        base = _columns(problem, adjust)
        z, w = (_columns(problem, names)[:, 1:] for names in (self.exposure, self.outcome))
        if z.shape[1] < w.shape[1]:
            raise InputError(
                f"{z.shape[1]} exposure proxies for {w.shape[1]} outcome proxies: at least as many "
                "are needed"
            )
        dose = _dose(problem)
        given = np.column_stack([dose, base])
        strength = _strength(given, z, w, problem.weights)
        design, tools = np.column_stack([given, w]), np.column_stack([given, z])
        beta, influence_beta = _two_stage(problem.y, design, tools, problem.weights)
        means, influence = _means(problem, design, dose, beta, influence_beta)
        words = f"; exposure proxies explain the outcome's with F = {strength:.3g}"
        details = {"forms": ["linear bridge"], "first_stage_f": strength}
        return Fitted(
            means, influence, f"proximal two-stage least squares{words if self.outcome else ''}",
            details=details, cites=("tchetgen2024", "miao2018"),
        )  # fmt: skip


def _columns(problem: Problem, names: tuple[str, ...]) -> Floats:
    """An intercept and the linear terms of some covariates."""
    keep = [problem.names.index(n) for n in names]
    x, sizes = problem.x[:, keep], tuple(problem.sizes[k] for k in keep)
    return make(x, sizes, "linear").expand(x)


def _dose(problem: Problem) -> Floats:
    """Indicators of the arms after the first (and of other levels), or the dose: (n, q)."""
    if not problem.discrete:
        return problem.t[:, None]
    return np.column_stack([
        *((problem.t == a).astype(float) for a in range(1, len(problem.arms))),
        *([(problem.t < 0).astype(float)] if (problem.t < 0).any() else []),
    ])  # fmt: skip


def _strength(given: Floats, z: Floats, w: Floats, weights: Floats) -> float:
    """Least F of the exposure proxies in the regressions of the outcome proxies."""
    if not w.shape[1]:
        return float("inf")
    root = np.sqrt(weights)[:, None]

    def residual(y: Floats, x: Floats) -> Floats:
        return np.asarray(y * root - (x * root) @ np.linalg.lstsq(x * root, y * root)[0])

    less, full = residual(w, given), residual(w, np.column_stack([given, z]))
    df = len(w) - given.shape[1] - z.shape[1]
    rest = (full**2).sum(axis=0) / df
    gain = ((less**2).sum(axis=0) - (full**2).sum(axis=0)) / z.shape[1]
    return float((gain / np.maximum(rest, 1e-300)).min())


def _two_stage(y: Floats, design: Floats, tools: Floats, weights: Floats) -> tuple[Floats, Floats]:
    """Coefficients (p,) and their influence functions (n, p)."""
    root = np.sqrt(weights)[:, None]
    fitted = tools @ np.linalg.lstsq(tools * root, design * root)[0]
    cross = (fitted * weights[:, None]).T @ design
    if np.linalg.matrix_rank(cross) < min(cross.shape):
        raise InputError(
            "the proxies do not tell the outcome proxies apart from treatment and covariates: "
            "choose others, or leave out columns that repeat each other"
        )
    inverse = np.linalg.inv(cross)
    beta = inverse @ (fitted.T @ (weights * y))
    score = fitted * (weights * (y - design @ beta))[:, None]
    return beta, len(y) * score @ inverse.T


def _means(
    problem: Problem, design: Floats, dose: Floats, beta: Floats, influence_beta: Floats
) -> tuple[Floats, Floats]:
    """Averages of the bridge under each arm, over all rows or the treated."""
    w = problem.weights
    if problem.population == "treated":
        w = w * (problem.t == problem.focus)
    w = w / w.mean()
    means, influence = np.empty(len(problem.arms)), np.empty((problem.n, len(problem.arms)))
    for k, arm in enumerate(problem.arms):
        at = design.copy()
        if problem.discrete:
            at[:, : dose.shape[1]] = 0.0
            if k:
                at[:, k - 1] = 1.0
        else:
            at[:, 0] = arm
        bridge = at @ beta
        means[k] = np.mean(w * bridge)
        slope = (w[:, None] * at).mean(axis=0)
        influence[:, k] = w * (bridge - means[k]) + influence_beta @ slope
    return means, influence
