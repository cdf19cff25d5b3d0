"""Coverage of the intervals: for a given graph, after discovery, and of edge frequencies.

Usage: python -m rung.bench.coverage given|learned|edges [--case NAME] [--sets N] [--out DIR]

Each data set is a line in `coverage_<run>.jsonl`; lines already there are not run again.
`coverage_<run>.json` holds the summary. Cases and seeds stand in `coverage_cases.py` and here.
"""

from __future__ import annotations

import argparse
import json
import logging
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from pathlib import Path
from typing import Any

import numpy as np

from ..core.budget import start
from ..core.discovery import Discovery
from ..core.errors import RungError
from ..core.protocols import Estimator
from ..inference import intervals
from . import coverage_cases as cases

log = logging.getLogger(__name__)
RESULTS = Path(__file__).parent / "results"
SETS = {"given": 500, "learned": 200, "edges": 200}
DRAWS = 100  # bootstrap draws, resamples and subsamples after discovery
WEAK = 0.2  # true standardised effect below which an edge counts as weak
Row = dict[str, Any]


def given(name: str, seed: int) -> list[Row]:
    """One data set of a case with the graph given: each estimator's interval."""
    from ..effects.estimators.doubly_robust import DoublyRobust
    from ..effects.estimators.regression import Regression
    from ..effects.estimators.weighting import Weighting
    from ..effects.queries import ATE
    from ..effects.study import Study

    number = sorted(cases.GIVEN).index(name)
    rng = np.random.default_rng([cases.TRUTH_SEED, number, seed])
    drawn = cases.GIVEN[name](rng)
    query = ATE("T", "Y", treated=drawn.treated, control=drawn.control)
    estimators: list[Estimator] = [DoublyRobust(), Regression(), Weighting()]
    out: list[Row] = []
    for estimator in estimators:
        study = Study(
            drawn.data, query, estimator, population="all", run=start(None),
            rng=np.random.default_rng(seed),
        )  # fmt: skip
        row: Row = {"case": name, "seed": seed, "truth": drawn.truth}
        row["way"] = type(estimator).__name__ + (" (default)" if not out else "")
        try:
            a = study.answers(study.cases(cases.graph()))[0]
        except RungError as error:
            out.append({**row, "refused": str(error)[:80]})
            continue
        if a.solved is None or a.interval is None:
            out.append({**row, "refused": a.note[:80]})
            continue
        row["population"] = a.solved.problem.population
        out.append({**row, "value": a.value, "region": [list(a.interval)]})
    return out


def learned(name: str, seed: int) -> list[Row]:
    """One data set, the graph searched on the same rows: every way to allow for that.

    d = 8, n = 1000, expected degree 3, linear Gaussian, standardised; the pair is drawn at random
    among ordered pairs: half the data sets a true cause, half a pair without effect.
    """
    from ..discovery.bootstrap import Bootstrap
    from ..discovery.boss import BOSS
    from ..effects import selection
    from ..effects.estimators.regression import Regression
    from ..effects.queries import ATE
    from ..effects.study import Study
    from ..simulate.linear import LinearSCM
    from ..simulate.truth import total_effects

    rng = np.random.default_rng([cases.TRUTH_SEED, 100, seed])
    scm = LinearSCM(d=8, degree=3.0).scm(rng)
    data = scm.sample(1000, seed=rng)
    effects = total_effects(scm)
    np.fill_diagonal(effects, 0.0)
    pairs = np.argwhere((effects != 0) == bool(seed % 2))
    pairs = pairs[pairs[:, 0] != pairs[:, 1]]
    i, j = pairs[rng.integers(len(pairs))]
    names, truth = scm.graph.names, float(effects[i, j])
    kind = "zero" if truth == 0 else "weak" if abs(truth) < WEAK else "strong"
    found = Bootstrap(BOSS(), draws=DRAWS, threads=1).learn(data, rng=rng)
    query = ATE(names[i], names[j], treated=0.5, control=-0.5)
    study = Study(
        data, query, Regression("linear", interactions=False), population="all",
        run=start(None), rng=np.random.default_rng(seed),
    )  # fmt: skip
    ways: Mapping[str, selection.Selection] = {
        "true graph": selection.GraphUnion(0.0),
        "graph found": selection.FoundGraph(),
        "union, all": selection.GraphUnion(0.0),
        "union, 1% of draws": selection.GraphUnion(0.01),
        "union, 5% of draws (default)": selection.GraphUnion(0.05),
        "n-of-n bootstrap": selection.Resampled(DRAWS),
        "subsampling": selection.Subsampling(DRAWS),
        "split": selection.Split(),
    }
    base: Row = {"case": "learned", "seed": seed, "truth": truth, "kind": kind}
    return [{**base, "way": way, **_region(study, found, option, way, scm.graph)}
            for way, option in ways.items()]  # fmt: skip


