"""Nested counterfactuals: one value of a treatment for some factors, another for the rest."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import ArrayLike, NDArray

from rung.core.errors import InputError, Overlap
from rung.core.query import Estimand

from .expression import Expression, Joint, leftover
from .query import Interventional, Names, several
from .render import latex, plain, tex, text

Floats = NDArray[np.float64]


def reduced(joint: Joint, needed: Iterable[str]) -> Joint:
    """The joint of the needed names only.

    Raises
    ------
    UnknownName
        A needed name that the table does not have.
    """
    at = set(joint.axes(needed))
    table = joint.table.sum(axis=tuple(i for i in range(joint.table.ndim) if i not in at))
    return Joint(table, tuple(n for i, n in enumerate(joint.names) if i in at))


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
    avoid : other names in use, which the name of a second value may not be

    Raises
    ------
    InputError
        A role without a name, or a name in two roles.
    """

    outcomes: tuple[str, ...]
    do: tuple[str, ...]
    mediators: tuple[str, ...]
    avoid: tuple[str, ...] = field(default=(), kw_only=True, repr=False)

    def __init__(self, outcomes: Names, do: Names, mediators: Names, *, avoid: Names = ()) -> None:
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
        object.__setattr__(self, "avoid", several(avoid))
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
        return {x: starred(x, (*self.names, *self.avoid)) for x in self.do}

    @property
    def controlled(self) -> Interventional:
        """P(y | do(x, m)): what a controlled direct effect compares at a fixed m."""
        return Interventional(self.outcomes, (*self.do, *self.mediators))

    def __str__(self) -> str:
        roles = (self.outcomes, self.do, self.mediators, self.second.values())
        y, x, m, stars = (", ".join(map(plain, n)) for n in roles)
        return f"P({y} under {x}, with {m} as under {stars})"


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
        from .words import listed

        a = self.asked
        y, x, m = (listed(n) for n in (a.outcomes, a.do, a.mediators))
        if self.rule == "mediation adjustment":
            among = f" among rows with the same {listed(self.adjust)}" if self.adjust else ""
            return (
                f"see what {m} would be at one value of {x}{among}, and {y} at the other value of "
                f"{x} with that {m}{among}, and average over the rows"
            )
        read = listed(sorted(self.expression.observed))
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
        copies = {new: old for old, new in self.asked.second.items()}
        joint = Joint(np.asarray(table, dtype=np.float64), tuple(names))
        joint = doubled(reduced(joint, {*self.expression.observed, *self.asked.names}), copies)
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
