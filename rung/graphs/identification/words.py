"""A formula in plain English, with the data's names."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from .expression import Expression, Probability, Product, Quotient, Sum
from .render import plain

if TYPE_CHECKING:
    from .formula import Formula


def words(formula: Formula) -> str:
    """How the number is obtained from rows."""
    a = formula.asked
    y, x, z = listed(a.outcomes), listed(a.do), listed(a.given)
    among = f" among rows with the same {z}" if a.given else ""
    if formula.rule == "no effect":
        return f"no directed path leads from {x} to {y}: setting {x} changes nothing{among}"
    if formula.rule == "back-door":
        return _by_adjustment(formula, y, x, z)
    if formula.rule == "front-door":
        m = listed(formula.mediators)
        return (
            f"see how {x} changes {m}, and how {m} changes {y} among rows with the same {x}, and "
            f"chain the two: everything that {x} does to {y} passes through {m}{among}"
        )
    return in_steps(formula.expression, a.names)


def _by_adjustment(formula: Formula, y: str, x: str, z: str) -> str:
    extra = listed(formula.adjust)
    if not formula.adjust:
        among = f", among rows with the same {z}" if z else ""
        return f"compare {y} between values of {x}, with no adjustment{among}"
    same = listed((*formula.asked.given, *formula.adjust))
    over = f"the rows with the same {z}" if z else "the rows"
    what = f"the distribution of {extra} in " if z else ""
    return (
        f"compare {y} between values of {x} among rows with the same {same}, then average over "
        f"{what}{over}"
    )


def listed(names: Iterable[str]) -> str:
    """Names as `a, b and c`."""
    some = [plain(n) for n in names]
    return " and ".join(filter(None, [", ".join(some[:-1]), *some[-1:]]))


def in_steps(expression: Expression, outer: Iterable[str] = ()) -> str:
    """The expression as steps: what is averaged over what; simpler parts first, under letters."""
    story = _Story()
    last = story.phrase(expression)
    idle = sorted(expression.free - set(outer))
    any_value = f" (whatever the value of {listed(idle)})" if outer and idle else ""
    if not story.steps:
        return last + any_value
    steps = [f"({k}) {step}" for k, step in enumerate(story.steps, 1)]
    return "; ".join([*steps, f"({len(steps) + 1}) the answer is {last}{any_value}"])


class _Story:
    """Steps so far; a part that is more than one distribution is a step of its own."""

    def __init__(self) -> None:
        self.steps: list[str] = []

    def phrase(self, e: Expression) -> str:
        """An expression as a noun phrase; what it needs is among the steps before."""
        if isinstance(e, Probability):
            return distribution(e)
        if isinstance(e, Sum):
            return self._sum(e)
        if isinstance(e, Product):
            return " times ".join(self.part(f) for f in e.factors)
        if isinstance(e, Quotient):
            return f"{self.part(e.numerator)}, divided by {self.part(e.denominator)}"
        return "1"

    def part(self, e: Expression) -> str:
        """The phrase of a single distribution, the number of its step for more."""
        if isinstance(e, Probability):
            return distribution(e)
        said = self.phrase(e)
        free = listed(sorted(e.free))
        each = f"for each value of {free}, " if free else ""
        self.steps.append(f"{each}take {said}")
        return f"({len(self.steps)})"

    def _sum(self, e: Sum) -> str:
        factors = list(e.of.factors) if isinstance(e.of, Product) else [e.of]
        over = set(e.over)
        heads = [f for f in factors if isinstance(f, Probability) and over <= set(f.of)]
        weight = next((f for f in heads if over == set(f.of)), None)
        if weight is not None and len(factors) > 1:
            rest = [f for f in factors if f is not weight]
            inner = " times ".join(self.part(f) for f in rest)
            return f"the average of {inner} over {distribution(weight)}"
        inner = " times ".join(self.part(f) for f in factors)
        return f"the sum over all values of {listed(e.over)} of {inner}"


def distribution(p: Probability) -> str:
    """A conditional distribution of the rows."""
    of = f"the distribution of {listed(p.of)}"
    if p.do:
        of += f" where {listed(p.do)} was set"
    return f"{of} among rows with the same {listed(p.given)}" if p.given else f"{of} in all rows"
