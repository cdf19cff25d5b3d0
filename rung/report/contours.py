"""The sensitivity contour: what a hidden cause of given strength would leave of an effect."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rung.report.svg import (
    BLUE,
    FAINT,
    GREY,
    ORANGE,
    RED,
    Scale,
    Svg,
    el,
    num,
    picture,
    shorten,
    text,
    ticks,
    title,
    x_axis,
    y_axis,
)

Point = tuple[float, float]
NOTE = "red: nothing left; dashed: interval reaches zero; diamonds: covariates"
LEFT, TOP, RIGHT, BOTTOM = 62.0, 30.0, 24.0, 66.0


def contour_svg(
    figures: Mapping[str, Any],
    *,
    treatment: str = "the treatment",
    outcome: str = "the outcome",
    width: float = 520,
    height: float = 400,
) -> Svg:
    """Lines of equal adjusted estimate over both partial R2 of a hidden common cause.

    Parameters
    ----------
    figures : of the refutation "hidden common cause": "contour", "benchmarks", "estimate"
    treatment, outcome : names for the axes

    The thick line is where nothing is left; on the dashed one the interval reaches zero. Diamonds
    are hidden causes as strong as a named covariate (Cinelli and Hazlett 2020, figure 2).
    """
    grid = figures["contour"]
    across, up = grid["r2_treatment"], grid["r2_outcome"]
    x = Scale(0.0, across[-1], LEFT, width - RIGHT)
    y = Scale(0.0, up[-1], height - BOTTOM, TOP)
    label = f"share of {treatment} that a hidden cause explains (partial R²)"
    parts = [*x_axis(x, height - BOTTOM, label, top=TOP), *y_axis(y, LEFT, width - RIGHT)]
    said = shorten(f"share of {outcome} that it explains (partial R²)", width - LEFT, 11.5)
    parts.append(text(LEFT - 44, TOP - 14, said, size=11.5, fill=GREY))
    values = [v for row in grid["estimate"] for v in row]
    for level in ticks(min(values), max(values), 7):
        if level != 0:
            lines = isoline(across, up, grid["estimate"], level)
            parts += _drawn(lines, x, y, FAINT, 1.0, num(level))
    strong = grid["critical"] if figures["estimate"] >= 0 else -grid["critical"]
    parts += _drawn(isoline(across, up, grid["t"], strong), x, y, ORANGE, 1.6, "", dash="5 4")
    parts += _drawn(isoline(across, up, grid["estimate"], 0.0), x, y, RED, 2.2, "0")
    tip = title(f"no hidden cause: {num(figures['estimate'])}")
    parts.append(el("circle", tip, cx=x(0.0), cy=y(0.0), r=3.5, fill=BLUE))
    parts += _marks(figures["benchmarks"], x, y, width)
    note = shorten(NOTE, width - LEFT, 11)
    parts.append(text(LEFT, height - 10, note, size=11, fill=GREY))
    words = (
        f"What a hidden common cause of {treatment} and {outcome} would leave of the effect: "
        f"{num(figures['estimate'])} without one"
    )
    return picture(parts, width, height, words)


def isoline(
    across: Sequence[float], up: Sequence[float], grid: Sequence[Sequence[float]], level: float
) -> list[tuple[Point, Point]]:
    """Segments on which a function, linear along the sides of each cell, has a value."""
    out = []
    for j in range(len(up) - 1):
        for i in range(len(across) - 1):
            corners = [(i, j), (i + 1, j), (i + 1, j + 1), (i, j + 1)]
            ends: list[Point] = []
            for (a, b), (c, d) in zip(corners, corners[1:] + corners[:1], strict=True):
                f, g = grid[b][a] - level, grid[d][c] - level
                if (f < 0) != (g < 0):
                    s = f / (f - g)
                    ends.append((
                        across[a] + s * (across[c] - across[a]), up[b] + s * (up[d] - up[b])
                    ))  # fmt: skip
            out += [(ends[k], ends[k + 1]) for k in range(0, len(ends) - 1, 2)]
    return out


def _drawn(
    lines: Sequence[tuple[Point, Point]],
    x: Scale,
    y: Scale,
    colour: str,
    width: float,
    label: str,
    *,
    dash: str | None = None,
) -> list[str]:
    """The line as one path, with its value near its right end, away from the covariates."""
    if not lines:
        return []
    path = " ".join(f"M{x(a):.1f} {y(b):.1f}L{x(c):.1f} {y(d):.1f}" for (a, b), (c, d) in lines)
    out = [el("path", d=path, fill="none", stroke=colour, stroke_width=width,
              stroke_dasharray=dash)]  # fmt: skip
    if label:
        at = min(lines, key=lambda s: abs(s[0][0] / x.high - 0.8) + 0.1 * s[0][1] / y.high)[0]
        out.append(text(x(at[0]) + 3, y(at[1]) - 3, label, size=10.5, fill=colour if colour == RED
                        else GREY))  # fmt: skip
    return out


def _marks(marks: Sequence[Mapping[str, Any]], x: Scale, y: Scale, width: float) -> list[str]:
    out, taken = [], list[tuple[float, float]]()
    for mark in sorted(marks, key=lambda m: -float(m["r2_treatment"]))[:8]:
        px, py = x(float(mark["r2_treatment"])), y(float(mark["r2_outcome"]))
        words = f"as strong as {mark['name']}: {num(mark['estimate'])} left"
        around = [(px - 4, py), (px, py - 4), (px + 4, py), (px, py + 4)]
        corners = " ".join(f"{a:.1f},{b:.1f}" for a, b in around)
        out.append(el("polygon", title(words), points=corners, fill=BLUE))
        while any(abs(px - a) < 80 and abs(py - b) < 12 for a, b in taken):
            py -= 12
        taken.append((px, py))
        side = "end" if px > width - 120 else "start"
        name = shorten(str(mark["name"]), 110, 11)
        out.append(text(px + (-7 if side == "end" else 7), py + 4, name, size=11, fill=BLUE,
                        text_anchor=side))  # fmt: skip
    return out
