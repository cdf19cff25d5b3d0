"""Partial correlation of ranks, for relations that are monotone."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from ...core.data import Data
from ...core.errors import InputError, NeedsRows
from ...core.missing import need_finite
from ...core.result import lock
from ...core.source import Source
from ...core.variable import Kind, Variable
from ...inference.ranks import normal_scores
from .bound import KernelTest
from .fisher_z import FisherZ


@dataclass(frozen=True)
class PartialRank:
    """Fisher's z of the partial correlation of normal scores: monotone relations, any margins.

    Every column is replaced by the normal quantile of its rank (van der Waerden's scores), ties
    sharing their mean rank. Where some monotone transformation of each column makes all jointly
    Gaussian, partial correlations of the scores vanish exactly where columns are conditionally
    independent, and sqrt(n - |S| - 3) atanh(r) is standard normal: the factor is 1, not the 1.06
    of Spearman's coefficient, whose partial form is not 0 under conditional independence. As
    fast as `FisherZ`, whose kernel it runs.

    Needs rows. Binary and ordinal columns are ranked by their codes; a category of more than two
    levels has no order and is refused. `TestWise` and targets of conditions as in `FisherZ`, with
    ranks among all rows.

    Source: Liu, Lafferty and Wasserman (2009); Harris and Drton (2013), for the test in PC;
    Fieller, Hartley and Pearson (1957), for the factors.
    """

    testwise: ClassVar[bool] = True

    def on(self, source: Source, *, rng: np.random.Generator | None = None) -> KernelTest:
        """Bind to a source; ranks and correlations are computed once.

        Raises
        ------
        NeedsRows
            The source holds none.
        InputError
            A category of more than two levels, or cells that are not finite.
        """
        unordered = [v for v in source.variables if v.kind is Kind.CATEGORICAL and v.size > 2]
        if unordered:
            raise InputError(
                f"PartialRank ranks values, but the levels of {unordered[0].name!r} have no order; "
                "use DegenerateGaussian or ConditionalGaussian, or read the column as ordinal"
            )
        bound = FisherZ().on(scored(source))
        assert isinstance(bound, KernelTest)  # no cell of the scores is missing
        return bound


def scored(source: Source) -> Data:
    """Data with normal scores in place of every column, codes included."""
    if not isinstance(source, Data):
        try:
            data = Data.from_matrix(source.rows(asker="PartialRank"), source.names)
        except NeedsRows:
            raise NeedsRows(
                f"PartialRank ranks rows, which a {type(source).__name__} does not hold; use "
                "FisherZ on it, or pass the Data themselves"
            ) from None
    else:
        data = source
    matrix = data.matrix()
    need_finite(np.where(np.isnan(matrix), 0.0, matrix), data.names, "PartialRank")
    columns = {name: lock(normal_scores(matrix[:, j])) for j, name in enumerate(data.names)}
    kinds = tuple(v if not v.discrete else Variable(v.name) for v in data.variables)
    return data.replacing(described=kinds, columns=columns)
