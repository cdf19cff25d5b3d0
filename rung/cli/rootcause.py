"""Root causes from a file: what changed since, or what made a row unusual."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any

import typer

from ..core.data import Data
from ..core.errors import InputError
from ..effects.attribution.answer import attribute
from ..effects.attribution.measures import (
    Deviation,
    Divergence,
    LowerTail,
    MeanShift,
    Measure,
    OutlierScore,
    QuantileShift,
    ShareShift,
    UpperTail,
    VarianceShift,
)
from ..io.readers import read
from ..pipeline.options import make_learner, number_of
from ..pipeline.prepare import POLICIES, prepare
from ..pipeline.structure import structure
from .console import emit, guarded, progress, say
from .parameters import (
    Codes,
    Draws,
    Drop,
    Forbid,
    GraphFile,
    Json,
    Kinds,
    Learner,
    Missing,
    Require,
    Seconds,
    Seed,
    Source,
    Tiers,
    plan_fields,
    plan_of,
)

PLAIN: dict[str, Callable[[], Measure]] = {
    "mean": MeanShift, "variance": VarianceShift, "divergence": Divergence,
    "outlier": OutlierScore, "deviation": Deviation, "upper": UpperTail, "lower": LowerTail,
}  # fmt: skip
MEASURES = "mean, variance, quantile:0.9, share:LEVEL, divergence; of rows outlier, deviation, "


def measure_of(text: str) -> Measure:
    """The measure that a name stands for."""
    name, _, rest = text.partition(":")
    if name == "share" and rest:
        return ShareShift(number_of(rest))
    if name == "quantile":
        order = number_of(rest or "0.5")
        if not isinstance(order, int | float):
            raise InputError(f"--measure {text!r}: write quantile:0.9")
        return QuantileShift(float(order))
    if name not in PLAIN or rest:
        raise InputError(f"--measure {text!r}: expected {MEASURES}upper, lower")
    return PLAIN[name]()


@guarded
def rootcause_command(
    source: Source,
    after: Annotated[str | None, typer.Option(help="A second file, to compare with.")] = None,
    row: Annotated[
        list[int] | None, typer.Option("--row", help="Row of the file to explain; repeatable.")
    ] = None,
    outcome: Annotated[
        str | None, typer.Option("-y", "--outcome", help="Whose change or value is explained.")
    ] = None,
    measure: Annotated[str | None, typer.Option(help=f"{MEASURES}upper, lower.")] = None,
    graph: GraphFile = None,
    tiers: Tiers = None,
    require: Require = None,
    forbid: Forbid = None,
    drop: Drop = None,
    kinds: Kinds = None,
    codes: Codes = None,
    missing: Missing = None,
    learner: Learner = None,
    draws: Draws = None,
    seed: Seed = None,
    seconds: Seconds = None,
    json: Json = False,
) -> None:
    """Why did it change, why is this row odd: causes ranked by their part, with error bars.

    With --after: which mechanisms changed between two files, and (with --outcome) what each
    change did to the outcome. With --row: which columns made that row's outcome unusual.
    """
    if (after is None) == (not row):
        raise InputError("give either --after, a second file, or --row, the rows to explain")
    plan = plan_of(source, {**plan_fields({**locals(), "outcome": None}), "draws": draws or 0})
    chosen = measure_of(measure) if measure else None
    with progress(seconds) as run:
        prepared = prepare(None, plan)
        found = structure(prepared.data, plan, make_learner(plan.learner), run, plan.seed)
        data = prepared.data.select(found.graph.names)
        other: Any = row if after is None else _second(after, data, missing)
        ask: dict[str, Any] = {"outcome": outcome, "measure": chosen, "run": run, "seed": plan.seed}
        answer = attribute(found.given, data, other, **ask)
    if json:
        emit({**answer.content(), "graph": str(found.graph), "standing": found.standing})
        return
    say(repr(answer))
    say(f"  graph ({found.standing}): {found.graph}")


def _second(path: str, first: Data, missing: str | None) -> Data:
    """The second file with the kinds of the first; levels are matched later."""
    kinds = {v.name: "categorical" if v.discrete else str(v.kind) for v in first.variables}
    policy = POLICIES[missing] if missing else first.missing
    return read(path, kinds=kinds, missing=policy).select(first.names)


def register(app: typer.Typer) -> None:
    """Add the command of this file."""
    app.command("rootcause")(rootcause_command)
