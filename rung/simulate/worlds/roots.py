"""Mechanisms that several worlds share: roots, and formulas of parents plus noise."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from math import sqrt
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...core.errors import InputError
from ...core.mechanism import Parents, StructuralMechanism
from ...core.variable import Variable
from ...mechanisms.additive import Additive
from ...mechanisms.features import Predictor
from ...mechanisms.linear import Linear
from ...mechanisms.noise import Gaussian, Residual, Uniform
from ...mechanisms.root import Root

Floats = NDArray[np.float64]


def between(variable: Variable, low: float, high: float) -> Linear:
    """A root that is uniform on [low, high]."""
    centre = Predictor((), np.array([(low + high) / 2]), ())
    return Linear(variable, centre, Uniform((high - low) / sqrt(12.0)))


@dataclass(frozen=True, eq=False)
class Choice(Root):
    """One of `values` (ascending), each as likely."""

    variable: Variable
    values: Floats

    def noise(self, n: int, rng: np.random.Generator) -> Floats:
        return self.values[rng.integers(len(self.values), size=n)]

    def log_prob(self, x: NDArray[Any], parents: Parents) -> Floats:
        return np.where(np.isin(x, self.values), -np.log(len(self.values)), -np.inf)


@dataclass(frozen=True, eq=False)
class Lookup(StructuralMechanism):
    """A function of a numbered parent without noise: `table[parent]`."""

    variable: Variable
    parent: Variable
    table: Floats

    @property
    def parents(self) -> tuple[Variable, ...]:  # type: ignore[override]
        return (self.parent,)

    @property
    def exact(self) -> bool:
        return True

    def noise(self, n: int, rng: np.random.Generator) -> Floats:
        return np.zeros(n)

    def forward(self, parents: Parents, u: NDArray[Any]) -> Floats:
        rows = parents[self.parent.name]
        valid = (rows >= 0) & (rows < len(self.table)) & (rows == np.floor(rows))
        if not valid.all():
            raise InputError(
                f"{self.parent.name!r} = {rows[~valid][0]:g}: expected a whole number from 0 to "
                f"{len(self.table) - 1}"
            )
        return self.table[rows.astype(np.intp)]

    def abduct(self, x: NDArray[Any], parents: Parents, rng: np.random.Generator) -> Floats:
        return np.zeros(len(x))

    def log_prob(self, x: NDArray[Any], parents: Parents) -> Floats:
        return np.where(self.forward(parents, x) == x, 0.0, -np.inf)


@dataclass(frozen=True, eq=False)
class Equation(Additive):
    """x = function(parents) + noise, for worlds of one's own.

    Parameters
    ----------
    variable : Variable or str
    parents : tuple of Variable or str
    function : callable
        Takes the parents' internal values (n,), in order, and returns (n,).
    residual : Residual
        `rung.simulate.Gaussian(sd)`, `Uniform(sd)` ...; an SCM with such a function cannot be
        saved, since a function is not data.
    """

    variable: Variable
    parents: tuple[Variable, ...]
    function: Callable[..., Any]
    residual: Residual = field(default_factory=lambda: Gaussian(0.1))

    def __post_init__(self) -> None:
        if isinstance(self.variable, str):
            object.__setattr__(self, "variable", Variable(self.variable))
        parents = tuple(Variable(p) if isinstance(p, str) else p for p in self.parents)
        object.__setattr__(self, "parents", parents)

    def mean(self, parents: Parents, n: int) -> Floats:
        out = np.asarray(self.function(*(parents[p.name] for p in self.parents)), dtype=np.float64)
        if out.shape not in ((), (n,)):
            raise InputError(
                f"the function of {self.variable.name!r} gave shape {out.shape}, expected ({n},)"
            )
        return np.array(np.broadcast_to(out, n))
