"""Which mechanisms differ between two data sets, and what each change does to an outcome."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from ...core.budget import Run, start
from ...core.errors import NotSupported, RungError
from ...core.mechanism import Mechanism, MechanismSpec, StructuralMechanism
from ...core.scm import SCM
from ...inference.multiplicity import holm
from ...mechanisms.like import like
from ...mechanisms.regimes import Separation, separation
from ...mechanisms.structural import Chooses, Family, bootstrap
from .measures import ShiftMeasure
from .shapley import Game, Orders, game
from .tables import Fit, Pair, fitter
from .worlds import Plan, Rule, Worlds

logger = logging.getLogger(__name__)
Floats = NDArray[np.float64]
ALPHA = 0.05  # level of the tests of one graph together
FEWEST = 10  # rows of a data set from which a mechanism of its own is fitted
DRAWS = 8000  # of the noise
REFITS = 20  # bootstrap refits behind the error bars
DRAWS_OF_REFITS = 1000
PAIRS = 40  # sampled orders and their reverses, if many mechanisms changed


@dataclass(frozen=True, eq=False)
class Shifted:
    """What one graph says of two data sets.

    Parameters
    ----------
    nodes : tuple of str
    values, errors : (nodes,) float
        Contributions with standard errors.
    gains : (nodes,) float
        Nats a held-out row that separate mechanisms gain over one.
    p : (nodes,) float
        p-values that a mechanism is the same, adjusted for all nodes looked at (Holm).
    changed : (nodes,) bool
    pairs, refits : int
    """

    nodes: tuple[str, ...]
    values: Floats
    errors: Floats
    gains: Floats
    p: Floats
    changed: NDArray[np.bool_]
    pairs: int = 0
    refits: int = 0


@dataclass(frozen=True, eq=False)
class Comparison:
    """Two data sets; tests are made once for each family that graphs share.

    Parameters
    ----------
    pair : Pair
    seed : int
        From which every graph draws, so that graphs differ by what they say only.
    """

    pair: Pair
    seed: int
    tested: dict[Family, tuple[MechanismSpec, Separation]] = field(default_factory=dict)

    def test(self, scm: SCM, name: str) -> tuple[MechanismSpec, Separation]:
        """The spec of a node's mechanism, and what separate fits gain."""
        family = (name, scm.graph.parents(name))
        if family not in self.tested:
            spec = self._settled(like(scm.mechanisms[name]), family)
            found = separation(family, self.pair.joint, self.pair.which, spec, FEWEST, self.seed)
            self.tested[family] = spec, found
        return self.tested[family]

    def _settled(self, spec: MechanismSpec, family: Family) -> MechanismSpec:
        if not isinstance(spec, Chooses):
            return spec
        part = self.pair.joint.take(np.flatnonzero(~self.pair.joint.targeting(family[0])))
        return spec.choose(
            part.column(family[0]), part.select(family[1]), variable=part.variable(family[0]),
            weights=part.weights, rng=np.random.default_rng(self.seed), run=start(None),
        )[0]  # fmt: skip

    def mechanisms(self, scm: SCM, run: Run) -> Shifted:
        """Every node's gain from separate mechanisms, with its standard error."""
        found = []
        for i, name in enumerate(scm.names):
            found.append(self.test(scm, name)[1])
            run.tick(0.9 * (i + 1) / len(scm.names), "mechanisms compared")
        gains = np.array([s.gain for s in found])
        p = holm(np.array([s.p for s in found]))
        errors = np.array([s.error for s in found])
        return Shifted(scm.names, gains, errors, gains, p, p <= ALPHA)

    def outcome(self, scm: SCM, measure: ShiftMeasure, run: Run) -> Shifted:
        """Shapley values of the changed mechanisms (Budhathoki et al. 2021, section 4).

        `scm` has the outcome last. A mechanism that is not found to change is fitted once on both
        data sets and contributes nothing. Standard errors come from refits on resampled rows.
        """
        first = self.mechanisms(scm, run)
        moved = tuple(n for n, c in zip(first.nodes, first.changed, strict=True) if c)
        if not moved:
            zero = np.zeros(len(first.nodes))
            return Shifted(first.nodes, zero, zero, first.gains, first.p, first.changed)
        shift = _Shift(self, scm, moved, measure)
        values, error, players = shift.point()
        again = shift.again(players, run)
        pairs = len(players.orders) if isinstance(players, Orders) else 0
        spread = again.std(axis=0, ddof=1) if len(again) > 1 else np.full(len(moved), np.nan)
        at = [first.nodes.index(n) for n in moved]
        out, errors = np.zeros((2, len(first.nodes)))
        out[at], errors[at] = values, np.sqrt(spread**2 + error**2)
        return Shifted(
            first.nodes, out, errors, first.gains, first.p, first.changed, pairs, len(again)
        )


