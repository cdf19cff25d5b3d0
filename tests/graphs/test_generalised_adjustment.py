"""The generalised criterion against every DAG that a MAG or PAG may stand for."""

from __future__ import annotations

from itertools import combinations, pairwise

import numpy as np
import pytest

from rung.core.errors import InputError, NotSupported
from rung.core.graph import Graph
from rung.graphs import (
    adjustment_set,
    canonical_adjustment_set,
    canonical_dag,
    causal_nodes,
    cpdag,
    descendants,
    forbidden,
    is_adjustment_set,
    is_amenable,
    is_pag,
    mag,
    mags,
    members,
    minimal_adjustment_set,
    minimal_adjustment_sets,
    pag,
    visible_edges,
    why_not,
)

from . import brute


def valid_by_paths(dag: Graph, x: list[str], y: list[str], z: tuple[str, ...]) -> bool:
    """The criterion on a DAG by its paths: Shpitser, VanderWeele and Robins (2010)."""
    up, given = brute.proper_ancestors(dag), {dag.index(n) for n in z}
    start, stop = dag.indices(x), dag.indices(y)
    children = [set(dag.indices(dag.children(n))) for n in dag.names]
    for a in start:
        for b in stop:
            trails = []

            def walk(trail, b=b, trails=trails):
                for c in set(dag.indices(dag.adjacent(dag.names[trail[-1]]))) - set(trail):
                    if c == b:
                        trails.append([*trail, c])
                    elif c not in start:
                        walk([*trail, c])

            walk([a])
            for trail in trails:
                causal = all(w in children[v] for v, w in pairwise(trail))
                if causal:
                    if any(v in up[g] for v in trail[1:] for g in given):
                        return False
                    continue
                inner = []
                for u, v, w in zip(trail, trail[1:], trail[2:], strict=False):
                    inner.append((v, 2 if v in children[u] else 1, 2 if v in children[w] else 1))
                if not brute.separated([inner], up, given):
                    return False
    return True


def causal_models(shown: Graph) -> list[tuple[Graph, tuple[str, ...]]]:
    """DAGs of a MAG: the canonical one, and those with common causes behind its arrows."""
    plain = canonical_dag(shown)
    out = [(plain.graph, plain.latents)]
    arrows = shown.directed_edges()
    behind = []
    for a, b in arrows:
        edges = [*plain.graph.edges(), ("U", "-->", a), ("U", "-->", b)]
        more = Graph.from_edges(edges, [*plain.graph.names, "U"])
        if mag(more, [*plain.latents, "U"]) == shown:
            behind.append((a, b))
            out.append((more, (*plain.latents, "U")))
    assert set(arrows) - set(behind) == set(visible_edges(shown))
    return out


def queries(rng: np.random.Generator, shown: Graph):
    for k in range(4):
        names = [shown.names[i] for i in rng.permutation(shown.d)]
        nx = 2 if k == 3 and shown.d > 3 else 1
        yield names[:nx], names[nx : nx + 1], names[nx + 1 :]


def compare(rng: np.random.Generator, shown: Graph, models, *, hidden: bool) -> np.ndarray:
    """All sets of some questions: found valid iff valid in every model; counts (no, yes)."""
    counts = np.zeros(2, dtype=int)
    for x, y, rest in queries(rng, shown):
        valid = []
        for z in brute.subsets(rest):
            expected = all(valid_by_paths(g, x, y, z) for g, _ in models)
            assert is_adjustment_set(shown, x, y, z, hidden_causes=hidden) is expected, (
                str(shown), x, y, z,
            )  # fmt: skip
            assert expected is all(o.valid for o in why_not(shown, x, y, z, hidden_causes=hidden))
            counts[int(expected)] += 1
            if expected:
                valid.append(set(z))
        found = canonical_adjustment_set(shown, x, y, hidden_causes=hidden)
        default = adjustment_set(shown, x, y, hidden_causes=hidden)
        assert (found is not None) is (default is not None) is bool(valid)
        if found is not None:
            assert set(found) in valid
            assert set(default) in valid
        small = [z for z in valid if not any(other < z for other in valid)]
        every = minimal_adjustment_sets(shown, x, y, hidden_causes=hidden)
        assert sorted(map(sorted, every)) == sorted(map(sorted, small))
        for allowed in combinations(rest, max(len(rest) - 1, 0)):
            one = minimal_adjustment_set(shown, x, y, allowed=allowed, hidden_causes=hidden)
            inside = [z for z in small if z <= set(allowed)]
            assert (one is None) is (not inside)
            assert one is None or set(one) in small
    return counts


def test_mags():
    rng = np.random.default_rng(0)
    counts = np.zeros(2, dtype=int)
    for k in range(60):
        shown = brute.random_mag(rng, 4 + k % 2, k % 3, 0, rng.uniform(0.3, 0.6))
        counts += compare(rng, shown, causal_models(shown), hidden=True)
    assert counts.min() > 300


