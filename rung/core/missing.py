"""Declared policies for missing cells; without one, a verb that meets missing cells refuses."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from .errors import MissingCells

if TYPE_CHECKING:
    from .data import Data


class MissingPolicy(ABC):
    """What the user declared about missing cells."""

    @abstractmethod
    def apply(self, data: Data) -> Data:
        """Data that a verb which needs complete rows may use."""

    @property
    @abstractmethod
    def statement(self) -> str:
        """The policy and its assumption in one sentence, for the report."""


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
    """

    __test__ = False  # not a test, whatever its name says to pytest

    def apply(self, data: Data) -> Data:
        return CompleteCases().apply(data)

    @property
    def statement(self) -> str:
        return (
            "each independence test used the rows complete in its own columns; this assumes "
            "that being missing does not depend on the values that are missing"
        )


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
        f"{int(data.mask.any(axis=1).sum())} of {data.n} rows have missing cells ({shown}) and "
        "no policy was declared. Declare one: rung.read(..., missing=rung.CompleteCases()) or "
        "rung.TestWise(); on the command line --missing complete-cases or test-wise."
    )
