"""Worlds with hidden and selected nodes, and an oracle of m-separation that remembers."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations

import numpy as np

import rung
from rung.graphs.separation import ball, parts_of


def random_mag(rng, d, latents, selections, p):
    """MAG over d nodes of a random DAG with so many more nodes."""
    total = d + latents + selections
    upper = np.triu(rng.random((total, total)) < p, 1)
    order = rng.permutation(total)
    names = [f"X{i}" for i in range(d)]
    names += [f"L{i}" for i in range(latents)] + [f"S{i}" for i in range(selections)]
    dag = rung.Graph.from_adjacency(upper[np.ix_(order, order)], names)
    return rung.graphs.mag(dag, names[d : d + latents], names[d + latents :])


# x and y are separated by {a, b, c}, but by no set of neighbours of x, nor of y
FAR = "a -> x; a <-> y; b -> y; b <-> x; c -> a; c <-> b"


def far_mag(rng, extra):
    """A MAG around FAR with more nodes and edges at random."""
    base = rung.Graph.parse(FAR)
    edges, names = base.edges(), list(base.names)
    order = {"c": 0.0, "a": 1.0, "b": 1.5, "x": 2.0, "y": 2.5}
    for i in range(extra):
        names.append(f"e{i}")
        order[f"e{i}"] = rng.uniform(-0.5, 3)
    there = {frozenset((a, b)) for a, _, b in edges} | {frozenset("xy")}
    p = rng.uniform(0.1, 0.35)
    for a, b in combinations(names, 2):
        if frozenset((a, b)) not in there and rng.random() < p:
            first, second = sorted((a, b), key=order.__getitem__)
            edges.append((first, str(rng.choice(["-->", "<->"])), second))
    return rung.graphs.mag(rung.Graph.from_edges(edges, names))


def world(seed):
    """A MAG of 5 to 9 nodes: of a DAG with hidden and selected nodes, or around FAR."""
    rng = np.random.default_rng(seed)
    if seed % 2:
        return far_mag(rng, int(rng.integers(0, 4)))
    d, latents, selections = int(rng.integers(5, 9)), int(rng.integers(1, 6)), seed % 3
    return random_mag(rng, d, latents, selections, rng.uniform(0.15, 0.4))


def rows(mag):
    """Noise over the names of a MAG, for learners that only ask an oracle."""
    return rung.Data.from_matrix(
        np.random.default_rng(0).normal(size=(mag.d + 5, mag.d)), mag.names
    )


@dataclass(frozen=True)
class Separations:
    """m-separation in a MAG, one ball for each node and set."""

    truth: rung.Graph

    def on(self, source, *, rng=None):
        parts, d = parts_of(self.truth.reorder(source.names)), self.truth.d
        known = {}

        def reached(x, given):
            if (x, given) not in known:
                at = np.arange(d)
                known[x, given] = ball(parts, at == x, np.isin(at, list(given)))
            return known[x, given]

        class Bound:
            def pvalues(self, x, y, given):
                sets = [tuple(sorted(row)) for row in np.asarray(given).tolist()]
                pairs = zip(np.asarray(x).tolist(), np.asarray(y).tolist(), sets, strict=True)
                return np.array([float(not reached(a, row)[b]) for a, b, row in pairs])

        return Bound()


@dataclass(frozen=True)
class Sparse:
    """A learner that returns a minimal DAG of a random order, with no separation too many."""

    truth: rung.Graph
    seed: int

    def learn(self, source, *, knowledge=None, budget=None, rng=0):
        bound, d = Separations(self.truth).on(source), self.truth.d
        order = np.random.default_rng(self.seed).permutation(d).tolist()
        a = np.zeros((d, d))
        for k, v in enumerate(order):
            for u in order[:k]:
                rest = [w for w in order[:k] if w != u]
                a[u, v] = bound.pvalues([u], [v], [rest])[0] == 0
        return rung.Discovery(rung.Graph.from_adjacency(a, source.names), learner=self)


# -- the class of a MAG by its definition: every MAG with the same separations -----------------

KINDS = np.array([(1, 2), (2, 1), (2, 2), (1, 1)], dtype=np.uint8)


def ancestral(marks):
    """(N,) bool: no directed circle, no i <-> j with i above j, no -- at an arrowhead."""
    turned = marks.transpose(0, 2, 1)
    d = marks.shape[1]
    up = ((marks == 2) & (turned == 1)).astype(np.float32)
    for _ in range(d.bit_length()):
        up = ((up + up @ up) > 0).astype(np.float32)
    up = up > 0
    line = ((marks == 1) & (turned == 1)).any(axis=1)
    bad = (up & up.transpose(0, 2, 1)).any(axis=(1, 2))
    bad |= (up & (marks == 2) & (turned == 2)).any(axis=(1, 2))
    return ~bad & ~(line & (marks == 2).any(axis=1)).any(axis=1)


def separations(marks, given):
    """(N, d, d) bool: [., x, y] True where no walk joins x and y given Z, a (d,) mask.

    On a walk every node with two arrowheads has a descendant in Z, and no other node is in Z.
    """
    count, d = marks.shape[:2]
    turned = marks.transpose(0, 2, 1)
    up = np.eye(d) + ((marks == 2) & (turned == 1))
    for _ in range(d.bit_length()):
        up = ((up @ up) > 0).astype(np.float64)
    joined, head = marks != 0, marks == 2
    opened = (up[:, :, given] > 0).any(axis=2)  # (N, d): above Z
    step = np.zeros((count, d, 2, d, 2), dtype=np.float32)
    for came in (0, 1):  # entered by a tail, by an arrowhead
        for left in (0, 1):
            may = np.where(came and left, opened, ~given)
            leaves = joined & (turned == 2 if left else turned != 2)
            for there in (0, 1):
                far = head if there else ~head
                step[:, :, came, :, there] += leaves & far & may[:, :, None]
    walk = (step > 0).reshape(count, 2 * d, 2 * d).astype(np.float32)
    for _ in range((2 * d).bit_length()):
        walk = ((walk + walk @ walk) > 0).astype(np.float32)
    first = np.zeros((count, d, d, 2), dtype=np.float32)
    first[..., 0], first[..., 1] = joined & ~head, joined & head
    first = first.reshape(count, d, 2 * d)
    reached = ((first + first @ walk) > 0).reshape(count, d, d, 2).any(axis=3)
    reached[:, given], reached[:, :, given] = False, False
    return ~reached & ~np.eye(d, dtype=bool)


def members(mag, most=15_000):
    """(N, d, d) marks of all MAGs with the separations of `mag`; None if there are too many tries.

    Candidates share its skeleton and its unshielded colliders, which equal separations imply.
    """
    pairs = [(i, j) for i, j in combinations(range(mag.d), 2) if mag.marks[i, j]]
    triples = [
        (a, b, c)
        for b in range(mag.d)
        for a, c in combinations(np.flatnonzero(mag.marks[b]).tolist(), 2)
        if not mag.marks[a, c]
    ]
    pairs.sort(key=lambda p: -sum(set(p) < set(t) for t in triples))
    found, placed = np.zeros((1, mag.d, mag.d), dtype=np.uint8), set()
    for i, j in pairs:
        found = np.repeat(found, len(KINDS), axis=0)
        kinds = np.tile(KINDS, (len(found) // len(KINDS), 1))
        found[:, j, i], found[:, i, j] = kinds.T
        placed |= {(i, j), (j, i)}
        for a, b, c in triples:
            if (a, b) in placed and (c, b) in placed and {i, j} & {b} and {i, j} & {a, c}:
                wanted = mag.marks[a, b] == 2 and mag.marks[c, b] == 2
                found = found[((found[:, a, b] == 2) & (found[:, c, b] == 2)) == wanted]
        if len(found) > most:
            return None
    found = found[ancestral(found)]
    for code in range(2**mag.d):
        given = (code >> np.arange(mag.d)) & 1 > 0
        wanted = separations(mag.marks[None], given)
        found = found[(separations(found, given) == wanted).all(axis=(1, 2))]
    return found


def true_pag(mag):
    """The marks that all members share, else circles; None if there are too many tries."""
    found = members(mag)
    if found is None:
        return None
    same = (found == found[:1]).all(axis=0)
    return rung.Graph(mag.names, np.where(same, found[0], 4).astype(np.uint8))
