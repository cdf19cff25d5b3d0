"""A greedy search over equivalence classes: its arrays, its clock, what knowledge becomes."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..core.budget import Budget, Run, start
from ..core.discovery import Discovery
from ..core.errors import NotSupported
from ..core.knowledge import Knowledge
from ..core.protocols import BoundScore
from ..core.source import Source
from .boss import _plain
from .environments import target_names
from .orient import class_of
from .scores.bound import KernelScore
from .ties import Bool

SECONDS = 0.1  # aimed at between two looks at the clock
ROWS = 2**26  # bytes that remembered rows of gains may take


def functions_of(bound: BoundScore) -> tuple[Any, Any, bool]:
    """The two functions of a score that kernels call, their arrays, and whether it is compiled."""
    if isinstance(bound, KernelScore):
        arrays = (bound.F, bound.I, bound.P, np.empty(bound.scratch))
        return (bound.local_function, bound.gains_function), arrays, True
    empty = np.zeros((1, 1, 1))
    return _plain(bound), (empty, np.zeros((1, 1), dtype=np.int64), empty[0, 0], empty[0, 0]), False


class ClassSearch:
    """One search from the class of the required edges; arrays: `rung.kernels.class_state`.

    Parameters
    ----------
    bound : BoundScore
    required, forbidden : (d, d) bool, [i, j] about i -> j
    targets : column numbers set in each interventional condition
    begin : (d, d) bool, optional
        A DAG to start from that obeys the knowledge.
    """

    def __init__(
        self,
        bound: BoundScore,
        required: Bool,
        forbidden: Bool,
        targets: Sequence[Sequence[int]] = (),
        begin: Bool | None = None,
    ) -> None:
        from ..kernels import class_state

        self.kernels, self.bound = class_state, bound
        d = len(required)
        self.functions, self.arrays, self.compiled = functions_of(bound)
        self.d = d
        fixed = _ordered(forbidden)
        self.ban = forbidden & ~fixed & ~forbidden.T
        may = ~(forbidden & (forbidden.T | fixed))
        np.fill_diagonal(may, False)
        sep = fixed.copy()
        for condition in targets:
            hit = np.zeros(d, dtype=bool)
            hit[list(condition)] = True
            sep |= hit[:, None] != hit[None, :]
        self._begin(may, sep, required | required.T)
        self.limit = 2000.0 if self.compiled else 200.0
        begin_with = getattr(bound, "start", None)
        self.rank = np.arange(d) if begin_with is None else np.argsort(begin_with)
        for u, v in np.argwhere(required if begin is None else begin).tolist():
            self._join(u, v)

    def _begin(self, may: Bool, sep: Bool, keep: Bool) -> None:
        from ..kernels import classes as c

        k, d = self.kernels, self.d
        rows = max(4, min(ROWS // (16 * d), 64 * d))
        table = 1 << int(2 * rows - 1).bit_length()
        self.M = np.zeros((d, d), dtype=np.uint8)
        self.N = np.zeros((d, c.LIST + min(d, 16)), dtype=np.int64)
        self.N[:, c.WATCH] = -1
        hashes = np.random.default_rng(20_101).integers(1, 2**62, size=(d, 2))
        self.N[:, [c.HASH, c.HASHED]] = hashes
        bits = may * c.MAY + ~may * c.NEVER + sep * c.SEP + self.ban * c.BAN + keep * c.KEEP
        self.Q = np.ascontiguousarray(bits.T).astype(np.uint8)
        self.L = np.zeros((7, 64 * d + 1024), dtype=np.int64)
        self.L[4:, :d] = np.arange(d)[::-1]
        self.X = np.zeros((10, 2 * d + 8), dtype=np.int64)
        self.z = np.zeros(k.FLAGS + d, dtype=np.int64)
        self.z[k.FLAGS :] = k.INSERTS | k.DELETES | k.TURNS
        self.z[k.STACKS : k.STACKS + 3] = d
        self.z[k.KNOWN], self.z[k.MOST] = self.ban.any(), d * d + 1000
        self.R = np.zeros(k.PEAKS + 3 * d)
        self.R[k.PEAKS :] = -np.inf
        self.R[k.TIE] = 1e-9
        self.best = np.full((d, d), -np.inf)
        self.paths = np.full((d, d), -1, dtype=np.int32)
        self.watch = np.zeros((64 * d + 1024, 4), dtype=np.int64)
        self.keys, self.values = np.zeros(1 << 14, dtype=np.int64), np.zeros(1 << 14)
        self.rowkeys, self.G = np.zeros((table, 3), dtype=np.int64), np.empty((rows, 2 * d))
        self.ops = np.zeros((k.CLIQUES, k.CLIQUE + 1 + k.WIDE), dtype=np.int64)

    def _join(self, u: int, v: int) -> None:
        """Add u -> v, from outside the search."""
        from ..kernels import classes as c

        while max(self.N[u, c.DEG], self.N[v, c.DEG]) + c.LIST + 1 > self.N.shape[1]:
            self._widen()
        c.link(self.M, self.N, self.L, self.z, u, v)
        c.stir(self.M, self.N, self.Q, self.L, self.z, u, v)
        c.settle(self.M, self.N, self.Q, self.L, self.z)
        self.z[c.JOURNAL] = self.z[c.MARKED] = 0

    def climb(self, kinds: int, run: Run) -> bool:
        """Apply operators of these kinds while any gains; False if the run was spent before."""
        self.z[self.kernels.STEPS] = 0
        none = np.zeros((1, 4 + self.kernels.WIDE), dtype=np.int64)
        return self._drive(kinds, none, np.zeros(1), 0, run)

    def extend(self, kinds: int, run: Run) -> bool:
        """The extended search of XGES; False if the run was spent before it was through."""
        k = self.kernels
        while True:
            plan, worth = self._deletions()
            accepted = int(self.z[k.ACCEPTED])
            self.z[k.AT] = 0
            if len(worth) and not self._drive(kinds, plan, worth, len(worth), run):
                if self.z[k.TRIAL]:  # decide the one at hand as it stands
                    most, self.z[k.MOST] = int(self.z[k.MOST]), 0
                    while self._call(kinds, plan, worth, int(self.z[k.AT]) + 1) == k.FULL:
                        self._enlarge()
                    self.z[k.MOST] = most
                return False
            if self.z[k.ACCEPTED] == accepted:
                return True

    def _deletions(self) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """All deletions, best first."""
        k, size = self.kernels, 4 * self.edges + 64
        self._tidy()
        while True:
            plan, worth = np.zeros((size, 4 + k.WIDE), dtype=np.int64), np.zeros(size)
            if self._call(0, plan, worth, -1) == k.DONE:
                break
            size *= 2
        n = int(self.z[k.AT])
        plan, worth = plan[:n], worth[:n]
        # x -> y and y -> x often gain the same: rounded, and then not by their columns
        same = np.round(-worth / max(1e-9 * np.abs(worth).max(initial=0), 1e-9))
        best = np.lexsort((self.rank[plan[:, 0]], self.rank[plan[:, 1]], same))
        return plan[best], worth[best]

    def _tidy(self) -> None:
        """Drop watches on steps that cannot be taken any more, and copies."""
        from ..kernels import classes as c

        k, n = self.kernels, int(self.z[self.kernels.WATCHES])
        b, code, _, a = self.watch[:n].T
        live = (self.M[a, b] > 0) & (self.M[a, b] != 5)
        base = 4 * self.d**2
        kept = np.unique((a[live] * self.d + b[live]) * base + code[live])
        self.N[:, c.WATCH] = -1
        for at, whole in enumerate(kept.tolist()):
            edge, code_ = divmod(whole, base)
            a_, b_ = divmod(edge, self.d)
            self.watch[at] = b_, code_, self.N[a_, c.WATCH], a_
            self.N[a_, c.WATCH] = at
        self.z[k.WATCHES] = len(kept)

    def _call(self, kinds: int, plan: Any, worth: Any, count: int) -> int:
        """One call of the kernel: compiled, or as plain Python where the score is."""
        from ..kernels.class_search import search
        from ..kernels.signatures import plain

        return int(
            (search if self.compiled else plain(search))(
                *self.functions, kinds, self.limit, plan, worth, count, self.M, self.N, self.Q,
                self.L, self.X, self.z, self.best, self.paths, self.watch, self.keys, self.values,
                self.rowkeys, self.G, self.ops, self.R, *self.arrays,
            )
        )  # fmt: skip

    def _drive(self, kinds: int, plan: Any, worth: Any, count: int, run: Run) -> bool:
        """Call the kernel until it is done, looking at the clock in between."""
        k = self.kernels
        while not run.spent:
            self.R[k.WORK] = 0.0
            began = time.perf_counter()
            code = self._call(kinds, plan, worth, count)
            took = time.perf_counter() - began
            if code == k.DONE:
                return True
            if code == k.BROKEN:
                raise RuntimeError("the journal of a search over classes is too short")
            if code == k.FULL:
                self._enlarge()
            else:
                self.limit *= min(4.0, max(0.25, SECONDS / max(took, 1e-6)))
            self._remember_more()
            run.tick(0.5, f"{self.edges} edges")
        return False

    def _enlarge(self) -> None:
        from ..kernels import classes as c

        k = self.kernels
        if self.N[:, c.DEG].max() + c.LIST + 1 >= self.N.shape[1]:
            self._widen()
        if self.L.shape[1] - self.z[c.JOURNAL] < 8 * self.edges + 128:
            self.z[[c.HEAD, c.TAIL]] = 0
            more = np.zeros((7, self.L.shape[1] + 8 * self.edges), dtype=np.int64)
            self.L = np.concatenate([self.L, more], axis=1)
        if self.z[k.SHORT]:
            self.z[k.SHORT] = 0
            self.watch = np.concatenate([self.watch, np.zeros_like(self.watch)])

    @property
    def edges(self) -> int:
        """How many pairs are joined."""
        from ..kernels import classes

        return int(self.z[classes.EDGES])

    def _widen(self) -> None:
        """Room for twice the joined nodes."""
        self.N = np.concatenate([self.N, np.zeros_like(self.N)], axis=1)

    def _remember_more(self) -> None:
        """A larger table of local scores, if the one at hand was full and so was emptied."""
        k = self.kernels
        if self.z[k.CLEARED] and len(self.keys) < 1 << 22:
            self.z[k.CLEARED] = self.z[k.CACHED] = 0
            size = 4 * len(self.keys)
            self.keys, self.values = np.zeros(size, dtype=np.int64), np.zeros(size)

    def dag(self) -> Bool:
        """(d, d) bool: a DAG of the class that obeys the knowledge."""
        return np.asarray(self.M & 2 > 0)


def _ordered(forbidden: Bool) -> Bool:
    """(d, d) bool: pairs that the knowledge orders by whole groups of variables.

    Between two strong components of the arrows that it allows, every edge goes one way, whatever
    the graph; so such edges are as if some condition set one end only, and the classes have the
    form of Hauser and Buehlmann (2012). Tiers that hold all variables and randomised variables
    are of this kind.
    """
    d = len(forbidden)
    if not forbidden.any():
        return np.zeros((d, d), dtype=bool)
    from scipy.sparse.csgraph import connected_components

    allowed = ~forbidden
    np.fill_diagonal(allowed, False)
    _, part = connected_components(allowed, directed=True, connection="strong")
    return np.asarray(part[:, None] != part[None, :])


@dataclass(frozen=True, eq=False)
class Task:
    """What a learner over classes was asked: the search at its start, and how to hand back."""

    learner: Any
    source: Source
    knowledge: Knowledge
    run: Run
    began: float
    required: Bool
    forbidden: Bool
    bound: BoundScore

    @classmethod
    def of(
        cls,
        learner: Any,
        source: Source,
        knowledge: Knowledge | None,
        budget: Budget | Run | None,
        rng: np.random.Generator | int,
    ) -> Task:
        """Bind the learner's score and read the knowledge."""
        run, known, names = start(budget), knowledge or Knowledge(), source.names
        began = run.seconds
        required, forbidden = known.matrices(names)
        if known.ties:
            raise NotSupported(f"{type(learner).__name__} cannot tie edges; leave out `ties`")
        bound = learner.score.on(source, rng=np.random.default_rng(rng))
        return cls(learner, source, known, run, began, required, forbidden, bound)

    @cached_property
    def search(self) -> ClassSearch:
        """The search at its start."""
        where = {name: i for i, name in enumerate(self.source.names)}
        targets = [[where[v] for v in condition] for condition in target_names(self.source)]
        return ClassSearch(self.bound, self.required, self.forbidden, targets)

    def result(
        self,
        complete: bool,
        cites: tuple[str, ...],
        dag: Bool,
        notes: tuple[str, ...] = (),
        **details: Any,
    ) -> Discovery:
        """The class of a DAG, with what the knowledge adds."""
        names, targets = self.source.names, target_names(self.source)
        parents = [np.nonzero(dag[:, v])[0].tolist() for v in range(len(names))]
        return Discovery(
            class_of(dag, names, targets, self.required, self.forbidden),
            knowledge=self.knowledge,
            learner=self.learner,
            complete=complete,
            seconds=self.run.seconds - self.began,
            notes=notes,
            score=float(sum(self.bound.local(v, p) for v, p in enumerate(parents))),
            details=details,
            cites=cites,
        )

    def found(self, complete: bool, cites: tuple[str, ...], **details: Any) -> Discovery:
        """The class that the search is at."""
        k, z, notes = self.search.kernels, self.search.z, []
        if z[k.CUT]:
            notes.append(
                f"some neighbourhoods have more than {k.CLIQUES} cliques, or cliques of more than "
                f"{k.WIDE} nodes: operators beyond these were not tried"
            )
        if z[k.STEPS] >= z[k.MOST]:
            notes.append("the search went in circles and was ended: does the score fit the class?")
        return self.result(
            complete, cites, self.search.dag(), tuple(notes), operators=int(z[k.APPLIED]), **details
        )


__all__ = ["ClassSearch", "Task", "functions_of"]
