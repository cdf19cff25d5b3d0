"""Stochastic interventions: treatments drawn from a policy that may look at other variables."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import ArrayLike, NDArray

from rung.core.errors import InputError
from rung.core.graph import Graph
from rung.core.query import Estimand

from .expression import Probability
from .formula import Formula
from .query import Interventional, Names
from .render import latex, plain, tex, text
from .words import listed, words

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Stochastic:
    """P(outcomes) when the treatments are drawn from pi(treatments | by), whatever pi is.

    Parameters
    ----------
    outcomes, do : name or names
    by : what the policy looks at; none for a draw that is the same for all

    Raises
    ------
    InputError
        No outcome, no treatment, or a name in two roles.
    """

    outcomes: tuple[str, ...]
    do: tuple[str, ...]
    by: tuple[str, ...] = field(default=(), kw_only=True)

    def __init__(self, outcomes: Names, do: Names, *, by: Iterable[str] | str = ()) -> None:
        asked = Interventional(outcomes, do, given=by)
        if not asked.do:
            raise InputError("there is no treatment: name at least one")
        object.__setattr__(self, "outcomes", asked.outcomes)
        object.__setattr__(self, "do", asked.do)
        object.__setattr__(self, "by", asked.given)

    def identified_on(self, graph: Graph, *, hidden_causes: bool = False) -> PolicyFormula:
        """The formula on one graph, for every policy.

        P(y; pi) = sum over x, z of pi(x | z) P(z) P(y | do(x), z), where x does not affect z
        (Tian 2008, "Identifying dynamic sequential plans"; Pearl 2009, section 4.2).

        Raises
        ------
        NotIdentified
            P(y | do(x), z) is not identified.
        InputError
            The policy looks at something that the treatments affect.
        """
        from rung.graphs.ancestry import possible_descendants

        from .identify import identified, require_names

        asked = Interventional(self.outcomes, do=self.do, given=self.by)
        require_names(graph, asked)
        later = set(possible_descendants(graph, self.do))
        if late := [n for n in self.by if n in later]:
            raise InputError(
                f"the policy looks at {listed(late)}, which {listed(self.do)} may affect; expected "
                "variables that are settled before"
            )
        return PolicyFormula(identified(graph, asked, hidden_causes))


@dataclass(frozen=True)
class PolicyFormula(Estimand):
    """P(outcomes) under a policy, as a function of the observed distribution and the policy.

    Parameters
    ----------
    formula : P(outcomes | do(treatments), by)
    """

    formula: Formula

    @property
    def text(self) -> str:
        """The formula as plain text."""
        a = self.formula.asked
        y, x, z = (", ".join(map(plain, n)) for n in (a.outcomes, a.do, a.given))
        inner = text(self.formula.expression, a.names)
        inner = f"[{inner}]" if "sum" in inner or " / " in inner else inner
        policy = f"pi({x} | {z}) P({z})" if z else f"pi({x})"
        return f"P({y}; pi) = sum over {f'{x}, {z}' if z else x} of {policy} {inner}"

    @property
    def latex(self) -> str:
        """The formula as LaTeX."""
        a = self.formula.asked
        y, x, z = (", ".join(map(tex, n)) for n in (a.outcomes, a.do, a.given))
        policy = rf"\pi({x} \mid {z}) \, P({z})" if z else rf"\pi({x})"
        inner = latex(self.formula.expression, a.names)
        inner = rf"\Bigl({inner}\Bigr)" if r"\sum" in inner else inner
        return rf"P({y}; \pi) = \sum_{{{f'{x}, {z}' if z else x}}} {policy} \, {inner}"

    @property
    def words(self) -> str:
        """The formula in a sentence."""
        a = self.formula.asked
        over = f" and over the distribution of {listed(a.given)}" if a.given else ""
        return f"{words(self.formula)}; then average over the policy's {listed(a.do)}{over}"

    def evaluate(
        self, table: ArrayLike, names: Sequence[str], *, policy: ArrayLike | None = None
    ) -> Floats:
        """P(outcomes) on a joint table with one axis a name.

        Parameters
        ----------
        table, names : as for `Formula.evaluate`
        policy : pi with one axis for each name of `by`, then one for each treatment; sums to 1
            over the treatments

        Returns
        -------
        array with one axis an outcome.

        Raises
        ------
        InputError
            No policy, or one whose shape or sums do not fit.
        """
        a = self.formula.asked
        law = self.formula.evaluate(table, names)
        k, m = len(a.outcomes), len(a.do)
        wanted = (*law.shape[k + m :], *law.shape[k : k + m])
        if policy is None:
            raise InputError(f"a policy is needed: an array of shape {wanted}")
        pi = np.asarray(policy, dtype=np.float64)
        last = tuple(range(pi.ndim - m, pi.ndim))
        if pi.shape != wanted or not (pi >= 0).all() or not np.allclose(pi.sum(axis=last), 1):
            raise InputError(
                f"the policy must have shape {wanted}, {', '.join((*a.given, *a.do))}, entries "
                f">= 0 and sum 1 over {', '.join(a.do)}"
            )
        weight = pi
        if a.given:
            before = Formula(Interventional(a.given), Probability(a.given)).evaluate(table, names)
            weight = pi * before.reshape(before.shape + (1,) * m)
        turned = np.moveaxis(law, range(k, k + m), range(law.ndim - m, law.ndim))
        return np.asarray((turned * weight).sum(axis=tuple(range(k, law.ndim))))
