"""The effect on the treated: means of the outcome had those with x' received x instead."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from rung.core.errors import NotIdentified, Overlap
from rung.core.graph import CIRCLE, Graph
from rung.core.graph_checks import undirected_part
from rung.core.query import Estimand

from .admg import Admg, bits
from .expression import Expression, Joint, One, Probability, Quotient, product
from .formula import ends_of, numbers, positions
from .id import district_factor
from .render import latex, plain, tex, text
from .simplify import simplify
from .words import in_steps, listed

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class TreatedContrast(Estimand):
    """E[Y_x | X = x'] - E[Y_c | X = x'], x' = x the treated value, c the control.

    P(Y_x = y | X = x') = sum over `over` of fixed(x) natural(x').

    Parameters
    ----------
    treatment, outcome : names
    over : names summed over
    fixed : factors in which the treatment has the value that is set
    natural : factors in which it has the value that was seen
    treated, control : values compared, if the question named them
    rule : how it was found: "no effect", "back-door", "districts"
    """

    treatment: str
    outcome: str
    over: tuple[str, ...]
    fixed: Expression
    natural: Expression
    treated: object = None
    control: object = None
    rule: str = "districts"

    @property
    def text(self) -> str:
        t, y = plain(self.treatment), plain(self.outcome)
        one, two = ends_of(self)
        over = ", ".join(map(plain, self.over))
        names = (t, y, *self.over)
        parts = [text(self.fixed, names), text(self.natural, names, {self.treatment: 1})]
        right = " ".join(f"[{p}]" if "sum" in p or " / " in p else p for p in parts if p != "1")
        law = f"P({y}[{t}] | {t}') = {f'sum over {over} of ' if over else ''}{right}"
        left = f"E[{y}[{one}] | {t} = {one}] - E[{y}[{two}] | {t} = {one}]"
        return f"{left}, where {y}[{t}] is {y} had {t} been set, and {law}"

    @property
    def latex(self) -> str:
        t, y = tex(self.treatment), tex(self.outcome)
        names = (self.treatment, self.outcome, *self.over)
        over = ", ".join(map(tex, self.over))
        total = rf"\sum_{{{over}}} " if over else ""
        fixed, natural = latex(self.fixed, names), latex(self.natural, names, {self.treatment: 1})
        shown = [rf"\Bigl({p}\Bigr)" if r"\sum" in p else p for p in (fixed, natural) if p != "1"]
        right = r" \, ".join(shown)
        return rf"P({y}_{{{t}}} \mid {t}') = {total}{right}"

    @property
    def words(self) -> str:
        t, y = plain(self.treatment), plain(self.outcome)
        if self.rule == "no effect":
            return f"no directed path leads from {t} to {y}: setting {t} changes nothing"
        if self.rule == "back-door":
            z = listed(self.over)
            among = f" among rows with the same {z}, then average over the rows" if z else ""
            tail = f" with the treated value of {t}" if z else ", with no adjustment"
            return f"compare {y} between values of {t}{among}{tail}"
        return (
            f"for the rows with the treated value of {t}, chain what {t} changes, with {t} set "
            f"({in_steps(self.fixed)}), and what it does not, with {t} as it was "
            f"({in_steps(self.natural)}), added up over all values of {listed(self.over)}"
        )

    def law(self, table: ArrayLike, names: Sequence[str]) -> Floats:
        """P(Y_x = y | X = x') with axes y, x, x'.

        Raises
        ------
        InputError, UnknownName
            A table that is no joint distribution, or lacks a name of the formula.
        Overlap
            A value that the formula conditions on has probability zero.
        """
        joint = Joint(np.asarray(table, dtype=np.float64), tuple(names))
        used = self.fixed.observed | self.natural.observed | {self.treatment, self.outcome}
        joint = joint.only(used)
        t, y = joint.axes((self.treatment, self.outcome))
        d = joint.table.ndim
        fixed = self.fixed.value(joint)[..., None]
        natural = np.moveaxis(self.natural.value(joint)[..., None], (t, d), (d, t))
        out = fixed * natural
        out = out.sum(axis=tuple(i for i in range(d) if i not in (t, y)), keepdims=True)
        shape = (joint.table.shape[y], joint.table.shape[t], joint.table.shape[t])
        out = np.moveaxis(out, (y, t, d), (0, 1, 2)).reshape(out.shape[y], out.shape[t], -1)
        return np.array(np.broadcast_to(out, shape))

    def evaluate(
        self,
        table: ArrayLike,
        names: Sequence[str],
        *,
        values: Mapping[str, Sequence[float]] | None = None,
    ) -> float:
        """The contrast on a joint table with one axis a name; values as for `MeanContrast`."""
        law = self.law(table, names)
        y = numbers(self.outcome, law.shape[0], values)
        one, two = positions(self, law.shape[1], values)
        means = np.tensordot(y, law, axes=(0, 0))[:, one]
        if not np.isfinite(means[[one, two]]).all():
            raise Overlap(
                f"the formula {self.text} conditions on values that never occur together: "
                "positivity fails in the table"
            )
        return float(means[one] - means[two])


def on_treated(
    graph: Graph, treatment: str, outcome: str, hidden: bool = False, **ends: Any
) -> TreatedContrast:
    """The effect on the treated on one graph.

    By the back-door criterion, else by districts: with the arrows out of the treatment fed by the
    set value and all else by the seen one, the law factors into the districts of the ancestors of
    outcome and treatment; it is identified, for any number of values of the treatment, iff the
    treatment shares no district with a child of its own (Tian and Pearl 2002, theorem 3; Shpitser
    and Pearl 2009, "Effects of treatment on the treated").

    Raises
    ------
    NotIdentified
    """
    from rung.graphs.adjustment import causal_nodes, minimal_adjustment_set
    from rung.graphs.ancestry import possible_descendants

    later = set(possible_descendants(graph, treatment))
    usable = [n for n in graph.names if n not in later and n != outcome]
    if outcome not in causal_nodes(graph, treatment, outcome, hidden_causes=hidden):
        law = Probability((outcome,), (treatment,))
        return TreatedContrast(treatment, outcome, (), One(), law, rule="no effect", **ends)
    found = minimal_adjustment_set(graph, treatment, outcome, allowed=usable, hidden_causes=hidden)
    if found is not None:
        z = tuple(found)
        fixed = Probability((outcome,), (treatment, *z))
        natural = Probability(z, (treatment,)) if z else One()
        return TreatedContrast(treatment, outcome, z, fixed, natural, rule="back-door", **ends)
    if hidden or (graph.marks & CIRCLE).any() or undirected_part(graph.marks).any():
        raise NotIdentified(
            f"the effect of {treatment} on {outcome} among the treated is not identified by "
            "adjustment in the class of the graph"
        )
    return _by_districts(graph, treatment, outcome, ends)


def _by_districts(
    graph: Graph, treatment: str, outcome: str, ends: dict[str, Any]
) -> TreatedContrast:
    inner = Admg.of(graph)
    x, y = inner.mask([treatment]), inner.mask([outcome])
    within = inner.ancestors(x | y, inner.all)
    (node,) = bits(x)
    children = sum(1 << c for c in bits(within) if inner.parents[c] & x)
    own = next(s for s in inner.districts(within) if s & x)
    if shared := own & children:
        raise NotIdentified(
            f"the effect of {treatment} on {outcome} among the treated is not identified: hidden "
            f"common causes tie {treatment} to {listed(inner.named(shared))}, on which it acts",
            advice=(
                "if the treatment has two values and P(outcome | do(treatment)) is identified, the "
                "effect on the treated follows from it by subtraction",
            ),
        )
    rest = [district_factor(inner, s, within) for s in inner.districts(within) if s != own]
    natural = Quotient(district_factor(inner, own, within), Probability((inner.names[node],)))
    return TreatedContrast(
        treatment, outcome, inner.named(within & ~x & ~y),
        simplify(product(rest), graph), simplify(natural, graph), **ends,
    )  # fmt: skip
