"""design: against enumeration by the definitions, on every class of 4-node DAGs."""

from __future__ import annotations

import itertools
import time

import numpy as np
import pytest

import rung
from rung.core.budget import Budget
from rung.core.query import Query
from rung.experiments.belief import believe

NAMES = ("a", "b", "c", "d")
PAIRS = list(itertools.combinations(range(4), 2))


class Effect(Query):
    """A question about one treatment and one outcome; only `design` is asked here."""

    def __init__(self, treatment, outcome, treated=None, control=None):
        self.treatment, self.outcome = treatment, outcome
        self.treated, self.control = treated, control

    def answer(self, structure, data, *, estimator, run, rng):
        raise AssertionError("design does not estimate effects by sampling")


def acyclic(a):
    left = a.copy()
    for _ in range(len(a)):
        left = left @ a
    return not left.any()


def all_dags():
    for marks in itertools.product((0, 1, 2), repeat=len(PAIRS)):
        a = np.zeros((4, 4), dtype=int)
        for (i, j), mark in zip(PAIRS, marks, strict=True):
            if mark:
                a[(i, j) if mark == 1 else (j, i)] = 1
        if acyclic(a):
            yield a


def skeleton(a):
    return frozenset((i, j) for i, j in PAIRS if a[i, j] or a[j, i])


def immoralities(a):
    return frozenset(
        (i, k, j)
        for k in range(4)
        for i, j in PAIRS
        if a[i, k] and a[j, k] and not a[i, j] and not a[j, i]
    )


@pytest.fixture(scope="module")
def classes():
    """Markov equivalence classes by Verma and Pearl (1990)."""
    groups = {}
    for a in all_dags():
        groups.setdefault((skeleton(a), immoralities(a)), []).append(a)
    return list(groups.values())


def essential(members):
    """The union graph of a class: an edge is directed iff all members agree."""
    return rung.Graph.from_adjacency(np.maximum.reduce(members), NAMES)


def cut(a, target):
    out = a.copy()
    out[:, target] = 0
    return out


def undecided(members):
    union = np.maximum.reduce(members)
    return int(np.triu(union & union.T).sum())


def expected(members, targets):
    """Average number of edges oriented, by Hauser and Buehlmann (2012), theorem 10: members are
    still equivalent iff, with each target's incoming edges cut, their skeletons agree."""
    before = undecided(members)
    oriented = [
        before
        - undecided(
            [
                other
                for other in members
                if all(skeleton(cut(other, t)) == skeleton(cut(true, t)) for t in targets)
            ]
        )
        for true in members
    ]
    return np.mean(oriented)


def test_the_enumeration_is_complete(classes):
    assert sum(map(len, classes)) == 543  # Robinson (1973)
    assert len(classes) == 185  # Gillispie and Perlman (2002)


def test_single_experiments_on_every_class(classes):
    for members in classes:
        plan = rung.design(essential(members), None)
        assert plan.exact
        assert plan.graphs == len(members)
        for row in plan.rows:
            at = [NAMES.index(t) for t in row.targets]
            assert row.of == undecided(members)
            assert row.orients == pytest.approx(expected(members, at), abs=1e-12)
        values = [round(row.orients, 9) for row in plan.rows]
        assert values == sorted(values, reverse=True)


def test_pairs_of_experiments_are_greedy_on_every_class(classes):
    for members in classes[::3]:
        plan = rung.design(essential(members), None, experiments=2)
        value = {
            s: expected(members, s) for k in (1, 2) for s in itertools.combinations(range(4), k)
        }
        for row in plan.rows:
            first, second = (NAMES.index(t) for t in row.targets)
            assert row.orients == pytest.approx(value[tuple(sorted((first, second)))], abs=1e-12)
            best = max(value[tuple(sorted((first, i)))] for i in range(4) if i != first)
            assert row.orients == pytest.approx(best, abs=1e-12)


