"""BIC of multinomial distributions given the parents' configuration."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ...core.errors import InputError
from ...core.source import Source
from ..codes import all_levels, coded
from .bound import KernelScore


@dataclass(frozen=True)
class DiscreteBIC:
    """Multinomial log-likelihood less penalty/2 log(n) (levels - 1)(parent configurations).

    All configurations count, seen or not, which makes the score equal on Markov equivalent
    graphs. Works on Data and Counts; where conditions have targets, node v is scored on the rows
    whose condition does not target v.

    Source: Schwarz (1978); Chickering (2002), section 2.
    """

    penalty: float = 1.0

    def __post_init__(self) -> None:
        if not self.penalty > 0:
            raise InputError(f"penalty={self.penalty}: expected a positive number, such as 1")

    def on(self, source: Source, *, rng: np.random.Generator | None = None) -> KernelScore:
        """Bind to a source; NeedsRows if it holds moments only."""
        from ...kernels.discrete_bic import discrete_gains, discrete_local

        all_levels(source, "DiscreteBIC")
        F, I, P = coded(source, "DiscreteBIC", penalty=(self.penalty,))
        scratch = max(1 << 16, 8 * len(P))
        return KernelScore(
            discrete_local, discrete_gains, F, I, P, size=len(source.names), scratch=scratch
        )
