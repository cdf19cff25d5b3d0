"""How often resampling found each form of an edge, as one stacked bar."""

from __future__ import annotations

from collections.abc import Mapping

from rung.report.svg import BLUE, GREEN, INK, RED, SKY, Svg, el, percent, picture, text, text_width

FORMS: dict[str, tuple[str, str]] = {  # sign, colour
    "-->": ("→", INK),
    "<--": ("←", "#7a8591"),
    "---": ("—", RED),
    "<->": ("↔", BLUE),
    "o->": ("o→", GREEN),
    "<-o": ("←o", "#57bd9d"),
    "o-o": ("o–o", SKY),
    "o--": ("o–", SKY),
    "--o": ("–o", SKY),
}
ABSENT = ("none", "#e6e9ed")


def frequency_bar(
    a: str, b: str, frequencies: Mapping[str, float], draws: int | None, *, width: float = 300
) -> Svg:
    """A bar of shares, its parts named below it where there is room."""
    total = sum(f for f in frequencies.values() if f > 0) or 1.0
    present = [(m, f) for m, f in frequencies.items() if f > 0 and m.strip()]
    items = sorted(present, key=lambda kv: -kv[1])
    absent = sum(f for m, f in frequencies.items() if not m.strip() and f > 0)
    if total < 1 - 1e-6:
        absent, total = absent + 1 - total, 1.0
    shown = [(*FORMS.get(m, (m, SKY)), f) for m, f in items]
    shown += [(*ABSENT, absent)] if absent > 1e-9 else []
    x, label_end, parts, words = 0.0, 0.0, [], []
    for sign, colour, share in shown:
        w = width * share / total
        count = f"{round(share * draws)}" if draws else percent(share)
        said = f"{sign} {count}"
        parts.append(el("rect", x=x, y=0.0, width=max(w - 1, 0.5), height=9.0, fill=colour))
        start = max(x, label_end)
        if start + text_width(said, 11) < width + 24:
            parts.append(text(start, 22, said, size=11))
            label_end = start + text_width(said, 11) + 6
        words.append(f"{a} {sign} {b}: {count}" if sign != "none" else f"no edge: {count}")
        x += w
    of = f" of {draws} resamples" if draws else ""
    return picture(parts, width + 24, 27, "; ".join(words) + of)
