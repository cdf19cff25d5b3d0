"""A score bound to arrays that a kernel reads."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...core.protocols import BoundScore

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class KernelScore:
    """A compiled score with its arrays; see `rung.kernels.signatures`.

    Parameters
    ----------
    size : int
        Number of nodes.
    scratch : int
        Length of the scratch space.
    start : (d,) int64, optional
        An order of the nodes to begin a search with.
    """

    local_function: Any
    gains_function: Any
    F: Floats
    I: NDArray[np.int64]
    P: Floats
    size: int
    scratch: int
    start: NDArray[np.int64] | None = None

    @cached_property
    def _work(self) -> Floats:
        return np.empty(self.scratch)

    def local(self, node: int, parents: Sequence[int]) -> float:
        """Score of one node given its parents."""
        given = np.array(parents, dtype=np.int64)
        out = self.local_function(int(node), given, len(given), self.F, self.I, self.P, self._work)
        return float(out)

    def gains(self, node: int, parents: Sequence[int], candidates: Sequence[int]) -> Floats:
        """Gain (m,) of adding each candidate to the parents."""
        given = np.zeros(self.size, dtype=np.int64)
        given[: len(parents)] = parents
        chosen = np.asarray(candidates, dtype=np.int64)
        allowed = np.zeros(self.size, dtype=np.uint8)
        allowed[chosen] = 1
        out = np.zeros(self.size)
        base = self.gains_function(
            int(node), given, len(parents), allowed, out, self.F, self.I, self.P, self._work
        )
        return np.asarray(out[chosen] - base)


def functions_of(bound: BoundScore) -> tuple[Any, ...]:
    """(gains, local, F, I, P, W) that a kernel takes, of any bound score.

    A score that is not compiled is called back, by kernels run as plain Python.
    """
    if isinstance(bound, KernelScore):
        arrays = (bound.F, bound.I, bound.P, np.empty(bound.scratch))
        return bound.gains_function, bound.local_function, *arrays

    def local(v: int, parents: Any, k: int, *_: Any) -> float:
        return bound.local(int(v), parents[:k].tolist())

    def gains(v: int, parents: Any, k: int, allowed: Any, out: Any, *_: Any) -> float:
        given = parents[:k].tolist()
        base = bound.local(int(v), given)
        candidates = np.nonzero(allowed)[0]
        out[candidates] = base + np.asarray(bound.gains(int(v), given, candidates.tolist()))
        return base

    empty = np.zeros((1, 1, 1))
    return gains, local, empty, np.zeros((1, 1), dtype=np.int64), empty[0, 0], empty[0, 0]