def _region(study: Any, found: Discovery, option: Any, way: str, true_graph: Any) -> Row:
    began = time.perf_counter()
    pairs = [(true_graph, 1.0)] if way == "true graph" else list(found.graphs)
    try:
        answered = [a for g, w in pairs for a in study.answers(study.cases(g, w))]
        region = option.region(study, answered, found)
    except RungError as error:
        return {"refused": str(error)[:80]}
    return {
        "region": [list(i) for i in region.intervals], "error": list(region.error),
        "seconds": time.perf_counter() - began,
    }  # fmt: skip


def edges(name: str, seed: int) -> list[Row]:
    """Frequency of each directed edge over bootstrap draws, and whether it is true."""
    from ..discovery.bootstrap import Bootstrap
    from ..discovery.boss import BOSS
    from ..graphs.equivalence import cpdag
    from ..simulate.linear import LinearSCM

    rng = np.random.default_rng([cases.TRUTH_SEED, 200, seed])
    scm = LinearSCM(d=8, degree=3.0).scm(rng)
    data = scm.sample([200, 500, 1000, 2000][seed % 4], seed=rng)
    found = Bootstrap(BOSS(), draws=DRAWS, threads=1).learn(data, rng=rng)
    truth = cpdag(scm.graph)
    points = []
    for a in scm.graph.names:
        for b in scm.graph.names:
            if a < b:
                share = sum(w for g, w in found.graphs if g.has_edge(a, b))
                points.append(["adjacent", float(share), int(truth.has_edge(a, b))])
            if a != b:
                share = sum(w for g, w in found.graphs if g.has_edge(a, b, "->"))
                points.append(["directed", float(share), int(truth.has_edge(a, b, "->"))])
    return [{"case": "edges", "seed": seed, "n": data.n, "points": points}]


RUNS: dict[str, Callable[[str, int], list[Row]]] = {
    "given": given,
    "learned": learned,
    "edges": edges,
}


def run(
    which: str,
    sets: int | None = None,
    *,
    case: str | None = None,
    out: Path = RESULTS,
    processes: int = 2,
) -> dict[str, Any]:
    """Run what is missing of a run, write every data set as it ends, and sum up."""
    out.mkdir(parents=True, exist_ok=True)
    lines = out / f"coverage_{which}.jsonl"
    rows = read(lines)
    lines.write_text("".join(json.dumps(r) + "\n" for r in rows))  # without a line cut short
    done = {(r["case"], r["seed"]) for r in rows}
    names = [which] if which != "given" else [case] if case else sorted(cases.GIVEN)
    count = SETS[which] if sets is None else sets
    todo = [(name, seed) for seed in range(count) for name in names]
    todo = [key for key in todo if key not in done]
    began = time.perf_counter()
    with ProcessPoolExecutor(processes) as pool, lines.open("a") as file:
        futures = {pool.submit(RUNS[which], *key): key for key in todo}
        for k, future in enumerate(as_completed(futures), 1):
            for row in future.result():
                file.write(json.dumps(row) + "\n")
            file.flush()
            left = (time.perf_counter() - began) / k * (len(todo) - k)
            if k % 20 == 0:
                log.info("%s: %d of %d, %.0f s left", which, k, len(todo), left)
    summary = summarise(which, read(lines))
    (out / f"coverage_{which}.json").write_text(json.dumps(summary, indent=1))
    return summary


