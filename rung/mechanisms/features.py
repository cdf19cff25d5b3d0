"""Linear predictors over mixed parents: numbers as they are, levels as dummies."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..core.data import Data
from ..core.errors import InputError, NotSupported
from ..core.result import frozen, lock
from ..core.variable import Variable

Floats = NDArray[np.float64]


def scalar(variable: Variable, parents: Sequence[Variable], who: str) -> None:
    """Raise unless the node and its parents hold one number each."""
    for v in (variable, *parents):
        if v.shape:
            raise NotSupported(
                f"{who} works on scalar variables, but {v.name!r} has shape {v.shape}; "
                "use a neural mechanism"
            )


def ready(
    x: NDArray[Any], parents: Data, variable: Variable, weights: Floats | None, who: str
) -> Floats:
    """Check what a spec is handed and return x as float64."""
    scalar(variable, parents.variables, who)
    x = np.asarray(x, dtype=np.float64)
    if parents.d and parents.n != len(x):
        raise InputError(f"{variable.name!r} has {len(x)} rows, its parents {parents.n}")
    if not len(x):
        raise InputError(f"{who} cannot fit {variable.name!r}: there are no rows")
    if not np.isfinite(x).all() or (parents.d and parents.has_missing):
        raise InputError(
            f"{who} cannot fit {variable.name!r}: missing or infinite cells; declare a policy, "
            "such as rung.read(..., missing=rung.CompleteCases())"
        )
    if weights is not None and (len(weights) != len(x) or (weights < 0).any()):
        raise InputError("weights must be one number of at least 0 for each row")
    if weights is not None and not weights.sum() > 0:
        raise InputError(f"{who} cannot fit {variable.name!r}: every row has weight 0")
    return x


def level_weights(codes: Floats, size: int, weights: Floats | None) -> Floats:
    """Weight of each level (size,)."""
    return np.bincount(codes.astype(np.intp), weights, size).astype(np.float64)


@dataclass(frozen=True, eq=False)
class Encoding:
    """How parents become columns: a number is one column, levels are dummies.

    The baseline of a discrete parent is its commonest level; a level that was never seen gets
    no column, so it acts like the commonest one.

    Parameters
    ----------
    parents : tuple of Variable
    levels : tuple of int arrays
        Levels with a column, for each discrete parent; empty for a number.
    """

    parents: tuple[Variable, ...]
    levels: tuple[NDArray[np.intp], ...]

    @classmethod
    def of(cls, parents: Data, weights: Floats | None = None) -> Encoding:
        """The encoding of parents as they occur in data."""
        kept = []
        for v in parents.variables:
            columns = np.empty(0, dtype=np.intp)
            if v.discrete:
                share = level_weights(parents.column(v.name), v.size, weights)
                columns = np.delete(np.arange(v.size), int(share.argmax()))
                columns = columns[share[columns] > 0]
            kept.append(lock(columns))
        return cls(parents.variables, tuple(kept))

    @property
    def width(self) -> int:
        """Number of columns."""
        return sum(len(k) if v.discrete else 1 for v, k in zip(self.parents, self.levels))

    def matrix(self, parents: Mapping[str, NDArray[Any]], n: int) -> Floats:
        """Columns (n, width), in Fortran order."""
        out = np.empty((n, self.width), order="F")
        at = 0
        for v, kept in zip(self.parents, self.levels):
            column = parents[v.name]
            if not v.discrete:
                out[:, at] = column
                at += 1
            for level in kept:
                out[:, at] = column == level
                at += 1
        return out

    def predictor(self, intercept: Floats, coefficients: Floats) -> LinearPredictor:
        """Predictor of an intercept (k,) and coefficients (width, k)."""
        effects = []
        at = 0
        for v, kept in zip(self.parents, self.levels):
            if v.discrete:
                effect = np.zeros((v.size, len(intercept)))
                effect[kept] = coefficients[at : at + len(kept)]
                at += len(kept)
            else:
                effect = coefficients[at : at + 1].copy()
                at += 1
            effects.append(lock(effect))
        return LinearPredictor(self.parents, frozen(intercept), tuple(effects))


@dataclass(frozen=True, eq=False)
class LinearPredictor:
    """Sums of contributions of the parents, to k outputs.

    Parameters
    ----------
    parents : tuple of Variable
    intercept : (k,) float
    effects : tuple of arrays
        (1, k) slopes of a numeric parent, (levels, k) contributions of a discrete one.
    """

    parents: tuple[Variable, ...]
    intercept: Floats
    effects: tuple[Floats, ...]

    def __post_init__(self) -> None:
        object.__setattr__(self, "intercept", frozen(np.asarray(self.intercept, dtype=float)))
        arrays = tuple(frozen(np.asarray(e, dtype=float)) for e in self.effects)
        object.__setattr__(self, "effects", arrays)
        for v, e in zip(self.parents, arrays, strict=True):
            if e.shape != (v.size if v.discrete else 1, len(self.intercept)):
                raise InputError(f"the effect of {v.name!r} has shape {e.shape}")

    def one(self, parents: Mapping[str, NDArray[Any]], n: int, k: int = 0) -> Floats:
        """Output k: (n,)."""
        out = np.full(n, self.intercept[k])
        for v, effect in zip(self.parents, self.effects):
            column = parents[v.name]
            if v.discrete:
                out += effect[:, k].take(column.astype(np.intp))
            elif effect[0, k] != 0:
                out += effect[0, k] * column
        return out

    def all(self, parents: Mapping[str, NDArray[Any]], n: int) -> Floats:
        """Every output: (k, n)."""
        return np.stack([self.one(parents, n, k) for k in range(len(self.intercept))])

    def coefficients(self, k: int = 0) -> dict[str, Any]:
        """JSON-ready: a number for a numeric parent, a number a level for a discrete one."""
        out: dict[str, Any] = {}
        for v, effect in zip(self.parents, self.effects):
            if v.discrete:
                pairs = zip(v.levels or (), effect[:, k].tolist())
                out[v.name] = {str(level): value for level, value in pairs}
            else:
                out[v.name] = float(effect[0, k])
        return out
