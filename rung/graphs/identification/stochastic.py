"""Policies: what the outcome is when a treatment is drawn anew, given what a policy reads.

Correa and Bareinboim (2020), "A calculus for stochastic interventions: causal effect identification
and surrogate experiments"; Haneuse and Rotnitzky (2013), "Estimation of the effect of interventions
that modify the received treatment", for policies that read the treatment's own natural value.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from rung.core.errors import InputError, NotIdentified, Overlap, unknown
from rung.core.graph import CIRCLE, Graph
from rung.core.graph_checks import undirected_part
from rung.core.query import Estimand
from rung.graphs.ancestry import possible_descendants

from .admg import Admg, bits
from .asking import identified
from .expression import Expression, Floats, Joint, leftover, product, summed
from .id import Fails, identify_joint
from .nested import doubled, reduced, starred
from .query import Interventional, Names, several
from .renamed import Renamed
from .render import latex, plain, tex, text
from .simplify import simplify


@dataclass(frozen=True)
class PolicyFormula(Estimand):
    """P(outcomes) when the treatment is drawn from pi(treatment | reads), as a formula.

    Parameters
    ----------
    outcomes, treatment, reads : names; `reads` holds the treatment if the policy reads the value
        that it would take by itself
    expression : P(outcomes and reads | the treatment set); in it `drawn` is the value set
    drawn : the name of that value: the treatment's, or with a star if its natural value is read
    """

    outcomes: tuple[str, ...]
    treatment: str
    reads: tuple[str, ...]
    expression: Expression
    drawn: str

    @property
    def text(self) -> str:
        bar = f" | {', '.join(map(plain, self.reads))}" if self.reads else ""
        inner = text(self.expression)
        inner = f"[{inner}]" if inner.startswith("sum over") else inner
        over = ", ".join(map(plain, (self.drawn, *self.reads)))
        return (
            f"P({', '.join(map(plain, self.outcomes))} under pi) = sum over {over} of "
            f"pi({plain(self.drawn)}{bar}) {inner}"
        )

    @property
    def latex(self) -> str:
        bar = rf" \mid {', '.join(map(tex, self.reads))}" if self.reads else ""
        over = ", ".join(map(tex, (self.drawn, *self.reads)))
        return (
            rf"P_\pi({', '.join(map(tex, self.outcomes))}) = \sum_{{{over}}} "
            rf"\pi({tex(self.drawn)}{bar}) \, \Bigl({latex(self.expression)}\Bigr)"
        )

    @property
    def words(self) -> str:
        y, reads = ", ".join(self.outcomes), ", ".join(self.reads)
        seen = f" with the same {reads}" if self.reads else ""
        return (
            f"see what {y} would be at each value of {self.treatment} among rows{seen}, and "
            f"average as often as the policy draws that value"
        )

    def evaluate(  # type: ignore[override]
        self, table: ArrayLike, names: Sequence[str], policy: ArrayLike
    ) -> Floats:
        """P(outcomes) under a policy, one axis an outcome.

        Parameters
        ----------
        table, names : joint probabilities (k1, ..., kd) with one axis a name
        policy : (k of each name in `reads`, k of the treatment) probabilities pi(x | reads), the
            last axis summing to 1

        Raises
        ------
        InputError
            A policy of the wrong shape or that is no conditional distribution.
        Overlap
            The policy draws values that never occur where it draws them.
        """
        joint = Joint(np.asarray(table, dtype=np.float64), tuple(names))
        asked = (*self.outcomes, *self.reads, self.treatment)
        joint = reduced(joint, {*self.expression.observed, *asked})
        shape = [joint.table.shape[i] for i in joint.axes((*self.reads, self.treatment))]
        pi = _policy(policy, tuple(shape))
        if self.drawn != self.treatment:
            joint = doubled(joint, {self.drawn: self.treatment})
        order = (*self.outcomes, *self.reads, self.drawn)
        found = leftover(self.expression.value(joint), joint, order)
        at = joint.axes(order)
        whole = [joint.table.shape[i] if i in at else 1 for i in range(joint.table.ndim)]
        found = np.moveaxis(np.broadcast_to(found, whole), at, range(len(at)))
        found = found.reshape([joint.table.shape[i] for i in at])
        weights = np.broadcast_to(pi, found.shape)
        if np.isnan(found[weights > 0]).any():
            raise Overlap(
                f"the policy sets {self.treatment} to values that never occur among such rows: "
                "positivity fails in the table"
            )
        terms = np.where(weights > 0, found, 0.0) * weights
        return np.asarray(terms.sum(axis=tuple(range(len(self.outcomes), found.ndim))))


def _policy(policy: ArrayLike, shape: tuple[int, ...]) -> NDArray[np.float64]:
    pi = np.asarray(policy, dtype=np.float64)
    if pi.shape != shape:
        raise InputError(
            f"the policy has shape {pi.shape}; expected {shape}: an axis for each name that it "
            "reads, then one for the treatment"
        )
    if not np.isfinite(pi).all() or (pi < 0).any() or (np.abs(pi.sum(axis=-1) - 1) > 1e-6).any():
        raise InputError("the policy is no conditional distribution: its last axis must sum to 1")
    return pi


def identify_policy(
    graph: Graph, y: Names, x: str, reads: Names = (), *, hidden_causes: bool = False
) -> PolicyFormula:
    """The distribution of y when x is drawn from a policy that is given later, as a table.

    Parameters
    ----------
    graph : DAG, ADMG, CPDAG, PAG, or with `hidden_causes` a MAG
    reads : names that the policy reads, none of them affected by x; x itself among them for a
        policy that modifies the value that x would take by itself (a shift, say); that needs a DAG
        or ADMG

    Raises
    ------
    NotIdentified
        What is read and y are not identified together once x is set.
    InputError
        The policy would read what x affects, or a name has two roles.
    """
    outcomes, known = several(y), several(reads)
    for name in (*outcomes, x, *known):
        if name not in graph.names:
            raise unknown(name, graph.names, "node of the graph")
    if x in outcomes or set(outcomes) & set(known) or not outcomes:
        raise InputError("outcomes, the treatment and what the policy reads must differ")
    if later := sorted(set(possible_descendants(graph, x)) & set(known) - {x}):
        raise InputError(
            f"the policy cannot read {', '.join(later)}, which {x} may affect: what is read comes "
            f"before {x}"
        )
    if x not in known:
        asked = Interventional((*outcomes, *known), x)
        found = identified(graph, asked, hidden_causes).expression
        return PolicyFormula(outcomes, x, known, found, x)
    if hidden_causes or (graph.marks & CIRCLE).any() or undirected_part(graph.marks).any():
        raise NotIdentified(
            f"a policy that reads the natural value of {x} needs a DAG or an ADMG; ask on the "
            "members of the class"
        )
    return _modified(graph, outcomes, x, known)


def _modified(
    graph: Graph, outcomes: tuple[str, ...], x: str, reads: tuple[str, ...]
) -> PolicyFormula:
    """P(y when x is set to x*, x by itself, the rest of what is read): district by district.

    x keeps its natural value where it is drawn and has the value set where it acts (the node split
    of Richardson and Robins 2013); identified iff no effect of x shares its district.
    """
    inner = Admg.of(graph)
    one, wanted = inner.mask([x]), inner.mask((*outcomes, *reads))
    star = starred(x, graph.names)
    free = inner.ancestors(wanted & ~one, inner.all & ~one) | inner.ancestors(one, inner.all)
    moved = sum(1 << i for i in bits(free & ~one) if inner.parents[i] & one)
    factors = []
    for district in inner.districts(free):
        if district & one and district & moved:
            tied = ", ".join(inner.named(district & moved))
            raise NotIdentified(
                f"what {outcomes[0]} would be at another value than the natural one of {x} is not "
                f"identified: hidden common causes tie {x} to {tied}, on which it acts"
            )
        try:
            factor = identify_joint(inner, district, inner.all & ~district)
        except Fails:
            raise NotIdentified(
                f"the effect of {x} on {', '.join(outcomes)} jointly with its natural value is not "
                f"identified: the district {{{', '.join(inner.named(district))}}} has no formula"
            ) from None
        factor = simplify(factor, graph)
        set_here = not district & one and x in factor.free
        factors.append(Renamed(factor, ((x, star),)) if set_here else factor)
    found = summed(inner.named(free & ~wanted), product(factors))
    return PolicyFormula(outcomes, x, reads, found, star)
