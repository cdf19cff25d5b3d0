"""One stage of the job at a time: profile, discover, effect, whatif, design."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import numpy as np
import typer

from ..core.errors import InputError
from ..core.result import late
from ..experiments.ranking import rank
from ..pipeline import imagine, questions, sections
from ..pipeline.options import make_learner
from ..pipeline.plan import Plan
from ..pipeline.prepare import Prepared, prepare
from ..pipeline.structure import Structure, structure
from .console import emit, guarded, progress, say
from .parameters import (
    Adjust,
    By,
    Codes,
    Control,
    Draws,
    Drop,
    Environment,
    Estimand,
    Estimator,
    Forbid,
    GraphFile,
    Instrument,
    Json,
    Kinds,
    Learner,
    Mediators,
    Missing,
    Outcome,
    Randomised,
    Require,
    Scale,
    Seconds,
    Seed,
    Source,
    Targets,
    Tiers,
    Treated,
    Treatment,
    Unit,
    plan_fields,
    plan_of,
)  # fmt: skip


def _found(
    plan: Plan, seconds: float | None, do: Sequence[str] = (), rows: Sequence[int] = ()
) -> tuple[Prepared, Structure]:
    with progress(seconds) as run:
        prepared = prepare(None, plan)
        imagine.check(do, rows, prepared.data)
        learner = make_learner(plan.learner)
        return prepared, structure(prepared.data, plan, learner, run, plan.seed)


@guarded
def profile_command(source: Source, kinds: Kinds = None, codes: Codes = None,
                    json: Json = False) -> None:  # fmt: skip
    """What is in the file: kinds, missing cells, tails, warnings, suspicious codes."""
    plan = plan_of(source, plan_fields(locals()))
    prepared = prepare(None, _without_policy(plan))
    if json:
        emit(sections.data_section(prepared, plan))
    else:
        say(repr(prepared.profile))
        for line in prepared.raw.origin.decisions:
            say(f"  decided: {line}")


def _without_policy(plan: Plan) -> Plan:
    return Plan.from_dict({**plan.as_dict(), "missing": "test-wise"})


@guarded
def discover_command(
    source: Source,
    graph: GraphFile = None,
    tiers: Tiers = None,
    require: Require = None,
    forbid: Forbid = None,
    randomised: Randomised = None,
    drop: Drop = None,
    kinds: Kinds = None,
    environment: Environment = None,
    targets: Targets = None,
    unit: Unit = None,
    missing: Missing = None,
    codes: Codes = None,
    learner: Learner = None,
    draws: Draws = 0,
    seed: Seed = None,
    seconds: Seconds = None,
    output: Annotated[Path | None, typer.Option("-o", "--output", help="graph.dot or .txt")] = None,
    json: Json = False,
) -> None:
    """Search for the graph; what you know is strictly obeyed."""
    plan = plan_of(source, {**plan_fields(locals()), "draws": draws or 0})
    prepared, found = _found(plan, seconds)
    if output is not None:
        form = "to_dot" if output.suffix == ".dot" else "to_text"
        text = (
            late("rung.graphs.formats", form)(found.graph) if form == "to_dot" else str(found.graph)
        )
        late("rung.report.files", "write_text")(output, text + "\n")
    if json:
        emit({"graph": str(found.graph), "edges": found.graph.edges(),
              "left_out": dict(prepared.left_out),
              "discovery": sections.discovery_section(found.discovery, plan)})  # fmt: skip
    else:
        say(repr(found.discovery) if found.discovery else str(found.graph))
        for name, reason in prepared.left_out:
            say(f"  {name}: {reason}")


@guarded
def effect_command(
    source: Source,
    treatment: Treatment = None,
    outcome: Outcome = None,
    treated: Treated = None,
    control: Control = None,
    scale: Scale = None,
    estimand: Estimand = None,
    instrument: Instrument = None,
    mediators: Mediators = None,
    by: By = None,
    graph: GraphFile = None,
    adjust: Adjust = None,
    randomised: Randomised = None,
    tiers: Tiers = None,
    require: Require = None,
    forbid: Forbid = None,
    drop: Drop = None,
    kinds: Kinds = None,
    environment: Environment = None,
    targets: Targets = None,
    unit: Unit = None,
    missing: Missing = None,
    codes: Codes = None,
    learner: Learner = None,
    estimator: Estimator = None,
    draws: Draws = None,
    seed: Seed = None,
    seconds: Seconds = None,
    json: Json = False,
) -> None:
    """One effect: identified (or refused, with the reason), estimated, and attacked."""
    plan = plan_of(source, plan_fields(locals()))
    if not (plan.treatment and plan.outcome):
        raise InputError("an effect needs --treatment and --outcome")
    prepared, found = _found(plan, seconds)
    rng = np.random.default_rng(plan.seed)
    with progress(seconds) as run:
        estimate = questions.answer(plan, found.given, prepared.data, run=run, rng=rng)
    if json:
        emit(sections.effect_section(estimate, plan))
    else:
        say(repr(estimate))
        for a in estimate.assumptions:
            say(f"  {a.name} ({a.status}): {a.figure}")
        for r in estimate.refutations:
            say(f"  {r.name}: {r.finding}")


@guarded
def whatif_command(
    source: Source,
    do: Annotated[list[str], typer.Option("--do", help="'X=1', 'X+=1', 'X*=2'; repeatable.")],
    row: Annotated[list[int] | None, typer.Option("--row", help="Row from 0; repeatable.")] = None,
    outcome: Outcome = None,
    graph: GraphFile = None,
    tiers: Tiers = None,
    require: Require = None,
    forbid: Forbid = None,
    drop: Drop = None,
    kinds: Kinds = None,
    missing: Missing = None,
    learner: Learner = None,
    draws: Draws = 20,
    seed: Seed = None,
    seconds: Seconds = None,
    json: Json = False,
) -> None:
    """What would have been: chosen rows (or everybody) under an intervention, with intervals."""
    plan = plan_of(source, {**plan_fields({**locals(), "outcome": None}), "draws": draws or 0})
    asked = [imagine.parse_do(text) for text in do]
    prepared, found = _found(plan, seconds, do, row or ())
    with progress(seconds) as run:
        model, carried = imagine.fit_model(found, prepared.data, run, plan.seed)
    show = [outcome] if outcome else None
    units = imagine.units_of(found, prepared.data)
    if row:
        rows = imagine.whatif_rows(model, units, asked, rows=row, seed=plan.seed, show=show)
    else:
        rows = imagine.population(model, asked, show or list(found.graph.names), plan.seed)
    if json:
        emit({"text": carried, "rows": rows})
        return
    for r in rows:
        if "low" in r:
            bounds = f" [{r['low']:.4g}, {r['high']:.4g}]"
        else:
            shares = (f"{level} {share:.0%}" for level, share in r["probabilities"].items())
            bounds = f" ({', '.join(shares)})"
        fact, then = (
            f"{x:.4g}" if isinstance(x, float) else str(x) for x in (r["fact"], r["counterfactual"])
        )
        say(f"{r['who']}: {r['variable']} {fact} -> {then}{bounds} under {r['do']}")
    say(carried)


@guarded
def design_command(
    source: Source,
    treatment: Treatment = None,
    outcome: Outcome = None,
    experiments: Annotated[int, typer.Option(help="Experiments made together.")] = 1,
    graph: GraphFile = None,
    tiers: Tiers = None,
    require: Require = None,
    forbid: Forbid = None,
    drop: Drop = None,
    kinds: Kinds = None,
    missing: Missing = None,
    learner: Learner = None,
    draws: Draws = None,
    seed: Seed = None,
    seconds: Seconds = None,
    json: Json = False,
) -> None:
    """What to measure next: experiments ranked by the edges and the effect they would settle."""
    plan = plan_of(source, plan_fields(locals()))
    prepared, found = _found(plan, seconds)
    data = prepared.data.select(found.graph.names)
    rng = np.random.default_rng(plan.seed)
    with progress(seconds) as run:
        made = rank(found.given, data, experiments=experiments, query=plan.query, run=run, rng=rng)
    if json:
        emit(sections.design_section(made))
    else:
        say(repr(made))


def register(app: typer.Typer) -> None:
    """Add the commands of this file."""
    app.command("profile")(profile_command)
    app.command("discover")(discover_command)
    app.command("effect")(effect_command)
    app.command("whatif")(whatif_command)
    app.command("design")(design_command)
