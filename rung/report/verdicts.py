"""Pictures of selected features and of graphs held against chance."""

from __future__ import annotations

from typing import Any

import numpy as np

from rung.report.charts import interval_chart
from rung.report.svg import BLUE, GREY, INK, Scale, Svg, el, percent, picture, text, title, x_axis

MOST = 24


def selection_plot(found: Any) -> Svg:
    """What each feature explains that no other does, 95% intervals, the selected ones bold."""
    rows = sorted(found.rows, key=lambda r: (not r["selected"], r["p"]))[:MOST]
    variance = [r["gain"] / r["share"] for r in found.rows if r["share"]]
    scale = variance[0] if variance else 1.0
    shown = [
        {
            "label": r["name"], "value": r["share"], "low": r["share"] - 1.96 * r["se"] / scale,
            "high": r["share"] + 1.96 * r["se"] / scale, "hero": r["selected"],
        }
        for r in rows
    ]  # fmt: skip
    words = f"Share of {found.target}'s variance that a column explains and no other does"
    return interval_chart(shown, units=f"share of variance of {found.target}", label=words)


def falsification_plot(found: Any) -> Svg:
    """Shares of failing independences of graphs with the nodes dealt out anew, and of this one."""
    width, height = 560.0, 200.0
    own = found.violations / max(found.tests, 1)
    s = Scale(0.0, 1.0, 16, width - 16)
    counts, edges = np.histogram(found.permuted, bins=np.linspace(0, 1, 26))
    base, top = height - 58, max(int(counts.max(initial=0)), 1)
    parts = []
    for count, low, high in zip(counts.tolist(), edges, edges[1:], strict=False):
        if count:
            tall = (base - 46) * count / top
            tip = title(f"{percent(low)} to {percent(high)}: {count}")
            box = {"x": s(low) + 0.5, "width": s(high) - s(low) - 1, "fill": BLUE}
            parts.append(el("rect", tip, y=base - tall, height=tall, **box))
    at = s(own)
    parts.append(el("line", x1=at, x2=at, y1=34, y2=base, stroke=INK, stroke_width=2.2))
    end = "end" if own > 0.7 else "start"
    note = f"this graph: {found.violations} of {found.tests}, {len(found.failing)} after Holm"
    parts.append(text(at + (-6 if own > 0.7 else 6), 42, note, size=12, text_anchor=end))
    parts += x_axis(s, base)
    head = f"{len(found.permuted)} graphs with the nodes dealt out anew; {percent(found.chance)} "
    parts.append(text(12, 16, head + "do no worse", size=13, font_weight="600"))
    under = f"share of implied independences with p at most {found.alpha:g}"
    parts.append(text(16, height - 10, under, size=12, fill=GREY))
    return picture(parts, width, height, f"Graph {found.verdict}: {note}")
