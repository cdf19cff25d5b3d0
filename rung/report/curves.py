"""Pictures of effects that are curves of a dose."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from rung.report.charts import number
from rung.report.svg import (
    BLUE,
    GREY,
    INK,
    SKY,
    Scale,
    Svg,
    el,
    num,
    percent,
    picture,
    scale,
    shorten,
    text,
    title,
    x_axis,
    y_axis,
)

Row = Mapping[str, Any]


def effect_curve(curve: Row, *, width: float = 560, height: float = 300) -> Svg:
    """A curve of a dose with its simultaneous band, and the range over graphs behind it.

    curve : `Estimate.diagnostics["curve"]` of a `rung.Curve`: x, value, low, high; hull_low and
        hull_high where there are several graphs
    """
    x, value, low, high = ([number(v) for v in curve[k]] for k in ("x", "value", "low", "high"))
    label = str(curve.get("label", ""))
    outer = [number(v) for k in ("hull_low", "hull_high") for v in curve.get(k) or ()]
    s = scale(x, 58, width - 14, pad=0.02)
    flat = [0.0] if curve.get("derivative") else []
    v = scale([*value, *low, *high, *outer, *flat], height - 44, 50, pad=0.05)
    parts = y_axis(v, 54, width - 12) + x_axis(s, height - 42, str(curve.get("x_label", "")))
    parts.append(text(8, 16, shorten(label, width - 16, 13), size=13, font_weight="600"))
    parts.append(text(8, 34, _words(curve), size=11.5, fill=GREY))
    if outer:
        parts.append(_band(s, v, x, curve["hull_low"], curve["hull_high"], "#e3e7eb"))
    if flat:
        parts.append(el("line", x1=s.start, x2=s.end, y1=v(0.0), y2=v(0.0), stroke=GREY))
    parts.append(_band(s, v, x, low, high, SKY, opacity=0.35))
    parts += _line(s, v, x, value, low, high)
    said = f"{label}: from {num(value[0])} at {num(x[0])} to {num(value[-1])} at {num(x[-1])}"
    return picture(parts, width, height, said)


def extreme_curves(found: Any, *, most: int = 12) -> list[list[Svg]]:
    """Rows of two pictures: for each latent the property that its extremes change most.

    found : `rung.latent.ExtremeValues`
    """
    pictures = []
    for j, latent in enumerate(found.latents[:most]):
        k = int(found.extreme.first[j])
        curve = {
            "x": found.levels[j].tolist(), "value": found.mean[j, :, k].tolist(),
            "low": found.low[j, :, k].tolist(), "high": found.high[j, :, k].tolist(),
            "label": f"{found.properties[k]} under do({latent})", "x_label": latent,
            "level": found.level, "units": f"margin {num(found.extreme.margins[j])} sd",
        }  # fmt: skip
        there = [i for i, v in enumerate(curve["value"]) if math.isfinite(v)]
        if len(there) > 1:
            short = {a: [curve[a][i] for i in there] for a in ("x", "value", "low", "high")}
            pictures.append(effect_curve({**curve, **short}, width=400, height=240))
    return [pictures[i : i + 2] for i in range(0, len(pictures), 2)]


def _words(curve: Row) -> str:
    many, level = len(curve["x"]), number(curve.get("level"))
    words = f"band: {percent(level)} for all {many} doses together" if many > 1 else percent(level)
    if curve.get("hull_low"):
        words += f"; grey: bands of {curve.get('graphs')} graphs"
    units = str(curve.get("units", ""))
    return f"{units}; {words}" if units else words


def _band(
    s: Scale, v: Scale, x: Sequence[float], low: Sequence[Any], high: Sequence[Any], colour: str,
    *, opacity: float = 1.0,
) -> str:  # fmt: skip
    up = [f"{s(a):.1f} {v(number(b)):.1f}" for a, b in zip(x, high)]
    down = [f"{s(a):.1f} {v(number(b)):.1f}" for a, b in zip(x, low)]
    return el("path", d="M" + " L".join([*up, *down[::-1]]) + " Z", fill=colour, opacity=opacity)


def _line(
    s: Scale, v: Scale, x: Sequence[float], value: Sequence[float], low: Sequence[float],
    high: Sequence[float],
) -> list[str]:  # fmt: skip
    """The curve; single doses as dots, and what each says when pointed at."""
    there = [(s(a), v(b)) for a, b in zip(x, value) if math.isfinite(b)]
    out = []
    if len(there) > 1:
        path = "M" + " L".join(f"{a:.1f} {b:.1f}" for a, b in there)
        out.append(el("path", d=path, fill="none", stroke=BLUE, stroke_width=2.4))
    for a, b, c, d in zip(x, value, low, high):
        tip = title(f"{num(a)}: {num(b)} [{num(c)}, {num(d)}]")
        shown = len(x) <= 12
        out.append(el("circle", tip, cx=s(a), cy=v(b), r=3.2 if shown else 5.0,
                      fill=INK if shown else "transparent"))  # fmt: skip
        if shown:
            out.append(el("line", x1=s(a), x2=s(a), y1=v(c), y2=v(d), stroke=INK))
    return out