def test_ties_share_a_rank():
    plan = rung.design(rung.Graph.parse("a -- b -- c; d"), None)
    assert [(r.targets, r.rank, r.tied) for r in plan.rows] == [
        (("b",), 1, 1),
        (("a",), 2, 2),
        (("c",), 2, 2),
        (("d",), 4, 1),
    ]
    assert plan.rows[0].orients == 2
    # a set: a orients both edges if it is a parent of b (1 of 3 members), else one
    assert plan.rows[1].orients == pytest.approx(4 / 3)
    assert "tied with 1 more" in repr(plan)


def test_nothing_undecided_says_so():
    plan = rung.design(rung.Graph.parse("a -> b -> c"), None)
    assert "Nothing is undecided" in plan.text
    assert plan.best == ()
    assert plan.undecided == ()


def test_background_knowledge_is_used():
    """With a -> b known, b -- c must be b -> c (no new v-structure): nothing is left to settle."""
    assert rung.design(rung.Graph.parse("a -> b -- c"), None).undecided == ()


def test_graphs_that_disagree_are_undecided():
    """a -> b and b -> a, weight 3 to 1, and c -> b in both: only a and b can settle the pair."""
    one, two = rung.Graph.parse("a -> b <- c"), rung.Graph.parse("a <- b <- c")
    plan = rung.design([(one, 3), (two, 1)], None)
    assert plan.undecided == (("a", "b"),)
    assert {r.targets[0]: r.orients for r in plan.rows} == {"a": 1, "b": 1, "c": 0}
    assert plan.meaning == "given weights"


def test_effect_spread_follows_the_law_of_total_variance():
    """a -- b: the effect of a on b is the regression slope or 0, each with weight 1/2."""
    rng = np.random.default_rng(1)
    a = rng.normal(size=500)
    data = rung.Data.from_matrix(np.column_stack([a, 2 * a + rng.normal(size=500), a]), "abc")
    slope = np.polyfit(data["a"], data["b"], 1)[0]
    plan = rung.design(rung.Graph.parse("a -- b; c"), data, query=Effect("a", "b"))
    by_name = {r.targets[0]: r for r in plan.rows}
    assert by_name["a"].effect_sd_now == pytest.approx(slope / 2)
    assert by_name["a"].effect_sd_after == by_name["b"].effect_sd_after == 0
    assert by_name["c"].effect_sd_after == pytest.approx(slope / 2)
    assert [r.rank for r in plan.rows] == [1, 1, 3]
    scaled = rung.design(
        rung.Graph.parse("a -- b; c"), data, query=Effect("a", "b", treated=3.0, control=1.0)
    )
    assert scaled.rows[0].effect_sd_now == pytest.approx(slope)


def test_effect_spread_against_regressions(classes):
    """The class of the complete DAG: slopes by numpy, cells by the children of the target."""
    rng = np.random.default_rng(5)
    x = rng.normal(size=(300, 4)) @ rng.normal(size=(4, 4))
    data = rung.Data.from_matrix(x, NAMES)
    members = next(m for m in classes if len(m) == 24)

    def slope(a):
        if a[1, 0]:
            return 0.0
        design = np.column_stack([np.ones(300), x[:, 0], x[:, a[:, 0] == 1]])
        return np.linalg.lstsq(design, x[:, 1], rcond=None)[0][1]

    effects = np.array([slope(a) for a in members])
    plan = rung.design(essential(members), data, query=Effect("a", "b"))
    for row in plan.rows:
        t = NAMES.index(row.targets[0])
        cells = {}
        for a, e in zip(members, effects, strict=True):
            cells.setdefault(a[t].tobytes(), []).append(e)
        within = sum(len(c) * np.var(c) for c in cells.values()) / len(members)
        assert row.effect_sd_now == pytest.approx(np.std(effects))
        assert row.effect_sd_after == pytest.approx(np.sqrt(within), abs=1e-9)


