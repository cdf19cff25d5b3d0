"""The do-distribution by string-diagram surgery: cut in syntax, then comb disintegration."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from rung.core.errors import InputError, NotIdentified, unknown
from rung.core.query import Estimand
from rung.graphs.identification.expression import Joint
from rung.graphs.identification.query import Interventional
from rung.graphs.identification.render import tex

from .comb import Comb, disintegrate
from .syntax import StringDiagram

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class CombFormula(Estimand):
    """An interventional distribution by comb disintegration of the observed state.

    Parameters
    ----------
    asked : what the formula equals
    diagram : the part of the diagram that the outcomes need
    cut : the same after surgery
    order : its observed variables in the order of production
    groups : variables that one comb produces; hidden wires join boxes of one group only
    """

    asked: Interventional
    diagram: StringDiagram
    cut: StringDiagram
    order: tuple[str, ...]
    groups: tuple[tuple[str, ...], ...]

    @property
    def treatments(self) -> tuple[str, ...]:
        """Variables set that the outcomes depend on."""
        return tuple(n for n in self.order if n in self.asked.do)

    @property
    def text(self) -> str:
        return self._written(str, "sum over {} of ", " | ", "the same")

    @property
    def latex(self) -> str:
        return self._written(tex, r"\sum_{{{}}} ", r" \mid ", r"\text{the same}")

    def _written(self, name: Callable[[str], str], sums: str, bar: str, again: str) -> str:
        def p(of: Iterable[str], given: Iterable[str]) -> str:
            right = ", ".join(map(name, given))
            left = ", ".join(map(name, of))
            return f"P({left}{bar}{right})" if right else f"P({left})"

        def summed(over: list[str], inner: str) -> str:
            return sums.format(", ".join(map(name, over))) + inner if over else inner

        factors = []
        for group in self.groups:
            steps = " ".join(p([n], self.order[: self.order.index(n)]) for n in group)
            set_here = [n for n in group if n in self.asked.do]
            factors.append(f"[{summed(set_here, steps)}]" if set_here else steps)
        gone = [n for n in self.order if n not in self.asked.names]
        right = summed(gone, " ".join(factors))
        if self.asked.given:
            right = f"({right}) / ({summed(list(self.asked.outcomes), again)})"
        a = self.asked
        under = [f"do({', '.join(map(name, a.do))})"] if a.do else []
        under += [", ".join(map(name, a.given))] if a.given else []
        left = ", ".join(map(name, a.outcomes)) + (bar + ", ".join(under) if under else "")
        return f"P({left}) = {right}"

    @property
    def words(self) -> str:
        done = ", ".join(self.treatments)
        if not done:
            return "no box that the outcomes need is cut: their observed distribution"
        return (
            f"the box of {done} is cut out of the diagram; its comb, read off the observed "
            "distribution, is kept with that output discarded, and the others are plugged in"
        )

    def comb(self, table: ArrayLike, names: Sequence[str]) -> Comb:
        """The combs of the observed state, one a group.

        Raises
        ------
        InputError, UnknownName, Overlap
            As for `disintegrate`.
        """
        joint = Joint(np.asarray(table, dtype=np.float64), tuple(names))
        at = joint.axes(self.order)
        rest = tuple(i for i in range(joint.table.ndim) if i not in at)
        kept = np.argsort(np.argsort(at))
        small = np.transpose(joint.table.sum(axis=rest), kept)
        return disintegrate(small, self.order, self.groups)

    def evaluate(self, table: ArrayLike, names: Sequence[str]) -> Floats:
        """P(outcomes | do(treatments), given) on a joint table with one axis a name.

        Returns
        -------
        array with one axis for each outcome, treatment and given name, in that order.

        Raises
        ------
        InputError, UnknownName
            A table that is no joint distribution, or lacks a name.
        Overlap
            A cell of the needed variables has probability zero.
        """
        joint = Joint(np.asarray(table, dtype=np.float64), tuple(names))
        wanted = joint.axes(self.asked.names)
        value = self.comb(table, names).cut(self.treatments)
        keep = [n for n in self.order if n in self.asked.names]
        drop = tuple(i for i, n in enumerate(self.order) if n not in keep)
        value = value.sum(axis=drop)
        place = {n: i for i, n in enumerate(keep)}
        value = np.transpose(value, [place[n] for n in self.asked.names if n in place])
        for k, n in enumerate(self.asked.names):  # set, and without influence: any value
            if n not in place:
                value = np.expand_dims(value, k)
        value = np.array(np.broadcast_to(value, [joint.table.shape[i] for i in wanted]))
        if self.asked.given:
            axes = tuple(range(len(self.asked.outcomes)))
            value = value / value.sum(axis=axes, keepdims=True)
        return value


def identify_by_comb(diagram: StringDiagram, asked: Interventional) -> CombFormula:
    """The do-distribution from the observed state and the diagram, where a comb factors it.

    Boxes that the outcomes do not need are tidied away. Boxes that hidden wires join form a group,
    and the state is plugged together from one comb a group (Jacobs, Kissinger and Zanasi 2018,
    section 6 and their general case; the factors are those of Tian and Pearl 2002). Surgery then
    discards the cut outputs of their combs, which is right if no box of the same group takes such
    an output.

    Parameters
    ----------
    diagram : a state with one box an object; objects that are no outputs are hidden
    asked : names are outputs of the diagram

    Raises
    ------
    InputError, UnknownName
        The diagram is no such state, or lacks a name.
    NotIdentified
        A comb uses the output that is cut. Whether another formula exists says
        `rung.graphs.identify`.
    """
    _check(diagram, asked)
    above = _needed(diagram, {*asked.outcomes, *asked.given})
    small = diagram.keep(above)
    wires, seen = small.wires, set(small.made)
    done = tuple(n for n in asked.do if n in above)
    groups = _groups(small, seen)
    cut = small.cut(*done)
    for box in cut.boxes:
        for w in box.inputs:
            x, y = cut.wires[w], box.outputs[0]
            if x in done and groups[x] == groups[y]:
                _refuse(small, asked, x, y)
    order = tuple(n for n in wires if n in seen)
    parts: dict[str, list[str]] = {}
    for n in order:
        parts.setdefault(groups[n], []).append(n)
    return CombFormula(asked, small, cut, order, tuple(map(tuple, parts.values())))


def _check(diagram: StringDiagram, asked: Interventional) -> None:
    wires = diagram.wires
    single = all(len(box.outputs) == 1 and not box.uniform for box in diagram.boxes)
    if diagram.inputs or not single or len(set(wires)) < len(wires):
        raise InputError(
            "expected the diagram of a model: no inputs, one box with one output an object "
            "(StringDiagram.of_graph makes it)"
        )
    for name in asked.names:
        if name not in diagram.made:
            raise unknown(name, diagram.made, "output of the diagram")
    if len(set(diagram.made)) < len(diagram.made):
        raise InputError(f"an output occurs twice among {diagram.made}")


def _needed(diagram: StringDiagram, of: set[str]) -> set[str]:
    """Objects from which wires lead to `of`, and those themselves."""
    out, wires = set(of), diagram.wires
    for box in reversed(diagram.boxes):
        if box.outputs[0] in out:
            out |= {wires[w] for w in box.inputs}
    return out


def _groups(diagram: StringDiagram, seen: set[str]) -> dict[str, str]:
    """Object -> a name of its group: a hidden wire joins the boxes at its ends."""
    group = {n: n for n in diagram.wires}

    def root(n: str) -> str:
        while group[n] != n:
            n = group[n]
        return n

    for box in diagram.boxes:
        for x in (diagram.wires[w] for w in box.inputs):
            if x not in seen:
                group[root(x)] = root(box.outputs[0])
    return {n: root(n) for n in group}


def _refuse(diagram: StringDiagram, asked: Interventional, x: str, y: str) -> None:
    groups = _groups(diagram, set(diagram.made))
    hidden = [n for n in diagram.wires if n not in diagram.made and groups[n] == groups[x]]
    many = len(hidden) > 1
    through = f"hidden box{'es' if many else ''} {', '.join(hidden)} join{'' if many else 's'}"
    raise NotIdentified(
        f"{asked}: no comb disintegration. The box of {y} takes the output of {x}, and both belong "
        f"to one group that {through}, so the comb of that group uses the output that "
        "surgery discards. rung.graphs.identify says whether another formula exists",
        advice=tuple(f"observe {n}" for n in hidden),
    )
