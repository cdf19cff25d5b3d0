"""The commands of a stranger's first day: plan, analyse, rerun, profile, datasets."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer

from .. import __version__, datasets
from ..core.errors import FileProblem
from ..core.result import late
from ..pipeline.analysis import Analysis, analyse
from ..pipeline.draft import draft
from ..pipeline.pictures import ImageAnalysis
from ..pipeline.plan import Plan
from ..pipeline.repeat import rerun as rerun_report
from . import causes, developer, falsify, federate, rootcause, steps
from .console import ANSWER, EXIT_CODES, PARTIAL, UNIDENTIFIED, emit, err, guarded, progress, say
from .parameters import (
    Adjust,
    After,
    By,
    Codes,
    Control,
    Draws,
    Drop,
    Environment,
    Estimand,
    Estimator,
    Factors,
    Forbid,
    GraphFile,
    ImageModel,
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
    Size,
    Source,
    Targets,
    Tiers,
    Treated,
    Treatment,
    Unit,
    plan_fields,
)  # fmt: skip

app = typer.Typer(
    name="rung",
    help="Causal answers from a file: what causes what, by how much, and how sure.\n\n"
    "Start with: rung analyse sachs --treatment PKA --outcome Akt -o report.html",
    epilog=EXIT_CODES,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)


@app.callback(invoke_without_command=True)
def top(
    version: Annotated[bool, typer.Option("--version", help="Print the version.")] = False,
) -> None:
    if version:
        say(f"rung {__version__}")
        raise typer.Exit(ANSWER)


@app.command("analyse")
@guarded
def analyse_command(
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
    after: After = None,
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
    whatif: Annotated[
        list[str] | None, typer.Option("--whatif", help='"X = 1"; repeatable.')
    ] = None,
    rows: Annotated[str | None, typer.Option(help="Rows to imagine otherwise: 0,17.")] = None,
    show_rows: Annotated[bool, typer.Option(help="Allow single rows and small counts.")] = False,
    seed: Seed = None,
    seconds: Seconds = None,
    output: Annotated[Path | None, typer.Option("-o", "--output", help="The HTML report.")] = None,
    figures: Annotated[Path | None, typer.Option(help="Folder for SVG and CSV files.")] = None,
    factors: Factors = None,
    model: ImageModel = None,
    size: Size = None,
    json: Json = False,
) -> None:
    """From a file (or a plan) to a report: profile, graph, effect, checks, what-ifs, next steps.

    From a folder of pictures and their labels: a model of their causes, judged, and what-ifs as
    pictures: rung analyse images/ --factors labels.csv -o report.html
    """
    fields = plan_fields(locals())
    with progress(seconds) as run:
        found = analyse(source, budget=run, **fields)
    _write(found, output, figures)
    if json:
        emit(found.shown)
    else:
        say(repr(found))
        for name, path in (("report", output), ("figures", figures)):
            if path is not None:
                say(f"{name}: {path}")
    raise typer.Exit(_code(found))


def _write(found: Analysis | ImageAnalysis, output: Path | None, figures: Path | None) -> None:
    if output is not None:
        if output.is_dir():
            raise FileProblem(f"{output} is a folder; give the report a file name")
        found.write(output)
        dot = output.with_name("graph.dot")
        late("rung.report.files", "write_text")(dot, found.content["graph"]["dot"])
    if figures is not None and isinstance(found, ImageAnalysis):
        late("rung.report.pictures", "write_figures")(found.content, figures)
    elif figures is not None:
        late("rung.report.figures", "write_figures")(found.shown, figures)


def _code(found: Analysis | ImageAnalysis) -> int:
    return {"not identified": UNIDENTIFIED, "partial": PARTIAL}.get(found.status, ANSWER)


@app.command("plan")
@guarded
def plan_command(
    source: Source,
    output: Annotated[Path, typer.Option("-o", "--output", help="The plan.")] = Path(
        "analysis.toml"
    ),
    treatment: Treatment = None,
    outcome: Outcome = None,
    force: Annotated[bool, typer.Option(help="Overwrite an existing plan.")] = False,
    json: Json = False,
) -> None:
    """Look at a file and write analysis.toml: question, roles, policies. Edit it, then analyse."""
    if output.exists() and not force:
        raise FileProblem(f"{output} exists; pass --force to overwrite it, or -o another name")
    made, notes = draft(source, treatment, outcome)
    late("rung.report.files", "write_text")(output, made.toml(notes))
    if json:
        emit({"plan": made.as_dict(), "notes": notes, "path": str(output)})
        return
    for key, note in notes.items():
        say(f"{key}: {note}")
    say(f"plan: {output}")
    say(f"Edit it, then: rung analyse {output} -o report.html")


@app.command("rerun")
@guarded
def rerun_command(
    report: Annotated[Path, typer.Argument(help="A report that rung wrote.")],
    data: Annotated[
        str | None, typer.Option(help="The data file; the report's own if left out.")
    ] = None,
    output: Annotated[Path | None, typer.Option("-o", "--output", help="A new report.")] = None,
    json: Json = False,
) -> None:
    """Run the plan inside a report again: the same numbers, or what differs and why."""
    again = rerun_report(report, data)
    if output is not None:
        again.analysis.write(output)
    if json:
        emit({"same": again.same, "differences": list(again.differences),
              "reasons": list(again.reasons)})  # fmt: skip
    else:
        say(repr(again))
    raise typer.Exit(ANSWER if again.same else PARTIAL)


@app.command("datasets")
@guarded
def datasets_command(
    name: Annotated[str | None, typer.Argument(help="One data set, in full.")] = None,
    output: Annotated[Path | None, typer.Option("-o", "--output", help="Write it as CSV.")] = None,
    json: Json = False,
) -> None:
    """Data sets that come with rung, with their sources and licences."""
    if name is not None and output is not None:
        data = datasets.load(name)
        late("rung.report.files", "write_text")(output, data.frame().to_csv(index=False))
    rows: list[Any] = [datasets.info(n) for n in ([name] if name else datasets.names())]
    if json:
        emit([asdict(row) for row in rows])
        return
    for row in rows:
        size = "drawn" if row.rows is None else str(row.rows)
        line = f"{row.name:<8} {size:>6} x {len(row.variables):<3} {row.title}"
        say(repr(row) if name else line)


steps.register(app)
rootcause.register(app)
causes.register(app)
falsify.register(app)
federate.register(app)
developer.register(app)


def main() -> None:
    """Entry point of the `rung` command."""
    try:
        app()
    except KeyboardInterrupt:
        err.print("rung: interrupted")
        raise SystemExit(130) from None


__all__ = ["Plan", "app", "main"]
