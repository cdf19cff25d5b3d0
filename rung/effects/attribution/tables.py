"""Two data sets, beside each other and as one table with a column that says which."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from ...core.data import Data
from ...core.errors import InputError, NotSupported
from ...core.mechanism import Mechanism, MechanismSpec
from ...core.missing import EM, complete
from ...core.result import lock
from ...core.scm import SCM
from ...core.variable import Kind, Variable
from ...mechanisms.structural import Family, Refits

Floats = NDArray[np.float64]
LEAST = 20  # rows of a data set
Fit = Callable[[Floats | None], Mechanism]


@dataclass(frozen=True, eq=False)
class Pair:
    """Complete rows of two data sets, with levels coded as the model has them."""

    before: Data
    after: Data

    @classmethod
    def of(cls, scm: SCM, before: Data, after: Data) -> Pair:
        """The model's own columns of both.

        Raises
        ------
        UnknownName, InputError, MissingCells
            A column is not there, has a level that the model does not know or cells that are
            missing or infinite, or there are fewer than `LEAST` rows.
        """
        return cls(
            _ready(scm, before, "the first data set"), _ready(scm, after, "the second data set")
        )

    @cached_property
    def which(self) -> str:
        """Name of the column that says which."""
        name = "which"
        while name in self.before.names:
            name += "_"
        return name

    @cached_property
    def joint(self) -> Data:
        """All rows, with the column."""
        both = (self.before, self.after)
        columns = {n: lock(np.concatenate([t.column(n) for t in both])) for n in both[0].names}
        sizes = [t.n for t in both]
        targets = np.concatenate([_targets(t) for t in both])
        shift = len(_targets(self.before))
        environment = np.concatenate([_environment(both[0]), _environment(both[1]) + shift])
        weights = None
        if any(t.weights is not None for t in both):
            weights = np.concatenate(
                [np.ones(t.n) if t.weights is None else t.weights for t in both]
            )
        table = Data(
            both[0].variables, columns, environment=environment, targets=targets, weights=weights,
            environments=tuple(str(i) for i in range(len(targets))),
        )  # fmt: skip
        flag = Variable(self.which, Kind.BINARY, ("before", "after"))
        return table.with_column(flag, lock(np.repeat([0.0, 1.0], sizes)))


def _ready(scm: SCM, data: Data, which: str) -> Data:
    if not isinstance(data, Data):
        raise InputError(f"{which} is a {type(data).__name__}; pass Data, rung.read(...)")
    part = data.select(scm.names)
    if isinstance(part.missing, EM) and part.has_missing:
        raise NotSupported(
            f"{which} has missing cells and the policy EM(), by which mechanisms of two data sets "
            "are not compared: declare rung.CompleteCases()"
        )
    found = scm.facts(complete(part))
    if found.n < LEAST:
        raise InputError(
            f"{which} has {found.n} complete rows; at least {LEAST} are needed to compare "
            "mechanisms. To explain single rows pass their numbers, or measure=rung.OutlierScore()"
        )
    return found


def _targets(data: Data) -> NDArray[np.bool_]:
    none = np.zeros((1, data.d), dtype=np.bool_)
    return none if data.targets is None or data.environment is None else data.targets


def _environment(data: Data) -> NDArray[np.int64]:
    if data.targets is None or data.environment is None:
        return np.zeros(data.n, dtype=np.int64)
    return data.environment


def fitter(spec: MechanismSpec, table: Data, family: Family, seed: int) -> Fit:
    """Fits of one node on the rows that do not set it, given weights of all rows of the table."""
    name, parents = family
    rows = np.flatnonzero(~table.targeting(name))
    part = table.take(rows)
    x, given, variable = part.column(name), part.select(parents), part.variable(name)

    def full(weights: Floats | None) -> Mechanism:
        w = part.weights if weights is None else weights[rows]
        rng = np.random.default_rng(seed)
        return spec.fit(x, given, variable=variable, weights=w, rng=rng)

    if not isinstance(spec, Refits):
        return full
    first = full(None)
    again = spec.refits(first, x, given)
    return lambda weights: first if weights is None else again(weights[rows])
