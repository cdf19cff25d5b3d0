"""Twin networks: a world as it was and as it would have been, side by side, exactly.

The two worlds share the noise of every node (Balke and Pearl 1994). The noise of a node with levels
is summed out in closed form, so that what is left is a Bayesian network over levels of both worlds.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..core.errors import InputError, unknown
from ..core.intervention import Do, Intervention
from ..core.scm import SCM
from .discrete import Levels

Floats = NDArray[np.float64]
Ints = NDArray[np.intp]
CELLS = 2_000_000  # entries of the table of one node in both worlds
STATES = 50_000  # joint states of the other world that are listed
RACES = 50_000  # pairs of levels of categories that are integrated
NODES = 25  # two letters a node are needed, of 52


def transitions(p: Floats, q: Floats, *, ordered: bool) -> Floats:
    """P(level k in the other world | level j in this one), (n, j, k).

    Parameters
    ----------
    p, q : (n, levels) float
        Distributions of the level in this world and in the other, rows summing to 1.
    ordered : bool
        One uniform noise for both (quantiles kept); else an exponential race, which is the
        Gumbel-max model (Oberst and Sontag 2019).

    Rows of levels of probability 0 hold q: such a level is never seen.
    """
    joint = _overlap(p, q) if ordered else _race(p, q)
    seen = p[:, :, None] > 0
    return np.where(seen, joint / np.where(seen, p[:, :, None], 1.0), q[:, None, :])


def _overlap(p: Floats, q: Floats) -> Floats:
    """Length of the part of [0, 1] that is level j under p and level k under q."""
    above, below = np.cumsum(p, axis=1), np.cumsum(q, axis=1)
    top = np.minimum(above[:, :, None], below[:, None, :])
    bottom = np.maximum((above - p)[:, :, None], (below - q)[:, None, :])
    return np.maximum(top - bottom, 0.0)


def _race(p: Floats, q: Floats) -> Floats:
    """P(j arrives first at rates p, and k at rates q) with the same exponential times.

    For j != k let s be the ratio of the times of k and j: it lies between p_k / p_j and q_k / q_j,
    and the others i must be later than max(p_i / p_j, s q_i / q_k) times that of j. The integral
    over the time of j leaves ds / (1 + s + sum of these)^2, whose denominator is linear in s
    between the points where a maximum changes.
    """
    n, k = p.shape
    out = np.zeros((n, k, k))
    for j in range(k):
        for other in range(k):
            if other != j:
                out[:, j, other] = _pair(p, q, j, other)
    stay = np.arange(k)
    out[:, stay, stay] = np.maximum(p - out.sum(axis=2), 0.0)
    return out


def _pair(p: Floats, q: Floats, j: int, k: int) -> Floats:
    pj, qk = p[:, j], q[:, k]
    able = (pj > 0) & (qk > 0) & (q[:, k] * p[:, j] > p[:, k] * q[:, j])
    out = np.zeros(len(p))
    for row in np.flatnonzero(able):
        others = [i for i in range(p.shape[1]) if i not in (j, k)]
        a, b = p[row, others] / p[row, j], q[row, others] / q[row, k]
        low = p[row, k] / p[row, j]
        high = q[row, k] / q[row, j] if q[row, j] > 0 else np.inf
        with np.errstate(divide="ignore", invalid="ignore"):
            turns = np.where(b > 0, a / b, np.inf)
        inside = np.unique(turns[(turns > low) & (turns < high)])
        ends = np.concatenate([[low], inside, [high]])
        for left, right in pairwise(ends.tolist()):
            middle = left + 1.0 if np.isinf(right) else (left + right) / 2
            later = b * middle > a
            constant, slope = 1.0 + a[~later].sum(), 1.0 + b[later].sum()
            far = 0.0 if np.isinf(right) else 1.0 / (slope * (constant + slope * right))
            out[row] += 1.0 / (slope * (constant + slope * left)) - far
    return out


@dataclass(frozen=True, eq=False)
class Twin:
    """A discrete SCM beside itself under interventions.

    Parameters
    ----------
    scm : SCM
        As fitted, every mechanism over levels.
    setting : mapping of str to int
        Codes of the levels that interventions set.
    """

    scm: SCM
    setting: Mapping[str, int]

    @staticmethod
    def of(scm: SCM, items: Sequence[Intervention]) -> Twin | None:
        """The twin network; None where it is too large, or not all is levels and plain `Do`."""
        if scm.interventions or len(scm.names) > NODES:
            return None
        if not all(isinstance(scm.mechanisms[n], Levels) for n in scm.names):
            return None
        if not all(isinstance(i, Do) and np.ndim(i.value) == 0 for i in items):
            return None
        described = {v.name: v for v in scm.variables}
        setting = {
            i.variable: int(described[i.variable].encode(i.value))
            for i in items if isinstance(i, Do)
        }  # fmt: skip
        twin = Twin(scm, setting)
        if max(twin._size(n) for n in scm.names) > CELLS:
            return None
        return None if sum(twin._races(n) for n in scm.names) > RACES else twin

    @cached_property
    def moved(self) -> frozenset[str]:
        """Nodes that may differ in the other world, those set included."""
        out = set(self.setting)
        for name in self.scm.graph.topological_order():
            if out & set(self.scm.graph.parents(name)):
                out.add(name)
        return frozenset(out)

    @cached_property
    def _sizes(self) -> dict[str, int]:
        return {v.name: v.size for v in self.scm.variables}

    def _size(self, name: str) -> float:
        parents = self.scm.graph.parents(name)
        axes = [*parents, name, *(p for p in (*parents, name) if p in self.moved)]
        return float(np.prod([float(self._sizes[a]) for a in axes]))

    def _races(self, name: str) -> float:
        """Pairs of levels of a category, over all levels of its parents in both worlds."""
        mechanism = self.scm.mechanisms[name]
        free = name in self.moved and name not in self.setting
        if not free or not isinstance(mechanism, Levels) or mechanism.ordered:
            return 0.0
        return self._size(name)

    def _axis(self, name: str, other: bool) -> int:
        """Number of the axis of a node; both worlds share that of a node that cannot move."""
        at = self.scm.graph.index(name)
        return at + len(self.scm.names) if other and name in self.moved else at

    def _factors(self) -> list[tuple[Floats, list[int]]]:
        out: list[tuple[Floats, list[int]]] = []
        for name in self.scm.names:
            parents = self.scm.graph.parents(name)
            here = [self._axis(p, False) for p in parents]
            if name not in self.moved or name in self.setting:
                out.append((self._table(name), [*here, self._axis(name, False)]))
            if name in self.setting:
                one = np.zeros(self._sizes[name])
                one[self.setting[name]] = 1.0
                out.append((one, [self._axis(name, True)]))
            elif name in self.moved:
                out.append(self._both(name, parents))
        return out

    def _table(self, name: str) -> Floats:
        """P(level | parents) of one world, an axis a parent."""
        parents = self.scm.graph.parents(name)
        shape = [self._sizes[p] for p in parents]
        grid = _grid(shape)
        given = dict(zip(parents, grid, strict=True))
        p = self.scm.mechanisms[name].probabilities(given, grid.shape[1])
        return np.asarray(p).reshape(*shape, -1)

    def _both(self, name: str, parents: tuple[str, ...]) -> tuple[Floats, list[int]]:
        """P(level, level in the other world | parents in both); shared parents once."""
        mechanism = self.scm.mechanisms[name]
        assert isinstance(mechanism, Levels)
        k = self._sizes[name]
        loose = [p for p in parents if p in self.moved]
        axes = [*(self._axis(p, False) for p in parents), *(self._axis(p, True) for p in loose)]
        shape = [self._sizes[p] for p in (*parents, *loose)]
        grid = _grid(shape)
        here = dict(zip(parents, grid, strict=False))
        there = {**here, **dict(zip(loose, grid[len(parents) :], strict=True))}
        n = grid.shape[1]
        p, q = (np.asarray(mechanism.probabilities(g, n)) for g in (here, there))
        joint = p[:, :, None] * transitions(p, q, ordered=mechanism.ordered)
        axes += [self._axis(name, False), self._axis(name, True)]
        return joint.reshape(*shape, k, k), axes

    def joint(self, facts: Mapping[str, int], names: Sequence[str]) -> Floats:
        """P(facts, levels of `names` in the other world), an axis a name.

        Raises
        ------
        UnknownName
            A fact is about no variable.
        """
        operands: list[Any] = []
        for table, axes in self._factors():
            operands += [table, axes]
        for name, code in facts.items():
            if name not in self.scm.names:
                raise unknown(name, self.scm.names)
            one = np.zeros(self._sizes[name])
            one[code] = 1.0
            operands += [one, [self._axis(name, False)]]
        out = [self._axis(name, True) for name in names]
        return np.asarray(np.einsum(*operands, out, optimize="greedy"))

    def states(self, facts: Mapping[str, int]) -> tuple[Ints, Floats] | None:
        """Levels (m, variables) of the other world and their probabilities given the facts.

        None if there are more than `STATES`.

        Raises
        ------
        InputError
            The facts are impossible under the model.
        """
        if np.prod([float(s) for s in self._sizes.values()]) > STATES:
            return None
        table = self.joint(facts, self.scm.names)
        total = float(table.sum())
        if not total > 0:
            raise impossible(facts)
        codes = np.argwhere(table > 0)
        return codes, table[table > 0] / total

    def probability(self, facts: Mapping[str, int], event: Mapping[str, int]) -> float:
        """P(event in the other world | facts)."""
        names = tuple(event)
        table = self.joint(facts, names)
        total = float(table.sum())
        if not total > 0:
            raise impossible(facts)
        return float(table[tuple(event[n] for n in names)]) / total


def _grid(shape: Sequence[int]) -> Floats:
    """All combinations of levels (axes, combinations), in C order."""
    return np.indices(tuple(shape)).reshape(len(shape), int(np.prod(shape))).astype(np.float64)


def impossible(facts: Mapping[str, Any]) -> InputError:
    """The error for facts of probability 0."""
    shown = ", ".join(facts)
    return InputError(
        f"the facts on {shown} have probability 0 under the model; look at them again"
    )
