"""Adjustment against regression in linear models with random weights, and against enumeration."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import combinations, permutations

import numpy as np
import pytest

from rung.core.errors import InputError, NotSupported
from rung.core.graph import Graph
from rung.graphs import (
    ROLES,
    adjustment_set,
    ancestors,
    backdoor_path,
    causal_nodes,
    complete,
    cpdag,
    descendants,
    directed_paths,
    districts,
    forbidden,
    is_adjustment_set,
    m_separated,
    members,
    minimal_adjustment_set,
    minimal_adjustment_sets,
    optimal_adjustment_set,
    parent_adjustment_set,
    proper_backdoor_graph,
    roles,
    why_not,
)

from . import brute


def linear_model(graph: Graph, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Weights B, [i, j] for i -> j, and the covariance; a hidden parent for every <->."""
    d = graph.d
    both = [
        (i, j) for i, j in combinations(range(d), 2) if graph.marks[i, j] & graph.marks[j, i] & 2
    ]
    n = d + len(both)
    b = np.zeros((n, n))
    for i in range(d):
        for j in range(d):
            if graph.marks[i, j] & 2 and graph.marks[j, i] & 1:
                b[i, j] = rng.choice([-1, 1]) * rng.uniform(0.5, 1.5)
    for k, (i, j) in enumerate(both):
        b[d + k, [i, j]] = rng.uniform(0.5, 1.5, 2)
    total = np.linalg.inv(np.eye(n) - b)
    covariance = total.T @ np.diag(rng.uniform(0.5, 2.0, n)) @ total
    return b[:d, :d], covariance[:d, :d]


def effects(b: np.ndarray, x: list[int], y: int) -> np.ndarray:
    """Joint total effects of x on y: weights into x cut, (len(x),)."""
    cut = b.copy()
    cut[:, x] = 0
    return np.linalg.inv(np.eye(len(b)) - cut)[x, y]


def regression(covariance: np.ndarray, x: list[int], y: int, z: Iterable[int]) -> np.ndarray:
    at = [*x, *z]
    return np.linalg.solve(covariance[np.ix_(at, at)], covariance[at, y])[: len(x)]


def _compare(graph: Graph, rng: np.random.Generator, x: list[int], y: int) -> list[bool]:
    b, covariance = linear_model(graph, rng)
    truth = effects(b, x, y)
    out = []
    for z in brute.subsets(v for v in range(graph.d) if v not in (*x, y)):
        expected = bool(np.allclose(regression(covariance, x, y, z), truth, atol=1e-9))
        names = graph.names
        found = is_adjustment_set(graph, [names[v] for v in x], names[y], [names[v] for v in z])
        assert found is expected, (str(graph), x, y, z)
        out.append(found)
    return out


def test_all_dags_of_four_nodes() -> None:
    rng = np.random.default_rng(0)
    for marks in brute.classes_up_to_relabelling(4, brute.DAG_PAIRS):
        for x, y in permutations(range(4), 2):
            _compare(Graph(tuple("ABCD"), marks), rng, [x], y)


def test_a_third_of_all_admgs_of_four_nodes() -> None:
    rng = np.random.default_rng(1)
    valid = []
    for marks in brute.classes_up_to_relabelling(4, brute.ADMG_PAIRS)[::3]:
        x, y = rng.choice(4, 2, replace=False)
        valid += _compare(Graph(tuple("ABCD"), marks), rng, [int(x)], int(y))
    assert 0.1 < np.mean(valid) < 0.9


def test_joint_treatments() -> None:
    rng = np.random.default_rng(2)
    valid = []
    for _ in range(150):
        graph = brute.random_admg(rng, 6, 0.4, 0.08)
        *x, y = rng.choice(6, 3, replace=False).tolist()
        valid += _compare(graph, rng, x, y)
    assert np.mean(valid) > 0.05


def test_cpdags_and_knowledge_against_all_members() -> None:
    rng = np.random.default_rng(3)
    valid = []
    for k in range(150):
        d = 4 + k % 3
        graph = cpdag(brute.random_dag(rng, d, rng.uniform(0.3, 0.9)))
        if k % 2:  # orient some edges as one member does
            one = next(iter(members(graph)))
            graph = complete(graph, required=(one.marks == 2) & (rng.random((d, d)) < 0.3))
        group = list(members(graph))
        x, y, *rest = rng.permutation(graph.names).tolist()
        for z in brute.subsets(rest):
            expected = all(is_adjustment_set(dag, x, y, z) for dag in group)
            assert is_adjustment_set(graph, x, y, z) is expected, (str(graph), x, y, z)
            valid.append(expected)
        best = optimal_adjustment_set(graph, x, y)
        if best is not None and any(y in descendants(dag, x) for dag in group):
            assert {frozenset(optimal_adjustment_set(dag, x, y)) for dag in group} == {
                frozenset(best)
            }
        found = set(causal_nodes(graph, x, y))
        assert found >= {v for dag in group for v in causal_nodes(dag, x, y)}
        assert set(forbidden(graph, x, y)) >= {v for g in group for v in forbidden(g, x, y)}
    assert 0.1 < np.mean(valid) < 0.9