def test_setting_the_treatment_measures_the_effect():
    """Graphs that disagree on more than the direction at the treatment: 0 is left all the same."""
    rng = np.random.default_rng(2)
    data = rung.Data.from_matrix(rng.normal(size=(300, 3)) @ rng.normal(size=(3, 3)), list("abc"))
    texts = ["a -> b; c -> a; c -> b", "a -> b; c", "b -> a; c"]
    graphs = [(rung.Graph.parse(text, names=list("abc")), 1 / 3) for text in texts]
    plan = rung.design(graphs, data, query=Effect("a", "b"))
    after = {r.targets[0]: r.effect_sd_after for r in plan.rows}
    assert after["a"] == 0
    assert plan.best[0].targets == ("a",)
    # b shows b -> a or not: two graphs with different effects are left, of weight 2/3
    assert 0 < after["b"] < plan.rows[0].effect_sd_now


def test_draws_that_all_differ_prove_nothing():
    """200 random orders of 8 nodes have 200 different rows at any 7 targets, or nearly so: the
    naive variance within cells is 0, though seven experiments on noise settle one edge each."""
    rng = np.random.default_rng(0)
    names = [f"v{i}" for i in range(8)]
    data = rung.Data.from_matrix(rng.normal(size=(100, 8)) @ rng.normal(size=(8, 8)), names)
    plan = rung.design(rung.Graph.complete(names), data, query=Effect("v0", "v1"))
    assert not plan.exact
    now = plan.rows[0].effect_sd_now
    # v7's edges say something about the order of v0 and the rest, but they cannot say everything
    value = {r.targets[0]: r.effect_sd_after for r in plan.rows}
    assert 0 < value["v7"] <= now
    # exactly: over all orders of 5 nodes the same experiments, enumerated
    few = names[:5]
    exact = rung.design(rung.Graph.complete(few), data.select(few), query=Effect("v0", "v1"))
    assert exact.graphs == 100  # 120 members: drawn, not enumerated
    true = _exact_spread(data.select(few).values)
    for row in exact.rows:
        t = few.index(row.targets[0])
        want = 0 if t == 0 else true[t]
        assert row.effect_sd_after == pytest.approx(want, rel=0.25, abs=0.02)


def _exact_spread(x):
    """sqrt of E[Var(slope of node 1 on node 0 | children of t)] over all orders of 5 nodes."""
    n, d = x.shape
    cells = [{} for _ in range(d)]
    for order in itertools.permutations(range(d)):
        place = np.argsort(order)
        slope = 0.0
        if place[0] < place[1]:
            before = [i for i in range(d) if place[i] < place[0]]
            design = np.column_stack([np.ones(n), x[:, 0], x[:, before]])
            slope = np.linalg.lstsq(design, x[:, 1], rcond=None)[0][1]
        for t in range(d):
            cells[t].setdefault(tuple(place > place[t]), []).append(slope)
    return [np.sqrt(sum(len(c) * np.var(c) for c in by.values()) / 120) for by in cells]


def test_moments_are_enough_and_equal():
    rng = np.random.default_rng(2)
    data = rung.Data.from_matrix(rng.normal(size=(200, 3)) @ rng.normal(size=(3, 3)), "abc")
    graph, query = rung.Graph.parse("a -- b -- c"), Effect("a", "c")
    there = rung.design(graph, data.moments(), query=query)
    here = rung.design(graph, data, query=query)
    assert [r.effect_sd_after for r in there.rows] == pytest.approx(
        [r.effect_sd_after for r in here.rows]
    )


def test_names_and_order_play_no_part():
    graph = rung.Graph.parse("a -- b -- c -- d; e -> c; e -> b")
    plan = rung.design(graph, None)
    other = rung.design(graph.reorder(list("ecadb")).relabel({"a": "z"}), None)
    value = {r.targets[0]: r.orients for r in plan.rows}
    value["z"] = value.pop("a")
    assert value == pytest.approx({r.targets[0]: r.orients for r in other.rows})


