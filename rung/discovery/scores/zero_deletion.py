"""A Gaussian score on the rows where no parent is zero: dropouts in expression data."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ...core.errors import InputError
from ...core.protocols import BoundScore
from ...core.source import Source
from ..zeros import data_of, free_rows, kernel_arrays, scratch, zeros
from .bound import KernelScore
from .gaussian_bic import GaussianBIC


@dataclass(frozen=True)
class ZeroDeletionBIC:
    """The BIC of `GaussianBIC`, made of partial correlations on rows without a zero in a parent.

    What c adds to node v given the parents S is judged by their partial correlation r on the m
    rows without a zero in S, c and v: the BIC of these rows, brought to all n rows,
    -n/2 log(1 - r^2) - (n/m) penalty/2 log(n). Its sign is that of a test on the m rows; it is
    negative if m <= |S| + 3.

    The score of v given a set is the least sum of such terms over all orders of the set (over six
    parents the weakest comes last). So it depends on the set alone, and adding c never raises the
    score by more than the term of c given the parents: a variable that they separate from v is
    not added in large samples, whichever rows it takes along. One regression for each set on the
    rows of that set lacks this property. Without zeros all orders agree, and it is `GaussianBIC`.
    With zeros it is no likelihood: terms in other orders rest on other rows, DAGs of one class may
    score differently, and a search has no guarantee beyond that of the single terms: `GES`
    and `BOSS` end, but `XGES` and `GES(turning=True)` may go in circles, so give them a budget.

    Targets of conditions as in `GaussianBIC`; needs rows.

    Parameters
    ----------
    penalty : float
        As in `GaussianBIC`; 1 judges a single edge about as Fisher's z at level 0.01 does.
    zero : float
        The value that stands for "not seen", to be met exactly. Only numbers and counts have it.
    ends : bool
        Leave out the zeros of v and c, too. False keeps them, as the authors' search does: more
        rows, on which dependence is weaker, by how much depends on both variables, so that the
        terms of a set add up less well.

    Source: after the search of Dai, Ng, Luo, Spirtes, Stojanov and Zhang (2024), section 4.2, whose
    terms are BIC differences of zero-deleted partial correlations; there r is turned into the
    correlation with the same Fisher statistic on n rows, which weighs terms by m.
    """

    penalty: float = 2.0
    zero: float = 0.0
    ends: bool = True

    def __post_init__(self) -> None:
        if not self.penalty > 0:
            raise InputError(f"penalty={self.penalty}: expected a positive number, such as 1 or 2")
        if not np.isfinite(self.zero):
            raise InputError(f"zero={self.zero}: expected a finite number, usually 0")

    def on(self, source: Source, *, rng: np.random.Generator | None = None) -> BoundScore:
        """Bind to a source with rows.

        Raises
        ------
        NeedsRows
            The source holds none.
        MissingCells
            Cells are missing and no policy was declared.
        InputError
            Cells that are not finite, or a node that every condition targets.
        """
        data = data_of(source, "ZeroDeletionBIC")
        gone = zeros(data, self.zero)
        plain = GaussianBIC(self.penalty).on(data)
        if not gone.any():
            return plain
        from ...kernels.zero_deletion import zero_deletion_gains, zero_deletion_local

        end = ~gone if self.ends else np.ones_like(gone)
        free = free_rows(data)
        F, I, P = kernel_arrays(data, end if free is None else end & free, end, ~gone)
        rows = plain.P[:-1][plain.I[1, :-1]]
        return KernelScore(
            zero_deletion_local,
            zero_deletion_gains,
            F,
            I,
            np.concatenate([P, rows, [self.penalty]]),
            size=data.d,
            scratch=scratch(data.n, data.d),
        )
