"""The Bayesian Dirichlet score with equal priors on equivalent graphs."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from ...core.errors import InputError
from ...core.source import Source
from ..codes import all_levels, coded
from .bound import KernelScore


@dataclass(frozen=True)
class BDeu:
    """Log marginal likelihood of levels under uniform Dirichlet priors, and a prior on edges.

    For node v with r levels and parents with q configurations, Dirichlet parameters
    size / (q r). Each possible parent is one with probability parents / (d - 1), which adds
    log odds of that for every parent; equal on Markov equivalent graphs. Works on Data and Counts;
    where conditions have targets, node v is scored on the rows whose condition does not target v.

    Parameters
    ----------
    size : float
        Equivalent sample size: the weight of the prior, in rows. Larger values add edges
        (Silander, Kontkanen and Myllymaki 2007).
    parents : float, optional
        Expected number of parents of a node; None weighs all graphs alike.

    Source: Heckerman, Geiger and Chickering (1995), eq. 35 with Buntine's (1991) parameters.
    """

    size: float = 1.0
    parents: float | None = 1.0

    def __post_init__(self) -> None:
        if not self.size > 0:
            raise InputError(f"size={self.size}: expected a positive number of rows, such as 1")
        if self.parents is not None and not self.parents > 0:
            raise InputError(f"parents={self.parents}: expected a positive number or None")

    def on(self, source: Source, *, rng: np.random.Generator | None = None) -> KernelScore:
        """Bind to a source; NeedsRows if it holds moments only."""
        from ...kernels.bdeu import bdeu_gains, bdeu_local

        all_levels(source, "BDeu")
        d = len(source.names)
        penalty = 0.0
        if self.parents is not None and d > 1:
            share = min(self.parents / (d - 1), 0.5)  # more than even odds would reward edges
            penalty = math.log((1.0 - share) / share)
        F, I, P = coded(source, "BDeu", penalty=(self.size, penalty))
        scratch = max(1 << 16, 8 * len(P))
        return KernelScore(bdeu_local, bdeu_gains, F, I, P, size=d, scratch=scratch)
