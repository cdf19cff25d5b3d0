"""Double 4: three clients that may not share rows; client and server are pure functions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import reduce
from itertools import pairwise

import numpy as np
import pytest

import rung
from rung.core.source import Source
from rung.core.variable import Kind, Variable


def client(state, data):
    """What leaves a site: arrays whose shapes depend on the question, never on the rows."""
    what, names = state
    part = data.select(names)
    if what == "moments":
        m = part.moments()
        return np.array([m.count, m.weight, m.weight2]), m.mean, m.scatter
    return (part.table(names).dense(),)


def server(state, replies):
    """The sum of the replies as a statistic."""
    (what, _), variables, answers = state, *replies
    if what == "counts":
        total = sum(a[0] for a in answers)
        cells = np.argwhere(total > 0)
        return rung.Counts(variables, cells, total[tuple(cells.T)])
    parts = [
        rung.Moments(variables, (1,) * len(variables), int(n[0]), n[1], n[2], mean, scatter)
        for n, mean, scatter in answers
    ]
    return reduce(lambda a, b: a + b, parts)


@dataclass(frozen=True, eq=False)
class Federation(Source):
    """A Source that only ever sees replies."""

    clients: Sequence[rung.Data]
    variables: tuple[Variable, ...] = ()

    def _ask(self, what, names):
        described = tuple(v for name in names for v in self.variables if v.name == name)
        answers = [client((what, names), c) for c in self.clients]
        return server((what, names), (described, answers))

    @property
    def n(self):
        return sum(c.n for c in self.clients)

    def select(self, names):
        return replace(self, variables=self._ask("moments", tuple(names)).variables)

    def signature(self, name):
        return self.moments().signature(name)

    def moments(self, basis=None, *, asker="this method"):
        return self._ask("moments", self.names).moments(basis, asker=asker)

    def table(self, names, *, asker="this method"):
        return self._ask("counts", tuple(names))


def split(data, sizes=(150, 50, 300)):
    ends = np.cumsum((0, *sizes))
    parts = [data[a:b] for a, b in pairwise(ends)]
    return Federation(parts, data.variables)


def chain(n=500):
    """A -> B -> D <- C with clear effects."""
    rng = np.random.default_rng(3)
    a, c = rng.normal(size=(2, n))
    b = 1.2 * a + rng.normal(size=n)
    d = 0.9 * b - 1.1 * c + rng.normal(size=n)
    return rung.Data.from_matrix(np.column_stack([d, a, c, b]), "DACB")


def binary(n=500):
    rng = np.random.default_rng(4)
    x = (rng.random(n) < 0.5).astype(float)
    y = (rng.random(n) < 0.15 + 0.7 * x).astype(float)
    z = (rng.random(n) < 0.5).astype(float)
    w = (rng.random(n) < 0.1 + 0.4 * y + 0.4 * z).astype(float)
    names = [Variable(name, Kind.BINARY, (0, 1)) for name in "wxyz"]
    return rung.Data.from_matrix(np.column_stack([w, x, y, z]), variables=names)


def test_sums_of_replies_are_the_pooled_statistics():
    data = chain()
    pooled, summed = data.moments(), split(data).moments()
    assert np.allclose(pooled.mean, summed.mean, rtol=1e-12)
    assert np.allclose(pooled.scatter, summed.scatter, rtol=1e-12)
    counts = binary()
    here, there = counts.table(["x", "w"]), split(counts).table(["x", "w"])
    assert np.array_equal(here.dense(), there.dense())


def test_replies_have_fixed_shapes():
    data = chain()
    small, large = (client(("moments", data.names), data[:k]) for k in (10, 400))
    assert [r.shape for r in small] == [r.shape for r in large]


@pytest.mark.parametrize("learner", [lambda: rung.PC(test=rung.FisherZ()), lambda: rung.BOSS()])
def test_the_graph_is_the_pooled_graph(learner):
    data = chain()
    pooled = rung.discover(data, learner())
    federated = rung.discover(split(data), learner())
    assert federated.graph == pooled.graph
    assert federated.graph == rung.Graph.parse("A -- B -> D <- C")


def test_counts_federate_too():
    data = binary()
    learner = rung.PC(test=rung.G2())
    assert rung.discover(split(data), learner).graph == rung.discover(data, learner).graph


def test_rows_stay_where_they_are():
    with pytest.raises(rung.core.errors.NeedsRows, match="Federation"):
        split(chain()).rows()


def test_the_source_keeps_its_contract():
    report = rung.check(split(chain()))
    assert report.passed, report
