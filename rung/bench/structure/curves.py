"""Pictures of the measured parts: time and distance against size, one line a tool."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from ...report.svg import BLUE, FAINT, GREY, ORANGE, Svg, el, picture, scale, shorten, text

COLOURS = (BLUE, ORANGE, "#2a8f6d", "#8a5bb5", "#b8433f", "#6b7785", "#a67c1b", "#3b8ea5")
WIDTH, HEIGHT, RIGHT = 700.0, 340.0, 470.0
LEAST = {"shd": 0.5}  # where 0 stands on a scale of powers of ten


def curve(
    rows: Sequence[Mapping[str, Any]], x: str, y: str, label: str, *, tabled: Sequence[Any] = ()
) -> Svg | None:
    """Lines of `y` against `x`, one a tool, both on scales of powers of ten.

    A dashed line is a tool measured elsewhere. None if no tool has two points.
    """
    lines = _lines(rows, x, y)
    dashed = _lines(tabled, x, "cpu" if y == "wall" else y)
    every = {**lines, **dashed}
    if not any(len(points) > 1 for points in every.values()):
        return None
    flat = [p for points in every.values() for p in points]
    least = LEAST.get(y, 1e-4)
    sx = scale([math.log10(p[0]) for p in flat], 56, RIGHT)
    sy = scale([math.log10(max(p[1], least)) for p in flat], HEIGHT - 44, 22)
    parts = _log_axis(sx, True, HEIGHT - 40, 22) + _log_axis(sy, False, 50, RIGHT)
    parts.append(text(4, 13, label, size=11.5, fill=GREY))
    for i, (tool, points) in enumerate(every.items()):
        at = [(sx(math.log10(a)), sy(math.log10(max(b, least)))) for a, b in sorted(points)]
        parts += _line(at, tool, i, tool in dashed)
    return picture(parts, WIDTH, max(HEIGHT, 40 + 17.0 * len(every)), f"{label}, by tool")


def _line(at: Sequence[tuple[float, float]], tool: str, i: int, dashed: bool) -> list[str]:
    """One tool's line, its points, and its place in the legend; squares once colours come again."""
    again, colour = i // len(COLOURS), COLOURS[i % len(COLOURS)]
    dash = {"stroke_dasharray": "5 4"} if dashed else {}
    path = "M" + " L".join(f"{x:.1f} {y:.1f}" for x, y in at)
    out = [el("path", d=path, fill="none", stroke=colour, stroke_width=1.8, **dash)]
    y0, key = 34.0 + 17 * i, {"stroke": colour, "stroke_width": 2.0, **dash}
    out.append(el("line", x1=RIGHT + 14, x2=RIGHT + 34, y1=y0 - 4, y2=y0 - 4, **key))
    for x, y in (*at, (RIGHT + 24.0, y0 - 4)):
        out.append(
            el(
                "rect",
                x=x - 4,
                y=y - 4,
                width=8.0,
                height=8.0,
                fill="#fff",
                stroke=colour,
                stroke_width=1.8,
            )
            if again
            else el("circle", cx=x, cy=y, r=3.2, fill=colour)
        )
    out.append(text(RIGHT + 40, y0, shorten(tool, WIDTH - RIGHT - 46, 11), size=11))
    return out


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
