"""Fitting SCMs to incomplete rows, and completed tables drawn from them."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..core.budget import Run
from ..core.data import Data
from ..core.errors import InputError, MissingCells, RungError
from ..core.graph import Graph
from ..core.mechanism import Mechanism, MechanismSpec
from ..core.missing import EM
from ..core.result import lock
from ..core.scm import SCM
from .expand import WeightedDags
from .expectation import GaussianEM, Parameters
from .imputation import SWEEPS, impute
from .linear import LinearGaussian
from .structural import LEADERS, Chooses, Family, bootstrap, noted

logger = logging.getLogger(__name__)
Floats = NDArray[np.float64]
Specs = Mapping[str, MechanismSpec]
FIRST = 5  # rounds with the simplest mechanisms, before others are compared
BURN = 10  # rounds of stochastic EM whose completed tables are not kept
KEEP = 10  # rounds whose completed tables are stacked
MANY = 10  # graphs with all rounds; more have half as many each
ON = 3  # sweeps of the chains in a round, which go on where the last round left them
ENOUGH = 10  # complete rows beyond the number of parents, to start a node from them


@dataclass(frozen=True, eq=False)
class Completer:
    """EM on one DAG.

    Where all columns are numbers and every mechanism is `LinearGaussian` the answer is that of
    maximum likelihood (`GaussianEM`). Elsewhere stochastic EM (Celeux and Diebolt 1985; Nielsen
    2000): a round draws the missing cells from the current SCM and fits every mechanism to the
    completed table; after `BURN` rounds `KEEP` completed tables are kept and the mechanisms are
    fitted to all of them together, each row counted 1 / `KEEP` times.

    Parameters
    ----------
    graph : Graph
        A DAG whose nodes are all columns of the table.
    table : Data
        Rows with missing cells.
    spec : function of a node's name
        The mechanism to fit; one that first chooses another does so once, on the first completed
        table.
    policy : EM
    rng : Generator
    run : Run
    """

    graph: Graph
    table: Data
    spec: Callable[[str], MechanismSpec]
    policy: EM
    rng: np.random.Generator
    run: Run
    burn: int = BURN
    keep: int = KEEP
    memory: dict[Family, tuple[MechanismSpec, str]] = field(default_factory=dict)

    def fit(self) -> Fit:
        """The SCM at (or near) the maximum of the likelihood of the cells that are there."""
        _observed(self.table, self.graph.names)
        simple = {name: self._simple(name) for name in self.graph.names}
        if self._exact(simple):
            em = GaussianEM(self.graph, self.table, self.policy.tolerance)
            parameters = em.fit(self.table.weights)
            scm = SCM(self.graph, em.mechanisms(parameters, self.table.weights))
            completed = self.draw(scm)
            if simple == {name: self.spec(name) for name in self.graph.names}:
                return Fit(self, scm, simple, parameters)
            specs = self._chosen(completed)
            if all(isinstance(s, LinearGaussian) for s in specs.values()):
                return Fit(self, self._noted(scm), specs, parameters)
        else:
            scm = self._start(simple)
            completed = self.draw(scm)
            for _ in range(FIRST):
                scm = self.fitted(completed, simple)
                completed = self.draw(scm, completed)
            specs = self._chosen(completed)
        first = self.fitted(completed, specs)
        weights = self.table.weights
        scm, completed = self.rounds(first, completed, specs, weights, self.burn, self.keep)
        return Fit(self, self._noted(scm), specs, completed=completed)

    def _simple(self, name: str) -> MechanismSpec:
        """The spec of a node, or the simplest that its choice would begin with."""
        from .auto import candidates

        spec = self.spec(name)
        if not isinstance(spec, Chooses):
            return spec
        column = self.table.column(name)
        x = column[~np.isnan(column)]
        parents = [self.table.variable(p) for p in self.graph.parents(name)]
        return candidates(x, self.table.variable(name), parents)[0]

    def _exact(self, specs: Specs) -> bool:
        variables = [self.table.variable(name) for name in self.graph.names]
        return all(type(s) is LinearGaussian for s in specs.values()) and not any(
            v.discrete or v.shape for v in variables
        )

    def draw(self, scm: SCM, start: Data | None = None) -> Data:
        """A completed table; the chains go on from another one."""
        sweeps = SWEEPS if start is None else ON
        return impute(scm, self.table, draws=1, rng=self.rng, sweeps=sweeps, start=start)[0]

    def _chosen(self, completed: Data) -> dict[str, MechanismSpec]:
        """Mechanisms compared once, on a completed table."""
        out: dict[str, MechanismSpec] = {}
        for k, name in enumerate(self.graph.names):
            spec = self.spec(name)
            if isinstance(spec, Chooses):
                family = (name, self.graph.parents(name))
                if family not in self.memory:
                    self.memory[family] = self._choice(spec, completed, name)
                spec = self.memory[family][0]
            out[name] = spec
            self.run.tick((k + 1) / len(self.graph.names), "mechanisms")
        return out

    def _choice(self, spec: Chooses, completed: Data, name: str) -> tuple[MechanismSpec, str]:
        """The mechanism of a node: compared for two sets of parents, others take the first's."""
        part, x, given = _family(completed, self.graph, name)
        ahead = [v for (n, parents), v in self.memory.items() if n == name and parents]
        if given.d and len(ahead) >= LEADERS:
            try:
                self.fitted_one(completed, ahead[0][0], name)
                return ahead[0][0], f"as for commoner parents of {name!r}"
            except InputError:
                pass  # it does not suit these parents
        found, note = spec.choose(
            x, given, variable=part.variable(name), weights=part.weights, rng=self.rng,
            run=self.run,
        )  # fmt: skip
        return found, f"{note}; compared on the first completed table"

    def fitted(self, completed: Data, specs: Specs) -> SCM:
        """Every mechanism fitted to a completed table."""
        mechanisms: dict[str, Mechanism] = {}
        for name in self.graph.names:
            part, x, given = _family(completed, self.graph, name)
            mechanisms[name] = specs[name].fit(
                x, given, variable=part.variable(name), weights=part.weights, rng=self.rng
            )
        return SCM(self.graph, mechanisms)

    def _start(self, simple: Specs) -> SCM:
        """Each node fitted on the rows complete in its own columns, if they are enough.

        Else on a table whose missing cells are drawn from their columns.
        """
        deck = None
        mechanisms: dict[str, Mechanism] = {}
        for name in self.graph.names:
            names = [name, *self.graph.parents(name)]
            rows = np.flatnonzero(~self.table.select(names).mask.any(axis=1))
            rows = rows[~self.table.targeting(name)[rows]]
            part = self.table.take(rows)
            if len(rows) >= ENOUGH + 3 * len(names):
                try:
                    one = self.fitted_one(part, simple[name], name)
                except RungError:
                    one = None
                if one is not None:
                    mechanisms[name] = one
                    continue
            deck = deck if deck is not None else _hot_deck(self.table, self.graph.names, self.rng)
            mechanisms[name] = self.fitted_one(deck, simple[name], name)
        return SCM(self.graph, mechanisms)

    def fitted_one(self, completed: Data, spec: MechanismSpec, name: str) -> Mechanism:
        """The mechanism of one node fitted to complete rows."""
        part, x, given = _family(completed, self.graph, name)
        return spec.fit(x, given, variable=part.variable(name), weights=part.weights, rng=self.rng)

    def rounds(
        self,
        scm: SCM,
        completed: Data,
        specs: Specs,
        weights: Floats | None,
        burn: int,
        keep: int,
    ) -> tuple[SCM, Data]:
        """Stochastic EM from an SCM and a completed table, under these weights of the rows.

        Returns the SCM fitted to the tables that were kept, and the last of them.
        """
        kept: list[Data] = []
        for k in range(burn + keep):
            completed = self.draw(scm, completed)
            if k >= burn:
                kept.append(completed)
            scm = self.fitted(completed.replacing(weights=weights), specs)
            self.run.tick((k + 1) / (burn + keep), "rounds of EM")
            if self.run.spent:
                logger.warning("the budget allowed %d of %d rounds of EM", k + 1, burn + keep)
                break
        if len(kept) > 1:
            scm = self.fitted(_stacked([t.replacing(weights=weights) for t in kept]), specs)
        return scm, completed

    def _noted(self, scm: SCM) -> SCM:
        out = {}
        for name, mechanism in scm.mechanisms.items():
            known = self.memory.get((name, self.graph.parents(name)))
            out[name] = noted(mechanism, known[1]) if known else mechanism
        return replace(scm, mechanisms=out)


