"""Two models with the same observed distribution and different effects, behind every refusal.

The construction is that of the proof of theorem 4 in Shpitser and Pearl (2006): on a hedge every
node is the parity of its parents and its hidden causes; in the second model the core does not
listen to the rest of the forest. Both make the parity of the roots even, until a treatment is set.
Here one root is disturbed by noise, so that all cells of the table are positive, and the parity of
the roots is carried along directed paths to the outcomes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rung.core.errors import InputError
from rung.core.graph import Graph

from .admg import Admg, bits
from .asking import require_names
from .blocking import blocking, towards
from .hedge import Hedge, Shape, hedge_of, shape_of
from .id import Fails, identify_joint, moved
from .latent_model import Edge, LatentModel, hidden_edges
from .query import Interventional

Floats = NDArray[np.float64]
SAME, DIFFERENT = 1e-12, 1e-3
TRIES = 60


@dataclass(frozen=True, eq=False)
class TwoModels:
    """Two models of one graph that agree on all that is observed and differ in what is asked.

    Parameters
    ----------
    asked : the distribution that is not identified
    hedge : the structure from which they were built
    first, second : the models, on the nodes that matter
    coins : the other nodes of the graph: fair coins in both models, independent of everything
    """

    asked: Interventional
    hedge: Hedge
    first: LatentModel
    second: LatentModel
    coins: tuple[str, ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the axes of `observed`."""
        return self.first.graph.names

    @property
    def observed(self) -> tuple[Floats, Floats]:
        """The observed joint table of each model: equal, with every cell positive."""
        return self.first.joint(), self.second.joint()

    @property
    def effects(self) -> tuple[Floats, Floats]:
        """What is asked in each model; axes: outcomes, then treatments, then given names."""
        return self.first.effect(self.asked), self.second.effect(self.asked)

    @property
    def gap(self) -> float:
        """Largest difference between the observed tables."""
        a, b = self.observed
        return float(np.abs(a - b).max())

    @property
    def difference(self) -> float:
        """Largest difference between the effects."""
        a, b = self.effects
        return float(np.abs(a - b).max())

    @property
    def words(self) -> str:
        """The two values in a sentence."""
        a, b = self.effects
        cell = np.unravel_index(int(np.abs(a - b).argmax()), a.shape)
        value = dict(zip(self.asked.names, map(int, cell), strict=True))

        def event(names: tuple[str, ...]) -> str:
            return ", ".join(f"{n} = {value[n]}" for n in names)

        right = [f"do({event(self.asked.do)})"] if self.asked.do else []
        right += [event(self.asked.given)] if self.asked.given else []
        left = f"P({event(self.asked.outcomes)} | {', '.join(right)})"
        return (
            f"both models give the same distribution of {', '.join(self.names)} (largest "
            f"difference {self.gap:.1g}), but {left} is {a[cell]:.4g} in the first and "
            f"{b[cell]:.4g} in the second"
        )

    def __repr__(self) -> str:
        return f"TwoModels: {self.words}"


def two_models(graph: Graph, asked: Interventional, *, noise: float = 0.1) -> TwoModels:
    """Two discrete models that show why a distribution is not identified.

    Parameters
    ----------
    graph : DAG or ADMG
    asked : what `identify` refuses
    noise : probability in (0, 0.5) with which a root and each carried parity is flipped

    Raises
    ------
    InputError
        What is asked is identified; a noise out of range.
    NotSupported
        Models with more than about four million cells.
    """
    if not 0 < noise < 0.5:
        raise InputError(f"noise={noise}: expected a probability between 0 and 0.5")
    require_names(graph, asked)
    inner = Admg.of(graph)
    y, x, z = (inner.mask(names) for names in (asked.outcomes, asked.do, asked.given))
    x, z = moved(inner, y, x, z)
    try:
        identify_joint(inner, y | z, x)
    except Fails as failed:
        forest, core = blocking(inner, y, x, z, failed)
    else:
        raise InputError(f"{asked} is identified: rung.graphs.identify gives its formula")
    plan = Plan(inner, shape_of(inner, forest, core), y | z, x, noise)
    hedge = hedge_of(inner, asked, forest, core, x)
    used = forest | plan.carriers | inner.mask(asked.names)
    sub = graph.subgraph(inner.named(used))
    coins = tuple(n for n in graph.names if n not in sub.names)
    first, second = (plan.model(sub, core_deaf=deaf) for deaf in (False, True))
    pair = TwoModels(asked, hedge, first, second, coins)
    if pair.difference < DIFFERENT and asked.given:
        pair = _blurred(plan, graph, asked, hedge)
    if pair.gap > SAME or pair.difference < DIFFERENT:
        raise AssertionError(f"no two models found for {asked}: {pair.words}")
    return pair


