"""Additive predictors over mixed parents: lines or curves of numbers, dummies of levels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..core.data import Data
from ..core.errors import InputError, NotSupported
from ..core.missing import need_finite
from ..core.result import frozen, lock
from ..core.variable import Variable
from .smooth import Curve, Smoother, place_knots

Floats = NDArray[np.float64]
POINTS = 41  # points of a curve in a description


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
    cells = [x, *(parents.column(name) for name in parents.names)]
    if not all(np.isfinite(c).all() for c in cells):
        need_finite(np.column_stack(cells), [variable.name, *parents.names], who)
    if weights is not None and (len(weights) != len(x) or not (weights >= 0).all()):
        raise InputError("weights must be one number of at least 0 for each row")
    if weights is not None and not weights.sum() > 0:
        raise InputError(f"{who} cannot fit {variable.name!r}: every row has weight 0")
    return x


@dataclass(frozen=True, eq=False)
class Encoding:
    """How parents become columns: a line, a spline basis, or dummies of levels.

    The baseline of a discrete parent is its commonest level; a level that was never seen gets
    no column, so it acts like the commonest one.

    Parameters
    ----------
    parents : tuple of Variable
    levels : tuple of int arrays
        Levels with a column, for each discrete parent; empty for a number.
    smoothers : tuple of Smoother or None
        The basis of each numeric parent with a curve.
    """

    parents: tuple[Variable, ...]
    levels: tuple[NDArray[np.intp], ...]
    smoothers: tuple[Smoother | None, ...]

    @classmethod
    def of(cls, parents: Data, weights: Floats | None = None, knots: int = 0) -> Encoding:
        """The encoding of parents as they occur in data; curves if `knots` is at least 3."""
        kept: list[NDArray[np.intp]] = []
        smooth: list[Smoother | None] = []
        for v in parents.variables:
            column = np.asarray(parents.column(v.name), dtype=np.float64)
            levels = np.empty(0, dtype=np.intp)
            at = np.empty(0)
            if v.discrete:
                share = np.bincount(column.astype(np.intp), weights, v.size)
                levels = np.delete(np.arange(v.size), int(share.argmax()))
                levels = levels[share[levels] > 0]
            elif knots > 2:
                used = column if weights is None else column[weights > 0]
                at = place_knots(used, knots)
            kept.append(lock(levels))
            smooth.append(Smoother.of(column, weights, at) if len(at) > 2 else None)
        return cls(parents.variables, tuple(kept), tuple(smooth))

    @cached_property
    def sizes(self) -> tuple[int, ...]:
        """Number of columns of each parent."""
        parts = zip(self.parents, self.levels, self.smoothers)
        return tuple(s.width if s else len(k) if v.discrete else 1 for v, k, s in parts)

    @property
    def width(self) -> int:
        """Number of columns."""
        return sum(self.sizes)

    def matrix(self, parents: Mapping[str, NDArray[Any]], n: int) -> Floats:
        """Columns (n, width), in Fortran order."""
        out = np.empty((n, self.width), order="F")
        at = 0
        for v, kept, smoother, size in zip(self.parents, self.levels, self.smoothers, self.sizes):
            column = parents[v.name]
            if smoother is not None:
                out[:, at : at + size] = smoother.expand(column)
            elif not v.discrete:
                out[:, at] = column
            for i, level in enumerate(kept):
                out[:, at + i] = column == level
            at += size
        return out

    def predictor(self, intercept: Floats, coefficients: Floats) -> Predictor:
        """Predictor of an intercept (k,) and coefficients (width, k)."""
        effects, knots = [], []
        at = 0
        for v, kept, smoother, size in zip(self.parents, self.levels, self.smoothers, self.sizes):
            effect = coefficients[at : at + size]
            if v.discrete:
                effect = np.zeros((v.size, len(intercept)))
                effect[kept] = coefficients[at : at + size]
            elif smoother is not None:
                effect = smoother.transform @ effect
            effects.append(frozen(effect))
            knots.append(smoother.knots if smoother else lock(np.empty(0)))
            at += size
        return Predictor(self.parents, frozen(intercept), tuple(effects), tuple(knots))


@dataclass(frozen=True, eq=False)
class Predictor:
    """Sums of contributions of the parents, to k outputs.

    Parameters
    ----------
    parents : tuple of Variable
    intercept : (k,) float
    effects : tuple of arrays
        (1, k) slopes of a number, (levels, k) contributions of a discrete parent, (m, k) values
        at the knots of a curve.
    knots : tuple of arrays
        (m,) knots of each parent with a curve, empty for the others.
    """

    parents: tuple[Variable, ...]
    intercept: Floats
    effects: tuple[Floats, ...]
    knots: tuple[Floats, ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "intercept", frozen(np.asarray(self.intercept, dtype=float)))
        arrays = tuple(frozen(np.asarray(e, dtype=float)) for e in self.effects)
        object.__setattr__(self, "effects", arrays)
        if not self.knots:
            object.__setattr__(self, "knots", tuple(np.empty(0) for _ in self.parents))
        for v, e, t in zip(self.parents, arrays, self.knots, strict=True):
            if e.shape != (v.size if v.discrete else len(t) or 1, len(self.intercept)):
                raise InputError(f"the effect of {v.name!r} has shape {e.shape}")

    @property
    def straight(self) -> bool:
        """True if no parent has a curve."""
        return not any(len(t) for t in self.knots)

    @cached_property
    def _curves(self) -> tuple[tuple[Curve | None, ...], ...]:
        """Curves of each parent, one an output."""
        return tuple(
            tuple(Curve(t, e[:, k]) if len(t) else None for k in range(len(self.intercept)))
            for t, e in zip(self.knots, self.effects)
        )

    def one(self, parents: Mapping[str, NDArray[Any]], n: int, k: int = 0) -> Floats:
        """Output k: (n,)."""
        out = np.full(n, self.intercept[k])
        for v, effect, curves in zip(self.parents, self.effects, self._curves):
            column, curve = parents[v.name], curves[k]
            if curve is not None:
                curve.add(out, column)
            elif v.discrete:
                out += effect[:, k].take(column.astype(np.intp))
            elif effect[0, k] != 0:
                out += effect[0, k] * column
        return out

    def all(self, parents: Mapping[str, NDArray[Any]], n: int) -> Floats:
        """Every output: (k, n)."""
        out = np.empty((len(self.intercept), n))
        for k in range(len(out)):
            out[k] = self.one(parents, n, k)
        return out

    def describe(self, k: int = 0) -> dict[str, Any]:
        """JSON-ready contributions of each parent to output k.

        A number is a slope; {level: contribution} belongs to a discrete parent; {"knots",
        "values"} to a natural cubic spline, with {"x", "y"} points of it.
        """
        out: dict[str, Any] = {}
        for v, effect, t, curves in zip(self.parents, self.effects, self.knots, self._curves):
            curve = curves[k]
            if curve is not None:
                x = np.linspace(t[0], t[-1], POINTS)
                y = np.zeros(POINTS)
                curve.add(y, x)
                out[v.name] = {
                    "knots": t.tolist(), "values": effect[:, k].tolist(),
                    "x": x.tolist(), "y": y.tolist(),
                }  # fmt: skip
            elif v.discrete:
                pairs = zip(v.levels or (), effect[:, k].tolist())
                out[v.name] = {str(level): value for level, value in pairs}
            else:
                out[v.name] = float(effect[0, k])
        return out
