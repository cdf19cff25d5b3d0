"""Questions over classes and sets of graphs: the answers of the members, put together."""

from __future__ import annotations

import numpy as np
import pytest

import rung
from rung.core.errors import NotIdentified
from rung.graphs import cpdag, members

DAG = rung.Graph.parse("a -> z; a -> x; x -> m; m -> y; x -> y; a -> y")
ASKED = [
    rung.NDE("x", "y", "m"), rung.NIE("x", "y", "m"), rung.CDE("x", "y", "m", at=1),
    rung.PN("x", "y"), rung.PNS("x", "y"),
]  # fmt: skip


@pytest.fixture(scope="module")
def rows() -> rung.Data:
    rng = np.random.default_rng(0)

    def drawn(chance: object) -> np.ndarray:
        return (rng.random(600) < chance).astype(float)

    a = drawn(0.5)
    z, x = drawn(0.3 + 0.4 * a), drawn(0.2 + 0.5 * a)
    m = drawn(0.2 + 0.5 * x)
    y = drawn(0.1 + 0.3 * m + 0.2 * x + 0.3 * a)
    variables = [rung.Variable(name, rung.Kind.BINARY, (0, 1)) for name in "azxmy"]
    return rung.Data.from_matrix(np.column_stack([a, z, x, m, y]), variables=variables)


@pytest.mark.parametrize("query", ASKED, ids=repr)
def test_a_class_is_the_hull_of_its_members(query: rung.Query, rows: rung.Data) -> None:
    whole = rung.effect(cpdag(DAG), rows, query)
    ends = []
    for member in members(cpdag(DAG)):
        try:
            ends.append(rung.effect(member, rows, query).interval)
        except NotIdentified:
            assert "there is no answer" in " ".join(whole.warnings)
    assert len(ends) >= 2
    low, high = min(e[0] for e in ends), max(e[1] for e in ends)
    np.testing.assert_allclose(whole.interval, (low, high), atol=1e-9)
    assert np.isnan(whole.value)  # the members have no probabilities


@pytest.mark.parametrize("query", ASKED, ids=repr)
def test_weights_are_kept(query: rung.Query, rows: rung.Data) -> None:
    other = rung.Graph.parse("a -> z; x -> m; m -> y; x -> y; a -> y")
    found = rung.effect([(DAG, 3.0), (other, 1.0)], rows, query)
    assert sum(p.weight for p in found.parts) == pytest.approx(1.0)
    alone = rung.effect(DAG, rows, query)
    heavy = max(found.parts, key=lambda p: p.weight)
    assert heavy.weight >= 0.75 - 1e-12
    assert heavy.interval == alone.interval


def test_no_graph_has_an_answer(rows: rung.Data) -> None:
    hidden = rung.Graph.parse("x -> m; m -> y; x -> y; x <-> y; m <-> y; a; z")
    with pytest.raises(NotIdentified):
        rung.effect([(hidden, 1.0)], rows, ASKED[0])


def test_groups_are_compared_although_the_heaviest_graph_has_no_effect(rows: rung.Data) -> None:
    apart = rung.Graph.parse("a -> z; a -> x; a -> y; m -> y")
    found = rung.effect([(apart, 2.0), (DAG, 1.0)], rows, rung.CATE("x", "y", by=("z",)))
    alone = rung.effect(DAG, rows, rung.CATE("x", "y", by=("z",)))
    assert "33% of the weight" in " ".join(found.warnings)
    for one, two in zip(found.diagnostics["levels"], alone.diagnostics["levels"], strict=True):
        assert one["value"] == pytest.approx(two["value"], abs=1e-9)
    with pytest.raises(NotIdentified, match="every group"):
        rung.effect(apart, rows, rung.CATE("x", "y", by=("z",)))


def test_groups_by_another_formula_are_refused(rows: rung.Data) -> None:
    front = rung.Graph.parse("x -> m -> y; x <-> y; a; z")
    with pytest.raises(NotIdentified, match="adjustment only"):
        rung.effect(front, rows, rung.CATE("x", "y", by=("z",)))
