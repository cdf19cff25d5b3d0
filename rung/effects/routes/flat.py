"""A formula as one sum of a product of conditionals, in an order in which they can be drawn."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import count

from ...core.errors import NotSupported
from ...graphs.identification.expression import (
    Expression,
    One,
    Probability,
    Product,
    Quotient,
    Sum,
)

Symbol = tuple[str, int]  # a name, and which of its values: 0 for the free one


@dataclass(frozen=True)
class Factor:
    """P(of | given), each a value of a column."""

    of: tuple[Symbol, ...]
    given: tuple[Symbol, ...]


@dataclass(frozen=True)
class Step:
    """A factor in turn: `weigh` are known values whose probability is a weight, `draw` is drawn."""

    weigh: tuple[Symbol, ...]
    draw: tuple[Symbol, ...]
    given: tuple[Symbol, ...]


def ratio(expression: Expression) -> tuple[tuple[Factor, ...], tuple[Factor, ...]]:
    """Factors of the numerator and, if the formula is a quotient, of the denominator.

    Raises
    ------
    NotSupported
        A quotient stands inside a sum or a product.
    """
    fresh = count(1)
    if isinstance(expression, Quotient):
        top = tuple(_factors(expression.numerator, {}, fresh))
        return top, tuple(_factors(expression.denominator, {}, fresh))
    return tuple(_factors(expression, {}, fresh)), ()


def _factors(e: Expression, bound: Mapping[str, Symbol], fresh: Iterator[int]) -> Iterator[Factor]:
    if isinstance(e, One):
        return
    if isinstance(e, Probability):
        if e.do:
            raise NotSupported(f"the formula needs an experiment that sets {', '.join(e.do)}")
        yield Factor(*(tuple(bound.get(n, (n, 0)) for n in part) for part in (e.of, e.given)))
    elif isinstance(e, Product):
        for factor in e.factors:
            yield from _factors(factor, bound, fresh)
    elif isinstance(e, Sum):
        k = next(fresh)
        yield from _factors(e.of, {**bound, **{n: (n, k) for n in e.over}}, fresh)
    elif isinstance(e, Quotient):
        raise NotSupported(
            f"the formula divides by {e.denominator} inside of a sum: with columns that are not "
            "discrete it cannot be simulated. Make levels of the numbers (up to 10 values each), "
            "and PlugIn() answers exactly"
        )
    else:
        raise NotSupported(f"cannot simulate {type(e).__name__}")


def needed(factors: tuple[Factor, ...], keep: frozenset[Symbol]) -> tuple[Factor, ...]:
    """Without what sums to 1: values that nothing else depends on and that are not kept."""
    left = list(factors)
    while True:
        for i, factor in enumerate(left):
            used = {s for j, f in enumerate(left) for s in (*f.of, *f.given) if j != i}
            of = tuple(s for s in factor.of if s in used or s in keep or s[1] == 0)
            if len(of) < len(factor.of):
                left[i : i + 1] = [Factor(of, factor.given)] if of else []
                break
        else:
            return tuple(left)


def plan(factors: tuple[Factor, ...], known: frozenset[Symbol]) -> tuple[Step, ...]:
    """The factors in an order in which each is drawn given values that are known before.

    Raises
    ------
    NotSupported
        There is none.
    """
    left, have, steps = list(factors), set(known), []
    while left:
        ready = [f for f in left if set(f.given) <= have]
        if not ready:
            names = ", ".join(sorted({s[0] for f in left for s in f.given if s not in have}))
            raise NotSupported(
                f"the formula sums over {names} without a distribution of it: it cannot be "
                "simulated. Make levels of the numbers (up to 10 values each), and PlugIn() "
                "answers exactly"
            )
        ready.sort(key=lambda f: (not set(f.of) & have, len(f.given)))
        factor = ready[0]
        weigh = tuple(s for s in factor.of if s in have)
        draw = tuple(s for s in factor.of if s not in have)
        steps.append(Step(weigh, draw, factor.given))
        have |= set(draw)
        left.remove(factor)
    return tuple(steps)
