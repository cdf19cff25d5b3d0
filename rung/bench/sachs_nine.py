"""Evidence: Sachs with all nine conditions, with and without the interventions.

Ways, settings, seeds and the verdict below were written down before the first full run (one
resample was looked at to see what it costs). Data: logarithms of the 7466 cells. A seed is a
resample of the rows within each condition, the same for all learners and ways. The ways:

- pooled: all rows, conditions ignored
- observational: the 853 rows of cd3cd28
- known targets: all rows, each condition with the usual target of its reagent
- JCI: contexts for the eight other conditions, targets unknown
- JCI, known targets: the same, told the targets
- unknown targets: UnknownTargets, told no target

A way that a learner refuses has its reason under "refused". Directed edges: i -> j counts if it
is in the graph with that direction; an undirected edge counts for neither direction. The three
truths are reconstructions from the literature; that with 18 edges has a directed cycle.
"""

from __future__ import annotations

import hashlib
import inspect
import sys
import tempfile
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .. import datasets, discovery, graphs, verbs
from ..core.data import Data
from ..core.errors import RungError
from .kept import Kept
from .registry import Row

NAME = "sachs-nine"
KIND = "evidence"
CLAIM = (
    "On the Sachs cells, knowing what the nine conditions intervene on gives a higher F1 of "
    "directed edges than the same learner on the same rows with the conditions ignored, for BOSS, "
    "GIES and PC and against each of the truths with 17, 18 and 20 edges: each of the nine mean "
    "paired differences has its 95% interval above 0."
)
SEEDS = 20
RESAMPLES = 2000
REFERENCE = "cd3cd28"
TRUTHS = ("bnlearn-17", "cdt-18", "cmu-20")
CLAIMED = ("BOSS", "GIES", "PC")
LEARNERS: Mapping[str, Any] = {
    "BOSS": discovery.BOSS(),
    "BOSSFCI": discovery.BOSSFCI(),
    "CAM": discovery.CAM(),
    "DAGMA": discovery.DAGMA(),
    "DirectLiNGAM": discovery.DirectLiNGAM(),
    "ExactSearch": discovery.ExactSearch(),
    "FCI": discovery.FCI(),
    "FLOP": discovery.FLOP(),
    "GES": discovery.GES(),
    "GIES": discovery.GIES(),
    "GOLEM": discovery.GOLEM(),
    "GRaSP": discovery.GRaSP(),
    "ICALiNGAM": discovery.ICALiNGAM(),
    "NOTEARS": discovery.NOTEARS(),
    "NotearsAL": discovery.NotearsAL(),
    "PC": discovery.PC(),
    "RFCI": discovery.RFCI(),
    "XGES": discovery.XGES(),
}
LEFT_OUT = {
    "ANM": "40 s a search were not enough on all rows",
    "Auto": "chooses one of these",
    "Bootstrap": "repeats one of these",
    "DagmaMLP": "minutes a search, 20 seeds times six ways",
    "JCI": "a way here",
    "LocalCauses": "looks at one variable",
    "NormalScores": "changes the columns for one of these",
    "NotearsMLP": "minutes a search, 20 seeds times six ways",
    "UnknownTargets": "a way here",
}
Way = tuple[Callable[[Data], Data], Callable[[Any], Any]]


def _same(item: Any) -> Any:
    return item


def _pooled(data: Data) -> Data:
    return data.replacing(environment=None, environments=(), targets=None)


def _observational(data: Data) -> Data:
    assert data.environment is not None
    return _pooled(data[data.environment == data.environments.index(REFERENCE)])


def _untold(data: Data) -> Data:
    return data.replacing(targets=None)


def _jci(learner: Any) -> Any:
    return discovery.JCI(learner, reference=REFERENCE)


def _unknown(learner: Any) -> Any:
    return discovery.UnknownTargets(learner, reference=REFERENCE)


WAYS: Mapping[str, Way] = {
    "pooled": (_pooled, _same),
    "observational": (_observational, _same),
    "known targets": (_same, _same),
    "JCI": (_untold, _jci),
    "JCI, known targets": (_same, _jci),
    "unknown targets": (_untold, _unknown),
}
MEASURES = ("skeleton", "directed")


def cells(seed: int) -> Data:
    """Logarithms of the cells, resampled within each condition."""
    data = datasets.load("sachs")
    assert data.environment is not None
    rng = np.random.default_rng([7466, seed])
    rows = np.concatenate(
        [rng.choice(at, len(at)) for at in map(partial(_rows_of, data), range(9))]
    )
    logs = {name: np.log(data.column(name)) for name in data.names}
    return data.replacing(columns=logs).take(rows)


