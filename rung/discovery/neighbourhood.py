"""The neighbourhood of one column, found without looking at the pairs of all others."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from ..core.budget import Run
from ..core.data import Data
from ..core.knowledge import Knowledge
from ..core.protocols import CITest
from ..core.source import Source
from .inspection import independent
from .skeleton import APART, BY_SET, FIXED, MARGINAL, OPEN, Skeleton, Tester, skeleton

Bool = NDArray[np.bool_]
Floats = NDArray[np.float64]
CHUNK = 128  # columns that are tested against one at a time


@dataclass(frozen=True, eq=False)
class Around:
    """What is next to a column.

    Parameters
    ----------
    near : frozenset of int
        Columns that no set separated from it.
    separators : {column: set}
        What separated those that depend on it; for all others tested it is the empty set.
    p : {column: float}
        Largest p-value of the columns that depend on it.
    """

    near: frozenset[int]
    separators: dict[int, frozenset[int]]
    p: dict[int, float]


@dataclass(eq=False)
class Explorer:
    """Looks at columns one after another, and remembers.

    A column is tested against each other one, and those that depend on it given growing sets of
    their own kind (the one-sided half of PC-stable; Buehlmann, Kalisch and Maathuis 2010, algorithm
    1). What is left holds every neighbour, and descendants that no set of neighbours separates:
    two columns are adjacent if each is left beside the other.
    """

    source: Source
    test: CITest
    alpha: float
    knowledge: Knowledge
    largest: int | None
    run: Run
    seed: int
    seen: dict[int, Around] = field(default_factory=dict)
    tests: int = 0
    deepest: int = 0

    @cached_property
    def names(self) -> tuple[str, ...]:
        """Names of all columns."""
        return self.source.names

    @cached_property
    def scaled(self) -> Floats | None:
        """(n, d) standardised columns where Fisher's z on all rows is the test, else None.

        Then the correlations of one column with all others are one product.
        """
        source = self.source
        if not isinstance(source, Data) or source.weights is not None or source.has_missing:
            return None
        tester = self.bound(list(range(min(2, source.d))))
        if not tester.gaussian or len(tester.F) > 1:
            return None
        x = source.rows()
        x = x - x.mean(axis=0)
        size = np.sqrt((x * x).sum(axis=0))
        return np.asarray(x / np.where(size > 0, size, np.inf))

    def bound(self, columns: list[int]) -> Tester:
        """The test on some columns only."""
        part = self.source.select([self.names[j] for j in columns])
        return Tester.of(self.test.on(part, rng=np.random.default_rng(self.seed)))

    def matrices(self, columns: list[int]) -> tuple[Bool, Bool]:
        """Required and forbidden arrows among some columns."""
        names = [self.names[j] for j in columns]
        return self.knowledge.within(names).matrices(names)

    def look(self, x: int) -> None:
        """Find what is around column x; nothing is remembered if the budget ends before."""
        dependent = self._dependent(x)
        if dependent is None:
            return
        columns = sorted({x, *dependent})
        names = [self.names[j] for j in columns]
        independent(self.source.select(names))
        at, k = columns.index(x), len(columns)
        star = np.zeros((k, k), dtype=np.bool_)
        star[at] = star[:, at] = True
        required, forbidden = self.matrices(columns)
        found = skeleton(
            self.bound(columns), self.alpha, required & star, forbidden | ~star,
            largest=self.largest, run=self.run,
        )  # fmt: skip
        self.tests += found.tests
        self.deepest = max(self.deepest, found.largest)
        if not found.complete:
            return
        ends = [(min(at, i), max(at, i)) for i in range(k) if i != at]
        other = [i + j - at for i, j in ends]
        low, high = (
            (np.array(e, dtype=np.int64) for e in zip(*ends, strict=True))
            if ends
            else (np.empty(0, dtype=np.int64), np.empty(0, dtype=np.int64))
        )
        p = found.pvalues(low, high)
        separators = found.separators
        self.seen[x] = Around(
            frozenset(columns[o] for o in other if found.adjacent[at, o]),
            {
                columns[o]: frozenset(columns[s] for s in separators[pair])
                for o, pair in zip(other, ends, strict=True)
                if pair in separators
            },
            {columns[o]: float(value) for o, value in zip(other, p, strict=True)},
        )

    def _dependent(self, x: int) -> list[int] | None:
        """Columns that depend on x without conditions, or are required beside it."""
        d = len(self.names)
        if self.scaled is not None and not self.knowledge:
            r = self.scaled.T @ self.scaled[:, x]
            cut = self.bound([x]).cut(self.alpha, 0)[0, 0]
            self.tests += d - 1
            return [j for j in np.flatnonzero(r * r >= cut).tolist() if j != x]
        out: list[int] = []
        for begin in range(0, d, CHUNK):
            if self.run.spent:
                return None
            others = [j for j in range(begin, min(begin + CHUNK, d)) if j != x]
            columns = [x, *others]
            required, forbidden = self.matrices(columns)
            kept = required[0, 1:] | required[1:, 0]
            asked = np.flatnonzero(~kept & ~(forbidden[0, 1:] & forbidden[1:, 0]))
            p = self._marginal(columns, asked)
            self.tests += len(asked)
            kept[asked[p <= self.alpha]] = True
            out += [others[i] for i in np.flatnonzero(kept).tolist()]
            self.run.tick(begin / d, f"columns that depend on {self.names[x]}")
        return out

    def _marginal(self, columns: list[int], asked: NDArray[np.intp]) -> Floats:
        """p-values of the first column against those numbered `asked` among the rest."""
        part = self.source.select([self.names[j] for j in columns])
        bound = self.test.on(part, rng=np.random.default_rng(self.seed))
        first = np.zeros(len(asked), dtype=np.int64)
        nothing = np.empty((len(asked), 0), dtype=np.int64)
        return np.asarray(bound.pvalues(first, asked.astype(np.int64) + 1, nothing))

    def adjacent(self, x: int, y: int) -> bool:
        """Whether two columns that were looked at are neighbours."""
        return y in self.seen[x].near and x in self.seen[y].near

    def region(self, columns: list[int]) -> Skeleton:
        """The skeleton over some columns, those looked at and others known only by knowledge."""
        k = len(columns)
        required, forbidden = self.matrices(columns)
        status = np.full((k, k), APART, dtype=np.uint8)
        marginal, rows = np.zeros((k, k)), []
        for i, x in enumerate(columns):
            for j in range(i + 1, k):
                y, members, p = columns[j], frozenset[int](), 0.0
                if required[i, j] or required[j, i]:
                    kind = FIXED
                elif x not in self.seen or y not in self.seen or forbidden[i, j] & forbidden[j, i]:
                    continue
                elif self.adjacent(x, y):
                    kind, p = OPEN, max(self.seen[x].p[y], self.seen[y].p[x])
                else:
                    members, p = self._separator(x, y)
                    kind = BY_SET if members else MARGINAL
                status[i, j] = status[j, i] = kind
                marginal[i, j] = p
                if kind != MARGINAL:
                    inside = [columns.index(s) for s in sorted(members) if s in self.seen]
                    rows.append((i, j, len(inside) if kind == BY_SET else -1, inside, p))
        out = Skeleton(status, (status == OPEN) | (status == FIXED), self.bound(columns))
        width = max((len(r[3]) for r in rows), default=0)
        out.pairs = np.array([r[:2] for r in rows], dtype=np.int64).reshape(-1, 2)
        out.size = np.array([r[2] for r in rows], dtype=np.int64)
        out.sets = np.array(
            [r[3] + [0] * (width - len(r[3])) for r in rows], dtype=np.int64
        ).reshape(len(rows), width)
        out.top = np.array([r[4] for r in rows], dtype=np.float64)
        out.marginal, out.largest = marginal, self.deepest
        return out

    def _separator(self, x: int, y: int) -> tuple[frozenset[int], float]:
        """The smaller of the sets that separated two columns, and its p-value."""
        found = []
        for a, b in ((x, y), (y, x)):
            if b not in self.seen[a].near:
                # a column that does not depend on a without conditions was not asked further
                p = self.seen[a].p.get(b, 1.0)
                found.append((self.seen[a].separators.get(b, frozenset()), p))
        return min(found, key=lambda f: (len(f[0]), sorted(f[0])))
