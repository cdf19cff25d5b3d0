"""Ancestral graphs, MAGs and PAGs by their definitions; slow, for small graphs only.

Richardson and Spirtes (2002) for ancestral graphs, maximality and margins; a PAG shows the marks
that all MAGs of a Markov equivalence class share (Zhang 2008). Members of a class are found by
trying every mark at every end of the skeleton.
"""

from __future__ import annotations

from functools import cache
from itertools import combinations, product

import numpy as np

from rung.core.graph import Graph

MAG_PAIRS = [(1, 2), (2, 1), (2, 2), (1, 1)]  # marks (at the first node, at the second)


def subsets(items):
    items = list(items)
    for k in range(len(items) + 1):
        yield from combinations(items, k)


def closure(directed: np.ndarray) -> np.ndarray:
    """(N, d, d) bool: [n, i, j] is True where i is an ancestor of j in graph n, or i = j."""
    d = directed.shape[-1]
    up = directed | np.eye(d, dtype=bool)
    for k in range(d):
        up = up | (up[:, :, k, None] & up[:, None, k, :])
    return up


def ancestral(marks: np.ndarray) -> np.ndarray:
    """(N,) bool: which of the (N, d, d) mark matrices are ancestral graphs."""
    turned = marks.transpose(0, 2, 1)
    directed = (marks == 2) & (turned == 1)
    up = closure(directed)
    head = (marks == 2) & (turned == 2)  # i <-> j
    off = ~np.eye(marks.shape[-1], dtype=bool)
    cycle = (up & up.transpose(0, 2, 1) & off).any(axis=(1, 2))
    almost = (head & up).any(axis=(1, 2))
    plain = ((marks == 1) & (turned == 1)).any(axis=1)
    pointed = (marks == 2).any(axis=1)
    return ~cycle & ~almost & ~(plain & pointed).any(axis=1)


@cache
def skeleton_paths(skeleton: bytes, d: int, x: int, y: int) -> tuple[tuple[int, ...], ...]:
    """Every path without repeated nodes from x to y in a symmetric 0/1 (d, d) matrix."""
    joined = np.frombuffer(skeleton, dtype=bool).reshape(d, d)
    out = []

    def walk(trail):
        for j in np.nonzero(joined[trail[-1]])[0].tolist():
            if j == y:
                out.append((*trail, y))
            elif j not in trail:
                walk((*trail, j))

    walk((x,))
    return tuple(out)


def separations(marks: np.ndarray, pairs=None) -> np.ndarray:
    """(N, queries) bool: which m-separations hold in N graphs of one skeleton.

    Queries are x < y among `pairs` (all by default), with every set of other nodes, in order.
    A path is open iff each collider is an ancestor of the given and no other node is given.
    """
    n, d = marks.shape[:2]
    skeleton = (marks[0] != 0).tobytes()
    up = closure((marks == 2) & (marks.transpose(0, 2, 1) == 1))
    columns = []
    for x, y in combinations(range(d), 2) if pairs is None else pairs:
        trails = skeleton_paths(skeleton, d, x, y)
        for given in subsets(v for v in range(d) if v not in (x, y)):
            above = up[:, :, list(given)].any(axis=2)
            connected = np.zeros(n, dtype=bool)
            for trail in trails:
                good = np.ones(n, dtype=bool)
                for a, b, c in zip(trail, trail[1:], trail[2:], strict=False):
                    collider = (marks[:, a, b] == 2) & (marks[:, c, b] == 2)
                    good &= np.where(collider, above[:, b], b not in given)
                connected |= good
            columns.append(~connected)
    return np.array(columns).reshape(len(columns), n).T


def is_mag(graph: Graph) -> bool:
    """Ancestral, and every two nodes without an edge are m-separated by some set."""
    marks = graph.marks[None]
    if (marks & 4).any() or (marks == 3).any() or not ancestral(marks)[0]:
        return False
    apart = [(x, y) for x, y in combinations(range(graph.d), 2) if not graph.marks[x, y]]
    return all(separations(marks, [pair]).any() for pair in apart)


