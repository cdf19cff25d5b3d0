"""Which nodes make a row unusual: Shapley values over the noise of the outcome's ancestors."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ...core.budget import Run
from ...core.data import Data
from ...core.mechanism import Parents, StructuralMechanism
from ...core.scm import SCM
from ...mechanisms.linear import Linear
from .measures import RowMeasure
from .shapley import Game, Orders, error_of, game
from .worlds import Plan, Rule, Worlds, cut_to

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
DRAWS = 4000  # of the noise
DRAWS_OF_SUMS = 20_000  # where the outcome is a weighted sum of noise
BATCHES = 20  # of draws, left out in turn for the error of a mean
PAIRS = 25  # orders and their reverses, at first
MOST_PAIRS = 100
FINE = 0.02  # error of sampled orders, as a share of the largest contribution, that will do


@dataclass(frozen=True, eq=False)
class Explained:
    """What one model says of rows.

    Parameters
    ----------
    nodes : tuple of str
        The outcome and its ancestors, in topological order.
    values : (rows, nodes) contributions
    errors : (rows, nodes) standard errors of drawing noise and sampling orders
    totals : (rows,) what is attributed
    own : (rows, nodes)
        -log probability of noise at least as extreme as the node's own.
    sampled : bool
        True if orders were sampled, False if all sets were looked at.
    draws : int
    """

    nodes: tuple[str, ...]
    values: Floats
    errors: Floats
    totals: Floats
    own: Floats
    sampled: bool
    draws: int


def explain(
    scm: SCM, rows: Data, outcome: str, measure: RowMeasure, run: Run, rng: np.random.Generator
) -> Explained:
    """Shapley values of each node's noise (Budhathoki et al. 2022, section 3).

    A set of nodes has the noise of the row (a posterior draw of it for each draw where values do
    not determine it), the others noise from the model; its worth is `measure` of the outcome.
    All rows share the noise from the model.
    """
    part = cut_to(scm, outcome)
    facts = part.facts(rows.select(part.names))
    draws = DRAWS_OF_SUMS if _straight(part) else DRAWS
    fresh = {n: Rule(part.structural(n), part.structural(n).noise(draws, rng)) for n in part.names}
    players = game(len(part.names), PAIRS, rng)
    values, errors, own = [], [], []
    for i in range(facts.n):
        unit = facts.take(np.array([i]))
        rules = {n: (fresh[n], _observed(part, n, unit, draws, rng)) for n in part.names}
        worlds = Worlds(part.graph, part.names, rules, draws)
        task = _Task(worlds, measure, float(unit.column(outcome)[0]))
        value, error = task.solve(players, run, rng)
        values.append(value)
        errors.append(error)
        own.append([_own(part.structural(n), unit, rng) for n in part.names])
        run.tick((i + 1) / facts.n, "rows explained")
    found = np.array(values)
    sampled = isinstance(players, Orders)
    return Explained(
        part.names, found, np.array(errors), found.sum(axis=1), np.array(own), sampled, draws
    )


def _straight(scm: SCM) -> bool:
    """Whether every mechanism is linear in numbers."""
    return all(
        isinstance(m, Linear) and m.predictor.straight and not any(p.discrete for p in m.parents)
        for m in scm.mechanisms.values()
    )


def _observed(scm: SCM, name: str, unit: Data, draws: int, rng: np.random.Generator) -> Rule:
    """The mechanism with the unit's own noise, drawn from its posterior where that is needed."""
    mechanism = scm.structural(name)
    many = 1 if mechanism.exact else draws
    given = {p.name: np.repeat(unit.column(p.name), many) for p in mechanism.parents}
    u = mechanism.abduct(np.repeat(unit.column(name), many), given, rng)
    return Rule(mechanism, u if many > 1 else np.repeat(u, draws, axis=0))


@dataclass(frozen=True, eq=False)
class _Task:
    """One row: its worlds, what is measured and the value of the outcome."""

    worlds: Worlds
    measure: RowMeasure
    x: float

    def solve(self, players: Game, run: Run, rng: np.random.Generator) -> tuple[Floats, Floats]:
        """Contributions (nodes,) and standard errors; more orders while they are needed."""
        if not isinstance(players, Orders):
            values = players.values(self.worth(players.sets))
            return values[:, 0], _drawn(values[:, 1:])
        by = players.by_pair(self.worth(players.sets))
        while True:
            values, sampled = by.mean(axis=0), error_of(by[..., 0])
            good = FINE * np.abs(values[:, 0]).max()
            if len(by) >= MOST_PAIRS or np.max(sampled) <= good or run.spent:
                return values[:, 0], np.hypot(_drawn(values[:, 1:]), sampled)
            more = Orders.drawn(len(self.worlds.players), len(by), rng)
            by = np.concatenate([by, more.by_pair(self.worth(more.sets))])

    def worth(self, sets: Bools) -> Floats:
        """Worth (sets, 1 + batches): from all draws, and without each batch of them."""
        worlds = self.worlds
        variable = worlds.rules[worlds.players[-1]][0].mechanism.variable
        usual = self._outcome(np.zeros((1, sets.shape[1]), dtype=np.bool_))(slice(0, worlds.draws))
        values = self._outcome(sets)
        width = worlds.draws // BATCHES
        sums = np.empty((len(sets), BATCHES))
        for b in range(BATCHES):
            part = values(slice(b * width, (b + 1) * width))
            sums[:, b] = self.measure.statistic(part, self.x, usual[0], variable).sum(axis=1)
        whole, n, left = sums.sum(axis=1, keepdims=True), worlds.draws, worlds.draws - width
        every = self.measure.finish(whole / n, n)
        return np.concatenate([every, self.measure.finish((whole - sums) / left, left)], axis=1)

    def _outcome(self, sets: Bools) -> Callable[[slice], Floats]:
        """Values of the outcome (sets, draws of a part)."""
        worlds = self.worlds
        if worlds.effects is not None:
            return lambda part: worlds.sums(sets, part)
        plan = Plan.of(worlds.graph, worlds.players, sets)
        return lambda part: worlds.part(plan, part)[plan.outcome]


def _drawn(without: Floats) -> Floats:
    """Jackknife standard errors (nodes,) from values without each batch (nodes, batches)."""
    spread = without - without.mean(axis=1, keepdims=True)
    return np.asarray(np.sqrt((BATCHES - 1) / BATCHES * (spread**2).sum(axis=1)))


def _own(mechanism: StructuralMechanism, unit: Data, rng: np.random.Generator) -> float:
    """-log probability of a value at least as extreme given the parents as they are."""
    x = float(unit.column(mechanism.variable.name)[0])
    given: Parents = {p.name: np.repeat(unit.column(p.name), DRAWS) for p in mechanism.parents}
    if mechanism.variable.discrete:
        one = {name: column[:1] for name, column in given.items()}
        p = mechanism.probabilities(one, 1)[0]
        return float(-np.log(min(1.0, p[p <= p[int(x)] * (1 + 1e-9)].sum())))
    drawn = mechanism.sample(DRAWS, given, rng)
    above, below = int((drawn >= x).sum()), int((drawn <= x).sum())
    return float(-np.log(min(1.0, 2 * (min(above, below) + 1) / (DRAWS + 1))))