@dataclass(frozen=True, eq=False)
class Fit:
    """What EM found on one DAG, from which it can be run again under other weights.

    Parameters
    ----------
    completer : Completer
    scm : SCM
    specs : mapping of node to MechanismSpec
        As chosen.
    parameters : Parameters or None
        Of a linear Gaussian SCM fitted by exact EM.
    completed : Data or None
        The last completed table of stochastic EM.
    """

    completer: Completer
    scm: SCM
    specs: Specs
    parameters: Parameters | None = None
    completed: Data | None = None

    def again(self, weights: Floats, rng: np.random.Generator) -> tuple[SCM, Data | None]:
        """The SCM fitted anew under weights (n,) of the rows, starting from this one."""
        c = replace(self.completer, rng=rng)
        if self.parameters is not None:
            em = GaussianEM(c.graph, c.table, c.policy.tolerance)
            used = weights > 0
            if np.isnan(em.table.matrix(c.graph.names)[used]).all(axis=0).any():
                return self.scm, None  # a column without values in this resample
            found = em.fit(weights, self.parameters)
            return SCM(c.graph, em.mechanisms(found, weights)), None
        assert self.completed is not None
        return c.rounds(self.scm, self.completed, self.specs, weights, FIRST, 1)

    def tables(self, draws: int, rng: np.random.Generator) -> list[Data]:
        """Completed tables that differ by what is not known of the parameters too.

        For each the rows are drawn again with replacement, the SCM is fitted to them, and the
        missing cells of the table are drawn from it (EMB: Honaker and King 2010, section 2.2).
        """
        out: list[Data] = []
        table, run = self.completer.table, self.completer.run
        for stream in rng.spawn(draws):
            if run.spent and len(out) >= 2:
                logger.warning("the budget allowed %d of %d completed tables", len(out), draws)
                break
            scm, begin = self.again(bootstrap(table, stream), stream)
            out.append(replace(self.completer, rng=stream).draw(scm, begin))
            run.tick(len(out) / draws, "completed tables")
        return out


