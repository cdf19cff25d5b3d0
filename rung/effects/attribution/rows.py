"""Which nodes make a row unusual: Shapley values over the noise of the outcome's ancestors."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ...core.budget import Run
from ...core.data import Data
from ...core.mechanism import Parents, StructuralMechanism
from ...core.scm import SCM
from .measures import RowMeasure
from .shapley import Game, Orders, game
from .worlds import Plan, Rule, Worlds, cut_to

Floats = NDArray[np.float64]
DRAWS = 4000  # of the noise
BATCHES = 20  # of draws, left out in turn for the error of a mean
PAIRS = 25  # orders and their reverses, at first
MOST_PAIRS = 200
FINE = 0.02  # error of sampled orders, as a share of what is attributed, that is good enough


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
    pairs : int
        Sampled orders; 0 if all sets were looked at.
    """

    nodes: tuple[str, ...]
    values: Floats
    errors: Floats
    totals: Floats
    own: Floats
    pairs: int


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
    fresh = {n: Rule(part.structural(n), part.structural(n).noise(DRAWS, rng)) for n in part.names}
    players = game(len(part.names), PAIRS, rng)
    values, errors, totals, own = [], [], [], []
    for i in range(facts.n):
        unit = facts.take(np.array([i]))
        rules = {n: (fresh[n], _observed(part, n, unit, rng)) for n in part.names}
        worlds = Worlds(part.graph, part.names, rules, DRAWS)
        task = _Task(worlds, measure, float(unit.column(outcome)[0]))
        players, found = task.solve(players, run, rng)
        values.append(found[0])
        errors.append(found[1])
        totals.append(found[2])
        own.append([_own(part.structural(n), unit, rng) for n in part.names])
        run.tick((i + 1) / facts.n, "rows explained")
    pairs = len(players.orders) if isinstance(players, Orders) else 0
    return Explained(
        part.names, np.array(values), np.array(errors), np.array(totals), np.array(own), pairs
    )


def _observed(scm: SCM, name: str, unit: Data, rng: np.random.Generator) -> Rule:
    """The mechanism with the unit's own noise, drawn from its posterior where that is needed."""
    mechanism = scm.structural(name)
    many = 1 if mechanism.exact else DRAWS
    given = {p.name: np.repeat(unit.column(p.name), many) for p in mechanism.parents}
    u = mechanism.abduct(np.repeat(unit.column(name), many), given, rng)
    return Rule(mechanism, u if many > 1 else np.repeat(u, DRAWS, axis=0))


@dataclass(frozen=True, eq=False)
class _Task:
    """One row: its worlds, what is measured and the value of the outcome."""

    worlds: Worlds
    measure: RowMeasure
    x: float

    def solve(
        self, players: Game, run: Run, rng: np.random.Generator
    ) -> tuple[Game, tuple[Floats, Floats, float]]:
        """Contributions, their errors and their sum; more orders while they are needed."""
        while True:
            worth = self._worth(players)
            values, sampled = players.values(worth), players.error(worth[:, 0])
            total = float(values[:, 0].sum())
            spread = values[:, 1:] - values[:, 1:].mean(axis=1, keepdims=True)
            drawn = (BATCHES - 1) / BATCHES * (spread**2).sum(axis=1)
            found = values[:, 0], np.sqrt(drawn + sampled**2), total
            if not isinstance(players, Orders) or run.spent:
                return players, found
            pairs = len(players.orders)
            if np.max(sampled) <= FINE * abs(total) or pairs >= MOST_PAIRS:
                return players, found
            more = Orders.drawn(len(self.worlds.players), pairs, rng)
            players = Orders(np.concatenate([players.orders, more.orders]))

    def _worth(self, players: Game) -> Floats:
        """Worth (sets, 1 + batches): from all draws, and without each batch."""
        worlds, graph = self.worlds, self.worlds.graph
        plan = Plan.of(graph, worlds.players, players.sets)
        values = worlds.outcome(plan)
        none = np.flatnonzero(~players.sets.any(axis=1))[0]
        usual = values[plan.outcome[none]]
        variable = worlds.rules[worlds.players[-1]][0].mechanism.variable
        each = self.measure.statistic(values, self.x, usual, variable)
        sums = each.reshape(len(each), BATCHES, -1).sum(axis=2)
        whole = sums.sum(axis=1, keepdims=True)
        n, left = worlds.draws, worlds.draws - worlds.draws // BATCHES
        all_ = self.measure.finish(whole / n, n)
        out = np.concatenate([all_, self.measure.finish((whole - sums) / left, left)], axis=1)
        return out[plan.outcome]


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
