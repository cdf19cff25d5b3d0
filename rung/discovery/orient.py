"""From a skeleton and judged triples to a graph that stands for a class of DAGs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from ..core.graph import Graph
from ..core.graph_checks import order
from ..graphs.equivalence import cpdag
from ..graphs.orientation import complete, extend, meek, pdag_of
from .colliders import ColliderRule, Triple
from .ties import Groups, level, partners

Bool = NDArray[np.bool_]


@dataclass(eq=False)
class Oriented:
    """Arrows found so far (acyclic), the edges still loose, and what did not fit."""

    directed: Bool
    loose: Bool
    conflicts: list[str] = field(default_factory=list)
    undecided: list[str] = field(default_factory=list)
    groups: Groups = ()

    @cached_property
    def _tied(self) -> dict[tuple[int, int], tuple[tuple[int, int], ...]]:
        return partners(self.groups)

    def _all(self, arrows: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
        """The arrows and those tied to them."""
        return [tied for arrow in arrows for tied in self._tied.get(arrow, (arrow,))]

    def fits(self, arrows: Sequence[tuple[int, int]]) -> bool:
        """Whether the arrows agree with those that stand and close no cycle."""
        arrows = self._all(arrows)
        if any(self.directed[b, a] or (b, a) in arrows for a, b in arrows):
            return False
        trial = self.directed.copy()
        for a, b in arrows:
            trial[a, b] = True
        return len(order(trial)) == len(trial)

    def put(self, arrows: Sequence[tuple[int, int]]) -> None:
        """Orient edges."""
        for a, b in self._all(arrows):
            self.directed[a, b] = True
            self.loose[a, b] = self.loose[b, a] = False


def impose(
    adjacent: Bool,
    p: NDArray[np.float64],
    required: Bool,
    forbidden: Bool,
    names: Sequence[str],
    groups: Groups = (),
) -> Oriented:
    """Arrows that the knowledge fixes; an edge that it would force into a cycle is removed."""
    out = Oriented(required.copy(), adjacent & ~(required | required.T), groups=groups)
    for i, j in np.argwhere(out.loose & forbidden.T).tolist():  # j -> i is forbidden
        if not out.loose[i, j]:
            continue
        if out.fits([(i, j)]):
            out.put([(i, j)])
        else:
            for a, b in out._all([(i, j)]):
                out.loose[a, b] = out.loose[b, a] = False
            out.conflicts.append(
                f"{names[i]} - {names[j]} was removed: the knowledge allows only "
                f"{names[i]} -> {names[j]}, which would close a cycle (largest p {p[i, j]:.2g})"
            )
    return out


def orient(
    state: Oriented,
    judged: Sequence[Triple],
    rule: ColliderRule,
    arrows: Sequence[tuple[int, int, float]],
    names: Sequence[str],
    targets: Sequence[tuple[str, ...]],
    required: Bool,
    forbidden: Bool,
) -> Graph:
    """Orient what conditions and triples say, the firmest first, and close under Meek's rules.

    `arrows` are (cause, effect, p) from interventional conditions. A statement that contradicts
    firmer ones is left out and recorded, so that the result always stands for a DAG; if the
    statements that stand still allow no DAG, the class of the DAG that breaks fewest is given.
    """
    for a, b, p in sorted(arrows, key=lambda t: (t[2], t[0], t[1])):
        if state.directed[a, b] or not state.loose[a, b]:
            continue
        if state.fits([(a, b)]):
            state.put([(a, b)])
        else:
            state.conflicts.append(
                f"conditions that set {names[a]} say {names[a]} -> {names[b]} (p {p:.2g}), "
                "against what is firmer"
            )
    _colliders(state, judged, rule, names)
    start = pdag_of(tuple(names), state.directed, state.loose)
    if extend(state.directed, state.loose) is not None:
        directed, loose = state.directed.copy(), state.loose.copy()
        meek(directed, loose)
        return level(pdag_of(start.names, directed, loose), state.groups, required, forbidden)
    state.conflicts.append(
        "no DAG agrees with every triple; the graph is the class of a DAG that agrees with most"
    )
    dag = pdag_of(start.names, _nearest(state), np.zeros_like(state.loose))
    graph = complete(cpdag(dag, targets), required=required, forbidden=forbidden)
    return level(graph, state.groups, required, forbidden)


def _colliders(
    state: Oriented, judged: Sequence[Triple], rule: ColliderRule, names: Sequence[str]
) -> None:
    for t in sorted(judged, key=lambda t: (-abs(t.share - 0.5), -t.p, t.b, t.a, t.c)):
        verdict = rule.judge(t.share)
        if not (_joined(state, t.a, t.b) and _joined(state, t.b, t.c)):
            continue
        if verdict is None:
            state.undecided.append(f"{names[t.a]} - {names[t.b]} - {names[t.c]}")
        elif verdict and state.fits([(t.a, t.b), (t.c, t.b)]):
            state.put([(t.a, t.b), (t.c, t.b)])
        elif verdict:
            state.conflicts.append(
                f"{names[t.a]} -> {names[t.b]} <- {names[t.c]} (p {t.p:.2g}) contradicts what is "
                "firmer and was left out"
            )


def _joined(state: Oriented, a: int, b: int) -> bool:
    return bool(state.directed[a, b] or state.directed[b, a] or state.loose[a, b])


def _nearest(state: Oriented) -> Bool:
    """A DAG that keeps every arrow, and makes as few new colliders as a greedy search can.

    The sinks of Dor and Tarsi (1992), where the one with the fewest pairs that should be joined
    is taken if none has none.
    """
    out, adjacent = state.directed.copy(), state.directed | state.directed.T | state.loose
    alive = np.ones(len(out), dtype=bool)
    for _ in range(len(out)):
        best, fewest = -1, np.inf
        for x in np.nonzero(alive & ~(state.directed & alive).any(axis=1))[0].tolist():
            around = np.nonzero(adjacent[x] & alive)[0]
            free = np.nonzero(state.loose[x] & alive)[0]
            missing = (~(adjacent[np.ix_(free, around)] | (free[:, None] == around))).sum()
            if missing < fewest:
                best, fewest = x, missing
        out[np.nonzero(state.loose[best] & alive)[0], best] = True
        alive[best] = False
    return out


def class_of(
    dag: Bool,
    names: Sequence[str],
    targets: Sequence[tuple[str, ...]],
    required: Bool,
    forbidden: Bool,
    groups: Groups = (),
) -> Graph:
    """The essential graph of a DAG that obeys the knowledge, with what the knowledge adds."""
    graph = pdag_of(tuple(names), dag, np.zeros_like(dag))
    graph = complete(cpdag(graph, targets), required=required, forbidden=forbidden)
    return level(graph, groups, required, forbidden)


__all__ = ["Oriented", "class_of", "impose", "orient"]
