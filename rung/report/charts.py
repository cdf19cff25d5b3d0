"""The charts of the report and of `.plot()`: intervals, balance, overlap, histograms, curves."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from rung.report.svg import (
    BLUE,
    FAINT,
    GREY,
    INK,
    ORANGE,
    PAPER,
    RULE,
    SKY,
    Scale,
    Svg,
    decimals_for,
    el,
    fixed,
    num,
    percent,
    picture,
    scale,
    shorten,
    text,
    text_width,
    tick_label,
    ticks,
    title,
    wrap,
    x_axis,
    y_axis,
)

Row = Mapping[str, Any]
MOVES = ((BLUE, None), (ORANGE, "6 3"), (GREY, "2 3"))  # of components, leading ones first


def number(value: object) -> float:
    """A float; NaN for None and for what is no number."""
    try:
        return float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        return math.nan


def shown_numbers(row: Row) -> tuple[str, str, str]:
    """Value, low and high as text, rounded to what the width of the interval supports."""
    found = [number(row.get(k)) for k in ("value", "low", "high")]
    width = found[2] - found[1]
    if not math.isfinite(width) or width <= 0:
        v, low, high = (num(x) for x in found)
    else:
        v, low, high = (fixed(x, decimals_for(width)) for x in found)
    return v, low, high


def span(row: Row) -> str:
    """`value [low, high]` of a row, or what there is of it."""
    v, low, high = shown_numbers(row)
    if low == high == "–":
        return v if v != "–" else "not identified"
    return f"{v} [{low}, {high}]" if v != "–" else f"[{low}, {high}]"


def _domain(rows: Sequence[Row], reference: float | None) -> list[float]:
    """Values that the axis should hold: ends of very wide intervals are cut off."""
    points = [number(r.get("value")) for r in rows] + ([] if reference is None else [reference])
    points = [p for p in points if math.isfinite(p)]
    ends = [number(r.get(k)) for r in rows for k in ("low", "high")]
    ends = [e for e in ends if math.isfinite(e)]
    widths = sorted(number(r.get("high")) - number(r.get("low")) for r in rows)
    widths = [w for w in widths if math.isfinite(w)]
    if not points or not widths:
        return points + ends
    room = 2.5 * max(widths[len(widths) // 2], max(points) - min(points)) + 1e-300
    return points + [min(max(e, min(points) - room), max(points) + room) for e in ends]


def _interval(row: Row, s: Scale, y: float, colour: str) -> list[str]:
    v, low, high = (number(row.get(k)) for k in ("value", "low", "high"))
    out = []
    if not (math.isnan(low) or math.isnan(high)):
        left, right = (max(s.low, min(s.high, e)) for e in (low, high))
        out.append(el("line", x1=s(left), x2=s(right), y1=y, y2=y, stroke=colour, stroke_width=2.5))
        for end, cut, turn in ((left, low < s.low, 1), (right, high > s.high, -1)):
            x = s(end)
            arrow = f"M{x:.1f} {y:.1f} l{5 * turn} -4 m{-5 * turn} 4 l{5 * turn} 4"
            cap = arrow if cut else f"M{x:.1f} {y - 5:.1f} v10"
            out.append(el("path", d=cap, stroke=colour, stroke_width=2, fill="none"))
    if math.isfinite(v) and s.low <= v <= s.high:
        weight = number(row.get("weight"))
        size = 5.5 if math.isnan(weight) else 3 + 4.5 * math.sqrt(max(0.0, min(1.0, weight)))
        dot = {"fill": colour, "stroke": PAPER, "stroke_width": 1.2}
        if row.get("hollow"):
            dot = {"fill": PAPER, "stroke": colour, "stroke_width": 2}
        if row.get("hero"):
            d = f"M{s(v):.1f} {y - 8:.1f} l8 8 l-8 8 l-8 -8 z"
            out.append(el("path", d=d, **dot))
        else:
            out.append(el("circle", cx=s(v), cy=y, r=size, **dot))
    return out


def interval_chart(
    rows: Sequence[Row],
    *,
    width: float = 720,
    units: str = "",
    reference: float | None = 0.0,
    label: str = "Estimates with their intervals",
) -> Svg:
    """One line a row: label, point and interval, numbers; a dashed line at `reference`.

    Rows hold label, value, low, high and perhaps weight (0..1, the size of the dot), note,
    hero (a diamond) and hollow. Below 520 px the labels stand above their intervals.
    """
    wide = width >= 520
    right = max([text_width(shorten(span(r), 240, 12), 12) for r in rows] + [60]) + 14
    labels = max([text_width(r.get("label", ""), 12.5) for r in rows] + [60])
    left = min(labels + 14, 0.34 * width)
    left, right = (left, right) if wide else (12.0, 12.0)
    s = scale(_domain(rows, reference), left + 8, width - right - 8)
    step, top = (30.0, 10.0) if wide else (46.0, 8.0)
    bottom = top + step * len(rows) + 4
    parts = x_axis(s, bottom, units, top=top)
    if reference is not None and s.low <= reference <= s.high:
        x = s(reference)
        dash = el("line", x1=x, x2=x, y1=top, y2=bottom, stroke=GREY, stroke_dasharray="4 3")
        parts.append(dash)
    for i, row in enumerate(rows):
        y = top + step * i + (step / 2 if wide else 30.0)
        colour = row.get("colour") or (INK if row.get("hero") else BLUE)
        words = _beside(row, y, left, right, width) if wide else _above(row, y, width)
        note = f" ({row['note']})" if row.get("note") else ""
        tip = title(f"{row.get('label', '')}: {span(row)}{note}")
        parts.append(el("g", tip, *_interval(row, s, y, colour), *words))
    return picture(parts, width, bottom + (42 if units else 24), label)


def _beside(row: Row, y: float, left: float, right: float, width: float) -> list[str]:
    """Label left and numbers right of an interval."""
    name = shorten(row.get("label", ""), left - 10, 12.5)
    strong = "600" if row.get("hero") else None
    value = shorten(span(row), 240, 12)
    return [
        text(left - 6, y + 4, name, size=12.5, text_anchor="end", font_weight=strong),
        text(width - right + 6, y + 4, value, size=12, fill=GREY),
    ]


def _above(row: Row, y: float, width: float) -> list[str]:
    """Label and numbers above an interval, on a white ground."""
    halo = {"stroke": PAPER, "stroke_width": 4, "paint_order": "stroke"}
    strong = "600" if row.get("hero") else None
    value = shorten(span(row), width * 0.6, 11.5)
    name = shorten(row.get("label", ""), width - text_width(value, 11.5) - 30, 12)
    end = {"fill": GREY, "text_anchor": "end", **halo}
    return [
        text(12, y - 13, name, size=12, font_weight=strong, **halo),
        text(width - 12, y - 13, value, size=11.5, **end),
    ]


def bar(x: float, y: float, w: float, h: float, count: object, colour: str, tip: str) -> str:
    """A bar; one whose count is withheld ("<5") is a short hollow one."""
    if isinstance(count, str):
        dash = {"fill": "none", "stroke": colour, "stroke_dasharray": "2 2"}
        return el("rect", title(tip), x=x, y=y, width=w, height=h, **dash)
    return el("rect", title(tip), x=x, y=y, width=w, height=h, fill=colour)


def histogram(
    edges: Sequence[float],
    counts: Sequence[Any],
    *,
    width: float = 240,
    height: float = 120,
    label: str = "",
    colour: str = BLUE,
) -> Svg:
    """Counts in bins on a number line."""
    s = Scale(float(edges[0]), float(edges[-1]), 12, width - 12)
    known = [number(c) for c in counts if not isinstance(c, str)]
    top = max([*known, 1.0])
    base, parts = height - 38.0, []
    for i, c in enumerate(counts):
        if c not in (0, None):
            h = (base - 22) * (0.04 if isinstance(c, str) else number(c) / top)
            x, w = s(edges[i]) + 0.5, max(0.7, s(edges[i + 1]) - s(edges[i]) - 1)
            tip = f"{num(edges[i])} to {num(edges[i + 1])}: {c}"
            parts.append(bar(x, base - h, w, h, c, colour, tip))
    parts += x_axis(s, base)
    parts.append(text(12, 14, shorten(label, width - 20, 12), size=12, font_weight="600"))
    return picture(parts, width, height, f"Histogram of {label}")


def bar_chart(
    rows: Sequence[tuple[str, Any]], *, width: float = 240, label: str = "", share: bool = False
) -> Svg:
    """Horizontal bars with names and numbers."""
    known = [number(v) for _, v in rows if not isinstance(v, str)]
    top = max([*known, 1e-300])
    left = min(max([text_width(n, 11.5) for n, _ in rows] + [20]) + 12, 0.45 * width)
    parts = [text(12, 14, shorten(label, width - 20, 12), size=12, font_weight="600")]
    for i, (name, value) in enumerate(rows):
        y = 24.0 + 20 * i
        w = 2.0 if isinstance(value, str) else (width - left - 62) * number(value) / top
        shown = value if isinstance(value, str) else percent(value) if share else num(value)
        short = shorten(name, left - 10, 11.5)
        parts.append(text(left - 6, y + 12, short, size=11.5, text_anchor="end"))
        parts.append(bar(left, y + 2, max(w, 0.8), 13, value, BLUE, f"{name}: {shown}"))
        parts.append(text(left + max(w, 1) + 5, y + 12, shown, size=11, fill=GREY))
    return picture(parts, width, 28 + 20 * len(rows), f"Counts of {label}")


def box_strip(stats: Row, *, width: float = 150, height: float = 22) -> Svg:
    """Quartiles, median, mean (a dot) on a line of three interquartile ranges around them."""
    keys = ("q25", "median", "q75", "mean")
    low, median, high, mean = (number(stats.get(k)) for k in keys)
    reach = (high - low) or max(1.0, abs(median))  # half of the rows or more have one value
    s = Scale(low - reach, high + reach, 4, width - 4)
    y = height / 2
    parts = [
        el("line", x1=s(s.low), x2=s(s.high), y1=y, y2=y, stroke=RULE),
        el("rect", x=s(low), y=y - 5, width=max(1.0, s(high) - s(low)), height=10, fill=SKY, rx=2),
        el("line", x1=s(median), x2=s(median), y1=y - 7, y2=y + 7, stroke=INK, stroke_width=2),
    ]
    if math.isfinite(mean) and s.low < mean < s.high:
        parts.append(el("circle", cx=s(mean), cy=y, r=2.6, fill=PAPER, stroke=INK))
    said = f"quartiles {num(low)}, {num(median)}, {num(high)}; mean {num(mean)}"
    return picture(parts, width, height, f"{stats.get('name', '')}: {said}")


def sparkline(
    edges: Sequence[float], counts: Sequence[Any], name: str, *, width: float = 150
) -> Svg:
    """A histogram small enough for a line of a table."""
    height, parts = 30.0, []
    s = Scale(float(edges[0]), float(edges[-1]), 2, width - 2)
    top = max([number(c) for c in counts if not isinstance(c, str)] + [1.0])
    for i, c in enumerate(counts):
        if c not in (0, None):
            h = 2.0 if isinstance(c, str) else max(0.8, (height - 4) * number(c) / top)
            x, w = s(edges[i]) + 0.3, max(0.6, s(edges[i + 1]) - s(edges[i]) - 0.6)
            tip = f"{num(edges[i])} to {num(edges[i + 1])}: {c}"
            parts.append(bar(x, height - h - 1, w, h, c, BLUE, tip))
    parts.append(el("line", x1=2, x2=width - 2, y1=height - 1, y2=height - 1, stroke=FAINT))
    return picture(parts, width, height, f"Histogram of {name}")


def curve_plot(curve: Row, outcome: str, *, width: float = 230, height: float = 150) -> Svg:
    """How a mechanism's mean moves with one parent, the others held where the fit left them."""
    pairs = [(number(a), number(b)) for a, b in zip(curve.get("x") or (), curve.get("y") or ())]
    pairs = [p for p in pairs if all(map(math.isfinite, p))]
    parent = str(curve.get("parent", ""))
    label = f"{outcome} against {parent}"
    if not pairs:
        return picture([text(10, 20, "no curve")], width, 30, label)
    s = scale([a for a, _ in pairs], 48, width - 10, pad=0.02)
    v = scale([b for _, b in pairs], height - 40, 20, pad=0.08)
    parts = y_axis(v, 44, width - 10, 3) + x_axis(s, height - 38, parent)
    parts.append(text(4, 12, shorten(outcome, width - 12, 11), size=11, fill=GREY))
    path = "M" + " L".join(f"{s(a):.1f} {v(b):.1f}" for a, b in pairs)
    line = {"fill": "none", "stroke": BLUE, "stroke_width": 2.2, "stroke_linejoin": "round"}
    levels = curve.get("levels")
    if levels:
        for (a, b), level in zip(pairs, levels):
            parts.append(el("circle", title(level), cx=s(a), cy=v(b), r=4, fill=BLUE))
    else:
        parts.append(el("path", d=path, **line))
    low, high = pairs[0][1], pairs[-1][1]
    return picture(parts, width, height, f"{label}: from {num(low)} to {num(high)}")


