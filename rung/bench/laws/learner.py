"""Laws of a Learner."""

from __future__ import annotations

import dataclasses
import time
from functools import cached_property
from typing import Any

import numpy as np

from ... import verbs
from ...core.budget import Budget
from ...core.data import Data
from ...core.discovery import Discovery
from ...core.errors import InputError, NeedsRows, NotSupported, RungError
from ...core.graph import Graph
from ...core.knowledge import Knowledge
from .common import WORLDS, Broken, Law, ensure, fingerprint

SLACK = 5.0  # seconds past the budget: one step of the search on a busy machine


class Subject:
    """A learner, the first world whose data it takes, and what it found there."""

    def __init__(self, plug: Any, example: Any = None) -> None:
        self.plug, self.example = plug, example

    @cached_property
    def first(self) -> tuple[Data, Discovery]:
        """Data that the learner takes, and its answer."""
        refusals = []
        worlds = {"example": lambda: self.example} if self.example is not None else WORLDS
        for name, make in worlds.items():
            data = make()
            try:
                return data, verbs.discover(data, self.plug)
            except (InputError, NotSupported, NeedsRows) as error:
                refusals.append(f"{name}: {error}")
        raise Broken("refuses every example: " + "; ".join(refusals))


def frozen(s: Subject) -> str:
    """A frozen dataclass of hyper-parameters."""
    params = getattr(type(s.plug), "__dataclass_params__", None)
    ensure(params is not None and params.frozen, f"{type(s.plug).__name__} is no frozen dataclass")
    return ", ".join(f.name for f in dataclasses.fields(s.plug))


def returns_discovery(s: Subject) -> str:
    """A Discovery over the same names, with weights that sum to 1, marked complete."""
    data, found = s.first
    ensure(isinstance(found, Discovery), f"returned {type(found).__name__}, not a Discovery")
    for graph, _ in ((found.graph, 1.0), *found.graphs):
        ensure(set(graph.names) == set(data.names), f"names {graph.names}, expected {data.names}")
    total = sum(w for _, w in found.graphs)
    ensure(abs(total - 1) < 1e-9, f"weights sum to {total}")
    ensure(found.complete, "marked incomplete without a budget")
    ensure(found.seconds >= 0, "negative seconds")
    return f"{len(found.graph.edges())} edges"


def obeys(s: Subject) -> str:
    """Required edges are there, forbidden ones and those against the tiers are not."""
    data, _ = s.first
    a, b, c, d, e = sorted(data.names)[:5]
    cases = {
        "required": Knowledge(required=((e, a),)),
        "forbidden": Knowledge(forbidden=((b, d), (d, b), (a, b))),
        "tiers": Knowledge(tiers=((d,), (c, b), (a, e))),
    }
    for name, known in cases.items():
        found = verbs.discover(data, s.plug, knowledge=known)
        for graph, _ in ((found.graph, 1.0), *found.graphs):
            broken = known.violations(graph)
            ensure(not broken, f"{name}: {'; '.join(broken)}")
    return f"{len(cases)} kinds of knowledge"


def obeys_ties(s: Subject) -> str:
    """Tied edges are there together or not at all; a learner that cannot tie refuses by name."""
    data, _ = s.first
    a, b, c, d, e = sorted(data.names)[:5]
    known = Knowledge(
        tiers=((a, c, e), (b,), (d,)), ties=(((a, b), (e, d)), ((b, d), (c, d)))
    )  # a -> b is true and e -> d is not; both edges of the second tie are true
    try:
        found = verbs.discover(data, s.plug, knowledge=known)
    except NotSupported as error:
        ensure("tie" in str(error), f"refused for another reason: {error}")
        return "refused by name"
    for graph, _ in ((found.graph, 1.0), *found.graphs):
        for tied in known.ties:
            there = {graph.has_edge(x, y) for x, y in tied}
            ensure(len(there) == 1, f"of the tied {tied}, some are there and some are not")
    return "2 ties"


def unknown_names(s: Subject) -> str:
    """Knowledge of a variable that is not there is refused."""
    data, _ = s.first
    try:
        verbs.discover(data, s.plug, knowledge=Knowledge(required=(("no such", data.names[0]),)))
    except RungError:
        return "refused"
    raise Broken("knowledge of an unknown variable passed in silence")


