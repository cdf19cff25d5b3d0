"""DiscreteTable: the conditional probability table of a node with discrete parents."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..core.data import Data
from ..core.errors import InputError
from ..core.mechanism import MechanismSpec, Parents
from ..core.result import frozen, lock
from ..core.variable import Variable
from .discrete import Levels, need_levels
from .features import ready

Floats = NDArray[np.float64]
CELLS = 5_000_000  # cells that a table may have


@dataclass(frozen=True, eq=False)
class Table(Levels):
    """P(x | parents) as a table.

    Parameters
    ----------
    variable : Variable
    parents : tuple of Variable
        Discrete.
    table : (sizes of the parents ..., levels) float
        Rows summing to 1.
    note : str
        Why this mechanism was chosen, if it was.
    """

    variable: Variable
    parents: tuple[Variable, ...]
    table: Floats
    note: str = ""

    def __post_init__(self) -> None:
        need_levels(self.variable, "Table")
        table = frozen(np.ascontiguousarray(self.table, dtype=np.float64))
        expected = (*(p.size for p in self.parents), self.variable.size)
        if table.shape != expected:
            raise InputError(
                f"the table of {self.variable.name!r} has shape {table.shape}, expected {expected}"
            )
        if (table < 0).any() or not np.allclose(table.sum(axis=-1), 1, atol=1e-9):
            raise InputError(f"the rows of the table of {self.variable.name!r} must sum to 1")
        object.__setattr__(self, "table", table)

    def probabilities(self, parents: Parents, n: int) -> Floats:
        from ..kernels.levels import gather

        rows = np.zeros(n, dtype=np.int64)
        for v in self.parents:
            rows = rows * v.size + parents[v.name].astype(np.int64)
        return gather(self.table.reshape(-1, self.variable.size), rows)

    def describe(self) -> dict[str, Any]:
        return {
            "kind": "table",
            "parents": [p.name for p in self.parents],
            "parent_levels": [[str(x) for x in p.levels or ()] for p in self.parents],
            "levels": [str(x) for x in self.variable.levels or ()],
            "probabilities": self.table.tolist(),
            "note": self.note,
        }


@dataclass(frozen=True)
class DiscreteTable(MechanismSpec):
    """Conditional probabilities by counting.

    Parameters
    ----------
    smoothing : float
        Rows added to each configuration of the parents, spread like the node's own marginal
        distribution (itself smoothed by half a row a level). A configuration that was never seen
        has the marginal distribution. 0 is maximum likelihood.
    """

    smoothing: float = 1.0

    def __post_init__(self) -> None:
        if not self.smoothing >= 0:
            raise InputError(f"DiscreteTable(smoothing={self.smoothing}): expected 0 or more")

    def fit(
        self,
        x: NDArray[Any],
        parents: Data,
        *,
        variable: Variable,
        weights: Floats | None = None,
        rng: np.random.Generator,
    ) -> Table:
        x = ready(x, parents, variable, weights, "DiscreteTable")
        shape = self._shape(variable, parents.variables)
        cells = np.zeros(len(x), dtype=np.int64)
        for v in parents.variables:
            cells = cells * v.size + parents.column(v.name).astype(np.int64)
        cells = cells * variable.size + x.astype(np.int64)
        tally = np.bincount(cells, weights, int(np.prod(shape)))
        counts = tally.astype(np.float64).reshape(shape)
        return self._table(variable, parents.variables, counts)

    def fit_source(self, source: Any, variable: Variable, parents: Sequence[Variable]) -> Table:
        """Fit from a source of counts, without rows."""
        self._shape(variable, parents)
        names = [*(v.name for v in parents), variable.name]
        counts = source.table(names, asker="DiscreteTable").select(names).dense(CELLS)
        return self._table(variable, parents, counts)

    def _shape(self, variable: Variable, parents: Sequence[Variable]) -> tuple[int, ...]:
        need_levels(variable, "DiscreteTable")
        for v in parents:
            if not v.discrete:
                raise InputError(
                    f"DiscreteTable of {variable.name!r}: its parent {v.name!r} is {v.kind}; use "
                    "Logistic or Multinomial"
                )
        shape = (*(v.size for v in parents), variable.size)
        if np.prod([float(s) for s in shape]) > CELLS:
            raise InputError(
                f"the table of {variable.name!r} would have {shape} cells, more than {CELLS}; use "
                "Multinomial, or fewer parents or levels"
            )
        return shape

    def _table(self, variable: Variable, parents: Sequence[Variable], counts: Floats) -> Table:
        half = 0.5 if self.smoothing > 0 else 0.0
        marginal = counts.reshape(-1, variable.size).sum(axis=0) + half
        marginal = marginal / marginal.sum()
        smoothed = counts + self.smoothing * marginal
        total = smoothed.sum(axis=-1, keepdims=True)
        table = np.where(total > 0, smoothed / np.where(total > 0, total, 1.0), marginal)
        return Table(variable, tuple(parents), lock(table))
