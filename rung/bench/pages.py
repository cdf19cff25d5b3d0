"""Writes docs/evidence.md and docs/benchmarks.md from the stored rows.

Usage: python -m rung.bench.pages [DOCS]
"""

from __future__ import annotations

import json
import logging
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from .group_pictures import draw
from .pictures import reliability
from .registry import RESULTS, list_bench, list_evidence, write
from .structure.page import write_page

log = logging.getLogger(__name__)

MOST = 60  # rows of a table
LONG = 200  # characters of nested figures that a cell still shows
FIRST = ("case", "type", "method", "way")  # columns that say what a row is about

_EVIDENCE = """# Evidence

What rung claims, rerun. Each row is written by `rung evidence run NAME` on the machine named in
it; `holds` says whether the claim, stated before the run, held. Written by
`python -m rung.bench.pages`; do not edit.
"""
_RELIABILITY = """
## How often an edge that resampling found is true

![Share of true edges against frequency](images/reliability.svg)

Simulated linear data, 8 variables, 200 to 2,000 rows; the dashed line is where frequencies would
be probabilities. Reports say "found in k of B resampled searches", never "probability".
"""
_BENCHMARKS = """# Benchmarks

Each row is written by `rung bench run NAME` on the machine named in it. Written by
`python -m rung.bench.pages`; do not edit. The tables of `structure` have
[a page of their own](benchmarks-structure.md).
"""


def page(head: str, rows: list[dict[str, Any]], command: str) -> str:
    """The page of a list of rows."""
    out = [head]
    for row in rows:
        out += [f"## {row['name']}", "", str(row["claim"]), ""]
        if not row["date"]:
            out += [f"Not run yet: `rung {command} run {row['name']}`.", ""]
            continue
        held = {True: "holds", False: "**does not hold**", None: "measured"}[row["holds"]]
        where = ", ".join(f"{k} {v}" for k, v in sorted(row["versions"].items()))
        m = row["machine"]
        out += [
            f"{held}; {row['seeds']} seeds, {row['seconds']:.0f} s on {row['date']}, "
            f"{m.get('processor')} with {m.get('cores')} cores; {where}.",
            "",
        ]
        out += _table(row["figures"])
    return "\n".join(out).rstrip() + "\n"


def _table(figures: Mapping[str, Any]) -> list[str]:
    """Figures as a table; lists of mappings and long nested mappings become tables of their own."""
    figures = {k: _rows_of(v) if _is_long(v) else v for k, v in figures.items()}
    plain = {k: v for k, v in figures.items() if not _is_rows(v) and not _is_long(v)}
    out = []
    if plain:
        out += ["| figure | value |", "|---|---|"]
        out += [f"| {_cell(k)} | {_cell(v)} |" for k, v in plain.items()] + [""]
    for name, rows in figures.items():
        if _is_rows(rows):
            keys = list(dict.fromkeys(k for r in rows for k in r if not _is_long(r[k])))
            keys.sort(key=lambda k: FIRST.index(k) if k in FIRST else len(FIRST))
            out += [f"{_cell(name)}:", "", "| " + " | ".join(map(_cell, keys)) + " |"]
            out += ["|" + "---|" * len(keys)]
            out += ["| " + " | ".join(_cell(r.get(k, "")) for k in keys) + " |" for r in rows]
            out += [""]
    if any(_is_long(v) for v in figures.values()) or any(
        _is_long(v) for rows in figures.values() if _is_rows(rows) for r in rows for v in r.values()
    ):
        out += ["Figures in more detail are in the file of the entry in `rung/bench/results/`.", ""]
    return out


def _brief(figures: Mapping[str, Any]) -> dict[str, Any]:
    """The figures without the list of targets, which has a page of its own."""
    return {k: v for k, v in figures.items() if k != "targets"}


def _rows_of(value: Any) -> Any:
    """A nested mapping as rows, one a case; the value itself if that is no table of a page."""
    rows = list(_cases(value, ())) if isinstance(value, dict) else []
    if [row["case"] for row in rows] == ["all"]:
        rows = [{"case": k, "value": v} for k, v in rows[0].items() if k != "case"]
    return rows if 0 < len(rows) <= MOST else value


def _cases(value: Mapping[str, Any], path: tuple[str, ...]) -> Iterator[dict[str, Any]]:
    """The innermost mappings, each named by the keys that lead to it."""
    own = {k: v for k, v in value.items() if not isinstance(v, dict) or _is_summary(v)}
    if own:
        yield {"case": ", ".join(path) or "all", **own}
    for key, inner in value.items():
        if key not in own:
            yield from _cases(inner, (*path, key))


def _is_summary(value: Any) -> bool:
    """A mean over seeds with its interval."""
    return isinstance(value, dict) and set(value) == {"mean", "interval"}


def _is_rows(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(v, dict) for v in value)


def _is_long(value: Any) -> bool:
    """Nested figures that would fill a cell with a page."""
    nested = isinstance(value, dict | list) and not _is_rows(value) and not _is_summary(value)
    return nested and len(str(value)) > LONG


def _cell(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.4g}"
    if _is_summary(value):
        low_high = value["interval"]
        return _cell(value["mean"]) + (
            f" [{low_high[0]:.3g}, {low_high[1]:.3g}]" if low_high else ""
        )
    # "](" would read as a link: Sum[Z](P(Y))
    return str(value).replace("|", "\\|").replace("\n", " ").replace("](", "&#93;(")


def main(docs: Path) -> int:
    """Write the two pages into a folder."""
    text = page(_EVIDENCE, list_evidence(), "evidence")
    edges = RESULTS / "coverage_edges.json"
    if edges.exists():
        (docs / "images").mkdir(exist_ok=True)
        reliability(json.loads(edges.read_text())).save(docs / "images" / "reliability.svg")
        text += _RELIABILITY
    write(docs / "evidence.md", text)
    rows = [{**row, "figures": _brief(row["figures"])} for row in list_bench()]
    write(docs / "benchmarks.md", page(_BENCHMARKS, rows, "bench"))
    write_page(docs)
    draw(docs / "images")
    log.info("wrote evidence.md and benchmarks.md into %s", docs)
    return 0


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parents[2] / "docs"
    sys.exit(main(folder))
