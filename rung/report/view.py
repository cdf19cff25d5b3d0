"""From the analysis content to what the template shows: figures drawn, rows made readable."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from typing import Any

from markupsafe import Markup

from rung.report.charts import (
    box_strip,
    curve_plot,
    number,
    shown_numbers,
    span,
    sparkline,
)
from rung.report.glossary import mark_terms, terms
from rung.report.graph_svg import edge_words, found_in, graph_svg, legend_entries
from rung.report.marks import frequency_bar
from rung.report.section_figures import (
    dose,
    effect_figures,
    other_figures,
    parts_table,
    refusal_figures,
    rootcause_figures,
)
from rung.report.svg import Svg, esc

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


def build(content: Mapping[str, Any], *, show_rows: bool) -> dict[str, Any]:
    """Everything the template uses, by name."""
    seen: set[str] = set()
    known = set(names(content))
    standing = str((content.get("headline") or {}).get("standing") or "")
    sections = (
        "discovery",
        "candidates",
        "missing",
        "whatif",
        "design",
        "rung",
        "refusal",
        "rootcause",
    )
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
        | refusal_figures(content.get("refusal") or {})
        | rootcause_figures(content.get("rootcause") or {}),
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
