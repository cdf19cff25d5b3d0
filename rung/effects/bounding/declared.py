"""What may be declared to make bounds narrower, or to say how far an assumption may fail."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ...core.errors import InputError


@dataclass(frozen=True)
class Monotone:
    """No row's `effect` would go down if its `cause` went up (up, if not `increasing`).

    Of an instrument and the treatment: nobody does the opposite of what is asked (Imbens and
    Angrist 1994). Of the treatment and the outcome: monotone treatment response (Manski 1997).
    Levels are ordered as the data order them.
    """

    cause: str
    effect: str
    increasing: bool = True

    @property
    def words(self) -> str:
        """The assumption in a sentence."""
        way = "lowers" if self.increasing else "raises"
        return f"raising {self.cause} {way} {self.effect} for no row"


@dataclass(frozen=True)
class MonotoneSelection:
    """Rows with more of the treatment would on average not have less of the outcome (Manski and
    Pepper 2000), whatever treatment all were given; not more, if not `increasing`.
    """

    increasing: bool = True

    @property
    def words(self) -> str:
        """The assumption in a sentence."""
        way = "less" if self.increasing else "more"
        return f"rows with more of the treatment would, treated alike, have no {way} of the outcome"


@dataclass(frozen=True)
class OutcomeRange:
    """The outcome of no row would leave [low, high] under any treatment.

    Raises
    ------
    InputError
        Not finite, or low is not below high.
    """

    low: float
    high: float

    def __post_init__(self) -> None:
        if not (np.isfinite(self.low) and np.isfinite(self.high) and self.low < self.high):
            raise InputError(f"OutcomeRange({self.low}, {self.high}): expected finite low < high")

    @property
    def words(self) -> str:
        """The assumption in a sentence."""
        return f"the outcome would stay between {self.low:g} and {self.high:g}"


@dataclass(frozen=True)
class MarginalSensitivity:
    """The odds of treatment given the covariates and what is hidden differ from those given the
    covariates alone by a factor of at most `limit`, up or down (Tan 2006).

    Parameters
    ----------
    limit : 1 (nothing hidden) or more
    sharp : the tightest bounds (Dorn and Guo 2023; Dorn, Guo and Kallus 2025) by a doubly robust
        estimate; False: those of Zhao, Small and Bhattacharya (2019) by weighting, wider, with
        their percentile bootstrap

    Raises
    ------
    InputError
        A limit below 1.
    """

    limit: float = 1.5
    sharp: bool = True

    def __post_init__(self) -> None:
        if not (np.isfinite(self.limit) and self.limit >= 1):
            raise InputError(f"MarginalSensitivity(limit={self.limit}): expected 1 or more")

    @property
    def words(self) -> str:
        """The assumption in a sentence."""
        return (
            "what is hidden changes the odds of treatment at given covariates by a factor of at "
            f"most {self.limit:g}"
        )


Declared = Monotone | MonotoneSelection | OutcomeRange | MarginalSensitivity
