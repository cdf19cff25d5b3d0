"""Mechanism specs (what to fit) and fitted mechanisms (what can be sampled and inverted).

A spec and its fitted mechanism are two frozen classes in one file of `rung.mechanisms`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from .errors import NotSupported
from .variable import Variable

if TYPE_CHECKING:
    from .data import Data

Floats = NDArray[np.float64]
Parents = Mapping[str, NDArray[Any]]
"""Internal values (n, *shape) of the parents, by name."""


class MechanismSpec(ABC):
    """A mechanism that is not fitted yet: its hyper-parameters."""

    @abstractmethod
    def fit(
        self,
        x: NDArray[Any],
        parents: Data,
        *,
        variable: Variable,
        weights: Floats | None = None,
        rng: np.random.Generator,
    ) -> Mechanism:
        """Fit p(x | parents).

        Parameters
        ----------
        x : (n, *shape)
            Internal values of the node.
        parents : Data
            The parents' columns, n rows; no columns for a root.
        variable : Variable
            Description of the node.
        weights : (n,), optional
            Frequency weights.
        """


class Mechanism(ABC):
    """A fitted conditional distribution of one node given its parents."""

    variable: Variable
    parents: tuple[Variable, ...]

    @abstractmethod
    def log_prob(self, x: NDArray[Any], parents: Parents) -> Floats:
        """Log density or log probability (n,) of internal values."""

    @abstractmethod
    def sample(self, n: int, parents: Parents, rng: np.random.Generator) -> NDArray[Any]:
        """Internal values (n, *shape)."""

    def mean(self, parents: Parents, n: int) -> Floats:
        """E[x | parents] (n,) of a numeric node."""
        raise NotSupported(f"{type(self).__name__} has no closed-form mean")

    def probabilities(self, parents: Parents, n: int) -> Floats:
        """P(x = level | parents), (n, levels), of a discrete node."""
        raise NotSupported(f"{type(self).__name__} is not discrete")

    def describe(self) -> dict[str, Any]:
        """JSON-ready description: "kind" ("linear", "table", "additive" ...), parameters."""
        return {"kind": type(self).__name__, "parents": [p.name for p in self.parents]}


class StructuralMechanism(Mechanism):
    """A mechanism x = f(parents, u) with explicit noise u, so that units can be imagined."""

    @property
    @abstractmethod
    def exact(self) -> bool:
        """True if the noise of a unit is a function of its values (abduction draws nothing)."""

    @abstractmethod
    def noise(self, n: int, rng: np.random.Generator) -> NDArray[Any]:
        """Draw u, shape (n, ...)."""

    @abstractmethod
    def forward(self, parents: Parents, u: NDArray[Any]) -> NDArray[Any]:
        """Internal values (n, *shape) of the node."""

    @abstractmethod
    def abduct(self, x: NDArray[Any], parents: Parents, rng: np.random.Generator) -> NDArray[Any]:
        """A draw of u given x and the parents; forward(parents, u) returns x."""

    def sample(self, n: int, parents: Parents, rng: np.random.Generator) -> NDArray[Any]:
        return self.forward(parents, self.noise(n, rng))
