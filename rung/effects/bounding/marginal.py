"""Bounds under the marginal sensitivity model: hidden causes that shift the odds of treatment."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache, cached_property

import numpy as np
from numpy.typing import NDArray

from ...core.errors import InputError, Overlap
from ...core.graph import Graph
from ...inference.intervals import covariance
from ...inference.resampling import resample_rows
from ..dependence import of_rows
from ..estimators import glm
from ..estimators.basis import make
from ..estimators.doubly_robust import arm_means
from ..estimators.nuisance import RIDGE, Form, fit_mean
from ..estimators.overlap import prepare
from ..estimators.problem import Problem, build
from .asked import Found, Question, rows_of
from .declared import MarginalSensitivity
from .interval import imbens_manski

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
MOST = 1000.0  # limits beyond are not looked at


@dataclass(frozen=True)
class Four:
    """Both ends and both limits of the interval at one value of the sensitivity parameter."""

    lower: float
    upper: float
    low: float
    high: float


def by_odds(asked: Question, graph: Graph | None, hidden: bool) -> Found:
    """Bounds at the declared limit, over a range of limits, and the limits that reach zero.

    Raises
    ------
    InputError
        No set of covariates is known.
    Overlap
        Treated and control rows are not comparable to begin with.
    """
    declared: MarginalSensitivity = asked.only(MarginalSensitivity)
    if len(asked.declared) > 1:
        raise InputError("MarginalSensitivity cannot be combined with other assumptions")
    adjust = _covariates(asked, graph, hidden)
    rows = rows_of(asked, [asked.query.treatment, asked.query.outcome, *adjust])
    groups = of_rows(rows).groups
    problem = build(rows, asked.contrast, adjust, rng=asked.rng, groups=groups)
    prepared = prepare(problem)
    if prepared.problem.population != "all":
        raise Overlap(f"bounds over all rows are not given: {prepared.note}. Leave rows out first")
    problem = prepared.problem
    ends = sharp_ends if declared.sharp else weighted_ends
    at = cache(ends(problem, asked.contrast.pairs[0], asked.query.level, asked.draws, asked.rng))
    found = at(declared.limit)
    grid = np.unique([1.0, *np.geomspace(1.0, max(2.0, 1.5 * declared.limit), 8)])
    curve = [{"limit": float(g), **vars(at(float(g)))} for g in grid]
    words = (
        "sharp bounds by a doubly robust estimate (Dorn, Guo and Kallus)" if declared.sharp
        else "bounds by weighting, percentile bootstrap (Zhao, Small and Bhattacharya)"
    )  # fmt: skip
    return Found(
        found.lower, found.upper, (found.low, found.high), f"marginal sensitivity model, {words}",
        declared.sharp, ("odds", adjust, declared.sharp), n=problem.n,
        diagnostics={
            "adjustment": list(adjust), "curve": curve,
            "tipping": {"estimate": tipping(lambda g: _inside(at(g).lower, at(g).upper)),
                        "interval": tipping(lambda g: _inside(at(g).low, at(g).high))},
            "benchmarks": benchmarks(problem, asked.contrast.pairs[0][0]),
        },
        cites=("tan2006", *(("dorn2023", "dorn2025") if declared.sharp else ("zhao2019",))),
    )  # fmt: skip


def _covariates(asked: Question, graph: Graph | None, hidden: bool) -> tuple[str, ...]:
    from ...graphs.adjustment import adjustment_set

    query = asked.query
    if query.adjust is not None:
        return tuple(query.adjust)
    if graph is None:
        raise InputError("without a graph name the covariates: rung.ATE(..., adjust=(...))")
    allowed = [n for n in graph.names if n in asked.data.names]
    allowed = [n for n in allowed if n not in (query.treatment, query.outcome)]
    found = adjustment_set(
        graph, query.treatment, query.outcome, allowed=allowed, hidden_causes=hidden
    )
    if found is None:
        raise InputError(
            "the graph has hidden common causes that no covariates stand for; name the covariates "
            "beyond which the odds of treatment may differ: rung.ATE(..., adjust=(...))"
        )
    return tuple(n for n in asked.data.names if n in set(found))


def _inside(low: float, high: float) -> bool:
    return low <= 0 <= high


def tipping(reached: Callable[[float], bool]) -> float | None:
    """The least limit at which zero is reached, to 0.2%; None beyond 1000."""
    if reached(1.0):
        return 1.0
    if not reached(MOST):
        return None
    low, high = 0.0, float(np.log(MOST))
    while high - low > 2e-3:
        middle = (low + high) / 2
        low, high = (low, middle) if reached(float(np.exp(middle))) else (middle, high)
    return float(np.exp(high))


def sharp_ends(
    problem: Problem, pair: tuple[int, int], level: float, draws: int, rng: np.random.Generator
) -> Callable[[float], Four]:
    """Ends as a function of the limit; intervals by influence functions.

    Dorn, Guo and Kallus (2025): with likelihood ratio of the treated to the others in [1/L, L],
    the mean under an arm among the others is at most E[R | x, arm], R = y/L + (1 - 1/L) (q + (L +
    1) max(y - q, 0)), q the quantile L/(L + 1) of y given x in the arm. A wrong q widens the
    bounds and leaves them valid. Here q has a fitted mean and spread and the quantile of their
    residuals (binary: the fitted mean alone).
    """
    outcome, _ = arm_means(problem, boosting=True, rng=rng)
    models = {a: _Arm.of(problem, a, outcome[:, a]) for a in pair}

    def at(limit: float) -> Four:
        one, two = models[pair[0]], models[pair[1]]
        rows = [
            one.score(limit, -1) - two.score(limit, 1),
            one.score(limit, 1) - two.score(limit, -1),
        ]
        w = problem.weights / problem.weights.mean()
        ends = [float(np.mean(w * r)) for r in rows]
        influence = np.column_stack([w * (r - e) for r, e in zip(rows, ends, strict=True)])
        se = np.sqrt(np.diag(covariance(influence, groups=problem.groups)))
        low, high = imbens_manski(min(ends), max(ends), se[0], se[1], level)
        return Four(ends[0], ends[1], float(low), float(high))

    return at


@dataclass(frozen=True, eq=False)
class _Arm:
    """What the score of one arm needs: rows in the arm, propensities, out-of-fold models."""

    y: Floats
    here: NDArray[np.bool_]
    e: Floats
    mean: Floats
    spread: Floats
    folds: Ints
    binary: bool

    @classmethod
    def of(cls, problem: Problem, arm: int, mean: Floats) -> _Arm:
        here = problem.t == arm
        size, spread = np.abs(problem.y - mean), np.ones(problem.n)
        floor = 0.1 * float(size[here].mean())
        for fold in [] if problem.binary else np.unique(problem.folds):
            test = problem.folds == fold
            train = here & ~test
            fit = fit_mean(
                problem.x[train], problem.sizes, size[train], problem.weights[train],
                Form("linear"), False,
            )  # fmt: skip
            spread[test] = np.maximum(fit.mean(problem.x[test]), max(floor, 1e-12))
        assert problem.propensity is not None
        return cls(
            problem.y, here, problem.propensity[:, arm], mean, spread, problem.folds, problem.binary
        )

    def score(self, limit: float, sign: int) -> Floats:
        """Rows (n,) whose mean is the upper (sign 1) or lower (-1) bound on the arm's mean."""
        y, mean = sign * self.y, sign * self.mean
        tail = limit + 1
        if self.binary:
            top = np.clip(self.mean if sign > 0 else 1 - self.mean, 0, 1)
            q = np.where(top * tail >= 1, 1.0, 0.0) - (sign < 0)
            excess = np.where(top * tail >= 1, 0.0, top)
        else:
            z, k = self._tails(limit / tail, sign)
            q, excess = mean + self.spread * z, self.spread * k
        extra = 1 - 1 / limit
        rho = mean / limit + extra * (q + tail * excess)
        r = y / limit + extra * (q + tail * np.maximum(y - q, 0))
        odds = (1 - self.e) / self.e
        return np.asarray(sign * np.where(self.here, y + odds * (r - rho), rho))

    def _tails(self, at: float, sign: int) -> tuple[Floats, Floats]:
        """Quantile of the scaled residuals and their mean excess, from the other folds."""
        z, k = np.empty(len(self.y)), np.empty(len(self.y))
        for test, rising in self._sorted:
            others = rising if sign > 0 else -rising[::-1]
            n = len(others)
            first = min(int(np.ceil(at * n)), n - 1)
            tail = others[first:]
            z[test] = tail[0]
            k[test] = (tail - tail[0]).sum() / n
        return z, k

    @cached_property
    def _sorted(self) -> list[tuple[NDArray[np.bool_], Floats]]:
        """For each fold its rows, and the arm's scaled residuals of the others, ascending."""
        residual = (self.y - self.mean) / self.spread
        out = []
        for fold in np.unique(self.folds):
            test = self.folds == fold
            out.append((test, np.sort(residual[self.here & ~test])))
        return out


