"""BIC of a linear Gaussian model, from moments."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ...core.errors import InputError
from ...core.source import Basis, Source
from ..environments import by_node
from .bound import KernelScore


@dataclass(frozen=True)
class GaussianBIC:
    """Gaussian log-likelihood less a penalty on the number of coefficients.

    For node v with q columns and parents with p columns, n rows:
    -n/2 log det(residual covariance) - penalty/2 log(n) q p, on standardised columns. Penalty 1 is
    the BIC of Schwarz (1978); 2, the default, suits searches over orders on many variables
    (Andrews et al. 2023; Wienoebst, Henckel and Weichwald 2026), where 1 adds false edges.

    Works on Moments. Where conditions have targets, node v is scored on the rows whose condition
    does not target v (Hauser and Buehlmann 2012).

    Parameters
    ----------
    penalty : float
    basis : Basis, optional
        Features of each column in place of the column itself.
    """

    penalty: float = 2.0
    basis: Basis | None = None

    def __post_init__(self) -> None:
        if not self.penalty > 0:
            raise InputError(f"penalty={self.penalty}: expected a positive number, such as 1 or 2")

    def on(self, source: Source, *, rng: np.random.Generator | None = None) -> KernelScore:
        """Bind to a source; correlations are computed once."""
        return gaussian_score(source, self.basis, self.penalty, "GaussianBIC")


def gaussian_score(source: Source, basis: Basis | None, penalty: float, asker: str) -> KernelScore:
    """Blocks of columns scored as by `GaussianBIC`."""
    from ...kernels.gaussian import gaussian_gains, gaussian_local
    from ...kernels.pivot import pivot_order

    found = by_node(source, basis, asker)
    d, p = len(found.which), found.matrices.shape[1]
    index = np.zeros((2, d + 1), dtype=np.int64)
    index[0], index[1, :d] = found.offsets, found.which
    return KernelScore(
        gaussian_local,
        gaussian_gains,
        found.matrices,
        index,
        np.append(found.rows, penalty),
        size=d,
        scratch=(p + 1) * (p + 1),
        start=pivot_order(found.matrices, index) if p == d else None,
    )
