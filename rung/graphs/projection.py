"""Graphs over fewer variables: the latent projection."""

from __future__ import annotations

import numpy as np

from rung.core.errors import InputError
from rung.core.graph import ARROW, CIRCLE, TAIL, Graph
from rung.core.graph_checks import bidirected_part, directed_part, undirected_part
from rung.graphs.ancestry import Names, mask, reach, require_acyclic


def latent_projection(graph: Graph, latents: Names) -> Graph:
    """ADMG over the other nodes with the same m-separations and causal ancestry among them.

    graph : DAG or ADMG. i -> j if a directed path leads from i to j through `latents` only, i <-> j
    if a path without colliders through them has arrowheads at both (Verma and Pearl 1990).
    """
    if (graph.marks & CIRCLE).any() or undirected_part(graph.marks).any():
        raise InputError("a latent projection needs a DAG or ADMG: orient the other edges first")
    require_acyclic(graph)
    hidden = mask(graph, latents)
    directed, both = directed_part(graph.marks), bidirected_part(graph.marks)
    step = directed & hidden[:, None]  # a latent may be passed
    # [i, j]: from i to j, i itself free, with only latents between
    onward = np.array([reach(step, directed[i]) for i in range(graph.d)]).reshape(directed.shape)
    source = onward & hidden[:, None] | np.eye(graph.d, dtype=bool)
    source_from = source.astype(np.int64)
    trunk = both.astype(np.int64) + np.diag(hidden.astype(np.int64))
    spread = source_from.T @ trunk @ source_from > 0
    keep = np.nonzero(~hidden)[0]
    arrows, pairs = onward[np.ix_(keep, keep)], spread[np.ix_(keep, keep)]
    np.fill_diagonal(pairs, False)
    marks = np.where(arrows | pairs, ARROW, 0) | np.where(arrows.T, TAIL, 0)
    marks |= np.where(arrows.T & pairs, ARROW, 0)
    return Graph(tuple(graph.names[i] for i in keep.tolist()), marks.astype(np.uint8))


__all__ = ["latent_projection"]
