"""The coordinator: settles the columns, runs the rounds, writes the graph and the transcript."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..core.discovery import Discovery
from ..core.errors import InputError, RungError
from ..core.variable import Variable
from ..discovery.federated import summed
from .columns import settle
from .records import ABOUT, REPLY, STATE, from_record, read_variables, to_record, write_variables
from .secure import secure_sum
from .settings import Settings
from .transcript import Transcript
from .wire import Wire

log = logging.getLogger(__name__)
RESULT, GRAPH, TRANSCRIPT, TOTAL = "result.json", "graph.rung", "transcript.jsonl", "total.npz"
Arrays = Mapping[str, NDArray[Any]]


def server_app() -> Any:
    """Flower's ServerApp of the coordinator; it writes into the folder `output` of the run."""
    from flwr.serverapp import ServerApp

    app = ServerApp()
    app.main()(main)
    return app


def main(grid: Any, context: Any) -> None:
    """The whole exchange; an error ends in the result file too, for whoever waits for it."""
    folder = Path(str(context.run_config["output"]))
    folder.mkdir(parents=True, exist_ok=True)
    try:
        settings = Settings.of(str(context.run_config["settings"]))
        exchange = Exchange(grid, context, settings, folder)
        found = exchange.run()
        found.save(folder / GRAPH)
        _write(folder, {"graph": str(found.graph), **exchange.report(found)})
    except RungError as error:
        _write(folder, {"error": str(error)})
        raise
    except Exception as error:
        _write(folder, {"error": f"internal error at the coordinator: {error!r}"})
        raise


def _write(folder: Path, content: Mapping[str, Any]) -> None:
    aside = folder / f"{RESULT}.part"
    aside.write_text(json.dumps(content, indent=1) + "\n", "utf-8")
    aside.rename(folder / RESULT)


class Exchange:
    """One run of a federated method over the connected sites.

    Parameters
    ----------
    grid, context : of Flower
    settings : Settings
    folder : path
        Gets the transcript and, for the last round, the sum that the method was given.
    """

    def __init__(self, grid: Any, context: Any, settings: Settings, folder: Path) -> None:
        self._context, self._settings, self._folder = context, settings, folder
        self._wire = Wire(grid, Transcript(folder / TRANSCRIPT), settings.timeout)
        self.rounds: list[dict[str, Any]] = []

    def run(self) -> Discovery:
        """All rounds; InputError where too few sites answer."""
        settings, method = self._settings, self._settings.method()
        variables = self._variables()
        text = write_variables(variables)
        state: Arrays = method.begin(variables, knowledge=settings.knowledge(), rng=settings.seed)
        while not state["finished"][0] and len(self.rounds) < settings.rounds:
            number = len(self.rounds) + 1
            collect = self._secure if settings.secure else self._clear
            before = len(self._wire.discarded)
            total, count, names = collect(number, state, text)
            arrays: dict[str, Any] = dict(total)
            np.savez(self._folder / TOTAL, **arrays)
            self.rounds.append({"round": number, "replies": count, "sites": names,
                                "discarded": self._wire.discarded[before:]})  # fmt: skip
            log.info("round %d: %d replies", number, count)
            state = method.server(state, total)
        found = method.result(state, variables)
        return found.replacing(
            complete=found.complete and bool(state["finished"][0]),
            details={**found.details, "rounds": self.rounds}, notes=(*found.notes, *self._notes()),
        )  # fmt: skip

    def _notes(self) -> list[str]:
        """A sentence where not every site answered every round."""
        counts = [r["replies"] for r in self.rounds]
        short = sum(c < self._settings.sites for c in counts)
        if not short:
            return []
        return [
            f"in {short} of {len(counts)} rounds fewer than {self._settings.sites} sites answered "
            f"(at least {min(counts)}); each round stands on those that did"
        ]

    def report(self, found: Discovery) -> dict[str, Any]:
        """What the result file says beside the graph."""
        settings = self._settings
        out = {"complete": found.complete, "notes": list(found.notes), "rounds": self.rounds}
        if settings.secure:
            numbers = settings.fixed_point()
            most = max((r["replies"] for r in self.rounds), default=0)
            out["secure"] = {
                "step": numbers.step,
                "largest error of a sum": most * numbers.step / 2,
            }
        return out

    def _variables(self) -> tuple[Variable, ...]:
        """The columns that all connected sites share."""
        settings = self._settings
        nodes = self._wire.wait_for(settings.sites, settings.timeout)
        described = {}
        for node, reply in self._ask_columns(nodes).items():
            about = reply.content.config_records[ABOUT]
            label = self._wire.label(node)
            if label in described:
                raise InputError(f"two sites call themselves {label!r}; give each its own name")
            described[label] = read_variables(str(about["variables"]))
        if len(described) < settings.minimum or self._wire.refusals:
            raise InputError(
                f"{len(described)} of {settings.sites} sites described their columns within "
                f"{settings.timeout:g} s, {settings.minimum} must.{self._wire.complaints()}"
            )
        return settle(dict(sorted(described.items())))

    def _ask_columns(self, nodes: Sequence[int], round_: int = 0) -> dict[int, Any]:
        from flwr.app import RecordDict

        return self._wire.ask(RecordDict(), "query.columns", str(round_), nodes)

    def _clear(self, number: int, state: Arrays, variables: str) -> tuple[Arrays, int, list[str]]:
        """The sum of the replies, which the coordinator sees one by one."""
        from flwr.app import ConfigRecord, RecordDict

        about = ConfigRecord({"variables": variables})
        content = RecordDict({STATE: to_record(state), ABOUT: about})
        replies = self._wire.ask(content, "train.clear", str(number), self._wire.nodes())
        if len(replies) < self._settings.minimum:
            raise InputError(
                f"{len(replies)} of {self._settings.sites} sites replied in round {number} within "
                f"{self._settings.timeout:g} s, {self._settings.minimum} must. Raise --timeout or "
                f"lower --minimum.{self._wire.complaints()}"
            )
        # in order of the sites' names, so that the rounding of the sum does not depend on the race
        order = sorted(replies, key=lambda node: (self._wire.label(node), node))
        arrays = [from_record(replies[node].content.array_records[REPLY]) for node in order]
        return summed(arrays), len(arrays), [self._wire.label(node) for node in order]

    def _secure(self, number: int, state: Arrays, variables: str) -> tuple[Arrays, int, list[str]]:
        """The sum of the replies, of which the coordinator sees nothing else."""
        nodes = self._wire.nodes()
        if number > 1:  # a roll call: a site that goes before it has shared its keys costs a try
            nodes = sorted(self._ask_columns(nodes, number))
        else:
            nodes = [node for node in nodes if node not in self._wire.away]
        total, there = secure_sum(
            self._wire, self._context, self._settings, number, state, variables, nodes
        )
        return total, len(there), sorted(self._wire.label(node) for node in there)
