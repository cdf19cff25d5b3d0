"""Formulas of natural and controlled effects."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from numpy.typing import ArrayLike

from ..core.query import Estimand
from ..graphs.identification.nested import NestedFormula
from .identification import tex


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
    formula: NestedFormula

    @property
    def by_adjustment(self) -> bool:
        """Whether it is the mediation formula with covariates."""
        return self.formula.rule == "mediation adjustment"

    @property
    def text(self) -> str:
        """The formula as plain text."""
        if not self.by_adjustment:
            return f"{self._difference}, where {self.formula.text}"
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
    def _difference(self) -> str:
        x, y, m = self.treatment, self.outcome, ", ".join(self.mediators)
        ends = ("treated", "control"), ("control", "control")
        if self.part == "indirect":
            ends = ("treated", "treated"), ("treated", "control")
        one, two = (f"E[{y} under {x}={a}, {m} as under {x}={b}]" for a, b in ends)
        return f"{one} - {two}"

    @property
    def latex(self) -> str:
        """The formula as LaTeX."""
        if not self.by_adjustment:
            return self.formula.latex
        x, y, m = tex(self.treatment), tex(self.outcome), ", ".join(map(tex, self.mediators))
        c = ", ".join(map(tex, self.given))
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
        if not self.by_adjustment:
            return self.formula.words
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
        means = self.formula.means(table, names)
        if self.part == "direct":
            return float(means[-1, 0] - means[0, 0])
        return float(means[-1, -1] - means[-1, 0])


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
        x, y = tex(self.treatment), tex(self.outcome)
        m = ", ".join(rf"{tex(n)}={tex(n)}^*" for n in self.mediators)
        c = ", ".join(map(tex, self.given))
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
