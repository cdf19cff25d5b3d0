"""What changed between the data and a second file: the section on root causes."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from ..core.budget import Run
from ..core.errors import RungError
from ..effects.attribution.answer import attribute
from .plan import Plan
from .prepare import Prepared, prepare
from .structure import Structure


def changes_section(
    model: Any, found: Structure, prepared: Prepared, plan: Plan, run: Run
) -> dict[str, Any] | None:
    """Which mechanisms changed, and what moved the outcome; None without a second file."""
    if not plan.after:
        return None
    if model is None:
        return {"question": "", "refused": "there is no fitted model of this graph", "nodes": []}
    second = prepare(None, replace(plan, source=plan.after, after=None, sha256=None))
    outcome = plan.outcome if plan.outcome in model.names else None
    try:
        names = list(found.graph.names)
        asked = attribute(
            model, prepared.data.select(names), second.data.select(names), outcome=outcome,
            measure=None, run=run, seed=plan.seed,
        )  # fmt: skip
    except RungError as error:
        return {"question": "", "refused": str(error), "nodes": []}
    return {**asked.content(), "after": plan.after, "n": second.data.n, "rows": []}
