"""Likelihood-ratio test for levels and numbers: a Gaussian in each cell of the levels."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ...core.source import Source
from ..codes import coded
from .bound import KernelTest


@dataclass(frozen=True)
class ConditionalGaussian:
    """Independence in mixed data by the likelihood ratio of conditional Gaussian distributions.

    A set of variables has a Gaussian of its continuous members in each cell of its discrete ones,
    l is its log-likelihood, and 2 [l(x, y, S) - l(x, S) - l(y, S) + l(S)] is compared with
    chi-square on as many degrees of freedom as parameters vanish. The ratio is first scaled by
    its exact expectation for Gaussian cells of the sizes at hand, so that small cells do not
    reject too often. If some cell has fewer rows than twice the continuous variables plus 4, all
    cells share one covariance matrix.

    Exact in its model: numbers that are linear with Gaussian noise in each cell of their discrete
    parents. Two discrete variables given a number that causes them are outside the model, and so
    is a number far from Gaussian in a cell: see docs/families/discovery-tests.md. Needs rows; under
    `TestWise` those complete in all columns; where conditions have targets, the rows whose
    condition targets neither variable.

    Source: Andrews, Ramsey and Cooper (2018), sections 3 and 5; Anderson (2003), section 7.5, for
    the expectation.
    """

    def on(self, source: Source, *, rng: np.random.Generator | None = None) -> KernelTest:
        """Bind to a source; NeedsRows if it holds moments only."""
        from ...kernels.mixed import conditional_gaussian_test

        F, I, P = coded(source, "ConditionalGaussian")
        return KernelTest(conditional_gaussian_test, F, I, P, lambda k: 1)
