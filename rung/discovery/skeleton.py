"""The skeleton by tests of growing size, whatever the order of the columns (PC-stable)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache, cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..core.budget import Run
from ..core.protocols import BoundTest
from .independence.bound import KernelTest
from .threads import in_parts
from .ties import Groups, thin

Bool = NDArray[np.bool_]
Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
CHUNK = 20_000  # tests between two looks at the clock
QUICK = 500_000  # the same where a test takes nanoseconds
MANY = 15  # of these chunks, from which on a second thread pays

APART, OPEN, MARGINAL, BY_SET, FIXED = range(5)  # of a pair: see `Skeleton.status`


@dataclass(eq=False)
class Skeleton:
    """What the tests left.

    Parameters
    ----------
    status : (d, d) uint8, symmetric
        0 kept apart untested, 1 adjacent after its tests, 2 separated by the empty set, 3 by a
        larger set, 4 adjacent untested (required).
    adjacent : (d, d) bool
    pairs : (m, 2) int64
        Pairs i < j that the empty set did not separate, ascending.
    size : (m,) int64
        Size of the set that separated each; -1 for none.
    sets : (m, largest) int64
        The first `size` entries are that set.
    top : (m,) float64
        Largest p-value of any test of the pair: for an edge, how close it came to removal.
    tests, largest : int
        Tests made, and the size of the largest set that was used.
    complete : bool
        False if the budget ran out.
    """

    status: NDArray[np.uint8]
    adjacent: Bool
    tester: Tester
    pairs: Ints = field(default_factory=lambda: np.empty((0, 2), dtype=np.int64))
    size: Ints = field(default_factory=lambda: np.empty(0, dtype=np.int64))
    sets: Ints = field(default_factory=lambda: np.empty((0, 0), dtype=np.int64))
    top: Floats = field(default_factory=lambda: np.empty(0))
    untested: int = 0
    tests: int = 0
    largest: int = 0
    complete: bool = True
    marginal: Floats | None = None  # (d, d) p-values of level 0, i < j; None where cheap to redo

    def row(self, i: Ints, j: Ints) -> Ints:
        """Place of pairs i < j in `pairs`, -1 if they are not there."""
        d = len(self.status)
        key, wanted = self.pairs[:, 0] * d + self.pairs[:, 1], i * d + j
        at = np.searchsorted(key, wanted)
        inside = at < len(key)
        inside[inside] = key[at[inside]] == wanted[inside]
        return np.where(inside, at, -1)

    def pvalues(self, i: Ints, j: Ints) -> Floats:
        """Largest p-value of any test of each pair i < j; 0 for a pair never tested."""
        at = self.row(i, j)
        out = np.zeros(len(at))
        out[at >= 0] = self.top[at[at >= 0]]
        early = np.flatnonzero((at < 0) & (self.status[i, j] == MARGINAL))
        out[early] = self.tester.marginal(self.marginal, i[early], j[early])
        return out

    def holds(self, i: Ints, j: Ints, member: Ints) -> Bool:
        """Whether the set that separated each pair i < j holds `member`."""
        at = self.row(i, j)
        out = np.zeros(len(at), dtype=np.bool_)
        late = np.flatnonzero(at >= 0)
        used = np.arange(self.sets.shape[1]) < self.size[at[late], None]
        out[late] = ((self.sets[at[late]] == member[late, None]) & used).any(axis=1)
        return out

    @property
    def separators(self) -> Separators:
        """The set that separated each pair that was separated."""
        return Separators(self)

    @cached_property
    def p(self) -> Floats:
        """`pvalues` of all pairs as a symmetric (d, d) matrix, made when asked for."""
        out = np.zeros(self.status.shape)
        i, j = (a.astype(np.int64) for a in np.nonzero(np.triu(self.status & 3)))
        out[i, j] = out[j, i] = self.pvalues(i, j)
        return out


@dataclass(frozen=True, eq=False)
class Separators(Mapping[tuple[int, int], frozenset[int]]):
    """{(i, j): set}, i < j; pairs that the empty set separates are not stored one by one."""

    found: Skeleton

    def __getitem__(self, pair: tuple[int, int]) -> frozenset[int]:
        i, j = pair
        if not (0 <= i < j < len(self.found.status)) or not self.found.status[i, j] & 2:
            raise KeyError(pair)
        if self.found.status[i, j] == MARGINAL:
            return frozenset()
        at = int(self.found.row(np.array([i]), np.array([j]))[0])
        return frozenset(self.found.sets[at, : self.found.size[at]].tolist())

    def __setitem__(self, pair: tuple[int, int], members: frozenset[int]) -> None:
        """Record that a set separates a pair i < j that the empty set did not."""
        found, (i, j), k = self.found, pair, len(members)
        at = int(found.row(np.array([i]), np.array([j]))[0])
        if at < 0:
            raise KeyError(pair)
        if k > found.sets.shape[1]:
            found.sets = np.pad(found.sets, ((0, 0), (0, k - found.sets.shape[1])))
        found.sets[at, :k], found.size[at] = sorted(members), k
        found.status[i, j] = found.status[j, i] = BY_SET

    def __iter__(self) -> Iterator[tuple[int, int]]:
        for i, row in enumerate(self.found.status):
            yield from ((i, j) for j in np.flatnonzero(row & 2).tolist() if j > i)

    def __len__(self) -> int:
        return int(np.count_nonzero(self.found.status & 2)) // 2


@dataclass(frozen=True, eq=False)
class Tester:
    """A bound test as the kernels want it: compiled, or any object with `pvalues`.

    `gaussian` says that it is Fisher's z on correlation matrices, whose tests the kernels make
    themselves: |r| against a threshold for each size of set.
    """

    function: Any
    F: NDArray[np.float64]
    I: NDArray[np.int64]
    P: NDArray[np.float64]
    scratch: Any
    compiled: bool
    chunk: int
    gaussian: bool = False

    @classmethod
    def of(cls, bound: BoundTest) -> Tester:
        """The test's own kernel, or a plain function over its p-values."""
        if isinstance(bound, KernelTest):
            from ..kernels.gaussian_tests import fisher_z

            if bound.function is fisher_z:
                return cls(
                    bound.function, bound.F, bound.I, bound.P, bound.scratch, True, QUICK, True
                )
            rows = max(1, bound.F.shape[1] * (bound.F.shape[1] != bound.F.shape[2]))
            rows = max(rows, bound.I.shape[1] // 8) if bound.rows is None else bound.rows
            chunk = max(20, CHUNK * 20 // (20 + rows))
            return cls(bound.function, bound.F, bound.I, bound.P, bound.scratch, True, chunk)

        def one(x: int, y: int, S: Any, k: int, *_: Any) -> float:
            return float(bound.pvalues(np.array([x]), np.array([y]), S[None, :k].copy())[0])

        empty = np.zeros((1, 1, 1))
        return cls(one, empty, empty[0].astype(np.int64), empty[0, 0], lambda k: 1, False, 20)

    def call(self, kernel: Any, *arguments: Any, k: int) -> int:
        """Run a kernel on this test, compiled or plain."""
        work = np.empty(self.scratch(k))
        from ..kernels.signatures import plain

        run = kernel if self.compiled else plain(kernel)
        return int(run(self.function, *arguments, self.F, self.I, self.P, work))

    def cut(self, alpha: float, largest: int) -> Floats:
        """(matrices, largest + 1) squared partial correlation below which a p-value is over alpha.

        2 where there are too few rows, so that every set separates.
        """
        if not self.gaussian:
            return np.zeros((1, 1))
        z = _two_sided(alpha)
        df = self.P[:, None] - np.arange(largest + 1) - 3.0
        r = np.where(df > 0, np.tanh(z / np.sqrt(np.maximum(df, 1e-300))), 1.0)
        return np.ascontiguousarray(np.where(r >= 1.0 - 1e-15, 2.0, r * r))

    def marginal(self, known: Floats | None, i: Ints, j: Ints) -> Floats:
        """p-values of pairs without conditions, from those `known` where they were kept."""
        if known is not None:
            return np.asarray(known[i, j])
        from ..kernels.skeleton import fisher_marginal

        out = np.empty(len(i))
        fisher_marginal(self.F, self.I, self.P, i, j, 0, out)
        return out


@cache
def _two_sided(alpha: float) -> float:
    """z with P(|N(0, 1)| > z) = alpha, by bisection."""
    from math import erfc, sqrt

    low, high = 0.0, 40.0
    while low < (middle := (low + high) / 2) < high:
        low, high = (middle, high) if erfc(middle / sqrt(2.0)) > alpha else (low, middle)
    return high


def skeleton(
    tester: Tester,
    alpha: float,
    required: Bool,
    forbidden: Bool,
    *,
    largest: int | None,
    run: Run,
    groups: Groups = (),
) -> Skeleton:
    """Remove every edge that some set of neighbours separates.

    Source: Spirtes, Glymour and Scheines (2000), section 5.4.2, in the stable form of Colombo and
    Maathuis (2014). Required edges are not tested; pairs forbidden both ways are never adjacent;
    a separator holds only possible parents of the end whose neighbours it is made of. Tied edges go
    together. If the budget ends before a pair is tested at all, it is left out.
    """
    out = _marginal(tester, alpha, required, forbidden, run, groups)
    usable = (~forbidden).view(np.uint8)
    d, m, size = len(usable), len(out.pairs), 0
    alive = np.ones(m, dtype=np.uint8)
    tested = out.status[out.pairs[:, 0], out.pairs[:, 1]] == OPEN
    levels = []
    start, near = np.zeros(d + 1, dtype=np.int64), np.empty(2 * m, dtype=np.int64)
    while out.complete and (largest is None or size < largest):
        size += 1
        lists = listed_of(out.pairs, alive, usable, start, near)
        at = np.flatnonzero(alive & tested)
        many = _sets(out.pairs[at], lists[0], usable, size)
        if not many:
            break
        out.largest = size
        levels.append(_level(out, alpha, size, at, lists, many, run))
        _thin(out, groups)
        alive[:] = out.adjacent[out.pairs[:, 0], out.pairs[:, 1]]
    out.sets = np.zeros((m, out.largest), dtype=np.int64)
    for gone, sets in levels:
        out.sets[gone, : sets.shape[1]] = sets
    return out


def listed_of(
    pairs: Ints, alive: NDArray[np.uint8], usable: NDArray[np.uint8], start: Ints, near: Ints
) -> tuple[Ints, Ints]:
    """Possible parents next to each node x, ascending: near[start[x] : start[x + 1]]."""
    from ..kernels.skeleton import listed

    listed(pairs, alive, usable, start, near)
    return start, near


def _sets(edges: Ints, start: Ints, usable: NDArray[np.uint8], size: int) -> float:
    """Number of sets of that size among the neighbours of either end, over all edges."""
    i, j = edges[:, 0], edges[:, 1]
    count = np.diff(start)
    m = np.concatenate([count[i] - usable[j, i], count[j] - usable[i, j]])
    m = m[m >= size].astype(np.float64)
    ways = np.ones(len(m))
    for t in range(size):
        ways *= (m - t) / (t + 1)
    return float(ways.sum())


def _thin(out: Skeleton, groups: Groups) -> None:
    """Tied edges go together; a pair that goes this way was not separated."""
    if thin(out.adjacent, groups):
        out.status[~out.adjacent & ((out.status == OPEN) | (out.status == FIXED))] = APART


def _marginal(
    tester: Tester, alpha: float, required: Bool, forbidden: Bool, run: Run, groups: Groups
) -> Skeleton:
    """The pairs that the empty set does not separate."""
    from ..kernels.skeleton import marginal, screen

    d = len(required)
    status = (~(forbidden & forbidden.T)).view(np.uint8)
    status[required | required.T] = FIXED
    np.fill_diagonal(status, APART)
    out = Skeleton(status, status != APART, tester)
    _thin(out, groups)
    counted = np.zeros(1, dtype=np.int64)
    done = 0
    if tester.gaussian:
        cut, rows = tester.cut(alpha, 0), max(1, 5_000_000 // max(d, 1))
        while done < d and not run.spent:
            end = min(done + rows, d)
            done = screen(tester.F, tester.I, cut, done, end, status, counted)
            run.tick(done / d, "tests of pairs")
        status[done:, :done] = status[:done, done:].T
    else:
        out.marginal, stop = np.zeros((d, d)), d * d
        while done < stop and not run.spent:
            done = tester.call(
                marginal, done, alpha, tester.chunk, status, out.marginal, counted, k=0
            )
            run.tick(done / stop, "tests of pairs")
        done = done // d if done < stop else d
    if done < d:
        _leave_out(out, done)
    out.tests = int(counted[0])
    out.adjacent = (status == OPEN) | (status == FIXED)
    _thin(out, groups)
    ahead = np.flatnonzero(out.adjacent)
    ahead = ahead[ahead // d < ahead % d]
    out.pairs = np.stack([ahead // d, ahead % d], axis=1).astype(np.int64)
    i, j = (np.ascontiguousarray(a) for a in out.pairs.T)
    out.top = np.where(status[i, j] == OPEN, tester.marginal(out.marginal, i, j), 0.0)
    out.size = np.full(len(i), -1, dtype=np.int64)
    return out


def _leave_out(out: Skeleton, done: int) -> None:
    """The budget ended: pairs i < j from row `done` on count as kept apart."""
    rest = out.status[done:, done:]
    out.untested = int(np.count_nonzero(np.triu(rest == OPEN)))
    rest[rest == OPEN] = APART
    out.complete = False


def _level(
    out: Skeleton,
    alpha: float,
    k: int,
    at: NDArray[np.intp],
    lists: tuple[Ints, Ints],
    many: float,
    run: Run,
) -> tuple[NDArray[np.intp], Ints]:
    """Tests given k; places in `pairs` of those that went, and what separated them."""
    from ..kernels.skeleton import search

    tester, m = out.tester, len(at)
    edges = np.ascontiguousarray(out.pairs[at])
    separator = np.zeros((m, k), dtype=np.int64)
    p, gone = np.zeros(m), np.zeros(m, dtype=np.uint8)
    cut = tester.cut(alpha, k)

    def part(begin: int, end: int, place: Ints, counted: Ints) -> int:
        return tester.call(
            search, tester.gaussian, k, begin, end, alpha, cut, tester.chunk, edges, *lists,
            separator, p, gone, place, counted, k=k,
        )  # fmt: skip

    threaded = tester.compiled and many > MANY * tester.chunk
    stopped, tests = in_parts(part, m, k + 1, run, f"tests given {k}", threaded)
    out.complete = not stopped
    out.tests += tests
    out.top[at] = np.maximum(out.top[at], p)
    went = np.flatnonzero(gone)
    out.size[at[went]] = k
    i, j = edges[went].T
    out.status[i, j] = out.status[j, i] = BY_SET
    out.adjacent[i, j] = out.adjacent[j, i] = False
    return at[went], separator[went]
