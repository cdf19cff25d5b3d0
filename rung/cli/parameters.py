"""Options that several commands share, and how their text becomes fields of a Plan."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from ..core.errors import InputError
from ..pipeline.options import estimators, learners, number_of
from ..pipeline.plan import Plan
from ..pipeline.questions import ESTIMANDS

Source = Annotated[
    str, typer.Argument(help="A file, a plan (.toml), or a shipped data set (rung datasets).")
]
Treatment = Annotated[str | None, typer.Option("-t", "--treatment", help="What would be changed.")]
Outcome = Annotated[str | None, typer.Option("-y", "--outcome", help="What it would change.")]
Treated = Annotated[str | None, typer.Option(help="Value of the treatment to compare ...")]
Control = Annotated[str | None, typer.Option(help="... with this value.")]
Scale = Annotated[str | None, typer.Option(help="difference, ratio or 'odds ratio'.")]
Estimand = Annotated[
    str | None,
    typer.Option(help="What of the effect: " + ", ".join(ESTIMANDS) + "."),
]
Instrument = Annotated[
    str | None, typer.Option(help="For iv: moves the treatment, and the outcome only through it.")
]
Mediators = Annotated[
    str | None, typer.Option(help="For nde and nie: columns between treatment and outcome: a,b")
]
By = Annotated[str | None, typer.Option(help="For cate: columns whose groups are compared: a,b")]
After = Annotated[
    str | None, typer.Option(help="A second file with these columns: what changed between them?")
]
Factors = Annotated[
    str | None,
    typer.Option(
        help="For pictures (SOURCE is a folder, .npz or .npy): the table of their labels."
    ),
]
ImageModel = Annotated[
    str | None, typer.Option("--model", help="For pictures: auto, causal-diff-ae, vae, cvae ...")
]
Size = Annotated[
    int | None, typer.Option(help="For pictures: bring them to so many pixels a side.")
]
GraphFile = Annotated[
    str | None, typer.Option("--graph", help="Your graph: a file, or text such as 'X -> Y <- Z'.")
]
Adjust = Annotated[
    str | None, typer.Option(help="Your adjustment set: a,b ('' for nothing); else the graph's.")
]
Randomised = Annotated[str | None, typer.Option(help="Columns assigned at random: a,b")]
Tiers = Annotated[str | None, typer.Option(help="Order in time: 'a,b < c < d'.")]
Require = Annotated[list[str] | None, typer.Option(help="'X -> Y' must be there; repeatable.")]
Forbid = Annotated[list[str] | None, typer.Option(help="'X -> Y' must not be; repeatable.")]
Drop = Annotated[str | None, typer.Option(help="Columns to leave out: a,b")]
Kinds = Annotated[
    list[str] | None, typer.Option("--kind", help="column=continuous|count|ordinal|binary|...")
]
Environment = Annotated[str | None, typer.Option(help="Column that names each row's condition.")]
Targets = Annotated[
    list[str] | None,
    typer.Option("--target", help="condition=column: what a condition intervenes on."),
]
Unit = Annotated[str | None, typer.Option(help="Column with the unit, if units repeat.")]
Missing = Annotated[
    str | None,
    typer.Option(help="Missing cells: refuse, complete-cases, test-wise, test-wise-corrected, em."),
]
Codes = Annotated[list[str] | None, typer.Option("--code", help="column=-99 means missing.")]
Learner = Annotated[
    str | None, typer.Option(help=f"auto or {', '.join(sorted(learners()))}; pc:alpha=0.05")
]
Estimator = Annotated[str | None, typer.Option(help=", ".join(sorted(estimators())))]
Draws = Annotated[int | None, typer.Option(help="Bootstrap resamples of the search.")]
Seed = Annotated[int | None, typer.Option(help="Seed of everything random.")]
Seconds = Annotated[float | None, typer.Option(help="Time limit; then the best so far.")]
Json = Annotated[bool, typer.Option("--json", help="JSON on standard output.")]

_PLAIN = (
    "treatment", "outcome", "scale", "estimand", "instrument", "after", "graph",
    "environment", "unit", "missing", "learner", "estimator", "draws", "seed", "seconds",
    "show_rows", "factors", "model", "size",
)  # fmt: skip
_LISTS = ("mediators", "by", "adjust", "randomised", "drop")


def plan_fields(given: Mapping[str, Any]) -> dict[str, Any]:
    """Fields of a Plan from the options of a command; what was not given is not there."""
    out = {name: given[name] for name in _PLAIN if given.get(name) not in (None, False)}
    for name in _LISTS:
        if given.get(name) is not None:
            out[name] = split(given[name])
    for name in ("require", "forbid", "whatif"):
        if given.get(name):
            out[name] = tuple(given[name])
    for name in ("treated", "control"):
        if given.get(name) is not None:
            out[name] = number_of(given[name])
    if given.get("rows"):
        out["rows"] = tuple(_row(item) for item in split(given["rows"]))
    if given.get("tiers"):
        out["tiers"] = tuple(split(tier) for tier in given["tiers"].split("<"))
    if given.get("kinds"):
        out["kinds"] = dict(_pair(item) for item in given["kinds"])
    if given.get("targets"):
        out["targets"] = _gather(given["targets"])
    if given.get("codes"):
        out["codes"] = {k: [number_of(v) for v in vs] for k, vs in _gather(given["codes"]).items()}
    graph = out.get("graph")
    if graph and not Path(graph).exists() and not any(c in graph for c in "<>-;{"):
        raise InputError(f"--graph {graph!r}: no such file, and no graph text like 'X -> Y'")
    return out


def plan_of(source: str, fields: Mapping[str, Any]) -> Plan:
    """The plan of a command: `source` is a file or a plan, whose fields the options override."""
    if source.endswith(".toml"):
        return Plan.from_dict({**Plan.load(source).as_dict(), **fields})
    return Plan.from_dict({"source": source, **fields})


def split(text: str) -> tuple[str, ...]:
    """Names separated by commas; quote a name that holds one."""
    row = next(csv.reader([text], skipinitialspace=True), [])
    return tuple(name.strip() for name in row if name.strip())


def _row(text: str) -> int:
    if not text.isdigit():
        raise InputError(f"--rows {text!r}: rows are numbers, counted from 0")
    return int(text)


def _pair(text: str) -> tuple[str, str]:
    name, eq, rest = text.rpartition("=")
    if not eq or not name:
        raise InputError(f"{text!r}: write name=value")
    return name.strip(), rest.strip()


def _gather(items: list[str]) -> dict[str, list[str]]:
    out: dict[str, list[str]] = {}
    for item in items:
        name, rest = _pair(item)
        out.setdefault(name, []).append(rest)
    return out
