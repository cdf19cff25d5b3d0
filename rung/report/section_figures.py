"""Figures of the sections: each drawn for wide pages and for phones."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from markupsafe import Markup

from rung.report.charts import interval_chart, number, span
from rung.report.contours import contour_svg
from rung.report.curves import effect_curve
from rung.report.graph_svg import graph_svg
from rung.report.groups import love_plot, overlap_plot
from rung.report.heterogeneity import heterogeneity_pictures
from rung.report.svg import Svg, num

MOST_PARTS = 14


def both(draw: Callable[[float], Svg], *, wide: float = 820, narrow: float = 340) -> Markup:
    """One chart drawn for wide pages and for phones; the style sheet shows one of them."""
    return Markup(
        f'<div class="wide">{draw(wide).text}</div><div class="narrow">{draw(narrow).text}</div>'
    )


def reference(scale: object) -> float:
    """The value of no effect on a scale."""
    return 1.0 if "ratio" in str(scale or "").lower() else 0.0


LABELS = {
    "hero": "The estimate",
    "parts": "The answer on each graph",
    "levels": "Each level against the reference",
    "alternatives": "Other adjustments",
    "compare": "Other estimators of the same question",
}


def interval_rows(effect: Mapping[str, Any]) -> dict[str, list[dict[str, Any]]]:
    """Rows of the interval charts that an effect has, by the keys of LABELS."""
    hero = {k: effect.get(k) for k in ("value", "low", "high")}
    first = [{**hero, "label": "Estimate", "hero": True}]
    first = first if math.isfinite(number(effect.get("low"))) else []
    parts, levels = _part_rows(effect), _labelled(effect, "levels", "contrast")
    alternatives = _labelled(effect, "alternatives", "label")
    compare = _labelled(effect, "compare", "estimator")
    return {
        **({"hero": first} if first else {}),
        **({"parts": first + parts} if parts else {}),
        **({"levels": levels} if levels else {}),
        **({"alternatives": first + alternatives} if alternatives else {}),
        **({"compare": first + compare} if compare else {}),
    }


def dose(content: Mapping[str, Any]) -> bool:
    """Whether the treatment is a number and not a group."""
    roles = content.get("roles") or ()
    treated = {str(r.get("name")) for r in roles if r.get("role") == "treatment"}
    variables = content["data"].get("variables") or ()
    kinds = {str(v.get("kind")) for v in variables if str(v.get("name")) in treated}
    return bool(kinds & {"continuous", "count"})


DOSE = {
    "groups": ("above the middle dose", "below"),
    "measure": "absolute correlation with the treatment",
}


def effect_figures(effect: Mapping[str, Any], by_dose: bool = False) -> dict[str, Any]:
    """Charts of the effect: those of `interval_rows`, balance, overlap."""
    at, units = reference(effect.get("scale")), str(effect.get("units") or "")
    out: dict[str, Any] = {}
    for key, rows in interval_rows(effect).items():
        label = LABELS[key] + (f": {span(rows[0])}" if key == "hero" else "")

        def draw(width: float, rows: Sequence[Mapping[str, Any]] = rows, label: str = label) -> Svg:
            return interval_chart(rows, width=width, units=units, reference=at, label=label)

        out[key] = both(draw)
    out |= group_figures(effect, by_dose, 380)
    return out | _questions(effect)


def group_figures(effect: Mapping[str, Any], by_dose: bool, width: float) -> dict[str, Svg]:
    """Balance and overlap, in the words of doses or of groups."""
    out: dict[str, Svg] = {}
    if effect.get("balance"):
        words = {"measure": DOSE["measure"]} if by_dose else {}
        out["balance"] = love_plot(effect["balance"], width=width, **words)  # type: ignore[arg-type]
    if (effect.get("overlap") or {}).get("bins"):
        names = {"groups": DOSE["groups"]} if by_dose else {}
        out["overlap"] = overlap_plot(effect["overlap"], width=width, **names)  # type: ignore[arg-type]
    return out


def _questions(effect: Mapping[str, Any]) -> dict[str, Any]:
    """The sensitivity contour, the curve of doses, and how the effect differs between rows."""
    out: dict[str, Any] = {}
    found = [r.get("figures") or {} for r in effect.get("refutations") or ()]
    found = [figures for figures in found if "contour" in figures]
    if found:
        out["contour"] = both(lambda w: contour_svg(found[0], width=min(w, 560)), wide=560)
    curve = effect.get("curve")
    if curve:
        out["curve"] = both(lambda w: effect_curve(curve, width=w), wide=700)
    varied = effect.get("heterogeneity")
    rows = heterogeneity_pictures(varied, str(effect.get("units") or "")) if varied else []
    if rows:
        out["heterogeneity"] = Markup("".join(pic.text for row in rows for pic in row))
    return out


def _labelled(effect: Mapping[str, Any], key: str, name: str) -> list[dict[str, Any]]:
    return [{**row, "label": str(row.get(name) or "")} for row in effect.get(key) or ()]


def _part_rows(effect: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Graphs of a set, heaviest first; beyond the first ones a row with the range of the rest."""
    parts = sorted(effect.get("parts") or (), key=lambda p: -(number(p.get("weight")) or 0.0))
    if len(parts) < 2:
        return []
    rows = [
        {**part, "label": f"graph {i + 1}, weight {num(part.get('weight'), 2)}"}
        for i, part in enumerate(parts[:MOST_PARTS])
    ]
    rest = parts[MOST_PARTS:]
    if rest:
        lows = [number(p.get("low")) for p in rest if math.isfinite(number(p.get("low")))]
        highs = [number(p.get("high")) for p in rest if math.isfinite(number(p.get("high")))]
        ends = {"low": min(lows), "high": max(highs)} if lows and highs else {}
        rows.append({"label": f"the other {len(rest)} graphs (range)", "value": None, **ends})
    return rows


