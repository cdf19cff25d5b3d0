"""Evidence: the automatic choice against fixed methods, on data sets that its rules never saw.

The data sets (`auto_suite`), the methods, the measure and what must hold were committed before the
rules of `Auto` were made on the even half; the odd half judges.

Measure: pairs of nodes whose marks differ from the true CPDAG (the PAG where variables are hidden),
over the number of true edges. An answer that is a DAG is turned into its CPDAG; a CPDAG and a PAG
are compared mark by mark. Regret: this figure less the least of all methods on the same data set.
A method is run on the kinds of columns it is made for and compared with `Auto` on these data sets
only. One that refuses such data is scored with the empty graph.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np

from .. import discovery, graphs, verbs
from ..core.data import Data
from ..core.errors import RungError
from ..core.graph import Graph
from .auto_suite import CASES, Case, Kind
from .causal_copilot import METHODS as USUAL
from .registry import RESULTS, Row

NAME = "auto-regret"
KIND = "evidence"
CLAIM = (
    "On 20 data sets of seven types, ten of them from published networks, that had no part in "
    "making its rules, the automatic choice has a lower mean regret in structural Hamming distance "
    "per true edge than each of 19 fixed methods on the data sets to which that method applies."
)
SEEDS = 10_000
CACHE = RESULTS / f"{NAME}.jsonl"
AUTO = "auto"

NUMBERS, LEVELS, ANY = {Kind.NUMBERS}, {Kind.LEVELS}, set(Kind)
LEVELLED = {Kind.LEVELS, Kind.MIXED}  # without levels, conditional Gaussian is slow Gaussian
METHODS: dict[str, tuple[set[Kind], Callable[[], Any]]] = {
    "pc fisher-z": (NUMBERS, USUAL["pc fisher-z"]),
    "pc partial-rank": (NUMBERS, lambda: discovery.PC(test=discovery.PartialRank())),
    "pc g2": (LEVELS, USUAL["pc g2"]),
    "pc degenerate-gaussian": (ANY, USUAL["pc degenerate-gaussian"]),
    "pc conditional-gaussian": (
        LEVELLED, lambda: discovery.PC(test=discovery.ConditionalGaussian()),
    ),
    "fci fisher-z": (NUMBERS, lambda: discovery.FCI(test=discovery.FisherZ())),
    "fci degenerate-gaussian": (
        ANY, lambda: discovery.FCI(test=discovery.DegenerateGaussian(), largest=3),
    ),
    "fci g2": (LEVELS, lambda: discovery.FCI(test=discovery.G2())),
    "flop gaussian-bic": (NUMBERS, lambda: discovery.FLOP()),
    "boss gaussian-bic": (NUMBERS, USUAL["boss gaussian-bic"]),
    "xges gaussian-bic": (NUMBERS, lambda: discovery.XGES()),
    "boss normal-scores": (NUMBERS, lambda: discovery.NormalScores(discovery.BOSS())),
    "direct-lingam": (NUMBERS, lambda: discovery.DirectLiNGAM()),
    "cam": (NUMBERS, lambda: discovery.CAM()),
    "xges bdeu": (LEVELS, lambda: discovery.XGES(discovery.BDeu())),
    "boss discrete-bic": (LEVELS, USUAL["boss discrete-bic"]),
    "boss degenerate-gaussian-bic": (
        ANY, lambda: discovery.BOSS(discovery.DegenerateGaussianBIC()),
    ),
    "boss conditional-gaussian-bic": (LEVELLED, USUAL["boss conditional-gaussian-bic"]),
    "boss basis-function-bic": (ANY, lambda: discovery.BOSS(discovery.BasisFunctionBIC())),
}  # fmt: skip


@dataclass(frozen=True)
class Answer:
    """One method on one data set: wrong pairs, and wrong adjacencies, per true edge."""

    case: int
    method: str
    wrong: float
    skeleton: float
    seconds: float
    refused: str = ""
    learner: str = ""
    key: str = ""


def distance(found: Graph, truth: Graph) -> tuple[float, float]:
    """Pairs whose marks differ, and pairs adjacent in one only, over the number of true edges."""
    if found.is_dag():
        found = graphs.cpdag(found)
    edges = int(np.triu(truth.marks != 0).sum())
    adjacent = (found.reorder(truth.names).marks != 0) != (truth.marks != 0)
    return graphs.shd(truth, found) / edges, int(np.triu(adjacent).sum()) / edges


def answer(case: Case, method: str, learner: Any, drawn: tuple[Data, Graph], key: str) -> Answer:
    """Run one method."""
    data, truth = drawn
    try:
        found = verbs.discover(data, learner, seed=0)
    except RungError as error:
        wrong = distance(Graph.empty(truth.names), truth)
        return Answer(case.number, method, *wrong, 0.0, str(error), repr(learner), key)
    said = repr(found.learner)
    return Answer(case.number, method, *distance(found.graph, truth), found.seconds, "", said, key)


def answers(cases: Sequence[Case] = CASES, cache: Path | None = CACHE) -> list[Answer]:
    """Every method on every data set of its kind.

    Fixed methods answered before on the same rows are read from `cache`, `Auto` never is.
    """
    known = _read(cache)
    out = []
    for case in cases:
        drawn = case.draw()
        fixed = [(m, make()) for m, (kinds, make) in METHODS.items() if case.kind in kinds]
        for method, learner in [(AUTO, discovery.Auto(crosscheck=False)), *fixed]:
            key = _key(case, method, learner, drawn[0])
            found = known.get(key) if method != AUTO else None
            if found is None:
                found = answer(case, method, learner, drawn, key)
                if cache is not None and method != AUTO:
                    with cache.open("a", encoding="utf-8") as file:
                        file.write(json.dumps(asdict(found)) + "\n")
            out.append(found)
    return out


def _read(cache: Path | None) -> dict[str, Answer]:
    if cache is None or not cache.exists():
        return {}
    rows = [Answer(**json.loads(line)) for line in cache.read_text("utf-8").splitlines()]
    return {row.key: row for row in rows}


def _key(case: Case, method: str, learner: Any, data: Data) -> str:
    seen = sha256(f"{case.number} {method} {learner!r}".encode())
    for name in data.names:
        seen.update(np.ascontiguousarray(data.column(name), dtype=np.float64).tobytes())
    return seen.hexdigest()[:24]


def regrets(found: Sequence[Answer]) -> dict[tuple[int, str], float]:
    """(case, method) -> its figure less the least on that data set."""
    least: dict[int, float] = {}
    for a in found:
        least[a.case] = min(a.wrong, least.get(a.case, np.inf))
    return {(a.case, a.method): a.wrong - least[a.case] for a in found}


def table(found: Sequence[Answer], cases: Iterable[Case], draws: int) -> list[dict[str, Any]]:
    """One row for each fixed method: its mean regret and Auto's on the same data sets.

    Intervals (95%, percentile) resample data sets.
    """
    regret, numbers = regrets(found), {c.number for c in cases}
    out = []
    for method in dict.fromkeys(a.method for a in found if a.method != AUTO):
        rows = [a for a in found if a.method == method and a.case in numbers]
        if not rows:
            continue
        own = np.array([regret[a.case, method] for a in rows])
        auto = np.array([regret[a.case, AUTO] for a in rows])
        out.append(
            {
                "method": method,
                "data sets": len(rows),
                "mean regret": float(own.mean()),
                "interval": _interval(own, draws),
                "auto's mean regret on these": float(auto.mean()),
                "auto less method": float((auto - own).mean()),
                "interval of that": _interval(auto - own, draws),
                "auto wins": int((auto < own - 1e-12).sum()),
                "ties": int((abs(auto - own) <= 1e-12).sum()),
                "auto loses": int((auto > own + 1e-12).sum()),
                "refused": sum(bool(a.refused) for a in rows),
            }
        )
    return sorted(out, key=lambda r: r["auto less method"], reverse=True)


def _interval(values: np.ndarray, draws: int) -> list[float]:
    rng = np.random.default_rng(1)
    means = values[rng.integers(len(values), size=(draws, len(values)))].mean(axis=1)
    return [float(q) for q in np.quantile(means, [0.025, 0.975])]


def by_type(found: Sequence[Answer], cases: Iterable[Case]) -> list[dict[str, Any]]:
    """Mean wrong pairs per edge of each method in each type; None where it does not apply."""
    types = {c.number: c.type for c in cases}
    out = []
    for title in dict.fromkeys(types.values()):
        row: dict[str, Any] = {"type": title}
        for method in dict.fromkeys(a.method for a in found):
            here = [a.wrong for a in found if a.method == method and types.get(a.case) == title]
            row[method] = float(np.mean(here)) if here else None
        out.append(row)
    return out


def by_case(found: Sequence[Answer], cases: Iterable[Case]) -> list[dict[str, Any]]:
    """Auto on each data set beside the best fixed method, and whom it beats or loses to."""
    out = []
    for case in cases:
        rows = {a.method: a for a in found if a.case == case.number}
        auto = rows.pop(AUTO)
        best = min(rows.values(), key=lambda a: a.wrong)
        out.append(
            {
                "data set": case.number, "type": case.type, "graph": case.graph, "rows": case.n,
                "judged": case.judged, "auto": auto.wrong, "auto's skeleton": auto.skeleton,
                "best": best.method, "its figure": best.wrong,
                "auto wins": sum(auto.wrong < a.wrong - 1e-12 for a in rows.values()),
                "auto loses": sum(auto.wrong > a.wrong + 1e-12 for a in rows.values()),
                "seconds": auto.seconds, "chosen": auto.learner,
            }
        )  # fmt: skip
    return out


def run(seeds: int = SEEDS, *, cache: Path | None = CACHE) -> Row:
    """The whole suite; `seeds` is the number of bootstrap draws over data sets."""
    found = answers(cache=cache)
    judged = [c for c in CASES if c.judged]
    tuned = [c for c in CASES if not c.judged]
    judging = table(found, judged, seeds)
    regret = regrets(found)
    return Row(
        NAME,
        CLAIM,
        {
            "auto's mean regret, judging half": _mean(regret[c.number, AUTO] for c in judged),
            "auto's mean regret, tuning half": _mean(regret[c.number, AUTO] for c in tuned),
            "judging half": judging,
            "tuning half": table(found, tuned, seeds),
            "judging half by type": by_type(found, judged),
            "tuning half by type": by_type(found, tuned),
            "data sets": by_case(found, CASES),
        },
        all(r["auto less method"] < 0 for r in judging),
        seeds,
    )


def _mean(values: Iterable[float]) -> float:
    return float(np.mean(list(values)))