def _rows_of(data: Data, number: int) -> NDArray[np.intp]:
    return np.flatnonzero(data.environment == number)


def one(learner: Any, way: Way, seed: int) -> dict[str, Any]:
    """F1 of the skeleton and of directed edges against each truth; or why it was refused."""
    prepare, wrap = way
    try:
        found = verbs.discover(prepare(cells(seed)), wrap(learner), seed=seed)
    except RungError as error:
        return {"refused": str(error).split(";")[0].split(". ")[0]}
    out: dict[str, Any] = {"edges": len(found.graph.edges()), "seconds": found.seconds}
    for version in TRUTHS:
        truth = datasets.truth("sachs", version=version)
        measured = (graphs.skeleton_f1(truth, found.graph), graphs.confusion(truth, found.graph).f1)
        out[version] = list(measured)
    if "targets" in found.details:
        out["targets"] = sum(len(names) for names in found.details["targets"].values())
    return out


def run(seeds: int = SEEDS, *, progress: Path | None = None) -> Row:
    """Every learner in every way on `seeds` resamples; finished draws are kept in `progress`."""
    kept = Kept(progress or Path(tempfile.gettempdir()) / f"rung-{NAME}-{_code()}.jsonl")
    drawn: dict[str, dict[str, list[Any]]] = {name: {} for name in LEARNERS}
    for seed in range(seeds):
        for name, learner in LEARNERS.items():
            for way, how in WAYS.items():
                done = kept.get(f"{name}|{way}|{seed}", partial(one, learner, how, seed))
                drawn[name].setdefault(way, []).append(done)
    rows = {name: compare(ways) for name, ways in drawn.items()}
    parts = verdict(rows)
    figures = {**parts, "learners": rows, "left out": LEFT_OUT}
    return Row(NAME, CLAIM, figures, bool(parts["holds"]), seeds)


def compare(ways: Mapping[str, list[Any]]) -> dict[str, Any]:
    """Means with 95% bootstrap intervals over seeds, and paired differences to pooled."""
    out: dict[str, Any] = {}
    base = ways["pooled"]
    for way, found in ways.items():
        refused = [f["refused"] for f in found if "refused" in f]
        if refused:
            out[way] = {"refused": refused[0]}
            continue
        means = [k for k in ("edges", "seconds", "targets") if k in found[0]]
        row: dict[str, Any] = {k: float(np.mean([f[k] for f in found])) for k in means}
        for version in TRUTHS:
            for k, measure in enumerate(MEASURES):
                values = np.array([f[version][k] for f in found])
                row[f"{measure}, {version}"] = _interval(values)
                if way != "pooled" and not any("refused" in f for f in base):
                    gap = values - np.array([f[version][k] for f in base])
                    row[f"{measure} above pooled, {version}"] = _interval(gap)
        out[way] = row
    return out


def _interval(values: NDArray[np.float64]) -> list[float]:
    """Mean, and 95% percentile bootstrap interval of the mean over seeds."""
    rng = np.random.default_rng(0)
    means = values[rng.integers(len(values), size=(RESAMPLES, len(values)))].mean(axis=1)
    low, high = np.quantile(means, [0.025, 0.975])
    return [float(values.mean()), float(low), float(high)]


def verdict(rows: Mapping[str, dict[str, Any]]) -> dict[str, Any]:
    """Whether the claim holds, and how often each way is above pooled over all learners."""
    out: dict[str, Any] = {}
    each = {}
    for name in CLAIMED:
        for version in TRUTHS:
            gap = rows[name]["known targets"][f"directed above pooled, {version}"]
            each[f"{name}, {version}"] = bool(gap[1] > 0)
    out["holds"] = all(each.values())
    out["known targets above pooled"] = each
    for way in WAYS:
        for measure in MEASURES:
            key = f"{measure} above pooled, "
            gaps = [row[way][key + v] for row in rows.values() for v in TRUTHS
                    if key + v in row[way]]  # fmt: skip
            if gaps:
                above, below = sum(g[1] > 0 for g in gaps), sum(g[2] < 0 for g in gaps)
                out[f"{way}: {measure} above, below pooled"] = [above, below, len(gaps)]
    return out


def _code() -> str:
    """A digest of what the draws depend on."""
    parts = [inspect.getsource(sys.modules[__name__])]
    folder = Path(inspect.getfile(discovery)).parent
    for path in sorted(folder.rglob("*.py")):
        parts.append(path.read_text("utf-8"))
    return hashlib.sha256("".join(parts).encode()).hexdigest()[:16]
