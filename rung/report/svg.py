"""SVG by hand: escaping, text widths, number formats, nice axes, the palette, the picture class."""

from __future__ import annotations

import html
import math
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from rung.report.files import write_text

INK, GREY, FAINT, RULE, PAPER = "#1b1f24", "#59626c", "#8c959f", "#d5dae0", "#ffffff"
# Okabe and Ito (2008): distinct for all common kinds of colour blindness.
BLUE, SKY, GREEN, ORANGE, RED, PINK, YELLOW = (
    "#0072b2", "#56b4e9", "#009e73", "#e69f00", "#d55e00", "#cc79a7", "#f0e442",
)  # fmt: skip
FONT = "system-ui, -apple-system, 'Segoe UI', Roboto, 'DejaVu Sans', sans-serif"


@dataclass(frozen=True)
class Svg:
    """A picture: `text` is a complete SVG element; notebooks show it, `save` writes it."""

    text: str
    width: float
    height: float
    label: str = ""

    def _repr_svg_(self) -> str:
        return self.text

    def __html__(self) -> str:
        return self.text

    def __repr__(self) -> str:
        return f"Svg({self.width:.0f} x {self.height:.0f}: {self.label})"

    def save(self, path: str | Path) -> Path:
        """Write an .svg file; FileProblem if that fails."""
        return write_text(path, '<?xml version="1.0" encoding="UTF-8"?>\n' + self.text + "\n")


def clean(value: object) -> str:
    """Text without the characters that XML forbids (each becomes U+FFFD)."""
    out = []
    for c in str(value):
        code = ord(c)
        legal = code >= 32 or c in "\t\n\r"
        surrogate_or_none = 0xD800 <= code <= 0xDFFF or code in (0xFFFE, 0xFFFF)
        out.append(c if legal and not surrogate_or_none else "\ufffd")
    return "".join(out)


def esc(value: object) -> str:
    """Text made safe for SVG and HTML, in content and in attributes."""
    return html.escape(clean(value), quote=True)


def el(tag: str, *children: str, **attributes: object) -> str:
    """An element; `children` are markup already, attribute values are escaped.

    Underscores in attribute names become hyphens; `klass` is class; None drops the attribute.
    """
    parts = [tag]
    for key, value in attributes.items():
        if value is not None:
            name = "class" if key == "klass" else key.replace("_", "-")
            shown = f"{value:.2f}".rstrip("0").rstrip(".") if isinstance(value, float) else value
            parts.append(f'{name}="{esc(shown)}"')
    inside = "".join(children)
    return f"<{' '.join(parts)}>{inside}</{tag}>" if inside else f"<{' '.join(parts)}/>"


def text(x: float, y: float, content: object, *, size: float = 12, **attributes: object) -> str:
    """A line of text; fill ink unless given."""
    given = {"fill": INK, **attributes}
    return el("text", esc(content), x=float(x), y=float(y), font_size=float(size), **given)


def title(content: object) -> str:
    """The tooltip of the element it is put into."""
    return el("title", esc(content))


def picture(
    parts: Sequence[str], width: float, height: float, label: str, *, interactive: bool = False
) -> Svg:
    """The whole element, with its label for those who cannot see it."""
    body = el(
        "svg",
        title(label) if not interactive else "",
        *parts,
        xmlns="http://www.w3.org/2000/svg",
        viewBox=f"0 0 {math.ceil(width)} {math.ceil(height)}",
        width=math.ceil(width),
        height=math.ceil(height),
        role="group" if interactive else "img",
        aria_label=label,
        font_family=FONT,
    )
    return Svg(body, width, height, clean(label))


def char_width(c: str) -> float:
    """Width of a character in em, a little generous."""
    if unicodedata.combining(c) or c in "\u200d\ufe0f":
        return 0.0
    if unicodedata.east_asian_width(c) in "WF":
        return 1.25
    if c in "iljtfr.,:;|!'()[]I ":
        return 0.36
    if c in "mwMW@%":
        return 0.95
    if c in "−+=<>~":
        return 0.85
    if c.isdigit():
        return 0.65
    return 0.7 if c.isupper() else 0.6


def text_width(content: object, size: float = 12) -> float:
    """Estimated width in px of a line of text."""
    return size * sum(char_width(c) for c in clean(content))


def shorten(content: object, width: float, size: float = 12) -> str:
    """The text, or its beginning and an ellipsis if it is wider than `width` px."""
    full = clean(content).replace("\n", " ").replace("\t", " ").replace("\r", " ")
    if text_width(full, size) <= width:
        return full
    kept, used = "", size * 0.8
    for c in full:
        used += size * char_width(c)
        if used > width:
            break
        kept += c
    return kept.rstrip("\u200d ") + "…"


def wrap(content: object, width: float, size: float = 12) -> list[str]:
    """Lines of at most `width` px, broken at spaces; a longer word is shortened."""
    lines: list[str] = []
    for word in clean(content).split():
        joined = f"{lines[-1]} {word}" if lines else word
        if lines and text_width(joined, size) <= width:
            lines[-1] = joined
        else:
            lines.append(shorten(word, width, size))
    return lines


_SUPER = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