def weighted_ends(
    problem: Problem, pair: tuple[int, int], level: float, draws: int, rng: np.random.Generator
) -> Callable[[float], Four]:
    """Ends as a function of the limit by Hajek weights; intervals by the percentile bootstrap.

    Zhao, Small and Bhattacharya (2019), sections 4 and 5: logistic propensities are fitted again in
    every draw, and the extreme weights are found by sorting the outcomes.
    """
    samples = [np.arange(problem.n)]
    samples += [resample_rows(rng, problem.n, problem.groups) for _ in range(draws)]
    design = make(problem.x, problem.sizes, "linear").expand(problem.x)
    one, two = (_Sorted.of([_against(problem, design, rows, a) for rows in samples]) for a in pair)

    def at(limit: float) -> Four:
        first, second = one.extremes(limit), two.extremes(limit)
        low, high = first[0] - second[1], first[1] - second[0]
        tail = (1 - level) / 2
        ends = float(np.quantile(low[1:], tail)), float(np.quantile(high[1:], 1 - tail))
        return Four(float(low[0]), float(high[0]), *ends)

    return at


def _against(problem: Problem, design: Floats, rows: NDArray[np.intp], arm: int) -> list[Floats]:
    """Outcomes of an arm's rows in ascending order, their odds against the arm, their weights."""
    t, w = problem.t[rows] == arm, problem.weights[rows]
    fit = glm.logistic(design[rows], t.astype(float), w, RIDGE["spline"])
    e = np.clip(fit.mean(design[rows][t]), 1e-6, 1 - 1e-6)
    y = problem.y[rows][t]
    order = np.argsort(y, kind="stable")
    return [y[order], ((1 - e) / e)[order], w[t][order]]


