"""Balance, overlap and effective sample size, looked at before any estimate is made."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...core.errors import Overlap
from .density import effective_size, optimal_cut, ranked, stabilised
from .dose import bend
from .nuisance import propensities
from .problem import Problem

Floats = NDArray[np.float64]
LEAST_SHARE = 0.1  # of an arm's rows, as effective sample size, before the population changes
LEAST_ROWS = 10
LEAST_VARIATION = 0.01  # of the dose's variance that the covariates must leave


@dataclass(frozen=True, eq=False)
class Prepared:
    """A problem with propensities and a population, and what was found on the way."""

    problem: Problem
    balance: tuple[Mapping[str, Any], ...]
    overlap: Mapping[str, Any]
    effective_n: float
    poor: bool
    note: str = ""


def prepare(problem: Problem, *, trims: bool = False) -> Prepared:
    """Propensities, balance, overlap; the overlap population where the groups hardly overlap.

    trims : the estimator leaves out rows by itself, so that poor overlap changes nothing here

    Raises
    ------
    Overlap
        If not even an overlap population leaves enough rows, or if the asked population has none.
    """
    return _arms(problem, trims) if problem.discrete else _doses(problem)


def _arm_weights(problem: Problem, e: Floats, population: str) -> Floats:
    """Weights (n,) that give each arm the covariates of the population."""
    arm = problem.t.astype(int)
    own = np.where(arm >= 0, e[np.arange(problem.n), np.maximum(arm, 0)], np.inf)
    if population == "treated":
        tilt = e[:, problem.focus]
    elif population == "overlap":
        tilt = e[:, 0] * e[:, 1]
    else:
        tilt = np.ones(problem.n)
    return problem.weights * tilt / own


def _arms(problem: Problem, trims: bool) -> Prepared:
    m, arm = len(problem.arms), problem.t.astype(np.int64)
    e, form = propensities(problem.x, problem.sizes, arm, m, problem.weights, problem.folds)
    e = np.clip(e, 1e-6, 1.0)
    weights = _arm_weights(problem, e, problem.population)
    sizes = [effective_size(weights[arm == a]) for a in range(m)]
    counts = [int((arm == a).sum()) for a in range(m)]
    shares = [s / c for s, c in zip(sizes, counts, strict=True)]
    if problem.population == "treated":
        poor = min(sizes) < LEAST_ROWS * 2
    else:
        poor = min(shares) < LEAST_SHARE or min(sizes) < LEAST_ROWS
    poor = poor or _shared(problem, e, arm) < 2 * LEAST_ROWS
    text = (
        f"propensities from {e[:, -1].min():.3g} to {e[:, -1].max():.3g} ({form.words}); effective "
        f"sample sizes {', '.join(f'{s:.0f} of {c}' for s, c in zip(sizes, counts, strict=True))}"
    )
    population, note = problem.population, ""
    if poor and not trims:
        population, note, sizes, weights = _fallback(problem, e, arm, text)
    ready = replace(problem, propensity=e, population=population)
    bins = np.linspace(0, 1, 21)
    cut = optimal_cut(e[:, 1], problem.weights) if m == 2 else 0.0
    inside = (e[:, 1] >= cut) & (e[:, 1] <= 1 - cut)
    first = e[:, 1]
    overlap = {
        "text": text + (f". {note}" if note else ""),
        "bins": [float(b) for b in bins],
        "treated": np.histogram(first[arm == 1], bins)[0].tolist(),
        "control": np.histogram(first[arm == 0], bins)[0].tolist(),
        "label": "probability of treatment given the covariates",
        "trimming": {"cut": cut, "share": float(np.average(inside, weights=problem.weights))},
    }
    return Prepared(
        ready, tuple(_balance_arms(problem, arm, weights)), overlap, float(sum(sizes)), poor, note
    )


def _shared(problem: Problem, e: Floats, arm: NDArray[np.int64]) -> float:
    """Rows whose propensity for an arm both its own and the other rows reach; least over arms."""
    counts = []
    for a in range(e.shape[1]):
        low, high = e[arm == a, a].min(), e[arm != a, a].max()
        counts.append(problem.weights[(e[:, a] >= low) & (e[:, a] <= high)].sum())
    return float(min(counts))


def _fallback(
    problem: Problem, e: Floats, arm: NDArray[np.int64], text: str
) -> tuple[str, str, list[float], Floats]:
    m = e.shape[1]
    if problem.population == "treated" or m > 2 or (arm < 0).any():
        raise Overlap(
            f"treated and control rows are not comparable: {text}. Compare two levels only "
            "(treated=, control=), adjust for fewer columns, or restrict the rows to those that "
            "could have had either treatment"
        )
    weights = _arm_weights(problem, e, "overlap")
    sizes = [effective_size(weights[arm == a]) for a in range(m)]
    shared = _shared(problem, e, arm)
    if min(*sizes, shared / 2) < LEAST_ROWS:
        raise Overlap(
            f"treated and control rows hardly overlap: {text}; {shared:.0f} rows have a propensity "
            f"that both arms reach, and the overlap population keeps {min(sizes):.0f} effective "
            "rows in one arm. No effect is given: there is nobody to compare with. Adjust for "
            "fewer columns or choose comparable rows"
        )
    note = (
        "overlap is poor for the effect on all rows, so the effect is that on the overlap "
        "population: rows count by how evenly they could have had either treatment "
        f"(overlap weights; effective sample sizes {', '.join(f'{s:.0f}' for s in sizes)})"
    )
    return "overlap", note, sizes, weights


def _columns(problem: Problem) -> list[tuple[str, Floats]]:
    out = []
    for j, (name, size) in enumerate(zip(problem.names, problem.sizes, strict=True)):
        x = problem.x[:, j]
        block = (x[:, None] == np.unique(x)).astype(float) if size else x[:, None]
        out.append((name, block))
    return out


def _balance_arms(
    problem: Problem, arm: NDArray[np.int64], weights: Floats
) -> list[dict[str, Any]]:
    """Largest standardised mean difference of each covariate between arms (Austin 2009)."""
    out = []
    for name, block in _columns(problem):
        found = []
        for by in (problem.weights, weights):
            means, variances = [], []
            for a in range(len(problem.arms)):
                w, z = by[arm == a], block[arm == a]
                means.append(w @ z / w.sum())
                plain = problem.weights[arm == a]
                centre = plain @ z / plain.sum()
                variances.append(plain @ (z - centre) ** 2 / plain.sum())
            worst = 0.0
            for a in range(1, len(means)):
                spread = np.sqrt((variances[a] + variances[0]) / 2)
                gap = np.abs(means[a] - means[0])
                ratio = np.divide(gap, spread, out=np.zeros_like(gap), where=spread > 0)
                worst = max(worst, float(ratio.max()))
            found.append(worst)
        out.append({"name": name, "before": found[0], "after": found[1]})
    return out


def _doses(problem: Problem) -> Prepared:
    ratio, model = stabilised(problem)
    fitted, r2 = model.fitted, model.r2
    shares = [model.share(problem.t, a, problem.weights) for a in problem.arms]
    size = min(shares) * problem.n
    if 1 - r2 < LEAST_VARIATION and problem.x.shape[1]:
        raise Overlap(
            f"the covariates explain {r2:.1%} of the (ranked) treatment: at given covariates it "
            "hardly varies, so there is nothing to compare. Adjust for fewer columns; a column "
            "that determines the treatment cannot be adjusted for"
        )
    poor = min(shares) < LEAST_SHARE
    note = ""
    if poor:
        note = (
            f"overlap is poor (effective sample size {size:.0f} of {problem.n} at one of the "
            "doses), so the effect is that on the overlap population: rows count by the "
            "variation of the treatment that the covariates leave"
        )
    population = "overlap" if poor and problem.population == "all" else problem.population
    low, high = float(problem.arms[0]), float(problem.arms[-1])
    above = problem.t > (low + high) / 2
    bins = np.linspace(fitted.min() - 1e-9, fitted.max() + 1e-9, 21)
    overlap = {
        "text": f"the covariates explain {r2:.1%} of the (ranked) treatment; effective sample size "
        f"at {_sizes(shares, problem.n)} of {problem.n}" + (f". {note}" if note else ""),
        "effective": [float(s * problem.n) for s in shares],
        "bins": [float(b) for b in bins],
        "treated": np.histogram(fitted[above], bins)[0].tolist(),
        "control": np.histogram(fitted[~above], bins)[0].tolist(),
        "dose": True,
        "label": "treatment (normal score) predicted by the covariates; rows above and below the "
        "middle of the two doses",
    }
    ready = replace(problem, population=population, ratio=ratio, curve=bend(problem))
    return Prepared(ready, tuple(_balance_doses(problem, ratio)), overlap, size, poor, note)


def _sizes(shares: list[float], n: int) -> str:
    if len(shares) == 2:
        return f"the two doses {shares[0] * n:.0f} and {shares[1] * n:.0f}"
    return f"{len(shares)} doses {min(shares) * n:.0f} to {max(shares) * n:.0f}"


def _balance_doses(problem: Problem, ratio: Floats) -> list[dict[str, Any]]:
    """Largest correlation of each covariate with the ranked dose, before and after weighting."""
    balance = []
    dose = ranked(problem.t)
    for name, block in _columns(problem):
        before, after = (
            max(abs(_correlation(dose, z, w)) for z in block.T)
            for w in (problem.weights, problem.weights * ratio)
        )
        balance.append({"name": name, "before": before, "after": after})
    return balance


def _correlation(a: Floats, b: Floats, w: Floats) -> float:
    u, v = a - w @ a / w.sum(), b - w @ b / w.sum()
    scale = float(np.sqrt((w @ u**2) * (w @ v**2)))
    return float(w @ (u * v)) / scale if scale > 0 else 0.0