def equivariant(s: Subject) -> str:
    """The same answer for other names and another order of columns."""
    data, found = s.first
    names = {name: f"{'zyxwvutsrqponm'[i % 14]}{i}" for i, name in enumerate(data.names)}
    order = [data.names[i] for i in np.random.default_rng(3).permutation(data.d)]
    again = verbs.discover(data.select(order).renamed(names), _renamed(s.plug, names))
    ensure(
        again.graph == found.graph.relabel(names),
        f"renamed and reordered data give {again.graph.edges()} for "
        f"{found.graph.relabel(names).edges()}",
    )
    ensure(
        _weights(again) == {g.relabel(names): w for g, w in _weights(found).items()},
        "the weighted graphs depend on names or order",
    )
    return "names and order"


def _renamed(plug: Any, names: dict[str, str]) -> Any:
    """A plug that names columns, for data in which they are called otherwise."""
    return plug.renamed(names) if hasattr(plug, "renamed") else plug


def _weights(found: Discovery) -> dict[Graph, float]:
    out: dict[Graph, float] = {}
    for graph, weight in found.graphs:
        out[graph] = round(out.get(graph, 0.0) + weight, 9)
    return out


def deterministic(s: Subject) -> str:
    """Same seed, same answer."""
    data, found = s.first
    again = verbs.discover(data, s.plug)
    ensure(again.graph == found.graph, "two runs with one seed differ")
    ensure(_weights(again) == _weights(found), "weighted graphs of one seed differ")
    return "seed 0 twice"


def budget(s: Subject) -> str:
    """A spent budget ends the search with the best so far, marked incomplete."""
    data, found = s.first
    run = Budget().start()
    run.stop()
    begin = time.perf_counter()
    stopped = verbs.discover(data, s.plug, budget=run)
    seconds = time.perf_counter() - begin
    ensure(isinstance(stopped, Discovery), "a stopped run returned no Discovery")
    ensure(seconds < SLACK, f"a stopped run took {seconds:.1f} s")
    if stopped.complete:
        ensure(stopped.graph == found.graph, "a stopped run is marked complete and differs")
    wide = Data.from_matrix(np.random.default_rng(0).normal(size=(500, 14)))
    plug = _renamed(s.plug, dict(zip(data.names, wide.names, strict=False)))
    begin = time.perf_counter()
    try:
        verbs.discover(wide, plug, budget=Budget(seconds=0.2))
    except (InputError, NotSupported, NeedsRows):
        return f"stopped after {seconds:.2f} s"
    seconds = time.perf_counter() - begin
    ensure(seconds < 0.2 + SLACK, f"a budget of 0.2 s took {seconds:.1f} s")
    return f"0.2 s asked, {seconds:.2f} s taken"


def leaves_inputs(s: Subject) -> str:
    """Data and knowledge are not changed."""
    data, _ = s.first
    known = Knowledge(forbidden=((data.names[0], data.names[1]),))
    before = fingerprint(data), repr(known)
    verbs.discover(data, s.plug, knowledge=known)
    ensure((fingerprint(data), repr(known)) == before, "the inputs were changed")
    return "data and knowledge"


def missing(s: Subject) -> str:
    """Missing cells without a policy are refused, or the notes say what was done."""
    data, _ = s.first
    if not isinstance(data, Data):
        return "no rows"
    name = data.names[0]
    column = np.array(data.column(name), dtype=np.float64)
    column[:20] = np.nan
    holed = data.with_column(data.variable(name), column)
    try:
        found = verbs.discover(holed, s.plug)
    except RungError as error:
        return f"refused: {type(error).__name__}"
    said = " ".join(found.notes).lower()
    ensure("missing" in said, "missing cells without a policy passed in silence")
    return "said in the notes"


LAWS: dict[str, Law] = {
    "is a frozen dataclass": frozen,
    "returns a Discovery over the same names": returns_discovery,
    "obeys required, forbidden and tiers": obeys,
    "obeys ties": obeys_ties,
    "refuses knowledge of unknown names": unknown_names,
    "is equivariant to renaming and reordering": equivariant,
    "is deterministic in the seed": deterministic,
    "keeps its budget": budget,
    "leaves its inputs alone": leaves_inputs,
    "is not silent about missing cells": missing,
}
