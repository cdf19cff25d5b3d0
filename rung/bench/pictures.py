"""Pictures of the evidence: calibration of edge frequencies, replies of the sites in time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ..report.svg import BLUE, GREY, ORANGE, Svg, el, picture, scale, text, x_axis, y_axis

SIZE = 340.0
MARKS = {"adjacent": (BLUE, "joined at all"), "directed": (ORANGE, "with this direction")}


def reliability(summary: Mapping[str, Any]) -> Svg:
    """Share of true edges (y) among those found in a share of the draws (x), by tenths.

    Parameters
    ----------
    summary : mapping
        `coverage_edges.json`: for "adjacent" and "directed", `bins` of {frequency, true, edges}.
    """
    s = scale([0.0, 1.0], 56, SIZE - 20, pad=0.0)
    v = scale([0.0, 1.0], SIZE - 90, 24, pad=0.0)
    parts = y_axis(v, 50, SIZE - 20) + x_axis(s, SIZE - 84, "share of resampled searches")
    parts.append(text(4, 14, "share of these edges that are true", size=11, fill=GREY))
    parts.append(
        el("line", x1=s(0), y1=v(0), x2=s(1), y2=v(1), stroke=GREY, stroke_dasharray="4 4")
    )
    said = []
    for k, (kind, (colour, words)) in enumerate(MARKS.items()):
        found = summary["reliability"][kind]
        at = [(s(b["frequency"]), v(b["true"])) for b in found["bins"]]
        path = "M" + " L".join(f"{x:.1f} {y:.1f}" for x, y in at)
        parts.append(el("path", d=path, fill="none", stroke=colour, stroke_width=2.0))
        for x, y in at:
            shape = (
                el("circle", cx=x, cy=y, r=4.0, fill=colour)
                if k == 0
                else el("rect", x=x - 3.5, y=y - 3.5, width=7.0, height=7.0, fill=colour)
            )
            parts.append(shape)
        line = f"{words}: calibration error {found['calibration_error']:.3f}"
        y = SIZE - 30 + 16 * k
        parts.append(
            el("circle", cx=62.0, cy=y - 4, r=4.0, fill=colour)
            if k == 0
            else el("rect", x=58.5, y=y - 7.5, width=7.0, height=7.0, fill=colour)
        )
        parts.append(text(72, y, line, size=11.5))
        said.append(line)
    return picture(parts, SIZE, SIZE, "Reliability of edge frequencies; " + "; ".join(said))


def replies(lines: Sequence[Mapping[str, Any]]) -> Svg:
    """When each site replied (a bar a reply) in seconds from the first round, from a transcript."""
    begun = min(line["time"] for line in lines if line["round"] == "1")
    came = [m for m in lines if m["way"] == "received" and m["round"] != "0" and "error" not in m]
    sites = sorted({m["site"] for m in lines if m["site"].startswith("site")})
    s = scale([0.0, max(m["time"] for m in came) - begun], 70, 700, pad=0.0)
    height = 34 * len(sites) + 60
    parts = x_axis(s, height - 46, "seconds from the first round")
    for i, site in enumerate(sites):
        y = 20 + 34 * i
        parts.append(text(4, y + 16, site, size=12, fill=GREY))
        parts += [
            el("line", x1=s(m["time"] - begun), x2=s(m["time"] - begun), y1=y, y2=y + 22,
               stroke=BLUE, stroke_width=2)
            for m in came if m["site"] == site
        ]  # fmt: skip
    return picture(parts, 720, height, "When each site replied, round by round")
