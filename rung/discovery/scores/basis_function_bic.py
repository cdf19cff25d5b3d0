"""BIC of additive models: each variable on features of its parents."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from ...core.errors import InputError, NeedsRows
from ...core.moments import Moments
from ...core.source import Basis, Source
from ..basis import FitsFirst, NaturalSpline
from ..environments import by_node
from .bound import KernelScore
from .gaussian_bic import gaussian_score


@dataclass(frozen=True)
class BasisFunctionBIC:
    """Least squares of a variable on the features of its parents, less a penalty on coefficients.

    For a number v and parents whose features have p columns, n rows:
    -n/2 log(residual variance of v) - penalty/2 log(n) p, on standardised columns. That is the
    Gaussian likelihood of an additive model with additive noise, so in curved relations it tells
    cause from effect within an equivalence class. A variable with levels is scored through its
    indicators, as by `DegenerateGaussianBIC`.

    Works on Data, or on `data.moments(basis)`; bases read off the data are fixed first on all rows
    (`basis.fitted(data)`). Where conditions have targets, node v is scored on the rows whose
    condition does not target v.

    Parameters
    ----------
    penalty : float
    basis : Basis
        `NaturalSpline()`, `Legendre()`, or any whose first feature is the variable itself.
    joint : bool
        Score all features of a variable together given its parents', in place of the variable
        alone. This is the same for all graphs of an equivalence class.

    Source: Andrews, Ramsey and Cooper (2019), with basis functions as in Tetrad's "Basis Function
    BIC Score" (joint there, the equation of the variable alone as an option); Buehlmann, Peters
    and Ernest (2014), section 2, for the likelihood of the variable alone.
    """

    penalty: float = 1.0
    basis: Basis = field(default_factory=NaturalSpline)
    joint: bool = False

    def __post_init__(self) -> None:
        if not self.penalty > 0:
            raise InputError(f"penalty={self.penalty}: expected a positive number, such as 1 or 2")

    def on(self, source: Source, *, rng: np.random.Generator | None = None) -> KernelScore:
        """Bind to a source; NeedsRows for moments without features."""
        basis: Basis | None = self.basis
        if isinstance(source, Moments):
            if all(size == 1 for size in source.sizes):
                raise NeedsRows(
                    "BasisFunctionBIC needs moments of features, but only plain moments are at "
                    "hand. Compute them where the rows are: data.moments(rung.NaturalSpline())."
                )
            basis = None
        elif isinstance(basis, FitsFirst):
            basis = basis.fitted(source)
        if self.joint:
            return gaussian_score(source, basis, self.penalty, "BasisFunctionBIC")
        return _single(source, basis, self.penalty)


def _single(source: Source, basis: Basis | None, penalty: float) -> KernelScore:
    from ...kernels.additive import basis_gains, basis_local

    found = by_node(source, basis, "BasisFunctionBIC")
    d, p = len(found.which), found.matrices.shape[1]
    index = np.zeros((3, d + 1), dtype=np.int64)
    index[0], index[1, :d] = found.offsets, found.which
    sizes = np.diff(found.offsets)
    index[2, :d] = np.where([v.discrete for v in source.variables], sizes, 1)
    first = found.offsets[:-1]
    return KernelScore(
        basis_local,
        basis_gains,
        found.matrices,
        index,
        np.append(found.rows, penalty),
        size=d,
        scratch=(p + 1) * (p + 1),
        start=_start(found.matrices[0][np.ix_(first, first)]),
    )


def _start(C: NDArray[np.float64]) -> NDArray[np.int64]:
    """An order in which each variable is the one that lines of the earlier ones explain best.

    As `rung.kernels.pivot.pivot_order`.
    """
    d, strong = len(C), (C**2).sum(axis=0)
    L, left, order = np.zeros((d, d)), np.ones(d), np.zeros(d, dtype=np.int64)
    pair = np.unravel_index(np.abs(np.triu(C, 1)).argmax(), (d, d))
    best = int(max(pair, key=lambda i: strong[i]))
    for step in range(d):
        order[step] = best
        L[step] = (C[best] - L[:step, best] @ L[:step]) / np.sqrt(max(left[best], 1e-12))
        left = left - L[step] ** 2
        left[order[: step + 1]] = np.inf
        best = int(left.argmin())
    return order
