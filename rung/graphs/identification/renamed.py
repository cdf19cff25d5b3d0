"""Renamed: a name that takes one value in some factors of an expression and another in others."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import final

import numpy as np
from numpy.typing import NDArray

from .expression import Expression, Joint, One, Probability, Product, Quotient, Sum

Floats = NDArray[np.float64]


@final
@dataclass(frozen=True)
class Renamed(Expression):
    """An expression in which free names stand for their values under other names.

    `pairs` holds (name, new name). With ("X", "X*") the value of X in this factor is called X*,
    which may differ from the value of X in other factors.
    """

    of: Expression
    pairs: tuple[tuple[str, str], ...]

    @property
    def free(self) -> frozenset[str]:
        new = dict(self.pairs)
        return frozenset(new.get(n, n) for n in self.of.free)

    def value(self, joint: Joint) -> Floats:
        out = self.of.value(joint)
        for old, new in self.pairs:
            out = out.swapaxes(*joint.axes((old, new)))
        return out

    def parts(self) -> tuple[Expression, ...]:
        return (self.of,)

    def shown(self) -> Expression:
        """The same for printing: new names in the leaves, which are no columns."""
        return renamed(self.of, dict(self.pairs))


def renamed(e: Expression, names: Mapping[str, str]) -> Expression:
    """The tree with free names replaced everywhere."""
    if isinstance(e, Probability):
        of, given, do = (tuple(names.get(n, n) for n in part) for part in (e.of, e.given, e.do))
        return Probability(of, given, do)
    if isinstance(e, Sum):
        return Sum(e.over, renamed(e.of, {k: v for k, v in names.items() if k not in e.over}))
    if isinstance(e, Product):
        return Product(tuple(renamed(f, names) for f in e.factors))
    if isinstance(e, Quotient):
        return Quotient(renamed(e.numerator, names), renamed(e.denominator, names))
    if isinstance(e, Renamed):
        return renamed(e.shown(), names)
    assert isinstance(e, One)
    return e
