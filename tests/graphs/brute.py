"""Slow, literal definitions that the library's answers are compared with."""

from __future__ import annotations

from itertools import combinations, permutations, product

import numpy as np

from rung.core.graph import Graph

from .brute_ancestral import pag_of as pag_of
from .brute_ancestral import random_mag as random_mag

Edge = tuple[int, int, int, int]  # node, mark at it, mark at other, other


def subsets(items):
    items = list(items)
    for k in range(len(items) + 1):
        yield from combinations(items, k)


def single_edges(graph: Graph) -> list[list[tuple[int, int, int]]]:
    """For each node the edges (mark here, mark there, other); a bow gives two."""
    d = graph.d
    out = [[] for _ in range(d)]
    for i, j in product(range(d), range(d)):
        here, there = int(graph.marks[j, i]), int(graph.marks[i, j])
        if i == j or not there:
            continue
        for h in (1, 2) if here == 3 else (here,):
            for t in (1, 2) if there == 3 else (there,):
                out[i].append((h, t, j))
    return out


def proper_ancestors(graph: Graph) -> list[set[int]]:
    """Ancestors of each node, itself included, by repeated union."""
    d = graph.d
    edges = single_edges(graph)
    up = [{i} for i in range(d)]
    changed = True
    while changed:
        changed = False
        for i in range(d):
            for h, t, j in edges[i]:
                if h == 2 and t == 1 and not up[j] <= up[i]:
                    up[i] |= up[j]
                    changed = True
    return up


def paths(graph: Graph, x: int, y: int) -> list[list[tuple[int, int, int]]]:
    """Every path from x to y without repeated nodes, as (node, mark in, mark out) inside."""
    edges = single_edges(graph)
    out = []

    def walk(node, mark_in, seen, inner):
        for h, t, j in edges[node]:
            if j in seen:
                continue
            here = inner if node == x else [*inner, (node, mark_in, h)]
            if j == y:
                out.append(here)
            else:
                walk(j, t, seen | {j}, here)

    walk(x, 0, {x}, [])
    return out


def separated(inner_paths, up: list[set[int]], given: set[int]) -> bool:
    """No path is open: each has a closed collider or a non-collider that is given."""
    above = set().union(*(up[g] for g in given)) if given else set()
    for path in inner_paths:
        for node, a, b in path:
            collider = a == 2 and b == 2
            if (collider and node not in above) or (not collider and node in given):
                break
        else:
            return False
    return True


def check_separation(graph: Graph, function, queries=None) -> int:
    """Compare with `function(graph, x, y, z)` on all triples (or some); their number."""
    up = proper_ancestors(graph)
    count = 0
    for x, y in combinations(range(graph.d), 2):
        every = paths(graph, x, y)
        rest = [v for v in range(graph.d) if v not in (x, y)]
        for given in subsets(rest) if queries is None else queries(rest):
            expected = separated(every, up, set(given))
            names = [graph.names[g] for g in given]
            found = function(graph, graph.names[x], graph.names[y], names)
            assert found is expected, (str(graph), graph.names[x], graph.names[y], names)
            count += 1
    return count


def classes_up_to_relabelling(d: int, options: list[tuple[int, int]]) -> list[np.ndarray]:
    """Mark matrices, one for each acyclic graph up to renaming, by canonical codes."""
    pairs = list(combinations(range(d), 2))
    orders = list(permutations(range(d)))
    index = {pair: k for k, pair in enumerate(pairs)}
    swap = np.array([options.index((b, a)) for a, b in options])
    codes = np.array(list(product(range(len(options)), repeat=len(pairs))), dtype=np.int64)
    directed = np.zeros((len(codes), d, d), dtype=bool)
    table = np.array(options)
    for k, (i, j) in enumerate(pairs):
        at_i, at_j = table[codes[:, k], 0], table[codes[:, k], 1]
        directed[:, i, j] = (at_j & 2 > 0) & (at_i & 1 > 0)
        directed[:, j, i] = (at_i & 2 > 0) & (at_j & 1 > 0)
    power = directed.astype(np.int64)
    cyclic = np.zeros(len(codes), dtype=bool)
    for _ in range(d):
        cyclic |= np.trace(power, axis1=1, axis2=2) > 0
        power = np.minimum(power @ directed, 1)
    codes = codes[~cyclic]
    weights = len(options) ** np.arange(len(pairs))
    own = codes @ weights
    least = own.copy()
    for order in orders:
        moved = np.empty_like(codes)
        for k, (i, j) in enumerate(pairs):
            a, b = order[i], order[j]
            moved[:, index[min(a, b), max(a, b)]] = codes[:, k] if a < b else swap[codes[:, k]]
        least = np.minimum(least, moved @ weights)
    out = []
    for code in codes[own == least]:
        marks = np.zeros((d, d), dtype=np.uint8)
        for k, (i, j) in enumerate(pairs):
            marks[j, i], marks[i, j] = table[code[k]]
        out.append(marks)
    return out


DAG_PAIRS = [(0, 0), (1, 2), (2, 1)]
ADMG_PAIRS = [*DAG_PAIRS, (2, 2), (3, 2), (2, 3)]


def all_dags(d: int) -> list[Graph]:
    """Every labelled DAG."""
    names = tuple("ABCDEFGH"[:d])
    out = []
    for choice in product(DAG_PAIRS, repeat=d * (d - 1) // 2):
        marks = np.zeros((d, d), dtype=np.uint8)
        for (i, j), (a, b) in zip(combinations(range(d), 2), choice, strict=True):
            marks[j, i], marks[i, j] = a, b
        arrows = (marks == 2).astype(int)
        if not np.linalg.matrix_power(arrows + np.eye(d, dtype=int), d).trace() > d:
            out.append(Graph(names, marks))
    return out


def random_dag(rng: np.random.Generator, d: int, p: float) -> Graph:
    upper = np.triu(rng.random((d, d)) < p, 1)
    order = rng.permutation(d)
    return Graph.from_adjacency(upper[np.ix_(order, order)])


def random_admg(rng: np.random.Generator, d: int, p: float, q: float) -> Graph:
    graph = random_dag(rng, d, p)
    for i, j in combinations(range(d), 2):
        if rng.random() < q:
            graph = graph.with_edge(graph.names[i], "<->", graph.names[j])
    return graph
