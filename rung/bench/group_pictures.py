"""Pictures of causal de Finetti's evidence: shares and distances against the number of groups."""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ..report.svg import FAINT, GREY, Svg, el, picture, scale, shorten, text, y_axis
from .registry import RESULTS
from .structure.curves import COLOURS

WIDTH, HEIGHT, RIGHT = 640.0, 320.0, 450.0
Line = Sequence[tuple[float, Sequence[float]]]  # groups, and (mean, low, high)


def against_groups(lines: Mapping[str, Line], label: str) -> Svg:
    """One line a name, with its 95% intervals as bars; groups on a scale of powers of ten."""
    sizes = sorted({g for line in lines.values() for g, _ in line})
    sx = scale([math.log10(g) for g in sizes], 56, RIGHT)
    sy = scale([0.0, 1.0], HEIGHT - 56, 26, pad=0.02)
    parts = y_axis(sy, 50, RIGHT)
    parts.append(el("line", x1=sx.start, x2=sx.end, y1=sy(0), y2=sy(0), stroke=FAINT))
    for g in sizes:
        x = sx(math.log10(g))
        parts.append(text(x, HEIGHT - 38, f"{g:,.0f}", size=11, fill=GREY, text_anchor="middle"))
    middle = (sx.start + sx.end) / 2
    parts.append(text(middle, HEIGHT - 18, "groups", size=11.5, fill=GREY, text_anchor="middle"))
    parts.append(text(4, 14, label, size=11.5, fill=GREY))
    for i, (name, line) in enumerate(lines.items()):
        parts += _line(line, i, len(lines), sx, sy)
        y = 40.0 + 18 * i
        colour = COLOURS[i % len(COLOURS)]
        ends = {"x1": RIGHT + 14, "x2": RIGHT + 34, "y1": y - 4, "y2": y - 4}
        parts.append(el("line", **ends, stroke=colour, stroke_width=2.0))
        parts.append(text(RIGHT + 40, y, shorten(name, WIDTH - RIGHT - 46, 11), size=11))
    return picture(parts, WIDTH, HEIGHT, f"{label}, by method")


def _line(line: Line, i: int, count: int, sx: Any, sy: Any) -> list[str]:
    """Points a little beside each other, so that bars do not cover bars."""
    colour, beside = COLOURS[i % len(COLOURS)], 3.0 * (i - (count - 1) / 2)
    at = [(sx(math.log10(g)) + beside, *(sy(v) for v in values)) for g, values in sorted(line)]
    path = "M" + " L".join(f"{x:.1f} {y:.1f}" for x, y, *_ in at)
    out = [el("path", d=path, fill="none", stroke=colour, stroke_width=1.8)]
    for x, y, low, high in at:
        out.append(el("line", x1=x, x2=x, y1=low, y2=high, stroke=colour, stroke_width=1.2))
        out.append(el("circle", cx=x, cy=y, r=3.0, fill=colour))
    return out


def lines_of(rows: Sequence[Mapping[str, Any]], world: str, size: int) -> dict[str, Line]:
    """The line of each method in a world, for groups of `size` rows."""
    out: dict[str, list[tuple[float, Sequence[float]]]] = {}
    for row in rows:
        if row["world"] == world and row["rows"] == size:
            for name, values in row["scores"].items():
                out.setdefault(name, []).append((row["groups"], values))
    return dict(out)


def draw(images: Path, results: Path = RESULTS) -> list[Path]:
    """Write the pictures of the stored evidence; none if it was not run."""
    file = results / "causal-de-finetti.json"
    if not file.exists():
        return []
    rows = json.loads(file.read_text("utf-8"))["figures"]["settings"]
    named = {
        "two": ("two, lines", 2, "share of right graphs of two variables, 2 rows a group"),
        "several": ("levels, 5", 2, "distance to the graph of 5 binary variables, 2 rows a group"),
    }
    images.mkdir(exist_ok=True)
    return [
        against_groups(lines_of(rows, world, size), label).save(
            images / f"causal-de-finetti-{name}.svg"
        )
        for name, (world, size, label) in named.items()
    ]


if __name__ == "__main__":
    draw(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parents[2] / "docs" / "images")
