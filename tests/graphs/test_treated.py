"""The effect on the treated against models in which the treatment is split in two."""

from itertools import permutations

import numpy as np
import pytest

import rung
from rung.bench.identification_cases import random_admg
from rung.core.errors import NotIdentified, UnknownName
from rung.core.graph import Graph
from rung.graphs import Interventional, LatentModel, identify, random_latent_model


def split(model: LatentModel, x: str) -> LatentModel:
    """The children of x listen to a new node `set` instead; x keeps its own causes."""
    g = model.graph
    edges, tables = [], dict(model.tables)
    for a, mark, b in g.edges():
        if mark in ("-->", "<--"):
            parent, child = (a, b) if mark == "-->" else (b, a)
            edges.append(f"{'set' if parent == x else parent} -> {child}")
        else:
            edges.append(f"{a} <-> {b}")
    for child in g.children(x):
        axis = len(model.causes(child)) + g.parents(child).index(x)
        tables[child] = np.moveaxis(tables[child], axis, -2)  # `set` is the last parent
    tables["set"] = np.full(model.level(x), 1 / model.level(x))
    graph = Graph.parse("; ".join([*g.names, "set", *edges]))
    return LatentModel(graph, (*model.levels, model.level(x)), model.hidden, tables)


def test_against_the_split_model() -> None:
    rules = []
    for k in range(120):
        rng = np.random.default_rng([3, k])
        graph = random_admg(rng, (2, 5))
        model = random_latent_model(graph, levels=2 + k % 2, rng=rng)
        for x, y in list(permutations(graph.names, 2))[k % 2 :: 2]:
            try:
                found = identify(graph, rung.ATT(x, y))
            except NotIdentified:
                rules.append("refused")
                continue
            rules.append(found.rule)
            truth = split(model, x).effect(Interventional(y, do="set", given=x))
            law = found.law(model.joint(), graph.names)
            np.testing.assert_allclose(law, truth, atol=1e-12)
            means = np.tensordot(np.arange(law.shape[0]), truth, axes=(0, 0))
            value = found.evaluate(model.joint(), graph.names)
            assert value == pytest.approx(means[-1, -1] - means[0, -1], abs=1e-12)
    assert {"no effect", "back-door", "districts", "refused"} == set(rules)


def test_in_print() -> None:
    front = identify(Graph.parse("X -> M; M -> Y; X <-> Y"), rung.ATT("X", "Y"))
    assert front.text == (
        "E[Y[treated] | X = treated] - E[Y[control] | X = treated], where Y[X] is Y had X been "
        "set, and P(Y[X] | X') = sum over M of P(M | X) P(Y | X', M)"
    )
    assert front.latex == (
        r"P(\mathrm{Y}_{\mathrm{X}} \mid \mathrm{X}') = \sum_{\mathrm{M}} "
        r"P(\mathrm{M} \mid \mathrm{X}) \, P(\mathrm{Y} \mid \mathrm{X}', \mathrm{M})"
    )
    plain = identify(Graph.parse("Z -> X; Z -> Y; X -> Y"), rung.ATT("X", "Y"))
    assert plain.words == (
        "compare Y between values of X among rows with the same Z, then average over the rows with "
        "the treated value of X"
    )


def test_refusals() -> None:
    with pytest.raises(NotIdentified, match="tie X to Y"):
        identify(Graph.parse("X -> Y; X <-> Y"), rung.ATT("X", "Y"))
    with pytest.raises(UnknownName):
        identify(Graph.parse("X -> Y"), rung.ATT("X", "Z"))