def margin(graph: Graph, latents=(), selections=()) -> Graph:
    """MAG of a DAG (or ADMG without bows) over the nodes that are neither latent nor selected.

    Adjacent iff no set of others, with the selected, separates; a tail iff an ancestor of the
    other end or of a selected node.
    """
    marks = graph.marks[None]
    hidden, chosen = graph.indices(latents), graph.indices(selections)
    keep = [i for i in range(graph.d) if i not in hidden and i not in chosen]
    up = closure((marks == 2) & (marks.transpose(0, 2, 1) == 1))[0]
    out = np.zeros((len(keep), len(keep)), dtype=np.uint8)
    for a, b in combinations(range(len(keep)), 2):
        x, y = keep[a], keep[b]
        wall = separations(marks, [(x, y)])[0]
        sets = list(subsets(v for v in range(graph.d) if v not in (x, y)))
        usable = [
            set(chosen) <= set(z) and not set(z) & set(hidden) and bool(s)
            for z, s in zip(sets, wall, strict=True)
        ]
        if not any(usable):
            out[b, a] = 1 if up[x, [y, *chosen]].any() else 2
            out[a, b] = 1 if up[y, [x, *chosen]].any() else 2
    return Graph(tuple(graph.names[i] for i in keep), out)


def random_mag(
    rng: np.random.Generator, d: int, latents: int = 0, selections: int = 0, p: float = 0.4
) -> Graph:
    """MAG over d nodes X0, X1, ... of a random DAG with so many more nodes."""
    total = d + latents + selections
    upper = np.triu(rng.random((total, total)) < p, 1)
    order = rng.permutation(total)
    names = [f"X{i}" for i in range(d)]
    names += [f"L{i}" for i in range(latents)] + [f"S{i}" for i in range(selections)]
    dag = Graph.from_adjacency(upper[np.ix_(order, order)], names)
    return margin(dag, names[d : d + latents], names[d + latents :])


def class_of(mag: Graph, selection: bool = True) -> np.ndarray:
    """(N, d, d) marks of every MAG that is Markov equivalent to `mag`; at most 10 edges.

    With `selection` False only those without undirected edges.
    """
    pairs = [(i, j) for i, j in combinations(range(mag.d), 2) if mag.marks[i, j]]
    if len(pairs) > 10:
        raise ValueError("too many edges for brute force")
    choices = np.array(list(product(range(3 + selection), repeat=len(pairs))), dtype=np.uint8)
    table = np.array(MAG_PAIRS, dtype=np.uint8)
    marks = np.zeros((len(choices), mag.d, mag.d), dtype=np.uint8)
    for k, (i, j) in enumerate(pairs):
        marks[:, j, i], marks[:, i, j] = table[choices[:, k]].T
    apart = [(x, y) for x, y in combinations(range(mag.d), 2) if not mag.marks[x, y]]
    marks = marks[ancestral(marks)]
    # equal separations need equal unshielded colliders: a quick sieve before the real check
    for x, y in apart:
        for b in range(mag.d):
            if mag.marks[x, b] and mag.marks[y, b]:
                wanted = mag.marks[x, b] == 2 and mag.marks[y, b] == 2
                marks = marks[((marks[:, x, b] == 2) & (marks[:, y, b] == 2)) == wanted]
    if not apart:
        return marks
    target = separations(mag.marks[None], apart)
    return marks[(separations(marks, apart) == target).all(axis=1)]


def pag_of(mag: Graph, selection: bool = True) -> Graph:
    """PAG of a MAG: the marks that every Markov equivalent MAG shares, else circles.

    With `selection` False the class is that of MAGs without undirected edges.
    """
    members = class_of(mag, selection)
    shared = (members == members[:1]).all(axis=0)
    return Graph(mag.names, np.where(shared, members[0], 4).astype(np.uint8))


def all_mags(d: int) -> list[Graph]:
    """Every labelled MAG over d nodes (d at most 4)."""
    names = tuple("ABCD"[:d])
    table = np.array([(0, 0), *MAG_PAIRS], dtype=np.uint8)
    pairs = list(combinations(range(d), 2))
    choices = np.array(list(product(range(5), repeat=len(pairs))), dtype=np.int64)
    marks = np.zeros((len(choices), d, d), dtype=np.uint8)
    for k, (i, j) in enumerate(pairs):
        marks[:, j, i], marks[:, i, j] = table[choices[:, k]].T
    marks = marks[ancestral(marks)]
    return [g for g in (Graph(names, m) for m in marks) if is_mag(g)]
