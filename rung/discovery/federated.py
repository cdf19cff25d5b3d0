"""Federated: the rounds of a federated method in one process, with a record of what travelled."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ..core.budget import Budget, Run, start
from ..core.data import Data
from ..core.discovery import Discovery
from ..core.environments import environment_name
from ..core.errors import InputError, NeedsRows, unknown
from ..core.knowledge import Knowledge
from ..core.protocols import FederatedMethod, Learner, Reply, State
from ..core.source import Source
from .boss import BOSS
from .exchange import shapes, size
from .sites import Sites
from .summed_moments import SummedMoments

ROUNDS = 10_000  # beyond which a method that never finishes is stopped


@dataclass(frozen=True)
class Federated:
    """A learner for sites that keep their rows: each environment of the data is a site.

    Runs `client` at every site and `server` on the sum of the replies, round by round, in this
    process; the same two functions run over an engine. What a site keeps is handed to that site
    only. `details["rounds"]` says for every round which sites answered, and the bytes, types and
    shapes of the arrays that were sent to and by each.

    Parameters
    ----------
    method : FederatedMethod or Learner
        A learner on moments is wrapped in `SummedMoments`.
    absent : tuple of (int, str)
        (round, site): the site does not answer in that round, as if it had dropped out; rounds
        count from 1.
    """

    method: FederatedMethod | Learner = field(default_factory=BOSS)
    absent: tuple[tuple[int, str], ...] = ()

    def __post_init__(self) -> None:
        if not isinstance(self.method, FederatedMethod) and not _learns(self.method):
            raise InputError(
                f"{self.method!r} is neither a federated method (begin, client, server, result) "
                "nor a learner: pass an object, as Federated(rung.BOSS())"
            )
        object.__setattr__(self, "absent", tuple((int(r), str(s)) for r, s in self.absent))

    @property
    def few_rows(self) -> bool:
        """Whether the learner accepts no more rows than columns."""
        inner = getattr(self.method, "learner", self.method)
        return bool(getattr(inner, "few_rows", False))

    def learn(
        self,
        source: Source,
        *,
        knowledge: Knowledge | None = None,
        budget: Budget | Run | None = None,
        rng: np.random.Generator | int = 0,
    ) -> Discovery:
        """Search; see `Learner`.

        Raises
        ------
        NeedsRows
            Of a source that is neither Data nor Sites.
        UnknownName, InputError
            An absent site that does not exist; a round that no site answered.
        """
        run, sites = start(budget), sites_of(source)
        began = run.seconds
        for _, name in self.absent:
            if name not in sites.labels:
                raise unknown(name, sites.labels, "site")
        method = self.method
        if not isinstance(method, FederatedMethod):
            method = SummedMoments(method)
        state = method.begin(sites.variables, knowledge=knowledge, rng=rng)
        state, rounds = self._rounds(method, sites, state, run)
        found = method.result(state, sites.variables, budget=run)
        details = {**found.details, "sites": list(sites.labels), "rounds": rounds}
        return found.replacing(
            learner=self, details=details, seconds=run.seconds - began,
            complete=found.complete and bool(state["finished"][0]),
        )  # fmt: skip

    def _rounds(
        self, method: FederatedMethod, sites: Sites, state: State, run: Run
    ) -> tuple[State, list[dict[str, Any]]]:
        """The last state, and the record of every finished round."""
        kept: dict[str, State] = {label: {} for label in sites.labels}
        record: list[dict[str, Any]] = []
        while not state["finished"][0] and not run.spent:
            now = len(record) + 1
            if now > ROUNDS:
                raise InputError(f"{type(method).__name__} did not finish in {ROUNDS} rounds")
            here = [label for label in sites.labels if (now, label) not in self.absent]
            if not here:
                raise InputError(f"no site answered in round {now}: there is nothing to sum")
            parts = dict(zip(sites.labels, sites.parts, strict=True))
            replies: list[Reply] = []
            after: dict[str, State] = {}
            for label in here:
                if run.spent:
                    return state, record
                reply, after[label] = method.client(state, parts[label], kept[label])
                replies.append(reply)
            record.append(_entry(now, sites.labels, here, state, replies))
            kept |= after
            state = method.server(state, summed(replies))
            run.tick(min(0.95, now / 20), f"round {now}")
        return state, record


def _learns(item: Any) -> bool:
    return not isinstance(item, type) and callable(getattr(item, "learn", None))


def sites_of(source: Source) -> Sites:
    """The sites of a source: its parts, its environments, or all of it as one.

    Raises
    ------
    NeedsRows
        Of a source that is neither Data nor Sites.
    """
    if isinstance(source, Sites):
        return source
    if not isinstance(source, Data):
        raise NeedsRows(
            f"Federated runs where the rows are, which a {type(source).__name__} does not hold. "
            "Pass Data with an environment for each site, or rung.Sites([...])."
        )
    if source.environment is None:
        return Sites([source], ["all rows"])
    present = np.unique(source.environment).tolist()
    labels = [environment_name(source, e) for e in present]
    return Sites([source.take(np.flatnonzero(source.environment == e)) for e in present], labels)


def summed(replies: Sequence[Reply]) -> Reply:
    """The sum of the replies, array by array.

    Raises
    ------
    InputError
        If the replies differ in names or shapes.
    """
    first = replies[0]
    for reply in replies[1:]:
        if shapes(reply) != shapes(first):
            raise InputError(
                f"two sites replied with different arrays: {shapes(reply)} and {shapes(first)}"
            )
    return {name: np.sum([r[name] for r in replies], axis=0) for name in first}


def _entry(
    now: int, labels: Sequence[str], here: list[str], state: State, replies: list[Reply]
) -> dict[str, Any]:
    """The record of one round, as JSON holds it."""
    return {
        "round": now,
        "answered": here,
        "absent": [label for label in labels if label not in here],
        "bytes to each site": size(state),
        "bytes from each site": size(replies[0]),
        "sent to each site": shapes(state),
        "sent by each site": shapes(replies[0]),
    }
