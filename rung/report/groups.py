"""Charts of two groups before they are compared: balance and overlap."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from rung.report.charts import Row, bar, number
from rung.report.svg import (
    BLUE,
    GREY,
    INK,
    PAPER,
    RED,
    RULE,
    Scale,
    Svg,
    el,
    num,
    picture,
    shorten,
    text,
    text_width,
    title,
    wrap,
    x_axis,
    y_axis,
)


def love_plot(
    rows: Sequence[Row],
    *,
    width: float = 400,
    limit: float = 0.1,
    measure: str = "absolute standardised mean difference",
) -> Svg:
    """Differences between the groups before (hollow) and after (filled) weighting; `limit` tinted.

    `measure` names the figures: standardised mean differences, or correlations with a dose.
    """
    rows = sorted(rows, key=lambda r: -abs(number(r.get("before")) or 0.0))
    values = [abs(number(r.get(k))) for r in rows for k in ("before", "after")]
    values = [v for v in values if math.isfinite(v)]
    labels = max([text_width(r.get("name", ""), 12) for r in rows] + [40])
    left = min(labels + 16, 0.4 * width)
    s = Scale(0.0, max([*values, 2 * limit]) * 1.08, left, width - 14)
    step, top = 24.0, 30.0
    bottom = top + step * len(rows)
    parts = [el("rect", x=s(0), y=top, width=s(limit) - s(0), height=bottom - top, fill="#e8f3ee")]
    parts += x_axis(s, bottom, measure, top=top)
    parts.append(el("circle", cx=left + 6, cy=14.0, r=4.5, fill=PAPER, stroke=RED, stroke_width=2))
    parts.append(text(left + 15, 18, "before", size=11.5, fill=GREY))
    parts.append(el("circle", cx=left + 76, cy=14.0, r=5, fill=BLUE))
    parts.append(text(left + 85, 18, "after", size=11.5, fill=GREY))
    for i, row in enumerate(rows):
        parts.append(_pair(row, s, top + step * (i + 0.5), left))
    after = [abs(number(r.get("after"))) for r in rows]
    worst = max([v for v in after if math.isfinite(v)] + [0.0])
    label = f"{measure} of {len(rows)} covariates; the largest afterwards is {num(worst)}"
    return picture(parts, width, bottom + 42, label)


def _pair(row: Row, s: Scale, y: float, left: float) -> str:
    """One covariate: its name, a line from before to after, both dots."""
    name = row.get("name", "")
    before, after = abs(number(row.get("before"))), abs(number(row.get("after")))
    out = [text(left - 8, y + 4, shorten(name, left - 12, 12), size=12, text_anchor="end")]
    if math.isfinite(before) and math.isfinite(after):
        out.append(el("line", x1=s(before), x2=s(after), y1=y, y2=y, stroke=RULE, stroke_width=2))
    if math.isfinite(before):
        ring = {"fill": PAPER, "stroke": RED, "stroke_width": 2}
        out.append(el("circle", cx=s(before), cy=y, r=4.5, **ring))
    if math.isfinite(after):
        out.append(el("circle", cx=s(after), cy=y, r=5, fill=BLUE))
    return el("g", title(f"{name}: {num(before)} before, {num(after)} after"), *out)


def overlap_plot(
    overlap: Mapping[str, Any],
    *,
    width: float = 400,
    height: float = 230,
    groups: tuple[str, str] = ("treated", "control"),
) -> Svg:
    """Mirrored histogram: one group above the line, one below; withheld counts are hollow."""
    edges = [number(e) for e in overlap.get("bins") or ()]
    up, down = list(overlap.get("treated") or ()), list(overlap.get("control") or ())
    k = min(len(edges) - 1, len(up), len(down)) if down else min(len(edges) - 1, len(up))
    if k < 1:
        return picture([text(12, 20, "no overlap figures")], width, 30, "No overlap figures")
    s = Scale(edges[0], edges[k], 50, width - 14)
    known = [number(c) for c in [*up[:k], *down[:k]] if not isinstance(c, str)]
    top = max([c for c in known if math.isfinite(c)] + [5.0])
    middle = (height - 58) / 2 + 22 if down else height - 44.0
    reach = middle - 24
    parts = y_axis(Scale(0.0, top, middle, middle - reach), 46, width - 14, 2)
    sides = ((up, BLUE, -1, groups[0]), (down, RED, 1, groups[1]))
    for i in range(k):
        x, w = s(edges[i]) + 0.6, max(0.8, s(edges[i + 1]) - s(edges[i]) - 1.2)
        where = f"{num(edges[i])} to {num(edges[i + 1])}"
        for counts, colour, sign, who in sides:
            if i < len(counts) and counts[i] not in (0, None):
                c = counts[i]
                share = min(1.0, 2.5 / top) if isinstance(c, str) else number(c) / top
                h = max(3.0 if isinstance(c, str) else 0.8, reach * share)
                y = middle - h if sign < 0 else middle
                parts.append(bar(x, y, w, h, c, colour, f"{who}, {where}: {c}"))
    parts.append(el("line", x1=50, x2=width - 14, y1=middle, y2=middle, stroke=INK))
    base = middle + reach + 4 if down else middle
    lines = wrap(overlap.get("label") or "", width - 40, 11.5)
    parts += [*x_axis(s, base), *_words(lines, (s.start + s.end) / 2, base)]
    parts += _key(groups) if down else []
    said = overlap.get("text") or f"Overlap of the {groups[0]} and the {groups[1]} rows"
    return picture(parts, width, base + 26 + 14 * len(lines), str(said))


def _words(lines: Sequence[str], x: float, base: float) -> list[str]:
    return [
        text(x, base + 33 + 14 * i, line, size=11.5, fill=GREY, text_anchor="middle")
        for i, line in enumerate(lines)
    ]


def _key(groups: tuple[str, str]) -> list[str]:
    """Which colour is which group."""
    out, left = [], 50.0
    for who, colour, way in zip(groups, (BLUE, RED), "↑↓"):
        words = f"{who} {way}"
        out.append(el("rect", x=left, y=4.0, width=11, height=11, fill=colour))
        out.append(text(left + 16, 14, words, size=11.5, fill=GREY))
        left += 34 + text_width(words, 11.5)
    return out


__all__ = ["love_plot", "overlap_plot"]
