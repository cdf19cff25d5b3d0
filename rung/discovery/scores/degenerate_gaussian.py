"""BIC for levels and numbers together: levels as indicators, all as if jointly Gaussian."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from ...core.errors import InputError
from ...core.source import Basis, Source
from ..basis import OneHot
from .bound import KernelScore
from .gaussian_bic import gaussian_score


@dataclass(frozen=True)
class DegenerateGaussianBIC:
    """`GaussianBIC` over features: each level but the first is an indicator column.

    Parameters
    ----------
    penalty : float
        As in `GaussianBIC`; 1 by default, as published.
    basis : Basis

    Source: Andrews, Ramsey and Cooper (2019).
    """

    penalty: float = 1.0
    basis: Basis = field(default_factory=OneHot)

    def __post_init__(self) -> None:
        if not self.penalty > 0:
            raise InputError(f"penalty={self.penalty}: expected a positive number, such as 1 or 2")

    def on(self, source: Source, *, rng: np.random.Generator | None = None) -> KernelScore:
        """Bind to a source; needs rows, or moments of the features."""
        return gaussian_score(source, self.basis, self.penalty, "DegenerateGaussianBIC")
