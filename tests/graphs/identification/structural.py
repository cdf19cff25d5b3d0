"""Random structural models of binary nodes on an ADMG, solved by listing all noise."""

from __future__ import annotations

from itertools import product

import numpy as np

from rung.core.graph import Graph


class World:
    """Every node is a random function of its parents, a binary cause for each <->, and its noise.

    Noise has four values: the first two force 0 and 1, so that everything happens.
    """

    def __init__(self, graph: Graph, rng: np.random.Generator) -> None:
        self.graph, self.names = graph, graph.names
        marks = graph.marks
        d = graph.d
        pairs = [(i, j) for i in range(d) for j in range(i) if marks[i, j] & 2 and marks[j, i] & 2]
        sizes = [4] * d + [2] * len(pairs)
        grid = np.array(list(product(*map(range, sizes))))
        self.units = grid
        self.weight = np.ones(len(grid))
        for column, size in zip(grid.T, sizes, strict=True):
            p = rng.dirichlet(np.full(size, 2.0))
            self.weight *= (0.9 * p + 0.1 / size)[column]
        self.order = graph.topological_order()
        self.inputs, self.tables = {}, {}
        for name in self.names:
            v = graph.index(name)
            hidden = [d + k for k, pair in enumerate(pairs) if v in pair]
            self.inputs[name] = (graph.parents(name), hidden)
            inner = (2,) * (len(self.inputs[name][0]) + len(hidden)) + (2,)
            while True:  # every cause matters
                table = rng.integers(0, 2, inner)
                if all(np.diff(table, axis=k).any() for k in range(table.ndim - 1)):
                    break
            self.tables[name] = table

    def values(self, forced: dict) -> dict[str, np.ndarray]:
        """Values of all nodes for every unit; `forced` gives a number or an array (units,)."""
        out: dict[str, np.ndarray] = {}
        for name in self.order:
            if name in forced:
                out[name] = np.broadcast_to(np.asarray(forced[name]), len(self.units))
                continue
            parents, hidden = self.inputs[name]
            noise = self.units[:, self.names.index(name)]
            at = [out[p] for p in parents] + [self.units[:, h] for h in hidden]
            found = self.tables[name][(*at, np.maximum(noise - 2, 0))]
            out[name] = np.where(noise < 2, noise, found)
        return out

    def joint(self, values: dict, names) -> np.ndarray:
        """(2, ..., 2) distribution of some nodes."""
        out = np.zeros((2,) * len(names))
        np.add.at(out, tuple(values[n] for n in names), self.weight)
        return out

    def observed(self) -> np.ndarray:
        """The joint of all nodes in the graph's order."""
        return self.joint(self.values({}), self.names)

    def do(self, outcomes, x) -> np.ndarray:
        """P(outcomes | do(x)), axes: outcomes then x."""
        out = np.zeros((2,) * (len(outcomes) + len(x)))
        for setting in product(range(2), repeat=len(x)):
            values = self.values(dict(zip(x, setting, strict=True)))
            out[(..., *setting)] = self.joint(values, outcomes)
        return out

    def nested(self, outcomes, x, mediators) -> np.ndarray:
        """P(Y(x, M(x*))), axes: outcomes, x, x*."""
        out = np.zeros((2,) * (len(outcomes) + 2 * len(x)))
        for stars in product(range(2), repeat=len(x)):
            under = self.values(dict(zip(x, stars, strict=True)))
            m = {name: under[name] for name in mediators}
            for setting in product(range(2), repeat=len(x)):
                values = self.values({**m, **dict(zip(x, setting, strict=True))})
                out[(..., *setting, *stars)] = self.joint(values, outcomes)
        return out


def random_admg(
    rng: np.random.Generator, d: int, p: float, q: float, names: str = "ABCDEFGH"
) -> Graph:
    """Random ADMG: each pair -> with probability p along a random order, <-> with probability q."""
    order = rng.permutation(d)
    marks = np.zeros((d, d), dtype=np.uint8)
    for a in range(d):
        for b in range(a):
            i, j = order[b], order[a]
            if rng.random() < p:
                marks[i, j] |= 2
                marks[j, i] |= 1
            if rng.random() < q:
                marks[i, j] |= 2
                marks[j, i] |= 2
    return Graph(tuple(names[:d]), marks)


def cut_graph(graph: Graph, cut=(), silent=()) -> Graph:
    """Without arrows (-> and <->) into `cut` and without -> out of `silent`."""
    marks = graph.marks.copy()
    d = graph.d
    for i in range(d):
        for j in range(d):
            i_to_j = graph.marks[i, j] & 2 and graph.marks[j, i] & 1
            both = graph.marks[i, j] & 2 and graph.marks[j, i] & 2
            a, b = graph.names[i], graph.names[j]
            gone = b in cut or a in silent
            if i > j:
                continue
            j_to_i = graph.marks[j, i] & 2 and graph.marks[i, j] & 1
            keep_ij = i_to_j and not gone
            keep_ji = j_to_i and not (a in cut or b in silent)
            keep_both = both and a not in cut and b not in cut
            marks[i, j] = 2 * bool(keep_ij or keep_both) | bool(keep_ji)
            marks[j, i] = 2 * bool(keep_ji or keep_both) | bool(keep_ij)
    return Graph(graph.names, marks)
