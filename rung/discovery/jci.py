"""JCI: joint causal inference, the environment as context variables beside the columns."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ..core.budget import Budget, Run, start
from ..core.data import Data
from ..core.discovery import Discovery
from ..core.environments import (
    environment_name,
    need_environments,
    reference_environment,
    targets_of,
    with_environment,
)
from ..core.errors import InputError
from ..core.graph import ARROW, TAIL, Graph
from ..core.knowledge import Knowledge, Pair
from ..core.protocols import Learner
from ..core.result import lock
from ..core.source import Source
from ..core.variable import Kind, Variable
from .boss import BOSS

ASSUMES = (
    "contexts were joined to the columns: this assumes that no variable causes the environment, "
    "and that nothing hidden causes both the environment and a variable"
)


@dataclass(frozen=True)
class JCI:
    """Joint causal inference: one search over rows of all environments.

    Every environment but the reference becomes a context variable, 1 in its rows and 0 elsewhere,
    and the learner searches over contexts and columns together. It is told that no column causes
    a context (exogeneity), that contexts are joined to each other (their own graph is not
    searched), and what is known of targets: an environment with targets in the data has an edge
    to each of them and, unless the learner allows hidden causes, to nothing else. An environment
    without may act on anything; what it acts on are the edges that are found out of its context.
    So observational rows, interventions with known and with unknown targets, and other
    environments go into one call. These are assumptions JCI-1, 2 and 3 of the paper, and the
    design that it calls diagonal.

    The graph of the result is over the columns. `details["context_graph"]` holds the contexts
    too; `details["targets"]` maps each environment to what it acts on: for a learner that allows
    hidden causes, maybe through others. A context is a binary column: FisherZ and the Gaussian
    BIC see whether it moves a mean; ConditionalGaussian also whether it changes slopes and
    spread.

    Parameters
    ----------
    learner : Learner
        Any; it sees rows without environment and targets.
    single : bool
        One categorical context for the environment in place of one binary context each. Its test
        or score must take levels (DegenerateGaussian, ConditionalGaussian, G2, KCI).
    reference : str, optional
        The environment without a context. By default the one with most rows among those
        without targets.
    off_targets : bool
        An environment with known targets may act on other variables too.

    Source: Mooij, Magliacane and Claassen (2020), sections 3 and 4.
    """

    learner: Learner = field(default_factory=BOSS)
    single: bool = False
    reference: str | None = None
    off_targets: bool = False

    @property
    def few_rows(self) -> bool:
        """Whether the learner accepts no more rows than columns."""
        return bool(getattr(self.learner, "few_rows", False))

    def learn(
        self,
        source: Source,
        *,
        knowledge: Knowledge | None = None,
        budget: Budget | Run | None = None,
        rng: np.random.Generator | int = 0,
    ) -> Discovery:
        """Search; see `Learner`. Needs Data with two environments or more."""
        run, known = start(budget), knowledge or Knowledge()
        began = run.seconds
        known.matrices(source.names)
        data, present = need_environments(source, "JCI")
        contexts = _Contexts.of(data, present, self)
        found = contexts.search(self.learner, known, run, rng)
        whole = _rooted(found.graph, contexts.names)
        weights: dict[Graph, float] = {}
        for graph, weight in found.graphs:
            part = graph.subgraph(data.names)
            weights[part] = weights.get(part, 0.0) + weight
        return found.replacing(
            graph=whole.subgraph(data.names),
            graphs=tuple(weights.items()),
            knowledge=known,
            learner=self,
            seconds=run.seconds - began,
            notes=(*found.notes, ASSUMES, *contexts.notes(found.hidden_causes)),
            details={
                "context_graph": whole,
                "targets": contexts.targets(whole),
                "known_targets": contexts.known,
                "reference": contexts.reference,
            },
            cites=(*found.cites, "mooij2020"),
        )


@dataclass(frozen=True, eq=False)
class _Contexts:
    """The context variables of one search.

    Parameters
    ----------
    variables : the contexts, in the order of their environments
    numbers : for each context its environments; several where there is a single context
    labels : name of each context's environment
    base : number of the environment without a context
    closed : an environment with known targets has an edge to nothing else
    """

    data: Data
    variables: tuple[Variable, ...]
    numbers: tuple[tuple[int, ...], ...]
    labels: tuple[str, ...]
    base: int
    single: bool
    closed: bool

    @classmethod
    def of(cls, data: Data, present: Sequence[int], plug: JCI) -> _Contexts:
        base = reference_environment(data, list(present), plug.reference)
        others = [e for e in present if e != base]
        labels = [environment_name(data, e) for e in others]
        groups: list[tuple[int, ...]] = [(e,) for e in others]
        made: list[Variable] = []
        if plug.single:
            name = _fresh("environment", data.names)
            levels = tuple(environment_name(data, e) for e in present)
            made, labels = [Variable(name, Kind.CATEGORICAL, levels)], [name]
            groups = [tuple(others)]
        else:
            for label in labels:
                taken = [*data.names, *(v.name for v in made)]
                made.append(Variable(_fresh(label, taken), Kind.BINARY, (0, 1)))
        closed = not plug.off_targets and not _allows_hidden(plug.learner)
        names = tuple(labels)
        out = cls(data, tuple(made), tuple(groups), names, base, plug.single, closed)
        out._check(len(present), plug.few_rows)
        return out

    def _check(self, environments: int, few_rows: bool) -> None:
        data = self.data
        assert data.environment is not None
        _, code = np.unique(data.environment, return_inverse=True)
        first = np.unique(code, return_index=True)[1]
        for name in data.names:
            column = data.column(name)
            if np.array_equal(column, column[first][code]):
                raise InputError(
                    f"column {name!r} has one value in each environment: it says no more than the "
                    f"environment does. Leave it out with data.drop([{name!r}])."
                )
        if data.n <= data.d + len(self.variables) and not few_rows:
            raise InputError(
                f"{data.n} rows for {data.d} columns and the contexts of {environments} "
                "environments: too few to tell them apart. Merge environments, or use "
                "JCI(learner, single=True)."
            )

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(v.name for v in self.variables)

    @property
    def reference(self) -> str:
        return environment_name(self.data, self.base)

    @property
    def known(self) -> tuple[str, ...]:
        """Names of the environments whose targets the data give."""
        hit = [bool(row.any()) for row in targets_of(self.data)]
        numbers = [self.base, *(e for group in self.numbers for e in group)]
        return tuple(environment_name(self.data, e) for e in sorted(numbers) if hit[e])

    def joint(self) -> Data:
        """The columns and the contexts, as rows of one kind."""
        data = self.data
        environment = data.environment
        assert environment is not None
        if self.single:
            out = with_environment(data, self.names[0], self.variables[0])
        else:
            out = data
            for variable, (e,) in zip(self.variables, self.numbers, strict=True):
                out = out.with_column(variable, lock((environment == e).astype(np.float64)))
        return out.replacing(environment=None, environments=(), targets=None)

    def search(
        self, learner: Learner, known: Knowledge, run: Run, rng: np.random.Generator | int
    ) -> Discovery:
        """What the learner finds among columns and contexts."""
        told = known + self.knowledge()
        try:
            return learner.learn(self.joint(), knowledge=told, budget=run, rng=rng)
        except InputError as error:
            if not any(repr(name) in str(error) for name in self.names):
                raise
            raise InputError(
                f"JCI joins the environment as columns of levels ({self.names[0]!r} ...), which "
                f"this learner does not take: {error}"
            ) from None

    def knowledge(self) -> Knowledge:
        """Exogeneity, contexts joined to each other, and the known targets."""
        names, system = self.names, self.data.names
        required: list[Pair] = [(a, b) for i, a in enumerate(names) for b in names[i + 1 :]]
        forbidden: list[Pair] = [(x, c) for c in names for x in system]
        targets = targets_of(self.data)
        base = np.asarray(targets[self.base])
        for name, group in zip(names, self.numbers, strict=True):
            sets = targets[np.array(group)]
            must = (sets ^ base).any(axis=0)
            may = np.asarray(sets.any(axis=0) | base)
            required += [(name, system[j]) for j in np.flatnonzero(must).tolist()]
            if self.closed and all(row.any() for row in sets):
                forbidden += [(name, system[j]) for j in np.flatnonzero(~may).tolist()]
        return Knowledge(tuple(required), tuple(forbidden))

    def targets(self, whole: Graph) -> dict[str, tuple[str, ...]]:
        """What each context has an edge to, by the name of its environment."""
        system = set(self.data.names)
        return {
            label: tuple(sorted(system & set(whole.children(name))))
            for label, name in zip(self.labels, self.names, strict=True)
        }

    def notes(self, hidden: bool) -> list[str]:
        out = [f"environments are compared with {self.reference!r}, which has no context"]
        if hidden:
            out.append(
                "where hidden causes are allowed, an environment may act on its targets through "
                "other variables"
            )
        return out


def _allows_hidden(learner: Any) -> bool:
    """Whether the learner, or one inside it, allows hidden causes.

    Then a context may be joined to more than its targets: C -> X -> Y with a hidden cause of X and
    Y has an inducing path from C to Y (Richardson and Spirtes 2002).
    """
    while learner is not None:
        if getattr(learner, "hidden_causes", False):
            return True
        learner = getattr(learner, "learner", None)
    return False


def _fresh(name: str, taken: Sequence[str]) -> str:
    """The name, changed if a column has it."""
    while name in taken:
        name += " (environment)"
    return name


def _rooted(graph: Graph, contexts: Sequence[str]) -> Graph:
    """The graph with every edge between a context and a column going out of the context.

    A PAG may leave open whether something hidden is behind such an edge; that nothing is, is
    assumption JCI-2.
    """
    marks = np.array(graph.marks)
    inside = np.isin(graph.names, list(contexts))
    across = (marks != 0) & inside[:, None] & ~inside[None, :]
    marks[across] = ARROW
    marks[across.T] = TAIL
    return Graph(graph.names, marks)
