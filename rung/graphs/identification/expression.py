"""Expression: a formula over the observed distribution, as a tree that can be evaluated.

Names stand for both a variable and its value; a `Sum` binds the names that it sums over, so the
same name outside of it is another value (in print the inner one carries a prime).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import reduce
from typing import final

import numpy as np
from numpy.typing import NDArray

from rung.core.errors import InputError, unknown

Floats = NDArray[np.float64]


class Expression(ABC):
    """A function of the values of its free names."""

    @property
    @abstractmethod
    def free(self) -> frozenset[str]:
        """Names whose value it depends on."""

    @abstractmethod
    def value(self, joint: Joint) -> Floats:
        """Its value for every value of the names: an array with an axis a name of the table.

        The axis of a name that is not free has length 1. NaN where an event that never happens is
        conditioned on.
        """

    @abstractmethod
    def parts(self) -> tuple[Expression, ...]:
        """The expressions directly below."""

    @final
    def walk(self) -> Iterable[Expression]:
        """This expression and all below, from the top."""
        yield self
        for part in self.parts():
            yield from part.walk()

    @final
    @property
    def observed(self) -> frozenset[str]:
        """All names of the observed distribution that occur, bound or free."""
        leaves = (e for e in self.walk() if isinstance(e, Probability))
        return frozenset(n for leaf in leaves for n in (*leaf.of, *leaf.given))

    def __str__(self) -> str:
        from .render import text

        return text(self)


@dataclass(frozen=True, eq=False)
class Joint:
    """A joint probability table (k1, ..., kd) with one axis a name; entries >= 0 that sum to 1.

    Raises
    ------
    InputError
        Names that do not fit the axes, repeat, or entries that are no probabilities.
    """

    table: Floats
    names: tuple[str, ...]

    def __post_init__(self) -> None:
        table = np.asarray(self.table, dtype=np.float64)
        names = tuple(self.names)
        if table.ndim != len(names) or len(set(names)) != len(names):
            raise InputError(
                f"the table has {table.ndim} axes and {len(names)} names ({', '.join(names)}); "
                "expected one axis a name, each name once"
            )
        total = float(table.sum())
        if not np.isfinite(table).all() or (table < 0).any() or abs(total - 1) > 1e-6:
            raise InputError(
                f"the table is no joint distribution: its entries sum to {total:.6g} and the least "
                f"is {table.min() if table.size else 0:.3g}; expected entries >= 0 that sum to 1"
            )
        object.__setattr__(self, "table", table)
        object.__setattr__(self, "names", names)

    def axes(self, names: Iterable[str]) -> tuple[int, ...]:
        """Axes of names.

        Raises
        ------
        UnknownName
            A name that the table does not have.
        """
        at = {name: i for i, name in enumerate(self.names)}
        for name in names:
            if name not in at:
                raise unknown(name, self.names, "axis of the table")
        return tuple(at[name] for name in names)

    def only(self, names: Iterable[str]) -> Joint:
        """The marginal table of the names, without the other axes."""
        keep = sorted(self.axes(sorted(names)))
        drop = tuple(i for i in range(self.table.ndim) if i not in keep)
        return (
            Joint(self.table.sum(axis=drop), tuple(self.names[i] for i in keep)) if drop else self
        )

    def marginal(self, names: Iterable[str]) -> Floats:
        """Marginal of the names; the other axes have length 1."""
        keep = set(self.axes(names))
        drop = tuple(i for i in range(self.table.ndim) if i not in keep)
        return np.asarray(self.table.sum(axis=drop, keepdims=True))


@final
@dataclass(frozen=True)
class One(Expression):
    """The number 1."""

    @property
    def free(self) -> frozenset[str]:
        return frozenset()

    def value(self, joint: Joint) -> Floats:
        return np.ones((1,) * joint.table.ndim)

    def parts(self) -> tuple[Expression, ...]:
        return ()


@final
@dataclass(frozen=True)
class Probability(Expression):
    """P(of | given) of the observed distribution.

    `do` names what was set where it was observed: () for the population as it is. It leaves room
    for formulas that combine experiments; a table of one observed distribution refuses it.
    """

    of: tuple[str, ...]
    given: tuple[str, ...] = ()
    do: tuple[str, ...] = ()

    @property
    def free(self) -> frozenset[str]:
        return frozenset((*self.of, *self.given, *self.do))

    def value(self, joint: Joint) -> Floats:
        if self.do:
            raise InputError(f"the formula needs an experiment that sets {', '.join(self.do)}")
        top = joint.marginal((*self.of, *self.given))
        if not self.given:
            return top
        return divided(top, joint.marginal(self.given))

    def parts(self) -> tuple[Expression, ...]:
        return ()


@final
@dataclass(frozen=True)
class Sum(Expression):
    """Sum of `of` over all values of the names in `over`."""

    over: tuple[str, ...]
    of: Expression

    @property
    def free(self) -> frozenset[str]:
        return self.of.free - set(self.over)

    def value(self, joint: Joint) -> Floats:
        inner = self.of.value(joint)
        axes = joint.axes(self.over)
        for axis in axes:  # summed over a name that it does not depend on
            if inner.shape[axis] == 1:
                inner = inner * joint.table.shape[axis]
        return np.asarray(inner.sum(axis=axes, keepdims=True))

    def parts(self) -> tuple[Expression, ...]:
        return (self.of,)


@final
@dataclass(frozen=True)
class Product(Expression):
    """Product of factors."""

    factors: tuple[Expression, ...]

    @property
    def free(self) -> frozenset[str]:
        return frozenset[str]().union(*(f.free for f in self.factors))

    def value(self, joint: Joint) -> Floats:
        return reduce(times, (f.value(joint) for f in self.factors), One().value(joint))

    def parts(self) -> tuple[Expression, ...]:
        return self.factors


@final
@dataclass(frozen=True)
class Quotient(Expression):
    """numerator / denominator."""

    numerator: Expression
    denominator: Expression

    @property
    def free(self) -> frozenset[str]:
        return self.numerator.free | self.denominator.free

    def value(self, joint: Joint) -> Floats:
        return divided(self.numerator.value(joint), self.denominator.value(joint))

    def parts(self) -> tuple[Expression, ...]:
        return (self.numerator, self.denominator)


def divided(top: Floats, bottom: Floats) -> Floats:
    """top / bottom, NaN where bottom is 0."""
    top, bottom = np.broadcast_arrays(top, bottom)
    return np.divide(top, bottom, out=np.full(top.shape, np.nan), where=bottom != 0)


def times(a: Floats, b: Floats) -> Floats:
    """Product in which 0 times anything is 0: what never happens needs no conditional."""
    with np.errstate(invalid="ignore"):
        out = a * b
    out[np.broadcast_to(a == 0, out.shape) | np.broadcast_to(b == 0, out.shape)] = 0.0
    return np.asarray(out)


def product(factors: Iterable[Expression]) -> Expression:
    """Product, flattened, without ones."""
    flat: list[Expression] = []
    for factor in factors:
        if isinstance(factor, Product):
            flat += factor.factors
        elif not isinstance(factor, One):
            flat.append(factor)
    if not flat:
        return One()
    return flat[0] if len(flat) == 1 else Product(tuple(flat))


def summed(over: Iterable[str], of: Expression) -> Expression:
    """Sum, where over nothing the expression itself, and P(a, b | c) summed over b is P(a | c)."""
    names = tuple(dict.fromkeys(over))
    if not names:
        return of
    if isinstance(of, Probability) and set(names) <= set(of.of):
        left = tuple(n for n in of.of if n not in names)
        return Probability(left, of.given, of.do) if left else One()
    if isinstance(of, Sum):
        return Sum((*names, *of.over), of.of) if not set(names) & set(of.over) else Sum(names, of)
    return Sum(names, of)


def leftover(value: Floats, joint: Joint, asked: Iterable[str]) -> Floats:
    """The value without the axes of names that were not asked for, on which it does not depend.

    A formula may hold a free name that it does not depend on (the napkin graph): the average over
    its values that occur, weighted by how often.
    """
    wanted = set(joint.axes(asked))
    extra = [i for i in range(value.ndim) if value.shape[i] > 1 and i not in wanted]
    if not extra:
        return value
    weights = joint.marginal([joint.names[i] for i in extra])
    known = np.isfinite(value)
    weights = np.where(known, weights, 0.0)
    total = weights.sum(axis=tuple(extra), keepdims=True)
    mean = times(np.where(known, value, 0.0), weights).sum(axis=tuple(extra), keepdims=True)
    return divided(mean, total)


Values = Mapping[str, Iterable[float]]
