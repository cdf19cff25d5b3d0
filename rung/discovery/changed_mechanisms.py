"""Which mechanisms differ between environments, given a DAG: penalised likelihood."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import reduce
from operator import add
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from ..core.data import Data
from ..core.moments import Moments
from .basis import OneHot

Bool = NDArray[np.bool_]
Floats = NDArray[np.float64]
FLOOR = 1e-8  # residual variance, relative to a column's own over all rows, that counts as none


class Family(Protocol):
    """One node given its parents, as likelihoods of sets of environments."""

    def fit(self, environments: tuple[int, ...]) -> tuple[float, int]:
        """Maximal log-likelihood of one mechanism for all their rows, and its parameters."""

    def rows(self, environment: int) -> float:
        """Rows (sum of weights) of an environment."""


@dataclass(frozen=True, eq=False)
class Normal:
    """A Gaussian regression of the node's columns on those of its parents.

    Parameters
    ----------
    parts : moments over (parents, node) of each environment
    size : columns of the node, the last ones
    floor : (size,) float
        Least residual variance of each.
    """

    parts: dict[int, Moments]
    size: int
    floor: Floats

    def fit(self, environments: tuple[int, ...]) -> tuple[float, int]:
        whole = reduce(add, (self.parts[e] for e in environments))
        n, p = whole.weight, len(whole.mean) - self.size
        scatter = whole.scatter / n
        left, rank = scatter[p:, p:], 0
        if p:
            scale = np.sqrt(np.diag(scatter)[:p])
            scale = np.where(scale > 0, scale, 1.0)
            inner, cross = (
                scatter[:p, :p] / np.outer(scale, scale),
                scatter[:p, p:] / scale[:, None],
            )
            slopes, _, rank, _ = np.linalg.lstsq(inner, cross, rcond=1e-10)
            left = left - cross.T @ slopes
        values, axes = np.linalg.eigh(left)
        values = np.maximum(values, (axes**2).T @ self.floor)
        q = self.size
        log = -0.5 * n * (q * np.log(2 * np.pi) + np.log(values).sum() + q)
        return float(log), q * (int(rank) + 1) + q * (q + 1) // 2

    def rows(self, environment: int) -> float:
        return self.parts[environment].weight


@dataclass(frozen=True, eq=False)
class Tables:
    """Counts (configurations of the parents, levels of the node) of each environment."""

    parts: dict[int, Floats]

    def fit(self, environments: tuple[int, ...]) -> tuple[float, int]:
        table = reduce(add, (self.parts[e] for e in environments))
        total = np.broadcast_to(table.sum(axis=1, keepdims=True), table.shape)
        seen = table > 0
        log = float((table[seen] * np.log(table[seen] / total[seen])).sum())
        return log, int((total[:, 0] > 0).sum()) * (table.shape[1] - 1)

    def rows(self, environment: int) -> float:
        return float(self.parts[environment].sum())


@dataclass(eq=False)
class Changes:
    """Penalised likelihood of which environments have a mechanism of their own.

    A node has one mechanism for the environments in which it is as in the reference, and one for
    each of the others; the log-likelihood less penalty/2 log(n) for each parameter is maximised
    (Schwarz 1978). Numbers, and levels with numeric parents, are Gaussian (levels as
    indicators); levels with such parents only have tables. Rows of environments that are known to
    set the node are left out.

    Parameters
    ----------
    present : numbers of the environments that have rows
    reference : the one in which nothing changes, unless it is known to set the node
    known : (environments, d) bool
    """

    data: Data
    present: Sequence[int]
    reference: int
    known: Bool
    penalty: float
    _moments: dict[int, Moments] = field(init=False)
    _split: dict[tuple[int, tuple[int, ...]], tuple[tuple[int, ...], float]] = field(init=False)

    def __post_init__(self) -> None:
        asker = "the search for changed mechanisms"
        self._moments = self.data.moments_by_environment(OneHot(), asker=asker)
        self._split = {}
        total = reduce(add, self._moments.values())
        self._price = 0.5 * self.penalty * float(np.log(total.weight))
        self._floor = FLOOR * np.maximum(np.diag(total.covariance), 1e-300)

    def of(self, dag: Bool) -> tuple[Bool, float]:
        """(environments, d) bool of known and changed mechanisms, and the penalised likelihood."""
        out, score = self.known.copy(), 0.0
        for j in range(len(dag)):
            changed, part = self.split(j, tuple(np.flatnonzero(dag[:, j]).tolist()))
            out[list(changed), j] = True
            score += part
        return out, score

    def split(self, node: int, parents: tuple[int, ...]) -> tuple[tuple[int, ...], float]:
        """Environments in which the node has a mechanism of its own, and the penalised likelihood.

        One environment at a time goes to the side where it raises the likelihood most, from all
        alike and from all apart; the better end is kept.
        """
        key = (node, parents)
        if key not in self._split:
            free = [e for e in self.present if not self.known[e, node]]
            family = self._family(node, parents)
            base = self.reference
            if base not in free:
                base = max(free, key=lambda e: (family.rows(e), -e))
            climb = _Climb(family, tuple(free), base, self._price)
            ends = [climb.run(set()), climb.run(set(climb.movable))]
            changed, score = max(ends, key=lambda end: end[1])
            self._split[key] = tuple(sorted(changed)), score
        return self._split[key]

    def _family(self, node: int, parents: tuple[int, ...]) -> Family:
        described = self.data.variables
        names = [described[i].name for i in (*parents, node)]
        if all(described[i].discrete for i in (*parents, node)):
            return self._tables(node, parents)
        parts = {e: m.select(names) for e, m in self._moments.items()}
        columns = self._moments[self.present[0]].columns_of([node])
        return Normal(parts, len(columns), self._floor[columns])

    def _tables(self, node: int, parents: tuple[int, ...]) -> Tables:
        described, environment = self.data.variables, self.data.environment
        assert environment is not None
        codes = self.data.matrix([described[i].name for i in (*parents, node)]).astype(np.int64)
        levels = described[node].size
        _, cell = np.unique(codes[:, :-1], axis=0, return_inverse=True)
        cell = cell.ravel() if parents else np.zeros(len(codes), dtype=np.int64)
        many = int(cell.max()) + 1
        flat = cell * levels + codes[:, -1]
        weights = self.data.weights
        parts = {}
        for e in self.present:
            at = environment == e
            w = None if weights is None else weights[at]
            parts[e] = np.bincount(flat[at], w, many * levels).reshape(many, levels).astype(float)
        return Tables(parts)


class _Climb:
    """The search for the environments with a mechanism of their own."""

    def __init__(self, family: Family, free: tuple[int, ...], base: int, price: float) -> None:
        self.family, self.free, self.price = family, free, price
        self.alone: dict[int, float] = {}
        for e in free:
            log, parameters = family.fit((e,))
            if e != base and family.rows(e) > parameters + 1:
                self.alone[e] = log - price * parameters
        self.movable = tuple(self.alone)

    def score(self, changed: set[int]) -> float:
        """Penalised likelihood."""
        log, parameters = self.family.fit(tuple(e for e in self.free if e not in changed))
        return log - self.price * parameters + sum(self.alone[e] for e in sorted(changed))

    def run(self, changed: set[int]) -> tuple[set[int], float]:
        """Move one environment at a time while that helps."""
        best = self.score(changed)
        while self.movable:
            trials = [(self.score(changed ^ {e}), -e) for e in self.movable]
            top, e = max(trials)
            if not top > best + 1e-9 * abs(best):
                break
            changed, best = changed ^ {-e}, top
        return changed, best
