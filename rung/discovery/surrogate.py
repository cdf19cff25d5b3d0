"""The surrogate of unobserved changes: environment or time as one more column."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..core.data import Data
from ..core.errors import InputError, NeedsRows
from ..core.protocols import CITest
from ..core.source import Basis, Source
from ..core.variable import Kind, Variable
from .basis import NaturalSpline, OneHot
from .embeddings import Surrogate
from .independence.degenerate_gaussian import DegenerateGaussian
from .independence.fisher_z import FisherZ

POINTS = 200  # times at most at which changes are looked at
FEWEST = 2  # rows of an environment that is kept


@dataclass(frozen=True, eq=False)
class Context:
    """Rows with the surrogate as their last column.

    Parameters
    ----------
    data : Data
        The user's columns and the surrogate.
    name : str
        Of the surrogate: "environment" or "time", with underscores where a column has that name.
    surrogate : Surrogate
    labels : (m,) float64, or tuple of str
        Times or environments at which changes are looked at.
    """

    data: Data
    name: str
    surrogate: Surrogate
    labels: Any
    notes: tuple[str, ...] = ()


def context(source: Source, by_time: bool) -> Context:
    """The rows with their surrogate: the environment, or the time where there is none.

    Environments of a single row are left out, and said so.

    Raises
    ------
    NeedsRows
        The source holds no rows.
    InputError
        Neither environment nor time; fewer than two environments or three times; times that are
        not finite.
    """
    if not isinstance(source, Data):
        raise NeedsRows(
            f"CDNOD needs the environment or time of each row, which a {type(source).__name__} "
            "does not hold; pass the Data themselves"
        )
    if source.time is not None and (by_time or source.environment is None):
        return _by_time(source)
    if source.environment is not None and not by_time:
        return _by_environment(source)
    lacking = "time" if by_time else "neither environment nor time"
    raise InputError(
        f"CDNOD needs rows of several environments or times; these data have "
        f"{'no ' if by_time else ''}{lacking}. Read them with environment=... or time=..., or use "
        "data.replacing(environment=..., environments=...)"
    )


def _by_environment(data: Data) -> Context:
    assert data.environment is not None
    codes, count = np.unique(data.environment, return_counts=True)
    few = codes[count < FEWEST]
    notes = []
    if len(few):
        data = data.take(np.flatnonzero(~np.isin(data.environment, few)))
        codes = codes[count >= FEWEST]
        notes.append(f"{len(few)} environments of one row left out: one row shows no change")
    if len(codes) < 2:
        raise InputError(
            f"CDNOD needs at least two environments of {FEWEST} or more rows; these data have "
            f"{len(codes)}. Use PC on data that were collected under one condition"
        )
    assert data.environment is not None
    known = dict(enumerate(data.environments))
    labels = tuple(str(known.get(int(e), int(e))) for e in codes)
    column = np.searchsorted(codes, data.environment).astype(np.float64)
    kind = Kind.BINARY if len(codes) == 2 else Kind.CATEGORICAL
    levels = tuple(range(len(codes)))
    name = _free("environment", data.names)
    surrogate = Surrogate(column, np.arange(len(codes), dtype=np.float64), True)
    whole = data.with_column(Variable(name, kind, levels), column)
    return Context(whole, name, surrogate, labels, tuple(notes))


def _by_time(data: Data) -> Context:
    time = np.asarray(data.time, dtype=np.float64)
    if not np.isfinite(time).all():
        raise InputError("CDNOD needs a finite time for every row; drop the rows without one")
    points = np.unique(time)
    if len(points) < 3:
        raise InputError(
            f"CDNOD needs at least three different times, these data have {len(points)}; "
            "pass them as environments"
        )
    if len(points) > POINTS:
        points = np.unique(np.quantile(time, np.linspace(0.0, 1.0, POINTS)))
    name = _free("time", data.names)
    whole = data.with_column(Variable(name), time)
    return Context(whole, name, Surrogate(time, points, False), points)


def _free(name: str, taken: Sequence[str]) -> str:
    while name in taken:
        name += "_"
    return name


@dataclass(frozen=True)
class Expanded:
    """One column as a block of features, every other number its own feature.

    Levels are indicators; a number is a natural spline, so that changes of any smooth shape show.
    """

    name: str
    spline: NaturalSpline = field(default_factory=NaturalSpline)

    def _basis(self, variable: Variable) -> Basis:
        return self.spline if variable.name == self.name else OneHot()

    def size(self, variable: Variable) -> int:
        """Number of features."""
        return self._basis(variable).size(variable)

    def expand(self, variable: Variable, column: NDArray[Any]) -> NDArray[np.float64]:
        """Features (n, size) of a column (n,)."""
        return np.asarray(self._basis(variable).expand(variable, column))


def with_block(test: CITest, name: str) -> CITest:
    """A test that treats the column `name` as a block of features.

    Fisher's z would take the numbers of the environments for amounts, and see only straight trends
    in time: in its place the likelihood-ratio test of the same model on blocks of columns; so for
    degenerate Gaussian tests whose numbers are their own features. Other tests stay: kernel tests
    make indicators of levels themselves.
    """
    plain = isinstance(test, DegenerateGaussian) and isinstance(test.basis, OneHot)
    return DegenerateGaussian(Expanded(name)) if plain or isinstance(test, FisherZ) else test
