"""SCM: a graph and one fitted mechanism a node."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .data import Data
from .errors import InputError, NotSupported
from .graph import Graph
from .intervention import Context, Intervention
from .mechanism import Mechanism, StructuralMechanism
from .missing import complete
from .model import GenerativeModel
from .variable import Variable


class Noise(Mapping[str, NDArray[Any]]):
    """The exogenous part of n units: drawn noise, or noise abducted when first needed.

    `facts` are the units' observed values if the noise was abducted: a node whose ancestors
    and self are untouched keeps its fact exactly.
    """

    def __init__(self, scm: SCM, n: int, rng: np.random.Generator, facts: Data | None) -> None:
        self._scm, self.n, self._rng, self.facts = scm, n, rng, facts
        self._drawn: dict[str, NDArray[Any]] = {}

    def __getitem__(self, name: str) -> NDArray[Any]:
        if name not in self._drawn:
            mechanism = self._scm.structural(name)
            if self.facts is None:
                self._drawn[name] = mechanism.noise(self.n, self._rng)
            else:
                parents = {p.name: self.facts.column(p.name) for p in mechanism.parents}
                x = self.facts.column(name)
                self._drawn[name] = mechanism.abduct(x, parents, self._rng)
        return self._drawn[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._scm.names)

    def __len__(self) -> int:
        return len(self._scm.names)

    def subset(self, other: Data) -> Noise:
        """The noise of other units under the same SCM."""
        return Noise(self._scm, other.n, self._rng, other)


@dataclass(frozen=True, eq=False)
class SCM(GenerativeModel):
    """Structural causal model: graph, mechanisms, and the interventions it is under.

    Parameters
    ----------
    graph : Graph
        A DAG over the variables.
    mechanisms : mapping of str to Mechanism
        One a node, whose parents are the node's parents in the graph.
    interventions : tuple of Intervention
        Applied in order when the model runs.
    """

    graph: Graph
    mechanisms: Mapping[str, Mechanism]
    interventions: tuple[Intervention, ...] = ()

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
        return replace(self, interventions=(*self.interventions, *interventions))

    def draw(self, n: int, *, rng: np.random.Generator) -> Noise:
        noise = Noise(self, n, rng, None)
        for name in self.graph.names:
            noise[name]  # all drawn now, in a fixed order: interventions do not change the draw
        return noise

    def abduct(self, units: Data, *, rng: np.random.Generator) -> Noise:
        absent = [name for name in self.graph.names if name not in units.names]
        if absent:
            raise InputError(f"counterfactual units need every variable; {absent[0]!r} is missing")
        return Noise(self, units.n, rng, complete(units.select(self.graph.names)))

    def run(self, exogenous: Noise) -> Data:
        values = self._values(exogenous)
        return Data(self.variables, {name: values[name] for name in self.graph.names})

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

    def _values(self, noise: Noise) -> dict[str, NDArray[Any]]:
        values: dict[str, NDArray[Any]] = {}
        touched: set[str] = set()
        for name in self._order:
            items = self._by_node.get(name, [])
            mechanism = self.mechanisms[name]
            parents = [p.name for p in mechanism.parents]
            natural = None
            if not items or items[0].uses_natural:
                if noise.facts is not None and touched.isdisjoint(parents):
                    natural = noise.facts.column(name)
                else:
                    touched.add(name)
                    given = {p: values[p] for p in parents}
                    natural = self.structural(name).forward(given, noise[name])
            for item in items:
                touched.add(name)
                natural = item.apply(natural, self._context(name, values, noise))
            assert natural is not None
            values[name] = natural
        return values

    def _context(self, name: str, values: Mapping[str, NDArray[Any]], noise: Noise) -> Context:
        def elsewhere(units: Data | None, interventions: tuple[Intervention, ...]) -> NDArray[Any]:
            world = replace(self, interventions=interventions)
            source = noise if units is None else noise.subset(units)
            return world._values(source)[name]

        variable = self._described[name]
        return Context(variable, noise.n, values, elsewhere, lambda: noise[name], self._described)

    def __repr__(self) -> str:
        lines = [f"SCM of {len(self.graph.names)} variables"]
        for name in self.graph.topological_order():
            parents = ", ".join(self.graph.parents(name))
            lines.append(f"  {name} <- {type(self.mechanisms[name]).__name__}({parents})")
        if self.interventions:
            lines.append("  under " + ", ".join(map(repr, self.interventions)))
        return "\n".join(lines[:40])