@dataclass(frozen=True, eq=False)
class _Shift:
    """The outcome's distribution as mechanisms change one by one."""

    comparison: Comparison
    scm: SCM
    moved: tuple[str, ...]
    measure: ShiftMeasure

    def fits(self) -> dict[str, tuple[Fit, ...]]:
        """Two fits of each changed node, one of each other."""
        out: dict[str, tuple[Fit, ...]] = {}
        pair, seed = self.comparison.pair, self.comparison.seed
        for name in self.scm.names:
            family = (name, self.scm.graph.parents(name))
            spec, _ = self.comparison.test(self.scm, name)
            tables = (pair.before, pair.after) if name in self.moved else (pair.joint,)
            out[name] = tuple(fitter(spec, t, family, seed) for t in tables)
        return out

    def point(self) -> tuple[Floats, Floats, Game]:
        """Contributions of the changed nodes, errors of sampling orders, and the game."""
        rng = np.random.default_rng(self.comparison.seed)
        players = game(len(self.moved), PAIRS, rng)
        fitted = {name: tuple(f(None) for f in fits) for name, fits in self.fits().items()}
        worth = self._worth(players, fitted, DRAWS)
        return players.values(worth), players.error(worth), players

    def again(self, players: Game, run: Run) -> Floats:
        """Contributions (refits, changed nodes) on resampled rows."""
        pair, fits = self.comparison.pair, self.fits()
        out: list[Floats] = []
        failed = 0
        for k, stream in enumerate(np.random.default_rng(self.comparison.seed).spawn(REFITS)):
            if run.spent and len(out) > 4:
                logger.warning("the budget allowed %d of %d refits", len(out), REFITS)
                break
            before, after = (bootstrap(t, stream) for t in (pair.before, pair.after))
            both = np.concatenate([before, after])
            try:
                fitted = {
                    name: (
                        (f[0](both),) if len(f) == 1 else (f[0](before), f[1](after))
                    )
                    for name, f in fits.items()
                }  # fmt: skip
            except RungError:
                failed += 1  # a resample that lacks what the fit needs
                continue
            out.append(players.values(self._worth(players, fitted, DRAWS_OF_REFITS)))
            run.tick(0.9 + 0.1 * (k + 1) / REFITS, "refits")
        if failed:
            logger.warning("%d of %d refits failed", failed, REFITS)
        return np.array(out).reshape(-1, len(self.moved))

    def _worth(
        self, players: Game, fitted: Mapping[str, tuple[Mechanism, ...]], draws: int
    ) -> Floats:
        """The measure (sets,) where a set of changed nodes follows the second data set."""
        names, sets = self.scm.names, players.sets
        wide = np.zeros((len(sets), len(names)), dtype=np.bool_)
        wide[:, [names.index(n) for n in self.moved]] = sets
        rules = {}
        for j, name in enumerate(names):
            made = [_rule(m, draws, (self.comparison.seed, j)) for m in fitted[name]]
            rules[name] = (made[0], made[-1])
        plan = Plan.of(self.scm.graph, names, wide)
        values = Worlds(self.scm.graph, names, rules, draws).outcome(plan)
        usual = values[plan.outcome[np.flatnonzero(~sets.any(axis=1))[0]]]
        variable = self.scm.mechanisms[names[-1]].variable
        return self.measure.of(values, usual, variable)[plan.outcome]


def _rule(mechanism: Mechanism, draws: int, seed: tuple[int, int]) -> Rule:
    """The mechanism with noise that starts from the same random numbers in both data sets."""
    if not isinstance(mechanism, StructuralMechanism):
        raise NotSupported(
            f"{type(mechanism).__name__} of {mechanism.variable.name!r} has no explicit noise"
        )
    return Rule(mechanism, mechanism.noise(draws, np.random.default_rng(seed)))
