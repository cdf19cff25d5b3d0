"""From the analysis content to what the template shows: figures drawn, rows made readable."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from markupsafe import Markup

from rung.report.charts import (
    box_strip,
    curve_plot,
    interval_chart,
    number,
    shown_numbers,
    span,
    sparkline,
)
from rung.report.glossary import mark_terms, terms
from rung.report.graph_svg import edge_words, found_in, graph_svg, legend_entries
from rung.report.groups import love_plot, overlap_plot
from rung.report.marks import frequency_bar
from rung.report.svg import Svg, esc, num

STANDINGS: dict[str, tuple[str, str]] = {  # css class, sign
    "randomised": ("good", "✓"),
    "your graph": ("fair", "◆"),
    "learned graph": ("weak", "◇"),
    "not identified": ("bad", "✕"),
    "exploratory": ("weak", "◌"),
    "graph only": ("fair", "○"),
}
STATUS: dict[str, tuple[str, str]] = {
    "checked": ("good", "✓"),
    "declared": ("fair", "◆"),
    "uncheckable": ("weak", "?"),
    "contradicted": ("bad", "✕"),
}
MOST_PARTS = 14


def build(content: Mapping[str, Any], *, show_rows: bool) -> dict[str, Any]:
    """Everything the template uses, by name."""
    seen: set[str] = set()
    known = set(names(content))
    standing = str((content.get("headline") or {}).get("standing") or "")
    sections = ("discovery", "candidates", "missing", "whatif", "design", "rung", "refusal")
    return {
        **{key: content.get(key) or {} for key in sections},
        **{key: content.get(key) for key in ("data", "headline", "graph", "methods", "plan_toml")},
        **_effect(content),
        "roles": [r for r in content.get("roles") or () if r.get("role") not in (None, "variable")],
        "citations": citations(content.get("citations") or []),
        "standing": standing,
        "standing_style": STANDINGS.get(standing, ("fair", "○")),
        "graph_figure": graph_svg(content["graph"], links=True, draws=draws(content), legend=False),
        "legend": legend_entries(content["graph"]),
        "pairs": pairs(content),
        "mechanisms": mechanisms(content),
        "shapes": [shape(v) for v in content["data"].get("variables") or ()],
        "simulator": content.get("simulator") or {},
        "has_do": bool(simulator(content)["effects"]),
        "show_rows": show_rows,
        "created": moment((content.get("rung") or {}).get("created")),
        "span": span,
        "gloss": lambda words: Markup(mark_terms(words, seen)),
        "say": lambda words: Markup(mark_terms(sentence(words, known), seen)),
        "glossary": lambda: glossary(seen, content.get("glossary") or {}),
    }


def _effect(content: Mapping[str, Any]) -> dict[str, Any]:
    """The effect section's part of `build`."""
    effect = content.get("effect") or {}
    found = (number(effect.get(key)) for key in ("value", "low"))
    return {
        "effect": effect,
        "identified": any(map(math.isfinite, found)),
        "shown": shown_numbers(effect),
        "dose": dose(content),
        "figures": effect_figures(effect, dose(content))
        | other_figures(content)
        | refusal_figures(content.get("refusal") or {}),
        "formula": formula(effect.get("estimand") or {}, names(content)),
        "assumptions": [
            (a, *STATUS.get(str(a.get("status")), ("weak", "?")))
            for a in effect.get("assumptions") or ()
        ],
        "checks": checks(effect),
        "parts": parts_table(effect),
    }


def moment(iso: object) -> str:
    """`2026-11-22T21:18:47+00:00` as `2026-11-22 21:18 UTC`; other texts as they are."""
    found = re.fullmatch(r"(\d{4}-\d\d-\d\d)T(\d\d:\d\d)[\d:.]*(?:\+00:00|Z)", str(iso or ""))
    return f"{found.group(1)} {found.group(2)} UTC" if found else str(iso or "")


def sentence(words: object, known: set[str]) -> str:
    """Text with a capital first letter, unless it starts with the name of a variable."""
    text = str(words or "").strip()
    first = re.split(r"[\s,;:.=]", text, maxsplit=1)[0]
    if not first or first in known or not first.isalpha() or not first.islower():
        return text
    return text[0].upper() + text[1:]


def names(content: Mapping[str, Any]) -> list[str]:
    """Names of the graph's nodes."""
    return [str(node.get("name")) for node in content["graph"].get("nodes") or ()]


def draws(content: Mapping[str, Any]) -> int | None:
    """Number of resamples behind the edge frequencies."""
    count = number(((content.get("discovery") or {}).get("bootstrap") or {}).get("draws"))
    return int(count) if math.isfinite(count) and count > 0 else None


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
    if effect.get("balance"):
        words = {"measure": DOSE["measure"]} if by_dose else {}
        out["balance"] = love_plot(effect["balance"], width=380, **words)  # type: ignore[arg-type]
    if (effect.get("overlap") or {}).get("bins"):
        names = {"groups": DOSE["groups"]} if by_dose else {}
        out["overlap"] = overlap_plot(effect["overlap"], width=380, **names)  # type: ignore[arg-type]
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
    if bounds:
        rows, units = bounds["rows"], str(bounds.get("units") or "")
        out["bounds"] = both(
            lambda width: interval_chart(rows, width=width, units=units, label="Bounds")
        )
    return out


