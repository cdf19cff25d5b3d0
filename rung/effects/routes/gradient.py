"""Exact gradient of a formula by the cells of the table, in one pass back over its tree."""

from __future__ import annotations

from functools import reduce

import numpy as np
from numpy.typing import NDArray

from ...core.errors import NotSupported
from ...graphs.identification.expression import (
    Expression,
    Joint,
    One,
    Probability,
    Product,
    Quotient,
    Sum,
    leftover,
    times,
)

Floats = NDArray[np.float64]


class Tape:
    """Values of a formula's parts on one table, and the derivative of a weighted sum of them.

    An event that never happens has no derivative: its terms are left out, as they are in values.
    """

    def __init__(self, joint: Joint) -> None:
        self.joint = joint
        self._values: dict[int, Floats] = {}
        self._kept: list[Expression] = []

    def value(self, expression: Expression) -> Floats:
        """`expression.value(joint)`, remembered."""
        key = id(expression)
        if key not in self._values:
            self._values[key] = expression.value(self.joint)
            self._kept.append(expression)
        return self._values[key]

    def gradient(self, expression: Expression, weight: Floats) -> Floats:
        """Derivative (table's shape) of sum(weight * value) by the cells, each cell on its own."""
        out = np.zeros(self.joint.table.shape)
        self._back(expression, weight, out)
        return out

    def _back(self, e: Expression, weight: Floats, out: Floats) -> None:
        if isinstance(e, One) or not weight.any():
            return
        if isinstance(e, Probability):
            self._probability(e, weight, out)
        elif isinstance(e, Sum):
            self._sum(e, weight, out)
        elif isinstance(e, Product):
            values = [self.value(f) for f in e.factors]
            one = One().value(self.joint)
            for k, factor in enumerate(e.factors):
                others = reduce(times, (v for i, v in enumerate(values) if i != k), one)
                self._back(factor, _known(times(weight, others), values[k].shape), out)
        elif isinstance(e, Quotient):
            top, bottom = self.value(e.numerator), self.value(e.denominator)
            over = _divided(weight, bottom)
            self._back(e.numerator, _known(over, top.shape), out)
            self._back(
                e.denominator, _known(-times(over, _divided(top, bottom)), bottom.shape), out
            )
        else:
            raise NotSupported(f"no derivative is known for {type(e).__name__}")

    def _probability(self, e: Probability, weight: Floats, out: Floats) -> None:
        top = self.joint.marginal((*e.of, *e.given))
        if not e.given:
            out += _known(weight, top.shape)
            return
        bottom = self.joint.marginal(e.given)
        over = _divided(weight, bottom)
        out += _known(over, top.shape)
        out -= _known(times(over, _divided(top, bottom)), bottom.shape)

    def _sum(self, e: Sum, weight: Floats, out: Floats) -> None:
        inner = self.value(e.of)
        for axis in self.joint.axes(e.over):
            if inner.shape[axis] == 1:
                weight = weight * self.joint.table.shape[axis]
        self._back(e.of, _known(weight, inner.shape), out)


def _divided(top: Floats, bottom: Floats) -> Floats:
    """top / bottom, 0 where bottom is 0 or not known."""
    top, bottom = np.broadcast_arrays(top, bottom)
    good = (bottom != 0) & np.isfinite(bottom) & np.isfinite(top)
    return np.divide(top, bottom, out=np.zeros(top.shape), where=good)


def _known(weight: Floats, shape: tuple[int, ...]) -> Floats:
    """Weights summed to, or spread over, a shape; what is not a number counts as 0."""
    weight = np.where(np.isfinite(weight), weight, 0.0)
    axes = tuple(i for i, k in enumerate(shape) if k == 1 and weight.shape[i] > 1)
    weight = weight.sum(axis=axes, keepdims=True) if axes else weight
    return np.array(np.broadcast_to(weight, shape))


def functional(
    expression: Expression, joint: Joint, asked: tuple[str, ...], weight: Floats
) -> tuple[float, Floats]:
    """sum(weight * formula) and its gradient (table's shape) by the cells.

    weight : an array with an axis a name of the table, of length 1 for names not asked for. Free
        names that were not asked for are averaged as by `leftover`.
    """
    tape = Tape(joint)
    raw = tape.value(expression)
    found = leftover(raw, joint, asked)
    value = float(times(weight, np.broadcast_to(found, np.broadcast_shapes(
        found.shape, weight.shape))).sum())  # fmt: skip
    wanted = set(joint.axes(asked))
    extra = tuple(i for i in range(raw.ndim) if raw.shape[i] > 1 and i not in wanted)
    if not extra:
        spread = np.broadcast_to(weight, np.broadcast_shapes(weight.shape, raw.shape))
        return value, tape.gradient(expression, _known(np.array(spread), raw.shape))
    shares = joint.marginal([joint.names[i] for i in extra])
    shares = np.where(np.isfinite(raw), shares, 0.0)
    total = shares.sum(axis=extra, keepdims=True)
    out = tape.gradient(expression, _known(times(weight, _divided(shares, total)), raw.shape))
    gap = np.where(np.isfinite(raw), raw - found, 0.0)  # the shares move too
    moved = _divided(times(weight, gap), total)
    shape = [n if i in extra else 1 for i, n in enumerate(joint.table.shape)]
    return value, out + _known(moved, tuple(shape))
