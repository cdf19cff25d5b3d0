"""A small perceptron as a mechanism: x = f(parents) + u."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..core.errors import InputError
from ..core.mechanism import Parents
from ..core.result import frozen
from ..core.variable import Variable
from .additive import Additive
from .noise import Residual

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Neural(Additive):
    """x = centre + scale * perceptron(standardised parents, dummies of levels) + u.

    Parameters
    ----------
    variable : Variable
    parents : tuple of Variable
    weights, biases : tuples of (inputs, outputs) and (outputs,) arrays
        Layers with SiLU between them; the last has one output.
    centres, scales : (parents,) float
        Of each numeric parent; not used for a discrete one, which enters as dummies.
    centre, scale : float
        Of x.
    residual : Residual
        Distribution of u.
    """

    variable: Variable
    parents: tuple[Variable, ...]
    weights: tuple[Floats, ...]
    biases: tuple[Floats, ...]
    centres: Floats
    scales: Floats
    centre: float
    scale: float
    residual: Residual
    note: str = ""

    def __post_init__(self) -> None:
        for name in ("weights", "biases"):
            arrays = tuple(frozen(np.asarray(a, dtype=np.float64)) for a in getattr(self, name))
            object.__setattr__(self, name, arrays)
        wide = sum(p.size if p.discrete else 1 for p in self.parents)
        if self.weights[0].shape[0] != wide or self.weights[-1].shape[1] != 1:
            raise InputError(
                f"the perceptron of {self.variable.name!r} takes {self.weights[0].shape[0]} "
                f"numbers and gives {self.weights[-1].shape[1]}; expected {wide} and 1"
            )

    def mean(self, parents: Parents, n: int) -> Floats:
        x = inputs(self.parents, parents, self.centres, self.scales, n)
        for i, (w, b) in enumerate(zip(self.weights, self.biases)):
            x = x / (1 + np.exp(-np.clip(x, -500, 500))) if i else x
            x = x @ w + b
        return np.asarray(self.centre + self.scale * x[:, 0])

    def describe(self) -> dict[str, Any]:
        return {
            "kind": "neural",
            "parents": [p.name for p in self.parents],
            "units": [len(b) for b in self.biases[:-1]],
            "sd": float(self.residual.sd),
            "noise": self.residual.describe(),
            "note": self.note,
        }


def inputs(
    variables: Sequence[Variable], parents: Mapping[str, NDArray[Any]], centres: Floats,
    scales: Floats, n: int,
) -> Floats:  # fmt: skip
    """Columns (n, k): standardised numbers, dummies of levels."""
    columns: list[Floats] = []
    for v, centre, scale in zip(variables, centres, scales):
        column = np.asarray(parents[v.name], dtype=np.float64)
        if v.discrete:
            columns += [(column == level).astype(np.float64) for level in range(v.size)]
        else:
            columns.append((column - centre) / scale)
    return np.column_stack(columns) if columns else np.empty((n, 0))
