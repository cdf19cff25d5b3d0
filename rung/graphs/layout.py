"""A layered drawing plan of a graph: where the nodes lie and how the edges run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import hypot, inf

import numpy as np
from numpy.typing import NDArray

from rung.core.errors import unknown
from rung.core.graph import Graph
from rung.core.graph_text import edge_marks
from rung.graphs.layered import Net, layers

Point = tuple[float, float]


@dataclass(frozen=True)
class Route:
    """One edge: its canonical form and the points it runs through, from a's border to b's.

    Draw the points as a smooth curve; `edge` tells the marks at both ends (``-->``, ``<->`` ...).
    """

    a: str
    edge: str
    b: str
    points: tuple[Point, ...]


@dataclass(frozen=True)
class Layout:
    """Centres of nodes, routes of edges and the size of the whole; y grows downwards.

    `sizes` are (width, height) of the nodes' boxes, in the same units.
    """

    centres: dict[str, Point]
    sizes: dict[str, Point]
    routes: tuple[Route, ...]
    width: float
    height: float

    @property
    def x(self) -> dict[str, float]:
        """Horizontal centre of each node."""
        return {name: centre[0] for name, centre in self.centres.items()}

    @property
    def y(self) -> dict[str, float]:
        """Vertical centre of each node."""
        return {name: centre[1] for name, centre in self.centres.items()}

    def points(self, a: str, b: str, edge: str | None = None) -> list[Point]:
        """Points of the edge from a to b; `edge` (as in `Graph.edges`) tells a bow's two apart."""
        for route in self.routes:
            if {route.a, route.b} == {a, b} and edge in (None, route.edge):
                return list(route.points if route.a == a else route.points[::-1])
        raise unknown(f"{a} - {b}", [f"{r.a} - {r.b}" for r in self.routes], "edge")


def layout(
    graph: Graph,
    *,
    sizes: Mapping[str, Point] | None = None,
    gap: Point = (28.0, 62.0),
    margin: float = 24.0,
) -> Layout:
    """Layered layout of a graph of any kind; deterministic; meant for up to about 60 nodes.

    Parameters
    ----------
    sizes : (width, height) of each node's box; default from the length of its name.
    gap : smallest space between boxes in a layer, and between layers.
    margin : space around the whole.

    Method: Sugiyama, Tagawa and Toda (1981): layers of bounded width, dummy nodes on long edges,
    barycentre sweeps and exchanges of neighbours against crossings; then x by alternating least
    squares under the spacing constraints.
    """
    box = {name: _default_size(name) for name in graph.names}
    for name, size in (sizes or {}).items():
        box[graph.names[graph.index(name)]] = (float(size[0]), float(size[1]))
    if not graph.d:
        return Layout({}, {}, (), 2 * margin, 2 * margin)
    width = np.array([box[name][0] for name in graph.names])
    net = Net.of(graph, layers(graph))
    net.order()
    x = net.place(width, gap[0])
    tall = np.array([box[name][1] for name in graph.names])
    heights = np.array([max([tall[v] for v in row if v < net.real], default=0) for row in net.rows])
    y = (np.cumsum(heights + gap[1]) - heights / 2)[net.layer]
    routes = _routes(graph, net, np.column_stack([x, y]), heights, box, gap)
    return _shifted(graph.names, x, y, box, routes, margin)


def _shifted(
    names: tuple[str, ...],
    x: NDArray[np.float64],
    y: NDArray[np.float64],
    box: dict[str, Point],
    routes: list[Route],
    margin: float,
) -> Layout:
    """Everything moved so that boxes and routes begin at `margin`."""
    corners = [
        (float(x[i]) + sx * box[name][0] / 2, float(y[i]) + sy * box[name][1] / 2)
        for i, name in enumerate(names)
        for sx, sy in ((-1, -1), (1, 1))
    ]
    everything = np.array(corners + [point for route in routes for point in route.points])
    (left, top), (right, low) = everything.min(axis=0) - margin, everything.max(axis=0) + margin
    moved = tuple(
        Route(r.a, r.edge, r.b, tuple((px - float(left), py - float(top)) for px, py in r.points))
        for r in routes
    )
    centres = {name: (float(x[i] - left), float(y[i] - top)) for i, name in enumerate(names)}
    return Layout(centres, box, moved, float(right - left), float(low - top))