def movement(
    name: str,
    points: Sequence[Any],
    curves: Sequence[Sequence[float]],
    shares: Sequence[float],
    surrogate: str,
    *,
    width: float = 330,
    height: float = 190,
) -> Svg:
    """Components of a changing mechanism over times, or over environments as dots.

    curves : one sequence of values a component, leading ones first; shares : of the movement.
    Drawn as tall as their share makes them: the first with standard deviation 1.
    """
    size = [math.sqrt(share / shares[0]) if shares[0] > 0 else 1.0 for share in shares]
    curves = [[y * r for y in curve] for curve, r in zip(curves, size)]
    named = any(isinstance(p, str) for p in points)
    at = [float(i) for i in range(len(points))] if named else [number(p) for p in points]
    s = scale(at, 44, width - 12, pad=0.03)
    v = scale([y for curve in curves for y in curve], height - 40, 42, pad=0.08)
    label = f"{surrogate} (in the order of the data)" if named else surrogate
    parts = y_axis(v, 40, width - 10, 3)
    parts += [text(s.start, height - 7, label, size=11.5, fill=GREY)] if named else []
    parts += [] if named else x_axis(s, height - 38, label)
    parts.append(text(8, 15, shorten(name, width - 16, 12.5), size=12.5, font_weight="600"))
    left = 8.0
    for k, curve in reversed(list(enumerate(curves))):
        colour, dash = MOVES[k % len(MOVES)]
        there = [(s(a), v(b)) for a, b in zip(at, curve)]
        if named:
            parts += [
                el("circle", title(str(p)), cx=x, cy=y, r=4 - 0.8 * min(k, 2), fill=colour)
                for p, (x, y) in zip(points, there)
            ]
        else:
            path = "M" + " L".join(f"{x:.1f} {y:.1f}" for x, y in there)
            line = {"fill": "none", "stroke": colour, "stroke_width": 2.4 - 0.6 * min(k, 2)}
            parts.append(el("path", d=path, stroke_dasharray=dash, **line))
    for k, share in enumerate(shares):
        words = f"{'' if k else 'component '}{k + 1}: {percent(share)}"
        parts.append(text(left, 31, words, size=11, fill=MOVES[k % len(MOVES)][0]))
        left += text_width(words, 11) + 12
    said = f"components of {', '.join(map(percent, shares))}"
    return picture(parts, width, height, f"Movement of {name} over {surrogate}: {said}")


def text_block(lines: Sequence[str], *, width: float = 640, label: str = "") -> Svg:
    """Lines of text as a picture, for results that have no better one."""
    shown = [w for line in lines for w in (wrap(line, width - 24, 12.5) or [""])]
    parts = [text(12, 22 + 18 * i, line, size=12.5) for i, line in enumerate(shown)]
    return picture(parts, width, 24 + 18 * len(shown), label or " ".join(shown[:2]))


__all__ = [
    "bar",
    "bar_chart",
    "box_strip",
    "curve_plot",
    "histogram",
    "interval_chart",
    "movement",
    "number",
    "span",
    "text_block",
    "tick_label",
    "ticks",
]
