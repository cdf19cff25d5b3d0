"""Layers, order and positions of a layered drawing, with dummy nodes on long edges."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from math import ceil, sqrt

import numpy as np
from numpy.typing import NDArray

from rung.core.graph import Graph
from rung.core.graph_checks import directed_part
from rung.graphs.ancestry import Bool


def _flow(graph: Graph) -> Bool:
    """(d, d) bool, acyclic: which of two adjacent nodes is drawn higher; <-> says nothing."""
    directed = directed_part(graph.marks)
    directed |= (graph.marks == 2) & (graph.marks.T == 4)  # o-> points down too
    rank = _rank(directed)
    joined = (graph.marks != 0) & ~((graph.marks & graph.marks.T & 2) != 0)
    joined |= directed | directed.T
    before = rank[:, None] < rank[None, :]
    flow: Bool = joined & before
    return flow


def _rank(directed: Bool) -> NDArray[np.intp]:
    """Position in an order with few arrows against it (Eades, Lin and Smyth 1993)."""
    d = len(directed)
    alive = np.ones(d, dtype=bool)
    head: list[int] = []
    tail: list[int] = []
    while alive.any():
        part = directed & alive & alive[:, None]
        into, out = part.sum(axis=0), part.sum(axis=1)
        free = np.nonzero(alive & (into == 0))[0]
        sinks = np.nonzero(alive & (out == 0))[0]
        if len(free):
            node = int(free[0])
            head.append(node)
        elif len(sinks):
            node = int(sinks[-1])
            tail.append(node)
        else:
            node = int(np.argmax(np.where(alive, out - into, -d - 1)))
            head.append(node)
        alive[node] = False
    rank = np.empty(d, dtype=np.intp)
    rank[[*head, *tail[::-1]]] = np.arange(d)
    return rank


def layers(graph: Graph) -> NDArray[np.intp]:
    """Layer of each node: longest path, at most `cap` nodes a layer, lone nodes at the bottom."""
    flow = _flow(graph)
    d = graph.d
    lone = ~(graph.marks != 0).any(axis=0)
    cap = max(4, ceil(1.5 * sqrt(d)))
    rank = _rank(flow)
    height = np.zeros(d, dtype=np.intp)
    for i in np.argsort(rank)[::-1].tolist():
        height[i] = max([height[j] + 1 for j in np.nonzero(flow[i])[0].tolist()], default=0)
    layer = np.zeros(d, dtype=np.intp)
    filled: dict[int, int] = {}
    for i in sorted(np.nonzero(~lone)[0].tolist(), key=lambda i: (rank[i], -height[i])):
        at = max([int(layer[j]) + 1 for j in np.nonzero(flow[:, i])[0].tolist()], default=0)
        while filled.get(at, 0) >= cap:
            at += 1
        layer[i] = at
        filled[at] = filled.get(at, 0) + 1
    _sink_sources(flow, layer, filled, cap, rank)
    used = {
        old: new for new, old in enumerate(sorted({int(layer[i]) for i in np.nonzero(~lone)[0]}))
    }
    for i in np.nonzero(~lone)[0].tolist():
        layer[i] = used[int(layer[i])]
    for k, i in enumerate(np.nonzero(lone)[0].tolist()):
        layer[i] = len(used) + k // max(cap, 6)
    return layer


def _sink_sources(
    flow: Bool, layer: NDArray[np.intp], filled: dict[int, int], cap: int, rank: NDArray[np.intp]
) -> None:
    """Move nodes down towards their children where that shortens edges, in place."""
    for i in np.argsort(rank)[::-1].tolist():
        below, above = np.nonzero(flow[i])[0], np.nonzero(flow[:, i])[0]
        if not len(below) or len(above) >= len(below):
            continue
        lowest = int(layer[below].min()) - 1
        for at in range(lowest, int(layer[i]), -1):
            if filled.get(at, 0) < cap:
                filled[int(layer[i])] -= 1
                filled[at] = filled.get(at, 0) + 1
                layer[i] = at
                break


@dataclass(eq=False)
class Net:
    """The layered graph with dummies: nodes 0..d-1 are real, the others bends of long edges."""

    real: int
    layer: NDArray[np.intp]
    up: list[list[int]]
    down: list[list[int]]
    rows: list[list[int]]
    chains: dict[tuple[int, int], list[int]]

    @classmethod
    def of(cls, graph: Graph, layer: NDArray[np.intp]) -> Net:
        level = layer.tolist()
        up: list[list[int]] = [[] for _ in level]
        down: list[list[int]] = [[] for _ in level]
        chains: dict[tuple[int, int], list[int]] = {}
        for i, j in np.argwhere(np.triu(graph.marks)).tolist():
            top, low = (i, j) if level[i] <= level[j] else (j, i)
            chain = [top]
            for at in range(level[top] + 1, level[low]):
                chain.append(len(level))
                level.append(at)
                up.append([])
                down.append([])
            chain.append(low)
            chains[i, j] = chain if top == i else chain[::-1]
            if level[top] != level[low]:
                for a, b in pairwise(chain):
                    down[a].append(b)
                    up[b].append(a)
        rows = [[v for v in range(len(level)) if level[v] == k] for k in range(max(level) + 1)]
        return cls(graph.d, np.array(level), up, down, rows, chains)

    def _position(self) -> NDArray[np.float64]:
        place = np.zeros(len(self.layer))
        for row in self.rows:
            place[row] = np.arange(len(row)) - (len(row) - 1) / 2
        return place

    def _crossings(self, place: NDArray[np.float64], k: int) -> int:
        """Crossings between layers k and k + 1."""
        ends = [(place[a], place[b]) for a in self.rows[k] for b in self.down[a]]
        if len(ends) < 2:
            return 0
        e = np.array(ends)
        return (
            int((np.sign(e[:, None, 0] - e[:, 0]) * np.sign(e[:, None, 1] - e[:, 1]) < 0).sum())
            // 2
        )

    def order(self, sweeps: int = 12) -> None:
        """Order every row by barycentre sweeps, then exchange neighbours; the best is kept."""
        best, least = [list(row) for row in self.rows], self.crossings()
        for sweep in range(sweeps):
            if least == 0:
                break
            downwards = sweep % 2 == 0
            for row in self.rows[1:] if downwards else self.rows[-2::-1]:
                place = self._position()
                near = self.up if downwards else self.down
                row.sort(key=lambda v, n=near, p=place: float(np.mean(p[n[v]])) if n[v] else p[v])  # type: ignore[misc]
            self._exchange()
            total = self.crossings()
            if total < least:
                best, least = [list(row) for row in self.rows], total
        self.rows = best

    def crossings(self) -> int:
        """Crossings in the whole drawing."""
        place = self._position()
        return sum(self._crossings(place, k) for k in range(len(self.rows) - 1))

    def _exchange(self) -> None:
        for _ in range(4):
            place = self._position()
            changed = False
            for row in self.rows:
                for k in range(len(row) - 1):
                    a, b = row[k], row[k + 1]
                    if self._gain(place, a, b) > 0:
                        row[k], row[k + 1] = b, a
                        place[a], place[b] = place[b], place[a]
                        changed = True
            if not changed:
                return

    def _gain(self, place: NDArray[np.float64], a: int, b: int) -> int:
        """Crossings saved if neighbours a, b (a left of b) change places."""
        out = 0
        for near in (self.up, self.down):
            for p in near[a]:
                for q in near[b]:
                    out += int(place[p] > place[q]) - int(place[p] < place[q])
        return out

    def place(
        self, width: NDArray[np.float64], gap: float, passes: int = 16
    ) -> NDArray[np.float64]:
        """(nodes with dummies,) x of the centres."""
        size = np.full(len(self.layer), 6.0)
        size[: self.real] = width
        x = np.zeros(len(self.layer))
        for row in self.rows:
            edge = np.cumsum(size[row] + gap)
            x[row] = edge - size[row] / 2 - edge[-1] / 2
        for sweep in range(passes):
            rows = self.rows if sweep % 2 == 0 else self.rows[::-1]
            for row in rows:
                goal, weight = x[row].copy(), np.full(len(row), 0.05)
                for k, v in enumerate(row):
                    near = self.up[v] + self.down[v]
                    if near:
                        pull = np.array([self._pull(v, w) for w in near])
                        goal[k] = float(np.average(x[near], weights=pull))
                        weight[k] = float(pull.sum())
                spacing = (size[row][:-1] + size[row][1:]) / 2 + gap
                x[row] = _spread(goal, weight, spacing)
        return x

    def _pull(self, v: int, w: int) -> float:
        """Weight of keeping v and w in line: more where an edge only passes (Gansner 1993)."""
        return (1.0, 2.0, 8.0)[(v >= self.real) + (w >= self.real)]


def _spread(
    goal: NDArray[np.float64], weight: NDArray[np.float64], spacing: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Least-squares positions near `goal` in the given order with at least `spacing` between."""
    offset = np.concatenate([[0.0], np.cumsum(spacing)])
    blocks: list[tuple[float, float, int]] = []  # pool adjacent violators
    for value, w in zip((goal - offset).tolist(), weight.tolist(), strict=True):
        block = (value, w, 1)
        while blocks and blocks[-1][0] > block[0]:
            mean, mass, count = blocks.pop()
            total = mass + block[1]
            block = ((mean * mass + block[0] * block[1]) / total, total, count + block[2])
        blocks.append(block)
    return np.repeat([b[0] for b in blocks], [b[2] for b in blocks]) + offset
