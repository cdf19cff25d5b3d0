"""What a report says where an effect is refused: the hedge, what would identify it, bounds."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..core.errors import RungError
from .plan import Plan
from .prepare import Prepared
from .structure import Structure


def refusal_section(
    error: RungError, plan: Plan, found: Structure, prepared: Prepared, rng: np.random.Generator
) -> dict[str, Any]:
    """Reason, hedge, advice and bounds, JSON-ready."""
    text = str(error)
    hedge = getattr(error, "hedge", None)
    return {
        "text": f"{text[:1].upper()}{text[1:].rstrip('.')}.",
        "hedge": None if hedge is None else {
            "forest": str(hedge.forest), "core": list(hedge.core), "roots": list(hedge.roots),
            "treatments": list(hedge.treatments), "words": hedge.words,
        },
        "advice": list(getattr(error, "advice", ())),
        "bounds": _bounds(plan, found, prepared, rng),
    }  # fmt: skip


def _bounds(
    plan: Plan, found: Structure, prepared: Prepared, rng: np.random.Generator
) -> dict[str, Any] | None:
    """Where the effect must lie in any case; None where no bounds apply."""
    return None