def test_a_large_class_is_sampled_and_said_so():
    names = [f"x{i}" for i in range(11)]
    graph = rung.Graph.complete(names)  # 11! members
    begin = time.process_time()
    plan = rung.design(graph, None)
    assert time.process_time() - begin < 2  # under 1 s on an idle machine
    assert not plan.exact
    assert plan.graphs == 100
    assert "drawn uniformly" in repr(plan)
    # by symmetry: a target at position p of a random order orients its 10 edges, and those between
    # an earlier and a later node, which R2 gives; E[(p)(10-p)] over p = 0..10 is 15
    mean = np.mean([r.orients for r in plan.rows])
    assert mean == pytest.approx(25, abs=0.5)
    again = rung.design(graph, None)
    assert again.frame().equals(plan.frame())


def test_a_class_that_chance_does_not_meet_is_listed():
    """Required arrows that few members have: draws by rejection fail, the plan does not."""
    names = [f"x{i}" for i in range(16)]
    graph = rung.Graph.complete(names)
    order = [(a, b) for i, a in enumerate(names[:13]) for b in names[i + 1 :]]
    for a, b in order:
        graph = graph.with_edge(a, "->", b)  # x13, x14, x15 are open: 3! members
    assert rung.design(graph, None).graphs == 6
    chains = rung.Graph.complete(names[:12])
    for a, b in zip(names[:10:2], names[1:11:2], strict=True):
        for c in names[10:12]:
            chains = chains.with_edge(a, "->", b).with_edge(b, "->", c)
    plan = rung.design(chains, None)
    assert plan.graphs == 100
    assert not plan.exact


def test_a_weighted_set_of_large_classes_is_sampled_by_weight():
    complete = rung.Graph.complete(list("abcdef"))
    empty = rung.Graph.empty(list("abcdef"))
    belief = believe([(complete, 0.9), (empty, 0.1)], rng=np.random.default_rng(0))
    share = {}
    for c in belief.candidates:
        share[c.origin] = share.get(c.origin, 0) + c.weight
    assert share == pytest.approx({0: 0.9, 1: 0.1})
    assert not belief.exact


def test_budget_returns_the_best_so_far():
    plan = rung.design(rung.Graph.complete(list("abcdefgh")), None, budget=Budget(seconds=1e-6))
    assert not plan.complete
    assert len(plan.rows) >= 1
    assert "INCOMPLETE" in repr(plan)


def test_refusals_name_the_reason():
    with pytest.raises(rung.core.errors.NotSupported, match="'x' and 'y'"):
        rung.design(rung.Graph.parse("x -> y; x <-> y"), None)
    with pytest.raises(rung.core.errors.InputError, match="no DAG"):
        rung.design(rung.Graph.parse("a -- b -- c -- d -- a"), None)
    with pytest.raises(rung.core.errors.InputError, match="at least one"):
        rung.design(rung.Graph.parse("a -- b"), None, experiments=0)
    with pytest.raises(rung.core.errors.InputError, match="Graph, a Discovery"):
        rung.design("a -- b", None)
    data = rung.Data.from_matrix(np.eye(3), "abc")
    with pytest.raises(rung.core.errors.UnknownName, match="nearest"):
        rung.design(rung.Graph.parse("a -- bb"), data)
    with pytest.raises(rung.core.errors.UnknownName, match="outcom"):
        rung.design(rung.Graph.parse("a -- b"), data, query=Effect("a", "outcom"))


def test_graphs_that_stand_for_no_dag_are_left_out_and_said_so():
    square = rung.Graph.parse("a -- b -- c -- d -- a")
    plan = rung.design([(square, 0.25), (rung.Graph.parse("a -- b; c; d"), 0.75)], None)
    assert plan.undecided == (("a", "b"),)
    assert any("25.0%" in note for note in plan.notes)
