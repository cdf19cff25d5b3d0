"""What searches over equivalence classes should do, by enumeration of DAGs."""

from __future__ import annotations

from functools import cache
from itertools import product

import numpy as np

import rung
from rung.graphs import cpdag, members
from tests.discovery.support import names


@cache
def all_dags(d):
    """Every DAG of d nodes as parent sets in bits: (m, d)."""
    sets = [[s for s in range(1 << d) if not s >> v & 1] for v in range(d)]
    rows = np.array(list(product(*sets)))
    left = np.ones((len(rows), d), dtype=bool)
    for _ in range(d):  # take away roots until nothing is left
        alive = (left * (1 << np.arange(d))).sum(axis=1)
        left &= (rows & alive[:, None]) > 0
    return rows[~left.any(axis=1)]


def matrix(sets):
    """Parent sets in bits as a (d, d) bool matrix, [i, j] for i -> j."""
    return (np.asarray(sets)[None, :] >> np.arange(len(sets))[:, None] & 1).astype(bool)


def graph(adjacency, labels=None):
    return rung.Graph.from_adjacency(adjacency.astype(int), labels or names(len(adjacency)))


def table(bound, d):
    """Local scores [v, parents in bits]."""
    out = np.full((d, 1 << d), -np.inf)
    for v in range(d):
        for s in range(1 << d):
            if not s >> v & 1:
                out[v, s] = bound.local(v, [p for p in range(d) if s >> p & 1])
    return out


def totals(scores):
    """Score of every DAG, (m,)."""
    d = len(scores)
    return scores[np.arange(d), all_dags(d)].sum(axis=1)


def total(scores, adjacency):
    d = len(scores)
    bits = (adjacency * (1 << np.arange(d))[:, None]).sum(axis=0)
    return scores[np.arange(d), bits].sum()


def total_of(bound, adjacency):
    """Score of one DAG, from the bound score itself."""
    d = len(adjacency)
    return sum(bound.local(v, np.nonzero(adjacency[:, v])[0].tolist()) for v in range(d))


def neighbours(adjacency, kind, targets=(), fine=None):
    """Classes one operator away: {essential graph: a DAG of it}.

    A class is reached if an edge is added to, taken from or turned in one of the DAGs of the class
    at hand. `fine(dag)` says whether a DAG obeys the knowledge; a class without such a DAG is
    out of bounds.
    """
    here = cpdag(graph(adjacency), targets)
    d, out = len(adjacency), {}
    for member in members(here):
        dag = member.adjacency() > 0
        for i, j in product(range(d), repeat=2):
            new = dag.copy()
            if kind == "insert" and i != j and not dag[i, j] and not dag[j, i]:
                new[i, j] = True
            elif kind == "delete" and dag[i, j]:
                new[i, j] = False
            elif kind == "turn" and dag[i, j]:
                new[i, j], new[j, i] = False, True
            else:
                continue
            if not graph(new).is_dag():
                continue
            there = cpdag(graph(new), targets)
            if there == here or there in out:
                continue
            obeying = [m for m in members(there) if fine is None or fine(m.adjacency() > 0)]
            if obeying:
                out[there] = obeying[0].adjacency() > 0
    return out


class Environments:
    """Moments by condition, with the variables that each condition targets."""

    def __init__(self, parts, targets):
        self.parts, self.targets = parts, np.array(targets)
        self.names = parts[0].names
        self.environment = np.arange(len(parts))

    def moments_by_environment(self, basis=None, *, asker=""):
        return dict(enumerate(self.parts))
