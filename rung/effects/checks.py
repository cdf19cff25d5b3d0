"""Everything that is looked at beside the number: diagnostics, assumptions, refutations."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ..core.graph import Graph
from ..core.query import Assumption, Refutation
from .study import Answered, Study


@dataclass(frozen=True, eq=False)
class Checks:
    """What was found."""

    diagnostics: Mapping[str, Any] = field(default_factory=dict)
    assumptions: tuple[Assumption, ...] = ()
    refutations: tuple[Refutation, ...] = ()
    warnings: tuple[str, ...] = ()


def checked(
    study: Study,
    answered: list[Answered],
    main: Answered,
    structure: Any,
    meaning: str,
    shown: Graph | None,
) -> Checks:
    """Balance, overlap, other estimators, refutations, assumptions."""
    solved = main.solved
    warnings: list[str] = []
    diagnostics: dict[str, Any] = {
        "balance": [], "overlap": {}, "alternatives": [], "compare": [], "decider": None,
    }  # fmt: skip
    if solved is not None:
        diagnostics["balance"] = [dict(row) for row in solved.prepared.balance]
        diagnostics["overlap"] = dict(solved.prepared.overlap)
        if solved.prepared.note:
            warnings.append(solved.prepared.note)
    return Checks(diagnostics, (), (), tuple(warnings))
