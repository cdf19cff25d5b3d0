"""The skeleton by tests of growing size, whatever the order of the columns (PC-stable)."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..core.budget import Run
from ..core.protocols import BoundTest
from .independence.bound import KernelTest
from .ties import Groups, thin

Bool = NDArray[np.bool_]
CHUNK = 20_000  # tests between two looks at the clock


@dataclass(eq=False)
class Skeleton:
    """What the tests left.

    Parameters
    ----------
    adjacent : (d, d) bool
    separators : {(i, j): set}, i < j
        The set that separated a pair.
    p : (d, d) float64
        Largest p-value of any test of the pair: for an edge, how close it came to removal.
    tests, largest : int
        Tests made, and the size of the largest set that was used.
    complete : bool
        False if the budget ran out.
    """

    adjacent: Bool
    p: NDArray[np.float64]
    separators: dict[tuple[int, int], frozenset[int]] = field(default_factory=dict)
    tests: int = 0
    largest: int = 0
    complete: bool = True


@dataclass(frozen=True, eq=False)
class Tester:
    """A bound test as the kernels want it: compiled, or any object with `pvalues`."""

    function: Any
    F: NDArray[np.float64]
    I: NDArray[np.int64]
    P: NDArray[np.float64]
    scratch: Any
    compiled: bool
    chunk: int

    @classmethod
    def of(cls, bound: BoundTest) -> Tester:
        """The test's own kernel, or a plain function over its p-values."""
        if isinstance(bound, KernelTest):
            rows = max(1, bound.F.shape[1] * (bound.F.shape[1] != bound.F.shape[2]))
            rows = max(rows, bound.I.shape[1] // 8)
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
    together.
    """
    d = len(required)
    out = Skeleton(~(forbidden & forbidden.T), np.zeros((d, d)))
    np.fill_diagonal(out.adjacent, False)
    thin(out.adjacent, groups)
    fixed = required | required.T
    usable = np.ascontiguousarray(~forbidden).astype(np.uint8)
    size = 0
    while out.complete and (largest is None or size <= largest):
        edges = np.argwhere(np.triu(out.adjacent & ~fixed))
        degree = (out.adjacent & (usable > 0)).sum(axis=0)
        if size > 0 and not (degree[edges].max(axis=1, initial=0) > size - 1).any():
            break
        if size > 0 and not _any_set(out.adjacent & (usable > 0), edges, size):
            break
        out.largest = size
        _level(out, tester, alpha, size, np.ascontiguousarray(edges, dtype=np.int64), usable, run)
        thin(out.adjacent, groups)
        size += 1
    return out


def _any_set(near: Bool, edges: NDArray[np.intp], size: int) -> bool:
    """True if some edge has a set of that size among the neighbours of either end."""
    i, j = edges[:, 0], edges[:, 1]
    count = near.sum(axis=0)
    return bool(((count[i] - near[j, i] >= size) | (count[j] - near[i, j] >= size)).any())


def _level(
    out: Skeleton,
    tester: Tester,
    alpha: float,
    k: int,
    edges: NDArray[np.int64],
    usable: NDArray[np.uint8],
    run: Run,
) -> None:
    from ..kernels.skeleton import level

    m = len(edges)
    before = np.ascontiguousarray(out.adjacent).astype(np.uint8)
    separator = np.zeros((m, max(k, 1)), dtype=np.int64)
    p, gone = np.zeros(m), np.zeros(m, dtype=np.uint8)
    counted = np.zeros(1, dtype=np.int64)
    begin = 0
    while begin < m:
        if run.spent:
            out.complete = False
            break
        begin = tester.call(
            level, k, begin, alpha, tester.chunk, edges, before, usable, separator, p, gone,
            counted, k=k,
        )  # fmt: skip
        run.tick(begin / max(m, 1), f"tests given {k}")
    out.tests += int(counted[0])
    i, j = edges[:, 0], edges[:, 1]
    out.p[i, j] = out.p[j, i] = np.maximum(out.p[i, j], p)
    for e in np.nonzero(gone)[0].tolist():
        a, b = int(i[e]), int(j[e])
        out.adjacent[a, b] = out.adjacent[b, a] = False
        out.separators[a, b] = frozenset(separator[e, :k].tolist())
