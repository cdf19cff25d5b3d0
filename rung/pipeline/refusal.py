"""What a report says where an effect is refused: the hedge, what would identify it, bounds."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..core.budget import Run
from ..core.errors import RungError
from ..effects.bounding.answer import bounds
from ..effects.queries import ATE
from .plan import Plan
from .prepare import Prepared
from .questions import AVERAGES
from .sections import number
from .structure import Structure


def refusal_section(
    error: RungError,
    plan: Plan,
    found: Structure,
    prepared: Prepared,
    run: Run,
    rng: np.random.Generator,
) -> dict[str, Any]:
    """Reason, hedge, advice and bounds, JSON-ready."""
    text = str(error).partition(" rung.bounds(")[0]
    hedge = getattr(error, "hedge", None)
    short = (
        f"The effect of {plan.treatment} on {plan.outcome} is not identified: by the graph, hidden "
        "common causes leave no formula over the measured columns that equals it."
    )
    return {
        "headline": f"{text[:1].upper()}{text[1:].rstrip('.')}." if hedge is None else short,
        "text": f"{text[:1].upper()}{text[1:].rstrip('.')}.",
        "hedge": None if hedge is None else {
            "core": list(hedge.core), "roots": list(hedge.roots), "words": hedge.words,
            **_drawn(hedge, plan),
        },
        "advice": list(getattr(error, "advice", ())),
        "bounds": _bounds(plan, found, prepared, run, rng),
    }  # fmt: skip


def _drawn(hedge: Any, plan: Plan) -> dict[str, Any]:
    """Nodes and edges of the hedge, for its picture."""
    roles = {plan.treatment: "treatment", plan.outcome: "outcome"}
    forest = hedge.forest
    return {
        "nodes": [{"name": name, "role": roles.get(name, "variable")} for name in forest.names],
        "edges": [{"a": a, "b": b, "mark": mark} for a, mark, b in forest.edges()],
        "alt": f"The hedge: {forest}",
    }


def _bounds(
    plan: Plan, found: Structure, prepared: Prepared, run: Run, rng: np.random.Generator
) -> dict[str, Any] | None:
    """Where the effect must lie in any case; None where no bounds apply."""
    if plan.estimand not in AVERAGES[:4] or plan.scale != "difference":
        return None
    query = ATE(plan.treatment or "", plan.outcome or "", treated=plan.treated,
                control=plan.control)  # fmt: skip
    try:
        got = bounds(found.given, prepared.data, query, budget=run, seed=rng)
    except RungError as error:
        return {"text": f"No bounds: {error}", "rows": []}
    low, high = got.interval
    held = "; ".join(a.statement for a in got.assumptions) or "nothing but the observed rows"
    return {
        "rows": [{"label": "Bounds", "value": None, "low": got.lower, "high": got.upper,
                  "hero": True},
                 {"label": f"{got.level:.0%} interval", "value": None, "low": low, "high": high}],
        "units": got.units, "lower": got.lower, "upper": got.upper, "low": low, "high": high,
        "text": f"{got.contrast}: between {number(got.lower)} and {number(got.upper)} "
        f"({got.level:.0%} interval {number(low)} to {number(high)}); assumed: {held}. "
        f"{got.method}; {'sharp' if got.sharp else 'valid, perhaps not sharp'}.",
    }  # fmt: skip
