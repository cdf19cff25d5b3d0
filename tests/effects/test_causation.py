"""Probabilities of causation: linear programming, closed forms, worked examples, refusals."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import linprog

import rung
from rung.core.errors import InputError, NotIdentified, Overlap
from rung.core.result import lock
from rung.effects.causation.bounds import Both, Kind, Necessity, Sufficiency, consistent
from rung.effects.causation.by_model import probability
from rung.simulate import DiscreteSCM

GRAPH = rung.Graph.parse("z -> x; z -> y; x -> y")
KINDS = [Necessity(), Sufficiency(), Both()]


def types() -> list[tuple[int, int, int]]:
    """X, Y under X = 0, Y under X = 1."""
    return [(x, y0, y1) for x in (0, 1) for y0 in (0, 1) for y1 in (0, 1)]


def target(kind: Kind, joint: np.ndarray) -> np.ndarray:
    """Coefficients of the probability in the shares of the response types."""
    out = []
    for x, y0, y1 in types():
        if isinstance(kind, Both):
            out.append(float(y1 and not y0))
        elif isinstance(kind, Necessity):
            out.append(float(x and y1 and not y0) / joint[1, 1])
        else:
            out.append(float(not x and y1 and not y0) / joint[0, 0])
    return np.array(out)


def by_program(kind: Kind, joint: np.ndarray, do: np.ndarray | None) -> tuple[float, float]:
    rows, right = [], []
    for i in (0, 1):
        for j in (0, 1):
            rows.append([float(x == i and (y1 if i else y0) == j) for x, y0, y1 in types()])
            right.append(joint[i, j])
    if do is not None:
        rows += [[float(y0) for _, y0, _ in types()], [float(y1) for _, _, y1 in types()]]
        right += list(do)
    c = target(kind, joint)
    ends = [linprog(s * c, A_eq=rows, b_eq=right, bounds=(0, 1)) for s in (1, -1)]
    assert all(e.success for e in ends)
    return ends[0].fun, -ends[1].fun


@pytest.mark.parametrize("kind", KINDS)
def test_bounds_are_those_of_linear_programming_over_response_types(kind):
    rng = np.random.default_rng(0)
    for _ in range(40):
        share = rng.dirichlet(np.full(8, 0.5))
        joint, do = np.zeros((2, 2)), np.zeros(2)
        for w, (x, y0, y1) in zip(share, types(), strict=True):
            joint[x, y1 if x else y0] += w
            do += w * np.array([y0, y1])
        low, high = kind.bounds(joint, do)
        exact = by_program(kind, joint, do)
        assert (low, high) == pytest.approx(exact, abs=1e-7)
        low, high = kind.unaided(joint)
        assert (low, high) == pytest.approx(by_program(kind, joint, None), abs=1e-7)
        assert np.allclose(consistent(joint, do), do)


@pytest.mark.parametrize("kind", KINDS)
def test_points_under_monotonicity_are_exact_for_monotone_types(kind):
    rng = np.random.default_rng(1)
    for _ in range(20):
        share = np.array([0.0 if y0 and not y1 else rng.exponential() for _, y0, y1 in types()])
        share /= share.sum()
        joint, do = np.zeros((2, 2)), np.zeros(2)
        for w, (x, y0, y1) in zip(share, types(), strict=True):
            joint[x, y1 if x else y0] += w
            do += w * np.array([y0, y1])
        exact = float(target(kind, joint) @ share)
        assert kind.monotone(joint, do) == pytest.approx(exact)
        low, high = kind.bounds(joint, do)
        assert low - 1e-9 <= exact <= high + 1e-9


def test_the_legal_example_of_tian_and_pearl():
    """A drug with deaths in an experiment (16 and 14 of 1000) and in non-experimental rows (2 and
    28 of 1000 among those who chose it and not): it was necessary for sure (section 5.3)."""
    rows = {(1, 1): 2, (1, 0): 998, (0, 1): 28, (0, 0): 972}
    seen = table(rows)
    trial = table({(1, 1): 16, (1, 0): 984, (0, 1): 14, (0, 0): 986})
    found = rung.effect(None, seen, rung.effects.PN("x", "y", experiment=trial))
    assert found.diagnostics["bounds"] == pytest.approx([1.0, 1.0])
    assert np.isnan(found.value)
    assert found.interval[1] == 1.0


def table(counts: dict[tuple[int, int], int]) -> rung.Data:
    x = np.concatenate([np.full(n, float(c[0])) for c, n in counts.items()])
    y = np.concatenate([np.full(n, float(c[1])) for c, n in counts.items()])
    return rung.Data((flag("x"), flag("y")), {"x": lock(x), "y": lock(y)})


def flag(name: str) -> rung.Variable:
    return rung.Variable(name, rung.Kind.BINARY, (0, 1))


def confounded(n: int, seed: int) -> tuple[rung.Data, tuple[float, float, float]]:
    """NeverPrevents: one uniform decides the outcome under both treatments."""
    rng = np.random.default_rng(seed)
    z = rng.random(n) < 0.4
    x = rng.random(n) < np.where(z, 0.7, 0.3)
    u = rng.random(n)
    y = u < np.where(x, 0.6, 0.3) + 0.2 * z
    columns = {"z": z * 1.0, "x": x * 1.0, "y": y * 1.0}
    # exact: P(y0 < u <= y1) = 0.3 in each stratum
    py = {(i, k): (0.3 + 0.3 * i + 0.2 * k) for i in (0, 1) for k in (0, 1)}
    pz, px = (0.6, 0.4), ((0.7, 0.3), (0.3, 0.7))
    both = sum(pz[k] * px[k][1] * py[1, k] for k in (0, 1))
    neither = sum(pz[k] * px[k][0] * (1 - py[0, k]) for k in (0, 1))
    pn = 0.3 * sum(pz[k] * px[k][1] for k in (0, 1)) / both
    ps = 0.3 * sum(pz[k] * px[k][0] for k in (0, 1)) / neither
    return rung.Data(tuple(flag(n_) for n_ in columns), columns), (pn, ps, 0.3)


def test_points_and_bounds_of_rows_hold_the_truth():
    data, truth = confounded(6000, 2)
    for query, exact in zip((rung.PN, rung.PS, rung.PNS), truth, strict=True):
        asked = query("x", "y", assume=rung.NeverPrevents(), level=0.999)
        point = rung.effect(GRAPH, data, asked)
        assert point.interval[0] <= exact <= point.interval[1]
        assert point.value == pytest.approx(exact, abs=0.05)
        ends = rung.effect(GRAPH, data, query("x", "y", level=0.999))
        assert np.isnan(ends.value)
        assert ends.interval[0] <= exact <= ends.interval[1]
        model = rung.effect(GRAPH, data, query("x", "y", assume=rung.Mechanisms(resamples=20)))
        assert model.value == pytest.approx(exact, abs=0.05)
        assert any("how noise enters" in w for w in model.warnings)


@pytest.mark.parametrize("query", [rung.PN, rung.PS, rung.PNS])
def test_bounds_within_strata_are_those_of_programs_in_each(query):
    """Exact strata: linear programming in each, averaged by who is asked about."""
    data, truth = confounded(8000, 2)
    found = rung.effect(GRAPH, data, query("x", "y", within="z", resamples=40))
    z, x, y = (data.column(n).astype(int) for n in "zxy")
    kind, ends, weights = query.kind, [], []
    for k in (0, 1):
        joint = np.array([[((x == i) & (y == j))[z == k].mean() for j in (0, 1)] for i in (0, 1)])
        do = joint[:, 1] / joint.sum(axis=1)
        ends.append(by_program(kind, joint, do))
        weights.append(kind.weight(joint) * (z == k).mean())
    exact = np.average(ends, axis=0, weights=weights)
    assert found.diagnostics["bounds"] == pytest.approx(exact, abs=1e-6)
    wide = rung.effect(GRAPH, data, query("x", "y", resamples=40)).diagnostics["bounds"]
    assert exact[0] >= wide[0] - 1e-9
    assert exact[1] <= wide[1] + 1e-9
    exact_truth = truth[[rung.PN, rung.PS, rung.PNS].index(query)]
    assert found.interval[0] - 0.01 <= exact_truth <= found.interval[1] + 0.01


def test_strata_that_the_treatment_changes_are_refused():
    data, _ = confounded(500, 0)
    with pytest.raises(InputError, match="changed by"):
        rung.effect(rung.Graph.parse("x -> z; z -> y; x -> y"), data,
                    rung.PN("x", "y", within="z"))  # fmt: skip
    with pytest.raises(InputError, match="within"):
        rung.PN("x", "y", within="z", assume=rung.NeverPrevents())
    few = data.take(np.arange(30))
    with pytest.raises(InputError, match="fewer than"):
        rung.effect(GRAPH, few, rung.PN("x", "y", within="z"))


def test_intervals_of_points_cover():
    """PNS = 0.3 under monotonicity: at least 33 of 40 data sets of 600 rows (0.95 less 3 sd)."""
    hits = 0
    for seed in range(40):
        data, _ = confounded(600, seed)
        query = rung.PNS("x", "y", assume=rung.NeverPrevents(), resamples=100)
        low, high = rung.effect(GRAPH, data, query, seed=seed).interval
        hits += low <= 0.3 <= high
    assert hits >= 33


def test_a_numeric_covariate_is_standardised_over():
    rng = np.random.default_rng(3)
    z = rng.normal(size=3000)
    x = (rng.random(3000) < 1 / (1 + np.exp(-z))) * 1.0
    u, chance = rng.logistic(size=3000), 1.5 * x - 0.7 + z
    y = (u < chance) * 1.0
    other = ((u < chance - 1.5 * x) & (u < chance - 1.5 * x + 1.5)) * 1.0
    exact = ((u < 0.8 + z) & (u >= -0.7 + z)).mean()
    assert other.mean() < y.mean()
    data = rung.Data((rung.Variable("z"), flag("x"), flag("y")), {"z": z, "x": x, "y": y})
    query = rung.PNS("x", "y", assume=rung.NeverPrevents(), resamples=60)
    found = rung.effect(GRAPH, data, query)
    assert found.value == pytest.approx(exact, abs=0.05)
    assert "standardisation" in found.method


def test_hidden_confounding_leaves_the_observed_bounds_and_says_so():
    data, _ = confounded(2000, 1)
    graph = rung.Graph.parse("x -> y; x <-> y")
    found = rung.effect(graph, data.select(["x", "y"]), rung.PNS("x", "y"))
    table_ = np.array(found.diagnostics["P(X, Y)"])
    assert found.diagnostics["bounds"] == pytest.approx([0, table_[1, 1] + table_[0, 0]])
    assert any("observed alone" in w for w in found.warnings)
    with pytest.raises(NotIdentified, match="hidden"):
        rung.effect(graph, data.select(["x", "y"]),
                    rung.PN("x", "y", assume=rung.Mechanisms()))  # fmt: skip


def test_rows_against_monotonicity_are_named():
    rng = np.random.default_rng(5)
    x = (rng.random(3000) < 0.5) * 1.0
    y = (rng.random(3000) < np.where(x == 1, 0.2, 0.7)) * 1.0
    data = rung.Data((flag("x"), flag("y")), {"x": x, "y": y})
    query = rung.PNS("x", "y", assume=rung.NeverPrevents())
    found = rung.effect(rung.Graph.parse("x -> y"), data, query)
    assert any("contradict" in w for w in found.warnings)
    assert {a.status for a in found.assumptions} >= {"contradicted"}


def test_graphs_are_mixed_and_the_interval_covers_all():
    data, _ = confounded(2000, 2)
    open_ = rung.Graph.parse("x -> y; z -> y; z -> x")
    no_z = rung.Graph.parse("x -> y; z -> y; x -> z")
    found = rung.effect([(open_, 3), (no_z, 1)], data, rung.PN("x", "y"))
    assert len(found.parts) == 2
    assert found.parts[0].weight == pytest.approx(0.75)
    for part in found.parts:
        assert part.interval is not None
        assert found.interval[0] <= part.interval[0]
        assert found.interval[1] >= part.interval[1]


def test_probabilities_of_an_scm_are_those_of_all_its_noise():
    """Three-level outcome, PN, PS, PNS through the twin network, against a million units."""
    scm = DiscreteSCM(graph=GRAPH, levels=(2, 3), alpha=1.0).scm(np.random.default_rng(8))
    noise = scm.draw(1_000_000, rng=np.random.default_rng(0))
    fact = scm.run(noise)
    one, zero = (scm.do(rung.Do("x", v)).run(noise).column("y") == 1 for v in (1, 0))
    x, y = fact.column("x"), fact.column("y") == 1
    rng = np.random.default_rng(0)
    pn = 1 - probability(scm, {"y": 1}, {"x": 0}, {"x": 1, "y": 1}, rng)
    assert pn == pytest.approx((~zero)[(x == 1) & y].mean(), abs=0.006)
    given = probability(scm, {"y": 1}, {"x": 1}, {"x": 0, "z": 1}, rng)
    z = fact.column("z") == 1
    assert given == pytest.approx(one[(x == 0) & z].mean(), abs=0.006)


def test_a_counterfactual_probability_over_rows():
    data, truth = confounded(4000, 4)
    query = rung.CounterfactualProbability(
        "y", 0, do={"x": 0}, given={"x": 1, "y": 1}, mechanisms=rung.Mechanisms(resamples=20)
    )
    found = rung.effect(GRAPH, data, query)
    assert found.interval[0] - 0.01 <= truth[0] <= found.interval[1] + 0.01
    same = rung.effect(GRAPH, data, rung.PN("x", "y", assume=rung.Mechanisms(resamples=20)))
    assert found.value == pytest.approx(same.value, abs=1e-9)


def test_an_equivalence_class_gives_a_range():
    """x -- y undirected: PN is 0 where y is no effect of x."""
    data, _ = confounded(1500, 3)
    graph = rung.Graph.parse("x -- y")
    query = rung.CounterfactualProbability(
        "y", 0, do={"x": 0}, given={"x": 1, "y": 1}, mechanisms=rung.Mechanisms(resamples=10)
    )
    found = rung.effect(graph, data.select(["x", "y"]), query)
    assert np.isnan(found.value)
    assert found.interval[0] == pytest.approx(0.0, abs=1e-9)
    assert found.interval[1] > 0.3


def test_refusals_say_what_to_do():
    data, _ = confounded(200, 0)
    three = rung.Variable("x", rung.Kind.CATEGORICAL, ("a", "b", "c"))
    wide = data.with_column(three, lock(np.arange(200.0) % 3))
    cases = [
        (lambda: rung.PN("x", "x"), "differ"),
        (lambda: rung.PN("x", "y", assume="monotone"), "NeverPrevents"),
        (lambda: rung.PN("x", "y", resamples=2), "20"),
        (lambda: rung.Mechanisms(resamples=1), "2"),
        (lambda: rung.CounterfactualProbability("y", 1), "do="),
        (lambda: rung.effect(GRAPH, wide, rung.PN("x", "y")), "3 values"),
        (lambda: rung.effect(GRAPH, data, rung.PN("x", "y", treated=7)), "level"),
        (lambda: rung.effect(GRAPH, data, rung.PN("x", "y", value=7)), "level"),
        (lambda: rung.effect(GRAPH, data, rung.CounterfactualProbability("w", 1, do={"x": 1})),
         "no variable"),
    ]  # fmt: skip
    for call, words in cases:
        with pytest.raises(InputError, match=words):
            call()
    lone = table({(1, 0): 30, (0, 1): 20, (0, 0): 30})
    with pytest.raises(Overlap, match="no row"):
        rung.effect(rung.Graph.parse("x -> y"), lone, rung.PN("x", "y"))
