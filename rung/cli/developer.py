"""Commands for developers: bench, evidence, check."""

from __future__ import annotations

import importlib
import inspect
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from ..core.errors import InputError
from ..core.result import late
from .console import INTERNAL, emit, guarded, say
from .parameters import Json

evidence = typer.Typer(help="Published claims, rerun: list, or run one.", no_args_is_help=True)
bench = typer.Typer(help="Benchmarks beside other tools: list, or run one.", no_args_is_help=True)


@evidence.command("list")
@guarded
def evidence_list(json: Json = False) -> None:
    """Every claim, its figures, and whether it held."""
    _rows(late("rung.bench.registry", "list_evidence")(), json)


@evidence.command("run")
@guarded
def evidence_run(
    name: str,
    seeds: Annotated[int | None, typer.Option(help="Number of seeds.")] = None,
    json: Json = False,
) -> None:
    """Rerun one claim and store its figures."""
    _rows([late("rung.bench.registry", "run_evidence")(name, seeds=seeds)], json)


@bench.command("list")
@guarded
def bench_list(json: Json = False) -> None:
    """Every benchmark and its last figures."""
    _rows(late("rung.bench.registry", "list_bench")(), json)


@bench.command("run")
@guarded
def bench_run(
    name: str,
    part: Annotated[list[str] | None, typer.Option(help="Only this part; may be repeated.")] = None,
    with_: Annotated[
        list[str] | None,
        typer.Option("--with", help="Rank your learner beside the others: module:Name."),
    ] = None,
    seeds: Annotated[int | None, typer.Option(help="Seeds a case; not stored.")] = None,
    csv: Annotated[Path | None, typer.Option(help="Write every row as CSV.")] = None,
    latex: Annotated[Path | None, typer.Option(help="Write the tables for LaTeX.")] = None,
    json: Json = False,
) -> None:
    """Run one benchmark and store its figures."""
    chosen: dict[str, Any] = {"part": tuple(part or ()), "extra": tuple(with_ or ())}
    chosen |= {"csv": csv, "latex": latex}
    options = {key: value for key, value in chosen.items() if value}
    sys.path.insert(0, str(Path.cwd()))
    dry = {"results": None} if with_ or seeds else {}
    _rows([late("rung.bench.registry", "run_bench")(name, seeds, **dry, **options)], json)


def _rows(rows: list[Any], as_json: bool) -> None:
    if as_json:
        emit(rows)
        return
    for row in rows:
        holds = {True: "holds", False: "does not hold", None: "no verdict"}[row.get("holds")]
        say(f"{row['name']}: {holds}. {row.get('claim', '')} ({row.get('date') or 'not run yet'})")
        for key, figure in (row.get("figures") or {}).items():
            say(f"    {key}: {figure}")


@guarded
def check_command(
    plug: Annotated[str, typer.Argument(help="module:Name of a learner, test, score ...")],
    json: Json = False,
) -> None:
    """Run the contract of a plug, yours or ours, against its laws."""
    module, colon, name = plug.partition(":")
    if not colon:
        raise InputError(f"{plug!r}: write module:Name, for example rung:PC")
    sys.path.insert(0, str(Path.cwd()))
    try:
        item = getattr(importlib.import_module(module), name)
    except ModuleNotFoundError as error:
        raise InputError(f"cannot import {module!r}: {error}") from None
    except AttributeError:
        raise InputError(f"{module!r} has no {name!r}") from None
    report = late("rung.bench.contracts", "check")(item() if inspect.isclass(item) else item)
    if json:
        emit(report.frame().to_dict("records"))
    else:
        say(repr(report))
    raise typer.Exit(0 if report.passed else INTERNAL)


def register(app: typer.Typer) -> None:
    """Add the commands of this file."""
    app.add_typer(evidence, name="evidence", rich_help_panel="For developers")
    app.add_typer(bench, name="bench", rich_help_panel="For developers")
    app.command("check", rich_help_panel="For developers")(check_command)
