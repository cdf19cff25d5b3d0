"""`--figures DIR`: every figure of a report as SVG, and its numbers as CSV."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from rung.report import section_figures, view
from rung.report.charts import curve_plot, interval_chart
from rung.report.export import plain, write_dot
from rung.report.files import make_folder, write_text
from rung.report.graph_svg import graph_svg
from rung.report.groups import love_plot, overlap_plot
from rung.report.privacy import withhold
from rung.report.svg import Svg

Figure = tuple[str, Svg, Sequence[Mapping[str, Any]]]


def write_figures(
    content: Mapping[str, Any], folder: str | Path, *, show_rows: bool = False
) -> list[Path]:
    """Write each figure as NAME.svg and NAME.csv, and graph.dot; the paths written.

    Raises
    ------
    FileProblem
        The disk is full, the folder cannot be made or written to.
    """
    target = make_folder(folder)
    shown = dict(content) if show_rows else withhold(content)
    written = []
    for name, svg, rows in figures(shown):
        written.append(svg.save(target / f"{name}.svg"))
        written.append(write_text(target / f"{name}.csv", csv_text(rows)))
    written.append(write_dot(shown, target / "graph.dot"))
    return written


def figures(content: Mapping[str, Any]) -> Iterator[Figure]:
    """(file name without ending, picture, rows of numbers) of every figure."""
    graph, effect = content["graph"], content.get("effect") or {}
    edges = [
        {k: v for k, v in e.items() if k not in ("points", "frequencies")}
        for e in graph.get("edges") or ()
    ]
    yield "graph", graph_svg(graph, draws=view.draws(content)), edges
    yield from _effect(effect)
    candidates = (content.get("candidates") or {}).get("rows")
    if candidates:
        rows = [{**row, "label": row.get("name")} for row in candidates]
        yield "candidates", interval_chart(rows, label="Candidates"), candidates
    used: set[str] = set()
    for m in content.get("mechanisms") or ():
        for curve in m.get("curves") or ():
            name = file_name(f"mechanism-{m.get('name')}-{curve.get('parent')}", used)
            points = [{"x": x, "y": y} for x, y in zip(curve.get("x", ()), curve.get("y", ()))]
            yield name, curve_plot(curve, str(m.get("name")), width=420, height=280), points


def _effect(effect: Mapping[str, Any]) -> Iterator[Figure]:
    at, units = section_figures.reference(effect.get("scale")), str(effect.get("units") or "")
    for name, rows in section_figures.interval_rows(effect).items():
        chart = interval_chart(rows, units=units, reference=at, label=section_figures.LABELS[name])
        columns = ("label", "value", "low", "high", "weight", "note")
        yield (
            "effect" if name == "hero" else name,
            chart,
            [{k: row[k] for k in columns if k in row} for row in rows],
        )
    if effect.get("balance"):
        yield "balance", love_plot(effect["balance"], width=560), effect["balance"]
    overlap = effect.get("overlap") or {}
    if overlap.get("bins"):
        bins, up = overlap["bins"], overlap.get("treated") or ()
        down = overlap.get("control") or [None] * len(up)
        rows = [
            {"from": a, "to": b, "treated": t, "control": c}
            for a, b, t, c in zip(bins, bins[1:], up, down)
        ]
        yield "overlap", overlap_plot(overlap, width=560, height=320), rows


def file_name(wanted: str, used: set[str]) -> str:
    """A name that any file system takes, not used before."""
    base = re.sub(r"[^\w.-]+", "_", wanted, flags=re.ASCII).strip("._")[:80] or "figure"
    name, k = base, 2
    while name.lower() in used:
        name, k = f"{base}-{k}", k + 1
    used.add(name.lower())
    return name


def csv_text(rows: Sequence[Mapping[str, Any]]) -> str:
    """Rows as CSV; columns in order of first appearance.

    Text that a spreadsheet would run as a formula gets an apostrophe in front.
    """
    columns = list(dict.fromkeys(key for row in rows for key in row))
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(columns)
    for row in rows:
        writer.writerow([_cell(plain(row.get(key))) for key in columns])
    return out.getvalue()


def _cell(value: Any) -> Any:
    if isinstance(value, str) and value[:1] in "=+-@\t\r" and value not in ("-->", "---"):
        return "'" + value
    return value
