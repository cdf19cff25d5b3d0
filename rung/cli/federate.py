"""`rung federate`: one exchange between sites that keep their rows, as real processes."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from ..core.errors import InputError
from ..core.result import late
from ..pipeline.options import exchanges, learners
from .console import PARTIAL, emit, guarded, say
from .parameters import Drop, Forbid, Json, Missing, Require, Seed, Tiers, plan_fields

Files = Annotated[list[str], typer.Argument(help="One data file for each site, the same columns.")]
Learner = Annotated[
    str, typer.Option(help=f"{', '.join(sorted({**exchanges(), **learners()}))}; pc:alpha=0.01")
]
Minimum = Annotated[
    int | None, typer.Option(help="Replies that a round needs; more than half if left out.")
]
TLS = """\
# --insecure is for this machine only: it sends in the clear, to 127.0.0.1. Between machines give
# the coordinator --ssl-ca-certfile, --ssl-certfile and --ssl-keyfile, each site
# --root-certificates, config.toml below the last FLWR_HOME root-certificates = "..." in the
# place of insecure = true, and let the coordinator accept known sites only
# (--enable-supernode-auth)."""


@guarded
def federate_command(
    files: Files,
    learner: Learner = "boss",
    secure: Annotated[
        bool, typer.Option("--secure", help="The coordinator sees only the sum of the replies.")
    ] = False,
    minimum: Minimum = None,
    timeout: Annotated[float, typer.Option(help="Seconds that a round waits for replies.")] = 60.0,
    rounds: Annotated[int, typer.Option(help="Rounds at most.")] = 1000,
    tiers: Tiers = None,
    require: Require = None,
    forbid: Forbid = None,
    drop: Drop = None,
    missing: Missing = "refuse",
    seed: Seed = 0,
    output: Annotated[
        Path, typer.Option("-o", "--output", help="Folder for app, logs, transcript and result.")
    ] = Path("federation"),
    port: Annotated[int, typer.Option(help="Of the coordinator; 0 takes a free one.")] = 0,
    run: Annotated[
        bool, typer.Option("--run", help="Start all parts here, wait, print the graph, stop them.")
    ] = False,
    seconds: Annotated[float | None, typer.Option(help="With --run: time limit.")] = None,
    json: Json = False,
) -> None:
    """One graph from several owners' files; no row leaves its site. Prints what each must start."""
    known = plan_fields({"tiers": tiers, "require": require, "forbid": forbid, "drop": drop})
    if len(files) < 2:
        raise InputError(f"{len(files)} file: a federation needs one file for each of its sites")
    settings = late("rung.federation", "Settings")(
        learner=learner, sites=len(files), minimum=minimum or len(files) // 2 + 1, timeout=timeout,
        rounds=rounds, secure=secure, missing=missing or "refuse", seed=seed or 0, **known,
    )  # fmt: skip
    federation = late("rung.federation", "Federation")(tuple(files), settings, output, port)
    if run:
        _run(federation, seconds, json)
    else:
        _print(federation, json)


def _print(federation: Any, json: bool) -> None:
    """The commands, one a part."""
    parts = federation.write()
    if json:
        emit([{"part": p.name, "command": list(p.command), "env": dict(p.env)} for p in parts])
        return
    say(f"# The app and its settings are in {federation.folder / 'app'}. Start each part in a")
    say("# terminal of its own, in this order; all need rung[federated].")
    named = dict(zip([p.name for p in parts[1:-1]], federation.files, strict=True))
    for part in parts:
        what = {"coordinator": "the coordinator (SuperLink)", "run": "the run"}.get(
            part.name, f"{part.name} (SuperNode), beside its file {named.get(part.name)}"
        )
        say(f"\n# {what}\n{part.line()}")
    say(f"\n# The answer will be in {federation.folder / 'result.json'}, what travelled in")
    say(f"# {federation.folder / 'transcript.jsonl'}. Stop coordinator and sites with Ctrl-C.")
    say(TLS)


def _run(federation: Any, seconds: float | None, json: bool) -> None:
    """All parts on this machine."""
    found = federation.run(seconds)
    content = late("rung.federation.processes", "result_of")(federation.folder)
    transcript = federation.folder / "transcript.jsonl"
    if json:
        emit({**content, "transcript": str(transcript)})
    else:
        say(repr(found))
        for one in content["rounds"]:
            late_ones = f", {len(one['discarded'])} late and discarded" if one["discarded"] else ""
            say(f"  round {one['round']}: {one['replies']} replies{late_ones}")
        if "secure" in content:
            say(f"  secure sums: within {content['secure']['largest error of a sum']:.3g} of exact")
        say(f"transcript: {transcript}")
    if not found.complete:
        raise typer.Exit(PARTIAL)


def register(app: typer.Typer) -> None:
    """Add the command of this file."""
    app.command("federate")(federate_command)
