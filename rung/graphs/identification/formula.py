"""Estimands: what identification returns, with the formula as an expression tree."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import ArrayLike, NDArray

from rung.core.errors import InputError, Overlap
from rung.core.query import Estimand

from .expression import Expression, Joint, leftover
from .query import Interventional
from .render import latex, tex, text

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Formula(Estimand):
    """An interventional distribution as a function of the observed one.

    Parameters
    ----------
    asked : what the formula equals
    expression : the formula
    rule : how it was found, such as "back-door", "front-door", "ID", "no effect"
    adjust : the covariates, if the rule is back-door
    mediators : the mediators, if the rule is front-door
    """

    asked: Interventional
    expression: Expression
    rule: str = "ID"
    adjust: tuple[str, ...] = ()
    mediators: tuple[str, ...] = ()

    @property
    def text(self) -> str:
        return f"{self.asked} = {text(self.expression)}"

    @property
    def latex(self) -> str:
        a = self.asked
        right = [rf"do({', '.join(map(tex, a.do))})"] if a.do else []
        right += [", ".join(map(tex, a.given))] if a.given else []
        bar = rf" \mid {', '.join(right)}" if right else ""
        return rf"P({', '.join(map(tex, a.outcomes))}{bar}) = {latex(self.expression)}"

    @property
    def words(self) -> str:
        from .words import words

        return words(self)

    def evaluate(self, table: ArrayLike, names: Sequence[str]) -> Floats:
        """P(outcomes | do(treatments), given) on a joint table with one axis a name.

        Parameters
        ----------
        table : (k1, ..., kd) joint probabilities of the observed names
        names : (d,) name of each axis

        Returns
        -------
        array with one axis for each outcome, treatment and given name, in that order.

        Raises
        ------
        InputError, UnknownName
            A table that is no joint distribution, or lacks a name of the formula.
        Overlap
            A value that the formula conditions on has probability zero.
        """
        joint = Joint(np.asarray(table, dtype=np.float64), tuple(names))
        asked = self.asked.names
        value = leftover(self.expression.value(joint), joint, asked)
        at = joint.axes(asked)
        shape = [joint.table.shape[i] if i in at else 1 for i in range(joint.table.ndim)]
        value = np.broadcast_to(value, shape)
        out = np.moveaxis(value, at, range(len(at))).reshape([joint.table.shape[i] for i in at])
        if np.isnan(out).any():
            where = np.argwhere(np.isnan(out))[0].tolist()
            cell = ", ".join(f"{n} = {k}" for n, k in zip(asked, where, strict=True))
            raise Overlap(
                f"the formula {self.text} conditions on values that never occur together, for "
                f"example at {cell}: positivity fails in the table"
            )
        return np.array(out)


@dataclass(frozen=True)
class MeanContrast(Estimand):
    """Difference of the outcome's mean between two values of the treatment, all else a Formula.

    Parameters
    ----------
    formula : the distribution of one outcome under one treatment
    treated, control : the values compared, if the question named them
    """

    formula: Formula
    treated: object = None
    control: object = None

    @property
    def treatment(self) -> str:
        """The treatment."""
        return self.formula.asked.do[0]

    @property
    def outcome(self) -> str:
        """The outcome."""
        return self.formula.asked.outcomes[0]

    @property
    def text(self) -> str:
        t, y = self.treatment, self.outcome
        one, two = self.ends
        return f"E[{y} | do({t} = {one})] - E[{y} | do({t} = {two})], where {self.formula.text}"

    @property
    def latex(self) -> str:
        t, y = tex(self.treatment), tex(self.outcome)
        one, two = (tex(str(v)) for v in self.ends)
        left = rf"E[{y} \mid do({t} = {one})] - E[{y} \mid do({t} = {two})]"
        return rf"{left}, \quad {self.formula.latex}"

    @property
    def words(self) -> str:
        return self.formula.words

    @property
    def ends(self) -> tuple[object, object]:
        """What is compared: the values, or the words treated and control."""
        one = "treated" if self.treated is None else self.treated
        return one, "control" if self.control is None else self.control

    def evaluate(
        self,
        table: ArrayLike,
        names: Sequence[str],
        *,
        values: Mapping[str, Sequence[float]] | None = None,
    ) -> float:
        """The contrast on a joint table with one axis a name.

        Values of a name are the positions 0, 1, ... on its axis unless `values` gives others.
        Compared are `treated` and `control` of the question, or the last and the first value.
        """
        known = dict(values or {})
        found = self.formula.evaluate(table, names)
        labels = {}
        for axis, name in enumerate((self.outcome, self.treatment)):
            labels[name] = list(known.get(name, range(found.shape[axis])))
            if len(labels[name]) != found.shape[axis]:
                raise InputError(
                    f"values[{name!r}] has {len(labels[name])} values, its axis {found.shape[axis]}"
                )
        means = np.asarray(labels[self.outcome], dtype=np.float64) @ found
        ends = []
        for value, default in ((self.treated, -1), (self.control, 0)):
            own = labels[self.treatment]
            if value is not None and value not in own:
                raise InputError(f"{self.treatment} = {value!r} is not among its values {own}")
            ends.append(own.index(value) if value is not None else default)
        return float(means[ends[0]] - means[ends[1]])


@dataclass(frozen=True)
class Mixed(Estimand):
    """One estimand a graph, with the weights of the graphs.

    `parts` holds (weight, estimand, or the reason why there is none).
    """

    parts: tuple[tuple[float, Estimand | str], ...] = field(default=())

    @property
    def text(self) -> str:
        return "; ".join(f"{w:.0%}: {p if isinstance(p, str) else p.text}" for w, p in self.parts)

    @property
    def latex(self) -> str:
        known = [p for _, p in self.parts if not isinstance(p, str)]
        return r" \quad ".join(p.latex for p in known)

    @property
    def words(self) -> str:
        return "; ".join(
            f"on graphs with {w:.0%} of the weight: {p if isinstance(p, str) else p.words}"
            for w, p in self.parts
        )

    def evaluate(self, table: ArrayLike, names: Sequence[str]) -> list[tuple[float, object]]:
        """(weight, value) of each part; None where a graph does not identify it."""
        return [
            (w, None if isinstance(p, str) else p.evaluate(table, names)) for w, p in self.parts
        ]
