"""The G-test of independence on contingency tables."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ...core.data import Data
from ...core.moments import Counts
from ...core.source import Source
from ..codes import all_levels, coded
from .bound import KernelTest


@dataclass(frozen=True)
class G2:
    """Likelihood-ratio test of independence of levels within the strata of the condition.

    2 sum N log(N expected^-1) is compared with chi-square; a stratum adds (levels of x that occur
    in it - 1)(levels of y that occur in it - 1) degrees of freedom, so that structural zeros do
    not count. Works on Data, Counts and any Source that makes tables on demand; under `TestWise`
    every test uses the rows complete in its own columns; where conditions have targets, the rows
    whose condition targets neither variable.

    Source: Spirtes, Glymour and Scheines (2000), section 5.5; Bishop, Fienberg and Holland (1975).
    """

    testwise: ClassVar[bool] = True

    def on(
        self, source: Source, *, rng: np.random.Generator | None = None
    ) -> KernelTest | TableTest:
        """Bind to a source; NeedsRows if it holds moments only."""
        all_levels(source, "G2")
        if not isinstance(source, Data | Counts):
            return TableTest(source)
        from ...kernels.g2 import g2

        F, I, P = coded(source, "G2", testwise=True)
        length = max(1 << 16, 4 * len(P))
        return KernelTest(g2, F, I, P, lambda k: length)


@dataclass(frozen=True, eq=False)
class TableTest:
    """The same test on tables that a source makes when asked."""

    source: Source

    def pvalues(self, x: ArrayLike, y: ArrayLike, given: ArrayLike) -> NDArray[np.float64]:
        """p-values (m,) of x[i] independent of y[i] given the columns given[i], (m, k)."""
        first, second = np.atleast_1d(np.asarray(x)), np.atleast_1d(np.asarray(y))
        sets = np.asarray(given, dtype=np.int64).reshape(len(first), -1)
        names = self.source.names
        out = np.empty(len(first))
        for i, row in enumerate(sets.tolist()):
            picked = [names[int(first[i])], names[int(second[i])], *(names[s] for s in row)]
            bound = G2().on(self.source.table(picked, asker="G2"))
            assert isinstance(bound, KernelTest)
            out[i] = bound.pvalues([0], [1], [list(range(2, len(picked)))])[0]
        return out
