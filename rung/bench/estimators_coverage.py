"""Evidence: bias, error and coverage of every back-door estimator, curves and policies.

Cases, sizes, seeds and the rule below were written down before the first full run; settings were
tried out on other seeds. Data are those of `coverage_cases` (1,000 rows, 3 covariates); the truth
of each question is exact or a mean over 4 million draws. Finished data sets are kept in a file, so
that a stopped run goes on where it was.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..core.budget import start
from ..core.errors import RungError
from ..core.intervention import Policy, Scale, Shift
from ..effects.contrast import resolve
from ..effects.curve import Curve
from ..effects.estimators.dose_curve import DoseCurve
from ..effects.estimators.double_ml import DoubleML
from ..effects.estimators.doubly_robust import DoublyRobust
from ..effects.estimators.matching import Matching
from ..effects.estimators.overlap import prepare
from ..effects.estimators.problem import build
from ..effects.estimators.regression import Regression
from ..effects.estimators.tmle import TMLE
from ..effects.estimators.weighting import Weighting
from ..effects.policy import PolicyEffect
from ..effects.solve import contrasts
from ..inference.intervals import quantile_of
from . import coverage_cases as cases
from .kept import Kept, code_digest
from .registry import Row

NAME = "estimators-coverage"
KIND = "evidence"
SEEDS = 500
SLOW = 200  # data sets for random forests, which take more than a second
CLAIM = (
    "Over 500 data sets of 1,000 rows, 95% intervals of every back-door estimator (regression, "
    "matching, weighting, AIPW, TMLE, double machine learning) cover the true effect in 92 to 98% "
    "on each case that its assumptions hold in, and so do a doubly robust curve at three doses and "
    "the effect of a shift, a scaling and a policy; over 200 data sets double machine learning "
    "with random forests covers in 90 to 99%."
)
COVERAGE, SLOW_COVERAGE = (0.92, 0.98), (0.90, 0.99)
ADJUST = ("A", "B", "C")
CODE = (
    *(
        f"effects/estimators/{name}"
        for name in (
            "matching",
            "tmle",
            "double_ml",
            "doubly_robust",
            "dose_curve",
            "moved",
            "partial",
            "nuisance",
            "weighting",
            "regression",
        )
    ),
    "effects/policy",
    "effects/curve",
    "bench/estimators_coverage",
)
DOSES = (-1.0, 0.0, 1.0)

Floats = NDArray[np.float64]
Answer = dict[str, tuple[float, float, float]]

ALL: Mapping[str, Any] = {
    "Regression": Regression(),
    "Weighting": Weighting(),
    "Matching": Matching(),
    "Matching, propensity": Matching(propensity=True),
    "DoublyRobust": DoublyRobust(),
    "TMLE": TMLE(),
    "DoubleML": DoubleML(),
}
CONSTANT: Mapping[str, Any] = {
    "Matching, propensity": Matching(propensity=True),
    "TMLE": TMLE(),
    "DoubleML, partially linear": DoubleML(interactive=False),
}
DOSED: Mapping[str, Any] = {
    "DoublyRobust": DoublyRobust(),
    "DoseCurve": DoseCurve(),
    "DoubleML": DoubleML(),
}
ARMS: Mapping[str, tuple[str, str, Mapping[str, Any]]] = {  # case: data, population, estimators
    "linear arms": ("linear-arms", "all", CONSTANT),
    "nonlinear arms": ("nonlinear", "all", ALL),
    "nonlinear arms, treated": (
        "nonlinear",
        "treated",
        {k: ALL[k] for k in ALL if k != "DoubleML"},
    ),
    "binary outcome": ("binary", "all", ALL),
    "linear dose": ("linear", "all", DOSED),
}


@cache
def truths() -> dict[str, float]:
    """True answers that are not exact, from 4 million draws (errors below 0.002)."""
    rng = np.random.default_rng(cases.TRUTH_SEED + 1)
    a, b = rng.normal(size=(2, cases.TRUTH_ROWS))
    chance = 1 / (1 + np.exp(-(0.6 * a + 0.5 * np.sin(2 * b))))
    out = {"treated": float(np.average(1 + a, weights=chance))}
    out["policy"] = float(np.mean(((a > 0) - chance) * (1 + a)))
    t = np.tanh(a) + 0.25 * (b**2 - 1) + rng.normal(size=len(a))
    base = np.sin(t) + 0.5 * t * b
    out["shift"] = float(np.mean(np.sin(t + 0.5) + 0.5 * (t + 0.5) * b - base))
    out["scale"] = float(np.mean(np.sin(0.8 * t) + 0.4 * t * b - base))
    for dose in DOSES:
        out[f"curve at {dose:g}"] = float(np.sin(dose) + np.sqrt(2 / np.pi))
    return out


def arms(case: str, seed: int) -> tuple[Answer, float]:
    """Value and interval of each estimator on one data set, all on the same prepared problem."""
    name, population, estimators = ARMS[case]
    drawn = cases.GIVEN[name](np.random.default_rng([cases.TRUTH_SEED, 500, seed]))
    contrast = resolve(drawn.data, "T", "Y", drawn.treated, drawn.control, "difference")
    rng = np.random.default_rng(seed)
    problem = build(drawn.data, contrast, ADJUST, rng=rng)
    ready = prepare(replace(problem, population=population)).problem
    truth = truths()["treated"] if population == "treated" else drawn.truth
    out: Answer = {}
    for way, estimator in estimators.items():
        fitted = estimator.estimate(ready, rng=np.random.default_rng([seed, 1]))
        (level,), _ = contrasts(fitted, contrast, None, 0.95, rng)
        out[way] = (level.value, level.low, level.high)
    return out, truth


def curve(seed: int) -> Answer:
    """The curve at three doses, each with its own interval; the band, less the truth."""
    drawn = cases.nonlinear_dose(np.random.default_rng([cases.TRUTH_SEED, 501, seed]))
    found = _asked(Curve("T", "Y", at=DOSES), drawn, None, seed).diagnostics["curve"]
    out: Answer = {}
    over, under = [], []
    for k, dose in enumerate(DOSES):
        value, low, high = (found[key][k] for key in ("value", "low", "high"))
        half = (high - low) / 2 * quantile_of(0.95) / found["critical"]
        out[f"curve at {dose:g}"] = (value, value - half, value + half)
        true = truths()[f"curve at {dose:g}"]
        over.append(low - true)
        under.append(high - true)
    out["band at three doses"] = (0.0, max(over), min(under))
    return out


def policies(seed: int) -> Answer:
    """Policies on a dose and on levels, targeted and in one step."""
    dose = cases.nonlinear_dose(np.random.default_rng([cases.TRUTH_SEED, 502, seed]))
    levels = cases.nonlinear(np.random.default_rng([cases.TRUTH_SEED, 503, seed]))
    queries = {
        "shift": (PolicyEffect("Y", Shift("T", 0.5)), dose),
        "scale": (PolicyEffect("Y", Scale("T", 0.8)), dose),
        "policy": (PolicyEffect("Y", Policy("T", _rule, given=("A",))), levels),
    }
    out: Answer = {}
    for name, (query, drawn) in queries.items():
        ways: dict[str, Any] = {"TMLE": TMLE(), "one step": DoublyRobust()}
        for way, estimator in ways.items() if name == "shift" else [("TMLE", TMLE())]:
            found = _asked(query, drawn, estimator, seed)
            out[f"{name}, {way}"] = (found.value, *found.interval)
    return out


def _rule(a: Floats) -> NDArray[np.int64]:
    return (a > 0).astype(np.int64)


def _asked(query: Any, drawn: cases.Drawn, estimator: Any, seed: int) -> Any:
    return query.answer(
        cases.graph(), drawn.data, estimator=estimator, run=start(None),
        rng=np.random.default_rng(seed),
    )  # fmt: skip


def forests(seed: int) -> Answer:
    """Double machine learning with random forests, one repetition."""
    from sklearn.ensemble import RandomForestClassifier, RandomForestRegressor

    options = {"n_estimators": 50, "min_samples_leaf": 5, "random_state": seed}
    learner = DoubleML(
        RandomForestRegressor(**options),
        RandomForestClassifier(**{**options, "min_samples_leaf": 20}), repeats=1,
    )  # fmt: skip
    drawn = cases.nonlinear(np.random.default_rng([cases.TRUTH_SEED, 504, seed]))
    contrast = resolve(drawn.data, "T", "Y", None, None, "difference")
    rng = np.random.default_rng(seed)
    problem = build(drawn.data, contrast, ADJUST, rng=rng)
    fitted = learner.estimate(problem, rng=rng)
    (level,), _ = contrasts(fitted, contrast, None, 0.95, rng)
    return {"DoubleML, random forests": (level.value, level.low, level.high)}


def one(case: str, seed: int) -> dict[str, list[float]]:
    """Error, low and high less the truth, of each way in a case on one data set."""
    found: Answer
    if case in ARMS:
        found, truth = arms(case, seed)
        at = dict.fromkeys(found, truth)
    elif case == "curve":
        found = curve(seed)
        at = {way: truths().get(way, 0.0) for way in found}
    elif case == "policies":
        found = policies(seed)
        at = {way: truths()[way.split(",")[0]] for way in found}
    else:
        found = forests(seed)
        at = dict.fromkeys(found, 1.0)
    return {way: [v - at[way] for v in found[way]] for way in found}


def summary(rows: list[dict[str, list[float]]]) -> dict[str, Any]:
    """Bias, root mean squared error, mean half width and coverage of each way."""
    out: dict[str, Any] = {}
    for way in rows[0] if rows else ():
        x = np.array([row[way] for row in rows if way in row])
        hit = (x[:, 1] <= 0) & (x[:, 2] >= 0)
        out[way] = {
            "bias": float(x[:, 0].mean()), "rmse": float(np.sqrt((x[:, 0] ** 2).mean())),
            "half width": float((x[:, 2] - x[:, 1]).mean() / 2), "coverage": float(hit.mean()),
            "sets": len(x),
        }  # fmt: skip
    return out


def run(seeds: int = SEEDS, *, folder: str | None = None) -> Row:
    """All cases; about 15 minutes of one core."""
    place = Path(folder or tempfile.gettempdir()) / f"{NAME}-{code_digest(CODE)}.jsonl"
    kept = Kept(place)
    counts = dict.fromkeys([*ARMS, "curve", "policies"], seeds)
    counts["random forests"] = min(seeds, SLOW)
    figures: dict[str, Any] = {}
    refused: list[str] = []
    for case, count in counts.items():
        rows = []
        for seed in range(count):
            row = kept.get(f"{case}/{seed}", _tried(case, seed))
            if isinstance(row, str):
                refused.append(f"{case}, seed {seed}: {row}")
            else:
                rows.append(row)
        figures[case] = summary(rows)
    holds = not refused
    for case, row in figures.items():
        low, high = SLOW_COVERAGE if case == "random forests" else COVERAGE
        holds &= all(low <= way["coverage"] <= high for way in row.values())
    return Row(NAME, CLAIM, {"cases": figures, "refused": refused}, holds, seeds)


def _tried(case: str, seed: int) -> Callable[[], Any]:
    def make() -> Any:
        try:
            return one(case, seed)
        except RungError as error:
            return str(error)[:80]

    return make
