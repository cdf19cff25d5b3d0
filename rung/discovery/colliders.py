"""Rules that decide which unshielded triples are colliders."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..core.budget import Run
from ..graphs.orientation import neighbours
from .skeleton import MANY, Skeleton, Tester, listed_of
from .threads import in_parts

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
MOST = 5_000_000  # triples of a search that was stopped early; beyond it none is looked at


class Triple(NamedTuple):
    """a - b - c with a and c apart; `share` of the sets that separate a and c hold b."""

    a: int
    b: int
    c: int
    share: float
    p: float


@dataclass(frozen=True, eq=False)
class Triples:
    """Many triples, one array a field; see `Triple`."""

    a: Ints
    b: Ints
    c: Ints
    share: Floats
    p: Floats

    def __len__(self) -> int:
        return len(self.a)

    def __iter__(self) -> Iterator[Triple]:
        columns = (self.a, self.b, self.c, self.share, self.p)
        return map(Triple._make, zip(*(c.tolist() for c in columns), strict=True))

    def firmest_first(self) -> Triples:
        """In the order in which they should be believed: clear votes, then large p-values."""
        at = np.lexsort((self.c, self.a, self.b, -self.p, -np.abs(self.share - 0.5)))
        return Triples(self.a[at], self.b[at], self.c[at], self.share[at], self.p[at])

    def verdicts(self, rule: ColliderRule) -> NDArray[np.uint8]:
        """0 no collider, 1 collider, 2 undecided, for each."""
        shares, back = np.unique(self.share, return_inverse=True)
        said = [rule.judge(share) for share in shares.tolist()]
        codes = np.array([2 if s is None else int(s) for s in said], dtype=np.uint8)
        return codes[back] if len(codes) else np.empty(0, dtype=np.uint8)


class ColliderRule(ABC):
    """Judges a triple by the share of separating sets that hold its middle."""

    @property
    @abstractmethod
    def every(self) -> bool:
        """Look at every separating set among the neighbours, or at the one found first."""

    @abstractmethod
    def judge(self, share: float) -> bool | None:
        """Collider, no collider, or None: undecided."""


@dataclass(frozen=True)
class FirstSeparator(ColliderRule):
    """A collider if the set that removed the edge does not hold the middle (original PC)."""

    @property
    def every(self) -> bool:
        return False

    def judge(self, share: float) -> bool | None:
        return share == 0.0


@dataclass(frozen=True)
class Conservative(ColliderRule):
    """A collider only if no separating set holds the middle (Ramsey, Spirtes and Zhang 2006)."""

    @property
    def every(self) -> bool:
        return True

    def judge(self, share: float) -> bool | None:
        return True if share == 0.0 else (False if share == 1.0 else None)


@dataclass(frozen=True)
class Majority(ColliderRule):
    """A collider if less than half of the separating sets hold the middle.

    Source: Colombo and Maathuis (2014), section 4.2.
    """

    @property
    def every(self) -> bool:
        return True

    def judge(self, share: float) -> bool | None:
        return None if share == 0.5 else share < 0.5


def triples(
    found: Skeleton, alpha: float, usable: NDArray[np.uint8], rule: ColliderRule, run: Run
) -> Triples:
    """Every unshielded triple with the share of separating sets that hold its middle.

    A pair that knowledge keeps apart was never tested: all its triples are left out. Sets of up
    to the size that the skeleton needed are looked at.
    """
    from ..kernels.skeleton import unshielded

    start, near = neighbours(np.zeros((0, 0), dtype=np.bool_), found.adjacent)
    count = unshielded(start, near, found.status, np.empty((0, 3), dtype=np.int64))
    if not found.complete and count > MOST:
        count = 0  # stopped so early that nearly nothing is known
    out = np.empty((count, 3), dtype=np.int64)
    unshielded(start, near, found.status, out)
    a, b, c = (np.ascontiguousarray(column) for column in out[np.lexsort(out.T[[1, 2, 0]])].T)
    share = found.holds(a, c, b).astype(np.float64)
    new = np.ones(count + 1, dtype=np.bool_)
    new[1:-1] = (a[1:] != a[:-1]) | (c[1:] != c[:-1])
    first = np.flatnonzero(new)[: None if count else 0].astype(np.int64)
    heads = first[:-1]
    if rule.every and count:
        pairs = np.stack([a[heads], c[heads]], axis=1)
        total, within = ballots(found, alpha, usable, pairs, first, b, run)
        voted = np.repeat(total, np.diff(first))
        share = np.where(voted > 0, within / np.maximum(voted, 1.0), share)
    p = np.repeat(found.pvalues(a[heads], c[heads]), np.diff(first))
    return Triples(a, b, c, share, p)


def ballots(
    found: Skeleton,
    alpha: float,
    usable: NDArray[np.uint8],
    pairs: Ints,
    first: Ints,
    middle: Ints,
    run: Run,
) -> tuple[Floats, Floats]:
    """For each pair the number of separating sets, and how many of them hold given nodes.

    Parameters
    ----------
    pairs : (m, 2), apart, ascending within each
    first, middle : (m + 1,), (t,)
        The nodes to look for in the sets of pair e are middle[first[e] : first[e + 1]], ascending.

    Returns
    -------
    (m,) and (t,); pairs that the budget does not reach have no sets.
    """
    from ..kernels.skeleton import votes

    tester, m = found.tester, len(pairs)
    alive = found.adjacent[found.pairs[:, 0], found.pairs[:, 1]].astype(np.uint8)
    start = np.zeros(len(usable) + 1, dtype=np.int64)
    near = np.empty(2 * len(alive), dtype=np.int64)
    lists = listed_of(found.pairs, alive, usable, start, near)
    total, within = np.zeros(m), np.zeros(len(middle))
    cut = tester.cut(alpha, found.largest)

    def part(begin: int, end: int, place: Ints, counted: Ints) -> int:
        return tester.call(
            votes, tester.gaussian, found.largest, begin, end, alpha, cut, tester.chunk, pairs,
            first, middle, *lists, total, within, place, counted, k=found.largest,
        )  # fmt: skip

    near_ends = np.diff(start)[pairs].max(axis=1).astype(np.float64)
    many = float((np.minimum(near_ends, 30.0) ** min(found.largest, 4)).sum())
    threaded = tester.compiled and many > MANY * tester.chunk
    stopped, tests = in_parts(part, m, found.largest + 2, run, "colliders", threaded)
    if stopped:
        found.complete = False
        total[stopped] = 0.0  # their votes are not all counted
    found.tests += tests
    return total, within


def _votes(
    found: Skeleton,
    tester: Tester,
    alpha: float,
    usable: NDArray[np.uint8],
    keys: Sequence[tuple[int, int]],
    run: Run,
) -> tuple[Floats, Floats]:
    """`ballots` for every node: (m,) and (m, d)."""
    m, d = len(keys), len(usable)
    first = np.arange(m + 1, dtype=np.int64) * d
    middle = np.tile(np.arange(d, dtype=np.int64), m)
    pairs = np.array(keys, dtype=np.int64).reshape(m, 2)
    total, within = ballots(found, alpha, usable, pairs, first, middle, run)
    return total, within.reshape(m, d)
