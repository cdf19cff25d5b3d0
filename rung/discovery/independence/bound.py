"""A test bound to arrays that a kernel reads."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class KernelTest:
    """A compiled test with its arrays; see `rung.kernels.signatures`.

    `scratch(k)` is the length of the scratch space for sets of up to k variables; `rows` how many
    rows a test reads where the shapes of the arrays do not tell.
    """

    function: Any
    F: Floats
    I: NDArray[np.int64]
    P: Floats
    scratch: Callable[[int], int]
    rows: int | None = None

    def pvalues(self, x: ArrayLike, y: ArrayLike, given: ArrayLike) -> Floats:
        """p-values (m,) of x[i] independent of y[i] given the columns given[i], (m, k)."""
        from ...kernels.skeleton import batch

        first = np.ascontiguousarray(x, dtype=np.int64).ravel()
        second = np.ascontiguousarray(y, dtype=np.int64).ravel()
        sets = np.asarray(given, dtype=np.int64)
        sets = np.ascontiguousarray(sets.reshape(len(first), -1) if len(first) else sets)
        out = np.empty(len(first))
        if len(first):
            work = np.empty(self.scratch(sets.shape[1]))
            batch(self.function, first, second, sets, out, self.F, self.I, self.P, work)
        return out
