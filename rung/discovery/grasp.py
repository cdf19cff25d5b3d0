"""GRaSP: greedy relaxations of the sparsest permutation."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..core.budget import Budget, Run, start
from ..core.discovery import Discovery
from ..core.errors import InputError, NotSupported
from ..core.graph_checks import order as topological
from ..core.knowledge import Knowledge
from ..core.protocols import BoundScore, Score
from ..core.source import Source
from .environments import target_names
from .equivalence import functions_of
from .orient import class_of
from .scores.gaussian_bic import GaussianBIC
from .ties import Bool

SECONDS = 0.1  # aimed at between two looks at the clock


@dataclass(frozen=True)
class GRaSP:
    """Greedy relaxations of the sparsest permutation.

    The DAG of an order has for each node the parents grown and shrunk within what precedes it.
    From an order, the search goes depth first through tucks, each of which moves the effect of an
    edge and some of its ancestors before the cause; those that keep the score are gone through up
    to a depth, the first that raises it is taken. Weaker conditions than faithfulness suffice for
    the true class with enough data. Assumes no hidden common cause and no cycle.

    Parameters
    ----------
    score : Score
    depth : int
        Most tucks in a row that do not raise the score.
    uncovered, nonsingular : int
        For how many of these an edge need not be covered, and may have another directed path
        beside it. 0 and 0 is GRaSP-0, 1 and 0 is GRaSP-1, 1 and 1 is GRaSP-2.
    restarts : int
        How often the search starts again from a random order.

    Source: Lam, Andrews and Ramsey (2022), algorithms 1 and 2; grow-shrink trees Andrews et al.
    (2023).
    """

    score: Score = field(default_factory=GaussianBIC)
    depth: int = 3
    uncovered: int = 1
    nonsingular: int = 1
    restarts: int = 0

    def __post_init__(self) -> None:
        if not 1 <= self.depth <= 10:
            raise InputError(f"depth={self.depth}: expected 1 to 10")
        for name in ("uncovered", "nonsingular", "restarts"):
            if getattr(self, name) < 0:
                raise InputError(f"{name}={getattr(self, name)}: expected 0 or more")

    def learn(
        self,
        source: Source,
        *,
        knowledge: Knowledge | None = None,
        budget: Budget | Run | None = None,
        rng: np.random.Generator | int = 0,
    ) -> Discovery:
        """Search; see `Learner`."""
        run, known, names = start(budget), knowledge or Knowledge(), source.names
        began, rng = run.seconds, np.random.default_rng(rng)
        required, forbidden = known.matrices(names)
        if known.ties:
            raise NotSupported("GRaSP cannot tie edges; leave out `ties`")
        search = _Tucks(self.score.on(source, rng=rng), required, forbidden, self)
        complete, total, dag = True, -np.inf, required
        for i in range(self.restarts + 1):
            order = search.visit if i == 0 else rng.permutation(len(names))
            complete = search.climb(order, run, (i + 1) / (self.restarts + 1))
            if search.total() > total + search.tie:
                total, dag = search.total(), search.dag()
            if not complete:
                break
        return Discovery(
            class_of(dag, names, target_names(source), required, forbidden),
            knowledge=known,
            learner=self,
            complete=complete,
            seconds=run.seconds - began,
            score=total,
            details={"tucks": search.tucks},
            cites=("lam2022", "andrews2023"),
        )


class _Tucks:
    """The trees of one bound score, and the orders of one search."""

    def __init__(self, bound: BoundScore, required: Bool, forbidden: Bool, how: GRaSP) -> None:
        from ..kernels.signatures import plain
        from ..kernels.tuck_search import climb, place

        self.functions, self.arrays, compiled = functions_of(bound)
        self.kernels = (place, climb) if compiled else (plain(place), plain(climb))
        d = len(required)
        self.d, self.how = d, how
        self.required = np.ascontiguousarray(required).astype(np.uint8)
        allowed = ~(forbidden.T | required.T)
        np.fill_diagonal(allowed, False)
        self.allowed = np.ascontiguousarray(allowed).astype(np.uint8)
        begin = getattr(bound, "start", None)
        self.visit = np.arange(d) if begin is None else np.asarray(begin, dtype=np.int64)
        nodes, branches = 8 * d + 64, 128 * d + 1024
        self.count = np.array([d, 0], dtype=np.int64)
        self.first = np.full(nodes, -1, dtype=np.int64)
        self.grown, self.leaf = np.zeros(nodes), np.full(nodes, np.nan)
        self.which, self.child = (np.full(branches, -1, dtype=np.int64) for _ in range(2))
        self.where, self.pool = np.full(nodes, -1, dtype=np.int64), np.zeros(branches, np.int64)
        self.tucks, self.limit, self.tie = 0, 200, 1e-9
        self.z = np.zeros(8, dtype=np.int64)
        self.orders = np.zeros((how.depth + 1, d), dtype=np.int64)
        self.ats = np.zeros((how.depth + 1, d), dtype=np.int64)
        self.seen = np.zeros((how.depth + 1, 3), dtype=np.int64)

    def _obeying(self, order: NDArray[np.int64]) -> NDArray[np.int64]:
        """The order with what may only be a cause moved before what may only be its effect.

        A tuck moves a cause along an edge that is there, so it would never get past the others.
        Where all such pairs make a circle, only required causes are moved.
        """
        for early in (self.allowed.T & ~self.allowed, self.required):
            inside = (early | self.required)[np.ix_(order, order)] > 0
            moved = topological(inside)
            if len(moved) == self.d:
                return np.asarray(order[moved], dtype=np.int64)
        return order

    def climb(self, order: NDArray[np.int64], run: Run, done: float) -> bool:
        """Search from an order; False if the run was spent before."""
        from ..kernels import tuck_search as k

        self.orders[0] = self._obeying(order)
        self.seen[0] = 0
        self.z[[k.LEVEL, k.PLACE]] = 0
        place, climb = self.kernels
        while (
            place(
                *self.functions, self.orders[0], self.ats[0], 0, self.d, self.allowed,
                self.required, *self._trees(), self.z, *self.arrays,
            )
            < 0
        ):  # fmt: skip
            self._enlarge()
        self.tie = max(1e-9, 1e-11 * float(np.abs(self.leaf[self.ats[0]]).max()))
        while not run.spent:
            began, how = time.perf_counter(), self.how
            code = climb(
                *self.functions, how.depth, how.uncovered, how.nonsingular, self.limit,
                self.orders, self.ats, self.seen, self.allowed, self.required, *self._trees(),
                self.z, self.tie, *self.arrays,
            )  # fmt: skip
            took = time.perf_counter() - began
            self.tucks = int(self.z[k.TUCKS])
            if code == k.DONE:
                return True
            if code == k.FULL:
                self._enlarge()
            else:
                self.limit = int(self.limit * min(4.0, max(0.25, SECONDS / max(took, 1e-6)))) + 1
            run.tick(0.5 * done, f"{self.tucks} tucks")
        return False

    def total(self) -> float:
        """Score of the order at hand."""
        return float(self.leaf[self.ats[0]].sum())

    def dag(self) -> Bool:
        """(d, d) bool: the DAG of the order at hand."""
        out = np.zeros((self.d, self.d), dtype=bool)
        for v in range(self.d):
            at = int(self.where[self.ats[0, v]])
            out[self.pool[at + 1 : at + 1 + int(self.pool[at])], v] = True
        return out

    def _trees(self) -> tuple[NDArray[Any], ...]:
        return (
            self.count, self.first, self.grown, self.leaf, self.which, self.child, self.where,
            self.pool,
        )  # fmt: skip

    def _enlarge(self) -> None:
        from ..kernels.tuck_search import STORED

        def longer(a: NDArray[Any], used: int, fill: float) -> NDArray[Any]:
            if 2 * used + self.d + 1 < len(a):
                return a
            return np.concatenate([a, np.full(len(a) + self.d, fill, dtype=a.dtype)])

        nodes, branches = self.count.tolist()
        self.first = longer(self.first, nodes, -1)
        self.grown, self.leaf = longer(self.grown, nodes, 0.0), longer(self.leaf, nodes, np.nan)
        self.where = longer(self.where, nodes, -1)
        self.which, self.child = longer(self.which, branches, -1), longer(self.child, branches, -1)
        self.pool = longer(self.pool, int(self.z[STORED]), 0)