def mechanisms(
    found: WeightedDags,
    table: Data,
    spec: Callable[[str], MechanismSpec],
    policy: EM,
    resamples: int,
    rng: np.random.Generator,
    run: Run,
) -> list[dict[Family, Mechanism]]:
    """Mechanisms of the families of each graph by EM on that graph, or of its bootstrap refits.

    Each graph completes the cells by itself: cells completed under one graph would weaken the
    edges that only another has. A mechanism that is chosen is chosen once for each family.
    """
    many = len(found.graphs)
    memory: dict[Family, tuple[MechanismSpec, str]] = {}
    short = {} if many <= MANY else {"burn": BURN // 2, "keep": KEEP // 2}
    streams = rng.spawn(many)
    fits: list[Fit] = []
    order = sorted(range(many), key=lambda i: -found.graphs[i][1])
    for i in order:
        graph = found.graphs[i][0]
        c = Completer(graph, table, spec, policy, streams[i], run, memory=memory, **short)
        fits.append(c.fit())
    by_graph = dict(zip(order, fits, strict=True))
    out = [by_graph[i].scm for i in range(many)]
    if resamples:
        total = many * -(-resamples // many)
        out = []
        for i, stream in enumerate(rng.spawn(total)):
            if run.spent and i >= many:
                logger.warning("the budget allowed %d of %d refits", i, total)
                break
            out.append(by_graph[i % many].again(bootstrap(table, stream), stream)[0])
            run.tick((i + 1) / total, "bootstrap refits")
        out = out[: len(out) // many * many]
    return [{(n, scm.graph.parents(n)): scm.mechanisms[n] for n in scm.names} for scm in out]


def _observed(table: Data, names: Sequence[str]) -> None:
    for name in names:
        if not table.variable(name).shape and np.isnan(table.column(name)).all():
            raise MissingCells(
                f"all {table.n} cells of {name!r} are missing: nothing says what they are; leave "
                "the column out"
            )


def _family(completed: Data, graph: Graph, name: str) -> tuple[Data, NDArray[Any], Data]:
    """Rows that do not target a node: the table, the node's values, its parents."""
    parents = list(graph.parents(name))
    part = completed.select([*parents, name])
    targeted = part.targeting(name)
    if targeted.all() and part.n:
        raise InputError(
            f"every row was collected under an intervention on {name!r}: none is left to learn "
            f"its mechanism from. Add rows that do not target {name!r}, or leave it out"
        )
    if targeted.any():
        part = part.take(np.flatnonzero(~targeted))
    return part, part.column(name), part.select(parents)


def _hot_deck(table: Data, names: Sequence[str], rng: np.random.Generator) -> Data:
    """Missing cells drawn from the other cells of their column."""
    for name in names:
        column = table.column(name)
        gone = np.isnan(column) if not table.variable(name).shape else np.zeros(0, dtype=bool)
        if gone.any():
            filled = np.array(column)
            filled[gone] = rng.choice(column[~gone], size=int(gone.sum()))
            table = table.with_column(table.variable(name), lock(filled))
    return table


def _stacked(tables: Sequence[Data]) -> Data:
    """Completed tables under each other, every row counted as one part in as many."""
    many, first = len(tables), tables[0]
    out = first.take(np.tile(np.arange(first.n), many))
    w = np.ones(first.n) if first.weights is None else first.weights
    columns = {name: lock(np.concatenate([t.column(name) for t in tables])) for name in first.names}
    return out.replacing(columns=columns, weights=np.tile(w / many, many))
