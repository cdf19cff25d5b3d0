"""Identification against exact enumeration: formulas are right, refusals have two models."""

from itertools import permutations

import numpy as np
import pytest

from rung.bench.identification_cases import GOLDEN, Golden, Table, random_admg, small_admgs
from rung.core.errors import NotIdentified
from rung.core.graph import Graph
from rung.graphs.identification.admg import Admg
from rung.graphs.identification.advice import identifiable
from rung.graphs.identification.asking import identify
from rung.graphs.identification.formula import Formula
from rung.graphs.identification.id import moved
from rung.graphs.identification.latent_model import LatentModel, random_latent_model
from rung.graphs.identification.query import Interventional
from rung.graphs.identification.witness import two_models

from .hedges import problems


def judged(graph: Graph, asked: Interventional, model: LatentModel) -> bool:
    """Whether it is identified; the answer is checked in either case."""
    inner = Admg.of(graph)
    y, x, z = (inner.mask(names) for names in (asked.outcomes, asked.do, asked.given))
    x, z = moved(inner, y, x, z)
    possible = identifiable(inner, y | z, x)
    if not possible:
        with pytest.raises(NotIdentified) as refused:
            identify(graph, asked)
        pair = two_models(graph, asked)
        one, two = pair.observed
        assert one.min() > 0
        assert np.abs(one - two).max() < 1e-12, asked
        assert pair.difference > 1e-3, asked
        targets = {*asked.outcomes, *inner.named(z)}
        assert problems(graph, refused.value.hedge, targets, set(inner.named(x))) == []
        assert refused.value.advice
        return False
    found = identify(graph, asked)
    truth = model.effect(asked)
    assert np.abs(found.evaluate(model.joint(), graph.names) - truth).max() < 1e-10, asked
    return True


@pytest.mark.parametrize("part", range(4))
def test_every_graph_of_four_nodes(part: int) -> None:
    graphs = small_admgs()
    assert len(graphs) == 1567
    identified = []
    for k, graph in enumerate(graphs[part::4]):
        model = random_latent_model(graph, rng=np.random.default_rng([part, k]))
        for x, y in permutations(graph.names, 2):
            identified.append(judged(graph, Interventional(y, do=x), model))
    assert 0.7 < np.mean(identified) < 0.8


def test_random_larger_graphs() -> None:
    for k in range(40):
        rng = np.random.default_rng([5, k])
        graph = random_admg(rng)
        model = random_latent_model(graph, rng=rng)
        for x, y in list(permutations(graph.names, 2))[:: 1 + k % 4]:
            judged(graph, Interventional(y, do=x), model)


def test_sets_and_conditional_effects() -> None:
    identified = []
    for k in range(300):
        rng = np.random.default_rng([6, k])
        graph = random_admg(rng, (3, 6))
        model = random_latent_model(graph, levels=2 + k % 2, rng=rng)
        names = rng.permutation(graph.names).tolist()
        a, b = sorted(rng.integers(1, len(names), size=2).tolist())
        y, x, z = names[:1], names[1 : 1 + a], names[1 + a : 1 + b]
        if k % 3 == 0 and len(x) > 1:
            y, x = [*y, x[0]], x[1:]
        identified.append(judged(graph, Interventional(y, do=x, given=z[:2]), model))
    assert 0.5 < np.mean(identified) < 0.95


@pytest.mark.parametrize("case", GOLDEN, ids=lambda case: case.name)
def test_examples_of_papers(case: Golden) -> None:
    model = random_latent_model(case.graph, levels=3, rng=np.random.default_rng(0))
    assert judged(case.graph, case.asked, model) is case.identified
    if case.formula is None:
        return
    names, asked = case.graph.names, case.asked.names
    printed = case.formula(Table(model.joint(), names))
    at = [names.index(n) for n in asked]
    shape = [3 if i in at else 1 for i in range(len(names))]
    printed = np.moveaxis(np.broadcast_to(printed, shape), at, range(len(at)))
    np.testing.assert_allclose(printed.reshape([3] * len(at)), model.effect(case.asked), atol=1e-12)


def test_a_wrong_formula_is_caught() -> None:
    napkin = next(case for case in GOLDEN if case.name == "napkin")
    model = random_latent_model(napkin.graph, rng=np.random.default_rng(0))
    from rung.graphs.identification.expression import Probability

    wrong = Formula(napkin.asked, Probability(("Y",), ("X",)))  # what y0 0.2.11 answers
    gap = np.abs(wrong.evaluate(model.joint(), napkin.graph.names) - model.effect(napkin.asked))
    assert gap.max() > 0.01


def test_the_model_by_plain_loops() -> None:
    graph = Graph.parse("A -> B; B -> C; A -> C; A <-> C; B <-> C")
    model = random_latent_model(graph, rng=np.random.default_rng(3), hidden_levels=3)
    causes = list(model.hidden)
    joint, done = np.zeros((2, 2, 2)), np.zeros((2, 2, 2))
    for a, b, c, u, v in np.ndindex(2, 2, 2, 3, 3):
        value = {"A": a, "B": b, "C": c, causes[0]: u, causes[1]: v}
        weight = model.hidden[causes[0]][u] * model.hidden[causes[1]][v]
        terms = {}
        for name in graph.names:
            at = [*model.causes(name), *graph.parents(name), name]
            terms[name] = model.tables[name][tuple(value[k] for k in at)]
        joint[a, b, c] += weight * terms["A"] * terms["B"] * terms["C"]
        done[a, b, c] += weight * terms["A"] * terms["C"]
    np.testing.assert_allclose(model.joint(), joint, atol=1e-14)
    np.testing.assert_allclose(model.joint(do="B"), done, atol=1e-14)
    asked = Interventional("C", do="B", given="A")
    by_hand = np.moveaxis(done / done.sum(axis=2, keepdims=True), (2, 1, 0), (0, 1, 2))
    np.testing.assert_allclose(model.effect(asked), by_hand, atol=1e-14)
