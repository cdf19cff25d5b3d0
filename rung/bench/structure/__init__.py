"""Structure learning beside other tools: time, accuracy, memory, on the same data in one run."""

from __future__ import annotations

import json
import logging
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from ...core.errors import unknown
from ...core.graph import Graph
from ...graphs import shd
from ..registry import RESULTS, Row, machine, versions, write
from .cases import Case, Pairwise
from .measure import Cache, Outcome, Tool, pins, run_case, summary
from .parts import Part, ours, parts
from .process import peers_python
from .tables import COLUMNS, cell, to_csv, to_latex

NAME = "structure"
KIND = "benchmark"
CLAIM = (
    "Structure learning is faster and at least as accurate as the best tool of each kind, on the "
    "same data in the same run; every target is a row with its figure."
)
FOLDER = RESULTS / "structure"

log = logging.getLogger(__name__)


def run(
    seeds: int | None = None,
    part: Sequence[str] = (),
    extra: Sequence[str] = (),
    csv: Path | None = None,
    latex: Path | None = None,
    folder: Path | None = FOLDER,
) -> Row:
    """Measure parts (all by default) and gather the stored ones into one row.

    Parameters
    ----------
    seeds : int, optional
        Seeds a case; each part's own number by default. Fewer are not stored.
    part : names of parts
    extra : learners as text, `module:Name`, ranked beside the others; then nothing is stored.
    csv, latex : files to write the rows of this run into.
    folder : where each part's JSON lies; None for a dry run.
    """
    known = parts()
    for name in part:
        if name not in known:
            raise unknown(name, known, "part")
    chosen = [known[name] for name in part] or list(known.values())
    keep = folder if not extra and seeds is None else None
    fresh = {}
    for one in chosen:
        fresh[one.name] = measured(one, seeds or one.seeds, extra)
        if keep is not None:
            text = json.dumps(fresh[one.name], indent=1, default=float)
            write(keep / f"{one.name}.json", text + "\n")
    for path, text in ((csv, to_csv(fresh)), (latex, to_latex(fresh))):
        if path is not None:
            write(Path(path), text)
    if keep is not None:
        fresh = stored(keep)
    row = gathered(fresh, seeds or 0)
    if keep is None:
        ranked = {name: ranking(one["rows"]) for name, one in fresh.items()}
        row = replace(row, figures={**row.figures, **ranked})
    return row


def ranking(rows: Sequence[dict[str, Any]]) -> list[dict[str, str]]:
    """The rows of each case, least SHD first, failures last, as shown."""
    keys = [k for k in COLUMNS if any(r.get(k) is not None for r in rows)]
    cases = list(dict.fromkeys(r["case"] for r in rows))
    ordered = sorted(rows, key=lambda r: (cases.index(r["case"]), r.get("shd", float("inf"))))
    return [{COLUMNS[k]: cell(r, k) for k in keys} for r in ordered]


def measured(part: Part, seeds: int, extra: Sequence[str] = ()) -> dict[str, Any]:
    """Rows and targets of one part."""
    tools = (*part.tools, *(ours(text, text) for text in extra))
    rows = [row for found in _each_case(part, seeds, tools) for row in found]
    targets = []
    for target in part.targets:
        figure = target.figure(rows)
        targets.append(
            {
                "target": target.text,
                "figure": figure,
                "holds": None if figure is None else bool(target.holds(figure)),
            }
        )
    return {
        "part": part.name,
        "title": part.title,
        "seeds": seeds,
        "reference": part.tools[0].label,
        "rows": rows,
        "targets": targets,
        "traits": [_traits(case) for case in part.cases],
        "versions": {**versions(), **_peer_versions()},
        "machine": machine(),
        "date": _today(),
    }


def _each_case(part: Part, seeds: int, tools: Sequence[Tool]) -> Sequence[list[dict[str, Any]]]:
    """Rows of each case, one case after another.

    Inside `joblib.parallel_config(n_jobs=...)` several at once, in processes or on a cluster; each
    case stays in one place, so that its tools are compared there.
    """
    from joblib import Parallel, delayed

    cache = Cache()
    work = (delayed(_case_rows)(case, part, tools, seeds, cache) for case in part.cases)
    return list(Parallel(n_jobs=None)(work))


def _case_rows(
    case: Case, part: Part, tools: Sequence[Tool], seeds: int, cache: Cache
) -> list[dict[str, Any]]:
    """One row a tool, and the empty graph."""
    runs = run_case(case, tools, range(seeds), cache, warm=part.warm)
    reference = runs.get(part.tools[0].label, [])
    rows = [
        summary(case, tool.label, runs.get(tool.label, []), reference)
        for tool in tools
        if tool.takes(case)
    ]
    if not isinstance(case, Pairwise):
        rows.append(_empty(case, range(seeds), reference))
    return rows


def _empty(case: Case, seeds: Sequence[int], own: Sequence[Outcome]) -> dict[str, Any]:
    """What claiming no edge at all scores."""
    outcomes = []
    for seed in seeds:
        truth = case.draw(seed).truth
        nothing = Graph(truth.names, truth.marks * 0)
        far = float(shd(truth, nothing))
        outcomes.append(Outcome(seed, 0.0, 0.0, shd=far, f1=0.0, heads=0.0, exact=far == 0.0))
    row = summary(case, "empty graph", outcomes, own)
    return {k: v for k, v in row.items() if k not in ("wall", "cpu", "times", "exact")}


def _traits(case: Case) -> dict[str, Any]:
    """How far sorting by variance or by R2 would tell the causal order (first seed)."""
    from ...discovery import r2_sortability, varsortability

    out: dict[str, Any] = {"case": case.label}
    problem = case.draw(0)
    if problem.dag is None or case.d > 200:  # counting paths takes long on more
        return out
    return out | {
        "varsortability": varsortability(problem.x, problem.dag),
        "r2_sortability": r2_sortability(problem.x, problem.dag),
    }


def _peer_versions() -> dict[str, str]:
    return pins() if peers_python() is not None else {}


def _today() -> str:
    from datetime import UTC, datetime

    return datetime.now(UTC).date().isoformat()


def stored(folder: Path = FOLDER) -> dict[str, Any]:
    """The parts measured so far, in the order of the page."""
    out = {}
    for name in parts():
        path = folder / f"{name}.json"
        if path.exists():
            out[name] = json.loads(path.read_text("utf-8"))
    return out


def gathered(found: dict[str, Any], seeds: int) -> Row:
    """One row of the registry: every target with its figure, then every table."""
    targets = [{"part": name, **t} for name, part in found.items() for t in part["targets"]]
    verdicts = [t["holds"] for t in targets]
    holds = None if not verdicts or (None in verdicts and False not in verdicts) else all(verdicts)
    figures: dict[str, Any] = {
        "targets that hold": sum(v is True for v in verdicts),
        "targets that do not hold": sum(v is False for v in verdicts),
        "targets without figures": sum(v is None for v in verdicts),
        "targets": targets,
    }
    return Row(
        NAME, CLAIM, figures, holds, seeds or max((p["seeds"] for p in found.values()), default=0)
    )
