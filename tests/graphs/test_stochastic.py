"""Treatments drawn from a policy, against models that draw them so."""

import numpy as np
import pytest

from rung.bench.identification_cases import random_admg
from rung.core.errors import InputError, NotIdentified
from rung.core.graph import Graph
from rung.graphs import LatentModel, Stochastic, ancestors, identify, random_latent_model


def drawn(model: LatentModel, x: str, by: tuple[str, ...], policy: np.ndarray) -> LatentModel:
    """The model in which x listens to `by` through the policy, and to nothing else."""
    g = model.graph
    kept = [
        (a, mark, b) for a, mark, b in g.edges()
        if not (mark == "<->" and x in (a, b)) and not (mark == "-->" and b == x)
        and not (mark == "<--" and a == x)
    ]  # fmt: skip
    edges = [f"{a} {mark.replace('-->', '->').replace('<--', '<-')} {b}" for a, mark, b in kept]
    graph = Graph.parse("; ".join([*g.names, *edges, *(f"{z} -> {x}" for z in by)]))
    hidden = {e: p for e, p in model.hidden.items() if x not in e}
    tables = {}
    for name in g.names:
        table = model.tables[name]
        for axis, edge in reversed(list(enumerate(model.causes(name)))):
            if edge not in hidden:  # a hidden cause that only this node has left
                table = np.tensordot(model.hidden[edge], table, axes=(0, axis))
        tables[name] = table
    tables[x] = policy.transpose([*np.argsort([g.index(z) for z in by]), len(by)])
    return LatentModel(graph, model.levels, hidden, tables)


def test_against_models_that_follow_the_policy() -> None:
    seen = {"identified": 0, "refused": 0}
    for k in range(150):
        rng = np.random.default_rng([4, k])
        graph = random_admg(rng, (3, 5))
        x, y, *others = rng.permutation(graph.names).tolist()
        by = tuple(n for n in others if x not in ancestors(graph, n))[: k % 3]
        model = random_latent_model(graph, levels=2 + k % 2, rng=rng)
        levels = model.levels[0]
        policy = rng.dirichlet(np.ones(levels), size=(levels,) * len(by))
        try:
            found = identify(graph, Stochastic(y, x, by=by))
        except NotIdentified:
            seen["refused"] += 1
            continue
        seen["identified"] += 1
        joint = drawn(model, x, by, policy).joint()
        axis = graph.index(y)
        truth = joint.sum(axis=tuple(i for i in range(graph.d) if i != axis))
        value = found.evaluate(model.joint(), graph.names, policy=policy)
        np.testing.assert_allclose(value, truth, atol=1e-12)
    assert min(seen.values()) >= 10


def test_in_print_and_bad_input() -> None:
    graph = Graph.parse("Z -> X; Z -> Y; X -> Y; Y -> W")
    found = identify(graph, Stochastic("Y", "X", by="Z"))
    assert found.text.startswith("P(Y under pi) = sum over X, Z of pi(X | Z)")
    assert found.latex.startswith(r"P_\pi(\mathrm{Y}) = \sum_{\mathrm{X}, \mathrm{Z}} \pi(")
    table = np.full((2, 2, 2, 2), 1 / 16)
    names = ("Z", "X", "Y", "W")
    with pytest.raises(InputError, match="sum"):
        found.evaluate(table, names, policy=np.ones((2, 2)))
    with pytest.raises(InputError, match="cannot read W"):
        identify(graph, Stochastic("Y", "X", by="W"))
    with pytest.raises(InputError, match="one treatment"):
        Stochastic("Y", ())
    hidden = identify(graph, Stochastic("Y", "X", by="Z"), measured=["X", "Y", "Z"])
    assert hidden.text == found.text
