"""BIC of conditional Gaussian distributions: a Gaussian in each cell of the levels."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ...core.errors import InputError
from ...core.source import Source
from ..codes import coded
from .bound import KernelScore


@dataclass(frozen=True)
class ConditionalGaussianBIC:
    """Mixed data: log-likelihood of (node, parents) less that of the parents, penalised.

    A set of variables has a Gaussian of its continuous members in each cell of its discrete
    ones; cells with few rows share one covariance. Needs rows.

    Source: Andrews, Ramsey and Cooper (2018), section 3.
    """

    penalty: float = 1.0

    def __post_init__(self) -> None:
        if not self.penalty > 0:
            raise InputError(f"penalty={self.penalty}: expected a positive number, such as 1")

    def on(self, source: Source, *, rng: np.random.Generator | None = None) -> KernelScore:
        """Bind to a source; NeedsRows if it holds moments only."""
        from ...kernels.conditional_gaussian import mixed_gains, mixed_local

        F, I, P = coded(source, "ConditionalGaussianBIC", penalty=(self.penalty,))
        return KernelScore(mixed_local, mixed_gains, F, I, P, size=len(source.names), scratch=1)
