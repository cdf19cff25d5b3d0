"""Simplification: each rule keeps the value on tables that fit the graph."""

import numpy as np
import pytest

from rung.bench.identification_cases import random_admg
from rung.core.graph import Graph
from rung.graphs import Interventional, random_latent_model, simplify
from rung.graphs.identification.admg import Admg
from rung.graphs.identification.expression import (
    Expression,
    Joint,
    One,
    Probability,
    Product,
    Quotient,
    Sum,
)
from rung.graphs.identification.formula import Formula
from rung.graphs.identification.id import Fails, identify_conditional

P = Probability
CHAIN = Graph.parse("A -> B; B -> C; C -> D")  # A idle for C given B, and so on


def p(of: str, given: str = "") -> Probability:
    return P(tuple(of), tuple(given))


RULES = {
    "factor leaves the sum": (Sum(("B",), Product((p("A"), p("B", "A")))), None, p("A")),
    "sum over part of one": (Sum(("B",), p("AB", "C")), None, p("A", "C")),
    "chain": (Product((p("A", "BC"), p("B", "C"))), None, p("AB", "C")),
    "chain, summed": (Sum(("B",), Product((p("A", "BC"), p("B", "C")))), None, p("A", "C")),
    "quotient": (Quotient(p("AB", "C"), p("B", "C")), None, p("A", "BC")),
    "equal factors": (Quotient(Product((p("A"), p("B", "C"))), p("A")), None, p("B", "C")),
    "quotients in a product": (
        Product((Quotient(p("A", "B"), p("C", "D")), p("C", "D"))), None, p("A", "B"),
    ),
    "divisor enters a sum": (
        Quotient(Sum(("B",), Product((p("AB"), p("C", "AB")))), p("A")), None, p("C", "A"),
    ),
    "idle condition": (p("D", "ABC"), CHAIN, p("D", "C")),
    "idle condition put in": (Sum(("B",), Product((p("C", "B"), p("B", "A")))), CHAIN, p("C", "A")),
    "sum to one": (Sum(("B",), p("B", "A")), None, One()),
    "nothing to do": (Product((p("A", "B"), p("C", "D"))), None, Product((p("A", "B"), p("C", "D")))),
}  # fmt: skip


@pytest.mark.parametrize("rule", RULES)
def test_each_rule(rule: str) -> None:
    before, graph, after = RULES[rule]
    found = simplify(before, graph)
    assert str(found) == str(after)
    if graph is None:
        table = np.random.default_rng(0).dirichlet(np.ones(81)).reshape(3, 3, 3, 3)
    else:
        table = random_latent_model(graph, levels=3, rng=np.random.default_rng(0)).joint()
    joint = Joint(table, ("A", "B", "C", "D"))
    values = np.broadcast_arrays(before.value(joint), found.value(joint))
    np.testing.assert_allclose(*values, atol=1e-12)


def test_an_idle_name_is_not_used_without_the_graph() -> None:
    kept = Sum(("B",), Product((p("C", "B"), p("B", "A"))))
    assert str(simplify(kept)) == str(kept)


def test_a_bound_name_is_not_confused_with_a_free_one() -> None:
    # the inner A is summed; the outer A is another value
    e: Expression = Product((p("A"), Sum(("A",), Product((p("B", "A"), p("A"))))))
    table = np.random.default_rng(1).dirichlet(np.ones(9)).reshape(3, 3)
    joint = Joint(table, ("A", "B"))
    np.testing.assert_allclose(simplify(e).value(joint), e.value(joint), atol=1e-14)
    assert str(e) == "P(A) [sum over A' of P(B | A') P(A')]"


def test_formulas_of_random_graphs() -> None:
    shorter = []
    for k in range(250):
        rng = np.random.default_rng([9, k])
        graph = random_admg(rng, (3, 6))
        names = rng.permutation(graph.names).tolist()
        asked = Interventional(names[:1], do=names[1:2], given=names[2 : 2 + k % 3])
        inner = Admg.of(graph)
        masks = (inner.mask(n) for n in (asked.outcomes, asked.do, asked.given))
        try:
            plain = identify_conditional(inner, *masks)
        except Fails:
            continue
        model = random_latent_model(graph, levels=2 + k % 2, rng=rng)
        for brief in (simplify(plain, graph), simplify(plain)):
            value = Formula(asked, brief).evaluate(model.joint(), graph.names)
            np.testing.assert_allclose(value, model.effect(asked), atol=1e-10)
        shorter.append(len(str(simplify(plain, graph))) / len(str(plain)))
    assert len(shorter) > 150
    assert np.mean(shorter) < 0.8
