"""Evidence: direct causes by DRCFS against four usual ways of selecting features.

Cases, sizes, seeds and the rules below were written down before the first full run; the worlds are
in `drcfs_worlds`. Correlation, forest importance and (besides) the lasso's coefficients are
rankings: each is cut at the number of columns that DRCFS selected, which favours it. The lasso is
cross-validated (scikit-learn's LassoCV). Markov-blanket search is rung's `MarkovBlanket` at its
default level, 0.01, and (besides) at 0.05 over the number of columns. "Paired" is DRCFS with the
p-values of the published paired t-test. Those besides are reported and not part of the claim.
"""

from __future__ import annotations

import time
import warnings
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..discovery.markov_blanket import MarkovBlanket
from ..effects.features.feature_selection import DRCFS, FeatureSelection
from ..inference.multiplicity import benjamini_yekutieli
from .drcfs_worlds import Case, World, drawn
from .registry import Row

NAME = "drcfs"
KIND = "evidence"
SEEDS = 20
CLAIM = (
    "With n = 1000, the mean F1 of the direct causes found by DRCFS is above that of correlation, "
    "of forest importance (both cut at the same number), of the cross-validated lasso and of "
    "Markov-blanket search at its default level in each of 3 linear cases (20, 100 and 500 "
    "columns), 3 nonlinear ones (20, 50, 100) and one with cycles; its mean false-discovery "
    "proportion is at most 0.05 in each; at most 6.5% of the p-values of columns that are no "
    "causes lie below 0.05; and a child of the target, which the assumptions exclude, is selected "
    "in at least 9 of 10 tables."
)
CASES: dict[str, tuple[Case, int]] = {  # and the seeds of each
    "linear, 20": (Case(20, 1000), 20),
    "linear, 100": (Case(100, 1000), 10),
    "linear, 500": (Case(500, 1000), 10),
    "nonlinear, 20": (Case(20, 1000, "nonlinear"), 20),
    "nonlinear, 50": (Case(50, 1000, "nonlinear"), 10),
    "nonlinear, 100": (Case(100, 1000, "nonlinear"), 10),
    "nonlinear, 20, cycles": (Case(20, 1000, "nonlinear", cycles=True), 20),
}
CHILD = Case(20, 1000, child=True)
OTHERS = ("correlation", "lasso", "forest", "Markov blanket")
BESIDES = ("lasso, same number", "Markov blanket, 0.05/d", "paired")
FDR = 0.05
NULL = 0.065

Floats = NDArray[np.float64]


def f1(selected: Sequence[str], causes: frozenset[str]) -> float:
    """Harmonic mean of precision and recall."""
    return 2 * len(set(selected) & causes) / (len(selected) + len(causes))


def ranked(names: Sequence[str], weight: Floats, k: int) -> list[str]:
    """The k names with the largest weight."""
    return [names[j] for j in np.argsort(-weight, kind="stable")[:k]]


def others(world: World, found: FeatureSelection, names: list[str]) -> dict[str, list[str]]:
    """What the other ways select."""
    from sklearn.ensemble import RandomForestRegressor
    from sklearn.linear_model import LassoCV

    x, y, k = world.data.matrix(names), world.data.column("y"), len(found.selected)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        lasso = np.abs(LassoCV(cv=5).fit(x, y).coef_)
    forest = RandomForestRegressor(100, max_features=1 / 3, min_samples_leaf=5, random_state=0)
    correlation = np.abs(np.corrcoef(x.T, y)[-1, :-1])
    paired = benjamini_yekutieli(np.array([r["paired"] for r in found.rows])) <= found.alpha
    blanket = MarkovBlanket("y").find(world.data).members
    strict = MarkovBlanket("y", alpha=0.05 / len(names)).find(world.data).members
    return {
        "correlation": ranked(names, correlation, k),
        "lasso": [names[j] for j in np.flatnonzero(lasso)],
        "forest": ranked(names, forest.fit(x, y).feature_importances_, k),
        "Markov blanket": list(blanket),
        "lasso, same number": ranked(names, lasso, k),
        "Markov blanket, 0.05/d": list(strict),
        "paired": [names[j] for j in np.flatnonzero(paired)],
    }


def one(case: Case, seed: int) -> dict[str, Any]:
    """All ways on one table."""
    world = drawn(case, seed)
    began = time.perf_counter()
    found = DRCFS("y").find(world.data, rng=seed)
    seconds = time.perf_counter() - began
    names = [r["name"] for r in found.rows]
    ways = {"DRCFS": list(found.selected), **others(world, found, names)}
    null = [r for r in found.rows if r["name"] not in world.causes | world.effects]
    return {
        "f1": {way: f1(selected, world.causes) for way, selected in ways.items()},
        "false": 1 - len(set(found.selected) & world.causes) / max(1, len(found.selected)),
        "recall": len(set(found.selected) & world.causes) / len(world.causes),
        "null": float(np.mean([r["p"] < 0.05 for r in null])),
        "null, paired": float(np.mean([r["paired"] < 0.05 for r in null])),
        "null, 0.01": float(np.mean([r["p"] < 0.01 for r in null])),
        "effects": len(set(found.selected) & world.effects) / max(1, len(world.effects)),
        "child": "child" in found.selected,
        "seconds": seconds,
        "learner": found.learner,
    }


def interval(x: Sequence[float]) -> list[float]:
    """Mean and 95% bootstrap interval over seeds."""
    v = np.asarray(x, dtype=np.float64)
    again = np.random.default_rng(0).integers(len(v), size=(2000, len(v)))
    low, high = np.quantile(v[again].mean(axis=1), [0.025, 0.975])
    return [round(float(a), 4) for a in (v.mean(), low, high)]


def summary(found: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Means over seeds, and the difference in F1 from each other way."""
    ours = np.array([f["f1"]["DRCFS"] for f in found])
    versus = {}
    for way in (*OTHERS, *BESIDES):
        gap = interval(ours - np.array([f["f1"][way] for f in found]))
        versus[way] = {"DRCFS better by": gap, "holds": gap[0] > 0}
    figures = ("false", "recall", "null", "null, paired", "null, 0.01")
    return {
        "F1": {way: interval([f["f1"][way] for f in found]) for way in found[0]["f1"]},
        "versus": versus,
        **{key: interval([f[key] for f in found]) for key in figures},
        "seconds": round(float(np.median([f["seconds"] for f in found])), 3),
        "learners": {
            w: sum(f["learner"] == w for f in found) for w in {g["learner"] for g in found}
        },
    }


def run(seeds: int = SEEDS) -> Row:
    """All cases; about 5 minutes of one core."""
    one(Case(20, 200), 0)  # compiles
    one(Case(60, 200), 0)
    rows = {
        name: summary([one(case, s) for s in range(min(count, seeds))])
        for name, (case, count) in CASES.items()
    }
    child = [one(CHILD, s) for s in range(min(20, seeds))]
    control = {**summary(child), "child selected": interval([float(f["child"]) for f in child])}
    holds = {
        f"F1 above {way}": all(row["versus"][way]["holds"] for row in rows.values())
        for way in OTHERS
    }
    holds["false discoveries"] = all(row["false"][0] <= FDR for row in rows.values())
    holds["calibration"] = all(row["null"][0] <= NULL for row in rows.values())
    holds["negative control"] = control["child selected"][0] >= 0.9
    besides = {
        f"F1 above {way}": [name for name, row in rows.items() if row["versus"][way]["holds"]]
        for way in BESIDES
    }
    figures = {"cases": rows, "child of the target": control, "holds": holds, "besides": besides}
    return Row(NAME, CLAIM, figures, all(holds.values()), seeds)
