"""Where the boxes and edges of a drawn graph lie."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from rung.core.graph import Graph
from rung.graphs.layout import layout
from rung.report.charts import number
from rung.report.svg import shorten, text_width

Point = tuple[float, float]
Bezier = tuple[Point, Point, Point, Point]
Content = Mapping[str, Any]
WIDEST = 150.0  # px of text in a box
GAP = 3.0  # px between an edge's end and its box
BOLD = 1.12  # bold text against plain
MIRROR = {"<--": "-->", "<-o": "o->", "--o": "o--"}


@dataclass(frozen=True)
class Box:
    """A node's place: centre and size in px."""

    x: float
    y: float
    w: float
    h: float


@dataclass(frozen=True)
class Placed:
    """Boxes in the order of the nodes; points of each edge, from border to border.

    An edge from or to something that is no node has no points.
    """

    boxes: list[Box]
    paths: list[list[Point]]


def shown_name(node: Content) -> str:
    """A node's name, shortened to fit the widest box."""
    return shorten(node.get("name", ""), WIDEST / BOLD, 13)


def shown_role(node: Content) -> str:
    """A node's role; nothing where no question gives it one."""
    role = str(node.get("role") or "")
    return "" if role == "variable" else role


def box_size(node: Content) -> Point:
    """Width and height that a node's name and role need."""
    name = BOLD * text_width(shown_name(node), 13) + 20
    role = text_width(shorten(shown_role(node), WIDEST, 10), 10) + 22
    return max(72.0, name, role), 42.0


def place(graph: Content) -> Placed:
    """Lay the graph out for the sizes of its boxes; `pinned` graphs keep their own positions."""
    nodes, edges = list(graph.get("nodes") or ()), list(graph.get("edges") or ())
    boxes, inner = _pinned(nodes, edges) if graph.get("pinned") else _layered(nodes, edges)
    at = {node.get("name"): i for i, node in enumerate(nodes)}
    known = [k for k, e in enumerate(edges) if _known(e, at)]
    paths: list[list[Point]] = [[] for _ in edges]
    ends = {k: (at[edges[k].get("a")], at[edges[k].get("b")]) for k in known}
    for k, (a, b) in ends.items():
        line = [_line((boxes[a].x, boxes[a].y), (boxes[b].x, boxes[b].y))]
        others = [box for i, box in enumerate(boxes) if i not in (a, b)]
        if len(inner[k]) == 2 and not any(_runs_into(line, box, 12.0) for box in others):
            inner[k] = []  # two bends that nothing asks for
    touch = _ports(boxes, {k: (*ends[k], inner[k]) for k in known})
    for k in known:
        ends_at = touch[k, 0], touch[k, 1]
        bends = [p for p in inner[k] if min(math.dist(p, q) for q in ends_at) > 24.0]
        whole = [ends_at[0], *inner[k], ends_at[1]]
        fewer = [ends_at[0], *bends, ends_at[1]]
        others = [box for i, box in enumerate(boxes) if i not in ends[k]]
        paths[k] = fewer if _clear_curve(fewer, others) else whole
    return Placed(boxes, paths)


def _ports(
    boxes: Sequence[Box], edges: Mapping[int, tuple[int, int, list[Point]]]
) -> dict[tuple[int, int], Point]:
    """Where each edge (k) touches its boxes (end 0 and 1), so that arrowheads do not coincide."""
    out: dict[tuple[int, int], Point] = {}
    sides: dict[tuple[int, int], list[tuple[float, int, int]]] = {}
    for k, (a, b, inner) in edges.items():
        for end, (own, other) in enumerate(((a, b), (b, a))):
            box = boxes[own]
            near = inner[-end] if inner else (boxes[other].x, boxes[other].y)
            dy = near[1] - box.y
            if abs(dy) > box.h / 2 + 2:
                sides.setdefault((own, 1 if dy > 0 else -1), []).append(
                    ((near[0] - box.x) / abs(dy), k, end)
                )
            else:
                out[k, end] = leave(box, near, GAP)
    for (own, side), members in sides.items():
        box = boxes[own]
        members.sort()
        step = min(14.0, 0.8 * box.w / len(members))
        offsets = [max(-0.3 * box.w, min(0.3 * box.w, 30.0 * slope)) for slope, _, _ in members]
        for i in range(1, len(offsets)):
            offsets[i] = max(offsets[i], offsets[i - 1] + step)
        over = max(0.0, offsets[-1] - 0.4 * box.w)
        for (_, k, end), offset in zip(members, offsets):
            out[k, end] = (box.x + offset - over, box.y + side * (box.h / 2 + GAP))
    return out


def leave(box: Box, toward: Point, gap: float) -> Point:
    """Where the line from the centre of a box toward a point leaves it, plus a gap."""
    dx, dy = toward[0] - box.x, toward[1] - box.y
    length = math.hypot(dx, dy) or 1.0
    reach = min(
        (box.w / 2) / abs(dx) if abs(dx) > 1e-9 else math.inf,
        (box.h / 2) / abs(dy) if abs(dy) > 1e-9 else math.inf,
    )
    reach = 0.0 if math.isinf(reach) else reach
    f = min(1.0, reach + gap / length)
    return box.x + dx * f, box.y + dy * f


