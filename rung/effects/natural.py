"""Formulas of natural and controlled effects."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..core.query import Estimand
from ..graphs.identification.expression import Joint, Probability, times
from .identification import _tex

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class NaturalEffect(Estimand):
    """The mediation formula for the direct or the indirect part (Pearl 2001, theorem 2).

    part : "direct" or "indirect"
    """

    treatment: str
    outcome: str
    mediators: tuple[str, ...]
    given: tuple[str, ...]
    part: str

    @property
    def text(self) -> str:
        """The formula as plain text."""
        x, y, m = self.treatment, self.outcome, ", ".join(self.mediators)
        bar = f", {', '.join(self.given)}" if self.given else ""
        last = f" P({', '.join(self.given)})" if self.given else ""
        over = ", ".join((*self.mediators, *self.given))
        one, two = f"{x}=treated", f"{x}=control"
        if self.part == "direct":
            return (
                f"sum over {over} of (E[{y} | {one}, {m}{bar}] - E[{y} | {two}, {m}{bar}]) "
                f"P({m} | {two}{bar}){last}"
            )
        return (
            f"sum over {over} of E[{y} | {one}, {m}{bar}] (P({m} | {one}{bar}) - "
            f"P({m} | {two}{bar})){last}"
        )

    @property
    def latex(self) -> str:
        """The formula as LaTeX."""
        x, y, m = _tex(self.treatment), _tex(self.outcome), ", ".join(map(_tex, self.mediators))
        c = ", ".join(map(_tex, self.given))
        bar, last = (f", {c}", rf"\,P({c})") if c else ("", "")
        over = ", ".join(s for s in (m, c) if s)
        one, two = rf"{x}=1", rf"{x}=0"
        if self.part == "direct":
            left = rf"(E[{y} \mid {one}, {m}{bar}] - E[{y} \mid {two}, {m}{bar}])"
            return rf"\sum_{{{over}}} {left}\,P({m} \mid {two}{bar}){last}"
        right = rf"(P({m} \mid {one}{bar}) - P({m} \mid {two}{bar}))"
        return rf"\sum_{{{over}}} E[{y} \mid {one}, {m}{bar}]\,{right}{last}"

    @property
    def words(self) -> str:
        """The formula in a sentence."""
        x, y, m = self.treatment, self.outcome, ", ".join(self.mediators)
        same = f" among rows with the same {', '.join(self.given)}" if self.given else ""
        if self.part == "direct":
            return (
                f"compare {y} between values of {x}{same}, with {m} distributed as it is under "
                "control in both"
            )
        return (
            f"compare {y} under treatment{same} between {m} distributed as under treatment and as "
            "under control"
        )

    def evaluate(self, table: ArrayLike, names: Sequence[str]) -> float:
        """The effect on a joint table with one axis a name; last level against first."""
        joint = Joint(np.asarray(table, dtype=np.float64), tuple(names))
        x, y = joint.axes((self.treatment, self.outcome))
        p = Probability((self.outcome,), (self.treatment, *self.mediators, *self.given))
        mean = _mean(p.value(joint), y)
        m = Probability(self.mediators, (self.treatment, *self.given)).value(joint)
        c = joint.marginal(self.given)
        first, last = [0], [joint.table.shape[x] - 1]

        def crossed(outcome: list[int], mediator: list[int]) -> float:
            inner = times(mean.take(outcome, axis=x), m.take(mediator, axis=x))
            return float(times(inner, c).sum())

        if self.part == "direct":
            return crossed(last, first) - crossed(first, first)
        return crossed(last, last) - crossed(last, first)


@dataclass(frozen=True)
class ControlledEffect(Estimand):
    """Adjustment with treatment and mediators set together."""

    treatment: str
    outcome: str
    mediators: tuple[str, ...]
    given: tuple[str, ...]

    @property
    def text(self) -> str:
        """The formula as plain text."""
        x, y, m = self.treatment, self.outcome, ", ".join(f"{n}={n}*" for n in self.mediators)
        bar = f", {', '.join(self.given)}" if self.given else ""
        average = f"sum over {bar[2:]} of P({bar[2:]}) " if bar else ""
        return f"{average}(E[{y} | {x}=treated, {m}{bar}] - E[{y} | {x}=control, {m}{bar}])"

    @property
    def latex(self) -> str:
        """The formula as LaTeX."""
        x, y = _tex(self.treatment), _tex(self.outcome)
        m = ", ".join(rf"{_tex(n)}={_tex(n)}^*" for n in self.mediators)
        c = ", ".join(map(_tex, self.given))
        bar = f", {c}" if c else ""
        inner = rf"E[{y} \mid {x}=1, {m}{bar}] - E[{y} \mid {x}=0, {m}{bar}]"
        return rf"E_{{{c}}}\bigl[{inner}\bigr]" if c else inner

    @property
    def words(self) -> str:
        """The formula in a sentence."""
        same = f" and the same {', '.join(self.given)}" if self.given else ""
        return (
            f"compare {self.outcome} between values of {self.treatment} among rows with "
            f"{', '.join(self.mediators)} at the value set{same}"
        )


def _mean(p: Floats, axis: int) -> Floats:
    along = [1] * p.ndim
    along[axis] = p.shape[axis]
    return np.asarray((p * np.arange(p.shape[axis]).reshape(along)).sum(axis=axis, keepdims=True))
