"""Counterfactuals against abduction by enumeration, closed forms and many simulated units."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import rung
from rung.core.errors import InputError, UnknownName
from rung.mechanisms.evidence import given_facts
from rung.mechanisms.imputation import implied
from rung.mechanisms.table import Table
from rung.mechanisms.twin import Twin, transitions
from rung.simulate import DiscreteSCM, LinearSCM, MixedSCM
from rung.simulate.truth import total_effects

GRAPH = rung.Graph.parse("a -> b; a -> c; b -> d; c -> d")


def ordered(seed: int, sizes: tuple[int, ...] = (2, 3, 2, 3)) -> rung.SCM:
    """Binary and ordinal nodes with random tables."""
    rng = np.random.default_rng(seed)
    kinds = {2: rung.Kind.BINARY, 3: rung.Kind.ORDINAL}
    by = {n: rung.Variable(n, kinds[k], tuple(range(k)))
          for n, k in zip("abcd", sizes, strict=True)}  # fmt: skip
    made = {}
    for name in GRAPH.names:
        parents = tuple(by[p] for p in GRAPH.parents(name))
        shape = tuple(p.size for p in parents)
        table = rng.dirichlet(np.ones(by[name].size), size=shape or None)
        made[name] = Table(by[name], parents, np.asarray(table))
    return rung.SCM(GRAPH, made)


def enumerated(scm: rung.SCM, facts: dict[str, int], do: dict[str, int], name: str) -> np.ndarray:
    """P(level of `name` under `do` | facts): every cell of the uniform noise of every node.

    Thresholds of all rows of a node's table cut [0, 1] into cells in which the node is a fixed
    function of its parents.
    """
    cells = {}
    for node in scm.names:
        rows = scm.mechanisms[node].table
        cuts = np.unique(np.concatenate([[0.0, 1.0], np.cumsum(rows, axis=-1).ravel()]))
        cuts = cuts[(cuts >= 0) & (cuts <= 1)]
        cells[node] = list(zip((cuts[1:] + cuts[:-1]) / 2, np.diff(cuts), strict=True))
    variable = {v.name: v for v in scm.variables}
    out = np.zeros(variable[name].size)
    order = scm.graph.topological_order()
    for combination in product(*(cells[n] for n in order)):
        noise = dict(zip(order, (c[0] for c in combination), strict=True))
        worlds = []
        for set_ in ({}, do):
            values: dict[str, int] = {}
            for node in order:
                if node in set_:
                    values[node] = set_[node]
                    continue
                table = scm.mechanisms[node].table
                row = table[tuple(values[p.name] for p in scm.mechanisms[node].parents)]
                values[node] = int((np.cumsum(row)[:-1] <= noise[node]).sum())
            worlds.append(values)
        if all(worlds[0][k] == v for k, v in facts.items()):
            out[worlds[1][name]] += np.prod([c[1] for c in combination])
    return out / out.sum()


CASES = [
    ({"a": 1, "b": 2, "c": 0, "d": 1}, {"b": 0}, "d"),
    ({"d": 2}, {"b": 1}, "d"),
    ({"d": 0, "c": 1}, {"a": 0}, "d"),
    ({"b": 0}, {"a": 1}, "b"),
    ({}, {"c": 1}, "d"),
    ({"d": 1, "a": 0}, {"a": 1, "c": 0}, "d"),
]


@pytest.mark.parametrize(("facts", "do", "name"), CASES)
def test_twin_network_equals_abduction_by_enumeration(facts, do, name):
    scm = ordered(3, (2, 3, 2, 3))
    exact = enumerated(scm, facts, do, name)
    twin = Twin.of(scm, [rung.Do(k, v) for k, v in do.items()])
    assert twin is not None
    found = [twin.probability(facts, {name: k}) for k in range(len(exact))]
    assert np.allclose(found, exact, atol=1e-12)
    draws = rung.counterfactual(scm, facts, do)
    assert np.allclose([draws.prob(name, k)[0] for k in range(len(exact))], exact, atol=1e-12)
    assert "exactly" in draws.notes[0]


def test_units_of_ordered_levels_equal_abduction_by_enumeration():
    """Whole rows by posterior draws: 400 copies of 40 draws, within 4.5 binomial errors."""
    scm = ordered(5)
    for facts, do in [({"a": 1, "b": 1, "c": 0, "d": 1}, {"a": 0}),
                      ({"a": 0, "b": 2, "c": 1, "d": 0}, {"b": 0})]:  # fmt: skip
        columns = {k: np.full(400, float(v)) for k, v in facts.items()}
        units = rung.Data(scm.variables, columns)
        draws = rung.counterfactual(scm, units, do, seed=1)
        for v in scm.variables:
            exact = enumerated(scm, facts, do, v.name)
            found = np.array([draws.prob(v.name, k).mean() for k in v.levels])
            assert (np.abs(found - exact) < 4.5 * np.sqrt(exact * (1 - exact) / 16000) + 1e-9).all()


def test_a_race_equals_many_races_and_known_cases():
    rng = np.random.default_rng(0)
    for k in (2, 3, 5):
        p, q = rng.dirichlet(np.ones(k)), rng.dirichlet(np.ones(k))
        found = transitions(p[None], q[None], ordered=False)[0]
        assert np.allclose(found.sum(axis=1), 1)
        assert np.allclose(p @ found, q)
        times = rng.standard_exponential((300_000, k))
        here, there = (times / p).argmin(axis=1), (times / q).argmin(axis=1)
        for j in range(k):
            seen = np.bincount(there[here == j], minlength=k) / (here == j).sum()
            assert np.abs(seen - found[j]).max() < 0.012
    p = rng.dirichlet(np.ones(4), size=3)
    assert np.allclose(transitions(p, p, ordered=False), np.eye(4))
    assert np.allclose(transitions(p, p, ordered=True), np.eye(4))


shares = st.lists(st.floats(0.01, 1.0), min_size=3, max_size=5)


@settings(max_examples=60, deadline=None)
@given(shares, st.data())
def test_laws_of_transitions(raw, data):
    """Rows sum to 1, marginals are kept, and levels that grow most are never left (Oberst and
    Sontag 2019, counterfactual stability): no move from j to k if q_j / p_j >= q_k / p_k."""
    other = data.draw(st.lists(st.floats(0.01, 1.0), min_size=len(raw), max_size=len(raw)))
    p, q = np.array(raw) / sum(raw), np.array(other) / sum(other)
    for order in (True, False):
        t = transitions(p[None], q[None], ordered=order)[0]
        assert np.allclose(t.sum(axis=1), 1)
        assert np.allclose(p @ t, q)
        assert (t >= 0).all()
    grown = (q / p)[:, None] >= (q / p)[None, :] + 1e-9
    assert (t[grown] < 1e-9).all()


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_categories_by_many_simulated_units(seed):
    """Gumbel-max nodes of 3 and 4 levels: 400,000 units, kept where the facts hold."""
    maker = DiscreteSCM(graph=GRAPH, levels=(3, 4), alpha=1.0)
    scm = maker.scm(np.random.default_rng(seed))
    noise = scm.draw(400_000, rng=np.random.default_rng(seed))
    fact, other = scm.run(noise), scm.do(rung.Do("a", 0)).run(noise)
    keep = (fact.column("d") == 1) & (fact.column("c") == 2)
    draws = rung.counterfactual(scm, {"d": 1, "c": 2}, a=0)
    for v in scm.variables:
        for level in v.levels:
            share = float((other[v.name][keep] == level).mean())
            error = np.sqrt(max(share * (1 - share), 1e-4) / keep.sum())
            assert abs(draws.prob(v.name, level)[0] - share) < 5 * error


def test_categories_are_always_levels():
    scm = MixedSCM(d=8, degree=3, categorical=3, binary=2, counts=1).scm(np.random.default_rng(1))
    units = scm.sample(50, seed=0)
    for name in scm.names:
        v = next(x for x in scm.variables if x.name == name)
        value = (v.levels or (0.5,))[0] if v.kind != "count" else 3
        draws = rung.counterfactual(scm, units, {name: value})
        for w in scm.variables:
            if w.discrete:
                codes = draws.columns[w.name]
                assert np.isin(codes, np.arange(w.size)).all()
                assert set(draws[w.name].tolist()) <= set(w.levels)
            elif w.kind == "count":
                counts = draws.columns[w.name]
                assert (counts == np.rint(counts)).all()
                assert (counts >= 0).all()


def test_facts_of_a_linear_model_have_the_conditional_normal_law():
    scm = LinearSCM(graph=GRAPH).scm(np.random.default_rng(2))
    facts = {"a": 1.0, "d": -1.5}
    draws = given_facts(scm, facts, [rung.Do("b", 2.0)], rng=np.random.default_rng(0), draws=20000)
    mean, s = implied(scm)
    names = scm.graph.names
    o = [names.index(n) for n in facts]
    h = [names.index(n) for n in ("b", "c")]
    gain = s[np.ix_(h, o)] @ np.linalg.inv(s[np.ix_(o, o)])
    at = mean[h] + gain @ (np.array(list(facts.values())) - mean[o])
    spread = s[np.ix_(h, h)] - gain @ s[np.ix_(o, h)]
    slope = total_effects(scm)[names.index("b"), names.index("d")]
    exact = -1.5 + slope * (2.0 - at[0])  # c and the noise of d stay as they were
    sd = abs(slope) * np.sqrt(spread[0, 0])
    found = draws.columns["d"][:, 0]
    assert found.mean() == pytest.approx(exact, abs=5 * sd / np.sqrt(20000))
    assert found.std() == pytest.approx(sd, rel=0.03)
    low, high = draws.interval(0.9)["d"]
    assert low[0] == pytest.approx(exact - 1.645 * sd, abs=0.06 * sd + 0.01)
    assert high[0] > low[0]
    assert np.allclose(draws.columns["b"], 2.0)
    assert np.allclose(draws.columns["a"], 1.0)


def test_facts_of_a_mixed_model_by_many_simulated_units():
    scm = MixedSCM(graph=GRAPH, binary=2, categorical=1).scm(np.random.default_rng(4))
    kinds = {v.name: v for v in scm.variables}
    level = next(v for v in scm.variables if v.discrete and v.name != "a")
    cause = "a"
    value = kinds[cause].levels[0] if kinds[cause].discrete else 0.0
    noise = scm.draw(200_000, rng=np.random.default_rng(0))
    fact, other = scm.run(noise), scm.do(rung.Do(cause, value)).run(noise)
    keep = fact.column(level.name) == 1
    draws = rung.counterfactual(scm, {level.name: level.levels[1]}, {cause: value}, seed=2)
    for v in scm.variables:
        if v.discrete:
            share = float((other.column(v.name)[keep] == 1).mean())
            assert draws.prob(v.name, v.levels[1])[0] == pytest.approx(share, abs=0.05)
        else:
            column = other.column(v.name)[keep]
            found = draws.columns[v.name][:, 0]
            assert found.mean() == pytest.approx(column.mean(), abs=0.12 * column.std())


def test_sets_hold_the_fewest_levels_of_the_weight_asked_for():
    v = rung.Variable("k", rung.Kind.CATEGORICAL, ("p", "q", "r"))
    codes = np.array([[0.0, 2.0], [1.0, 2.0], [0.0, 2.0], [2.0, 2.0]])
    draws = rung.Draws((v,), {"k": codes}, np.array([0.4, 0.3, 0.2, 0.1]), (None,) * 4)
    assert draws.sets(0.6) == {"k": (("p",), ("r",))}
    assert draws.sets(0.65) == {"k": (("p", "q"), ("r",))}
    assert draws.sets(0.95)["k"] == (("p", "q", "r"), ("r",))
    with pytest.raises(InputError, match="level"):
        draws.sets(1.0)


def test_no_facts_is_everybody_and_all_facts_is_the_unit():
    scm = ordered(1)
    p = rung.do(scm, a=1).sample(40_000, seed=0)
    draws = rung.counterfactual(scm, {}, a=1)
    assert draws.prob("d", 1)[0] == pytest.approx((p["d"] == 1).mean(), abs=0.012)
    whole = {"a": 0, "b": 1, "c": 1, "d": 2}
    same = rung.counterfactual(scm, whole, a=0)
    assert {n: same[n][0] for n in scm.names} == whole


def test_facts_over_a_learned_set_of_graphs_keep_its_weights():
    """Bootstrap search, fit, counterfactual: weights of graphs arrive in `by_graph`."""
    data = LinearSCM(graph=GRAPH).scm(np.random.default_rng(6)).sample(150, seed=0)
    found = rung.discover(data, rung.Bootstrap(rung.BOSS(), draws=12), seed=1)
    model = rung.fit(found, data, mechanisms=rung.LinearGaussian())
    for units in (data[:3], {"a": 1.0, "d": 0.0}):
        draws = rung.counterfactual(model, units, b=1.0)
        parts = list(draws.by_graph())
        assert sum(w for _, w, _ in parts) == pytest.approx(1)
        weight: dict[rung.Graph, float] = {}
        for w, graph, _ in model.members:
            weight[graph] = weight.get(graph, 0.0) + w
        assert {g: pytest.approx(w) for g, w, _ in parts} == weight
        assert len(weight) > 1
        mean = sum(w * d.point.column("d") for _, w, d in parts)
        assert np.allclose(mean, draws.point.column("d"))
        low, high = draws.interval()["d"]
        assert (low <= high).all()


def test_refusals():
    scm = ordered(0)
    cases = [
        (lambda: rung.counterfactual(scm, {"z": 1}, a=1), UnknownName, "z"),
        (lambda: rung.counterfactual(scm, {"a": 7}, b=1), InputError, "level"),
        (lambda: rung.counterfactual(scm, {"a": [0, 1]}, b=1), InputError, "one value"),
        (lambda: rung.counterfactual(scm, {"a": 1}, z=1), UnknownName, "z"),
    ]  # fmt: skip
    for call, kind, words in cases:
        with pytest.raises(kind, match=words):
            call()
    flat = dict(scm.mechanisms)
    v = flat["a"].variable
    sure = rung.SCM(GRAPH, {**flat, "a": Table(v, (), np.array([1.0, 0.0]))})
    with pytest.raises(InputError, match="probability 0"):
        rung.counterfactual(sure, {"a": 1}, b=1)
    assert Twin.of(scm, [rung.Policy("b", lambda a: a, ("a",))]) is None