def _default_size(name: str) -> Point:
    wide = sum(1.0 if ord(char) < 0x2E80 else 1.8 for char in name)
    return max(96.0, 26.0 + 7.6 * min(wide, 18.0)), 42.0


def _routes(
    graph: Graph,
    net: Net,
    at: NDArray[np.float64],
    heights: NDArray[np.float64],
    box: Mapping[str, Point],
    gap: Point,
) -> list[Route]:
    column = {v: k for row in net.rows for k, v in enumerate(row)}
    seen: set[tuple[int, int]] = set()
    out = []
    for a, edge, b in graph.edges():
        i, j = graph.index(a), graph.index(b)
        key = (min(i, j), max(i, j))
        first, last = _point(at[i]), _point(at[j])
        if net.layer[i] == net.layer[j]:
            inner = []
            if abs(column[i] - column[j]) > 1:
                lift = gap[1] * 0.35 + 6.0 * abs(column[i] - column[j]) + heights[net.layer[i]] / 2
                inner = [((first[0] + last[0]) / 2, first[1] - float(lift))]
        else:
            chain = net.chains[key] if i < j else net.chains[key][::-1]
            down = 1.0 if net.layer[i] < net.layer[j] else -1.0
            inner = [
                (float(at[v, 0]), float(at[v, 1] + side * down * heights[net.layer[v]] / 2))
                for v in chain[1:-1]
                for side in (-1, 1)
            ]
            start = _knee(first, (inner or [last])[0], box[a], down * gap[1] / 4)
            stop = _knee(last, (inner or [first])[-1], box[b], -down * gap[1] / 4)
            inner = [*start, *inner, *stop]
        if key in seen or (edge_marks(edge) == (2, 2) and not inner):
            inner = _bend(first, inner, last, 18.0)
        seen.add(key)
        ends = [*inner[:1], last][0], [first, *inner[-1:]][-1]
        points = [_border(first, ends[0], box[a]), *inner, _border(last, ends[1], box[b])]
        out.append(Route(a, edge, b, tuple(points)))
    return out


def _point(row: NDArray[np.float64]) -> Point:
    return float(row[0]), float(row[1])


def _knee(centre: Point, towards: Point, size: Point, by: float) -> list[Point]:
    """A point below (or above) a box for an edge that would leave it sideways, else nothing."""
    dx, dy = towards[0] - centre[0], towards[1] - centre[1]
    if abs(dx) * size[1] <= abs(dy) * size[0]:
        return []
    aside = max(-size[0] / 3, min(size[0] / 3, dx / 4))
    return [(centre[0] + aside, centre[1] + (size[1] / 2 if by > 0 else -size[1] / 2) + by)]


def _bend(first: Point, inner: list[Point], last: Point, by: float) -> list[Point]:
    """Inner points moved sideways (or one made), so that a second edge of a pair is seen."""
    dx, dy = last[0] - first[0], last[1] - first[1]
    length = max(hypot(dx, dy), 1e-9)
    aside = (dy / length * by, -abs(dx) / length * by)
    middle = inner or [((first[0] + last[0]) / 2, (first[1] + last[1]) / 2)]
    return [(x + aside[0], y + aside[1]) for x, y in middle]


def _border(centre: Point, towards: Point, size: Point) -> Point:
    """Where the line from the centre of a box towards a point leaves the box."""
    dx, dy = towards[0] - centre[0], towards[1] - centre[1]
    if dx == dy == 0:
        return centre
    scale = min(size[0] / 2 / abs(dx) if dx else inf, size[1] / 2 / abs(dy) if dy else inf, 1.0)
    return centre[0] + dx * scale, centre[1] + dy * scale


__all__ = ["Layout", "Route", "layout"]
