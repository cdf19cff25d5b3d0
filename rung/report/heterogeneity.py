"""Pictures of effects that differ between rows: group averages, the TOC curve, importance."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from rung.report.charts import bar_chart, interval_chart, number
from rung.report.svg import (
    BLUE,
    FAINT,
    GREY,
    SKY,
    Svg,
    el,
    num,
    picture,
    scale,
    text,
    title,
    x_axis,
    y_axis,
)

MOST = 8  # covariates


def heterogeneity_pictures(found: Mapping[str, Any], units: str) -> list[list[Svg]]:
    """Rows of pictures of `diagnostics["heterogeneity"]` of a learner; none where it has none."""
    out: list[list[Svg]] = []
    if found.get("groups"):
        rows = [
            {
                "label": f"{_place(row)}, predicted {num(row['predicted'])}",
                **{k: row[k] for k in ("value", "low", "high")},
            }
            for row in found["groups"]
        ]
        words = "Average effects of rows in order of their predicted effect"
        out.append([interval_chart(rows, units=units, label=words)])
    below = []
    if found.get("curve"):
        below.append(toc_plot(found["curve"], found.get("autoc") or {}, units))
    if found.get("importance"):
        bars = [(r["name"], r["share"]) for r in found["importance"][:MOST]]
        below.append(bar_chart(bars, width=340, label="importance for the effect", share=True))
    return [*out, below] if below else out


def _place(row: Mapping[str, Any]) -> str:
    """Which part of the rows a group is."""
    parts = {3: "third", 5: "fifth"}.get(row["of"], f"1/{row['of']}")
    ends = {1: f"lowest {parts}", row["of"]: f"highest {parts}"}
    return ends.get(row["group"], f"{parts} {row['group']}")


def toc_plot(
    curve: Sequence[Mapping[str, Any]],
    autoc: Mapping[str, Any],
    units: str,
    *,
    width: float = 370,
    height: float = 230,
) -> Svg:
    """Gain of treating the share with the highest predicted effects, with a pointwise band."""
    s = scale([0.0, 1.0], 52, width - 14, pad=0.0)
    ends = [number(p[k]) for p in curve for k in ("low", "high", "toc")]
    v = scale([0.0, *ends], height - 44, 42, pad=0.06)
    parts = y_axis(v, 48, width - 12, 4) + x_axis(s, height - 42, "share of rows treated")
    parts.append(text(8, 15, "gain over treating at random", size=12.5, font_weight="600"))
    parts.append(text(8, 31, units, size=11, fill=GREY))
    zero = el("line", x1=s(0), x2=s(1), y1=v(0), y2=v(0), stroke=FAINT, stroke_dasharray="4 3")
    top = [f"{s(number(p['share'])):.1f} {v(number(p['high'])):.1f}" for p in curve]
    low = [f"{s(number(p['share'])):.1f} {v(number(p['low'])):.1f}" for p in reversed(curve)]
    band = el("path", d="M" + " L".join([*top, *low]) + " Z", fill=SKY, opacity="0.35")
    line = " L".join(f"{s(number(p['share'])):.1f} {v(number(p['toc'])):.1f}" for p in curve)
    said = ""
    if math.isfinite(number(autoc.get("value"))):
        ends_said = f"{num(autoc['low'])} to {num(autoc['high'])}"
        said = f"AUTOC {num(autoc['value'])} ({ends_said})"
        parts.append(text(width - 12, 31, said, size=11, fill=GREY, text_anchor="end"))
    path = el("path", title(said), d="M" + line, fill="none", stroke=BLUE, stroke_width=2.2)
    parts += [band, zero, path]
    return picture(parts, width, height, f"Gain by share treated; {said}")


__all__ = ["heterogeneity_pictures", "toc_plot"]
