"""Laws of a decomposable score."""

from __future__ import annotations

from functools import cached_property
from typing import Any

import numpy as np

from ...core.data import Data
from ...core.errors import InputError, NeedsRows, NotSupported
from .common import TRUTH, WORLDS, Broken, Law, ensure, fingerprint


class Subject:
    """A score and the first world whose data it takes."""

    def __init__(self, plug: Any, example: Any = None) -> None:
        self.plug = plug

    @cached_property
    def data(self) -> Data:
        """Data that the score takes."""
        refusals = []
        for name, make in WORLDS.items():
            data = make(n=1500)
            try:
                self.bound(data).local(0, [])
                return data
            except (InputError, NotSupported, NeedsRows) as error:
                refusals.append(f"{name}: {error}")
        raise Broken("refuses every example: " + "; ".join(refusals))

    def bound(self, data: Data) -> Any:
        """The score bound to data, seed 0."""
        return self.plug.on(data, rng=np.random.default_rng(0))

    def local(self, data: Data, node: str, parents: str = "") -> float:
        """Score of one family."""
        return float(self.bound(data).local(data.index(node), [data.index(p) for p in parents]))


def finite(s: Subject) -> str:
    """Every family has a finite score."""
    values = [s.local(s.data, v, p) for v, p in (("a", ""), ("b", "a"), ("d", "bc"), ("d", "abce"))]
    ensure(np.isfinite(values).all(), f"scores {values}")
    return "up to 4 parents"


def gains(s: Subject) -> str:
    """Gains are differences of local scores."""
    bound, data = s.bound(s.data), s.data
    for node, parents in (("d", ""), ("d", "b"), ("b", "ac")):
        at = data.index(node)
        given = [data.index(p) for p in parents]
        rest = [i for i in range(data.d) if i != at and i not in given]
        got = np.asarray(bound.gains(at, given, rest))
        ensure(got.shape == (len(rest),), f"gains of shape {got.shape} for {len(rest)} candidates")
        base = bound.local(at, given)
        want = np.array([bound.local(at, [*given, c]) - base for c in rest])
        worst = float(np.abs(got - want).max())
        ensure(worst < 1e-6 * max(1.0, abs(base)), f"gains differ from differences by {worst:.2g}")
    return "3 families"


def unordered(s: Subject) -> str:
    """The order of parents and of columns plays no part."""
    one, other = s.local(s.data, "d", "bca"), s.local(s.data, "d", "acb")
    ensure(abs(one - other) < 1e-6 * max(1.0, abs(one)), f"{one} and {other}")
    moved = s.local(s.data.select(sorted(s.data.names)), "d", "bca")
    ensure(abs(one - moved) < 1e-6 * max(1.0, abs(one)), f"{one}, reordered {moved}")
    return "parents and columns"


def consistent(s: Subject) -> str:
    """True parents raise the score, superfluous ones lower it (Chickering 2002, definition 6)."""
    for node in TRUTH.names:
        parents = "".join(TRUTH.parents(node))
        base = s.local(s.data, node, parents)
        for p in parents:
            less = s.local(s.data, node, parents.replace(p, ""))
            ensure(less < base, f"{node} scores better without its parent {p}")
        strangers = {"a": "ce", "b": "ce", "d": "ae", "c": "ae", "e": "abcd"}[node]
        for q in strangers:
            more = s.local(s.data, node, parents + q)
            ensure(more < base, f"{node} scores better with {q}, which adds nothing")
    return f"{len(TRUTH.names)} nodes, n = {s.data.n}"


def deterministic(s: Subject) -> str:
    """Same seed, same score; the data are not changed."""
    before = fingerprint(s.data)
    runs = [[s.local(s.data, "d", p) for p in ("", "b", "bc")] for _ in range(2)]
    ensure(runs[0] == runs[1], "two runs with one seed differ")
    ensure(fingerprint(s.data) == before, "the data were changed")
    return "twice"


LAWS: dict[str, Law] = {
    "is finite": finite,
    "has gains that are differences": gains,
    "ignores the order of parents and columns": unordered,
    "is locally consistent": consistent,
    "is deterministic in the seed": deterministic,
}
