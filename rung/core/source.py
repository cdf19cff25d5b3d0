"""Source: what a learner may ask of data, wherever they are."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Protocol, Self

from numpy.typing import NDArray

from .errors import NeedsRows

if TYPE_CHECKING:
    from .moments import Counts, Moments
    from .variable import Variable


class Basis(Protocol):
    """Features of a column, so that one Gaussian code serves many function classes."""

    def size(self, variable: Variable) -> int:
        """Number of features of a variable."""

    def expand(self, variable: Variable, column: NDArray[Any]) -> NDArray[Any]:
        """The features, (n, size), of a column (n,)."""


class Source(ABC):
    """Data in memory, sufficient statistics, a warehouse, a federation or a stream.

    A subclass answers what it can; the rest raises `NeedsRows` naming who asked.
    """

    @property
    @abstractmethod
    def variables(self) -> tuple[Variable, ...]:
        """The variables, in column order."""

    @property
    @abstractmethod
    def n(self) -> int:
        """Number of rows behind the source."""

    @abstractmethod
    def select(self, names: Sequence[str]) -> Self:
        """The same source over `names`, in that order."""

    @abstractmethod
    def signature(self, name: str) -> Any:
        """An orderable value that depends on the content of a column and not on its name."""

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the variables, in column order."""
        return tuple(v.name for v in self.variables)

    def moments(self, basis: Basis | None = None, *, asker: str = "this method") -> Moments:
        """Means and centred cross-products of the columns, or of their features."""
        raise NeedsRows(
            _refusal(self, "moments" if basis is None else "moments of features", asker)
        )

    def moments_by_environment(
        self, basis: Basis | None = None, *, asker: str = "this method"
    ) -> dict[int, Moments]:
        """One Moments for each environment."""
        raise NeedsRows(_refusal(self, "moments per environment", asker))

    def table(self, names: Sequence[str], *, asker: str = "this method") -> Counts:
        """Contingency table of `names`, made on demand; never the joint of all columns."""
        raise NeedsRows(_refusal(self, "contingency tables", asker))

    def rows(
        self, names: Sequence[str] | None = None, *, asker: str = "this method"
    ) -> NDArray[Any]:
        """Float64 matrix (n, k) of rows; categories as codes."""
        raise NeedsRows(_refusal(self, "rows", asker))


def _refusal(source: Source, what: str, asker: str) -> str:
    return (
        f"{asker} needs {what}, which a {type(source).__name__} cannot give. "
        "Use a test or score that works on what it has (FisherZ or GaussianBIC on moments, "
        "G2 or DiscreteBIC on counts), or pass the Data themselves."
    )