def checks(effect: Mapping[str, Any]) -> dict[str, list[tuple[Mapping[str, Any], str, str]]]:
    """Refutations by kind, each with its style and sign."""
    out: dict[str, list[tuple[Mapping[str, Any], str, str]]] = {}
    for r in effect.get("refutations") or ():
        passed = r.get("passed")
        style = ("fair", "◆") if passed is None else ("good", "✓") if passed else ("bad", "✕")
        out.setdefault(str(r.get("kind") or "stability"), []).append((r, *style))
    return out


def pairs(content: Mapping[str, Any]) -> list[dict[str, Any]]:
    """One row a pair of the graph or of the resampled graphs: words, bar, counts."""
    b = draws(content)
    rows = []
    for e in (content.get("discovery") or {}).get("edges") or ():
        frequencies = {str(k): number(v) for k, v in (e.get("frequencies") or {}).items()}
        adjacent = number(e.get("adjacent"))
        rows.append(
            {
                "a": e.get("a"),
                "b": e.get("b"),
                "adjacent": found_in(adjacent, b) if math.isfinite(adjacent) else "",
                "bar": frequency_bar(str(e.get("a")), str(e.get("b")), frequencies, b),
                "share": adjacent if math.isfinite(adjacent) else 0.0,
            }
        )
    if rows:
        return sorted(rows, key=lambda r: -r["share"])
    return [
        {"a": e.get("a"), "b": e.get("b"), "words": edge_words(e, b), "share": 1.0}
        for e in content["graph"].get("edges") or ()
    ]


def mechanisms(content: Mapping[str, Any]) -> list[dict[str, Any]]:
    """One card a node, in the graph's order, with its curves drawn."""
    given = {str(m.get("name")): m for m in content.get("mechanisms") or ()}
    roles = {str(r.get("name")): r for r in content.get("roles") or ()}
    described = {str(v.get("name")): v for v in content["data"].get("variables") or ()}
    cards = []
    for node in content["graph"].get("nodes") or ():
        name = str(node.get("name"))
        m = dict(given.get(name) or {})
        curves = [curve_plot(c, name) for c in (m.get("curves") or ())[:12]]
        about = {k: v for k, v in (described.get(name) or {}).items() if k in ("kind", "unit")}
        card = {**about, **{k: v for k, v in node.items() if v}, **m, "name": name}
        role = roles.get(name) or {}
        card |= {"drawn": curves, "why": role.get("why"), "source": role.get("source")}
        card["node_kind"] = node.get("kind") or about.get("kind")
        cards.append(card)
    return cards


def shape(variable: Mapping[str, Any]) -> Svg | str:
    """A variable's histogram if there is one (`hist`: edges, counts), else its quartiles."""
    hist = variable.get("hist") or {}
    if hist.get("edges") and hist.get("counts"):
        return sparkline(hist["edges"], hist["counts"], str(variable.get("name")))
    found = [number(variable.get(k)) for k in ("q25", "median", "q75")]
    if variable.get("levels") or not all(map(math.isfinite, found)):
        return ""
    return box_strip(variable)


def simulator(content: Mapping[str, Any]) -> dict[str, Any]:
    """What the page needs to compute interventions."""
    given = content.get("simulator") or {}
    keys = ("name", "kind", "unit", "levels", "mean", "sd", "grid", "shown")
    return {
        "nodes": names(content),
        "variables": {
            str(v.get("name")): {k: v.get(k) for k in keys} for v in given.get("variables") or ()
        },
        "effects": given.get("effects") or {},
        "kind": given.get("kind"),
        "exact": bool(given.get("exact")),
        "note": given.get("note"),
    }


_TOKENS = re.compile(r"_\{([^{}]*)\}|_(\w)|\^\{([^{}]*)\}|(\bsum\b)|(\bint\b)")


def formula(estimand: Mapping[str, Any], known: Sequence[str]) -> Markup | None:
    """The estimand's text as readable mathematics: names in italics, sums and subscripts set."""
    raw = estimand.get("text")
    if not raw:
        return None
    if estimand.get("mathml"):  # made by rung.graphs.identification.mathml, names escaped
        return Markup(estimand["mathml"])
    longest = sorted((n for n in known if n), key=len, reverse=True)
    pattern = "|".join(rf"(?<!\w){re.escape(n)}(?!\w)" for n in longest)
    out, at, source = [], 0, str(raw)
    for match in re.finditer(pattern, source) if longest else ():
        out += [_mathematics(source[at : match.start()]), f"<var>{esc(match.group(0))}</var>"]
        at = match.end()
    return Markup("".join([*out, _mathematics(source[at:])]))


def _mathematics(source: str) -> str:
    out, at = [], 0
    for match in _TOKENS.finditer(source):
        out.append(esc(source[at : match.start()]))
        long, short, power, total, integral = match.groups()
        if total or integral:
            out.append("Σ" if total else "∫")
        elif power is not None:
            out.append(f"<sup>{esc(power)}</sup>")
        else:
            out.append(f"<sub>{esc(long if long is not None else short)}</sub>")
        at = match.end()
    return "".join([*out, esc(source[at:]).replace(" * ", " · ")])


def citations(given: Any) -> list[Mapping[str, Any]]:
    """Citations as rows; a text has one a line."""
    if isinstance(given, str):
        return [{"text": line} for line in given.splitlines() if line.strip()]
    return [c if isinstance(c, Mapping) else {"text": str(c)} for c in given]


def glossary(seen: set[str], extra: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Terms that the page used, and the content's own ones, in alphabetical order."""
    used = {term: said for term, said in terms().items() if term.lower() in seen}
    own = {str(k): str(v) for k, v in extra.items() if k not in terms()}
    return sorted({**used, **own}.items(), key=lambda item: item[0].lower())