def _layered(
    nodes: Sequence[Content], edges: Sequence[Content]
) -> tuple[list[Box], list[list[Point]]]:
    """The layered layout, with nodes numbered so that any names will do."""
    at = {node.get("name"): i for i, node in enumerate(nodes)}
    drawn = [(k, at[e.get("a")], at[e.get("b")]) for k, e in enumerate(edges) if _known(e, at)]
    ids = [str(i) for i in range(len(nodes))]
    graph = Graph.empty(ids)
    for k, a, b in drawn:
        graph = graph.with_edge(str(a), str(edges[k].get("mark", "-->")), str(b))
    plan = layout(graph, sizes={i: box_size(n) for i, n in zip(ids, nodes)}, gap=(26.0, 58.0))
    routes: dict[tuple[str, str], list[tuple[str, list[Point]]]] = {}
    for r in plan.routes:
        inner = list(r.points[1:-1])
        routes.setdefault((r.a, r.b), []).append((r.edge, inner))
        turned = (MIRROR.get(r.edge, r.edge), inner[::-1])
        routes.setdefault((r.b, r.a), []).append(turned)
    paths: list[list[Point]] = [[] for _ in edges]
    for k, a, b in drawn:
        found = routes.get((str(a), str(b)), [])
        bidirected = str(edges[k].get("mark")) == "<->"
        same = [inner for edge, inner in found if (edge == "<->") == bidirected]
        paths[k] = (same or [inner for _, inner in found] or [[]])[0]
    boxes = [Box(*plan.centres[i], *box_size(n)) for i, n in zip(ids, nodes)]
    return boxes, paths


def _known(edge: Content, at: Mapping[Any, int]) -> bool:
    return edge.get("a") in at and edge.get("b") in at and edge.get("a") != edge.get("b")


def _pinned(
    nodes: Sequence[Content], edges: Sequence[Content]
) -> tuple[list[Box], list[list[Point]]]:
    """The given centres, stretched until no boxes overlap; edges bend round boxes."""
    sizes = [box_size(node) for node in nodes]
    raw = [(number(n.get("x")), number(n.get("y"))) for n in nodes]
    at = [p if all(map(math.isfinite, p)) else (float(i), 0.0) for i, p in enumerate(raw)]
    rows = sorted({round(y, 6) for _, y in at})
    gaps = [b - a for a, b in pairwise(rows) if b - a > 1e-6]
    sy = 104.0 / min(gaps) if gaps else 1.0
    sy = min(sy, 130.0 * max(len(rows) - 1, 1) / (rows[-1] - rows[0])) if gaps else 1.0
    sx = _stretch(at, sizes, sy)
    boxes = [Box(x * sx, y * sy, *size) for (x, y), size in zip(at, sizes)]
    where = {node.get("name"): i for i, node in enumerate(nodes)}
    paths: list[list[Point]] = [[] for _ in edges]
    for k, e in enumerate(edges):
        if _known(e, where):
            a, b = where[e.get("a")], where[e.get("b")]
            given = [(number(p[0]) * sx, number(p[1]) * sy) for p in e.get("points") or ()]
            others = [box for i, box in enumerate(boxes) if i not in (a, b)]
            paths[k] = given[1:-1] or _detour(boxes[a], boxes[b], others)
    return boxes, paths


def _stretch(at: Sequence[Point], sizes: Sequence[Point], sy: float) -> float:
    """The smallest horizontal scale at which no two boxes of a row touch."""
    needed = 0.0
    for i, (xi, yi) in enumerate(at):
        for j in range(i):
            xj, yj = at[j]
            if abs(yi - yj) * sy < 50.0:
                room = (sizes[i][0] + sizes[j][0]) / 2 + 26.0
                needed = max(needed, room / max(abs(xi - xj), 1e-6))
    return min(needed, 1e7) or 1.0


def _hits(p: Point, q: Point, box: Box) -> bool:
    """Whether a segment passes through a box (sampled)."""
    return any(
        abs(p[0] + (q[0] - p[0]) * t / 24 - box.x) < box.w / 2 + 4
        and abs(p[1] + (q[1] - p[1]) * t / 24 - box.y) < box.h / 2 + 4
        for t in range(1, 24)
    )


def _detour(a: Box, b: Box, others: Sequence[Box]) -> list[Point]:
    """Inner points of an edge without a path: none if the straight line is free, else a bend."""
    p, q = (a.x, a.y), (b.x, b.y)
    if not any(_hits(p, q, o) for o in others):
        return []
    length = math.hypot(q[0] - p[0], q[1] - p[1]) or 1.0
    nx, ny = -(q[1] - p[1]) / length, (q[0] - p[0]) / length
    for bend in (50, -50, 90, -90, 140, -140, 200, -200, 270, -270):
        mid = ((p[0] + q[0]) / 2 + nx * bend, (p[1] + q[1]) / 2 + ny * bend)
        if not any(_hits(p, mid, o) or _hits(mid, q, o) for o in others):
            return [mid]
    return [((p[0] + q[0]) / 2 + nx * 60, (p[1] + q[1]) / 2 + ny * 60)]