def test_optimal_set_has_the_least_asymptotic_variance() -> None:
    """Var(Y | X, Z) / Var(X | Z) over all valid sets (Henckel et al. 2022, equation 3)."""
    rng = np.random.default_rng(4)
    strict = 0

    def variance(covariance: np.ndarray, x: int, y: int, z: list[int]) -> float:
        def residual(v: int, given: list[int]) -> float:
            s = covariance
            if not given:
                return float(s[v, v])
            return float(
                s[v, v] - s[v, given] @ np.linalg.solve(s[np.ix_(given, given)], s[given, v])
            )

        return residual(y, [x, *z]) / residual(x, z)

    for _ in range(120):
        graph = brute.random_dag(rng, 6, 0.45)
        names = graph.names
        order = [graph.index(v) for v in graph.topological_order()]
        x, y = order[int(rng.integers(0, 3))], order[int(rng.integers(3, 6))]
        if names[y] not in descendants(graph, names[x]):
            continue
        best = optimal_adjustment_set(graph, names[x], names[y])
        _, covariance = linear_model(graph, rng)
        least = variance(covariance, x, y, graph.indices(best))
        for z in brute.subsets(v for v in range(6) if v not in (x, y)):
            if is_adjustment_set(graph, names[x], names[y], [names[v] for v in z]):
                here = variance(covariance, x, y, list(z))
                assert least <= here + 1e-9
                strict += here > least + 1e-6
    assert strict > 100


def test_minimal_sets_are_all_and_minimal() -> None:
    rng = np.random.default_rng(5)
    several = 0
    for k in range(250):
        graph = brute.random_admg(rng, 7, 0.35, 0.06 * (k % 2))
        x, y, *rest = rng.permutation(graph.names).tolist()
        allowed = [v for v in rest if rng.random() < 0.85]
        valid = [set(z) for z in brute.subsets(allowed) if is_adjustment_set(graph, x, y, z)]
        minimal = {frozenset(z) for z in valid if not any(w < z for w in valid)}
        found = minimal_adjustment_sets(graph, x, y, allowed=allowed)
        assert {frozenset(z) for z in found} == minimal, str(graph)
        assert len(found) == len(minimal)
        one = minimal_adjustment_set(graph, x, y, allowed=allowed)
        assert (one is None and not minimal) or frozenset(one) in minimal
        usual = adjustment_set(graph, x, y, allowed=allowed)
        assert (usual is None) == (not valid)
        assert usual is None or set(usual) in valid
        parents = parent_adjustment_set(graph, x, y)
        assert (parents is None) == (
            y in graph.parents(x) or not is_adjustment_set(graph, x, y, graph.parents(x))
        )
        several += len(minimal) > 1
    assert several > 10


def test_objections_are_there_iff_the_set_is_invalid() -> None:
    rng = np.random.default_rng(6)
    reasons = set()
    for k in range(250):
        graph = brute.random_admg(rng, 6, 0.4, 0.08 * (k % 2))
        if k % 5 == 0:
            graph = cpdag(brute.random_dag(rng, 6, 0.5))
        x, y, *rest = rng.permutation(graph.names).tolist()
        z = [v for v in rest if rng.random() < 0.4]
        found = why_not(graph, x, y, z)
        assert all(o.valid for o in found) is is_adjustment_set(graph, x, y, z)
        reasons |= {o.reason for o in found}
        for o in found:
            assert str(o)
            if o.reason in ("mediator", "descendant"):
                assert o.nodes[0] in forbidden(graph, x, y)
            if o.reason == "confounding":
                assert not o.path.colliders
            if o.reason == "collider":
                assert set(o.nodes) & set(z)
            if o.reason == "instrument":
                fewer = [v for v in z if v != o.nodes[0]]
                assert is_adjustment_set(graph, x, y, fewer)
    assert reasons == {
        "mediator",
        "descendant",
        "collider",
        "confounding",
        "undecided",
        "instrument",
    }


