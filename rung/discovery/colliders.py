"""Rules that decide which unshielded triples are colliders."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from itertools import combinations
from typing import NamedTuple

import numpy as np

from ..core.budget import Run
from .skeleton import Skeleton, Tester


class Triple(NamedTuple):
    """a - b - c with a and c apart; `share` of the sets that separate a and c hold b."""

    a: int
    b: int
    c: int
    share: float
    p: float


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
    found: Skeleton, tester: Tester, alpha: float, usable: np.ndarray, rule: ColliderRule, run: Run
) -> list[Triple]:
    """Every unshielded triple with the share of separating sets that hold its middle.

    A pair that knowledge keeps apart was never tested: all its triples are left out. Sets of up
    to the size that the skeleton needed are looked at.
    """
    pairs: dict[tuple[int, int], list[int]] = {}
    for b in range(len(found.adjacent)):
        for a, c in combinations(np.nonzero(found.adjacent[b])[0].tolist(), 2):
            if not found.adjacent[a, c] and (a, c) in found.separators:
                pairs.setdefault((a, c), []).append(b)
    keys = sorted(pairs)
    counts = _votes(found, tester, alpha, usable, keys, run) if rule.every and keys else None
    out = []
    for e, (a, c) in enumerate(keys):
        separator = found.separators[a, c]
        for b in pairs[a, c]:
            if counts is not None and counts[0][e] > 0:
                share = float(counts[1][e, b] / counts[0][e])
            else:
                share = float(b in separator)
            out.append(Triple(a, b, c, share, float(found.p[a, c])))
    return out


def _votes(
    found: Skeleton,
    tester: Tester,
    alpha: float,
    usable: np.ndarray,
    keys: list[tuple[int, int]],
    run: Run,
) -> tuple[np.ndarray, np.ndarray]:
    from ..kernels.skeleton import votes

    pairs = np.array(keys, dtype=np.int64)
    adjacent = np.ascontiguousarray(found.adjacent).astype(np.uint8)
    total, within = np.zeros(len(keys)), np.zeros((len(keys), len(adjacent)))
    counted = np.zeros(1, dtype=np.int64)
    begin = 0
    while begin < len(keys):
        if run.spent:
            found.complete = False
            break
        begin = tester.call(
            votes, found.largest, begin, alpha, tester.chunk, pairs, adjacent, usable, total,
            within, counted, k=found.largest,
        )  # fmt: skip
        run.tick(begin / len(keys), "colliders")
    found.tests += int(counted[0])
    return total, within
