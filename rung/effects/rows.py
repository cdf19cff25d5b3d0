"""Which rows may be used: what conditions that intervene do to an adjustment formula."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import islice

import numpy as np
from numpy.typing import NDArray

from ..core.data import Data
from ..core.errors import InputError
from ..core.graph import CIRCLE, Graph

CONDITION = "(condition)"


@dataclass(frozen=True, eq=False)
class Kept:
    """Conditions left out, with the reason for each, and whether rows set the treatment."""

    dropped: tuple[int, ...]
    why: tuple[str, ...]
    sets_treatment: bool = False

    def mask(self, data: Data) -> NDArray[np.bool_]:
        """Rows (n,) that are kept."""
        if data.environment is None or not self.dropped:
            return np.ones(data.n, dtype=np.bool_)
        return ~np.isin(data.environment, self.dropped)


def targets_of(data: Data) -> dict[int, frozenset[str]]:
    """Targets of each condition that has rows."""
    if data.targets is None or data.environment is None:
        return {}
    present = [int(e) for e in np.unique(data.environment)]
    return {
        e: frozenset(name for j, name in enumerate(data.names) if data.targets[e, j])
        for e in present
    }


def usable(
    data: Data,
    graph: Graph | None,
    treatment: str,
    outcome: str,
    adjust: tuple[str, ...],
    held: tuple[str, ...] = (),
    hidden: bool = False,
) -> Kept:
    """Conditions under which the formula with these covariates still gives the effect.

    A condition that sets the outcome, or something between treatment and outcome, changes the
    effect itself: left out. One that sets only the treatment leaves the outcome's distribution
    given treatment and covariates as it is: kept. Others are kept if the adjustment set stays
    valid with a condition node that causes their targets (Bareinboim and Pearl 2016; Mooij et al.
    2020), or if the condition is `held` fixed. On a MAG (`hidden`) or PAG they are left out.
    """
    targets = targets_of(data)
    if not any(targets.values()):
        return Kept((), ())
    between = _between(graph, treatment, outcome)
    dropped, why, open_ones = [], [], []
    for e, hit in targets.items():
        name = data.environments[e]
        if outcome in hit:
            dropped.append(e)
            why.append(f"condition {name!r} sets the outcome {outcome}")
        elif hit & between:
            dropped.append(e)
            which = ", ".join(sorted(hit & between))
            why.append(f"condition {name!r} sets {which}, between {treatment} and {outcome}")
        elif hit - {treatment}:
            open_ones.append(e)
    left_out: list[int] = []
    if not held and (hidden or (graph is not None and (graph.marks == CIRCLE).any())):
        left_out = open_ones
    elif not held:
        left_out = _confounding(data, graph, treatment, outcome, adjust, targets, open_ones)
    for e in left_out:
        dropped.append(e)
        which = ", ".join(sorted(targets[e] - {treatment}))
        why.append(f"condition {data.environments[e]!r} sets {which}, which would confound")
    sets = any(treatment in hit for e, hit in targets.items() if e not in dropped)
    if len(dropped) == len(targets):
        raise InputError(
            f"no row is left for the effect of {treatment} on {outcome}: " + "; ".join(why)
        )
    return Kept(tuple(sorted(dropped)), tuple(why), sets)


def _between(graph: Graph | None, treatment: str, outcome: str) -> frozenset[str]:
    if graph is None:
        return frozenset()
    from ..graphs.adjustment import causal_nodes

    return frozenset(causal_nodes(graph, treatment, outcome)) - {outcome}


def _confounding(
    data: Data,
    graph: Graph | None,
    treatment: str,
    outcome: str,
    adjust: tuple[str, ...],
    targets: dict[int, frozenset[str]],
    open_ones: list[int],
) -> list[int]:
    """Of the conditions that set other columns, those to leave out."""
    others = {e: targets[e] - {treatment} for e in open_ones}
    if not others:
        return []
    outside = [e for e in open_ones if not others[e] <= set(adjust)]
    if graph is None:
        return outside
    fixed = any(treatment in hit and outcome not in hit for hit in targets.values())
    for leave in ([], outside):
        kept = [e for e in open_ones if e not in leave]
        hit = frozenset().union(*(targets[e] for e in kept))
        if fixed:
            hit = hit | {treatment}
        if not kept or _still_valid(graph, hit, treatment, outcome, adjust):
            return leave
    return open_ones


def _still_valid(
    graph: Graph, hit: frozenset[str], treatment: str, outcome: str, adjust: tuple[str, ...]
) -> bool:
    from ..graphs.adjustment import is_adjustment_set
    from ..graphs.equivalence import members

    dags = islice(members(graph), 10) if not graph.is_admg() else [graph]
    for dag in dags:
        marks = np.zeros((dag.d + 1, dag.d + 1), dtype=np.uint8)
        marks[:-1, :-1] = dag.marks
        for name in hit & set(dag.names):
            j = dag.index(name)
            marks[-1, j], marks[j, -1] = 2, 1
        wider = Graph((*dag.names, CONDITION), marks)
        if not is_adjustment_set(wider, treatment, outcome, adjust):
            return False
    return True