@dataclass(frozen=True, eq=False)
class _Sorted:
    """Sums over the rows up to each rank, of w y, w odds y, w, w odds: (4, samples, ranks + 1)."""

    sums: Floats

    @classmethod
    def of(cls, arms: Sequence[Sequence[Floats]]) -> _Sorted:
        """From (outcomes ascending, odds, weights) of each sample."""
        longest = max(len(y) for y, _, _ in arms)
        terms = np.zeros((4, len(arms), longest + 1))
        for k, (y, odds, w) in enumerate(arms):
            terms[:, k, 1 : len(y) + 1] = w * y, w * odds * y, w, w * odds
        return cls(np.cumsum(terms, axis=2))

    def extremes(self, limit: float) -> tuple[Floats, Floats]:
        """Least and largest means (samples,) with weights 1 + odds * [1/limit, limit].

        They are attained where the weights change once along the outcome.
        """
        wy, woy, w, wo = self.sums[:, :, -1:]
        below_y, below = self.sums[1], self.sums[3]
        out = []
        for low, high in ((limit, 1 / limit), (1 / limit, limit)):
            top = wy + low * below_y + high * (woy - below_y)
            out.append(top / (w + low * below + high * (wo - below)))
        return out[0].min(axis=1), out[1].max(axis=1)


def benchmarks(problem: Problem, arm: int) -> list[dict[str, object]]:
    """How far leaving out each covariate shifts the odds of the arm: 95% of rows by less than this.

    Kallus, Mao and Zhou (2019), section 5: a hidden cause as strong as it would need this limit.
    """
    t = (problem.t == arm).astype(float)

    def logit(keep: list[int]) -> Floats:
        sizes = tuple(problem.sizes[k] for k in keep)
        x = problem.x[:, keep]
        design = make(x, sizes, "linear").expand(x)
        p = glm.logistic(design, t, problem.weights, RIDGE["spline"]).mean(design)
        p = np.clip(p, 1e-9, 1 - 1e-9)
        return np.asarray(np.log(p / (1 - p)))

    full = logit(list(range(len(problem.names))))
    out: list[dict[str, object]] = []
    for j, name in enumerate(problem.names):
        less = logit([k for k in range(len(problem.names)) if k != j])
        out.append({"name": name, "limit": float(np.exp(np.quantile(np.abs(full - less), 0.95)))})
    return out