def test_pags():
    """For every MAG without selection and its models."""
    rng = np.random.default_rng(1)
    counts = np.zeros(2, dtype=int)
    done = 0
    while done < 16:
        shown = pag(brute.random_mag(rng, 4 + done % 2, 2, 0, rng.uniform(0.3, 0.6)))
        if not (shown.marks == 4).any():
            continue
        plain = [m for m in mags(shown) if not ((m.marks == 1) & (m.marks.T == 1)).any()]
        if len(plain) > 30:
            continue
        models = [model for m in plain for model in causal_models(m)]
        counts += compare(rng, shown, models, hidden=False)
        done += 1
    assert counts.min() > 15


def test_larger_pags_with_an_answer():
    """Y structures, where arrows are visible: more sets are valid."""
    shown = pag(Graph.parse("a -> x; b -> x; x -> m; m -> y; c -> y; c -> m"))
    assert is_pag(shown)
    assert is_amenable(shown, "x", "y")
    assert set(forbidden(shown, "x", "y")) == {"x", "m", "y"}
    assert set(causal_nodes(shown, "x", "y")) == {"m", "y"}
    assert adjustment_set(shown, "x", "y") == ()
    assert canonical_adjustment_set(shown, "x", "y") == ("a", "b", "c")
    dag = Graph.parse("a -> x; b -> x; x -> y; b -> y; h -> z; h -> y; z -> x")
    shown = pag(dag, "h")
    plain = [m for m in mags(shown) if not ((m.marks == 1) & (m.marks.T == 1)).any()]
    rng = np.random.default_rng(3)
    compare(rng, shown, [model for m in plain[:20] for model in causal_models(m)], hidden=False)


def test_cpdag_and_dag_sets():
    rng = np.random.default_rng(4)
    for _ in range(40):
        shown = cpdag(brute.random_dag(rng, 5, rng.uniform(0.3, 0.7)))
        for x, y, rest in queries(rng, shown):
            listed = list(members(shown))
            valid = [
                z for z in brute.subsets(rest)
                if all(valid_by_paths(g, x, y, z) for g in listed)
            ]  # fmt: skip
            found = canonical_adjustment_set(shown, x, y)
            assert (found is not None) is bool(valid)
            assert found is None or found in [
                tuple(n for n in shown.names if n in z) for z in valid
            ]
            if is_amenable(shown, x, y):
                below = {w for g in listed for w in descendants(g, causal_nodes(g, x, y))}
                assert set(forbidden(shown, x, y)) == below | set(x)


def test_amenability_names_the_edges():
    graph = Graph.parse("x o-> y; z o-> y; x o-o z")
    assert not is_amenable(graph, "x", "y")
    reasons = why_not(graph, "x", "y", [])
    assert [(o.reason, o.nodes) for o in reasons] == [
        ("undecided", ("x", "y")), ("undecided", ("x", "z")),
    ]  # fmt: skip
    assert str(reasons[0].path) == "x o-> y"
    hidden = Graph.parse("x -> y")
    assert is_adjustment_set(hidden, "x", "y", [])
    assert not is_adjustment_set(hidden, "x", "y", [], hidden_causes=True)
    [reason] = why_not(hidden, "x", "y", [], hidden_causes=True)
    assert (reason.reason, reason.nodes, str(reason.path)) == ("invisible", ("x", "y"), "x -> y")
    # backwards there is no effect, but also no set that says so
    assert is_amenable(hidden, "y", "x", hidden_causes=True)
    assert adjustment_set(hidden, "y", "x", hidden_causes=True) is None


def test_visible_edges():
    # Zhang (2008), figure 4: an arrow is visible through a node apart, or through colliders
    assert visible_edges(Graph.parse("a o-> b; b -> c")) == [("b", "c")]
    graph = Graph.parse("c o-> d; d <-> a; d -> b; a -> b")
    assert visible_edges(graph) == [("d", "b"), ("a", "b")]
    assert visible_edges(Graph.parse("a -> b; c -> b; a -> c")) == []


def test_refusals():
    with pytest.raises(NotSupported, match="a -- b of a MAG or PAG says that rows were selected"):
        adjustment_set(Graph.parse("a -- b; b -- c; c o-> d"), "a", "d")
    with pytest.raises(NotSupported, match="selection"):
        is_adjustment_set(Graph.parse("a -- b; c -> d"), "c", "d", [], hidden_causes=True)
    with pytest.raises(InputError, match="bow"):
        is_adjustment_set(Graph.parse("a -> b; a <-> b"), "a", "b", [], hidden_causes=True)
    with pytest.raises(InputError, match="cycle"):
        is_amenable(Graph.parse("a -> b; b -> c; c -> a; a o-> d"), "a", "d")
    with pytest.raises(InputError, match="not a PAG"):
        adjustment_set(Graph.parse("a o-o b; b o-o c; c o-o d; d o-o a; e o-> a"), "a", "c")
    with pytest.raises(InputError, match="no name in both"):
        adjustment_set(Graph.parse("a o-> b"), "a", "a")
