"""Falsification of graphs: counts by hand, exact shares by enumeration, planted mistakes."""

from itertools import permutations

import numpy as np
import pandas as pd
import pytest
from scipy import stats

import rung
from rung.core.errors import InputError, MissingCells, RungError
from rung.graphs import implied_independences, markov_equivalent

TRUTH = rung.Graph.parse("a -> b -> d <- c; d -> e")


def rows(n=400, seed=0):
    rng = np.random.default_rng(seed)
    a, c = rng.normal(size=(2, n))
    b = a + rng.normal(size=n)
    d = b + c + rng.normal(size=n)
    e = d + rng.normal(size=n)
    return rung.Data.from_matrix(np.column_stack([a, b, c, d, e]), list("abcde"))


def by_hand(data, one):
    """p-value of Fisher's z by regression residuals."""
    z = np.column_stack([np.ones(data.n), *(data.column(k) for k in one.given)])

    def left(name):
        v = data.column(name)
        return v - z @ np.linalg.lstsq(z, v, rcond=None)[0]

    r = np.corrcoef(left(one.x), left(one.y))[0, 1]
    return 2 * stats.norm.sf(np.sqrt(data.n - len(one.given) - 3) * abs(np.arctanh(r)))


def renamed(graph, order):
    names = dict(zip(graph.names, order, strict=True))
    return rung.Graph(tuple(names[n] for n in graph.names), graph.marks)


@pytest.mark.parametrize("text", ["a -> b -> d <- c; d -> e", "a -> b; c -> d -> e; a -> e"])
def test_shares_equal_those_of_all_permutations_by_hand(text):
    data, graph = rows(), rung.Graph.parse(text)
    found = rung.falsify(graph, data)
    share = lambda g: np.mean([by_hand(data, one) <= 0.05 for one in implied_independences(g)])  # noqa: E731
    every = [renamed(graph, order) for order in permutations(graph.names)]
    shares = np.array([share(g) for g in every])
    assert found.violations / found.tests == pytest.approx(share(graph))
    assert np.sort(found.permuted) == pytest.approx(np.sort(shares))
    assert found.chance == pytest.approx(np.mean(shares <= share(graph) + 1e-12))
    same = np.mean([markov_equivalent(graph, g.reorder(graph.names)) for g in every])
    assert found.same_class == pytest.approx(same)


def test_the_true_graph_stands_and_a_wrong_one_falls():
    data = rows()
    true = rung.falsify(TRUTH, data)
    assert (true.failing, true.verdict, true.falsified) == ((), "better than chance", False)
    wrong = rung.falsify(rung.Graph.parse("e -> a; e -> b; c -> b; d -> c"), data)
    assert wrong.falsified
    assert wrong.failing


def test_a_missing_edge_is_named_and_so_is_an_idle_one():
    data = rows()
    lacking = rung.falsify(rung.Graph.parse("a -> b; d <- c; d -> e"), data)
    assert lacking.add[0].edge == "b -> d"
    assert lacking.add[0].after == 0
    idle = rung.falsify(rung.Graph.parse("a -> b -> d <- c; d -> e; a -> e"), data)
    assert [r.edge for r in idle.remove] == ["a -> e"]
    assert not rung.falsify(TRUTH, data).remove


def test_hidden_nodes_are_projected_and_admgs_are_tested():
    rng = np.random.default_rng(3)
    u, z, w = rng.normal(size=(3, 500))
    a, b = z + u + rng.normal(size=500), w + u + rng.normal(size=500)
    data = rung.Data.from_matrix(np.column_stack([z, w, a, b]), list("zwab"))
    hidden = rung.falsify(rung.Graph.parse("z -> a <- u -> b <- w"), data)
    assert hidden.graph == rung.Graph.parse("z -> a <-> b <- w").reorder(hidden.graph.names)
    assert not hidden.failing
    assert "hidden" in hidden.notes[0]
    without = rung.falsify(rung.Graph.parse("z -> a; w -> b"), data)
    assert {"a", "b"} in [{one.x, one.y} for one in without.failing]


def test_a_complete_graph_says_too_little():
    found = rung.falsify(rung.Graph.parse("a -> b; a -> d; b -> d"), rows())
    assert (found.tests, found.verdict, found.falsified) == (0, "says too little", False)
    assert found.frame().empty


def test_levels_mixed_and_other_tests():
    data = rows()
    cut = rung.read(pd.DataFrame({n: np.where(data.column(n) > 0, "u", "v") for n in "abcde"}))
    assert rung.falsify(TRUTH, cut).test == "G2"
    mixed = rung.read(
        pd.DataFrame({n: data.column(n) if n != "c" else data.column(n) > 0 for n in data.names})
    )
    found = rung.falsify(TRUTH, mixed)
    assert found.test == "DegenerateGaussian"
    assert not found.failing
    assert rung.falsify(TRUTH, data, test=rung.PartialRank()).test == "PartialRank"


def test_weighted_graphs_and_a_discovery():
    data, wrong = rows(), rung.Graph.parse("a -> b; d <- c; d -> e")
    found = rung.falsify([(TRUTH, 3.0), (wrong, 1.0)], data)
    assert found.graph == TRUTH
    assert [bool(p["failing"]) for p in found.parts] == [False, True]
    learned = rung.falsify(rung.discover(data, rung.Bootstrap(rung.BOSS(), draws=4)), data)
    assert len(learned.parts) >= 1 or learned.tests
    many = rung.falsify(wrong, data, permutations=30, seed=4)
    again = rung.falsify(wrong, data, permutations=30, seed=4)
    assert np.array_equal(many.permuted, again.permuted)
    assert many.chance >= 1 / 31


def test_a_result_is_saved_and_drawn(tmp_path):
    found = rung.falsify(rung.Graph.parse("a -> b; d <- c; d -> e"), rows())
    assert rung.load(found.save(tmp_path / "f.rung")).failing == found.failing
    assert found.plot()._repr_svg_().startswith("<svg")
    assert "eulig2023" in found.cite()
    assert "try adding b -> d" in repr(found)


def test_bad_input_is_named():
    data = rows(60)
    with pytest.raises(InputError, match="at least 2"):
        rung.falsify(rung.Graph.parse("x -> y"), data)
    with pytest.raises(InputError, match="cannot read a graph"):
        rung.falsify("a -> b", data)
    with pytest.raises(InputError, match="alpha"):
        rung.falsify(TRUTH, data, alpha=2)
    with pytest.raises(InputError, match="permutations"):
        rung.falsify(TRUTH, data, permutations=0)
    with pytest.raises(InputError, match="cycle"):
        rung.falsify(rung.Graph.parse("a -> b; b -> c; c -> a"), data)
    holed = data.matrix().copy()
    holed[3, 0] = np.nan
    with pytest.raises(MissingCells, match="row 3"):
        rung.falsify(TRUTH, rung.Data.from_matrix(holed, data.names))
    holed[3, 0] = np.inf
    with pytest.raises(RungError, match="infinite"):
        rung.falsify(TRUTH, rung.Data.from_matrix(holed, data.names))
