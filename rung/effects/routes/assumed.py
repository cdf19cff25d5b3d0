"""What effects by instruments and through mediators rest on, each with how it stands."""

from __future__ import annotations

from typing import Any

from ...core.query import Assumption, Status
from .instrumented import Instrumental, Instrumented
from .mediated import Natural

S = Status


def of_instrument(
    found: Instrumental, problem: Instrumented, dependence: Any
) -> tuple[Assumption, ...]:
    """What an effect by an instrument rests on."""
    x, y, z, given = problem.names
    s, who = found.strength, ", ".join(z)
    held = f", given {', '.join(given)}" if given else ""
    two = problem.binary[1]
    return (
        Assumption(
            "relevance", f"{who} moves {x}{held}", S.CHECKED if s.effective > 4 else S.CONTRADICTED,
            f"effective F {s.effective:.1f}; {s.needed:.1f} would exclude a large bias",
            "the point estimate is pulled towards the confounded one; the interval stays right",
        ),
        Assumption(
            "exclusion", f"{who} affects {y} only through {x}{held}", S.DECLARED,
            "by the graph, or as you declared",
            "the number mixes other effects of the instrument in",
        ),
        Assumption(
            "instrument unconfounded", f"nothing unmeasured causes {who} and {y}{held}", S.DECLARED,
            "by the graph, or as you declared", "the number mixes that cause's effect in",
        ),
        Assumption(
            "monotonicity" if two else "one direction",
            f"{who} moves {x} in one direction in every row, or not at all",
            S.UNCHECKABLE, "no row shows both of its treatments",
            "the number is no mean of effects, unless the effect is the same for all",
        ),
        *_shared(x, dependence, "no covariates" if not given else found.method, not given),
    )  # fmt: skip


def of_mediation(
    x: str, y: str, m: tuple[str, ...], given: tuple[str, ...], natural: Natural, dependence: Any
) -> tuple[Assumption, ...]:
    """What natural effects rest on."""
    through = ", ".join(m)
    held = f", given {', '.join(given)}" if given else ""
    return (
        Assumption(
            "no hidden cause of treatment", f"nothing unmeasured causes {x} and {through} or {y}"
            f"{held}", S.DECLARED, "the graph has no such cause",
            "both parts mix the cause's effect in",
        ),
        Assumption(
            "no hidden cause of mediators", f"nothing unmeasured causes {through} and {y}, given "
            f"{x}{held}", S.DECLARED, f"the graph has no such cause; randomising {x} would "
            "not remove it", "the split between the parts is wrong, their sum is not",
        ),
        Assumption(
            "cross-world independence", f"{y} under one value of {x} is unrelated to {through} "
            f"under the other{held}", S.UNCHECKABLE, "no row shows both worlds, and no experiment "
            "can", "the parts are not identified; bounds or a controlled effect (CDE) remain",
        ),
        Assumption(
            "positivity", f"at every {through}{held}, both values of {x} can occur", S.UNCHECKABLE
            if "largest_weight" not in natural.details else S.CHECKED,
            f"largest weight over the mean one: "
            f"{natural.details.get('largest_weight', float('nan')):.3g}",
            "for some rows the models fill in",
        ),
        *_shared(x, dependence, natural.method, False),
    )  # fmt: skip


def of_controlled(
    x: str, y: str, m: tuple[str, ...], given: tuple[str, ...], overlap: str, solved: Any
) -> tuple[Assumption, ...]:
    """What an effect with mediators set rests on."""
    through, held = ", ".join(m), f", given {', '.join(given)}" if given else ""
    return (
        Assumption(
            "no hidden common cause", f"nothing unmeasured causes {y} and {x} or {through}{held}",
            S.DECLARED, "the graph has no such cause", "the number mixes its effect in",
        ),
        Assumption(
            "positivity", f"{x} takes both values with {through} set{held}", S.CHECKED, overlap,
            "for some rows the models fill in",
        ),
        *_shared(x, solved.dependence, solved.fitted.method, False),
    )  # fmt: skip


def _shared(x: str, dependence: Any, form: str, checked: bool) -> tuple[Assumption, ...]:
    """Assumptions of every route: no interference, independent rows, the form of the models."""
    return (
        Assumption(
            "no interference", f"{x} of one row does not affect another row", S.UNCHECKABLE,
            "nothing in a table of rows shows who affects whom",
            "the effect of treating everybody would differ from this number",
        ),
        Assumption(
            "independent rows", "rows say something of their own", S.CHECKED, dependence.figure,
            "the interval is too narrow",
        ),
        Assumption(
            "model form", "enough of the models are flexible enough",
            S.CHECKED if checked else S.UNCHECKABLE, form, "part of the number is their misfit",
        ),
    )  # fmt: skip
