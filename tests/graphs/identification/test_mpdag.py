"""Effects in the class of a CPDAG or MPDAG against all of its members."""

from __future__ import annotations

import numpy as np
import pytest

from rung.core.errors import NotIdentified
from rung.core.graph import Graph
from rung.graphs import complete, cpdag, identify, members
from rung.graphs.identification.asking import by_adjustment
from rung.graphs.identification.mpdag import mpdag
from rung.graphs.identification.query import Interventional

from .structural import World, random_admg


def drawn(rng: np.random.Generator) -> tuple[Graph, Graph]:
    """A DAG, and its class with one arrow more told in half of the cases."""
    dag = random_admg(rng, int(rng.integers(3, 7)), rng.uniform(0.3, 0.8), 0.0)
    shown = cpdag(dag)
    loose = np.argwhere((shown.marks == 1) & (shown.marks.T == 1) & (dag.marks == 2))
    if len(loose) and rng.random() < 0.5:
        required = np.zeros(shown.marks.shape, dtype=bool)
        required[tuple(loose[rng.integers(len(loose))])] = True
        shown = complete(shown, required=required)
    return dag, shown


def test_identified_iff_all_members_agree():
    """Theorem 3.6 of Perkovic (2020), and the same for conditional questions."""
    rng = np.random.default_rng(9)
    right = refused = beyond = 0
    for k in range(50):
        dag, shown = drawn(rng)
        listed = list(members(shown, 60))
        tables = [World(dag, np.random.default_rng([k, i])).observed() for i in range(2)]
        for _ in range(3):
            order = rng.permutation(dag.names).tolist()
            x = int(rng.integers(1, dag.d))
            y = int(rng.integers(x + 1, dag.d + 1))
            z = int(rng.integers(y, dag.d + 1)) if rng.random() < 0.4 else y
            asked = Interventional(order[x:y], order[:x], given=order[y:z])
            values = [[identify(m, asked).evaluate(t, dag.names) for m in listed] for t in tables]
            apart = max(np.abs(v - row[0]).max() for row in values for v in row)
            try:
                found = mpdag(shown, asked)
            except NotIdentified:
                assert apart > 1e-9
                refused += 1
                continue
            for table, row in zip(tables, values, strict=True):
                np.testing.assert_allclose(found.evaluate(table, dag.names), row[0], atol=1e-9)
            assert apart < 1e-9
            right += 1
            beyond += by_adjustment(shown, asked) is None
    assert right > 40
    assert refused > 40
    assert beyond > 10


def test_example_without_an_adjustment_set():
    """Perkovic (2020), example with two treatments: no set adjusts, the effect is identified."""
    shown = Graph.parse("X1 -> M; V -> M; M -> X2; X2 -> Y; M -> Y; V -- L")
    asked = Interventional("Y", ["X1", "X2"])
    assert by_adjustment(shown, asked) is None
    found = identify(shown, asked)
    assert found.rule == "g-formula of the class"
    assert found.text.endswith("= sum over M of P(M | X1) P(Y | M, X2)")


def test_refusal_names_the_edge():
    with pytest.raises(NotIdentified, match="A -- B may point either way"):
        identify(Graph.parse("A -- B; B -- C"), Interventional("C", "A"))
