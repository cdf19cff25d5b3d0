"""Declared policies for missing cells; without one, a verb that meets missing cells refuses."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from .errors import InputError, MissingCells, NotSupported
from .variable import Kind

if TYPE_CHECKING:
    from .data import Data
    from .moments import Moments
    from .source import Basis


class MissingPolicy(ABC):
    """What the user declared about missing cells."""

    @abstractmethod
    def apply(self, data: Data) -> Data:
        """Data that a verb which needs complete rows may use."""

    @property
    @abstractmethod
    def statement(self) -> str:
        """The policy and its assumption in one sentence, for the report."""

    @property
    def cites(self) -> tuple[str, ...]:
        """Keys of the works behind it, beside those of the learner."""
        return ()


@dataclass(frozen=True)
class CompleteCases(MissingPolicy):
    """Drop every row with a missing cell in the columns that are used.

    Unbiased if cells are missing completely at random, or if missingness depends only on
    columns that the model conditions on (Little and Rubin 2019, section 3.2).
    """

    def apply(self, data: Data) -> Data:
        keep = ~data.mask.any(axis=1)
        if not keep.any():
            raise MissingCells(
                "no row is complete: complete-case analysis has nothing to work on. "
                "Leave out the columns with most missing cells."
            )
        return data.take(np.flatnonzero(keep))

    @property
    def statement(self) -> str:
        return (
            "rows with a missing cell in a column that is used were left out; this assumes "
            "that being missing does not depend on the values that are missing"
        )


@dataclass(frozen=True)
class TestWise(MissingPolicy):
    """Discovery: each test drops only the rows that are incomplete in its own columns.

    Elsewhere it acts as `CompleteCases` on the columns in use (Strobl, Visweswaran and
    Spirtes 2018).

    Parameters
    ----------
    corrected : bool
        Correct tests whose columns go missing because of other variables (MVPC, Tu et al. 2019);
        such missingness may then depend on values of columns, only not on those of the column
        itself that is missing.
    """

    corrected: bool = False

    __test__ = False  # not a test, whatever its name says to pytest

    def apply(self, data: Data) -> Data:
        return CompleteCases().apply(data)

    @property
    def cites(self) -> tuple[str, ...]:
        return ("tu2019",) if self.corrected else ()

    @property
    def statement(self) -> str:
        if self.corrected:
            return (
                "each independence test used the rows complete in its own columns, corrected for "
                "the variables that make these columns go missing; this assumes that no column "
                "goes missing because of its own value"
            )
        return (
            "each independence test used the rows complete in its own columns; this assumes "
            "that being missing does not depend on the values that are missing"
        )


@dataclass(frozen=True)
class EM(MissingPolicy):
    """Use every row: what is missing is replaced by what the rest of its row says about it.

    Discovery on moments uses those that a joint Gaussian expects, fitted by EM; `MissDAG` makes
    the graph part of it. Fitting draws missing cells from the model that is being fitted; an
    effect is the mean over such completed tables, with Rubin's rules for its interval. Right
    where cells are missing at random: given what is seen of a row, which of its cells are missing
    does not depend on their values (Little and Rubin 2019, chapter 11; Gao et al. 2022). Where
    it does (MNAR) no method is right without a model of it, and no data can tell.

    Parameters
    ----------
    tolerance : float
        Ends when the mean log-likelihood of a row rises by less.
    draws : int
        Completed tables that an effect or an Ensemble is computed from.
    """

    tolerance: float = 1e-6
    draws: int = 20

    def __post_init__(self) -> None:
        if not self.tolerance > 0:
            raise InputError(f"tolerance={self.tolerance}: expected a positive number, as 1e-6")
        if self.draws < 2:
            raise InputError(f"draws={self.draws}: Rubin's rules need at least 2 completed tables")

    def apply(self, data: Data) -> Data:
        raise NotSupported(
            f"EM answers with expected moments, and what was asked needs rows: {_told(data)}. "
            "Use a learner on moments or MissDAG, or declare CompleteCases() or TestWise()"
        )

    def moments(self, data: Data, basis: Basis | None = None) -> Moments:
        """Moments that a Gaussian with any covariance expects, by EM; of features with a basis.

        They count as rows times the mean share of rows in which a pair of columns is seen, so that
        tests are not made surer by cells that nobody saw.
        """
        from .expected import Incomplete

        unordered = [v.name for v in data.variables if v.kind is Kind.CATEGORICAL or v.shape]
        if unordered and basis is None:
            raise InputError(
                f"EM treats columns as jointly Gaussian, and {unordered[0]!r} has levels without "
                f"an order ({_told(data)}): use a score on indicators of levels, such as "
                "DegenerateGaussianBIC, leave the column out, or declare CompleteCases() or "
                "TestWise()"
            )
        blocks = _features(data, basis)
        rows = Incomplete(np.column_stack(blocks), data.weights)
        found = rows.saturated(tolerance=self.tolerance)
        sizes = tuple(b.shape[1] for b in blocks)
        return rows.moments(found, data.variables, sizes=sizes, share=rows.seen)

    @property
    def statement(self) -> str:
        return (
            "missing cells were replaced by what the other cells of their row say about them (EM); "
            "this assumes that, given what is seen of a row, being missing does not depend on the "
            "values that are missing"
        )


def _features(data: Data, basis: Basis | None) -> list[NDArray[np.float64]]:
    """The columns, or features of their seen cells, (n, size) each; NaN where a cell is missing."""
    if basis is None:
        return [data.matrix([name]) for name in data.names]
    out = []
    for v in data.variables:
        column = np.asarray(data.column(v.name), dtype=np.float64)
        seen = ~np.isnan(column)
        features = np.asarray(basis.expand(v, column[seen]), dtype=np.float64)
        block = np.full((data.n, features.shape[1]), np.nan)
        block[seen] = features
        out.append(block)
    return out


def cells(bad: NDArray[np.bool_], names: Sequence[str], are: str = "") -> str:
    """How many cells (n, d) are bad, with the first row and column, for an error.

    >>> cells(np.array([[False, True]]), ["x", "y"])
    "1 cells, the first in row 0, column 'y'"
    """
    row, column = np.argwhere(bad)[0].tolist()
    return f"{int(bad.sum())} cells{are}, the first in row {row}, column {names[column]!r}"


def need_finite(rows: NDArray[np.float64], names: Sequence[str], asker: str) -> None:
    """Raise unless every cell (n, d) is a finite number; the error counts and names the first.

    Raises
    ------
    MissingCells
        Cells are missing.
    InputError
        Cells are infinite.
    """
    if (bad := np.isnan(rows)).any():
        raise MissingCells(
            f"{asker} needs finite cells: missing are {cells(bad, names)}. Declare a policy for "
            "Data, data.replacing(missing=rung.CompleteCases()), or leave the rows out"
        )
    if (bad := np.isinf(rows)).any():
        raise InputError(
            f"{asker} needs finite cells: infinite are {cells(bad, names)}. Mark them as missing, "
            "or leave the rows out"
        )


def _told(data: Data) -> str:
    """How many cells are missing, and the first of them."""
    return cells(data.mask, data.names, " are missing")


def told(data: Data, *, tests: bool = False) -> tuple[str, ...]:
    """One sentence on what the policy did to the missing cells of data; none if there are none.

    `tests` says that independence tests used the rows, as `TestWise` is meant; elsewhere it
    leaves out rows as `CompleteCases` does.
    """
    if data.missing is None or not data.has_missing:
        return ()
    statement = data.missing.statement
    if isinstance(data.missing, TestWise) and not tests:
        statement = CompleteCases().statement
    count, rows = int(data.mask.sum()), int(data.mask.any(axis=1).sum())
    policy = type(data.missing).__name__
    return (f"{count} cells in {rows} of {data.n} rows are missing; {policy}: {statement}",)


def complete(data: Data) -> Data:
    """`data` without missing cells, by its declared policy.

    Raises
    ------
    MissingCells
        If cells are missing and no policy was declared.
    """
    if not data.has_missing:
        return data
    if data.missing is not None:
        return data.missing.apply(data)
    share = data.mask.mean(axis=0)
    worst = sorted(((s, v) for s, v in zip(share, data.names, strict=True) if s), reverse=True)
    shown = ", ".join(f"{name} {s:.1%}" for s, name in worst[:5])
    raise MissingCells(
        f"{_told(data)}; {int(data.mask.any(axis=1).sum())} of {data.n} rows have missing cells "
        f"({shown}) and no policy was declared. Declare one: rung.read(..., missing=policy) with "
        "rung.CompleteCases(), rung.TestWise() or rung.EM(); on the command line --missing "
        "complete-cases, test-wise or em."
    )
