"""Extended BIC of a linear Gaussian model: sparser graphs where variables are many."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ...core.data import Data
from ...core.errors import InputError
from ...core.source import Basis, Source
from .bound import KernelScore
from .gaussian_bic import gaussian_score


@dataclass(frozen=True)
class GaussianEBIC:
    """Gaussian log-likelihood less (log(n)/2 + 2 gamma log(d)) for each coefficient.

    Half the extended BIC -2 l + |E| (log n + 4 gamma log d), a coefficient in place of an edge;
    d is the number of variables of the source, n its rows. It is `GaussianBIC` with penalty
    1 + 4 gamma log(d) / log(n), so it is BIC at gamma 0 and grows stricter with d.

    Works on Moments. Where conditions have targets, node v is scored on the rows whose condition
    does not target v; log(n) then counts all rows.

    Parameters
    ----------
    gamma : float
        0.5 by default, as in the source's simulations.
    basis : Basis, optional
        Features of each column in place of the column itself.

    Source: Foygel and Drton (2010), section 1; Chen and Chen (2008).
    """

    gamma: float = 0.5
    basis: Basis | None = None

    def __post_init__(self) -> None:
        if not 0 <= self.gamma <= 1:
            raise InputError(f"gamma={self.gamma}: expected a number from 0 to 1, such as 0.5")

    def on(self, source: Source, *, rng: np.random.Generator | None = None) -> KernelScore:
        """Bind to a source; correlations are computed once."""
        d = max(len(source.names), 1)
        n: float = source.n
        if isinstance(source, Data) and source.has_missing:  # rows that the policy leaves
            n = source.moments(asker="GaussianEBIC").weight
        penalty = 1.0 + 4.0 * self.gamma * float(np.log(d)) / float(np.log(max(n, 3)))
        return gaussian_score(source, self.basis, penalty, "GaussianEBIC")
