"""No name and no order matters; bad input is named; any object with `learn` works."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import rung
from rung.core.errors import InputError, MissingCells, RungError, UnknownName
from rung.core.variable import Kind
from tests.discovery.support import draw, levels, names, random_dag, weights

RNG = np.random.default_rng


def continuous(seed, d=6, n=120):
    rng = RNG(seed)
    return rung.Data.from_matrix(draw(rng, weights(rng, random_dag(rng, d, 2.5)), n), names(d))


def discrete(seed):
    x = continuous(seed, 5, 300)
    return levels((x.values > 0) * 1.0 + (x.values > 1), [3] * 5)


def mixed(seed):
    x = continuous(seed, 5, 200)
    return x.with_column(
        rung.Variable("V2", Kind.CATEGORICAL, ("lo", "mid", "hi")),
        np.digitize(x["V2"], [-0.5, 0.5]).astype(float),
    )


def conditions(seed):
    env = RNG(seed).integers(3, size=240)
    targets = np.zeros((3, 6), dtype=bool)
    targets[1, 2] = targets[2, 4] = True
    return continuous(seed, 6, 240).replacing(
        environment=env, environments=("a", "b", "c"), targets=targets
    )


CASES = {
    "PC": (rung.PC(alpha=0.05), continuous),
    "PC first": (rung.PC(rule=rung.discovery.colliders.FirstSeparator()), continuous),
    "PC G2": (rung.PC(rung.G2()), discrete),
    "PC mixed": (rung.PC(rung.DegenerateGaussian()), mixed),
    "PC targets": (rung.PC(), conditions),
    "BOSS": (rung.BOSS(), continuous),
    "BOSS discrete": (rung.BOSS(rung.DiscreteBIC()), discrete),
    "BOSS mixed": (rung.BOSS(rung.DegenerateGaussianBIC()), mixed),
    "BOSS conditional": (rung.BOSS(rung.ConditionalGaussianBIC()), mixed),
    "BOSS targets": (rung.BOSS(), conditions),
    "NormalScores": (rung.NormalScores(rung.BOSS()), continuous),
    "Bootstrap": (rung.Bootstrap(rung.BOSS(), draws=6), continuous),
    "Hermite": (rung.BOSS(rung.GaussianBIC(1.0, rung.Hermite(3))), continuous),
    "Auto": (rung.Auto(), mixed),
    "Auto targets": (rung.Auto(), conditions),
}


@pytest.mark.parametrize("case", CASES)
@settings(max_examples=8, deadline=None)
@given(seed=st.integers(0, 10**6))
def test_names_and_order_play_no_part(case, seed):
    learner, make = CASES[case]
    data = make(seed)
    rng = RNG(seed)
    order = [data.names[i] for i in rng.permutation(data.d)]
    new = {old: f"{chr(122 - i)} {i}" for i, old in enumerate(rng.permutation(data.names))}
    first = rung.discover(data, learner, seed=5)
    second = rung.discover(data.select(order).renamed(new), learner, seed=5)
    assert second.names == tuple(new[v] for v in order)
    assert second.graph == first.graph.relabel(new)
    weights_of = {g.relabel(new): w for g, w in first.graphs}
    assert dict(second.graphs) == weights_of
    assert second.score == first.score


@pytest.mark.parametrize("learner", [rung.PC(), rung.BOSS()], ids=lambda k: type(k).__name__)
def test_moments_too(learner):
    data = continuous(3)
    order = list(reversed(data.names))
    first, second = (rung.discover(data.select(k).moments(), learner) for k in (data.names, order))
    assert first.graph == second.graph


@pytest.mark.parametrize("learner", [rung.PC(), rung.BOSS()], ids=lambda k: type(k).__name__)
def test_the_order_of_rows_plays_no_part_in_clear_cases(learner):
    for seed in range(10):
        rng = RNG(seed)
        b = weights(rng, random_dag(rng, 6, 2))
        data = rung.Data.from_matrix(draw(rng, b, 2000), names(6))
        shuffled = data.take(rng.permutation(data.n))
        # the sums differ by rounding, and the order of columns that content gives
        assert rung.discover(data, learner).graph == rung.discover(shuffled, learner).graph


def column(data, name, values, **described):
    return data.with_column(rung.Variable(name, **described), np.asarray(values, dtype=float))


BASE = continuous(0)
BAD = {
    "constant": (column(BASE, "flat", np.full(120, 3.0)), "'flat' is constant"),
    "nearly constant": (column(BASE, "flat", 1e9 + 1e-7 * np.arange(120)), "'flat' is constant"),
    "infinite": (column(BASE, "big", [np.inf, *range(119)]), "'big' is infinite in 1 rows"),
    "copy": (column(BASE, "copy", BASE["V1"]), "'V1' and 'copy' are duplicates"),
    "scaled copy": (column(BASE, "deg", BASE["V1"] * 1.8 + 32), "'V1' and 'deg' are duplicates"),
    "sum": (column(BASE, "sum", BASE["V1"] + BASE["V4"]), "'sum' is a linear combination of"),
    "identifier": (
        column(BASE, "id", np.arange(120), kind=Kind.IDENTIFIER),
        "'id' is like an identifier",
    ),
    "said constant": (column(BASE, "k", np.ones(120), kind=Kind.CONSTANT), "'k' is constant"),
    "many levels": (
        column(BASE, "zip", np.arange(120), kind=Kind.CATEGORICAL, levels=tuple(range(120))),
        "'zip' has 120 levels in 120 rows",
    ),
    "few rows": (BASE[:6], "6 rows for 6 columns"),
    "one row": (BASE[:1], "one row"),
    "no column": (BASE.select([]), "no column"),
}


@pytest.mark.parametrize("case", BAD)
@pytest.mark.parametrize(
    "learner", [rung.PC(), rung.BOSS(), rung.Auto()], ids=lambda k: type(k).__name__
)
def test_bad_input_is_named(case, learner):
    data, text = BAD[case]
    with pytest.raises(InputError, match=text):
        rung.discover(data, learner)


def test_recoded_levels_are_duplicates():
    data = discrete(0)
    twin = rung.Variable("twin", Kind.CATEGORICAL, ("x", "y", "z"))
    recoded = data.with_column(twin, np.array([2.0, 0.0, 1.0])[data.column("V1").astype(int)])
    with pytest.raises(InputError, match="'V1' and 'twin' are duplicates"):
        rung.discover(recoded, rung.PC(rung.G2()))


def test_missing_cells_need_a_policy():
    x = BASE.values.copy()
    x[:7, 2] = np.nan
    holed = rung.Data.from_matrix(x, BASE.names)
    for learner in (rung.PC(), rung.BOSS()):
        with pytest.raises(MissingCells, match="V2"):
            rung.discover(holed, learner)
        dropped = rung.discover(holed.replacing(missing=rung.CompleteCases()), learner)
        assert dropped.graph == rung.discover(BASE[7:], learner).graph
        assert any("7 of 120 rows" in note for note in dropped.notes)
        found = rung.discover(holed.replacing(missing=rung.TestWise()), learner)
        own = "complete in its own columns" if isinstance(learner, rung.PC) else "left out"
        assert any(own in note for note in found.notes)


def test_more_columns_than_rows_only_if_declared():
    wide = continuous(1, d=30, n=25)
    with pytest.raises(InputError, match="few_rows"):
        rung.discover(wide, rung.BOSS())
    found = rung.discover(wide, rung.PC(few_rows=True))
    assert found.graph.d == 30


def test_unknown_names_in_knowledge():
    with pytest.raises(UnknownName, match="nearest: 'V1'"):
        rung.discover(BASE, rung.PC(), knowledge=rung.Knowledge(required=["V1x -> V2"]))


@dataclass(frozen=True)
class Toy:
    """An unregistered learner, obedient or not."""

    obedient: bool = True

    def learn(self, source, *, knowledge=None, budget=None, rng=0):
        graph = rung.Graph.complete(source.names, "->")
        if self.obedient:
            graph = rung.Graph.from_edges(
                [(a, "->", b) for a, b in knowledge.required], source.names
            )
        return rung.Discovery(graph, learner=self)


def test_any_object_with_learn_works():
    known = rung.Knowledge(required=["V4 -> V0"], forbidden=["V0 -> V1", "V1 -> V0"])
    found = rung.discover(BASE, Toy(), knowledge=known, seed=9)
    assert found.graph == rung.Graph.from_edges([("V4", "->", "V0")], BASE.names)
    assert (found.seed, found.knowledge) == (9, known)
    assert found.graph.names == BASE.names
    with pytest.raises(RungError, match="breaks the knowledge"):
        rung.discover(BASE, Toy(obedient=False), knowledge=known)
    for wrong in (rung.PC, "pc", 3):
        with pytest.raises(InputError, match="learn"):
            rung.discover(BASE, wrong)
    with pytest.raises(InputError, match=r"rung\.read"):
        rung.discover(BASE.values, rung.PC())
