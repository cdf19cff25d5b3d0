"""Fisher's z test of a vanishing partial correlation."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from ...core.missing import TestWise
from ...core.source import Source
from ..environments import by_pair, target_matrix
from .bound import KernelTest
from .corrected import CorrectedFisherZ


@dataclass(frozen=True)
class FisherZ:
    """Independence of jointly Gaussian variables by partial correlation.

    sqrt(n - |S| - 3) atanh(r) is compared with the standard normal; without that many rows the
    p-value is 1. Works on Moments; under `TestWise` every test uses the rows complete in its own
    columns, and with `TestWise(corrected=True)` is corrected for the columns that make these go
    missing (`CorrectedFisherZ`, the test of MVPC); where conditions have targets, the rows whose
    condition targets neither variable.

    Source: Fisher (1924); Anderson (2003), section 4.3.3.
    """

    testwise: ClassVar[bool] = True
    corrects: ClassVar[bool] = True

    def on(
        self, source: Source, *, rng: np.random.Generator | None = None
    ) -> KernelTest | CorrectedFisherZ:
        """Bind to a source; correlations are computed once."""
        from ...kernels.gaussian_tests import fisher_z

        policy = getattr(source, "missing", None)
        if isinstance(policy, TestWise) and source.has_missing:  # type: ignore[attr-defined]
            if policy.corrected:
                return CorrectedFisherZ.of(source)  # type: ignore[arg-type]
            return _by_rows(source)
        found = by_pair(source, None, "FisherZ")
        return KernelTest(fisher_z, found.matrices, found.which, found.rows, lambda k: (k + 2) ** 2)


def _by_rows(source: Source) -> KernelTest:
    from ...kernels.row_tests import fisher_z_rows

    matrix = source.matrix()  # type: ignore[attr-defined]
    layers = [matrix]
    targets = target_matrix(source)
    if targets is not None:
        layers.append(targets[source.environment].astype(np.float64))  # type: ignore[attr-defined]
    weights = getattr(source, "weights", None)
    return KernelTest(
        fisher_z_rows,
        np.ascontiguousarray(np.stack(layers)),
        np.zeros((1, 1), dtype=np.int64),
        np.ones(len(matrix)) if weights is None else np.array(weights, dtype=np.float64),
        lambda k: (k + 2) ** 2,
    )
