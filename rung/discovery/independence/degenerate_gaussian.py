"""A test for levels and numbers together: levels as indicators, all as if jointly Gaussian."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from ...core.source import Basis, Source
from ..basis import OneHot
from ..environments import by_pair
from .bound import KernelTest


@dataclass(frozen=True)
class DegenerateGaussian:
    """Likelihood-ratio test that two blocks of features are uncorrelated given others.

    Wilks's lambda of the partial canonical correlations, with Bartlett's correction, compared
    with chi-square on (columns of x)(columns of y) degrees of freedom. Needs rows, or moments of
    the features; under `TestWise` it uses the rows complete in all columns.

    Parameters
    ----------
    basis : Basis
        `OneHot()`: a continuous column is its own feature.

    Source: Andrews, Ramsey and Cooper (2019); Anderson (2003), section 12.4.
    """

    basis: Basis = field(default_factory=OneHot)

    def on(self, source: Source, *, rng: np.random.Generator | None = None) -> KernelTest:
        """Bind to a source; correlations of the features are computed once."""
        from ...kernels.block_tests import blocks_independent

        found = by_pair(source, self.basis, "DegenerateGaussian")
        d, p = len(found.which), found.matrices.shape[1]
        index = np.zeros((d + 1, d + 1), dtype=np.int64)
        index[:d, :d], index[d] = found.which, found.offsets
        length = (p + 1) * (p + 1)
        return KernelTest(blocks_independent, found.matrices, index, found.rows, lambda k: length)
