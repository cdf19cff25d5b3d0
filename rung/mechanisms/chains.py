"""Markov chains of the missing cells of rows under an SCM with any mechanisms."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..core.data import Data
from ..core.errors import InputError
from ..core.scm import SCM

Floats = NDArray[np.float64]
Ints = NDArray[np.intp]
PARTICLES = 32  # tries that the start of a row is drawn from, at least
LEVELS = 20  # a node with at most that many is drawn from all its levels


@dataclass(frozen=True, eq=False)
class Chains:
    """Incomplete rows and the state of their chains.

    The state of a node is (rows times copies,), copies of a row beside each other.
    """

    scm: SCM
    part: Data
    known: Data
    draws: int
    rng: np.random.Generator

    @cached_property
    def _order(self) -> tuple[str, ...]:
        return self.scm.graph.topological_order()

    @cached_property
    def _children(self) -> dict[str, tuple[str, ...]]:
        return {name: tuple(self.scm.graph.children(name)) for name in self._order}

    @cached_property
    def _missing(self) -> dict[str, NDArray[np.bool_]]:
        """Rows where each node is missing, for the nodes that are missing anywhere."""
        mask = self.part.mask
        all_ = {name: mask[:, self.part.index(name)] for name in self._order}
        return {name: m for name, m in all_.items() if m.any()}

    @cached_property
    def _scale(self) -> dict[str, float]:
        """Width of the random walk of each node that is missing anywhere."""
        out = {}
        for name in self._missing:
            column = self.known.column(name)
            spread = float(np.nanstd(column)) if np.isfinite(column).any() else 0.0
            out[name] = spread if spread > 0 else 1.0
        return out

    def run(self, sweeps: int, rows: Ints) -> list[dict[str, Floats]]:
        """Values of the nodes that data miss anywhere, one mapping a draw.

        `rows` are the numbers of the rows, for errors.
        """
        with np.errstate(all="ignore"):
            state = _State(self, max(self.draws, PARTICLES))
            state.values = state.drawn()
            state = state.resampled(self.draws)
            for _ in range(sweeps):
                state.together()
                for name in self._missing:
                    state.move(name)
            impossible = np.flatnonzero(np.isneginf(state.joint()))
        if len(impossible):
            row = int(rows[impossible[0] // self.draws])
            raise InputError(
                f"row {row}: no values of its missing cells were found that are possible under the "
                "model given the other cells; fit mechanisms that leave no value impossible "
                "(DiscreteTable with smoothing above 0, noise with a standard deviation above 0)"
            )
        mask = self.known.mask.any(axis=0)
        names = [name for name in self._order if mask[self.known.index(name)]]
        return [
            {n: state.values[n].reshape(-1, self.draws)[:, d] for n in names}
            for d in range(self.draws)
        ]


class _State:
    """Values of every node in every copy of the rows; missing ones move."""

    def __init__(self, rows: Chains, copies: int) -> None:
        self.r, self.copies = rows, copies
        self.values: dict[str, NDArray[Any]] = {
            name: np.repeat(rows.part.column(name), copies, axis=0) for name in rows._order
        }
        self.at = {n: np.flatnonzero(np.repeat(m, copies)) for n, m in rows._missing.items()}
        targets = {name: rows.part.targeting(name) for name in rows._order}
        self.set = {n: np.repeat(t, copies) for n, t in targets.items() if t.any()}

    @property
    def n(self) -> int:
        return self.r.part.n * self.copies

    def density(self, name: str, rows: Any, new: Mapping[str, Any] | None = None) -> Floats:
        """Log probability of a node given its parents in these rows; 0 where it was set.

        `new` holds values of nodes in these rows that replace those of the state.
        """
        new = new or {}
        mechanism = self.r.scm.mechanisms[name]
        given = {
            p.name: new[p.name] if p.name in new else self.values[p.name][rows]
            for p in mechanism.parents
        }
        x = new[name] if name in new else self.values[name][rows]
        out = np.asarray(mechanism.log_prob(x, given), dtype=np.float64)
        return np.where(self.set[name][rows], 0.0, out) if name in self.set else out

    def proposed(self, name: str, rows: Ints, values: Mapping[str, Any]) -> Floats:
        """Draws of a node given its parents; from other rows that set it where it was set."""
        mechanism = self.r.scm.mechanisms[name]
        given = {p.name: values[p.name][rows] for p in mechanism.parents}
        out = np.array(mechanism.sample(len(rows), given, self.r.rng), dtype=np.float64)
        if name in self.set and (held := self.set[name][rows]).any():
            out[held] = self.r.rng.choice(pool(self.r.known, name), size=int(held.sum()))
        return out

    def drawn(self) -> dict[str, NDArray[Any]]:
        """Values with all missing cells drawn in topological order."""
        values = dict(self.values)
        for name in self.r._order:
            if name in self.at:
                rows = self.at[name]
                column = np.array(values[name])
                column[rows] = self.proposed(name, rows, values)
                values[name] = column
        return values

    def _seen(self, values: Mapping[str, Any]) -> Floats:
        """Log likelihood (n,) of the cells that are there, given all parents."""
        total = np.zeros(self.n)
        for name in self.r._order:
            there = np.ones(self.n, dtype=np.bool_)
            if name in self.at:
                there[self.at[name]] = False
            relevant = name in self.at or any(
                p.name in self.at for p in self.r.scm.mechanisms[name].parents
            )
            if relevant and there.any():
                rows = np.flatnonzero(there)
                new = {n: values[n][rows] for n in (name, *self._parents(name))}
                total[rows] += self.density(name, rows, new)
        return total

    def _parents(self, name: str) -> tuple[str, ...]:
        return tuple(p.name for p in self.r.scm.mechanisms[name].parents)

    def joint(self) -> Floats:
        """Log density (n,) of whole rows."""
        rows = np.arange(self.n)
        return sum((self.density(name, rows) for name in self.r._order), np.zeros(self.n))

    def resampled(self, draws: int) -> _State:
        """`draws` copies of each row, taken with probability proportional to the likelihood."""
        weight = self._seen(self.values).reshape(-1, self.copies)
        weight = np.where(np.isnan(weight), -np.inf, weight)
        top = weight.max(axis=1, keepdims=True)
        weight = np.where(
            np.isneginf(top), 1.0, np.exp(weight - np.where(np.isneginf(top), 0, top))
        )
        edges = np.cumsum(weight, axis=1)
        point = self.r.rng.random((len(edges), draws)) * edges[:, -1:]
        chosen = (edges[:, None, :] <= point[:, :, None]).sum(axis=2)
        chosen = np.minimum(chosen, self.copies - 1)
        index = (np.arange(len(edges))[:, None] * self.copies + chosen).ravel()
        out = _State(self.r, draws)
        out.values = {name: np.array(column[index]) for name, column in self.values.items()}
        return out

    def _accept(self, gain: Floats) -> NDArray[np.bool_]:
        """Metropolis-Hastings; a state that is impossible may move anywhere."""
        sure = np.isnan(gain) | (gain >= 0)
        chance = np.exp(np.where(sure, 0.0, np.minimum(gain, 0.0)))
        return sure | (self.r.rng.random(len(gain)) < chance)

    def together(self) -> None:
        """All missing cells of a row at once, drawn in topological order."""
        values = self.drawn()
        gain = self._seen(values) - self._seen(self.values)
        take = self._accept(gain)
        for name, rows in self.at.items():
            mine = rows[take[rows]]
            self.values[name][mine] = values[name][mine]

    def move(self, name: str) -> None:
        """One missing node in all its rows, given everything else."""
        rows = self.at[name]
        variable = self.r.scm.mechanisms[name].variable
        if name in self.set:
            held = self.set[name][rows]
            self._propose(name, rows[held])
            rows = rows[~held]
        if not len(rows):
            return
        if variable.discrete and variable.size <= LEVELS:
            self._gibbs(name, rows, variable.size)
            return
        self._propose(name, rows)
        if not variable.discrete:
            self._walk(name, rows, whole=bool(variable.kind == "count"))

    def _below(self, name: str, rows: Ints, x: Floats) -> Floats:
        """Log likelihood of the children of a node at values x of it."""
        total = np.zeros(len(rows))
        for child in self.r._children[name]:
            total += self.density(child, rows, {name: x})
        return total

    def _propose(self, name: str, rows: Ints) -> None:
        if not len(rows):
            return
        old = self.values[name][rows]
        x = self.proposed(name, rows, self.values)
        take = self._accept(self._below(name, rows, x) - self._below(name, rows, old))
        self.values[name][rows[take]] = x[take]

    def _walk(self, name: str, rows: Ints, whole: bool) -> None:
        rng, old = self.r.rng, self.values[name][rows]
        width = self.r._scale[name] * 10 ** rng.uniform(-2.0, 0.3, size=len(rows))
        step = width * rng.standard_normal(len(rows))
        x = old + (np.rint(step) if whole else step)
        gain = self.density(name, rows, {name: x}) - self.density(name, rows)
        gain = gain + self._below(name, rows, x) - self._below(name, rows, old)
        take = self._accept(gain)
        self.values[name][rows[take]] = x[take]

    def _gibbs(self, name: str, rows: Ints, size: int) -> None:
        log = np.empty((size, len(rows)))
        for level in range(size):
            x = np.full(len(rows), float(level))
            log[level] = self.density(name, rows, {name: x}) + self._below(name, rows, x)
        log = np.where(np.isnan(log), -np.inf, log)
        top = log.max(axis=0)
        weight = np.exp(log - np.where(np.isneginf(top), 0.0, top))
        weight[:, np.isneginf(top)] = 1.0
        edges = np.cumsum(weight, axis=0)
        point = self.r.rng.random(len(rows)) * edges[-1]
        self.values[name][rows] = np.minimum((edges <= point).sum(axis=0), size - 1)


def pool(data: Data, name: str) -> Floats:
    """Observed values of a node in the rows that set it."""
    column = data.column(name)[data.targeting(name)]
    found: Floats = column[~np.isnan(column)]
    if not len(found):
        raise InputError(
            f"{name!r} is missing in every row whose environment sets it: nothing says to what"
        )
    return found
