"""Estimands by name: the question that a plan asks of its treatment and its outcome."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from .. import effects
from ..core.budget import Run
from ..core.errors import InputError, NotIdentified
from ..core.query import Estimate, Query
from ..effects.routes.front_door import FrontDoor
from ..effects.routes.one_step import Best
from .options import make_estimator, plugs

if TYPE_CHECKING:
    from .plan import Plan


def _average(name: str) -> Callable[[Plan], Query]:
    def made(plan: Plan) -> Query:
        return _of(
            name, plan, treated=plan.treated, control=plan.control, scale=plan.scale,
            adjust=plan.adjustment,
        )  # fmt: skip

    return made


def _of(name: str, plan: Plan, **options: Any) -> Query:
    query: Query = getattr(effects, name)(plan.treatment, plan.outcome, **options)
    return query


def _cate(plan: Plan) -> Query:
    if plan.by:
        return _of(
            "CATE", plan, by=plan.by, treated=plan.treated, control=plan.control,
            scale=plan.scale, adjust=plan.adjustment,
        )  # fmt: skip
    return _of("CATE", plan, treated=plan.treated, control=plan.control, adjust=plan.adjustment)


def _mediation(name: str) -> Callable[[Plan], Query]:
    def made(plan: Plan) -> Query:
        if not plan.mediators:
            raise InputError(
                f"the estimand {plan.estimand!r} needs mediators (--mediators a,b): the columns "
                "that the effect goes through"
            )
        return _of(name, plan, mediator=plan.mediators, treated=plan.treated, control=plan.control)

    return made


def _ends(name: str) -> Callable[[Plan], Query]:
    return lambda plan: _of(name, plan, treated=plan.treated, control=plan.control)


_QUESTIONS: dict[str, Callable[[Plan], Query]] = {
    "ate": _average("ATE"),
    "att": _average("ATT"),
    "cate": _cate,
    "backdoor": _average("ATE"),
    "frontdoor": _average("ATE"),
    "id": _average("ATE"),
    "iv": lambda plan: _of("LATE", plan, instrument=plan.instrument),
    "nde": _mediation("NDE"),
    "nie": _mediation("NIE"),
    "curve": lambda plan: _of("Curve", plan),
    "pn": _ends("PN"),
    "ps": _ends("PS"),
    "pns": _ends("PNS"),
}
ESTIMANDS = tuple(_QUESTIONS)
_SHAPES: dict[str, tuple[str, ...]] = {
    "ate": ("estimate", "reach"), "att": ("estimate",), "cate": ("estimate", "conditional"),
    "backdoor": ("estimate",), "frontdoor": ("reach",), "id": ("reach",),
    "iv": ("by_instrument",), "nde": ("mediate",), "nie": ("mediate",), "curve": ("estimate",),
    "pn": (), "ps": (), "pns": (),
}  # fmt: skip
# estimators that ask for their own formula
ROUTES: dict[str, Callable[[], Any]] = {"frontdoor": FrontDoor, "id": Best}
DEFAULT = "doubly-robust"
AVERAGES = ("ate", "backdoor", "frontdoor", "id", "att", "cate")


def question(plan: Plan) -> Query:
    """The query of a plan that names a treatment and an outcome.

    Raises
    ------
    InputError
        An option that the estimand has no use for.
    """
    for field, fits in (
        ("instrument", ("iv",)), ("mediators", ("nde", "nie")), ("by", ("cate",)),
    ):  # fmt: skip
        if getattr(plan, field) and plan.estimand not in fits:
            raise InputError(
                f"{field} goes with the estimand {' or '.join(fits)}, not with {plan.estimand!r}"
            )
    if plan.scale != "difference" and plan.estimand not in AVERAGES:
        raise InputError(f"scale={plan.scale!r}: {plan.estimand!r} is a difference")
    return _QUESTIONS[plan.estimand](plan)


def estimator_of(plan: Plan) -> Any:
    """The estimator of the plan, or the one that an estimand such as "frontdoor" implies."""
    if plan.estimator != DEFAULT:
        made, shapes = make_estimator(plan.estimator), _SHAPES[plan.estimand]
        if not any(callable(getattr(made, shape, None)) for shape in shapes):
            fits = sorted({name for shape in shapes for name in plugs(effects, shape)})
            raise InputError(
                f"the estimator {plan.estimator!r} does not answer the estimand "
                f"{plan.estimand!r}; "
                + (f"those that do: {', '.join(fits)}" if fits else "leave --estimator out")
            )
        return made
    if plan.estimand in ROUTES:
        return ROUTES[plan.estimand]()
    return make_estimator(DEFAULT) if plan.estimand in ("ate", "att", "backdoor") else None


def answer(plan: Plan, given: Any, data: Any, *, run: Run, rng: np.random.Generator) -> Estimate:
    """The estimate of the plan's question on a structure.

    Raises
    ------
    NotIdentified
        Also where "backdoor" is asked and only another formula answers.
    """
    query = question(plan)
    estimate = query.answer(given, data, estimator=estimator_of(plan), run=run, rng=rng)
    _require_rule(plan, estimate)
    return estimate


def _require_rule(plan: Plan, estimate: Estimate) -> None:
    if plan.estimand == "backdoor" and not estimate.diagnostics.get("adjustment"):
        rule = getattr(getattr(estimate.estimand, "formula", None), "rule", None)
        if rule not in (None, "back-door"):
            raise NotIdentified(
                f"no set of columns closes the back-door paths from {plan.treatment} to "
                f"{plan.outcome}; the estimand 'id' uses another formula"
            )