def read(path: Path) -> list[Row]:
    """Rows written so far; a line cut short by a stop is left out."""
    return list(_lines(path)) if path.exists() else []


def _lines(path: Path) -> Iterator[Row]:
    for line in path.read_text().splitlines():
        try:
            yield json.loads(line)
        except json.JSONDecodeError:
            log.warning("a cut line in %s is left out", path)


def summarise(which: str, rows: Sequence[Row]) -> dict[str, Any]:
    """Coverage and median width by case and way, or the reliability of edge frequencies."""
    return {"run": which, **(_reliability(rows) if which == "edges" else _coverage(rows))}


def _coverage(rows: Sequence[Row]) -> dict[str, Any]:
    groups: dict[tuple[str, str], list[Row]] = {}
    for r in rows:
        groups.setdefault((r["case"], r["way"]), []).append(r)
        if "kind" in r:
            groups.setdefault((f"{r['case']}: {r['kind']}", r["way"]), []).append(r)
    return {"rows": [_line(case, way, found) for (case, way), found in sorted(groups.items())]}


def _line(case: str, way: str, rows: Sequence[Row]) -> dict[str, Any]:
    known = [r for r in rows if "region" in r]
    own = [r for r in known if r.get("population", "all") == "all"]
    hits = [intervals.covers([(a, b) for a, b in r["region"]], r["truth"]) for r in own]
    widths = [sum(b - a for a, b in r["region"]) for r in own]
    hulls = [r["region"][-1][1] - r["region"][0][0] for r in own]
    errors = [max(r["error"]) for r in own if "error" in r]
    rate = float(np.mean(hits)) if hits else float("nan")
    return {
        "case": case, "way": way, "sets": len(rows), "answered": len(own), "coverage": rate,
        "error": float(np.sqrt(rate * (1 - rate) / len(hits))) if hits else None,
        "median_width": float(np.median(widths)) if widths else None,
        "median_hull": float(np.median(hulls)) if hulls else None,
        "median_endpoint_error": float(np.median(errors)) if errors else 0.0,
    }  # fmt: skip


def _reliability(rows: Sequence[Row], bins: int = 10) -> dict[str, Any]:
    """Share of true edges in each tenth of frequency, and the expected calibration error."""
    out: dict[str, Any] = {}
    for kind in ("adjacent", "directed"):
        points = np.array([p[1:] for r in rows for p in r["points"] if p[0] == kind], dtype=float)
        points = points[points[:, 0] > 0]
        which = np.minimum((points[:, 0] * bins).astype(int), bins - 1)
        table = []
        for b in range(bins):
            here = points[which == b]
            if len(here):
                table.append({"frequency": float(here[:, 0].mean()),
                              "true": float(here[:, 1].mean()), "edges": len(here)})  # fmt: skip
        error = sum(abs(t["frequency"] - t["true"]) * t["edges"] for t in table) / len(points)
        out[kind] = {"bins": table, "calibration_error": float(error), "edges": len(points)}
    return {"reliability": out, "sets": len(rows)}


def main(argv: Sequence[str] | None = None) -> int:
    """Command line of the coverage runs."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("which", choices=sorted(RUNS))
    parser.add_argument("--case", choices=sorted(cases.GIVEN))
    parser.add_argument("--sets", type=int)
    parser.add_argument("--out", type=Path, default=RESULTS)
    parser.add_argument("--processes", type=int, default=2)
    options = parser.parse_args(argv)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    summary = run(options.which, options.sets, case=options.case, out=options.out,
                  processes=options.processes)  # fmt: skip
    log.info("%s", json.dumps(summary, indent=1))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
