"""Identification by adjustment on a graph, an equivalence class or weighted graphs."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from itertools import combinations
from typing import Any

import numpy as np

from ..core.data import Data
from ..core.errors import InputError, KnowledgeConflict, NotIdentified, NotSupported, unknown
from ..core.graph import CIRCLE, Graph
from ..core.query import Estimand
from ..graphs.identification.formula import Formula
from .routes.protocol import RouteEstimator

MOST_NEIGHBOURS = 10  # of the treatment, undirected: 2^10 parent sets


@dataclass(frozen=True)
class BackDoor(Estimand):
    """The adjustment formula (Pearl 1995; Perkovic et al. 2018, generalised adjustment)."""

    treatment: str
    outcome: str
    adjust: tuple[str, ...]
    population: str = "all rows"
    declared: bool = False

    @property
    def text(self) -> str:
        """The formula as plain text."""
        t, y = self.treatment, self.outcome
        if not self.adjust:
            return f"E[{y} | do({t}=t)] = E[{y} | {t}=t]"
        z = ", ".join(self.adjust)
        return f"E[{y} | do({t}=t)] = sum over {z} of E[{y} | {t}=t, {z}] P({z})"

    @property
    def latex(self) -> str:
        """The formula as LaTeX."""
        t, y, z = tex(self.treatment), tex(self.outcome), ", ".join(map(tex, self.adjust))
        left = rf"E[{y} \mid do({t}=t)]"
        if not self.adjust:
            return rf"{left} = E[{y} \mid {t}=t]"
        return rf"{left} = E_{{{z}}}\bigl[E[{y} \mid {t}=t, {z}]\bigr]"

    @property
    def words(self) -> str:
        """The formula in a sentence."""
        if not self.adjust:
            return (
                f"compare the mean of {self.outcome} between values of {self.treatment}, with no "
                "adjustment"
            )
        z = ", ".join(self.adjust)
        who = " (your adjustment set)" if self.declared else ""
        return (
            f"compare the mean of {self.outcome} between values of {self.treatment} among rows "
            f"with the same {z}{who}, then average over {self.population}"
        )


@dataclass(frozen=True)
class NoEffect(Estimand):
    """The outcome does not descend from the treatment: the effect is zero by the graph."""

    treatment: str
    outcome: str

    @property
    def text(self) -> str:
        """The formula as plain text."""
        return f"E[{self.outcome} | do({self.treatment}=t)] = E[{self.outcome}]"

    @property
    def latex(self) -> str:
        """The formula as LaTeX."""
        y, t = tex(self.outcome), tex(self.treatment)
        return rf"E[{y} \mid do({t}=t)] = E[{y}]"

    @property
    def words(self) -> str:
        """The formula in a sentence."""
        return (
            f"no directed path leads from {self.treatment} to {self.outcome} in the graph, so the "
            "effect is zero if the graph is right"
        )


def tex(name: str) -> str:
    """A name as upright text in a formula."""
    escaped = "".join("\\" + c if c in "_%&#${}" else c for c in name)
    return rf"\mathrm{{{escaped}}}"


@dataclass(frozen=True, eq=False)
class Case:
    """What a graph (or one reading of it) says.

    A set to adjust for, another formula, zero, or not identified (then `refusal` may say more).
    """

    graph: Graph
    weight: float
    adjust: tuple[str, ...] | None = None
    zero: bool = False
    note: str = ""
    formula: Formula | None = None
    refusal: NotIdentified | None = field(default=None, repr=False)

    @property
    def answered(self) -> bool:
        """Whether the graph gives an answer."""
        return self.zero or self.adjust is not None or self.formula is not None


def check_nodes(graph: Graph, *names: str) -> None:
    """UnknownName if a name is not a node of the graph."""
    for name in names:
        if name not in graph.names:
            raise unknown(name, graph.names, "node of the graph")


def allows_hidden(structure: Any) -> bool:
    """Whether graphs are to be read as MAGs: a search said that it allows hidden common causes.

    A graph with circles is a PAG in any case.
    """
    return bool(getattr(structure, "hidden_causes", False))


def readings(
    graph: Graph,
    weight: float,
    data: Data,
    treatment: str,
    outcome: str,
    hidden: bool = False,
    route: RouteEstimator | None = None,
) -> list[Case]:
    """Cases of one graph; several where undirected edges at the treatment matter.

    A CPDAG that is not amenable is split by the possible parents of the treatment (Maathuis,
    Kalisch and Buehlmann 2009, IDA); in each the optimal set of the closed graph is used (Witte,
    Henckel, Maathuis and Didelez 2020). The weight is shared evenly and carries no probability.
    On a MAG (`hidden`) or PAG the generalised criterion answers (Perkovic et al. 2018), or the
    case says which edges stand in the way. Where no set of columns suffices, a complete algorithm
    looks for another formula; a `route` is asked for its formula first.
    """
    from ..graphs.adjustment import adjustment_set, causal_nodes, why_not

    check_nodes(graph, treatment, outcome)
    if hidden or is_pag_like(graph):
        case = with_hidden(graph, weight, data, treatment, outcome)
        if case.zero or (case.adjust is not None and route is None):
            return [case]
        return [by_formula(case, data, treatment, outcome, hidden, route)]
    if outcome not in causal_nodes(graph, treatment, outcome):
        return [Case(graph, weight, zero=True, note=f"no directed path to {outcome}")]
    objections = why_not(graph, treatment, outcome, ())
    if any(o.reason == "undecided" for o in objections):
        split = list(oriented(graph, treatment))
        out = []
        for g in split:
            out += readings(g, weight / len(split), data, treatment, outcome, route=route)
        return out
    if route is not None:
        return [by_formula(Case(graph, weight), data, treatment, outcome, hidden, route)]
    allowed = [name for name in graph.names if name in data.names]
    allowed = [name for name in allowed if name not in (treatment, outcome)]
    found = adjustment_set(graph, treatment, outcome, allowed=allowed)
    if found is None:
        case = Case(graph, weight, note=blocked(graph, treatment, outcome, allowed))
        return [by_formula(case, data, treatment, outcome, hidden, None)]
    order = tuple(name for name in data.names if name in set(found))
    return [Case(graph, weight, adjust=order)]


def by_formula(
    case: Case, data: Data, treatment: str, outcome: str, hidden: bool, route: RouteEstimator | None
) -> Case:
    """The case with the formula of the route, or of the complete algorithm; else its refusal."""
    from ..graphs.identification.asking import identified, on_measured
    from ..graphs.identification.query import Interventional
    from ..graphs.projection import latent_projection

    asked = Interventional(outcome, do=treatment)
    find = identified if route is None else route.formula_on
    graph = case.graph
    try:
        unmeasured = [n for n in graph.names if n not in data.names]
        if unmeasured and not hidden and not is_pag_like(graph):
            if route is None:  # a refusal then names the nodes that would help
                formula = on_measured(graph, asked, unmeasured)
                return replace(case, formula=formula, adjust=None, note="")
            graph = latent_projection(graph, unmeasured)
        return replace(case, formula=find(graph, asked, hidden), adjust=None, note="")
    except NotIdentified as error:
        reason = str(error).removeprefix(f"{asked} is not identified: ")
        note = f"{case.note}; {reason}" if case.note else str(error)
        return replace(case, adjust=None, note=note, refusal=error)
    except (InputError, NotSupported) as error:
        return case if case.note else replace(case, adjust=None, note=str(error))


def is_pag_like(graph: Graph) -> bool:
    """Whether there are circles."""
    return bool((graph.marks == CIRCLE).any())


def with_hidden(graph: Graph, weight: float, data: Data, treatment: str, outcome: str) -> Case:
    """What a MAG or PAG says by generalised adjustment; a note where it says nothing."""
    from ..graphs.adjustment import adjustment_set, causal_nodes, why_not

    hidden = {"hidden_causes": True}
    try:
        if outcome not in causal_nodes(graph, treatment, outcome, **hidden):
            return Case(graph, weight, zero=True, note=f"no possibly directed path to {outcome}")
        unsure = why_not(graph, treatment, outcome, (), **hidden)
        unsure = [o for o in unsure if o.reason in UNSURE]
        if unsure:
            said = "; ".join(UNSURE[o.reason].format(edge=o.path) for o in unsure[:3])
            advice = f"knowledge of these edges, or setting {treatment}, would decide"
            return Case(graph, weight, note=f"{said}; {advice}")
        allowed = [n for n in graph.names if n in data.names and n not in (treatment, outcome)]
        found = adjustment_set(graph, treatment, outcome, allowed=allowed, **hidden)
        if found is None:
            return Case(graph, weight, note=blocked(graph, treatment, outcome, allowed, True))
    except (InputError, NotSupported) as error:
        return Case(graph, weight, note=str(error))
    return Case(graph, weight, adjust=tuple(name for name in data.names if name in set(found)))


UNSURE = {
    "undecided": "{edge} may point the other way or stand for a hidden common cause",
    "invisible": "behind {edge} a hidden common cause may stand",
}


def oriented(graph: Graph, treatment: str) -> Iterator[Graph]:
    """The graph with every undirected edge at the treatment oriented, in all ways that hold."""
    from ..graphs.orientation import complete, consistent_extension

    loose, parents = graph.neighbours(treatment), graph.parents(treatment)
    if len(loose) > MOST_NEIGHBOURS:
        raise NotIdentified(
            f"{len(loose)} edges at {treatment} have no direction: too many parent sets to list. "
            "Add knowledge: tiers, required or forbidden edges"
        )
    t = graph.index(treatment)
    for size in range(len(loose) + 1):
        for into in combinations(loose, size):
            joined = all(graph.has_edge(a, b) for a, b in combinations(into, 2)) and all(
                graph.has_edge(a, p) for a in into for p in parents
            )
            if not joined:
                continue  # a new collider at the treatment: another equivalence class
            required = np.zeros((graph.d, graph.d), dtype=bool)
            for name in loose:
                j = graph.index(name)
                required[(j, t) if name in into else (t, j)] = True
            try:
                closed = complete(graph, required=required)
                consistent_extension(closed)
            except (KnowledgeConflict, InputError):
                continue
            yield closed


def blocked(
    graph: Graph, treatment: str, outcome: str, allowed: list[str], hidden: bool = False
) -> str:
    """Why no set of measured columns suffices, with the path and what would help."""
    from ..graphs.adjustment import backdoor_path, forbidden

    bad = set(forbidden(graph, treatment, outcome, hidden_causes=hidden))
    usable = [name for name in allowed if name not in bad]
    path = backdoor_path(graph, treatment, outcome, usable, hidden_causes=hidden)
    if path is None:
        path = backdoor_path(graph, treatment, outcome, hidden_causes=hidden)
    shown = f"the path {path} stays open" if path is not None else "a back-door path stays open"
    missing = [
        name for name in (path.names if path is not None else ())
        if name not in allowed and name not in (treatment, outcome)
    ]  # fmt: skip
    if missing:
        return f"{shown}; measuring {', '.join(missing)} would close it"
    return (
        f"{shown} whatever is adjusted for; measuring the hidden common cause, randomising "
        f"{treatment}, or an instrument would help"
    )


def require_identified(cases: list[Case], treatment: str, outcome: str) -> None:
    """NotIdentified if no case has an answer."""
    if any(c.answered for c in cases):
        return
    reasons = list(dict.fromkeys(c.note for c in cases if c.note))
    first = next((c.refusal for c in cases if c.refusal is not None), None)
    raise NotIdentified(
        f"the effect of {treatment} on {outcome} is not identified: {'; '.join(reasons[:3])}. "
        "rung.bounds(structure, data, query) says between which numbers it lies",
        hedge=getattr(first, "hedge", None),
        advice=getattr(first, "advice", ()),
    )
