"""Every exported plug against the laws of its shape: an export line is enough to be tested."""

from __future__ import annotations

import dataclasses
import importlib
import inspect

import pytest

import rung
from rung.bench.contracts import check
from rung.bench.registry import is_plug

# Cheap settings for plugs that are slow or need an argument; the rest are tried as they are.
CHEAP = {
    "Bootstrap": lambda plug: plug(rung.BOSS(), draws=8),
    "CDNOD": lambda plug: plug(rung.FisherZ()),
    "FedDAG": lambda plug: plug(rounds=4, steps=10, hidden=3),
    "LocalCauses": lambda plug: plug("d"),
    "BoostedAdditive": lambda plug: plug(iterations=30),
    "DagmaMLP": lambda plug: plug(hidden=(3,), steps=40, central=(0.1, 0.01)),
    "NotearsMLP": lambda plug: plug(hidden=(3,), steps=30, tolerance=1e-3),
}
EXPORTS = [
    pytest.param(family, name, id=name)
    for family in ("discovery", "mechanisms", "effects")
    for name in importlib.import_module(f"rung.{family}").__all__
]


@pytest.mark.parametrize(("family", "name"), EXPORTS)
def test_the_laws_hold(family, name):
    plug = getattr(importlib.import_module(f"rung.{family}"), name)
    if not is_plug(plug):
        # queries and settings of plugs: values without laws of their own
        assert inspect.isfunction(plug) or plug.__dataclass_params__.frozen, name
        return
    report = check(CHEAP[name](plug) if name in CHEAP else plug)
    assert report.passed, report
    assert len(report.outcomes) >= 4


@pytest.mark.parametrize(
    "plug",
    [
        rung.Do("x", 1),
        rung.Shift("x", 0.5),
        rung.Scale("x", 2.0),
        rung.Policy("x", lambda z: z * 2, given=("z",)),
        rung.Swap("x"),
        rung.Swap("x", under=rung.Do("y", 1.0)),
        rung.Column("x"),
    ],
    ids=repr,
)
def test_interventions_and_sites(plug):
    report = check(plug)
    assert report.passed, report


@pytest.mark.parametrize("world", ["linear", "binary", "mixed"])
def test_models(world):
    from rung.bench.laws.common import TRUTH, WORLDS

    data = WORLDS[world]()
    for structure in (TRUTH, rung.graphs.cpdag(TRUTH)):
        report = check(rung.fit(structure, data))
        assert report.passed, report


def test_sources():
    from rung.bench.laws.common import binary, linear

    data = linear()
    for source in (data, data.moments(), binary(), binary().table(list("abc"))):
        report = check(source)
        assert report.passed, report


# A contract that cannot fail proves nothing: each of these breaks one law, and must be caught.


@dataclasses.dataclass(frozen=True)
class Stubborn:
    """Returns the truth whatever it is told."""

    graph: rung.Graph = dataclasses.field(
        default_factory=lambda: rung.Graph.parse("a -> b -> d <- c; e")
    )

    def learn(self, source, *, knowledge=None, budget=None, rng=0):
        names = source.names
        known = dict(zip("abcde", sorted(names), strict=False))
        graph = self.graph.relabel(known) if set(names) != set("abcde") else self.graph
        return rung.Discovery(graph, learner=self)


@dataclasses.dataclass(frozen=True)
class Random:
    """A test that says anything, and not twice the same."""

    def on(self, source, *, rng):
        import numpy as np

        class Bound:
            def pvalues(self, x, y, given):
                return np.random.default_rng().random(len(x)) ** 3

        return Bound()


@dataclasses.dataclass(frozen=True)
class Greedy:
    """A score without a penalty, whose gains are not differences."""

    def on(self, source, *, rng):
        import numpy as np

        class Bound:
            def local(self, node, parents):
                return float(len(parents))

            def gains(self, node, parents, candidates):
                return np.full(len(candidates), 2.0)

        return Bound()


class Leaky(rung.Intervention):
    """Changes the natural value in place."""

    variable = "x"

    @property
    def uses_natural(self):
        return True

    def apply(self, natural, context):
        natural += 1
        return natural


class Deaf(rung.Site):
    """Writes nowhere."""

    def read(self, values):
        return values["x"]

    def write(self, values, value):
        return values


def broken(plug, **options):
    return {o.law for o in check(plug, **options).broken}


def test_what_breaks_a_law_is_caught():
    assert {
        "obeys required, forbidden and tiers",
        "obeys ties",
        "is equivariant to renaming and reordering",
    } <= broken(Stubborn())
    assert {"is symmetric", "is deterministic in the seed", "is uniform under the null"} <= broken(
        Random()
    )
    assert {"has gains that are differences", "is locally consistent"} <= broken(Greedy())
    assert "is pure" in broken(Leaky())
    assert "reads what was written" in broken(Deaf(), example=({"x": 1.0}, 2.0, 3.0))


def test_the_report_shows_and_travels():
    import json

    report = check(rung.Column("x"))
    assert "pass" in repr(report)
    assert "3 of 3 laws hold" in repr(report)
    assert len(report.frame()) == 3
    content = json.loads(report.json())
    assert content["passed"] is True
    assert content["shapes"] == ["Site"]
    bad = check(Deaf(), example=({"x": 1.0}, 2.0, 3.0))
    assert "FAIL" in repr(bad)
    assert not bad.passed


def test_what_is_no_plug_is_refused():
    with pytest.raises(rung.core.errors.InputError, match="plug shapes"):
        check(42)
    with pytest.raises(rung.core.errors.InputError, match="pass an instance"):
        check(rung.Do)
    with pytest.raises(rung.core.errors.InputError, match="example"):
        check(Deaf())


def test_the_verb_is_the_same():
    assert rung.check(rung.Column("x")).passed
