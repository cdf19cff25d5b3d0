"""Independences of graphs whose nodes were dealt out anew, tested once each."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import permutations as every
from math import factorial

import numpy as np
from numpy.typing import NDArray

from ..core.budget import Run
from ..core.graph import Graph
from ..core.protocols import BoundTest
from ..graphs.implied import local_statements
from ..graphs.separation import ball, parts_of

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
Statement = tuple[int, int, tuple[int, ...]]
CHUNK = 200_000  # statements looked at together


class Asked:
    """p-values of a bound test; what was asked once is not asked again."""

    def __init__(self, bound: BoundTest, d: int) -> None:
        self.bound, self.d = bound, d
        self.known: dict[int, tuple[NDArray[np.uint64], Floats]] = {}

    def of_size(self, rows: Ints) -> Floats:
        """p-values (m,) of rows (m, 2 + k): x, y and the k columns given."""
        m, width = rows.shape
        if not m:
            return np.empty(0)
        rows = np.hstack([np.sort(rows[:, :2], axis=1), np.sort(rows[:, 2:], axis=1)])
        code = _codes(rows, self.d)
        unique, first, inverse = np.unique(code, return_index=True, return_inverse=True)
        keys, values = self.known.get(width, (np.empty(0, np.uint64), np.empty(0)))
        at = np.minimum(np.searchsorted(keys, unique), max(len(keys) - 1, 0))
        new = keys[at] != unique if len(keys) else np.ones(len(unique), bool)
        ask = rows[first[new]]
        p = np.empty(len(unique))
        if len(keys):
            p[~new] = values[at[~new]]
        if len(ask):
            p[new] = self.bound.pvalues(ask[:, 0], ask[:, 1], ask[:, 2:])
            keys, values = np.append(keys, unique[new]), np.append(values, p[new])
            order = np.argsort(keys)
            self.known[width] = keys[order], values[order]
        return p[inverse.ravel()]

    def pvalues(self, statements: Sequence[Statement]) -> Floats:
        """p-values (m,) of statements of any sizes."""
        out = np.empty(len(statements))
        for at, rows in by_size(statements):
            out[at] = self.of_size(rows)
        return out


def _codes(rows: Ints, d: int) -> NDArray[np.uint64]:
    """One number for each row: exact while it fits 64 bits, else a hash of 64 bits."""
    code = np.zeros(len(rows), np.uint64)
    exact = rows.shape[1] * np.log2(max(d, 2)) < 63
    step = np.uint64(d) if exact else np.uint64(0x9E3779B97F4A7C15)
    with np.errstate(over="ignore"):
        for column in rows.T:
            code = code * step + column.astype(np.uint64)
            if not exact:
                code ^= code >> np.uint64(29)
                code *= np.uint64(0xBF58476D1CE4E5B9)
    return code


def by_size(statements: Sequence[Statement]) -> list[tuple[Ints, Ints]]:
    """Places and rows (m, 2 + k) of the statements of each size."""
    sizes = np.array([len(given) for _, _, given in statements], dtype=np.int64)
    out = []
    for k in np.unique(sizes):
        at = np.flatnonzero(sizes == k)
        rows = np.array(
            [(i, j, *g) for i, j, g in (statements[int(m)] for m in at)], dtype=np.int64
        )
        out.append((at, rows.reshape(len(at), k + 2)))
    return out


def orders(d: int, count: int, rng: np.random.Generator) -> Ints:
    """Permutations (count, d) drawn at random; all d! of them if there are no more."""
    if d <= 12 and factorial(d) <= count:
        return np.array(list(every(range(d))), dtype=np.int64)
    return np.array([rng.permutation(d) for _ in range(count)], dtype=np.int64)


def relabelled(
    statements: Sequence[Statement], dealt: Ints, asked: Asked, alpha: float, run: Run
) -> Floats:
    """Share (B,) of the statements, with node i renamed dealt[b, i], whose p-value is <= alpha.

    A spent budget ends it early, with fewer than B.
    """
    if not len(dealt):
        return np.empty(0)
    if not statements:
        return np.zeros(len(dealt))
    groups = by_size(statements)
    size = max(1, CHUNK // len(statements))
    shares = []
    for begin in range(0, len(dealt), size):
        if run.spent and begin:
            break
        part = dealt[begin : begin + size]
        bad = np.zeros(len(part))
        for _, rows in groups:
            renamed = part[:, rows].reshape(-1, rows.shape[1])
            p = asked.of_size(renamed)
            bad += (p <= alpha).reshape(len(part), -1).sum(axis=1)
        shares.append(bad / len(statements))
        run.tick((begin + len(part)) / len(dealt), "permutations")
    return np.concatenate(shares)


def same_class(graph: Graph, dealt: Ints) -> NDArray[np.bool_]:
    """Whether all independences of each renamed graph (B,) hold in the graph itself."""
    statements = local_statements(parts_of(graph))
    parts = parts_of(graph)
    joined = graph.marks != 0
    pairs = np.array([(i, j) for i, j, _ in statements], dtype=np.int64).reshape(-1, 2)
    out = np.zeros(len(dealt), dtype=bool)
    for b, order in enumerate(dealt):
        moved = order[pairs]
        if joined[moved[:, 0], moved[:, 1]].any():
            continue  # what is joined cannot be parted
        out[b] = all(
            not _open(parts, order[i], order[j], [order[k] for k in given])
            for i, j, given in statements
        )
    return out


def _open(parts: object, i: int, j: int, given: Sequence[int]) -> bool:
    d = len(parts.directed)  # type: ignore[attr-defined]
    start, known = np.zeros(d, bool), np.zeros(d, bool)
    start[i], known[list(given)] = True, True
    return bool(ball(parts, start, known)[j])  # type: ignore[arg-type]
