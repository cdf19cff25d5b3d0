"""RFCI: a PAG-like graph from tests given neighbours alone."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import combinations, pairwise
from typing import ClassVar

import numpy as np

from ..core.budget import Budget, Run, start
from ..core.discovery import Discovery
from ..core.knowledge import Knowledge
from ..core.protocols import BoundTest, CITest
from ..core.source import Source
from ..graphs.fci_rules import (
    ARROW,
    CIRCLE,
    TAIL,
    Marks,
    Verdicts,
    close,
    collider_rule,
    discriminating_paths,
    path_rule,
    unshielded_triples,
)
from .colliders import FirstSeparator
from .independence.fisher_z import FisherZ
from .pag import Task, check_options
from .possible_dsep import Bool, Ints, judge, legs_hold
from .skeleton import Skeleton, Tester, skeleton

Pair = tuple[int, int]


@dataclass(frozen=True)
class RFCI:
    """Really fast causal inference: as FCI, without the search in possible d-separation sets.

    Instead, every triple and every path that orients a mark is first checked by a few tests, and
    an edge that fails them goes. In large samples every arrowhead and tail is right, and nodes
    that are not adjacent are separated; some edges and circles more than in the answer of `FCI`
    may stay. The tests grow with the degree of the skeleton alone, so it suits hundreds of
    columns. Knowledge and conditions as in `FCI`.

    Parameters
    ----------
    test : CITest
    alpha : float
        An edge goes if some test of it has a larger p-value.
    largest : int, optional
        Size of the largest set to test given; no limit by default.
    selection : bool
        Whether the rules R5 to R7 apply, as in `FCI`.
    few_rows : bool
        Accept no more rows than columns: tests that lack rows then leave an edge out.

    Source: Colombo, Maathuis, Kalisch and Richardson (2012), algorithm 3.2 with lemmas 3.1 and
    3.2; rules of Zhang (2008). All triples are checked at once before any edge goes, so that only
    the separating sets depend on the order of the columns.
    """

    hidden_causes: ClassVar[bool] = True

    test: CITest = field(default_factory=FisherZ)
    alpha: float = 0.01
    largest: int | None = None
    selection: bool = True
    few_rows: bool = False

    def __post_init__(self) -> None:
        check_options(self.alpha, self.largest)

    def learn(
        self,
        source: Source,
        *,
        knowledge: Knowledge | None = None,
        budget: Budget | Run | None = None,
        rng: np.random.Generator | int = 0,
    ) -> Discovery:
        """Search; see `Learner`."""
        run = start(budget)
        task = Task.of(self, source, knowledge, run)
        bound = self.test.on(task.rows, rng=np.random.default_rng(rng))
        found = skeleton(
            Tester.of(bound), self.alpha, task.required, task.apart, largest=self.largest, run=run
        )
        search = _Search(found, bound, self.alpha, task.fixed, run)
        search.check_triples()
        marks = task.start(found.adjacent, search.verdicts(), search.loose)
        complete = search.orient(marks, self.selection)
        return task.result(
            marks,
            found,
            found.complete and complete,
            ("colombo2012", "zhang2008", "spirtes2000"),
            removed_by_checks=search.went,
        )


class _Search:
    """The skeleton at hand and the checks that thin it."""

    def __init__(
        self, found: Skeleton, bound: BoundTest, alpha: float, fixed: Bool, run: Run
    ) -> None:
        self.found, self.bound, self.alpha, self.fixed, self.run = found, bound, alpha, fixed, run
        self.went = 0
        self.checked: dict[tuple[int, int, int], bool] = {}  # triple: are its legs dependent
        self.tried: dict[tuple[int, int, frozenset[int]], frozenset[int] | None] = {}

    def verdicts(self) -> Verdicts:
        return judge(self.found, self.alpha, FirstSeparator(), self.run)

    def loose(self, triples: Ints) -> Bool:
        """Triples with a leg that a test says does not belong, but knowledge keeps."""
        return np.array([not self.checked.get(tuple(t), True) for t in triples.tolist()])

    def check_triples(self) -> list[Pair]:
        """Remove edges of unshielded triples that are no edges (algorithm 4.4); which ones."""
        out: list[Pair] = []
        while not self.run.spent:
            triples = unshielded_triples(self.found.adjacent.astype(np.uint8))
            a, b, c = triples.T
            known = (self.found.status[a, c] & 2) > 0
            new = np.array([tuple(t) not in self.checked for t in triples.tolist()], dtype=bool)
            triples = triples[known & new]
            if not len(triples):
                break
            legs = legs_hold(self.found, self.bound, self.alpha, triples)
            self.found.tests += 2 * len(triples)
            cuts: dict[Pair, frozenset[int]] = {}
            for t, p, q in zip(triples.tolist(), *(leg.tolist() for leg in legs), strict=True):
                a, b, c = t
                self.checked[a, b, c] = max(p, q) <= self.alpha
                pool = self.found.separators[a, c] - {b}
                for end, value in ((a, p), (c, q)):
                    pair = (min(end, b), max(end, b))
                    if value > self.alpha and not self.fixed[pair]:
                        self._keep(cuts, pair, self.separator(*pair, pool) or pool)
            out += self._cut(cuts)
        return out

    def _keep(self, cuts: dict[Pair, frozenset[int]], pair: Pair, by: frozenset[int]) -> None:
        """Of several sets that separate a pair the smallest, then the first."""
        old = cuts.get(pair)
        if old is None or (len(by), sorted(by)) < (len(old), sorted(old)):
            cuts[pair] = by

    def _cut(self, cuts: dict[Pair, frozenset[int]]) -> list[Pair]:
        for (i, j), by in cuts.items():
            self.found.adjacent[i, j] = self.found.adjacent[j, i] = False
            self.found.separators[i, j] = by
        self.went += len(cuts)
        return list(cuts)

    def separator(self, i: int, j: int, pool: frozenset[int]) -> frozenset[int] | None:
        """A smallest part of the pool that separates i and j, the one with the largest p-value."""
        pool = pool - {i, j}
        key = (i, j, pool)
        if key not in self.tried:
            self.tried[key] = None
            for k in range(1, len(pool) + 1):
                sets = np.array(list(combinations(sorted(pool), k)), dtype=np.int64)
                ends = np.full(len(sets), i), np.full(len(sets), j)
                p = self.bound.pvalues(*ends, sets)
                self.found.tests += len(sets)
                if (p > self.alpha).any():
                    self.tried[key] = frozenset(sets[int(np.argmax(p))].tolist())
                    break
        return self.tried[key]

    def orient(self, marks: Marks, selection: bool) -> bool:
        """The rules, with R4 after its checks (algorithm 4.5); False if the run was spent."""
        while True:
            verdicts = self.verdicts()
            if not close(marks, verdicts, selection=selection, run=self.run, paths=False):
                return False
            paths = [path for path, _ in discriminating_paths(marks)]
            cuts: dict[Pair, frozenset[int]] = {}
            for path in paths:
                if self.run.spent:
                    return False
                for pair, by in self._no_edges(path):
                    self._keep(cuts, pair, by)
            if cuts:
                gone = self._cut(cuts)
                gone += self.check_triples()
                for i, j in gone:
                    marks[i, j] = marks[j, i] = 0
                collider_rule(marks, self.verdicts(), self.loose)
                continue
            wish = np.zeros_like(marks)
            for path in paths:
                path_rule(marks, wish, path, path[:1], verdicts)
            change = (marks == CIRCLE) & (wish > 0) & (wish < (TAIL | ARROW))
            if not change.any():
                return True
            marks[change] = wish[change]

    def _no_edges(self, path: list[int]) -> list[tuple[Pair, frozenset[int]]]:
        """Edges of a discriminating path that a part of the set of its ends separates."""
        ends = (min(path[0], path[-1]), max(path[0], path[-1]))
        if not self.found.status[ends] & 2:
            return []
        pool = self.found.separators[ends]
        out = []
        for a, b in pairwise(path):
            pair = (min(a, b), max(a, b))
            by = None if self.fixed[pair] else self.separator(*pair, pool)
            if by is not None:
                out.append((pair, by))
        return out


__all__ = ["RFCI"]
