"""`rung causes`: which columns are direct causes of one column."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated, Any

import typer

from ..core.errors import unknown
from ..core.result import late
from ..pipeline.prepare import prepare
from .console import PARTIAL, emit, guarded, progress, say
from .parameters import (
    Codes,
    Drop,
    Environment,
    Json,
    Kinds,
    Missing,
    Seconds,
    Seed,
    Source,
    Targets,
    Unit,
    plan_fields,
    plan_of,
)  # fmt: skip

CONTROLS = {"by": "BenjaminiYekutieli", "bh": "BenjaminiHochberg", "holm": "Holm"}


@guarded
def causes_command(
    source: Source,
    outcome: Annotated[
        str, typer.Option("-y", "--outcome", help="The column whose direct causes are asked for.")
    ],
    alpha: Annotated[float, typer.Option(help="Share of false causes aimed at.")] = 0.05,
    correct: Annotated[
        str,
        typer.Option(
            help="by: false discoveries, any dependence; bh: less strict; holm: stricter."
        ),
    ] = "by",
    drop: Drop = None,
    kinds: Kinds = None,
    environment: Environment = None,
    targets: Targets = None,
    unit: Unit = None,
    missing: Missing = None,
    codes: Codes = None,
    seed: Seed = None,
    seconds: Seconds = None,
    json: Json = False,
) -> None:
    """Which columns are direct causes of one column, with false discoveries under control.

    A column is named if leaving it out makes predictions of the outcome worse, whatever all other
    columns say (DRCFS, Quinzan et al. 2023). It is a direct cause if the outcome causes none of
    the columns and shares no hidden cause with them: leave out, with --drop, what happens after
    the outcome. Lines, curves and products of columns are tried.
    """
    if correct not in CONTROLS:
        raise unknown(correct, CONTROLS, "correction")
    plan = plan_of(source, {**plan_fields(locals()), "outcome": outcome})
    prepared = prepare(None, plan)
    control = late("rung.effects", CONTROLS[correct])()
    question = late("rung.effects", "DRCFS")(outcome, alpha=alpha, control=control)
    with progress(seconds) as run:
        found = question.find(prepared.data, budget=run, rng=plan.seed)
    left_out = [f"{name}: {reason}" for name, reason in prepared.left_out]
    found = replace(found, notes=(*found.notes, *left_out))
    _say(found, json)


def _say(found: Any, as_json: bool) -> None:
    if as_json:
        emit({
            "outcome": found.target, "causes": list(found.selected), "learner": found.learner,
            "errors": dict(found.errors), "control": found.control, "alpha": found.alpha,
            "n": found.n, "columns": [dict(r) for r in found.rows], "notes": list(found.notes),
        })  # fmt: skip
    else:
        say(repr(found))
    if not found.complete:
        raise typer.Exit(PARTIAL)


def register(app: typer.Typer) -> None:
    """Add the command of this file."""
    app.command("causes")(causes_command)
