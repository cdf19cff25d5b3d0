"""Evidence: average effects on the simulated outcomes of the Infant Health programme.

Draws, seeds and the rule below were written down before the first full run. The truth is the mean
of the 747 children's own expected effects. Intervals are for the effect in the population that the
children come from, so on surface B, where effects differ, they should cover their mean more often.
econml's LinearDML and LinearDRLearner, with lasso nuisances, answer on the first draws.
"""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from .. import datasets
from .effects.peers import ask
from .effects.tables import against, on_table
from .kept import Kept, code_digest
from .registry import Row

NAME = "ihdp"
KIND = "evidence"
SEEDS = 100
PEER_DRAWS = 20
SURFACES = {"A": "ihdp_a", "B": "ihdp"}
DOUBLE = ("DoublyRobust", "TMLE", "DoubleML")
CLAIM = (
    "On 100 draws of the outcomes of IHDP, 95% intervals of regression, weighting, matching, AIPW, "
    "TMLE and double machine learning cover the sample's average effect in at least 90% on surface "
    "A (the same effect for all), and those of AIPW, TMLE and double machine learning also on B; "
    "on the first 20 draws of each surface the root mean squared error of AIPW is at most that of "
    "econml's LinearDML and of its LinearDRLearner."
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
    "bench/ihdp",
)


def one(surface: str, seed: int) -> dict[str, Any]:
    """Errors of each estimator on one draw, and the population a user would be answered about."""
    name = SURFACES[surface]
    data = datasets.load(name, seed=seed)
    truth = datasets.known_effect(name, seed=seed).ate
    assert truth is not None
    said = on_table(data, "treat", "y", forced=True, seed=seed)
    rows = {k: [v[0] - truth, v[1] - truth, v[2] - truth, v[3]] for k, v in said.answers.items()}
    return {"rows": rows, "refused": dict(said.refused), "population": said.population}


def peers(surface: str, seeds: Sequence[int]) -> list[dict[str, list[float]]]:
    """Errors of econml on the same draws."""
    name, tables, truths = SURFACES[surface], {"count": np.array(len(seeds))}, []
    for k, seed in enumerate(seeds):
        data = datasets.load(name, seed=seed)
        names = [n for n in data.names if n not in ("treat", "y")]
        tables[f"y{k}"], tables[f"t{k}"] = data.column("y"), data.column("treat")
        tables[f"x{k}"] = data.matrix(names)
        truths.append(datasets.known_effect(name, seed=seed).ate or 0.0)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "tables.npz"
        np.savez(path, **tables)  # type: ignore[arg-type]
        found = ask(Path(__file__).parent / "effects" / "ate_peer.py", str(path), seconds=900)
    return [
        {way: [v[0] - truth, v[1] - truth, v[2] - truth, v[3]] for way, v in row.items()}
        for row, truth in zip(found, truths, strict=True)
    ]


def _columns(rows: Sequence[Mapping[str, Any]]) -> dict[str, list[Any]]:
    return {way: [row[way] for row in rows if way in row] for way in rows[0]}


def run(seeds: int = SEEDS) -> Row:
    """Both surfaces; about 6 minutes of one core."""
    kept = Kept(Path(tempfile.gettempdir()) / f"{NAME}-{code_digest(CODE)}.jsonl")
    figures: dict[str, Any] = {}
    holds = True
    for surface in SURFACES:
        found = [kept.get(f"{surface}/{s}", _draw(surface, s)) for s in range(seeds)]
        own = against(_columns([f["rows"] for f in found]))
        first = min(PEER_DRAWS, seeds)
        early = against(_columns([f["rows"] for f in found[:first]]))
        theirs = against(_columns(
            kept.get(f"{surface}/peers {first}", _peers(surface, first))
        ))  # fmt: skip
        refused = [f["refused"] for f in found if f["refused"]]
        figures[surface] = {
            "estimators": own, "econml": theirs, "refused": refused, "first draws": early,
            "draws answered about all rows": sum(f["population"] == "all" for f in found),
        }  # fmt: skip
        checked = own if surface == "A" else {k: own[k] for k in DOUBLE}
        holds &= not refused and all(row["coverage"] >= 0.9 for row in checked.values())
        holds &= all(early["DoublyRobust"]["rmse"] <= row["rmse"] for row in theirs.values())
    return Row(NAME, CLAIM, figures, holds, seeds)


def _draw(surface: str, seed: int) -> Any:
    return lambda: one(surface, seed)


def _peers(surface: str, first: int) -> Any:
    return lambda: peers(surface, range(first))
