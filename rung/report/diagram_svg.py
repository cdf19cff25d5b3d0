"""A string diagram as a picture: boxes, wires, dots where a wire is copied, grounds at its end."""

from __future__ import annotations

from rung.core.graph import Graph
from rung.graphs.diagrams.syntax import StringDiagram
from rung.graphs.layout import Point, layout
from rung.report.svg import GREY, INK, PAPER, SKY, Svg, el, picture, text, title

DOT, GROUND, HEIGHT = 6.0, 18.0, 28.0


def diagram_svg(diagram: StringDiagram) -> Svg:
    """Read from the top down.

    A box is a channel, a triangle a uniform state, a dot a copy, three strokes a discard; names
    without a frame are open wires.
    """
    edges, nodes = _net(diagram)
    sizes = {key: _size(kind, label) for key, (kind, label) in nodes.items()}
    graph = Graph.from_edges([(a, "-->", b) for a, b in edges], list(nodes))
    plan = layout(graph, sizes=sizes, gap=(26.0, 30.0))
    parts = [_wire(list(route.points)) for route in plan.routes]
    for key, (kind, label) in nodes.items():
        parts.append(_DRAW[kind](plan.centres[key], sizes[key], label))
    return picture(parts, plan.width, plan.height, f"String diagram: {diagram}")


def _net(diagram: StringDiagram) -> tuple[list[tuple[str, str]], dict[str, tuple[str, str]]]:
    """Edges between drawn nodes, and each node's kind and label."""
    nodes: dict[str, tuple[str, str]] = {}
    wires, uses = diagram.wires, [list[str]() for _ in diagram.wires]
    source = []
    for k, obj in enumerate(diagram.inputs):
        nodes[f"in{k}"] = ("end", obj)
        source.append(f"in{k}")
    for k, box in enumerate(diagram.boxes):
        nodes[f"box{k}"] = ("uniform" if box.uniform else "box", box.name)
        source += [f"box{k}"] * len(box.outputs)
        for w in box.inputs:
            uses[w].append(f"box{k}")
    for k, w in enumerate(diagram.outputs):
        nodes[f"out{k}"] = ("end", wires[w])
        uses[w].append(f"out{k}")
    edges = []
    for w, ends in enumerate(uses):
        start = source[w]
        if not ends:
            nodes[f"off{w}"] = ("ground", "")
            ends = [f"off{w}"]
        if len(ends) > 1:
            nodes[f"copy{w}"] = ("dot", wires[w])
            edges.append((start, f"copy{w}"))
            start = f"copy{w}"
        edges += [(start, end) for end in ends]
    return list(dict.fromkeys(edges)), nodes


def _size(kind: str, label: str) -> Point:
    if kind == "dot":
        return DOT, DOT
    if kind == "ground":
        return GROUND, GROUND
    return max(34.0, 9.0 * len(label[:16]) + 14), HEIGHT


def _wire(points: list[Point]) -> str:
    (x0, y0), *rest = points
    path, (px, py) = f"M{x0:.1f} {y0:.1f}", (x0, y0)
    for x, y in rest:
        middle = (py + y) / 2
        path += f" C{px:.1f} {middle:.1f} {x:.1f} {middle:.1f} {x:.1f} {y:.1f}"
        px, py = x, y
    return el("path", d=path, fill="none", stroke=GREY, stroke_width=1.4)


def _box(at: Point, size: Point, label: str) -> str:
    (x, y), (w, h) = at, size
    frame = el("rect", title(label), x=x - w / 2, y=y - h / 2, width=w, height=h, rx=3.0,
               fill=PAPER, stroke=INK, stroke_width=1.3)  # fmt: skip
    return frame + text(x, y + 4.5, label[:16], size=13, text_anchor="middle")


def _uniform(at: Point, size: Point, label: str) -> str:
    (x, y), (w, h) = at, size
    top, bottom = y - h / 2, y + h / 2
    corners = f"{x - w / 2:.1f},{top:.1f} {x + w / 2:.1f},{top:.1f} {x:.1f},{bottom:.1f}"
    shape = el("polygon", title(f"uniform state of {label}"), points=corners, fill=SKY,
               fill_opacity=0.35, stroke=INK, stroke_width=1.3)  # fmt: skip
    return shape + text(x + w / 2 + 2, y + 4, label[:16], size=11, fill=GREY)


def _dot(at: Point, size: Point, label: str) -> str:
    return el("circle", title(f"{label} copied"), cx=at[0], cy=at[1], r=DOT / 2, fill=INK)


def _ground(at: Point, size: Point, label: str) -> str:
    x, top = at[0], at[1] - GROUND / 2
    strokes = []
    for k, half in enumerate((9.0, 5.5, 2.0)):
        y, a, b = top + 2 + 4.0 * k, x - half, x + half
        strokes.append(el("line", x1=a, x2=b, y1=y, y2=y, stroke=INK, stroke_width=1.3))
    return "".join([*strokes, _wire([(x, top), (x, top + 2)])])


def _end(at: Point, size: Point, label: str) -> str:
    return text(at[0], at[1] + 4, label[:16], size=12.5, fill=GREY, text_anchor="middle")


_DRAW = {"box": _box, "uniform": _uniform, "dot": _dot, "ground": _ground, "end": _end}
