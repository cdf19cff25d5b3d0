"""Evidence: intervals of effects are honest, with a given graph and after discovery."""

from __future__ import annotations

from typing import Any

from . import coverage
from .registry import Row

NAME = "coverage"
KIND = "evidence"
SEEDS = 500
CLAIM = (
    "95% intervals of the average effect with a given graph cover in 92% to 98% of 500 simulated "
    "data sets for linear, nonlinear, binary and clustered data; after discovery from the same "
    "rows (200 data sets, d = 8, n = 1000) the default covers in at least 90%."
)
MUST = ("linear", "linear-arms", "nonlinear", "binary", "clustered")


def verdict(given: dict[str, Any], learned: dict[str, Any]) -> bool:
    """Whether the claim held."""
    defaults = {r["case"]: r["coverage"] for r in given["rows"] if "(default)" in r["way"]}
    after = [
        r["coverage"] for r in learned["rows"] if "(default)" in r["way"] and r["case"] == "learned"
    ]
    inside = all(name in defaults and 0.92 <= defaults[name] <= 0.98 for name in MUST)
    return inside and bool(after) and after[0] >= 0.9


def run(seeds: int = SEEDS, *, workers: int = 2) -> Row:
    """The three runs; data sets that are in the results already are not run again."""
    kept = sum(
        len(
            {
                (r["case"], r["seed"])
                for r in coverage.read(coverage.RESULTS / f"coverage_{w}.jsonl")
            }
        )
        for w in coverage.RUNS
    )
    few = max(1, min(seeds, coverage.SETS["given"]))
    share = few / coverage.SETS["given"]
    given = coverage.run("given", few, processes=workers)
    rest = max(1, round(share * coverage.SETS["learned"]))
    learned = coverage.run("learned", rest, processes=workers)
    edges = coverage.run("edges", rest, processes=workers)
    found = edges["reliability"]
    figures = {
        "calibration error, edges joined at all": found["adjacent"]["calibration_error"],
        "calibration error, edges with their direction": found["directed"]["calibration_error"],
        "data sets kept from earlier runs, not in the seconds": kept,
        "given": given["rows"],
        "learned": learned["rows"],
    }
    return Row(NAME, CLAIM, figures, verdict(given, learned), seeds)