def test_objections_by_hand() -> None:
    graph = Graph.parse("C -> X -> M -> Y; C -> Y; M -> D; I -> X; X <- A -> K <- B -> Y")
    assert why_not(graph, "X", "Y", ["C"]) == []
    (only,) = why_not(graph, "X", "Y", [])
    assert (only.reason, only.nodes, str(only.path)) == ("confounding", ("C",), "X <- C -> Y")
    (only,) = why_not(graph, "X", "Y", ["C", "M"])
    assert (only.reason, only.nodes, str(only.path)) == ("mediator", ("M",), "X -> M -> Y")
    (only,) = why_not(graph, "X", "Y", ["C", "D"])
    assert (only.reason, str(only.path)) == ("descendant", "X -> M -> D")
    (only,) = why_not(graph, "X", "Y", ["C", "K"])
    assert (only.reason, only.nodes) == ("collider", ("K",))
    assert str(only.path) == "X <- A -> K <- B -> Y"
    (only,) = why_not(graph, "X", "Y", ["C", "I"])
    assert (only.reason, only.nodes, only.valid) == ("instrument", ("I",), True)
    hidden = Graph.parse("X -> Y; X <-> Y")
    (only,) = why_not(hidden, "X", "Y", [])
    assert str(only) == "confounding: hidden common cause (X <-> Y)"
    (only,) = why_not(Graph.parse("X -- Y"), "X", "Y", [])
    assert (only.reason, only.nodes) == ("undecided", ("X", "Y"))


def test_roles_by_hand() -> None:
    graph = Graph.parse(
        "C -> X -> M -> Y; C -> Y; M -> D; I -> X; X <- A -> K <- B -> Y; Y -> E; X -> S <- Y;"
        "T -> X; T <- H -> Y; P -> C; lone; J -> I; C -> W"
    )
    expected = {
        "X": "treatment",
        "Y": "outcome",
        "C": "confounder",
        "P": "confounder",
        "H": "confounder",
        "M": "mediator",
        "D": "descendant",
        "I": "instrument",
        "J": "instrument",
        "A": "instrument",
        "K": "collider",
        "B": "outcome cause",
        "E": "outcome effect",
        "S": "collider",
        "T": "treatment cause",
        "lone": "unused",
        "W": "unused",
    }
    assert roles(graph, "X", "Y") == {name: expected[name] for name in graph.names}
    assert set(expected.values()) | {"undecided"} == set(ROLES)
    assert roles(Graph.parse("Z -> X -> Y; X <-> Y"), "X", "Y")["Z"] == "instrument"
    assert roles(Graph.parse("Z -> X -> Y; Z <-> Y"), "X", "Y")["Z"] == "treatment cause"


def test_roles_of_a_class() -> None:
    graph = Graph.parse("A -> X <- B; X -> Y; U -- V")
    assert roles(graph, "X", "Y") == {
        "A": "instrument",
        "X": "treatment",
        "B": "instrument",
        "Y": "outcome",
        "U": "unused",
        "V": "unused",
    }
    found = roles(Graph.parse("X -- Y -- Z"), "X", "Y")
    assert found == {"X": "treatment", "Y": "outcome", "Z": "undecided"}
    big = Graph.complete([f"n{i}" for i in range(6)])
    assert set(roles(big, "n0", "n1").values()) == {"treatment", "outcome", "undecided"}


def test_ancestry_by_hand() -> None:
    graph = Graph.parse("A -> B -> C; B <-> D; D <-> E; F")
    assert ancestors(graph, "C") == ("A", "B", "C")
    assert descendants(graph, ["B", "F"]) == ("B", "C", "F")
    assert districts(graph) == [("A",), ("B", "D", "E"), ("C",), ("F",)]
    diamond = Graph.parse("A -> B -> D; A -> C -> D; A -> D; D -> E")
    shown = sorted(str(path) for path in directed_paths(diamond, "A", "D"))
    assert shown == ["A -> B -> D", "A -> C -> D", "A -> D"]


def test_proper_backdoor_graph() -> None:
    graph = Graph.parse("C -> X -> M -> Y; X <-> M; X -> D; C -> Y")
    cut = proper_backdoor_graph(graph, "X", "Y")
    assert cut == Graph.parse("C -> X; M -> Y; X <-> M; X -> D; C -> Y")
    assert m_separated(proper_backdoor_graph(Graph.parse("X -> Y"), "X", "Y"), "X", "Y")
    assert str(backdoor_path(graph, "X", "Y")) == "X <- C -> Y"
    assert str(backdoor_path(graph, "X", "Y", ["C"])) == "X <-> M -> Y"


def test_errors() -> None:
    with pytest.raises(InputError, match="no name in both"):
        is_adjustment_set(Graph.parse("X -> Y"), "X", "X", [])
    with pytest.raises(InputError, match="of x or y"):
        is_adjustment_set(Graph.parse("X -> Y"), "X", "Y", ["X"])
    with pytest.raises(InputError, match="circles"):
        proper_backdoor_graph(Graph.parse("X o-> Y"), "X", "Y")
    with pytest.raises(NotSupported, match="minimal_adjustment_set"):
        optimal_adjustment_set(Graph.parse("X o-> Y"), "X", "Y")
    with pytest.raises(InputError, match="cycle"):
        adjustment_set(Graph.parse("X -> Y -> Z -> X"), "X", "Y")
    with pytest.raises(NotSupported, match="minimal_adjustment_set"):
        optimal_adjustment_set(Graph.parse("X -> Y <-> Z"), "X", "Y")