def num(value: object, digits: int = 3) -> str:
    """A number for people: `digits` significant digits, a true minus, powers of ten; – if none."""
    if isinstance(value, bool) or value is None or isinstance(value, str):
        return "–" if value is None else str(value)
    try:
        v = float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        return str(value)
    if math.isnan(v):
        return "–"
    if math.isinf(v):
        return "∞" if v > 0 else "−∞"
    if v == int(v) and abs(v) < 1e7:
        return _minus(f"{int(v):,}")
    exponent = math.floor(math.log10(abs(v)))
    if exponent < -4 or exponent > 7:
        mantissa = f"{v / 10**exponent:.{digits - 1}f}"
        return f"{mantissa} × 10{str(exponent).translate(_SUPER)}".replace("-", "−")
    shown = f"{v:,.{max(0, digits - 1 - exponent)}f}"
    shown = shown.rstrip("0").rstrip(".") if "." in shown else shown
    return _minus(shown)


def _minus(shown: str) -> str:
    return shown.replace("-", "−")


def fixed(value: float, decimals: int) -> str:
    """A number with so many decimals; three significant digits where that would be too many."""
    if not math.isfinite(value) or abs(value) >= 1e7:
        return num(value)
    if value == 0:
        return "0"
    return _minus(f"{value:,.{decimals}f}") if decimals < 5 else num(value)


def decimals_for(width: float) -> int:
    """Decimals that give an interval of this width two significant digits, three if it starts
    with 1 or 2."""
    if not math.isfinite(width) or width <= 0:
        return 2
    exponent = math.floor(math.log10(width))
    leading = width / 10.0**exponent
    return max(0, (2 if leading < 3 else 1) - exponent)


def percent(value: float | None) -> str:
    """A share as a percentage without needless decimals."""
    if value is None or math.isnan(value):
        return "–"
    shown = 100 * value
    whole = abs(shown - round(shown)) < 0.05 or shown >= 10
    return f"{shown:.0f}%" if whole else f"{shown:.1f}%"


def ticks(low: float, high: float, count: int = 5) -> list[float]:
    """Round numbers 1, 2 or 5 times a power of ten inside [low, high], about `count` of them."""
    if not (math.isfinite(low) and math.isfinite(high)) or high <= low:
        return [low] if math.isfinite(low) else []
    raw = (high - low) / max(count, 1)
    power = 10.0 ** math.floor(math.log10(raw))
    step = next(m * power for m in (1, 2, 5, 10) if m * power >= raw * 0.9999)
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    return [round(k * step, 12 - math.floor(math.log10(step))) for k in range(first, last + 1)]


def tick_label(value: float, all_ticks: Sequence[float]) -> str:
    """A tick's number, with as many decimals as the step needs."""
    if len(all_ticks) < 2 or value == 0:
        return num(value)
    step = abs(all_ticks[1] - all_ticks[0])
    top = max(abs(t) for t in all_ticks)
    if top >= 1e6 or step < 1e-4:
        return num(value)
    decimals = max(0, -math.floor(math.log10(step) + 1e-9))
    return _minus(f"{value:,.{decimals}f}")


@dataclass(frozen=True)
class Scale:
    """Linear map from data [low, high] to pixels [start, end]."""

    low: float
    high: float
    start: float
    end: float

    def __call__(self, value: float) -> float:
        return self.start + (value - self.low) / (self.high - self.low) * (self.end - self.start)


def scale(values: Sequence[float], start: float, end: float, *, pad: float = 0.05) -> Scale:
    """Scale over the finite values with a margin; never of zero length."""
    finite = [v for v in values if math.isfinite(v)] or [0.0]
    low, high = min(finite), max(finite)
    if high - low < 1e-12 * max(abs(low), abs(high), 1e-300):
        half = abs(low) / 2 or 1.0
        low, high = low - half, high + half
    margin = pad * (high - low)
    return Scale(low - margin, high + margin, start, end)


def x_axis(s: Scale, y: float, label: str = "", *, top: float | None = None) -> list[str]:
    """Ticks, their numbers, faint grid lines up to `top`, and the axis label."""
    at = ticks(s.low, s.high, max(3, int(abs(s.end - s.start) / 70)))
    out = [el("line", x1=s.start, x2=s.end, y1=float(y), y2=float(y), stroke=FAINT)]
    for t in at:
        x = s(t)
        if top is not None:
            out.append(el("line", x1=x, x2=x, y1=float(top), y2=float(y), stroke="#eceff2"))
        out.append(el("line", x1=x, x2=x, y1=float(y), y2=y + 4.0, stroke=FAINT))
        out.append(text(x, y + 16, tick_label(t, at), size=11, fill=GREY, text_anchor="middle"))
    if label:
        width = abs(s.end - s.start) * 1.02
        middle = (s.start + s.end) / 2
        short = shorten(label, width, 11.5)
        out.append(text(middle, y + 33, short, size=11.5, fill=GREY, text_anchor="middle"))
    return out


def y_axis(s: Scale, x: float, right: float, count: int = 4) -> list[str]:
    """Ticks with numbers left of `x` and faint grid lines to `right`."""
    at = ticks(min(s.low, s.high), max(s.low, s.high), count)
    out = []
    for t in at:
        y = s(t)
        out.append(el("line", x1=float(x), x2=float(right), y1=y, y2=y, stroke="#eceff2"))
        out.append(text(x - 5, y + 4, tick_label(t, at), size=11, fill=GREY, text_anchor="end"))
    return out
