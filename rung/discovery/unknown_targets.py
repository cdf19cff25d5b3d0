"""UnknownTargets: what each environment intervenes on, estimated beside the graph."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..core.budget import Budget, Run, start
from ..core.data import Data
from ..core.discovery import Discovery
from ..core.environments import (
    environment_name,
    need_environments,
    reference_environment,
    targets_of,
)
from ..core.errors import InputError
from ..core.knowledge import Knowledge
from ..core.missing import complete
from ..core.protocols import Learner
from ..core.source import Source
from ..mechanisms.expand import dags
from .boss import BOSS
from .changed_mechanisms import Changes

Bool = NDArray[np.bool_]
MEMBERS = 50  # DAGs of a class that are compared; of a larger class as many are drawn


@dataclass(frozen=True)
class UnknownTargets:
    """A learner that uses interventional targets, where the targets are not known.

    Two steps alternate from no targets until the targets stay as they are. The learner searches
    with the targets at hand. Then, among the DAGs of the class that it found, the one is taken
    whose mechanisms need the fewest changes between environments, by penalised likelihood, and
    what changes in an environment is its targets; see `details["targets"]`. Environments whose
    targets the data give keep these. In the reference environment nothing changes.

    The closest published methods: UT-IGSP (Squires, Wang and Uhler 2020) also searches graph
    and targets together, by permutations and tests of invariance; here a likelihood takes the
    place of these tests and any learner that of the permutation search, without its proof of
    consistency. Choosing in the class by the number of changed mechanisms is the sparse shift
    criterion of Perry, von Kuegelgen and Schoelkopf (2022).

    Parameters
    ----------
    learner : Learner
        One that uses targets, as BOSS, FLOP, GES, GIES and PC, and gives a DAG or a CPDAG.
    reference : str, optional
        The environment in which no mechanism is changed. By default the one with most rows among
        those without targets.
    penalty : float
        A mechanism of its own must raise the log-likelihood by penalty/2 log(n) a parameter.
    rounds : int
        At most so many searches.
    """

    learner: Learner = field(default_factory=BOSS)
    reference: str | None = None
    penalty: float = 1.0
    rounds: int = 20

    def __post_init__(self) -> None:
        if not self.penalty > 0:
            raise InputError(f"penalty={self.penalty}: expected a positive number, such as 1 or 2")
        if self.rounds < 1:
            raise InputError(f"rounds={self.rounds}: expected 1 or more")

    @property
    def few_rows(self) -> bool:
        """Whether the learner accepts no more rows than columns."""
        return bool(getattr(self.learner, "few_rows", False))

    def learn(
        self,
        source: Source,
        *,
        knowledge: Knowledge | None = None,
        budget: Budget | Run | None = None,
        rng: np.random.Generator | int = 0,
    ) -> Discovery:
        """Search; see `Learner`. Needs Data with two environments or more."""
        run, rng = start(budget), np.random.default_rng(rng)
        began, seed = run.seconds, int(rng.integers(2**63))
        data, present = need_environments(source, "UnknownTargets")
        data = complete(data)
        base = reference_environment(data, present, self.reference)
        known = targets_of(data)
        changes = Changes(data, present, base, known, self.penalty)
        states: list[_State] = []
        targets = known
        while True:
            run.tick(len(states) / self.rounds, f"round {len(states) + 1}")
            state = self._round(data, targets, changes, knowledge, run, seed)
            states.append(state)
            settled = bool((state.after == targets).all())
            seen = any(bool((s.before == state.after).all()) for s in states)
            if settled or seen or run.spent or len(states) == self.rounds:
                break
            targets = state.after
        best = state if settled else max(states, key=lambda s: s.score)
        return self._result(data, present, base, best, len(states), settled, began, run)

    def _round(
        self,
        data: Data,
        targets: Bool,
        changes: Changes,
        knowledge: Knowledge | None,
        run: Run,
        seed: int,
    ) -> _State:
        """One search with the targets at hand, and the targets that follow."""
        labels = data.environments or tuple(str(e) for e in range(len(targets)))
        told = {"environments": labels, "targets": targets} if targets.any() else {"targets": None}
        given = data.replacing(**told)
        rng = np.random.default_rng(seed)
        found = self.learner.learn(given, knowledge=knowledge, budget=run, rng=rng)
        try:
            members = dags(found.graph, rng, MEMBERS).graphs
        except InputError as error:
            raise InputError(
                f"UnknownTargets needs a learner of DAGs or CPDAGs; {type(self.learner).__name__} "
                f"gave another graph ({error})"
            ) from None
        order = data.names
        ends = [changes.of(g.reorder(order).adjacency().astype(bool)) for g, _ in members]
        after, score = max(ends, key=lambda end: end[1])
        return _State(found, targets, after, score)

    def _result(
        self,
        data: Data,
        present: list[int],
        base: int,
        best: _State,
        rounds: int,
        settled: bool,
        began: float,
        run: Run,
    ) -> Discovery:
        known = targets_of(data)
        named = {
            environment_name(data, e): tuple(
                sorted(data.names[j] for j in np.flatnonzero(best.after[e]))
            )
            for e in present
        }
        given = tuple(environment_name(data, e) for e in present if known[e].any())
        reference = environment_name(data, base)
        notes = [f"mechanisms are compared with those of environment {reference!r}"]
        if not settled:
            why = "the budget ended" if run.spent else "they came back to earlier ones"
            why = "the rounds ended" if rounds == self.rounds and not run.spent else why
            notes.append(f"the targets did not settle: {why}; shown is the likeliest round")
        more = {"targets": named, "known_targets": given, "reference": reference}
        ending = {"rounds": rounds, "settled": settled, "likelihood": best.score}
        details: dict[str, Any] = {**best.found.details, **more, **ending}
        return replace(
            best.found,
            learner=self,
            complete=best.found.complete and (settled or not run.spent),
            seconds=run.seconds - began,
            notes=(*best.found.notes, *notes),
            details=details,
            cites=(*best.found.cites, "squires2020", "perry2022"),
        )


@dataclass(frozen=True, eq=False)
class _State:
    """A search: what it was given, what it found, and the targets that follow."""

    found: Discovery
    before: Bool
    after: Bool
    score: float
