"""Laws of a FederatedMethod."""

from __future__ import annotations

import dataclasses
from itertools import pairwise
from typing import Any

import numpy as np

from ...core.data import Data
from ...core.discovery import Discovery
from ...core.errors import MissingCells
from ...core.knowledge import Knowledge
from ...core.protocols import Reply, State
from .common import Broken, Law, ensure, linear

SITES = (150, 60, 190)
ROUNDS = 1000


class Subject:
    """A federated method, and three sites with linear rows of TRUTH."""

    def __init__(self, plug: Any, example: Any = None) -> None:
        self.plug = plug
        self.data: Data = linear() if example is None else example
        ends = np.cumsum((0, *SITES))
        self.sites = [self.data[int(a) : int(b)] for a, b in pairwise(ends)]

    def begin(self, **options: Any) -> State:
        """The first state, of seed 0."""
        state: State = self.plug.begin(self.data.variables, rng=0, **options)
        return state

    def finish(self, state: State) -> tuple[State, int]:
        """The last state, and the number of rounds."""
        kept: list[State] = [{} for _ in self.sites]
        for now in range(ROUNDS):
            if state["finished"][0]:
                return state, now
            replies = []
            for i, site in enumerate(self.sites):
                reply, kept[i] = self.plug.client(state, site, kept[i])
                replies.append(reply)
            state = self.plug.server(state, _sum(replies))
        raise Broken(f"did not finish in {ROUNDS} rounds")


def _sum(replies: list[Reply]) -> Reply:
    return {name: np.sum([r[name] for r in replies], axis=0) for name in replies[0]}


def _shape(arrays: Any) -> dict[str, Any]:
    return {name: (str(np.asarray(a).dtype), np.asarray(a).shape) for name, a in arrays.items()}


def _same(a: Any, b: Any) -> bool:
    return set(a) == set(b) and all(np.array_equal(a[k], b[k]) for k in a)


def frozen(s: Subject) -> str:
    """A frozen dataclass of hyper-parameters."""
    params = getattr(type(s.plug), "__dataclass_params__", None)
    ensure(params is not None and params.frozen, f"{type(s.plug).__name__} is no frozen dataclass")
    return ", ".join(f.name for f in dataclasses.fields(s.plug))


def fixed(s: Subject) -> str:
    """States and replies are arrays of numbers; the shapes of a reply do not depend on the rows."""
    state = s.begin()
    replies = [s.plug.client(state, part, {})[0] for part in (s.data, s.data[:40], s.data[:1])]
    for array in (*state.values(), *replies[0].values()):
        ensure(np.asarray(array).dtype.kind in "fiub", "an array holds objects")
    for reply in replies[1:]:
        ensure(_shape(reply) == _shape(replies[0]), "the shapes of a reply depend on the rows")
    return ", ".join(f"{name} {shape}" for name, (_, shape) in _shape(replies[0]).items())


def pure(s: Subject) -> str:
    """Both functions give the same answer twice, and leave what they are given alone."""
    state = s.begin()
    kept: State = {}
    before = {name: np.array(a) for name, a in state.items()}
    first, second = (s.plug.client(state, s.sites[0], kept) for _ in range(2))
    ensure(_same(first[0], second[0]) and _same(first[1], second[1]), "client differs from itself")
    after = [s.plug.server(state, first[0]) for _ in range(2)]
    ensure(_same(*after), "server differs from itself")
    ensure(_same(before, state) and not kept, "the state or what is kept was changed")
    return "client and server"


def finishes(s: Subject) -> str:
    """The rounds end, with a Discovery over the variables; knowledge is obeyed."""
    names = sorted(s.data.names)
    known = Knowledge(required=((names[4], names[0]),), forbidden=((names[0], names[1]),))
    state, rounds = s.finish(s.begin(knowledge=known))
    found = s.plug.result(state, s.data.variables)
    ensure(isinstance(found, Discovery), f"returned {type(found).__name__}, not a Discovery")
    ensure(set(found.graph.names) == set(s.data.names), f"names {found.graph.names}")
    broken = known.violations(found.graph)
    ensure(not broken, "; ".join(broken))
    ensure(found.complete, "marked incomplete at the end")
    return f"{rounds} rounds"


def early(s: Subject) -> str:
    """A state that is not finished gives the best so far, marked incomplete."""
    found = s.plug.result(s.begin(), s.data.variables)
    ensure(isinstance(found, Discovery) and not found.complete, "not marked incomplete")
    return "after no round"


def missing(s: Subject) -> str:
    """Missing cells without a policy are refused where the rows are."""
    name = s.data.names[0]
    column = np.array(s.data.column(name), dtype=np.float64)
    column[:20] = np.nan
    try:
        s.plug.client(s.begin(), s.data.with_column(s.data.variable(name), column), {})
    except MissingCells:
        return "refused"
    raise Broken("missing cells without a policy passed in silence")


LAWS: dict[str, Law] = {
    "is a frozen dataclass": frozen,
    "has replies of fixed shapes": fixed,
    "is two pure functions": pure,
    "finishes and obeys": finishes,
    "stops early": early,
    "is not silent about missing cells": missing,
}
