"""The Markov blanket of one column: what makes all other columns redundant for it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ..core.budget import Budget, Run, start
from ..core.errors import InputError, unknown
from ..core.protocols import CITest, Score
from ..core.result import Result
from ..core.source import Source
from .independence.fisher_z import FisherZ
from .inspection import independent

if TYPE_CHECKING:
    import pandas as pd

CHUNK = 128  # columns that are looked at together


@dataclass(frozen=True, eq=False)
class Blanket(Result):
    """What `MarkovBlanket` found.

    Parameters
    ----------
    target : str
    members : tuple of str
        In column order.
    evidence : tuple of float
        For each member: its p-value given the other members, or the score lost without it.
    complete : bool
        False if the budget ended the search.
    """

    target: str
    members: tuple[str, ...]
    evidence: tuple[float, ...]
    by_score: bool
    complete: bool = True
    seconds: float = 0.0
    cites: tuple[str, ...] = ("tsamardinos2003",)

    @property
    def _what(self) -> str:
        return "score lost without it" if self.by_score else "p given the others"

    def frame(self) -> pd.DataFrame:
        """One row a member."""
        import pandas as pd

        return pd.DataFrame({"member": list(self.members), self._what: list(self.evidence)})

    def __repr__(self) -> str:
        state = "" if self.complete else ", INCOMPLETE (stopped early)"
        lines = [f"Markov blanket of {self.target}: {len(self.members)} columns{state}"]
        for name, value in zip(self.members[:30], self.evidence, strict=False):
            lines.append(f"  {name} ({self._what}: {value:.3g})")
        if len(self.members) > 30:
            lines.append(f"  ... and {len(self.members) - 30} more; .members has them all")
        return "\n".join(lines)


@dataclass(frozen=True)
class MarkovBlanket:
    """Grow the blanket by the strongest dependence that is left, then shrink it.

    In a DAG the blanket is the parents, the children and the children's other parents. It is the
    smallest set given which no other column tells anything about the target, so it is what a
    prediction needs; it does not say what is a cause: see `LocalCauses`.

    Parameters
    ----------
    target : str
    by : CITest or Score
        A test: the column with the smallest p-value given the blanket so far enters while that is
        at most `alpha`, and leaves if it is above. A score: the column that raises the score of
        the target most enters while any does, and leaves while that raises it.
    alpha : float
        Level of the tests; with many columns take a small one, such as 0.05 over their number.

    Source: Tsamardinos, Aliferis and Statnikov (2003), IAMB with interleaved shrinking.
    """

    target: str
    by: CITest | Score = field(default_factory=FisherZ)
    alpha: float = 0.01

    def __post_init__(self) -> None:
        if not isinstance(self.target, str):
            raise InputError(f"target={self.target!r}: expected the name of one column")
        if not 0 < self.alpha < 1:
            raise InputError(f"alpha={self.alpha}: expected a level between 0 and 1, such as 0.01")

    def find(
        self,
        source: Source,
        *,
        budget: Budget | Run | None = None,
        rng: np.random.Generator | int = 0,
    ) -> Blanket:
        """The blanket of the target among all columns of a source.

        Raises
        ------
        InputError
            Unknown target, or members that determine each other.
        """
        run, names = start(budget), source.names
        began = run.seconds
        if self.target not in names:
            raise unknown(self.target, names)
        seed = int(np.random.default_rng(rng).integers(2**31))
        question = _Question(source, names, names.index(self.target), self.by, seed)
        members: list[int] = []
        visited = {frozenset(members)}
        while not run.spent:
            enters = self._best(question, members, run)
            if enters is None:
                break
            members = self._shrunk(question, sorted([*members, enters]))
            independent(source.select([self.target, *(names[j] for j in members)]))
            if frozenset(members) in visited:  # tests that contradict each other
                break
            visited.add(frozenset(members))
        members = self._shrunk(question, members)
        values = [question.value(j, [k for k in members if k != j]) for j in members]
        sign = 1.0 if question.by_score else -1.0
        return Blanket(
            self.target,
            tuple(names[j] for j in members),
            tuple(sign * v for v in values),
            question.by_score,
            not run.spent,
            run.seconds - began,
        )

    def _best(self, question: _Question, members: list[int], run: Run) -> int | None:
        """The column that adds most; None if none adds enough, or the budget ended."""
        best, most = list[int](), -np.inf
        d = len(question.names)
        taken = {question.target, *members}
        for begin in range(0, d, CHUNK):
            if run.spent:
                return None
            chunk = [j for j in range(begin, min(begin + CHUNK, d)) if j not in taken]
            values = question.values(chunk, members)
            top = float(values.max(initial=-np.inf))
            if top > most:
                best, most = [], top
            if chunk and top == most:
                best += [chunk[i] for i in np.flatnonzero(values == top).tolist()]
            run.tick(begin / d, f"columns beside {len(members)} of the blanket")
        enough = most > 0.0 if question.by_score else most >= -self.alpha
        if not (best and enough):
            return None
        # p-values of 0 are equals: the content of the columns decides, not their place
        return min(best, key=lambda j: question.source.signature(question.names[j]))

    def _shrunk(self, question: _Question, members: list[int]) -> list[int]:
        """Without the members that the others make redundant, the weakest first."""
        while members:
            values = [question.value(j, [k for k in members if k != j]) for j in members]
            weakest = int(np.argmin(values))
            fine = values[weakest] > 0.0 if question.by_score else values[weakest] >= -self.alpha
            if fine:
                break
            members = members[:weakest] + members[weakest + 1 :]
        return members


@dataclass(eq=False)
class _Question:
    """How much columns tell about the target given others: minus a p-value, or a gain."""

    source: Source
    names: tuple[str, ...]
    target: int
    by: CITest | Score
    seed: int

    def _bound(self, columns: list[int]) -> Any:
        part = self.source.select([self.names[j] for j in columns])
        return self.by.on(part, rng=np.random.default_rng(self.seed))

    @property
    def by_score(self) -> bool:
        return hasattr(self._bound([self.target]), "gains")

    def values(self, columns: list[int], given: list[int]) -> NDArray[np.float64]:
        """One number for each of `columns`."""
        if not columns:
            return np.empty(0)
        bound = self._bound([self.target, *given, *columns])
        k, m = len(given), len(columns)
        first = np.arange(k + 1, k + 1 + m)
        gains: Callable[..., Any] | None = getattr(bound, "gains", None)
        if gains is not None:
            return np.asarray(gains(0, list(range(1, k + 1)), first.tolist()), dtype=np.float64)
        sets = np.tile(np.arange(1, k + 1), (m, 1))
        return -np.asarray(bound.pvalues(np.zeros(m, dtype=np.int64), first, sets))

    def value(self, column: int, given: list[int]) -> float:
        """The number of one column."""
        return float(self.values([column], given)[0])
