"""Matrices of marks as other tools write them: causal-learn and pcalg."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from rung.core.errors import InputError
from rung.core.graph import ARROW, CIRCLE, NONE, TAIL, Graph

_BOW = ARROW | TAIL
# causal-learn's Endpoint: TAIL -1, NULL 0, ARROW 1, CIRCLE 2, TAIL_AND_ARROW 4, ARROW_AND_ARROW 5
_CAUSAL_LEARN = {NONE: 0, TAIL: -1, ARROW: 1, CIRCLE: 2}
_PAG = {NONE: 0, CIRCLE: 1, ARROW: 2, TAIL: 3}


def _square(matrix: ArrayLike, what: str) -> NDArray[np.int64]:
    raw = np.asarray(matrix)
    if raw.ndim != 2 or raw.shape[0] != raw.shape[1] or raw.dtype.kind not in "biuf":
        raise InputError(f"{what} is square and holds integers; got {raw.dtype} of {raw.shape}")
    if not np.isfinite(raw).all() or (raw != np.round(raw)).any():
        raise InputError(f"{what} holds integers; some entry is not one")
    return raw.astype(np.int64)


def _labels(names: Iterable[str] | None, d: int) -> tuple[str, ...]:
    return tuple(f"X{i + 1}" for i in range(d)) if names is None else tuple(names)


def _decoded(
    codes: NDArray[np.int64], table: dict[int, int], names: tuple[str, ...], what: str
) -> Graph:
    """Graph of codes whose [i, j] tells the mark at j."""
    marks = np.zeros(codes.shape, dtype=np.uint8)
    known = np.zeros(codes.shape, dtype=bool)
    for mark, code in table.items():
        marks[codes == code] = mark
        known |= codes == code
    if not known.all():
        i, j = np.argwhere(~known)[0]
        raise InputError(f"{what} has {codes[i, j]} in row {i}, column {j}; no mark has that code")
    return Graph(names, marks)


def to_causal_learn(graph: Graph) -> NDArray[np.int64]:
    """(d, d) matrix as `GeneralGraph.graph` of causal-learn: [i, j] is the endpoint at i of i - j.

    -1 tail, 1 arrow, 2 circle, 0 no edge; a bow i -> j, i <-> j has 4 at i and 5 at j.
    """
    out = np.zeros(graph.marks.shape, dtype=np.int64)
    for mark, code in _CAUSAL_LEARN.items():
        out[mark == graph.marks.T] = code
    bow = graph.marks.T == _BOW
    out[bow], out[bow.T] = 4, 5
    return out


def from_causal_learn(graph: Any, names: Iterable[str] | None = None) -> Graph:
    """Graph of a causal-learn `GeneralGraph` or `CausalGraph`, or of its matrix of endpoints.

    names : for a matrix; X1, X2, ... if not given, as causal-learn does.

    Raises
    ------
    InputError
        The matrix is not square, or holds a star or an edge that rung has no marks for.
    """
    whole = getattr(graph, "G", graph)
    if hasattr(whole, "get_node_names"):
        names = whole.get_node_names() if names is None else names
        whole = whole.graph
    codes = _square(whole, "causal-learn's matrix of endpoints").T.copy()
    bow = (codes == 4) & (codes.T == 5)
    codes[bow | bow.T] = 0
    found = _decoded(codes, _CAUSAL_LEARN, _labels(names, len(codes)), "causal-learn's matrix")
    marks = found.marks.copy()
    marks[bow], marks[bow.T] = _BOW, ARROW
    return Graph(found.names, marks)


def to_amat_cpdag(graph: Graph) -> NDArray[np.int64]:
    """(d, d) matrix of pcalg's type amat.cpdag: [j, i] = 1 for i -> j, both ways for i -- j.

    Raises
    ------
    InputError
        There are circles or <->; use `to_amat_pag`.
    """
    if ((graph.marks == CIRCLE) | (graph.marks & graph.marks.T & ARROW > 0)).any():
        raise InputError("amat.cpdag holds only -> and --; use to_amat_pag for circles and <->")
    return graph.adjacency().T.astype(np.int64)


def from_amat_cpdag(matrix: ArrayLike, names: Iterable[str] | None = None) -> Graph:
    """Graph of a DAG or CPDAG of pcalg (amat.cpdag: [a, b] = 0 and [b, a] = 1 is a -> b)."""
    codes = _square(matrix, "amat.cpdag")
    if not np.isin(codes, (0, 1)).all():
        raise InputError("amat.cpdag holds 0 and 1; with 2 or 3 it is amat.pag: from_amat_pag")
    return Graph.from_adjacency(codes.T, _labels(names, len(codes)))


def to_amat_pag(graph: Graph) -> NDArray[np.int64]:
    """(d, d) matrix of pcalg's type amat.pag: [i, j] is the mark at j.

    0 no edge, 1 circle, 2 arrowhead, 3 tail.

    Raises
    ------
    InputError
        There is a bow, which amat.pag cannot hold.
    """
    if (graph.marks == _BOW).any():
        i, j = np.argwhere(graph.marks == _BOW)[0]
        raise InputError(
            f"{graph.names[j]!r} and {graph.names[i]!r} have two edges, which amat.pag cannot hold"
        )
    out = np.zeros(graph.marks.shape, dtype=np.int64)
    for mark, code in _PAG.items():
        out[graph.marks == mark] = code
    return out


def from_amat_pag(matrix: ArrayLike, names: Iterable[str] | None = None) -> Graph:
    """Graph of a MAG or PAG of pcalg (amat.pag: [a, b] = 2 and [b, a] = 3 is a -> b)."""
    codes = _square(matrix, "amat.pag")
    return _decoded(codes, _PAG, _labels(names, len(codes)), "amat.pag")


__all__ = [
    "from_amat_cpdag",
    "from_amat_pag",
    "from_causal_learn",
    "to_amat_cpdag",
    "to_amat_pag",
    "to_causal_learn",
]
