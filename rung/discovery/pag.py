"""What the learners that allow hidden causes share: knowledge, conditions, rules, the result."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..core.budget import Run
from ..core.data import Data
from ..core.discovery import Discovery
from ..core.errors import InputError, NotSupported
from ..core.graph import ARROW, CIRCLE, TAIL, Graph
from ..core.knowledge import Knowledge
from ..core.source import Source
from ..graphs.fci_rules import Marks, Verdicts, circles, close, collider_rule
from .colliders import Conservative
from .environments import target_matrix
from .invariance import arrows_from_targets
from .nearest import nearest_mag, verdicts_of
from .skeleton import Skeleton

Bool = NDArray[np.bool_]
Ints = NDArray[np.int64]


@dataclass(eq=False)
class Task:
    """One search: rows to test on, what is known, and what came to pass.

    Parameters
    ----------
    source : Source
        Everything that was handed over.
    rows : Source
        What tests may use: without the rows of conditions that set a variable.
    required, forbidden : (d, d) bool, [i, j] about i -> j
    """

    source: Source
    rows: Source
    knowledge: Knowledge
    required: Bool
    forbidden: Bool
    learner: Any
    run: Run
    began: float
    notes: list[str] = field(default_factory=list)
    details: dict[str, Any] = field(default_factory=dict)

    @classmethod
    def of(cls, learner: Any, source: Source, knowledge: Knowledge | None, run: Run) -> Task:
        """Checks ties, knowledge and conditions."""
        known, began = knowledge or Knowledge(), run.seconds
        who = type(learner).__name__
        if known.ties:
            raise NotSupported(f"{who} cannot tie edges; leave out `ties`")
        required, forbidden = known.matrices(source.names)
        rows = untouched(source, who)
        out = cls(source, rows, known, required, forbidden, learner, run, began)
        if rows is not source:
            out.notes.append(
                f"tests used the {rows.n} of {source.n} rows whose condition sets no variable; "
                "the other conditions orient edges"
            )
        return out

    @property
    def apart(self) -> Bool:
        """Pairs that knowledge keeps from being adjacent."""
        return self.forbidden & self.forbidden.T

    @property
    def fixed(self) -> Bool:
        """Pairs that knowledge makes adjacent."""
        return self.required | self.required.T

    def start(
        self, adjacent: Bool, verdicts: Verdicts, leave: Callable[[Ints], Bool] | None = None
    ) -> Marks:
        """Circles, then what the knowledge and the conditions say, then R0.

        `leave` says which colliders not to orient.
        """
        marks, lost, unknown = self._begin(adjacent, verdicts, leave)
        names = self.source.names
        self.details["conflicts"] = tuple(
            f"{names[a]} -> {names[b]} <- {names[c]} contradicts a tail that is known"
            for a, b, c in lost.tolist()
        )
        self.details["undecided"] = tuple(
            f"{names[a]} - {names[b]} - {names[c]}" for a, b, c in unknown.tolist()
        )
        return marks

    def _begin(
        self, adjacent: Bool, verdicts: Verdicts, leave: Callable[[Ints], Bool] | None = None
    ) -> tuple[Marks, Ints, Ints]:
        marks = circles(adjacent)
        _impose(marks, self.required, self.forbidden)
        if self.rows is not self.source:
            found = arrows_from_targets(self.source, adjacent, self.learner.alpha)
            for cause, effect, p in found:
                if marks[cause, effect] == CIRCLE:
                    marks[cause, effect] = ARROW
                if p < self.learner.alpha and marks[effect, cause] == CIRCLE:
                    marks[effect, cause] = TAIL
        return marks, *collider_rule(marks, verdicts, leave)

    def finish(
        self, marks: Marks, verdicts: Verdicts, found: Skeleton, cites: tuple[str, ...], **more: Any
    ) -> Discovery:
        """Close under the rules, make the answer a PAG, and say what happened."""
        done = close(marks, verdicts, selection=self.learner.selection, run=self.run)
        open_ended = self.details["undecided"] and isinstance(
            getattr(self.learner, "rule", None), Conservative
        )  # what that rule leaves open is meant to stay open
        if done and found.complete and self.learner.largest is None and not open_ended:
            marks = self._consistent(marks)
        return self.result(marks, found, found.complete and done, cites, **more)

    def _consistent(self, marks: Marks) -> Marks:
        """The marks, if some MAG has them; else those of the class of a MAG near them.

        Errors of tests may leave marks that contradict each other. A MAG near them tells the rules
        what separates what; where knowledge rules its class out, the marks stay as they are.
        """
        first = Graph(self.source.names, marks)
        again = self._closed(nearest_mag(first))
        if np.array_equal(again, marks):
            return marks
        near = Graph(self.source.names, again)
        sound = np.array_equal(self._closed(nearest_mag(near)), again)
        if not sound or self.knowledge.violations(near) or (self.apart & (again != 0)).any():
            self.notes.append("tests contradict each other or the knowledge: no causal graph has "
                              "all these marks")  # fmt: skip
            self.details["valid"] = False
            return marks
        more = int(((again != 0) & (marks == 0)).sum()) // 2
        other = int(np.triu((marks != 0) & ((again != marks) | (again.T != marks.T))).sum())
        self.notes.append(
            f"tests contradict each other: no causal graph has all marks that were found first "
            f"(details['as_found']); shown is the class of one near them, with {more} edges more "
            f"and other marks on {other}"
        )
        self.details["as_found"] = first
        return again

    def _closed(self, mag: Graph) -> Marks:
        """What the rules make of the separations of a MAG, with what is known."""
        verdicts = verdicts_of(mag)
        marks, _, _ = self._begin(mag.marks != 0, verdicts)
        close(marks, verdicts, selection=self.learner.selection, run=self.run)
        return marks

    def result(
        self, marks: Marks, found: Skeleton, complete: bool, cites: tuple[str, ...], **more: Any
    ) -> Discovery:
        """The Discovery, with counts and notes."""
        for key, what in (
            ("conflicts", "colliders contradict what is known; left out"),
            ("undecided", "triples could not be judged: their separating sets disagree"),
        ):
            if self.details.get(key):
                self.notes.append(f"{len(self.details[key])} {what}")
        return Discovery(
            Graph(self.source.names, marks),
            knowledge=self.knowledge,
            learner=self.learner,
            complete=complete,
            seconds=self.run.seconds - self.began,
            notes=tuple(self.notes),
            hidden_causes=True,
            details={"tests": found.tests, "largest_set": found.largest, **self.details, **more},
            cites=cites,
        )


def untouched(source: Source, who: str) -> Source:
    """The rows whose condition sets no variable; the source itself if no condition does.

    There tests see the causal graph with its hidden part as it is. Pooling conditions that set
    variables would join the causes of these through the condition.
    """
    targets = target_matrix(source)
    if targets is None:
        return source
    if not isinstance(source, Data):
        raise NotSupported(
            f"{who} needs the rows of the conditions that set no variable, which a "
            f"{type(source).__name__} does not hold apart; pass these rows alone"
        )
    keep = ~targets[np.asarray(source.environment)].any(axis=1)
    if int(keep.sum()) < 2:
        raise InputError(
            f"every condition sets a variable: {who} tests on rows whose condition sets none. Add "
            "observational rows, or use PC or BOSS, which assume that there is no hidden cause"
        )
    return source[keep].replacing(targets=None)


def check_options(alpha: float, largest: int | None) -> None:
    """InputError for a level outside (0, 1) or a negative size."""
    if not 0 < alpha < 1:
        raise InputError(f"alpha={alpha}: expected a level between 0 and 1, such as 0.01")
    if largest is not None and largest < 0:
        raise InputError(f"largest={largest}: expected a size of 0 or more, or None")


def _impose(marks: Marks, required: Bool, forbidden: Bool) -> None:
    """A tail and an arrowhead for a required edge, an arrowhead at what is not to be a cause."""
    there = marks != 0
    marks[(forbidden.T | required) & there] = ARROW
    marks[required.T & there] = TAIL


__all__ = ["Task", "check_options", "untouched"]
