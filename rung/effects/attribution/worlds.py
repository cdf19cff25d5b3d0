"""An outcome in many worlds at once: each node follows one of two rules, work is shared.

A set of nodes says which follow the second rule. The value of a node depends on its own rule and
on the values of its parents only, so worlds that agree on a node and its ancestors share it; all
worlds share the draws of the noise.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...core.errors import InputError, unknown
from ...core.graph import Graph
from ...core.mechanism import StructuralMechanism
from ...core.scm import SCM
from ...mechanisms.additive import Additive
from ...mechanisms.linear import Linear

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
Ints = NDArray[np.intp]
LEVELS = 1000  # of a variable, each with a noise of its own
CELLS = 2_000_000  # values of a node that are held at once


@dataclass(frozen=True, eq=False)
class Rule:
    """What a node does: a mechanism with one value of its noise for each draw.

    noise : (draws, ...)
    """

    mechanism: StructuralMechanism
    noise: NDArray[Any]

    def values(self, given: Mapping[str, NDArray[Any]], worlds: int, part: slice) -> Floats:
        """(worlds, draws of the part), given the parents' values of the same shape."""
        u = self.noise[part]
        n = worlds * len(u)
        flat = {name: column.reshape(-1) for name, column in given.items()}
        if isinstance(self.mechanism, Additive):
            mean = self.mechanism.mean(flat, n).reshape(worlds, -1)
            mean += u
            return mean
        out = np.empty((worlds, len(u)))
        step = max(1, 2 * CELLS // (len(u) * max(1, self.mechanism.variable.size)))
        for start in range(0, worlds, step):
            stop = min(start + step, worlds)
            some = {k: c[start * len(u) : stop * len(u)] for k, c in flat.items()}
            again = np.tile(u, (stop - start, *(1,) * (u.ndim - 1)))
            out[start:stop] = self.mechanism.forward(some, again).reshape(stop - start, -1)
        return out


@dataclass(frozen=True, eq=False)
class _Step:
    """Which distinct states of a node there are: its rule and the states of its parents."""

    second: Bools
    parents: Mapping[str, Ints]


@dataclass(frozen=True, eq=False)
class Plan:
    """The distinct states of every node over the sets, and the state of the outcome in each."""

    steps: Mapping[str, _Step]
    outcome: Ints

    @classmethod
    def of(cls, graph: Graph, players: Sequence[str], sets: Bools) -> Plan:
        """players : in topological order, the outcome last; sets : (m, players)."""
        steps: dict[str, _Step] = {}
        state: dict[str, Ints] = {}
        for j, name in enumerate(players):
            parents = graph.parents(name)
            key = sets[:, j].astype(np.intp)
            for p in parents:  # pair by pair, so that the key never grows beyond m squared
                key = key * (int(state[p].max()) + 1) + state[p]
                key = np.ravel(np.unique(key, return_inverse=True)[1])
            _, first, state[name] = np.unique(key, return_index=True, return_inverse=True)
            at = {p: state[p][first] for p in parents}
            steps[name] = _Step(sets[first, j], at)
        return cls(steps, state[players[-1]])


@dataclass(frozen=True, eq=False)
class Worlds:
    """The nodes that an outcome depends on, each with two rules.

    Parameters
    ----------
    graph : Graph
        Over the players.
    players : tuple of str
        In topological order, the outcome last.
    rules : mapping of str to (Rule, Rule)
    draws : int
    """

    graph: Graph
    players: tuple[str, ...]
    rules: Mapping[str, tuple[Rule, Rule]]
    draws: int

    def outcome(self, plan: Plan) -> Floats:
        """Values of the outcome (states, draws); `plan.outcome` says which state a set has."""
        many = len(plan.steps[self.players[-1]].second)
        out = np.empty((many, self.draws))
        most = max(len(step.second) for step in plan.steps.values())
        size = max(1, CELLS // most)
        for start in range(0, self.draws, size):
            part = slice(start, min(start + size, self.draws))
            out[:, part] = self.part(plan, part)
        return out

    def part(self, plan: Plan, part: slice) -> Floats:
        """Values of the outcome (states, draws of the part)."""
        held: dict[str, Floats] = {}
        width = part.stop - part.start
        for name in self.players:
            step = plan.steps[name]
            values = np.empty((len(step.second), width))
            for bit in (0, 1):
                rows = np.flatnonzero(step.second == bool(bit))
                if len(rows):
                    given = {p: held[p][at[rows]] for p, at in step.parents.items()}
                    values[rows] = self.rules[name][bit].values(given, len(rows), part)
            held[name] = values
        return held[self.players[-1]]

    @cached_property
    def effects(self) -> tuple[float, Floats] | None:
        """Constant and total effects (players,) of each node's noise on the outcome.

        None unless both rules of every node are one linear mechanism of numbers.
        """
        direct: dict[str, Mapping[str, float]] = {}
        constant: dict[str, float] = {}
        for name in self.players:
            m = self.rules[name][0].mechanism
            if m is not self.rules[name][1].mechanism or not isinstance(m, Linear):
                return None
            if not m.predictor.straight or any(p.discrete for p in m.parents):
                return None
            direct[name] = {p.name: e[0, 0] for p, e in zip(m.parents, m.predictor.effects)}
            constant[name] = float(m.predictor.intercept[0])
        total = dict.fromkeys(self.players, 0.0)
        total[self.players[-1]] = 1.0
        for name in reversed(self.players):
            for parent, effect in direct[name].items():
                total[parent] += effect * total[name]
        weights = np.array([total[n] for n in self.players])
        return float(weights @ np.array([constant[n] for n in self.players])), weights

    def sums(self, sets: Bools, part: slice) -> Floats:
        """Values of the outcome (sets, draws of the part) where `effects` are known."""
        assert self.effects is not None
        constant, weights = self.effects
        first, second = (
            np.array([self.rules[n][bit].noise[part] for n in self.players]) * weights[:, None]
            for bit in (0, 1)
        )
        return constant + first.sum(axis=0) + sets.astype(np.float64) @ (second - first)


def cut_to(scm: SCM, outcome: str) -> SCM:
    """The SCM of the outcome and its ancestors, in topological order, the outcome last.

    Raises
    ------
    UnknownName
        The outcome is no variable of the model.
    InputError
        The model is under interventions, a value is not one number a row, or a variable has more
        than `LEVELS` levels.
    """
    from ...graphs.ancestry import ancestors

    if outcome not in scm.names:
        raise unknown(outcome, scm.names)
    if scm.interventions:
        raise InputError("attribute takes the model as fitted, without interventions")
    above = set(ancestors(scm.graph, outcome)) | {outcome}
    order = [n for n in scm.graph.topological_order() if n in above and n != outcome] + [outcome]
    for name in order:
        v = scm.mechanisms[name].variable
        if v.shape:
            raise InputError(f"{name!r} is not one number a row; attribute looks at scalars")
        if v.size > LEVELS:
            raise InputError(
                f"{name!r} has {v.size} levels, attribute takes {LEVELS} at most: group rare ones"
            )
    return SCM(scm.graph.subgraph(order).reorder(order), {n: scm.mechanisms[n] for n in order})
