"""Laws of a conditional independence test."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from typing import Any

import numpy as np

from ...core.data import Data
from ...core.errors import InputError, NeedsRows, NotSupported
from .common import WORLDS, Broken, Law, ensure, fingerprint

DRAWS = 160  # data sets under the null
KS = 0.155  # 1.95 / sqrt(160): a uniform sample exceeds it with probability 0.001
PAIRS = [("a", "c", ()), ("a", "d", ("b",)), ("a", "b", ()), ("b", "d", ("a", "c")), ("e", "d", ())]


class Subject:
    """A test and the first world whose data it takes."""

    def __init__(self, plug: Any, example: Any = None) -> None:
        self.plug = plug

    @cached_property
    def world(self) -> Callable[..., Data]:
        """Maker of data that the test takes."""
        refusals = []
        for name, make in WORLDS.items():
            data = make()
            try:
                self.bound(data).pvalues(np.array([1]), np.array([2]), np.zeros((1, 0), dtype=int))
                return make
            except (InputError, NotSupported, NeedsRows) as error:
                refusals.append(f"{name}: {error}")
        raise Broken("refuses every example: " + "; ".join(refusals))

    @cached_property
    def data(self) -> Data:
        """One data set of that world."""
        return self.world()

    def bound(self, data: Data) -> Any:
        """The test bound to data, seed 0."""
        return self.plug.on(data, rng=np.random.default_rng(0))

    def p(self, data: Data, x: str, y: str, given: tuple[str, ...] = ()) -> float:
        """One p-value."""
        where = np.array([[data.index(g) for g in given]], dtype=np.intp).reshape(1, len(given))
        at = np.array([data.index(x)], dtype=np.intp), np.array([data.index(y)], dtype=np.intp)
        return float(self.bound(data).pvalues(*at, where)[0])


def probabilities(s: Subject) -> str:
    """Every p-value lies in [0, 1]."""
    found = [s.p(s.data, x, y, z) for x, y, z in PAIRS]
    ensure(all(0 <= p <= 1 for p in found), f"p-values {found}")
    return f"{len(found)} tests"


def symmetric(s: Subject) -> str:
    """x against y is y against x, whatever the order of the conditioning set."""
    for x, y, z in PAIRS:
        there, back = s.p(s.data, x, y, z), s.p(s.data, y, x, z[::-1])
        ensure(abs(there - back) < 1e-7, f"p({x}, {y} | {z}) = {there}, swapped {back}")
    return f"{len(PAIRS)} pairs"


def batches(s: Subject) -> str:
    """A batch gives what single tests give."""
    data = s.data
    for k in (0, 1, 2):
        chosen = [t for t in PAIRS if len(t[2]) == k]
        if not chosen:
            continue
        x = np.array([data.index(t[0]) for t in chosen], dtype=np.intp)
        y = np.array([data.index(t[1]) for t in chosen], dtype=np.intp)
        z = np.array([[data.index(g) for g in t[2]] for t in chosen], dtype=np.intp)
        got = np.asarray(s.bound(data).pvalues(x, y, z.reshape(len(chosen), k)))
        ensure(got.shape == (len(chosen),), f"shape {got.shape} for {len(chosen)} tests")
        alone = np.array([s.p(data, *t) for t in chosen])
        ensure(np.allclose(got, alone, atol=1e-7), f"batch {got}, single {alone}")
    return "sets of size 0, 1, 2"


def reordered(s: Subject) -> str:
    """The order of columns and their names play no part."""
    names = {name: f"v{i}" for i, name in enumerate(s.data.names)}
    other = s.data.select(sorted(s.data.names)).renamed(names)
    for x, y, z in PAIRS:
        here = s.p(s.data, x, y, z)
        there = s.p(other, names[x], names[y], tuple(names[g] for g in z))
        ensure(abs(here - there) < 1e-7, f"p({x}, {y} | {z}) = {here}, elsewhere {there}")
    return "one permutation"


def uniform(s: Subject) -> str:
    """p-values are roughly uniform if the null holds, without and with a conditioning set."""
    out = []
    for x, y, z in (("a", "c", ()), ("a", "d", ("b",))):
        p = np.sort([s.p(s.world(seed=100 + i), x, y, z) for i in range(DRAWS)])
        grid = np.arange(1, DRAWS + 1) / DRAWS
        distance = float(np.maximum(np.abs(grid - p), np.abs(grid - 1 / DRAWS - p)).max())
        share = float((p < 0.05).mean())
        ensure(share <= 0.11, f"rejects {share:.0%} of true nulls at 0.05")
        conservative = bool((grid - p < KS).all())
        ensure(distance < KS or conservative, f"distance {distance:.2f} from uniform")
        out.append(f"{share:.1%} below 0.05, distance {distance:.3f}")
    return "; ".join(out)


def power(s: Subject) -> str:
    """Strong dependence is seen, and what explains it away is believed."""
    strong = s.p(s.data, "a", "b"), s.p(s.data, "b", "d", ("a", "c"))
    ensure(max(strong) < 1e-3, f"p-values {strong} for direct causes")
    collider = s.p(s.data, "b", "c", ("d",))
    ensure(collider < 0.05, f"p = {collider:.2g} for two causes given their effect")
    return f"direct {max(strong):.1g}, collider {collider:.1g}"


def deterministic(s: Subject) -> str:
    """Same seed, same p-values; the data are not changed."""
    before = fingerprint(s.data)
    runs = [[s.p(s.data, x, y, z) for x, y, z in PAIRS] for _ in range(2)]
    ensure(runs[0] == runs[1], "two runs with one seed differ")
    ensure(fingerprint(s.data) == before, "the data were changed")
    return "twice"


LAWS: dict[str, Law] = {
    "gives p-values in [0, 1]": probabilities,
    "is symmetric": symmetric,
    "gives the same in batches": batches,
    "ignores names and order": reordered,
    "is uniform under the null": uniform,
    "has power": power,
    "is deterministic in the seed": deterministic,
}
