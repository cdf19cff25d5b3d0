"""Estimands: what identification returns, with the formula as an expression tree."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from rung.core.errors import InputError, Overlap
from rung.core.query import Estimand

from .expression import Expression, Joint, leftover
from .query import Interventional
from .render import latex, plain, tex, text

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
        found = f"{self.asked} = {text(self.expression, self.asked.names)}"
        idle = sorted(self.expression.free - set(self.asked.names))
        return f"{found}, for any {', '.join(map(plain, idle))}" if idle else found

    @property
    def latex(self) -> str:
        a = self.asked
        right = [rf"do({', '.join(map(tex, a.do))})"] if a.do else []
        right += [", ".join(map(tex, a.given))] if a.given else []
        bar = rf" \mid {', '.join(right)}" if right else ""
        return rf"P({', '.join(map(tex, a.outcomes))}{bar}) = {latex(self.expression, a.names)}"

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
        asked = self.asked.names
        joint = Joint(np.asarray(table, dtype=np.float64), tuple(names))
        joint = joint.only(self.expression.observed | set(asked))
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
    formula : the distribution of one outcome under one treatment, perhaps given other names
    treated, control : values compared, if the question named them
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
        t, y = plain(self.treatment), plain(self.outcome)
        z = "".join(f", {plain(n)}" for n in self.formula.asked.given)
        one, two = ends_of(self)
        left = f"E[{y} | do({t} = {one}){z}] - E[{y} | do({t} = {two}){z}]"
        return f"{left}, where {self.formula.text}"

    @property
    def latex(self) -> str:
        t, y = tex(self.treatment), tex(self.outcome)
        z = "".join(f", {tex(n)}" for n in self.formula.asked.given)
        one, two = (tex(str(v)) for v in ends_of(self))
        left = rf"E[{y} \mid do({t} = {one}){z}] - E[{y} \mid do({t} = {two}){z}]"
        return rf"{left}, \quad {self.formula.latex}"

    @property
    def words(self) -> str:
        return self.formula.words

    def evaluate(
        self,
        table: ArrayLike,
        names: Sequence[str],
        *,
        values: Mapping[str, Sequence[float]] | None = None,
    ) -> float | Floats:
        """The contrast on a joint table with one axis a name.

        Values of a name are the positions 0, 1, ... on its axis unless `values` gives others.
        Compared are `treated` and `control` of the question, or the last and the first value. With
        given names an array with one axis a name.
        """
        found = self.formula.evaluate(table, names)
        y = numbers(self.outcome, found.shape[0], values)
        one, two = positions(self, found.shape[1], values)
        means = np.tensordot(y, found, axes=(0, 0))
        out = means[one] - means[two]
        return out if self.formula.asked.given else float(out)


def ends_of(query: Any) -> tuple[object, object]:
    """The two values compared, in words where the question names none."""
    one = "treated" if query.treated is None else query.treated
    return one, "control" if query.control is None else query.control


def numbers(name: str, size: int, values: Mapping[str, Sequence[Any]] | None) -> Floats:
    """Values of a name as numbers, by default its positions."""
    return np.asarray(_labels(name, size, values), dtype=np.float64)


def positions(query: Any, size: int, values: Mapping[str, Sequence[Any]] | None) -> tuple[int, int]:
    """Positions of `treated` and `control` on the axis of the treatment."""
    own = _labels(query.treatment, size, values)
    out = []
    for value, default in ((query.treated, size - 1), (query.control, 0)):
        if value is not None and value not in own:
            raise InputError(f"{query.treatment} = {value!r} is not among its values {own}")
        out.append(own.index(value) if value is not None else default)
    return out[0], out[1]


def _labels(name: str, size: int, values: Mapping[str, Sequence[Any]] | None) -> list[Any]:
    labels = list((values or {}).get(name, range(size)))
    if len(labels) != size:
        raise InputError(f"values[{name!r}] has {len(labels)} values, its axis {size}")
    return labels


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
