"""A greedy search over equivalence classes: its arrays, its clock, what knowledge becomes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
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


class ClassSearch:
    """One search: starts at the class of the required edges; see `rung.kernels.class_search`.

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
        from ..kernels import class_search

        self.kernels, self.bound = class_search, bound
        d = len(required)
        self._bind(bound)
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
        self.s = self._state(may, sep, required | required.T)
        self.limit = 2000.0 if self.compiled else 200.0
        for u, v in np.argwhere(required if begin is None else begin).tolist():
            self._join(u, v)
        self.s.new[:] = 1
        self.s.R[class_search.TOTAL] = self.score()

    def _bind(self, bound: BoundScore) -> None:
        self.compiled = isinstance(bound, KernelScore)
        if isinstance(bound, KernelScore):
            self.functions = (bound.local_function, bound.gains_function)
            self.arrays = (bound.F, bound.I, bound.P, np.empty(bound.scratch))
        else:
            self.functions, empty = _plain(bound), np.zeros((1, 1, 1))
            self.arrays = (empty, np.zeros((1, 1), dtype=np.int64), empty[0, 0], empty[0, 0])

    def _state(self, may: Bool, sep: Bool, keep: Bool) -> Any:
        k, d = self.kernels, self.d
        cap = min(d, 16) + 1
        none, one = np.zeros((1, 1), dtype=np.uint8), np.zeros(d)
        rows = max(4, min(ROWS // (8 * d), 64 * d))
        numbers = np.random.default_rng(20_101).integers(1, 2**62, size=(2, d))

        def flags(a: Bool) -> NDArray[np.uint8]:
            return np.ascontiguousarray(a).astype(np.uint8) if a.any() else none

        def ints(*shape: int) -> NDArray[np.int64]:
            return np.zeros(shape, dtype=np.int64)

        z = ints(k.COUNTERS)
        z[k.KNOWN], z[k.MOST] = self.ban.any(), d * d + 1000
        R = np.zeros(k.NUMBERS)
        R[k.TIE] = 1e-9
        return k.State(
            M=np.zeros((d, d), dtype=np.uint8), adj=ints(d, cap), deg=ints(d),
            may=np.ascontiguousarray(may).astype(np.uint8), sep=flags(sep), ban=flags(self.ban),
            keep=flags(keep), best=np.full((d, d), -np.inf), top=one - np.inf, who=ints(d),
            less=one - np.inf, rest=one - np.inf, new=np.zeros((3, d), dtype=np.uint8),
            pairs=ints(8 * d + 64), random=numbers, keys=ints(1 << 14), values=np.zeros(1 << 14),
            rowkeys=ints(_power(2 * rows)), rowat=ints(_power(2 * rows)), G=np.empty((rows, d)),
            J=ints(64 * d + 1024), queue=ints(d * cap), waiting=np.zeros((d, d), dtype=np.uint8),
            first=np.full(d, -1, dtype=np.int64), watch=ints(64 * d + 1024, 4),
            refused=ints(16 * d + 64), x=ints(k.CLIQUES), k=ints(k.CLIQUES),
            S=ints(k.CLIQUES, k.WIDE), gain=np.zeros(k.CLIQUES),
            cliques=ints(k.CLIQUES, k.WIDE), sizes=ints(k.CLIQUES), z=z, R=R,
        )  # fmt: skip

    def _join(self, u: int, v: int) -> None:
        """Add u -> v, from outside the search."""
        from ..kernels import classes

        s = self.s
        while max(s.deg[u], s.deg[v]) + 1 > s.adj.shape[1]:
            self._widen()
            s = self.s
        classes.link(s.M, s.adj, s.deg, s.J, s.z, u, v)
        classes.stir(s.M, s.adj, s.deg, s.queue, s.waiting, s.z, u, v)
        classes.settle(s.M, s.adj, s.deg, s.sep, s.queue, s.waiting, s.J, s.z)
        s.z[classes.JOURNAL] = s.z[classes.MARKED] = 0

    def climb(self, kinds: int, run: Run) -> bool:
        """Apply operators of these kinds while any gains; False if the run was spent before."""
        self.s.z[self.kernels.STEPS] = 0
        return self._drive(lambda kernel: kernel.climb, (kinds,), run)

    def extend(self, kinds: int, run: Run) -> bool:
        """The extended search of XGES; False if the run was spent before it was through."""
        k = self.kernels
        while True:
            ops, sets, gain = self._deletions()
            accepted = int(self.s.z[k.ACCEPTED])
            self.s.z[k.AT] = 0
            if not self._drive(lambda m: m.extend, (ops, sets, gain, len(gain), kinds), run):
                return False
            if self.s.z[k.ACCEPTED] == accepted:
                return True

    def _deletions(self) -> tuple[Any, Any, Any]:
        """All deletions, best first."""
        k, kernel = self.kernels, self._kernel(lambda m: m.all_deletions)
        size = 4 * int(self.s.z[k.EDGES]) + 64
        while True:
            ops = np.zeros((size, 4), dtype=np.int64)
            sets, gain = np.zeros((size, k.WIDE), dtype=np.int64), np.zeros(size)
            n = int(kernel(self.functions[0], self.s, ops, sets, gain, *self.arrays))
            if n >= 0:
                best = np.argsort(-gain[:n], kind="stable")
                return ops[best], sets[best], gain[best]
            size *= 2

    def _kernel(self, pick: Callable[[Any], Any]) -> Any:
        from ..kernels.signatures import plain

        kernel = pick(self.kernels)
        return kernel if self.compiled else plain(kernel)

    def _drive(self, pick: Callable[[Any], Any], given: tuple[Any, ...], run: Run) -> bool:
        """Call a kernel until it is done, looking at the clock in between."""
        import time

        k, kernel = self.kernels, self._kernel(pick)
        while not run.spent:
            self.s.R[k.WORK] = 0.0
            began = time.perf_counter()
            code = kernel(*self.functions, self.s, *given, self.limit, *self.arrays)
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
            run.tick(0.5, f"{int(self.s.z[k.EDGES])} edges")
        return False

    def _enlarge(self) -> None:
        k, s = self.kernels, self.s
        if (s.deg + 1 >= s.adj.shape[1]).any():
            self._widen()
            s = self.s
        if len(s.J) - s.z[k.JOURNAL] < 8 * s.z[k.EDGES] + 64:
            more = np.zeros(len(s.J) + 8 * int(s.z[k.EDGES]) + 64, dtype=np.int64)
            s = s._replace(J=np.concatenate([s.J, more]))
        if s.z[k.SHORT]:
            s.z[k.SHORT] = 0
            s = s._replace(watch=np.concatenate([s.watch, np.zeros_like(s.watch)]))
        self.s = s

    def _remember_more(self) -> None:
        """A larger table of local scores, if the one at hand was full and so was emptied."""
        k, s = self.kernels, self.s
        if s.z[k.CLEARED] and len(s.keys) < 1 << 22:
            s.z[k.CLEARED] = s.z[k.CACHED] = 0
            size = 4 * len(s.keys)
            self.s = s._replace(keys=np.zeros(size, dtype=np.int64), values=np.zeros(size))

    def _widen(self) -> None:
        """Room for twice the joined nodes."""
        s, d = self.s, self.d
        cap = min(d, 2 * s.adj.shape[1]) + 1
        adj = np.zeros((d, cap), dtype=np.int64)
        adj[:, : s.adj.shape[1]] = s.adj
        s.z[[self.kernels.HEAD, self.kernels.TAIL]] = 0
        self.s = s._replace(adj=adj, queue=np.zeros(d * cap, dtype=np.int64))

    def dag(self) -> Bool:
        """(d, d) bool: a DAG of the class that obeys the knowledge."""
        return np.asarray(self.s.M > 0)

    def score(self) -> float:
        """Score of the class, computed anew."""
        dag = self.dag()
        return float(
            sum(self.bound.local(v, np.nonzero(dag[:, v])[0].tolist()) for v in range(self.d))
        )


def _power(n: int) -> int:
    return 1 << int(n - 1).bit_length()


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
    search: ClassSearch

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
        where = {name: i for i, name in enumerate(names)}
        targets = [[where[v] for v in condition] for condition in target_names(source)]
        search = ClassSearch(bound, required, forbidden, targets)
        return cls(learner, source, known, run, began, required, forbidden, search)

    def result(self, complete: bool, cites: tuple[str, ...], **details: Any) -> Discovery:
        """The class at hand, with what the knowledge adds."""
        k, s, source = self.search.kernels, self.search.s, self.source
        notes = []
        if s.z[k.CUT]:
            notes.append(
                f"some neighbourhoods have more than {k.CLIQUES} cliques, or cliques of more than "
                f"{k.WIDE} nodes: operators beyond these were not tried"
            )
        if s.z[k.STEPS] >= s.z[k.MOST]:
            notes.append("the search went in circles and was ended: does the score fit the class?")
        graph = class_of(
            self.search.dag(), source.names, target_names(source), self.required, self.forbidden
        )
        return Discovery(
            graph,
            knowledge=self.knowledge,
            learner=self.learner,
            complete=complete,
            seconds=self.run.seconds - self.began,
            notes=tuple(notes),
            score=self.search.score(),
            details={"operators": int(s.z[k.APPLIED]), **details},
            cites=cites,
        )


__all__ = ["ClassSearch", "Task"]
