"""SCM: a graph and one fitted mechanism a node."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from .data import Data
from .environments import with_environment
from .errors import InputError, MissingCells, NotSupported
from .graph import Graph
from .intervention import Context, Do, Intervention, tile
from .mechanism import Mechanism, StructuralMechanism
from .model import GenerativeModel
from .result import Result, lock
from .variable import Variable

if TYPE_CHECKING:
    import pandas as pd


class Noise(Mapping[str, NDArray[Any]]):
    """The exogenous part of n rows: drawn noise, or noise abducted when first needed.

    Every node has its own stream of random numbers, so the noise of a node is the same whatever
    is asked of the others, and in every world that the units are looked at in. `facts` are the
    units' observed values if the noise was abducted: a node whose ancestors and self are
    untouched keeps its fact exactly. With `draws` posterior draws the units stand one after the
    other, once a draw: n is units times draws.
    """

    def __init__(self, scm: SCM, units: int, seed: int, facts: Data | None, draws: int = 1) -> None:
        self._scm, self._seed, self.facts, self.draws = scm, seed, facts, draws
        self.n = units * draws
        self._drawn: dict[str, NDArray[Any]] = {}
        self._tiled: dict[str, NDArray[Any]] = {}

    def stream(self, name: str) -> np.random.Generator:
        """The random numbers of a node, from their beginning."""
        return np.random.default_rng((self._seed, self._scm.graph.index(name)))

    def fact(self, name: str) -> NDArray[Any]:
        """Observed values (n, *shape) of a node, repeated for each draw."""
        assert self.facts is not None
        if self.draws == 1:
            return self.facts.column(name)
        if name not in self._tiled:
            self._tiled[name] = lock(tile(self.facts.column(name), self.draws))
        return self._tiled[name]

    def __getitem__(self, name: str) -> NDArray[Any]:
        if name not in self._drawn:
            self._drawn[name] = self._make(name)
        return self._drawn[name]

    def _make(self, name: str) -> NDArray[Any]:
        mechanism, rng = self._scm.structural(name), self.stream(name)
        if self.facts is None:
            return mechanism.noise(self.n, rng)
        if not mechanism.exact:
            given = {p.name: self.fact(p.name) for p in mechanism.parents}
            return mechanism.abduct(self.fact(name), given, rng)
        given = {p.name: self.facts.column(p.name) for p in mechanism.parents}
        return tile(mechanism.abduct(self.facts.column(name), given, rng), self.draws)

    def __iter__(self) -> Iterator[str]:
        return iter(self._scm.names)

    def __len__(self) -> int:
        return len(self._scm.names)

    def subset(self, other: Data) -> Noise:
        """The noise of other units under the same SCM, with as many draws."""
        facts = self._scm.facts(other)
        return Noise(self._scm, facts.n, self._seed, facts, self.draws)

    def repeat(self, draws: int) -> Noise:
        """`draws` posterior draws of the noise of the same units."""
        return Noise(self._scm, self.n // self.draws, self._seed, self.facts, draws)


@dataclass(frozen=True, eq=False)
class SCM(GenerativeModel, Result):
    """Structural causal model: graph, mechanisms, and the interventions it is under.

    Parameters
    ----------
    graph : Graph
        A DAG over the variables.
    mechanisms : mapping of str to Mechanism
        One a node, whose parents are the node's parents in the graph.
    interventions : tuple of Intervention
        Applied in order when the model runs.
    notes : tuple of str
        What a reader of its answers should know, such as what was done about missing cells.
    environment : str, optional
        The variable that is the environment of a row: units without such a column take it from
        `Data.environment`.
    """

    graph: Graph
    mechanisms: Mapping[str, Mechanism]
    interventions: tuple[Intervention, ...] = ()
    notes: tuple[str, ...] = ()
    environment: str | None = None

    def __post_init__(self) -> None:
        if not self.graph.is_dag():
            raise InputError("an SCM needs a DAG; rung.fit turns a CPDAG into an Ensemble")
        for name in self.graph.names:
            if name not in self.mechanisms:
                raise InputError(f"no mechanism for {name!r}")
            have = {p.name for p in self.mechanisms[name].parents}
            if have != set(self.graph.parents(name)):
                raise InputError(
                    f"the mechanism of {name!r} has parents {sorted(have)}, the graph says "
                    f"{sorted(self.graph.parents(name))}"
                )

    @property
    def variables(self) -> tuple[Variable, ...]:
        return tuple(self.mechanisms[name].variable for name in self.graph.names)

    @cached_property
    def _described(self) -> dict[str, Variable]:
        return {v.name: v for v in self.variables}

    @cached_property
    def exact(self) -> bool:
        """True if every node's noise is a function of a unit's values."""
        return all(isinstance(m, StructuralMechanism) and m.exact for m in self.mechanisms.values())

    def structural(self, name: str) -> StructuralMechanism:
        """The mechanism of a node, if it has explicit noise."""
        mechanism = self.mechanisms[name]
        if not isinstance(mechanism, StructuralMechanism):
            raise NotSupported(
                f"{type(mechanism).__name__} of {name!r} has no explicit noise: "
                "it can be sampled, not imagined otherwise"
            )
        return mechanism

    def do(self, *interventions: Intervention) -> SCM:
        self.check(interventions)
        for item in interventions:
            if isinstance(item, Do):
                self._described[item.variable].encode(item.value)  # a wrong level is named now
        return replace(self, interventions=(*self.interventions, *interventions))

    def draw(self, n: int, *, rng: np.random.Generator) -> Noise:
        return Noise(self, n, int(rng.integers(2**63)), None)

    def facts(self, units: Data) -> Data:
        """The model's own columns of units, complete, with levels coded as the model has them.

        Raises
        ------
        InputError
            A variable is absent, or has a level that the model does not know.
        MissingCells
            A unit has a missing cell; `rung.counterfactual` draws it under the policy EM.
        """
        names, own = self.graph.names, self.environment
        if own is not None and own not in units.names and units.environment is not None:
            units = with_environment(units, own, self._described[own])
        absent = [name for name in names if name not in units.names]
        if absent:
            raise InputError(f"counterfactual units need every variable; {absent[0]!r} is missing")
        known = units if units.names == names else units.select(names)
        if known.has_missing:
            row, column = np.argwhere(known.mask)[0].tolist()
            raise MissingCells(
                f"unit {row} has no value of {names[column]!r} ({int(known.mask.sum())} cells are "
                f"missing, the first in row {row}, column {names[column]!r}); a counterfactual "
                "needs every value of a unit: declare rung.EM(), which draws them, by "
                "data.replacing(missing=rung.EM()), or choose complete rows, "
                "data[~data.mask.any(axis=1)]"
            )
        for v in self.variables:
            if not v.shape and (bad := np.isinf(known.column(v.name))).any():
                raise InputError(
                    f"{int(bad.sum())} cells are infinite, the first in row {int(bad.argmax())}, "
                    f"column {v.name!r}; mark them as missing, or choose other units"
                )
            theirs = known.variable(v.name)
            if v.discrete and theirs.levels != v.levels:
                known = known.with_column(v, v.encode(known[v.name]))
        return known

    def abduct(self, units: Data, *, rng: np.random.Generator) -> Noise:
        facts = self.facts(units)
        return Noise(self, facts.n, int(rng.integers(2**63)), facts)

    def run(self, exogenous: Noise) -> Data:
        values = self._values(exogenous, self._order)
        return Data(self.variables, {name: lock(values[name]) for name in self.graph.names})

    @cached_property
    def _order(self) -> tuple[str, ...]:
        """Topological order of the graph under the interventions."""
        cut = {name for name, items in self._by_node.items() if not items[0].uses_natural}
        graph = self.graph
        adjacency = graph.adjacency().astype(bool)
        for name, items in self._by_node.items():
            j = graph.index(name)
            if name in cut:
                adjacency[:, j] = False
            for read in {r for item in items for r in item.reads}:
                adjacency[graph.index(read), j] = True
        try:
            return Graph.from_adjacency(adjacency, graph.names).topological_order()
        except InputError as error:
            raise InputError(
                f"the interventions make a cycle: {error}. A policy must not look at "
                "descendants of the variable it sets"
            ) from None

    @cached_property
    def _by_node(self) -> dict[str, list[Intervention]]:
        out: dict[str, list[Intervention]] = {}
        for item in self.interventions:
            items = out.setdefault(item.variable, [])
            if not item.uses_natural:
                items.clear()  # what it replaces has no effect
            items.append(item)
        return out

    def _values(self, noise: Noise, order: Sequence[str]) -> dict[str, NDArray[Any]]:
        values: dict[str, NDArray[Any]] = {}
        touched: set[str] = set()  # nodes that differ from the facts
        for name in order:
            items = self._by_node.get(name, [])
            fact = None if noise.facts is None else noise.fact(name)
            value = None
            if not items or items[0].uses_natural:
                value = self._natural(name, values, touched, noise)
            for item in items:
                value = item.apply(value, self._context(name, values, noise))
            assert value is not None
            if fact is None or (value is not fact and not np.array_equal(value, fact)):
                touched.add(name)
            values[name] = value
        return values

    def _natural(
        self,
        name: str,
        values: Mapping[str, NDArray[Any]],
        touched: set[str],
        noise: Noise,
    ) -> NDArray[Any]:
        """What the mechanism of a node gives: the fact itself if its parents are as they were."""
        mechanism = self.mechanisms[name]
        given = {p.name: values[p.name] for p in mechanism.parents}
        if noise.facts is not None and touched.isdisjoint(given):
            return noise.fact(name)
        if noise.facts is None and not isinstance(mechanism, StructuralMechanism):
            return mechanism.sample(noise.n, given, noise.stream(name))
        return self.structural(name).forward(given, noise[name])

    def _context(self, name: str, values: Mapping[str, NDArray[Any]], noise: Noise) -> Context:
        def elsewhere(units: Data | None, interventions: tuple[Intervention, ...]) -> NDArray[Any]:
            world = replace(self, interventions=interventions)
            source = noise if units is None else noise.subset(units)
            value = world._values(source, world._up_to(name))[name]
            if source.n == noise.n:
                return value
            if source.n != source.draws:
                raise InputError(
                    f"swap({name}): {source.n // source.draws} other units for "
                    f"{noise.n // noise.draws}; pass one, or as many"
                )
            return np.repeat(value, noise.n // noise.draws, axis=0)

        variable = self._described[name]
        own = self._described
        return Context(variable, noise.n, values, elsewhere, lambda: noise[name], own, noise.draws)

    def _up_to(self, name: str) -> list[str]:
        """The part of the order that a node needs under the interventions."""
        needed = {name}
        for node in reversed(self._order):
            if node in needed:
                items = self._by_node.get(node, [])
                needed.update(r for item in items for r in item.reads)
                if not items or items[0].uses_natural:
                    needed.update(p.name for p in self.mechanisms[node].parents)
        return [node for node in self._order if node in needed]

    def frame(self) -> pd.DataFrame:
        """One row a node: its parents and its mechanism."""
        import pandas as pd

        return pd.DataFrame(
            [
                {"node": name, "parents": ", ".join(p.name for p in m.parents), **_flat(m)}
                for name, m in ((n, self.mechanisms[n]) for n in self.graph.names)
            ]
        )

    def __repr__(self) -> str:
        lines = [f"SCM of {len(self.graph.names)} variables"]
        for name in self.graph.topological_order():
            parents = ", ".join(self.graph.parents(name))
            lines.append(f"  {name} <- {type(self.mechanisms[name]).__name__}({parents})")
        if self.interventions:
            lines.append("  under " + ", ".join(map(repr, self.interventions)))
        lines += [f"  note: {note}" for note in self.notes]
        return "\n".join(lines[:40])


def _flat(mechanism: Mechanism) -> dict[str, Any]:
    about = mechanism.describe()
    return {"mechanism": about.get("kind", ""), "note": about.get("note", "")}
