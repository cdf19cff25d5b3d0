"""`rung falsify`: does a graph fit the rows?"""

from __future__ import annotations

from typing import Annotated, Any

import typer

from ..core.errors import InputError
from ..core.result import late
from ..pipeline.options import make_test
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


@guarded
def falsify_command(
    source: Source,
    graph: Annotated[
        str, typer.Option("--graph", help="The graph: a file, or text such as 'X -> Y <- Z'.")
    ],
    test: Annotated[
        str | None, typer.Option(help="fisher-z, g2, kci, rcit ...; by the kinds if left out.")
    ] = None,
    alpha: Annotated[float, typer.Option(help="Level of the independence tests.")] = 0.05,
    permutations: Annotated[int, typer.Option(help="Graphs with the nodes dealt out anew.")] = 200,
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
    """Which independences that your graph implies fail in the rows, and is it better than chance?

    Every missing edge of a graph says that two columns are independent given some others. These
    statements are tested, those that fail are named with the edges that would repair them, and
    the count is compared with that of graphs of the same shape with the names shuffled (Eulig et
    al. 2023). Nodes of the graph without a column count as hidden.
    """
    plan = plan_of(source, plan_fields(locals()))
    prepared = prepare(None, plan)
    known = late("rung.graphs", "read_graph")(plan.graph)
    left = [f"{n}: {why}" for n, why in prepared.left_out if n in known.names]
    if left:
        raise InputError(f"the graph has columns that cannot be tested: {'; '.join(left)}")
    with progress(seconds) as run:
        found = late("rung.discovery", "falsify")(
            known, prepared.data, test=make_test(test or ""), alpha=alpha,
            permutations=permutations, budget=run, seed=plan.seed,
        )  # fmt: skip
    _say(found, json)


def _say(found: Any, as_json: bool) -> None:
    if as_json:
        emit({
            "graph": str(found.graph), "verdict": found.verdict, "falsified": found.falsified,
            "tests": found.tests, "violations": found.violations, "chance": found.chance,
            "same_class": found.same_class, "test": found.test, "n": found.n,
            "failing": [str(one) for one in found.failing],
            "independences": found.frame().to_dict("records"),
            "add": [r.edge for r in found.add], "remove": [r.edge for r in found.remove],
            "notes": list(found.notes),
        })  # fmt: skip
    else:
        say(repr(found))
    if not found.complete:
        raise typer.Exit(PARTIAL)


def register(app: typer.Typer) -> None:
    """Add the command of this file."""
    app.command("falsify")(falsify_command)
