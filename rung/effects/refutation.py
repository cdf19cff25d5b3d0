"""Attempts to overturn an estimate: stability, negative control, sensitivity."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from ..core.errors import InputError, RungError
from ..core.query import Refutation
from ..inference import intervals
from ..inference.resampling import subsample_rows
from . import sensitivity
from .estimators.problem import Problem
from .estimators.regression import Regression, choose_terms
from .solve import Solved, on_scale
from .study import Answered, Study

BLIND = "these cannot detect hidden confounding"
PLACEBOS = 20
SUBSETS = 10
MOST_ROWS = 2500


def refutations(study: Study, main: Answered) -> tuple[Refutation, ...]:
    """All attempts that apply."""
    solved = main.solved
    if solved is None or solved.prepared is None:
        return ()
    rng = np.random.default_rng([study.seed % 2**32, 1])
    out = [placebo(study, solved, rng), subsets(study, solved, rng)]
    control = getattr(study.query, "negative_control", None)
    if control is not None:
        out.append(negative_control(study, main, control))
    exposure = getattr(study.query, "negative_exposure", None)
    if exposure is not None:
        out.append(negative_exposure(study, main, exposure))
    if not getattr(study.estimator, "assumes", ""):  # else the regression is not the answer's
        out += hidden(study, solved)
    return tuple(out)


def _quick(problem: Problem) -> Regression:
    """A fast estimator with the terms that suit the rows, chosen once."""
    terms = choose_terms(problem)
    return Regression(terms, interactions=False)


def _effect(problem: Problem, estimator: Regression, scale: str) -> tuple[float, float]:
    fitted = estimator.estimate(problem, rng=np.random.default_rng(0))
    value, rows = on_scale(fitted, 1, 0, scale)
    return value, float(np.sqrt(intervals.covariance(rows, groups=problem.groups)[0, 0]))


def placebo(study: Study, solved: Solved, rng: np.random.Generator) -> Refutation:
    """The treatment shuffled: an effect that stays shows a fault of the method."""
    problem = few(solved.problem, rng)
    estimator = _quick(problem)
    scale = study.contrast.scale
    critical = intervals.quantile_of(study.level, intervals.freedom(problem.groups))
    values, hits = [], 0
    for _ in range(PLACEBOS):
        shuffled = replace(problem, t=_shuffled(problem, rng))
        value, se = _effect(shuffled, estimator, scale)
        values.append(value)
        hits += abs(value) > critical * se
    typical = float(np.sqrt(np.mean(np.square(values))))
    passed = hits <= 4  # P(more than 4 of 20 at 5%) = 0.003
    return Refutation(
        "placebo treatment", "stability",
        f"with {study.treatment} shuffled {PLACEBOS} times, {PLACEBOS - hits} of {PLACEBOS} "
        f"intervals of outcome regression contain zero (typical size {typical:.3g}); {BLIND}",
        passed, {"values": values, "excluded": int(hits)},
    )  # fmt: skip


def restricted(problem: Problem, rows: Any) -> Problem:
    """The problem on some of its rows."""

    def part(array: Any) -> Any:
        return None if array is None else array[rows]

    return replace(
        problem, y=problem.y[rows], t=problem.t[rows], x=problem.x[rows],
        weights=problem.weights[rows], folds=problem.folds[rows], groups=part(problem.groups),
        propensity=part(problem.propensity), ratio=part(problem.ratio),
    )  # fmt: skip


def few(problem: Problem, rng: np.random.Generator) -> Problem:
    """At most 2500 rows, to be quick; clustered rows as they are."""
    if problem.n <= MOST_ROWS or problem.groups is not None:
        return problem
    rows = subsample_rows(rng, problem.n, MOST_ROWS / problem.n, None, _strata(problem))
    return restricted(problem, rows)


def _shuffled(problem: Problem, rng: np.random.Generator) -> Any:
    """Treatment permuted; between units as whole blocks, so that none keeps its own level."""
    if problem.groups is None:
        return problem.t[rng.permutation(problem.n)]
    _, first, code = np.unique(problem.groups, return_index=True, return_inverse=True)
    by_unit = problem.t[first]
    if (problem.t == by_unit[code]).all():
        return by_unit[rng.permutation(len(by_unit))][code]
    out = np.empty_like(problem.t)
    order = np.argsort(code, kind="stable")
    blocks = np.split(problem.t[order], np.cumsum(np.bincount(code))[:-1])
    out[order] = np.concatenate([blocks[k] for k in rng.permutation(len(blocks))])
    return out


def subsets(study: Study, solved: Solved, rng: np.random.Generator) -> Refutation:
    """Halves of the rows: they must agree with the whole within their sampling error."""
    problem = solved.problem
    estimator = _quick(problem)
    scale = study.contrast.scale
    whole, se = _effect(problem, estimator, scale)
    values = []
    for _ in range(SUBSETS):
        rows = subsample_rows(rng, problem.n, 0.5, problem.groups, _strata(problem))
        half = restricted(problem, rows)
        try:
            values.append(_effect(half, estimator, scale)[0])
        except RungError:
            continue
    # a half differs from the whole with the variance of the whole: se^2 (2 - 1)
    worst = max((abs(v - whole) / se for v in values), default=0.0) if se > 0 else 0.0
    shown = [float(np.exp(v)) if scale != "difference" else v for v in values]
    span = f"from {min(shown):.3g} to {max(shown):.3g}" if shown else "not estimable"
    centre = float(np.exp(whole)) if scale != "difference" else whole
    return Refutation(
        "random subsets", "stability",
        f"on {len(values)} random halves of the rows a quick outcome regression gives {span}, on "
        f"all of them {centre:.3g}; the furthest half lies {worst:.1f} standard errors away; "
        f"{BLIND}",
        worst < 4, {"values": shown, "whole": centre, "worst": worst},
    )  # fmt: skip


def _strata(problem: Problem) -> Any:
    return problem.t.astype(np.int64) if problem.discrete and problem.groups is None else None


def negative_control(study: Study, main: Answered, control: str) -> Refutation:
    """The effect on a column that the treatment does not affect must be zero."""
    from .contrast import resolve
    from .solve import solve

    assert main.kept is not None
    table = study.data.take(main.kept.mask(study.data).nonzero()[0])
    arms = study.contrast
    v = study.data.variable(study.treatment)
    ends = [v.decode(np.array([a]))[0] for a in (arms.arms[1], arms.arms[0])]
    contrast = resolve(table, study.treatment, control, ends[0], ends[1], "difference")
    adjust = tuple(name for name in (main.case.adjust or ()) if name != control)
    found = solve(
        table, contrast, adjust, study.estimator, rng=np.random.default_rng(study.seed),
        population=study.population, level=study.level,
    )  # fmt: skip
    low, high = found.interval
    passed = low <= 0 <= high
    verdict = "contains zero" if passed else "does not contain zero: hidden confounding is likely"
    return Refutation(
        "negative control", "stability",
        f"the effect on {control}, known to be none, is {found.value:.3g} [{low:.3g}, {high:.3g}], "
        f"which {verdict}",
        passed, {"value": found.value, "low": low, "high": high, "outcome": control},
    )  # fmt: skip


def negative_exposure(study: Study, main: Answered, exposure: str) -> Refutation:
    """A column without effect on the outcome must tell nothing of it, given treatment and set.

    Lipsitch, Tchetgen Tchetgen and Cohen (2010); the treatment is adjusted for too, since what is
    hidden may reach the outcome through it.
    """
    from .contrast import resolve
    from .solve import solve

    assert main.kept is not None
    table = study.data.take(main.kept.mask(study.data).nonzero()[0])
    if exposure in (study.treatment, study.outcome):
        raise InputError(f"negative_exposure={exposure!r} is the treatment or the outcome itself")
    contrast = resolve(table, exposure, study.outcome, None, None, "difference")
    adjust = tuple(name for name in (main.case.adjust or ()) if name != exposure)
    found = solve(
        table, contrast, (*adjust, study.treatment), study.estimator,
        rng=np.random.default_rng(study.seed), level=study.level,
    )  # fmt: skip
    passed = all(v.low <= 0 <= v.high for v in found.levels)
    low, high = found.interval
    verdict = "contains zero" if passed else "does not contain zero: hidden confounding is likely"
    return Refutation(
        "negative control exposure", "stability",
        f"given {study.treatment} and the covariates, {exposure}, known to have no effect, goes "
        f"with a difference in {study.outcome} of {found.value:.3g} [{low:.3g}, {high:.3g}], which "
        f"{verdict}",
        passed, {"value": found.value, "low": low, "high": high, "exposure": exposure},
    )  # fmt: skip


def hidden(study: Study, solved: Solved) -> list[Refutation]:
    """Partial R2 of a hidden common cause, and the E-value on the ratio scale."""
    out = []
    fit = sensitivity.linear(solved.problem)
    if fit is not None:
        out.append(_partial(study, fit))
    if study.contrast.scale == "ratio" and study.contrast.binary:
        first = solved.levels[0]
        near = first.low if first.value >= 1 else first.high
        point, bound = sensitivity.e_value(first.value, max(near, 1e-12))
        out.append(
            Refutation(
                "E-value", "sensitivity",
                f"a hidden common cause would need a risk ratio of {point:.2f} with both "
                f"{study.treatment} and {study.outcome} to explain the ratio away, and "
                f"{bound:.2f} to bring the interval to 1",
                None, {"point": point, "interval": bound},
            )
        )  # fmt: skip
    return out


def _partial(study: Study, fit: sensitivity.Linear) -> Refutation:
    value = sensitivity.robustness_value(fit.t, fit.df)
    bound = sensitivity.robustness_value(fit.t, fit.df, alpha=1 - study.level)
    marks: list[dict[str, Any]] = []
    for name, r2_t, r2_y in fit.covariates:
        strong = sensitivity.benchmark(r2_t, r2_y)
        if strong[0] >= 1:
            continue
        moved, se = sensitivity.adjusted(fit.estimate, fit.se, fit.df, *strong)
        marks.append({
            "name": name, "r2_treatment": strong[0], "r2_outcome": strong[1],
            "estimate": moved, "se": se, "share": moved / fit.estimate if fit.estimate else 0.0,
        })  # fmt: skip
    text = (
        f"a hidden common cause that explains {value:.1%} of what the covariates leave of both "
        f"{study.treatment} and {study.outcome} would bring the linear-regression effect to zero "
        f"({bound:.1%}: no longer significant)"
    )
    if marks:
        worst = min(marks, key=lambda m: float(m["share"]))
        share = float(worst["share"])
        leaves = f"leave {share:.0%} of it" if share > 0 else "turn it round"
        text += f"; one as strong as {worst['name']} would {leaves}"
    figures = {
        "robustness_value": value, "robustness_value_significance": bound,
        "partial_r2": sensitivity.partial_r2(fit.t, fit.df), "estimate": fit.estimate,
        "se": fit.se, "df": fit.df, "benchmarks": marks,
        "contour": sensitivity.contour(fit, marks, level=study.level),
    }  # fmt: skip
    return Refutation("hidden common cause", "sensitivity", text, None, figures)
