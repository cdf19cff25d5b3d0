"""Regimes: a structure fitted to several environments, of which some mechanisms change."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ..core.budget import Budget, Run, start
from ..core.data import Data
from ..core.discovery import Discovery
from ..core.environments import need_environments, with_environment
from ..core.errors import InputError, RungError, unknown
from ..core.graph import Graph
from ..core.mechanism import MechanismSpec
from ..core.missing import complete
from ..core.model import Ensemble, Model
from ..core.scm import SCM
from ..inference.multiplicity import holm
from .auto import AutoMechanism, Trial
from .by_level import ByLevel
from .expand import MEMBERS, dags
from .structural import Structural
from .table import DiscreteTable

Family = tuple[str, tuple[str, ...]]
WORST = -1e6  # log-likelihood of a row that a fit calls impossible


@dataclass(frozen=True, eq=False)
class Regimes:
    """A structure to be fitted to rows of several environments.

    The environment becomes a variable of the SCM, without parents and with the share of each
    environment. Variables whose mechanism changes get it as a parent and keep one fitted
    mechanism for each environment; those of all others are fitted once, on all rows. Then
    `rung.do(model, environment="b")`, `sample` and `counterfactual` say what a regime would do;
    units may bring their environment as `Data.environment` or as a column. A variable is not
    fitted on rows whose environment sets it; there a changing one has the fit of all other rows.

    Parameters
    ----------
    structure : Graph, Discovery or sequence of (Graph, weight)
        As for `rung.fit`.
    changing : collection of str, optional
        Variables whose mechanism changes. By default what a Discovery holds as
        `details["changing"]`; else it is tested: a mechanism changes if separate fits predict
        held-out rows better than one (one-sided z-test of the mean gain in log-likelihood, Holm's
        correction over the variables of a graph).
    mechanisms : MechanismSpec or mapping of name to MechanismSpec, optional
        As for `rung.fit`.
    name : str
        Of the variable that stands for the environment.
    alpha : float
        Level of the test.
    fewest : int
        An environment with fewer rows takes the fit of all rows; see `ByLevel`.
    resamples, members : int
        As for `Structural`.
    """

    structure: Any
    changing: Collection[str] | None = None
    mechanisms: MechanismSpec | Mapping[str, MechanismSpec] | None = None
    name: str = "environment"
    alpha: float = 0.05
    fewest: int = 30
    resamples: int = 0
    members: int = MEMBERS

    def __post_init__(self) -> None:
        if not 0 < self.alpha < 1:
            raise InputError(f"alpha={self.alpha}: expected a level between 0 and 1, such as 0.05")
        if isinstance(self.changing, str):
            raise InputError(f"changing={self.changing!r}: pass a collection of names, as a tuple")

    def fit(
        self, data: Any, *, budget: Budget | Run | None = None, rng: np.random.Generator
    ) -> Model:
        """An SCM, or an Ensemble, with the environment as a variable.

        Raises
        ------
        InputError
            The data have no environments or one; a name is not in the graph; the column for the
            environment exists; what `Structural` raises.
        NeedsRows
            The source has no rows.
        """
        run = start(budget)
        table, _ = need_environments(data, "Regimes")
        found = dags(self.structure, rng, self.members)
        graphs = [g for g, _ in found.graphs]
        names = graphs[0].names
        for name in names:
            if name not in table.names:
                raise unknown(name, table.names)
        joint = with_environment(table.select(names), self.name)
        specs = self._specs(names)
        moved = self._moved(graphs, joint, specs, run, int(rng.integers(2**63)))
        weights = [w for _, w in found.graphs]
        extended = [_with_root(g, self.name, m) for g, m in zip(graphs, moved, strict=True)]
        structure = Discovery(
            extended[0], graphs=tuple(zip(extended, weights, strict=True)), meaning=found.meaning
        )
        mechanisms: dict[str, MechanismSpec] = dict(specs)
        for name in set().union(*moved):
            mechanisms[name] = ByLevel(specs[name], self.name, self.fewest)
        mechanisms[self.name] = DiscreteTable(smoothing=0.0)
        spec = Structural(structure, mechanisms, self.resamples, max(self.members, len(graphs)))
        model: Model = _marked(spec.fit(joint, budget=run, rng=rng), self.name)
        return model

    def _specs(self, names: Sequence[str]) -> dict[str, MechanismSpec]:
        given = self.mechanisms
        if isinstance(given, Mapping):
            for name in given:
                if name not in names:
                    raise unknown(name, names)
            return {name: given.get(name, AutoMechanism()) for name in names}
        return {name: given if given is not None else AutoMechanism() for name in names}

    def _moved(
        self,
        graphs: Sequence[Graph],
        joint: Data,
        specs: Mapping[str, MechanismSpec],
        run: Run,
        seed: int,
    ) -> list[set[str]]:
        """For each graph the variables whose mechanism changes."""
        given = self.changing
        if given is None and isinstance(self.structure, Discovery):
            given = self.structure.details.get("changing")
        if given is not None:
            for name in given:
                if name not in graphs[0].names:
                    raise unknown(name, graphs[0].names)
            return [set(given)] * len(graphs)
        families = list(dict.fromkeys((v, g.parents(v)) for g in graphs for v in g.names))
        p = {}
        for i, family in enumerate(families):
            run.tick(0.5 * i / len(families), "which mechanisms change")
            p[family] = self._p(family, joint, specs[family[0]], seed)
        out = []
        for g in graphs:
            adjusted = holm(np.array([p[v, g.parents(v)] for v in g.names]))
            out.append({v for v, q in zip(g.names, adjusted, strict=True) if q <= self.alpha})
        return out

    def _p(self, family: Family, joint: Data, spec: MechanismSpec, seed: int) -> float:
        """p-value that separate fits predict no better than one."""
        return separation(family, joint, self.name, spec, self.fewest, seed).p


@dataclass(frozen=True)
class Separation:
    """What separate fits gain over one, in log-likelihood a held-out row (nats)."""

    gain: float
    error: float

    @property
    def p(self) -> float:
        """One-sided p-value that there is no gain."""
        from scipy.stats import norm

        return float(norm.sf(self.gain / self.error)) if self.error > 0 else float(self.gain <= 0)


def separation(
    family: Family, joint: Data, by: str, spec: MechanismSpec, fewest: int, seed: int
) -> Separation:
    """Whether a node's mechanism differs between the levels of the column `by` of a table.

    The mean gain of `ByLevel(spec)` over `spec` on the rows held out in three folds; no gain
    where a fit fails or all rows of the node have one level.
    """
    name, parents = family
    part = complete(joint.select([*parents, by, name]))
    part = part.take(np.flatnonzero(~part.targeting(name)))
    if len(np.unique(part.column(by))) < 2:
        return Separation(0.0, 0.0)
    x, given = part.column(name), part.select(parents)
    variable, weights = part.variable(name), part.weights
    rng = np.random.default_rng(seed)
    if isinstance(spec, AutoMechanism):
        spec, _ = spec.choose(
            x, given, variable=variable, weights=weights, rng=rng, run=start(None)
        )
    scores = []
    for plug, using in (
        (spec, given),
        (ByLevel(spec, by, fewest), part.select([*parents, by])),
    ):
        trial = Trial(x, using, variable, weights, 3, np.random.default_rng(seed))
        try:
            scores.append(np.maximum(trial.scores(plug), WORST))
        except RungError:
            return Separation(0.0, 0.0)
    gain = scores[1] - scores[0]
    w = np.ones(len(gain)) if weights is None else weights
    mean = float(np.average(gain, weights=w))
    error = float(np.sqrt(np.sum((w * (gain - mean)) ** 2)) / w.sum())
    return Separation(mean, error)


def _with_root(graph: Graph, name: str, children: Collection[str]) -> Graph:
    edges = [
        *graph.directed_edges(),
        *((name, child) for child in graph.names if child in children),
    ]
    return Graph.from_edges([(a, "-->", b) for a, b in edges], names=(*graph.names, name))


def _marked(model: Model, name: str) -> Any:
    """The model with the variable that is the environment."""
    if isinstance(model, SCM):
        return replace(model, environment=name)
    assert isinstance(model, Ensemble)
    return replace(model, parts=tuple(_marked(part, name) for part in model.parts))
