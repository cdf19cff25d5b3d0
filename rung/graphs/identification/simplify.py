"""Simplification of formulas by the laws of probability and by separations in the graph.

After Tikka and Karvanen (2017), "Simplifying probabilistic expressions in causal inference": a
factor that does not depend on what is summed leaves the sum; P(a | b, c) P(b | c) is
P(a, b | c); the sum of P(a, b | c) over b is P(a | c); a conditioning name that the graph makes
idle is dropped, or put in where it lets two factors join; equal factors of a quotient cancel.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from itertools import combinations, permutations

from rung.core.graph import Graph
from rung.graphs.separation import m_separated

from .expression import Expression, One, Probability, Product, Quotient, Sum, product, summed

Idle = Callable[[Iterable[str], Iterable[str], Iterable[str]], bool]


def simplify(expression: Expression, graph: Graph | None = None) -> Expression:
    """A shorter expression with the same value on every table (that fits the graph, if given).

    Parameters
    ----------
    expression : a formula over the observed distribution
    graph : DAG or ADMG over its names, whose separations may be used
    """
    known: dict[tuple[frozenset[str], ...], bool] = {}

    def idle(a: Iterable[str], b: Iterable[str], given: Iterable[str]) -> bool:
        """Whether a is independent of b given the rest."""
        x, y, z = frozenset(a), frozenset(b), frozenset(given)
        if not y:
            return True
        if graph is None or x & y:
            return False
        if (x, y, z) not in known:
            known[x, y, z] = m_separated(graph, tuple(x), tuple(y), tuple(z))
        return known[x, y, z]

    found = _simple(expression, idle)
    return found if graph is None else ordered(found, graph.names)


def ordered(e: Expression, names: tuple[str, ...]) -> Expression:
    """The names of each probability and sum in a given order."""
    rank = {name: k for k, name in enumerate(names)}

    def sort(some: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(sorted(some, key=lambda n: rank.get(n, len(rank))))

    if isinstance(e, Probability):
        return Probability(sort(e.of), sort(e.given), e.do)
    if isinstance(e, Sum):
        return Sum(sort(e.over), ordered(e.of, names))
    if isinstance(e, Product):
        return Product(tuple(ordered(f, names) for f in e.factors))
    if isinstance(e, Quotient):
        return Quotient(ordered(e.numerator, names), ordered(e.denominator, names))
    return e


def _simple(e: Expression, idle: Idle) -> Expression:
    if isinstance(e, Probability):
        return _lean(e, idle)
    if isinstance(e, Sum):
        return _sum(e.over, factors_of(_simple(e.of, idle)), idle)
    if isinstance(e, Product):
        return _product([_simple(f, idle) for f in e.factors], idle)
    if isinstance(e, Quotient):
        return _quotient(_simple(e.numerator, idle), _simple(e.denominator, idle), idle)
    return e


def factors_of(e: Expression) -> list[Expression]:
    """Factors of an expression."""
    if isinstance(e, Product):
        return list(e.factors)
    return [] if isinstance(e, One) else [e]


def _lean(p: Probability, idle: Idle) -> Probability:
    """Without conditioning names that change nothing."""
    if p.do:
        return p
    given = list(p.given)
    for name in p.given:
        rest = [n for n in given if n != name]
        if idle(p.of, (name,), rest):
            given = rest
    return Probability(p.of, tuple(given))


def _product(factors: list[Expression], idle: Idle) -> Expression:
    """P(a | b, c) P(b | c) as P(a, b | c); what quotients among the factors share cancels."""
    flat = factors_of(product(factors))
    above: list[Expression] = []
    below: list[Expression] = []
    for f in flat:
        above += factors_of(f.numerator if isinstance(f, Quotient) else f)
        below += factors_of(f.denominator) if isinstance(f, Quotient) else []
    if below:
        top, bottom = _cancelled(above, below, idle)
        if len(bottom) < len(below):
            return Quotient(_product(top, idle), product(bottom)) if bottom else _product(top, idle)
    while (pair := _chain(flat)) is not None:
        i, j, joined = pair
        flat = [f for k, f in enumerate(flat) if k not in (i, j)]
        flat.insert(min(i, j), joined)
    return product(flat)


def _chain(flat: list[Expression]) -> tuple[int, int, Probability] | None:
    for i, j in permutations(range(len(flat)), 2):
        a, b = flat[i], flat[j]
        if isinstance(a, Probability) and isinstance(b, Probability):
            joined = join(a, b, lambda *_: False)
            if joined is not None:
                return i, j, joined
    return None


def join(a: Probability, b: Probability, idle: Idle) -> Probability | None:
    """P(a | b, c) P(b | c) as one, c made equal by idle names; None where it cannot be."""
    if a.do or b.do or not set(b.of) & set(a.given) or set(a.of) & {*b.of, *b.given}:
        return None
    given = set(a.given) - set(b.of)
    more_b = given - set(b.given)  # must be idle for b
    more_a = {*b.of, *b.given} - set(a.given)  # must be idle for a
    if more_b and not idle(b.of, more_b, b.given):
        return None
    if more_a and not idle(a.of, more_a, a.given):
        return None
    common = (*b.given, *(n for n in a.given if n in more_b))
    return Probability((*a.of, *b.of), common)


def _sum(over: tuple[str, ...], factors: list[Expression], idle: Idle) -> Expression:
    left = list(over)
    for name in over:
        if (reduced := _without(name, factors, idle)) is not None:
            factors = reduced
            left.remove(name)
    factors = factors_of(_product(factors, idle))
    bound = set(left)
    outside = [f for f in factors if not f.free & bound]
    inside = [f for f in factors if f.free & bound]
    if not inside:
        return summed(left, product(outside))
    return product([*outside, summed(left, product(inside))])


def _without(name: str, factors: list[Expression], idle: Idle) -> list[Expression] | None:
    """The factors after summing over a name, if those that hold it join to one probability."""
    mine = [f for f in factors if name in f.free]
    heads = [f for f in mine if isinstance(f, Probability) and name in f.of and not f.do]
    if len(heads) != 1 or not all(isinstance(f, Probability) for f in mine):
        return None
    found = joined_all(heads[0], [f for f in mine if f is not heads[0]], idle)
    if found is None:
        return None
    rest = tuple(n for n in found.of if n != name)
    new = [_lean(Probability(rest, found.given), idle)] if rest else []
    at = min(k for k, f in enumerate(factors) if name in f.free)
    others = [f for f in factors if name not in f.free]
    before = sum(name not in f.free for f in factors[:at])
    return [*others[:before], *new, *others[before:]]


def joined_all(head: Probability, rest: list[Expression], idle: Idle) -> Probability | None:
    """The head joined with all the rest, in any order that works."""
    if not rest:
        return head
    for k, f in enumerate(rest):
        assert isinstance(f, Probability)
        both = join(f, head, idle)
        if both is not None:
            found = joined_all(both, rest[:k] + rest[k + 1 :], idle)
            if found is not None:
                return found
    return None


def _quotient(top: Expression, bottom: Expression, idle: Idle) -> Expression:
    """The quotient without what numerator and denominator share."""
    above, below = _cancelled(factors_of(top), factors_of(bottom), idle)
    numerator = _product(above, idle)
    return Quotient(numerator, product(below)) if below else numerator


def _cancelled(
    above: list[Expression], below: list[Expression], idle: Idle
) -> tuple[list[Expression], list[Expression]]:
    """Factors above and below without equal ones; P(a, b | c) / P(b | c) = P(a | b, c).

    A divisor may enter a sum that does not bind its names.
    """
    above, below = list(above), list(below)
    for f in list(below):
        same = next((g for g in above if key(g) == key(f)), None)
        if same is not None:
            above.remove(same)
            below.remove(f)
    for f in list(below):
        left = _divided(above, f, idle)
        if left is None:
            left = _divided_inside(above, f, idle)
        if left is not None:
            above = left
            below.remove(f)
    return above, below


def _divided_inside(above: list[Expression], f: Expression, idle: Idle) -> list[Expression] | None:
    for k, g in enumerate(above):
        if isinstance(g, Sum) and not f.free & set(g.over):
            inner = _divided(factors_of(g.of), f, idle)
            if inner is not None:
                return [*above[:k], _sum(g.over, inner, idle), *above[k + 1 :]]
    return None


def _divided(above: list[Expression], f: Expression, idle: Idle) -> list[Expression] | None:
    """The factors divided by f, where up to three of them join to a probability that holds it."""
    at = [k for k, g in enumerate(above) if isinstance(g, Probability)]
    for size in (1, 2, 3):
        for chosen in combinations(at, size):
            for k in chosen:
                head = above[k]
                assert isinstance(head, Probability)
                whole = joined_all(head, [above[i] for i in chosen if i != k], idle)
                divided = None if whole is None else _conditional(whole, f)
                if divided is not None:
                    rest = [g for i, g in enumerate(above) if i not in chosen]
                    return [*rest, _lean(divided, idle)]
    return None


def _conditional(g: Expression, f: Expression) -> Probability | None:
    if not isinstance(g, Probability) or not isinstance(f, Probability) or g.do or f.do:
        return None
    if not set(f.of) < set(g.of) or set(f.given) != set(g.given):
        return None
    of = tuple(n for n in g.of if n not in f.of)
    return Probability(of, (*f.of, *g.given))


def key(e: Expression) -> object:
    """Equal for expressions that differ only in the order of names and factors."""
    if isinstance(e, Probability):
        return ("P", frozenset(e.of), frozenset(e.given), frozenset(e.do))
    if isinstance(e, Sum):
        return ("S", frozenset(e.over), key(e.of))
    if isinstance(e, Product):
        return ("*", tuple(sorted((key(f) for f in e.factors), key=repr)))
    if isinstance(e, Quotient):
        return ("/", key(e.numerator), key(e.denominator))
    return ("1",)
