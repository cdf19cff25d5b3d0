"""From a skeleton and judged triples to a graph that stands for a class of DAGs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from operator import or_

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..core.graph import Graph
from ..core.graph_checks import order
from ..graphs.equivalence import essential
from ..graphs.orientation import as_bytes, complete, extend, meek, neighbours, pdag_of
from .colliders import ColliderRule, Triples
from .ties import Groups, level, partners

Bool = NDArray[np.bool_]
Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
ORIENTED, REFUSED, UNDECIDED = 1, 2, 3  # outcomes of a statement, as the kernel gives them


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

    @cached_property
    def _lists(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        return neighbours(self.directed, self.loose)

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

    def settle(self, causes: ArrayLike, effects: ArrayLike) -> list[tuple[int, int]]:
        """Orient loose edges one after another; those that contradict what stands, in order."""
        a = np.asarray(causes, dtype=np.int64)
        b = np.asarray(effects, dtype=np.int64)
        outcome = self._settle(a, b, np.full_like(a, -1), np.ones(len(a), dtype=np.uint8))
        at = np.flatnonzero(outcome == REFUSED)
        return list(zip(a[at].tolist(), b[at].tolist(), strict=True))

    def settle_triples(
        self, a: Ints, b: Ints, c: Ints, verdicts: NDArray[np.uint8]
    ) -> NDArray[np.uint8]:
        """Orient colliders a -> b <- c one after another: what became of each."""
        return self._settle(a, b, c, verdicts)

    def _settle(self, a: Ints, b: Ints, c: Ints, verdicts: NDArray[np.uint8]) -> NDArray[np.uint8]:
        from ..kernels.orientation import settle

        outcome = np.zeros(len(a), dtype=np.uint8)
        arrays = [np.ascontiguousarray(x) for x in (a, b, c)]
        if not self.groups:
            parts = as_bytes(self.directed), as_bytes(self.loose)
            settle(*arrays, verdicts, *parts, *self._lists, outcome)
            return outcome
        for t, (x, y, z) in enumerate(zip(*(x.tolist() for x in arrays), strict=True)):
            arrows = [(x, y)] if z < 0 else [(x, y), (z, y)]
            loose = [self.loose[arrow] for arrow in arrows]
            there = [self.directed[i, j] or self.directed[j, i] for i, j in arrows]
            if not (loose[0] if z < 0 else all(map(or_, loose, there))):
                continue
            if verdicts[t] == 2:
                outcome[t] = UNDECIDED
            elif verdicts[t]:
                outcome[t] = ORIENTED if self.fits(arrows) else REFUSED
                if outcome[t] == ORIENTED:
                    self.put(arrows)
        return outcome


def impose(
    adjacent: Bool,
    p: Callable[[Ints, Ints], Floats],
    required: Bool,
    forbidden: Bool,
    names: Sequence[str],
    groups: Groups = (),
) -> Oriented:
    """Arrows that the knowledge fixes; an edge that it would force into a cycle is removed.

    `p` gives the largest p-value of pairs i < j, for the record.
    """
    out = Oriented(required.copy(), adjacent & ~(required | required.T), groups=groups)
    pairs = np.argwhere(out.loose & forbidden.T)  # i, j: j -> i is forbidden
    for i, j in out.settle(pairs[:, 0], pairs[:, 1]):
        for a, b in out._all([(i, j)]):
            out.loose[a, b] = out.loose[b, a] = False
        low, high = np.array([min(i, j)]), np.array([max(i, j)])
        out.conflicts.append(
            f"{names[i]} - {names[j]} was removed: the knowledge allows only "
            f"{names[i]} -> {names[j]}, which would close a cycle (largest p "
            f"{p(low, high)[0]:.2g})"
        )
    return out


def orient(
    state: Oriented,
    judged: Triples,
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
    firm = sorted(arrows, key=lambda t: (t[2], t[0], t[1]))
    said = {(a, b): p for a, b, p in firm}
    for a, b in state.settle([t[0] for t in firm], [t[1] for t in firm]):
        state.conflicts.append(
            f"conditions that set {names[a]} say {names[a]} -> {names[b]} (p {said[a, b]:.2g}), "
            "against what is firmer"
        )
    _colliders(state, judged.firmest_first(), rule, names)
    if extend(state.directed, state.loose) is not None:
        directed, loose = state.directed.copy(), state.loose.copy()
        meek(directed, loose)
        graph = pdag_of(tuple(names), directed, loose)
        return level(graph, state.groups, required, forbidden)
    state.conflicts.append(
        "no DAG agrees with every triple; the graph is the class of a DAG that agrees with most"
    )
    nearest = extend(state.directed, state.loose, strict=False)
    assert nearest is not None
    return class_of(nearest, names, targets, required, forbidden, state.groups)


def _colliders(state: Oriented, judged: Triples, rule: ColliderRule, names: Sequence[str]) -> None:
    verdicts = judged.verdicts(rule)
    outcome = state.settle_triples(judged.a, judged.b, judged.c, verdicts)
    for t in np.flatnonzero(outcome >= REFUSED).tolist():
        a, b, c = (names[int(column[t])] for column in (judged.a, judged.b, judged.c))
        if outcome[t] == UNDECIDED:
            state.undecided.append(f"{a} - {b} - {c}")
        else:
            state.conflicts.append(
                f"{a} -> {b} <- {c} (p {judged.p[t]:.2g}) contradicts what is firmer and was "
                "left out"
            )


def class_of(
    dag: Bool,
    names: Sequence[str],
    targets: Sequence[tuple[str, ...]],
    required: Bool,
    forbidden: Bool,
    groups: Groups = (),
) -> Graph:
    """The essential graph of a DAG that obeys the knowledge, with what the knowledge adds."""
    hits = [np.array([name in condition for name in names]) for condition in map(set, targets)]
    graph = pdag_of(tuple(names), *essential(dag, hits))
    if required.any() or forbidden.any():
        graph = complete(graph, required=required, forbidden=forbidden)
    return level(graph, groups, required, forbidden)


__all__ = ["Oriented", "class_of", "impose", "orient"]
