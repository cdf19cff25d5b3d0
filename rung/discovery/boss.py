"""BOSS: best-order score search."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..core.budget import Budget, Run, start
from ..core.discovery import Discovery
from ..core.errors import InputError
from ..core.graph_checks import order as topological
from ..core.knowledge import Knowledge
from ..core.protocols import BoundScore, Score
from ..core.source import Source
from .backward import thinned
from .environments import target_names
from .orient import class_of
from .scores.bound import KernelScore, functions_of
from .scores.gaussian_bic import GaussianBIC
from .ties import Bool, Groups, groups_of, mixed, spread

FRESH = 40  # variables up to which a climb from a random order costs little
CHUNK = 20_000  # traces between two looks at the clock


@dataclass(frozen=True)
class BOSS:
    """Best-order score search with grow-shrink trees.

    Every node is moved to its best place in the order until nothing improves; the parents of a
    node are grown and shrunk greedily within what precedes it. The result is the CPDAG of the
    best DAG (the interventional essential graph, with conditions that have targets), and what
    the knowledge adds. Assumes no hidden common cause and no cycle.

    Parameters
    ----------
    score : Score
    restarts : int
        How often the search starts again: in turn from the best order shaken by a few random
        swaps and, up to `FRESH` variables, from a random order; 0 for none. Dense graphs gain most
        (Wienoebst, Henckel and Weichwald 2026).
    backward : bool
        End with the backward phase of greedy equivalence search, which makes the search correct
        in large samples. Left out where knowledge or targets restrict the class.

    Source: Andrews, Ramsey, Sanchez-Romero, Camchong and Kummerfeld (2023), algorithms 1 to 3.
    """

    score: Score = field(default_factory=GaussianBIC)
    restarts: int = 10
    backward: bool = True

    def __post_init__(self) -> None:
        if self.restarts < 0:
            raise InputError(f"restarts={self.restarts}: expected 0 or more")

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
        groups = groups_of(known, names)
        required, forbidden = spread(*known.matrices(names), groups)
        bound = self.score.on(source, rng=rng)
        closed = forbidden  # with what the ties rule out
        while True:
            search = _Search(bound, required, closed)
            complete = search.run(self.restarts, run, rng)
            dag = search.dag()
            more = _untie(dag, groups, closed)
            if not (more & ~closed).any():
                break
            closed = more
        total = float(search.scores.sum())
        if self.backward and not known and not target_names(source):
            dag, gain, done = thinned(dag, bound, run)
            total, complete = total + gain, complete and done
        return Discovery(
            class_of(dag, names, target_names(source), required, closed, groups),
            knowledge=known,
            learner=self,
            complete=complete,
            seconds=run.seconds - began,
            score=total,
            details={"sweeps": search.sweeps, "restarts": search.restarts},
            cites=("andrews2023",),
        )


def _untie(dag: Bool, groups: Groups, forbidden: Bool) -> Bool:
    """What must be forbidden besides, so that tied edges are there together, with one direction."""
    out = forbidden.copy()
    missing, differ = mixed(dag, groups)
    for g in missing:
        i, j = np.array(groups[g]).T
        out[i, j] = out[j, i] = True
    if not missing and differ:
        i, j = np.array(groups[differ[0]]).T
        if dag[i, j].mean() >= 0.5:
            out[j, i] = True
        else:
            out[i, j] = True
    return out


class _Search:
    """One bound score, its trees, and the order at hand."""

    def __init__(self, bound: BoundScore, required: NDArray[Any], forbidden: NDArray[Any]) -> None:
        d = len(required)
        self.d, self.required = d, np.ascontiguousarray(required).astype(np.uint8)
        allowed = ~(forbidden.T | required.T)  # [v, c]: c may be grown into the parents of v
        np.fill_diagonal(allowed, False)
        self.allowed = np.ascontiguousarray(allowed).astype(np.uint8)
        self.compiled = isinstance(bound, KernelScore)
        start = getattr(bound, "start", None)
        self.visit = np.arange(d) if start is None else np.asarray(start, dtype=np.int64)
        gains, local, *self.arrays = functions_of(bound)
        self.functions = (local, gains)
        self.sweeps = self.restarts = 0
        self.order = np.arange(d)
        self.scores = np.full(d, np.nan)
        self.count = np.array([d, 0], dtype=np.int64)
        nodes, branches = 8 * d + 64, 16 * d * 8 + 1024
        self.first = np.full(nodes, -1, dtype=np.int64)
        self.grown, self.leaf = np.zeros(nodes), np.full(nodes, np.nan)
        self.which, self.child = (np.full(branches, -1, dtype=np.int64) for _ in range(2))

    def run(self, restarts: int, run: Run, rng: np.random.Generator) -> bool:
        """Climb, then from random and shaken orders again; False if the run was spent."""
        complete = self.climb(self.obeying(self.visit), run, 0.5 if restarts else 1.0)
        best, total = self.order.copy(), np.nansum(self.scores)
        for i in range(restarts if complete and self.d > 2 else 0):
            if run.spent:
                complete = False
                break
            fresh = self.d <= FRESH and i % 2 == 1
            again = self.visit[rng.permutation(self.d)] if fresh else best.copy()
            for _ in range(max(1, round(np.log(self.d)))):
                a, b = rng.integers(self.d, size=2)
                again[[a, b]] = again[[b, a]]
            complete = self.climb(self.obeying(again), run, 0.5 + 0.5 * (i + 1) / restarts)
            self.restarts += 1
            if not complete:
                break
            if self.scores.sum() > total + 1e-9:
                best, total = self.order.copy(), self.scores.sum()
        self.order = best
        return complete

    def obeying(self, order: NDArray[np.int64]) -> NDArray[np.int64]:
        """The order with required causes moved before their effects."""
        inside = self.required[np.ix_(order, order)] > 0
        return np.asarray(order[topological(inside)], dtype=np.int64)

    def climb(self, order: NDArray[np.int64], run: Run, done: float) -> bool:
        """Sweep until nothing improves; False if the run was spent before.

        `done` is the share of the work that is done afterwards.
        """
        from ..kernels.order_search import sweep
        from ..kernels.signatures import plain

        self.order, self.scores = order.copy(), np.full(self.d, np.nan)
        kernel = sweep if self.compiled else plain(sweep)
        chunk = CHUNK if self.compiled else 50
        while True:
            gained, at = np.zeros(1), 0
            while at < self.d:
                at = int(
                    kernel(
                        *self.functions, self.order, self.scores, self.allowed, self.required,
                        *self._trees(), self.visit, at, chunk, gained, *self.arrays,
                    )
                )  # fmt: skip
                if at < 0:
                    self._enlarge()
                    at = -1 - at
                elif run.spent:
                    return bool(at == self.d and gained[0] <= 0)
            self.sweeps += 1
            run.tick(done * (1.0 - 0.5**self.sweeps), f"sweep {self.sweeps}")
            if gained[0] <= 0:
                return True

    def dag(self) -> Bool:
        """DAG of the order at hand; the scores of its nodes are in `scores`."""
        from ..kernels.order_search import project
        from ..kernels.signatures import plain

        kernel = project if self.compiled else plain(project)
        out = np.zeros((self.d, self.d), dtype=np.uint8)
        while (
            kernel(
                *self.functions, self.order, self.scores, self.allowed, self.required,
                *self._trees(), out, *self.arrays,
            )
            < 0
        ):  # fmt: skip
            self._enlarge()
        return np.asarray(out > 0)

    def _trees(self) -> tuple[NDArray[Any], ...]:
        return self.count, self.first, self.grown, self.leaf, self.which, self.child

    def _enlarge(self) -> None:
        def longer(a: NDArray[Any], used: int, fill: float) -> NDArray[Any]:
            if 2 * used + self.d + 1 < len(a):
                return a
            return np.concatenate([a, np.full(len(a) + self.d, fill, dtype=a.dtype)])

        nodes, branches = self.count.tolist()
        self.first = longer(self.first, nodes, -1)
        self.grown, self.leaf = longer(self.grown, nodes, 0.0), longer(self.leaf, nodes, np.nan)
        self.which, self.child = longer(self.which, branches, -1), longer(self.child, branches, -1)


def _plain(bound: BoundScore) -> tuple[Any, Any]:
    """(local, gains) of any bound score, as the kernels call them."""
    gains, local, *_ = functions_of(bound)
    return local, gains