class Plan:
    """Which bits each node holds: the parity of the hedge, a parity that it carries, both, none."""

    def __init__(self, graph: Admg, shape: Shape, targets: int, cut: int, noise: float) -> None:
        self.graph, self.shape, self.noise = graph, shape, noise
        self.step = towards(graph, targets, graph.all & ~cut)
        self.carried: dict[int, int] = {}  # node -> mask of the nodes whose parity it carries
        for root in bits(shape.roots):
            v = root
            while v in self.step:
                below = self.step[v]
                seen = self.carried.get(below, 0) >> v & 1
                self.carried[below] = self.carried.get(below, 0) | 1 << v
                if seen:
                    break
                v = below

    @property
    def carriers(self) -> int:
        """Nodes that carry a parity."""
        return sum(1 << v for v in self.carried)

    def widths(self, v: int) -> tuple[bool, bool]:
        """Whether a node has a bit of the hedge, and one that it carries."""
        return bool(self.shape.forest >> v & 1), v in self.carried

    def levels(self, v: int) -> int:
        """Number of values: at least a coin."""
        return 1 << max(1, sum(self.widths(v)))

    def read(self, v: int, values: NDArray[np.intp]) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
        """The hedge's bit and the carried bit of values of a node; 0 where it has none."""
        own, carries = self.widths(v)
        hedge = values & 1 if own else np.zeros_like(values)
        return hedge, ((values >> int(own)) & 1 if carries else np.zeros_like(values))

    def model(self, graph: Graph, *, core_deaf: bool) -> LatentModel:
        """The model on a subgraph that holds all that is used."""
        names = self.graph.names
        edges: dict[Edge, Floats] = {
            (names[a], names[b]): np.full(2, 0.5) for a, b in self.shape.tree
        }
        at = {name: i for i, name in enumerate(names)}
        levels = tuple(self.levels(at[n]) for n in graph.names)
        tables = {n: self._table(graph, at, list(edges), n, core_deaf) for n in graph.names}
        return LatentModel(graph, levels, edges, tables)

    def _table(
        self, graph: Graph, at: dict[str, int], edges: list[Edge], name: str, deaf: bool
    ) -> Floats:
        v = at[name]
        own, carries = self.widths(v)
        causes = [e for e in edges if name in e]
        parents = [at[p] for p in graph.parents(name)]
        shape = (2,) * len(causes) + tuple(map(self.levels, parents)) + (self.levels(v),)
        if not own and not carries:
            return np.full(shape, 0.5)
        grid = np.indices(shape, sparse=True)
        inside = self.shape.core if deaf and self.shape.core >> v & 1 else self.shape.forest
        parity = carried = np.zeros(1, dtype=np.intp)
        for e, value in zip(causes, grid, strict=False):
            other = at[e[0] if e[1] == name else e[1]]
            parity = parity ^ (value if inside >> other & 1 else 0)
        for p, value in zip(parents, grid[len(causes) : -1], strict=True):
            hedge, carry = self.read(p, value)
            parity = parity ^ (hedge if self.shape.child.get(p) == v and inside >> p & 1 else 0)
            if carries and self.carried[v] >> p & 1:
                root = bool(self.shape.roots >> p & 1)
                carried = carried ^ (hedge if root else 0) ^ carry
        hedge, carry = self.read(v, grid[-1])
        out = np.ones(shape)
        if own:
            noisy = v == next(bits(self.shape.roots))
            out = out * _flipped(hedge ^ parity, self.noise if noisy else 0.0)
        return out * _flipped(carry ^ carried, self.noise) if carries else out


