"""Counterfactual probabilities from SCMs that are fitted to the rows, graph by graph."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ...core.budget import Run
from ...core.data import Data
from ...core.errors import InputError, NotIdentified
from ...core.graph import Graph
from ...core.intervention import Do
from ...core.missing import told
from ...core.model import Model
from ...core.query import Estimate
from ...core.scm import SCM
from ...mechanisms.evidence import given_facts
from ...mechanisms.structural import Structural
from ...mechanisms.twin import Twin
from ..mixture import Piece, mixed, seed_of

if TYPE_CHECKING:
    from .queries import CounterfactualProbability, Mechanisms

Floats = NDArray[np.float64]
DRAWS = 4000  # of what is not known, where it is not summed
FORM = (
    "the probability depends on how noise enters (one uniform for ordered levels, Gumbel-max for "
    "categories), which rows cannot check"
)


def answer(
    query: CounterfactualProbability, structure: Any, data: Any, *, run: Run,
    rng: np.random.Generator,
) -> Estimate:  # fmt: skip
    """P(outcome = value in the other world | facts) on every graph, mixed."""
    seed = seed_of(rng)

    def event(scm: SCM, stream: np.random.Generator) -> float:
        return probability(scm, {query.outcome: query.value}, query.do, query.given, stream)

    def solve(graph: Graph, hidden: bool) -> Piece:
        return by_model(graph, hidden, data, query.mechanisms, event, query.level, seed, run)

    facts = ", ".join(f"{k} = {v}" for k, v in query.given.items()) or "nothing"
    done = ", ".join(f"{k} = {v}" for k, v in query.do.items())
    return mixed(
        query, structure, solve, run=run, seed=seed, level=query.level, units="probability",
        contrast=f"{query.outcome} = {query.value} had it been {done}, given {facts}",
        population="units with these facts", warnings=told(data),
    )  # fmt: skip


def by_model(
    graph: Graph, hidden: bool, data: Data, how: Mechanisms,
    event: Callable[[SCM, np.random.Generator], float], level: float, seed: int, run: Run,
) -> Piece:  # fmt: skip
    """The event's probability under the fit, with the percentiles of bootstrap refits.

    Over an equivalence class the whole range; no point where its members differ.
    """
    if hidden or not (graph.is_dag() or graph.is_cpdag()):
        raise NotIdentified(
            "a graph with hidden common causes gives no SCM, and so no counterfactual probability; "
            "PN, PS and PNS without Mechanisms() give bounds"
        )
    once = Structural(graph, how.spec).fit(data, budget=run, rng=np.random.default_rng(seed))
    refits = Structural(graph, how.spec, resamples=how.resamples)
    model = refits.fit(data, budget=run, rng=np.random.default_rng(seed))
    points, draws = (_values(m, event, seed) for m in (once, model))
    ends = np.array(
        [np.quantile(v, [(1 - level) / 2, (1 + level) / 2]) for v in draws.values()]
    )  # fmt: skip
    value = [v for many in points.values() for v in many]
    apart = max(value) - min(value) > 1e-9
    note = f"{len(draws)} members of the class, each with its own answer" if apart else ""
    every = np.concatenate([np.array(v) for v in draws.values()])
    return Piece(
        math.nan if apart else value[0], (float(ends[:, 0].min()), float(ends[:, 1].max())),
        key=("model", graph), se=float(every.std(ddof=1)), n=data.n, note=note,
        method=f"twin network of a fitted SCM, {len(every)} bootstrap refits",
        warnings=(FORM, note) if note else (FORM,), cites=("balke1994", "pearl2009"),
    )  # fmt: skip


def _values(
    model: Model, event: Callable[[SCM, np.random.Generator], float], seed: int
) -> dict[Graph | None, list[float]]:
    """The probability under each member, by graph."""
    out: dict[Graph | None, list[float]] = {}
    for _, graph, member in model.members:
        if isinstance(member, SCM):
            out.setdefault(graph, []).append(event(member, np.random.default_rng(seed)))
    return out


def probability(
    scm: SCM, event: Mapping[str, Any], do: Mapping[str, Any], given: Mapping[str, Any],
    rng: np.random.Generator,
) -> float:  # fmt: skip
    """P(event in the world under `do` | given): exact by the twin network, else by draws."""
    described = {v.name: v for v in scm.variables}
    for name in event:
        if name not in described or not described[name].discrete:
            raise InputError(f"{name!r} is no variable with levels, of which one has a probability")
    items = [Do(name, value) for name, value in do.items()]
    scm.check(items)
    twin = Twin.of(scm, items)
    if twin is not None and all(n in described for n in given):
        facts = {n: int(described[n].encode(v)) for n, v in given.items()}
        return twin.probability(facts, {n: int(described[n].encode(v)) for n, v in event.items()})
    draws = given_facts(scm, given, items, rng=rng, draws=DRAWS)
    hit = np.ones(len(draws.weights), dtype=np.bool_)
    for name, value in event.items():
        hit &= draws.columns[name][:, 0] == float(described[name].encode(value))
    return float(draws.weights @ hit)
