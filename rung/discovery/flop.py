"""FLOP: a search over orders whose moves touch only what they change."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
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
from .backward import thinned
from .environments import target_names
from .orient import class_of
from .scores.bound import KernelScore, functions_of
from .scores.gaussian_bic import GaussianBIC

Bool = NDArray[np.bool_]
MANY = 50
SHAKES = 50
TIE = 1e-9  # what a shake gains at least
MEMORY = 2**29  # bytes that the sets of parents may take before they are forgotten
WORK = 20_000  # evaluations times variables between two looks at the clock


@dataclass(frozen=True)
class FLOP:
    """Order search by insertions, restarted from its best order (fast learning of order and
    parents).

    Every node is moved to its best place in the order until nothing improves, where the parents of
    a node are added and dropped greedily among what precedes it. Then neighbourhoods are shaken:
    three nodes near a random one change places and what this touched is repaired; the change
    stays unless the score is worse. Parent sets found once are kept, a move evaluates only the
    nodes that depend on it, and places that cannot win are left out. The result is the CPDAG of
    the best DAG (the interventional essential graph, with conditions that have targets), and what
    the knowledge adds. Assumes no hidden common cause and no cycle.

    Parameters
    ----------
    score : Score
        `GaussianBIC` on plain columns has its own fast code; any other score works too.
    restarts : int
        How often as many neighbourhoods as there are variables, at least `SHAKES`, are shaken;
        0 for none.
    least : float, optional
        The gain of score that keeps a shake. By default any up to `MANY` variables, and beyond
        half the logarithm of the number of rows, what the BIC asks of one parameter: among so many
        orders smaller gains come by chance, and what they add is mostly false.
    backward : bool
        End with the backward phase of greedy equivalence search, as `BOSS` does: it takes away
        edges for which arrows elsewhere must turn at the same time, which no move in an order
        does. Left out under knowledge and with targets.
    parallel : int
        Threads. Each restart is then made by so many searches, each with its own shakes, and the
        next goes on from the best of them. The answer depends on this number, as on the seed, but
        not on the processors there are.

    Source: Wienoebst, Henckel and Weichwald (2026), sections 3 and 4. There a restart swaps random
    pairs of the whole order and is kept or not as a whole; start order, tie rule, memory of parent
    sets, local restarts and the backward phase are ours.
    """

    score: Score = field(default_factory=GaussianBIC)
    restarts: int = 5
    least: float | None = None
    backward: bool = True
    parallel: int = 1

    def __post_init__(self) -> None:
        if self.restarts < 0:
            raise InputError(f"restarts={self.restarts}: expected 0 or more")
        if self.parallel < 1:
            raise InputError(f"parallel={self.parallel}: expected 1 or more")
        if self.least is not None and not self.least >= 0:
            raise InputError(f"least={self.least}: expected 0 or more, or None")

    def learn(
        self,
        source: Source,
        *,
        knowledge: Knowledge | None = None,
        budget: Budget | Run | None = None,
        rng: np.random.Generator | int = 0,
    ) -> Discovery:
        """Search; see `Learner`. Ties are refused.

        `details` has the restarts done, the nodes evaluated, and `trace`, (seconds, score) after
        the first climb and after each restart.
        """
        run, known, names = start(budget), knowledge or Knowledge(), source.names
        began, rng = run.seconds, np.random.default_rng(rng)
        if known.ties:
            raise NotSupported("FLOP cannot tie edges; leave out `ties`")
        required, forbidden = known.matrices(names)
        search = _Search(self.score.on(source, rng=rng), required, forbidden, run)
        least = self.least
        if least is None:
            least = 0.5 * np.log(max(source.n, 1)) if len(names) > MANY else 0.0
        complete = search.run(self.restarts, max(least, TIE), rng, self.parallel)
        dag = search.refit()
        if self.backward and not known and not target_names(source):
            dag, _, done = thinned(dag, search.bound, run)
            complete = complete and done
        return Discovery(
            class_of(dag, names, target_names(source), required, forbidden),
            knowledge=known,
            learner=self,
            complete=complete,
            seconds=run.seconds - began,
            score=search.score_of(dag),
            details={
                "restarts": search.restarts,
                "evaluations": search.evaluations,
                "trace": tuple((seconds - began, score) for seconds, score in search.trace),
            },
            cites=("wienoebst2026",),
        )


class _Search:
    """One bound score, the parent sets met so far, and the order at hand."""

    def __init__(self, bound: BoundScore, required: Bool, forbidden: Bool, run: Run) -> None:
        from ..kernels.gaussian import gaussian_gains

        d = len(required)
        self.d, self.bound, self.clock = d, bound, run
        allowed = ~(forbidden.T | required.T)  # [v, c]: c may be a parent of v
        np.fill_diagonal(allowed, False)
        causes = [np.nonzero(column)[0] for column in required.T]
        fixed = np.zeros((d, 1 + max(map(len, causes), default=0)), dtype=np.int64)
        for v, found in enumerate(causes):
            fixed[v, 0], fixed[v, 1 : 1 + len(found)] = len(found), found
        self.compiled = isinstance(bound, KernelScore)
        gains, local, *arrays = functions_of(bound)
        single = self.compiled and gains is gaussian_gains and arrays[0].shape[1] == d
        if single:
            arrays[3] = np.empty((d + 1) * (4 * d + 2))  # scratch, and factors (see column_gains)
        may = np.ascontiguousarray(allowed).astype(np.uint8)
        self.score = (int(single), gains, local, may, fixed, *arrays, np.full(d + 3, -1))
        pivots = getattr(bound, "start", None)
        visit = np.arange(d) if pivots is None else np.asarray(pivots)[::-1]
        self.visit = np.ascontiguousarray(visit[topological(required[np.ix_(visit, visit)])])
        self.order = np.stack([self.visit, np.argsort(self.visit)]).astype(np.int64)
        self.scores = np.zeros(d)
        self.looked = np.zeros((d, d), dtype=np.uint8)
        self.keys = np.random.default_rng(d).integers(-(2**62), 2**62, size=2 * d)
        self.restarts = self.evaluations = 0
        self.trace: list[tuple[float, float]] = []
        self.flushed = -1
        sets = 1 << int(64 * d + 64).bit_length()
        self._reserve(sets, 32 * sets + 2 * d)
        self.count = np.zeros(2, dtype=np.int64)
        self._forget()

    def run(self, restarts: int, least: float, rng: np.random.Generator, parallel: int = 1) -> bool:
        """Climb, then shake again and again; False if the run was spent before."""
        self.refit()
        if not self.climb():
            return False
        self._tell(0.5 if restarts else 1.0)
        if self.d <= 2 or not restarts:
            return True
        team = [self, *(self._copy() for _ in range(1, parallel))]
        dice = [np.array([int(rng.integers(1, 2**31 - 1))], dtype=np.int64) for _ in team]
        if parallel == 1 or not self.compiled:
            return self._restarts(map, team, dice, restarts, least)
        with ThreadPoolExecutor(parallel) as pool:
            try:
                return self._restarts(pool.map, team, dice, restarts, least)
            except KeyboardInterrupt:
                self.clock.stop()  # so that threads at work end soon
                raise

    def _restarts(
        self,
        apply: Any,
        team: Sequence[_Search],
        dice: Sequence[NDArray[np.int64]],
        restarts: int,
        least: float,
    ) -> bool:
        """Shake with every search of the team, by `apply` as map does; False if spent before."""
        for i in range(restarts):
            done = list(apply(lambda one, own: one.shake(own, least), team, dice))
            self._follow(team)
            if self.clock.spent or not all(done):
                return False
            self._tell(0.5 + 0.5 * (i + 1) / restarts)
            self.restarts += 1
        return True

    def _tell(self, done: float) -> None:
        """Note the score at hand, with the share of the work that is done."""
        self.trace.append((self.clock.seconds, float(self.scores.sum())))
        self.clock.tick(done, f"score {self.trace[-1][1]:.2f}")

    def _copy(self) -> _Search:
        """Another search at the same order, with nothing shared that either writes."""
        out = copy.copy(self)
        for name in ("order", "scores", "looked", "sets", "values", "branches", "table", "count"):
            setattr(out, name, getattr(self, name).copy())
        *given, scratch, held = self.score
        out.score = (*given, np.empty_like(scratch), np.full_like(held, -1))
        out.evaluations = 0
        return out

    def _follow(self, team: Sequence[_Search]) -> None:
        """Let all go on from the order that scores best; the evaluations are counted here."""
        best = max(team, key=lambda one: float(one.scores.sum()))
        for one in team:
            if one is not best:
                for name in ("order", "scores", "looked"):
                    getattr(one, name)[:] = getattr(best, name)
        self.evaluations += sum(one.evaluations for one in team[1:])
        for one in team[1:]:
            one.evaluations = 0

    def refit(self) -> Bool:
        """The parents of every node in the order at hand: its DAG, [p, v] for p -> v."""
        from ..kernels.flop import refit

        dag = np.zeros((self.d, self.d), dtype=np.uint8)
        self.looked[:] = 0
        at = 0
        while at < self.d:
            done = self._call(refit, at, min(at + self._chunk, self.d), dag)
            if done == at:
                self._room(-1)
            at = done
        return np.asarray(dag > 0)

    def climb(self) -> bool:
        """Move nodes to their best places until none gains; False if the run was spent before."""
        from ..kernels.flop import climb

        stayed, gained = np.zeros(1, dtype=np.int64), np.zeros(1)
        turn = 0
        while stayed[0] < self.d:
            turn = self._call(climb, turn, self._chunk, self.visit, stayed, gained)
            if turn < 0:
                turn = -1 - turn
                self._room(turn)
            elif self.clock.spent and stayed[0] < self.d:
                return False
        self.evaluations += turn
        return True

    def shake(self, dice: NDArray[np.int64], least: float) -> bool:
        """One restart, climb included; False if the run was spent before."""
        from ..kernels.shake import shake

        tally, gained = np.zeros(3, dtype=np.int64), np.zeros(1)
        turn, shakes = 0, max(self.d, SHAKES)
        while turn < shakes:
            turn = self._call(shake, turn, shakes, self._chunk, least, dice, tally, gained)
            self.evaluations += int(tally[2])
            if turn < 0:
                turn = -1 - turn
                self._room(turn)
            elif self.clock.spent and turn < shakes:
                return False
        return self.climb()

    def score_of(self, dag: Bool) -> float:
        """Its score, without anything that was remembered."""
        parents = [np.nonzero(column)[0].tolist() for column in dag.T]
        return float(sum(self.bound.local(v, given) for v, given in enumerate(parents)))

    @property
    def _chunk(self) -> int:
        return max(WORK // self.d, 1) if self.compiled else 1

    def _call(self, kernel: Any, *arguments: Any) -> Any:
        from ..kernels.signatures import plain

        function = kernel if self.compiled else plain(kernel)
        state = (self.order, self.scores, self.looked)
        return function(*arguments, *state, *self.score, *self._sets)

    @property
    def _sets(self) -> tuple[NDArray[Any], ...]:
        return self.sets, self.values, self.branches, self.table, self.count, self.keys

    def _reserve(self, sets: int, branches: int) -> None:
        """Arrays for so many sets (a power of 2) and branches."""
        self.sets = np.empty((sets, 4), dtype=np.int64)
        self.values = np.empty(sets)
        self.table = np.empty(2 * sets, dtype=np.int32)
        self.branches = np.empty((branches, 2), dtype=np.int32)

    def _forget(self) -> None:
        """Keep only the smallest set of each node."""
        from ..kernels.parent_sets import rehash

        d = self.d
        self.count[:] = d, 0
        self.sets[:d] = -2
        self.sets[:d, 2] = self.keys[d:]
        rehash(self.sets, self.table, self.count)

    def _room(self, turn: int) -> None:
        """Make room for more sets: by forgetting them if they take too much memory."""
        from ..kernels.parent_sets import rehash

        sets, branches = self.count.tolist()
        old = (self.sets, self.values, self.table, self.branches)
        limit = min(MEMORY, self.clock.budget.bytes or MEMORY)
        if sum(a.nbytes for a in old) > limit and turn >= 0 and turn != self.flushed:
            self.flushed = turn
            self._forget()
            self.refit()
            return
        more_sets = 2 if 2 * sets >= len(self.sets) else 1
        more = 2 if 2 * branches >= len(self.branches) else 1
        self._reserve(more_sets * len(self.sets), more * len(self.branches))
        self.sets[:sets], self.values[:sets] = old[0][:sets], old[1][:sets]
        self.branches[:branches] = old[3][:branches]
        rehash(self.sets, self.table, self.count)