def route(points: Sequence[Point], obstacles: Sequence[Box]) -> str:
    """Path data of a smooth edge from the first point to the last that keeps clear of boxes.

    A B-spline of the bends, or, if that cuts a corner of a box, a curve through all of them, or
    straight pieces between them with rounded corners.
    """
    start = f"M{points[0][0]:.1f} {points[0][1]:.1f}"
    if len(points) == 2:
        return start + f" L{points[1][0]:.1f} {points[1][1]:.1f}"
    curve = _clear_curve(points, obstacles) or _rounded(points)
    shown = (" ".join(f"{x:.1f} {y:.1f}" for x, y in piece[1:]) for piece in curve)
    return start + "".join(f" C{piece}" for piece in shown)


def _clear_curve(points: Sequence[Point], obstacles: Sequence[Box]) -> list[Bezier] | None:
    """The first curve through or near the points that hits no box; None if all do."""
    straight = len(points) == 2
    tries = [[_line(*points)]] if straight else [_b_spline(points), _hermite(points)]
    clear = (c for c in tries if not any(_runs_into(c, box) for box in obstacles))
    return next(clear, None)


def _rounded(points: Sequence[Point], radius: float = 18.0) -> list[Bezier]:
    """Straight pieces from point to point, the corners rounded."""
    out, at = [], points[0]
    for before, p, after in zip(points, points[1:], points[2:]):
        r = min(radius, math.dist(before, p) / 2, math.dist(p, after) / 2)
        a, b = _toward(p, before, r), _toward(p, after, r)
        out += [_line(at, a), (a, _toward(p, before, 0.4 * r), _toward(p, after, 0.4 * r), b)]
        at = b
    return [*out, _line(at, points[-1])]


def _toward(p: Point, q: Point, by: float) -> Point:
    length = math.dist(p, q) or 1.0
    return p[0] + (q[0] - p[0]) * by / length, p[1] + (q[1] - p[1]) * by / length


def _line(p: Point, q: Point) -> Bezier:
    third = ((q[0] - p[0]) / 3, (q[1] - p[1]) / 3)
    return p, (p[0] + third[0], p[1] + third[1]), (q[0] - third[0], q[1] - third[1]), q


def _b_spline(points: Sequence[Point]) -> list[Bezier]:
    """Uniform cubic B-spline with clamped ends, as Bezier pieces (de Boor 1978)."""
    ends = [points[0], points[0], *points, points[-1], points[-1]]
    out, at = [], points[0]
    for b, c, d in zip(ends[1:], ends[2:], ends[3:]):
        first = ((2 * b[0] + c[0]) / 3, (2 * b[1] + c[1]) / 3)
        second = ((b[0] + 2 * c[0]) / 3, (b[1] + 2 * c[1]) / 3)
        end = ((b[0] + 4 * c[0] + d[0]) / 6, (b[1] + 4 * c[1] + d[1]) / 6)
        out.append((at, first, second, end))
        at = end
    return out


def _tangent(points: Sequence[Point], k: int) -> Point:
    """Direction of the curve at a point: upright on an upright run, else along the neighbours."""
    before, after = points[max(k - 1, 0)], points[min(k + 1, len(points) - 1)]
    here = points[k]
    if 0 < k < len(points) - 1 and here[0] in (before[0], after[0]):
        return 0.0, math.copysign(1.0, after[1] - before[1])
    length = math.hypot(after[0] - before[0], after[1] - before[1]) or 1.0
    return (after[0] - before[0]) / length, (after[1] - before[1]) / length


def _hermite(points: Sequence[Point]) -> list[Bezier]:
    """Cubic Hermite curve through all points."""
    out = []
    for k in range(len(points) - 1):
        p, q = points[k], points[k + 1]
        u, v = _tangent(points, k), _tangent(points, k + 1)
        reach = 0.38 * math.hypot(q[0] - p[0], q[1] - p[1])
        a = (p[0] + u[0] * reach, p[1] + u[1] * reach)
        b = (q[0] - v[0] * reach, q[1] - v[1] * reach)
        out.append((p, a, b, q))
    return out


def _runs_into(curve: Sequence[Bezier], box: Box, margin: float = 5.0) -> bool:
    """Whether a curve passes through a box or its margin (sampled)."""
    for p, a, b, q in curve:
        for k in range(1, 13):
            t = k / 12
            weights = ((1 - t) ** 3, 3 * t * (1 - t) ** 2, 3 * t * t * (1 - t), t**3)
            x = sum(w * z[0] for w, z in zip(weights, (p, a, b, q)))
            y = sum(w * z[1] for w, z in zip(weights, (p, a, b, q)))
            if abs(x - box.x) < box.w / 2 + margin and abs(y - box.y) < box.h / 2 + margin:
                return True
    return False
