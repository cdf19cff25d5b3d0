"""A causal graph as SVG: roles as tints and words, edges distinct by shape, dash and colour."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from rung.report.charts import number
from rung.report.graph_place import WIDEST, Box, Point, place, route, shown_name, shown_role
from rung.report.svg import (
    BLUE,
    FAINT,
    GREEN,
    GREY,
    INK,
    PAPER,
    PINK,
    RED,
    Svg,
    clean,
    el,
    percent,
    picture,
    shorten,
    text,
    text_width,
    title,
)

ROLE_STYLE: dict[str, tuple[str, str]] = {  # tint, border
    "treatment": ("#cfe5f5", BLUE),
    "outcome": ("#fde3cf", RED),
    "confounder": ("#d3efe5", GREEN),
    "mediator": ("#f6e3ef", "#a8517f"),
    "collider": ("#fbf6c8", "#8a7a00"),
    "instrument": ("#dceffa", "#2b7fb0"),
    "outcome cause": ("#fdf0d4", "#a87400"),
    "treatment cause": ("#e6f1f8", "#5b8aa8"),
    "cause of the outcome only": ("#fdf0d4", "#a87400"),
}
PLAIN = ("#f4f6f8", "#8c959f")

EDGE_STYLE: dict[str, tuple[str, str | None, str]] = {  # colour, dash, words
    "directed": ("#3a424b", None, "directed: from cause to effect"),
    "undirected": (RED, "7 4", "undecided: joined, direction not settled"),
    "bidirected": (BLUE, "2 4", "hidden common cause"),
    "circle": (GREEN, "10 3 2 3", "undecided end (circle): arrow or tail"),
}


def edge_kind(mark: str) -> str:
    """directed, undirected, bidirected or circle."""
    if "o" in mark:
        return "circle"
    left, right = mark[:1] == "<", mark[-1:] == ">"
    return "bidirected" if left and right else "directed" if left or right else "undirected"


def role_style(role: str) -> tuple[str, str]:
    """Tint and border of a role; a neutral pair for the others."""
    return ROLE_STYLE.get(role.lower(), PLAIN)


def edge_words(edge: Mapping[str, Any], draws: int | None = None) -> str:
    """The edge in words, with how often resampling found each form."""
    names = {"-->": "→", "<--": "←", "---": "—", "<->": "↔", "o->": "o→", "<-o": "←o", "o-o": "o—o"}
    a, b, mark = clean(edge.get("a")), clean(edge.get("b")), str(edge.get("mark", "-->"))
    said = f"{a} {names.get(mark, mark)} {b}"
    frequency = number(edge.get("frequency"))
    if math.isfinite(frequency):
        said += f"; this form was {found_in(frequency, draws)}"
    others = {m: number(f) for m, f in (edge.get("frequencies") or {}).items() if m != mark}
    parts = [
        f"{names.get(m, 'no edge' if not m.strip() else m)} {percent(f)}"
        for m, f in sorted(others.items(), key=lambda kv: -kv[1])
        if f > 0
    ]
    said += f" (otherwise {', '.join(parts)})" if parts and math.isfinite(frequency) else ""
    return f"{said}; {edge['source']}" if edge.get("source") else said


def found_in(frequency: float, draws: int | None) -> str:
    """`found in k of B resamples`, or the share if B is not known."""
    if draws:
        return f"found in {round(frequency * draws)} of {draws} resamples"
    return f"found in {percent(frequency)} of resamples"


def _head(kind: str, tip: Point, back: Point, colour: str, width: float) -> str:
    """The mark at one end: an arrowhead, a circle, or nothing for a tail."""
    angle = math.degrees(math.atan2(tip[1] - back[1], tip[0] - back[0]))
    place = f"translate({tip[0]:.1f} {tip[1]:.1f}) rotate({angle:.1f})"
    if kind in "<>":
        size = 8.0 + 1.1 * width
        half = size * 0.42
        d = f"M0 0 L{-size:.1f} {half:.1f} L{-size * 0.78:.1f} 0 L{-size:.1f} {-half:.1f} z"
        return el("path", d=d, transform=place, fill=colour)
    if kind == "o":
        ring = {"fill": PAPER, "stroke": colour, "stroke_width": 2}
        return el("circle", cx=-4.5, cy=0.0, r=4.5, transform=place, **ring)
    return ""


def _edge(
    edge: Mapping[str, Any],
    points: list[Point],
    obstacles: Sequence[Box],
    tip: str,
) -> str:
    """Line, marks at both ends, tooltip and a wide invisible line to point at."""
    mark = str(edge.get("mark", "-->"))
    colour, dash, _ = EDGE_STYLE[edge_kind(mark)]
    frequency = number(edge.get("frequency"))
    width = 1.2 + 3.0 * min(1.0, max(0.0, frequency)) if math.isfinite(frequency) else 2.0
    start, end = points[0], points[-1]
    drawn = list(points)
    size = 8.0 + 1.1 * width
    for at, kind in ((0, mark[:1]), (-1, mark[-1:])):
        back = points[1] if at == 0 else points[-2]
        cut = {"<": size * 0.7, ">": size * 0.7, "o": 9.0}.get(kind, 0.0)
        drawn[at] = _toward(points[at], back, cut)
    d = route(drawn, obstacles)
    line = {"stroke": colour, "stroke_width": width, "stroke_dasharray": dash, "fill": "none"}
    return el(
        "g",
        title(tip),
        el("path", d=d, **line, stroke_linejoin="round"),
        _head(mark[:1], start, points[1], colour, width),
        _head(mark[-1:], end, points[-2], colour, width),
        el("path", d=d, stroke="#000", stroke_opacity=0, stroke_width=14, fill="none"),
        klass="edge",
        data_a=edge.get("a"),
        data_b=edge.get("b"),
    )


def _toward(p: Point, q: Point, by: float) -> Point:
    length = math.hypot(q[0] - p[0], q[1] - p[1]) or 1.0
    return p[0] + (q[0] - p[0]) * by / length, p[1] + (q[1] - p[1]) * by / length


def node_words(node: Mapping[str, Any], graph: Mapping[str, Any]) -> str:
    """The node in words: name, role, how many edges."""
    k = sum(node.get("name") in (e.get("a"), e.get("b")) for e in graph.get("edges") or ())
    role = f", {shown_role(node)}" if shown_role(node) else ""
    return f"{clean(node.get('name'))}{role}, {k} edge{'' if k == 1 else 's'}"


def _node(node: Mapping[str, Any], box: Box, i: int, words: str, link: bool) -> str:
    """A rounded box with the name and below it the role; a link to the mechanism if asked."""
    role = shown_role(node)
    fill, border = role_style(role)
    strong = role.lower() in ("treatment", "outcome")
    x, y = box.x - box.w / 2, box.y - box.h / 2
    shape = {"x": x, "y": y, "width": box.w, "height": box.h, "rx": 9.0, "klass": "box"}
    parts = [
        title(words),
        el("rect", fill=fill, stroke=border, stroke_width=3 if strong else 1.4, **shape),
    ]
    if role.lower() == "outcome":
        ring = {"x": x - 4, "y": y - 4, "width": box.w + 8, "height": box.h + 8, "rx": 12.0}
        parts.append(el("rect", fill="none", stroke=border, stroke_width=1.2, **ring))
    name = shown_name(node)
    middle = box.y - 2 if role else box.y + 4.5
    centre = {"text_anchor": "middle"}
    parts.append(text(box.x, middle, name, size=13, font_weight="600", **centre))
    if role or link:
        below = shorten(role, WIDEST, 10) or " "
        parts.append(
            text(
                box.x,
                box.y + (13 if role else 17),
                below,
                size=10,
                fill=GREY,
                klass="sub",
                **centre,
            )
        )
    if not link:
        return el("g", *parts, klass="node")
    return el("a", *parts, klass="node", href=f"#mechanism-{i}", data_i=i, aria_label=words)


def graph_svg(
    graph: Mapping[str, Any], *, links: bool = False, draws: int | None = None, legend: bool = True
) -> Svg:
    """Draw the `graph` part of the content (SCHEMA: nodes with x, y, role; edges with marks).

    links : nodes become links to `#mechanism-<i>`; draws : number of resamples, for tooltips.
    """
    nodes = list(graph.get("nodes") or ())
    label = clean(graph.get("alt") or f"Causal graph of {len(nodes)} variables")
    if not nodes:
        return picture([text(12, 24, "no variables")], 160, 40, label)
    placed = place(graph)
    boxes, paths = placed.boxes, placed.paths
    xs = [b.x + s * b.w / 2 for b in boxes for s in (-1, 1)] + [x for q in paths for x, _ in q]
    ys = [b.y + s * b.h / 2 for b in boxes for s in (-1, 1)] + [y for q in paths for _, y in q]
    left, up = 14 - min(xs), 14 - min(ys)
    at = {n.get("name"): i for i, n in enumerate(nodes)}
    edges = []
    for e, path in zip(graph.get("edges") or (), paths):
        a, b = at.get(e.get("a")), at.get(e.get("b"))
        if path:
            others = [box for k, box in enumerate(boxes) if k not in (a, b)]
            edges.append(_edge(e, path, others, edge_words(e, draws)))
    drawn = [
        _node(node, box, i, node_words(node, graph), links)
        for i, (node, box) in enumerate(zip(nodes, boxes))
    ]
    body = el("g", *edges, *drawn, transform=f"translate({left:.1f} {up:.1f})")
    width, height = max(xs) - min(xs) + 28, max(ys) - min(ys) + 28
    if not legend:
        return picture([body], width, height, label, interactive=links)
    entries = legend_entries(graph)
    rows, width = _legend_rows(entries, max(width, 330.0))
    return picture([body, *_legend(rows, height)], width, height + 22 * len(rows) + 8, label)


def swatch(kind: str, value: str) -> Svg:
    """The little picture of a legend entry: an edge kind, a role or the width rule."""
    if kind == "role":
        fill, border = role_style(value)
        strong = value in ("treatment", "outcome")
        width = 2.4 if strong else 1.4
        parts = [
            el(
                "rect",
                x=3,
                y=3,
                width=26,
                height=12,
                rx=4,
                fill=fill,
                stroke=border,
                stroke_width=width,
            )
        ]
        return picture(parts, 32, 18, value)
    if kind == "width":
        thin = el("line", x1=2, x2=30, y1=5, y2=5, stroke="#3a424b", stroke_width=1.2)
        thick = el("line", x1=2, x2=30, y1=13, y2=13, stroke="#3a424b", stroke_width=4.2)
        return picture([thin, thick], 32, 18, value)
    mark = {"directed": "-->", "undirected": "---", "bidirected": "<->", "circle": "o->"}[value]
    edge = {"a": "", "b": "", "mark": mark}
    part = _edge(edge, [(1.0, 9.0), (33.0, 9.0)], (), EDGE_STYLE[value][2])
    return picture([part], 34, 18, EDGE_STYLE[value][2])


def legend_entries(graph: Mapping[str, Any]) -> list[tuple[Svg, str]]:
    """(picture, words) of the edge kinds and roles that the graph has."""
    edges = list(graph.get("edges") or ())
    kinds = [k for k in EDGE_STYLE if any(edge_kind(str(e.get("mark", "-->"))) == k for e in edges)]
    out = [(swatch("edge", k), EDGE_STYLE[k][2]) for k in kinds]
    if any(math.isfinite(number(e.get("frequency"))) for e in edges):
        out.append((swatch("width", "width"), "thicker: found more often"))
    roles = [str(n.get("role") or "") for n in graph.get("nodes") or ()]
    seen = [r for r in dict.fromkeys(roles) if r not in ("", "variable")]
    return out + [(swatch("role", r), r) for r in seen]


def _legend_rows(
    entries: Sequence[tuple[Svg, str]], width: float
) -> tuple[list[list[tuple[Svg, str]]], float]:
    rows: list[list[tuple[Svg, str]]] = []
    used = math.inf
    for entry in entries:
        need = 48 + text_width(entry[1], 11.5)
        width = max(width, need + 16)
        if used + need > width - 12:
            rows.append([])
            used = 0.0
        rows[-1].append(entry)
        used += need
    return rows, width


def _legend(rows: Sequence[Sequence[tuple[Svg, str]]], top: float) -> list[str]:
    out = []
    for i, row in enumerate(rows):
        x, y = 14.0, top + 22.0 * i
        for mark, words in row:
            inner = mark.text.replace("<svg ", f'<svg x="{x:.0f}" y="{y:.0f}" ', 1)
            out += [inner, text(x + 38, y + 13, words, size=11.5, fill=INK)]
            x += 48 + text_width(words, 11.5)
    return out


__all__ = ["EDGE_STYLE", "FAINT", "PINK", "edge_words", "found_in", "graph_svg", "legend_entries"]
