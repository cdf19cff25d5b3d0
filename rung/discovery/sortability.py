"""How much the scale of simulated data gives away of the causal order."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..core.errors import InputError
from ..core.graph import Graph
from ..core.missing import need_finite
from ..core.moments import Moments
from ..core.source import Source
from ..core.variable import Variable

Floats = NDArray[np.float64]


def varsortability(data: Source | Floats, graph: Graph) -> float:
    """Share of directed paths along which the variance rises, over all lengths, in 0 .. 1.

    Near 1, sorting columns by variance finds the causal order, and a benchmark on such data says
    little of a method; 1/2 is chance. Equal variances count as half. NaN for a graph without
    edges.

    Parameters
    ----------
    data : Source, or (n, d) float64 with columns in the order of the names of the graph
    graph : Graph
        The true DAG.

    Source: Reisach, Seiler and Weichwald (2021), section 3.1.
    """
    return sortability(np.diag(_covariance(data, graph, "varsortability")), graph)


def r2_sortability(data: Source | Floats, graph: Graph) -> float:
    """Share of directed paths along which R^2 rises, R^2 that of a column given all others.

    As `varsortability`, and unchanged by the units of the columns. A column that does not vary
    has R^2 = 0; one that the others determine has 1.

    Source: Reisach, Tami, Seiler, Chambaz and Weichwald (2023), section 3.
    """
    s = _covariance(data, graph, "r2_sortability")
    spread = np.diag(s)
    varies = spread > 0
    scale = np.sqrt(np.where(varies, spread, 1.0))
    share = np.zeros(len(s))
    correlation = s / np.outer(scale, scale)
    own = correlation[np.ix_(varies, varies)]
    if len(own) and np.linalg.cond(own) < 1e8:  # 1 - 1 / (diagonal of the inverse), all at once
        share[varies] = 1.0 - 1.0 / np.diag(np.linalg.inv(own))
        return sortability(share, graph)
    for j in np.flatnonzero(varies):
        others = varies.copy()
        others[j] = False
        block, with_j = correlation[np.ix_(others, others)], correlation[others, j]
        share[j] = with_j @ np.linalg.lstsq(block, with_j, rcond=None)[0]
    return sortability(share, graph)


def _covariance(data: Source | Floats, graph: Graph, asker: str) -> Floats:
    if isinstance(data, Source):
        return data.select(graph.names).moments(asker=asker).covariance
    x = np.asarray(data, dtype=np.float64)
    if x.ndim != 2 or x.shape[1] != graph.d or not len(x):
        raise InputError(
            f"{asker} needs rows with {graph.d} columns, got an array of shape {x.shape}"
        )
    need_finite(x, graph.names, asker)
    return Moments.of(x, [Variable(name) for name in graph.names]).covariance


def sortability(values: Floats, graph: Graph) -> float:
    """Share of directed paths from i to j with values[i] < values[j], each length by itself.

    A pair joined by paths of k different lengths counts k times, as in the authors' definition.

    Parameters
    ----------
    values : (d,) float64
        One for each name of the graph; differences up to 1e-9 of them count as ties, by a half.
    graph : Graph
        A DAG.
    """
    if not graph.is_dag():
        raise InputError("sortability is about the order of a DAG; pass one DAG")
    if len(values) != graph.d:
        raise InputError(f"{len(values)} values for {graph.d} variables")
    edges = graph.adjacency() != 0
    v = np.asarray(values, dtype=np.float64)
    gap = v[None, :] - v[:, None]
    slack = 1e-9 * np.maximum(np.abs(v)[None, :], np.abs(v)[:, None])
    rises = np.where(gap > slack, 1.0, np.where(gap < -slack, 0.0, 0.5))
    reached, right, total = edges, 0.0, 0
    while reached.any():
        right += float(rises[reached].sum())
        total += int(reached.sum())
        reached = (reached.astype(np.float64) @ edges.astype(np.float64)) > 0
    return right / total if total else float("nan")
