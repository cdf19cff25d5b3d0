"""Nested counterfactuals: one value of a treatment for some factors, another for the rest."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from rung.core.errors import InputError, Overlap
from rung.core.query import Estimand

from .expression import Expression, Joint, leftover
from .query import Names, several
from .render import latex, tex, text

Floats = NDArray[np.float64]


def doubled(joint: Joint, copies: Mapping[str, str]) -> Joint:
    """The joint with an axis for each second value of a name: a fair copy, independent of all.

    copies : new name -> name whose number of values it has
    """
    table, names = joint.table, list(joint.names)
    for new, name in copies.items():
        k = joint.table.shape[joint.axes((name,))[0]]
        table = np.repeat(table[..., None] / k, k, axis=-1)
        names.append(new)
    return Joint(table, tuple(names))


@dataclass(frozen=True)
class Nested:
    """P(Y(x, M(x*))): the outcomes under x, each mediator as it would have been under x*.

    Parameters
    ----------
    outcomes, do, mediators : name or names

    Raises
    ------
    InputError
        A role without a name, or a name in two roles.
    """

    outcomes: tuple[str, ...]
    do: tuple[str, ...]
    mediators: tuple[str, ...]

    def __init__(self, outcomes: Names, do: Names, mediators: Names) -> None:
        roles = {"outcome": outcomes, "treatment": do, "mediator": mediators}
        found = {role: several(names) for role, names in roles.items()}
        for role, names in found.items():
            if not names:
                raise InputError(f"there is no {role}: name at least one")
        every = [n for names in found.values() for n in names]
        if twice := sorted({n for n in every if every.count(n) > 1}):
            raise InputError(
                f"{', '.join(twice)} has two roles; outcomes, treatments and mediators must differ"
            )
        object.__setattr__(self, "outcomes", found["outcome"])
        object.__setattr__(self, "do", found["treatment"])
        object.__setattr__(self, "mediators", found["mediator"])

    @property
    def names(self) -> tuple[str, ...]:
        """All names, outcomes first."""
        return (*self.outcomes, *self.do, *self.mediators)

    @property
    def second(self) -> dict[str, str]:
        """Treatment -> name of its second value, that of the mediators."""
        return {x: starred(x, self.names) for x in self.do}

    def __str__(self) -> str:
        y, x, m = (", ".join(n) for n in (self.outcomes, self.do, self.mediators))
        return f"P({y} under {x}, with {m} as under {', '.join(self.second.values())})"


def starred(name: str, taken: Iterable[str]) -> str:
    """The name with stars, so many that it is new."""
    out = name + "*"
    while out in taken:
        out += "*"
    return out


@dataclass(frozen=True)
class NestedFormula(Estimand):
    """A nested counterfactual distribution as a function of the observed one.

    Parameters
    ----------
    asked : what the formula equals
    expression : the formula; the second value of treatment X is the free name `asked.second["X"]`
    rule : "mediation adjustment" (then `adjust` is the set) or "edge g-formula"
    adjust : covariates W of sum over w, m of P(y | x, m, w) P(m | x*, w) P(w)
    """

    asked: Nested
    expression: Expression
    rule: str = "edge g-formula"
    adjust: tuple[str, ...] = ()

    @property
    def text(self) -> str:
        return f"{self.asked} = {text(self.expression)}"

    @property
    def latex(self) -> str:
        a = self.asked
        y, x, m = (", ".join(map(tex, n)) for n in (a.outcomes, a.do, a.mediators))
        stars = ", ".join(tex(n) for n in a.second.values())
        return rf"P({y}({x}, {m}({stars}))) = {latex(self.expression)}"

    @property
    def words(self) -> str:
        a = self.asked
        y, x, m = (", ".join(n) for n in (a.outcomes, a.do, a.mediators))
        if self.rule == "mediation adjustment":
            among = f" among rows with the same {', '.join(self.adjust)}" if self.adjust else ""
            return (
                f"see what {m} would be at one value of {x}{among}, and {y} at the other value of "
                f"{x} with that {m}{among}, and average over the rows"
            )
        read = ", ".join(sorted(self.expression.observed))
        return (
            f"one value of {x} enters where it acts on {m}, the other where it acts on {y} past "
            f"{m}: a function of the observed distribution of {read}"
        )

    def evaluate(self, table: ArrayLike, names: Sequence[str]) -> Floats:
        """P(Y(x, M(x*))) on a joint table with one axis a name.

        Returns
        -------
        array with one axis for each outcome, then each treatment (the value x of the outcome),
        then each treatment again (the value x* of the mediators).

        Raises
        ------
        InputError, UnknownName
            A table that is no joint distribution, or lacks a name of the formula.
        Overlap
            A value that the formula conditions on has probability zero.
        """
        plain = Joint(np.asarray(table, dtype=np.float64), tuple(names))
        copies = {new: old for old, new in self.asked.second.items()}
        joint = doubled(plain, copies)
        order = (*self.asked.outcomes, *self.asked.do, *copies)
        found = leftover(self.expression.value(joint), joint, order)
        at = joint.axes(order)
        shape = [joint.table.shape[i] if i in at else 1 for i in range(joint.table.ndim)]
        found = np.moveaxis(np.broadcast_to(found, shape), at, range(len(at)))
        out = np.array(found.reshape([joint.table.shape[i] for i in at]))
        if np.isnan(out).any():
            raise Overlap(
                f"the formula {self.text} conditions on values that never occur together: "
                "positivity fails in the table"
            )
        return out

    def means(
        self, table: ArrayLike, names: Sequence[str], *, values: Sequence[float] | None = None
    ) -> Floats:
        """E[Y(x, M(x*))] (k, k) for one outcome and one treatment; `values` (ky,) of the outcome.

        Row: the value x of the outcome; column: the value x* of the mediators. With treated t and
        control c, means[t, c] - means[c, c] is the natural direct effect, means[c, t] -
        means[c, c] the natural indirect effect, means[t, t] - means[c, c] the total effect.
        """
        found = self.evaluate(table, names)
        if found.ndim != 3:
            raise InputError("means need one outcome and one treatment")
        own = np.arange(found.shape[0]) if values is None else np.asarray(values, dtype=np.float64)
        if own.shape != (found.shape[0],):
            raise InputError(f"{own.size} values given, the outcome has {found.shape[0]}")
        return np.asarray(np.tensordot(own, found, axes=1))
