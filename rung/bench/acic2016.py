"""Evidence: average effects in ten settings of the Atlantic Causal Inference Conference 2016.

Settings, seeds and the rule below were written down before the first full run. 4802 rows, 58
covariates; the truth is the mean of the rows' own expected effects. The data are read from the
package causallib: pip install --no-deps causallib==0.10.0.
"""

from __future__ import annotations

import tempfile
from functools import partial
from pathlib import Path
from typing import Any

from .. import datasets
from .effects.tables import against, on_table
from .kept import Kept, code_digest
from .registry import Row

NAME = "acic2016"
KIND = "evidence"
SEEDS = 1
SETTINGS = range(1, 11)
DOUBLE = ("DoublyRobust", "TMLE", "DoubleML")
CLAIM = (
    "In ten settings of ACIC 2016, 95% intervals of AIPW, TMLE and double machine learning cover "
    "the sample's average effect in at least 8, and the root mean squared error of each, in "
    "outcome standard deviations, is below 0.1 and at most a third of that of the difference in "
    "means."
)
CODE = (
    *(
        f"effects/estimators/{name}"
        for name in (
            "matching",
            "tmle",
            "double_ml",
            "doubly_robust",
            "nuisance",
            "weighting",
            "regression",
        )
    ),
    "bench/effects/tables",
    "bench/acic2016",
)


def one(setting: int, seed: int) -> dict[str, Any]:
    """Errors of each estimator in one setting, in standard deviations of the outcome."""
    name = f"acic_{setting}"
    data, truth = datasets.load(name), datasets.known_effect(name).ate
    assert truth is not None
    said = on_table(data, "z", "y", forced=True, seed=seed)
    y, z = data.column("y"), data.column("z")
    scale = float(y.std())
    rows = {
        k: [(v[0] - truth) / scale, (v[1] - truth) / scale, (v[2] - truth) / scale, v[3]]
        for k, v in said.answers.items()
    }
    naive = (float(y[z == 1].mean() - y[z == 0].mean()) - truth) / scale
    rows["difference in means"] = [naive, naive, naive, 0.0]
    return {
        "rows": rows, "refused": dict(said.refused), "population": said.population,
        "overlap": said.overlap, "truth": truth,
    }  # fmt: skip


def run(seeds: int = SEEDS) -> Row:
    """All settings; the seed deals the folds."""
    kept = Kept(Path(tempfile.gettempdir()) / f"{NAME}-{code_digest(CODE)}.jsonl")
    found: dict[int, dict[str, Any]] = {
        k: kept.get(f"{k}/{seeds}", partial(one, k, seeds - 1)) for k in SETTINGS
    }
    ways = found[1]["rows"]
    rows = against(
        {way: [f["rows"][way] for f in found.values() if way in f["rows"]] for way in ways}
    )
    naive = rows.pop("difference in means")
    holds = True
    for way in DOUBLE:
        holds &= rows[way]["sets"] == len(found) and rows[way]["coverage"] >= 0.8
        holds &= rows[way]["rmse"] < 0.1 and rows[way]["rmse"] <= naive["rmse"] / 3
    settings = {
        f"acic_{k}": {
            "truth": f["truth"], "population": f["population"], "overlap": f["overlap"],
            "errors": {way: v[0] for way, v in f["rows"].items()}, "refused": f["refused"],
        }
        for k, f in found.items()
    }  # fmt: skip
    figures = {"estimators": rows, "difference in means": naive["rmse"], "settings": settings}
    return Row(NAME, CLAIM, figures, holds, seeds)