def _flipped(wrong: NDArray[np.intp], noise: float) -> Floats:
    return np.where(wrong == 1, noise, 1 - noise)


def _blurred(plan: Plan, graph: Graph, asked: Interventional, hedge: Hedge) -> TwoModels:
    """Models for a conditional distribution whose hedge reaches only what is given.

    The parity of the roots ends in a node that is given and is blurred there with what else causes
    that node, so that seeing it tells the outcome as much as the parity is known. Every other node
    has one more bit, and all tables are random, but the same in both models: as they listen to
    observed nodes and to hidden causes of their own, the observed distributions stay equal.
    """
    inner = plan.graph
    used = inner.ancestors(inner.mask(asked.names), inner.all)
    sub = graph.subgraph(inner.named(used))
    coins = tuple(n for n in graph.names if n not in sub.names)
    base = tuple(plan.model(sub, core_deaf=deaf) for deaf in (False, True))
    ends = set(inner.named(plan.shape.roots | plan.carriers)) & set(asked.given)
    best: TwoModels | None = None
    for k in range(TRIES):
        pair = blurred(base, ends, np.random.default_rng(k))
        found = TwoModels(asked, hedge, *pair, coins)
        if best is None or found.difference > best.difference:
            best = found
        if best.difference > 20 * DIFFERENT:
            break
    assert best is not None
    return best


def blurred(
    base: Sequence[LatentModel], ends: set[str], rng: np.random.Generator
) -> tuple[LatentModel, LatentModel]:
    """Models with one more bit a node, and a fresh bit in place of the values of `ends`.

    A hidden cause of 4 values is (that of the base) + 2 * (a new one); a node's value is (that of
    the base) + levels * (the bit).
    """
    graph = base[0].graph
    causes = hidden_edges(graph)
    old = {frozenset(e) for e in base[0].hidden}
    sizes = {e: 4 if frozenset(e) in old else 2 for e in causes}
    hidden = {e: np.full(k, 1 / k) for e, k in sizes.items()}
    levels = tuple(
        2 if n in ends else 2 * k for n, k in zip(graph.names, base[0].levels, strict=True)
    )
    tables: list[dict[str, Floats]] = [{} for _ in base]
    for name in graph.names:
        mine = [e for e in causes if name in e]
        shape = [2] * len(mine) + [levels[graph.index(p)] for p in graph.parents(name)]
        bit = rng.dirichlet(np.full(2, 0.3), size=(*shape, base[0].level(name))) * 0.98 + 0.01
        for model, out in zip(base, tables, strict=True):
            whole = _joined(model, name, {e: sizes[e] for e in mine}, shape, bit)
            out[name] = whole.sum(axis=-2) if name in ends else _flat(whole)
    first, second = (LatentModel(graph, levels, hidden, t) for t in tables)
    return first, second


def _joined(
    model: LatentModel, name: str, mine: dict[Edge, int], shape: list[int], bit: Floats
) -> Floats:
    """The table of a node with axes: hidden causes, parents, value in the base, bit."""
    parents, own = model.graph.parents(name), model.level(name)
    grid = np.indices((*mine.values(), *shape[len(mine) :], own, 2), sparse=True)
    at = {frozenset(e): k for k, e in enumerate(mine)}
    above = grid[len(mine) : -2]
    low = [grid[at[frozenset(e)]] & 1 for e in model.causes(name)]
    low += [v % model.level(p) for p, v in zip(parents, above, strict=True)]
    high = [v >> 1 if n == 4 else v for n, v in zip(mine.values(), grid, strict=False)]
    first = model.tables[name][tuple(np.broadcast_arrays(*low, grid[-2]))]
    more = bit[tuple(np.broadcast_arrays(*high, *above, grid[-2], grid[-1]))]
    return np.asarray(first * more)


def _flat(whole: Floats) -> Floats:
    """The last two axes, value in the base and bit, as one."""
    turned = whole.swapaxes(-1, -2)
    return turned.reshape(*whole.shape[:-2], -1)