def parts_table(effect: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The graphs of a set for the table behind the chart."""
    parts = sorted(effect.get("parts") or (), key=lambda p: -(number(p.get("weight")) or 0.0))
    return parts[:MOST_PARTS] if len(parts) > 1 else []


def other_figures(content: Mapping[str, Any]) -> dict[str, Any]:
    """Charts outside the effect section: the ranked candidates."""
    rows = list((content.get("candidates") or {}).get("rows") or ())
    if not rows:
        return {}
    units = str(rows[0].get("units") or "")
    same = all(str(r.get("units") or "") == units for r in rows)
    labelled = [{**r, "label": str(r.get("name") or "")} for r in rows]

    def draw(count: int) -> Markup:
        return both(
            lambda width: interval_chart(
                labelled[:count], width=width, units=units if same else "", label="Candidates"
            )
        )

    return {"candidates": draw(30), "leading": draw(5)}


def refusal_figures(refusal: Mapping[str, Any]) -> dict[str, Any]:
    """The hedge as a graph, and the bounds as intervals."""
    out: dict[str, Any] = {}
    hedge = refusal.get("hedge")
    if hedge:
        out["hedge"] = graph_svg(hedge, legend=False)
    bounds = refusal.get("bounds")
    if bounds and bounds["rows"]:
        rows, units = bounds["rows"], str(bounds.get("units") or "")
        out["bounds"] = both(
            lambda width: interval_chart(rows, width=width, units=units, label="Bounds")
        )
    return out


def rootcause_figures(section: Mapping[str, Any]) -> dict[str, Any]:
    """Contributions of the nodes, largest first; those that changed as diamonds."""
    rows = [
        {**row, "label": str(row["node"]), "hero": number(row.get("changed")) >= 0.5}
        for row in section.get("nodes") or ()
    ][:24]
    units = str(section.get("measure") or "")
    if not rows:
        return {}
    return {
        "rootcause": both(
            lambda width: interval_chart(rows, width=width, units=units, label="Root causes")
        )
    }
