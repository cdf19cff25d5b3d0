"""Random directed acyclic graphs."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from ..core.errors import InputError
from ..core.graph import Graph


class Topology(StrEnum):
    """How the skeleton of a random DAG is drawn.

    ER (Erdos and Renyi 1959): every pair alike. SF (Barabasi and Albert 1999): preferential
    attachment, a few hubs.
    """

    ER = "ER"
    SF = "SF"


def random_dag(
    d: int,
    *,
    degree: float,
    kind: Topology = Topology.ER,
    seed: int | np.random.Generator = 0,
    names: Sequence[str] | None = None,
) -> Graph:
    """A random DAG whose causal order is independent of the order of its names.

    Parameters
    ----------
    d : int
        Number of nodes.
    degree : float
        Expected number of neighbours (parents plus children) of a node, so d * degree / 2 edges
        are expected ("ER2" of the literature, 2 d edges, is degree 4). For SF the first nodes
        attach to fewer, so that it is a little less.
    kind : Topology
    seed : int or Generator
    names : sequence of str, optional
        X1 ... Xd if not given.
    """
    if d < 1:
        raise InputError(f"random_dag({d}): at least one node is needed")
    if not 0 <= degree <= d - 1:
        raise InputError(f"random_dag(d={d}, degree={degree}): expected a degree in 0 .. {d - 1}")
    rng = np.random.default_rng(seed)
    if Topology(kind) is Topology.ER:
        share = degree / (d - 1) if d > 1 else 0.0
        skeleton = np.triu(rng.random((d, d)) < share, 1)
    else:
        skeleton = _preferential(d, degree / 2, rng)
    skeleton = skeleton | skeleton.T
    rank = rng.permutation(d)
    adjacency = skeleton & (rank[:, None] < rank[None, :])
    listed = [f"X{i + 1}" for i in range(d)] if names is None else list(names)
    if len(listed) != d:
        raise InputError(f"random_dag({d}): got {len(listed)} names")
    return Graph.from_adjacency(adjacency.astype(np.int8), listed)


def _preferential(d: int, m: float, rng: np.random.Generator) -> NDArray[np.bool_]:
    """Skeleton: each new node joins m earlier ones with chance proportional to degree + 1."""
    out = np.zeros((d, d), dtype=np.bool_)
    where = rng.permutation(d)
    degree = np.ones(d)
    for k in range(1, d):
        wanted = min(k, int(m) + int(rng.random() < m - int(m)))
        if wanted:
            chance = degree[:k] / degree[:k].sum()
            for old in rng.choice(k, size=wanted, replace=False, p=chance):
                out[where[k], where[old]] = True
                degree[k] += 1
                degree[old] += 1
    return out
