"""The report of pictures: one HTML file that needs nothing else."""

from __future__ import annotations

import base64
import hashlib
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rung.core.errors import InputError
from rung.pipeline.picture_shown import without_pictures
from rung.report.charts import number, shown_numbers, span
from rung.report.export import html_json, write_dot
from rung.report.figures import csv_text, file_name
from rung.report.files import make_folder, write_bytes, write_text
from rung.report.graph_svg import graph_svg, legend_entries
from rung.report.html import FOLDER, environment, safe
from rung.report.svg import BLUE, GREY, RULE, Svg, el, num, picture, text
from rung.report.view import moment

NEEDED = ("data", "headline", "graph", "grid", "sliders", "model")
STANDINGS = {
    "your graph": ("fair", "◆"),
    "learned graph": ("weak", "◇"),
    "no labels": ("weak", "◌"),
}
CELL, SMALL_CELL = 68, 56  # pixels that a picture is shown at, about: in the grid, in the strip
GAP = 2  # between the pictures of a sheet, in pixels of the pictures


def render(content: Mapping[str, Any]) -> str:
    """The report of an analysis of pictures as one self-contained HTML text.

    Parameters
    ----------
    content : mapping
        What `rung.pipeline.pictures` produces.

    Raises
    ------
    InputError
        `content` lacks a section that the page cannot do without.
    """
    absent = [key for key in NEEDED if not content.get(key)]
    if absent:
        raise InputError(f"a report of pictures needs {', '.join(NEEDED)}; missing: {absent[0]}")
    files = {name: (FOLDER / name).read_text("utf-8") for name in
             ("report.css", "pictures.css", "pictures.js")}  # fmt: skip
    script = files["pictures.js"].strip()
    optional = ("soundness", "quality", "laws", "disentanglement", "limits", "partial", "citations")
    width = int(content["grid"]["width"])
    return (
        environment()
        .get_template("pictures.html")
        .render(
            **{key: content[key] for key in NEEDED},
            **{key: content.get(key) or [] for key in optional},
            discovery=content.get("discovery") or {},
            identifiability=content.get("identifiability") or {},
            soundness_text=content.get("soundness_text"),
            soundness_by=content.get("soundness_by") or [],
            rung=content.get("rung") or {},
            command=content.get("command") or "",
            created=moment((content.get("rung") or {}).get("created")),
            standing_style=STANDINGS.get(content["headline"].get("standing", ""), ("fair", "○")),
            graph_figure=graph_svg(content["graph"], legend=False),
            legend=legend_entries(content["graph"]),
            losses=loss_figure(content["model"].get("losses") or ()),
            cell=cell_size(width, CELL),
            gap=GAP * cell_size(width, CELL) // width,
            example_cell=cell_size(width, SMALL_CELL),
            example_gap=GAP * cell_size(width, SMALL_CELL) // width,
            has_units=any(b.get("unit") for b in content["grid"]["blocks"]),
            span=span,
            numbers=shown_numbers,
            css=safe(files["report.css"] + files["pictures.css"]),
            js=safe(script),
            js_hash=base64.b64encode(hashlib.sha256(script.encode()).digest()).decode(),
            analysis_json=safe(html_json(without_pictures(content))),
            pictures_json=safe(html_json(content["sliders"])),
        )
    )


def write_figures(content: Mapping[str, Any], folder: str | Path) -> list[Path]:
    """Write graph.svg, graph.dot, each sheet of pictures as PNG and soundness.csv; the paths.

    Raises
    ------
    FileProblem
        The disk is full, the folder cannot be made or written to.
    """
    target, used = make_folder(folder), set[str]()
    written = [
        graph_svg(content["graph"]).save(target / "graph.svg"),
        write_dot(content, target / "graph.dot"),
        write_text(target / "soundness.csv", csv_text(content.get("soundness") or [])),
    ]
    sheets = [(f"grid-{b['title']}", b["sheet"]) for b in content["grid"]["blocks"]]
    sheets.append(("sliders", content["sliders"]["sheet"]))
    for name, uri in sheets:
        png = base64.b64decode(uri.partition(",")[2])
        written.append(write_bytes(target / f"{file_name(name, used)}.png", png))
    return written


def cell_size(width: int, about: int) -> int:
    """Pixels to show a picture at: a whole multiple of its width, so that its pixels stay even."""
    return max(1, round(about / width)) * width


def loss_figure(losses: Sequence[Mapping[str, Any]]) -> Svg | None:
    """The loss along the steps, on a logarithmic scale where it is positive."""
    points = [(number(r.get("step")), number(r.get("loss"))) for r in losses]
    points = [(x, y) for x, y in points if math.isfinite(x) and math.isfinite(y)]
    if len(points) < 3:
        return None
    logs = all(y > 0 for _, y in points)
    ys = [math.log10(y) if logs else y for _, y in points]
    wide, high, left, low = 560.0, 180.0, 56.0, 26.0
    x0, x1, y0, y1 = points[0][0], points[-1][0], min(ys), max(ys)
    tall = (y1 - y0) or 1.0

    def at(x: float, y: float) -> str:
        across = left + (x - x0) / ((x1 - x0) or 1.0) * (wide - left - 12)
        return f"{across:.1f} {12 + (y1 - y) / tall * (high - low - 20):.1f}"

    line = "M" + " L".join(at(x, y) for (x, _), y in zip(points, ys))
    base = high - low - 8
    parts = [
        el("line", x1=left, x2=wide - 12, y1=base, y2=base, stroke=RULE),
        el("path", d=line, fill="none", stroke=BLUE, stroke_width=2),
        text(left - 6, 17, num(10**y1 if logs else y1), size=11, fill=GREY, text_anchor="end"),
        text(left - 6, base, num(10**y0 if logs else y0), size=11, fill=GREY, text_anchor="end"),
        text(left, high - 10, f"step {num(x0)}", size=11, fill=GREY),
        text(wide - 12, high - 10, f"step {num(x1)}", size=11, fill=GREY, text_anchor="end"),
    ]
    return picture(parts, wide, high, "Loss along the training")
