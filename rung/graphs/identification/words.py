"""A formula in a sentence with the data's names."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .formula import Formula


def words(formula: Formula) -> str:
    """How the number is obtained from rows, in a sentence."""
    a = formula.asked
    y, x = ", ".join(a.outcomes), ", ".join(a.do)
    among = f" among rows with the same {', '.join(a.given)}" if a.given else ""
    if formula.rule == "no effect":
        return f"no directed path leads from {x} to {y}: setting {x} changes nothing{among}"
    if formula.rule == "back-door":
        if not formula.adjust:
            return f"compare {y} between values of {x}, with no adjustment{among}"
        z = ", ".join(formula.adjust)
        return (
            f"compare {y} between values of {x} among rows with the same {z}, then average over "
            f"the rows{among}"
        )
    if formula.rule == "front-door":
        m = ", ".join(formula.mediators)
        return (
            f"see how {x} changes {m}, and how {m} changes {y} among rows with the same {x}, and "
            f"chain the two: everything that {x} does to {y} passes through {m}{among}"
        )
    read = ", ".join(sorted(formula.expression.observed))
    return (
        f"no covariates suffice, but the distribution of {y} under a set {x} is a function of the "
        f"observed distribution of {read} (found by the ID algorithm){among}"
    )
