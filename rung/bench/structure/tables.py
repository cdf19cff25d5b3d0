"""The measured parts as CSV, as LaTeX, and as pictures."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Mapping, Sequence
from typing import Any

from ...report.svg import BLUE, FAINT, GREY, ORANGE, Svg, el, picture, scale, shorten, text

SHD = (
    "SHD: pairs of variables whose marks differ from the true CPDAG (PAG for FCI, DAG where said); "
    "an answer that is a DAG is turned into its CPDAG first. `SHD more`: theirs less the "
    "reference's over the same seeds, with a 95% bootstrap interval. Seconds are medians, wall and "
    "processor; `times` is the median over pairs of the wall seconds against the reference."
)
COLUMNS = {
    "case": "case", "tool": "tool", "runs": "runs", "wall": "wall s", "cpu": "processor s",
    "times": "times", "peak": "MiB", "shd": "SHD", "shd_more": "SHD more", "f1": "F1 skeleton",
    "heads": "F1 arrowheads", "exact": "exact", "status": "status",
}  # fmt: skip
COLOURS = (BLUE, ORANGE, "#2a8f6d", "#8a5bb5", "#b8433f", "#6b7785", "#a67c1b", "#3b8ea5")


def to_csv(parts: Mapping[str, Any]) -> str:
    """Every row of every part; the SHD convention in a comment line before the header."""
    rows = [{"part": name, **row} for name, part in parts.items() for row in part["rows"]]
    keys = list(dict.fromkeys(key for row in rows for key in row))
    out = io.StringIO()
    out.write(f"# {SHD}\n")
    writer = csv.DictWriter(out, keys, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return out.getvalue()


def to_latex(parts: Mapping[str, Any]) -> str:
    """One table a part, for booktabs."""
    keys = [k for k in COLUMNS if k != "status"]
    out = [f"% {SHD}"]
    for part in parts.values():
        out += [r"\begin{table}", rf"\caption{{{_tex(part['title'])}}}"]
        out += [r"\begin{tabular}{ll" + "r" * (len(keys) - 2) + "}", r"\toprule"]
        out += [" & ".join(_tex(COLUMNS[k]) for k in keys) + r" \\", r"\midrule"]
        out += [" & ".join(_tex(cell(row, k)) for k in keys) + r" \\" for row in part["rows"]]
        out += [r"\bottomrule", r"\end{tabular}", r"\end{table}", ""]
    return "\n".join(out)


def _tex(value: object) -> str:
    for char in "&%_#$":
        value = str(value).replace(char, "\\" + char)
    return str(value)


def cell(row: Mapping[str, Any], key: str) -> str:
    """A cell of a table, rounded to what the measurement carries."""
    value = row.get(key)
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return ""
    if key == "shd_more":
        return f"{value:+.1f} [{row['shd_more_low']:+.1f}, {row['shd_more_high']:+.1f}]"
    if key in ("wall", "cpu"):
        return f"{value:.2g}" if value < 100 else f"{value:.0f}"
    if key in ("times", "shd"):
        return f"{value:.1f}" if value < 100 else f"{value:.0f}"
    if key in ("f1", "heads", "exact"):
        return f"{value:.3f}"
    if isinstance(value, float):
        return f"{value:.4g}"
    return str(value)


def markdown(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """Rows of one part as a table of a page."""
    keys = [k for k in COLUMNS if any(row.get(k) not in (None, "") for row in rows)]
    if all(row.get("status", "ok") == "ok" for row in rows):
        keys = [k for k in keys if k != "status"]
    out = ["| " + " | ".join(COLUMNS[k] for k in keys) + " |", "|" + "---|" * len(keys)]
    for row in rows:
        out.append("| " + " | ".join(cell(row, k).replace("|", "\\|") for k in keys) + " |")
    return out


def curve(
    rows: Sequence[Mapping[str, Any]], x: str, y: str, label: str, *, tabled: Sequence[Any] = ()
) -> Svg | None:
    """Lines of `y` against `x`, one a tool, both on scales of powers of ten (y from 1 up if SHD).

    A dashed line is a tool measured elsewhere. None if no tool has two points.
    """
    lines = _lines(rows, x, y)
    dashed = _lines(tabled, x, "cpu" if y == "wall" else y)
    every = {**lines, **dashed}
    if not any(len(points) > 1 for points in every.values()):
        return None
    width, height, right = 700.0, 340.0, 470.0
    flat = [p for points in every.values() for p in points]
    sx = scale([math.log10(p[0]) for p in flat], 56, right)
    sy = scale([math.log10(max(p[1], 1e-4)) for p in flat], height - 44, 22)
    parts = _log_axis(sx, True, height - 40, 22) + _log_axis(sy, False, 50, right)
    parts.append(text(4, 13, label, size=11.5, fill=GREY))
    for i, (tool, points) in enumerate(every.items()):
        colour, at = COLOURS[i % len(COLOURS)], sorted(points)
        path = "M" + " L".join(
            f"{sx(math.log10(a)):.1f} {sy(math.log10(max(b, 1e-4))):.1f}" for a, b in at
        )
        dash = {"stroke_dasharray": "5 4"} if tool in dashed else {}
        parts.append(el("path", d=path, fill="none", stroke=colour, stroke_width=1.8, **dash))
        for a, b in at:
            parts.append(
                el(
                    "circle",
                    cx=sx(math.log10(a)),
                    cy=sy(math.log10(max(b, 1e-4))),
                    r=3.2,
                    fill=colour,
                )
            )
        y0 = 34.0 + 17 * i
        parts.append(
            el(
                "line",
                x1=right + 14,
                x2=right + 34,
                y1=y0 - 4,
                y2=y0 - 4,
                stroke=colour,
                stroke_width=2.0,
                **dash,
            )
        )
        parts.append(text(right + 40, y0, shorten(tool, width - right - 46, 11), size=11))
    return picture(parts, width, max(height, 40 + 17.0 * len(every)), f"{label}, by tool")


def _lines(
    rows: Sequence[Mapping[str, Any]], x: str, y: str
) -> dict[str, list[tuple[float, float]]]:
    out: dict[str, list[tuple[float, float]]] = {}
    for row in rows:
        if row.get(x) and row.get(y) is not None and row["tool"] != "empty graph":
            out.setdefault(row["tool"], []).append((float(row[x]), float(row[y])))
    return out


def _log_axis(s: Any, horizontal: bool, at: float, far: float) -> list[str]:
    """Grid lines and numbers at 1, 2 and 5 times powers of ten, fewer where there is no room."""
    low, high = min(s.low, s.high), max(s.low, s.high)
    steps = (1, 2, 5) if high - low < 2.2 else (1,)
    values = [m * 10.0**e for e in range(math.floor(low) - 1, math.ceil(high) + 1) for m in steps]
    out = []
    for value in values:
        if not low <= math.log10(value) <= high:
            continue
        p = s(math.log10(value))
        shown = f"{value:g}"
        if horizontal:
            out.append(el("line", x1=p, x2=p, y1=far, y2=at, stroke="#eceff2"))
            out.append(text(p, at + 15, shown, size=11, fill=GREY, text_anchor="middle"))
        else:
            out.append(el("line", x1=at, x2=far, y1=p, y2=p, stroke="#eceff2"))
            out.append(text(at - 5, p + 4, shown, size=11, fill=GREY, text_anchor="end"))
    if horizontal:
        out.append(el("line", x1=s.start, x2=s.end, y1=at, y2=at, stroke=FAINT))
    return out
