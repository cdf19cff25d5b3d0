"""IDP: identification of interventional distributions in the class of a MAG or PAG.

Jaber, Zhang and Bareinboim (2019), "Causal identification under Markov equivalence: completeness
results", and Jaber, Ribeiro, Zhang and Bareinboim (2022), algorithm IDP. Q[T] is the distribution
of the nodes T when all others are set.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rung.core.errors import NotIdentified
from rung.core.graph import Graph

from .expression import Expression, One, Probability, Product, Quotient, product, summed
from .formula import Formula
from .marked import Marked
from .query import Interventional
from .simplify import simplify


class Stuck(Exception):
    """No bucket can be removed and no region split: Q[core] does not follow from Q[whole]."""

    def __init__(self, core: int, whole: int) -> None:
        super().__init__("stuck")
        self.core, self.whole = core, whole


@dataclass(frozen=True)
class Chain:
    """Q[T] as the product over buckets, in a partial topological order, of Q(bucket | earlier)."""

    order: tuple[int, ...]
    factors: tuple[Expression, ...]

    @property
    def joint(self) -> Expression:
        """Q[T]."""
        return telescoped(self.factors)


def idp(graph: Graph, asked: Interventional) -> Formula:
    """P(outcomes | do(treatments), given) in the class of a MAG or PAG.

    Raises
    ------
    NotIdentified
        Two graphs of the class, or two models of one, give it different values.
    NotSupported
        The graph has edges that only selection makes.
    """
    marked = Marked.of(graph)
    y, x, z = (marked.mask(n) for n in (asked.outcomes, asked.do, asked.given))
    try:
        found = _joint(marked, y | z, x)
    except Stuck as stuck:
        if z:
            from .cidp import exchanged

            return exchanged(marked, asked)
        raise NotIdentified(why(marked, asked, stuck)) from None
    expression = found if not z else Quotient(found, summed(marked.named(y), found))
    return Formula(asked, simplify(expression, marked.member), "IDP")


def why(marked: Marked, asked: Interventional, stuck: Stuck) -> str:
    """Which node outside of the core may both act on one that is needed and be tied to it."""
    ways = []
    for bucket in marked.buckets(stuck.whole):
        if outside := bucket & ~stuck.core:
            below = marked.children(bucket, stuck.whole)
            tied = below & marked.possible_district(bucket, stuck.whole) | bucket & stuck.core
            ways.append((bool(tied & stuck.core), outside, tied & stuck.core or tied))
    _, one, two = max(ways, key=lambda way: way[0])
    acts, on = ", ".join(marked.named(one)), ", ".join(marked.named(two))
    return (
        f"{asked} is not identified in the class of the graph: {acts} may act on {on}, and hidden "
        f"causes may tie {acts} to {on}, so that graphs of the class, or models of one, disagree"
    )


def _joint(marked: Marked, y: int, x: int) -> Expression:
    """P(y | do(x)): sum over D minus y of Q[D], D the possible ancestors of y off x."""
    above = marked.possible_ancestors(y, marked.all & ~x)
    found = _identify(marked, above, observed(marked, above))
    return summed(marked.named(above & ~y), found)


def observed(marked: Marked, of: int) -> Chain:
    """The observed distribution of the possible ancestors of some nodes.

    Each bucket stands given those nodes before it that it depends on given the others before.
    """
    order = tuple(marked.buckets(marked.possible_ancestors(of, marked.all)))
    before = 0
    factors = []
    for bucket in order:
        whole = before | bucket
        given = marked.links.met(bucket, whole, whole) & before
        factors.append(Probability(marked.named(bucket), marked.named(given)))
        before = whole
    return Chain(order, tuple(factors))


def _identify(marked: Marked, core: int, known: Chain) -> Expression:
    """Q[core] from Q[T]: the function Identify of the papers."""
    whole = sum(known.order)
    if not core:
        return One()
    if core == whole:
        return known.joint
    for bucket in reversed(known.order):
        if not bucket & core:
            below = marked.children(bucket, whole)
            if not below & marked.possible_district(bucket, whole):
                return _identify(marked, core, removed(marked, bucket, known))
    for bucket in marked.buckets(core):
        one = marked.region(bucket, core)
        if one != core:
            two = marked.region(core & ~one, core)
            sides = product(_identify(marked, part, known) for part in (one, two))
            shared = _identify(marked, one & two, known)
            return sides if isinstance(shared, One) else Quotient(sides, shared)
    raise Stuck(core, whole)


def removed(marked: Marked, bucket: int, known: Chain) -> Chain:
    """Q[T without the bucket]: summed out of the factors tied to it that come later.

    Jaber et al. (2019), theorem 1: no possible child of the bucket may share a district with it.
    """
    tied = marked.tied(bucket, sum(known.order))
    at = known.order.index(bucket)
    order, factors = list(known.order[:at]), list(known.factors[:at])
    inside = [known.factors[at]]
    sofar: Expression = One()  # the sum of the factor of the bucket itself
    for part, factor in zip(known.order[at + 1 :], known.factors[at + 1 :], strict=True):
        order.append(part)
        if not part & tied:
            factors.append(factor)
            continue
        inside.append(factor)
        total = summed(marked.named(bucket), telescoped(inside))
        factors.append(total if isinstance(sofar, One) else Quotient(total, sofar))
        sofar = total
    return Chain(tuple(order), tuple(factors))


def telescoped(factors: Sequence[Expression]) -> Expression:
    """Product in which a numerator that is the denominator of another factor cancels."""
    top: list[Expression] = []
    bottom: list[Expression] = []
    for factor in factors:
        if isinstance(factor, Quotient):
            top += _flat(factor.numerator)
            bottom += _flat(factor.denominator)
        else:
            top += _flat(factor)
    left = []
    for below in bottom:
        same = next((k for k, above in enumerate(top) if above is below), None)
        if same is None:
            left.append(below)
        else:
            del top[same]
    return Quotient(product(top), product(left)) if left else product(top)


def _flat(e: Expression) -> list[Expression]:
    return list(e.factors) if isinstance(e, Product) else [] if isinstance(e, One) else [e]
